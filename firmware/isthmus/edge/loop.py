"""The loop: one poll over integer file descriptors, and the next timer."""

from __future__ import annotations

import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_WAIT_MS = 60_000  # a clock that wraps (MicroPython, 32 bit) wants to be read now and then


class Loop:
    """Calls back what has become readable or writable. Callbacks take the descriptor."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._readers: dict[int, Callable[[int], None]] = {}
        self._writers: dict[int, Callable[[int], None]] = {}

    def on_readable(self, fd: int, callback: Callable[[int], None]) -> None:
        """Watch fd for reading until forget(fd)."""
        self._readers[fd] = callback
        self._register(fd)

    def on_writable(self, fd: int, callback: Callable[[int], None] | None) -> None:
        """Watch fd for writing, until called again with None."""
        if callback is None:
            self._writers.pop(fd, None)
        else:
            self._writers[fd] = callback
        self._register(fd)

    def forget(self, fd: int) -> None:
        """Stop watching fd; call it before closing."""
        if fd in self._readers or fd in self._writers:
            self._poll.unregister(fd)
        self._readers.pop(fd, None)
        self._writers.pop(fd, None)

    def _register(self, fd: int) -> None:
        events = 0
        if fd in self._readers:
            events |= select.POLLIN
        if fd in self._writers:
            events |= select.POLLOUT
        self._poll.register(fd, events)

    def turn(self, timeout_ms: int | None) -> None:
        """Wait until something is ready or the time is over, and call back what is ready."""
        wait = LONGEST_WAIT_MS if timeout_ms is None else max(0, min(timeout_ms, LONGEST_WAIT_MS))
        for item in self._poll.poll(wait):
            fd, event = item[0], item[1]
            if event & ~select.POLLOUT:  # errors and hang-ups are told to the reader, whose read finds out
                reader = self._readers.get(fd)
                if reader is not None:
                    reader(fd)
            if event & select.POLLOUT:
                writer = self._writers.get(fd)
                if writer is not None:
                    writer(fd)
