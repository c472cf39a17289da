"""What each tunnel carried and lost during the last day: rings of buckets of fixed size, in memory alone.

Bytes are those of the L2TP session's counters, shared out by time over the buckets between two looks at them; loss is
that of the two-way probe. What nobody measured is a hole and no nought: a tunnel that carries nothing yet or any more,
an interface that is gone, a counter that began anew, a kernel that did not answer for longer than PATIENCE_MS.
"""

from __future__ import annotations

from array import array

from isthmus.errors import IsthmusError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from isthmus.tunnel import Tunnel

    Reading = tuple[int, int, int, int, int]  # session id, bytes in, bytes out, probes answered, probes lost

SPANS = (("15min", 10_000, 90), ("day", 300_000, 288))  # name, a bucket's length in ms, how many
PATIENCE_MS = 9_000  # between two looks at the counters, which are 2 s apart


class SpanError(IsthmusError):
    """There is no such span."""

    code = "bad-span"


class Ring:
    """`count` buckets of `step` ms each; the newest is the one that time is in. Numbers of a bucket: bytes in and out,
    ms that were measured, probes that were answered or lost, probes that were lost.
    """

    def __init__(self, step: int, count: int) -> None:
        self.step = step
        self.count = count
        self._newest = -count  # number of a bucket, counted from the clock's beginning
        self._bytes_in = array("Q", [0] * count)
        self._bytes_out = array("Q", [0] * count)
        self._measured = array("I", [0] * count)
        self._probes = array("H", [0] * count)
        self._lost = array("H", [0] * count)

    def add(self, begin: int, end: int, size_in: int, size_out: int) -> None:
        """Bytes that were counted from one moment to another, later one."""
        at = begin
        while at < end:
            number = at // self.step
            until = min(end, (number + 1) * self.step)
            part_in = size_in * (until - at) // (end - at)
            part_out = size_out * (until - at) // (end - at)
            where = self._at(number)
            self._bytes_in[where] += part_in
            self._bytes_out[where] += part_out
            self._measured[where] += until - at
            size_in -= part_in
            size_out -= part_out
            at = until

    def add_probes(self, now: int, answered: int, lost: int) -> None:
        """Probes whose end is known since the last look."""
        where = self._at(now // self.step)
        self._probes[where] += answered + lost
        self._lost[where] += lost

    def _at(self, number: int) -> int:
        """Where that bucket is; those that time has come to since are empty."""
        for new in range(max(self._newest + 1, number - self.count + 1), number + 1):
            where = new % self.count
            self._bytes_in[where] = self._bytes_out[where] = 0
            self._measured[where] = self._probes[where] = self._lost[where] = 0
        self._newest = max(self._newest, number)
        return number % self.count

    def columns(self, now: int) -> dict[str, list[int | None]]:
        """Oldest first, the bucket that time is in last: bytes a second in and out, None where nothing was measured;
        probes, and how many of them were lost.
        """
        last = now // self.step
        found: dict[str, list[int | None]] = {"in": [], "out": [], "probes": [], "lost": []}
        for number in range(last - self.count + 1, last + 1):
            where = number % self.count
            is_known = self._newest - self.count < number <= self._newest
            measured = self._measured[where] if is_known else 0
            found["in"].append(1000 * self._bytes_in[where] // measured if measured else None)
            found["out"].append(1000 * self._bytes_out[where] // measured if measured else None)
            found["probes"].append(self._probes[where] if is_known else 0)
            found["lost"].append(self._lost[where] if is_known else 0)
        return found


class Track:
    """One tunnel's rings, and the last look at its counters."""

    def __init__(self) -> None:
        self.rings = [Ring(step, count) for _, step, count in SPANS]
        self._last: Reading | None = None
        self._last_at = 0

    def look(self, reading: Reading | None, now: int) -> None:
        """The counters as they are; None: there are none, or they tell nothing now."""
        last, last_at = self._last, self._last_at
        if reading is not None and last is not None and now <= last_at:
            return
        self._last, self._last_at = reading, now
        if reading is None or last is None or now - last_at > PATIENCE_MS or reading[0] != last[0]:
            return  # the first of a row only says where it begins
        more = [reading[index] - last[index] for index in range(1, 5)]
        for ring in self.rings:
            if more[0] >= 0 and more[1] >= 0:
                ring.add(last_at, now, more[0], more[1])
            if more[2] >= 0 and more[3] >= 0:
                ring.add_probes(now, more[2], more[3])


class History:
    """Of all tunnels, by name; a name that is not configured any more has none."""

    def __init__(self) -> None:
        self.tracks: dict[str, Track] = {}

    def record(self, tunnels: list[Tunnel], now: int) -> None:
        """Somebody has just read the kernel's counters for all of them."""
        names = {tunnel.name for tunnel in tunnels}
        for name in [name for name in self.tracks if name not in names]:
            del self.tracks[name]
        for tunnel in tunnels:
            reading = _read(tunnel)
            track = self.tracks.get(tunnel.name)
            if track is None and reading is not None:
                track = self.tracks[tunnel.name] = Track()
            if track is not None:
                track.look(reading, now)


def _read(tunnel: Tunnel) -> Reading | None:
    session, probe = tunnel.session, tunnel.probe
    if session is None or not tunnel.carried:
        return None
    return session.session_id, session.rx_bytes, session.tx_bytes, probe.answers, probe.losses


def report(history: History | None, name: str, span: str, now: int) -> dict[str, Any]:
    """The columns of one tunnel: {"tunnel", "span", "step_s", "newest_ms": how much of the newest bucket is over, "in",
    "out", "probes", "lost"}. Raises SpanError.
    """
    names = [word for word, _, _ in SPANS]
    if span not in names:
        raise SpanError("no history of %s is kept" % span, "there are: %s" % ", ".join(names))
    _, step, count = SPANS[names.index(span)]
    track = history.tracks.get(name) if history is not None else None
    ring = track.rings[names.index(span)] if track is not None else Ring(step, count)
    result: dict[str, Any] = {"tunnel": name, "span": span, "step_s": step // 1000, "newest_ms": now % step}
    result.update(ring.columns(now))
    return result
