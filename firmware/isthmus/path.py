"""How large a packet passes on the road to the peer: the search for the path's limit, by probes that may not be cut.

Sans-IO. ESP leaves without DF, and nobody tells its sender of a smaller link behind the next router, so packets would
be cut on the way, or lost. IKE asks instead: a message of a given size, which the peer answers if it arrives whole.
The first size asked is the one that the uplink would take, and mostly the last.
"""

from __future__ import annotations

LEAST = 1280  # smaller is not looked for: the interface has at least IPv6's least MTU (RFC 8200 5) whatever happens
STEP = 4  # bytes that the search ends within: ESP aligns to as much (RFC 4303 2.4)
AGAIN_MS = 900_000  # paths change
ANSWER_MS = 60_000  # a probe that is never judged went down with its IKE SA


class Path:
    """limit: the largest IP datagram that is known to pass, None as long as nobody has looked."""

    def __init__(self) -> None:
        self.limit: int | None = None
        self._road: object = None
        self._ceiling = 0
        self._fits = LEAST
        self._fails = 0
        self._hints: list[int] = []
        self._is_found = False
        self._asked: int | None = None
        self._next: int | None = None

    def begin(self, road: object, ceiling: int, now: int) -> None:
        """Of a new road, whose first link takes `ceiling` bytes, nothing is known; of the same one all that was."""
        if self._road != (road, ceiling):
            self._road = (road, ceiling)
            self.limit = None
            self._search(ceiling, [], now)

    def _search(self, ceiling: int, hints: list[int], now: int) -> None:
        self._ceiling = ceiling
        self._fits, self._fails = min(LEAST, ceiling), ceiling + STEP
        self._hints = [ceiling] + hints
        self._is_found = False
        self._asked = None
        self._next = now

    def get_timer(self) -> int | None:
        """When due() wants to be called."""
        return self._next

    def due(self, now: int) -> int | None:
        """The size to be asked now, in bytes of the whole IP datagram."""
        if self._next is None or now < self._next:
            return None
        if self._asked is not None or self._is_done():  # never judged, or long ago
            known = [self.limit, self.limit + STEP] if self.limit is not None else []
            self._search(self._ceiling, known, now)
        self._asked = self._choose()
        self._next = now + ANSWER_MS
        return self._asked

    def _choose(self) -> int:
        while self._hints:
            size = self._hints.pop(0)
            if self._fits < size < self._fails:
                return size
        return (self._fits + self._fails) // 2 // STEP * STEP

    def _is_done(self) -> bool:
        return self._is_found or self._fails - self._fits <= STEP

    def probed(self, size: int, fits: bool, sent: int, now: int) -> bool:
        """A probe of this size has been judged, with `sent` bytes in fact; True if the limit is not that of before."""
        if size != self._asked:
            return False
        self._asked = None
        is_new = not fits or sent > self._fits  # what IKE's cipher pads may not come nearer than its block
        if fits:
            self._fits = max(sent, self._fits)
        else:
            self._fails = size
        if is_new and not self._is_done():
            self._next = now
            return False
        self._is_found = True
        before, self.limit = self.limit, self._fits
        self._next = now + AGAIN_MS
        return before != self.limit
