"""What protects an SK payload: AES-GCM (RFC 5282) or AES-CBC with HMAC-SHA2-256-128 (RFC 3602, RFC 4868).

An SkCipher holds the keys of one direction. `seal` and `open` see the message as RFC 7296 section 3.14 draws it:
aad is everything in front of the IV, the result is IV | ciphertext | integrity check value.
"""
from __future__ import annotations

from isthmus.crypto.prf import is_equal, prf, wipe
from isthmus.errors import IsthmusError

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    HAVE_GCM = True
except ImportError:
    HAVE_GCM = False

try:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    HAVE_CBC = True
except ImportError:
    HAVE_CBC = False

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

GCM_SALT = 4
GCM_IV = 8
GCM_ICV = 16

CBC_BLOCK = 16
HMAC_ICV = 16


class IntegrityError(IsthmusError):
    """A ciphertext that was not made with this key, or not for this message."""

    code = "integrity"


class SkCipher:
    """The keys of one direction of one IKE SA.

    overhead: bytes of IV and integrity check value. block: the plaintext's length must be a multiple of this.
    """

    overhead = 0
    block = 1

    def seal(self, aad: bytes, plaintext: bytes) -> bytes:
        """IV | ciphertext | ICV."""
        raise NotImplementedError

    def open(self, aad: bytes, sealed: bytes) -> bytes:
        """The plaintext. Raises IntegrityError before anything inside has been looked at."""
        raise NotImplementedError

    def clear(self) -> None:
        """Overwrite the keys that we hold ourselves."""
        raise NotImplementedError


class GcmCipher(SkCipher):
    """AES-GCM with a 16-byte tag. key: 16 or 32 bytes and 4 bytes of salt (RFC 5282 section 7.1).

    The IV is a counter: it cannot repeat under one key, because a key lives in one object and dies with it.
    """

    overhead = GCM_IV + GCM_ICV
    block = 1

    def __init__(self, key: bytearray) -> None:
        self._gcm = AESGCM(bytes(key[:-GCM_SALT]))
        self._salt = bytearray(key[-GCM_SALT:])
        self._count = 0

    def seal(self, aad: bytes, plaintext: bytes) -> bytes:
        """IV | ciphertext | ICV."""
        iv = self._count.to_bytes(GCM_IV, "big")
        self._count += 1
        return iv + self._gcm.encrypt(bytes(self._salt) + iv, plaintext, aad)

    def open(self, aad: bytes, sealed: bytes) -> bytes:
        """The plaintext. Raises IntegrityError."""
        if len(sealed) < self.overhead:
            raise IntegrityError("an encrypted payload of %d bytes" % len(sealed))
        nonce = bytes(self._salt) + sealed[:GCM_IV]
        try:
            return self._gcm.decrypt(nonce, sealed[GCM_IV:], aad)
        except InvalidTag:
            raise IntegrityError("an encrypted payload that fails its integrity check") from None

    def clear(self) -> None:
        """Overwrite the salt; the key itself lies inside the library's object, which goes with this one."""
        wipe(self._salt)


class CbcHmacCipher(SkCipher):
    """AES-CBC, then HMAC-SHA-256 cut to 16 bytes over aad, IV and ciphertext. key: AES 16 or 32 bytes; mac_key: 32.

    The IV is random: an attacker who could predict it could test guesses of the plaintext (RFC 3602 section 3).
    """

    overhead = CBC_BLOCK + HMAC_ICV
    block = CBC_BLOCK

    def __init__(self, key: bytearray, mac_key: bytearray, rng: Callable[[int], bytes]) -> None:
        self._key = bytearray(key)
        self._mac_key = bytearray(mac_key)
        self._rng = rng

    def seal(self, aad: bytes, plaintext: bytes) -> bytes:
        """IV | ciphertext | ICV."""
        iv = self._rng(CBC_BLOCK)
        encryptor = Cipher(algorithms.AES(bytes(self._key)), modes.CBC(iv)).encryptor()
        body = iv + encryptor.update(plaintext) + encryptor.finalize()
        return body + prf(self._mac_key, aad + body)[:HMAC_ICV]

    def open(self, aad: bytes, sealed: bytes) -> bytes:
        """The plaintext. Raises IntegrityError."""
        body = sealed[:-HMAC_ICV]
        if len(sealed) < self.overhead + CBC_BLOCK or len(body) % CBC_BLOCK:
            raise IntegrityError("an encrypted payload of %d bytes" % len(sealed))
        if not is_equal(prf(self._mac_key, aad + body)[:HMAC_ICV], sealed[-HMAC_ICV:]):
            raise IntegrityError("an encrypted payload that fails its integrity check")
        decryptor = Cipher(algorithms.AES(bytes(self._key)), modes.CBC(body[:CBC_BLOCK])).decryptor()
        return decryptor.update(body[CBC_BLOCK:]) + decryptor.finalize()

    def clear(self) -> None:
        """Overwrite both keys."""
        wipe(self._key)
        wipe(self._mac_key)
