"""An IKE SA for itself alone: the one exchange of a pairing, and the proof of what it has agreed. RFC 6023.

Both say in IKE_SA_INIT that there will be no CHILD SA (CHILDLESS_IKEV2_SUPPORTED, beside our Vendor ID; the RFC has
only the responder say it). From there on only pairings' connections count, or only the others: a pairing changes
nothing for a tunnel, not even for one with the same identities.

Such IKE SAs are never rekeyed or moved. Several of one connection stand side by side: none takes over from another, so
that whoever has the same invite cannot end the pairing under way. Their PPK is mandatory, and each false proof is
reported, so that guesses can be counted.
"""
from __future__ import annotations

from isthmus.proto.actions import BEET
from isthmus.proto.errors import CrossedAttempt, InvalidSyntax, NoAdditionalSas, NoPairing
from isthmus.proto.ike2 import auth, endings, link, nat
from isthmus.proto.ike2.connection import Connection
from isthmus.proto.ike2.states import CLOSING, ESTABLISHED
from isthmus.wire import ike_numbers as num
from isthmus.wire.addr import format_endpoint
from isthmus.wire.ike_payloads import DeletePayload, NotifyPayload
from isthmus.wire.ike_ts import Selector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.crypto.suites import Suite
    from isthmus.proto.ike2.connection import Ppk, Retransmit
    from isthmus.proto.ike2.engine import Engine
    from isthmus.proto.ike2.ike_sa import IkeSa
    from isthmus.proto.ike2.incoming import Incoming
    from isthmus.wire.addr import Endpoint
    from isthmus.wire.identity import Identity
    from isthmus.wire.ike_payloads import Payload

MAX_SIDE_BY_SIDE = 4  # answered IKE SAs of one pairing's connection

NOTHING = Selector(0, 0, 0, bytes(4), bytes(4))


def make_connection(
    name: str,
    local: Endpoint,
    remote: Endpoint | None,
    local_id: Identity,
    remote_id: Identity,
    psk: bytes,
    ppk: Ppk,
    ike_proposals: list[Suite],
    retransmit: Retransmit,
    answers: bool = True,
) -> Connection:
    """A pairing's Connection; what only ESP needs is left empty. Raises ValueError unless the PPK is mandatory."""
    return Connection(
        name, local, remote, local_id, remote_id, psk, ike_proposals, [], NOTHING, NOTHING, BEET, b"", retransmit,
        mobike=False, answers=answers, ppk=ppk, pairing=True,
    )  # fmt: skip


# IKE_SA_INIT


def make_notify(sa: IkeSa) -> list[Payload]:
    """The payload that announces it, or none."""
    return [NotifyPayload(num.CHILDLESS_IKEV2_SUPPORTED)] if sa.childless else []


def is_announced(incoming: Incoming) -> bool:
    """True if the peer announces it, and is an Isthmus."""
    return incoming.find_notify(num.CHILDLESS_IKEV2_SUPPORTED) is not None and link.is_isthmus(incoming)


def check_answer(sa: IkeSa, incoming: Incoming) -> None:
    """Raises NoPairing if we want it and the responder does not."""
    if sa.childless and not is_announced(incoming):
        raise NoPairing("who answers at %s speaks IKE, and no pairing is open there" % format_endpoint(incoming.source))


# IKE_AUTH


def answer_request(engine: Engine, sa: IkeSa, incoming: Incoming, now: int) -> None:
    """The initiator's proof, and nothing else. Raises what auth.hear_initiator raises, InvalidSyntax, CrossedAttempt or
    NoAdditionalSas.
    """
    if not sa.childless:
        raise InvalidSyntax("the peer wants no CHILD SA, and has not said so in IKE_SA_INIT")
    connection, used = auth.hear_initiator(engine, sa, incoming)
    _check_others(engine, sa, connection)
    engine.answer(sa, incoming, auth.make_proof(sa, connection, used))
    auth.come_up(engine, sa, connection, now)
    endings.bound(engine, sa)


def _check_others(engine: Engine, sa: IkeSa, connection: Connection) -> None:
    """One attempt is one SA (crossing.py, rule 4), and one more must be allowed."""
    others = [other for other in engine.table.find_all(connection.name) if other.is_proven]
    if [other for other in others if other.begun_nonce == sa.nonce_i]:
        raise CrossedAttempt("pairing '%s': a copy of an attempt that has become an SA" % connection.name)
    standing = [other for other in others if other.state in (ESTABLISHED, CLOSING)]
    if len(standing) >= MAX_SIDE_BY_SIDE:
        raise NoAdditionalSas("pairing '%s': %d others are there at once" % (connection.name, len(standing)))


def receive_answer(engine: Engine, sa: IkeSa, incoming: Incoming, now: int) -> None:
    """The responder's proof without a CHILD SA: just what we want, or else a refusal of what we wanted."""
    connection = sa.connection
    if connection is None or not connection.pairing:
        auth.receive_childless(engine, sa, incoming, now)
        return
    if not auth.accept_responder(engine, sa, connection, incoming, now):
        return
    refusal = incoming.find_error()
    if refusal is not None:
        error = auth.read_refusal(connection, refusal)
        endings.abort(engine, sa, error, DeletePayload(num.PROTO_IKE, []), now)
        return
    nat.take_ports(sa, connection, incoming)
    auth.come_up(engine, sa, connection, now)
