"""SHA-256 and SHA-1, by hashlib where it has them."""

import hashlib

try:
    _sha1 = hashlib.sha1
except AttributeError:  # MicroPython without TLS
    from cryptography.hazmat.primitives._sha1 import Sha1 as _sha1


class SHA1:
    """SHA-1 (FIPS 180-4)."""

    name = "sha1"
    digest_size = 20
    block_size = 64
    make = _sha1


class SHA256:
    """SHA-256 (FIPS 180-4)."""

    name = "sha256"
    digest_size = 32
    block_size = 64
    make = hashlib.sha256


class Hash:
    """A hash under way."""

    def __init__(self, algorithm):
        self.algorithm = algorithm
        self._state = type(algorithm).make()

    def update(self, data):
        """Add bytes."""
        self._state.update(data)

    def finalize(self):
        """The digest; the object is used up."""
        return self._state.digest()
