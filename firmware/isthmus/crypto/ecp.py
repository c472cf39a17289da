"""Diffie-Hellman on the NIST curves P-256 and P-384: groups ECP256 and ECP384, RFC 5903.

A public value is x | y (section 7), the shared secret x alone (section 9). That a peer's point lies on the curve the
library checks: one that does not gives the private key away, a few bits at a time.
"""
from __future__ import annotations

from isthmus.crypto.dh import DhError, KeyPair

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric import ec

# Orders of the curves' groups, RFC 5903 sections 3.1 and 3.2.
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P384_ORDER = int(
    "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973", 16
)
SPARE_BYTES = 8  # random bytes beyond the order's own, so that no private key is likelier than another

UNCOMPRESSED = b"\x04"


class Ecp(KeyPair):
    """One key pair on the curve with coordinates of `size` bytes. public: 2 * size bytes."""

    def __init__(self, size: int, rng: Callable[[int], bytes]) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec

        self._size = size
        self._point_class, self._algorithm = ec.EllipticCurvePublicKey, ec.ECDH()
        self._curve: ec.EllipticCurve
        self._curve, order = (ec.SECP256R1(), P256_ORDER) if size == 32 else (ec.SECP384R1(), P384_ORDER)
        scalar = int.from_bytes(rng(size + SPARE_BYTES), "big") % (order - 1) + 1
        self._private = ec.derive_private_key(scalar, self._curve)
        point = self._private.public_key().public_numbers()
        self.public = point.x.to_bytes(size, "big") + point.y.to_bytes(size, "big")

    def compute(self, peer: bytes) -> bytearray:
        """The shared secret, `size` bytes. Raises DhError for what is no point of the curve, or the point at
        infinity.
        """
        name = "an ECP-%d public value" % (8 * self._size)
        if len(peer) != 2 * self._size:
            raise DhError("%s of %d bytes; it must have %d" % (name, len(peer), 2 * self._size))
        try:
            point = self._point_class.from_encoded_point(self._curve, UNCOMPRESSED + peer)
        except ValueError:
            raise DhError("%s that is no point of the curve" % name) from None
        return bytearray(self._private.exchange(self._algorithm, point))


def make_256(rng: Callable[[int], bytes]) -> Ecp:
    """A key pair of group 19."""
    return Ecp(32, rng)


def make_384(rng: Callable[[int], bytes]) -> Ecp:
    """A key pair of group 20."""
    return Ecp(48, rng)
