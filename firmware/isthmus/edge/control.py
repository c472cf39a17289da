"""The control socket: newline-delimited JSON, one request a line, one answer a line.

    {"id": 7, "command": "status"}                       -> {"id": 7, "ok": true, "result": {...}}
    {"id": 8, "command": "up", "tunnel": "brnch"}        -> {"id": 8, "ok": false, "error": {"code", "message",
    "remedy"}}

Every request is held against the table of calls (calls.py) before anybody acts on it. Callers and line length are
bounded. A caller gets one request a turn of the loop done, and none before it has taken the answer to the last: neither
many requests nor slow reading keeps others waiting or costs memory.

Who calls is what the kernel says (SO_PEERCRED): root, and the daemon's own user, are OWNER; the web interface's user is
GUEST, and only a session makes more of it (commands.py); all others are hung up on. Guests have places of their own:
however many of them there are, root's command line gets through.
"""

from __future__ import annotations

from isthmus.edge import os_cpython as host
from isthmus.errors import IsthmusError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable
    from typing import Any

    from isthmus.edge.loop import Loop

SOCKET_NAME = "control.sock"
LONGEST_REQUEST = 262_144  # a backup as text (backup/file.py), and what stands beside it
OWNER, GUEST = "owner", "guest"
MOST_CALLERS = {OWNER: 16, GUEST: 16}  # as many guests again as logins may wait (users/queue.py)
READ_SIZE = 65536
EAGAIN = 11  # linux/errno.h


def pack_line(value: object) -> bytes:
    """A line of JSON."""
    import json  # here: isthmusd starts sooner without it, and nobody asks before it runs

    return json.dumps(value).encode() + b"\n"


def unpack_line(line: bytes) -> Any:  # noqa: ANN401 - whatever JSON says
    """What a line of JSON says. Raises ValueError, RuntimeError for too many levels."""
    import json

    return json.loads(line)


def error_answer(error: IsthmusError) -> dict[str, Any]:
    """An error as the answer carries it."""
    return {"code": error.code, "message": str(error), "remedy": error.remedy}


class Later:
    """A result that comes later: a handler returns it, and then calls done() or failed(), once."""

    def __init__(self) -> None:
        self.outcome: dict[str, Any] | None = None
        self.deliver: Callable[[dict[str, Any]], None] | None = None

    def done(self, result: dict[str, Any]) -> None:
        """It is there. Whoever asked may have hung up by now."""
        self._end({"ok": True, "result": result})

    def failed(self, error: IsthmusError) -> None:
        """It will not come."""
        self._end({"ok": False, "error": error_answer(error)})

    def _end(self, outcome: dict[str, Any]) -> None:
        self.outcome = outcome
        if self.deliver is not None:
            self.deliver(outcome)


class _Caller:
    def __init__(self, sock: socket, standing: str) -> None:
        self.sock = sock
        self.standing = standing
        self.unread = b""
        self.unsent = b""


class ControlServer:
    """Serves the control socket from the loop. `handle(request, standing)` returns a result or Later, or raises
    IsthmusError.
    """

    def __init__(self, loop: Loop, path: str, handle: Callable[[dict[str, Any], str], dict[str, Any] | Later]) -> None:
        """Raises OSError."""
        self._loop = loop
        self._path = path
        self._handle = handle
        self._listener = host.listen_control(path)
        self._callers: dict[int, _Caller] = {}
        self._guest: int | None = None
        loop.on_readable(self._listener.fileno(), self._accept)

    def open_to(self, guest: tuple[int, int] | None) -> None:
        """Let the user and group with these numbers call as GUEST; None: nobody. Raises OSError; then it is nobody."""
        self._guest = None
        host.share_control(self._path, guest[1] if guest is not None else None)
        self._guest = guest[0] if guest is not None else None

    def _standing(self, uid: int) -> str | None:
        if host.is_owner(uid):
            return OWNER
        return GUEST if uid == self._guest else None

    def _accept(self, _fd: int) -> None:
        sock, uid = host.accept_control(self._listener)
        if sock is None:
            return
        standing = self._standing(uid)
        if standing is None or self._count(standing) >= MOST_CALLERS[standing]:
            sock.close()
            return
        fd = sock.fileno()
        self._callers[fd] = _Caller(sock, standing)
        self._loop.on_readable(fd, self._read)

    def _count(self, standing: str) -> int:
        return len([caller for caller in self._callers.values() if caller.standing == standing])

    def _drop(self, fd: int) -> None:
        self._loop.forget(fd)
        self._callers.pop(fd).sock.close()

    def _read(self, fd: int) -> None:
        caller = self._callers[fd]
        try:
            data = caller.sock.recv(READ_SIZE)
        except OSError as error:
            if error.errno == EAGAIN:
                return
            data = b""
        if not data:
            self._drop(fd)
            return
        caller.unread += data
        if b"\n" not in caller.unread:
            if len(caller.unread) > LONGEST_REQUEST:
                self._drop(fd)
            return
        self._loop.on_readable(fd, None)
        self._serve(fd)

    def _serve(self, fd: int) -> None:
        """One step for a caller that has asked: send what is unsent, else answer its next request, else read on."""
        caller = self._callers[fd]
        if not caller.unsent and b"\n" in caller.unread:
            line, caller.unread = caller.unread.split(b"\n", 1)
            answer = self._answer(fd, caller, line)
            if answer is None:
                self._loop.forget(fd)  # nothing is to be read or written; and a hang-up would be told without end
                return
            caller.unsent = answer
        try:
            sent = caller.sock.send(caller.unsent) if caller.unsent else 0
        except OSError as error:
            if error.errno != EAGAIN:
                self._drop(fd)
                return
            sent = 0  # it reads slowly
        caller.unsent = caller.unsent[sent:]
        busy = bool(caller.unsent) or b"\n" in caller.unread
        self._loop.on_writable(fd, self._serve if busy else None)
        if not busy:
            self._loop.on_readable(fd, self._read)

    def _answer(self, fd: int, caller: _Caller, line: bytes) -> bytes | None:
        """The answer's line; None where it comes later."""
        from isthmus.edge.calls import RequestError, check_request  # waiting.py: nobody asks before isthmusd runs

        answer: dict[str, Any] = {"ok": True}
        try:
            if len(line) > LONGEST_REQUEST:
                raise RequestError("the request is longer than %d bytes" % LONGEST_REQUEST)
            request = check_request(line)
            if "id" in request:
                answer["id"] = request["id"]
            result = self._handle(request, caller.standing)
            if not isinstance(result, Later):
                answer["result"] = result
            elif result.outcome is not None:
                answer.update(result.outcome)
            else:
                result.deliver = self._deliverer(fd, caller, answer)
                return None
        except IsthmusError as error:
            answer["ok"] = False
            answer["error"] = error_answer(error)
        return pack_line(answer)

    def _deliverer(self, fd: int, caller: _Caller, answer: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
        def deliver(outcome: dict[str, Any]) -> None:
            if self._callers.get(fd) is caller:
                answer.update(outcome)
                caller.unsent = pack_line(answer)
                self._serve(fd)

        return deliver

    def close(self) -> None:
        """Hang up on everybody."""
        for fd in list(self._callers):
            self._drop(fd)
        self._loop.forget(self._listener.fileno())
        self._listener.close()


def now() -> int:
    """Milliseconds on a clock that never steps, for whoever waits for the daemon."""
    return host.now()


class DaemonAwayError(IsthmusError):
    """Nobody answers on the control socket."""

    code = "daemon-away"


def ask(run_directory: str, request: dict[str, Any], timeout_ms: int = 10_000) -> dict[str, Any]:
    """Put one request to the daemon and return its result.

    Raises DaemonAwayError, or IsthmusError with the daemon's own code, message and remedy.
    """
    path = run_directory + "/" + SOCKET_NAME
    try:
        sock = host.connect_control(path, timeout_ms)
    except OSError as error:
        raise DaemonAwayError(
            "isthmusd does not answer at %s (%s)" % (path, error.strerror or "no answer"),
            "start it (service isthmus start), run this as root, or name its --run directory",
        ) from None
    try:
        sock.sendall(pack_line(request))
        data = b""
        while not data.endswith(b"\n"):
            more = sock.recv(READ_SIZE)
            if not more:
                raise DaemonAwayError("isthmusd hung up before it answered", "look into its log")
            data += more
    except OSError:
        raise DaemonAwayError("isthmusd did not answer in time", "look into its log") from None
    finally:
        sock.close()
    answer = unpack_line(data)
    if not answer["ok"]:
        refusal = answer["error"]
        raise IsthmusError(refusal["message"], refusal["remedy"], refusal["code"])
    result: dict[str, Any] = answer["result"]
    return result
