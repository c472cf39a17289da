"""One pairing, seen from one side: what it knows, and what both roles do alike. The transitions: tables.py."""

from __future__ import annotations

from isthmus.crypto.prf import is_equal, wipe
from isthmus.proto.pairing import actions
from isthmus.proto.pairing.errors import (
    BETWEEN,
    CANCELLED,
    CHANGED,
    LATE,
    NAME_TAKEN,
    OTHER_WORDS,
    PAIRED,
    SELF,
    SPENT,
    VANISHED,
    PairingError,
    make,
    make_told,
    number_of,
)
from isthmus.proto.pairing.keys import (
    InviteKeys,
    Tags,
    TunnelKeys,
    compute_transcript,
    derive_root,
    pick_words,
)
from isthmus.proto.pairing.limits import TELL_MS
from isthmus.proto.pairing.messages import ABORT, APPROVE, Message, push_message
from isthmus.proto.pairing.names import is_name
from isthmus.proto.pairing.terms import settle
from isthmus.proto.pairing.values import INVITER, SIDES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.crypto.dh import KeyPair
    from isthmus.proto.pairing.invite import Invite
    from isthmus.proto.pairing.values import Info, Place, Terms
    from isthmus.wire.value import Value

# States, in the order in which a pairing goes through them.
OFFERED = "offered"  # inviter: nobody has come
CALLING = "calling"  # joiner: IKE is under way
OWNED = "owned"  # inviter: somebody has proved the invite
GREETED = "greeted"  # joiner: HELLO sent
OPENED = "opened"  # inviter: OPEN sent
INFORMED = "informed"  # joiner: INFO sent
ASKING = "asking"  # both: nobody has approved
APPROVED = "approved"  # both: we have
AWAITED = "awaited"  # both: the peer has
AGREED = "agreed"  # joiner: both have; KEEP must come
KEPT = "kept"  # both: there is an entry, and no IKE_AUTH under its keys yet
DONE = "done"
OVER = "over"

BEFORE_KEEPING = (OWNED, GREETED, OPENED, INFORMED, ASKING, APPROVED, AWAITED, AGREED)
ENDED = (DONE, OVER)


class Exchange:
    """One pairing. pairing: its number; role: values.INVITER or JOINER; pair: our one-time keys; place: this site, kept
    up to date by the desk; wall: seconds since 1970 at `begun`, for people; deadline: when TIMER comes; order:
    grows with each IKE SA that a pairing of this desk got.
    """

    def __init__(
        self, pairing: int, role: int, invite: Invite, pair: KeyPair, place: Place, wall: int, begun: int,
        deadline: int,
    ) -> None:
        self.pairing = pairing
        self.role = role
        self.state = OFFERED if role == INVITER else CALLING
        self.invite = invite
        self.keys = InviteKeys(invite)
        self.pair: KeyPair | None = pair
        self.place = place
        self.wall = wall
        self.begun = begun
        self.deadline: int | None = deadline
        self.ike_id: int | None = None
        self.nat = ""
        self.order = 0
        self.rivals = 0
        self.failures = 0
        self.tell = SPENT  # why whoever comes later is refused
        self.error: PairingError | None = None
        self.own_info: Info | None = None
        self.peer_info: Info | None = None
        self.words: tuple[str, ...] = ()
        self.terms: Terms | None = None
        self.tunnel = ""  # its name here
        self.messages: list[bytes] = []
        self.emitted: list[Value] = []
        self._exporter = bytearray()
        self._shared = bytearray()
        self._root = bytearray()
        self._tags: Tags | None = None

    def __repr__(self) -> str:
        return "Exchange(%d, %s, %s)" % (self.pairing, SIDES[self.role], self.state)

    @property
    def is_live(self) -> bool:
        """True until it has ended, well or not."""
        return self.state not in ENDED

    def tell_time(self, now: int) -> int:
        """Seconds since 1970."""
        return self.wall + (now - self.begun) // 1000

    def emit(self, action: Value) -> None:
        """Ask the daemon for this."""
        self.emitted.append(action)

    def send(self, message: Message, is_hashed: bool = False) -> None:
        """Send on the IKE SA. is_hashed: the message is part of the transcript."""
        data = push_message(message)
        if is_hashed:
            self.messages.append(data)
        if self.ike_id is not None:
            self.emit(actions.Send(self.pairing, self.ike_id, data))

    def join_keys(self, peer_key: bytes, inviter_key: bytes, joiner_key: bytes) -> None:
        """ECDH with the peer's one-time key; ours is forgotten. The words are known from here on. Raises DhError."""
        if self.pair is None:
            raise AssertionError("a one-time key is used once")
        self._shared = self.pair.compute(peer_key)
        self.pair = None
        self.words = pick_words(self.invite, joiner_key, inviter_key)

    def take_sa(self, ike_id: int, exporter: bytes, nat: str) -> None:
        """The IKE SA that this pairing runs in."""
        self.ike_id = ike_id
        self._exporter = bytearray(exporter)
        self.nat = nat

    def make_root(self) -> None:
        """All four messages are known: the root, and the proofs of it."""
        transcript = compute_transcript(self.invite, self.messages)
        self._root = derive_root(self.invite, self._exporter, self._shared, transcript)
        wipe(self._exporter)
        self._tags = Tags(self._root)

    def clear(self) -> None:
        """Overwrite and forget every secret but those that S gives."""
        for secret in (self._exporter, self._shared, self._root):
            wipe(secret)
        self._tags = None
        self.pair = None

    # What both roles do alike

    def check_peer(self, info: Info) -> None:
        """Raises PairingError if this is no site to be paired with."""
        self.peer_info = info
        if info.site == self.place.site:
            raise make(SELF)
        if info.site in self.place.paired:
            raise make(PAIRED, "by tunnel '%s'" % self.place.paired[info.site])

    def settle(self) -> None:
        """Compute the terms from both INFOs. Raises PairingError if they do not fit together."""
        inviter, joiner = self.get_infos()
        self.terms = settle(inviter, joiner, self.role)

    def get_infos(self) -> tuple[Info, Info]:
        """The inviter's and the joiner's."""
        if self.own_info is None or self.peer_info is None:
            raise AssertionError("%r does not know both sites" % self)
        return (self.own_info, self.peer_info) if self.role == INVITER else (self.peer_info, self.own_info)

    def ask(self) -> None:
        """Show both sites and the words."""
        if self.peer_info is not None and self.terms is not None:
            view = actions.View(self.peer_info.name, self.words, self.terms, self.nat, self.rivals)
            self.emit(actions.Ask(self.pairing, view))

    def approve(self, words: tuple[str, ...], tunnel: str) -> None:
        """Send our approval. Raises PairingError: for this call alone (OTHER_WORDS, NAME_TAKEN), or for good."""
        if tuple(words) != self.words:
            raise make(OTHER_WORDS)
        if tunnel in self.place.tunnels or not is_name(tunnel.encode()):
            raise make(NAME_TAKEN, "'%s'" % tunnel[:64])
        self.check_place(tunnel)
        self.tunnel = tunnel
        self.send(Message(APPROVE, tag=self.get_tags()[self.role]))

    def check_place(self, tunnel: str) -> None:
        """Raises PairingError if this site is no longer what it was when the peer was told of it."""
        own = self.own_info
        if own is None or self.peer_info is None:
            raise AssertionError("%r does not know both sites" % self)
        self.check_peer(self.peer_info)
        now = self.place.describe(own.clock)
        now.aliases = own.aliases
        if now.lans != own.lans or now.name != own.name or now.site != own.site or tunnel in self.place.tunnels:
            raise make(CHANGED)
        inviter, joiner = (now, self.peer_info) if self.role == INVITER else (self.peer_info, now)
        settle(inviter, joiner, self.role)

    def get_tags(self) -> tuple[bytes, bytes, bytes]:
        """The inviter's approval, the joiner's, and the inviter's keeping."""
        if self._tags is None:
            raise AssertionError("%r has no root" % self)
        return self._tags.inviter_approves, self._tags.joiner_approves, self._tags.inviter_keeps

    def check_tag(self, tag: bytes, wanted: bytes) -> None:
        """Raises PairingError(BETWEEN) if the peer does not have our root: it saw another transcript, or another SA."""
        if not is_equal(tag, wanted):
            raise make(BETWEEN)

    def keep(self, is_confirmed: bool) -> None:
        """Make the entry."""
        if self.peer_info is None or self.terms is None:
            raise AssertionError("%r has nothing to keep" % self)
        self.check_place(self.tunnel)
        endpoints = [] if self.role == INVITER else self.invite.endpoints
        keys = TunnelKeys(self._root)
        peer = self.peer_info
        entry = actions.Entry(self.tunnel, peer.name, peer.site, self.role, self.terms, endpoints, keys)
        self.emit(actions.KeepEntry(self.pairing, entry, is_confirmed))

    def abort(self, error: PairingError, now: int) -> None:
        """End it for a reason of ours, and tell the peer where there is one."""
        number = number_of(error.code)
        if self.ike_id is not None and number:
            self.send(Message(ABORT, reason=number))
        self.end(error, now)

    def end(self, error: PairingError | None, now: int) -> None:
        """It is over. error: None if there is a tunnel. The inviter goes on telling who comes later why."""
        if error is None:
            self.emit(actions.ConfirmEntry(self.pairing))
        elif self.state == KEPT:
            self.emit(actions.RemoveEntry(self.pairing))
        if self.ike_id is not None:
            self.emit(actions.CloseSa(self.pairing, self.ike_id))
            self.ike_id = None
        self.clear()
        self.error = error
        self.state = OVER if error is not None else DONE
        self.deadline = now + TELL_MS if self.role == INVITER else now
        self.emit(actions.Ended(self.pairing, error))


# Handlers of tables.py that both roles share: exchange, argument, now.


def receive_abort(exchange: Exchange, message: Message, now: int) -> None:
    """The peer has ended it."""
    exchange.end(make_told(message.reason), now)


def cancel(exchange: Exchange, _argument: object, now: int) -> None:
    """Our administrator has ended it."""
    if exchange.state == OFFERED:
        exchange.tell = CANCELLED
    exchange.abort(make(CANCELLED), now)


def lose(exchange: Exchange, argument: PairingError | None, now: int) -> None:
    """The IKE SA has ended before there was an entry."""
    exchange.ike_id = None
    exchange.end(argument if isinstance(argument, PairingError) else make(VANISHED), now)


def go_on_alone(exchange: Exchange, _argument: object, _now: int) -> None:
    """The IKE SA has ended; the entry waits for its first IKE_AUTH, or for its time to run out."""
    exchange.ike_id = None


def approve_first(exchange: Exchange, argument: tuple[tuple[str, ...], str], _now: int) -> None:
    """We approve, and the peer has not yet."""
    exchange.approve(*argument)
    exchange.state = APPROVED


def hear_first(exchange: Exchange, message: Message, _now: int) -> None:
    """The peer approves, and we have not yet."""
    exchange.check_tag(message.tag, exchange.get_tags()[1 - exchange.role])
    exchange.state = AWAITED
    exchange.ask()


def be_proven(exchange: Exchange, _argument: object, now: int) -> None:
    """An IKE_AUTH under the new keys: both sides have the entry."""
    exchange.end(None, now)


def give_up_entry(exchange: Exchange, _argument: object, now: int) -> None:
    """No IKE_AUTH under the new keys has come in time."""
    exchange.abort(make(VANISHED), now)


def be_late(exchange: Exchange, _argument: object, now: int) -> None:
    """Not both have approved in time."""
    exchange.abort(make(LATE), now)
