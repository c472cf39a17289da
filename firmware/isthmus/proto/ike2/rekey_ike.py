"""A new IKE SA in place of another, agreed inside it. RFC 7296 sections 1.3.2, 2.8.2, 2.18 and 2.25.2.

The new IKE SA inherits the CHILD SAs, and whoever began the exchange deletes the old one. If both begin at once, each
side that has answered while its own request was under way holds an heir: an IKE SA that may or may not be the one that
is left. It is settled by the answer to our own request (the exchange with the lowest of the four nonces goes), or by
what the peer does: it deletes the old IKE SA, uses the heir, or puts our request off because it is closing the old.
"""
from __future__ import annotations

from isthmus.proto.actions import INITIATOR, RESPONDER, RekeyRefused
from isthmus.proto.errors import InvalidKe, InvalidSyntax, TemporaryFailure
from isthmus.proto.ike2 import endings, ke, proposals, refusals, succession, tasks
from isthmus.proto.ike2.ike_sa import IkeSa
from isthmus.proto.ike2.keys import derive_rekeyed_keys
from isthmus.proto.ike2.retransmit import Responses
from isthmus.proto.ike2.states import ESTABLISHED, HEIR, LIVE
from isthmus.proto.ike2.times import SUPERSEDED_MS
from isthmus.wire import ike_numbers as num
from isthmus.wire.ike_payloads import DeletePayload, KePayload, NoncePayload, SaPayload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.crypto.dh import KeyPair
    from isthmus.crypto.suites import Suite
    from isthmus.proto.ike2.connection import Connection
    from isthmus.proto.ike2.engine import Engine
    from isthmus.proto.ike2.incoming import Incoming
    from isthmus.wire.ike_payloads import NotifyPayload, Payload


class RekeyIke(tasks.Task):
    """Our wish to rekey the IKE SA. suite: the one to offer first. put_off, wishes: as in RekeyChild."""

    exchange = num.CREATE_CHILD_SA

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self.suites: list[Suite] = []
        self.key_pair: KeyPair | None = None
        self.nonce = b""
        self.spi = b""
        self.put_off = 0
        self.wishes = 0

    def make(self, engine: Engine, sa: IkeSa) -> list[Payload] | None:
        """HDR, SK {SA, Ni, KEi}"""
        connection = sa.connection
        if connection is None or sa.state != ESTABLISHED or sa.heir is not None:
            sa.task = None
            return None
        self.suites = refusals.prefer(self.suite, connection.ike_proposals)
        first = self.suites[0]
        self.nonce = engine.rng(ke.NONCE_BYTES)
        self.spi = engine.table.make_spi(engine.rng)
        self.key_pair = ke.group_of(first).make(engine.rng)
        return [
            SaPayload(proposals.make_offer(self.suites, num.PROTO_IKE, self.spi)),
            NoncePayload(self.nonce),
            ke.make_ke(first, self.key_pair),
        ]


def begin(engine: Engine, sa: IkeSa, now: int) -> None:
    """Rekey this IKE SA; nothing if that is under way already."""
    is_quiet = sa.task is None and sa.heir is None and not sa.childless
    if is_quiet and sa.state == ESTABLISHED and sa.suite is not None:
        sa.task = RekeyIke(sa.suite)
        engine.start(sa, sa.task, now)


# Initiator


def receive_answer(engine: Engine, sa: IkeSa, task: RekeyIke, incoming: Incoming, now: int) -> None:
    """HDR, SK {SA, Nr, KEr}: the new IKE SA is agreed."""
    sa.task = None
    if sa.connection is None:
        raise AssertionError("%r belongs to no connection" % sa)
    suite, chosen = proposals.check_choice(
        task.suites, incoming.get(num.SA, SaPayload).proposals, num.PROTO_IKE, rekeys=True
    )
    theirs = incoming.get(num.KE, KePayload)
    first = task.suites[0]
    if suite.group != first.group or theirs.group != ke.group_of(first).id:
        raise InvalidSyntax("the peer chose %s, and the key exchange does not fit that" % suite)
    nonce_r = incoming.get(num.NONCE, NoncePayload).data
    secret = ke.compute_secret(task.key_pair, theirs)
    task.key_pair = None
    new = _make(engine, sa, INITIATOR, suite, secret, (task.nonce, nonce_r), (task.spi, chosen.spi))
    if sa.state not in LIVE:  # whatever has ended the old one meanwhile has ended this as well
        new.set_state(ESTABLISHED)
        endings.request_close(engine, new, DeletePayload(num.PROTO_IKE, []), now)
        return
    heir = sa.heir
    if heir is not None and min(task.nonce, nonce_r) < sa.heir_nonce:
        succession.settle(engine, heir, now)
        new.set_state(ESTABLISHED)
        endings.request_close(engine, new, DeletePayload(num.PROTO_IKE, []), now)
        return
    if heir is not None:
        succession.leave(heir, now)
    succession.take_over(engine, sa, new, now)
    endings.request_close(engine, sa, DeletePayload(num.PROTO_IKE, []), now)


def receive_refusal(engine: Engine, sa: IkeSa, task: RekeyIke, notify: NotifyPayload | None, now: int) -> None:
    """HDR, SK {N}: not now, or never. If the peer was rekeying, too, and has not noticed, its IKE SA is the one."""
    sa.task = None
    connection = sa.connection
    if sa.state in LIVE and sa.heir is not None:
        succession.settle(engine, sa.heir, now)
    if sa.state != ESTABLISHED or connection is None:
        return
    refused = notify.notify if notify is not None else 0
    if refused == num.TEMPORARY_FAILURE and task.put_off < tasks.MAX_PUT_OFF:
        task.put_off += 1
        sa.task = task
        sa.later.append((now + tasks.put_off_ms(task.put_off, engine.rng), task))
        return
    if notify is not None and refused == num.INVALID_KE_PAYLOAD and task.wishes < len(connection.ike_proposals):
        other = refusals.find_group(connection.ike_proposals, notify.data)
        if other is not None:
            task.wishes += 1
            task.suite = other
            sa.task = task
            engine.start(sa, task, now)
            return
    if sa.name is not None:
        error = refusals.read(connection, connection.ike_proposals, notify)
        engine.emit(RekeyRefused(sa.name, sa.ike_id, None, error))


# Responder


def answer_request(engine: Engine, sa: IkeSa, incoming: Incoming, now: int) -> None:
    """The peer wants a new IKE SA. Raises TemporaryFailure, NoProposalChosen, InvalidKe or BadPublicValue."""
    connection: Connection | None = sa.connection
    if connection is None:
        raise AssertionError("%r belongs to no connection" % sa)
    under_way = sa.requests.current
    if under_way is not None and under_way.child is not None:
        raise TemporaryFailure("the peer wants to rekey the IKE SA, and a change of a CHILD SA is under way here")
    if sa.heir is not None:
        raise TemporaryFailure("the peer wants to rekey the IKE SA twice at once")
    suites = refusals.prefer(sa.suite, connection.ike_proposals)
    suite, chosen = proposals.choose(suites, incoming.get(num.SA, SaPayload).proposals, num.PROTO_IKE, rekeys=True)
    theirs = incoming.get(num.KE, KePayload)
    group = ke.group_of(suite)
    if theirs.group != group.id:
        raise InvalidKe("%s is chosen, and the peer's key is for another group" % suite, group.id)
    key_pair = group.make(engine.rng)
    secret = ke.compute_secret(key_pair, theirs)
    nonces = (incoming.get(num.NONCE, NoncePayload).data, engine.rng(ke.NONCE_BYTES))
    spi = engine.table.make_spi(engine.rng)
    new = _make(engine, sa, RESPONDER, suite, secret, nonces, (chosen.spi, spi))
    words: list[Payload] = [
        SaPayload([proposals.with_spi(chosen, spi)]), NoncePayload(nonces[1]), ke.make_ke(suite, key_pair)
    ]  # fmt: skip
    engine.answer(sa, incoming, words)
    if isinstance(under_way, RekeyIke):
        new.set_state(HEIR)
        new.expire_at = now + SUPERSEDED_MS
        new.parent = sa
        sa.heir, sa.heir_nonce = new, min(nonces)
        return
    succession.take_over(engine, sa, new, now)
    succession.leave(sa, now)
    endings.bound(engine, new)


# Both


def _make(
    engine: Engine,
    old: IkeSa,
    role: str,
    suite: Suite,
    secret: bytearray,
    nonces: tuple[bytes, bytes],
    spis: tuple[bytes, bytes],
) -> IkeSa:
    """The new IKE SA, findable, with its keys. nonces, spis: the initiator's and the responder's."""
    if old.keys is None or old.suite is None or old.connection is None:
        raise AssertionError("%r was never up" % old)
    new = IkeSa(engine.next_order(), role, old.local, old.remote, old.connection.retransmit)
    new.inherit(old)
    new.responses = Responses(0)
    new.spi_i, new.spi_r = spis
    new.suite = suite
    keys = derive_rekeyed_keys(old.suite, old.keys.d, suite, secret, nonces[0], nonces[1], spis[0], spis[1])
    new.set_keys(keys, engine.rng)
    keys.clear_proof()
    engine.table.add(new)
    return new
