"""One TCP stream from host to host, as fast as it goes, and what arrived of it by second."""

from __future__ import annotations

import os
import socket
import struct
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.lab.namespace import Namespace

PORT = 5201
CHUNK = 1 << 17


def measure_flow(source: Namespace, sink: Namespace, address: str, seconds: float, warmup: float = 1.0) -> float:
    """Send TCP from one namespace to `address` in the other; Mbit/s of what arrived after `warmup` within `seconds`."""
    with sink:
        listener = socket.create_server((address, PORT))
    try:
        with source:
            sender = socket.socket()
        sender.settimeout(10)
        sender.connect((address, PORT))
        receiver, _ = listener.accept()
    finally:
        listener.close()
    pid = os.fork()
    if pid == 0:
        try:
            receiver.close()
            sender.settimeout(10)
            data = bytes(CHUNK)
            while True:
                sender.sendall(data)
        finally:
            os._exit(0)  # the receiver closed, or nothing got through
    sender.close()
    try:
        return receive(receiver, seconds, warmup)
    finally:
        # A reset instead of a long goodbye: the sender's end takes the process with it.
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        receiver.close()
        os.waitpid(pid, 0)


def receive(receiver: socket.socket, seconds: float, warmup: float) -> float:
    """Count what arrives in the measured time."""
    receiver.settimeout(5)
    buffer = bytearray(CHUNK)
    start = time.monotonic()
    begin = end = start + warmup
    total = 0
    while end < begin + seconds:
        try:
            count = receiver.recv_into(buffer)
        except TimeoutError:
            count = 0
        end = time.monotonic()
        if end >= begin:
            total += count
        if count == 0:
            end = begin + seconds  # nothing more comes: the rate over the whole time says so
    return total * 8 / max(end - begin, seconds) / 1e6
