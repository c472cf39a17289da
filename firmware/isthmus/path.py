"""How large a packet passes on the road to the peer: the search for the path's limit, by probes that may not be cut.

Sans-IO. ESP leaves without DF, and nobody tells its sender of a smaller link behind the next router, so packets would
be cut on the way, or lost. IKE asks instead: a message of a given size, which the peer answers if it arrives whole.
The first size asked is the one that the uplink would take, and mostly the last.
"""

from __future__ import annotations

LEAST = 1280  # smaller is not looked for: the interface has at least IPv6's least MTU (RFC 8200 5) whatever happens
STEP = 4  # bytes that the search ends within: ESP aligns to as much (RFC 4303 2.4)
SETTLE_MS = 3_000  # a new road has other things to do first
AGAIN_MS = 900_000  # paths change
CALM_MS = 20_000  # a peer that does not answer the least size either is busy or away: what it says counts for nothing
MOST_SILENT = 3  # as often in a row: then the path really takes less
ANSWER_MS = 60_000  # a probe that is never judged went down with its IKE SA


class Path:
    """limit: the largest IP datagram that is known to pass, None as long as nobody has looked.

    A size counts as too large when it has failed twice, and the least has passed meanwhile: a lost packet, or a peer
    that is slow to answer, must not make the tunnel narrow.
    """

    def __init__(self) -> None:
        self.limit: int | None = None
        self._road: object = None
        self._ceiling = 0
        self._fits = 0
        self._fails = 0
        self._hints: list[int] = []
        self._is_found = False
        self._suspect: int | None = None
        self._silent = 0
        self._asked: int | None = None
        self._next: int | None = None

    def begin(self, road: object, ceiling: int, now: int) -> None:
        """Of a new road, whose first link takes `ceiling` bytes, nothing is known; of the same one all that was."""
        if self._road != (road, ceiling):
            self._road = (road, ceiling)
            self.limit = None
            self._silent = 0
            self._search(ceiling, [], now + SETTLE_MS)

    def _search(self, ceiling: int, hints: list[int], when: int) -> None:
        self._ceiling = ceiling
        self._fits, self._fails = 0, ceiling + STEP
        self._hints = [ceiling] + hints
        self._is_found = False
        self._suspect = None
        self._asked = None
        self._next = when

    def get_timer(self) -> int | None:
        """When due() wants to be called."""
        return self._next

    def due(self, now: int) -> int | None:
        """The size to be asked now, in bytes of the whole IP datagram."""
        if self._next is None or now < self._next:
            return None
        if self._asked is not None or self._is_found:  # never judged, or long ago
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
        return (max(self._fits, LEAST) + self._fails) // 2 // STEP * STEP

    def probed(self, size: int, fits: bool, sent: int, now: int) -> bool:
        """A probe of this size has been judged, with `sent` bytes in fact; True if the limit is not that of before."""
        if size != self._asked:
            return False
        self._asked = None
        self._next = now
        is_new = not fits or sent > self._fits  # what IKE's cipher pads may not come nearer than its block
        if fits:
            self._silent = 0
            self._fits = max(sent, self._fits)
        elif size <= LEAST:
            return self._stay_silent(now)
        elif size != self._suspect:
            self._suspect = size
            self._hints = ([LEAST, size] if not self._fits else [size]) + self._hints
        else:
            self._fails = size
        if is_new and self._fails - max(self._fits, LEAST) > STEP:
            return False
        return self._find(max(self._fits, min(LEAST, self._ceiling)), now)

    def _stay_silent(self, now: int) -> bool:
        """Not even the least size has been answered."""
        self._silent += 1
        if self._silent >= MOST_SILENT:
            return self._find(LEAST, now)
        self._search(self._ceiling, [], now + CALM_MS)
        return False

    def _find(self, limit: int, now: int) -> bool:
        self._is_found = True
        self._next = now + AGAIN_MS
        before, self.limit = self.limit, limit
        return before != limit
