"""Sends canaries, each kind in turn, at a steady rate: one process, frames made beforehand, a socket below IP.

The test steers it through shared memory: rate, which kinds, stop. What was sent is counted by kind.
"""

from __future__ import annotations

import mmap
import os
import signal
import socket
import struct
import time
from typing import TYPE_CHECKING

from tests.lab.leaks.frames import Frame, Host, frames_of
from tests.lab.namespace import wait_until

if TYPE_CHECKING:
    from types import TracebackType

    from tests.lab.namespace import Namespace

RATE, MASK, SENT, KINDS = 0, 8, 16, 24  # places of 64-bit numbers in the shared memory; from KINDS on one a kind
NUMBER = struct.Struct("Q")  # native: written in one piece, so that nobody reads half of it
EVERYTHING = (1 << 63) - 1
MOST_AT_ONCE = 50  # what a starved sender missed is not made up for
STEP_S = 0.01
SO_SNDBUFFORCE = 32


class Canaries:
    """The canaries of one host, from `with` to its end; they fly when `rate` is set."""

    def __init__(self, namespace: Namespace, host: Host) -> None:
        self.namespace = namespace
        self.frames = frames_of(host)
        self.memory = mmap.mmap(-1, KINDS + 8 * len(self.frames))
        self.pid = 0
        self._set(MASK, EVERYTHING)

    def __enter__(self) -> Canaries:
        """Start the process; it sends nothing yet."""
        with self.namespace:
            item = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            item.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 1 << 22)
            item.bind(("eth0", 0))
        item.setblocking(False)
        self.pid = os.fork()
        if self.pid == 0:
            try:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                self.work(item)
            finally:
                os._exit(0)
        item.close()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """No more."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def fly(self, rate: int, names: tuple[str, ...] = ()) -> None:
        """From now on send so many a second, of these kinds only if any are named; 0 stops."""
        mask = sum(1 << place for place, frame in enumerate(self.frames) if frame.name in names) or EVERYTHING
        self._set(MASK, mask)
        self._set(RATE, rate)

    @property
    def sent(self) -> int:
        """How many were sent so far."""
        return self._get(SENT)

    def sent_by_kind(self) -> list[int]:
        """How many of each kind, in the order of `frames`."""
        return [self._get(KINDS + 8 * place) for place in range(len(self.frames))]

    def wait(self, count: int) -> None:
        """Until so many more were sent."""
        target = self.sent + count
        rate = max(self._get(RATE), 1)
        wait_until("the canaries go on", lambda: self.sent >= target, count / rate * 8 + 20)

    def _get(self, place: int) -> int:
        number: int = NUMBER.unpack_from(self.memory, place)[0]
        return number

    def _set(self, place: int, number: int) -> None:
        NUMBER.pack_into(self.memory, place, number)

    # The process

    def work(self, item: socket.socket) -> None:
        """Keep to the rate."""
        number, at, due = 0, 0, time.monotonic()
        while True:
            rate, mask = self._get(RATE), self._get(MASK)
            chosen = [(place, frame) for place, frame in enumerate(self.frames) if mask >> place & 1]
            now = time.monotonic()
            if not rate or not chosen:
                due = now
                time.sleep(STEP_S)
                continue
            due = max(due, now - MOST_AT_ONCE / rate)
            while due <= now:
                place, frame = chosen[at % len(chosen)]
                at += 1
                due += 1 / rate
                if self.send(item, frame, number):
                    number += 1
                    self._set(SENT, number)
                    self._set(KINDS + 8 * place, self._get(KINDS + 8 * place) + 1)
            time.sleep(STEP_S)

    def send(self, item: socket.socket, frame: Frame, number: int) -> bool:
        """One frame; whether it was sent."""
        try:
            item.send(frame.number(number))
        except OSError:
            return False
        return True
