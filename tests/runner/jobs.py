"""A job: one process that runs tests and prints their results, or one check whose exit status is its result."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

from tests.runner.report import Printer, Result, parse_line

ROOT = Path(__file__).resolve().parents[2]
TAIL = 60
"""Lines of a job's other output that are shown with a failure."""
NICE = 10
"""Niceness of what gives way: the lab emulates a machine whose protocols have timers, the host's tests have none."""


class Job:
    """What to start and how to judge it.

    `argv` runs in the repository's root for at most `limit` seconds. With `lines` it prints the JSON lines that
    tests/runner/portable.py describes; without, its exit status is the result of the one test `name`.
    """

    def __init__(
        self, label: str, name: str, argv: list[str], limit: float, lines: bool = True, live: bool = False
    ) -> None:
        self.label = label
        self.name = name
        self.argv = argv
        self.limit = limit
        self.lines = lines
        self.live = live


class Failure:
    """A job that could not even be made; it is reported as a failed test."""

    def __init__(self, label: str, name: str, why: str) -> None:
        self.label = label
        self.name = name
        self.why = why


QUIET, LOUD = '{"quiet": true}', '{"quiet": false}'
"""What a live job prints before and after it compares speeds: meanwhile no job begins that gives way to others."""

_running: set[subprocess.Popen[bytes]] = set()
_may_begin = threading.Event()
_may_begin.set()


def stop_all() -> None:
    """End every process that a job has running, with its children."""
    for process in list(_running):
        _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    # Each job leads a process group of its own. One that has been waited for has no group to kill any more.
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def _step_back(pid: int) -> None:
    """Let a job give way. Where the kernel divides time between sessions, the session has a niceness of its own."""
    with contextlib.suppress(ProcessLookupError):  # it has ended already
        os.setpriority(os.PRIO_PGRP, pid, NICE)
    with contextlib.suppress(OSError):  # a kernel that does not group, or it has ended
        Path(f"/proc/{pid}/autogroup").write_text(str(NICE), encoding="ascii")


class _Run:
    """One run of a job: its process, the lines it printed, and what they came to."""

    def __init__(self, job: Job, printer: Printer, full: bool, behind: bool) -> None:
        self._job = job
        self._printer = printer
        self._other: list[str] = []
        self._results = 0
        self._failed = 0
        self._announced: int | None = None
        self._late = False
        environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", ISTHMUS_FULL="1" if full else "")
        self._process = subprocess.Popen(
            job.argv, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        _running.add(self._process)
        if behind:
            _step_back(self._process.pid)

    def _expire(self) -> None:
        self._late = True
        _kill(self._process)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for raw in self._process.stdout:
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            said = parse_line(self._job.label, line) if self._job.lines else None
            if isinstance(said, Result):
                self._results += 1
                self._failed += said.result == "failed"
                self._printer.add(said)
                if self._job.live and said.result == "passed":
                    self._printer.say(f"{said.result}  {said.label}: {said.test} ({said.seconds:.1f} s)")
            elif isinstance(said, int):
                self._announced = said
            elif self._job.live and line in (QUIET, LOUD):
                (_may_begin.set if line == LOUD else _may_begin.clear)()
            elif line or not self._job.lines:  # emit() begins with an end of line
                self._other = [*self._other[1 - TAIL :], line]
                if self._job.live:
                    self._printer.say(f"  {self._job.label}: {line}")

    def finish(self) -> None:
        """Wait for the process and report what its lines did not: an early end, a crash, a time limit."""
        start = time.monotonic()
        timer = threading.Timer(self._job.limit, self._expire)
        timer.start()
        try:
            self._read()
            status = self._process.wait()
        finally:
            timer.cancel()
            _running.discard(self._process)
            if self._job.live:
                _may_begin.set()  # it may have ended early
        why = self._complaint(status)
        seconds = time.monotonic() - start
        if why:
            text = "\n".join([why, *self._other])
            self._printer.add(Result(self._job.label, self._job.name, "failed", text, seconds))
        elif not self._job.lines:
            self._printer.add(Result(self._job.label, self._job.name, "passed", "", seconds))

    def _complaint(self, status: int) -> str:
        if self._late:
            return f"not finished after {self._job.limit:.0f} s: ended"
        if not self._job.lines:
            return f"exit status {status}" if status else ""
        if self._announced is None:
            return f"ended early, exit status {status}: {self._results} results and no closing line"
        if self._announced != self._results:
            return f"announced {self._announced} results, printed {self._results}"
        if status and not self._failed:
            return f"exit status {status}, though no test failed"
        return ""


def run(jobs: list[Job | Failure], workers: int, printer: Printer, full: bool, behind: bool = False) -> None:
    """Run the jobs in order, this many at a time, until all are done. behind: they give way to others that run."""
    pending = list(reversed(jobs))
    lock = threading.Lock()

    def work() -> None:
        while True:
            if behind:
                _may_begin.wait()
            with lock:
                if not pending:
                    return
                job = pending.pop()
            if isinstance(job, Failure):
                printer.add(Result(job.label, job.name, "failed", job.why))
                continue
            try:
                _Run(job, printer, full, behind).finish()
            except Exception as error:  # noqa: BLE001 - a job that cannot be started is a failed test, never a lost one
                printer.add(Result(job.label, job.name, "failed", f"{type(error).__name__}: {error}"))

    threads = [threading.Thread(target=work, daemon=True) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
