"""MOBIKE: an IKE SA goes on from other addresses. RFC 4555.

Whoever moves says so from the new address, in one exchange that also looks for translators on the new way, so that ESP
may go into UDP or out of it with the move. Its CHILD SAs get new ones by rekeying: the kernel has no other way for all
(firmware/DESIGN.md). The RFC moves tunnel mode's SAs with the IKE SA, which outer addresses mean nothing to; that is so
in BEET mode. Those of transport mode do not move, and are rekeyed for the new addresses all the same.
"""
from __future__ import annotations

from isthmus.crypto.prf import is_equal
from isthmus.proto.actions import BEET, INITIATOR
from isthmus.proto.errors import InvalidSyntax, MoveRefused, UnexpectedNat
from isthmus.proto.ike2 import endings, nat
from isthmus.proto.ike2.states import CLOSING, DONE, ESTABLISHED, REKEYED
from isthmus.proto.ike2.tasks import Task
from isthmus.proto.ike2.times import UNPROVEN_MS
from isthmus.wire import ike_numbers as num
from isthmus.wire.addr import format_endpoint
from isthmus.wire.ike_payloads import NotifyPayload
from isthmus.wire.ip_numbers import IKE_PORT, NATT_PORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.proto.ike2.connection import Connection
    from isthmus.proto.ike2.engine import Engine
    from isthmus.proto.ike2.ike_sa import IkeSa
    from isthmus.proto.ike2.incoming import Incoming
    from isthmus.wire.addr import Endpoint
    from isthmus.wire.ike_payloads import Payload

COOKIE2_BYTES = 16  # 8 to 64, RFC 4555 section 4.2.5
OVER = (REKEYED, CLOSING, DONE)
REFUSALS = (num.UNACCEPTABLE_ADDRESSES, num.UNEXPECTED_NAT_DETECTED)


# IKE_AUTH


def is_wanted(connection: Connection) -> bool:
    """True if this connection may move."""
    return connection.mobike


def is_floating(connection: Connection) -> bool:
    """True if it goes to port 4500 at once, translator or not (RFC 4555 section 3.3). Strangers stay where they were
    called, and float when we move: not all that speak IKE on port 500 are reached on 4500.
    """
    return connection.mobike and connection.mode == BEET


def make_notify(connection: Connection) -> list[Payload]:
    """What IKE_AUTH says of it; a responder says it only to who has said it."""
    return [NotifyPayload(num.MOBIKE_SUPPORTED)] if is_wanted(connection) else []


def is_agreed(connection: Connection, incoming: Incoming) -> bool:
    """True if both want it."""
    return is_wanted(connection) and incoming.find_notify(num.MOBIKE_SUPPORTED) is not None


def check_prohibition(incoming: Incoming) -> None:
    """Raises UnexpectedNat if the peer forbids translators (RFC 4555 section 3.9) and there is one."""
    notify = incoming.find_notify(num.NO_NATS_ALLOWED)
    if notify is None:
        return
    source, destination = incoming.source, incoming.destination
    ports = source[1].to_bytes(2, "big") + destination[1].to_bytes(2, "big")
    if notify.data != source[0] + destination[0] + ports:
        raise UnexpectedNat(
            "the peer allows no address translation, and its message came from %s" % format_endpoint(source)
        )


# We move


class Update(Task):
    """UPDATE_SA_ADDRESSES."""

    goes_along = True

    def make(self, _engine: Engine, sa: IkeSa) -> list[Payload] | None:
        """See Task."""
        update: list[Payload] = [NotifyPayload(num.UPDATE_SA_ADDRESSES)]
        return update + _make_hashes(sa, sa.local, sa.remote)


class Ask(Task):
    """A sign of life; behind a translator, also whether it still shows us at the same place (RFC 4555 section 3.8)."""

    def make(self, _engine: Engine, sa: IkeSa) -> list[Payload] | None:
        """See Task."""
        return _make_hashes(sa, sa.local, sa.remote) if sa.mobike and sa.nat.here else []


class Verify(Task):
    """Is the peer really where its message came from? Only who gets it there can answer with what is in it."""

    goes_along = True

    def __init__(self, cookie: bytes) -> None:
        self.cookie = cookie

    def make(self, _engine: Engine, _sa: IkeSa) -> list[Payload] | None:
        """See Task."""
        return [NotifyPayload(num.COOKIE2, self.cookie)]


def _make_hashes(sa: IkeSa, source: Endpoint, destination: Endpoint) -> list[Payload]:
    return nat.make_hashes(sa.spi_i, sa.spi_r, source, destination, sa.nat.forced)


def can_move(sa: IkeSa) -> bool:
    """True if the peer will follow. A stranger follows the initiator of the IKE SA alone (RFC 4555 section 3.5)."""
    return sa.mobike and (sa.role == INITIATOR or sa.peer_is_isthmus)


def move(engine: Engine, sa: IkeSa, local: Endpoint, remote: Endpoint, now: int) -> None:
    """Go on between these addresses: what is under way is repeated from there, and UPDATE_SA_ADDRESSES comes next.

    Ports: those of UDP encapsulation, if the peer knows it, so that none need change if a translator is found.
    """
    port = NATT_PORT if sa.nat.is_understood else sa.local[1]
    same = remote[0] == sa.remote[0] and sa.remote[1] != IKE_PORT
    before = sa.local, sa.remote
    sa.local = (local[0], port)
    sa.remote = sa.remote if same else (remote[0], port)
    sa.hints.trial = None
    nat.take_along(engine, sa, before[0], before[1])
    if sa.name is not None:
        for old in engine.table.find_all(sa.name):
            if old.state == REKEYED:  # the peer may not have heard yet that it is
                _send_update(engine, old, now)
    _send_update(engine, sa, now)


def _send_update(engine: Engine, sa: IkeSa, now: int) -> None:
    requests = sa.requests
    _drop_queued(sa, Update)
    requests.queue.insert(0, Update())
    if requests.is_waiting:
        nat.send_again(engine, sa, now)
    else:
        engine.send_queued(sa, now)


def _drop_queued(sa: IkeSa, kind: type[Task]) -> None:
    sa.requests.queue = [task for task in sa.requests.queue if not isinstance(task, kind)]


def receive_update_answer(engine: Engine, sa: IkeSa, incoming: Incoming, now: int) -> None:
    """The peer has followed, or will not."""
    refusal = incoming.find_error()
    if refusal is not None and refusal.notify in REFUSALS:
        where = format_endpoint(sa.local)
        text = "the peer refuses to go on with us at %s: %s" % (where, num.name_of(num.NOTIFY_TYPES, refusal.notify))
        endings.lose(engine, sa, MoveRefused(text))
    elif [queued for queued in sa.requests.queue if isinstance(queued, Update)]:
        pass  # we have moved on since
    elif (incoming.destination, incoming.source) != (sa.local, sa.remote):
        # A copy: it would show us a translator that there is not, and the peer would not hear our ESP any more.
        sa.later.append((now + UNPROVEN_MS, Update()))
    else:
        nat.read_again(sa, incoming)
        sa.hints.seen = _get_seen(incoming)
        nat.start_keepalive(sa, engine.rng, now)
        nat.tell(engine, sa)


def receive_sign(engine: Engine, sa: IkeSa, incoming: Incoming, now: int) -> None:
    """An answer to Ask. Where the translator shows us elsewhere than before, the peer has to hear of it."""
    seen = _get_seen(incoming)
    moved = bool(seen and sa.hints.seen and seen != sa.hints.seen)
    sa.hints.seen = seen or sa.hints.seen
    if moved and sa.state == ESTABLISHED and can_move(sa):
        move(engine, sa, sa.local, sa.remote, now)


def _get_seen(incoming: Incoming) -> bytes:
    """The hash of where the peer sees us; b"" if it does not say."""
    notify = incoming.find_notify(num.NAT_DETECTION_DESTINATION_IP)
    return notify.data if notify is not None else b""


def receive_verdict(sa: IkeSa, task: Verify, incoming: Incoming) -> None:
    """Raises InvalidSyntax if the peer at its new address does not answer what it was asked there (section 3.7)."""
    notify = incoming.find_notify(num.COOKIE2)
    if notify is None or not is_equal(notify.data, task.cookie):
        where = format_endpoint(sa.remote)
        raise InvalidSyntax("tunnel '%s': the peer at %s answers with another COOKIE2" % (sa.name, where))
    sa.hints.is_unverified = False


# The peer moves


def is_led_astray(sa: IkeSa, incoming: Incoming) -> bool:
    """True for the news of a move at port 500, where nobody sends it who knows UDP encapsulation: it is a copy, and
    would take our ESP out of UDP. Neither obeyed nor answered, so that the true one is heard.
    """
    if not sa.mobike or not sa.nat.is_understood or incoming.destination[1] != IKE_PORT:
        return False
    return incoming.find_notify(num.UPDATE_SA_ADDRESSES) is not None


def receive_request(engine: Engine, sa: IkeSa, incoming: Incoming, now: int) -> list[Payload]:
    """What an INFORMATIONAL request says of addresses, obeyed: returns what the answer says of them.

    Raises UnexpectedNat; then nothing has changed.
    """
    if not sa.mobike:
        return []
    check_prohibition(incoming)
    if incoming.find_notify(num.UPDATE_SA_ADDRESSES) is not None:
        _follow(engine, sa, incoming, now)
    answer: list[Payload] = []
    cookie = incoming.find_notify(num.COOKIE2)
    if cookie is not None:
        answer.append(cookie)
    if incoming.find_notify(num.NAT_DETECTION_SOURCE_IP) is not None:
        answer.extend(_make_hashes(sa, incoming.destination, incoming.source))
    return answer


def _follow(engine: Engine, sa: IkeSa, incoming: Incoming, now: int) -> None:
    if sa.state in OVER:
        return  # the peer says it in the IKE SA that goes on as well, and this may be old
    source = incoming.source
    has_moved = source[0] != sa.remote[0]
    before = nat.get_place(sa)
    sa.local, sa.remote, sa.hints.trial = incoming.destination, source, None
    sa.hints.is_new_place = True
    sa.hints.left = before[0] if before[0][0] != sa.local[0] else None
    nat.take_along(engine, sa, before[0], before[1])
    nat.read_again(sa, incoming)
    if nat.get_place(sa) == before:
        return
    nat.start_keepalive(sa, engine.rng, now)
    nat.tell(engine, sa)
    if has_moved:
        # Its message is proven, but not where it came from: that is no part of what is signed.
        nat.send_again(engine, sa, now)
        sa.hints.is_unverified = True
        _drop_queued(sa, Verify)  # a peer that moves on and on is asked where it is last
        engine.start(sa, Verify(engine.rng(COOKIE2_BYTES)), now)
