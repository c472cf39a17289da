"""What users have done, for the log: each a line, and nobody's many lines hide anybody's few.

Of one user and one command so many lines are written within a while. What is left out is counted by what it was, and
said when the while is over. A user's line that was written last is not written again within it, only counted.
"""

from __future__ import annotations

WHILE_MS = 300_000
MOST_LINES = 10  # of one user and one command, within WHILE_MS
MOST_KINDS = 8  # of what is left out; the rest is counted together
MOST_ROWS = 256  # more than that are at it at once only where users come and go by the hundred


class _Row:
    """Of one user and one command."""

    def __init__(self, now: int) -> None:
        self.since = now
        self.lines = 0
        self.left_out: dict[str, int] = {}


class Deeds:
    """note() takes a deed; take_lines() gives what is to be written by now."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], _Row] = {}
        self._last: dict[str, str] = {}  # of each user who has a row: what was written last
        self._lines: list[str] = []

    def note(self, user: str, command: str, text: str, now: int) -> None:
        """The user has done this; text: the deed in full, command: what it counts under."""
        self._end(now, MOST_ROWS - 1)
        key = (user, command)
        if key not in self._rows:
            self._rows[key] = _Row(now)
        row = self._rows[key]
        if row.lines < MOST_LINES and self._last.get(user) != text:
            row.lines += 1
            self._last[user] = text
            self._lines.append("%s: %s" % (user, text))
            return
        kind = text if text in row.left_out or len(row.left_out) < MOST_KINDS else "others"
        row.left_out[kind] = row.left_out.get(kind, 0) + 1

    def take_lines(self, now: int) -> list[str]:
        """Lines for the log, oldest first."""
        self._end(now, MOST_ROWS)
        lines, self._lines = self._lines, []
        return lines

    def get_timer(self) -> int | None:
        """When there will be something to take, should nobody do anything before."""
        times = [row.since + WHILE_MS for row in self._rows.values() if row.left_out]
        return min(times) if times else None

    def _end(self, now: int, most: int) -> None:
        """Close the rows whose time is over, and the oldest of more than `most`."""
        over = [key for key, row in self._rows.items() if now - row.since >= WHILE_MS]
        surplus = len(self._rows) - most
        if surplus > len(over):
            over = [key for _, key in sorted([(row.since, key) for key, row in self._rows.items()])[:surplus]]
        for key in sorted(over):
            left_out = self._rows.pop(key).left_out
            self._last.pop(key[0], None)
            if left_out:
                said = ["%s (%d times)" % (text, left_out[text]) for text in sorted(left_out)]
                self._lines.append("%s: left out of this log: %s" % (key[0], "; ".join(said)))
