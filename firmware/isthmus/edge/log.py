"""Log lines that an administrator can act on: who, what, and where known the remedy. Never a secret.

What repeats is said once and then counted, so that neither a broken peer nor an attacker can fill a router's log.
The last of them stay in memory as well, for `isthmus log`: not every router has a logread, and none keeps it for long.
"""

from __future__ import annotations

from isthmus.edge import os_cpython as host
from isthmus.edge.printable import LONGEST_TEXT, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LEVELS = ("error", "warning", "notice", "info", "debug")
REMEMBERED = 64
QUIET_MS = 300_000  # the same line again within this time is counted, not written
KEPT_LINES, KEPT_CHARACTERS = 400, 32_768  # in memory: what an hour of trouble says, in about 60 kB
MOST_LINES = 20  # that differ, of one subject, within this time: who calls chooses port and identity


class Log:
    """Lines to standard error: `time isthmusd level: subject: text`."""

    def __init__(self, level: str = "notice") -> None:
        self.level = level
        self._said: dict[str, int] = {}
        self._counts: dict[str, tuple[int, int, int]] = {}  # subject -> (since when, lines written, lines left out)
        self._kept: list[tuple[int, str, str, str, str]] = []  # number, time, level, subject, text
        self._characters = 0
        self._number = 0

    def _write(self, level: str, subject: str, text: str, again: str = "") -> None:
        if LEVELS.index(level) > LEVELS.index(self.level):
            return
        when, subject, text = host.local_time_text(), printable(subject), printable(text) + again
        self._keep(when, level, subject, text)
        host.write_error_line("%s isthmusd %s: %s: %s" % (when, level, subject, text))

    def _keep(self, when: str, level: str, subject: str, text: str) -> None:
        self._number += 1
        self._kept.append((self._number, when, level, subject, text))
        self._characters += len(subject) + len(text)
        while len(self._kept) > KEPT_LINES or self._characters > KEPT_CHARACTERS:
            gone = self._kept.pop(0)
            self._characters -= len(gone[3]) + len(gone[4])

    def recent(self, after: int = 0, count: int = KEPT_LINES, subject: str | None = None) -> dict[str, Any]:
        """The last `count` lines of one subject or all, or with `after` the first behind that number: {"lines":
        [{"number", "time", "level", "subject", "text"}], "next": what to give as `after` next time, "lost": whether
        some behind `after` are no longer there}.
        """
        found = [row for row in self._kept if row[0] > after and subject in (None, row[3])]
        following = self._number
        if after and len(found) > count:
            found = found[:count]
            following = found[-1][0]
        lost = bool(after) and bool(self._kept) and self._kept[0][0] > after + 1
        names = ("number", "time", "level", "subject", "text")
        lines = [dict(zip(names, row)) for row in found[max(0, len(found) - count) :]]
        return {"lines": lines, "next": following, "lost": lost}

    def error(self, subject: str, text: str) -> None:
        """Something is broken and wants a person."""
        self._write("error", subject, text)

    def warning(self, subject: str, text: str) -> None:
        """Something is wrong that Isthmus deals with for now."""
        self._write("warning", subject, text)

    def notice(self, subject: str, text: str) -> None:
        """A change that an administrator expects to find."""
        self._write("notice", subject, text)

    def info(self, subject: str, text: str) -> None:
        """Detail for someone who looks for a fault."""
        self._write("info", subject, text)

    def debug(self, subject: str, text: str) -> None:
        """Detail for someone who works on Isthmus."""
        self._write("debug", subject, text)

    def once(self, level: str, subject: str, text: str) -> None:
        """The same, but a line already said within QUIET_MS is only counted, and so are more than MOST_LINES."""
        key = subject + "\n" + text[:LONGEST_TEXT]
        now = host.now()
        since, lines, left_out = self._counts.get(subject, (now, 0, 0))
        if now - since >= QUIET_MS:
            since, lines = now, 0
        if len(self._counts) >= REMEMBERED * 8:
            self._counts = {}
        if now - self._said.get(key, now - QUIET_MS) < QUIET_MS or lines >= MOST_LINES:
            self._counts[subject] = (since, lines, left_out + 1)
            return
        if len(self._said) >= REMEMBERED:
            self._said = {}
        self._said[key] = now
        self._counts[subject] = (since, lines + 1, 0)
        again = " (%d repeated lines left out before this one)" % left_out if left_out else ""
        self._write(level, subject, text, again)
