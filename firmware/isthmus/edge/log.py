"""Log lines that an administrator can act on: who, what, and where known the remedy. Never a secret.

What repeats is said once and then counted, so that neither a broken peer nor an attacker can fill a router's log.
"""

from __future__ import annotations

from isthmus.edge import os_cpython as host
from isthmus.edge.printable import LONGEST_TEXT, printable

LEVELS = ("error", "warning", "notice", "info", "debug")
REMEMBERED = 64
QUIET_MS = 300_000  # the same line again within this time is counted, not written
MOST_LINES = 20  # that differ, of one subject, within this time: who calls chooses port and identity


class Log:
    """Lines to standard error: `time isthmusd level: subject: text`."""

    def __init__(self, level: str = "notice") -> None:
        self.level = level
        self._said: dict[str, int] = {}
        self._counts: dict[str, tuple[int, int, int]] = {}  # subject -> (since when, lines written, lines left out)

    def _write(self, level: str, subject: str, text: str, again: str = "") -> None:
        if LEVELS.index(level) > LEVELS.index(self.level):
            return
        line = "%s: %s: %s" % (level, printable(subject), printable(text) + again)
        host.write_error_line(host.local_time_text() + " isthmusd " + line)

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
