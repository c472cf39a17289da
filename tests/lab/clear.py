"""Clear-text L2TP on purpose: what a leak looks like, sent again and again from a router.

Four kinds, in turn: protocol 115 to the peer's outer address; UDP 1701 to 1701; UDP 1701 to another port; UDP from
another port to 1701. A guard that works answers every one with EPERM; what the Internet sees counts.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

    from tests.lab.namespace import Namespace

KINDS = (("ip", 0, 0), ("udp", 1701, 1701), ("udp", 1701, 31701), ("udp", 31701, 1701))
FRAME = b"\x00\x00\x30\x39" + b"canary in the clear"  # an L2TPv3 data message: session id, then anything


class ClearL2tp:
    """Sends from a namespace to an address, `rate` packets a second, from `with` to its end."""

    def __init__(self, namespace: Namespace, address: str, rate: int = 40) -> None:
        self.namespace = namespace
        self.address = address
        self.rate = rate
        self.pid = 0

    def __enter__(self) -> ClearL2tp:
        """Start sending."""
        with self.namespace:
            sockets = [self.make(row) for row in KINDS]
        self.pid = os.fork()
        if self.pid == 0:
            try:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                self.send_all(sockets)
            finally:
                os._exit(0)
        for item in sockets:
            item.close()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop sending."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def make(self, row: tuple[str, int, int]) -> socket.socket:
        """A socket that sends one kind."""
        kind, source, target = row
        if kind == "ip":
            item = socket.socket(socket.AF_INET, socket.SOCK_RAW, 115)
        else:
            item = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            item.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            item.bind(("", source))
        item.connect((self.address, target))
        return item

    def send_all(self, sockets: list[socket.socket]) -> None:
        """The sending process."""
        while True:
            for item in sockets:
                try:
                    item.send(FRAME)
                except OSError:
                    pass  # the guard, or the peer's ICMP: what counts is what the Internet sees
            time.sleep(len(sockets) / self.rate)
