"""Stateless cookies: proof that an initiator is where it says it is, before we keep anything. RFC 7296 section 2.6."""
from __future__ import annotations

from isthmus.crypto.prf import is_equal, prf
from isthmus.proto.ike2.times import COOKIE_SECRET_MS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SECRET_BYTES = 32


class Cookies:
    """Makes and checks cookies; the secret changes every minute, and the one before is still good for another."""

    def __init__(self, rng: Callable[[int], bytes]) -> None:
        self._rng = rng
        self._secret = b""
        self._previous = b""
        self._born = 0

    def _rotate(self, now: int) -> None:
        age = now - self._born
        if self._secret and age < COOKIE_SECRET_MS:
            return
        self._previous = self._secret if age < 2 * COOKIE_SECRET_MS else b""
        self._secret = self._rng(SECRET_BYTES)
        self._born = now

    def make(self, address: bytes, spi_i: bytes, nonce: bytes, now: int) -> bytes:
        """The cookie, 32 bytes, for an initiator at this address with this SPI and nonce."""
        self._rotate(now)
        return _compute(self._secret, address, spi_i, nonce)

    def check(self, cookie: bytes, address: bytes, spi_i: bytes, nonce: bytes, now: int) -> bool:
        """True if we made this cookie, for this initiator, not too long ago."""
        self._rotate(now)
        for secret in (self._secret, self._previous):
            if secret and is_equal(cookie, _compute(secret, address, spi_i, nonce)):
                return True
        return False


def _compute(secret: bytes, address: bytes, spi_i: bytes, nonce: bytes) -> bytes:
    # Lengths are fixed but for the nonce, which comes last: no two inputs give the same bytes.
    return prf(secret, bytes([len(address)]) + address + spi_i + nonce)
