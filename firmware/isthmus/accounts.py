"""Users and sessions in isthmusd: the door (users/door.py) with file, clock, threads and log; and who may call what."""

from __future__ import annotations

from isthmus.edge import os_cpython as host
from isthmus.edge import os_cpython_scrypt as scrypt
from isthmus.edge.calls import COMMANDS
from isthmus.edge.control import OWNER, Later
from isthmus.errors import IsthmusError
from isthmus.users.book import DIGEST_BYTES
from isthmus.users.deeds import Deeds
from isthmus.users.door import CODE_MS, OFTEN, Door
from isthmus.users.errors import ForbiddenError, NoSessionError, StepUpError, UserError, UsersFileError
from isthmus.users.roles import ADMINISTER, ANYONE, OPERATE, ROOT, role_name
from isthmus.users.sessions import ABSOLUTE_MS, IDLE_MS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from isthmus.changing import Changing
    from isthmus.edge.log import Log
    from isthmus.edge.loop import Loop
    from isthmus.users.queue import Attempt
    from isthmus.users.sessions import Session


class Who:
    """Who calls: the role, and the session where there is one."""

    def __init__(self, role: int, session: Session | None = None) -> None:
        self.role = role
        self.session = session


class Accounts:
    """All of one daemon. `path`: the file of users; changing: changes on trial, None where none has been yet."""

    def __init__(self, path: str, loop: Loop, log: Log, changing: Callable[[], Changing | None] = lambda: None) -> None:
        self._path = path
        self._changing = changing
        self._loop = loop
        self._log = log
        self._last: bytes | None = None  # the file as we know it
        self._hasher: scrypt.Hasher | None = None
        self._job: Attempt | None = None
        self._deeds = Deeds()
        self.door = Door(host.random_bytes, self._keep)
        self.reload()

    # --- the file -----------------------------------------------------------------------------------------------------

    def reload(self) -> None:
        """Read the file, should somebody have changed it: a backup restored, a file removed. Where that is undone, and
        the disk does not say so yet, the users of before are in force, as all else of before is.
        """
        changing = self._changing()
        read = changing.trial.reader() if changing is not None else None
        try:
            data: bytes | None = (read or host.read_file)(self._path)
        except OSError as error:
            if not host.is_missing(error):
                self.door.book = None
                self._log.once("error", "users", "nobody can log in: %s" % host.describe_os_error(error))
                return
            data = None
        if data == self._last and self.door.book is not None:
            return
        self._last = data
        try:
            self.door.load(data)
        except UsersFileError as error:
            self._log.once("error", "users", "%s; nobody can log in; %s" % (error, error.remedy))

    def is_held(self) -> bool:
        """While a file of users is on trial, or being undone, nobody changes it."""
        changing = self._changing()
        return changing is not None and changing.trial.holds(self._path)

    def _keep(self, data: bytes) -> None:
        """Write the file, whole or not at all. Raises UserError, also where it is not as we have last seen it."""
        if self.is_held():
            text = "a backup is on trial, and its users with it: they are not changed meanwhile"
            raise UserError(text, "first end the trial: isthmus confirm, or isthmus revert", "on-trial")
        try:
            there: bytes | None = host.read_file(self._path)
        except OSError as error:
            there = None
            if not host.is_missing(error):
                raise self._unwritten(error) from None
        if there != self._last:
            self.reload()
            text = "the file of users was changed by another hand meanwhile; it has been read again"
            raise UserError(text, "look at what is there now: isthmus user list; then try again", "changed-meanwhile")
        try:
            host.write_file(self._path, data)
        except OSError as error:
            raise self._unwritten(error) from None
        self._last = data

    def _unwritten(self, error: OSError) -> UserError:
        text = "the file of users cannot be written: %s" % host.describe_os_error(error)
        self._log.once("error", "users", text)
        return UserError(text, "nothing has changed; make room on the disk, then try again", "not-written")

    # --- who may what -------------------------------------------------------------------------------------------------

    def admit(self, request: dict[str, Any], standing: str, now: int) -> Who:
        """Whoever sends this request, if that is enough for it. Raises NoSessionError, ForbiddenError, StepUpError,
        UsersFileError.

        A token counts, whoever shows it; without one the owner of this machine is root, and everybody else nobody.
        """
        command = request["command"]
        call = COMMANDS[command]
        token = request.get("token")
        if token is None:
            if standing == OWNER:
                return Who(ROOT)
            if call.role == ANYONE:
                return Who(ANYONE)
            raise NoSessionError
        session = self.door.session_of(token, now, bool(request.get("quiet")))
        if session.role < call.role:
            text = "%s takes the role %s; yours is %s" % (command, role_name(call.role), role_name(session.role))
            remedy = "ask somebody who administers" if call.role != ROOT else "use the command line as root"
            raise ForbiddenError(text, remedy)
        if call.takes_step_up(request) and not session.is_stepped_up(now):
            raise StepUpError(command)
        return Who(session.role, session)

    def note(self, request: dict[str, Any], who: Who, known: str, failure: str, now: int) -> None:
        """For the log: what admit() has let in, and how it ended. known: the name in it, if there is such a thing;
        failure: the error's code, "" where there is none.
        """
        command = request["command"]
        if who.session is None or COMMANDS[command].role < OPERATE or request.get("look"):
            return
        text = command + (" " + known if known else "") + (" (failed: %s)" % failure if failure else "")
        self._deeds.note(who.session.name, command, text, now)
        self._write_deeds(now)

    def _write_deeds(self, now: int) -> None:
        for line in self._deeds.take_lines(now):
            self._log.notice("users", line)

    # --- the loop -----------------------------------------------------------------------------------------------------

    def turn(self, now: int) -> None:
        """Begin what may begin, answer whoever has an answer, and write the log."""
        if self._hasher is None:  # first: a job that is taken must be done, or no other ever is
            self._hasher = scrypt.Hasher()
            self._loop.on_readable(self._hasher.fd(), self._on_hashed)
        job = self.door.take_job(now)
        if job is not None:
            self._job = job
            self._hasher.start(job.password, job.salt, job.params.n, job.params.r, job.params.p, DIGEST_BYTES)
        for level, text in self.door.take_words():
            if level == OFTEN:
                user, _, deed = text.partition(" ")
                self._deeds.note(user, OFTEN, deed, now)
            elif level == "notice":
                self._log.notice("users", text)
            else:
                self._log.once(level, "logins", text)
        self._write_deeds(now)
        for ticket, result, error in self.door.take_answers():
            if isinstance(ticket, Later):
                if error is not None:
                    ticket.failed(error)
                else:
                    ticket.done(result or {})

    def _on_hashed(self, _fd: int) -> None:
        now = host.now()
        for digest in self._hasher.take() if self._hasher is not None else []:
            if self._job is not None:
                self.door.hashed(self._job, digest, now)
        self.turn(now)

    def get_timer(self, now: int) -> int | None:
        """When to call turn() again."""
        timers = [timer for timer in (self.door.get_timer(now), self._deeds.get_timer()) if timer is not None]
        return min(timers) if timers else None

    def obey(self, request: dict[str, Any], who: Who, now: int) -> dict[str, Any] | Later:
        """One of HANDLERS' requests, which admit() has let in. Raises IsthmusError."""
        if not scrypt.IS_OFFERED:
            text = "this Python has no scrypt (RFC 7914), so there are no users"
            raise IsthmusError(text, "use the command line as root", "not-offered")
        result = HANDLERS[request["command"]](self, request, who, now)
        self.turn(now)
        return result


def _hello(accounts: Accounts, request: dict[str, Any], _who: Who, now: int) -> dict[str, Any]:
    found = {"first_password": accounts.door.is_fresh()}
    if request.get("mark"):
        found["known"] = accounts.door.knows(request.get("user") or "", request["mark"], now)
    return found


def _login(accounts: Accounts, request: dict[str, Any], _who: Who, now: int) -> Later:
    later = Later()
    source, mark = request.get("source") or "", request.get("mark") or ""
    accounts.door.login(later, request["user"], request["password"], source, mark, now)
    return later


def _first_password(accounts: Accounts, request: dict[str, Any], _who: Who, now: int) -> Later:
    later = Later()
    accounts.door.first_password(later, request["code"], request["user"], request["password"], now)
    return later


def _session_of(who: Who) -> Session:
    if who.session is None:
        raise IsthmusError("root's command line has no session", "send the token of one", "no-session")
    return who.session


def _row(session: Session, now: int) -> dict[str, Any]:
    stepped = session.stepped_until
    return {
        "session": session.handle, "user": session.name, "role": role_name(session.role), "source": session.source,
        "age_s": (now - session.begun) // 1000, "unused_s": (now - session.used) // 1000,
        "left_s": max(0, min(session.used + IDLE_MS, session.begun + ABSOLUTE_MS) - now) // 1000,
        "step_up_s": max(0, stepped - now) // 1000 if stepped is not None else 0,
    }  # fmt: skip


def _session(_accounts: Accounts, _request: dict[str, Any], who: Who, now: int) -> dict[str, Any]:
    return _row(_session_of(who), now)


def _step_up(accounts: Accounts, request: dict[str, Any], who: Who, _now: int) -> Later:
    later = Later()
    accounts.door.step_up(later, _session_of(who), request["password"])
    return later


def _logout(accounts: Accounts, _request: dict[str, Any], who: Who, _now: int) -> dict[str, Any]:
    accounts.door.sessions.end(_session_of(who))
    return {}


def _visible(accounts: Accounts, who: Who, now: int) -> list[Session]:
    name = None if who.role >= ADMINISTER else _session_of(who).name
    return accounts.door.sessions.all_of(name, now)


def _sessions(accounts: Accounts, _request: dict[str, Any], who: Who, now: int) -> dict[str, Any]:
    return {"sessions": [_row(session, now) for session in _visible(accounts, who, now)]}


def _session_end(accounts: Accounts, request: dict[str, Any], who: Who, now: int) -> dict[str, Any]:
    for session in _visible(accounts, who, now):
        if session.handle == request["session"]:
            accounts.door.sessions.end(session)
            return {"user": session.name}
    raise IsthmusError("there is no such session, or it is not yours", "see: sessions", "unknown-session")


def _password(accounts: Accounts, request: dict[str, Any], who: Who, _now: int) -> Later:
    later = Later()
    session = _session_of(who)
    accounts.door.set_password(later, session.name, request["password"], session)
    return later


def _user_list(accounts: Accounts, _request: dict[str, Any], _who: Who, now: int) -> dict[str, Any]:
    return {"users": accounts.door.rows(now)}


def _user_add(accounts: Accounts, request: dict[str, Any], who: Who, _now: int) -> Later:
    later = Later()
    accounts.door.add(later, request["user"], request["role"], request["password"], who.session)
    return later


def _user_passwd(accounts: Accounts, request: dict[str, Any], who: Who, _now: int) -> Later:
    later = Later()
    accounts.door.set_password(later, request["user"], request["password"], by=who.session)
    return later


def _user_role(accounts: Accounts, request: dict[str, Any], who: Who, _now: int) -> dict[str, Any]:
    return accounts.door.set_role(request["user"], request["role"], who.role == ROOT)


def _user_delete(accounts: Accounts, request: dict[str, Any], who: Who, _now: int) -> dict[str, Any]:
    return accounts.door.delete(request["user"], who.role == ROOT)


def _user_code(accounts: Accounts, _request: dict[str, Any], _who: Who, now: int) -> dict[str, Any]:
    return {"code": accounts.door.make_code(now), "minutes": CODE_MS // 60_000}


HANDLERS: dict[str, Callable[[Accounts, dict[str, Any], Who, int], dict[str, Any] | Later]] = {
    "hello": _hello,
    "login": _login,
    "first-password": _first_password,
    "session": _session,
    "step-up": _step_up,
    "logout": _logout,
    "sessions": _sessions,
    "session-end": _session_end,
    "password": _password,
    "user-list": _user_list,
    "user-add": _user_add,
    "user-passwd": _user_passwd,
    "user-role": _user_role,
    "user-delete": _user_delete,
    "user-code": _user_code,
}
