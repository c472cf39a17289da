"""HMAC (RFC 2104, RFC 4868), the key stream prf+ that IKEv2 makes of it (RFC 7296 section 2.13), and SHA-256.

A hash that this interpreter lacks is not in HASHES, and what needs it is not offered.
"""
from __future__ import annotations

from isthmus import hashes
from isthmus.crypto.library import make_sha1

SHA256 = "sha256"
SHA384 = "sha384"
SHA512 = "sha512"

DIGEST_BYTES = {SHA256: 32, SHA384: 48, SHA512: 64}  # FIPS 180-4
HASHES = hashes.NAMES

PRF_PLUS_BLOCKS = 255  # the block number is one byte


def prf(key: bytes | bytearray, data: bytes | bytearray, hash_name: str = SHA256) -> bytes:
    """HMAC with the hash of this name: as many bytes as the hash has."""
    return hashes.digest(key, data, hash_name)


def prf_plus(key: bytes | bytearray, seed: bytes, count: int, hash_name: str = SHA256) -> bytearray:
    """T1 | T2 | ..., cut to `count` bytes; Tn = prf(key, Tn-1 | seed | n). At most 255 blocks."""
    most = PRF_PLUS_BLOCKS * DIGEST_BYTES[hash_name]
    if not 0 <= count <= most:
        raise ValueError("prf+ gives 0 to %d bytes, not %d" % (most, count))
    stream = bytearray()
    block = b""
    number = 1
    while len(stream) < count:
        block = prf(key, block + seed + bytes([number]), hash_name)
        stream.extend(block)
        number += 1
    return stream[:count]


def sha256(data: bytes) -> bytes:
    """SHA-256: 32 bytes."""
    return hashes.sha256(data).digest()


def sha1(data: bytes) -> bytes:
    """SHA-1: 20 bytes. For NAT detection, which no secret rests on (RFC 7296 section 2.23)."""
    return bytes(make_sha1(data).digest())


def is_equal(a: bytes, b: bytes) -> bool:
    """Compare two secrets in a time that depends on their length alone."""
    return hashes.compare_digest(a, b)


def wipe(secret: bytearray) -> None:
    """Overwrite a secret in place. Copies that a library made inside are beyond our reach."""
    for index in range(len(secret)):
        secret[index] = 0
