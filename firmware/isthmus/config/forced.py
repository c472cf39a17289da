"""Forced tunnels: what sections `forced` and `exception` say, as values; `policy/forced.py` makes rules of them."""

from __future__ import annotations

from isthmus.wire.addr import IPV4_BYTES, format_ip, format_mac
from isthmus.wire.ip_numbers import AH, DCCP, ESP, GRE, ICMP, SCTP, TCP, UDP, UDPLITE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from isthmus.wire.addr import Prefix

INTERFACE, MAC, PREFIX, BOUND = "interface", "mac", "prefix", "bound"
PROTOCOL_WORDS = {ICMP: "icmp", TCP: "tcp", UDP: "udp", DCCP: "dccp", GRE: "gre", ESP: "esp", AH: "ah", SCTP: "sctp",
                  UDPLITE: "udplite"}  # fmt: skip


SMALL_PRIME = 1073741789  # below 2**30: a small integer everywhere


class Source:
    """Hosts, by what tells them apart. kind: INTERFACE (ifname), MAC (mac, 6 bytes), PREFIX (prefix) or BOUND.

    BOUND: one IPv4 address (prefix, /32) that only this MAC may use, and this MAC no other.
    """

    def __init__(self, kind: str, ifname: str = "", mac: bytes = b"", prefix: Prefix | None = None) -> None:
        self.kind = kind
        self.ifname = ifname
        self.mac = mac
        self.prefix = prefix

    @property
    def host(self) -> object:
        """What stands for the MAC address or the interface in a dictionary; another for each."""
        return int.from_bytes(self.mac, "big") if self.mac else self.ifname

    @property
    def is_ipv4_alone(self) -> bool:
        """Known by IPv4 addresses and nothing else: nobody knows which IPv6 addresses these hosts use."""
        return self.kind == PREFIX and self.prefix is not None and len(self.prefix.address) == IPV4_BYTES

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Source)
            and self.mac == other.mac
            and self.prefix == other.prefix
            and self.kind == other.kind
            and self.ifname == other.ifname
        )

    def __hash__(self) -> int:
        # As with Prefix: numbers, of which there are more than of MicroPython's hashes of bytes.
        return hash(self.prefix) ^ int.from_bytes(self.mac, "big") % SMALL_PRIME ^ hash(self.ifname) % SMALL_PRIME

    def __str__(self) -> str:
        """As it is written in the file."""
        if self.prefix is None:
            return self.ifname or format_mac(self.mac)
        if self.kind == BOUND:
            return "%s@%s" % (format_ip(self.prefix.address), format_mac(self.mac))
        return str(self.prefix)

    def __repr__(self) -> str:
        return "Source(%s)" % self


def is_blind_to_ipv6(sources: list[Source], to: list[Prefix]) -> bool:
    """True if the rule holds IPv6 destinations, and some of its hosts are known by IPv4 addresses alone."""
    if to and not [prefix for prefix in to if len(prefix.address) != IPV4_BYTES]:
        return False
    return any(source.is_ipv4_alone for source in sources)


class Ports:
    """protocol: IP number (1: icmp of both families); low, high: ports, both 0 for every port."""

    def __init__(self, protocol: int, low: int, high: int) -> None:
        self.protocol = protocol
        self.low = low
        self.high = high

    def covers(self, other: Ports) -> bool:
        """True if every packet of `other` is one of ours."""
        return self.protocol == other.protocol and (
            not self.high or (other.high != 0 and self.low <= other.low and other.high <= self.high)
        )

    def overlaps(self, other: Ports) -> bool:
        """True if some packet is of both."""
        if self.protocol != other.protocol:
            return False
        return not self.high or not other.high or (self.low <= other.high and other.low <= self.high)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ports) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((self.protocol, self.low, self.high))

    def __str__(self) -> str:
        """As it is written in the file."""
        word = PROTOCOL_WORDS.get(self.protocol, "%d" % self.protocol)
        if not self.high:
            return word
        return "%s:%d" % (word, self.low) + ("-%d" % self.high if self.high != self.low else "")

    def __repr__(self) -> str:
        return "Ports(%s)" % self


class ExceptionConfig:
    """Section `exception`: what the rules of these names let past the tunnel.

    to: [] for every destination; ports: [] for every protocol; until: Unix seconds, or None for no end; line: where
    the section begins.
    """

    def __init__(self, name: str, values: dict[str, Any], line: int = 0) -> None:
        self.name = name
        self.rules: list[str] = values["rule"]
        self.to: list[Prefix] = values["to"]
        self.ports: list[Ports] = values["port"]
        self.until: int | None = values["until"]
        self.line = line

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExceptionConfig) and _fields(self) == _fields(other)

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return "ExceptionConfig(%s, of %s)" % (self.name, ", ".join(self.rules))


class ForcedConfig:
    """Section `forced`: these sources reach these destinations through one of these tunnels, or not at all.

    to: [] for everything beyond the site's own networks; ports: [] for every protocol; via: names of tunnels, the
    preferred first; dns: at most one address a family, inside the tunnel; ipv6: "block" or "free", what sources known
    by an IPv4 address alone may do by IPv6; router_ports: what they may ask of the router itself; exceptions: in file
    order; line: where the section begins.
    """

    def __init__(
        self, name: str, values: dict[str, Any], exceptions: list[ExceptionConfig] | None = None, line: int = 0
    ) -> None:
        self.name = name
        self.sources: list[Source] = values["from"]
        self.to: list[Prefix] = values["to"]
        self.ports: list[Ports] = values["port"]
        self.via: list[str] = values["via"]
        self.dns: list[bytes] = values["dns"]
        self.ipv6: str = values["ipv6"]
        self.router_ports: list[Ports] = values["router_port"]
        self.exceptions: list[ExceptionConfig] = exceptions or []
        self.line = line

    @property
    def is_blind_to_ipv6(self) -> bool:
        """True if `ipv6` means something: hosts known by IPv4 addresses alone, whose IPv6 the rule should hold."""
        return is_blind_to_ipv6(self.sources, self.to)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ForcedConfig) and _fields(self) == _fields(other)

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return "ForcedConfig(%s, %d sources via %s)" % (self.name, len(self.sources), ", ".join(self.via))


def _fields(value: object) -> dict[str, object]:
    """What counts when two are compared: where a section stands does not."""
    return {name: field for name, field in value.__dict__.items() if name != "line"}
