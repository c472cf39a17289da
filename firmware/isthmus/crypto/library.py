"""The one door to `cryptography`: what we use of it, with as little of it loaded as that takes.

Its public modules load each other and much of the standard library: a fifth of the time in which isthmusd
starts. The algorithms themselves are compiled and lie in one module, from which the public ones only pass them on;
where that is so (from version 42 on), they are taken from there, and what is rarely needed is loaded when it is.
Elsewhere, and with our shim, the public modules are loaded at once. Standard hashes come from hashes.py.
"""
from __future__ import annotations

from isthmus.hashes import sha1

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

AESGCM = "AESGCM"
CHACHA20_POLY1305 = "ChaCha20Poly1305"
_AEAD_NAMES = (AESGCM, CHACHA20_POLY1305)

# Name: class, as far as the library has them: made from a key; encrypt and decrypt (nonce, data, aad).
AEADS: dict[str, Callable[[bytes], Any]] = {}
# From 32 bytes: a private key (public_key, exchange), and a public one. None where the library has no X25519.
make_x25519_private: Callable[[bytes], Any] | None = None
make_x25519_public: Callable[[bytes], Any] | None = None

IS_COMPILED = False
try:
    from cryptography.hazmat.bindings._rust import openssl

    AEADS = {name: getattr(openssl.aead, name) for name in _AEAD_NAMES if hasattr(openssl.aead, name)}
    make_x25519_private = openssl.x25519.from_private_bytes
    make_x25519_public = openssl.x25519.from_public_bytes
    IS_COMPILED = True
except (ImportError, AttributeError):
    try:
        from cryptography.hazmat.primitives.ciphers import aead

        AEADS = {name: getattr(aead, name) for name in _AEAD_NAMES if hasattr(aead, name)}
    except ImportError:
        pass
    try:
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

        make_x25519_private = X25519PrivateKey.from_private_bytes
        make_x25519_public = X25519PublicKey.from_public_bytes
    except ImportError:
        pass

HAVE_CBC = HAVE_ECP = HAVE_AES192 = IS_COMPILED
if not IS_COMPILED:
    try:
        from cryptography.hazmat.primitives.ciphers import algorithms

        HAVE_CBC = True
        algorithms.AES(bytes(24))
        HAVE_AES192 = True
    except (ImportError, ValueError):
        pass
    try:
        from cryptography.hazmat.primitives.asymmetric import ec

        HAVE_ECP = bool(ec)
    except ImportError:
        pass


def make_sha1(data: bytes) -> Any:  # noqa: ANN401 - two libraries
    """A SHA-1 of this, with digest(). MicroPython has it with TLS only, our shim always."""
    if sha1 is not None:
        return sha1(data)
    from cryptography.hazmat.primitives import hashes

    state = hashes.SHA1.make()  # type: ignore[attr-defined]
    state.update(data)
    return state


def is_invalid_tag(error: Exception) -> bool:
    """True if this is what an AEAD raises for data that fails its check; anything else it raises is our mistake."""
    from cryptography.exceptions import InvalidTag

    return isinstance(error, InvalidTag)


def make_cbc(key: bytes, iv: bytes) -> Any:  # noqa: ANN401 - two libraries
    """AES-CBC, with encryptor() and decryptor()."""
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CBC

    return Cipher(AES(key), CBC(iv))
