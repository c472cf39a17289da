"""What the kernel's connection tracking knows of one connection, as a plain value."""
from __future__ import annotations

from isthmus.wire.addr import format_ip

# linux/netfilter/nf_conntrack_common.h: enum ip_conntrack_status
IPS_OFFLOAD = 1 << 14  # it passes by the flow table: no chain sees it any more
IPS_HW_OFFLOAD = 1 << 15  # the network card passes it on


class Flow:
    """One connection: whose it is, and what answers it look like (behind NAT other addresses and ports).

    family: AF_INET or AF_INET6; protocol: IP number; source, destination, reply_source, reply_destination: addresses;
    the four ports: 0 where the protocol has none; status: IPS_ bits; id: the kernel's own, which it may use again;
    zone: 0 but for a router that keeps apart networks of the same addresses; handle: the kernel's own form of source
    and destination, for end_flow(), b"" where a test has made it up.
    """

    def __init__(
        self, family: int, protocol: int, source: bytes, sport: int, destination: bytes, dport: int,
        reply_source: bytes, reply_sport: int, reply_destination: bytes, reply_dport: int,
        status: int = 0, id: int = 0,  # noqa: A002 - the kernel's name
        zone: int = 0, handle: bytes = b"",
    ) -> None:
        self.family = family
        self.protocol = protocol
        self.source = source
        self.sport = sport
        self.destination = destination
        self.dport = dport
        self.reply_source = reply_source
        self.reply_sport = reply_sport
        self.reply_destination = reply_destination
        self.reply_dport = reply_dport
        self.status = status
        self.id = id
        self.zone = zone
        self.handle = handle

    @property
    def offloaded(self) -> bool:
        """True where its packets pass by the chains."""
        return bool(self.status & (IPS_OFFLOAD | IPS_HW_OFFLOAD))

    def _values(self) -> tuple[object, ...]:
        there = (self.source, self.sport, self.destination, self.dport)
        back = (self.reply_source, self.reply_sport, self.reply_destination, self.reply_dport)
        return (self.family, self.protocol, there, back, self.status, self.id, self.zone)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Flow) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash((self.id, self.source, self.sport))

    def words(self) -> str:
        """Protocol, both ends, and that it is offloaded."""
        ends = (format_ip(self.source), self.sport, format_ip(self.destination), self.dport)
        text = "protocol %d %s port %d to %s port %d" % ((self.protocol,) + ends)
        return text + " offloaded" if self.offloaded else text

    def __repr__(self) -> str:
        return "<flow %s>" % self.words()


def is_same_flow(one: Flow, other: Flow) -> bool:
    """True for two connections between the same two ends: of those there is one at a time."""
    ends = (one.family, one.protocol, one.source, one.sport, one.destination, one.dport, one.zone)
    return ends == (
        other.family, other.protocol, other.source, other.sport, other.destination, other.dport, other.zone)


def is_with(flow: Flow, server: tuple[int, int] | None) -> bool:
    """Whether a server of this (IP protocol, port or 0) answers; None is any."""
    return server is None or (server[0] == flow.protocol and server[1] in (0, flow.reply_sport))
