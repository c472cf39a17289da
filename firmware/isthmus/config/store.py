"""The configuration as administrators change it: staged as `uci` stages, checked as the daemon checks, then committed.

What `uci set` has staged is honoured and `uci changes` sees what is staged here: the same folder, the same lines. Two
things are ours. Nothing is committed that the daemon would refuse. And keys do not go into the UCI file unless the
administrator has put them there: `set isthmus.NAME.psk` stages them beside, in a file of their own (0600), and commit
puts each into its file in /etc/isthmus/secrets, where the daemon looks for it.

Effects come in as `calls` (calls.py). Locks are those of uci: the configuration file, then the file of its changes.
uci itself, waiting meanwhile, still has the old file open when it goes on; what it then commits it has read from there.
"""

from __future__ import annotations

from isthmus.config import uci
from isthmus.config.delta import ADD, DELETE, RENAME, SET, Delta, format_delta, parse_deltas
from isthmus.config.edit import Document, EditError
from isthmus.config.errors import ConfigError, nearest, quote
from isthmus.config.lock import AGAIN, ChangedError, Locked, StoreError, cannot, reason
from isthmus.config.mark import Mark, forget_mark, leave_mark, pull_mark
from isthmus.config.model import KEY_FILES, SECRETS, Loaded, key_file, load
from isthmus.config.reader import Report, name_of, read_section
from isthmus.config.replace import ENOENT, Prepared, remove, remove_key, replace, status
from isthmus.config.schema import SECTIONS, section_spec
from isthmus.config.writer import render

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from isthmus.config.calls import Calls
    from isthmus.config.uci import Section

NAME = "isthmus"
CONFIG_DIR = "/etc/config"
DELTA_DIR = "/tmp/.uci"  # noqa: S108 - uci's own; a folder of somebody else's is refused
ON_TRIAL = "undo.open"  # among the keys, while a change may be undone (applying/); no tunnel's name has a dot
KEYS = NAME + ".keys"  # staged keys, in the same folder; uci reads no file with a dot in its name
BEGUN = NAME + ".begun"  # there as well: what a commit that has begun leaves for the next one (mark.py)


class Refused(StoreError):
    """The configuration as it would be is wrong. errors: ConfigError, in file order, lines as the file would have."""

    code = "config-refused"

    def __init__(self, errors: list[ConfigError]) -> None:
        super().__init__("nothing is committed: the configuration would be refused", AGAIN)
        self.errors = errors


class View:
    """The file with all that is staged. troubles: what is staged and cannot be: (subject, why, what to do). raw: the
    staged lines; mark: what commits that were broken off have left; done: how many bytes of raw are in the file now;
    salt: of whoever asks, so that a mark of all this (applying/files.py) tells nobody whether a key is the one guessed.
    """

    def __init__(self, data: bytes, document: Document, deltas: list[Delta], keys: list[Delta]) -> None:
        self.data = data
        self.document = document
        self.deltas = deltas
        self.keys = keys
        self.troubles: list[tuple[str, str, str]] = []
        self.raw = self.salt = b""
        self.mark = Mark([])
        self.done = 0
        self.gone: list[str] = []  # key files that were to go with those


class Plan:
    """What a commit would do. text: the configuration; puts: key files to write; gone: key files to remove; loaded."""

    def __init__(self, text: bytes, puts: list[tuple[str, bytes]], gone: list[str], loaded: Loaded) -> None:
        self.text = text
        self.puts = puts
        self.gone = gone
        self.loaded = loaded


class Store:
    """config, deltas, secrets: folders. now_s: Unix seconds, or 0 where nobody knows."""

    def __init__(
        self, calls: Calls, config: str = CONFIG_DIR, deltas: str = DELTA_DIR, secrets: str = SECRETS, now_s: int = 0
    ) -> None:
        self.calls = calls
        self.path = config + "/" + NAME
        self.folder = deltas
        self.delta_path = deltas + "/" + NAME
        self.keys_path = deltas + "/" + KEYS
        self.mark_path = deltas + "/" + BEGUN
        self.secrets, self.salt, self.tool = secrets, b"", "isthmus config"  # tool: what shows and drops what is staged
        self.now_s = now_s

    # --- looking ------------------------------------------------------------------------------------------------------

    def view(self) -> View:
        """The configuration with what is staged. Raises StoreError, UciError."""
        data = self._read(self.path, "")
        document = Document(data, self.path)
        try:
            self.calls.check_folder(self.folder)
        except OSError as error:
            raise cannot("read", self.folder, error) from None
        raw, mark = self._read(self.delta_path, "none"), pull_mark(self._read(self.mark_path, "none"))
        done, gone = mark.find(data, raw)
        deltas, broken = parse_deltas(raw[done:], self.delta_path)
        keys, broken_keys = parse_deltas(self._read(self.keys_path, "none"), self.keys_path)
        view = View(data, document, deltas, keys)
        view.raw, view.mark, view.done, view.salt = raw, mark, done, self.salt
        view.gone = [self.secrets + "/" + name for name in gone]
        remedy = "%s revert isthmus drops it, with all else that is staged" % self.tool
        for line in broken:
            view.troubles.append(("%s:%d" % (self.delta_path, line), "this is no change of isthmus", remedy))
        for line in broken_keys:
            view.troubles.append(("%s:%d" % (self.keys_path, line), "this is no key of isthmus", remedy))
        for delta in deltas:
            try:
                document.apply(delta)
            except EditError as error:
                self._trouble(view, delta, error.message)
        for delta in keys:
            section = document.package.get(delta.section)
            if section is None or delta.option not in KEY_FILES or section.type != "tunnel":
                self._trouble(view, delta, "there is no tunnel %s to have this key" % quote(delta.section))
        return view

    def _trouble(self, view: View, delta: Delta, why: str) -> None:
        place = "isthmus." + delta.section + ("." + delta.option if delta.option else "")
        view.troubles.append((delta.subject, why, "%s revert %s drops it" % (self.tool, place)))

    def _read(self, path: str, missing: str) -> bytes:
        """The file; b"" for one that is not there if `missing` is not ""."""
        try:
            return self.calls.read(path)
        except OSError as error:
            if error.errno == ENOENT and missing:
                return b""
            remedy = "create it: touch %s" % path if error.errno == ENOENT else "check its owner and mode"
            raise StoreError("%s cannot be read: %s" % (path, reason(error)), remedy) from None

    # --- staging ------------------------------------------------------------------------------------------------------

    def stage(self, kind: str, reference: str, option: str, value: bytes | None) -> list[str]:
        """Stage one change: what to tell the administrator of it. reference: a section's name, or @TYPE[NUMBER].

        Raises EditError, StoreError, UciError: nothing is staged.
        """
        with_lock = Locked(self.calls, self.path, self.folder, self.delta_path)
        try:
            view = self.view()
            section = view.document.find(reference)
            if section is None and (reference[:1] == "@" or not uci.is_name(reference.encode())):
                raise EditError("there is no section %s" % quote(reference), "a name has letters, digits and _ only")
            name = reference if section is None else section.name
            delta = Delta(kind, name, option, value)
            if section is not None and self.is_key(section, delta):
                return self.stage_key(with_lock, view, section, delta)
            old = _option_values(section, option)
            view.document.apply(delta)
            if option and kind == SET and old == _option_values(section, option):
                return []
            if kind != DELETE:
                self.check(view.document, delta)
            if not option:
                self.follow(view, name, delta)
            self._append(with_lock, delta, view)
            return []
        finally:
            with_lock.release()

    def add(self, section_type: str) -> tuple[str, str]:
        """Stage a section without a name: (the name it has meanwhile, what to tell of it)."""
        with_lock = Locked(self.calls, self.path, self.folder, self.delta_path)
        try:
            view = self.view()
            name = view.document.free_name(section_type)
            delta = Delta(ADD, name, "", section_type.encode())
            view.document.apply(delta)
            self.check(view.document, delta)
            self._append(with_lock, delta, view)
            spec = section_spec(section_type)
            if spec is not None and spec.named:
                return name, "before commit it needs a name: isthmus config rename isthmus.%s=NAME" % name
            return name, ""
        finally:
            with_lock.release()

    def revert(self, reference: str, option: str, expect: Callable[[View], None] | None = None) -> None:
        """Drop what is staged: all, of a section, an option; expect: may refuse. Raises StoreError, UciError."""
        with_lock = Locked(self.calls, self.path, self.folder, self.delta_path)
        try:
            kept: list[Delta] = []
            keys: list[Delta] = []
            if reference or expect is not None:  # else whatever is there goes, and it need not make sense
                view = self.view()
                if expect is not None:
                    expect(view)
                section = view.document.find(reference) if reference else None
                name = reference if section is None else section.name
                kept, keys = self._keep(view.deltas, name, option), self._keep(view.keys, name, option)
            self.write_keys(keys)
            try:
                with_lock.rewrite(b"".join([format_delta(delta) for delta in kept]))
                remove(self.calls, self.mark_path)
            except OSError as error:
                raise cannot("write", self.delta_path, error) from None
        finally:
            with_lock.release()

    def _append(self, with_lock: Locked, delta: Delta, view: View) -> None:
        try:
            self.end_mark(view)
            with_lock.append(format_delta(delta))
        except OSError as error:
            raise cannot("write", self.delta_path, error) from None

    @staticmethod
    def _keep(deltas: list[Delta], name: str, option: str) -> list[Delta]:
        return [d for d in deltas if name and (d.section != name or (option and d.option != option))]

    def check(self, document: Document, delta: Delta) -> None:
        """What can be said of one change by itself. Raises EditError."""
        name = delta.section
        if delta.kind == RENAME and not delta.option:
            return
        section = document.package.get(name)
        if section is None:
            return
        spec = section_spec(section.type)
        if spec is None:
            known = [row.type for row in SECTIONS]
            guess = nearest(section.type, known)
            remedy = "did you mean %s?" % guess if guess else "there are: " + ", ".join(known)
            raise EditError("there is no section type %s" % quote(section.type), remedy)
        report = Report("")
        read_section(section, spec, report)
        option = (delta.value or b"").decode() if delta.kind == RENAME else delta.option
        for error in report.errors:
            if option and error.option == name_of(option):
                raise EditError(_words(error), error.remedy)

    # --- keys ---------------------------------------------------------------------------------------------------------

    def is_key(self, section: Section, delta: Delta) -> bool:
        """True for a key that belongs into a file of its own: the section has none of that name."""
        if section.type != "tunnel" or delta.option not in KEY_FILES or delta.kind not in (SET, DELETE):
            return False
        return section.get(delta.option) is None

    def stage_key(self, with_lock: Locked, view: View, section: Section, delta: Delta) -> list[str]:
        """Stage it: what to tell of it. Raises EditError, StoreError."""
        kept = [d for d in view.keys if (d.section, d.option) != (delta.section, delta.option)]
        path = key_file(self.secrets, section.name, delta.option)
        said = []
        try:
            is_there = status(self.calls, path) is not None
        except OSError as error:
            raise cannot("read", path, error) from None
        if delta.value:
            spec = section_spec(section.type)
            row = spec.get(delta.option) if spec is not None else None
            if row is not None:
                self.check_key(section, delta)
            kept.append(Delta(SET, delta.section, delta.option, delta.value))
            if delta.option == "ppk" and section.get("ppk_id") is None and section.get("ppk_required") is None:
                self._append(with_lock, Delta(SET, section.name, "ppk_required", b"1"), view)
                said.append("ppk_required is set too: without it the key would not be looked for")
            said.append("commit will put it into %s, not into the configuration" % path)
        elif not is_there and len(kept) == len(view.keys):
            words = (section.type, section.name, quote(delta.option))
            raise EditError("%s '%s' has no option %s" % words, "there is no %s either" % path)
        elif is_there:
            kept.append(Delta(DELETE, delta.section, delta.option))
            said.append("commit will remove %s" % path)
        self.write_keys(kept)
        return said

    def check_key(self, section: Section, delta: Delta) -> None:
        """The checks of a value in the file, though it does not go there. Raises EditError."""
        document = Document(b"config tunnel '" + section.name.encode() + b"'\n", "")
        document.apply(delta)
        self.check(document, delta)

    def write_keys(self, keys: list[Delta]) -> None:
        """These are staged, and no others. Raises StoreError."""
        try:
            if keys:
                replace(self.calls, self.keys_path, b"".join([format_delta(key) for key in keys]), True)
            else:
                remove(self.calls, self.keys_path)
        except OSError as error:
            raise cannot("write", self.keys_path, error) from None

    def follow(self, view: View, name: str, delta: Delta) -> None:
        """Staged keys of a tunnel that gets another name, or goes."""
        found = [key for key in view.keys if key.section == name]
        if not found:
            return
        if delta.kind == RENAME:
            for key in found:
                key.section = (delta.value or b"").decode()
        elif delta.kind == DELETE or view.document.package.get(name) is None:
            view.keys = self._keep(view.keys, name, "")
        self.write_keys(view.keys)

    def key_changes(self, view: View) -> tuple[list[tuple[str, bytes]], list[str]]:
        """What commit does to key files: (path, content) to write, then paths to remove. Raises StoreError."""
        puts: dict[str, bytes] = {}
        gone: list[str] = []
        staged = [(key.section, key.option) for key in view.keys]
        for index in range(len(view.document.original)):
            section, name = view.document.original[index], view.document.names[index]
            stays = section in view.document.package.sections
            if section.type != "tunnel" or (stays and section.name == name):
                continue
            for option in sorted(KEY_FILES) + [""]:
                path = key_file(self.secrets, name, option)
                if status(self.calls, path) is None:
                    continue
                if stays and (section.name, option) not in staged:
                    puts[key_file(self.secrets, section.name, option)] = self._read(path, "")
                gone.append(path)
        for key in view.keys:
            path = key_file(self.secrets, key.section, key.option)
            if key.value:
                puts[path] = key.value + b"\n"
            else:
                gone.append(path)
        return [(path, puts[path]) for path in sorted(puts)], [path for path in gone if path not in puts]

    # --- committing ---------------------------------------------------------------------------------------------------

    def plan(self, view: View) -> Plan:
        """What a commit of this view would do; `loaded.config` is what the daemon would then read.

        Raises Refused, StoreError, EditError.
        """
        if view.troubles:
            raise StoreError("nothing is committed: %s: %s" % view.troubles[0][:2], view.troubles[0][2])
        text = render(view.document)
        try:
            puts, gone = self.key_changes(view)
        except OSError as error:
            raise cannot("read", self.secrets, error) from None
        loaded = load(self.path, self._as_it_would_be(text, puts, gone), self.secrets, self.now_s)
        if loaded.config is None:
            raise Refused(loaded.errors)
        return Plan(text, puts, gone, loaded)

    def commit(self, begin: Callable[[View, Plan], None] | None = None) -> tuple[bool, list[ConfigError]]:
        """Make what is staged the configuration: (False if nothing is staged, warnings). begin: called when all is
        well and nothing is changed yet; what it raises ends the commit. Without it a change that is on trial does.

        Raises Refused, StoreError, EditError, UciError: nothing has been changed, and what is staged stays.
        """
        with_lock = Locked(self.calls, self.path, self.folder, self.delta_path)
        try:
            view = self.view()
            if not view.deltas and not view.keys and not view.troubles and not view.done:
                self.end_mark(view)
                return False, []
            if begin is None:
                self._refuse_on_trial()
            plan = self.plan(view)
            plan.gone += [path for path in view.gone if path not in dict(plan.puts)]
            if begin is not None:
                begin(view, plan)
            if view.deltas and plan.text != view.data:
                names = [path.split("/")[-1] for path in plan.gone]
                leave_mark(self.calls, self.mark_path, view.mark.begin(plan.text, view.raw, names))
            self._put(plan.puts + ([(self.path, plan.text)] if plan.text != view.data else []), view.data)
            self._clear(with_lock, plan.gone)
            return True, plan.loaded.warnings
        finally:
            with_lock.release()

    def end_mark(self, view: View) -> None:
        """One that was left by what is over may not speak for lines to come."""
        if view.mark.rows and not view.done:
            forget_mark(self.calls, self.mark_path)

    def change(self, deltas: list[Delta], puts: list[tuple[str, bytes]], gone: list[str], really: bool = True) -> Plan:
        """Make these changes at once, beside what is staged, which stays staged. puts, gone: key files, as in a Plan.

        really: False: find out whether it could be done, the room on the disk included, and leave everything as it is.
        Raises Refused, StoreError, EditError, UciError: nothing has been changed.
        """
        with_lock = Locked(self.calls, self.path, "", "")
        try:
            self._refuse_on_trial()
            data = self._read(self.path, "")
            document = Document(data, self.path)
            for delta in deltas:
                document.apply(delta)
            text = render(document)
            loaded = load(self.path, self._as_it_would_be(text, puts, gone), self.secrets, self.now_s)
            if loaded.config is None:
                raise Refused(loaded.errors)
            plan = Plan(text, puts, gone, loaded)
            self._put(puts + [(self.path, text)], data, really)
            if really:
                self._drop(gone)
            return plan
        finally:
            with_lock.release()

    def _drop(self, gone: list[str]) -> None:
        """Key files that nothing needs any more; one that cannot be removed is told. Raises StoreError."""
        path = self.secrets
        try:
            for path in gone:
                remove_key(self.calls, path)
            if gone:
                self.calls.sync_folder(self.secrets)
        except OSError as error:
            message = "it is done, but %s cannot be removed: %s" % (path, reason(error))
            raise StoreError(message, "remove that file", "key-left") from None

    def _refuse_on_trial(self) -> None:
        path = self.secrets + "/" + ON_TRIAL
        try:
            is_there = status(self.calls, path) is not None
        except OSError as error:
            raise cannot("read", path, error) from None
        if is_there:
            words = "another change is on trial: nothing is committed, and what is staged stays"
            raise StoreError(words, "first end the trial: isthmus confirm, or isthmus revert", "on-trial")

    def _as_it_would_be(self, text: bytes, puts: list[tuple[str, bytes]], gone: list[str]) -> Callable[[str], bytes]:
        files = dict([(self.path, text)] + puts)

        def read_file(path: str) -> bytes:
            if path in files:
                return files[path]
            if path in gone:
                raise OSError(ENOENT, "removed")
            return self.calls.read(path)

        return read_file

    def _put(self, puts: list[tuple[str, bytes]], was: bytes, really: bool = True) -> None:
        """Write all, then put them in their places: keys first, the configuration that needs them last. was: what they
        are made from: an editor knows no lock. really: False: only find out whether there is room.
        """
        ready: list[Prepared] = []
        done: list[str] = []
        path = self.path
        try:
            for path, content in puts:
                if path != self.path and not ready:
                    self.calls.make_folder(self.secrets, 0o700)
                ready.append(Prepared(self.calls, path, content, path != self.path))
            if really and self._read(self.path, "") != was:
                raise ChangedError("somebody else has changed %s just now; nothing is committed" % self.path, AGAIN)
            for index in range(len(ready)):
                if not really:
                    ready[index].abandon()
                    continue
                path = puts[index][0]
                ready[index].finish()
                done.append(path)
        except (OSError, StoreError) as error:
            for prepared in ready:
                prepared.abandon()
            if isinstance(error, StoreError):
                raise
            if done:
                message = "the configuration is not committed, though %s is new: %s cannot be written: %s"
                raise StoreError(message % (", ".join(done), path, reason(error)), AGAIN) from None
            raise cannot("write", path, error) from None

    def _clear(self, with_lock: Locked, gone: list[str]) -> None:
        """Keys that nothing needs go, and what is committed is staged no more; the mark last. Raises StoreError."""
        path = self.secrets
        try:
            for path in gone:
                remove_key(self.calls, path)
            if gone:
                self.calls.sync_folder(self.secrets)
            path = self.keys_path
            remove(self.calls, path)
            path = self.delta_path
            with_lock.rewrite(b"")
            path = self.mark_path
            remove(self.calls, path)
        except OSError as error:
            message = "the configuration is committed, but %s cannot be cleared: %s" % (path, reason(error))
            raise StoreError(message, "remove that file") from None


def _option_values(section: Section | None, option: str) -> Any:  # noqa: ANN401 - compared, never looked into
    found = section.get(option) if section is not None else None
    return None if found is None else (found.is_list, list(found.values))


def _words(error: ConfigError) -> str:
    subject = ", ".join([part for part in (error.section, error.option and "option " + error.option) if part])
    allowed = "; allowed: " + error.allowed if error.allowed else ""
    return subject + ": " + error.message + allowed
