"""One writer of the configuration at a time, and what it says when it may not or cannot.

The locks are those of uci: on the configuration file, then on the file of its staged changes, which is rewritten where
it is: a uci that waits for it has it open.
"""

from __future__ import annotations

from isthmus.config.lexer import MAX_BYTES, MAX_COMMANDS
from isthmus.config.model import REASONS
from isthmus.config.replace import ENOENT, PRIVATE, remove, status, write_all
from isthmus.errors import IsthmusError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.calls import Calls

WORDS = {28: "no space left on the device", 30: "the file system is read-only", 122: "the quota is used up"}
AGAIN = "what is staged stays staged; put that right and try again"


class StoreError(IsthmusError):
    """Something that cannot be done; nothing has been changed by it."""

    code = "config-store"


class ChangedError(StoreError):
    """Somebody who knows no lock has written the configuration between our look at it and our write."""

    code = "changed-meanwhile"


class Locked:
    """Both files locked, until release(): no other writer, uci included, comes in between."""

    def __init__(self, calls: Calls, config: str, folder: str, deltas: str) -> None:
        """config, deltas: the two files; folder: that of the latter, "": what is staged is not looked at.

        Raises StoreError: somebody else is at it, or there is no file to lock.
        """
        self._calls = calls
        self._path = deltas
        self._handles: list[int] = []
        path = config
        try:
            try:
                self._take(self._calls.real_path(path), False)
                if not folder:
                    return
                path = folder
                self._calls.make_folder(path, 0o755)
                path = deltas
                self._delta = self._take(path, True)
            except OSError as error:
                raise self._refusal(path, config, error) from None
        except StoreError:
            self.release()
            raise

    @staticmethod
    def _refusal(path: str, config: str, error: OSError) -> StoreError:
        if path == config and error.errno == ENOENT:
            return StoreError("there is no file %s" % path, "create it: touch %s" % path)
        return cannot("open", path, error)

    def _take(self, path: str, create: bool) -> int:
        """Open and lock the file that has this name; one that was replaced meanwhile is not it."""
        for _ in range(3):
            handle = self._calls.open_shared(path, create)
            self._handles.append(handle)
            if not self._calls.lock(handle):
                break
            found = status(self._calls, path)
            if found is not None and found[3] == self._calls.inode(handle):
                return handle
            self._handles.remove(handle)
            self._calls.close(handle)
        raise StoreError("another program is changing the configuration; nothing is changed here", "try again")

    def append(self, line: bytes) -> None:
        """More changes, behind those that are there, as many as can be read again. Raises OSError, StoreError, and then
        none of them is there.
        """
        kept = self._calls.read(self._path)
        if len(kept + line) > MAX_BYTES or (kept + line).count(b"\n") > MAX_COMMANDS:
            remedy = "put in force what is staged (isthmus apply), or drop it (isthmus config revert isthmus)"
            raise StoreError("so many changes cannot be staged beside those that are staged already", remedy)
        self._write(kept, line)

    def rewrite(self, data: bytes) -> None:
        """All changes anew, in the same file, which uci may be waiting for. Raises OSError."""
        self._write(b"", data)

    def _write(self, kept: bytes, more: bytes) -> None:
        calls = self._calls
        if kept[-1:] not in (b"", b"\n"):
            more = b"\n" + more
        calls.set_mode(self._delta, PRIVATE)  # a change may hold a key that the administrator keeps in UCI
        calls.truncate(self._delta, len(kept))
        try:
            write_all(calls, self._delta, more)
        except OSError:
            calls.truncate(self._delta, len(kept))
            raise

    def release(self) -> None:
        """Let the others in."""
        for handle in reversed(self._handles):
            try:
                self._calls.close(handle)
            except OSError:
                pass  # nothing that was written hangs on it
        self._handles = []


def sweep(calls: Calls, config: str, paths: list[str]) -> None:
    """Remove what writers have left unfinished who were cut off: nobody writes now. Raises StoreError."""
    with_lock = Locked(calls, config, "", "")
    path = config
    try:
        for path in paths:
            remove(calls, path)
    except OSError as error:
        raise cannot("remove", path, error) from None
    finally:
        with_lock.release()


def reason(error: OSError) -> str:
    """What the system said."""
    number = error.errno or 0
    return WORDS.get(number) or REASONS.get(number) or "error %d" % number


def cannot(verb: str, path: str, error: OSError) -> StoreError:
    """What to tell of a system call that failed before anything was changed."""
    return StoreError("cannot %s %s: %s; nothing is changed" % (verb, path, reason(error)), AGAIN)
