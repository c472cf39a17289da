"""Long lists of the kernel's, read straight from its bytes: connections, neighbours, counters.

A router may have tens of thousands of connections, and a tree of decoded attributes for each would cost a small one
seconds and megabytes. Here nothing is made but the value that is asked for. Each pull_x reads one message's body, which
lies in data[begin:end]; ValueError for one that ends inside an attribute or has a field of a wrong size.

Headers of attributes (linux/netlink.h struct nlattr) are in host order; what netfilter puts into them is in network
order.
"""
from __future__ import annotations

import sys

from isthmus.kernel.flows import Flow

TYPE_CHECKING = False
if TYPE_CHECKING:
    Span = tuple[int, int]

_ORDER = sys.byteorder
_NLA_TYPE = 0x3FFF  # linux/netlink.h NLA_TYPE_MASK

_NFGENMSG = 4  # linux/netfilter/nfnetlink.h struct nfgenmsg: family 1, version 1, res_id 2
_NDMSG = 12  # linux/neighbour.h struct ndmsg: family 1, padding 3, ifindex 4, state 2, flags 1, type 1

# linux/netfilter/nfnetlink_conntrack.h: enum ctattr_type, ctattr_tuple, ctattr_ip, ctattr_l4proto
CTA_TUPLE_ORIG, CTA_TUPLE_REPLY, CTA_STATUS, CTA_ID, CTA_ZONE = 1, 2, 3, 12, 18
CTA_TUPLE_IP, CTA_TUPLE_PROTO = 1, 2
CTA_IP_V4_SRC, CTA_IP_V4_DST, CTA_IP_V6_SRC, CTA_IP_V6_DST = 1, 2, 3, 4
CTA_PROTO_NUM, CTA_PROTO_SRC_PORT, CTA_PROTO_DST_PORT = 1, 2, 3

# linux/netfilter/nf_tables.h: enum nft_object_attributes, nft_counter_attributes
NFTA_OBJ_TABLE, NFTA_OBJ_NAME, NFTA_OBJ_TYPE, NFTA_OBJ_DATA = 1, 2, 3, 4
NFT_OBJECT_COUNTER = 1
NFTA_COUNTER_BYTES, NFTA_COUNTER_PACKETS = 1, 2

# linux/neighbour.h: attributes, and states in which there is no address to speak of
NDA_DST, NDA_LLADDR = 1, 2
NUD_NONE, NUD_INCOMPLETE, NUD_FAILED, NUD_NOARP = 0x00, 0x01, 0x20, 0x40

_SIZES = {2: 4, 10: 16}  # of an address, by family: AF_INET, AF_INET6


def _header(length: int, number: int) -> bytes:
    return length.to_bytes(2, _ORDER) + number.to_bytes(2, _ORDER)


def _shape(size: int, source: int) -> tuple[bytes, bytes, bytes, bytes, bytes]:
    """Headers in a tuple as every kernel lays out TCP and UDP: those before the source, the destination, the protocol,
    and the two ports.
    """
    one = 4 + size
    return (
        _header(4 + 2 * one, 0x8000 | CTA_TUPLE_IP) + _header(one, source),
        _header(one, source + 1),
        _header(28, 0x8000 | CTA_TUPLE_PROTO) + _header(5, CTA_PROTO_NUM),
        _header(6, CTA_PROTO_SRC_PORT),
        _header(6, CTA_PROTO_DST_PORT),
    )


_SHAPES = {4: _shape(4, CTA_IP_V4_SRC), 16: _shape(16, CTA_IP_V6_SRC)}


def pull_attributes(data: bytes, begin: int, end: int) -> dict[int, Span]:
    """{number: (begin, end) of its value} of the attributes in data[begin:end]; of two of a number the last."""
    found = {}
    while begin + 4 <= end:
        length = int.from_bytes(data[begin : begin + 2], _ORDER)
        if length < 4 or begin + length > end:
            raise ValueError("a netlink attribute of %d bytes where %d are left" % (length, end - begin))
        number = int.from_bytes(data[begin + 2 : begin + 4], _ORDER) & _NLA_TYPE
        found[number] = (begin + 4, begin + length)
        begin += (length + 3) & ~3
    return found


def pull_number(data: bytes, span: Span, size: int) -> int:
    """A number of this size in network order."""
    if span[1] - span[0] != size:
        raise ValueError("a number of %d bytes where %d are expected" % (span[1] - span[0], size))
    return int.from_bytes(data[span[0] : span[1]], "big")


def _pull_address(data: bytes, span: Span | None, size: int) -> bytes:
    if span is None or span[1] - span[0] != size:
        raise ValueError("a connection or a neighbour without an address of %d bytes" % size)
    return data[span[0] : span[1]]


def _pull_tuple(data: bytes, span: Span, size: int) -> tuple[int, bytes, int, bytes, int]:
    """(protocol, source, port, destination, port) of one direction; ports 0 where there are none."""
    begin, end = span
    first, second, third, fourth, fifth = _SHAPES[size]
    middle = begin + 8 + size  # most connections are laid out alike: seen at a glance, they cost a third of the time
    late = middle + 4 + size
    if (
        end - late == 28
        and data[begin : begin + 8] == first and data[middle : middle + 4] == second
        and data[late : late + 8] == third
        and data[late + 12 : late + 16] == fourth and data[late + 20 : late + 24] == fifth
    ):  # fmt: skip
        return (
            data[late + 8], data[begin + 8 : middle], int.from_bytes(data[late + 16 : late + 18], "big"),
            data[middle + 4 : late], int.from_bytes(data[late + 24 : late + 26], "big"),
        )
    parts = pull_attributes(data, span[0], span[1])
    if CTA_TUPLE_IP not in parts or CTA_TUPLE_PROTO not in parts:
        raise ValueError("a connection without addresses or protocol")
    ends = pull_attributes(data, parts[CTA_TUPLE_IP][0], parts[CTA_TUPLE_IP][1])
    kind = pull_attributes(data, parts[CTA_TUPLE_PROTO][0], parts[CTA_TUPLE_PROTO][1])
    if CTA_PROTO_NUM not in kind:
        raise ValueError("a connection without a protocol")
    wide = size == 16
    source = _pull_address(data, ends.get(CTA_IP_V6_SRC if wide else CTA_IP_V4_SRC), size)
    destination = _pull_address(data, ends.get(CTA_IP_V6_DST if wide else CTA_IP_V4_DST), size)
    sport = pull_number(data, kind[CTA_PROTO_SRC_PORT], 2) if CTA_PROTO_SRC_PORT in kind else 0
    dport = pull_number(data, kind[CTA_PROTO_DST_PORT], 2) if CTA_PROTO_DST_PORT in kind else 0
    return (pull_number(data, kind[CTA_PROTO_NUM], 1), source, sport, destination, dport)


def pull_flow(data: bytes, begin: int, end: int) -> Flow | None:
    """The Flow of a message of connection tracking; None where it is of another family than IPv4 and IPv6."""
    if begin >= end:
        raise ValueError("a message of connection tracking without a body")
    family = data[begin]
    size = _SIZES.get(family)
    if size is None:
        return None
    found = pull_attributes(data, begin + _NFGENMSG, end)
    if CTA_TUPLE_ORIG not in found or CTA_TUPLE_REPLY not in found:
        raise ValueError("a connection of which one direction is missing")
    there = found[CTA_TUPLE_ORIG]
    protocol, source, sport, destination, dport = _pull_tuple(data, there, size)
    _, back, back_sport, home, home_dport = _pull_tuple(data, found[CTA_TUPLE_REPLY], size)
    return Flow(
        family, protocol, source, sport, destination, dport, back, back_sport, home, home_dport,
        pull_number(data, found[CTA_STATUS], 4) if CTA_STATUS in found else 0,
        pull_number(data, found[CTA_ID], 4) if CTA_ID in found else 0,
        pull_number(data, found[CTA_ZONE], 2) if CTA_ZONE in found else 0,
        data[there[0] : there[1]],
    )


def pull_neighbour(data: bytes, begin: int, end: int) -> tuple[int, bytes, bytes] | None:
    """(index of the interface, address, MAC address) of an ndmsg; None where no MAC address is known to be there."""
    if begin + _NDMSG > end:
        raise ValueError("a neighbour of %d bytes" % (end - begin))
    state = int.from_bytes(data[begin + 8 : begin + 10], _ORDER)
    size = _SIZES.get(data[begin])
    if size is None or state == NUD_NONE or state & (NUD_INCOMPLETE | NUD_FAILED | NUD_NOARP):
        return None
    found = pull_attributes(data, begin + _NDMSG, end)
    if NDA_LLADDR not in found or found[NDA_LLADDR][1] - found[NDA_LLADDR][0] != 6:
        return None
    address = _pull_address(data, found.get(NDA_DST), size)
    mac = data[found[NDA_LLADDR][0] : found[NDA_LLADDR][1]]
    return (int.from_bytes(data[begin + 4 : begin + 8], _ORDER), address, mac)


def pull_counter(data: bytes, begin: int, end: int, table: str) -> tuple[str, int, int] | None:
    """(name, packets, bytes) of an nft object; None where it is no counter, or is in another table."""
    found = pull_attributes(data, begin + _NFGENMSG, end)
    for number in (NFTA_OBJ_TABLE, NFTA_OBJ_NAME, NFTA_OBJ_TYPE, NFTA_OBJ_DATA):
        if number not in found:
            raise ValueError("an nft object without attribute %d" % number)
    counted = pull_attributes(data, found[NFTA_OBJ_DATA][0], found[NFTA_OBJ_DATA][1])
    if _pull_text(data, found[NFTA_OBJ_TABLE]) != table or pull_number(data, found[NFTA_OBJ_TYPE], 4) != 1:
        return None
    if NFTA_COUNTER_PACKETS not in counted or NFTA_COUNTER_BYTES not in counted:
        raise ValueError("an nft counter that has counted nothing")
    packets = pull_number(data, counted[NFTA_COUNTER_PACKETS], 8)
    return (_pull_text(data, found[NFTA_OBJ_NAME]), packets, pull_number(data, counted[NFTA_COUNTER_BYTES], 8))


def _pull_text(data: bytes, span: Span) -> str:
    """Up to the closing zero. Names in nft are ASCII; UnicodeError is a ValueError."""
    return data[span[0] : span[1]].rstrip(b"\x00").decode()
