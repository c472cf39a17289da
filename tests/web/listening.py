"""A browser that listens to /events, and what a process costs while many do."""

from __future__ import annotations

import os
import re
import socket
import ssl
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.web.world import Browser

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 90.0
_ROW = re.compile(r"^(id|event|data|retry): ?(.*)$")


class Ear:
    """One open stream. status: of its answer; events(): what came, as (event, data)."""

    def __init__(self, browser: Browser, page: str = "overview", **more: Any) -> None:
        sock = socket.socket()
        sock.settimeout(PATIENCE_S)
        if more.get("buffer"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, more["buffer"])
        sock.connect((browser.host, browser.port))
        self.sock: ssl.SSLSocket = browser.context.wrap_socket(sock)
        cookies = "; ".join(f"{name}={value}" for name, value in browser.jar.items())
        rows = [f"GET /events?page={page} HTTP/1.1", f"Host: {browser.host}:{browser.port}", f"Cookie: {cookies}",
                "Accept: text/event-stream", *more.get("headers", ())]  # fmt: skip
        self.sock.sendall("\r\n".join(rows).encode() + b"\r\n\r\n" + more.get("behind", b""))
        self.data = b""
        self.status = 0
        self.is_over = False
        self.last_id = ""
        while b"\r\n\r\n" not in self.data and self._read():
            pass
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        self.head = head.decode("latin-1")
        self.status = int(self.head.split()[1]) if self.head else 0

    def _read(self, patience_s: float = PATIENCE_S) -> bool:
        self.sock.settimeout(max(patience_s, 0.001))
        try:
            data = self.sock.recv(65536)
        except TimeoutError:
            return False
        except OSError:
            data = b""
        self.is_over = not data
        self.data += data
        return bool(data)

    def wait(self, event: str, data: str = "", patience_s: float = PATIENCE_S) -> bool:
        """Whether this event comes in so many seconds."""
        end = time.monotonic() + patience_s
        while True:
            for found in self._events():
                if found[0] == event and data in ("", found[1]):
                    return True
            if self.is_over or time.monotonic() > end:
                return False
            self._read(end - time.monotonic())

    def _events(self) -> Iterator[tuple[str, str]]:
        """What has come whole, one after the other."""
        while b"\n\n" in self.data:
            frame, _, self.data = self.data.partition(b"\n\n")
            rows = dict(match.groups() for line in frame.decode().splitlines() if (match := _ROW.match(line)))
            self.last_id = rows.get("id", self.last_id)
            if "event" in rows:
                yield rows["event"], rows.get("data", "")

    def wait_end(self, patience_s: float = PATIENCE_S) -> bool:
        """Whether the server hangs up in so many seconds."""
        end = time.monotonic() + patience_s
        while not self.is_over and time.monotonic() < end:
            self._read(end - time.monotonic())
        return self.is_over

    def close(self) -> None:
        """Hang up."""
        self.sock.close()


def resident_kib(pid: int) -> int:
    """Memory of a process that is in use."""
    return _status(pid, "VmRSS")


def threads(pid: int) -> int:
    """Threads of a process."""
    return _status(pid, "Threads")


def _status(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name + ":")).split()[1])


def open_files(pid: int) -> int:
    """Descriptors of a process."""
    return len(os.listdir(f"/proc/{pid}/fd"))
