"""A site's policies at work: which tunnel each forced rule goes through now, and what follows from it in the kernel.

Pure policy (policy/forced.py) says which chains, rules and routes belong to a configuration and to the state of its
tunnels; this remembers what was chosen, which exceptions are over, and whose connections have yet to end.
"""

from __future__ import annotations

from isthmus.facts import facts_of, peers_of
from isthmus.kernel.contract import KernelError
from isthmus.policy.desired import next_hop
from isthmus.policy.ending import Concern, Ending
from isthmus.policy.guard import is_safe_name
from isthmus.policy.lane import Lane, choose, lane_numbers
from isthmus.policy.whole import State, lane_names, policy_chains
from isthmus.tally import Tally
from isthmus.wire.addr import IPV4_BYTES, IPV6_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.forced import ExceptionConfig, ForcedConfig
    from isthmus.config.model import Config
    from isthmus.edge.log import Log
    from isthmus.kernel.contract import Kernel
    from isthmus.kernel.flows import Flow
    from isthmus.kernel.objects import KernelObject
    from isthmus.outlet import Outlet
    from isthmus.policy.chain import Chain
    from isthmus.tunnel import Tunnel

LEAVE_MS = 1_000  # a tunnel that was chosen is left when it has been down so long
MOVED_MS = 5_000  # the guard follows a tunnel to another uplink when it has been there so long
RETURN_MS = 10_000  # one that is preferred is gone back to when it has been up so long
TRACKING_MS = 1_000  # how often it is asked whether this router tracks connections
CLOCK_MS = 60_000  # how often the wall clock is asked while an exception waits for its end
FLOWS_A_TURN = 100  # to end in one go: the loop has other things to do


class Forcing:
    """See the module. `chosen`: rule name -> tunnel name; `spent`: exceptions that are over for good, NAME@UNTIL."""

    def __init__(self, kernel: Kernel, outlet: Outlet, log: Log) -> None:
        self.config: Config | None = None
        self.chosen: dict[str, str] = {}
        self.lanes: list[Lane] = []
        self.spent: list[str] = outlet.spent_exceptions()
        self.inherited = ""  # the guard's text of a former life, as long as it says more than we do
        self.gap = False  # that one was gone when we came: connections may have begun without it
        self.tally = Tally(kernel, log)
        self.wall: int | None = None  # Unix seconds, when we were last told
        self._kernel = kernel
        self._outlet = outlet
        self._log = log
        self.plain = False  # the kernel has refused a guard with NAT in it
        self._ways: dict[str, str] = {}  # tunnel -> the interface that leads to its peer
        self._moving: dict[str, int] = {}  # tunnel that is reached by another one now -> since when
        self._uplinks: list[str] = []
        self._tracking = False  # once on, it stays on: our own chains want it then
        self._asked_at: int | None = None
        self._peers: list[bytes] = []
        self._written: dict[bool, tuple[Config, State, tuple[list[Chain], list[str]]]] = {}
        self._up: list[str] = []
        self._doubts: dict[str, tuple[str, int]] = {}  # rule name -> tunnel that may take over, since when
        self._wall_at = 0
        self._settled: dict[str, Concern] | None = None
        self._to_end: list[Flow] = []
        self._repairs = 0

    @property
    def rules(self) -> list[ForcedConfig]:
        """In file order."""
        return self.config.forced if self.config is not None else []

    def holds(self) -> bool:
        """Forced rules stand, of this life or of a former one."""
        return bool(self.rules) or "forced" in self.inherited or "closed" in self.inherited

    # --- configuration ------------------------------------------------------------------------------------------------

    def draft(self, config: Config, tunnels: dict[str, Tunnel]) -> tuple[list[Chain], list[str]]:
        """Chains and counters as they would be with another configuration. Raises NoLaneError."""
        if config.forced or config.aliases or self.rules:
            _load()
        lanes = make_lanes(config, tunnels)
        first = choose(config.forced, _only_up(lanes, self._up))
        chosen = {}
        for rule in config.forced:
            current = self.chosen.get(rule.name)
            chosen[rule.name] = current if current in rule.via else first[rule.name]
        return policy_chains(config, self._state(config, lanes, chosen))

    def take(self, config: Config) -> list[str]:
        """This is the configuration from now on. Returns a sentence for whoever becomes exposed."""
        exposed: list[str] = []
        if self.rules:
            from isthmus.policy.exposure import find_exposed

            exposed = find_exposed(self.rules, config.forced)
        self.config = config
        names = [rule.name for rule in config.forced]
        self.chosen = {name: tunnel for name, tunnel in self.chosen.items() if name in names}
        self._doubts = {}
        known = [_mark(exception) for exception in exceptions_of(config) + config.withheld]
        spent = [mark for mark in self.spent if mark in known]
        if spent != self.spent:
            self.spent = spent
            self._outlet.remember_spent(spent)
        return exposed

    # --- what is seen -------------------------------------------------------------------------------------------------

    def see(self, tunnels: dict[str, Tunnel], now: int) -> bool:
        """The states of the tunnels now. True when what the kernel should hold may have changed."""
        if self.config is None:
            return False
        self._up = [name for name in sorted(tunnels) if tunnels[name].state() == "up"]
        differs = self._look_around(tunnels, now)
        lanes = make_lanes(self.config, tunnels)
        differs = differs or lanes != self.lanes
        self.lanes = lanes
        wanted = choose(self.config.forced, _only_up(lanes, self._up))
        for rule in self.config.forced:
            differs = self._consider(rule, wanted[rule.name], now) or differs
        return differs

    def _look_around(self, tunnels: dict[str, Tunnel], now: int) -> bool:
        """Where peers are, and by which interfaces they are reached. One that moves is followed later: no new
        guard is on its way when every moment counts. True when an interface has changed.
        """
        moving = {}
        for name, tunnel in tunnels.items():
            ifname = tunnel.road.way.ifname if tunnel.road.way is not None else ""
            if not is_safe_name(ifname) or ifname == self._ways.get(name):
                continue
            since = self._moving.get(name, now)
            if name not in self._ways or now - since >= MOVED_MS:
                self._ways[name] = ifname
            else:
                moving[name] = since
        self._moving = moving
        self._ways = {name: ifname for name, ifname in self._ways.items() if name in tunnels}
        # Who does not translate has no client that could shadow us, and tracking costs a tenth of the throughput.
        if not self._tracking and (self._asked_at is None or now - self._asked_at >= TRACKING_MS):
            self._asked_at = now
            self._tracking = self._kernel.is_tracking()
        before, self._uplinks = self._uplinks, sorted(set(self._ways.values())) if self._tracking else []
        self._peers = sorted({address for tunnel in tunnels.values() for address in peers_of(tunnel)})
        return before != self._uplinks

    def _consider(self, rule: ForcedConfig, better: str, now: int) -> bool:
        """Whether this rule goes another way from now on: not with each probe that is lost."""
        current = self.chosen.get(rule.name)
        if current == better:
            self._doubts.pop(rule.name, None)
            return False
        if current is not None and current in rule.via:
            doubt, since = self._doubts.get(rule.name, ("", now))
            if doubt != better:
                since = now
                self._doubts[rule.name] = (better, now)
            if now - since < self._patience(current):
                return False
            text = "rule %s goes through tunnel %s now, instead of %s"
            self._log.notice("policy", text % (rule.name, better, current))
        self._doubts.pop(rule.name, None)
        self.chosen[rule.name] = better
        return True

    def _patience(self, current: str) -> int:
        return RETURN_MS if current in self._up else LEAVE_MS

    def tell_time(self, wall: int | None, now: int) -> bool:
        """The wall clock, Unix seconds, None where nobody knows. True when an exception has come to its end with it."""
        self._wall_at = now
        if wall is None:
            return False
        self.wall = wall
        over: list[str] = []
        for exception in exceptions_of(self.config):
            mark = _mark(exception)
            if exception.until is not None and wall >= exception.until and mark not in self.spent + over:
                over.append(mark)
                self._log.notice("policy", "exception %s is over" % exception.name)
        if over:
            self.spent += over
            self._outlet.remember_spent(self.spent)
        return bool(over)

    def get_timer(self) -> int | None:
        """When see() and tell_time() want to be called."""
        timers = [since + MOVED_MS for since in self._moving.values()]
        timers += [since + self._patience(self.chosen[name]) for name, (_, since) in self._doubts.items()]
        for exception in exceptions_of(self.config):
            if exception.until is not None and not self.is_spent(exception):
                left = CLOCK_MS if self.wall is None else max(0, 1000 * (exception.until - self.wall))
                timers.append(self._wall_at + min(CLOCK_MS, left))
        if self._to_end:
            timers.append(self._wall_at)
        return min(timers) if timers else None

    # --- what follows -------------------------------------------------------------------------------------------------

    def chains(self) -> tuple[list[Chain], list[str]]:
        """For the guard: chains, and names of counters."""
        return self._write(False)

    def boot_chains(self) -> tuple[list[Chain], list[str]]:
        """The same without what a kernel that has just started may not have yet."""
        return self._write(True)

    def _write(self, for_boot: bool) -> tuple[list[Chain], list[str]]:
        if self.config is None:
            return [], []
        state = self._state(self.config, self.lanes, self.chosen)
        known = self._written.get(for_boot)  # hundreds of hosts are many lines, and every look asks for them
        if known is None or known[0] is not self.config or known[1] != state:
            known = self._written[for_boot] = (self.config, state, policy_chains(self.config, state, for_boot))
        return known[2]

    def _state(self, config: Config, lanes: list[Lane], chosen: dict[str, str]) -> State:
        spent = {exception.name for exception in exceptions_of(config) if self.is_spent(exception)}
        return State(lanes, dict(chosen), spent, self._uplinks, self._peers, self.plain)

    def closed(self) -> str:
        """What stands in at boot for a guard that nft does not take; "" where nothing was promised."""
        if self.config is None or not self.config.forced:
            return ""
        from isthmus.policy.closed import closed_text

        return closed_text(self.config.forced, self.config.globals.lans)

    def lans_first(self, addresses: list[tuple[str, bytes, int]]) -> list[tuple[str, bytes, int]]:
        """(interface, address, length): other sites know this router by its address in a LAN, not on an uplink."""
        lans = self.config.globals.lans if self.config is not None else []
        return [row for row in addresses if row[0] in lans] + [row for row in addresses if row[0] not in lans]

    def objects(self) -> list[KernelObject]:
        """Rules, and routes of the tunnels' tables."""
        if self.config is None or not (self.config.forced or self.lanes):
            return []
        from isthmus.policy.forced import forced_objects, homes_of

        return forced_objects(self.lanes, homes_of(self.config.forced, self.config.globals.lans))

    def is_spent(self, exception: ExceptionConfig) -> bool:
        """It is over, and stays so whatever the clock says."""
        return _mark(exception) in self.spent

    def is_over(self, exception: ExceptionConfig) -> bool:
        """It lets nothing pass any more: the kernel sees its end a moment before we remember it."""
        past = exception.until is not None and self.wall is not None and self.wall >= exception.until
        return past or self.is_spent(exception)

    def settle(self, repairs: int) -> None:
        """The guard stands as wanted: connections that began under other rules end. repairs: how often somebody has
        taken it away, and connections may have begun without it.
        """
        wanted = self._concerns()
        before = self._settled
        if before is None:
            stood = self.inherited and not self.gap and self._stands_in(self.inherited)
            before = wanted if stood else {}
        if repairs != self._repairs:
            before = {}
        changed = [row for name, row in before.items() if wanted.get(name) != row]
        changed += [row for name, row in wanted.items() if before.get(name) != row]
        unseen: list[Flow] = []
        if changed:
            try:
                lans = self.config.globals.lans if self.config is not None else []
                ending = Ending(changed, self._kernel.local_addresses(), self._kernel.neighbours(), lans)
                found = self._kernel.flows(ending.fits)
            except KernelError as error:
                text = "connections that began under other rules go on: %s; %s"
                self._log.once("error", "policy", text % (error, error.remedy))
                return
            unseen = [flow for flow in found if flow.offloaded]
            self._to_end = unseen + [flow for flow in found if not flow.offloaded] + self._to_end
        self._settled = wanted
        self._repairs = repairs
        self.inherited = ""
        # At once: our own IKE follows, and a client's connection may own its port. The chains drop what is left to a
        # later turn, but for what passes by them.
        self.end_flows(len(unseen))

    def end_flows(self, at_least: int = 0) -> None:
        """Some of those that have to."""
        count = max(at_least, FLOWS_A_TURN)
        todo, self._to_end = self._to_end[:count], self._to_end[count:]
        for flow in todo:
            try:
                self._kernel.end_flow(flow)
            except KernelError as error:
                self._log.once("error", "policy", "a connection goes on: %s; %s" % (error, error.remedy))

    def _concerns(self) -> dict[str, Concern]:
        if self.config is None:
            return {}
        spent = [_mark(exception) for exception in exceptions_of(self.config) if self.is_spent(exception)]
        found = {}
        for rule in self.config.forced:
            still = [exception.name for exception in rule.exceptions if _mark(exception) not in spent]
            found["rule " + rule.name] = Concern(rule=rule, state=(self.chosen.get(rule.name, ""), still))
        for alias in self.config.aliases:
            tunnel = self.config.get(alias.tunnel)
            found["alias " + alias.name] = Concern(alias=alias, subnets=tunnel.remote_subnets if tunnel else [])
        if self.config.passthrough:
            found["passthrough"] = Concern(passthrough=self.config.passthrough)
        if self._uplinks and not self.plain:
            found["peers"] = Concern(peers=self._peers)
        return found

    def _stands_in(self, text: str) -> bool:
        """A guard with this text holds the same rules."""
        return all("\n".join(chain.lines()) + "\n" in text for chain in self.boot_chains()[0])


def _load() -> None:
    """What only rules and aliases need (waiting.py) is there before anything is changed for them, or nothing is."""
    from isthmus.policy import alias, closed, exposure, forced

    alias, closed, exposure, forced  # noqa: B018 - having them is all


def hosts_of(config: Config) -> str:
    """Lines for a resolver's hosts file, policy/alias.py's."""
    if not config.aliases:
        return ""
    from isthmus.policy.alias import hosts_text

    return hosts_text(config.aliases)


def make_lanes(config: Config, tunnels: dict[str, Tunnel]) -> list[Lane]:
    """One for each tunnel that a rule may go through; usable: its interface is there, with a way to the peer."""
    names = lane_names(config)
    numbers = lane_numbers(names)
    lanes = []
    for name in names:
        row, tunnel = config.get(name), tunnels.get(name)
        if row is None:
            continue  # config refuses it
        hop, hop4, usable = None, None, False
        if tunnel is not None and tunnel.derived is not None and tunnel.config.ifname == row.ifname:
            facts = facts_of(tunnel)
            usable = facts.live
            hop = next_hop(facts, tunnel.derived, IPV6_BYTES)
            hop4 = next_hop(facts, tunnel.derived, IPV4_BYTES) if hop is not None and len(hop) == IPV6_BYTES else None
        lanes.append(Lane(name, numbers[name], row.ifname, hop, usable, hop4))
    return lanes


def exceptions_of(config: Config | None) -> list[ExceptionConfig]:
    """Each once, in the order of the rules."""
    found: list[ExceptionConfig] = []
    for rule in config.forced if config is not None else []:
        found += [exception for exception in rule.exceptions if exception not in found]
    return found


def _only_up(lanes: list[Lane], up: list[str]) -> list[Lane]:
    """The same, usable only where a probe crosses: what is chosen must carry."""
    return [Lane(row.name, row.number, row.ifname, row.next_hop, row.name in up, row.next_hop4) for row in lanes]


def _mark(exception: ExceptionConfig) -> str:
    """What an exception is remembered by: with another end it is another one."""
    return "%s@%s" % (exception.name, exception.until)
