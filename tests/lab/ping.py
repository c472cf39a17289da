"""A steady stream of ICMP echo requests, every one of them accounted for.

One process of ours sends at a fixed rate and marks each answered number in memory that it shares with the test, which
can therefore ask at any moment what was lost between two moments. The answers come from the other host's kernel.
"""

from __future__ import annotations

import mmap
import os
import select
import signal
import socket
import struct
import time
from typing import TYPE_CHECKING

from tests.lab.namespace import LabError, wait_until

if TYPE_CHECKING:
    from types import TracebackType

    from tests.lab.namespace import Namespace

SOL_RAW, ICMP_FILTER = 255, 1      # linux/icmp.h
ECHO_REQUEST, ECHO_REPLY = 8, 0    # RFC 792
LINGER = 5.0                       # seconds to wait for the last answers, on a machine that may be busy
SO_SNDBUFFORCE, SO_RCVBUFFORCE, ROOM = 32, 33, 1 << 24  # for bursts of a process that had no processor for a while
MOST_AT_ONCE = 50                  # requests in one burst: the time that a starved sender missed is not made up for
HEADER = struct.Struct("=QQ")      # sent; wanted end (1 = stop)
SLOTS = 1 << 20                    # numbers that one stream can use: 87 minutes at 200 a second


class Stream:
    """Echo requests from a namespace to an address, `rate` a second, from `with` to its end; `size` bytes of data."""

    def __init__(self, namespace: Namespace, address: str, rate: int = 200, size: int = 56) -> None:
        self.namespace = namespace
        self.address = address
        self.rate = rate
        self.size = size
        self.pid = 0
        self.memory = mmap.mmap(-1, HEADER.size + SLOTS)

    def __enter__(self) -> Stream:
        """Start sending."""
        with self.namespace:
            item = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        item.setsockopt(SOL_RAW, ICMP_FILTER, struct.pack("=I", ~(1 << ECHO_REPLY) & 0xFFFFFFFF))
        item.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
        item.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, ROOM)
        item.connect((self.address, 0))
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                self.send_all(item)
                status = 0
            finally:
                os._exit(status)
        item.close()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Stop sending, wait for the last answers."""
        self.stop()

    def stop(self) -> None:
        """Stop sending and wait up to LINGER for the last answers; once is enough."""
        if self.pid:
            struct.pack_into("=Q", self.memory, 8, 1)
            _, status = os.waitpid(self.pid, 0)
            self.pid = 0
            if status != 0:
                raise LabError(f"the ping process ended with {status}")

    def send_all(self, item: socket.socket) -> None:
        """The sending process: keep to the schedule, mark the answers."""
        identifier = os.getpid() & 0xFFFF
        item.setblocking(False)
        poll = select.poll()
        poll.register(item, select.POLLIN)
        data = bytes(max(self.size - 4, 0))
        start = time.monotonic()
        number, end = 0, None
        while True:
            now = time.monotonic()
            if end is None and struct.unpack_from("=Q", self.memory, 8)[0]:
                end = now + LINGER
            if end is None:
                start = max(start, now - (number + MOST_AT_ONCE) / self.rate)
                while number < SLOTS and start + number / self.rate <= now:
                    self.send_one(item, identifier, number, data)
                    number += 1
                    struct.pack_into("=Q", self.memory, 0, number)
                due = start + number / self.rate
            elif now >= end or not self.list_lost(0, number):
                return
            else:
                due = end
            if poll.poll(max((due - now) * 1000, 0) if end is None else 20):
                self.receive_all(item, identifier)

    def send_one(self, item: socket.socket, identifier: int, number: int, data: bytes) -> None:
        """Send one request; what the kernel refuses to send counts as lost."""
        message = struct.pack(">BBHHHI", ECHO_REQUEST, 0, 0, identifier, number & 0xFFFF, number) + data
        total = identifier + (number & 0xFFFF) + (number >> 16) + (number & 0xFFFF) + (ECHO_REQUEST << 8)
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        try:
            item.send(message[:2] + struct.pack(">H", total ^ 0xFFFF) + message[4:])
        except OSError:
            return

    def receive_all(self, item: socket.socket, identifier: int) -> None:
        """Mark what was answered; an error that the kernel reports is not an answer."""
        while True:
            try:
                packet = item.recv(2048)
            except BlockingIOError:
                return
            except OSError:
                continue
            body = packet[(packet[0] & 15) * 4:]
            kind, _, _, other, _, number = struct.unpack_from(">BBHHHI", body)
            if kind == ECHO_REPLY and other == identifier and number < SLOTS:
                self.memory[HEADER.size + number] = 1

    @property
    def sent(self) -> int:
        """How many requests were sent so far; the next one's number."""
        number: int = struct.unpack_from("=Q", self.memory, 0)[0]
        return number

    def tell_lost(self, first: int = 0) -> str:
        """What was lost from `first` on, for people: how many, and in which runs of numbers."""
        lost = self.list_lost(first)
        runs: list[list[int]] = []
        for number in lost:
            if runs and runs[-1][1] == number - 1:
                runs[-1][1] = number
            else:
                runs.append([number, number])
        shown = [f"{low - first} to {high - first}" for low, high in runs[:12]]
        return f"{len(lost)} of {self.sent - first} lost, in {len(runs)} runs: {', '.join(shown)}"

    def list_lost(self, first: int = 0, end: int | None = None) -> list[int]:
        """The numbers from `first` up to and without `end` that were not answered (so far)."""
        last = self.sent if end is None else end
        marks = self.memory[HEADER.size + first:HEADER.size + last]
        return [first + place for place, mark in enumerate(marks) if not mark]

    def count_answered(self, first: int = 0) -> int:
        """How many from `first` on were answered so far."""
        last = self.sent
        return self.memory[HEADER.size + first:HEADER.size + last].count(1)

    def wait_answer(self, limit: float = 20.0) -> float:
        """Wait until a request sent from now on is answered; how long that took in seconds."""
        first, start = self.sent, time.monotonic()
        wait_until(f"an answer from {self.address}", lambda: self.count_answered(first), limit, 0.005)
        return time.monotonic() - start

    def wait_sent(self, count: int) -> int:
        """Wait until `count` more were sent; the number of the next one."""
        target = self.sent + count
        wait_until("the ping stream goes on", lambda: self.sent >= target, count / self.rate * 5 + 20)
        return self.sent
