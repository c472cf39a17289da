"""Text into a QR code: mode, bits, codewords (ISO/IEC 18004:2015 sections 7.4 to 7.6)."""

from __future__ import annotations

from isthmus.qr.sizes import BLOCKS, CORRECTION, LOW, MEDIUM, VERSIONS, QrError, count_data
from isthmus.qr.symbol import draw

LETTERS = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"  # table 5: 5.5 bits each
ALPHANUMERIC, BYTE = 0b0010, 0b0100  # table 2
_COUNT_BITS = {ALPHANUMERIC: (9, 11, 13), BYTE: (8, 16, 16)}  # table 3: versions to 9, 26, 40
_PADDING = (0xEC, 0x11)  # 7.4.10


def encode(text: str, mask: int | None = None) -> list[bytearray]:
    """The smallest code of this text: rows of 0 (light) and 1 (dark), without the quiet zone.

    Where the same size has room for it, with the stronger of the two levels of error correction (M, else L). mask:
    0 to 7; None: the one that the standard's penalties find best. Raises QrError.
    """
    raw = text.encode()
    mode = ALPHANUMERIC
    for byte in raw:
        if byte not in LETTERS:
            mode = BYTE
            break
    version, level = _choose_size(mode, len(raw))
    data = _push_bits(mode, raw, version, count_data(version, level))
    return draw(version, level, _interleave(data, CORRECTION[level][version - 1], BLOCKS[level][version - 1]), mask)


def _choose_size(mode: int, length: int) -> tuple[int, str]:
    """The smallest version that holds so many characters of this mode, and the strongest level that it has room for."""
    for version in range(1, VERSIONS + 1):
        for level in (MEDIUM, LOW):
            if _count_bits(mode, length, version) <= count_data(version, level) * 8:
                return version, level
    raise QrError("%d characters are too many for a QR code" % length)


def _count_bits(mode: int, length: int, version: int) -> int:
    content = length * 8 if mode == BYTE else length // 2 * 11 + length % 2 * 6
    return 4 + _count_width(mode, version) + content


def _count_width(mode: int, version: int) -> int:
    return _COUNT_BITS[mode][0 if version <= 9 else 1 if version <= 26 else 2]


def _push_bits(mode: int, raw: bytes, version: int, size: int) -> bytes:
    """Mode, count, characters, terminator and padding: `size` bytes."""
    values = [(mode, 4), (len(raw), _count_width(mode, version))]
    if mode == BYTE:
        values += [(byte, 8) for byte in raw]
    else:
        places = [LETTERS.find(bytes([byte])) for byte in raw]
        for at in range(0, len(places) - 1, 2):
            values.append((places[at] * 45 + places[at + 1], 11))
        if len(places) % 2:
            values.append((places[-1], 6))
    values.append((0, min(4, size * 8 - sum([width for _, width in values]))))
    out = bytearray()
    bits = held = 0
    for value, width in values:
        bits = bits << width | value
        held += width
        while held >= 8:
            held -= 8
            out.append(bits >> held)
            bits &= (1 << held) - 1
    if held:
        out.append(bits << (8 - held))
    for index in range(size - len(out)):
        out.append(_PADDING[index % 2])
    return bytes(out)


def _interleave(data: bytes, correction: int, count: int) -> bytes:
    """Data in `count` blocks, each with its error correction, then all first bytes, all second bytes ... (7.6)."""
    blocks = []
    at = 0
    for index in range(count):
        # As many as do not divide evenly are one byte longer, and come last.
        end = at + len(data) // count + (1 if index >= count - len(data) % count else 0)
        blocks.append(data[at:end])
        at = end
    divisor = _make_divisor(correction)
    corrections = [_divide(block, divisor) for block in blocks]
    out = bytearray()
    for group in (blocks, corrections):
        for column in range(max([len(block) for block in group])):
            for block in group:
                if column < len(block):
                    out.append(block[column])
    return bytes(out)


def _make_powers() -> tuple[bytearray, bytearray]:
    """Powers of 2 in GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1 (7.5.2), twice over, and the power that a value is."""
    powers, logs = bytearray(510), bytearray(256)
    value = 1
    for index in range(255):
        powers[index] = powers[index + 255] = value
        logs[value] = index
        value = value << 1 ^ (0x11D if value & 0x80 else 0)
    return powers, logs


_POWERS, _LOGS = _make_powers()


def _multiply(a: int, b: int) -> int:
    return _POWERS[_LOGS[a] + _LOGS[b]] if a and b else 0


def _make_divisor(degree: int) -> bytearray:
    """The product of (x - 2^i), i from 0 to degree - 1 (annex A), highest first, without its leading 1."""
    out = bytearray(degree)
    out[-1] = 1
    for index in range(degree):
        for place in range(degree):
            following = out[place + 1] if place + 1 < degree else 0
            out[place] = _multiply(out[place], _POWERS[index]) ^ following
    return out


def _divide(block: bytes, divisor: bytearray) -> bytes:
    """What is left of the block, as a polynomial behind which as many zeros stand, when divided (7.5.2)."""
    size = len(divisor)
    rest = bytearray(block) + bytearray(size)
    for at in range(len(block)):
        factor = rest[at]
        if factor:
            for place in range(size):
                rest[at + 1 + place] ^= _multiply(divisor[place], factor)
    return bytes(rest[len(block) :])
