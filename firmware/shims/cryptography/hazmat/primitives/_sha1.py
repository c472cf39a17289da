"""SHA-1 (FIPS 180-4, section 6.1) in Python, for interpreters whose hashlib lacks it. For NAT detection only, where it
protects nothing: a few hashes of some 30 bytes for each IKE SA.
"""

BLOCK = 64
MASK = 0xFFFFFFFF
START = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0)


def _rotate(word, count):
    return ((word << count) | (word >> (32 - count))) & MASK


def _mix(round_number, b, c, d):
    """(f(b, c, d), K) of one of the 80 rounds."""
    if round_number < 20:
        return (b & c) | (~b & d), 0x5A827999
    if round_number < 40:
        return b ^ c ^ d, 0x6ED9EBA1
    if round_number < 60:
        return (b & c) | (b & d) | (c & d), 0x8F1BBCDC
    return b ^ c ^ d, 0xCA62C1D6


def _compress(state, block):
    words = [int.from_bytes(block[at : at + 4], "big") for at in range(0, BLOCK, 4)]
    for at in range(16, 80):
        words.append(_rotate(words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16], 1))
    a, b, c, d, e = state
    for at in range(80):
        mixed, constant = _mix(at, b, c, d)
        a, b, c, d, e = (_rotate(a, 5) + (mixed & MASK) + e + constant + words[at]) & MASK, a, _rotate(b, 30), c, d
    return [(old + new) & MASK for old, new in zip(state, (a, b, c, d, e))]


class Sha1:
    """As hashlib.sha1: update and digest."""

    def __init__(self):
        self._data = b""

    def update(self, data):
        """Add bytes."""
        self._data += bytes(data)

    def digest(self):
        """The 20 bytes."""
        length = len(self._data)
        padded = self._data + b"\x80" + bytes((55 - length) % BLOCK) + (length * 8).to_bytes(8, "big")
        state = list(START)
        for at in range(0, len(padded), BLOCK):
            state = _compress(state, padded[at : at + BLOCK])
        return b"".join([word.to_bytes(4, "big") for word in state])
