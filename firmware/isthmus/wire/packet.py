"""Whole IP packets, as a host would send them: what the self-test of forced rules is made of.

push_frame() writes Ethernet, IPv4 or IPv6, and UDP, ICMP echo, the first segment of TCP, or a bare payload.
"""

from __future__ import annotations

from isthmus.wire.addr import IPV4_BYTES
from isthmus.wire.icmp4 import checksum
from isthmus.wire.ip_numbers import ICMP, ICMPV6, TCP, UDP

ETHERTYPE_IPV4, ETHERTYPE_IPV6 = 0x0800, 0x86DD  # RFC 894, RFC 2464 3
ECHO_REQUEST = {ICMP: 8, ICMPV6: 128}  # RFC 792, RFC 4443 4.1
ICMP_ERRORS = (3, 4, 5, 11, 12)  # RFC 792
FIRST_NO_ERROR = 128  # RFC 4443 2.1
IPV4_HEADER, IPV6_HEADER = 20, 40
TCP_HEADER = 20  # RFC 9293 3.1
SYN = 2


def push_frame(
    destination_mac: bytes, source_mac: bytes, source: bytes, destination: bytes, protocol: int, sport: int, dport: int,
    hops: int, ident: int, payload: bytes,
) -> bytes:
    """A frame. Addresses of one family; hops: TTL or hop limit; ident: IPv4's identification; ports: of UDP and TCP,
    and sport the identifier of an echo.
    """  # fmt: skip
    ipv6 = len(source) != IPV4_BYTES
    if protocol == ICMP and ipv6:
        protocol = ICMPV6
    inner = _push_inner(source, destination, protocol, sport, dport, payload)
    if ipv6:
        kind, head = ETHERTYPE_IPV6, b"\x60\0\0\0" + _u16(len(inner)) + bytes([protocol, hops]) + source + destination
    else:
        kind = ETHERTYPE_IPV4
        start = b"\x45\0" + _u16(IPV4_HEADER + len(inner)) + _u16(ident) + b"\0\0" + bytes([hops, protocol])
        head = start + _u16(checksum(start + b"\0\0" + source + destination)) + source + destination
    return destination_mac + source_mac + _u16(kind) + head + inner


def _push_inner(source: bytes, destination: bytes, protocol: int, sport: int, dport: int, payload: bytes) -> bytes:
    if protocol in (ICMP, ICMPV6):
        head, at = bytes([ECHO_REQUEST[protocol], 0, 0, 0]) + _u16(sport) + b"\0\1", 2
    elif protocol == UDP:
        head, at = _u16(sport) + _u16(dport) + _u16(8 + len(payload)) + b"\0\0", 6
    elif protocol == TCP:
        start = _u16(sport) + _u16(dport) + payload[:4] + bytes(4)
        head, at = start + bytes([TCP_HEADER << 2, SYN]) + b"\xff\xff" + bytes(4), 16
    else:
        return payload
    covered = head + payload
    if protocol != ICMP:  # RFC 8200 8.1; RFC 768
        covered = source + destination + _u16(0) + _u16(len(covered)) + _u16(protocol) + covered
    return head[:at] + _u16(checksum(covered) or 0xFFFF) + head[at + 2 :] + payload


def _u16(value: int) -> bytes:
    return (value & 0xFFFF).to_bytes(2, "big")


def pull_hops(packet: bytes) -> int:
    """TTL or hop limit of an IP packet, 0 where it is none."""
    version = packet[0] >> 4 if packet else 0
    if version == 4 and len(packet) >= IPV4_HEADER:
        return packet[8]
    return packet[7] if version == 6 and len(packet) >= IPV6_HEADER else 0


def is_error(packet: bytes) -> bool:
    """An ICMP error: what nobody could deliver comes back in it. Errors of a tunnel's inside are not looked for."""
    version = packet[0] >> 4 if packet else 0
    if version == 4 and len(packet) > 4 * (packet[0] & 15):
        return packet[9] == ICMP and packet[4 * (packet[0] & 15)] in ICMP_ERRORS
    return version == 6 and len(packet) > IPV6_HEADER and packet[6] == ICMPV6 and packet[IPV6_HEADER] < FIRST_NO_ERROR


def pull_source(packet: bytes) -> bytes:
    """The source of an IP packet, b"" where it is none."""
    version = packet[0] >> 4 if packet else 0
    if version == 4 and len(packet) >= IPV4_HEADER:
        return bytes(packet[12:16])
    return bytes(packet[8:24]) if version == 6 and len(packet) >= IPV6_HEADER else b""
