"""Forced rules for tests: short ways to write them, and to read the chains that come of them."""

from __future__ import annotations

from isthmus.config.forced import BOUND, INTERFACE, MAC, PREFIX, ExceptionConfig, ForcedConfig, Ports, Source
from isthmus.policy.forced import forced_chains
from isthmus.policy.lane import Lane, choose, lane_numbers, via_names
from isthmus.wire.addr import Prefix, parse_ip, parse_prefix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.policy.chain import Chain

LAN = "br-lan"
PEER = parse_ip("fe80::1")
TCP, UDP = 6, 17
NUMBERS = {"tcp": 6, "udp": 17, "icmp": 1, "gre": 47, "esp": 50}


def source(text: str) -> Source:
    """As in the file: ADDRESS@MAC, PREFIX, MAC or an interface."""
    if "@" in text:
        address, _, mac = text.partition("@")
        packed = parse_ip(address)
        return Source(BOUND, mac=bytes.fromhex(mac.replace(":", "")), prefix=Prefix(packed, 8 * len(packed)))
    if "/" in text:
        return Source(PREFIX, prefix=parse_prefix(text))
    if text.count(":") == 5:
        return Source(MAC, mac=bytes.fromhex(text.replace(":", "")))
    return Source(INTERFACE, ifname=text)


def ports(text: str) -> Ports:
    """As in the file: tcp:443, udp:1-9, icmp."""
    word, _, numbers = text.partition(":")
    low, _, high = numbers.partition("-")
    return Ports(NUMBERS[word], int(low or 0), int(high or low or 0))


def exception(
    name: str, to: list[str] | None = None, port: list[str] | None = None, until: int | None = None
) -> ExceptionConfig:
    values = {"rule": [], "to": [parse_prefix(text) for text in to or []],
              "port": [ports(text) for text in port or []], "until": until}  # fmt: skip
    return ExceptionConfig(name, values)


def rule(
    name: str,
    sources: list[str],
    to: list[str] | None = None,
    port: list[str] | None = None,
    via: list[str] | None = None,
    dns: list[str] | None = None,
    ipv6: str = "block",
    exceptions: list[ExceptionConfig] | None = None,
    router_port: list[str] | None = None,
) -> ForcedConfig:
    values = {
        "from": [source(text) for text in sources],
        "to": [parse_prefix(text) for text in to or []],
        "port": [ports(text) for text in port or []],
        "via": via or ["x"],
        "dns": [parse_ip(text) for text in dns or []],
        "ipv6": ipv6,
        "router_port": [ports(text) for text in (["tcp:80"] if router_port is None else router_port)],
    }
    return ForcedConfig(name, values, exceptions)


def lanes_of(rules: list[ForcedConfig], up: tuple[str, ...] = ("x", "y")) -> list[Lane]:
    """A lane for each tunnel that the rules name; its interface is ist-NAME."""
    numbers = lane_numbers(via_names(rules))
    return [Lane(name, numbers[name], "ist-" + name, PEER, name in up) for name in via_names(rules)]


def chains_of(
    rules: list[ForcedConfig],
    up: tuple[str, ...] = ("x", "y"),
    lans: list[str] | None = None,
    spent: set[str] | None = None,
    tunnels: list[str] | None = None,
) -> tuple[list[Chain], list[str]]:
    """forced_chains() of these rules."""
    lanes = lanes_of(rules, up)
    chosen = choose(rules, lanes)
    return forced_chains(rules, lanes, chosen, [LAN] if lans is None else lans, spent or set(), tunnels)


def rules_in(chains: list[Chain], name: str) -> list[str]:
    """The rules of the chain of that name."""
    for chain in chains:
        if chain.name == name:
            return chain.rules
    raise ValueError("there is no chain %s" % name)
