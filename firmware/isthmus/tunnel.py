"""One tunnel's life: what it wants of the engine and of the kernel next, given what it knows.

Sans-IO like the protocol machines: events and `now` go in, requests come out. `desired()` says what the kernel should
hold; somebody else makes it so. The state is not stored but read off the facts (states.py).
"""

from __future__ import annotations

from isthmus import detour, moving, verbs
from isthmus.backoff import Backoff
from isthmus.children import Children
from isthmus.errors import IsthmusError
from isthmus.facts import facts_of
from isthmus.liveness import Liveness
from isthmus.offer import connection_of, mtu_of
from isthmus.path import Path
from isthmus.policy.desired import guard_session, objects_of
from isthmus.probe import Probe, pull_answer
from isthmus.proto.actions import INITIATOR
from isthmus.proto.errors import CrossedAttempt
from isthmus.renewal import FRESH, Renewal, limits_of
from isthmus.road import Road
from isthmus.states import row_of
from isthmus.troubles import NoWayError, PeerClosedError, Refusal, SaLostError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.config.model import TunnelConfig
    from isthmus.kernel.objects import KernelObject, Sa, Session
    from isthmus.kernel.ways import Way
    from isthmus.policy.derive import Derived
    from isthmus.policy.desired import LocalAddress
    from isthmus.policy.guard import Session as GuardSession
    from isthmus.proto.actions import (
        ChildGone,
        ChildUp,
        Failed,
        IkeGone,
        IkeRekeyed,
        IkeUp,
        PathProbed,
        PeerMoved,
        PeerSeen,
        RekeyRefused,
        SaSpec,
    )
    from isthmus.proto.ike2.connection import Connection
    from isthmus.road import Others

ANSWER_MS = 30_000  # should the answer to a question never come, the try begins again
WAITING_MS = 60_000  # how often a side that only waits looks where its peer is now


class Tunnel:
    """See the module. `rng(n) -> bytes`; a tunnel whose configuration differs is replaced by a new one."""

    def __init__(self, config: TunnelConfig, rng: Callable[[int], bytes], now: int, paused: bool = False) -> None:
        self.config = config
        self.name = config.name
        self.paused = paused
        self.children: Children = Children(limits_of(config), rng)
        self.renewal = Renewal(config, self.children, rng)
        self.probe: Probe = Probe(rng(8))
        self.error: IsthmusError | None = None
        self.error_at = now
        self.refusal: Refusal | None = None
        self.attempting: bool = False
        self.carried: bool = False
        self.shared = False  # another tunnel in transport mode has the same outer addresses: set by whoever sees all
        self.holding = False  # SAs are lost and new ones on their way: L2TP and routes wait, the policies see to it
        self.road = Road(config)
        self.adopted_mtu: int | None = None
        self.ike: IkeUp | None = None
        self.ike_at = now
        self.liveness = Liveness(config.dpd_ms, now)
        self.detour = detour.Detour()
        self.session: Session | None = None
        self.received_at: int | None = None
        self.changed_at = now
        self.retry_at: int | None = now
        self.follow_at: int | None = None  # the peer has moved: if it has made no new SAs by then, we do
        self.path = Path()
        self._backoff = Backoff(rng)
        self._requests: list[tuple[str, object]] = []
        self._seeking = False
        self._state = self.state()

    @property
    def derived(self) -> Derived | None:
        """What derives from who we and the peer are; None as long as that is unknown."""
        return self.road.derived

    # --- what comes out -----------------------------------------------------------------------------------------------

    @property
    def wanted(self) -> bool:
        """Configured to run, and not taken down by hand."""
        return self.config.enabled and not self.paused

    def state(self) -> str:
        """One of the names in states.py."""
        return row_of(self)[0]

    def story(self) -> str:
        """What the state means, for people."""
        return row_of(self)[2]

    def changed(self, now: int) -> str | None:
        """The new state, once, when it differs from that of the last call."""
        state = self.state()
        if state == self._state:
            return None
        self._state = state
        self.changed_at = now
        return state

    def desired(self) -> list[KernelObject]:
        """Everything that the kernel should hold for this tunnel, SAs excepted."""
        return objects_of(facts_of(self))

    def guard_session(self) -> GuardSession | None:
        """What the guard must know of this tunnel; None as long as its ids are unknown, and it can carry nothing."""
        return guard_session(facts_of(self))

    def mtu(self) -> int:
        """Of the interface: configured, or computed from the way out and the cipher; never less than IPv6 needs."""
        return mtu_of(self)

    def take_requests(self) -> list[tuple[str, object]]:
        """What to do now, in this order: (verb, value)."""
        requests, self._requests = self._requests, []
        return requests

    def _ask(self, verb: str, value: object = None) -> None:
        self._requests.append((verb, value))

    def _install(self, specs: list[SaSpec]) -> None:
        for spec in specs:
            self._ask(verbs.INSTALL, spec)
        if specs:
            self._ask(verbs.RECONCILE)

    # --- commands -----------------------------------------------------------------------------------------------------

    def pause(self, now: int) -> None:
        """Take it down: the peer is told, SAs and L2TP go; policies, backstop routes and the guard stay."""
        self.paused = True
        self.stop(now)

    def resume(self, now: int) -> None:
        """Start again after pause(), or try again at once."""
        self.paused = False
        self.error = None
        self._backoff.succeeded()
        if not self.children.usable() and not self.attempting:
            self.retry_at = now

    def renew_now(self, ike: bool) -> None:
        """Renew keys because somebody wants to: those of the IKE SA, or of ESP. Raises IsthmusError."""
        newest = self.children.newest
        if self.ike is None or newest is None:
            raise IsthmusError("tunnel %s has no keys to renew" % self.name, "bring it up first", "not-up")
        self._ask(verbs.REKEY_IKE if ike else verbs.REKEY, newest.inbound.spi)

    def stop(self, now: int) -> None:
        """The daemon or this configuration ends in good order."""
        self._ask(verbs.DELETE)
        self._end()
        self.retry_at = None
        self.error = None
        self.changed_at = now
        self.road.leave()
        self._ask(verbs.CONNECT)
        self._ask(verbs.RECONCILE)

    def reconfigured(self, config: TunnelConfig) -> None:
        """A configuration that asks nothing new of the peer: what is agreed stays, the kernel is brought up to it."""
        self.config = config
        self.road.config = config
        self.renewal.reconfigured(config)
        self.liveness.interval_ms = config.dpd_ms
        self._ask(verbs.RECONCILE)

    def connection(self) -> Connection | None:
        """What the engine needs to know of this tunnel; None while it may not talk to the peer. Raises SuiteError."""
        return connection_of(self) if self.wanted else None

    # --- finding the peer ---------------------------------------------------------------------------------------------

    def _attempt(self, now: int) -> None:
        """Begin where every try begins, with the peer's address: it may be a new one."""
        self.retry_at = now + ANSWER_MS
        self._seeking = True
        for name in self.road.ask():
            self._ask(verbs.RESOLVE, name)
        self._choose(now)

    def resolved(self, name: str, addresses: list[bytes], failure: str, now: int) -> None:
        """One of the peer's names has these addresses, or `failure` says why it has none."""
        if self._seeking and self.road.answered(name, addresses, failure):
            self._choose(now)

    def _choose(self, now: int) -> None:
        """When every name is answered: which address is tried?"""
        if not self.road.is_answered():
            return
        try:
            remote = self.road.remote if self.road.is_anywhere else self.road.choose(self.children.usable())
        except IsthmusError as error:
            self._failed(error, now)
        else:
            self._ask(verbs.FIND_WAY, remote)

    def look_again(self) -> None:
        """Addresses or routes of this router have changed: is the way to the peer still the same?"""
        if self.wanted and (self.road.remote is not None or self.road.is_anywhere):
            self._ask(verbs.FIND_WAY, self.road.remote)

    def found_way(
        self, way: Way | None, addresses: list[LocalAddress], error: IsthmusError | None, others: Others, now: int
    ) -> None:
        """The kernel's way to the peer's address or why there is none, this router's own addresses, and what the other
        tunnels of this site have derived.
        """
        seeking, self._seeking = self._seeking, False
        if not self.wanted:
            return
        if error is not None or (way is None and not self.road.is_anywhere):
            if seeking:
                self._failed(error or NoWayError("there is no route to the peer"), now, True)
            return
        try:
            turn = self.road.take(way, addresses, others)
        except IsthmusError as mistake:
            self._forget_peer()
            self._failed(mistake, now)
            return
        if turn.rederived:  # what was agreed, or is being agreed, belongs to ids that no longer hold
            self._ask(verbs.DELETE)
            self._end()
        if turn.connects:
            self.detour.is_on = False  # this road may be a better one
            self._ask(verbs.CONNECT)
        moving.pave(self, now)
        if turn.moved and self.attempting:  # from where nobody will hear the answer
            self._ask(verbs.ABANDON, self.ike.ike_id if self.ike is not None else None)
            self.attempting = False
        if turn.moved and not turn.rederived and self.ike is not None and self.ike.mobike:
            self._ask(verbs.MOVE, (self.road.local, self.road.remote))  # the kernel follows with the new SAs
            return
        if turn.news:  # other programs' routes may change without end
            self._ask(verbs.RECONCILE)
        if seeking or turn.moved:
            self._negotiate(now)

    def path_probed(self, action: PathProbed, now: int) -> None:
        """Whether a packet of that size has passed whole."""
        if self.path.probed(action.size, action.fits, action.sent, now):
            self._ask(verbs.RECONCILE)

    def cannot_move(self, now: int) -> None:
        """What stands cannot be moved: a fresh handshake from the new address."""
        self._ask(verbs.RECONCILE)
        self._negotiate(now)

    def _forget_peer(self) -> None:
        """Who the peer is, is not known any more: nothing is left of what was agreed."""
        self._ask(verbs.DELETE)
        self._end()
        self.road.forget()
        self._ask(verbs.CONNECT)
        self._ask(verbs.RECONCILE)

    def _end(self) -> None:
        """Nothing is agreed and nothing on its way any more."""
        self.children.clear()
        self.attempting = False
        self.carried = False
        self.holding = False
        self.session = None
        self.ike = None

    def _negotiate(self, now: int) -> None:
        self.retry_at = None
        if not self.config.initiates:
            # Where nobody answers for the SAs that carry, the peer may have gone elsewhere: its name tells.
            self.retry_at = None if self.children.usable() and self.ike is not None else now + WAITING_MS
        elif not self.attempting:
            self.attempting = True
            self._ask(verbs.INITIATE)

    def _failed(self, error: IsthmusError, now: int, elsewhere: bool = False) -> None:
        """A try has ended without a tunnel: remember why, and try again later. elsewhere: another address of the peer
        may be better, and is tried at once.
        """
        self.error = error
        self.error_at = now
        self.attempting = False
        self._seeking = False
        if self.holding:
            self.holding = False
            self._ask(verbs.RECONCILE)
        if elsewhere and self.road.failed():
            self.retry_at = now
        else:
            self.retry_at = now + self._backoff.failed()

    # --- what the engine tells ----------------------------------------------------------------------------------------

    def ike_up(self, action: IkeUp, now: int) -> None:
        """The peer has proved who it is."""
        self.ike = action
        self.ike_at = now
        self.renewal.ike_up(action.role, now)
        self.liveness.seen_at = now
        self.refusal = None

    def ike_rekeyed(self, action: IkeRekeyed, now: int) -> None:
        """The IKE SA goes on under another number, with fresh keys."""
        if self.ike is not None and self.ike.ike_id == action.ike_id:
            self.ike = self.ike.rekeyed(action.new_ike_id, action.suite)
            self.ike_at = now
            self.renewal.ike_rekeyed(now)

    def rekey_refused(self, action: RekeyRefused, now: int) -> None:
        """The peer will not renew what is up: people are told why, and a fresh IKE SA does it, when it must be."""
        if self.wanted:
            self.error = action.error
            self.error_at = now
            if action.inbound_spi is None or not self.children.renews_later():
                self.renew(FRESH, None, now)

    def child_up(self, action: ChildUp, now: int) -> None:
        """ESP is agreed; the outbound SA goes in as `children.py` says."""
        if not self.wanted or self.derived is None or moving.refuses(self, action.inbound.source, now):
            self._ask(verbs.DELETE)
            return
        if action.replaces is None:  # otherwise an attempt that is under way beside it goes on
            self.attempting = False
            self.error = None
            self.retry_at = None
        self.holding = False
        self.follow_at = None
        self.liveness.fresh(now)
        self._requests += moving.settle(self, action, now)
        self._install(self.children.child_up(action, now))
        moving.pave(self, now)
        self._ask(verbs.RECONCILE)

    def child_gone(self, action: ChildGone, now: int) -> None:
        """An SA pair has ended at the peer or with its IKE SA."""
        self._install(self.children.child_gone(action.inbound_spi, action.reason, now))
        self._ask(verbs.RECONCILE)
        if self.wanted and self.ike is not None and self.ike.ike_id == action.ike_id and not self.children.usable():
            self.retry_at = now

    def ike_gone(self, action: IkeGone, now: int) -> None:
        """An IKE SA has ended. The SAs of a peer that fell silent stay: they are no less secret, and it may come
        back.
        """
        if self.ike is None or self.ike.ike_id != action.ike_id:
            return
        self.ike = None
        if not self.wanted:
            return
        if action.error is None:
            self.children.clear()
            self.carried = False
            self._ask(verbs.RECONCILE)
        error = action.error or PeerClosedError("the peer has closed the tunnel")
        self._failed(error, now, action.error is not None)

    def peer_moved(self, action: PeerMoved, now: int) -> None:
        """The IKE SA is between other endpoints now."""
        self._requests += moving.peer_moved(self, action, now)

    def peer_seen(self, _action: PeerSeen, now: int) -> None:
        """An authenticated message has come."""
        self.liveness.seen_at = now

    def refused(self, error: IsthmusError, now: int) -> None:
        """An SA did not go into the kernel, or no algorithm is left to offer: there is no tunnel without it."""
        self._ask(verbs.DELETE)
        self.children.clear()
        self.ike = None
        self.road.leave()  # the engine is told anew
        self._failed(error, now)
        self._ask(verbs.RECONCILE)

    def attempt_failed(self, action: Failed, now: int) -> None:
        """An exchange has ended without an SA: our own try, or the peer's, which we refused."""
        if action.role == INITIATOR:
            if isinstance(action.error, CrossedAttempt):
                self.attempting = False  # the peer's own attempt goes on; should it fail, it is our turn again
                self.retry_at = None if self.children.usable() else now + ANSWER_MS
            elif self.wanted and self.attempting:
                self._requests += detour.attempt_failed(self, action.error, now)
                self._failed(action.error, now, True)
        else:
            self.refusal = Refusal(action.error, action.source, now)

    # --- what the kernel and the path tell ----------------------------------------------------------------------------

    def adopt(self, sas: list[Sa], mtu: int | None, now: int) -> None:
        """SAs of this tunnel that a former daemon left working, and the MTU of its interface."""
        self.children.adopt(sas, [address for _, address, _ in self.road.addresses], now)
        self.adopted_mtu = mtu
        used = self.children.outer()
        if used is not None and self.road.meet(used[0], used[1]):
            self._ask(verbs.FIND_WAY, self.road.remote)

    def observed(self, sas: list[Sa], session: Session | None, now: int) -> None:
        """What the kernel holds of this tunnel now: its SAs and its L2TP session, counters included."""
        self._install(self.children.observed(sas, now))
        received = session.rx_packets if session is not None else 0
        if received and (self.session is None or received != self.session.rx_packets):
            self.received_at = now
        self.session = session
        carried = session is not None and self.wanted and self.children.usable()
        if carried and not self.carried:
            self.probe.restart(now)
            if self.config.static is None:  # a stranger may never answer a probe
                self.liveness.path_made(now)
        self.carried = carried
        if self.children.lost and self.wanted:
            self._lost(now)

    def _lost(self, now: int) -> None:
        """Somebody has removed our SAs from the kernel: they never return, new ones are agreed at once."""
        self.error = SaLostError("another program has removed this tunnel's SAs from the kernel")
        self.error_at = now
        self.children.clear()
        self.holding = True
        self._ask(verbs.RECONCILE)
        if self.config.initiates:
            if not self.attempting:
                self.retry_at = now
        else:
            self._ask(verbs.DELETE)  # the peer calls again when it hears this

    def echo(self, message: bytes, source: bytes, now: int) -> None:
        """An ICMPv6 message, or from an IPv4 address an ICMP one, has come in on this tunnel's interface."""
        hops = self.config.static.next_hops if self.config.static is not None else []
        reply = pull_answer(self.derived, hops, message, source)
        if reply is None:
            return
        self.probe.answered(reply[1], reply[2], now)
        if self.probe.answering:
            self._backoff.succeeded()
            self.liveness.path_found()

    # --- time ---------------------------------------------------------------------------------------------------------

    def get_timer(self) -> int | None:
        """When handle_timer wants to be called, None for never."""
        timers = [self.children.get_timer()]
        if self.wanted:
            timers += [self.retry_at] + moving.get_timers(self)
            if self.carried:
                timers.append(self.probe.get_timer())
            if self.ike is not None:
                timers += [self.liveness.get_timer(), self.renewal.get_timer()]
        known = [timer for timer in timers if timer is not None]
        return min(known) if known else None

    def handle_timer(self, now: int) -> None:
        """Do what is due."""
        before = self.children.wanted()
        self._install(self.children.handle_timer(now))
        if self.children.wanted() != before:
            self._ask(verbs.RECONCILE)
            if not self.children.usable() and not self.attempting and self.retry_at is None:
                self.retry_at = now  # they have reached their end, and nobody has renewed them
        if not self.wanted:
            return
        if self.carried:
            answering = self.probe.answering
            message = self.probe.handle_timer(now)
            if message is not None:
                self._ask(verbs.PROBE, message)
            if answering and not self.probe.answering and self.ike is not None:
                self._ask(verbs.CHECK_PEER)  # at once: is it the path, or has the peer gone?
                self.liveness.path_lost(now)
        for verb, value in self.renewal.due(self.ike is not None, now):
            self.renew(verb, value, now)
        if self.ike is not None:
            self._requests += detour.look_alive(self, now)
        self._requests += moving.due(self, now)
        if self.retry_at is not None and now >= self.retry_at:
            self._attempt(now)

    def renew(self, verb: str, value: object, now: int) -> None:
        """Keys or the peer's proof are to be new: one of what renewal.py says is due."""
        if verb != FRESH:
            self._ask(verb, value)
        elif self.config.initiates and not self.attempting:
            self.retry_at = now
