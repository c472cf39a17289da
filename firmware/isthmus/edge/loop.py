"""The loop: one poll over integer file descriptors, and the next timer."""

from __future__ import annotations

import select

from isthmus.edge import os_cpython as host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_TURN_MS = 50  # then no further round begins: timers are not kept waiting by who asks and asks
LONGEST_WAIT_MS = 60_000  # a clock that wraps (MicroPython, 32 bit) wants to be read now and then


class Loop:
    """Calls back what has become readable or writable. Callbacks take the descriptor."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._watched: set[int] = set()
        self._readers: dict[int, Callable[[int], None]] = {}
        self._writers: dict[int, Callable[[int], None]] = {}

    def on_readable(self, fd: int, callback: Callable[[int], None] | None) -> None:
        """Watch fd for reading, until called again with None or forget(fd)."""
        if callback is None:
            self._readers.pop(fd, None)
        else:
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
        if fd in self._watched:
            self._poll.unregister(fd)
        self._watched.discard(fd)
        self._readers.pop(fd, None)
        self._writers.pop(fd, None)

    def _register(self, fd: int) -> None:
        events = 0
        if fd in self._readers:
            events |= select.POLLIN
        if fd in self._writers:
            events |= select.POLLOUT
        self._poll.register(fd, events)
        self._watched.add(fd)

    def turn(self, timeout_ms: int | None, rounds: int = 1) -> None:
        """Wait until something is ready or the time is over, and call back what is ready. rounds: how often at most
        to do the same, without waiting, for what is ready then, and no more once LONGEST_TURN_MS have gone by.

        Raises what a callback raised, the last of them, when every other has been served.
        """
        wait = LONGEST_WAIT_MS if timeout_ms is None else max(0, min(timeout_ms, LONGEST_WAIT_MS))
        begun: int | None = None
        for _ in range(rounds):
            ready = self._poll.poll(wait)
            if not ready:
                return
            if begun is None:
                begun = host.now()
            self._serve(ready)
            if host.now() - begun >= LONGEST_TURN_MS:
                return
            wait = 0

    def _serve(self, ready: list[tuple[int, int]]) -> None:
        mistake: Exception | None = None
        for item in ready:
            fd, event = item[0], item[1]
            # errors and hang-ups are told to the reader, whose read finds out; where there is none, to the writer
            rows = (
                (self._readers, event & ~select.POLLOUT),
                (self._writers, event if fd not in self._readers else event & select.POLLOUT),
            )
            for callbacks, happened in rows:
                callback = callbacks.get(fd) if happened else None
                if callback is not None:
                    try:
                        callback(fd)
                    except Exception as error:  # noqa: BLE001 - raised below: one mistake ends one event, not all
                        mistake = error
        if mistake is not None:
            raise mistake
