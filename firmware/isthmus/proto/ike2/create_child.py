"""CREATE_CHILD_SA: who answers which kind of it, and what becomes of our own. RFC 7296 sections 1.3 and 2.25.

No first tunnel needs it, so the two kinds are among what waits (waiting.py).
"""
from __future__ import annotations

from isthmus.proto.errors import InvalidSyntax, NoAdditionalSas, TemporaryFailure
from isthmus.proto.ike2 import succession
from isthmus.proto.ike2.states import CLOSING, ESTABLISHED, HEIR, REKEYED, REPLACED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.proto.ike2.engine import Engine
    from isthmus.proto.ike2.ike_sa import IkeSa
    from isthmus.proto.ike2.incoming import Incoming

AFTER_REQUEST = (ESTABLISHED, REPLACED, CLOSING, REKEYED)
AFTER_ANSWER = (ESTABLISHED, REPLACED, CLOSING, REKEYED)


def answer_child_request(engine: Engine, sa: IkeSa, incoming: Incoming, now: int) -> None:
    """A new CHILD SA."""
    from isthmus.proto.ike2 import rekey_child, rekey_ike

    _check_moment(engine, sa, now)
    if isinstance(sa.requests.current, rekey_ike.RekeyIke):
        raise TemporaryFailure("the peer wants a new CHILD SA while this IKE SA is being rekeyed")
    rekey_child.answer_request(engine, sa, incoming, now)


def answer_ike_request(engine: Engine, sa: IkeSa, incoming: Incoming, now: int) -> None:
    """A new IKE SA."""
    from isthmus.proto.ike2 import rekey_ike

    _check_moment(engine, sa, now)
    rekey_ike.answer_request(engine, sa, incoming, now)


def _check_moment(engine: Engine, sa: IkeSa, now: int) -> None:
    """Raises TemporaryFailure or NoAdditionalSas if nothing new is to come of this IKE SA. Who uses an heir has decided
    for it.
    """
    if sa.childless:
        raise NoAdditionalSas("the peer wants another SA inside a pairing's, which has none")
    if sa.state == HEIR:
        succession.settle(engine, sa, now)
    if sa.state != ESTABLISHED:
        raise TemporaryFailure("the peer wants a new SA inside one that is being deleted or has been replaced")


def receive_child_answer(engine: Engine, sa: IkeSa, incoming: Incoming, now: int) -> None:
    """The CHILD SA that we wanted."""
    from isthmus.proto.ike2 import rekey_child

    task = sa.requests.task
    if not isinstance(task, rekey_child.RekeyChild):
        raise InvalidSyntax("the peer answers with a CHILD SA that nobody asked for")
    rekey_child.receive_answer(engine, sa, task, incoming, now)


def receive_ike_answer(engine: Engine, sa: IkeSa, incoming: Incoming, now: int) -> None:
    """The IKE SA that we wanted."""
    from isthmus.proto.ike2 import rekey_ike

    task = sa.requests.task
    if not isinstance(task, rekey_ike.RekeyIke):
        raise InvalidSyntax("the peer answers with an IKE SA that nobody asked for")
    rekey_ike.receive_answer(engine, sa, task, incoming, now)


def receive_refusal(engine: Engine, sa: IkeSa, incoming: Incoming, now: int) -> None:
    """Not now, or never."""
    from isthmus.proto.ike2 import rekey_child, rekey_ike

    task = sa.requests.task
    notify = incoming.find_error()
    if isinstance(task, rekey_child.RekeyChild):
        rekey_child.receive_refusal(engine, sa, task, notify, now)
    elif isinstance(task, rekey_ike.RekeyIke):
        rekey_ike.receive_refusal(engine, sa, task, notify, now)
