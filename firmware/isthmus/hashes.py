"""SHA-1, SHA-2 and HMAC (RFC 2104), by the names of `hashlib` and `hmac`, without loading OpenSSL for them.

Those two load a library of several megabytes, a tenth of what isthmusd does until it runs. CPython has the same
hashes compiled in. OpenSSL's HMAC takes half the time, so it is used as soon as there is time to load it: hasten().
What this interpreter lacks is not in NAMES.
"""
from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from hashlib import sha256, sha384, sha512
    from hmac import compare_digest
    from typing import Any

    sha1: Callable[[bytes], Any] | None
else:
    try:
        from _operator import _compare_digest as compare_digest
    except ImportError:
        from hmac import compare_digest
    try:
        from _sha1 import sha1
        try:
            from _sha256 import sha256
            from _sha512 import sha384, sha512
        except ImportError:  # CPython from 3.12 on
            from _sha2 import sha256, sha384, sha512
    except ImportError:
        import hashlib

        sha256 = hashlib.sha256
        sha1, sha384, sha512 = [getattr(hashlib, name, None) for name in ("sha1", "sha384", "sha512")]

__all__ = ("NAMES", "compare_digest", "digest", "hasten", "sha1", "sha256", "sha384", "sha512")

ROWS = (  # name, how one is made, bytes of its block (FIPS 180-4)
    ("sha256", sha256, 64),
    ("sha384", sha384, 128),
    ("sha512", sha512, 128),
)
NAMES = tuple([name for name, maker, _ in ROWS if maker is not None])

_MAKERS = {name: maker for name, maker, _ in ROWS if maker is not None}
_BLOCKS = {name: block for name, _, block in ROWS}
_INNER = {name: int.from_bytes(b"\x36" * block, "big") for name, _, block in ROWS}
_OUTER = {name: int.from_bytes(b"\x5c" * block, "big") for name, _, block in ROWS}
_fast: list[Callable[..., bytes]] = []  # OpenSSL's, once it is loaded


def digest(key: bytes | bytearray, data: bytes | bytearray, name: str) -> bytes:
    """HMAC with the hash of this name (one of NAMES): as many bytes as the hash has."""
    return _fast[0](key, data, name) if _fast else _digest(key, data, name)


def _digest(key: bytes | bytearray, data: bytes | bytearray, name: str) -> bytes:
    maker, block = _MAKERS[name], _BLOCKS[name]
    if len(key) > block:
        key = maker(key).digest()
    number = int.from_bytes(key, "big") << (8 * (block - len(key)))
    inner = maker((number ^ _INNER[name]).to_bytes(block, "big") + data).digest()
    return maker((number ^ _OUTER[name]).to_bytes(block, "big") + inner).digest()


def hasten() -> None:
    """OpenSSL's HMAC from now on, where there is one. It takes some milliseconds to load."""
    try:
        import _hashlib
        import hmac
    except ImportError:  # without OpenSSL hmac is no faster than we are
        return
    if _hashlib and not _fast:
        _fast.append(hmac.digest)
