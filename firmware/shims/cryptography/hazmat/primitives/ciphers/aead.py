"""AES-GCM (NIST SP 800-38D) over single-block AES; GHASH four bits at a time over Python's integers.

A block is an integer whose highest bit is the coefficient of x^0, so multiplying by x is a shift to the right.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers._ecb import BLOCK, make_ecb
from cryptography.hazmat.primitives.constant_time import bytes_eq

_TAG = 16
_NONCE = 12
_POLYNOMIAL = 0xE1 << 120


def _times_x(value):
    return value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)


def _make_reductions():
    """What the four bits that a shift by four pushes out come back as."""
    reductions = []
    for low in range(16):
        value = low
        for _ in range(4):
            value = _times_x(value)
        reductions.append(value)
    return reductions


_REDUCTIONS = _make_reductions()


class AESGCM:
    """AES-GCM with a 16-byte tag and a 12-byte nonce. A nonce must never be used twice with one key."""

    def __init__(self, key):
        if len(key) not in (16, 32):
            raise ValueError("AESGCM key must be 128, 192, or 256 bits.")
        self._ecb = make_ecb(bytes(key))
        h = int.from_bytes(self._ecb.encrypt(bytes(BLOCK)), "big")
        # Products of h with the sixteen polynomials of degree below 4; bit 8 of the index is x^0.
        table = [0] * 16
        table[8] = h
        for index in (4, 2, 1):
            table[index] = _times_x(table[index * 2])
        for index in (3, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15):
            low = index & -index
            table[index] = table[low] ^ table[index ^ low]
        self._table = table

    def encrypt(self, nonce, data, associated_data):
        """Ciphertext and tag."""
        self._check(nonce)
        sealed = self._counter_mode(nonce, bytes(data))
        return sealed + self._tag(nonce, sealed, associated_data or b"")

    def decrypt(self, nonce, data, associated_data):
        """The plaintext; InvalidTag if anything was changed."""
        self._check(nonce)
        sealed, tag = bytes(data[:-_TAG]), bytes(data[-_TAG:])
        if len(data) < _TAG or not bytes_eq(tag, self._tag(nonce, sealed, associated_data or b"")):
            raise InvalidTag
        return self._counter_mode(nonce, sealed)

    @staticmethod
    def _check(nonce):
        if len(nonce) != _NONCE:
            raise ValueError("only nonces of 12 bytes are known here")

    def _counter_mode(self, nonce, data):
        """Data xor the key stream, whose counter begins at 2: 1 is the tag's."""
        blocks = (len(data) + BLOCK - 1) // BLOCK
        if not blocks:
            return b""
        counters = b"".join([bytes(nonce) + (number + 2).to_bytes(4, "big") for number in range(blocks)])
        stream = self._ecb.encrypt(counters)[: len(data)]
        return (int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(data), "big")

    def _tag(self, nonce, sealed, aad):
        lengths = (len(aad) * 8).to_bytes(8, "big") + (len(sealed) * 8).to_bytes(8, "big")
        state = 0
        for part in (bytes(aad), sealed, lengths):
            for at in range(0, len(part), BLOCK):
                block = part[at : at + BLOCK]
                state = self._times_h(state ^ int.from_bytes(block + bytes(BLOCK - len(block)), "big"))
        mask = self._ecb.encrypt(bytes(nonce) + b"\x00\x00\x00\x01")
        return (state ^ int.from_bytes(mask, "big")).to_bytes(_TAG, "big")

    def _times_h(self, value):
        table = self._table
        product = 0
        for byte in reversed(value.to_bytes(BLOCK, "big")):
            product = product >> 4 ^ _REDUCTIONS[product & 15] ^ table[byte & 15]
            product = product >> 4 ^ _REDUCTIONS[product & 15] ^ table[byte >> 4]
        return product
