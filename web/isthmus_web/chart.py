"""Throughput and loss over time, as inline SVG without a script; the same as a table for who cannot see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from isthmus_web.words import say, span

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT, BAND = 600, 150, 14  # of the drawing; of the strip below it that shows loss
UNITS = ((1_000_000_000, "GB/s"), (1_000_000, "MB/s"), (1_000, "kB/s"))
ROWS = 12  # of the table


def rate(value: int | None) -> str:
    """Bytes a second, for people."""
    if value is None:
        return "\N{EN DASH}"
    for size, unit in UNITS:
        if value >= size:
            return f"{value / size:.1f} {unit}" if value < 10 * size else f"{value // size} {unit}"
    return f"{value} B/s"


def amount(value: int) -> str:
    """Bytes, for people."""
    return rate(value).removesuffix("/s")


def scale_of(top: int) -> int:
    """The top of an axis for these values: 2, 4, 10, 20, 40, 100 and so on, so that its half is a round number too."""
    size = 2
    while size < top:
        size = size * 5 // 2 if str(size)[0] == "4" else size * 2
    return size


class Chart:
    """One span of one tunnel, from an answer of `history`."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.step = int(answer["step_s"])
        self.coming: list[int | None] = answer["in"]
        self.going: list[int | None] = answer["out"]
        self.probes: list[int] = answer["probes"]
        self.lost: list[int] = answer["lost"]
        self.top = max((value for value in self.coming + self.going if value is not None), default=0)
        self.scale = scale_of(self.top)
        self.is_empty = all(value is None for value in self.coming)

    @property
    def length(self) -> int:
        """All of it, in seconds."""
        return self.step * len(self.coming)

    def loss(self, begin: int = 0, end: int | None = None) -> str:
        """Probes that were lost in these buckets, in per cent."""
        probes, lost = sum(self.probes[begin:end]), sum(self.lost[begin:end])
        return f"{100 * lost / probes:.1f} %" if probes else "\N{EN DASH}"

    def summary(self) -> str:
        """One sentence instead of the picture."""
        return say(
            "Received at most %(came)s, sent at most %(went)s, lost %(lost)s of the test packets.",
            came=rate(max((value for value in self.coming if value is not None), default=None)),
            went=rate(max((value for value in self.going if value is not None), default=None)), lost=self.loss(),
        )  # fmt: skip

    def legend(self) -> list[tuple[str, str, str]]:
        """(look, what, value) of each line: the newest of the two rates, and all of the loss."""
        return [
            ("came", say("received now"), rate(_last(self.coming))), ("went", say("sent now"), rate(_last(self.going))),
            ("lost", say("test packets lost"), self.loss()),
        ]  # fmt: skip

    def rows(self) -> list[dict[str, str]]:
        """The table: time ago, received, sent, lost; newest first."""
        found = []
        each = max(1, len(self.coming) // ROWS)
        for end in range(len(self.coming), 0, -each):
            begin = max(0, end - each)
            ago = span((len(self.coming) - begin) * self.step)
            found.append({
                "ago": ago, "came": rate(_mean(self.coming[begin:end])), "went": rate(_mean(self.going[begin:end])),
                "lost": self.loss(begin, end),
            })  # fmt: skip
        return found

    def draw(self) -> Markup:
        """The picture."""
        lines = f"M0 0H{WIDTH}M0 {HEIGHT // 2}H{WIDTH}M0 {HEIGHT}H{WIDTH}"
        parts = [Markup('<path class="grid" d="{lines}"/>').format(lines=lines)]
        for name, values in (("came", self.coming), ("went", self.going)):
            parts.append(Markup('<path class="{name}" d="{d}"/>').format(name=name, d=self._path(values)))
        parts.append(Markup('<path class="lost" d="{d}"/>').format(d=self._losses()))
        return Markup(
            '<svg class="chart" viewBox="0 -4 {width} {height}" role="img" preserveAspectRatio="none" '
            'aria-label="{title}">{parts}</svg>'
        ).format(width=WIDTH, height=HEIGHT + BAND + 8, title=escape(self.summary()), parts=Markup().join(parts))

    def _x(self, index: int) -> float:
        return round(index * WIDTH / max(1, len(self.coming) - 1), 1)

    def _path(self, values: Sequence[int | None]) -> str:
        """A line that is interrupted where nobody has measured."""
        words = []
        is_drawing = False
        for index, value in enumerate(values):
            if value is None:
                is_drawing = False
                continue
            y = round(HEIGHT - value * HEIGHT / self.scale, 1)
            words.append(f"{'L' if is_drawing else 'M'}{self._x(index)} {y}")
            if not is_drawing:
                words.append("h.1")  # a point alone is seen as well
            is_drawing = True
        return " ".join(words)

    def _losses(self) -> str:
        found = [f"M{self._x(index)} {HEIGHT + 3}v{BAND - 3}" for index, count in enumerate(self.lost) if count]
        return " ".join(found)


def _last(values: Sequence[int | None]) -> int | None:
    return next((value for value in reversed(values) if value is not None), None)


def _mean(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) // len(known) if known else None
