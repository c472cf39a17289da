"""Device marks: what a browser keeps to show that its user has logged in there before.

A mark is a random number and its HMAC under the key of the file of users, with name and stamp: nothing is kept of it
here, and a new password voids all marks of its user. It opens nothing: it only names the lane a login waits in.
"""

from __future__ import annotations

from isthmus import hashes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.users.book import User

NONCE_BYTES = 16
MAC_BYTES = 16
MARK_LETTERS = 2 * (NONCE_BYTES + MAC_BYTES)


def _mac(key: bytes, user: User, nonce: bytes) -> bytes:
    said = b"isthmus device mark" + user.stamp + nonce + user.name.encode()
    return hashes.digest(key, said, "sha256")[:MAC_BYTES]


def make_mark(key: bytes, user: User, rng: Callable[[int], bytes]) -> str:
    """A new one, MARK_LETTERS long."""
    nonce = rng(NONCE_BYTES)
    return (nonce + _mac(key, user, nonce)).hex()


def is_mark(key: bytes, user: User, mark: str) -> bool:
    """Whether this was made for that user, under the password that is still good."""
    if len(mark) != MARK_LETTERS or any(letter not in "0123456789abcdef" for letter in mark):
        return False
    raw = bytes.fromhex(mark)
    return hashes.compare_digest(_mac(key, user, raw[:NONCE_BYTES]), raw[NONCE_BYTES:])
