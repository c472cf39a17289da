"""Which password is looked at next: scrypt runs one at a time, and whoever waits is taken in an order that is fair.

Two lines, taken in turn. Direct: administrators' changes, step-ups, and logins with a device mark, as they come.
Strangers: logins without one; those whose address has failed least go first, as soon as throttle.py lets any.
"""

from __future__ import annotations

from isthmus.users.errors import BusyError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.users.book import Params, User
    from isthmus.users.sessions import Session
    from isthmus.users.throttle import Bucket, Throttle

MOST_STRANGERS = 8
MOST_DIRECT = 16
MOST_OF_GUESTS = 6  # of these: with one under way and all strangers they leave the web interface a connection
MOST_OF_USER = 2  # of one user, whichever of their sessions asks
PATIENCE_MS = 25_000  # a stranger waits no longer

LOGIN, STEP_UP, SET, CLAIM, UPGRADE = 0, 1, 2, 3, 4


class Attempt:
    """One password to be hashed, and what for. Its repr shows nothing of it.

    ticket: the caller's, comes back with the answer. user: as the book had it when it was asked; None for a name that
    nobody has. lane: the device mark, where one was shown. role: of a user who is made; None where it stays. by: the
    session that changes another user. asker: the user who waits for it; "": root, or nobody.
    """

    def __init__(self, kind: int, ticket: object, name: str, password: bytes, params: Params, salt: bytes) -> None:
        self.kind = kind
        self.ticket = ticket
        self.name = name
        self.password = password
        self.params = params
        self.salt = salt
        self.user: User | None = None
        self.session: Session | None = None
        self.by: Session | None = None
        self.asker = ""
        self.role: int | None = None
        self.mark = ""
        self.lane: bytes | None = None
        self.source = ""
        self.source_key = b""
        self.bucket: Bucket | None = None  # a stranger's
        self.since = 0

    def __repr__(self) -> str:
        return "Attempt(%d)" % self.kind


class Queue:
    """Those who wait. `pushed_out` takes attempts that lost their place, and what they are told."""

    def __init__(self, rng: Callable[[int], bytes], pushed_out: Callable[[Attempt, BusyError], None]) -> None:
        self._rng = rng
        self._pushed_out = pushed_out
        self._direct: list[Attempt] = []
        self._strangers: list[Attempt] = []
        self._is_strangers_turn = False

    def add_direct(self, attempt: Attempt) -> None:
        """Raises BusyError where too many wait."""
        if len(self._direct) >= MOST_DIRECT:
            raise BusyError(1000)
        if attempt.asker:
            askers = [other.asker for other in self._direct if other.asker]
            mine = [asker for asker in askers if asker == attempt.asker]
            if len(askers) >= MOST_OF_GUESTS or len(mine) >= MOST_OF_USER:
                raise BusyError(1000)
        self._direct.append(attempt)

    def add_stranger(self, attempt: Attempt, throttle: Throttle, now: int) -> None:
        """Raises BusyError where all who wait have failed less often; of equals chance decides."""
        attempt.since = now
        if len(self._strangers) >= MOST_STRANGERS:
            worst = self._strangers[-1]
            for other in self._strangers:
                if self._rank(other, throttle, now) >= self._rank(worst, throttle, now):
                    worst = other
            mine = throttle.sources.count(attempt.source_key, now) + self._waiting_from(attempt.source_key)
            theirs = self._rank(worst, throttle, now)
            refusal = BusyError(max(1000, _pace(attempt, throttle, now)))
            if mine > theirs or (mine == theirs and self._rng(1)[0] & 1):
                raise refusal
            self._strangers.remove(worst)
            self._pushed_out(worst, refusal)
        self._strangers.append(attempt)

    def _wait(self, attempt: Attempt, throttle: Throttle, now: int) -> int:
        """Milliseconds until it may be looked at; those that wait with it may have failed since it came."""
        return max(_pace(attempt, throttle, now), throttle.sources.wait(attempt.source_key, now))

    def _waiting_from(self, key: bytes) -> int:
        return len([other for other in self._strangers if other.source_key == key])

    def _rank(self, attempt: Attempt, throttle: Throttle, now: int) -> int:
        """How often its address has failed, and how often it waits here before this one: less is better."""
        before = 0
        for other in self._strangers:
            if other is attempt:
                break
            if other.source_key == attempt.source_key:
                before += 1
        return throttle.sources.count(attempt.source_key, now) + before

    def has_session(self, session: Session) -> bool:
        """Whether a step-up of it waits."""
        return any(attempt.session is session for attempt in self._direct)

    def next(self, throttle: Throttle, now: int) -> Attempt | None:
        """The one to look at now, taken out."""
        stranger = self._next_stranger(throttle, now)
        if self._direct and not (stranger is not None and self._is_strangers_turn):
            self._is_strangers_turn = True
            return self._direct.pop(0)
        if stranger is not None:
            self._is_strangers_turn = False
            self._strangers.remove(stranger)
            if stranger.bucket is not None:
                throttle.take(stranger.bucket, now)
        return stranger

    def _next_stranger(self, throttle: Throttle, now: int) -> Attempt | None:
        best = None
        best_rank = 0
        for attempt in self._strangers:
            if self._wait(attempt, throttle, now):
                continue
            rank = self._rank(attempt, throttle, now)
            if best is None or rank < best_rank:
                best, best_rank = attempt, rank
        return best

    def expire(self, throttle: Throttle, now: int) -> None:
        """Who has waited for PATIENCE_MS is told to come again."""
        for attempt in [attempt for attempt in self._strangers if now - attempt.since >= PATIENCE_MS]:
            self._strangers.remove(attempt)
            self._pushed_out(attempt, BusyError(max(1000, _pace(attempt, throttle, now))))

    def get_timer(self, throttle: Throttle, now: int) -> int | None:
        """When to look again: somebody may be looked at, or has waited too long."""
        if self._direct:
            return now
        times = [now + self._wait(attempt, throttle, now) for attempt in self._strangers]
        times += [attempt.since + PATIENCE_MS for attempt in self._strangers]
        return min(times) if times else None


def _pace(attempt: Attempt, throttle: Throttle, now: int) -> int:
    return throttle.wait(attempt.bucket, now) if attempt.bucket is not None else 0
