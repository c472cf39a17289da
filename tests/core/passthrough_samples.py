"""Sections as the configuration makes them, for the tests of passthrough, aliases and clashes."""

from __future__ import annotations

from isthmus.config.alias import AliasConfig
from isthmus.config.forced import BOUND, INTERFACE, MAC, PREFIX, Source
from isthmus.config.passthrough import PassthroughConfig
from isthmus.wire.addr import Prefix, parse_ip, parse_prefix


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
