"""HMAC (RFC 2104) over hashlib, and compare_digest, for MicroPython, which has neither.

The same names as CPython's hmac. A difference that MicroPython's hash objects force: after digest() no update() is
possible, and there is no copy().
"""

import hashlib

# Block size in bytes by the hash's name: MicroPython's hash objects do not tell it.
BLOCK_SIZES = (("md5", 64), ("sha1", 64), ("sha224", 64), ("sha256", 64), ("sha384", 128), ("sha512", 128))


def _constructor(digestmod):
    """The callable that makes a hash, from a name, a module with new(), or the callable itself."""
    if isinstance(digestmod, str):
        made = getattr(hashlib, digestmod, None)
        if made is None:
            raise ValueError("unsupported hash type %s" % digestmod)
        return made
    return digestmod if callable(digestmod) else digestmod.new


def _block_size(name, sample):
    size = getattr(sample, "block_size", None)
    if size:
        return size
    for known, known_size in BLOCK_SIZES:
        if known == name:
            return known_size
    raise ValueError("the block size of hash %r is not known" % name)


class HMAC:
    """One message authentication code in the making; see new()."""

    def __init__(self, key, msg=None, digestmod=""):
        if not isinstance(key, (bytes, bytearray)):
            raise TypeError("key: expected bytes or bytearray, but got %r" % type(key).__name__)
        if not digestmod:
            raise TypeError("Missing required argument 'digestmod'.")
        make = _constructor(digestmod)
        self._inner = make()
        self._outer = make()
        name = digestmod if isinstance(digestmod, str) else getattr(self._inner, "name", None) or make.__name__
        self.block_size = _block_size(name, self._inner)
        self.name = "hmac-" + name
        if len(key) > self.block_size:
            shortener = make()
            shortener.update(key)
            key = shortener.digest()
        padding = bytes(self.block_size - len(key))
        self._inner.update(bytes([byte ^ 0x36 for byte in key + padding]))
        self._outer.update(bytes([byte ^ 0x5C for byte in key + padding]))
        self._code = None
        if msg is not None:
            self.update(msg)

    def update(self, msg):
        """Add bytes to the message; not possible after digest()."""
        if self._code is not None:
            raise ValueError("update() after digest()")
        self._inner.update(msg)

    def digest(self):
        """The code as bytes; asking again gives the same."""
        if self._code is None:
            self._outer.update(self._inner.digest())
            self._code = self._outer.digest()
        return self._code

    def hexdigest(self):
        """The code as lower-case hexadecimal text."""
        return self.digest().hex()


def new(key, msg=None, digestmod=""):
    """Start a code. `digestmod`: a hash's name ("sha256"), its constructor, or a module with new()."""
    return HMAC(key, msg, digestmod)


def digest(key, msg, digest):
    """The code of one whole message."""
    return HMAC(key, msg, digest).digest()


def compare_digest(a, b):
    """Whether two secrets are equal, in a time that depends on the length of `b` alone.

    Both bytes-like, or both str of ASCII characters; TypeError otherwise.
    """
    if isinstance(a, str) and isinstance(b, str):
        a = _ascii(a)
        b = _ascii(b)
    elif not (isinstance(a, (bytes, bytearray, memoryview)) and isinstance(b, (bytes, bytearray, memoryview))):
        raise TypeError(
            "unsupported operand types(s) or combination of types: '%s' and '%s'" % (type(a).__name__, type(b).__name__)
        )
    # Unequal lengths: compare b with itself, so that the work done is the same, and answer no.
    difference = 0 if len(a) == len(b) else 1
    left = a if difference == 0 else b
    for position in range(len(b)):
        difference |= left[position] ^ b[position]
    return difference == 0


def _ascii(text):
    data = text.encode("utf-8")
    for byte in data:
        if byte > 127:
            raise TypeError("comparing strings with non-ASCII characters is not supported")
    return data
