"""The files of a change on trial: put in place, with the record that undoes it there before them; and put back.

Every step may be done twice, and may have been broken off anywhere: what it finds half done it completes. A file that
is neither what it was nor what the change made of it is somebody else's, and is left alone.

What is set aside on the way holds keys, and lies among them: a damaged record, the lines of an undone change that could
not be staged again, somebody else's files that had to give way; of each the newest. When the next change is confirmed
all of that goes.
"""

from __future__ import annotations

from isthmus.applying.record import Record, Saved, digest_of, pull_record, push_record
from isthmus.config.delta import format_delta
from isthmus.config.lock import ChangedError, Locked, StoreError, cannot, reason
from isthmus.config.replace import ENOENT, Prepared, remove, remove_key, replace, status
from isthmus.config.store import ON_TRIAL
from isthmus.hashes import digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.config.store import Plan, Store, View

    Commit = Callable[[Callable[[View, Plan], None]], object]

KEPT = "undo.kept"  # beside ON_TRIAL: the configuration of before runs, and the files are somebody else's
# Before the name of a file that had to give way. No key of a tunnel's has such a name, whatever the tunnel is called.
CHANGED = "undone.changed."
DAMAGED = "undo.damaged"  # a record that says nothing
UNDONE = "undone.changes"  # the staged lines of an undone change that could not be staged again


class ForeignError(StoreError):
    """Somebody else has changed these files meanwhile. paths."""

    code = "changed-meanwhile"

    def __init__(self, paths: list[str]) -> None:
        words = "somebody else has changed %s meanwhile" % ", ".join(paths)
        remedy = "isthmus reload takes it as it is; isthmus revert --over puts back what was there, and keeps a copy"
        super().__init__(words, remedy)
        self.paths = paths


class OtherChangeError(StoreError):
    """What is staged is not what was shown."""

    code = "staged-meanwhile"
    remedy = "look at it again: isthmus apply"


def mark_of(view: View) -> str:
    """What stands for the configuration and all that is staged: another one after every change of either."""
    lines = [view.data] + [format_delta(delta) for delta in view.deltas + view.keys]
    return digest(view.salt, b"\0".join(lines), "sha256")[:8].hex()


class Files:
    """store: the configuration's, with what uci stages. commits: what commits a change: the commit() of a store what
    is staged there, that of backup/exchange.py what is restored. staging: the store whose change comes next; forms:
    that of config/staging.py. Every method may raise StoreError.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.commits: Commit = store.commit
        self.staging = self.forms = store
        self._calls = store.calls
        self._open = store.secrets + "/" + ON_TRIAL
        self._kept = store.secrets + "/" + KEPT

    # --- forward ------------------------------------------------------------------------------------------------------

    def commit(self, window: int, again: list[str], mark: str) -> Record:
        """Commit what is to be committed, if it is still what `mark` stands for, with a record to undo it by.

        Raises OtherChangeError as well, and all that Store.commit() does: undo() then puts back what is to be put back.
        """
        made: list[Record] = []

        def begin(view: View, plan: Plan) -> None:
            if mark_of(view) != mark:
                raise OtherChangeError("other changes have been staged since this was shown; nothing is applied")
            made.append(self._record(view, plan, window, again))
            try:
                self._calls.make_folder(self.store.secrets, 0o700)
                replace(self._calls, self._open, push_record(made[0]), True)
            except OSError as error:
                raise cannot("write", self._open, error) from None

        try:
            self.commits(begin)
        except ChangedError:  # nothing is in its place yet: there is nothing to undo
            self.forget()
            raise
        if not made:
            raise OtherChangeError("nothing is staged any more; nothing is applied")
        return made[0]

    def _record(self, view: View, plan: Plan, window: int, again: list[str]) -> Record:
        files = [Saved(path, self._read(path), digest_of(content)) for path, content in plan.puts]
        files += [Saved(path, self._read(path), None) for path in plan.gone]
        files.append(Saved(self.store.path, view.data, digest_of(plan.text)))
        staged = b"".join([format_delta(delta) for delta in view.deltas])
        keys = b"".join([format_delta(key) for key in view.keys])
        return Record(window, files, staged, keys, again, "" if self.staging is self.store else self.staging.folder)

    def _read(self, path: str) -> bytes | None:
        try:
            return self._calls.read(path)
        except OSError as error:
            if error.errno == ENOENT:
                return None
            raise cannot("read", path, error) from None

    # --- back ---------------------------------------------------------------------------------------------------------

    def pending(self) -> tuple[Record, bool] | None:
        """(the record that is there, whether the files are somebody else's). Raises RecordError."""
        for path, is_kept in ((self._open, False), (self._kept, True)):
            data = self._read(path)
            if data is not None:
                return pull_record(data), is_kept
        return None

    def foreign(self, record: Record) -> list[str]:
        """Paths of files that are neither what they were nor what the change made of them."""
        found = []
        for saved in record.files:
            now = self._read(saved.path)
            if now != saved.before and (None if now is None else digest_of(now)) != saved.after:
                found.append(saved.path)
        return found

    def is_back(self, record: Record) -> bool:
        """Every file is as it was."""
        return not [saved for saved in record.files if self._read(saved.path) != saved.before]

    def restore(self, record: Record, over: bool = False) -> list[str]:
        """All files as they were, and what was committed staged again: sentences about what is kept where. over:
        whoever has written them; his is kept beside. Raises ForeignError.
        """
        notes = []
        foreign = self.foreign(record)  # before the lock: the file to lock may be gone
        if foreign and not over:
            raise ForeignError(foreign)
        if self.store.path in foreign and self._read(self.store.path) is None:
            self._replace(self.store.path, b"")
        with_lock = Locked(self._calls, self.store.path, "", "")
        try:
            foreign = self.foreign(record)
            if foreign and not over:
                raise ForeignError(foreign)
            for path in foreign:
                content = self._read(path)
                if content is not None:
                    self._replace(self._copy_of(path), content)
                    notes.append("%s of somebody else: kept in %s until a change is confirmed" % (
                        path, self._copy_of(path)))  # fmt: skip
            self._put_back(record, foreign)
        finally:
            with_lock.release()
        return notes + [self._restage(record)]

    def tidy(self) -> None:
        """What was set aside is of no use any more. What cannot be removed now goes another time."""
        try:
            for name in self._calls.list_folder(self.store.secrets):
                if name in (DAMAGED, UNDONE) or name[: len(CHANGED)] == CHANGED:
                    remove_key(self._calls, self.store.secrets + "/" + name)
        except OSError:
            return

    def _copy_of(self, path: str) -> str:
        return self.store.secrets + "/" + CHANGED + path.rpartition("/")[2]

    def _replace(self, path: str, content: bytes) -> None:
        try:
            replace(self._calls, path, content, path != self.store.path)
        except OSError as error:
            raise cannot("write", path, error) from None

    def _put_back(self, record: Record, known: list[str]) -> None:
        """Write all, then put them in their places: keys first, then the configuration that needs them; at last what
        was not there goes. known: paths of files that are somebody else's, and are kept beside; an editor knows no
        lock, and what it has just written is not. Raises ForeignError as well.
        """
        ready: list[Prepared] = []
        path = ""
        try:
            for saved in record.files:
                path = saved.path
                if saved.before is not None and self._read(path) != saved.before:
                    ready.append(Prepared(self._calls, path, saved.before, path != self.store.path))
            foreign = [path for path in self.foreign(record) if path not in known]
            if foreign:
                raise ForeignError(foreign)
            for prepared in ready:
                prepared.finish()
            for saved in record.files:
                path = saved.path
                if saved.before is None and remove(self._calls, path):
                    self._calls.sync_folder(self._calls.real_path(path).rpartition("/")[0])
        except (OSError, StoreError) as error:
            for prepared in ready:
                prepared.abandon()
            raise cannot("write", path, error) if isinstance(error, OSError) else error from None

    def _restage(self, record: Record) -> str:
        """Whoever holds the folder of what is staged, or has staged something else: the change is not lost."""
        if not record.staged and not record.keys:
            return "nothing of it is staged; where it was a backup, isthmus restore FILE tries again"
        why = "something else is staged meanwhile"
        place = self.forms if record.folder else self.store  # never from the one into the other: see config/staging.py
        try:
            with_lock = Locked(self._calls, place.path, place.folder, place.delta_path)
            try:
                staged, keys = self._read(place.delta_path) or b"", self._read(place.keys_path) or b""
                if staged in (b"", record.staged) and keys in (b"", record.keys):
                    if staged != record.staged:
                        with_lock.rewrite(record.staged)
                    if keys != record.keys:
                        replace(self._calls, place.keys_path, record.keys, True)
                    words = "the change is staged again: %s changes shows it, %s revert drops it"
                    return words % (place.tool, place.tool)
            finally:
                with_lock.release()
        except (OSError, StoreError) as error:
            why = "it cannot be staged again (%s)" % (reason(error) if isinstance(error, OSError) else error)
        path = self.store.secrets + "/" + UNDONE
        self._replace(path, record.staged + record.keys)
        return "%s: the change that was undone is kept in %s until another one is confirmed" % (why, path)

    def forget(self) -> None:
        """There is nothing to undo any more: from here on a restart takes the files as they are."""
        path = self._open
        try:
            for path in (self._open, self._kept):
                remove(self._calls, path)
        except OSError as error:
            raise cannot("remove", path, error) from None
        try:
            self._calls.sync_folder(self.store.secrets)  # whoever removed it: the last try may have come so far
        except OSError as error:
            words = "%s is removed, but a power cut may bring it back: the disk says %s" % (self._open, reason(error))
            remedy = "to confirm the change try again: isthmus confirm; an undoing goes on by itself"
            raise StoreError(words, remedy) from None

    def set_aside(self) -> str:
        """A damaged record is in nobody's way any more: nothing could ever end the trial that it is of. A sentence."""
        for path in (self._open, self._kept):
            try:
                if status(self._calls, path) is not None:
                    self._calls.rename(path, self.store.secrets + "/" + DAMAGED)
                    self._calls.sync_folder(self.store.secrets)
            except OSError as error:
                raise cannot("write", self.store.secrets + "/" + DAMAGED, error) from None
        return "it is kept in %s until a change is confirmed" % (self.store.secrets + "/" + DAMAGED)

    def keep(self) -> None:
        """The files stay somebody else's: from here on a restart runs what the record says, until somebody decides."""
        try:
            if status(self._calls, self._open) is not None:
                self._calls.rename(self._open, self._kept)
                self._calls.sync_folder(self.store.secrets)
        except OSError as error:
            raise cannot("write", self._kept, error) from None

    def reader(self, record: Record) -> Callable[[str], bytes]:
        """Reads files as they were."""
        before = {saved.path: saved.before for saved in record.files}

        def read_file(path: str) -> bytes:
            if path not in before:
                return self._calls.read(path)
            content = before[path]
            if content is None:
                raise OSError(ENOENT, "not there")
            return content

        return read_file
