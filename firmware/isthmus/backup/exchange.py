"""Putting what a backup holds in the place of what is there: one change, of the shape that applying/ can undo.

Key files of tunnels that the backup does not have go with them, and so do those that a tunnel of the backup would find
from another life. Users are replaced where the backup holds any, else they stay.
"""

from __future__ import annotations

from isthmus.backup.archive import SITE_ID, key_names
from isthmus.backup.collect import read
from isthmus.backup.errors import ContentError, StagedError
from isthmus.config import uci
from isthmus.config.edit import Document
from isthmus.config.lexer import UciError
from isthmus.config.lock import ChangedError, Locked, StoreError, cannot, reason
from isthmus.config.model import load
from isthmus.config.replace import ENOENT, Prepared, remove_key
from isthmus.config.schema import section_spec
from isthmus.config.store import Plan, View
from isthmus.users.book import pull_book
from isthmus.users.errors import UsersFileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.backup.archive import Archive
    from isthmus.config.store import Store

AGAIN = "make room, then restore it once more"
ONCE = "look at what is there now, then restore it once more"


class Exchange:
    """store: the configuration's; users: path of their file; names: of tunnels that run, whatever the file says; forms:
    where else changes are staged.

    commit() is of the shape of Store's, for applying/files.py. Raises StoreError, ContentError.
    """

    def __init__(
        self, store: Store, users: str, archive: Archive, names: list[str], forms: Store | None = None
    ) -> None:
        self._store = store
        self._places = [store] + ([forms] if forms is not None else [])
        self._calls = store.calls
        self._users = users
        self._archive = archive
        self._names = names

    def look(self) -> tuple[View, Plan]:
        """What is there, and what would be done; `loaded` says what the daemon would then read, or its errors."""
        store = self._store
        for place in self._places:
            if read(store, place.delta_path) or read(store, place.keys_path):
                words = "first isthmus apply, or %s revert isthmus; then restore"
                if place is not store:
                    words = "first put it in force there or drop it (%s revert isthmus); then restore"
                where = "" if place is store else " in the web interface"
                raise StagedError("a change of the configuration is staged" + where, words % place.tool)
        data = read(store, store.path)
        if data is None:
            raise StoreError("there is no file %s" % store.path, "create it: touch %s" % store.path)
        return View(data, Document(b"", store.path), [], []), self._plan(data)

    def _plan(self, data: bytes) -> Plan:
        archive, folder = self._archive, self._store.secrets + "/"
        mine = self._tunnels_of(archive.config)
        wanted = {folder + name: content for name, content in archive.keys if name == SITE_ID or _in(name, mine)}
        gone = []
        for tunnel in mine + [name for name in self._tunnels_of(data) + self._names if name not in mine]:
            gone += [folder + name for name in key_names(tunnel) if folder + name not in wanted]
        loaded = load(self._store.path, self._reader(wanted, gone), self._store.secrets, self._store.now_s)
        if archive.users is not None and self._has_users(archive.users):
            wanted[self._users] = archive.users
        puts = [(path, wanted[path]) for path in sorted(wanted) if read(self._store, path) != wanted[path]]
        there = [path for path in sorted(set(gone)) if read(self._store, path) is not None]
        return Plan(archive.config, puts, there, loaded)

    @staticmethod
    def _has_users(data: bytes) -> bool:
        """Without any, nobody could log in; those that are there stay."""
        try:
            return bool(pull_book(data).users)
        except UsersFileError as error:
            raise ContentError(str(error), "take another backup") from None

    @staticmethod
    def _tunnels_of(data: bytes) -> list[str]:
        """Names of a file's tunnels; none where it is broken."""
        try:
            sections = uci.parse(data, "").sections
        except UciError:
            return []
        return [section.name for section in sections if section.type == "tunnel" and not section.anonymous]

    def _reader(self, wanted: dict[str, bytes], gone: list[str]) -> Callable[[str], bytes]:
        def read_file(path: str) -> bytes:
            if path == self._store.path:
                return self._archive.config
            if path in wanted:
                return wanted[path]
            if path in gone:
                raise OSError(ENOENT, "removed")
            return self._calls.read(path)

        return read_file

    def commit(self, begin: Callable[[View, Plan], None]) -> None:
        """Make it so. begin: called when all is well and nothing is changed yet; what it raises ends it."""
        store = self._store
        with_lock = Locked(self._calls, store.path, store.folder, store.delta_path)
        try:
            view, plan = self.look()
            if plan.loaded.config is None:
                raise ContentError("the backup's configuration would be refused: %s" % plan.loaded.errors[0], "")
            begin(view, plan)
            self._put(plan.puts + ([(store.path, plan.text)] if plan.text != view.data else []), view.data)
            self._remove(plan.gone)
        finally:
            with_lock.release()

    def _put(self, puts: list[tuple[str, bytes]], was: bytes) -> None:
        """Write all, then put them in their places: the configuration that needs the others last. was: what it was when
        it was looked at: an editor knows no lock.
        """
        ready: list[Prepared] = []
        path = self._store.path
        try:
            for path, content in puts:
                is_private = path != self._store.path or has_key(content)  # on a new router everybody may read it
                ready.append(Prepared(self._calls, path, content, is_private))
            if read(self._store, self._store.path) != was:
                text = "somebody else has changed %s just now; nothing is restored"
                raise ChangedError(text % self._store.path, ONCE)
            for index in range(len(ready)):
                path = puts[index][0]
                ready[index].finish()
        except (OSError, StoreError) as error:
            for prepared in ready:
                prepared.abandon()
            if isinstance(error, StoreError):
                raise
            raise StoreError("cannot write %s: %s" % (path, reason(error)), AGAIN) from None

    def _remove(self, gone: list[str]) -> None:
        path = self._store.secrets
        try:
            for path in gone:
                remove_key(self._calls, path)
            if gone:
                self._calls.sync_folder(self._store.secrets)
        except OSError as error:
            raise cannot("remove", path, error) from None


def has_key(data: bytes) -> bool:
    """Whether a configuration holds a secret itself, and no file of its own does."""
    for section in uci.parse(data, "").sections:
        spec = section_spec(section.type)
        rows = [spec.get(option.name) for option in section.options] if spec is not None else []
        if [row for row in rows if row is not None and row.type.secret]:
            return True
    return False


def _in(name: str, tunnels: list[str]) -> bool:
    return name.partition(".")[0] in tunnels
