"""What the configuration's writer asks of a system: each method is one system call, or as good as one.

`edge/os_cpython_files.py` makes them; tests/core/disk.py is a file system in memory that can be cut off at each.
"""

from __future__ import annotations


class Calls:
    """Every method may raise OSError with its errno. Handles are integers."""

    def read(self, path: str) -> bytes:
        """The whole file."""
        raise NotImplementedError

    def real_path(self, path: str) -> str:
        """The path without symbolic links; a last part that is not there stays as it is."""
        raise NotImplementedError

    def stat(self, path: str) -> tuple[int, int, int, int]:
        """(permission bits, owner, group, inode)."""
        raise NotImplementedError

    def create(self, path: str) -> int:
        """A new file, private, opened for writing; never one that is there, nor through a link."""
        raise NotImplementedError

    def open_shared(self, path: str, create: bool) -> int:
        """Opened where it is, not through a link. create: for writing, and made, private, if it is not there."""
        raise NotImplementedError

    def write(self, handle: int, data: bytes) -> int:
        """Append; how many bytes were taken, at least one."""
        raise NotImplementedError

    def truncate(self, handle: int, size: int) -> None:
        """Cut the file to `size` bytes and go on writing there."""
        raise NotImplementedError

    def set_owner(self, handle: int, owner: int, group: int) -> None:
        """Give the file to somebody."""
        raise NotImplementedError

    def set_mode(self, handle: int, mode: int) -> None:
        """Set its permission bits."""
        raise NotImplementedError

    def sync(self, handle: int) -> None:
        """Return when its content is durable."""
        raise NotImplementedError

    def close(self, handle: int) -> None:
        """Close it; a lock on it ends."""
        raise NotImplementedError

    def rename(self, old: str, new: str) -> None:
        """Put one file in the place of another, at once."""
        raise NotImplementedError

    def remove(self, path: str) -> None:
        """Remove a file."""
        raise NotImplementedError

    def sync_folder(self, path: str) -> None:
        """Return when what was renamed and removed in it is durable."""
        raise NotImplementedError

    def list_folder(self, path: str) -> list[str]:
        """Names of what is in it."""
        raise NotImplementedError

    def make_folder(self, path: str, mode: int) -> None:
        """Make it and those above it that are missing, and make sure that nobody but us may write into it."""
        raise NotImplementedError

    def check_folder(self, path: str) -> None:
        """Make sure of the same where it is there."""
        raise NotImplementedError

    def lock(self, handle: int) -> bool:
        """Lock the file against every other program that locks it, uci among them; False if one holds it for long."""
        raise NotImplementedError

    def inode(self, handle: int) -> int:
        """Which file this is."""
        raise NotImplementedError
