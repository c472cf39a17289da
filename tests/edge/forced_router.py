"""A router of one network namespace: each of its interfaces is one end of a pair, the test holds the other end.

What the test writes into an end arrives at the router; what the router forwards comes out of another end. Every packet
carries a number, so that many can be on their way at once. `ist-x` and `ist-y` stand for tunnels.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import socket
import struct
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from isthmus.kernel import objects
from isthmus.policy.forced import forced_chains, forced_objects, homes_of
from isthmus.policy.guard import REMOVE, guard_text
from isthmus.policy.lane import choose
from isthmus.wire.addr import format_ip, parse_ip
from tests.core.forced_samples import lanes_of
from tests.edge.world import CLONE_NEWNET, own_network

if TYPE_CHECKING:
    from collections.abc import Iterator

ETH_IP, ETH_IP6, ETH_ALL = 0x0800, 0x86DD, 3
ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58
PLACES = {"lan": "br-lan", "guest": "br-guest", "wan": "wan0", "x": "ist-x", "y": "ist-y"}
ROUTER_MAC = bytes.fromhex("0200000000f0")
CANARY = b"isthmus-canary-"
HOST, FREE, OTHER = "192.168.10.50", "192.168.10.2", "192.168.40.9"
HOST6, FREE6, OTHER6 = "2001:db8:1::50", "2001:db8:1::2", "2001:db8:4::9"
FAR, FAR6 = "198.51.100.7", "2001:db8:bad::7"
MAC = "02:00:00:00:01:50"
GATEWAY_MAC = "02:00:00:00:ff:fe"
PATIENCE_S = 2.0
ERRORS = {ICMP: (3, 4, 5, 11, 12), ICMP6: (1, 2, 3, 4)}

SETUP = """
link set lo up
{links}
link set br-guest up
addr add 192.168.10.1/24 dev br-lan
addr add 2001:db8:1::1/64 dev br-lan nodad
addr add fd00:10::1/64 dev br-lan nodad
addr add fe80::1/64 dev br-lan nodad
addr add 192.168.40.1/24 dev br-guest
addr add 2001:db8:4::1/64 dev br-guest nodad
addr add fe80::1/64 dev br-guest nodad
addr add 203.0.113.1/24 dev wan0
addr add 2001:db8:ff::1/64 dev wan0 nodad
addr add fe80::2/64 dev wan0 nodad
addr add fe80::2/64 dev ist-x nodad
addr add 10.9.9.1/30 dev ist-x
addr add fe80::2/64 dev ist-y nodad
route add default via 203.0.113.254 dev wan0
route add default via fe80::fe dev wan0
route add 192.168.20.0/24 via inet6 fe80::1 dev ist-x
route add 192.168.30.0/24 via inet6 fe80::1 dev ist-y
route add 2001:db8:20::/64 via fe80::1 dev ist-x
route add 2001:db8:30::/64 via fe80::1 dev ist-y
"""


def mac_of(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def checksum(data: bytes) -> int:
    total = sum(struct.unpack("!%dH" % (len(data + b"\0") // 2), (data + b"\0")[: (len(data) + 1) // 2 * 2]))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def run(*argv: str, text: str = "") -> str:
    done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise AssertionError("%s: %s" % (" ".join(argv), done.stderr[:2000]))
    return done.stdout


def segment(protocol: int, source: bytes, destination: bytes, sport: int, dport: int, data: bytes) -> bytes:
    """The bytes above IP, with a checksum that is right."""
    if protocol == UDP:
        head, at = struct.pack("!HHHH", sport, dport, 8 + len(data), 0), 6
    elif protocol == TCP:
        head, at = struct.pack("!HHIIBBHHH", sport, dport, 1, 0, 0x50, 2, 1024, 0, 0), 16
    elif protocol in {ICMP, ICMP6}:
        head, at = struct.pack("!BBHHH", 8 if protocol == ICMP else 128, 0, 0, sport, dport), 2
    else:
        return data
    pseudo = b"" if protocol == ICMP else source + destination + struct.pack("!IHH", len(head + data), 0, protocol)
    total = checksum(pseudo + head + data)
    return head[:at] + struct.pack("!H", total or 0xFFFF) + head[at + 2 :] + data


def ipv4(source: bytes, destination: bytes, protocol: int, body: bytes, options: bytes = b"", cut: int = 0) -> bytes:
    """cut: flags and fragment offset, as in the header."""
    head = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, 0, 20 + len(options) + len(body), 77, cut, 64, protocol,
                       0)  # fmt: skip
    head += source + destination + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def ipv6(source: bytes, destination: bytes, protocol: int, body: bytes) -> bytes:
    return struct.pack("!IHBB", 6 << 28, len(body), protocol, 64) + source + destination + body


class Packet:
    """One frame on its way: `place` where it arrives, `number` what it is found by."""

    def __init__(self, place: str, frame: bytes, number: int, words: str) -> None:
        self.place = place
        self.frame = frame
        self.number = number
        self.words = words

    def __repr__(self) -> str:
        return self.words


class Router:
    """The namespace. One a process."""

    def __init__(self) -> None:
        own_network()
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        names = []
        for place, ifname in PLACES.items():
            names.append("link add %s address %s type veth peer name p-%s" % (ifname, ROUTER_MAC.hex(":"), place))
            names.append("link set p-%s up arp off" % place)
            names.append("link set %s up arp off" % ifname)
        self.sysctl("net.ipv6.conf.default.disable_ipv6", "0")
        run("ip", "-batch", "-", text=SETUP.replace("{links}", "\n".join(names)))
        for place in PLACES:
            self.sysctl("net.ipv6.conf.p-%s.disable_ipv6" % place, "1")
        for name in ["all", "default"] + list(PLACES.values()):
            self.sysctl("net.ipv4.conf.%s.rp_filter" % name, "0")
            self.sysctl("net.ipv6.conf.%s.forwarding" % name, "1")
        self.sysctl("net.ipv4.ip_forward", "1")
        self.sysctl("net.ipv4.icmp_ratelimit", "0")
        self.sysctl("net.ipv6.icmp.ratelimit", "0")
        for name in ("tcp_timeout_syn_sent", "udp_timeout", "icmp_timeout", "generic_timeout", "gre_timeout"):
            self.sysctl("net.netfilter.nf_conntrack_" + name, "5")  # source ports come round again
        self.number = 0
        self.ends: dict[str, socket.socket] = {}
        for place in PLACES:
            end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_ALL))
            end.bind(("p-" + place, ETH_ALL))
            end.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE
            end.setblocking(False)
            self.ends[place] = end
        self.inside = []
        for family, protocols in ((socket.AF_INET, (1, 2, 6, 17, 41, 47, 132)), (socket.AF_INET6, (6, 17, 47, 58))):
            for protocol in protocols:
                sock = socket.socket(family, socket.SOCK_RAW, protocol)
                sock.setblocking(False)
                self.inside.append(sock)

    def sysctl(self, name: str, value: str) -> None:
        parts = name.split(".")
        path = Path("/proc/sys").joinpath(*parts)
        if path.exists():
            path.write_text(value)

    def close(self) -> None:
        for sock in list(self.ends.values()) + self.inside:
            sock.close()
        os.close(self.home)

    def enter(self) -> None:
        """Back into it, where another module of tests has led this process elsewhere."""
        if ctypes.CDLL(None, use_errno=True).setns(self.home, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")

    # What the router is told

    def nft(self, text: str) -> None:
        run("nft", "-f", "-", text=text)

    @contextlib.contextmanager
    def firewall(self, hook: str, *rules: str) -> Iterator[None]:
        """A table of somebody else's, with one chain. hook: as in `type filter hook prerouting priority -150`."""
        self.nft("table inet other {\n chain c {\n %s\n %s\n }\n }\n" % (hook, "\n".join(rules)))
        try:
            yield
        finally:
            self.nft("delete table inet other\n")

    def off(self) -> None:
        """The guard without forced rules, and no routes of theirs."""
        self.nft(guard_text([]))
        self.set_lanes([])

    def on(self, rules: list, up: tuple = ("x", "y"), routed: bool | None = True, lans: tuple = ("br-lan", "br-guest"),
           spent: tuple = (), without: tuple = (), extra: tuple = ()) -> None:  # fmt: skip
        """These rules. routed: the lanes' tables are there, too, None: as they are; without: base chains to empty."""
        lanes = lanes_of(rules, up)
        tunnels = ["ist-x", "ist-y"]
        chains, counters = forced_chains(rules, lanes, choose(rules, lanes), list(lans), set(spent), tunnels)
        for chain in chains:
            if chain.name in without:
                chain.rules = []
        self.nft(guard_text([], [], chains + list(extra), counters))
        if routed is not None:
            self.set_lanes(forced_objects(lanes, homes_of(rules, list(lans))) if routed else [])

    def set_lanes(self, wanted: list) -> None:
        for flag, family, size in (("-4", objects.AF_INET, 4), ("-6", objects.AF_INET6, 16)):
            there = [rule[:3] for rule in run("ip", flag, "rule").splitlines()]
            lines = ["rule del priority " + number for number in there if number in {"690", "691"}]
            flushed = subprocess.run(["ip", flag, "route", "flush", "table", "all", "proto", "115"],
                                     capture_output=True, timeout=60, check=False)  # fmt: skip
            del flushed  # an empty table is an error to ip
            for item in wanted:
                if isinstance(item, objects.Rule) and item.family == family:
                    lines.append("rule add priority %d fwmark 0x%x/0x%x table %d%s" % (
                        item.priority, item.mark, item.mask, item.table, " iif " + item.iif if item.iif else "",
                    ))  # fmt: skip
                elif isinstance(item, objects.Route) and len(item.destination.address) == size:
                    words = "unreachable default"
                    if item.oif:
                        word = "inet6 " if size == 4 else ""
                        words = "default via %s%s dev %s" % (word, format_ip(item.via), item.oif)
                    lines.append("route add %s metric %d table %d proto 115" % (words, item.metric, item.table))
            if lines:
                run("ip", flag, "-batch", "-", text="\n".join(lines) + "\n")

    def counters(self) -> dict[str, int]:
        """Packets of every named counter."""
        found, name = {}, ""
        for line in run("nft", "list", "counters", "table", "inet", "isthmus").splitlines():
            words = line.split()
            if words[:1] == ["counter"]:
                name = words[1]
            elif words[:1] == ["packets"]:
                found[name] = int(words[1])
        return found

    # What passes

    def packet(self, source: str, destination: str, protocol: int = UDP, dport: int = 9, sport: int = 0,
               mac: str = "", place: str = "lan", options: bytes = b"", data: bytes = b"",
               next_header: int = -1, prefix: bytes = b"", kind: int = 0) -> Packet:  # fmt: skip
        """prefix: extension headers, the first of which is next_header; kind: type of an ICMP message, not echo."""
        self.number += 1
        src, dst = parse_ip(source), parse_ip(destination)
        mac = mac or (MAC if place in {"lan", "guest"} else GATEWAY_MAC)
        sport = sport or 20000 + self.number % 40000
        if protocol in {ICMP, ICMP6}:
            protocol = ICMP if len(src) == 4 else ICMP6
        canary = CANARY + struct.pack("!I", self.number)
        body = segment(protocol, src, dst, sport, dport, (data or b"") + canary)
        if kind:
            total = struct.unpack("!H", body[2:4])[0] + (body[0] - kind << 8)  # RFC 1624: the sum changes by as much
            total = (total & 0xFFFF) + (total >> 16)
            body = bytes([kind]) + body[1:2] + struct.pack("!H", total & 0xFFFF) + body[4:]
        if len(src) == 4:
            whole, ether = ipv4(src, dst, protocol, body, options), ETH_IP
        else:
            first = protocol if next_header < 0 else next_header
            whole, ether = ipv6(src, dst, first, prefix + body), ETH_IP6
        words = "%d %s > %s protocol %d port %d from %s" % (self.number, source, destination, protocol, dport, mac)
        return Packet(place, self.frame(whole, ether, mac, dst), self.number, words)

    def icmp_error(self, source: str, destination: str, about: Packet, mac: str = MAC) -> Packet:
        """IPv4: "too big", about a packet of somebody else's."""
        self.number += 1
        body = struct.pack("!BBHI", 3, 4, 0, 1400) + about.frame[14:42] + CANARY + struct.pack("!I", self.number)
        body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
        whole = ipv4(parse_ip(source), parse_ip(destination), ICMP, body)
        return Packet("lan", self.frame(whole, ETH_IP, mac), self.number, "ICMP error from %s" % source)

    def frame(self, whole: bytes, kind: int, mac: str, destination: bytes = b"\1\1\1\1") -> bytes:
        to = ROUTER_MAC
        if len(destination) == 4 and 224 <= destination[0] < 240:
            to = b"\x01\x00\x5e" + bytes([destination[1] & 0x7F]) + destination[2:]
        elif destination == b"\xff\xff\xff\xff":
            to = b"\xff" * 6
        elif len(destination) == 16 and destination[0] == 0xFF:
            to = b"\x33\x33" + destination[12:]
        return to + mac_of(mac) + struct.pack("!H", kind) + whole

    def send(self, packets: list[Packet]) -> list[set[str]]:
        """Where each came out: places, "router" for the router itself; "PLACE error" inside an ICMP error."""
        for packet in packets:
            self.ends[packet.place].send(packet.frame)
        found: dict[int, set[str]] = {}
        sentinel = self.packet("192.168.30.7", FREE, UDP, 9, place="y")
        self.ends["y"].send(sentinel.frame)
        deadline = time.monotonic() + PATIENCE_S
        while sentinel.number not in found:
            if time.monotonic() > deadline:
                raise AssertionError("the router forwards nothing at all")
            select.select(list(self.ends.values()), [], [], 0.2)
            self.collect(found)
        time.sleep(0.005)
        self.collect(found)
        return [found.get(packet.number, set()) for packet in packets]

    def collect(self, found: dict[int, set[str]]) -> None:
        """What has come out by now: number -> places."""
        for place, end in self.ends.items():
            for data, kind in _all_of(end):
                if kind != socket.PACKET_OUTGOING:
                    self._note(found, data, place + _error_word(data))
        for sock in self.inside:
            for data, _ in _all_of(sock):
                self._note(found, data, "router")

    def _note(self, found: dict[int, set[str]], data: bytes, label: str) -> None:
        at = data.find(CANARY)
        if at >= 0 and len(data) >= at + len(CANARY) + 4:
            number = struct.unpack("!I", data[at + len(CANARY) : at + len(CANARY) + 4])[0]
            found.setdefault(number, set()).add(label)

    def tidy(self) -> None:
        self.set_lanes([])
        self.nft(REMOVE)


def _all_of(sock: socket.socket) -> list[tuple[bytes, int]]:
    out = []
    while True:
        try:
            data, address = sock.recvfrom(65535)
        except BlockingIOError:
            return out
        out.append((data, address[2] if isinstance(address, tuple) and len(address) == 5 else 0))


def _error_word(frame: bytes) -> str:
    kind = struct.unpack("!H", frame[12:14])[0]
    if kind == ETH_IP:
        protocol, at = frame[23], 14 + 4 * (frame[14] & 15)
    elif kind == ETH_IP6:
        protocol, at = frame[20], 54
    else:
        return ""
    return " error" if protocol in ERRORS and frame[at] in ERRORS[protocol] else ""
