"""The forty versions of a QR code: how large each is, what fits, and how it is cut into blocks."""

from __future__ import annotations

from isthmus.errors import IsthmusError

LOW, MEDIUM = "L", "M"  # 7 and 15 per cent of the codewords may be unreadable
VERSIONS = 40

# ISO/IEC 18004:2015 table 9, by version: error correction codewords of each block, and how many blocks.
CORRECTION = {
    LOW: (
        7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28,
        28, 28, 30, 30, 26, 28, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30,
    ),
    MEDIUM: (
        10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26,
        26, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    ),
}  # fmt: skip
BLOCKS = {
    LOW: (
        1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8,
        8, 9, 9, 10, 12, 12, 12, 13, 14, 15, 16, 17, 18, 19, 19, 20, 21, 22, 24, 25,
    ),
    MEDIUM: (
        1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16,
        17, 17, 18, 20, 21, 23, 25, 26, 28, 29, 31, 33, 35, 37, 38, 40, 43, 45, 47, 49,
    ),
}  # fmt: skip


class QrError(IsthmusError):
    """A text that no QR code holds."""

    code = "qr-too-long"
    remedy = "hand it on as text"


def get_size(version: int) -> int:
    """Modules on each side."""
    return 17 + 4 * version


def count_codewords(version: int) -> int:
    """All bytes that a code of this version holds, error correction included: what its fixed patterns leave."""
    modules = get_size(version) ** 2 - 3 * 64 - 2 * 15 - 1 - 2 * (get_size(version) - 16)
    places = list_alignments(version)
    if places:
        # Three corners have none. Those in line with the timing patterns share five modules with them.
        modules -= 25 * (len(places) ** 2 - 3) - 10 * (len(places) - 2)
    if version >= 7:
        modules -= 2 * 18
    return modules // 8


def count_data(version: int, level: str) -> int:
    """Bytes for data at this level of error correction."""
    return count_codewords(version) - CORRECTION[level][version - 1] * BLOCKS[level][version - 1]


def list_alignments(version: int) -> list[int]:
    """Centres of the alignment patterns, by row as by column (annex E)."""
    if version == 1:
        return []
    count = version // 7 + 2
    # Evenly, by an even step, from the far end: the first step takes what is left. Annex E makes one exception.
    step = 26 if version == 32 else (version * 4 + count * 2 + 1) // (count * 2 - 2) * 2
    places = [get_size(version) - 7 - step * index for index in range(count - 1)] + [6]
    places.sort()
    return places
