"""isthmusd: one site and the edge around it. Reads files, polls sockets, writes the log; decides nothing itself.

An exception in our own code ends one event: the guard stands, the other tunnels go on, the log says where to look.
"""

from __future__ import annotations

import sys

from isthmus import __version__
from isthmus.config.model import load
from isthmus.edge import os_cpython as host
from isthmus.edge import os_cpython_start
from isthmus.edge.control import SOCKET_NAME, ControlServer, pack_line
from isthmus.edge.log import Log
from isthmus.edge.loop import Loop
from isthmus.errors import IsthmusError
from isthmus.kernel.contract import KernelError
from isthmus.outlet import Sleeper
from isthmus.real_outlet import RealOutlet, read_names, read_text
from isthmus.site import Site
from isthmus.waiting import ALL_LOADED, Waiting, refuse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from isthmus.accounts import Accounts
    from isthmus.changing import Changing
    from isthmus.config.errors import ConfigError
    from isthmus.config.model import Loaded
    from isthmus.edge.control import Later
    from isthmus.edge.os_cpython_udp import UdpPort
    from isthmus.examining import Examiner
    from isthmus.kernel.contract import Kernel
    from isthmus.pairing_rotate import Rotations
    from isthmus.policy.forwards import Firewall
    from isthmus.selftest import SelfTest

CONFIG_DIR = "/etc/config"
STATE_DIR = "/etc/isthmus/state"
RUN_DIR = "/var/run/isthmus"
DELTA_DIR = "/tmp/.uci"  # noqa: S108 - uci's own
CONFIG_NAME = "isthmus"
FIREWALL_NAME = "firewall"
UNFINISHED = ".isthmus-new"  # config/replace.py's
HOLD_FIRST_MS = 10_000  # a first hold is started when the first tunnel is up, or after this
HOLD_RETRY_MS = 1_000  # a hold that ends is started again after this
MAPPING_PAUSE_MS = 250
ROUNDS = 8  # of the loop before timers: to find the next one among hundreds of tunnels is dearer than a datagram
BRAKE_MS = 100  # after a turn that failed: what fails at once again may not keep the processor busy
WEB_USER = "isthmus-web"
PAUSED_FILE = "paused.json"
UNDO_FILES = ("undo.open", "undo.kept")  # changing.py's: a change was on trial when a former life ended


class RefusedError(IsthmusError):
    """A configuration with mistakes: all of them, a line each."""

    code = "configuration"
    remedy = "mend the file, then run: isthmus reload"

    def __init__(self, errors: list[ConfigError]) -> None:
        super().__init__("\n".join([str(error) for error in errors]))


class EmptyFileError(IsthmusError):
    """What a power cut may leave is not taken for the wish to end every promise."""

    code = "empty-file"
    remedy = "if they are to go, write a file that says something else: config globals; then run: isthmus reload"


class Daemon:
    """One daemon in one network namespace. `kernel` is the seam; the directories exist."""

    def __init__(
        self, kernel: Kernel, log: Log, config_dir: str, state_dir: str, run_dir: str, hosts_path: str = "",
        web_user: str = "",
    ) -> None:  # fmt: skip
        """Raises OSError where UDP 500 or 4500 cannot be had."""
        self.log = log
        self.started_at = host.now()
        self.config_error: IsthmusError | None = None
        self.config_warnings: list[str] = []
        self.edge = RealOutlet(log, state_dir, run_dir, hosts_path)
        self.site = Site(kernel, self.edge, log, host.random_bytes, self.started_at)
        self.site.beside = Sleeper(self._wake)
        self.loop = Loop()
        self._kernel = kernel
        self.config_dir = config_dir
        self._config_path = config_dir + "/" + CONFIG_NAME
        self._firewall_path = config_dir + "/" + FIREWALL_NAME
        self.secrets_dir = state_dir + "/../secrets"
        self.users_path = state_dir + "/../users"
        self._paused_path = state_dir + "/" + PAUSED_FILE
        self.run_dir = run_dir
        self._stopping = False
        self._has_started = False
        self._reload_wanted = False
        self.delta_dir = DELTA_DIR
        self.selftest: SelfTest | None = None
        self.examiner: Examiner | None = None  # commands.py makes it
        self.findings: list[dict[str, str]] = []  # clashes, as policy_status.py tells them
        self.found_at: int | None = None
        self._hold_at: int | None = None
        self._accounts: Accounts | None = None
        self._changing: Changing | None = None
        self._web_user = web_user
        self._waiting = Waiting(self.started_at)
        self._resting: dict[int, int] = {}  # descriptors that are not looked at until then

    # --- life ---------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """The guard first, then everything else. Raises OSError, KernelError."""
        self._guard_from_state()
        if [name for name in UNDO_FILES if host.is_there(self.secrets_dir + "/" + name)]:
            self._guarded("config", self.changing.start, self.started_at)
        self._guarded("config", self._sweep)
        self._control = ControlServer(self.loop, self.run_dir + "/" + SOCKET_NAME, self._answer)
        self.open_to_web()
        for port in self.edge.ports.values():
            for fd in port.fds():
                self.loop.on_readable(fd, self._receiver(port))
        if self.edge.holder.fd() >= 0:
            self._hold()
        else:  # there is nothing to hold yet, and one process less to start makes the first tunnel come up sooner
            self._hold_at = self.started_at + HOLD_FIRST_MS
        for echo in (self.edge.icmp, self.edge.icmp4):
            self.loop.on_readable(echo.fd(), self._echoer(echo))
        self.loop.on_readable(self.edge.resolver.fd(), self._on_resolved)
        for fd in self._kernel.event_fds():
            self.loop.on_readable(fd, self._on_kernel_event)  # not guarded here: what stays readable wants the brake
        self.loop.on_readable(host.on_signals(self._on_signal), host.drain)
        self.site.guarded = True  # until a configuration says that there is nothing to guard
        try:
            self.reload()
        except IsthmusError as error:
            self.log.error("config", "no tunnel is started; the guard stands; %s" % error.remedy)
        except Exception as error:  # noqa: BLE001 - as in _guarded()
            self.log.error("config", "no tunnel is started; the guard stands; %s" % _describe_mistake(error))
        self._has_started = True
        self.log.notice(
            "isthmusd", "version %s started, tunnels configured: %d" % (__version__, len(self.site.tunnels))
        )

    def _guard_from_state(self) -> None:
        """The guard of the last run, before anything else is even read: a restart opens nothing."""
        for text in self.edge.remembered_guard():
            if not text:
                continue
            try:
                if self._kernel.guard_get() is None:
                    self._kernel.guard_set(text)
                    self.site.forcing.gap = True
                self.site.forcing.inherited = text
                return
            except KernelError as error:  # the keeper makes it anew before anything else, and says what is wrong
                self.log.warning("guard", "the guard of the last run cannot be used: %s" % error)

    def _sweep(self) -> None:
        """A power cut while keys were written leaves one in a file that nobody looks at."""
        left = host.leftovers((self.secrets_dir, self.config_dir), UNFINISHED)
        if left:
            from isthmus.config.lock import sweep  # here: isthmusd starts sooner without them
            from isthmus.edge.os_cpython_files import RealCalls

            calls: Any = RealCalls(1)
            sweep(calls, self._config_path, left)

    def run(self) -> None:
        """Turn until told to stop, then take the tunnels down in good order; the guard stays."""
        while not self._stopping:
            self.turn()
        self.log.notice("isthmusd", "stopping: tunnels are taken down, the guard stays")
        self._guarded("stop", self.site.stop, host.now())
        self._control.close()
        self.edge.close()

    def turn(self) -> None:
        """One turn of the loop."""
        timer = self._next_at()
        fine = self._guarded("loop", self.loop.turn, max(0, timer - host.now()), ROUNDS)
        if self._hold_at is not None and (host.now() >= self._hold_at or self._is_one_up()):
            self._hold()
        if self._waiting.is_due(host.now(), self._is_one_up):
            self._guarded("loading", self._waiting.load_next, host.now(), len(self.site.tunnels))
            if self._waiting.at is None:
                self.log.debug("isthmusd", ALL_LOADED)
        self._wake_resting()
        if self._reload_wanted:
            self._reload_wanted = False
            self._guarded("config", self.reload)
        if self.selftest is not None and self.selftest.end_at is not None and host.now() >= self.selftest.end_at:
            fine = self._guarded("self-test", self.selftest.finish) and fine
        if self._accounts is not None:
            fine = self._guarded("users", self._accounts.turn, host.now()) and fine
        if self._changing is not None:
            fine = self._guarded("config", self._changing.turn, host.now()) and fine
        fine = self.catch_up() and fine
        if not fine:
            host.rest(BRAKE_MS)

    def _wake_resting(self) -> None:
        for fd in [fd for fd, until in self._resting.items() if host.now() >= until]:
            del self._resting[fd]
            self.loop.on_readable(fd, self._on_kernel_event)

    def _next_at(self) -> int:
        """When something is due, ms."""
        now = host.now()
        timers: list[int | None] = [self.site.get_timer(), self._hold_at, self._waiting.at]
        timers += list(self._resting.values())
        timers.append(self.selftest.end_at if self.selftest is not None else None)
        timers += [part.get_timer(now) for part in (self._accounts, self._changing) if part is not None]
        return min([timer for timer in timers if timer is not None])

    def catch_up(self) -> bool:
        """Do all that is due by now. True where it came to its end."""
        return self._guarded("timer", self.site.handle_timer, host.now(), host.wall_seconds())

    def _guarded(self, what: str, call: Callable[..., object], *arguments: object) -> bool:
        """True where the call came to its end."""
        try:
            call(*arguments)
            return True
        except IsthmusError as error:
            self.log.once("error", what, "%s; %s" % (error, error.remedy))
        except Exception as error:  # noqa: BLE001 - the one place that catches everything, so that one event ends, not all
            self.log.once("error", what, _describe_mistake(error))
        return False

    # --- what comes in ------------------------------------------------------------------------------------------------

    def _on_signal(self, word: str) -> None:
        if word == "stop":
            self._stopping = True
        else:
            self._reload_wanted = True

    def _is_one_up(self) -> bool:
        return any(tunnel.state() == "up" for tunnel in self.site.tunnels.values())

    def _hold(self) -> None:
        self._hold_at = None
        self.edge.hold()
        if self.edge.holder.fd() >= 0:
            self.loop.on_readable(self.edge.holder.fd(), self._on_hold)

    def _on_hold(self, fd: int) -> None:
        """isthmus-hold has ended: it never says anything else."""
        self.loop.forget(fd)
        self.edge.holder.lost()
        self._hold_at = host.now() + HOLD_RETRY_MS

    def _receiver(self, port: UdpPort) -> Callable[[int], None]:
        def receive(fd: int) -> None:
            now = host.now()
            for data, source, destination in port.receive(fd):
                self._guarded("ike", self.site.receive, data, source, destination, now)

        return receive

    def _echoer(self, echo: host.EchoSocket | host.Echo4Socket) -> Callable[[int], None]:
        def receive(_fd: int) -> None:
            now = host.now()
            for message, source, ifname in echo.receive():
                self._guarded("probe", self.site.echo, message, source, ifname, now)

        return receive

    def _on_resolved(self, _fd: int) -> None:
        now = host.now()
        for name, addresses, failure in self.edge.resolver.answers():
            self._guarded("resolver", self.site.resolved, name, addresses, failure, now)

    def _on_kernel_event(self, fd: int) -> None:
        kinds = self._kernel.read_events(fd)
        if "mapping" in kinds:  # comes again with each packet until it is followed, which takes an answer of the peer
            self.loop.forget(fd)
            self._resting[fd] = host.now() + MAPPING_PAUSE_MS
        self.site.kernel_changed(kinds, host.now())

    # --- commands -----------------------------------------------------------------------------------------------------

    def reload(self) -> dict[str, Any]:
        """Read the file again and apply what differs; what is wrong with it changes nothing that runs.

        Returns {"started", "changed", "removed", "unchanged", "exposed", "warnings": [text]}. Raises IsthmusError.
        """
        if self._has_started:
            self.open_to_web()
        if self._accounts is not None:
            self._accounts.reload()
        read_file = host.read_file if self._changing is None else self._changing.reader(not self._has_started)
        loaded = load(self._config_path, read_file, self.secrets_dir, host.wall_seconds())
        self.hold_against_router(loaded)
        for error in loaded.errors:
            self.log.error("config", str(error))
        config = loaded.config
        if config is None:
            self.config_error = RefusedError(loaded.errors)
            raise self.config_error
        if not config.tunnels and self.site.forcing.holds() and not read_text(self._config_path).strip():
            self.config_error = EmptyFileError("%s is empty, and forced rules stand" % self._config_path)
            raise self.config_error
        try:
            report: dict[str, Any] = dict(self.site.apply(config, self.read_paused(), host.now()))
        except IsthmusError as error:
            self.config_error = error
            self.log.error("config", "nothing is changed: %s; %s" % (error, error.remedy))
            raise
        self.config_error = None
        if [tunnel for tunnel in config.tunnels if tunnel.renewal]:
            self._wake().wake(host.now())
        self.config_warnings = [str(warning) for warning in loaded.warnings]
        for warning in self.config_warnings:
            self.log.warning("config", warning)
        self.log.level = config.globals.log_level
        if self._changing is not None and self._has_started:
            self._changing.has_read()
        report["warnings"] = self.config_warnings
        return report

    def _wake(self) -> Rotations:
        """What talks IKE beside the tunnels is needed."""
        from isthmus import pairing_commands  # waiting.py

        return pairing_commands.wake(self)

    def hold_against_router(self, loaded: Loaded) -> None:
        """Rules that fit no router like this one: refused when somebody changes them, and told while the router starts.

        At boot interfaces come up after us, and the rules hold for them by name.
        """
        if loaded.config is None or not loaded.config.forced:
            return
        from isthmus.config.here import check_here  # waiting.py, as below
        from isthmus.surroundings import look_around

        try:
            here = look_around(self._kernel, loaded.config, host.interface_names())
        except (KernelError, OSError) as error:
            self.log.warning("config", "the rules could not be held against this router's interfaces: %s" % error)
            return
        errors, warnings = check_here(loaded.config, here, self._config_path)
        if self._has_started and errors:
            loaded.config = None
            loaded.errors += errors
        loaded.warnings += warnings if self._has_started else errors + warnings

    def read_paused(self) -> list[str]:
        """Tunnels taken down by hand stay down over a restart."""
        return read_names(self._paused_path)

    def write_paused(self) -> None:
        """Raises IsthmusError."""
        tunnels = self.site.tunnels
        names = [name for name in sorted(tunnels) if tunnels[name].paused]
        try:
            host.write_file(self._paused_path, pack_line(names))
        except OSError as error:
            text = "done, but not remembered for the next start: %s" % host.describe_os_error(error)
            raise IsthmusError(text, "make room on the disk, then try again", "not-remembered") from None

    @property
    def accounts(self) -> Accounts:
        """Users and sessions, read when somebody first asks."""
        if self._accounts is None:
            from isthmus.accounts import Accounts  # waiting.py

            self._accounts = Accounts(self.users_path, self.loop, self.log, lambda: self._changing)
        return self._accounts

    @property
    def changing(self) -> Changing:
        """Changes on trial."""
        if self._changing is None:
            from isthmus.changing import Changing  # waiting.py

            self._changing = Changing(self, self.config_dir, self.delta_dir, self.secrets_dir)
        return self._changing

    def trial(self, now: int) -> dict[str, Any] | None:
        """What is told of a change on trial; None where none has been since the start."""
        return self._changing.status(now) if self._changing is not None else None

    def open_to_web(self) -> None:
        """Let the web interface's user call, where there is one."""
        guest = host.user_and_group(self._web_user) if self._web_user else None
        if guest is not None and host.is_owner(guest[0]):
            self.log.error("web", "the user %s is root or our own: it gets no socket; give it its own" % self._web_user)
            guest = None
        try:
            self._control.open_to(guest)
        except OSError as error:
            self.log.error("web", "the web interface cannot reach us: %s" % host.describe_os_error(error))

    def _answer(self, request: dict[str, Any], standing: str) -> dict[str, Any] | Later:
        """One request of the control socket. Raises IsthmusError, for mistakes of our own too: the caller gets an
        answer.
        """
        try:
            from isthmus import commands

            return commands.obey(self, request, standing)
        except IsthmusError:
            raise
        except Exception as error:  # noqa: BLE001 - as in _guarded()
            text = _describe_mistake(error)
            self.log.once("error", "control", text)
            raise IsthmusError(text, "", "internal") from None

    def start_selftest(self, names: list[str]) -> None:
        """Send probes as the hosts of these rules. Raises IsthmusError."""
        if self.selftest is None:
            from isthmus.selftest import SelfTest  # here: isthmusd starts sooner without it

            self.selftest = SelfTest(self.site, self.loop, self.log, host.random_bytes)
        self.selftest.start(names)

    def read_firewall(self) -> Firewall | None:
        """What the router's own firewall file says; None where there is none."""
        from isthmus.policy.forwards import parse_firewall  # here: isthmusd starts sooner without it

        try:
            return parse_firewall(host.read_file(self._firewall_path))
        except OSError:
            return None


def _describe_mistake(error: Exception) -> str:
    return "a mistake in Isthmus itself, please report it: %s" % host.describe_exception(error)


DIRECTORIES = (  # option, what it is without it, what it is
    ("--config", CONFIG_DIR, "directory of the file isthmus"),
    ("--state", STATE_DIR, "directory of what outlives a reboot"),
    ("--run", RUN_DIR, "directory of the control socket"),
    ("--deltas", DELTA_DIR, "directory of what uci has staged"),
    ("--web", WEB_USER, "user that the web interface runs as; it may call, and do what its users' sessions may"),
    ("--hosts", "", "file for the names that aliases have (without it: hosts, beside the control socket)"),
)


def _directories(words: list[str]) -> list[str]:
    """Directories and file, as the command line has them. Ends the program where it does not say so plainly."""
    found = [default for _, default, _ in DIRECTORIES]
    names = [name for name, _, _ in DIRECTORIES]
    for word in words:
        name, equals, value = word.partition("=")
        if name not in names or not equals:
            return _parse_directories(words)
        found[names.index(name)] = value
    return found


def _parse_directories(words: list[str]) -> list[str]:
    """The same, in any form, with help and with errors."""
    import argparse  # here: a tenth of the start

    parser = argparse.ArgumentParser(prog="isthmusd", description="Joins this site to others; stays in the foreground.")
    for name, default, what in DIRECTORIES:
        parser.add_argument(name, default=default, help="%s (default %s)" % (what, default or "none"))
    given = parser.parse_args(words)
    return [given.config, given.state, given.run, given.deltas, given.web, given.hosts]


def main() -> int:
    """The program. Exit status 0 after a stop in good order, 1 where it could not start."""
    config, state, run, deltas, web, hosts = _directories(sys.argv[1:])
    log = Log()
    host.leave_no_core()
    try:
        host.private_directory(state)
        host.private_directory(run)
        lock = host.only_instance(run + "/lock")
        if lock is None:
            log.error("isthmusd", "another isthmusd runs with %s; stop it, or give this one its own --run" % run)
            return 1
        from isthmus.kernel.real import RealKernel

        daemon = Daemon(RealKernel(), log, config, state, run, hosts, web)
        daemon.delta_dir = deltas
        daemon.start()
        os_cpython_start.end_loading(refuse)
    except KernelError as error:
        log.error("isthmusd", "cannot start: %s; %s" % (error, error.remedy))
        return 1
    except OSError as error:
        log.error("isthmusd", "cannot start: %s" % host.describe_os_error(error))
        return 1
    daemon.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
