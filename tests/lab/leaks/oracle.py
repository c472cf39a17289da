"""The oracle: what the Internet hears from router A, and whether h1 caused any of it.

Sockets on the Internet's side of router A's uplinks. The filter in the kernel passes over ARP, neighbour discovery and
most ESP to the peer; everything else is kept and judged. What cannot be explained is a leak: there is no list of what
is forbidden, only of what may be there: IKE and ESP between the two routers, what keeps a link alive, h2's canaries,
and what a test names beforehand. If the kernel had no room to keep a packet, the judge says so instead of "nothing".
"""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

from tests.lab.leaks import filter as bpf
from tests.lab.leaks import network as net
from tests.lab.leaks.frames import ESP, ETHERNET, HOST_1, ICMP, ICMP6, IP4, MARKERS, NUMBER_AT, TCP, UDP, frames_of
from tests.lab.leaks.network import packed

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from tests.lab.namespace import Namespace

H1_MARK, H2_MARK = MARKERS["h1"], MARKERS["h2"]
H1_WORD = struct.unpack(">I", H1_MARK[:4])[0]  # the SPI of an ESP canary
ESP_SAMPLE = 0xFFFFFFFF // 16  # one in so many ESP packets is looked into: a NULL cipher would show the marker
HOP_BY_HOP, IGMP = 0, 2
LINK_LOCAL = b"\xfe\x80"
DHCP = (67, 68, 546, 547)
IKE = (500, 4500)
SECRETS = (packed(net.SECRET), packed(net.SECRET6))
MINE = tuple(packed(item) for item in (net.H1, net.H1_6, net.H1_TEMPORARY, net.H1_ULA))
OPENS = (packed(net.OPEN), packed(net.OPEN6))
ROUTERS = tuple(packed(item) for item in (net.WAN_A, net.WAN_A6, net.WAN_B, net.WAN_B6, net.SECOND_A, net.THIRD_A))

NAMES = {place: frame.name for place, frame in enumerate(frames_of(HOST_1))}

LEAK, FREE, LINK, TUNNEL, ALLOWED = "leak", "free", "link", "tunnel", "allowed"


def filter_rows() -> list[bpf.Row]:
    """What the kernel passes over: ARP, IPv6 1-hop talk, and most ESP to router B that is no canary."""
    peer4, peer6 = bpf.words(packed(net.WAN_B))[0], bpf.words(packed(net.WAN_B6))[-1]
    rows: list[bpf.Row] = [
        ("", bpf.LDH, 12, "", ""),
        ("", bpf.JEQ, 0x0806, "no", ""),
        ("", bpf.JEQ, 0x86DD, "v6", ""),
        ("", bpf.JEQ, IP4, "", "yes"),
        ("", bpf.LDB, 23, "", ""),
        ("", bpf.JEQ, ESP, "", "yes"),
        ("", bpf.LDW, 30, "", ""),
        ("", bpf.JEQ, peer4, "", "yes"),
        ("", bpf.LDW, 34, "", ""),
        ("", bpf.JEQ, H1_WORD, "yes", "sample"),
        ("v6", bpf.LDB, 20, "", ""),
        ("", bpf.JEQ, HOP_BY_HOP, "no", ""),
        ("", bpf.JEQ, ICMP6, "", "esp6"),
        ("", bpf.LDB, 54, "", ""),
        ("", bpf.JGT, 137, "yes", ""),
        ("", bpf.JGT, 132, "no", "yes"),
        ("esp6", bpf.JEQ, ESP, "", "yes"),
        ("", bpf.LDW, 50, "", ""),
        ("", bpf.JEQ, peer6, "", "yes"),
        ("", bpf.LDW, 54, "", ""),
        ("", bpf.JEQ, H1_WORD, "yes", "sample"),
        ("sample", bpf.LDW, bpf.RANDOM, "", ""),
        ("", bpf.JGT, ESP_SAMPLE, "no", "yes"),
    ]
    return rows


class Packet:
    """An IP packet, as far as the judge needs it."""

    def __init__(self, frame: bytes) -> None:
        self.frame = frame
        self.source = self.target = b""
        self.protocol = -1
        self.sport = self.dport = 0
        self.body = b""
        kind, data = struct.unpack_from(">H", frame, 12)[0], frame[ETHERNET:]
        if kind == IP4 and len(data) >= 20:
            self.source, self.target, self.protocol = data[12:16], data[16:20], data[9]
            self.body = data[(data[0] & 15) * 4 :] if not data[6] & 0x1F and not data[7] else b""
        elif kind == 0x86DD and len(data) >= 40:
            self.source, self.target, self.protocol, self.body = data[8:24], data[24:40], data[6], data[40:]
        if self.protocol in (UDP, TCP) and len(self.body) >= 4:
            self.sport, self.dport = struct.unpack_from(">HH", self.body)

    def describe(self) -> str:
        """One line for the report of a leak."""
        kind = canary_kind(self.frame)
        mark = f", canary {NAMES.get(kind, kind)}" if kind >= 0 else ", marked" if H1_MARK in self.frame else ""
        ports = f" {self.sport}>{self.dport}" if self.sport or self.dport else ""
        if self.protocol in (ICMP, ICMP6):
            ports = f" {self.body[:60].hex()}"
        return f"{show(self.source)} > {show(self.target)} protocol {self.protocol}{ports}{mark}"


def show(address: bytes) -> str:
    """An address as text."""
    family = socket.AF_INET if len(address) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, address) if address else "no address"


def judge(packet: Packet) -> str:
    """What a packet from router A is."""
    if H1_MARK in packet.frame:
        return LINK if answers_the_internet(packet) else LEAK
    if packet.target in SECRETS or packet.source in MINE:
        return LEAK
    if H2_MARK in packet.frame or packet.target in OPENS:
        return FREE
    is_ike = packet.protocol == UDP and packet.sport in IKE and packet.dport in IKE
    if packet.source in ROUTERS and packet.target in ROUTERS and (packet.protocol == ESP or is_ike):
        return TUNNEL
    if packet.protocol == IGMP or (packet.protocol == UDP and packet.dport in DHCP) or answers_the_internet(packet):
        return LINK
    return LEAK


def answers_the_internet(packet: Packet) -> bool:
    """Whether this is router A's ICMP error about something that somebody sent to router A itself."""
    size, at = (4, 16) if packet.protocol == ICMP else (16, 24)
    is_error = packet.protocol == ICMP and packet.body[:1] in (b"\x03", b"\x0b", b"\x0c")
    is_error = is_error or (packet.protocol == ICMP6 and packet.body[:1] in (b"\x01", b"\x02", b"\x03", b"\x04"))
    quoted = packet.body[8:]
    asker, asked = quoted[at - size : at], quoted[at : at + size]
    # About a packet to an address of its own, or to one that it had a moment ago; or to one of the link: neighbour
    # discovery gives up seconds after an attacker on the WAN has asked for a tunnel's address (L40).
    is_about = asked in ROUTERS or (asked[:2] == LINK_LOCAL and asker == packet.target)
    return is_error and packet.source in ROUTERS and is_about


class Oracle:
    """Judges from `with` to its end. `allow`: packets that the test has named are no leak while it is set."""

    def __init__(self, isp: Namespace) -> None:
        self.isp = isp
        self.sockets: list[socket.socket] = []
        self.counts = dict.fromkeys((LEAK, FREE, LINK, TUNNEL, ALLOWED), 0)
        self.leaks: list[str] = []  # the first of them
        self.kinds: dict[int, int] = {}  # of the canaries among the leaks
        self.unseen = 0
        self.allow: Callable[[Packet], bool] | None = None

    def __enter__(self) -> Oracle:
        """Begin to listen."""
        self.sockets = [bpf.listen(self.isp, name, filter_rows(), 1 << 24) for name in ("wan-a", "up1")]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening."""
        for item in self.sockets:
            item.close()

    def look(self) -> dict[str, int]:
        """Judge what has come so far; the counts of everything since the beginning."""
        for item in self.sockets:
            while True:
                try:
                    frame = item.recv(bpf.KEEP)
                except BlockingIOError:
                    break
                self.weigh(Packet(frame))
            self.unseen += bpf.statistics(item)[1]
        return dict(self.counts)

    def weigh(self, packet: Packet) -> None:
        """Judge one packet."""
        verdict = judge(packet)
        if verdict == LEAK and self.allow is not None and self.allow(packet):
            verdict = ALLOWED
        self.counts[verdict] += 1
        if verdict == LEAK:
            if len(self.leaks) < 20:
                self.leaks.append(packet.describe())
            kind = canary_kind(packet.frame)
            self.kinds[kind] = self.kinds.get(kind, 0) + 1

    def forget(self) -> None:
        """Judge what has come, and start anew: what was a control's is no later test's."""
        self.look()
        self.leaks.clear()
        self.kinds.clear()
        self.unseen = 0


def canary_kind(frame: bytes) -> int:
    """Which kind of canary a frame carries, -1 if none can be read."""
    at = frame.find(H1_MARK)
    while 0 <= at < len(frame) - NUMBER_AT:
        if frame[at + 10 : at + 12] == b"\x00\x00":
            return frame[at + 9]
        at = frame.find(H1_MARK, at + 1)
    return -1
