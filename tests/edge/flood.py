"""Frames sent again and again, many with one system call."""

from __future__ import annotations

import ctypes
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

BATCH = 64
PATIENCE_S = 10.0
_libc = ctypes.CDLL(None, use_errno=True)


class _Slice(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("base", ctypes.c_char_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):
    """struct msghdr: it has room behind its flags, so that the next structure does not begin there."""

    _fields_ = (
        ("name", ctypes.c_void_p), ("name_length", ctypes.c_uint), ("slices", ctypes.POINTER(_Slice)),
        ("count", ctypes.c_size_t), ("control", ctypes.c_void_p), ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )  # fmt: skip


class _Message(ctypes.Structure):
    """struct mmsghdr."""

    _fields_ = (("header", _Header), ("sent", ctypes.c_uint))


class Frames:
    """These frames, ready to be sent as one batch."""

    def __init__(self, end: socket.socket, frames: list[bytes]) -> None:
        self.count = len(frames)
        self._end = end
        self._slices = [_Slice(frame, len(frame)) for frame in frames]
        self._messages = (_Message * self.count)()
        for message, piece in zip(self._messages, self._slices):
            message.header.slices = ctypes.pointer(piece)
            message.header.count = 1

    def send(self) -> int:
        """How many the kernel has taken."""
        return max(0, int(_libc.sendmmsg(self._end.fileno(), self._messages, self.count, 0)))


class Flood:
    """`with Flood(end, frames):` they are sent for as long as it lasts, in turn."""

    def __init__(self, end: socket.socket, frames: list[bytes]) -> None:
        self._batch = Frames(end, [frames[number % len(frames)] for number in range(BATCH)])
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._batch.send()

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_S)
