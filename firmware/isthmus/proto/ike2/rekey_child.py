"""A new CHILD SA in place of another, in the IKE SA that there is. RFC 7296 sections 1.3.3, 2.8, 2.17 and 2.25.1.

The old pair stays until the new one is agreed, and is deleted by whoever began the exchange that is left. If both begin
at once there are two new pairs for a moment; the one from the exchange with the lowest of the four nonces goes again,
deleted by whoever began that (section 2.8.1). Only a side that has answered a request while its own was under way knows
that this has happened; the other's request finds the old pair closing or gone, and that settles it.
"""
from __future__ import annotations

from isthmus.proto.actions import CLOSED, DELETED, INITIATOR, REPLACED, RESPONDER, ChildUp, InstallSa, RekeyRefused
from isthmus.proto.errors import (
    ChildSaNotFound,
    DuplicateSpi,
    InvalidKe,
    InvalidSyntax,
    ModeRefused,
    NoAdditionalSas,
    TemporaryFailure,
    TsUnacceptable,
)
from isthmus.proto.ike2 import child as agreement
from isthmus.proto.ike2 import endings, ke, refusals, tasks
from isthmus.proto.ike2.states import ESTABLISHED, LIVE
from isthmus.proto.ike2.states import REPLACED as STATE_REPLACED
from isthmus.proto.ike2.times import SUPERSEDED_MS
from isthmus.wire import ike_numbers as num
from isthmus.wire.ike_payloads import DeletePayload, KePayload, NoncePayload, NotifyPayload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.crypto.dh import KeyPair
    from isthmus.crypto.suites import Suite
    from isthmus.errors import IsthmusError
    from isthmus.proto.ike2.engine import Engine
    from isthmus.proto.ike2.ike_sa import ChildSa, IkeSa
    from isthmus.proto.ike2.incoming import Incoming
    from isthmus.wire.ike_payloads import Payload


MAX_DELETED = 8  # SPIs remembered


class RekeyChild(tasks.Task):
    """Our wish to rekey `child`. suite: the one to offer first, None for the connection's first. put_off: how often
    the peer has said TEMPORARY_FAILURE; wishes: how often it wanted another group. deleted: SPIs that it has deleted
    and that we did not know: one of them may be in an answer that comes late.
    """

    exchange = num.CREATE_CHILD_SA

    def __init__(self, child: ChildSa) -> None:
        self.child: ChildSa = child
        self.suite: Suite | None = None
        self.suites: list[Suite] = []
        self.key_pair: KeyPair | None = None
        self.nonce = b""
        self.spi = b""
        self.put_off = 0
        self.wishes = 0
        self.deleted: list[bytes] = []

    def make(self, engine: Engine, sa: IkeSa) -> list[Payload] | None:
        """HDR, SK {N(REKEY_SA), SA, Ni, [KEi,] TSi, TSr}"""
        child, connection = self.child, sa.connection
        if connection is None or sa.state != ESTABLISHED or not is_rekeyable(sa, child):
            child.task = None
            return None
        self.suites = refusals.prefer(self.suite, connection.esp_proposals)
        first = self.suites[0]
        self.nonce = engine.rng(ke.NONCE_BYTES)
        self.spi = engine.make_child_spi()
        self.deleted = []
        sa.child_spi = self.spi
        self.key_pair = first.group.make(engine.rng) if first.group is not None else None
        words: list[Payload] = [NotifyPayload(num.REKEY_SA, b"", num.PROTO_ESP, child.inbound_spi)]
        offer = agreement.make_offer(sa, connection, self.suites, self.spi)
        return words + _with_keys(offer, self.nonce, first, self.key_pair)


def _with_keys(terms: list[Payload], nonce: bytes, suite: Suite, key_pair: KeyPair | None) -> list[Payload]:
    """Offer or answer, with nonce and key exchange where they belong: before the two selectors."""
    words = terms[:-2] + [NoncePayload(nonce)]
    if key_pair is not None:
        words.append(ke.make_ke(suite, key_pair))
    return words + terms[-2:]


def is_rekeyable(sa: IkeSa, child: ChildSa) -> bool:
    """True if it is up, and neither on its way out nor followed by another already."""
    return child in sa.children and not child.closing and child.successor is None


def begin(engine: Engine, sa: IkeSa, child: ChildSa, now: int) -> None:
    """Rekey this CHILD SA; nothing if that is under way, or somebody has already replaced it."""
    if child.task is None and is_rekeyable(sa, child):
        child.task = RekeyChild(child)
        engine.start(sa, child.task, now)


def remember_deleted(sa: IkeSa, spis: list[bytes]) -> None:
    """The peer deletes CHILD SAs: those that we do not know may be what our request under way has made."""
    task = sa.requests.current
    if isinstance(task, RekeyChild):
        task.deleted += [spi for spi in spis if sa.find_outbound(spi) is None][:MAX_DELETED]
        task.deleted = task.deleted[-MAX_DELETED:]


# Initiator


def receive_answer(engine: Engine, sa: IkeSa, task: RekeyChild, incoming: Incoming, now: int) -> None:
    """HDR, SK {SA, Nr, [KEr,] TSi, TSr}: the new pair is agreed."""
    child, connection = task.child, sa.connection
    child.task = None
    sa.child_spi = b""
    if sa.state not in LIVE or connection is None:
        return  # the whole IKE SA is on its way out, and takes this with it
    try:
        terms = agreement.check_choice(engine, sa, connection, task.suites, incoming)
    except (ModeRefused, TsUnacceptable, DuplicateSpi) as error:
        engine.start(sa, tasks.Words(num.INFORMATIONAL, [DeletePayload(num.PROTO_ESP, [task.spi])]), now)
        refuse(engine, sa, task, error)
        return
    if terms.proposal.spi in task.deleted:
        tasks.close_child(engine, sa, child, REPLACED, now)
        return
    nonce_r = incoming.get(num.NONCE, NoncePayload).data
    secret = _compute_secret(task.suites[0], terms.suite, task.key_pair, incoming)
    task.key_pair = None
    inbound, outbound = agreement.add(sa, connection, terms, task.spi, task.nonce, nonce_r, secret)
    loses = child.successor in sa.children and min(task.nonce, nonce_r) < child.successor_nonce
    loses = loses or sa.state == STATE_REPLACED  # a handshake has come between: this pair is heard and no more
    engine.emit(InstallSa(connection.name, sa.ike_id, inbound))
    engine.emit(ChildUp(connection.name, sa.ike_id, INITIATOR, inbound, outbound, child.inbound_spi, loses))
    new = sa.children[-1]
    if loses:
        tasks.close_child(engine, sa, new, CLOSED, now)
        return
    if child.successor is not None:
        child.successor.close_at = now + SUPERSEDED_MS
    tasks.close_child(engine, sa, child, REPLACED, now)


def _compute_secret(
    offered: Suite, chosen: Suite, key_pair: KeyPair | None, incoming: Incoming
) -> bytearray | None:
    """g^ir of the chosen suite's group, None for a suite without one. Raises InvalidSyntax."""
    theirs = incoming.find(num.KE, KePayload)
    if chosen.group is None:
        return None
    if theirs is None or key_pair is None or chosen.group != offered.group or theirs.group != chosen.group.id:
        raise InvalidSyntax("the peer chose %s, and the key exchange does not fit that" % chosen)
    return ke.compute_secret(key_pair, theirs)


def receive_refusal(engine: Engine, sa: IkeSa, task: RekeyChild, notify: NotifyPayload | None, now: int) -> None:
    """HDR, SK {N}: not now, or never. If the peer was rekeying the same pair, its new one is all there is to have."""
    child, connection = task.child, sa.connection
    sa.child_spi = b""
    child.task = None
    if sa.state != ESTABLISHED or connection is None or child.successor is not None:
        return
    refused = notify.notify if notify is not None else 0
    if refused == num.CHILD_SA_NOT_FOUND:
        if child in sa.children:
            endings.drop_child(engine, sa, child, DELETED)
        return
    if not is_rekeyable(sa, child):
        return
    if refused == num.TEMPORARY_FAILURE and task.put_off < tasks.MAX_PUT_OFF:
        task.put_off += 1
    elif notify is not None and refused == num.INVALID_KE_PAYLOAD and task.wishes < len(connection.esp_proposals):
        task.wishes += 1
        task.suite = refusals.find_group(connection.esp_proposals, notify.data)
        if task.suite is None:
            refuse(engine, sa, task, refusals.read(connection, connection.esp_proposals, notify))
            return
    else:
        refuse(engine, sa, task, refusals.read(connection, connection.esp_proposals, notify))
        return
    child.task = task
    if refused == num.TEMPORARY_FAILURE:
        sa.later.append((now + tasks.put_off_ms(task.put_off, engine.rng), task))
    else:
        engine.start(sa, task, now)


def refuse(engine: Engine, sa: IkeSa, task: RekeyChild, error: IsthmusError) -> None:
    """It is refused for good: the tunnel is told, and starts anew."""
    task.child.task = None
    if sa.name is not None:
        engine.emit(RekeyRefused(sa.name, sa.ike_id, task.child.inbound_spi, error))


# Responder


def answer_request(engine: Engine, sa: IkeSa, incoming: Incoming, now: int) -> None:
    """The peer wants a CHILD SA: in place of another (REKEY_SA), or its first one here after the last has gone.

    Raises TemporaryFailure, ChildSaNotFound, NoAdditionalSas, and what `child.choose` raises.
    """
    connection = sa.connection
    if connection is None:
        raise AssertionError("%r belongs to no connection" % sa)
    child = _find_old(sa, incoming)
    terms = agreement.choose(engine, sa, connection, connection.esp_proposals, incoming, RESPONDER)
    group = terms.suite.group
    key_pair: KeyPair | None = None
    secret: bytearray | None = None
    if group is not None:
        theirs = incoming.find(num.KE, KePayload)
        if theirs is None or theirs.group != group.id:
            raise InvalidKe("%s is chosen, and the peer's key is for another group" % terms.suite, group.id)
        key_pair = group.make(engine.rng)
        secret = ke.compute_secret(key_pair, theirs)
    nonce_i = incoming.get(num.NONCE, NoncePayload).data
    nonce_r = engine.rng(ke.NONCE_BYTES)
    inbound, outbound = agreement.add(sa, connection, terms, engine.make_child_spi(), nonce_i, nonce_r, secret)
    answer = agreement.make_answer(terms, inbound.spi)
    engine.emit(InstallSa(connection.name, sa.ike_id, inbound))
    engine.answer(sa, incoming, _with_keys(answer, nonce_r, terms.suite, key_pair))
    former = child.inbound_spi if child is not None else None
    engine.emit(ChildUp(connection.name, sa.ike_id, RESPONDER, inbound, outbound, former))
    if child is not None:
        child.successor = sa.children[-1]
        child.successor_nonce = min(nonce_i, nonce_r)
        child.close_at = now + SUPERSEDED_MS


MAX_CHILDREN = 8  # of one IKE SA: the one in use, and what rekeying has left until the peer deletes it


def _find_old(sa: IkeSa, incoming: Incoming) -> ChildSa | None:
    """The CHILD SA to be replaced; None for the first of an IKE SA that has lost its own."""
    notify = incoming.find_notify(num.REKEY_SA)
    if notify is None:
        if [child for child in sa.children if not child.closing]:
            raise NoAdditionalSas("the peer wants a further CHILD SA beside the one that there is")
        return None
    if len(sa.children) >= MAX_CHILDREN:
        raise TemporaryFailure("the peer rekeys again and again, and deletes none of the old CHILD SAs")
    # The sender names the SA by its own inbound SPI. Protocol and length are the peer's, and may be anything.
    child = sa.find_outbound(notify.spi) if notify.protocol == num.PROTO_ESP else None
    if child is None and isinstance(sa.requests.current, RekeyChild):
        raise TemporaryFailure("the peer wants to rekey what may be in its answer to our request")
    if child is None:
        raise ChildSaNotFound("the peer wants to rekey a CHILD SA that is not there", notify.protocol, notify.spi)
    if not is_rekeyable(sa, child):
        raise TemporaryFailure("the peer wants to rekey a CHILD SA that is being deleted or has been rekeyed")
    return child
