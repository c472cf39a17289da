"""`isthmus history`: what a tunnel has carried and lost, as a chart of letters that every terminal can show."""

from __future__ import annotations

from isthmus.edge.control import ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

    Numbers = list[int | None]

HEIGHT = 5  # lines of a chart; 72 columns and what stands beside them fit a terminal of 80
JOIN = {"15min": 2, "day": 4}  # so many buckets are one column: 45 of 20 s, 72 of 20 min
SPANS = {"15min": "the last 15 minutes", "day": "the last day"}
MARKS = {"15min": ("-15 min", "-10 min", "-5 min", "now"), "day": ("-24 h", "-18 h", "-12 h", "-6 h", "now")}
UNITS = ("bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s")
LETTERS = ("", "k", "M", "G", "T")
SIZES = ("bytes", "kB", "MB", "GB", "TB")
ALL_LOST = "#"


def add_parser(commands: Any) -> None:  # noqa: ANN401 - argparse names no public type for it
    """The command."""
    history = commands.add_parser("history", help="what a tunnel has carried and lost, as a chart")
    history.add_argument("tunnel", help="name of the tunnel")
    history.add_argument(
        "--span", choices=sorted(SPANS), default="day", help="the last quarter of an hour, or the last day (day)"
    )
    history.add_argument("--json", action="store_true", dest="json_too", help="print the daemon's answer as JSON")


def run(arguments: argparse.Namespace) -> tuple[dict[str, Any], list[str], int]:
    """Ask the daemon: (its answer, the lines to print, exit status). Raises IsthmusError."""
    request = {"command": "history", "tunnel": arguments.tunnel, "span": arguments.span}
    answer = ask(arguments.run, request)
    return answer, chart(answer), 0


def chart(answer: dict[str, Any]) -> list[str]:
    """The lines."""
    span, step = answer["span"], answer["step_s"]
    join = JOIN[span]
    column = step * join
    words = "%d s" % column if column < 60 else "%d min" % (column // 60)
    lines = ["%s: %s, %s a column; an empty one was not measured" % (answer["tunnel"], SPANS[span], words)]
    for key, name in (("in", "received"), ("out", "sent")):
        lines += ["", "%s: %s" % (name, _sum(answer[key], answer))]
        if [number for number in answer[key] if number]:
            lines += _bars([_mean(part) for part in _parts(answer[key], join)])
    lines += ["", "probes lost: %s" % _loss_words(sum(answer["lost"]), sum(answer["probes"]))]
    probes, lost = _parts(answer["probes"], join), _parts(answer["lost"], join)
    losses = "".join([_loss(_count(lost[index]), _count(probes[index])) for index in range(len(probes))])
    if sum(answer["probes"]):
        lines.append("%5s|%s|" % ("lost", losses))
        lines.append("%5s  . none   1 to 9: so many tenths, rounded up   %s all" % ("", ALL_LOST))
    lines.append("%5s %s" % ("", _scale(MARKS[span], len(losses))))
    return lines


def _parts(numbers: Numbers, size: int) -> list[Numbers]:
    return [numbers[at : at + size] for at in range(0, len(numbers), size)]


def _count(numbers: Numbers) -> int:
    return sum([number or 0 for number in numbers])


def _mean(numbers: Numbers) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) // len(known) if known else None


def _sum(numbers: Numbers, answer: dict[str, Any]) -> str:
    known = [number for number in numbers if number is not None]
    if not known:
        return "nothing was measured"
    total = sum(known) * answer["step_s"]
    if numbers[-1] is not None:  # which is not over yet
        total -= numbers[-1] * (1000 * answer["step_s"] - answer["newest_ms"]) // 1000
    mean = sum(known) // len(known)
    return "at most %s, on average %s, about %s in all" % (rate(max(known)), rate(mean), scaled(total, SIZES))


def rate(size: int) -> str:
    """Bytes a second as people say it."""
    return scaled(8 * size, UNITS)


def scaled(number: int, units: tuple[str, ...]) -> str:
    """Three digits and a unit."""
    at = 0
    thousandth = 0
    while number >= 1000 and at < len(units) - 1:
        number, thousandth = divmod(number, 1000)
        at += 1
    if at and number < 100:
        return "%d.%d %s" % (number, thousandth // 100, units[at])
    return "%d %s" % (number, units[at])


def _bars(columns: Numbers) -> list[str]:
    """A bar a column: its height says how much, next to the highest; one that carried anything at all is seen."""
    highest = max([number for number in columns if number is not None] + [1])
    heights = [0 if number is None else -(-number * HEIGHT // highest) for number in columns]
    lines = []
    for level in range(HEIGHT, 0, -1):
        label = scaled(8 * highest * level // HEIGHT, LETTERS).replace(" ", "") if level in (HEIGHT, 1) else ""
        lines.append("%5s|%s|" % (label, "".join(["#" if height >= level else " " for height in heights])))
    ground = "".join([" " if number is None else "-" for number in columns])
    return lines + ["%5s+%s+" % ("0", ground)]


def _loss(lost: int, probes: int) -> str:
    if not probes:
        return " "
    if lost == probes:
        return ALL_LOST
    return str(min(9, -(-10 * lost // probes))) if lost else "."


def _loss_words(lost: int, probes: int) -> str:
    if not probes:
        return "none was sent over a path that had answered"
    thousandths = (1000 * lost + probes // 2) // probes
    return "%d of %d (%d.%d %%)" % (lost, probes, thousandths // 10, thousandths % 10)


def _scale(marks: tuple[str, ...], width: int) -> str:
    """Words below the columns, at equal distances, the last one ending with the last column."""
    line = ""
    for index, mark in enumerate(marks):
        at = width * index // (len(marks) - 1)
        line += " " * (min(at, width - len(mark)) - len(line)) + mark
    return line
