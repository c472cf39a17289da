"""The desk: all pairings of one site, and the rules that hold between them. The daemon talks to it and to nothing else.

    desk.invite(endpoints)    desk.accept(text)     desk.approve(...)     desk.cancel(...)     administrators
    desk.authenticated(...)  desk.disbelieved(...)  desk.receive(...)  desk.lost(...)  desk.proven(...)  the IKE engine
    desk.handle_timer(now)   desk.get_timer()       desk.take_actions() -> [Listen, Call, Send, Ask, KeepEntry, ...]

Between pairings: one for each pair of sites, no site with itself, so many at once and no more; whoever comes with an
invite that is somebody else's, expired or closed is told so, once they have proved that they have it.
"""

from __future__ import annotations

from isthmus.crypto.dh import X25519
from isthmus.proto.pairing import actions
from isthmus.proto.pairing.errors import CROSSED, NOT_NOW, SELF, SPENT, TOO_MANY, make, number_of
from isthmus.proto.pairing.exchange import AGREED, APPROVED, KEPT, Exchange
from isthmus.proto.pairing.invite import make_invite, read_invite
from isthmus.proto.pairing.limits import CALL_MS, INVITE_MS, INVITES, JOININGS, REMEMBERED
from isthmus.proto.pairing.messages import ABORT, Message, push_message
from isthmus.proto.pairing.tables import AUTHENTICATED, DISBELIEVED, LOST, NO, PROVEN, TIMER, YES, receive, step
from isthmus.proto.pairing.values import INVITER, JOINER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.proto.pairing.errors import PairingError
    from isthmus.proto.pairing.invite import Invite
    from isthmus.proto.pairing.values import Place
    from isthmus.wire.value import Value

EXPIRY_SECONDS = INVITE_MS // 1000


class Desk:
    """All pairings of one site. rng(n): n random bytes; place: this site, see set_place. Times: ms, monotonic; wall:
    seconds since 1970, which goes into what people read and decides nothing.
    """

    def __init__(self, rng: Callable[[int], bytes], place: Place) -> None:
        self._rng = rng
        self._place = place
        self._exchanges: dict[int, Exchange] = {}
        self._last = 0
        self._order = 0
        self._actions: list[Value] = []

    # Administrators

    def set_place(self, place: Place) -> None:
        """This site has changed: its networks, its tunnels, whom it is paired with."""
        self._place = place
        for exchange in self._exchanges.values():
            exchange.place = place

    def invite(self, endpoints: list[tuple[str, int]], now: int, wall: int) -> tuple[int, Invite]:
        """A new pairing's number and its invite. endpoints: [(host name or address, UDP port)] under which this site is
        reached. Raises InviteError, PairingError(TOO_MANY).
        """
        if self._count(INVITER) >= INVITES:
            raise make(TOO_MANY, "%d invites" % INVITES)
        invite, pair = make_invite(self._rng, self._place.name, endpoints, (wall + EXPIRY_SECONDS) & 0xFFFFFFFF)
        exchange = self._add(INVITER, invite, pair, wall, now, now + INVITE_MS)
        self._actions.append(actions.Listen(exchange.pairing, exchange.keys))
        return exchange.pairing, invite

    def accept(self, text: str, now: int, wall: int) -> tuple[int, Invite]:
        """A new pairing's number and what its invite says. Raises InviteError for the text; PairingError: SELF for an
        invite of this site's own, SPENT for one that is or was entered here, TOO_MANY.
        """
        invite = read_invite(text)
        for exchange in self._exchanges.values():
            if exchange.invite.commitment == invite.commitment or exchange.invite.secret == invite.secret:
                raise make(SELF if exchange.role == INVITER else SPENT)
        if self._count(JOINER) >= JOININGS:
            raise make(TOO_MANY, "%d invites entered here" % JOININGS)
        exchange = self._add(JOINER, invite, X25519(self._rng), wall, now, now + CALL_MS)
        self._actions.append(actions.Call(exchange.pairing, exchange.keys, invite.endpoints))
        return exchange.pairing, invite

    def approve(self, pairing: int, words: tuple[str, ...], tunnel: str, now: int) -> None:
        """The administrator has seen these words on both screens. tunnel: its name here. Raises PairingError: NOT_NOW,
        OTHER_WORDS and NAME_TAKEN change nothing, any other has ended the pairing.
        """
        self.handle_timer(now)
        exchange = self._get(pairing)
        try:
            step(exchange, YES, (tuple(words), tunnel), now)
        finally:
            self._collect(exchange, now)

    def cancel(self, pairing: int, now: int) -> None:
        """The administrator wants no more of it. Raises PairingError(NOT_NOW) if it has ended."""
        exchange = self._get(pairing)
        step(exchange, NO, None, now)
        self._collect(exchange, now)

    # The IKE engine

    def authenticated(self, pairing: int, ike_id: int, exporter: bytes, nat: str, now: int) -> None:
        """An IKE SA under this pairing's keys is up. exporter: of that SA (keys.py), 32 to 64 bytes."""
        self.handle_timer(now)  # what was late may not count, whichever of the two the daemon sees first
        exchange = self._exchanges.get(pairing)
        if exchange is None:
            self._actions.append(actions.CloseSa(pairing, ike_id))
            return
        if exchange.ike_id is None and exchange.is_live and exchange.state != KEPT:
            self._order += 1
            exchange.order = self._order
            step(exchange, AUTHENTICATED, (ike_id, exporter, nat), now)
        else:
            self._refuse(exchange, ike_id)
        self._collect(exchange, now)

    def disbelieved(self, pairing: int, now: int) -> None:
        """The identity of this pairing was named in IKE_AUTH with a proof that is wrong."""
        self._step_known(pairing, DISBELIEVED, None, now)

    def receive(self, ike_id: int, data: bytes, now: int) -> None:
        """A message on this IKE SA. One on an SA that no pairing runs in is dropped."""
        self.handle_timer(now)
        exchange = self._find_by_sa(ike_id)
        if exchange is not None:
            receive(exchange, data, now)
            self._collect(exchange, now)

    def lost(self, ike_id: int, now: int) -> None:
        """This IKE SA has ended, for whatever reason."""
        exchange = self._find_by_sa(ike_id)
        if exchange is not None:
            step(exchange, LOST, None, now)
            self._collect(exchange, now)

    def call_failed(self, pairing: int, error: PairingError, now: int) -> None:
        """No endpoint leads anywhere, or who answered does not know the invite: error says which."""
        self._step_known(pairing, LOST, error, now)

    def proven(self, pairing: int, now: int) -> None:
        """An IKE_AUTH under the keys of this pairing's entry has proved the peer."""
        self._step_known(pairing, PROVEN, None, now)

    def handle_timer(self, now: int) -> None:
        """Everything whose time has come."""
        for exchange in list(self._exchanges.values()):
            if exchange.deadline is None or now < exchange.deadline:
                continue
            if exchange.is_live:
                step(exchange, TIMER, None, now)
                self._collect(exchange, now)
            if not exchange.is_live and exchange.deadline is not None and now >= exchange.deadline:
                self._forget(exchange)

    def get_timer(self) -> int | None:
        """When handle_timer is to be called; None: nothing waits."""
        times = [exchange.deadline for exchange in self._exchanges.values() if exchange.deadline is not None]
        return min(times) if times else None

    def take_actions(self) -> list[Value]:
        """What to do, in order; drained after every call above."""
        taken, self._actions = self._actions, []
        return taken

    # Between pairings

    def get(self, pairing: int) -> Exchange | None:
        """For status: read, never changed."""
        return self._exchanges.get(pairing)

    def _get(self, pairing: int) -> Exchange:
        exchange = self._exchanges.get(pairing)
        if exchange is None:
            raise make(NOT_NOW, "there is no pairing %d" % pairing)
        return exchange

    def _count(self, role: int) -> int:
        return len([one for one in self._exchanges.values() if one.role == role and one.is_live])

    def _add(self, role: int, invite: Invite, pair: X25519, wall: int, now: int, deadline: int) -> Exchange:
        self._last += 1
        exchange = Exchange(self._last, role, invite, pair, self._place, wall, now, deadline)
        self._exchanges[self._last] = exchange
        return exchange

    def runs_in(self, ike_id: int) -> bool:
        """Whether a pairing that has not ended runs in this IKE SA."""
        return self._find_by_sa(ike_id) is not None

    def _find_by_sa(self, ike_id: int) -> Exchange | None:
        for exchange in self._exchanges.values():
            if exchange.ike_id == ike_id:
                return exchange
        return None

    def _step_known(self, pairing: int, event: str, argument: PairingError | None, now: int) -> None:
        exchange = self._exchanges.get(pairing)
        if exchange is not None:
            step(exchange, event, argument, now)
            self._collect(exchange, now)

    def _refuse(self, exchange: Exchange, ike_id: int) -> None:
        """Whoever proves an invite that is no longer to be had hears why."""
        message = push_message(Message(ABORT, reason=number_of(exchange.tell)))
        self._actions.append(actions.Send(exchange.pairing, ike_id, message))
        self._actions.append(actions.CloseSa(exchange.pairing, ike_id))
        if exchange.is_live:
            exchange.rivals += 1
            exchange.ask()

    def _collect(self, exchange: Exchange, now: int) -> None:
        """What it wants done; and what follows for the others."""
        self._actions += exchange.emitted
        exchange.emitted = []
        if exchange.peer_info is not None and exchange.is_live:
            self._check_crossing(exchange, now)
        if not exchange.is_live:
            if exchange.role == JOINER:
                self._forget(exchange)
            self._trim()

    def _check_crossing(self, exchange: Exchange, now: int) -> None:
        """One pairing for each pair of sites."""
        for other in list(self._exchanges.values()):
            if other is exchange or not other.is_live or _peer_site(other) != _peer_site(exchange):
                continue
            loser = self._pick_loser(exchange, other)
            if loser is None:
                continue
            loser.abort(make(CROSSED), now)
            self._collect(loser, now)
            if loser is exchange:
                return

    def _pick_loser(self, one: Exchange, two: Exchange) -> Exchange | None:
        """Which of two with one site goes; None: neither, for now.

        An unproven entry gives way to a new one, and to nothing less. Else one end alone decides, so that both keep the
        same: the site with the lower id. What its administrator has approved stays: a site id is only its sender's
        word. If nothing is approved: if they invited each other, the one whose inviter's identity is lower; else the
        later. The other end waits for that word; should it not come, its administrator sees both.
        """
        older = one if one.order < two.order else two
        if KEPT in (one.state, two.state):
            return older if one.state == two.state else None
        if _peer_site(one) < self._place.site:
            return None
        approved = [exchange for exchange in (one, two) if exchange.state in (APPROVED, AGREED)]
        if len(approved) == 1:
            return two if approved[0] is one else one
        if one.role == two.role:
            return older
        return two if _rank(one) < _rank(two) else one

    def _forget(self, exchange: Exchange) -> None:
        if exchange.pairing in self._exchanges:
            del self._exchanges[exchange.pairing]
            self._actions.append(actions.Stop(exchange.pairing))

    def _trim(self) -> None:
        """Of invites that are over, only the last few are told about."""
        ended = sorted([one.pairing for one in self._exchanges.values() if not one.is_live])
        for pairing in ended[: max(0, len(ended) - REMEMBERED)]:
            self._forget(self._exchanges[pairing])


def _peer_site(exchange: Exchange) -> bytes:
    return exchange.peer_info.site if exchange.peer_info is not None else b""


def _rank(exchange: Exchange) -> bytes:
    return exchange.keys.inviter_id.data
