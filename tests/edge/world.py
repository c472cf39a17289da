"""What the tests of the edge share: a folder of their own, a control server in a loop, a child under another uid."""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

from isthmus.edge.control import SOCKET_NAME, ControlServer
from isthmus.edge.loop import Loop
from isthmus.edge.os_cpython_udp import UdpPort
from isthmus.errors import IsthmusError

NOBODY = 65534
CLONE_NEWNET = 0x40000000
PATIENCE_S = 10.0


def own_network() -> None:
    """Move this process into a network namespace of its own, with `lo` up and fe80::1 on it."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        raise unittest.SkipTest("a network namespace needs root")
    batch = "link set lo up\naddr add fe80::1/64 dev lo nodad\n"
    subprocess.run(["ip", "-batch", "-"], input=batch.encode(), check=True, timeout=30)


class Folder(unittest.TestCase):
    """`self.path`: a folder that goes with the test."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="isthmus-edge-")
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name)


class Served(Folder):
    """A control server whose loop turns in a thread; `self.asked` are the requests that reached the daemon."""

    def setUp(self) -> None:
        super().setUp()
        self.asked: list[dict] = []
        self.standings: list[str] = []
        self.result: dict = {"fine": True}
        self.loop = Loop()
        self.server = ControlServer(self.loop, str(self.path / SOCKET_NAME), self.handle)
        self.wake_read, self.wake_write = os.pipe()
        self.loop.on_readable(self.wake_read, lambda fd: os.read(fd, 1))
        self.stopping = False
        self.mistakes: list[BaseException] = []
        self.turns = 0
        self.thread = threading.Thread(target=self.run_loop, daemon=True)
        self.thread.start()
        self.addCleanup(self.stop)

    def handle(self, request: dict, standing: str) -> dict:
        self.asked.append(request)
        self.standings.append(standing)
        if request["command"] == "reload":
            raise IsthmusError("the file is wrong", "mend it", "configuration")
        return self.result

    def run_loop(self) -> None:
        while not self.stopping:
            self.turns += 1
            try:
                self.loop.turn(1000)
            except Exception as error:  # noqa: BLE001 - whatever it is, stop() shows it
                self.mistakes.append(error)

    def stop(self) -> None:
        self.stopping = True
        os.write(self.wake_write, b"!")
        self.thread.join(PATIENCE_S)
        self.server.close()
        os.close(self.wake_read)
        os.close(self.wake_write)
        self.assertEqual(self.mistakes, [])

    def connect(self) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(str(self.path / SOCKET_NAME))
        sock.settimeout(PATIENCE_S)
        self.addCleanup(sock.close)
        return sock

    def read_lines(self, sock: socket.socket, count: int = 1) -> list[dict]:
        """So many answers; fewer where the server hangs up."""
        data = b""
        while data.count(b"\n") < count:
            try:
                more = sock.recv(65536)
            except ConnectionError:
                break
            if not more:
                break
            data += more
        return [json.loads(line) for line in data.splitlines()]

    def ask_raw(self, line: bytes) -> dict:
        sock = self.connect()
        sock.sendall(line)
        return self.read_lines(sock)[0]


def wait_for(condition: object) -> bool:
    """True as soon as condition() holds, False after PATIENCE_S."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return bool(condition())


def arrived(port: UdpPort) -> list:
    """What has come to a port, as soon as there is anything."""
    found: list = []

    def read() -> bool:
        for fd in port.fds():
            found.extend(port.receive(fd))
        return bool(found)

    wait_for(read)
    return found


def run_as(uid: int, what: object, gid: int | None = None) -> int:
    """Run what() in a child of another user (and group, else the same number); its exit status: 0 if it returned,
    what.errno or 255 if it raised.
    """
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 255
    try:
        os.setgroups([])
        os.setgid(uid if gid is None else gid)
        os.setuid(uid)
        what()
        status = 0
    except OSError as error:
        status = error.errno or 255
    finally:
        sys.stdout.flush()
        os._exit(status)
