"""X25519 (RFC 7748 section 5) by the Montgomery ladder over Python's integers."""

_P = 2**255 - 19
_A24 = 121665
_BYTES = 32
_BASE = b"\x09" + bytes(31)
_LOW_255_BITS = (1 << 255) - 1


# int.from_bytes(..., "little") of MicroPython 1.23 is as CPython's for unsigned numbers.
def _decode_scalar(data):
    clamped = bytearray(data)
    clamped[0] &= 248
    clamped[31] &= 127
    clamped[31] |= 64
    return int.from_bytes(bytes(clamped), "little")


def _multiply(scalar, u):
    """The u coordinate of scalar times the point with coordinate u: names as in RFC 7748."""
    k = _decode_scalar(scalar)
    x1 = (int.from_bytes(u, "little") & _LOW_255_BITS) % _P
    x2, z2, x3, z3 = 1, 0, x1, 1
    swap = 0
    for t in range(254, -1, -1):
        bit = (k >> t) & 1
        if swap ^ bit:
            x2, z2, x3, z3 = x3, z3, x2, z2
        swap = bit
        a, b = x2 + z2, x2 - z2
        aa, bb = a * a % _P, b * b % _P
        e = aa - bb
        da, cb = (x3 - z3) * a % _P, (x3 + z3) * b % _P
        x3 = (da + cb) * (da + cb) % _P
        z3 = x1 * ((da - cb) * (da - cb) % _P) % _P
        x2 = aa * bb % _P
        z2 = e * (aa + _A24 * e) % _P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, _P - 2, _P) % _P).to_bytes(_BYTES, "little")


def _check(data):
    if len(data) != _BYTES:
        raise ValueError("an X25519 key is 32 bytes long")
    return bytes(data)


class X25519PublicKey:
    """A u coordinate."""

    def __init__(self, data):
        self._data = data

    @classmethod
    def from_public_bytes(cls, data):
        """From 32 bytes; ValueError for any other length."""
        return cls(_check(data))

    def public_bytes_raw(self):
        """The 32 bytes."""
        return self._data


class X25519PrivateKey:
    """A scalar."""

    def __init__(self, data):
        self._data = data

    @classmethod
    def from_private_bytes(cls, data):
        """From 32 bytes; ValueError for any other length."""
        return cls(_check(data))

    def public_key(self):
        """The scalar times the base point."""
        return X25519PublicKey(_multiply(self._data, _BASE))

    def exchange(self, peer_public_key):
        """The shared secret; ValueError if it is all zero, as OpenSSL does."""
        secret = _multiply(self._data, peer_public_key.public_bytes_raw())
        if secret == bytes(_BYTES):
            raise ValueError("Error computing shared key.")
        return secret
