"""Cipher: AES in CBC mode, the only combination that is asked for."""

from cryptography.hazmat.primitives.ciphers._ecb import BLOCK, make_ecb


def _xor(a, b):
    return bytes([a[index] ^ b[index] for index in range(BLOCK)])


class _Context:
    """Whole blocks only: update takes a multiple of 16 bytes, as its one caller gives it."""

    def __init__(self, key, iv):
        self._ecb = make_ecb(key)
        self._iv = bytes(iv)

    def update(self, data):
        """Transform a multiple of 16 bytes."""
        if len(data) % BLOCK:
            raise ValueError("The length of the provided data is not a multiple of the block length.")
        out = b""
        for at in range(0, len(data), BLOCK):
            out += self._step(bytes(data[at : at + BLOCK]))
        return out

    def finalize(self):
        """Nothing is ever held back."""
        return b""


class _Encryptor(_Context):
    def _step(self, block):
        self._iv = self._ecb.encrypt(_xor(block, self._iv))
        return self._iv


class _Decryptor(_Context):
    def _step(self, block):
        plain = _xor(self._ecb.decrypt(block), self._iv)
        self._iv = block
        return plain


class Cipher:
    """algorithm: algorithms.AES; mode: modes.CBC."""

    def __init__(self, algorithm, mode):
        self._key = algorithm.key
        self._iv = mode.initialization_vector

    def encryptor(self):
        """A context that encrypts."""
        return _Encryptor(self._key, self._iv)

    def decryptor(self):
        """A context that decrypts."""
        return _Decryptor(self._key, self._iv)
