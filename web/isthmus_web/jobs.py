"""Calls that take long, beside the pages: a login waits for scrypt, and for others ahead of it.

A page starts one, looks for a moment whether it is done, and else sends the browser to /wait, which looks again. A job
is its browser's alone: the visit cookie that began it must come back for it. At most link.LONG run at once.
"""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from typing import TYPE_CHECKING, Any

from isthmus.errors import IsthmusError

if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus_web.link import Link

KEEP_S = 120.0  # a result that nobody fetches
LOOK_S = 1.2  # how long a page looks
LOOKERS = 2  # pages that may look at once; the others send their browsers away at once
MOST = 64


class GoneError(IsthmusError):
    """A job that is not there: fetched already, too old, or another browser's."""

    code = "gone"
    remedy = "begin again"

    def __init__(self) -> None:
        super().__init__("there is nothing to wait for here any more")


class Job:
    """purpose: which page goes on with it. typed: what was typed, to be shown again; no password."""

    def __init__(self, purpose: str, owner: str, typed: dict[str, str]) -> None:
        self.typed = typed
        self.number = secrets.token_urlsafe(16)
        self.purpose = purpose
        self.owner = owner
        self.done = threading.Event()
        self.result: dict[str, Any] = {}
        self.error: IsthmusError | None = None
        self.since = time.monotonic()

    @property
    def is_worth(self) -> bool:
        """Whether somebody loses something with it: what was done, or a session's new token."""
        return self.error is None or bool(getattr(self.error, "token", ""))

    def __repr__(self) -> str:
        return f"Job({self.purpose})"


class Jobs:
    """All of one process."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._lookers = threading.BoundedSemaphore(LOOKERS)

    def start(self, purpose: str, owner: str, work: Callable[[], dict[str, Any]], typed: dict[str, str]) -> Job:
        """Begin work(), which asks by link.ask_long(). Raises CrowdedError."""
        self._link.take_long_place()
        job = Job(purpose, owner, typed)
        with self._lock:
            self._forget()
            self._jobs[job.number] = job
        threading.Thread(target=self._work, args=(job, work), daemon=True).start()
        return job

    def _work(self, job: Job, work: Callable[[], dict[str, Any]]) -> None:
        try:
            job.result = work()
        except IsthmusError as error:
            job.error = error
        except Exception:  # noqa: BLE001 - whoever waits is told; nothing of it is shown
            job.error = IsthmusError("this did not work", "try again", "internal")
        finally:
            self._link.give_long_place()
            job.since = time.monotonic()
            job.done.set()

    def _forget(self) -> None:
        """What nobody has fetched; and of too many what came to nothing, the oldest first: a flood of logins that fail
        takes nobody's own login away before the browser has come back for it.
        """
        now = time.monotonic()
        done = [job for job in self._jobs.values() if job.done.is_set()]
        gone = [job for job in done if now - job.since > KEEP_S]
        rest = sorted([job for job in done if job not in gone], key=lambda job: job.is_worth)
        gone += rest[: max(0, len(self._jobs) - len(gone) - MOST + 1)]
        for job in gone:
            del self._jobs[job.number]

    def look(self, number: str, owner: str) -> Job | None:
        """The job if it is done, taken out; None: not yet. Raises GoneError."""
        with self._lock:
            job = self._jobs.get(number)
        if job is None or not owner or not hmac.compare_digest(job.owner, owner):
            raise GoneError
        if not job.done.is_set() and self._lookers.acquire(blocking=False):
            try:
                job.done.wait(LOOK_S)
            finally:
                self._lookers.release()
        if not job.done.is_set():
            return None
        with self._lock:
            if self._jobs.pop(number, None) is None:  # another tab was quicker
                raise GoneError
        return job
