"""Log lines that an administrator can act on: who, what, and where known the remedy. Never a secret.

What repeats is said once and then counted, so that neither a broken peer nor an attacker can fill a router's log.
"""

from __future__ import annotations

from isthmus.edge import os_cpython as host

LEVELS = ("error", "warning", "notice", "info", "debug")
REMEMBERED = 64
QUIET_MS = 300_000  # the same line again within this time is counted, not written


class Log:
    """Lines to standard error: `time isthmusd level: subject: text`."""

    def __init__(self, level: str = "notice") -> None:
        self.level = level
        self._said: dict[str, int] = {}
        self._suppressed = 0

    def _write(self, level: str, subject: str, text: str) -> None:
        if LEVELS.index(level) > LEVELS.index(self.level):
            return
        line = "%s: %s: %s" % (level, subject, _printable(text))
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
        """The same, but a line already said within QUIET_MS is only counted."""
        key = subject + "\n" + text
        now = host.now()
        if now - self._said.get(key, now - QUIET_MS) < QUIET_MS:
            self._suppressed += 1
            return
        if len(self._said) >= REMEMBERED:
            self._said = {}
        self._said[key] = now
        again = " (%d repeated lines left out before this one)" % self._suppressed if self._suppressed else ""
        self._suppressed = 0
        self._write(level, subject, text + again)


def _printable(text: str) -> str:
    """Foreign bytes (names, identities) must not move the reader's cursor or forge a line."""
    return "".join([c if 32 <= ord(c) < 127 or ord(c) > 159 else "?" for c in text])
