"""What is done besides the steady canaries: single frames from anybody, the router's relays, strangers' packets."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING

from tests.lab.leaks import filter as bpf
from tests.lab.leaks import frames as fr
from tests.lab.leaks import network as net
from tests.lab.leaks.frames import HOST_1, IP4, IP6, MARKERS, SYN, UDP
from tests.lab.leaks.network import packed, packed_mac

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.leaks.story import Story
    from tests.lab.namespace import Namespace

FTP_PORT = 21
RELAYED_UDP = (53, 1900, 5351)  # a DNS forwarder, and what opens ports: UPnP, NAT-PMP and PCP
RELAYED_TCP = (53, 853, 3128)  # DNS over TCP and TLS, a proxy
BODY = MARKERS["h1"] * 4


def throw(namespace: Namespace, packets: list[bytes], target: str, source: str, times: int = 5) -> None:
    """Send IP packets from a namespace's eth0, under these MAC addresses (names of network.MACS)."""
    with namespace:
        item = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        item.bind(("eth0", 0))
    with item:
        for _ in range(times):
            for packet in packets:
                kind = IP4 if packet[0] >> 4 == 4 else IP6
                frame = packed_mac(net.MACS[target]) + packed_mac(net.MACS[source]) + struct.pack(">H", kind) + packet
                with contextlib.suppress(OSError):
                    item.send(frame)
            time.sleep(0.02)  # the kernel's rate limits and queues


def plain(source: str, target: str, sport: int = 41000, dport: int = 4100, body: bytes = BODY) -> bytes:
    """A UDP packet, IPv4 or IPv6 as the addresses are."""
    here, there = packed(source), packed(target)
    make = fr.ip4 if len(here) == 4 else fr.ip6
    return make(here, there, UDP, fr.udp(here, there, sport, dport, body))


def hello(source: str, target: str, sport: int, dport: int, flags: int = SYN) -> bytes:
    """A TCP segment without data."""
    here, there = packed(source), packed(target)
    make = fr.ip4 if len(here) == 4 else fr.ip6
    return make(here, there, fr.TCP, fr.tcp(here, there, sport, dport, flags, b""))


def games() -> list[tuple[str, list[bytes]]]:
    """Who h1 may pretend to be: (whose MAC, packets that are h1's all the same)."""
    return [
        ("h1", [plain(net.H2, net.SECRET), plain("192.168.10.77", net.SECRET), plain("10.77.0.1", net.SECRET),
                plain(net.H2_6, net.SECRET6), plain("2001:db8:10::77", net.SECRET6), plain("0.0.0.0", net.SECRET),
                plain(net.WAN_A, net.SECRET), plain(net.HOST_B, net.SECRET), plain(net.GATEWAY, net.SECRET)]),
        ("h3", [plain(net.H1, net.SECRET)]),
        ("isp", [plain(net.H1, net.SECRET)]),
    ]  # fmt: skip


def play(story: Story) -> None:
    """All games, from h1's port; what comes from another MAC's comes from h3's port."""
    for mac, packets in games():
        throw(story.net.h1 if mac == "h1" else story.net.h3, packets, "br-lan", mac)


class Relays:
    """The router's own helpers: whatever h1 asks of them they pass on to the Internet, from `with` to its end."""

    def __init__(self, router: Namespace) -> None:
        self.router = router
        self.stopped = threading.Event()
        self.heard = 0

    def __enter__(self) -> Relays:
        """Start listening on all the router's addresses."""
        with self.router:
            self.udp = [socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) for _ in RELAYED_UDP]
            self.tcp = [socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
                        for port in RELAYED_TCP]  # fmt: skip
            self.out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for item, port in zip(self.udp, RELAYED_UDP, strict=True):
            item.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            item.bind(("::", port))
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stopped.set()
        self.thread.join(10)
        for item in [*self.udp, *self.tcp, self.out]:
            item.close()

    def work(self) -> None:
        """Pass on what comes."""
        poll = select.poll()
        found = {item.fileno(): item for item in [*self.udp, *self.tcp]}
        for number in found:
            poll.register(number, select.POLLIN)
        while not self.stopped.is_set():
            for number, _ in poll.poll(200):
                item = found[number]
                with contextlib.suppress(OSError):
                    if item in self.udp:
                        data = item.recv(2048)
                    else:
                        peer, _address = item.accept()
                        peer.close()
                        data = BODY
                    self.heard += 1
                    self.out.sendto(data, (net.RESOLVER, 53))


def ask_router(story: Story) -> None:
    """h1 asks all of the router's helpers, over IPv4 and IPv6, by its own stack."""
    question = fr.question(HOST_1.marker, b"")
    with story.net.h1:
        four = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        calls = []
        for gateway in (net.GATEWAY, net.GATEWAY_6, "fd10::1"):
            for port in RELAYED_TCP:
                item = socket.socket(socket.AF_INET6 if ":" in gateway else socket.AF_INET)
                item.setblocking(False)
                item.connect_ex((gateway, port))
                calls.append(item)
    with four, six:
        for _ in range(3):
            for port in RELAYED_UDP:
                for item, gateway in ((four, net.GATEWAY), (six, net.GATEWAY_6), (six, "fd10::1")):
                    with contextlib.suppress(OSError):
                        item.sendto(question, (gateway, port))
            time.sleep(0.1)
    for item in calls:
        item.close()


def reaches(story: Story, address: str, port: int) -> bool:
    """Whether h1 can open a TCP connection to a port of the router itself, where somebody listens."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with story.net.a:
        listener = socket.create_server((address, port), family=family)
    with story.net.h1:
        item = socket.socket(family)
    with listener, item:
        item.settimeout(2)
        return item.connect_ex((address, port)) == 0


@contextlib.contextmanager
def caller(story: Story, port: int, source_port: int = 0, listen_on: int = 80) -> Iterator[socket.socket]:
    """The sink calls a port of router A that leads to h1, which has a listener there."""
    with story.net.h1:
        listener = socket.create_server((net.H1, listen_on))
    with story.net.sink:
        item = socket.socket()
    with listener, item:
        item.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        item.bind((net.SECRET, source_port))
        item.setblocking(False)
        item.connect_ex((net.WAN_A, port))
        yield item


class Listener:
    """The packets with a marker that arrive on an interface, from `with` to its end."""

    def __init__(self, namespace: Namespace, ifname: str, marker: bytes) -> None:
        self.namespace = namespace
        self.ifname = ifname
        self.marker = marker

    def __enter__(self) -> Listener:
        """Begin."""
        self.item = bpf.listen(self.namespace, self.ifname, [("", bpf.JEQ, 0, "yes", "yes")])
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self.item.close()

    def take(self, wait: float = 0.3) -> list[bytes]:
        """What has come with the marker since the last time."""
        time.sleep(wait)
        found: list[bytes] = []
        while True:
            try:
                frame = self.item.recv(2048)
            except BlockingIOError:
                return found
            if self.marker in frame:
                found.append(frame)


class Ftp:
    """A control connection from h1 to an FTP server at the sink, with ports announced for calls back."""

    PORTS = (41021, 41022)

    def __init__(self, story: Story) -> None:
        self.story = story
        with story.net.sink:
            self.server = socket.create_server((net.SECRET, FTP_PORT))
        with story.net.h1:
            self.listeners = [socket.create_server((net.H1, port)) for port in self.PORTS]
            self.client = socket.create_connection((net.SECRET, FTP_PORT), timeout=10)
        self.control, _ = self.server.accept()
        self.control.settimeout(10)
        self.client.sendall(b"USER anonymous\r\n")  # the helper reads only what follows a line that it has seen
        self.control.recv(100)
        self.used = 0
        self.announced = self.announce(self.PORTS[0])

    def announce(self, port: int) -> int:
        """Say PORT, and what the sink reads after the router's helper has translated it."""
        address = net.H1.replace(".", ",")
        self.client.sendall(b"PORT %s,%d,%d\r\n" % (address.encode(), port >> 8, port & 255))
        numbers = self.control.recv(200).decode().split()[1].split(",")
        self.control.sendall(b"200 fine\r\n")
        self.client.recv(100)
        return int(numbers[4]) << 8 | int(numbers[5])

    def call(self) -> None:
        """The sink calls back on the announced port."""
        with self.story.net.sink:
            item = socket.socket()
        with item:
            item.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            item.bind((net.SECRET, 20))
            item.setblocking(False)
            item.connect_ex((net.WAN_A, self.announced))
            time.sleep(0.3)

    def announce_next(self) -> None:
        """The next port: the helper remembers one at a time."""
        self.used += 1
        self.announced = self.announce(self.PORTS[self.used])

    def close(self) -> None:
        """End it."""
        for item in [*self.listeners, self.client, self.control, self.server]:
            item.close()
