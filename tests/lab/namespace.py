"""A network namespace: entered by this process for a moment, or a program's home.

Entering costs a system call where `ip netns exec` costs a process, which is dear on an emulated machine. A socket stays
in the namespace that it was made in, so `with namespace: socket.socket(...)` is enough.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

CLONE_NEWNET = 0x40000000  # linux/sched.h
LIBC = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """A program of the lab failed; the text has its command and what it printed."""


def run(command: list[str], text: str | None = None) -> str:
    """Run a program where we are; its output. Raises LabError when it fails."""
    done = subprocess.run(command, input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60,
                          check=False)
    if done.returncode != 0:
        raise LabError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


class Namespace:
    """One network namespace by name, made and deleted by who owns it (Topology)."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = Path("/run/netns") / name
        self.home: list[int] = []

    def __enter__(self) -> Namespace:
        """Move this thread into the namespace."""
        self.home.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))
        target = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        enter(target)
        os.close(target)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Move back."""
        home = self.home.pop()
        enter(home)
        os.close(home)

    def ip(self, batch: str) -> str:
        """Run lines of iproute2 commands (without the word `ip`) in one process."""
        with self:
            return run(["ip", "-batch", "-"], batch)

    def nft(self, text: str) -> str:
        """Load nft text in one transaction."""
        with self:
            return run(["nft", "-f", "-"], text)

    def run(self, *command: str) -> str:
        """Run a program in the namespace; its output. Raises LabError when it fails."""
        with self:
            return run(list(command))

    def start(self, command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        """Start a program in the namespace; options as of subprocess.Popen."""
        with self:
            return subprocess.Popen(command, **options)

    def set_sysctl(self, name: str, value: str) -> None:
        """Set one of the namespace's own kernel settings, such as net/ipv4/ip_forward."""
        with self:
            (Path("/proc/sys") / name).write_text(value)

    def find_processes(self) -> list[int]:
        """The processes that live in it, ourselves excepted."""
        inode = self.path.stat().st_ino
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    if (entry / "ns/net").stat().st_ino == inode:
                        found.append(int(entry.name))
                except OSError:
                    continue  # it ended meanwhile
        return found

    def end_processes(self) -> None:
        """End what still lives in it, so that deleting the name deletes the namespace."""
        for pid in self.find_processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def enter(descriptor: int) -> None:
    """Move this thread into the network namespace of an open descriptor."""
    if LIBC.setns(descriptor, CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"setns: {os.strerror(number)}")


def wait_until(what: str, condition: Any, limit: float = 20.0, step: float = 0.02) -> Any:
    """Call condition() until it gives something true, and return that; LabError with `what` after `limit` seconds."""
    end = time.monotonic() + limit
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise LabError(f"not within {limit:g} s: {what}")
        time.sleep(step)
