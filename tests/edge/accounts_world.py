"""A real daemon around a null kernel, its socket open to a user of its own, and processes of that user that call it."""

from __future__ import annotations

import json
import os
import pty
import select
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

from isthmus import daemon as module
from isthmus.edge import os_cpython as host
from isthmus.edge.control import SOCKET_NAME, ask
from isthmus.edge.log import Log
from isthmus.errors import IsthmusError
from isthmus.kernel.null import NullKernel
from isthmus.kernel.ways import Way
from isthmus.users.book import Params
from isthmus.wire.addr import Prefix
from tests.edge.world import PATIENCE_S, Folder

GUEST = 4242  # the web interface's user and group, for a moment
STRANGER = 4243
LOOPBACK = b"\x7f\x00\x00\x01"
TUNNEL = "config tunnel 'branch'\n option remote '127.0.0.2'\n option psk 'correct horse battery'\n"
PASSWORD, OTHER = "fluffy kitten 9", "quiet harbour 31"
LIGHT = Params(1 << 10, 8, 1)  # so that a test takes no minutes; scrypt all the same


class Lines(Log):
    """Keeps its lines."""

    def __init__(self) -> None:
        super().__init__("debug")
        self.lines: list[str] = []

    def _write(self, level: str, subject: str, text: str, again: str = "") -> None:
        self.lines.append(f"{level} {subject} {text}{again}")


def in_child(uid: int, what: Any, gid: int | None = None) -> Any:
    """What what() returns in a process of another user, through a pipe, as JSON."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(read)
            os.setgroups([])
            os.setgid(uid if gid is None else gid)
            os.setuid(uid)
            os.write(write, json.dumps(what()).encode())
        except BaseException as error:  # noqa: BLE001 - the parent says what was wrong
            os.write(write, json.dumps({"mistake": repr(error)}).encode())
        finally:
            sys.stdout.flush()
            os._exit(0)
    os.close(write)
    data = b""
    while more := os.read(read, 65536):
        data += more
    os.close(read)
    os.waitpid(child, 0)
    return json.loads(data)


def at_terminal(argv: list[str], environment: dict[str, str], lines: list[str]) -> tuple[int, str, str]:
    """A program at a terminal of its own, where each question is answered with one of these lines: (exit status, all
    that is on it, the program's words and environment while it ran).
    """
    child, terminal = pty.fork()
    if not child:
        os.execve(argv[0], argv, environment)
    seen, shown = "", ""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                seen += os.read(terminal, 1000).decode()
            except OSError:
                break
        if lines and seen.endswith((": ", ") ")):
            shown = Path(f"/proc/{child}/cmdline").read_text() + Path(f"/proc/{child}/environ").read_text()
            os.write(terminal, lines.pop(0).encode() + b"\n")
            seen += "\n"
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.close(terminal)
    return status, seen, shown


class Accounted(Folder):
    """`self.daemon` turns in a thread; call() is the web interface's process, ask() root's command line."""

    params = LIGHT
    text = TUNNEL  # of the configuration

    def setUp(self) -> None:
        super().setUp()
        os.chmod(self.path, 0o755)
        for name in ("config", "etc/state", "run"):
            (self.path / name).mkdir(parents=True)
        (self.path / "config" / "isthmus").write_text(self.text)
        passwd = self.path / "passwd"
        passwd.write_text(f"root:x:0:0::/:/bin/sh\nisthmus-web:x:{GUEST}:{GUEST}::/:/bin/false\n")
        self.addCleanup(setattr, host, "PASSWD", host.PASSWD)
        host.PASSWD = str(passwd)
        self.run_dir = str(self.path / "run")
        self.users = self.path / "etc" / "users"
        self.log = Lines()
        self.start()

    def make_kernel(self) -> NullKernel:
        return NullKernel([("lo", LOOPBACK, 8)], [(Prefix(bytes(4), 0), Way(LOOPBACK, "lo", 1500))])

    def start(self) -> None:
        paths = [str(self.path / name) for name in ("config", "etc/state", "run")]
        self.daemon = module.Daemon(self.make_kernel(), self.log, *paths, web_user="isthmus-web")
        self.daemon.delta_dir = str(self.path / "deltas")
        self.daemon.start()
        self.daemon._hold_at = None  # to start a process while the test forks would keep both waiting for each other
        self.daemon.accounts.door._params = self.params
        self.wake_read, self.wake_write = os.pipe()
        self.daemon.loop.on_readable(self.wake_read, lambda fd: os.read(fd, 1))
        self.stopping = False
        self.thread = threading.Thread(target=self.turn, daemon=True)
        self.thread.start()
        self.addCleanup(self.stop)

    def turn(self) -> None:
        while not self.stopping:
            self.daemon.turn()

    def stop(self) -> None:
        if self.stopping:
            return
        self.stopping = True
        os.write(self.wake_write, b"!")
        self.thread.join(PATIENCE_S)
        self.daemon._control.close()
        self.daemon.edge.close()
        os.close(self.wake_read)
        os.close(self.wake_write)
        self.assertEqual([line for line in self.log.lines if "mistake" in line], [])

    def restart(self) -> None:
        self.stop()
        self.start()

    def ask(self, command: str, **fields: Any) -> dict:
        return ask(self.run_dir, {"command": command, **fields}, 30_000)

    def refused(self, command: str, **fields: Any) -> str:
        """The code that root's command line is refused with."""
        with self.assertRaises(IsthmusError) as caught:
            self.ask(command, **fields)
        return caught.exception.code

    def call(self, command: str, uid: int = GUEST, **fields: Any) -> dict:
        """The web interface's: the result, or {"code": ..., "message": ...}."""
        return self.calls([{"command": command, **fields}], uid)[0]

    def calls(self, requests: list[dict], uid: int = GUEST) -> list[dict]:
        """The same for many, on one connection."""

        def what() -> list[dict]:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.settimeout(30)
            sock.connect(self.run_dir + "/" + SOCKET_NAME)
            file = sock.makefile("rb")
            answers = []
            for request in requests:
                sock.sendall(json.dumps(request).encode() + b"\n")
                answer = json.loads(file.readline())
                answers.append(answer["result"] if answer["ok"] else answer["error"])
            return answers

        found = in_child(uid, what)
        self.assertIsInstance(found, list, found)
        return found

    def login(self, user: str = "alice", password: str = PASSWORD, **fields: Any) -> dict:
        return self.call("login", user=user, password=password, source="192.168.1.7", **fields)
