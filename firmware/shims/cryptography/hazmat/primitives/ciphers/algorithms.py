"""Names of block ciphers."""


class AES:
    """AES (FIPS 197) with a key of 16 or 32 bytes."""

    def __init__(self, key):
        if len(key) not in (16, 32):
            raise ValueError("Invalid key size (%d) for AES." % (len(key) * 8))
        self.key = bytes(key)
