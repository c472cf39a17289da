"""A netlink socket for long lists: each message of the answer is handed on as it comes, undecoded (lean.py).

Requests are messages in pyroute2's style, encoded by it; the socket is the system's own, the same on both interpreters.
"""
from __future__ import annotations

import sys

from isthmus.kernel.contract import EIO, ETIMEDOUT, KernelError
from isthmus.kernel.real_netlink import DO, LIST

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable
    from typing import TypeVar

    from isthmus.kernel.real_netlink import nlmsg

    Item = TypeVar("Item")

_ORDER = sys.byteorder
_AF_NETLINK, _SOCK_RAW, _POLLIN = 16, 3, 1

# linux/netlink.h
_NLMSG_ERROR, _NLMSG_DONE, _NLM_F_DUMP_INTR = 2, 3, 0x10
_HEADER = 16  # struct nlmsghdr: length 4, type 2, flags 2, sequence number 4, port 4

_BUFFER = 32768  # what the kernel puts into one datagram of a list at most
_PATIENCE_MS = 10_000  # between two datagrams of an answer
_TRIES = 5  # of a list that other programs change while it is read


class Lister:
    """One socket, opened at its first use. kind: of the objects, for errors."""

    def __init__(self, family: int, kind: str) -> None:
        self._family = family
        self._kind = kind
        self._socket: _socket.socket | None = None
        self._sequence = 0

    def close(self) -> None:
        """Give the descriptor back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def collect(
        self, message: nlmsg, number: int, doing: str, pull: Callable[[bytes, int, int], Item | None]
    ) -> list[Item]:
        """What `pull` makes of each message's body in the answer, given (data, begin, end), but for None. Raises
        KernelError with `doing` in its sentence.
        """
        request = _encode(message, number, LIST)
        for _ in range(_TRIES):
            items: list[Item] = []
            if self._ask(request, doing, items, pull):
                return items
        detail = "the list changed %d times while it was read" % _TRIES
        raise KernelError(ETIMEDOUT, doing, kind=self._kind, detail=detail)

    def do(self, message: nlmsg, number: int, doing: str) -> None:
        """Returns when the kernel has done it."""
        self._ask(_encode(message, number, DO), doing, [], _ignore)

    def _ask(
        self, request: bytearray, doing: str, items: list[Item], pull: Callable[[bytes, int, int], Item | None]
    ) -> bool:
        """One request; the answer goes into `items`. False if the list changed while it was read."""
        try:
            return self._exchange(request, doing, items, pull)
        except OSError as error:
            self.close()
            raise KernelError(error.errno or EIO, doing, kind=self._kind) from None
        except ValueError as error:
            self.close()  # what is left of the answer goes with it
            raise KernelError(EIO, doing, kind=self._kind, detail=str(error)) from None

    def _exchange(
        self, request: bytearray, doing: str, items: list[Item], pull: Callable[[bytes, int, int], Item | None]
    ) -> bool:
        opened, poll = self._open()
        self._sequence = self._sequence % 0x7FFFFFFF + 1
        request[8:12] = self._sequence.to_bytes(4, _ORDER)
        opened.send(request)
        whole = True
        while True:
            if not poll(_PATIENCE_MS):
                self.close()
                raise KernelError(ETIMEDOUT, doing, kind=self._kind)
            data = opened.recv(_BUFFER)
            for kind, flags, begin, end in split_messages(data, self._sequence):
                whole = whole and not flags & _NLM_F_DUMP_INTR
                if kind in {_NLMSG_ERROR, _NLMSG_DONE}:
                    self._check(data, begin, end, doing)
                    return whole
                item = pull(data, begin, end)
                if item is not None:
                    items.append(item)

    def _check(self, data: bytes, begin: int, end: int, doing: str) -> None:
        """Raise KernelError where the end of an answer says that it failed: a negative errno."""
        code = int.from_bytes(data[begin : begin + 4], _ORDER) if end - begin >= 4 else 0
        if code >> 31:
            raise KernelError((1 << 32) - code, doing, kind=self._kind)

    def _open(self) -> tuple[_socket.socket, Callable[[int], object]]:
        import select

        try:
            import _socket as socket  # CPython's own loads much that is not used here
        except ImportError:
            import socket  # type: ignore[no-redef]

        if self._socket is None:
            # Not bound: the kernel gives a number with the first request, and knows nobody else to send it to.
            self._socket = socket.socket(_AF_NETLINK, _SOCK_RAW, self._family)
        poll = select.poll()
        poll.register(self._socket.fileno(), _POLLIN)
        return self._socket, poll.poll


def _encode(message: nlmsg, number: int, flags: int) -> bytearray:
    message["header"].update({"type": number, "flags": flags, "sequence_number": 0, "pid": 0})
    message.encode()
    return message.data


def _ignore(data: bytes, begin: int, end: int) -> None:
    """What else the kernel says to a request that it obeys."""


def split_messages(data: bytes, sequence: int) -> list[tuple[int, int, int, int]]:
    """(type, flags, begin and end of the body) of the messages of a datagram that answer this request. ValueError for a
    datagram that is not made of whole messages.
    """
    out = []
    offset = 0
    while offset < len(data):
        length = int.from_bytes(data[offset : offset + 4], _ORDER)
        if length < _HEADER or offset + length > len(data):
            raise ValueError("a netlink message of %d bytes where %d are there" % (length, len(data) - offset))
        if int.from_bytes(data[offset + 8 : offset + 12], _ORDER) == sequence:
            kind = int.from_bytes(data[offset + 4 : offset + 6], _ORDER)
            flags = int.from_bytes(data[offset + 6 : offset + 8], _ORDER)
            out.append((kind, flags, offset + _HEADER, offset + length))
        offset += (length + 3) & ~3
    return out
