"""`isthmus backup` and `restore` in isthmusd: the files, scrypt beside the loop, and the trial of what is restored.

A backup is restored as any change is applied (changing.py): told in words, in force on trial, undone by itself unless
somebody confirms it. Where no configuration is in force at all there is nothing to go back to, and it is in force at
once. One thing is done at a time; what has been opened and shown is kept for a few minutes, to be restored by its mark.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64

from isthmus import __version__
from isthmus.applying.files import Files, mark_of
from isthmus.applying.steps import Outcome
from isthmus.backup.archive import SITE_ID, day_of, key_names, pull_archive, push_archive
from isthmus.backup.collect import collect, read
from isthmus.backup.errors import BackupError, ContentError, NoBackupError, TooLargeError
from isthmus.backup.exchange import Exchange
from isthmus.backup.file import KEY_BYTES, LONGEST, SALT_BYTES, check_passphrase, pull_sealed, seal, unseal
from isthmus.backup.words import notes
from isthmus.changing import DEFAULT_S, check_window
from isthmus.edge import os_cpython as host
from isthmus.edge import os_cpython_scrypt as scrypt
from isthmus.edge.control import Later
from isthmus.errors import IsthmusError
from isthmus.pairing_place import plain_name
from isthmus.policy.both import CannotTryError
from isthmus.users.book import CURRENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from isthmus.backup.archive import Archive
    from isthmus.backup.file import Sealed
    from isthmus.changing import Changing
    from isthmus.config.model import Config
    from isthmus.config.store import Plan, Store, View
    from isthmus.daemon import Daemon
    from isthmus.users.book import Params

HELD_MS = 300_000
MARK_BYTES = 16
LANS = "first set list lan of section globals as the backup has it (isthmus config), isthmus reload; then restore"


class _Job:
    """What scrypt is at work for. then: what to do with the key."""

    def __init__(self, later: Later, request: dict[str, Any], then: Callable[[bytes, int], dict[str, Any]]) -> None:
        self.later = later
        self.request = request
        self.then = then


class _Shown:
    """A backup that was opened and shown: until when it is kept, and what it was held against: the configuration's mark
    and the file of users.
    """

    def __init__(self, archive: Archive, mark: str, view_mark: str, users: bytes | None, until: int) -> None:
        self.archive = archive
        self.mark = mark
        self.view_mark = view_mark
        self.users = users
        self.until = until


class Backups:
    """changing: the daemon's; store: its own of the configuration; users: path of their file."""

    params: Params = CURRENT  # of new backups

    def __init__(self, daemon: Daemon, changing: Changing, store: Store, users: str) -> None:
        self._daemon = daemon
        self._changing = changing
        self._store = store
        self._users = users
        self._hasher: scrypt.Hasher | None = None
        self._job: _Job | None = None
        self._shown: _Shown | None = None

    # --- scrypt -------------------------------------------------------------------------------------------------------

    def _begin(
        self, request: dict[str, Any], passphrase: bytes, params: Params, salt: bytes,
        then: Callable[[bytes, int], dict[str, Any]],
    ) -> Later:  # fmt: skip
        """Raises BackupError, OSError."""
        if not scrypt.IS_OFFERED:
            raise BackupError("this Python has no scrypt (RFC 7914)", "install Python with OpenSSL", "not-offered")
        if self._job is not None:
            raise BackupError("another backup is being made or opened", "try again in a few seconds", "backup-busy")
        if self._hasher is None:
            self._hasher = scrypt.Hasher()
            self._daemon.loop.on_readable(self._hasher.fd(), self._on_hashed)
        self._job = _Job(Later(), request, then)
        self._hasher.start(passphrase, salt, params.n, params.r, params.p, KEY_BYTES)
        return self._job.later

    def _on_hashed(self, _fd: int) -> None:
        now = host.now()
        for key in self._hasher.take() if self._hasher is not None else []:
            job, self._job = self._job, None
            if job is None:
                continue
            try:
                job.later.done(self._end(job, key, now))
            except IsthmusError as error:
                job.later.failed(error)
            except Exception:
                job.later.failed(IsthmusError("a mistake in Isthmus itself", "see the log, and report it", "internal"))
                raise

    def _end(self, job: _Job, key: bytes | None, now: int) -> dict[str, Any]:
        if key is None:
            raise BackupError("this router has not enough memory for scrypt now", "try again later", "no-memory")
        if job.request.get("token") is not None:  # who asked may have been logged out, or deleted, meanwhile
            self._daemon.accounts.admit(job.request, "", now)
        return job.then(key, now)

    # --- making one ---------------------------------------------------------------------------------------------------

    def make(self, request: dict[str, Any], now: int) -> Later:
        """{"file": base64, "name", "bytes", "tunnels", "notes"} when it is done. Raises IsthmusError."""
        del now
        raw = check_passphrase(request["passphrase"])
        self._changing.trial.check_free()
        salt = host.random_bytes(SALT_BYTES)
        return self._begin(request, raw, self.params, salt, lambda key, _now: self._made(key, salt))

    def _made(self, key: bytes, salt: bytes) -> dict[str, Any]:
        self._changing.trial.check_free()
        self._store.now_s = host.wall_seconds()
        host_name = plain_name(host.host_name())
        archive, config, said = collect(self._store, self._users, host_name, __version__)
        data = seal(key, self.params, salt, push_archive(archive))
        words = "a backup was made: tunnels: %d, bytes: %d"
        self._daemon.log.notice("backup", words % (len(config.tunnels), len(data)))
        return {
            "file": b2a_base64(data).decode().strip(),
            "name": "isthmus-%s-%s.backup" % (plain_name(archive.site), day_of(archive.made_s)),
            "bytes": len(data),
            "tunnels": [row.name for row in config.tunnels],
            "notes": said,
        }

    # --- restoring one ------------------------------------------------------------------------------------------------

    def restore(self, request: dict[str, Any], now: int) -> Later | dict[str, Any]:
        """With `look`: what it means. Else the state of the trial (changing.py). Raises IsthmusError."""
        seconds = request.get("seconds") or DEFAULT_S
        check_window(seconds)
        self._changing.trial.check_free()
        mark = request.get("mark")
        if mark is not None:
            if request.get("look"):  # a look is no deed for the log (accounts.py)
                raise BackupError("a mark restores what was shown: there is nothing to look at", "", "bad-request")
            return self._restore(self._find(mark, now), seconds, now)
        file, passphrase = request.get("file"), request.get("passphrase")
        if file is None or passphrase is None:
            raise BackupError("there is no backup to restore", "send file and passphrase, or a mark", "bad-request")
        sealed = pull_sealed(_plain(file))

        def opened(key: bytes, later: int) -> dict[str, Any]:
            return self._opened(sealed, key, None if request.get("look") else seconds, later)

        return self._begin(request, passphrase.encode(), sealed.params, sealed.salt, opened)

    def _opened(self, sealed: Sealed, key: bytes, seconds: int | None, now: int) -> dict[str, Any]:
        archive = pull_archive(unseal(sealed, key))
        self._changing.trial.check_free()
        shown, answer = self._look(archive, now)
        self._shown = shown
        return answer if seconds is None else self._restore(shown, seconds, now)

    def _find(self, mark: str, now: int) -> _Shown:
        self.turn(now)
        if self._shown is None or self._shown.mark != mark:
            remedy = "choose the file again, and enter its passphrase"
            raise BackupError("what was shown is not kept any more", remedy, "restore-mark")
        return self._shown

    def turn(self, now: int) -> None:
        """Nothing that was opened is kept for long."""
        if self._shown is not None and now >= self._shown.until:
            self._shown = None

    def _exchange(self, archive: Archive) -> Exchange:
        self._store.now_s = host.wall_seconds()
        return Exchange(self._store, self._users, archive, list(self._daemon.site.tunnels), self._changing.forms)

    def _plan(self, exchange: Exchange) -> tuple[View, Plan, Config]:
        """Raises ContentError for a configuration that this router would refuse."""
        view, plan = exchange.look()
        self._daemon.hold_against_router(plan.loaded)
        if plan.loaded.config is None:
            text = "nothing is restored: this router would refuse the backup's configuration\n"
            lines = "\n".join([str(error) for error in plan.loaded.errors])
            raise ContentError(text + lines, "make what it names, or take another backup")
        return view, plan, plan.loaded.config

    def _look(self, archive: Archive, now: int) -> tuple[_Shown, dict[str, Any]]:
        view, plan, new = self._plan(self._exchange(archive))
        old = self._daemon.site.forcing.config
        names = [name for row in new.tunnels for name in key_names(row.name)] + [SITE_ID]
        found = {name: read(self._store, self._store.secrets + "/" + name) for name in names}
        current = {name: content for name, content in found.items() if content is not None}
        users = read(self._store, self._users)
        shown = _Shown(archive, host.random_bytes(MARK_BYTES).hex(), mark_of(view), users, now + HELD_MS)
        is_same = not plan.puts and not plan.gone and plan.text == view.data
        return shown, {
            "mark": shown.mark,
            "made": {"site": archive.site, "made_s": archive.made_s, "version": archive.version},
            "changes": self._changing.words(old, new) if old is not None else [],
            "tunnels": [row.name for row in new.tunnels],
            "same": is_same,
            "direct": old is None,
            "warnings": [str(warning) for warning in plan.loaded.warnings],
            "notes": notes(archive, new, current, users, host.interface_names()),
        }

    def _restore(self, shown: _Shown, seconds: int, now: int) -> dict[str, Any]:
        exchange = self._exchange(shown.archive)
        _, _, new = self._plan(exchange)
        if read(self._store, self._users) != shown.users:  # who comes and goes would be others than was said
            raise BackupError("the users have changed since this was shown", "look at the backup again", "restore-mark")
        old = self._daemon.site.forcing.config
        self._changing.settle = self.settle
        if old is None:
            answer = self._at_once(exchange, shown.view_mark, now)
        else:
            try:
                answer = self._changing.begin(old, new, shown.view_mark, seconds, exchange.commit, now)
            except CannotTryError as error:
                raise BackupError(str(error), LANS, error.code) from None
        self._shown = None
        self._daemon.log.notice("backup", "the backup of site %s is restored" % shown.archive.site)
        return answer

    def _at_once(self, exchange: Exchange, view_mark: str, now: int) -> dict[str, Any]:
        """Without a trial: until the record of it is gone, a start undoes it; from then on it holds."""
        files = Files(self._store)
        files.commits = exchange.commit
        try:
            files.commit(0, [], view_mark)
            files.forget()
        except IsthmusError:
            self._changing.start(now)  # undoes what is half done
            raise
        self.settle(False)
        try:
            self._daemon.reload()
        except IsthmusError as error:
            raise BackupError("it is restored, and cannot take effect: %s" % error, error.remedy, error.code) from None
        self._changing.trial.last = Outcome("confirmed", "confirmed", [], [])
        return self._changing.status(now)

    def settle(self, is_over: bool) -> None:
        """Files are in their places, or back: whoever has read them reads them again, once more when it is over."""
        from isthmus import pairing_commands  # waiting.py

        self._daemon.accounts.reload()
        beside = pairing_commands.wake(self._daemon)
        beside.registry.forget_site()
        beside.machines.clear()  # each has the keys of before; what it has written goes on from its file
        if is_over:
            beside.wake(host.now())
            last = self._changing.trial.last
            if last is not None and last.kind == "confirmed":
                self._daemon.config_error = None  # whatever was wrong with a file that is not there any more
            self._changing.settle = bool


def _plain(text: str) -> bytes:
    """What base64 says. Raises NoBackupError, TooLargeError."""
    if len(text) > 2 * LONGEST:
        raise TooLargeError("the file is longer than any backup", "choose a file that isthmus backup has made")
    try:
        return a2b_base64(text.encode())
    except ValueError:
        raise NoBackupError("the file is not in base64") from None


HANDLERS: dict[str, Callable[[Backups, dict[str, Any], int], dict[str, Any] | Later]] = {
    "backup": Backups.make,
    "restore": Backups.restore,
}
"""The calls of the control socket."""
