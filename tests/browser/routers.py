"""The lab from outside: two routers in a virtual machine, whose web interfaces are on this machine's loopback."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")  # router A, router B, orders; each its own host, for the cookies' sake
START_S = 420.0  # an image for the virtual machine may have to be made first
ORDER_S = 300.0


class StageError(Exception):
    """The lab failed, or an order was not obeyed."""


def free_port(host: str) -> int:
    """A port of the loopback that nobody uses now."""
    with socket.socket() as sock:
        sock.bind((host, 0))
        return int(sock.getsockname()[1])


class Routers:
    """The lab with its two routers, from start() to close()."""

    def __init__(self) -> None:
        self.places = [(host, free_port(host)) for host in HOSTS]
        self.process: subprocess.Popen[bytes] | None = None
        self.said = b""
        self.sock: socket.socket | None = None
        self.file: Any = None

    def url(self, site: str) -> str:
        """Where a browser finds router a or b."""
        host, port = self.places["ab".index(site)]
        return f"https://{host}:{port}"

    def start(self) -> None:
        """Both are there and serve their first page. Raises StageError, with what the lab said."""
        names = [f"{host}:{port}" for host, port in self.places]
        command = [str(ROOT / "tools" / "lab"), "--", sys.executable, "-m", "tests.browser.stage", *names[:2]]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "ISTHMUS_LAB_FORWARD": " ".join(names)},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        end = time.monotonic() + START_S
        while b"stage: ready" not in self.said:
            if not self._hear(end):
                raise StageError("the lab is not ready: " + self.said[-3000:].decode(errors="replace"))
        self.sock = socket.create_connection(self.places[2], ORDER_S)
        self.sock.settimeout(ORDER_S)
        self.file = self.sock.makefile("rwb")

    def _hear(self, end: float) -> bool:
        assert self.process is not None and self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], max(0.0, end - time.monotonic()))
        data = os.read(self.process.stdout.fileno(), 65536) if ready else b""
        self.said += data
        return bool(data)

    def order(self, what: str, **fields: Any) -> Any:
        """What came of an order (stage.py has them all). Raises StageError."""
        self.file.write(json.dumps({"order": what, **fields}).encode() + b"\n")
        self.file.flush()
        line = self.file.readline()
        if not line:
            raise StageError("the lab has ended: " + self.said[-3000:].decode(errors="replace"))
        answer = json.loads(line)
        if "error" in answer:
            raise StageError(f"{what}: {answer['error']}")
        return answer["result"]

    def close(self) -> None:
        """End it: it ends by itself when nobody gives orders any more."""
        if self.file is not None:
            self.file.close()
        if self.sock is not None:
            self.sock.close()
        if self.process is None:
            return
        if self.sock is None:
            self.process.terminate()
        try:
            said, _ = self.process.communicate(timeout=60)
            self.said += said
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
