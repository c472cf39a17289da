"""IkeSa: what is known of one IKE SA, from its first datagram to its last."""
from __future__ import annotations

from isthmus.proto.actions import INITIATOR, RESPONDER
from isthmus.proto.ike2 import fragments, nat
from isthmus.proto.ike2.fragments import Fragments
from isthmus.proto.ike2.retransmit import Requests, Responses
from isthmus.proto.ike2.states import ESTABLISHED, FOLLOWS, GONE, NONE
from isthmus.wire.ike import FLAG_INITIATOR, FLAG_RESPONSE, NO_SPI, Header

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.crypto.ciphers import SkCipher
    from isthmus.crypto.dh import KeyPair
    from isthmus.crypto.suites import Suite
    from isthmus.errors import IsthmusError
    from isthmus.proto.ike2.connection import Connection, Retransmit
    from isthmus.proto.ike2.keys import IkeKeys
    from isthmus.proto.ike2.rivals import Rival
    from isthmus.proto.ike2.tasks import Task
    from isthmus.wire.addr import Endpoint
    from isthmus.wire.ike_payloads import Payload


class ChildSa:
    """One CHILD SA. inbound_spi is ours, outbound_spi the peer's (4 bytes each).

    task: our wish to rekey it, from begin to answer. closing: our DELETE is queued or under way. successor: the pair
    that a request of the peer has put in its place, which owes this one a DELETE; successor_nonce: the lower nonce of
    that exchange. close_at: when we delete it ourselves, should the peer forget to.
    """

    def __init__(self, inbound_spi: bytes, outbound_spi: bytes) -> None:
        self.inbound_spi = inbound_spi
        self.outbound_spi = outbound_spi
        self.task: Task | None = None
        self.closing = False
        self.successor: ChildSa | None = None
        self.successor_nonce = b""
        self.close_at: int | None = None


class IkeSa:
    """One IKE SA.

    role: ours, INITIATOR or RESPONDER. connection: whose it is; None at a responder until the peer has said who it
    is. order, established_order: places in the engine's one sequence of events, which says what came before what
    even within a millisecond. begun_by, begun_order, begun_nonce: the role, the order and the initiator's nonce of
    the first of its line, where IKE SAs have been rekeyed. init_request, init_answer: the two IKE_SA_INIT messages as
    they crossed the wire, which AUTH covers. expire_at: when it goes of itself, None if it does not.
    """

    def __init__(self, ike_id: int, role: str, local: Endpoint, remote: Endpoint, retransmit: Retransmit) -> None:
        self.ike_id = ike_id
        self.role = role
        self.local = local
        self.remote = remote
        self.state = NONE
        self.connection: Connection | None = None
        self.order = ike_id
        self.begun_by = role
        self.begun_order = ike_id
        self.begun_nonce = b""
        self.established_order = 0
        self.expire_at: int | None = None

        self.spi_i = self.spi_r = NO_SPI
        self.nonce_i = self.nonce_r = b""
        self.init_request = self.init_answer = b""
        # Responder: SHA-256 of init_request and where it came from, by which a repetition is known.
        self.init_digest = b""
        self.init_local, self.init_source = local, remote
        self.is_expected = False  # some connection names the address that it calls from

        self.suite: Suite | None = None
        self.key_pair: KeyPair | None = None
        self.keys: IkeKeys | None = None
        self.cipher_out: SkCipher | None = None
        self.cipher_in: SkCipher | None = None

        self.requests = Requests(retransmit)
        # The initiator's first protected request has id 1: IKE_SA_INIT was 0. The responder's own begin at 0.
        self.responses = Responses(0 if role == INITIATOR else 1)

        self.peer_is_isthmus = False
        self.childless = False  # a pairing's, see childless.py
        self.nat = nat.Nat()
        self.fragments = Fragments()
        self.uses_ppk = False  # both sides know how to, and in the end: both have
        self.mobike = False  # both sides have RFC 4555
        self.hints = nat.Hints()
        self.children: list[ChildSa] = []  # the oldest first
        self.task: Task | None = None  # our wish to rekey this IKE SA, from begin to answer
        self.later: list[tuple[int, Task]] = []  # (when, what) is asked for again
        self.heir: IkeSa | None = None  # what the peer's crossing request to rekey this IKE SA has made
        self.heir_nonce = b""  # the lower nonce of that exchange
        self.parent: IkeSa | None = None  # whose heir this is
        self.child_spi = b""  # initiator: our inbound SPI, offered and not yet agreed
        # Initiator, before the peer is authenticated. asked: what IKE_SA_INIT was sent with, (key pair, last request)
        # by group. wishes: how many the peer has had. doubt: its last word that cannot be trusted; refusal: its first
        # that ends the attempt, unless a better one comes in time.
        self.asked: dict[int, tuple[KeyPair, bytes]] = {}
        self.rivals: list[Rival] = []  # other answers to IKE_SA_INIT than the one in hand
        # cookie: the one we sent last; wished_cookie: one that we were asked for and have not sent yet.
        self.cookie = b""
        self.wished_cookie = b""
        self.is_patient = False
        self.wishes = 0
        self.doubt: IsthmusError | None = None
        self.refusal: IsthmusError | None = None

    def inherit(self, old: IkeSa) -> None:
        """What an IKE SA that rekeys `old` has from it: who the peer is and what was settled with it for good."""
        self.connection = old.connection
        self.peer_is_isthmus = old.peer_is_isthmus
        self.uses_ppk = old.uses_ppk
        self.fragments.agreed = old.fragments.agreed
        self.nat = old.nat  # one for both: what is on the way is on the way of either
        self.mobike = old.mobike
        self.begun_by = old.begun_by
        self.begun_order = old.begun_order
        self.begun_nonce = old.begun_nonce
        self.established_order = old.established_order

    def __repr__(self) -> str:
        return "IkeSa(%d %s %s %s)" % (self.ike_id, self.name, self.role, self.state)

    @property
    def name(self) -> str | None:
        """The connection's name, None while it is not known."""
        return self.connection.name if self.connection is not None else None

    @property
    def our_spi(self) -> bytes:
        """The SPI by which the peer's messages name this SA."""
        return self.spi_i if self.role == INITIATOR else self.spi_r

    def find_inbound(self, spi: bytes) -> ChildSa | None:
        """The CHILD SA that has this SPI of ours."""
        for child in self.children:
            if child.inbound_spi == spi:
                return child
        return None

    def find_outbound(self, spi: bytes) -> ChildSa | None:
        """The CHILD SA that has this SPI of the peer's."""
        for child in self.children:
            if child.outbound_spi == spi:
                return child
        return None

    @property
    def is_proven(self) -> bool:
        """True once the peer has proved who it is. CLOSING may also be the end of an attempt in which it never did."""
        return bool(self.established_order)

    @property
    def is_half_open(self) -> bool:
        """True at a responder whose peer has not proved itself: these are counted and bounded."""
        return self.role == RESPONDER and not self.is_proven

    def set_state(self, state: str) -> None:
        """The only way to change state. A step that states.FOLLOWS does not have is a bug of ours."""
        if state != self.state and state not in FOLLOWS[self.state]:
            raise AssertionError("%r cannot become %s" % (self, state))
        self.state = state

    def set_established(self, order: int) -> None:
        """The peer has proved itself: keys and messages that only the handshake needed go."""
        if self.keys is None:
            raise AssertionError("%r has no keys" % self)
        self.set_state(ESTABLISHED)
        self.established_order = order
        self.expire_at = None
        self.keys.clear_proof()
        self.asked = {}
        self.clear_rivals()
        self.init_request = b""
        self.init_answer = b""

    def set_keys(self, keys: IkeKeys, rng: Callable[[int], bytes]) -> None:
        """Take the derived keys into use."""
        if self.suite is None:
            raise AssertionError("keys without a suite")
        make = self.suite.cipher.make_sk_cipher
        from_i, from_r = make(keys.ei, keys.ai, rng), make(keys.er, keys.ar, rng)
        self.keys = keys
        self.key_pair = None
        self.cipher_out, self.cipher_in = (from_i, from_r) if self.role == INITIATOR else (from_r, from_i)

    def clear_rivals(self) -> None:
        """Who has not proved himself by now was not the peer."""
        for rival in self.rivals:
            rival.clear()
        self.rivals = []

    def make_header(self, exchange: int, message_id: int, is_response: bool) -> Header:
        """The header of a message that we send on this SA."""
        flags = (FLAG_INITIATOR if self.role == INITIATOR else 0) | (FLAG_RESPONSE if is_response else 0)
        return Header(self.spi_i, self.spi_r, exchange, flags, message_id)

    def seal(
        self, exchange: int, message_id: int, is_response: bool, payloads: list[Payload], is_whole: bool = False
    ) -> tuple[bytes, ...]:
        """A protected message: one datagram, or several if both sides know how and one would be too long. is_whole:
        one, however long.
        """
        if self.cipher_out is None:
            raise AssertionError("%r has no keys yet" % self)
        room = 0 if is_whole else fragments.get_room(self)
        return fragments.seal(self.cipher_out, self.make_header(exchange, message_id, is_response), payloads, room)

    def get_timer(self) -> int | None:
        """When this SA next wants to be looked at."""
        # Asked of every SA after every datagram: hardly any has something to wait for.
        waiting = [at for at in (self.requests.get_timer(), self.expire_at, nat.get_timer(self)) if at is not None]
        if self.later:
            waiting += [at for at, _ in self.later]
        for child in self.children:
            if child.close_at is not None:
                waiting.append(child.close_at)
        return min(waiting) if waiting else None

    def clear(self) -> None:
        """Forget every secret. The SA must not be used afterwards."""
        self.set_state(GONE)
        self.key_pair = None
        self.asked = {}
        self.clear_rivals()
        if self.keys is not None:
            self.keys.clear()
        for cipher in (self.cipher_out, self.cipher_in):
            if cipher is not None:
                cipher.clear()
        self.requests.finish()
        self.requests.queue = []
        self.later = []
