"""Text that may hold what strangers chose, made fit for a log or a terminal."""

from __future__ import annotations

LONGEST_TEXT = 1_000  # the longest of our own sentences, with the name of every option of a tunnel, fits

# What moves a terminal's cursor, ends a line, is not seen, or shows text in another order than it has: C0, DEL, C1,
# soft hyphen, zero width and direction marks, line and paragraph separators, halves of surrogate pairs, tags;
# the first and the last.
_UNPRINTABLE = (
    (0x00, 0x1F), (0x7F, 0x9F), (0xAD, 0xAD), (0x061C, 0x061C), (0x180E, 0x180E), (0x200B, 0x200F), (0x2028, 0x202E),
    (0x2060, 0x206F), (0xD800, 0xDFFF), (0xFEFF, 0xFEFF), (0xFFF9, 0xFFFB), (0xE0000, 0xE007F),
)  # fmt: skip


def printable(text: str) -> str:
    """Foreign text (names, identities) must not move the reader's cursor or forge a line; too long a text is cut."""
    kept = "".join(["?" if _is_unprintable(ord(c)) else c for c in text[:LONGEST_TEXT]])
    return kept + "..." if len(text) > LONGEST_TEXT else kept


def _is_unprintable(number: int) -> bool:
    if 0x20 <= number < 0x7F:
        return False
    return any(first <= number <= last for first, last in _UNPRINTABLE)
