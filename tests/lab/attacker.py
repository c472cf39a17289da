"""An attacker on the path: a process in the Internet's namespace that sees every packet and sends what it likes.

It works with raw sockets in its own namespace only. It cannot keep a packet from arriving; reordering is netem's
(`reorder`). What it has done is counted in memory that it shares with the test.
"""

from __future__ import annotations

import mmap
import os
import random
import select
import signal
import socket
import struct
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

    from tests.lab.namespace import Namespace

ETH_P_IP = 0x0800
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23  # linux/if_packet.h
ESP, UDP, L2TP, ICMP = 50, 17, 115, 1
COUNTERS = ("seen", "replayed", "forged", "flooded")
FORGE_EVERY_S = 0.02
BATCH = 32  # of the flood, before anything else is looked at
TEMPLATES = 4096

IKE_SA_INIT, IKE_AUTH, CREATE_CHILD_SA, INFORMATIONAL = 34, 35, 36, 37
INITIATOR, RESPONSE = 0x08, 0x20


def ip_packet(protocol: int, source: str, target: str, body: bytes) -> bytes:
    """An IPv4 packet; the kernel fills in length, identification and checksum."""
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 0, 0, 61, protocol, 0,
                       socket.inet_aton(source), socket.inet_aton(target)) + body  # fmt: skip


def udp(source: int, target: int, body: bytes) -> bytes:
    """A UDP datagram without checksum, which IPv4 allows."""
    return struct.pack(">HHHH", source, target, 8 + len(body), 0) + body


def ike(spi_i: bytes, spi_r: bytes, exchange: int, flags: int, number: int, first: int, chain: bytes) -> bytes:
    """An IKE message in the clear."""
    return spi_i + spi_r + struct.pack(">BBBBII", first, 0x20, exchange, flags, number, 28 + len(chain)) + chain


def payload(following: int, body: bytes) -> bytes:
    """A payload with its generic header."""
    return struct.pack(">BBH", following, 0, 4 + len(body)) + body


def forged_news() -> list[tuple[int, bytes]]:
    """(type, payload): what would tear things down if anybody believed it."""
    notifies = (1, 4, 5, 7, 11, 14, 17, 24, 34, 35, 38, 43, 44, 16384, 16390, 16393, 16400, 40969)
    news = [(41, payload(0, b"\x00\x00" + struct.pack(">H", kind))) for kind in notifies]
    news.append((42, payload(0, b"\x01\x00\x00\x00")))
    news.append((42, payload(0, b"\x03\x04\x00\x01\x00\x00\x12\x34")))
    news.append((46, payload(42, bytes(48))))
    news.append((0, b""))
    return news


class Attacker:
    """Between `with` and its end. `mode` sets what it does besides watching: any of "replay", "forge", "flood"."""

    def __init__(self, namespace: Namespace, ends: tuple[str, str], begun: bytes) -> None:
        """ends: the two routers' addresses; begun: an IKE_SA_INIT request of the first, to be flooded with."""
        self.namespace = namespace
        self.ends = ends
        self.begun = begun
        self.memory = mmap.mmap(-1, 8 * (len(COUNTERS) + 3))
        self.pid = 0

    def __enter__(self) -> Attacker:
        """Start watching."""
        with self.namespace:
            self.ears = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
            self.ears.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
            self.mouth = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.mouth.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        self.pid = os.fork()
        if self.pid == 0:
            try:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                self.work()
            finally:
                os._exit(0)
        self.ears.close()
        self.mouth.close()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """It is over."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def do(self, *modes: str) -> None:
        """From now on do these, and nothing else besides watching."""
        for place, name in enumerate(("replay", "forge", "flood")):
            self._set(len(COUNTERS) + place, int(name in modes))

    def count(self) -> dict[str, int]:
        """What it has done so far."""
        return {name: self._get(place) for place, name in enumerate(COUNTERS)}

    def _get(self, place: int) -> int:
        number: int = struct.unpack_from("=Q", self.memory, 8 * place)[0]
        return number

    def _set(self, place: int, number: int) -> None:
        struct.pack_into("=Q", self.memory, 8 * place, number)

    def _add(self, name: str, number: int) -> None:
        place = COUNTERS.index(name)
        self._set(place, self._get(place) + number)

    # The process

    def work(self) -> None:
        """Watch, and do what the test has asked for."""
        chance = random.Random(7)
        recorded: list[bytes] = []
        ike_seen: list[bytes] = []
        flood = self.make_flood(chance)
        next_forged, at = 0.0, 0
        self.ears.setblocking(False)
        poll = select.poll()
        poll.register(self.ears, select.POLLIN)
        while True:
            replay, forge, flooding = (self._get(len(COUNTERS) + place) for place in range(3))
            poll.poll(0 if flooding else 5)
            self.hear(recorded, ike_seen)
            now = time.monotonic()
            if (replay or forge) and now >= next_forged:
                next_forged = now + FORGE_EVERY_S
                if replay and recorded:
                    self.say([chance.choice(recorded) for _ in range(4)], "replayed")
                    if ike_seen:
                        self.say([chance.choice(ike_seen)], "replayed")
                if forge:
                    self.say(self.make_forgeries(chance, recorded, ike_seen), "forged")
            if flooding:
                self.say(flood[at : at + BATCH], "flooded")
                at = (at + BATCH) % len(flood)

    def hear(self, recorded: list[bytes], ike_seen: list[bytes]) -> None:
        """Keep the last packets of the two routers."""
        for _ in range(64):
            try:
                packet = self.ears.recv(2048)
            except BlockingIOError:
                return
            if len(packet) < 28 or packet[9] not in (ESP, UDP):
                continue
            self._add("seen", 1)
            recorded.append(packet)
            del recorded[:-300]
            if packet[9] == UDP and packet[22:24] in (b"\x01\xf4", b"\x11\x94"):
                ike_seen.append(packet)
                del ike_seen[:-50]

    def say(self, packets: list[bytes], counter: str) -> None:
        """Send these packets, sources as they stand in them."""
        done = 0
        for packet in packets:
            try:
                self.mouth.sendto(packet, (socket.inet_ntoa(packet[16:20]), 0))
                done += 1
            except OSError:
                continue  # the queue is full, or it is too long: an attacker goes on
        self._add(counter, done)

    def make_flood(self, chance: random.Random) -> list[bytes]:
        """IKE_SA_INIT requests to the second router: half from the first one's address, half from anywhere."""
        packets = []
        for number in range(TEMPLATES):
            source = self.ends[0]
            if number % 2:
                source = ".".join([str(chance.randrange(1, 224)), *[str(chance.randrange(256)) for _ in range(3)]])
            data = chance.randbytes(8) + self.begun[8:]
            packets.append(ip_packet(UDP, source, self.ends[1], udp(chance.choice((500, 4444)), 500, data)))
        return packets

    def make_forgeries(self, chance: random.Random, recorded: list[bytes], ike_seen: list[bytes]) -> list[bytes]:
        """One of each: spoiled ESP, clear L2TP, IKE news in the clear with the SPIs in use, ICMP errors."""
        here, there = self.ends if chance.randrange(2) else self.ends[::-1]
        packets = [
            ip_packet(L2TP, here, there, chance.randbytes(4) + bytes(60)),
            ip_packet(UDP, here, there, udp(1701, 1701, b"\xc8\x02\x00\x0c" + bytes(8))),
        ]
        esp = [packet for packet in recorded if packet[9] == ESP]
        if esp:
            spoiled = bytearray(chance.choice(esp))
            spoiled[24:28] = chance.randbytes(4)  # another sequence number
            packets.append(bytes(spoiled))
            old = chance.choice(esp)
            for kind, code in ((3, 1), (3, 3), (11, 0)):
                body = struct.pack(">BBHI", kind, code, 0, 0) + old[:28]
                packets.append(ip_packet(ICMP, "198.51.100.1", socket.inet_ntoa(old[12:16]), with_checksum(body)))
        if ike_seen:
            spis = chance.choice(ike_seen)[28:44]
            first, chain = chance.choice(forged_news())
            exchange = chance.choice((IKE_SA_INIT, IKE_AUTH, CREATE_CHILD_SA, INFORMATIONAL))
            flags = chance.choice((0, INITIATOR, RESPONSE, INITIATOR | RESPONSE))
            message = ike(spis[:8], spis[8:], exchange, flags, chance.randrange(6), first, chain)
            packets.append(ip_packet(UDP, here, there, udp(500, 500, message)))
        return packets


def with_checksum(body: bytes) -> bytes:
    """An ICMP message with its checksum."""
    total = sum(struct.unpack(">%dH" % (len(body) // 2), body))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return body[:2] + struct.pack(">H", total ^ 0xFFFF) + body[4:]
