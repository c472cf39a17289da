"""A QR code as text on a terminal, or as SVG for a web page, with the quiet zone of four modules (ISO/IEC 18004 9.1).

A scanner wants dark modules on a light ground, whatever colours the terminal has: so both colours are said. Where
colours are not understood nobody can know which is which: then it is drawn for a dark terminal, and most scanners read
it the other way round as well.
"""

from __future__ import annotations

QUIET = 4
TIGHT = 2  # on a terminal of 24 lines: less than the standard asks, enough for the scanners of today's telephones

# Styles of render(): how many characters a module is wide, and how many modules a line is high.
HALF, ANSI, PLAIN, ASCII = "half blocks, colours", "blanks, colours", "half blocks", "letters"
_CELLS = {HALF: (1, 2), ANSI: (2, 1), PLAIN: (1, 2), ASCII: (2, 1)}

_BLOCKS = " \u2584\u2580\u2588"  # none, lower, upper, both
_BLACK_ON_WHITE = "\x1b[30;47;107m"  # 107, bright white, where it is known; else 47
_ON_BLACK, _ON_WHITE = "\x1b[40m", "\x1b[47;107m"
_RESET = "\x1b[0m"
_MONOCHROME = ("", "dumb", "vt52", "vt100", "vt102", "vt220")


def choose(matrix: list[bytearray], columns: int, lines: int, term: str, encoding: str) -> tuple[str, int] | None:
    """Style and quiet zone with which this terminal can show it whole; None: the terminal is too small.

    columns, lines: its size; 0: not known, and taken as large enough. term: what TERM says; encoding: of its text.
    """
    blocks = encoding.lower().replace("-", "").replace("_", "") == "utf8"
    colours = term not in _MONOCHROME
    for style, is_known in ((HALF, blocks and colours), (ANSI, colours), (PLAIN, blocks), (ASCII, True)):
        for quiet in (QUIET, TIGHT):
            width, height = measure(matrix, style, quiet)
            # One line stays free for the prompt behind it.
            if is_known and (not columns or width <= columns) and (not lines or height < lines):
                return style, quiet
    return None


def measure(matrix: list[bytearray], style: str = HALF, quiet: int = QUIET) -> tuple[int, int]:
    """Columns and lines of it in this style."""
    size = len(matrix) + 2 * quiet
    width, height = _CELLS[style]
    return size * width, (size + height - 1) // height


def render(matrix: list[bytearray], style: str = HALF, quiet: int = QUIET) -> list[str]:
    """The lines of it, without line ends."""
    size = len(matrix) + 2 * quiet
    side = bytearray(quiet)
    rows = [bytearray(size) for _ in range(quiet)]
    rows += [side + row + side for row in matrix]
    rows += [bytearray(size) for _ in range(quiet)]
    if style == HALF:
        return [_BLACK_ON_WHITE + line + _RESET for line in _join(rows, 1)]
    if style == PLAIN:
        return _join(rows, 0)
    if style == ANSI:
        return [_colour(row) for row in rows]
    return ["".join(["  " if module else "##" for module in row]) for row in rows]


def _join(rows: list[bytearray], ink: int) -> list[str]:
    """Two rows a line; a module with the value `ink` is drawn."""
    out = []
    for at in range(0, len(rows), 2):
        upper = rows[at]
        # Below the last one the quiet zone goes on.
        lower = rows[at + 1] if at + 1 < len(rows) else bytearray(len(upper))
        out.append("".join([_BLOCKS[2 * (a == ink) + (b == ink)] for a, b in zip(upper, lower)]))
    return out


def _colour(row: bytearray) -> str:
    """Two blanks a module; a colour is said where it changes."""
    out = []
    before = -1
    for module in row:
        if module != before:
            out.append(_ON_BLACK if module else _ON_WHITE)
            before = module
        out.append("  ")
    return "".join(out) + _RESET


def to_svg(matrix: list[bytearray]) -> str:
    """A picture without a size of its own, one unit a module; no script, no style, no text of the code's content."""
    size = len(matrix) + 2 * QUIET
    path = []
    for row, line in enumerate(matrix):
        start = -1
        for column in range(len(line) + 1):
            dark = column < len(line) and line[column]
            if dark and start < 0:
                start = column
            elif not dark and start >= 0:
                path.append("M%d %dh%dv1h-%dz" % (start + QUIET, row + QUIET, column - start, column - start))
                start = -1
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges">' % (size, size)
        + '<rect width="%d" height="%d" fill="#fff"/><path fill="#000" d="%s"/></svg>' % (size, size, "".join(path))
    )
