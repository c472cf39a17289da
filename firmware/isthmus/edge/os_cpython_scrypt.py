"""scrypt (RFC 7914) beside the loop: a thread for each password, one at a time, behind everything else that runs.

An interpreter without it (MicroPython) has no users: IS_OFFERED is False there, and the command line as root is all.
"""

from __future__ import annotations

import _thread
import posix as os

IS_OFFERED = False
try:
    from _hashlib import scrypt

    IS_OFFERED = True
except ImportError:  # a Python without OpenSSL
    pass

NICE = 15
SPARE_BYTES = 1 << 20  # OpenSSL counts a little more than the 128 * r * (n + p) bytes of RFC 7914


def hash_password(password: bytes, salt: bytes, n: int, r: int, p: int, size: int) -> bytes | None:
    """`size` bytes; None where there is no memory for it."""
    try:
        found: bytes = scrypt(
            password, salt=salt, n=n, r=r, p=p, maxmem=128 * r * (n + p + 2) + SPARE_BYTES, dklen=size
        )
    except (ValueError, MemoryError):  # the first is what OpenSSL's own lack of memory becomes
        return None
    return found


class Hasher:
    """One password at a time; its descriptor is readable when it is done."""

    def __init__(self) -> None:
        """Raises OSError."""
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._found: list[bytes | None] = []

    def fd(self) -> int:
        """What to poll for reading."""
        return self._read

    def start(self, password: bytes, salt: bytes, n: int, r: int, p: int, size: int) -> None:
        """Begin; not before take() had the one before."""
        try:
            _thread.start_new_thread(self._run, (password, salt, n, r, p, size))
        except (RuntimeError, MemoryError):
            self._done(None)

    def _run(self, password: bytes, salt: bytes, n: int, r: int, p: int, size: int) -> None:
        found = None
        try:
            os.nice(NICE)  # of this thread alone, on Linux
            found = hash_password(password, salt, n, r, p, size)
        finally:
            self._done(found)

    def _done(self, found: bytes | None) -> None:
        self._found.append(found)
        os.write(self._write, b"!")

    def take(self) -> list[bytes | None]:
        """What has been found since the last call: at most one; None where the system could not."""
        try:
            os.read(self._read, 64)
        except BlockingIOError:
            pass
        found, self._found = self._found, []
        return found

    def close(self) -> None:
        """Give the pipe back."""
        os.close(self._read)
        os.close(self._write)
