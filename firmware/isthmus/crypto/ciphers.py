"""What protects an SK payload: an AEAD (AES-GCM, RFC 5282; ChaCha20-Poly1305, RFC 7634), or AES-CBC with HMAC (RFC
3602, RFC 4868).

An SkCipher holds the keys of one direction. `seal` and `open` see the message as RFC 7296 section 3.14 draws it:
aad is everything in front of the IV, the result is IV | ciphertext | integrity check value.
"""
from __future__ import annotations

from isthmus.crypto.library import AEADS, is_invalid_tag, make_cbc
from isthmus.crypto.prf import DIGEST_BYTES, is_equal, prf, wipe
from isthmus.errors import IsthmusError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# The same for both AEADs: RFC 5282 section 3, RFC 7634 section 2.
AEAD_SALT = 4
AEAD_IV = 8
AEAD_ICV = 16

CBC_BLOCK = 16


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


class AeadCipher(SkCipher):
    """An AEAD with a 16-byte tag. name: of AEADS; key: its key and 4 bytes of salt (RFC 5282 section 7.1, RFC 7634
    section 2).

    The IV is a counter: it cannot repeat under one key, because a key lives in one object and dies with it.
    """

    overhead = AEAD_IV + AEAD_ICV
    block = 1

    def __init__(self, name: str, key: bytearray) -> None:
        self._aead = AEADS[name](bytes(key[:-AEAD_SALT]))
        self._salt = bytearray(key[-AEAD_SALT:])
        self._count = 0

    def seal(self, aad: bytes, plaintext: bytes) -> bytes:
        """IV | ciphertext | ICV."""
        iv = self._count.to_bytes(AEAD_IV, "big")
        self._count += 1
        sealed: bytes = self._aead.encrypt(bytes(self._salt) + iv, plaintext, aad)
        return iv + sealed

    def open(self, aad: bytes, sealed: bytes) -> bytes:
        """The plaintext. Raises IntegrityError."""
        if len(sealed) < self.overhead:
            raise IntegrityError("an encrypted payload of %d bytes" % len(sealed))
        nonce = bytes(self._salt) + sealed[:AEAD_IV]
        try:
            plaintext: bytes = self._aead.decrypt(nonce, sealed[AEAD_IV:], aad)
        except Exception as error:
            if is_invalid_tag(error):
                raise IntegrityError("an encrypted payload that fails its integrity check") from None
            raise
        return plaintext

    def clear(self) -> None:
        """Overwrite the salt; the key itself lies inside the library's object, which goes with this one."""
        wipe(self._salt)


class CbcHmacCipher(SkCipher):
    """AES-CBC, then HMAC over aad, IV and ciphertext, cut to half its length. key: AES 16, 24 or 32 bytes; mac_key: as
    long as the hash.

    The IV is random: an attacker who could predict it could test guesses of the plaintext (RFC 3602 section 3).
    """

    block = CBC_BLOCK

    def __init__(self, key: bytearray, mac_key: bytearray, rng: Callable[[int], bytes], hash_name: str) -> None:
        self._hash = hash_name
        self._icv = DIGEST_BYTES[hash_name] // 2  # RFC 4868 section 2.3
        self.overhead = CBC_BLOCK + self._icv
        self._key = bytearray(key)
        self._mac_key = bytearray(mac_key)
        self._rng = rng

    def seal(self, aad: bytes, plaintext: bytes) -> bytes:
        """IV | ciphertext | ICV."""
        iv = self._rng(CBC_BLOCK)
        encryptor = make_cbc(bytes(self._key), iv).encryptor()
        body: bytes = iv + encryptor.update(plaintext) + encryptor.finalize()
        return body + self._compute_icv(aad + body)

    def open(self, aad: bytes, sealed: bytes) -> bytes:
        """The plaintext. Raises IntegrityError."""
        body = sealed[:-self._icv]
        if len(sealed) < self.overhead + CBC_BLOCK or len(body) % CBC_BLOCK:
            raise IntegrityError("an encrypted payload of %d bytes" % len(sealed))
        if not is_equal(self._compute_icv(aad + body), sealed[-self._icv:]):
            raise IntegrityError("an encrypted payload that fails its integrity check")
        decryptor = make_cbc(bytes(self._key), body[:CBC_BLOCK]).decryptor()
        plaintext: bytes = decryptor.update(body[CBC_BLOCK:]) + decryptor.finalize()
        return plaintext

    def _compute_icv(self, data: bytes) -> bytes:
        return prf(self._mac_key, data, self._hash)[: self._icv]

    def clear(self) -> None:
        """Overwrite both keys."""
        wipe(self._key)
        wipe(self._mac_key)
