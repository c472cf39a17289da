"""INFORMATIONAL: deletes, reports, and the empty question whether the other still lives. RFC 7296 section 1.4."""
from __future__ import annotations

from isthmus.proto.actions import DEAD, DELETED
from isthmus.proto.errors import PeerRefused, PskMismatch
from isthmus.proto.ike2 import endings, mobike, path, succession, tasks, telling
from isthmus.proto.ike2.states import CLOSING, DONE, ESTABLISHED, GONE, HEIR, REKEYED, REPLACED
from isthmus.wire import ike_numbers as num
from isthmus.wire.ike_payloads import DeletePayload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.proto.ike2.engine import Engine
    from isthmus.proto.ike2.ike_sa import ChildSa, IkeSa
    from isthmus.proto.ike2.incoming import Incoming
    from isthmus.wire.ike_payloads import Payload

AFTER_REQUEST = (ESTABLISHED, HEIR, REKEYED, REPLACED, CLOSING, DONE)
AFTER_ANSWER = (ESTABLISHED, REKEYED, REPLACED, CLOSING, GONE)


def answer_request(engine: Engine, sa: IkeSa, incoming: Incoming, now: int) -> None:
    """Answer with our half of every CHILD SA that the peer deletes; empty for all else."""
    if mobike.is_led_astray(sa, incoming):
        engine.count("wrong-source")
        return
    if sa.state == HEIR and not _deletes_ike(incoming):
        succession.settle(engine, sa, now)  # who uses it has decided for it
    told = telling.read(sa, incoming)
    deleted = _find_deleted(sa, incoming)
    spis = [child.inbound_spi for child in deleted if not tasks.is_deleting(sa, child)]
    answer: list[Payload] = [DeletePayload(num.PROTO_ESP, spis)] if spis else []
    answer += mobike.receive_request(engine, sa, incoming, now)
    for child in deleted:
        endings.drop_child(engine, sa, child, DELETED)  # before the answer: the peer may hear no old SA after it
    engine.answer(sa, incoming, answer)
    if _deletes_ike(incoming):
        endings.end(engine, sa, DELETED, None, now)
    elif incoming.find_notify(num.AUTHENTICATION_FAILED) is not None:
        # How an initiator says that it does not believe our proof (RFC 7296 section 2.21.2).
        refusal = PskMismatch("tunnel '%s': the peer does not accept our proof of identity" % sa.name)
        refusal.by_peer = True
        endings.end(engine, sa, DEAD, refusal, now)
    elif told is not None:
        telling.deliver(engine, sa, told)


def _find_deleted(sa: IkeSa, incoming: Incoming) -> list[ChildSa]:
    """The CHILD SAs whose other half the peer deletes. SPIs that we do not have are passed over (RFC 7296 1.4.1)."""
    spis: list[bytes] = []
    for payload in incoming.payloads:
        if isinstance(payload, DeletePayload) and payload.protocol == num.PROTO_ESP:
            spis += payload.spis
    if spis:
        from isthmus.proto.ike2 import rekey_child  # waiting.py

        rekey_child.remember_deleted(sa, spis)
    return [child for child in sa.children if child.outbound_spi in spis]


def _deletes_ike(incoming: Incoming) -> bool:
    for payload in incoming.payloads:
        if isinstance(payload, DeletePayload) and payload.protocol == num.PROTO_IKE:
            return True
    return False


def receive_answer(engine: Engine, sa: IkeSa, incoming: Incoming, now: int) -> None:
    """The peer lives; and if what we had said was goodbye, that is settled.

    INVALID_SYNTAX means that the peer has given up this IKE SA (RFC 7296 section 2.21.3).
    """
    if incoming.find_notify(num.INVALID_SYNTAX) is not None:
        endings.lose(engine, sa, PeerRefused("the peer finds our message malformed", num.INVALID_SYNTAX))
        return
    task = sa.requests.task
    if isinstance(task, tasks.DeleteChild) and task.child in sa.children:
        endings.drop_child(engine, sa, task.child, task.reason)
    elif isinstance(task, mobike.Update):
        mobike.receive_update_answer(engine, sa, incoming, now)
    elif isinstance(task, path.Probe):
        path.receive_answer(engine, sa, task)
    elif isinstance(task, mobike.Verify):
        mobike.receive_verdict(sa, task, incoming)
    elif isinstance(task, mobike.Ask):
        mobike.receive_sign(engine, sa, incoming, now)
    if sa.state == CLOSING and not sa.requests.queue:
        engine.forget(sa)
