"""What the Internet sees, counted by kind: nothing is missed, however fast it comes.

One AF_PACKET socket for each kind, with a filter in the kernel that accepts that kind alone. The kernel's statistics
of a socket count what its filter accepted, queued or not, so no process has to keep up with the traffic; the first
packets stay in the socket's queue and can be looked at. A packet counts once, when it arrives from a router.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from typing import TYPE_CHECKING

from tests.lab.namespace import LIBC

if TYPE_CHECKING:
    from types import TracebackType

    from tests.lab.namespace import Namespace

# linux/if_ether.h, linux/if_packet.h, asm-generic/socket.h
ETH_P_ALL = 3
SOL_PACKET, PACKET_STATISTICS, PACKET_IGNORE_OUTGOING = 263, 6, 23
SO_ATTACH_FILTER = 26
SNAP = 128  # bytes of a packet that are kept to be looked at

KINDS = ("esp", "ike", "l2tp", "icmp", "fragment", "neighbour", "other")
# Keep many packets of the kinds that a test asks about, next to none of those that come in thousands.
QUEUES = {"l2tp": 1 << 20, "other": 1 << 18}

# Classic BPF, linux/filter.h: load absolute or indexed, jumps, return.
LDH, LDB, LDH_X, LDW_X, LDX_LEN = 0x28, 0x30, 0x48, 0x40, 0xB1
LDX_IMM, JEQ, JGT, JSET, RET = 0x01, 0x15, 0x25, 0x45, 0x06

# Rows: (label, operation, operand, label if true, label if false). A label that is a kind ends the program.
# X is the length of the IP header; 14 is that of the Ethernet header. Ports l2tp are filled in by build_program().
PROGRAM = (
    ("", LDH, 12, "", ""),
    ("", JEQ, 0x0800, "v4", ""),
    ("", JEQ, 0x86DD, "v6", ""),
    ("", JEQ, 0x0806, "neighbour", "other"),
    ("v4", LDB, 23, "", ""),                    # IPv4 protocol
    ("", JEQ, 115, "l2tp", ""),                 # in a fragment too: the protocol is in every header
    ("", JEQ, 50, "esp", ""),
    ("", JEQ, 1, "icmp", ""),
    ("", JEQ, 17, "", "other"),
    ("", LDH, 20, "", ""),
    ("", JSET, 0x1FFF, "fragment", ""),         # ports are in the first fragment only
    ("", LDX_LEN, 14, "udp", "udp"),
    ("v6", LDB, 20, "", ""),                    # IPv6 next header
    ("", JEQ, 115, "l2tp", ""),
    ("", JEQ, 50, "esp", ""),
    ("", JEQ, 44, "frag6", ""),
    ("", JEQ, 0, "hop", ""),
    ("", JEQ, 58, "icmp6", ""),
    ("", JEQ, 17, "", "other"),
    ("", LDX_IMM, 40, "udp", "udp"),
    ("hop", LDB, 54, "", ""),                   # hop-by-hop options before ICMPv6: listener reports
    ("", JEQ, 58, "neighbour", "other"),
    ("frag6", LDB, 54, "", ""),                 # fragment header: its own next header, then the offset
    ("", JEQ, 115, "l2tp", ""),
    ("", JEQ, 50, "esp", ""),
    ("", JEQ, 58, "icmp", ""),
    ("", JEQ, 17, "", "other"),
    ("", LDH, 56, "", ""),
    ("", JSET, 0xFFF8, "fragment", ""),
    ("", LDX_IMM, 48, "udp", "udp"),
    ("icmp6", LDB, 54, "", ""),
    ("", JGT, 137, "icmp", ""),                 # 133-137: router and neighbour discovery; 130-132, 143: listeners
    ("", JGT, 129, "neighbour", "icmp"),
    ("udp", LDH_X, 14, "", ""),
    ("", "ports", 0, "l2tp", ""),
    ("", JEQ, 500, "ike", ""),
    ("", JEQ, 4500, "natt", ""),
    ("", LDH_X, 16, "", ""),
    ("", "ports", 0, "l2tp", ""),
    ("", JEQ, 500, "ike", ""),
    ("", JEQ, 4500, "natt", "other"),
    ("natt", LDH_X, 18, "", ""),                # UDP length
    ("", JGT, 11, "", "ike"),                   # a NAT keepalive: one byte
    ("", LDW_X, 22, "", ""),
    ("", JEQ, 0, "ike", "esp"),                 # RFC 3948: four zero bytes mark IKE
)


def build_program(kind: str, l2tp_ports: tuple[int, ...]) -> bytes:
    """The filter that accepts one kind, as `struct sock_filter` instructions."""
    rows: list[tuple[str, int, int, str, str]] = []
    for label, operation, operand, yes, no in PROGRAM:
        if operation == "ports":
            rows.extend((label, JEQ, port, yes, no) for port in l2tp_ports)
        else:
            rows.append((label, int(operation), operand, yes, no))
    # A filter's jumps are relative and forward only; loads with labels become a load and an unconditional jump.
    flat: list[tuple[str, int, int, str, str]] = []
    for label, operation, operand, yes, no in rows:
        if operation in {LDX_LEN, LDX_IMM}:
            flat.append((label, operation, operand, "", ""))
            if yes:
                flat.append(("", 0x05, 0, yes, yes))  # JA
        else:
            flat.append((label, operation, operand, yes, no))
    places = {row[0]: number for number, row in enumerate(flat) if row[0]}
    accept, refuse = len(flat), len(flat) + 1
    out = bytearray()
    for number, (_, operation, operand, yes, no) in enumerate(flat):
        jumps = [0, 0]
        for side, label in enumerate((yes, no)):
            if label:
                target = (accept if label == kind else refuse) if label in KINDS else places[label]
                jumps[side] = target - number - 1
        if operation == 0x05:
            out += struct.pack("=HBBI", operation, 0, 0, jumps[0])
        else:
            out += struct.pack("=HBBI", operation, jumps[0], jumps[1], operand)
    out += struct.pack("=HBBI", RET, 0, 0, SNAP) + struct.pack("=HBBI", RET, 0, 0, 0)
    return bytes(out)


class Capture:
    """Counts the packets that arrive in a namespace, by kind, from `with` to its end."""

    def __init__(self, namespace: Namespace, l2tp_ports: tuple[int, ...] = (1701,)) -> None:
        self.namespace = namespace
        self.l2tp_ports = l2tp_ports
        self.sockets: dict[str, socket.socket] = {}
        self.counts = dict.fromkeys(KINDS, 0)

    def __enter__(self) -> Capture:
        """Start counting."""
        with self.namespace:
            for kind in KINDS:
                self.sockets[kind] = self.open_socket(kind)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Stop; the counts can still be read."""
        self.count()
        for item in self.sockets.values():
            item.close()
        self.sockets.clear()

    def open_socket(self, kind: str) -> socket.socket:
        """A socket that receives one kind only. Without a protocol until the filter is there: nothing slips in."""
        program = build_program(kind, self.l2tp_ports)
        memory = ctypes.create_string_buffer(program, len(program))
        item = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        item.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                        struct.pack("HL", len(program) // 8, ctypes.addressof(memory)))
        item.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        item.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, QUEUES.get(kind, 4096))
        item.setblocking(False)
        # Python's own bind() wants the name of an interface; 0 means all of them.
        address = struct.pack("=HHiHBB8s", socket.AF_PACKET, socket.htons(ETH_P_ALL), 0, 0, 0, 0, b"")
        if LIBC.bind(item.fileno(), address, len(address)) != 0:
            raise OSError(ctypes.get_errno(), "bind to all interfaces")
        return item

    def count(self) -> dict[str, int]:
        """Packets so far by kind."""
        for kind, item in self.sockets.items():
            # The kernel starts from zero again with every answer.
            packets, _dropped = struct.unpack("II", item.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
            self.counts[kind] += packets
        return dict(self.counts)

    def take_packets(self, kind: str) -> list[bytes]:
        """The first bytes of the packets of a kind that are still queued, each once, oldest first."""
        packets = []
        while True:
            try:
                packets.append(self.sockets[kind].recv(SNAP))
            except BlockingIOError:
                return packets
