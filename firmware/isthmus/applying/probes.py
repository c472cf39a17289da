"""What worked before a change must work after it: each tunnel that was up, and the way to who answers names.

A tunnel counts when a probe that was sent after the change has come back through it; its state alone may be old.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    Row = tuple[str, str, str]

OK, WAIT, FAILED = "ok", "wait", "failed"
ANSWER_MS = 1_500  # what comes back sooner may have been asked before the change (probe.py)
PATIENCE_MS = 30_000  # then what is not there again has failed; it may still come


class Probes:
    """tunnels: names of those that were up, and are to be; ways: what is reached -> by which interface it was."""

    def __init__(self, tunnels: list[str], ways: dict[str, str], now: int) -> None:
        self._tunnels = tunnels
        self._ways = ways
        self._began_at = now

    def see(self, tunnels: dict[str, tuple[str, int | None, str]], ways: dict[str, str], now: int) -> list[Row]:
        """Rows of (what, OK, WAIT or FAILED, sentence). tunnels: name -> (state, when a probe last came back, the
        state within a sentence); ways: as they are now, "" for none.
        """
        late = now - self._began_at >= PATIENCE_MS
        rows = []
        for name in self._tunnels:
            state, answered_at, plain = tunnels.get(name, ("removed", None, "is not there"))
            is_back = state == "up" and answered_at is not None and answered_at >= self._began_at + ANSWER_MS
            text = "a probe has crossed both ways since" if is_back else "it was up, and %s" % plain
            if state == "up" and not is_back:
                text = "it is up; a probe is on its way"
            rows.append(("tunnel " + name, OK if is_back else FAILED if late else WAIT, text))
        for what in sorted(self._ways):
            before, after = self._ways[what], ways.get(what, "")
            text = "by %s, as before" % before
            if after != before:
                text = "it was reached by %s, and is by %s" % (before, after or "nothing")
            rows.append((what, OK if after == before else FAILED, text))
        return rows


def troubles(rows: list[Row]) -> list[str]:
    """Sentences about what is not as it was, or not yet."""
    return ["%s: %s" % (what, text) for what, state, text in rows if state != OK]
