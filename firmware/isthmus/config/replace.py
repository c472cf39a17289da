"""Replacing files so that a power cut at any system call leaves the old one or the new one, whole.

Here is the order of the calls; who makes them is given (`edge/os_cpython_files.py`, or a file system in memory that is
cut off after each of them). Several files are all written before the first of them takes its place: a full disk is
noticed while everything is still as it was. Owner, mode and an administrator's symbolic link are kept.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.calls import Calls

ENOENT = 2  # linux/errno.h
UNFINISHED = ".isthmus-new"  # how the name of a file ends that is not in its place yet
PRIVATE = 0o600


class Prepared:
    """A new file beside the old one, written and durable. finish() puts it in its place, abandon() removes it."""

    def __init__(self, calls: Calls, path: str, data: bytes, is_private: bool = False) -> None:
        """is_private: readable by its owner alone, whatever it was; so is every file that was not there.

        Raises OSError, and then nothing is left behind.
        """
        self._calls = calls
        self._target = calls.real_path(path)
        folder, _, _ = self._target.rpartition("/")
        self._folder = folder or "/"
        self._temporary = unfinished(self._target)
        remove(calls, self._temporary)  # left by a crash
        old = status(calls, self._target)
        handle = calls.create(self._temporary)
        try:
            try:
                if old is not None:
                    calls.set_owner(handle, old[1], old[2])
                calls.set_mode(handle, PRIVATE if old is None or is_private else old[0])
                write_all(calls, handle, data)
                calls.sync(handle)
            finally:
                calls.close(handle)
        except OSError:
            self.abandon()
            raise

    def finish(self) -> None:
        """Put it in the place of the old one, for good. Raises OSError: the place has the old file or the new one."""
        try:
            self._calls.rename(self._temporary, self._target)
        except OSError:
            self.abandon()
            raise
        self._calls.sync_folder(self._folder)

    def abandon(self) -> None:
        """Remove it; where even that is impossible, it stays and harms nobody."""
        try:
            remove(self._calls, self._temporary)
        except OSError:
            pass


def replace(calls: Calls, path: str, data: bytes, is_private: bool = False) -> None:
    """One file by another. Raises OSError: the place has the old file or the new one, whole."""
    Prepared(calls, path, data, is_private).finish()


def unfinished(path: str) -> str:
    """Where the new file is made that will take this place: uci takes no file with a dot for a configuration."""
    folder, _, name = path.rpartition("/")
    return folder + "/." + name + UNFINISHED


def status(calls: Calls, path: str) -> tuple[int, int, int, int] | None:
    """(mode, owner, group, inode), or None if there is no such file. Raises OSError."""
    try:
        return calls.stat(path)
    except OSError as error:
        if error.errno != ENOENT:
            raise
        return None


def remove(calls: Calls, path: str) -> bool:
    """False if there was no such file. Raises OSError."""
    try:
        calls.remove(path)
    except OSError as error:
        if error.errno != ENOENT:
            raise
        return False
    return True


def remove_key(calls: Calls, path: str) -> None:
    """A key file, and what a power cut may have left of one that was to take its place. Raises OSError."""
    remove(calls, path)
    remove(calls, unfinished(path))


def write_all(calls: Calls, handle: int, data: bytes) -> None:
    """All of it, in as many calls as it takes. Raises OSError."""
    while data:
        data = data[calls.write(handle, data) :]
