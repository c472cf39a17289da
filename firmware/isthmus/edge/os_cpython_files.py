"""The system calls of the configuration's writer (isthmus.config.calls says what each is for), on CPython.

As os_cpython.py: one of the places where its standard library may be used freely. Every method raises OSError.
"""

from __future__ import annotations

import errno
import os
import stat
import time

LOCK_TRIES = 20  # uci holds its locks for milliseconds
LOCK_PAUSE_S = 0.05
UNSAFE = stat.S_IWGRP | stat.S_IWOTH


class RealCalls:
    """See isthmus.config.calls.Calls; that class is not named here, since the edge imports no configuration.

    tries: how often to ask for a lock that another program holds.
    """

    def __init__(self, tries: int = LOCK_TRIES) -> None:
        self._tries = tries

    def read(self, path: str) -> bytes:
        """See Calls."""
        with open(path, "rb") as file:
            return file.read()

    def real_path(self, path: str) -> str:
        """See Calls."""
        return os.path.realpath(path)

    def stat(self, path: str) -> tuple[int, int, int, int]:
        """See Calls."""
        found = os.lstat(path)
        return stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, found.st_ino

    def create(self, path: str) -> int:
        """See Calls."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    def open_shared(self, path: str, create: bool) -> int:
        """See Calls."""
        flags = os.O_RDWR | os.O_CREAT if create else os.O_RDONLY  # a lock needs no more
        return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    def write(self, handle: int, data: bytes) -> int:
        """See Calls."""
        return os.write(handle, data)

    def truncate(self, handle: int, size: int) -> None:
        """See Calls."""
        os.ftruncate(handle, size)
        os.lseek(handle, size, os.SEEK_SET)

    def set_owner(self, handle: int, owner: int, group: int) -> None:
        """See Calls."""
        found = os.fstat(handle)
        if (found.st_uid, found.st_gid) != (owner, group):
            os.fchown(handle, owner, group)

    def set_mode(self, handle: int, mode: int) -> None:
        """See Calls."""
        os.fchmod(handle, mode)

    def sync(self, handle: int) -> None:
        """See Calls."""
        os.fsync(handle)

    def close(self, handle: int) -> None:
        """See Calls."""
        os.close(handle)

    def rename(self, old: str, new: str) -> None:
        """See Calls."""
        os.replace(old, new)

    def remove(self, path: str) -> None:
        """See Calls."""
        os.unlink(path)

    def sync_folder(self, path: str) -> None:
        """See Calls."""
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def list_folder(self, path: str) -> list[str]:
        """See Calls."""
        return os.listdir(path)

    def make_folder(self, path: str, mode: int) -> None:
        """See Calls. One that others may write into could have been prepared for us: it is refused."""
        try:
            os.makedirs(path, mode)
        except FileExistsError:
            pass
        self.check_folder(path)

    def check_folder(self, path: str) -> None:
        """See Calls."""
        try:
            itself, found = os.lstat(path), os.stat(path)
        except FileNotFoundError:
            if os.path.islink(path):
                raise
            return
        if not stat.S_ISDIR(found.st_mode):
            raise OSError(errno.ENOTDIR, "not a folder", path)
        # A link of somebody else's, which /tmp takes, would lead us into any folder of our own.
        if itself.st_uid != os.geteuid() or found.st_uid != os.geteuid() or found.st_mode & UNSAFE:
            raise OSError(errno.EPERM, "others may write into it", path)

    def lock(self, handle: int) -> bool:
        """See Calls."""
        import fcntl

        for tries in range(self._tries):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise
            else:
                return True
            if tries + 1 < self._tries:
                time.sleep(LOCK_PAUSE_S)
        return False

    def inode(self, handle: int) -> int:
        """See Calls."""
        return os.fstat(handle).st_ino
