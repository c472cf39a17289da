"""Codewords into modules: fixed patterns, the path of the bits, and the mask (ISO/IEC 18004:2015 6.3, 7.7 to 7.10)."""

from __future__ import annotations

from isthmus.qr.sizes import LOW, get_size, list_alignments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# 7.8.2 table 10: dark where it is True, by row and column.
MASKS: tuple[Callable[[int, int], bool], ...] = (
    lambda row, column: (row + column) % 2 == 0,
    lambda row, _: row % 2 == 0,
    lambda _, column: column % 3 == 0,
    lambda row, column: (row + column) % 3 == 0,
    lambda row, column: (row // 2 + column // 3) % 2 == 0,
    lambda row, column: row * column % 2 + row * column % 3 == 0,
    lambda row, column: (row * column % 2 + row * column % 3) % 2 == 0,
    lambda row, column: ((row + column) % 2 + row * column % 3) % 2 == 0,
)
_FORMAT_DIVISOR, _FORMAT_MASK = 0x537, 0x5412  # 7.9.1, annex C
_VERSION_DIVISOR = 0x1F25  # 7.10, annex D
_FINDER = "1011101"
_QUIET = "0000"


class Symbol:
    """The modules of one code while it is drawn: 0 or 1 each, and whether it belongs to a fixed pattern."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.size = get_size(version)
        self.dark = [bytearray(self.size) for _ in range(self.size)]
        self.fixed = [bytearray(self.size) for _ in range(self.size)]

    def fix(self, row: int, column: int, dark: int) -> None:
        """Set a module of a fixed pattern."""
        self.dark[row][column] = dark
        self.fixed[row][column] = 1


def draw(version: int, level: str, codewords: bytes, mask: int | None) -> list[bytearray]:
    """The whole code; mask None: the one with the lowest penalty."""
    symbol = Symbol(version)
    _draw_patterns(symbol)
    _draw_format(symbol, level, 0)
    _draw_version(symbol)
    _draw_codewords(symbol, codewords)
    best: list[bytearray] = []
    least = -1
    for number in range(len(MASKS)) if mask is None else (mask,):
        _draw_format(symbol, level, number)
        masked = _apply(symbol, number)
        score = measure_penalty(masked) if mask is None else 0
        if least < 0 or score < least:
            best, least = masked, score
    return best


def _draw_patterns(symbol: Symbol) -> None:
    """Timing, finders with their separators, alignments: 6.3.3 to 6.3.6."""
    size = symbol.size
    for place in range(size):
        symbol.fix(6, place, 1 - place % 2)
        symbol.fix(place, 6, 1 - place % 2)
    for top, left in ((0, 0), (0, size - 7), (size - 7, 0)):
        for row in range(max(0, top - 1), min(size, top + 8)):
            for column in range(max(0, left - 1), min(size, left + 8)):
                distance = max(abs(row - top - 3), abs(column - left - 3))
                symbol.fix(row, column, 0 if distance in (2, 4) else 1)
    places = list_alignments(symbol.version)
    for middle in places:
        for centre in places:
            # Where a finder is there is none.
            if (middle == 6 and centre in (6, size - 7)) or (centre == 6 and middle == size - 7):
                continue
            for row in range(middle - 2, middle + 3):
                for column in range(centre - 2, centre + 3):
                    symbol.fix(row, column, 0 if max(abs(row - middle), abs(column - centre)) == 1 else 1)


def _draw_format(symbol: Symbol, level: str, mask: int) -> None:
    """Level and mask, twice: around the upper left finder, and at the ends of row and column 8 (7.9.1)."""
    data = (1 if level == LOW else 0) << 3 | mask
    bits = (data << 10 | _get_remainder(data << 10, _FORMAT_DIVISOR, 10)) ^ _FORMAT_MASK
    size = symbol.size
    for index in range(15):
        bit = bits >> index & 1
        # Bit 0 is at the top of column 8, bit 14 at the left of row 8; both leave out the timing patterns.
        if index < 8:
            symbol.fix(index if index < 6 else index + 1, 8, bit)
            symbol.fix(8, size - 1 - index, bit)
        else:
            symbol.fix(8, 14 - index if index > 8 else 7, bit)
            symbol.fix(size - 15 + index, 8, bit)
    symbol.fix(size - 8, 8, 1)


def _draw_version(symbol: Symbol) -> None:
    """From version 7 on, twice: beside the two outer finders (7.10)."""
    if symbol.version < 7:
        return
    bits = symbol.version << 12 | _get_remainder(symbol.version << 12, _VERSION_DIVISOR, 12)
    for index in range(18):
        near, far = index // 3, symbol.size - 11 + index % 3
        symbol.fix(near, far, bits >> index & 1)
        symbol.fix(far, near, bits >> index & 1)


def _get_remainder(value: int, divisor: int, width: int) -> int:
    """The remainder of `width` bits of a division of polynomials over GF(2)."""
    for place in range(17, width - 1, -1):
        if value >> place & 1:
            value ^= divisor << (place - width)
    return value


def _draw_codewords(symbol: Symbol, codewords: bytes) -> None:
    """Two columns at a time from the right, upwards and downwards in turn, past what is fixed (7.7.3)."""
    size = symbol.size
    at = 0
    upwards = True
    for pair in range(size // 2):
        right = size - 1 - 2 * pair
        if right <= 6:
            right -= 1  # the column of the timing pattern belongs to no pair
        for step in range(size):
            row = size - 1 - step if upwards else step
            for column in (right, right - 1):
                if not symbol.fixed[row][column] and at < len(codewords) * 8:
                    symbol.dark[row][column] = codewords[at >> 3] >> (7 - at % 8) & 1
                    at += 1
        upwards = not upwards


def _apply(symbol: Symbol, number: int) -> list[bytearray]:
    """The modules with a mask over all that is not fixed."""
    is_dark = MASKS[number]
    out = []
    for row in range(symbol.size):
        line = bytearray(symbol.dark[row])
        fixed = symbol.fixed[row]
        for column in range(symbol.size):
            if not fixed[column] and is_dark(row, column):
                line[column] ^= 1
        out.append(line)
    return out


def measure_penalty(matrix: list[bytearray]) -> int:
    """How hard a scanner finds it (7.8.3): runs, blocks, what looks like a finder, too much light or dark."""
    size = len(matrix)
    rows = ["".join(["1" if module else "0" for module in line]) for line in matrix]
    columns = ["".join([line[place] for line in rows]) for place in range(size)]
    score = 0
    for line in rows + columns:
        for runs in (line.split("0"), line.split("1")):
            score += sum([len(run) - 2 for run in runs if len(run) >= 5])
        score += 40 * _count_finders(line)
    for above, below in zip(rows, rows[1:]):
        a, b = int(above, 2), int(below, 2)
        dark, light = a & b, (a | b) ^ ((1 << size) - 1)
        score += 3 * (_count_ones(dark & dark >> 1) + _count_ones(light & light >> 1))
    share = 100 * sum([line.count("1") for line in rows])
    return score + abs(share - 50 * size * size) // (5 * size * size) * 10


def _count_finders(line: str) -> int:
    """How often 1:1:3:1:1 stands there with four light modules before or behind it, those of the quiet zone too."""
    line = _QUIET + line + _QUIET
    count = 0
    at = line.find(_FINDER)
    while at >= 0:
        if line[at - 4 : at] == _QUIET or line[at + 7 : at + 11] == _QUIET:
            count += 1
        at = line.find(_FINDER, at + 1)
    return count


def _count_ones(bits: int) -> int:
    return bin(bits).count("1")
