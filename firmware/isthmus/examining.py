"""`isthmus doctor`, `log` and `diag` in the daemon: what only it knows, beside survey.py's look at the router.

What takes long, names above all, is looked at in a thread; who asks the same meanwhile is given the same answer.
"""

from __future__ import annotations

from isthmus import __version__, policy_status, status
from isthmus.diagnosis import diagnosis, listings, secrets_in
from isthmus.doctor.bundle import outline
from isthmus.doctor.facts import Peer, Problem
from isthmus.doctor.report import report
from isthmus.edge import os_cpython as host
from isthmus.edge import os_cpython_look as look
from isthmus.edge.control import Later
from isthmus.errors import IsthmusError
from isthmus.facts import outer_of
from isthmus.kernel.contract import KernelError
from isthmus.kernel.objects import KINDS
from isthmus.offer import fitting_mtu
from isthmus.proto.errors import HalfAnswered
from isthmus.road import UNKNOWN
from isthmus.survey import Places, kernel_features, survey
from isthmus.users.roles import ADMINISTER
from isthmus.wire.addr import format_ip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from isthmus.config.model import Config
    from isthmus.daemon import Daemon
    from isthmus.diagnosis import Parts
    from isthmus.doctor.facts import Facts, Feature
    from isthmus.tunnel import Tunnel

    Key = tuple[str, str, bool]  # command, a tunnel or "", whether it is for somebody who does not administer

MOST_LINES, FEW_LINES = 500, 100  # of the log, in one answer
KEPT_MS = 60_000  # whoever does not administer is told what was found so long ago: a look costs SAs, and names


class Examiner:
    """One daemon's. At most one look at the router is under way for a command and a tunnel."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._waiting: dict[Key, list[Later]] = {}  # who has asked since it began
        self._found: dict[str, tuple[int, dict[str, Any]]] = {}  # tunnel or "" -> when, the doctor's answer
        self._features: tuple[int, list[Feature]] | None = None

    def obey(self, request: dict[str, Any]) -> dict[str, Any] | Later:
        """doctor, log or diag. Raises IsthmusError."""
        name = request.get("tunnel")
        if name is not None:
            status.find(self._daemon.site.tunnels, name)
        if request["command"] == "log":
            return self._log(request)
        command, name = request["command"], name or ""
        if command == "doctor" and self._is_sparing(request):
            kept = self._found.get(name)
            if kept is not None and host.now() - kept[0] < KEPT_MS:
                return kept[1]
            return self._look(command, name, True)
        return self._look(command, name, False)

    def _is_sparing(self, request: dict[str, Any]) -> bool:
        token = request.get("token")
        return token is not None and self._daemon.accounts.door.session_of(token, host.now(), True).role < ADMINISTER

    def _log(self, request: dict[str, Any]) -> dict[str, Any]:
        count = request.get("count")
        count = FEW_LINES if count is None else max(1, min(count, MOST_LINES))
        return self._daemon.log.recent(max(0, request.get("after") or 0), count, request.get("tunnel"))

    # --- looking ------------------------------------------------------------------------------------------------------

    def _look(self, command: str, name: str, is_sparing: bool) -> Later:
        later = Later()
        key = (command, name, is_sparing)
        waiting = self._waiting.setdefault(key, [])
        waiting.append(later)
        if len(waiting) == 1:
            places, running = self._places(), self._running()
            task = LOOKS[command]
            try:
                self._run(key, lambda: task(places, running, name or None), lambda seen: self._seen(key, seen))
            except OSError as error:
                del self._waiting[key]
                raise IsthmusError("this router has no room for it: %s" % host.describe_os_error(error)) from None
        return later

    def _run(self, key: Key, task: Callable[[], object], then: Callable[[Any], dict[str, Any] | None]) -> None:
        """Do the task in a thread, and hand what it returns to `then`, whose answer is for all who wait; None: that one
        has begun another. Raises OSError.
        """
        errand = look.Errand(task)
        self._daemon.loop.on_readable(errand.fd(), lambda fd: self._done(fd, errand, key, then))

    def _done(self, fd: int, errand: look.Errand, key: Key, then: Callable[[Any], dict[str, Any] | None]) -> None:
        self._daemon.loop.forget(fd)
        errand.close()
        try:
            if errand.error is not None:
                raise errand.error
            answer = then(errand.result)
        except Exception:
            for later in self._waiting.pop(key):
                later.failed(IsthmusError("the router could not be looked at", "see: isthmus log", "internal"))
            raise
        if answer is not None:
            for later in self._waiting.pop(key):
                later.done(answer)

    def _seen(self, key: Key, seen: tuple[Facts, Parts]) -> dict[str, Any] | None:
        facts, parts = seen
        self._complete(facts, key[1], key[2])
        answer = report(facts)
        if key[0] == "doctor":
            names = self._daemon.site.tunnels
            self._found = {name: kept for name, kept in self._found.items() if not name or name in names}
            self._found[key[1]] = host.now(), answer
            return answer
        parts = self._own_parts() + parts
        places, config = self._places(), self._daemon.site.forcing.config
        cookies = self._cookies()
        # A text of many pages, searched for every secret: the loop does not wait for that.
        task = lambda: diagnosis(places, facts, answer, parts, secrets_in(places, config) + cookies)  # noqa: E731
        self._run(key, task, lambda done: done)
        return None

    def _cookies(self) -> list[bytes]:
        pairs = [tunnel.derived for tunnel in self._daemon.site.tunnels.values() if tunnel.derived is not None]
        return [end.cookie for derived in pairs for end in (derived.local, derived.remote)]

    def _places(self) -> Places:
        daemon = self._daemon
        secrets = daemon.secrets_dir
        return Places(daemon.config_dir, daemon.delta_dir, daemon.run_dir, secrets, secrets + "/../users")

    def _running(self) -> Config | None:
        """What is in force; None while that is no file's: a change is on trial."""
        trial = self._daemon.trial(host.now())
        return self._daemon.site.forcing.config if trial is None or trial["state"] == "idle" else None

    # --- what only the daemon knows -----------------------------------------------------------------------------------

    def _complete(self, facts: Facts, name: str, is_sparing: bool) -> None:
        daemon, site, now = self._daemon, self._daemon.site, host.now()
        site.observe(now)
        site.obey(now)
        facts.release = facts.own = __version__
        facts.since_s = (now - daemon.started_at) // 1000
        facts.resident_kib = host.resident_kib()
        if self._features is None or not is_sparing or now - self._features[0] >= KEPT_MS:
            self._features = now, kernel_features(site.kernel, site.forcing.config)
        facts.features = self._features[1]
        self._guard(facts, now)
        facts.clashes = [
            Problem(row["code"], row["level"], row["about"], row["message"], row["remedy"])
            for row in policy_status.find(site, daemon.read_firewall())
        ]
        error = daemon.config_error
        if error is not None and not facts.problems:  # the file was mended, and not read again since
            text = "what was read last was refused: %s" % str(error).partition("\n")[0]
            facts.problems = [Problem(error.code, "error", "", text, "read it again: isthmus reload")]
        forced = [via for rule in site.forcing.rules for via in rule.via]
        facts.peers = [
            peer_of(tunnel, tunnel.name in forced, now) for tunnel in site.tunnels.values() if name in ("", tunnel.name)
        ]

    def _guard(self, facts: Facts, now: int) -> None:
        keeper = self._daemon.site.keeper
        facts.guard_wanted = keeper.wanted_guard is not None
        facts.guard_repairs = keeper.guard_repairs
        if keeper.guard_verified_at is not None:
            facts.guard_age = now - keeper.guard_verified_at
        error = keeper.error
        try:
            facts.guard_there = self._daemon.site.kernel.guard_get() is not None
        except KernelError as refusal:
            error = error or refusal
        if error is not None:
            facts.guard_error = Problem(error.code, "error", "", str(error), error.remedy)

    def _own_parts(self) -> Parts:
        """What the text of `isthmus diag` has of us."""
        daemon, site, now = self._daemon, self._daemon.site, host.now()
        tests = daemon.selftest.results(now) if daemon.selftest is not None else {}
        own = [("status", "\n".join(outline(status.report(daemon, None, now))))]
        for tunnel in site.tunnels.values():
            own.append(("tunnel " + tunnel.name, "\n".join(outline(status.show(daemon, tunnel, now)))))
        own.append(("policy", "\n".join(outline(policy_status.report(site, tests, daemon.read_firewall())))))
        own.append(("change on trial", "\n".join(outline(daemon.trial(now) or {}))))
        rows = daemon.log.recent()["lines"]
        own.append(("log", "\n".join(["%(time)s %(level)s: %(subject)s: %(text)s" % row for row in rows])))
        return own + self._kernel_lists()

    def _kernel_lists(self) -> Parts:
        """What of ours is in the kernel, as kernel/objects.py tells it: without keys and cookies."""
        kernel, found = self._daemon.site.kernel, []
        for kind in KINDS:
            try:
                rows = []
                for item in kernel.dump(kind):
                    counts = ["%s %d" % (name, getattr(item, name)) for name in COUNTS if getattr(item, name, 0)]
                    rows.append(", ".join([item.words()] + counts))
            except KernelError as error:
                rows = [str(error)]
            found.append(("kernel: " + kind, "\n".join(sorted(rows))))
        found.append(("guard as wanted", self._daemon.site.keeper.wanted_guard or ""))
        return found


COUNTS = ("packets", "bytes", "replayed", "forged", "rx_packets", "tx_packets", "rx_wrong_cookie", "rx_errors")
LOOKS: dict[str, Callable[[Places, Config | None, str | None], tuple[Facts, Parts]]] = {
    "doctor": lambda places, running, only: (survey(places, running, only), []),
    "diag": lambda places, running, only: (survey(places, running, only), listings()),
}


def peer_of(tunnel: Tunnel, has_rules: bool, now: int) -> Peer:
    """What is known of its peer."""
    config, road = tunnel.config, tunnel.road
    peer = Peer(tunnel.name, config.remote, tunnel.state(), now - tunnel.changed_at)
    outer = outer_of(tunnel)
    if outer is not None and outer[1] != UNKNOWN:
        peer.address = format_ip(outer[1])
    peer.is_wanted, peer.is_enabled = tunnel.wanted, config.enabled
    peer.waits, peer.is_anywhere = not config.initiates, road.is_anywhere
    peer.has_rules = has_rules
    peer.is_static = config.static is not None
    error = tunnel.error or road.callers.trouble(now)
    if error is not None:
        peer.error = (error.code, str(error), error.remedy, now - tunnel.error_at if error is tunnel.error else 0)
        peer.is_half = isinstance(error, HalfAnswered)
    if tunnel.refusal is not None:
        refused = tunnel.refusal.error
        peer.refusal = (refused.code, str(refused), refused.remedy, now - tunnel.refusal.at)
    peer.has_ike = tunnel.ike is not None
    peer.seen = now - tunnel.liveness.seen_at if tunnel.liveness.seen_at is not None else None
    peer.nat = tunnel.ike.nat if tunnel.ike is not None else ""
    peer.is_detour = tunnel.detour.is_on
    peer.ports = tunnel.children.ports()
    peer.loss, peer.round_trip = tunnel.probe.loss_percent(), tunnel.probe.round_trip_ms
    peer.limit = tunnel.path.limit
    peer.uplink_mtu = road.way.mtu if road.way is not None else None
    peer.mtu, peer.fitting = tunnel.mtu(), fitting_mtu(tunnel) if tunnel.children.usable() else 0
    return peer
