"""The canaries: Ethernet frames of every kind that a host could send, each with a marker and a sequence number.

The number is written together with its complement, so no checksum changes when it does: a frame is built once and sent
thousands of times. A payload begins with the marker, the kind and the number, since ICMP errors quote beginnings.

    0         9      10    12      16            20
    marker    kind   0 0   number  ~number       filling, with the marker again
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from tests.lab.leaks import network as net
from tests.lab.leaks.network import packed, packed_mac

if TYPE_CHECKING:
    from collections.abc import Callable

MARKERS = {"h1": b"h1-canary", "h2": b"h2-canary"}
NUMBER_AT = 12  # in the payload
BODY = 64  # bytes of payload
ETHERNET = 14
IP4, IP6 = 0x0800, 0x86DD
# IANA protocol numbers
ICMP, IPIP, TCP, UDP, SIX_IN_FOUR, GRE, ESP, AH, ICMP6, SCTP, L2TP = 1, 4, 6, 17, 41, 47, 50, 51, 58, 132, 115
FIN, SYN, PSH, ACK = 0x01, 0x02, 0x08, 0x10
NO_NUMBER = -1


class Frame:
    """One canary: its name, the bytes, where the number is (NO_NUMBER: it has none), whether fw4 would let it out."""

    def __init__(self, name: str, data: bytes, start: bytes, leaves: bool = True) -> None:
        """start: how its payload begins, up to the number."""
        self.name = name
        self.data = bytearray(data)
        place = data.find(start)
        self.at = place + NUMBER_AT if place >= 0 and name not in UNNUMBERED else NO_NUMBER
        self.leaves = leaves

    def number(self, value: int) -> bytearray:
        """The frame with this number."""
        if self.at != NO_NUMBER:
            struct.pack_into(">II", self.data, self.at, value, value ^ 0xFFFFFFFF)
        return self.data


UNNUMBERED = ("sctp", "fragment-2", "ipv6-sctp")  # a CRC instead of a sum; a piece without the beginning


class Host:
    """Who sends: MAC, IPv4, IPv6, marker, and the targets of its own."""

    def __init__(self, name: str, addresses: tuple[str, str], targets: tuple[str, str]) -> None:
        self.name = name
        self.mac = packed_mac(net.MACS[name])
        self.address, self.address6 = (packed(item) for item in addresses)
        self.target, self.target6 = (packed(item) for item in targets)
        self.marker = MARKERS[name]

    def body(self, kind: int, size: int = BODY) -> bytes:
        """The payload of one kind."""
        head = self.marker + bytes([kind]) + bytes(2) + struct.pack(">II", 0, 0xFFFFFFFF)
        return (head + self.marker * (size // 9 + 1))[:size]


HOST_1 = Host("h1", (net.H1, net.H1_6), (net.SECRET, net.SECRET6))
HOST_2 = Host("h2", (net.H2, net.H2_6), (net.OPEN, net.OPEN6))


def checksum(data: bytes) -> int:
    """RFC 1071; what is to be written into the field."""
    total: int = sum(struct.unpack(">%dH" % ((len(data) + 1) // 2), data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def crc32c(data: bytes) -> int:
    """RFC 9260 appendix A: what SCTP has instead of a checksum."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def ip4(source: bytes, target: bytes, protocol: int, body: bytes, ident: int = 0, part: int = 0) -> bytes:
    """An IPv4 packet; part: flags and offset of a fragment."""
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(body), ident, part, 64, protocol, 0, source, target)
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + body


def ip6(source: bytes, target: bytes, protocol: int, body: bytes, hops: int = 64) -> bytes:
    """An IPv6 packet."""
    return struct.pack(">IHBB16s16s", 0x60000000, len(body), protocol, hops, source, target) + body


def with_sum(source: bytes, target: bytes, protocol: int, body: bytes, at: int) -> bytes:
    """A body with the checksum over it and the pseudo header, at this place."""
    pseudo = source + target + struct.pack(">II", len(body), protocol)
    return body[:at] + struct.pack(">H", checksum(pseudo + body) or 0xFFFF) + body[at + 2 :]


def udp(source: bytes, target: bytes, sport: int, dport: int, body: bytes) -> bytes:
    """A UDP datagram with its checksum."""
    return with_sum(source, target, UDP, struct.pack(">HHHH", sport, dport, 8 + len(body), 0) + body, 6)


def tcp(source: bytes, target: bytes, sport: int, dport: int, flags: int, body: bytes) -> bytes:
    """A TCP segment with its checksum; sequence numbers are equal, so that a mirrored one is in the window."""
    head = struct.pack(">HHIIBBHHH", sport, dport, 1000, 1000 if flags & ACK else 0, 0x50, flags, 64000, 0, 0)
    return with_sum(source, target, TCP, head + body, 16)


def echo(body: bytes) -> bytes:
    """An ICMP echo request."""
    data = struct.pack(">BBHHH", 8, 0, 0, 0x6831, 1) + body
    return data[:2] + struct.pack(">H", checksum(data)) + data[4:]


def echo6(source: bytes, target: bytes, body: bytes) -> bytes:
    """An ICMPv6 echo request."""
    return with_sum(source, target, ICMP6, struct.pack(">BBHHH", 128, 0, 0, 0x6831, 1) + body, 2)


def sctp(sport: int, dport: int, body: bytes) -> bytes:
    """An SCTP INIT chunk around a body."""
    chunk = struct.pack(">BBHIIHHI", 1, 0, 20 + len(body), 7, 1 << 16, 1, 1, 1) + body
    data = struct.pack(">HHII", sport, dport, 0, 0) + chunk
    return data[:8] + struct.pack("<I", crc32c(data)) + data[12:]


def question(marker: bytes, body: bytes) -> bytes:
    """A DNS query for the marker's name, type A, with a body after it that nobody reads."""
    name = bytes([len(marker)]) + marker + b"\x07example\x00"
    return struct.pack(">HHHHHH", 0x6831, 0x0100, 1, 0, 0, 0) + name + struct.pack(">HH", 1, 1) + body


def frames_of(host: Host) -> list[Frame]:
    """Every kind of canary of a host."""
    found: list[Frame] = []

    def add(name: str, packet: Callable[[bytes], bytes], leaves: bool = True, size: int = BODY) -> None:
        body = host.body(len(found), size)
        data = packet(body)
        kind = IP4 if data[0] >> 4 == 4 else IP6
        frame = packed_mac(net.MACS["br-lan"]) + host.mac + struct.pack(">H", kind) + data
        found.append(Frame(name, frame, body[:NUMBER_AT], leaves))

    add_ipv4(host, add)
    add_ipv6(host, add)
    return found


def add_ipv4(host: Host, add: Callable[..., None]) -> None:
    """The kinds of IPv4."""
    me, to, peer = host.address, host.target, packed(net.WAN_B)

    def say(name: str, protocol: int, make: Callable[[bytes], bytes], target: bytes = to, **more: int) -> None:
        size, leaves = more.pop("size", BODY), bool(more.pop("leaves", 1))
        add(name, lambda body: ip4(me, target, protocol, make(body), **more), leaves, size)

    base = 40000 if host is HOST_1 else 50000
    say("tcp", TCP, lambda b: tcp(me, to, base, 443, ACK | PSH, b))
    say("tcp-syn", TCP, lambda b: tcp(me, to, base + 1, 80, SYN, b))
    say("tcp-853", TCP, lambda b: tcp(me, to, base + 2, 853, SYN, b))
    say("udp", UDP, lambda b: udp(me, to, base, 4001, b))
    say("udp-quic", UDP, lambda b: udp(me, to, base + 1, 443, b))
    say("dns", UDP, lambda b: udp(me, to, base + 2, 53, question(host.marker, b)))
    say("icmp", ICMP, echo)
    say("udp-500", UDP, lambda b: udp(me, to, 500, 500, b))
    say("udp-4500", UDP, lambda b: udp(me, to, 4500, 4500, b))
    say("udp-1701", UDP, lambda b: udp(me, to, 1701, 1701, b))
    say("teredo", UDP, lambda b: udp(me, to, base + 3, 3544, b))
    say("gre", GRE, lambda b: struct.pack(">HH", 0, IP4) + b)
    say("esp", ESP, lambda b: host.marker[:4] + struct.pack(">I", 1) + b)
    say("ah", AH, lambda b: struct.pack(">BBHII", UDP, 4, 0, 0x1234, 1) + bytes(12) + b)
    say("ipip", IPIP, lambda b: ip4(packed("10.9.9.9"), to, UDP, udp(packed("10.9.9.9"), to, 1, 2, b)))
    say("6in4", SIX_IN_FOUR, lambda b: ip6(host.address6, host.target6, UDP, udp(host.address6, host.target6, 1, 2, b)))
    say("sctp", SCTP, lambda b: sctp(base, 9, b))
    say("l2tp-ip", L2TP, lambda b: struct.pack(">I", 0) + b)
    say("proto-255", 255, lambda b: b)
    say("fragment-1", UDP, lambda b: struct.pack(">HHHH", base + 4, 4004, 8 + 64 + 64, 0) + b, ident=77, part=0x2000)
    say("fragment-2", UDP, lambda b: b, ident=77, part=9, leaves=0)  # it leaves in the first one's packet
    say("big", UDP, lambda b: udp(me, to, base + 5, 4005, b), size=1440, part=0x4000)
    if host is HOST_2:
        return  # a free host that speaks to our peer is a clash of its own (L24), and no measure of the free
    say("peer-ike", UDP, lambda b: udp(me, peer, base + 6, 500, b), peer)
    say("peer-natt", UDP, lambda b: udp(me, peer, base + 6, 4500, b), peer)
    say("peer-tcp", TCP, lambda b: tcp(me, peer, base + 7, 80, SYN, b), peer)
    say("peer-esp", ESP, lambda b: host.marker[:4] + struct.pack(">I", 1) + b, peer)


def add_ipv6(host: Host, add: Callable[..., None]) -> None:
    """The kinds of IPv6."""
    to, peer = host.target6, packed(net.WAN_B6)
    base = 40000 if host is HOST_1 else 50000

    def say(name: str, protocol: int, make: Callable[[bytes, bytes, bytes], bytes], target: bytes = to,
            source: bytes = host.address6, leaves: bool = True) -> None:
        add(f"ipv6-{name}", lambda body: ip6(source, target, protocol, make(source, target, body)), leaves)

    say("tcp", TCP, lambda s, d, b: tcp(s, d, base, 443, ACK | PSH, b))
    say("tcp-syn", TCP, lambda s, d, b: tcp(s, d, base + 1, 80, SYN, b))
    say("udp", UDP, lambda s, d, b: udp(s, d, base, 4001, b))
    say("dns", UDP, lambda s, d, b: udp(s, d, base + 2, 53, question(host.marker, b)))
    say("icmp", ICMP6, echo6)
    say("udp-500", UDP, lambda s, d, b: udp(s, d, 500, 500, b))
    say("gre", GRE, lambda s, d, b: struct.pack(">HH", 0, IP6) + b)
    say("esp", ESP, lambda s, d, b: host.marker[:4] + struct.pack(">I", 1) + b)
    say("sctp", SCTP, lambda s, d, b: sctp(base, 9, b))
    say("proto-255", 255, lambda s, d, b: b)
    if host is HOST_1:
        say("peer-udp", UDP, lambda s, d, b: udp(s, d, base + 6, 500, b), peer)
        say("temporary", UDP, lambda s, d, b: udp(s, d, base + 3, 4003, b), source=packed(net.H1_TEMPORARY))
        say("ula", UDP, lambda s, d, b: udp(s, d, base + 4, 4004, b), source=packed(net.H1_ULA))
        say("link-local", UDP, lambda s, d, b: udp(s, d, base + 5, 4005, b), source=packed("fe80::d1"), leaves=False)
        say("nat64", UDP, lambda s, d, b: udp(s, d, base + 6, 4006, b), packed("64:ff9b::c612:50"))
