"""PRF_HMAC_SHA2_256 (RFC 4868) and the key stream prf+ that IKEv2 makes of it (RFC 7296 section 2.13)."""
from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hmac import HMAC

PRF_BYTES = 32  # output, and preferred key size
PRF_PLUS_MAX = 255 * PRF_BYTES


def prf(key: bytes | bytearray, data: bytes) -> bytes:
    """HMAC-SHA-256: 32 bytes."""
    mac = HMAC(key, hashes.SHA256())
    mac.update(data)
    return mac.finalize()


def prf_plus(key: bytes | bytearray, seed: bytes, count: int) -> bytearray:
    """T1 | T2 | ..., cut to `count` bytes; Tn = prf(key, Tn-1 | seed | n). At most 255 blocks."""
    if not 0 <= count <= PRF_PLUS_MAX:
        raise ValueError("prf+ gives 0 to %d bytes, not %d" % (PRF_PLUS_MAX, count))
    stream = bytearray()
    block = b""
    number = 1
    while len(stream) < count:
        block = prf(key, block + seed + bytes([number]))
        stream.extend(block)
        number += 1
    return stream[:count]


def sha256(data: bytes) -> bytes:
    """SHA-256: 32 bytes."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(data)
    return digest.finalize()


def sha1(data: bytes) -> bytes:
    """SHA-1: 20 bytes. For NAT detection, which no secret rests on (RFC 7296 section 2.23)."""
    digest = hashes.Hash(hashes.SHA1())  # noqa: S303 - the protocol's choice, and no proof
    digest.update(data)
    return digest.finalize()


def is_equal(a: bytes, b: bytes) -> bool:
    """Compare two secrets in a time that depends on their length alone."""
    return bytes_eq(a, b)


def wipe(secret: bytearray) -> None:
    """Overwrite a secret in place. Copies that a library made inside are beyond our reach."""
    for index in range(len(secret)):
        secret[index] = 0
