"""Sessions: who has logged in. In memory only; of a token nothing is kept but its SHA-256.

Times are those of the monotonic clock: nobody lives longer because the wall clock was set.
"""

from __future__ import annotations

from isthmus import hashes
from isthmus.users.errors import NoSessionError
from isthmus.users.roles import ADMINISTER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.users.book import User

TOKEN_BYTES = 32
HANDLE_BYTES = 6
IDLE_MS = 15 * 60_000
ABSOLUTE_MS = 12 * 3_600_000
STEP_UP_MS = 3 * 60_000
WRONG_STEP_UPS = 5  # then the session ends: whoever holds its token does not know the password
MOST_SESSIONS = 64
MOST_OF_ONE = 8  # of one user: the one unused for longest makes room


class Session:
    """handle: what others may call it by. stepped_until: till then the password counts as just proven."""

    def __init__(self, handle: str, user: User, source: str, now: int) -> None:
        self.handle = handle
        self.name = user.name
        self.role = user.role
        self.stamp = user.stamp
        self.source = source
        self.begun = now
        self.used = now
        self.stepped_until: int | None = None
        self.wrong = 0  # step-ups in a row

    def is_over(self, now: int) -> bool:
        """Idle or old."""
        return now - self.used >= IDLE_MS or now - self.begun >= ABSOLUTE_MS

    def is_stepped_up(self, now: int) -> bool:
        """Whether its password was just proven."""
        return self.stepped_until is not None and now < self.stepped_until

    def __repr__(self) -> str:
        return "Session(%s, %s)" % (self.handle, self.name)


def token_key(token: str) -> bytes:
    """What is kept of a token. Any text will do."""
    return hashes.sha256(b"isthmus session " + token.encode()).digest()


class Sessions:
    """All sessions that live."""

    def __init__(self, rng: Callable[[int], bytes]) -> None:
        self._rng = rng
        self._by_key: dict[bytes, Session] = {}

    def open(self, user: User, source: str, now: int) -> tuple[str, Session]:
        """A new session, and its token. In a full table those who administer are pushed out last."""
        self._purge(now)
        mine = self.all_of(user.name)
        if len(mine) >= MOST_OF_ONE:
            self.end(_longest_unused(mine))
        elif len(self._by_key) >= MOST_SESSIONS:
            others = [session for session in self._by_key.values() if session.role < ADMINISTER]
            self.end(_longest_unused(others or list(self._by_key.values())))
        session = Session(self._rng(HANDLE_BYTES).hex(), user, source, now)
        return self._issue(session), session

    def _issue(self, session: Session) -> str:
        token = self._rng(TOKEN_BYTES).hex()
        self._by_key[token_key(token)] = session
        return token

    def find(self, token: str, now: int, quiet: bool = False) -> Session:
        """Whose token this is. quiet: that somebody asks does not count as use. Raises NoSessionError."""
        session = self._by_key.get(token_key(token))
        if session is None:
            raise NoSessionError
        if session.is_over(now):
            self.end(session)
            raise NoSessionError
        if not quiet:
            session.used = now
        return session

    def step_up(self, session: Session, now: int) -> str:
        """Its password was just proven: a new token, the former is worth nothing. Raises NoSessionError."""
        if not self.is_alive(session, now):
            raise NoSessionError
        self.end(session)
        session.wrong = 0
        session.used = now
        session.stepped_until = now + STEP_UP_MS
        return self._issue(session)

    def failed(self, session: Session) -> bool:
        """A step-up failed. True where that ended the session."""
        session.wrong += 1
        if session.wrong < WRONG_STEP_UPS:
            return False
        self.end(session)
        return True

    def is_alive(self, session: Session, now: int) -> bool:
        """Whether it has not ended."""
        return not session.is_over(now) and any(other is session for other in self._by_key.values())

    def end(self, session: Session) -> None:
        """Its token is worth nothing from now on."""
        for key in [key for key, other in self._by_key.items() if other is session]:
            del self._by_key[key]

    def end_all(self, name: str) -> int:
        """All of one user. Returns how many."""
        mine = self.all_of(name)
        for session in mine:
            self.end(session)
        return len(mine)

    def hold_against(self, users: dict[str, User]) -> None:
        """End those whose user is gone, or has another password or role by now."""
        for session in list(self._by_key.values()):
            user = users.get(session.name)
            if user is None or (user.stamp, user.role) != (session.stamp, session.role):
                self.end(session)

    def all_of(self, name: str | None, now: int | None = None) -> list[Session]:
        """Of one user, or of all; the oldest first."""
        if now is not None:
            self._purge(now)
        found = [session for session in self._by_key.values() if name is None or session.name == name]
        return sorted(found, key=lambda session: (session.begun, session.handle))

    def _purge(self, now: int) -> None:
        for session in [session for session in self._by_key.values() if session.is_over(now)]:
            self.end(session)


def _longest_unused(sessions: list[Session]) -> Session:
    found = sessions[0]
    for session in sessions:
        if session.used < found.used:
            found = session
    return found
