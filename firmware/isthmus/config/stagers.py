"""Who has staged what waits in forms' place, and when: whoever puts it in force is told. Kept in memory alone."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

UNKNOWN = ""
MOST = 8  # of whom each is told; who came first is unknown then


class Stagers:
    """Of one place. What a mark does not vouch for was staged by somebody unknown: before isthmusd began anew, by the
    command line, or the configuration itself was changed meanwhile.
    """

    def __init__(self) -> None:
        self._mark = ""
        self._rows: list[tuple[str, str, int]] = []  # user, address, milliseconds

    def note(self, before: str, count: int, after: str, who: tuple[str, str], now: int) -> None:
        """Somebody has staged something. before, after: the marks; count: what was staged before."""
        rows = [row for row in self._known(before, count) if row[:2] != who]
        if len(rows) >= MOST:
            rows = [(UNKNOWN, "", rows[1][2])] + [row for row in rows[2:] if row[0] != UNKNOWN]
        self._rows = rows + [(who[0], who[1], now)]
        self._mark = after

    def told(self, mark: str, count: int, now: int) -> list[dict[str, Any]]:
        """[{"user", "source", "age_s"}], who came first first; user "": somebody unknown, and nobody knows when."""
        return [
            {"user": user, "source": source, "age_s": (now - at) // 1000 if user else 0}
            for user, source, at in self._known(mark, count)
        ]

    def _known(self, mark: str, count: int) -> list[tuple[str, str, int]]:
        if not count:
            return []
        if mark == self._mark:
            return self._rows
        return [(UNKNOWN, "", 0)] + [row for row in self._rows if row[0] != UNKNOWN]
