"""Classic BPF for the leak tests' sockets: small programs written with labels, and sockets that have them."""

from __future__ import annotations

import ctypes
import socket
import struct
from typing import TYPE_CHECKING

from tests.lab.namespace import LIBC

if TYPE_CHECKING:
    from tests.lab.namespace import Namespace

# linux/filter.h
LDW, LDH, LDB, JEQ, JGT, JSET, RET = 0x20, 0x28, 0x30, 0x15, 0x25, 0x45, 0x06
RANDOM = 0xFFFFF000 + 56  # SKF_AD_OFF + SKF_AD_RANDOM
# linux/if_ether.h, linux/if_packet.h, asm-generic/socket.h
ETH_P_ALL, SOL_PACKET, PACKET_STATISTICS, PACKET_IGNORE_OUTGOING = 3, 263, 6, 23
SO_ATTACH_FILTER, SO_RCVBUFFORCE = 26, 33
KEEP = 2048  # bytes of an accepted packet

# (label, operation, operand, label if true, label if false); the labels "yes" and "no" end the program
Row = tuple[str, int, int, str, str]


def assemble(rows: list[Row]) -> bytes:
    """`struct sock_filter` instructions. Jumps go forward only."""
    places = {row[0]: number for number, row in enumerate(rows) if row[0]}
    places.update(yes=len(rows), no=len(rows) + 1)
    out = b""
    for number, (_, operation, operand, yes, no) in enumerate(rows):
        jumps = [places[label] - number - 1 if label else 0 for label in (yes, no)]
        out += struct.pack("=HBBI", operation, *jumps, operand)
    return out + struct.pack("=HBBI", RET, 0, 0, KEEP) + struct.pack("=HBBI", RET, 0, 0, 0)


def listen(namespace: Namespace, ifname: str, rows: list[Row], room: int = 1 << 22) -> socket.socket:
    """A socket that hears what arrives on one interface and passes the filter; not blocking."""
    program = assemble(rows)
    memory = ctypes.create_string_buffer(program, len(program))
    with namespace:
        item = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)  # no protocol yet: nothing slips in
        item.setsockopt(
            socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", len(program) // 8, ctypes.addressof(memory))
        )
        item.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        item.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, room)
        item.setblocking(False)
        place = socket.if_nametoindex(ifname)
    address = struct.pack("=HHiHBB8s", socket.AF_PACKET, socket.htons(ETH_P_ALL), place, 0, 0, 0, b"")
    if LIBC.bind(item.fileno(), address, len(address)) != 0:
        raise OSError(ctypes.get_errno(), f"bind to {ifname}")
    return item


def statistics(item: socket.socket) -> tuple[int, int]:
    """Packets that passed the filter since the last call, and those of them that found no room."""
    packets, dropped = struct.unpack("II", item.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
    return packets, dropped


def words(address: bytes) -> list[int]:
    """An address in 32-bit words."""
    return list(struct.unpack(">%dI" % (len(address) // 4), address))


def to_address(targets: list[bytes]) -> list[Row]:
    """A filter for what goes to one of some addresses, IPv4 or IPv6 (of which the last 32 bits are looked at)."""
    rows: list[Row] = [("", LDH, 12, "", ""), ("", JEQ, 0x0800, "v4", ""), ("", JEQ, 0x86DD, "v6", "no")]
    for label, size, at in (("v4", 4, 30), ("v6", 16, 50)):
        rows.append((label, LDW, at, "", ""))
        rows += [("", JEQ, words(item)[-1], "yes", "") for item in targets if len(item) == size]
        rows.append(("", JEQ, 0xFFFFFFFF, "no", "no"))
    return rows
