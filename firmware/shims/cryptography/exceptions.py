"""The one exception that isthmus.crypto catches."""


class InvalidTag(Exception):
    """An AEAD ciphertext that fails its integrity check."""
