"""The chart: one panel for each figure, one bar for each contender, every bar with its number. Plain SVG, no library.

It is readable in light and dark: the colours follow what the reader's system prefers. A whisker shows the interval of
the median. What was not measured has no bar, and says why.
"""

from __future__ import annotations

from html import escape
from typing import Any

from tests.lab.bench.figures import show

WIDTH = 920
LEFT, RIGHT = 250, 190       # room for names and for numbers
BAR, GAP = 20, 8
HEAD, FOOT, TOP = 48, 26, 64
COLOURS = ("c0", "c1", "c2", "c3", "c4", "c5")
WRAP = 118                   # characters of small text a line
LONGEST_WHY = 78

STYLE = """
svg { font: 14px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif }
.paper { fill: #ffffff } text { fill: #1f2328 } .small { font-size: 12px; fill: #57606a }
.title { font-size: 17px; font-weight: 600 } .head { font-weight: 600 } .why { font-style: italic; fill: #57606a }
.line { stroke: #1f2328; stroke-width: 1.5 } .axis { stroke: #d0d7de }
.c0 { fill: #0969da } .c1 { fill: #bc4c00 } .c2 { fill: #1a7f37 } .c3 { fill: #6e7781 } .c4 { fill: #8250df }
.c5 { fill: #e08f4f }
@media (prefers-color-scheme: dark) {
  .paper { fill: #0d1117 } text { fill: #e6edf3 } .small, .why { fill: #9198a1 }
  .line { stroke: #e6edf3 } .axis { stroke: #3d444d }
  .c0 { fill: #4493f8 } .c1 { fill: #f0883e } .c2 { fill: #3fb950 } .c3 { fill: #8b949e } .c4 { fill: #ab7df8 }
  .c5 { fill: #bd561d }
}
"""


class Canvas:
    """SVG elements, one after the other; y grows."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def text(self, x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> None:
        """A line of text."""
        self.parts.append(f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>')

    def box(self, x: float, y: float, width: float, height: float, kind: str, title: str = "") -> None:
        """A rectangle; title: what a pointer over it shows."""
        inner = f"<title>{escape(title)}</title>" if title else ""
        self.parts.append(f'<rect x="{x:g}" y="{y:g}" width="{max(width, 1):.1f}" height="{height:g}" class="{kind}"'
                          f' rx="2">{inner}</rect>')

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        """A straight line."""
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>')

    def finish(self, height: float, title: str) -> str:
        """The whole file."""
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}"'
                f' height="{height:g}" role="img"><title>{escape(title)}</title><style>{STYLE}</style>'
                f'<rect width="{WIDTH}" height="{height:g}" class="paper"/>' + "\n".join(self.parts) + "</svg>\n")


def draw(report: dict[str, Any]) -> str:
    """The SVG of a whole report (tests/lab/bench/report.py has its form)."""
    canvas = Canvas()
    canvas.text(20, 30, "Isthmus beside what it replaces", "title")
    canvas.text(20, 50, f"{report['date']}: {report['machine']}", "small")
    names = list(dict.fromkeys(name for row in report["figures"] for name in row["contenders"]))
    colours = {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(names)}
    y: float = TOP
    for row in report["figures"]:
        y = draw_panel(canvas, row, colours, y)
    return canvas.finish(y + 10, "Isthmus beside what it replaces")


def draw_panel(canvas: Canvas, row: dict[str, Any], colours: dict[str, str], top: float) -> float:
    """One figure; where the next may begin."""
    canvas.line(20, top, WIDTH - 20, top, "axis")
    canvas.text(20, top + 22, f"{row['title']} ({row['unit']}, {row['better']} is better)", "head")
    y = top + HEAD - 8
    for words in [*wrap(row["how"]), *wrap(row.get("target", ""))]:
        canvas.text(20, y, words, "small")
        y += 16
    y += 4
    widest = max((item["high"] for item in row["contenders"].values() if "high" in item), default=0) or 1
    room = WIDTH - LEFT - RIGHT
    for name, item in row["contenders"].items():
        middle = y + BAR / 2 + 5
        canvas.text(LEFT - 10, middle, name, "", "end")
        if "median" not in item:
            canvas.text(LEFT, middle, ("not measured: " + item["not measured"])[:LONGEST_WHY], "why")
        else:
            end = LEFT + room * item["median"] / widest
            canvas.box(LEFT, y, end - LEFT, BAR, colours[name], f"{item['times']} times; {item.get('note', '')}")
            low, high = (LEFT + room * item[key] / widest for key in ("low", "high"))
            if high - low > 1:
                canvas.line(low, y + BAR / 2, high, y + BAR / 2, "line")
                for x in (low, high):
                    canvas.line(x, y + BAR / 2 - 4, x, y + BAR / 2 + 4, "line")
            text = show(item["median"])
            if item["high"] > item["low"]:
                text += f"  ({show(item['low'])} to {show(item['high'])})"
            canvas.text(max(end, high) + 8, middle, text)
        y += BAR + GAP
    return y + FOOT - GAP


def wrap(words: str) -> list[str]:
    """Lines of a small text."""
    lines: list[str] = []
    for word in words.split():
        if lines and len(lines[-1]) + 1 + len(word) <= WRAP:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return lines
