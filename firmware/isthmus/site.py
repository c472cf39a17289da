"""One site: the engine, its tunnels and the kernel's keeper, wired together. No clock, no socket, no file.

Every event comes in with `now`; afterwards the site obeys what the engine and the tunnels ask until both are quiet.
Whatever leaves goes through an `Outlet`, so that a test runs two sites in one process against null kernels.
"""

from __future__ import annotations

from isthmus import verbs
from isthmus.children import kernel_sa
from isthmus.config.model import changed_fields
from isthmus.crypto.suites import SuiteError
from isthmus.errors import IsthmusError
from isthmus.facts import ends_of, peers_of
from isthmus.forcing import Forcing, hosts_of
from isthmus.keeper import Keeper
from isthmus.kernel.contract import KernelError
from isthmus.mover import Mover
from isthmus.observer import Observer
from isthmus.outlet import Beside
from isthmus.policy.guard import guard_text
from isthmus.probe import in_ipv4
from isthmus.proto import actions
from isthmus.proto.errors import CrossedAttempt
from isthmus.proto.ike2.engine import Engine
from isthmus.troubles import GuardMissingError, explained
from isthmus.tunnel import Tunnel
from isthmus.wire.addr import IPV4_BYTES, format_endpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from isthmus.config.model import Config
    from isthmus.edge.log import Log
    from isthmus.kernel.contract import Kernel
    from isthmus.outlet import Outlet
    from isthmus.policy.chain import Chain
    from isthmus.wire.addr import Endpoint

# Options that ask nothing new of the peer: what is agreed stays when they change.
SOFT = (
    "local_subnets", "remote_subnets", "internet", "mtu", "dpd_ms",
    "child_lifetime_ms", "ike_lifetime_ms", "lifetime_bytes", "lifetime_packets", "reauth_ms",
)  # fmt: skip

VITAL = (verbs.RESOLVE, verbs.CONNECT, verbs.INITIATE)  # what a tunnel cannot go on without
MISTAKE, MISTAKE_REMEDY = "a mistake in Isthmus itself", "see the log, and report it"

PLAIN = "networks are not translated, VPN clients get no other ports and no helper"
WAY_DEBOUNCE_MS = 50  # addresses and routes change in swarms


class Site:
    """See the module. `rng(n) -> bytes`."""

    def __init__(self, kernel: Kernel, outlet: Outlet, log: Log, rng: Callable[[int], bytes], now: int) -> None:
        self.kernel = kernel
        self.log = log
        self.tunnels: dict[str, Tunnel] = {}
        self.engine = Engine(rng)
        self.forcing = Forcing(kernel, outlet, log)
        self.keeper = Keeper(kernel, log, self.forcing.tally, now)
        self.observer = Observer(kernel, log, now)
        self.mover = Mover(self.engine, kernel, log)
        self.beside = Beside()  # what talks IKE beside the tunnels: pairings.py
        self.guarded = False  # a configuration that could not be read may hold tunnels: the guard stands for them
        self._adopting: list[str] | None = None  # tunnels of the first configuration that may find SAs in the kernel
        self._todo: list[actions.Action] = []
        self._touched: set[str] = set()  # tunnels that actions have named since the last datagram
        self._outlet = outlet
        self._rng = rng
        self._now = now
        self._way_at: int | None = None
        self._looked_at: int | None = None
        self._remembered: str | None = ""
        self._verbs = self._make_verbs()
        self._actions = self._make_actions()

    # --- configuration ------------------------------------------------------------------------------------------------

    def apply(self, config: Config, paused: list[str], now: int) -> dict[str, list[str]]:
        """Make the tunnels and policies those of `config`; what does not differ does not blink.

        Returns {"started", "changed", "removed", "unchanged": [names], "exposed": [sentences]: who may use the open
        Internet from now on}. Raises IsthmusError where nft refuses the new rules: then everything stays as it was.
        """
        self._now = now
        self._try_nat(config)
        chains, counters = self.forcing.draft(config, self.tunnels)
        if self._adopting is None:  # a tunnel that is changed later starts from nothing
            self._adopting = [row.name for row in config.tunnels]
        elif chains or self.forcing.chains()[0]:
            self._try_guard(self._guard_of(chains, counters))
        report: dict[str, list[str]] = {"started": [], "changed": [], "removed": [], "unchanged": []}
        wanted = [row.name for row in config.tunnels]
        for name in list(self.tunnels):
            if name not in wanted:
                self.keeper.released |= {(item.kind, item.key()) for item in self.tunnels[name].desired()}
                self._leave(name)
                report["removed"].append(name)
        for row in config.tunnels:
            before = self.tunnels.get(row.name)
            if before is None:
                report["started"].append(row.name)
            elif before.config == row:
                report["unchanged"].append(row.name)
                continue
            elif not [name for name in changed_fields(before.config, row) if name not in SOFT]:
                before.reconfigured(row)
                report["changed"].append(row.name)
                continue
            else:
                report["changed"].append(row.name)
                self._leave(row.name)
            self.tunnels[row.name] = Tunnel(row, self._rng, now, row.name in paused)
        for key in ("started", "changed", "removed"):
            for name in report[key]:
                self.log.notice(name, "configuration: %s" % key)
        self.keeper.released |= {(item.kind, item.key()) for item in self.forcing.objects()}
        report["exposed"] = self.forcing.take(config)
        for sentence in report["exposed"]:
            self.log.warning("policy", sentence)
        self._outlet.publish_hosts(hosts_of(config))
        self.forcing.see(self.tunnels, now)
        self.guarded = False
        self.keeper.hurry(now)
        return report

    def _try_guard(self, text: str) -> None:
        """What nft does not take is refused before anything else is touched; what it takes is in force from here on."""
        if text != self.keeper.wanted_guard or not self.keeper.guard_stands():
            self.keeper.try_guard(text, self._now)

    def _try_nat(self, config: Config) -> None:
        """If the kernel has refused translation: perhaps its modules have been installed since."""
        if not self.forcing.plain:
            return
        self.forcing.plain = False
        try:
            self._try_guard(self._guard_of(*self.forcing.draft(config, self.tunnels)))
        except IsthmusError:  # what is wrong with it apply() meets again
            self.forcing.plain = True

    def _leave(self, name: str) -> None:
        """A tunnel goes, or is replaced by one of the same name: its peer is told first."""
        tunnel = self.tunnels.pop(name)
        tunnel.stop(self._now)
        self._obey_tunnel(tunnel)
        self.engine.remove_connection(name)  # its key opens nothing from now on
        self._obey_engine()

    def stop(self, now: int) -> None:
        """Take every tunnel down in good order; policies, backstop routes and the guard stay."""
        self._now = now
        mistake: Exception | None = None
        for tunnel in self.tunnels.values():
            try:
                tunnel.stop(now)
                self._obey_tunnel(tunnel)
                self.engine.remove_connection(tunnel.name)
                self._obey_engine()
            except Exception as error:  # noqa: BLE001 - raised below: one tunnel keeps no other up
                mistake = error
        self.look(now)
        if mistake is not None:
            raise mistake

    # --- what comes in ------------------------------------------------------------------------------------------------

    def receive(self, data: bytes, source: Endpoint, destination: Endpoint, now: int) -> None:
        """A datagram for the engine."""
        self._now = now
        self._touched = set()
        self.engine.receive(data, source, destination, now)
        self.obey(now, True)

    def echo(self, message: bytes, source: bytes, ifname: str, now: int) -> None:
        """An ICMPv6 or ICMP message from an interface."""
        for tunnel in self.tunnels.values():
            if tunnel.config.ifname == ifname:
                tunnel.echo(message, source, now)
        self.obey(now)

    def resolved(self, name: str, addresses: list[bytes], failure: str, now: int) -> None:
        """A name server's answer, or why there is none."""
        for tunnel in self.tunnels.values():
            tunnel.resolved(name, addresses, failure, now)
        self.beside.resolved(name, addresses, failure, now)
        self.obey(now)

    def kernel_changed(self, kinds: set[str], now: int) -> None:
        """The kernel reports changes of these kinds, our own among them."""
        self._now = now
        if kinds - {"mapping"}:
            self.keeper.suspect(kinds - {"mapping"}, now)
        if "mapping" in kinds:
            self.mover.follow(list(self.tunnels.values()), now)
            self.obey(now)
        if "sa" in kinds:
            self.observer.hurry(now)
        if "way" in kinds and self._way_at is None:
            self._way_at = now + WAY_DEBOUNCE_MS

    # --- time ---------------------------------------------------------------------------------------------------------

    def get_timer(self) -> int:
        """When handle_timer wants to be called."""
        timers = [self.engine.get_timer(), self.keeper.get_timer(), self._way_at, self.forcing.get_timer()]
        timers += [tunnel.get_timer() for tunnel in self.tunnels.values()]
        timers.append(self.beside.get_timer())
        return min([timer for timer in timers if timer is not None] + [self.observer.at])

    def handle_timer(self, now: int, wall: int | None = None) -> None:
        """Do what is due, and compare the kernel with what is wanted where there is a reason. wall: Unix seconds."""
        self._now = now
        timer = self.forcing.get_timer()
        if timer is not None and now >= timer:
            self.forcing.end_flows()
            over = self.forcing.tell_time(wall, now)
            if self.forcing.see(self.tunnels, now) or over:
                self.keeper.hurry(now)
        timer = self.engine.get_timer()
        if timer is not None and now >= timer:
            self.engine.handle_timer(now)
        if self._way_at is not None and now >= self._way_at:
            self._way_at = None
            for tunnel in self.tunnels.values():
                tunnel.look_again()
        for tunnel in self.tunnels.values():
            timer = tunnel.get_timer()
            if timer is not None and now >= timer:
                tunnel.handle_timer(now)
        self.beside.handle_timer(now)
        self.obey(now)
        if now >= self.observer.at:
            self.observe(now)
            self.obey(now)
        if self.keeper.due(now):
            self.look(now)

    # --- what goes out ------------------------------------------------------------------------------------------------

    def obey(self, now: int, only_touched: bool = False) -> None:
        """Do what the engine and the tunnels ask, until both are quiet. only_touched: ask no tunnels but those that an
        action of the engine names; a hub has hundreds, and a datagram is one's.
        """
        self._now = now
        quiet = False
        while not quiet:
            quiet = not self._obey_engine()
            for tunnel in self._concerned(only_touched):
                quiet = not self._obey_tunnel(tunnel) and quiet
        changed = False
        for tunnel in self._concerned(only_touched):
            state = tunnel.changed(now)
            if state is not None:
                changed = True
                self._announce(tunnel, state)
        if changed and self.forcing.see(self.tunnels, now):
            self.keeper.hurry(now)

    def _announce(self, tunnel: Tunnel, state: str) -> None:
        """A new state in the log, with the reason and the remedy where something is wrong."""
        text = "%s: %s" % (state, tunnel.story())
        if state in ("up", "disabled"):
            self.log.notice(tunnel.name, text)
        elif state != "waiting" or tunnel.error is None:
            self.log.once("notice", tunnel.name, text)  # on the way up these come again with every try
        else:
            self.log.once("warning", tunnel.name, "%s; %s; %s" % (text, tunnel.error, tunnel.error.remedy))

    def _concerned(self, only_touched: bool) -> list[Tunnel]:
        if not only_touched:
            return list(self.tunnels.values())
        return [self.tunnels[name] for name in self._touched if name in self.tunnels]

    def _obey_engine(self) -> bool:
        self._todo += self.engine.take_actions()
        busy = bool(self._todo)
        while self._todo:  # what a mistake of ours leaves undone is done at the next event
            action = self._todo.pop(0)
            name = getattr(action, "name", None)
            if name is not None:
                self._touched.add(name)
            if not self.beside.take(action, self._now):
                self._actions[type(action)](action)
        return busy

    def _obey_tunnel(self, tunnel: Tunnel) -> bool:
        todo = tunnel.take_requests()
        busy = bool(todo)
        while todo:
            verb, value = todo.pop(0)
            try:
                self._verbs[verb](tunnel, value)
            except Exception:
                if verb in VITAL:  # the tunnel would wait for ever for what does not come
                    tunnel.refused(IsthmusError(MISTAKE, MISTAKE_REMEDY), self._now)
                raise
        return busy

    def _make_actions(self) -> dict[type, Callable[[Any], None]]:
        """Each action of the engine, and who obeys it."""

        def tell(method: Callable[[Tunnel, Any, int], None], first: bool = False) -> Callable[[Any], None]:
            def deliver(action: Any) -> None:  # noqa: ANN401 - each row of the table has its own type
                tunnel = self.tunnels.get(action.name)
                if tunnel is not None:
                    method(tunnel, action, self._now)
                    if first:
                        self._obey_tunnel(tunnel)

            return deliver

        return {
            actions.SendDatagram: lambda it: self._outlet.send(it.data, it.source, it.destination, it.probe),
            actions.InstallSa: self._install_inbound,
            actions.IkeUp: tell(Tunnel.ike_up),
            # Traffic moves before the next datagram: after our DELETE or our answer to one some peers hear no old SA.
            actions.ChildUp: tell(Tunnel.child_up, True),
            actions.ChildGone: tell(Tunnel.child_gone, True),
            actions.IkeRekeyed: tell(Tunnel.ike_rekeyed),
            actions.IkeGone: tell(Tunnel.ike_gone),
            actions.RekeyRefused: tell(Tunnel.rekey_refused),
            actions.PeerMoved: tell(Tunnel.peer_moved),
            actions.PathProbed: tell(Tunnel.path_probed),
            actions.PeerSeen: tell(Tunnel.peer_seen),
            actions.Told: lambda _: None,
            actions.Failed: self._failed,
        }

    def _make_verbs(self) -> dict[str, Callable[[Tunnel, Any], None]]:
        """Each request of a tunnel, and how it is obeyed."""
        return {
            verbs.RESOLVE: lambda _, name: self._outlet.resolve(name),
            verbs.FIND_WAY: self._find_way,
            verbs.CONNECT: self._connect,
            verbs.INITIATE: self._initiate,
            verbs.CHECK_PEER: lambda tunnel, _: self.engine.check_peer(tunnel.name, self._now),
            verbs.ABANDON: lambda tunnel, keep: self.engine.delete(tunnel.name, self._now, keep),
            verbs.DELETE: lambda tunnel, _: self.engine.delete(tunnel.name, self._now),
            verbs.MOVE: self._move,
            verbs.REKEY: lambda tunnel, spi: self.engine.rekey_child(tunnel.name, spi, self._now),
            verbs.REKEY_IKE: lambda tunnel, _: self.engine.rekey_ike(tunnel.name, self._now),
            verbs.UPDATE: self.mover.update,
            verbs.INSTALL: self._install,
            verbs.PROBE_PATH: self._probe_path,
            verbs.RECONCILE: lambda _, __: self.keeper.hurry(self._now),
            verbs.PROBE: self._probe,
            verbs.TELL: lambda tunnel, error: self.log.warning(tunnel.name, "%s; %s" % (error, error.remedy)),
        }

    def _install_inbound(self, action: actions.InstallSa) -> None:
        """Before the datagram that follows: the peer may send on this SA as soon as it has that."""
        tunnel = self.tunnels.get(action.name)
        if tunnel is not None:
            self._install(tunnel, action.spec)

    def _install(self, tunnel: Tunnel, spec: actions.SaSpec) -> None:
        if tunnel.derived is None:
            return
        if not self.keeper.guard_stands():
            self.look(self._now)
        if not self.keeper.guard_stands():
            tunnel.refused(self.keeper.error or GuardMissingError("the guard is not in place"), self._now)
            return
        try:
            sa = kernel_sa(spec, tunnel.derived)
            self.kernel.add(sa)
        except IsthmusError as error:
            tunnel.refused(error, self._now)
            return
        except Exception:
            tunnel.refused(IsthmusError(MISTAKE, MISTAKE_REMEDY), self._now)
            raise
        self.keeper.made.add((sa.kind, sa.key()))
        tunnel.children.placed(spec)
        if spec.direction == actions.OUTBOUND:
            self.mover.take_over(tunnel)

    def _failed(self, action: actions.Failed) -> None:
        tunnel = self.tunnels.get(action.name) if action.name is not None else None
        action = actions.Failed(action.name, action.source, action.role, explained(action.error))
        if isinstance(action.error, CrossedAttempt) and action.role == actions.RESPONDER:
            return  # both sides began at once, ours goes on: nothing is wrong
        if tunnel is not None:
            tunnel.attempt_failed(action, self._now)
        if action.role == actions.RESPONDER:
            who = format_endpoint(action.source)
            text = "refused a call from %s: %s; %s" % (who, action.error, action.error.remedy)
            self.log.once("warning", action.name or "ike", text)

    def _find_way(self, tunnel: Tunnel, address: bytes | None) -> None:
        unknown = tunnel.derived is None
        others = [(it.name, it.derived) for it in self.tunnels.values() if it is not tunnel and it.derived is not None]
        try:
            way = self.kernel.way_to(address) if address is not None else None
            addresses = self.forcing.lans_first(self.kernel.local_addresses())
        except KernelError as error:
            tunnel.found_way(None, [], error, [], self._now)
        else:
            tunnel.found_way(way, addresses, None, others, self._now)
        if unknown and tunnel.derived is not None and tunnel.name in (self._adopting or []):
            self._adopting = [name for name in self._adopting or [] if name != tunnel.name]
            if self.observer.adopt(tunnel, tunnel.derived, self._now):
                self.observe(self._now)

    def _connect(self, tunnel: Tunnel, _: object) -> None:
        try:
            connection = tunnel.connection()
        except SuiteError as error:
            connection = None
            tunnel.refused(error, self._now)
        if connection is None:
            self.engine.remove_connection(tunnel.name)
        else:
            self.engine.set_connection(connection)

    def _initiate(self, tunnel: Tunnel, _: object) -> None:
        """What closes comes first: guard, policies, backstop routes stand before a word is said to the peer."""
        if self._looked_at != self._now:  # once for all that begin now
            self.look(self._now)
        if tunnel.attempting:  # not given up meanwhile
            self.engine.initiate(tunnel.name, self._now)

    def _move(self, tunnel: Tunnel, ends: tuple[bytes, bytes]) -> None:
        self.mover.move(tunnel, ends, self._now)
        self.keeper.put_off(self._now)

    def _probe_path(self, tunnel: Tunnel, size: int) -> None:
        self.engine.probe_path(tunnel.name, size, self._now)  # without an IKE SA it is asked again later

    def _probe(self, tunnel: Tunnel, message: bytes) -> None:
        if tunnel.derived is not None:
            self._outlet.probe(message, tunnel.derived.remote.link_local, tunnel.config.ifname)
        for hop in tunnel.config.static.next_hops if tunnel.config.static is not None else []:
            if len(hop) == IPV4_BYTES:
                self._outlet.probe(in_ipv4(message), hop, tunnel.config.ifname)

    # --- the kernel ---------------------------------------------------------------------------------------------------

    def look(self, now: int) -> None:
        """Tell the keeper what is wanted, and let it compare."""
        self._looked_at = now
        self.keeper.rest(now)
        tunnels = list(self.tunnels.values())
        self.keeper.configured = self.forcing.config is not None
        self.keeper.settled = not self.guarded and not [t for t in tunnels if t.wanted and t.derived is None]
        ends = [ends_of(tunnel) for tunnel in tunnels]
        many: dict[tuple[bytes, bytes] | None, int] = {}
        for pair in ends:
            many[pair] = many.get(pair, 0) + 1
        for tunnel, pair in zip(tunnels, ends):
            tunnel.shared = pair is not None and many[pair] > 1
        self.forcing.see(self.tunnels, now)
        chains, counters = self.forcing.chains()
        text = None
        if tunnels or self.guarded or chains:
            text = self._guard_of(chains, counters)
        self.keeper.wanted_guard = text
        self.keeper.wanted = [item for tunnel in tunnels for item in tunnel.desired()] + self.forcing.objects()
        self.keeper.wanted_sas = {key for tunnel in tunnels for key in tunnel.children.wanted()}
        if not self.keeper.look(now):
            self.observer.at = now
        if self.keeper.guard_refusals > 1 and chains and not self.forcing.plain:
            self.forcing.plain = True
            self.log.warning("policy", "%s: nft refuses a guard with it" % PLAIN)
            self.keeper.hurry(now)
        if self.keeper.guard_stands() and not self.guarded:
            if text != self._remembered:  # never what nft has not taken: the next boot needs it
                chains, counters = self.forcing.boot_chains()
                kept = self._guard_of(chains, counters) if text is not None else ""
                if self._outlet.remember_guard(kept, self.forcing.closed()):
                    self._remembered = text
            self.forcing.settle(self.keeper.guard_repairs)

    def _guard_of(self, chains: list[Chain], counters: list[str]) -> str:
        """The whole guard. While no configuration could be read that of the last run stays: it may hold promises."""
        if self.guarded and self.forcing.inherited:
            return self.forcing.inherited
        tunnels = list(self.tunnels.values())
        sessions = self.observer.guard_sessions(tunnels, self.keeper.settled)
        return guard_text(sessions, self._peers(), chains, counters)

    def peers_of(self, name: str) -> list[bytes]:
        """Where the peer of that tunnel may be expected, or has proved itself."""
        return peers_of(self.tunnels[name])

    def _peers(self) -> list[bytes]:
        return [address for tunnel in self.tunnels.values() for address in peers_of(tunnel)]

    def observe(self, now: int) -> None:
        """Counters: of SAs for who moved and who lives, of sessions for what L2TP really carries."""
        self.observer.observe(list(self.tunnels.values()), now)
