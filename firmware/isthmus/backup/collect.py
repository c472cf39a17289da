"""Reading all that a backup holds, of one moment: no other writer comes in between."""

from __future__ import annotations

from isthmus.backup.archive import SITE_ID, Archive, key_names
from isthmus.backup.errors import ContentError
from isthmus.config.lock import Locked, cannot
from isthmus.config.model import load
from isthmus.config.replace import ENOENT
from isthmus.users.book import pull_book
from isthmus.users.errors import UsersFileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.model import Config
    from isthmus.config.store import Store

MEND = "mend it first (isthmus config show); a backup of it could not be restored"


def collect(store: Store, users: str, host_name: str, version: str) -> tuple[Archive, Config, list[str]]:
    """What is on the disk now, what it configures, and what an administrator should know of it. users: path of their
    file; host_name: the site's, where the configuration names none; version: of Isthmus. Raises StoreError,
    ContentError.
    """
    with_lock = Locked(store.calls, store.path, "", "")
    try:
        text = read(store, store.path) or b""
        loaded = load(store.path, store.calls.read, store.secrets, store.now_s)
        if loaded.config is None:
            raise ContentError("the configuration has mistakes: %s" % loaded.errors[0], MEND)
        keys: list[tuple[str, bytes]] = []
        for name in [SITE_ID] + [name for row in loaded.config.tunnels for name in key_names(row.name)]:
            content = read(store, store.secrets + "/" + name)
            if content is not None:
                keys.append((name, content))
        book, notes = read(store, users), []
        if book is not None:
            try:
                pull_book(book)
            except UsersFileError as error:
                notes.append("the users are not in it: %s" % error)
                book = None
        if read(store, store.delta_path) or read(store, store.keys_path):
            notes.append("what is staged and not yet applied is not in it")
        site = loaded.config.globals.site_name or host_name
        return Archive(site, store.now_s, version, text, keys, book), loaded.config, notes
    finally:
        with_lock.release()


def read(store: Store, path: str) -> bytes | None:
    """The file, None where there is none. Raises StoreError."""
    try:
        return store.calls.read(path)
    except OSError as error:
        if error.errno == ENOENT:
            return None
        raise cannot("read", path, error) from None
