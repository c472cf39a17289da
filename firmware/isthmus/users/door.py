"""The door: logins, step-up, first password and changes of users. Sans-IO: time, randomness, scrypt and disk are given.

door.login(ticket, ...) --> door.take_job(now) -> Attempt --> scrypt, beside the loop --> door.hashed(...)
door.take_answers() -> [(ticket, result or None, error or None)]; door.take_words() -> [(level, line of log)]
"""

from __future__ import annotations

from isthmus import hashes
from isthmus.errors import IsthmusError
from isthmus.users.book import (
    CURRENT,
    DIGEST_BYTES,
    KEY_BYTES,
    SALT_BYTES,
    STAMP_BYTES,
    Book,
    User,
    check_name,
    is_name,
    pull_book,
    push_book,
)  # fmt: skip
from isthmus.users.errors import (
    BusyError,
    CodeError,
    NoSessionError,
    RefusedError,
    UserError,
    UsersFileError,
)  # fmt: skip
from isthmus.users.marks import is_mark, make_mark
from isthmus.users.passwords import LONGEST_BYTES, check_password
from isthmus.users.queue import CLAIM, LOGIN, SET, STEP_UP, UPGRADE, Attempt, Queue
from isthmus.users.roles import ADMINISTER, role_name, role_names, role_number
from isthmus.users.sessions import ABSOLUTE_MS, IDLE_MS, STEP_UP_MS, Sessions
from isthmus.users.throttle import FREE_FAILURES, Throttle, source_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from isthmus.users.book import Params
    from isthmus.users.sessions import Session

CODE_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's 32: none looks like another
CODE_SIZE = 16  # 80 bits
CODE_MS = 10 * 60_000
OFTEN = "often"  # in place of a level: users may do this as often as they like; the text begins with their name
_READ_AS = (("-", ""), (" ", ""), ("O", "0"), ("I", "1"), ("L", "1"))


class Door:
    """All users and sessions of one daemon.

    keep(data): writes the file of users, or raises IsthmusError and has written nothing. book: None while the file is
    not as it should be: then nobody logs in.
    """

    def __init__(self, rng: Callable[[int], bytes], keep: Callable[[bytes], None], params: Params = CURRENT) -> None:
        self._rng = rng
        self._keep = keep
        self._params = params
        self.book: Book | None = None
        self.sessions = Sessions(rng)
        self._throttle = Throttle(rng(KEY_BYTES))
        self._queue = Queue(rng, self._answer_error)
        self._running: Attempt | None = None
        self._answers: list[tuple[object, dict[str, Any] | None, IsthmusError | None]] = []
        self._words: list[tuple[str, str]] = []
        self._failed: dict[str, int] = {}  # of users that there are: since their last login
        self._code: tuple[bytes, int] | None = None  # of the first password: (its hash, until when)

    # --- the file -----------------------------------------------------------------------------------------------------

    def load(self, data: bytes | None) -> None:
        """What the file says; None: there is none. Sessions that it has no user for end. Raises UsersFileError."""
        self.book = None
        self.book = Book(self._rng(KEY_BYTES), {}) if data is None else pull_book(data)
        self.sessions.hold_against(self.book.users)

    def session_of(self, token: str, now: int, quiet: bool) -> Session:
        """Whose token this is (sessions.py). Raises NoSessionError; UsersFileError while nobody knows who the users
        are: then sessions wait as well.
        """
        self._have()
        return self.sessions.find(token, now, quiet)

    def _have(self) -> Book:
        if self.book is None:
            raise UsersFileError("the file of users cannot be used, so nobody can log in")
        return self.book

    def _store(self, book: Book) -> None:
        """Raises IsthmusError; then everything is as before."""
        self._keep(push_book(book))
        self.book = book
        self._code = None
        for name in [name for name in self._failed if name not in book.users]:
            del self._failed[name]
        self.sessions.hold_against(book.users)

    # --- strangers ----------------------------------------------------------------------------------------------------

    def is_fresh(self) -> bool:
        """Whether there is no user yet. Raises UsersFileError."""
        return not self._have().users

    def login(self, ticket: object, name: str, password: str, source: str, mark: str, now: int) -> None:
        """Whoever asks is told by take_answers(). Raises BusyError, UsersFileError, RefusedError."""
        book = self._have()
        raw = password.encode()
        if len(raw) > LONGEST_BYTES:
            raise RefusedError
        user = book.users.get(name)
        attempt = self._attempt(LOGIN, ticket, name, raw, user)
        attempt.source = source
        attempt.source_key = source_key(source)
        lane = self._lane(user, mark, now)
        if lane is not None:
            attempt.mark, attempt.lane, attempt.asker = mark, lane, name
            self._queue.add_direct(attempt)
            return
        wait = self._throttle.sources.wait(attempt.source_key, now)
        if wait:
            raise BusyError(wait)
        attempt.bucket = self._throttle.bucket(name)
        self._queue.add_stranger(attempt, self._throttle, now)

    def knows(self, name: str, mark: str, now: int) -> bool:
        """Whether a login of that name with this mark waits for no stranger. Raises UsersFileError."""
        return self._lane(self._have().users.get(name), mark, now) is not None

    def _lane(self, user: User | None, mark: str, now: int) -> bytes | None:
        if user is None or not is_mark(self._have().key, user, mark):
            return None
        lane = hashes.sha256(mark.encode()).digest()
        return lane if self._throttle.marks.count(lane, now) < FREE_FAILURES else None

    def _attempt(self, kind: int, ticket: object, name: str, password: bytes, user: User | None) -> Attempt:
        """With the user's own parameters and salt; for a name that nobody has, with such as somebody has."""
        if user is not None:
            params, salt = user.params, user.salt
        else:
            params, salt = self._likely(name), self._rng(SALT_BYTES)
        attempt = Attempt(kind, ticket, name, password, params, salt)
        attempt.user = user
        return attempt

    def _likely(self, name: str) -> Params:
        """The same for a name each time, and spread over names as users have them: time tells nothing."""
        book = self._have()
        names = book.names()
        if not names:
            return self._params
        at = hashes.digest(book.key, b"isthmus likely " + name.encode(), "sha256")[0] % len(names)
        return book.users[names[at]].params

    def make_code(self, now: int) -> str:
        """The code for the first password, for root's eyes. The one before is void. Raises UserError."""
        if not self.is_fresh():
            raise UserError("there are users already", "add another: isthmus user add NAME", "claimed")
        letters = "".join([CODE_LETTERS[byte & 31] for byte in self._rng(CODE_SIZE)])
        self._code = (_code_hash(letters), now + CODE_MS)
        return "-".join([letters[at : at + 4] for at in range(0, CODE_SIZE, 4)])

    def first_password(self, ticket: object, code: str, name: str, password: str, now: int) -> None:
        """Make the first user, who administers. Raises CodeError, UserError, PasswordError; in the last two cases
        the code is good still. Once it is taken it is void, whatever becomes of it.
        """
        known = self._code
        fits = known is not None and hashes.compare_digest(_code_hash(code), known[0])
        if not self.is_fresh() or known is None or now >= known[1] or not fits:
            self._words.append(("warning", "a first password was offered with a code that is not good"))
            raise CodeError
        check_name(name)
        check_password(password, name)
        attempt = self._new_password(CLAIM, ticket, name, password)
        attempt.role = ADMINISTER
        self._queue.add_direct(attempt)
        self._code = None

    def _new_password(self, kind: int, ticket: object, name: str, password: str) -> Attempt:
        return Attempt(kind, ticket, name, password.encode(), self._params, self._rng(SALT_BYTES))

    # --- with a session -----------------------------------------------------------------------------------------------

    def step_up(self, ticket: object, session: Session, password: str) -> None:
        """Prove the password of a session's user once more. Raises BusyError, NoSessionError, RefusedError."""
        user = self._have().users.get(session.name)
        raw = password.encode()
        if user is None:
            raise NoSessionError
        if len(raw) > LONGEST_BYTES:
            raise RefusedError
        running = self._running is not None and self._running.session is session
        if running or self._queue.has_session(session):
            raise BusyError(1000)
        attempt = self._attempt(STEP_UP, ticket, session.name, raw, user)
        attempt.session = session
        attempt.asker = session.name
        self._queue.add_direct(attempt)

    # --- changes ------------------------------------------------------------------------------------------------------

    def add(self, ticket: object, name: str, role: str, password: str, by: Session | None = None) -> None:
        """A new user. by: the session that wants it, which must last until it is done. Raises UserError, PasswordError,
        BusyError.
        """
        check_name(name)
        if name in self._have().users:
            raise UserError("there is a user %s already" % name, "set a new password: isthmus user passwd %s" % name)
        number = _check_role(role)
        check_password(password, name)
        attempt = self._new_password(SET, ticket, name, password)
        attempt.role = number
        attempt.by = by
        attempt.asker = by.name if by is not None else ""
        self._queue.add_direct(attempt)

    def set_password(
        self, ticket: object, name: str, password: str, session: Session | None = None, by: Session | None = None
    ) -> None:
        """Another password for a user; all sessions of that user end. session: whose own password it is, which gets a
        new token; by: as in add(). Raises UserError, PasswordError, BusyError.
        """
        user = self._find(name)
        check_password(password, name)
        attempt = self._new_password(SET, ticket, name, password)
        attempt.user = user
        attempt.session = session
        attempt.by = by
        asking = session or by
        attempt.asker = asking.name if asking is not None else ""
        self._queue.add_direct(attempt)

    def set_role(self, name: str, role: str, by_root: bool) -> dict[str, Any]:
        """Another role; all sessions of that user end. Raises UserError and what keep() raises."""
        user = self._find(name)
        number = _check_role(role)
        if number != user.role:
            self._spare_last(user, by_root)
            self._store(self._have().with_user(user.with_role(number)))
            self._words.append(("notice", "%s has the role %s now" % (name, role)))
        return {"user": name, "role": role}

    def delete(self, name: str, by_root: bool) -> dict[str, Any]:
        """No such user any more. Raises UserError and what keep() raises."""
        user = self._find(name)
        self._spare_last(user, by_root)
        self._store(self._have().without(name))
        self._words.append(("notice", "the user %s is deleted" % name))
        return {"user": name}

    def _find(self, name: str) -> User:
        user = self._have().users.get(name)
        if user is None:
            called = " called %s" % name if is_name(name) else " of that name"
            raise UserError("there is no user" + called, "see: isthmus user list", "unknown-user")
        return user

    def _spare_last(self, user: User, by_root: bool) -> None:
        """Nobody but root's command line takes away the last one who administers."""
        others = [other for other in self._have().users.values() if other.role == ADMINISTER and other is not user]
        if user.role == ADMINISTER and not others and not by_root:
            text = "%s is the last who may administer" % user.name
            raise UserError(text, "give the role to somebody else first", "last-administrator")

    def rows(self, now: int) -> list[dict[str, Any]]:
        """A row for each user."""
        book = self._have()
        rows = []
        for name in book.names():
            user = book.users[name]
            sessions = len(self.sessions.all_of(name, now))
            failed = self._failed.get(name, 0)
            rows.append({"user": name, "role": role_name(user.role), "sessions": sessions, "failed": failed})
        return rows

    # --- scrypt -------------------------------------------------------------------------------------------------------

    def take_job(self, now: int) -> Attempt | None:
        """What to hash now: password, salt and params; None while the last one is under way, or nobody may be next."""
        self._queue.expire(self._throttle, now)
        if self._running is None:
            self._running = self._queue.next(self._throttle, now)
            return self._running
        return None

    def get_timer(self, now: int) -> int | None:
        """When to call take_job() again, should nothing happen before."""
        return None if self._running is not None else self._queue.get_timer(self._throttle, now)

    def hashed(self, attempt: Attempt, digest: bytes | None, now: int) -> None:
        """What scrypt makes of what take_job() gave: DIGEST_BYTES; None where the system could not."""
        self._running = None
        try:
            if digest is None or len(digest) != DIGEST_BYTES:
                text = "the password could not be looked at: there is no memory for it now"
                raise UserError(text, "try again in a while", "no-memory")
            result = _ENDINGS[attempt.kind](self, attempt, digest, now)
        except IsthmusError as error:
            self._answer_error(attempt, error)
        else:
            if attempt.ticket is not None:
                self._answers.append((attempt.ticket, result, None))
        attempt.password = b""

    def _answer_error(self, attempt: Attempt, error: IsthmusError) -> None:
        attempt.password = b""
        if attempt.ticket is not None:
            self._answers.append((attempt.ticket, None, error))

    def _is_right(self, attempt: Attempt, digest: bytes) -> User | None:
        """The user, where the password is right, and still is the one of now."""
        asked = attempt.user
        fits = hashes.compare_digest(digest, asked.digest if asked is not None else bytes(DIGEST_BYTES))
        user = self._have().users.get(attempt.name)
        if asked is None or user is None or not fits or user.stamp != asked.stamp:
            return None
        return user

    def _note_failure(self, attempt: Attempt, what: str) -> None:
        known = attempt.user is not None
        if known:
            self._failed[attempt.name] = self._failed.get(attempt.name, 0) + 1
        who = attempt.name if known else "a name that nobody has"  # it may be a password, typed into the wrong field
        where = " from %s" % attempt.source if attempt.source else ""
        self._words.append(("warning", "%s as %s failed%s" % (what, who, where)))

    def _end_login(self, attempt: Attempt, digest: bytes, now: int) -> dict[str, Any]:
        user = self._is_right(attempt, digest)
        if user is None:
            if attempt.lane is None:
                self._throttle.sources.failed(attempt.source_key, now)
            else:
                self._throttle.marks.failed(attempt.lane, now)
            self._note_failure(attempt, "a login")
            raise RefusedError
        if attempt.bucket is not None:
            self._throttle.give_back(attempt.bucket)
        if attempt.lane is not None:  # no address is forgiven: whoever has a password could guess others between logins
            self._throttle.marks.succeeded(attempt.lane)
        failed = self._failed.pop(user.name, 0)
        if user.params != self._params:
            self._upgrade(user, attempt.password)
        return self._admit(user, attempt, failed, now)

    def _admit(self, user: User, attempt: Attempt, failed: int, now: int) -> dict[str, Any]:
        token, session = self.sessions.open(user, attempt.source, now)
        where = " from %s" % attempt.source if attempt.source else ""
        self._words.append((OFTEN, "%s has logged in%s" % (user.name, where)))
        mark = attempt.mark or make_mark(self._have().key, user, self._rng)
        return {
            "token": token, "mark": mark, "session": session.handle, "user": user.name, "role": role_name(user.role),
            "failed_before": failed, "idle_s": IDLE_MS // 1000, "absolute_s": ABSOLUTE_MS // 1000,
        }  # fmt: skip

    def _upgrade(self, user: User, password: bytes) -> None:
        """Hash it anew, with today's parameters. Where there is no room for it, another login will do."""
        attempt = Attempt(UPGRADE, None, user.name, password, self._params, self._rng(SALT_BYTES))
        attempt.user = user
        try:
            self._queue.add_direct(attempt)
        except BusyError:
            return

    def _end_upgrade(self, attempt: Attempt, digest: bytes, _now: int) -> dict[str, Any]:
        book = self._have()
        user = book.users.get(attempt.name)
        if user is not None and attempt.user is not None and user.stamp == attempt.user.stamp:
            better = User(user.name, user.role, user.stamp, attempt.params, attempt.salt, digest)
            self._store(book.with_user(better))
        return {}

    def _end_step_up(self, attempt: Attempt, digest: bytes, now: int) -> dict[str, Any]:
        session = attempt.session
        if session is None or not self.sessions.is_alive(session, now):
            raise NoSessionError
        if self._is_right(attempt, digest) is None:
            self._note_failure(attempt, "a step-up")
            if self.sessions.failed(session):
                raise NoSessionError
            raise RefusedError
        token = self.sessions.step_up(session, now)
        return {"token": token, "user": session.name, "step_up_s": STEP_UP_MS // 1000}

    def _end_set(self, attempt: Attempt, digest: bytes, now: int) -> dict[str, Any]:
        book = self._have()
        user = book.users.get(attempt.name)
        asked = attempt.user
        if (asked is None) != (user is None) or (user is not None and asked is not None and user.stamp != asked.stamp):
            raise UserError("somebody else has changed this user meanwhile", "look at it: isthmus user list")
        role = user.role if user is not None else attempt.role
        session = attempt.session
        asking = session or attempt.by  # its user may have been deleted, or lost the role, since
        if role is None or (asking is not None and not self.sessions.is_alive(asking, now)):
            raise NoSessionError
        changed = User(attempt.name, role, self._rng(STAMP_BYTES), attempt.params, attempt.salt, digest)
        self._store(book.with_user(changed))
        what = "the user %s is there now, with the role %s" if user is None else "%s has a new password; its role is %s"
        level = "notice" if session is None else OFTEN
        self._words.append((level, what % (changed.name, role_name(role))))
        result: dict[str, Any] = {"user": changed.name, "role": role_name(role)}
        if session is not None:
            result["token"], _ = self.sessions.open(changed, session.source, now)
        return result

    def _end_claim(self, attempt: Attempt, digest: bytes, now: int) -> dict[str, Any]:
        if not self.is_fresh():
            raise CodeError
        return self._end_set(attempt, digest, now)

    def take_answers(self) -> list[tuple[object, dict[str, Any] | None, IsthmusError | None]]:
        """(ticket, result, error) of whoever has an answer now: one of the two is None."""
        answers, self._answers = self._answers, []
        return answers

    def take_words(self) -> list[tuple[str, str]]:
        """(level or OFTEN, text) for the log. No secret, no name that nobody has."""
        words, self._words = self._words, []
        return words


def _check_role(role: str) -> int:
    number = role_number(role)
    if number is None:
        raise UserError("there is no such role; allowed: %s" % role_names(), "choose one of them")
    return number


def _code_hash(code: str) -> bytes:
    """Of a code as people type it."""
    code = code.upper()
    for sign, read in _READ_AS:
        code = code.replace(sign, read)
    return hashes.sha256(b"isthmus first password " + code.encode()).digest()


_ENDINGS: dict[int, Callable[[Door, Attempt, bytes, int], dict[str, Any]]] = {
    LOGIN: Door._end_login,  # noqa: SLF001 - a table of its own methods
    STEP_UP: Door._end_step_up,  # noqa: SLF001
    SET: Door._end_set,  # noqa: SLF001
    CLAIM: Door._end_claim,  # noqa: SLF001
    UPGRADE: Door._end_upgrade,  # noqa: SLF001
}
