"""What a Diffie-Hellman key pair is, and the group X25519 (RFC 7748, RFC 8031), which is the library's.

A key pair is used for one SA and then forgotten.
"""
from __future__ import annotations

from isthmus.crypto.library import make_x25519_private, make_x25519_public
from isthmus.errors import IsthmusError

HAVE_X25519 = make_x25519_private is not None

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

X25519_BYTES = 32


class DhError(IsthmusError):
    """A public value that must not be used: wrong length, out of range, or of small order."""

    code = "bad-public-value"
    remedy = "the peer's IKE program is faulty or somebody in between tampers; nothing can be set here"


class KeyPair:
    """A key pair of some group. public: the value for the KE payload."""

    public = b""

    def compute(self, peer: bytes) -> bytearray:
        """The shared secret with the peer's public value. Raises DhError for a value that must not be used."""
        raise NotImplementedError


class X25519(KeyPair):
    """One X25519 key pair. public: 32 bytes."""

    def __init__(self, rng: Callable[[int], bytes]) -> None:
        if make_x25519_private is None:
            raise AssertionError("X25519 is not offered where the library lacks it")
        self._private = make_x25519_private(rng(X25519_BYTES))
        self.public = self._private.public_key().public_bytes_raw()

    def compute(self, peer: bytes) -> bytearray:
        """The shared secret, 32 bytes. Raises DhError for a value of small order (RFC 7748 section 6.1)."""
        if make_x25519_public is None or len(peer) != X25519_BYTES:
            raise DhError("an X25519 public value of %d bytes; it must have %d" % (len(peer), X25519_BYTES))
        try:
            secret = bytearray(self._private.exchange(make_x25519_public(peer)))
        except ValueError:
            secret = bytearray(X25519_BYTES)  # OpenSSL itself refuses an all-zero result
        if not any(secret):
            raise DhError("an X25519 public value of small order")
        return secret
