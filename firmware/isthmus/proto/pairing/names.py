"""Names of sites as pairing carries them: letters, digits, - and _, so that no screen, file or command is fooled."""

from __future__ import annotations

from isthmus.proto.pairing.limits import NAME_BYTES

ALLOWED = "1 to %d letters a-z, digits, - and _, the first a letter or digit" % NAME_BYTES
_FIRST = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_REST = _FIRST + b"-_"


def is_name(raw: bytes) -> bool:
    """True for a name that a site may have."""
    if not 1 <= len(raw) <= NAME_BYTES or raw[0] not in _FIRST:
        return False
    return all(byte in _REST for byte in raw)
