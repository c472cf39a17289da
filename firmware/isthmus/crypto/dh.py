"""Diffie-Hellman groups: X25519 (RFC 7748, RFC 8031) and MODP-2048 (RFC 3526 section 3).

A key pair is used for one IKE SA and then forgotten. X25519 is the library's. MODP is Python's own `pow`, whose time
depends on the exponent: each exponent is used twice and never again, so there is nothing to average over, but prefer
X25519 wherever the peer has it.
"""
from __future__ import annotations

from isthmus.errors import IsthmusError

try:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

    HAVE_X25519 = True
except ImportError:
    HAVE_X25519 = False

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

X25519_BYTES = 32

MODP2048_BYTES = 256
MODP2048_EXPONENT_BYTES = 40  # 320 bits, the larger of the two sizes that RFC 3526 section 8 finds fitting
MODP2048_GENERATOR = 2
MODP2048_PRIME = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
    "15728E5A8AACAA68FFFFFFFFFFFFFFFF",
    16,
)


class DhError(IsthmusError):
    """A public value that must not be used: wrong length, out of range, or of small order."""

    code = "bad-public-value"
    remedy = "the peer's IKE program is faulty or somebody in between tampers; nothing can be set here"


class X25519:
    """One X25519 key pair. public: 32 bytes."""

    def __init__(self, rng: Callable[[int], bytes]) -> None:
        self._private = X25519PrivateKey.from_private_bytes(rng(X25519_BYTES))
        self.public = self._private.public_key().public_bytes_raw()

    def compute(self, peer: bytes) -> bytearray:
        """The shared secret, 32 bytes. Raises DhError for a value of small order (RFC 7748 section 6.1)."""
        if len(peer) != X25519_BYTES:
            raise DhError("an X25519 public value of %d bytes; it must have %d" % (len(peer), X25519_BYTES))
        try:
            secret = bytearray(self._private.exchange(X25519PublicKey.from_public_bytes(peer)))
        except ValueError:
            secret = bytearray(X25519_BYTES)  # OpenSSL itself refuses an all-zero result
        if not any(secret):
            raise DhError("an X25519 public value of small order")
        return secret


class Modp2048:
    """One MODP-2048 key pair. public: 256 bytes."""

    def __init__(self, rng: Callable[[int], bytes]) -> None:
        # The top bit is set so that the exponent always has its full size.
        self._exponent = int.from_bytes(rng(MODP2048_EXPONENT_BYTES), "big") | 1 << (MODP2048_EXPONENT_BYTES * 8 - 1)
        value = pow(MODP2048_GENERATOR, self._exponent, MODP2048_PRIME)
        self.public = value.to_bytes(MODP2048_BYTES, "big")

    def compute(self, peer: bytes) -> bytearray:
        """The shared secret, 256 bytes with leading zeros. Raises DhError unless 2 <= peer <= p - 2 (RFC 6989 2.1)."""
        if len(peer) != MODP2048_BYTES:
            raise DhError("a MODP-2048 public value of %d bytes; it must have %d" % (len(peer), MODP2048_BYTES))
        value = int.from_bytes(peer, "big")
        if not 2 <= value <= MODP2048_PRIME - 2:
            raise DhError("a MODP-2048 public value outside 2 to p - 2")
        return bytearray(pow(value, self._exponent, MODP2048_PRIME).to_bytes(MODP2048_BYTES, "big"))
