"""HMAC (RFC 2104) over SHA-256."""

import hashlib


def _xor_all(data, mask):
    return bytes([byte ^ mask for byte in data])


class HMAC:
    """A keyed hash under way."""

    def __init__(self, key, algorithm):
        key = bytes(key)
        if len(key) > algorithm.block_size:
            key = hashlib.sha256(key).digest()
        key += bytes(algorithm.block_size - len(key))
        self._outer = hashlib.sha256(_xor_all(key, 0x5C))
        self._inner = hashlib.sha256(_xor_all(key, 0x36))

    def update(self, data):
        """Add bytes."""
        self._inner.update(data)

    def finalize(self):
        """The 32 bytes; the object is used up."""
        self._outer.update(self._inner.digest())
        return self._outer.digest()
