"""The file of a backup: a header that says how the key comes from the passphrase, and what is encrypted under it.

    0   8  "ISTHMUSB"
    8   2  version: 1
    10  1  how the key is made: 1, scrypt (RFC 7914), 64 bytes: the key, and the key of the proof
    11  1  how it is encrypted: 1, AES-256-GCM with a nonce of zeros: the salt makes each key new, and it is used once
    12  4  scrypt's N, r (2 bytes), p (2 bytes)
    20 16  salt
    36  4  length of what follows the header
    40 16  proof: HMAC-SHA-256 of the 40 bytes before; whose passphrase is wrong has another
    56     ciphertext with its tag of 16 bytes; the header is authenticated with it
       32  SHA-256 of all before: tells damage from a wrong passphrase, before anybody has waited for scrypt

All in network byte order. What a file may ask of scrypt is bounded: it was made by whoever made it.
"""

from __future__ import annotations

from isthmus.backup.errors import (
    AlteredError,
    BackupError,
    DamagedError,
    HostileError,
    NewerError,
    NoBackupError,
    TooLargeError,
    TruncatedError,
    WeakPassphraseError,
    WrongPassphraseError,
)  # fmt: skip
from isthmus.crypto.library import AEADS, AESGCM, is_invalid_tag
from isthmus.hashes import compare_digest, digest, sha256
from isthmus.users.book import CURRENT, Params
from isthmus.users.passwords import LONGEST_BYTES, is_common
from isthmus.wire.buffer import Reader, WireError, Writer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAGIC = b"ISTHMUSB"
VERSION = 1
SCRYPT, AES_256_GCM = 1, 1
SALT_BYTES = 16
KEY_BYTES = 64
PROOF_BYTES, TAG_BYTES, DIGEST_BYTES = 16, 16, 32
PROVEN = 40  # bytes that the proof is of
HEADER = PROVEN + PROOF_BYTES
LONGEST = 180_000  # bytes of a file: as text it fits a request to isthmusd
MOST_CONTENT = LONGEST - HEADER - TAG_BYTES - DIGEST_BYTES
NONCE = bytes(12)
SHORTEST_PASSPHRASE = 12  # letters

# What a file may ask of scrypt: twice the memory of ours, four times its work.
MOST_MEMORY = 2 * 128 * CURRENT.n * CURRENT.r
MOST_WORK = 4 * CURRENT.n * CURRENT.r * CURRENT.p


class Sealed:
    """A file that is whole. header: 56 bytes; body: what is encrypted."""

    def __init__(self, header: bytes, params: Params, salt: bytes, body: bytes) -> None:
        self.header = header
        self.params = params
        self.salt = salt
        self.body = body

    def __repr__(self) -> str:
        return "Sealed(%d bytes)" % len(self.body)


def check_passphrase(passphrase: str) -> bytes:
    """The passphrase of a new backup as scrypt takes it. Raises WeakPassphraseError, which does not repeat it."""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise WeakPassphraseError("the passphrase of a backup has at least %d letters" % SHORTEST_PASSPHRASE)
    raw = passphrase.encode()
    if len(raw) > LONGEST_BYTES:
        raise WeakPassphraseError("the passphrase of a backup has at most %d bytes" % LONGEST_BYTES)
    if is_common(passphrase, "isthmus"):
        raise WeakPassphraseError("this passphrase is one of those that are tried first")
    return raw


def is_bounded(params: Params) -> bool:
    """Whether a router can be asked for it."""
    work = params.n * params.r * params.p
    return params.is_allowed() and 128 * params.n * params.r <= MOST_MEMORY and work <= MOST_WORK


def _aead(key: bytes) -> Any:  # noqa: ANN401 - two libraries
    make = AEADS.get(AESGCM)
    if make is None:
        raise BackupError("this Python has no AES-GCM", "install python3-cryptography", "not-offered")
    return make(key[:32])


def _prove(key: bytes, head: bytes) -> bytes:
    return digest(key[32:], head, "sha256")[:PROOF_BYTES]


def seal(key: bytes, params: Params, salt: bytes, content: bytes) -> bytes:
    """The file. key: the 64 bytes that scrypt has made of passphrase and salt with these parameters; good for one file.
    Raises TooLargeError.
    """
    if len(content) > MOST_CONTENT:
        text = "the configuration and its keys have %d bytes; a backup holds at most %d"
        raise TooLargeError(text % (len(content), MOST_CONTENT), "copy /etc/config/isthmus and /etc/isthmus by hand")
    writer = Writer()
    writer.push_bytes(MAGIC)
    writer.push_uint16(VERSION)
    writer.push_uint8(SCRYPT)
    writer.push_uint8(AES_256_GCM)
    writer.push_uint32(params.n)
    writer.push_uint16(params.r)
    writer.push_uint16(params.p)
    writer.push_bytes(salt)
    writer.push_uint32(len(content) + TAG_BYTES)
    writer.push_bytes(_prove(key, writer.get_bytes()))
    header = writer.get_bytes()
    writer.push_bytes(_aead(key).encrypt(NONCE, content, header))
    writer.push_bytes(sha256(writer.get_bytes()).digest())
    return writer.get_bytes()


def pull_sealed(data: bytes) -> Sealed:
    """The file, if it is whole and such as we read. Raises BackupError: the class says what is wrong."""
    if data[: len(MAGIC)] != MAGIC[: len(data)] or not data:
        raise NoBackupError("this is no backup of Isthmus" if data else "the file is empty")
    reader = Reader(data)
    try:
        reader.pull_bytes(len(MAGIC))
        version = reader.pull_uint16()
        if version > VERSION:
            raise NewerError("the backup has version %d; this Isthmus reads up to %d" % (version, VERSION))
        how = (reader.pull_uint8(), reader.pull_uint8())
        params = Params(reader.pull_uint32(), reader.pull_uint16(), reader.pull_uint16())
        salt = reader.pull_bytes(SALT_BYTES)
        size = reader.pull_uint32()
        reader.pull_bytes(PROOF_BYTES)
    except WireError:
        raise TruncatedError("the backup ends after %d bytes, in its header" % len(data)) from None
    whole = HEADER + size + DIGEST_BYTES
    if whole > LONGEST or size < TAG_BYTES or version < 1:
        raise DamagedError("the backup's header is damaged")
    if len(data) < whole:
        raise TruncatedError("the backup has %d bytes of %d" % (len(data), whole))
    if len(data) > whole:
        raise DamagedError("the backup has %d bytes more than its header says" % (len(data) - whole))
    if sha256(data[:-DIGEST_BYTES]).digest() != data[-DIGEST_BYTES:]:
        raise DamagedError("the backup is damaged: it is not what was written")
    if how != (SCRYPT, AES_256_GCM):
        raise NewerError("the backup is encrypted in a way that this Isthmus does not know")
    if not is_bounded(params):
        raise HostileError("the backup asks for more memory or work than a router should spend on it")
    return Sealed(data[:HEADER], params, salt, data[HEADER:-DIGEST_BYTES])


def unseal(sealed: Sealed, key: bytes) -> bytes:
    """What is in it. key: as in seal(). Raises WrongPassphraseError, AlteredError."""
    if not compare_digest(_prove(key, sealed.header[:PROVEN]), sealed.header[PROVEN:]):
        raise WrongPassphraseError
    try:
        content: bytes = _aead(key).decrypt(NONCE, sealed.body, sealed.header)
    except Exception as error:
        if is_invalid_tag(error):
            raise AlteredError from None
        raise
    return content
