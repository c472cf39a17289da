"""TCP from host to host: how long a given amount of data takes to arrive.

The connection stays open between two measurements, so that two tunnels can take turns several times a second: what else
the machine does then hits both alike. Sender and receiver share one processor, which is full all the time: so the rate
is what a packet costs, and not a matter of where the scheduler puts whom (measured: half the spread, the same rate).
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import time
from typing import TYPE_CHECKING

from tests.lab.namespace import LabError

if TYPE_CHECKING:
    from types import TracebackType

    from tests.lab.namespace import Namespace

PORT = 5201
CHUNK = 1 << 17
AMOUNT = struct.Struct("=Q")
CONNECT_S = 20.0
STALL_S = 20.0  # without a single byte
PROCESSORS = sorted(os.sched_getaffinity(0))


class Flow:
    """A connection from a process in `source` to `address` in `sink`, open from `with` to its end."""

    def __init__(self, source: Namespace, sink: Namespace, address: str) -> None:
        self.source = source
        self.sink = sink
        self.address = address
        self.pid = 0
        self.buffer = bytearray(CHUNK)

    def __enter__(self) -> Flow:
        """Connect."""
        for namespace in (self.source, self.sink):
            # Otherwise each turn would begin as slowly as a new connection.
            namespace.set_sysctl("net/ipv4/tcp_slow_start_after_idle", "0")
        with self.sink:
            listener = socket.create_server((self.address, PORT))
        with listener:
            with self.source:
                sender = socket.socket()
            sender.settimeout(CONNECT_S)
            sender.connect((self.address, PORT))
            self.receiver, _ = listener.accept()
        self.receiver.settimeout(STALL_S)
        self.control, orders = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                self.receiver.close()
                self.control.close()
                send_all(orders, sender)
            finally:
                os._exit(0)
        orders.close()
        sender.close()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """End it at once, whatever is under way: a reset, and the sender's end takes its process with it."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.receiver.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.receiver.close()
        self.control.close()

    def carry(self, amount: int) -> float:
        """Send `amount` bytes; how many seconds it took until the last of them had arrived. Raises LabError."""
        stay()
        try:
            start = time.monotonic()
            self.control.sendall(AMOUNT.pack(amount))
            self.receive(amount)
            return time.monotonic() - start
        finally:
            os.sched_setaffinity(0, PROCESSORS)

    def receive(self, amount: int) -> None:
        """Read that much."""
        left = amount
        while left:
            try:
                count = self.receiver.recv_into(self.buffer, min(left, CHUNK))
            except TimeoutError:
                raise LabError(f"TCP to {self.address} stalls: {left} of {amount} bytes have not arrived") from None
            if count == 0:
                raise LabError(f"TCP to {self.address} broke off: {left} of {amount} bytes have not arrived")
            left -= count

    def fit(self, seconds: float) -> int:
        """Warm up; the amount that takes about this long, in bytes."""
        amount = CHUNK
        while True:
            took = self.carry(amount)
            if took >= seconds / 2:
                return max(int(amount * seconds / took), CHUNK)
            amount *= 2


def send_all(orders: socket.socket, sender: socket.socket) -> None:
    """The sending process: so much data as each order says."""
    stay()
    sender.settimeout(None)
    data = memoryview(bytes(CHUNK))
    while order := orders.recv(AMOUNT.size):
        left = AMOUNT.unpack(order)[0]
        while left:
            left -= sender.send(data[:left])


def stay() -> None:
    """Keep this process on the one processor."""
    os.sched_setaffinity(0, PROCESSORS[:1])


def megabits(amount: int, seconds: float) -> float:
    """A rate in Mbit/s."""
    return amount * 8 / seconds / 1e6
