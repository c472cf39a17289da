"""The control socket: newline-delimited JSON, one request a line, one answer a line.

    {"id": 7, "command": "status"}                       -> {"id": 7, "ok": true, "result": {...}}
    {"id": 8, "command": "up", "tunnel": "brnch"}        -> {"id": 8, "ok": false, "error": {"code", "message",
    "remedy"}}

Every request is held against `COMMANDS` before anybody acts on it. Callers and line length are bounded. A
caller gets one request a turn of the loop done, and none before it has taken the answer to the last: neither many
requests nor slow reading keeps others waiting or costs memory.
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
LONGEST_REQUEST = 65536
MOST_CALLERS = 16
READ_SIZE = 65536
EAGAIN = 11  # linux/errno.h


class Field:
    """One field of a request: its type, whether it must be there, the longest text."""

    def __init__(self, name: str, kind: type, required: bool, longest: int = 64) -> None:
        self.name = name
        self.kind = kind
        self.required = required
        self.longest = longest


_TUNNEL = Field("tunnel", str, True)
_MAYBE_TUNNEL = Field("tunnel", str, False)

# command -> (fields, what it does)
COMMANDS = {
    "status": ([_MAYBE_TUNNEL], "how every tunnel is, or one"),
    "show": ([_TUNNEL], "everything known of one tunnel, without secrets"),
    "up": ([_TUNNEL], "start a tunnel that was taken down"),
    "down": ([_TUNNEL], "take a tunnel down; its guard stays"),
    "rekey": ([_TUNNEL, Field("ike", bool, False)], "renew a tunnel's keys now: those of ESP, or those of IKE"),
    "reload": ([], "read the configuration again and apply what differs"),
    "policy-explain": (
        [Field("source", str, True), Field("destination", str, True), Field("port", str, False)],
        "what happens to one packet, step by step",
    ),
    "policy-test": (
        [Field("rule", str, False), Field("look", bool, False)],
        "send probes as the hosts of one rule, or all; look: how far that is, and what it has shown",
    ),
    "policy": ([], "forced rules, passthrough and aliases: what passes, what does not, and why"),
    "version": ([], "the daemon's version"),
}


def pack_line(value: object) -> bytes:
    """A line of JSON."""
    import json  # here: isthmusd starts sooner without it, and nobody asks before it runs

    return json.dumps(value).encode() + b"\n"


def unpack_line(line: bytes) -> Any:  # noqa: ANN401 - whatever JSON says
    """What a line of JSON says. Raises ValueError, RuntimeError for too many levels."""
    import json

    return json.loads(line)


class RequestError(IsthmusError):
    """A request that no row of COMMANDS allows."""

    code = "bad-request"


def check_request(line: bytes) -> dict[str, Any]:
    """The request in `line`, held against COMMANDS. Raises RequestError."""
    try:
        request = unpack_line(line)
    except ValueError:
        raise RequestError("the request is not one line of JSON") from None
    except RuntimeError:  # nested too deeply; MicroPython has no RecursionError
        raise RequestError("the request is nested too deeply") from None
    if not isinstance(request, dict):
        raise RequestError("the request is not a JSON object")
    command = request.get("command")
    if not isinstance(command, str) or command not in COMMANDS:
        raise RequestError("unknown command; allowed: %s" % ", ".join(sorted(COMMANDS)))
    fields = COMMANDS[command][0]
    for field in fields:
        _check_field(command, field, request.get(field.name))
    allowed = {"id", "command"} | {field.name for field in fields}
    for name in request:
        if name not in allowed:
            raise RequestError("%s takes no field of that name; allowed: %s" % (command, ", ".join(sorted(allowed))))
    if "id" in request and not isinstance(request["id"], (int, str)):
        raise RequestError("the id is a number or a text")
    return request


def _check_field(command: str, field: Field, value: object) -> None:
    if value is None:
        if field.required:
            raise RequestError("%s needs the field %s" % (command, field.name))
    elif not isinstance(value, field.kind):
        raise RequestError("%s: the field %s has the wrong type" % (command, field.name))
    elif isinstance(value, str) and len(value) > field.longest:
        raise RequestError("%s: the field %s is longer than %d" % (command, field.name, field.longest))


def error_answer(error: IsthmusError) -> dict[str, Any]:
    """An error as the answer carries it."""
    return {"code": error.code, "message": str(error), "remedy": error.remedy}


class _Caller:
    def __init__(self, sock: socket) -> None:
        self.sock = sock
        self.unread = b""
        self.unsent = b""


class ControlServer:
    """Serves the control socket from the loop. `handle(request) -> result`, or raises IsthmusError."""

    def __init__(self, loop: Loop, path: str, handle: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Raises OSError."""
        self._loop = loop
        self._handle = handle
        self._listener = host.listen_control(path)
        self._callers: dict[int, _Caller] = {}
        loop.on_readable(self._listener.fileno(), self._accept)

    def _accept(self, _fd: int) -> None:
        sock = host.accept_control(self._listener)
        if sock is None:
            return
        if len(self._callers) >= MOST_CALLERS:
            sock.close()
            return
        fd = sock.fileno()
        self._callers[fd] = _Caller(sock)
        self._loop.on_readable(fd, self._read)

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
            caller.unsent = self._answer(line)
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

    def _answer(self, line: bytes) -> bytes:
        answer: dict[str, Any] = {"ok": True}
        try:
            if len(line) > LONGEST_REQUEST:
                raise RequestError("the request is longer than %d bytes" % LONGEST_REQUEST)
            request = check_request(line)
            if "id" in request:
                answer["id"] = request["id"]
            answer["result"] = self._handle(request)
        except IsthmusError as error:
            answer["ok"] = False
            answer["error"] = error_answer(error)
        return pack_line(answer)

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
