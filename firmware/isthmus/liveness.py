"""Whether the peer is there: when to ask it, and when to call it anew. Sans-IO.

Only a peer from which nothing comes is asked, neither traffic nor IKE (RFC 7296 2.4). When the path goes dead under
our probe it is asked at once; and when it does not answer that either, it may have lost everything: a fresh handshake
beside what stands says so much sooner than the end of all patience with the old one.

A path that stays dead while the peer answers is called anew as well: should the two sides differ in what they have
agreed or where they send it, that heals it, whatever the cause. Should something between them let IKE through and not
ESP, ESP goes in UDP (detour.py); should that not heal it either, nothing does, and the calls become rare.
"""

from __future__ import annotations

DOUBT_MS = 4_000  # after the path went dead: should the peer be there, it has answered by then
MEND_MS = 20_000  # of a dead path before the first fresh handshake; each further wait is twice as long
LONGEST_MEND_MS = 640_000
FIRST_MEND_MS = 15_000  # of a path that has never answered: longer than the slowest end needs for its side of it

ASK = "ask"
CALL = "call"  # it may have lost everything
MEND = "mend"  # it answers, and the path does not


class Liveness:
    """seen_at: when an authenticated message of the peer came last, None: never."""

    def __init__(self, interval_ms: int, now: int) -> None:
        self.interval_ms = interval_ms
        self.seen_at: int | None = None
        self._checked_at = now
        self._packets: int | None = None
        self._doubt_since: int | None = None
        self._mend_at: int | None = None
        self._mend_wait = MEND_MS
        self.mends = 0  # calls for this dead path

    def fresh(self, now: int) -> None:
        """New SAs: nothing is to be asked for a while."""
        self._checked_at = now
        if self._mend_at is not None:
            self._mend_at = max(self._mend_at, now + FIRST_MEND_MS)

    def path_made(self, now: int) -> None:
        """The probe sets out on a new path."""
        if self._mend_at is None:
            self._mend_wait = MEND_MS
            self._mend_at = now + FIRST_MEND_MS
            self.mends = 0

    def path_lost(self, now: int) -> None:
        """The probe has stopped coming back; the peer is being asked."""
        self._doubt_since = now
        self._mend_wait = MEND_MS
        self._mend_at = now + MEND_MS
        self.mends = 0

    def path_found(self) -> None:
        """The probe comes back."""
        self._mend_at = None

    def get_timer(self) -> int:
        """When due() wants to be called."""
        timer = self._checked_at + self.interval_ms
        if self._doubt_since is not None:
            timer = min(timer, self._doubt_since + DOUBT_MS)
        return timer if self._mend_at is None else min(timer, self._mend_at)

    def due(self, packets: int | None, answering: bool, now: int) -> list[str]:
        """ASK, CALL, MEND. packets: so many have come in on ESP, None if unknown; answering: the path lives."""
        todo = []
        if self._doubt_since is not None and now - self._doubt_since >= DOUBT_MS:
            if not answering and (self.seen_at is None or self.seen_at < self._doubt_since):
                todo.append(CALL)
            self._doubt_since = None
        if self._mend_at is not None and now >= self._mend_at:
            todo.append(MEND)
            self.mends += 1
            self._mend_wait = min(2 * self._mend_wait, LONGEST_MEND_MS)
            self._mend_at = now + self._mend_wait
        if now - self._checked_at >= self.interval_ms:
            quiet = packets is None or packets == self._packets
            heard = self.seen_at is not None and now - self.seen_at < self.interval_ms
            self._checked_at = now
            self._packets = packets
            if quiet and not heard:
                todo.append(ASK)
        return todo
