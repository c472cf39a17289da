"""What pairing keeps: this site's id, and a paired tunnel's sections and key files, written whole or not at all.

A tunnel that was paired is an ordinary `config tunnel`; `option site` says who is at its other end, and that its keys
are in files of their own. Files come in through the configuration's store (config/store.py), so that a disk in memory
will do for a test.
"""

from __future__ import annotations

from isthmus.config import uci
from isthmus.config.alias import LOCAL
from isthmus.config.delta import ADD_LIST, DELETE, SET, Delta
from isthmus.config.errors import ConfigError
from isthmus.config.lock import StoreError, cannot
from isthmus.config.model import KEY_FILES, NEXT, SETTLED, Changes, key_file, load, parse_next
from isthmus.config.policy_values import MAX_NAME
from isthmus.config.replace import ENOENT, remove, replace, status
from isthmus.config.store import Refused
from isthmus.config.values import ANYWHERE
from isthmus.errors import IsthmusError
from isthmus.pairing_place import make_place
from isthmus.proto.pairing.rotation_keys import Keys
from isthmus.proto.pairing.values import INVITER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from isthmus.config.model import Config, TunnelConfig
    from isthmus.config.store import Store
    from isthmus.kernel.contract import Kernel
    from isthmus.proto.pairing.actions import Entry
    from isthmus.proto.pairing.keys import TunnelKeys
    from isthmus.proto.pairing.values import Lan, Place

SITE_FILE = "site.id"  # among the keys: a dot keeps it apart from every tunnel's
KEY_LEFT = "key-left"  # of StoreError: all is done, and a key file is still there
SUFFIX = "_alias"
CONFIGURATION = "configuration"


class RegistryError(IsthmusError):
    """What pairing has agreed cannot be kept; nothing has been changed."""

    code = "registry"


def hexed(data: bytes) -> bytes:
    """A key as its file has it, and as IKE takes it: in hexadecimal digits."""
    return data.hex().encode()


class Registry:
    """store: makes a Store; running: the configuration in force, or None; reload: read the file again and apply it, as
    `isthmus reload` does. rng(n) -> bytes; host_name: of this router; check_free: raises IsthmusError while the
    configuration is nobody's to change, since a change of it is on trial.
    """

    def __init__(
        self,
        store: Callable[[], Store],
        running: Callable[[], Config | None],
        reload: Callable[[], dict[str, Any]],
        rng: Callable[[int], bytes],
        host_name: str,
        check_free: Callable[[], object] = bool,
    ) -> None:
        self._store = store
        self._running = running
        self._reload = reload
        self._rng = rng
        self._host_name = host_name
        self._check_free = check_free
        self._site = b""

    # --- this site ----------------------------------------------------------------------------------------------------

    def config(self) -> Config:
        """The configuration in force. Raises RegistryError where it is not what the file says."""
        self._check_free()
        running = self._running()
        store = self._store()
        loaded = load(store.path, store.calls.read, store.secrets)
        if loaded.config is None:
            message = "the configuration has mistakes: %s" % loaded.errors[0]
            raise RegistryError(message, "mend the file, run: isthmus reload; then go on with pairing", CONFIGURATION)
        if running is None or not is_same(running, loaded.config):
            message = "the configuration file says something else than what runs"
            raise RegistryError(message, "run: isthmus reload; then go on with pairing", CONFIGURATION)
        return running

    def is_held(self) -> bool:
        """Whether the configuration is nobody's to change now, whatever is to be written."""
        try:
            self._check_free()
        except IsthmusError:
            return True
        return False

    def site_id(self) -> bytes:
        """This site's own, made and kept when it is first asked for. Raises RegistryError."""
        if self._site:
            return self._site
        store = self._store()
        path = store.secrets + "/" + SITE_FILE
        try:
            text = store.calls.read(path).decode().strip() if status(store.calls, path) is not None else ""
            if len(text) == 32:
                self._site = bytes([int(text[at : at + 2], 16) for at in range(0, 32, 2)])
            else:
                fresh = self._rng(16)
                store.calls.make_folder(store.secrets, 0o700)
                replace(store.calls, path, hexed(fresh) + b"\n", True)
                self._site = fresh
        except OSError as error:
            refusal = cannot("write", path, error)
            raise RegistryError(str(refusal), "make room on the disk, then try again") from None
        except ValueError:
            raise RegistryError("%s does not hold this site's id" % path, "remove that file, then try again") from None
        return self._site

    def forget_site(self) -> None:
        """Another hand may have put another id in its file."""
        self._site = b""

    def place(self, kernel: Kernel) -> Place:
        """This site as it is now. Raises IsthmusError."""
        config = self.config()
        return make_place(config, kernel, self.site_id(), self._host_name, self.section_names())

    def section_names(self) -> list[str]:
        """Names that are taken in the file."""
        store = self._store()
        try:
            package = uci.parse(store.calls.read(store.path), store.path)
        except (OSError, IsthmusError):
            return []
        return [section.name for section in package.sections if not section.anonymous]

    def free_name(self, wanted: str, promised: list[str]) -> str:
        """A name for a tunnel, like this one, that the file can have and has not yet nor will have. promised: names."""
        base = "".join([char if uci.is_name(char.encode()) else "_" for char in wanted])[:MAX_NAME]
        taken = self.section_names() + promised
        name, number = base, 1
        while name in taken:
            number += 1
            name = "%s_%d" % (base[: MAX_NAME - 4], number)
        return name

    def check_name(self, name: str) -> None:
        """Raises RegistryError for a name that no tunnel can have."""
        if not uci.is_name(name.encode()) or len(name) > MAX_NAME:
            message = "'%s' cannot be a tunnel's name" % name[:64]
            raise RegistryError(message, "use up to %d letters, digits and _" % MAX_NAME, "bad-name")

    # --- a paired tunnel ----------------------------------------------------------------------------------------------

    def keep(self, entry: Entry, remotes: list[str], really: bool = True) -> list[str]:
        """Write the tunnel, and let it come up: warnings. remotes: where the peer is, nothing for anywhere. really:
        False: only find out whether it could be written. Raises IsthmusError: nothing is written.
        """
        self._check_free()
        store = self._store()
        if self._is_written(entry, store):
            return self._apply({}) if really else []
        aliases = self.aliases_of(entry)
        deltas = tunnel_deltas(entry, remotes, aliases)
        puts = key_puts(store.secrets, entry.name, entry.keys)
        there = [path for path, _ in puts if _is_there(store, path)]
        if really and entry.name not in self.section_names():
            self.drop_record(entry.name)  # of a tunnel that had this name, and was removed by hand
        try:
            plan = store.change(deltas, puts, [], really)
        except StoreError as error:
            if really and entry.name not in self.section_names():  # else it is in its place, and its keys are needed
                self._take_back([path for path, _ in puts if path not in there])
            if isinstance(error, Refused):
                found = error.errors[0]
                remedy = found.remedy or "mend the file, and try again"
                raise RegistryError("the tunnel does not fit the configuration: %s" % found, remedy) from None
            raise
        said = [str(warning) for warning in plan.loaded.warnings if isinstance(warning, ConfigError)]
        return said + (self._apply({}) if really else [])

    def _is_written(self, entry: Entry, store: Store) -> bool:
        """Whether it is in the file already: a disk that failed behind the last step. Raises RegistryError for a
        section of that name that is another's: two pairings may have been approved under one name.
        """
        try:
            section = uci.parse(store.calls.read(store.path), store.path).get(entry.name)
        except (OSError, IsthmusError):
            return False  # what is wrong is told when it is to be written
        if section is None:
            return False
        option = section.get("ppk_id")
        if option is None or option.values != [hexed(entry.keys.ppk_id)]:
            message = "there is a section %s already" % entry.name
            raise RegistryError(message, "remove or rename that one (isthmus config), or pair again", "name-taken")
        return True

    def _apply(self, report: dict[str, Any]) -> list[str]:
        """What is written takes effect; what stands in the way is told: it is written all the same."""
        try:
            report.update(self._reload())
        except IsthmusError as error:
            return ["it is written, and cannot take effect: %s; %s" % (error, error.remedy)]
        return []

    def _take_back(self, paths: list[str]) -> None:
        """Keys of a tunnel that there is not: whatever can be removed goes."""
        store = self._store()
        for path in paths:
            try:
                remove(store.calls, path)
            except OSError:
                continue

    def aliases_of(self, entry: Entry) -> list[tuple[str, str, str]]:
        """(name, network, as what it appears) of each alias that this tunnel needs here."""
        ours = entry.terms.lans[entry.role]
        taken = self.section_names() + [entry.name]
        rows: list[tuple[str, str, str]] = []
        number = 0
        for lan in ours:
            if lan.network == lan.shown:
                continue
            number += 1
            while "%s%s%d" % (entry.name[: MAX_NAME - 9], SUFFIX, number) in taken:
                number += 1
            rows.append(("%s%s%d" % (entry.name[: MAX_NAME - 9], SUFFIX, number), str(lan.network), str(lan.shown)))
        return rows

    # --- its keys -----------------------------------------------------------------------------------------------------

    def own_keys(self, name: str) -> Keys:
        """What the tunnel's own files hold, whatever is being renewed. Raises RegistryError."""
        store = self._store()
        found: list[bytes] = []
        try:
            package = uci.parse(store.calls.read(store.path), store.path)
            section = package.get(name)
            option = section.get("ppk_id") if section is not None else None
            if option is None:
                raise ValueError
            for key in ("psk", "ppk"):
                found.append(_unhex(store.calls.read(key_file(store.secrets, name, key)).strip()))
            found.append(_unhex(option.values[0]))
            found.append(_unhex(store.calls.read(key_file(store.secrets, name, "control_key")).strip()))
        except (OSError, ValueError):
            message = "the keys of tunnel %s are not as pairing has written them" % name
            raise RegistryError(message, "unpair the two sites, and pair them again", "odd-keys") from None
        return Keys(found[0], found[1], found[2], found[3])

    def _next(self, name: str) -> str:
        return self._store().secrets + "/" + name + NEXT

    def read_record(self, name: str) -> bytes | None:
        """What is kept while keys are being renewed, or None. Raises StoreError: what cannot be read may be all keys
        that the peer still knows, and is not to be written over.
        """
        try:
            return self._store().calls.read(self._next(name))
        except OSError as error:
            if error.errno != ENOENT:
                raise cannot("read", self._next(name), error) from None
            return None

    def write_record(self, name: str, data: bytes) -> None:
        """Keep this, durably. Raises IsthmusError, as while a change is on trial: both its sides have the keys of when
        it began, and whichever of them is put in force must still be what the files say.
        """
        self._check_free()
        try:
            replace(self._store().calls, self._next(name), data, True)
        except OSError as error:
            raise cannot("write", self._next(name), error) from None

    def drop_record(self, name: str) -> None:
        """Nothing is being renewed any more. Raises IsthmusError, as write_record does."""
        self._check_free()
        store = self._store()
        try:
            if remove(store.calls, self._next(name)):
                store.calls.sync_folder(store.secrets)
        except OSError as error:
            raise cannot("remove", self._next(name), error) from None

    def settle(self, name: str) -> None:
        """What is settled becomes the tunnel's own: key files and ppk_id, and the record goes. Raises StoreError."""
        renewed = parse_next(self.read_record(name) or b"")
        if renewed is None or renewed[0] != SETTLED:
            return
        self._check_free()
        store = self._store()
        rows = (("psk", renewed[1]), ("ppk", renewed[2]), ("control_key", renewed[4]))
        puts = [(key_file(store.secrets, name, option), value + b"\n") for option, value in rows]
        try:
            store.change([Delta(SET, name, "ppk_id", renewed[3])], puts, [self._next(name)])
        except StoreError as error:
            if error.code != KEY_LEFT:
                raise

    def use_keys(self, row: TunnelConfig) -> None:
        """Let a tunnel that runs have the keys that its files say. Raises RegistryError."""
        store = self._store()
        loaded = load(store.path, store.calls.read, store.secrets)
        fresh = loaded.config.get(row.name) if loaded.config is not None else None
        if fresh is None:
            raise RegistryError("the configuration has mistakes", "mend the file, run: isthmus reload", CONFIGURATION)
        running = self._running()
        for one in (row, running.get(row.name) if running is not None else None):
            if one is not None:
                one.psk, one.ppk, one.ppk_id = fresh.psk, fresh.ppk, fresh.ppk_id
                one.control_key, one.also, one.renewal = fresh.control_key, fresh.also, fresh.renewal

    def drop(self, name: str, force: bool) -> dict[str, Any]:
        """Unpair: the tunnel's section, its aliases and its keys go, whether its peer lives or not.

        Returns {"removed": [sections], "exposed": [sentences], "warnings": [sentences]}. Raises RegistryError, as where
        forced rules still lead through it.
        """
        config = self.config()
        tunnel = config.get(name)
        if tunnel is None:
            names = ", ".join([one.name for one in config.tunnels if one.site is not None])
            raise RegistryError("there is no tunnel %s" % name[:64], "paired are: %s" % (names or "none"), "no-tunnel")
        if tunnel.site is None:
            remedy = "remove it by hand: isthmus config delete isthmus.%s; isthmus config commit; isthmus reload" % name
            raise RegistryError("tunnel %s was not paired" % name, remedy, "not-paired")
        rules = [rule.name for rule in config.forced if name in rule.via]
        if rules and not force:
            message = "forced rules lead through tunnel %s: %s" % (name, ", ".join(rules))
            remedy = (
                "remove them, or let them lead elsewhere, first; or add --force: a rule without another tunnel goes,"
                " and then its hosts use the open Internet"
            )
            raise RegistryError(message, remedy, "forced")
        deltas, removed = unpair_deltas(config, name)
        store = self._store()
        gone = [key_file(store.secrets, name, option) for option in sorted(KEY_FILES)] + [self._next(name)]
        said: list[str] = []
        try:
            store.change(deltas, [], gone)
        except StoreError as error:
            if error.code != KEY_LEFT:
                raise
            said.append("%s; %s" % (error, error.remedy))
        report: dict[str, Any] = {"exposed": []}
        said += self._apply(report)
        return {"removed": removed, "exposed": report["exposed"], "warnings": said}


def _unhex(digits: bytes) -> bytes:
    """Raises ValueError."""
    if len(digits) % 2:
        raise ValueError
    return bytes([int(digits[at : at + 2].decode(), 16) for at in range(0, len(digits), 2)])


def _is_there(store: Store, path: str) -> bool:
    try:
        return status(store.calls, path) is not None
    except OSError:
        return False


def is_same(one: Config, two: Config) -> bool:
    """Whether two configurations ask for the same."""
    changes = Changes(one, two)
    if not changes.is_empty or changes.globals:
        return False
    return not [kind for kind in changes.sections if not changes.sections[kind].is_empty]


def key_puts(secrets: str, name: str, keys: TunnelKeys) -> list[tuple[str, bytes]]:
    """The key files of a tunnel: (path, content)."""
    values = {"psk": keys.psk, "ppk": keys.ppk, "cookie_key": keys.cookie, "control_key": keys.control}
    return [(key_file(secrets, name, option), hexed(values[option]) + b"\n") for option in sorted(values)]


def tunnel_deltas(entry: Entry, remotes: list[str], aliases: list[tuple[str, str, str]]) -> list[Delta]:
    """The sections of a paired tunnel, as changes."""
    keys, name = entry.keys, entry.name
    ids = (keys.inviter_id, keys.joiner_id) if entry.role == INVITER else (keys.joiner_id, keys.inviter_id)
    ours, theirs = entry.terms.lans[entry.role], entry.terms.lans[1 - entry.role]
    deltas = [Delta(SET, name, "", b"tunnel")]
    for option, text in (("site", entry.site.hex()), ("local_id", str(ids[0])), ("remote_id", str(ids[1]))):
        deltas.append(Delta(SET, name, option, text.encode()))
    deltas.append(Delta(SET, name, "ppk_id", hexed(keys.ppk_id)))
    rows: list[tuple[str, str]] = [("remote", host) for host in remotes or [ANYWHERE]]
    rows += [("local_subnet", str(lan.network)) for lan in ours]
    rows += [("remote_subnet", str(lan.shown)) for lan in theirs]
    deltas += [Delta(ADD_LIST, name, option, text.encode()) for option, text in rows]
    for alias, network, shown in aliases:
        deltas.append(Delta(SET, alias, "", b"alias"))
        for option, text in (("tunnel", name), ("subnet", network), ("as", shown), ("side", LOCAL)):
            deltas.append(Delta(SET, alias, option, text.encode()))
    return deltas


def unpair_deltas(config: Config, name: str) -> tuple[list[Delta], list[str]]:
    """(changes, names of the sections that go) for a tunnel that goes: with it its aliases, it as the way of forced
    rules, rules that have no other, and exceptions that belong to no other rule.
    """
    gone = [name] + [alias.name for alias in config.aliases if alias.tunnel == name]
    deltas: list[Delta] = []
    for rule in config.forced:
        if name in rule.via and len(rule.via) == 1:
            gone.append(rule.name)
        elif name in rule.via:
            deltas.append(Delta(DELETE, rule.name, "via", b"%d" % rule.via.index(name)))
    seen: list[str] = []
    for rule in config.forced:
        for exception in rule.exceptions:
            lost = [one for one in exception.rules if one in gone]
            if not lost or exception.name in seen:
                continue
            seen.append(exception.name)
            if len(lost) == len(exception.rules):
                gone.append(exception.name)
            for one in reversed(exception.rules) if len(lost) < len(exception.rules) else []:
                if one in lost:
                    deltas.append(Delta(DELETE, exception.name, "rule", b"%d" % exception.rules.index(one)))
    return deltas + [Delta(DELETE, section) for section in gone], gone


def summary(lans: list[Lan]) -> list[dict[str, str]]:
    """Networks for a program: as their site knows them, and as what they appear at the other."""
    return [{"network": str(lan.network), "shown": str(lan.shown)} for lan in lans]
