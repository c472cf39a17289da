"""All pairings of one site: the desk (proto/pairing) joined to the IKE engine, the kernel's ways and the configuration.

    administrators -> Pairings -> desk -> actions -> engine: connections "pair-N", tells, DELETEs
    engine -> Site -> take() -> desk                 -> registry: sections and key files, once both ends have proved it

An entry that both administrators have approved is a second connection, "pair-N-proof", under the tunnel's own keys:
the joiner calls it, the inviter answers, and whoever sees it come up writes the tunnel down. It stays for a while
beside the tunnel, for a joiner that has not heard the answer. No section's name has a "-" in it: no tunnel's is one.
"""

from __future__ import annotations

from isthmus.errors import IsthmusError
from isthmus.kernel.contract import KernelError
from isthmus.offer import offered_ike
from isthmus.outlet import Beside
from isthmus.pairing_call import DIAL, Call
from isthmus.pairing_place import Reach, find_reach, private_text
from isthmus.pairing_records import Past, Proof
from isthmus.proto import actions as ike
from isthmus.proto.errors import AuthenticationFailed, HalfAnswered, NoPairing, PpkMismatch, PskMismatch, Unreachable
from isthmus.proto.ike2.childless import make_connection
from isthmus.proto.ike2.connection import Ppk, Retransmit
from isthmus.proto.pairing import actions
from isthmus.proto.pairing.desk import Desk
from isthmus.proto.pairing.errors import NAME_TAKEN, UNKNOWN_INVITE, PairingError, make
from isthmus.proto.pairing.exchange import ASKING, AWAITED
from isthmus.proto.pairing.keys import EXPORTER_LABEL, TunnelKeys
from isthmus.proto.pairing.limits import UNCONFIRMED_MS, UNPROVEN_MS
from isthmus.proto.pairing.values import INVITER
from isthmus.wire.addr import IPV4_BYTES, format_ip
from isthmus.wire.ip_numbers import IKE_PORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from isthmus.edge.log import Log
    from isthmus.outlet import Outlet
    from isthmus.pairing_registry import Registry
    from isthmus.proto.pairing.exchange import Exchange
    from isthmus.proto.pairing.keys import InviteKeys
    from isthmus.proto.pairing.values import Place
    from isthmus.site import Site
    from isthmus.wire.addr import Endpoint
    from isthmus.wire.identity import Identity

PREFIX, PROOF = "pair-", "-proof"
ANY = bytes(IPV4_BYTES)
WRITE_AGAIN_MS = 5_000
PROVE_AGAIN_MS = 3_000
HISTORY = 8  # pairings that are over and still told about
FIRST_MS, FACTOR = 500, 180
TRIES_ALONE, TRIES_OF_SEVERAL = 7, 5  # 37 s, or 11 s for each where there are others to try
SUITES = ("aes256gcm16-prfsha256-x25519", "aes128gcm16-prfsha256-x25519", "chacha20poly1305-prfsha256-x25519")


class Pairings(Beside):
    """See the module. rng(n) -> bytes. After each call of an administrator's the site has to obey."""

    def __init__(self, site: Site, outlet: Outlet, registry: Registry, log: Log, rng: Callable[[int], bytes]) -> None:
        """Raises IsthmusError where this site cannot be paired as it is."""
        self.registry = registry
        self.place: Place = registry.place(site.kernel)
        self.desk = Desk(rng, self.place)
        self.exchanges: dict[int, Exchange] = {}
        self.reach: dict[int, Reach] = {}
        self.calls: dict[int, Call] = {}
        self.proofs: dict[int, Proof] = {}
        self.past: list[Past] = []
        self._site = site
        self._engine = site.engine
        self._kernel = site.kernel
        self._outlet = outlet
        self._log = log
        self._sas: dict[int, str] = {}  # ike_id -> connection, of IKE SAs that are up
        self._ends: dict[int, tuple[Endpoint, Endpoint]] = {}  # pairing -> (local, remote) of its IKE SA
        self._now = 0
        self._handlers: dict[type, Callable[[Any], None]] = {
            actions.Listen: self._listen,
            actions.Call: self._call,
            actions.Stop: self._stop,
            actions.Send: self._send,
            actions.CloseSa: lambda it: self._engine.close(it.ike_id, self._now),
            actions.Ask: self._ask,
            actions.KeepEntry: self._keep,
            actions.ConfirmEntry: self._confirm,
            actions.RemoveEntry: lambda it: self._forget_proof(it.pairing),
            actions.Ended: self._ended,
        }

    # --- administrators -----------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """This site as it is now, for whatever comes next. Raises IsthmusError."""
        self.place = self.registry.place(self._kernel)
        for proof in self.proofs.values():
            if proof.proven and proof.write_at is not None:  # agreed, and not yet written
                self.place.paired[proof.entry.site] = proof.entry.name
        self.desk.set_place(self.place)

    def _try_refresh(self) -> None:
        try:
            self.refresh()
        except IsthmusError as error:  # what an administrator then asks for says so
            self._log.once("warning", "pairing", "%s; %s" % (error, error.remedy))

    def invite(self, at: list[str], now: int, wall: int) -> tuple[int, str]:
        """A new pairing's number, and its invite as text. at: HOST[:PORT] as typed. Raises IsthmusError."""
        self._now = now
        self.refresh()
        config = self.registry.config()
        reach = find_reach(at, config, self._kernel)
        pairing, invite = self.desk.invite(reach.endpoints, now, wall)
        self.reach[pairing] = reach
        self._know(pairing)
        self._obey()
        self._log.notice("pairing", "invite %d is open for 10 minutes" % pairing)
        return pairing, invite.get_text()

    def accept(self, text: str, now: int, wall: int) -> int:
        """A new pairing's number. Raises IsthmusError."""
        self._now = now
        self.refresh()
        pairing, invite = self.desk.accept(text, now, wall)
        self._log.notice("pairing", "invite of site %s entered, as pairing %d" % (invite.name, pairing))
        self._know(pairing)
        self._obey()
        return pairing

    def approve(self, pairing: int, words: tuple[str, ...], name: str, now: int) -> str:
        """The name of the tunnel to be. name: "" for one like the peer's. Raises IsthmusError."""
        self._now = now
        self.refresh()
        exchange = self.desk.get(pairing)
        peer = exchange.peer_info if exchange is not None else None
        if exchange is not None and peer is not None and exchange.terms is not None:
            promised = self.promised(pairing)
            name = name or self.registry.free_name(peer.name, promised)
            self.registry.check_name(name)
            if name in promised:
                raise make(NAME_TAKEN, "'%s'" % name)
            is_meant = exchange.state in (ASKING, AWAITED) and tuple(words) == exchange.words
            if is_meant and name not in self.place.tunnels:  # is there room for it?
                keys, terms, role = TunnelKeys(bytes(32)), exchange.terms, exchange.role
                endpoints = [] if role == INVITER else exchange.invite.endpoints
                entry = actions.Entry(name, peer.name, peer.site, role, terms, endpoints, keys)
                self.registry.keep(entry, self._remotes(pairing, entry), really=False)
        try:
            self.desk.approve(pairing, words, name, now)
        finally:
            self._obey()
        self._log.notice("pairing", "pairing %d approved here, as tunnel %s" % (pairing, name))
        return name

    def promised(self, pairing: int) -> list[str]:
        """Names of tunnels that other pairings have been approved for, and that are not written yet."""
        names = [one.tunnel for number, one in self.exchanges.items() if number != pairing and one.is_live]
        waiting = [proof for number, proof in self.proofs.items() if number != pairing and proof.write_at is not None]
        return [name for name in names if name] + [proof.entry.name for proof in waiting]

    def cancel(self, pairing: int, now: int) -> None:
        """Raises PairingError."""
        self._now = now
        proof = self.proofs.get(pairing)
        if proof is not None and proof.proven and proof.write_at is not None:
            proof.write_at = None
            self._give_up(pairing, proof)
            return
        self.desk.cancel(pairing, now)
        self._obey()

    def _know(self, pairing: int) -> None:
        """The desk forgets a pairing before we are told how it ended."""
        exchange = self.desk.get(pairing)
        if exchange is not None:
            self.exchanges[pairing] = exchange

    # --- the engine ---------------------------------------------------------------------------------------------------

    def take(self, action: ike.Action, now: int) -> bool:
        """See Beside."""
        name = getattr(action, "name", None)
        if name is None or not name.startswith(PREFIX):
            return False
        if isinstance(action, ike.SendDatagram):
            return False
        self._now = now
        is_proof = name.endswith(PROOF)
        pairing = int(name[len(PREFIX) : len(name) - len(PROOF)] if is_proof else name[len(PREFIX) :])
        if isinstance(action, ike.IkeUp):
            self._sas[action.ike_id] = name
            if is_proof:
                self._proven(pairing, action)
            else:
                self._up(pairing, action)
        elif isinstance(action, ike.IkeGone):
            self._sas.pop(action.ike_id, None)
            if not is_proof:
                self.desk.lost(action.ike_id, now)
        elif isinstance(action, ike.Told) and not is_proof:
            if self.desk.runs_in(action.ike_id):  # whoever came too late, or has ended it, keeps nobody busy
                self._try_refresh()
            self.desk.receive(action.ike_id, action.data, now)
        elif isinstance(action, ike.Failed):
            self._failed(pairing, is_proof, action)
        self._obey()
        return True

    def _up(self, pairing: int, action: ike.IkeUp) -> None:
        call = self.calls.pop(pairing, None)
        if not action.ppk:
            self._engine.close(action.ike_id, self._now)
            return
        for sa in self._engine.table.find_all(action.name):
            if sa.ike_id == action.ike_id and (call is not None or pairing not in self._ends):
                self._ends[pairing] = (sa.local, sa.remote)
        exporter = self._engine.export(action.ike_id, EXPORTER_LABEL)
        self.desk.authenticated(pairing, action.ike_id, exporter, action.nat, self._now)

    def _proven(self, pairing: int, action: ike.IkeUp) -> None:
        proof = self.proofs.get(pairing)
        if action.role == ike.INITIATOR or proof is None:
            self._engine.close(action.ike_id, self._now)
        if proof is not None and action.ppk:
            proof.call_at = None
            self.desk.proven(pairing, self._now)

    def _failed(self, pairing: int, is_proof: bool, action: ike.Failed) -> None:
        error = action.error
        if action.role == ike.RESPONDER:
            if not is_proof and isinstance(error, AuthenticationFailed):
                self.desk.disbelieved(pairing, self._now)
            return
        if is_proof:
            proof = self.proofs.get(pairing)
            if proof is not None and not proof.proven:
                proof.call_at = self._now + PROVE_AGAIN_MS
            return
        call = self.calls.get(pairing)
        if call is None:
            return
        if isinstance(error, HalfAnswered):  # there may be an SA that is ours: a second one would be a rival's
            self.calls.pop(pairing)
            self.desk.call_failed(pairing, PairingError(str(error), error.remedy, "half-answered"), self._now)
            return
        unanswered = isinstance(error, Unreachable)
        refused = isinstance(error, (NoPairing, PskMismatch, PpkMismatch))
        words = "no answer" if unanswered else ("answers, and knows no such invite" if refused else str(error))
        call.failed(words, refused, self._now)
        self._go_on(pairing, call)

    def resolved(self, name: str, addresses: list[bytes], failure: str, now: int) -> None:
        """See Beside."""
        self._now = now
        for pairing, call in list(self.calls.items()):
            call.resolved(name, addresses, failure, now)
            self._go_on(pairing, call)

    # --- time ---------------------------------------------------------------------------------------------------------

    def get_timer(self) -> int | None:
        """See Beside."""
        timers = [self.desk.get_timer()] + [call.retry_at for call in self.calls.values()]
        for proof in self.proofs.values():
            timers += proof.get_times()
        known = [timer for timer in timers if timer is not None]
        return min(known) if known else None

    def handle_timer(self, now: int) -> None:
        """See Beside."""
        timer = self.get_timer()
        if timer is None or now < timer:
            return
        self._now = now
        for pairing, call in list(self.calls.items()):
            call.handle_timer(now)
            self._go_on(pairing, call)
        for pairing, proof in list(self.proofs.items()):
            if proof.call_at is not None and now >= proof.call_at:
                proof.call_at = now + UNPROVEN_MS
                self._engine.initiate(_proof_name(pairing), now)
            if proof.write_at is not None and now >= proof.write_at:
                self._write(pairing, proof)
            if proof.forget_at is not None and now >= proof.forget_at and proof.write_at is None:
                self._forget_proof(pairing)
        self.desk.handle_timer(now)
        self._obey()

    # --- what the desk wants ------------------------------------------------------------------------------------------

    def _obey(self) -> None:
        todo = self.desk.take_actions()
        while todo:
            for action in todo:
                self._handlers[type(action)](action)
            todo = self.desk.take_actions()

    def _listen(self, action: actions.Listen) -> None:
        keys = action.keys
        ids = (keys.inviter_id, keys.joiner_id)
        self._connect(_name(action.pairing), (ANY, IKE_PORT), None, ids, keys, TRIES_ALONE)

    def _connect(
        self,
        name: str,
        local: Endpoint,
        remote: Endpoint | None,
        ids: tuple[Identity, Identity],
        keys: InviteKeys | TunnelKeys,
        tries: int,
    ) -> None:
        """Let the engine know of it. ids: ours and the peer's."""
        self._engine.set_connection(make_connection(
            name, local, remote, ids[0], ids[1], keys.psk, Ppk(keys.ppk_id, keys.ppk, True), offered_ike(list(SUITES)),
            Retransmit(FIRST_MS, FACTOR, tries), remote is None,
        ))  # fmt: skip

    def _call(self, action: actions.Call) -> None:
        call = self.calls[action.pairing] = Call(action.keys, action.endpoints, self._now)
        self._go_on(action.pairing, call)

    def _go_on(self, pairing: int, call: Call) -> None:
        """Do what a call wants, until it waits for something."""
        wants = call.take_wants()
        while wants:
            for verb, value in wants:
                if verb == DIAL:
                    self._dial(pairing, call, value)  # type: ignore[arg-type]
                else:
                    self._outlet.resolve(str(value))
            wants = call.take_wants()
        if call.refused and pairing in self.calls:
            self.calls.pop(pairing)
            self.desk.call_failed(pairing, make(UNKNOWN_INVITE, "; ".join(call.findings())), self._now)
            self._obey()

    def _dial(self, pairing: int, call: Call, remote: Endpoint) -> None:
        try:
            way = self._kernel.way_to(remote[0])
        except KernelError:
            call.failed("no route leads there", False, self._now)
            return
        tries = TRIES_OF_SEVERAL if len(call.endpoints) > 1 and not call.rounds else TRIES_ALONE
        ids = (call.keys.joiner_id, call.keys.inviter_id)
        name = _name(pairing)
        self._engine.delete(name, self._now)
        self._connect(name, (way.source, IKE_PORT), remote, ids, call.keys, tries)
        self._engine.initiate(name, self._now)

    def _stop(self, action: actions.Stop) -> None:
        name = _name(action.pairing)
        self.calls.pop(action.pairing, None)
        self._engine.remove_connection(name)
        if name not in self._sas.values():  # SAs that are up end behind what was told on them
            self._engine.delete(name, self._now)
        self._ends.pop(action.pairing, None)
        self.reach.pop(action.pairing, None)

    def _send(self, action: actions.Send) -> None:
        if not self._engine.tell(action.ike_id, action.data, self._now):
            self._log.once("info", "pairing", "pairing %d: a message could not be sent" % action.pairing)

    def _ask(self, action: actions.Ask) -> None:
        view = action.view
        self._log.once("notice", "pairing", "pairing %d: site %s waits for approval" % (action.pairing, view.peer))

    def _keep(self, action: actions.KeepEntry) -> None:
        """The entry under its own keys: answered, or called."""
        entry = action.entry
        ends = self._ends.get(action.pairing)
        proof = self.proofs[action.pairing] = Proof(entry, ends[0] if ends else None, ends[1] if ends else None)
        keys = entry.keys
        name = _proof_name(action.pairing)
        if entry.role == INVITER:
            ids = (keys.inviter_id, keys.joiner_id)
            self._connect(name, (ANY, IKE_PORT), None, ids, keys, TRIES_ALONE)
        elif ends is not None:
            call = (ends[0][0], IKE_PORT), (ends[1][0], IKE_PORT)
            self._connect(name, call[0], call[1], (keys.joiner_id, keys.inviter_id), keys, TRIES_OF_SEVERAL)
            proof.call_at = self._now

    def _confirm(self, action: actions.ConfirmEntry) -> None:
        proof = self.proofs.get(action.pairing)
        if proof is None:
            return
        proof.proven = True
        proof.call_at = None
        proof.gives_up_at = self._now + UNCONFIRMED_MS
        proof.tried_at = self._now
        if proof.entry.role == INVITER:
            proof.forget_at = self._now + UNPROVEN_MS
        proof.write_at = self._now

    def _write(self, pairing: int, proof: Proof) -> None:
        """The configuration, and the tunnel comes up. What cannot be written now is tried again."""
        entry = proof.entry
        proof.write_at = self._now + WRITE_AGAIN_MS
        try:
            warnings = self.registry.keep(entry, self._remotes(pairing, entry))
        except IsthmusError as error:
            self._log.once("error", "pairing", "tunnel %s cannot be kept: %s; %s" % (entry.name, error, error.remedy))
            if proof.unwritten(error, self.registry.is_held(), self._now):
                proof.write_at = None
                self._give_up(pairing, proof)
            return
        proof.write_at = None
        proof.error = None
        for warning in warnings:
            self._log.warning("pairing", warning)
        self._log.notice("pairing", "paired with site %s: tunnel %s" % (entry.peer, entry.name))
        if entry.role != INVITER:
            self._forget_proof(pairing)
        self._try_refresh()

    def _give_up(self, pairing: int, proof: Proof) -> None:
        """The peer has the tunnel, and we cannot: it is told as the end of this pairing."""
        text = "the tunnel was agreed, and could not be written here: %s" % (proof.error or "cancelled")
        remedy = "unpair it on the other side (isthmus unpair NAME), mend what is wrong here, and pair again"
        for past in self.past:
            if past.pairing == pairing:
                past.error = IsthmusError(text, remedy, "not-written")
                past.tunnel = ""
        self._log.error("pairing", "%s; %s" % (text, remedy))
        self._forget_proof(pairing)

    def _remotes(self, pairing: int, entry: actions.Entry) -> list[str]:
        """Where this tunnel's peer is: the endpoint that has answered first, and a private address only if it is that;
        or where the joiner has called from, if no translator is in between; else anywhere.
        """
        proof = self.proofs.get(pairing)
        remote = proof.remote if proof is not None else self._ends.get(pairing, (None, None))[1]
        exchange = self.exchanges.get(pairing)
        at = format_ip(remote[0]) if remote is not None else ""
        if entry.role == INVITER:
            is_direct = exchange is not None and exchange.nat == "none" and at
            return [at] if is_direct else []
        hosts: list[str] = []
        for host, _ in entry.endpoints:
            if host not in hosts and (host == at or not private_text(host)):
                hosts.append(host)
        if at in hosts:
            hosts.remove(at)
            hosts.insert(0, at)
        return hosts

    def _forget_proof(self, pairing: int) -> None:
        name = _proof_name(pairing)
        if self.proofs.pop(pairing, None) is not None:
            self._engine.remove_connection(name)
            if name not in self._sas.values():
                self._engine.delete(name, self._now)
            for ike_id in [ike_id for ike_id, connection in self._sas.items() if connection == name]:
                self._engine.close(ike_id, self._now)  # nobody tells anything there, and not every peer closes it

    def _ended(self, action: actions.Ended) -> None:
        exchange = self.exchanges.get(action.pairing)
        if exchange is None:
            return
        peer = exchange.peer_info.name if exchange.peer_info is not None else ""
        if not peer and exchange.role != INVITER:
            peer = exchange.invite.name
        tunnel = exchange.tunnel if action.error is None else ""
        row = Past(action.pairing, exchange.role, peer, tunnel, action.error, self._now)
        self.past = ([one for one in self.past if one.pairing != row.pairing] + [row])[-HISTORY:]
        known = [one.pairing for one in self.past] + list(self.proofs)
        for pairing in list(self.exchanges):
            if not self.exchanges[pairing].is_live and pairing not in known:
                del self.exchanges[pairing]
        if action.error is not None:
            error = action.error
            self._log.notice("pairing", "pairing %d is over: %s; %s" % (row.pairing, error, error.remedy))


def _name(pairing: int) -> str:
    return "%s%d" % (PREFIX, pairing)


def _proof_name(pairing: int) -> str:
    return _name(pairing) + PROOF
