"""`isthmus apply`: what is staged, shown in words, put in force on trial, probed, and undone unless it is confirmed.

The procedure is applying/steps.py's; here it meets the daemon: its site, its files, its clock, its tunnels.
"""

from __future__ import annotations

from isthmus.applying.files import KEPT as KEPT_FILE
from isthmus.applying.files import Files, OtherChangeError, mark_of
from isthmus.applying.probes import Probes, troubles
from isthmus.applying.steps import IDLE, OPEN, UNDOING, Trial, TrialError
from isthmus.applying.words import consequences
from isthmus.config.errors import ConfigError
from isthmus.config.lexer import UciError
from isthmus.config.model import Changes, load
from isthmus.config.stagers import Stagers
from isthmus.config.staging import FOLDER, place_of_forms
from isthmus.config.store import ON_TRIAL, Refused, Store
from isthmus.edge import os_cpython as host
from isthmus.edge.control import error_answer
from isthmus.edge.os_cpython_files import RealCalls
from isthmus.errors import IsthmusError
from isthmus.kernel.contract import KernelError
from isthmus.site import SOFT
from isthmus.states import plain
from isthmus.wire.addr import AddressError, format_ip, parse_ip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from isthmus.applying.files import Commit
    from isthmus.backups import Backups
    from isthmus.config.model import Config
    from isthmus.config.store import View
    from isthmus.daemon import Daemon

LEFT = (ON_TRIAL, KEPT_FILE)
LEAST_S, MOST_S = 10, 3600
DEFAULT_S = 90
ALONE_S = 60  # without a window: undone after this, if not all is well again before
SETTLED_MS = 5_000  # and confirmed by nobody but the probes no sooner than this
RESOLVERS = ("/etc/resolv.conf", "/tmp/resolv.conf.d/resolv.conf.auto")  # noqa: S108 - OpenWrt's own
LOOPBACK = parse_ip("::1")
MARK_BYTES = 8
NOTHING = "nothing is staged: isthmus config set ... stages a change; a file that was edited takes isthmus reload"


class NotAppliedError(IsthmusError):
    """What is staged cannot be applied; nothing is changed."""

    code = "not-applied"


class Changing:
    """See the module. deltas: folder of what is staged."""

    def __init__(self, daemon: Daemon, config_dir: str, deltas: str, secrets: str) -> None:
        self._daemon = daemon
        self._backups: Backups | None = None
        calls: Any = RealCalls()  # of the shape of config.calls.Calls, which the edge does not import
        self.store: Store = Store(calls, config_dir, deltas, secrets)
        self.store.salt = host.random_bytes(16)
        self.forms: Store = place_of_forms(self.store, daemon.run_dir + FOLDER)
        self.stagers = Stagers()  # of what is in there
        self._files = Files(self.store)
        self._files.forms = self.forms
        self.trial = Trial(self._files, self._run)
        self.settle: Callable[[bool], object] = bool  # files of a change are in place, or back; True: it is over
        self._probes = Probes([], {}, 0)
        self._mark = ""  # of this trial and no other: whoever ends it has seen it
        self._rows: list[dict[str, str]] = []
        self._is_alone = False
        self._began_at = 0
        self._told: object = None
        self._was_undoing = False

    @property
    def backups(self) -> Backups:
        """Backups are restored as changes are made."""
        if self._backups is None:
            from isthmus.backups import Backups  # waiting.py

            self._backups = Backups(self._daemon, self, self.store, self._daemon.users_path)
        return self._backups

    # --- looking ------------------------------------------------------------------------------------------------------

    def place(self, request: dict[str, Any]) -> Store:
        """Where whoever asks stages: a session with forms, root with uci."""
        return self.forms if request.get("token") is not None else self.store

    def look(self, place: Store, now: int) -> dict[str, Any]:
        """What is staged there, in words: {"staged": number, "mark", "changes": [{"kind", "text"}], "warnings", "by":
        who has staged it, where forms do}. Raises IsthmusError.
        """
        self.trial.check_free()
        view, old, new, warnings = self._look(place)
        rows = self.words(old, new) if new is not None else []
        count, mark = len(view.deltas) + len(view.keys), mark_of(view)
        return {
            "staged": count, "mark": mark, "changes": rows, "warnings": warnings + self._elsewhere(place),
            "hint": NOTHING, "by": self.stagers.told(mark, count, now) if place is self.forms else [],
        }  # fmt: skip

    def _elsewhere(self, place: Store) -> list[str]:
        """That more is staged, which is no part of this."""
        other, where = (self.store, "with uci") if place is self.forms else (self.forms, "in the web interface")
        try:
            view = other.view()
        except IsthmusError:  # whoever stages there hears of it
            return []
        count = len(view.deltas) + len(view.keys)
        words = "%d more staged %s, and no part of this; on the router %s changes shows it"
        return [words % (count, where, other.tool)] if count else []

    def _look(self, place: Store) -> tuple[View, Config, Config | None, list[str]]:
        place.now_s = self.store.now_s = host.wall_seconds()
        try:
            view = place.view()
            if not view.deltas and not view.keys and not view.troubles:
                return view, self._running(), None, []
            plan = place.plan(view)
        except Refused as error:
            raise self._refused(error.errors) from None
        except UciError as error:
            raise NotAppliedError(str(error), "mend the file: isthmus config show tells more") from None
        self._daemon.hold_against_router(plan.loaded)
        if plan.loaded.config is None:
            raise self._refused(plan.loaded.errors)
        return view, self._running(), plan.loaded.config, [str(warning) for warning in plan.loaded.warnings]

    @staticmethod
    def _refused(errors: list[ConfigError]) -> IsthmusError:
        text = "nothing is applied: the configuration would be refused\n" + "\n".join([str(error) for error in errors])
        return NotAppliedError(text, "stage what is right: isthmus config set; isthmus config revert drops a change")

    def _running(self) -> Config:
        """What runs; the file must say the same, or there would be nothing to go back to. Raises IsthmusError."""
        running = self._daemon.site.forcing.config
        remedy = "first apply it: isthmus reload"
        if running is None:
            raise NotAppliedError("no configuration is in force", remedy)
        found = load(self.store.path, self.store.calls.read, self.store.secrets, self.store.now_s)
        if found.config is None:
            text = "%s is not what runs: it has mistakes" % self.store.path
            raise NotAppliedError(text, "mend it, then: isthmus reload")
        changes = Changes(running, found.config)
        if not changes.is_empty or changes.globals or not all(it.is_empty for it in changes.sections.values()):
            raise NotAppliedError("%s has been changed, and does not run yet" % self.store.path, remedy)
        return running

    def words(self, old: Config, new: Config) -> list[dict[str, str]]:
        """What it means that one configuration takes the place of another: [{"kind", "text"}]."""
        tunnels = self._daemon.site.tunnels
        up = [name for name in tunnels if tunnels[name].state() == "up"]
        try:
            neighbours = self._daemon.site.kernel.neighbours()
        except KernelError:
            neighbours = []
        rows = consequences(old, new, up, SOFT, neighbours)
        return [{"kind": kind, "text": text} for kind, text in rows]

    # --- changing -----------------------------------------------------------------------------------------------------

    def apply(self, place: Store, seconds: int | None, mark: str | None, now: int) -> dict[str, Any]:
        """Put it in force; the state of the trial. place: where it is staged; seconds: None: confirmed by the probes
        alone; mark: of what was shown, None: whatever is staged. Raises IsthmusError.
        """
        check_window(seconds)
        self.trial.check_free()
        view, old, new, _ = self._look(place)
        if new is None:
            raise NotAppliedError("nothing is staged", NOTHING)
        if mark is not None and mark != mark_of(view):  # what would run is what was shown, and then what is committed
            raise OtherChangeError("other changes have been staged since this was shown; nothing is applied")
        self._files.staging = place
        return self.begin(old, new, mark_of(view), seconds, place.commit, now)

    def begin(
        self, old: Config, new: Config, mark: str, seconds: int | None, commits: Commit, now: int
    ) -> dict[str, Any]:
        """A trial of this configuration. commits: what commits it. Else as apply()."""
        self.trial.check_free()
        self._make_mark()
        self._rows = self.words(old, new)
        tunnels = self._daemon.site.tunnels
        wanted = [row.name for row in new.tunnels if row.enabled]
        up = [name for name in sorted(tunnels) if tunnels[name].state() == "up" and name in wanted]
        self._probes = Probes(up, self._ways(), now)
        self._is_alone = seconds is None
        self._began_at = now
        self._files.commits = commits
        self.trial.apply(old, new, mark, ALONE_S if seconds is None else seconds, now)
        words = "a change is on trial: undone in %d s unless it is confirmed" % (self.trial.window_ms // 1000)
        self._daemon.log.notice("config", words)
        return self.status(now)

    def _make_mark(self) -> None:
        self._mark = host.random_bytes(MARK_BYTES).hex()

    def _check_mark(self, request: dict[str, Any]) -> None:
        """A session ends the trial that it was shown, not one that somebody else has begun since; root may say nothing.

        Raises TrialError.
        """
        mark = request.get("mark")
        is_free = mark is None and request.get("token") is None
        if self.trial.state == IDLE or is_free or mark == self._mark:
            return
        words = "it is not said which change on trial is meant" if mark is None else "another change is on trial by now"
        raise TrialError(words, "look at it first: isthmus apply --show", "other-trial")

    def _ways(self) -> dict[str, str]:
        """By which interface each resolver is reached."""
        found: dict[str, str] = {}
        for path in RESOLVERS:
            for address in _resolvers(path):
                try:
                    found["resolver " + format_ip(address)] = self._daemon.site.kernel.way_to(address).ifname
                except KernelError:
                    continue
        return found

    def _run(self, config: Config) -> None:
        daemon = self._daemon
        self.settle(False)
        daemon.site.apply(config, daemon.read_paused(), host.now())
        daemon.log.level = config.globals.log_level
        daemon.catch_up()  # the guard stands, and is kept for the next boot, before anything else is done

    def confirm(self, request: dict[str, Any], now: int) -> dict[str, Any]:
        """Raises IsthmusError."""
        self._check_mark(request)
        wrong = troubles(self._seen(now))
        if self.trial.state == OPEN and wrong and not request.get("anyway"):
            remedy = "wait, or isthmus revert; isthmus confirm --anyway if that is as it should be"
            raise TrialError("not confirmed: %s" % "; ".join(wrong), remedy, "probe-failed")
        try:
            self.trial.confirm()
        finally:
            self._tell()
        return self.status(now)

    def revert(self, request: dict[str, Any], now: int) -> dict[str, Any]:
        """Raises IsthmusError."""
        self._check_mark(request)
        if request.get("over"):
            self.trial.over()
            self._daemon.reload()
        elif self.trial.state == OPEN:
            self.trial.undo("asked for", now)
        else:
            raise TrialError("no change is on trial", "isthmus config revert drops what is staged")
        self._tell()
        return self.status(now)

    # --- the daemon's events ------------------------------------------------------------------------------------------

    def start(self, now: int) -> None:
        """Before the configuration is read: what a former life left on trial is undone. What of it is not over yet may
        be a backup, with users and pairings.
        """
        self.trial.start(now)
        if self.trial.state != IDLE:
            self._make_mark()
            self.settle = self.backups.settle
        self._tell()

    def reader(self, is_start: bool) -> Callable[[str], bytes]:
        """How the daemon reads its configuration now. Raises IsthmusError while a change is on trial."""
        self.trial.check_reload()
        overlay = self.trial.reader() if is_start or self.trial.state == UNDOING else None
        return overlay or host.read_file

    def has_read(self) -> None:
        """The configuration that was read runs: whatever somebody else has made of the files is wanted."""
        self.trial.take()
        self._tell()

    def get_timer(self, now: int) -> int | None:
        """When turn() wants to be called."""
        timer = self.trial.get_timer()
        return min(timer, now + 500) if timer is not None and self._is_alone and self.trial.state == OPEN else timer

    def turn(self, now: int) -> None:
        """What is due."""
        if self._backups is not None:
            self._backups.turn(now)
        self.trial.handle_timer(now)  # first: a confirmation that cannot be remembered keeps nothing from being undone
        is_due = self._is_alone and now - self._began_at >= SETTLED_MS
        try:
            if self.trial.state == OPEN and is_due and not troubles(self._seen(now)):
                self.trial.confirm()
        finally:
            self._tell()

    def _seen(self, now: int) -> list[tuple[str, str, str]]:
        if self.trial.state != OPEN:
            return []
        tunnels = self._daemon.site.tunnels
        states = {}
        for name in tunnels:
            state = tunnels[name].state()
            states[name] = (state, tunnels[name].probe.answered_at, plain(state))
        return self._probes.see(states, self._ways(), now)

    def _tell(self) -> None:
        """The end of a trial in the log, once. While its files cannot be put back, what runs is taken back anyway."""
        last = self.trial.last
        is_undoing = self.trial.state == UNDOING
        if is_undoing and not self._was_undoing:
            self.settle(False)
        self._was_undoing = is_undoing
        if last is None or last is self._told:
            return
        self._told = last
        self.settle(self.trial.state == IDLE)
        words = last.kind if last.why == last.kind else "%s: %s" % (last.kind, last.why)
        self._daemon.log.notice("config", "the change on trial is %s" % words)
        for sentence in last.exposed:
            self._daemon.log.warning("policy", sentence)
        for sentence in last.notes:
            self._daemon.log.notice("config", sentence)

    def status(self, now: int) -> dict[str, Any]:
        """{"state": "idle", "open", "undoing" or "kept", "mark": what confirm and revert send back, null when idle,
        "left_s", "window_s", "alone", "changes", "probes": [{"what", "state", "text"}], "trouble": an error or null,
        "last": {"kind": "confirmed", "undone" or "lost", "why", "exposed", "notes"} or null}
        """
        trial, last = self.trial, self.trial.last
        is_open = trial.state == OPEN
        told = None
        if last is not None:
            told = {"kind": last.kind, "why": last.why, "exposed": last.exposed, "notes": last.notes}
        return {
            "state": trial.state,
            "mark": self._mark if trial.state != IDLE else None,
            "left_s": max(0, trial.ends_at - now + 999) // 1000 if is_open else 0,
            "window_s": trial.window_ms // 1000 if is_open else 0,
            "alone": is_open and self._is_alone,
            "changes": self._rows if is_open else [],
            "probes": [{"what": what, "state": state, "text": text} for what, state, text in self._seen(now)],
            "trouble": error_answer(trial.trouble) if trial.trouble is not None and trial.state != IDLE else None,
            "last": told if not is_open else None,
        }


def check_window(seconds: int | None) -> None:
    """Raises NotAppliedError for a window that cannot be had."""
    if seconds is not None and not LEAST_S <= seconds <= MOST_S:
        words = "a window of %d s cannot be had" % seconds
        raise NotAppliedError(words, "between %d and %d seconds are allowed" % (LEAST_S, MOST_S))


def _resolvers(path: str) -> list[bytes]:
    """Addresses of name servers, this router's own left out."""
    try:
        text = host.read_file(path).decode()
    except (OSError, ValueError):
        return []
    found = []
    for line in text.split("\n"):
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver":
            try:
                address = parse_ip(words[1])
            except AddressError:
                continue
            if address[:1] != b"\x7f" and address != LOOPBACK:
                found.append(address)
    return found[:8]


HANDLERS: dict[str, Callable[[Changing, dict[str, Any], int], dict[str, Any]]] = {
    "apply-look": lambda changing, request, now: changing.look(changing.place(request), now),
    "apply": lambda changing, request, now: changing.apply(
        changing.place(request), None if request.get("alone") else request.get("seconds") or DEFAULT_S,
        request.get("mark"), now,
    ),
    "apply-status": lambda changing, _request, now: changing.status(now),
    "confirm": lambda changing, request, now: changing.confirm(request, now),
    "revert": lambda changing, request, now: changing.revert(request, now),
}  # fmt: skip
"""The calls of the control socket, each as commands.py wants it but for its first argument."""
