"""SHA-256, by hashlib."""

import hashlib


class SHA256:
    """SHA-256 (FIPS 180-4)."""

    name = "sha256"
    digest_size = 32
    block_size = 64


class Hash:
    """A hash under way."""

    def __init__(self, algorithm):
        self.algorithm = algorithm
        self._state = hashlib.sha256()

    def update(self, data):
        """Add bytes."""
        self._state.update(data)

    def finalize(self):
        """The digest; the object is used up."""
        return self._state.digest()
