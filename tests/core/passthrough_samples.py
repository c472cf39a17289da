"""Sections as the configuration makes them, for the tests of passthrough, aliases and clashes."""

from __future__ import annotations

from isthmus.config.alias import AliasConfig
from isthmus.config.forced import BOUND, INTERFACE, MAC, PREFIX, Source
from isthmus.config.model import load
from isthmus.config.passthrough import PassthroughConfig
from isthmus.kernel.flows import Flow
from isthmus.wire.addr import Prefix, parse_ip, parse_prefix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.model import Config


def source(text: str) -> Source:
    """`192.168.1.5@02:00:00:00:00:01`, a MAC, a prefix or an interface."""
    if "@" in text:
        address, _, mac = text.partition("@")
        return Source(BOUND, mac=mac_bytes(mac), prefix=Prefix(parse_ip(address), 32))
    if text.count(":") == 5 and "/" not in text:
        return Source(MAC, mac=mac_bytes(text))
    if "/" in text:
        return Source(PREFIX, prefix=parse_prefix(text))
    return Source(INTERFACE, ifname=text)


def mac_bytes(text: str) -> bytes:
    return bytes([int(part, 16) for part in text.split(":")])


def section(name: str, protocol: str, direction: str, sources: str = "", action: str = "allow") -> PassthroughConfig:
    """sources: words as in the file."""
    values = {"protocol": protocol, "direction": direction, "action": action}
    values["from"] = [source(word) for word in sources.split()]
    return PassthroughConfig(name, values)


def alias(name: str, tunnel: str, subnet: str, shown: str, side: str = "local", names: str = "") -> AliasConfig:
    """names: `printer=192.168.1.20` and so on."""
    pairs = []
    for word in names.split():
        host, _, address = word.partition("=")
        pairs.append((host, parse_ip(address)))
    values = {"tunnel": tunnel, "subnet": parse_prefix(subnet), "as": parse_prefix(shown), "side": side, "name": pairs}
    return AliasConfig(name, values)


def config_of(text: str) -> Config:
    """The configuration of a file, which must be right."""
    loaded = load("/etc/config/isthmus", lambda path: text.encode())
    if loaded.config is None:
        raise AssertionError("; ".join([error.message for error in loaded.errors]))
    return loaded.config


def flow(
    protocol: int, source: str, sport: int, destination: str, dport: int, reply_to: str = "", mapped: int = 0,
    inside: str = "", status: int = 0,
) -> Flow:
    """A connection; reply_to, mapped: address and port after NAT of its source; inside: where a port forward leads."""
    here, there = parse_ip(source), parse_ip(destination)
    back_to = parse_ip(reply_to) if reply_to else here
    server = parse_ip(inside) if inside else there
    family = 2 if len(here) == 4 else 10
    return Flow(family, protocol, here, sport, there, dport, server, dport, back_to, mapped or sport, status)
