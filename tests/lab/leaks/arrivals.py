"""What arrives: how many packets for one target, every 20 ms, so that it can be said how long nothing came through.

And the mirror: a server's answers for canaries, so that the router's connection tracking knows a flow in both
directions. It swaps addresses, ports and sequence numbers, which leaves every checksum as it was.
"""

from __future__ import annotations

import mmap
import os
import signal
import socket
import struct
import time
from typing import TYPE_CHECKING

from tests.lab.leaks import filter as bpf
from tests.lab.leaks.frames import ETHERNET, ICMP, ICMP6, IP4, TCP, UDP

if TYPE_CHECKING:
    from types import TracebackType

    from tests.lab.namespace import Namespace

STEP_S = 0.02
SLOTS = 1 << 19  # of 20 ms: nearly 3 hours
MIRROR_SHARE = 8  # one in so many canaries is answered
COUNT, MIRRORING = 0, 8
FIRST = 16
NUMBER = struct.Struct("Q")  # native: written in one piece


class Arrivals:
    """Counts what arrives for some addresses on an interface of a namespace, from `with` to its end."""

    def __init__(self, namespace: Namespace, ifname: str, targets: list[bytes]) -> None:
        self.namespace = namespace
        self.ifname = ifname
        self.targets = targets
        self.memory = mmap.mmap(-1, FIRST + SLOTS)
        self.start = 0.0
        self.pid = 0

    def __enter__(self) -> Arrivals:
        """Start counting."""
        counter = bpf.listen(self.namespace, self.ifname, bpf.to_address(self.targets), 4096)
        sample: list[bpf.Row] = [("", bpf.LDW, bpf.RANDOM, "", ""),
                                 ("", bpf.JGT, 0xFFFFFFFF // MIRROR_SHARE, "no", "")]  # fmt: skip
        mirror = bpf.listen(self.namespace, self.ifname, sample + bpf.to_address(self.targets), 1 << 18)
        self.start = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                self.work(counter, mirror)
            finally:
                os._exit(0)
        counter.close()
        mirror.close()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    @property
    def count(self) -> int:
        """How many have arrived so far."""
        number: int = NUMBER.unpack_from(self.memory, COUNT)[0]
        return number

    def mirror(self, on: bool) -> None:
        """Answer a share of them, or none."""
        NUMBER.pack_into(self.memory, MIRRORING, int(on))

    def gaps(self, begin: float, end: float, shortest: float = 0.2) -> float:
        """Seconds between two moments (monotonic) in which nothing came for `shortest` seconds or longer."""
        first, last = (int((moment - self.start) / STEP_S) for moment in (begin, end))
        total = run = 0
        for slot in range(max(first, 0), min(last, SLOTS)):
            if self.memory[FIRST + slot]:
                total += run if run * STEP_S >= shortest else 0
                run = 0
            else:
                run += 1
        total += run if run * STEP_S >= shortest else 0
        return round(total * STEP_S, 2)

    # The process

    def work(self, counter: socket.socket, mirror: socket.socket) -> None:
        """Write down each 20 ms whether anything came; a late look stands for the whole time since the last."""
        total, slot = 0, 0
        while True:
            now = time.monotonic()
            packets = bpf.statistics(counter)[0]
            total += packets
            NUMBER.pack_into(self.memory, COUNT, total)
            current = min(int((now - self.start) / STEP_S), SLOTS - 1)
            while slot <= current:
                self.memory[FIRST + slot] = min(packets, 255)
                slot += 1
            self.answer(mirror)
            time.sleep(max(self.start + (current + 1) * STEP_S - time.monotonic(), 0.002))

    def answer(self, mirror: socket.socket) -> None:
        """Mirror what has come, or throw it away."""
        wanted = NUMBER.unpack_from(self.memory, MIRRORING)[0]
        for _ in range(100):
            try:
                frame = mirror.recv(bpf.KEEP)
            except BlockingIOError:
                return
            turned = turn(frame) if wanted else b""
            if turned:
                try:
                    mirror.send(turned)
                except OSError:
                    continue  # no room just now: it is a sample anyway


def turn(frame: bytes) -> bytes:
    """The frame as an answer; nothing for echo requests, which the kernel answers itself."""
    data = bytearray(frame)
    data[0:6], data[6:12] = frame[6:12], frame[0:6]
    is_ip4 = struct.unpack_from(">H", frame, 12)[0] == IP4
    size, at, head = (4, ETHERNET + 12, 20) if is_ip4 else (16, ETHERNET + 8, 40)
    data[at : at + size], data[at + size : at + 2 * size] = frame[at + size : at + 2 * size], frame[at : at + size]
    protocol, body = frame[ETHERNET + (9 if is_ip4 else 6)], ETHERNET + head
    if protocol in (ICMP, ICMP6):
        return b""
    if protocol in (TCP, UDP):
        data[body : body + 2], data[body + 2 : body + 4] = frame[body + 2 : body + 4], frame[body : body + 2]
    if protocol == TCP:
        if frame[body + 13] & 0x02:
            return b""  # a SYN would need another flag
        data[body + 4 : body + 8], data[body + 8 : body + 12] = frame[body + 8 : body + 12], frame[body + 4 : body + 8]
    return bytes(data)
