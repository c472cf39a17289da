"""What a request of ours on an established IKE SA is for: kept from the wish to the answer.

One request is under way at a time (a window of one), the others wait in Requests.queue; those that the peer put off by
TEMPORARY_FAILURE wait in IkeSa.later until their time comes. What a request says is decided when it is sent, for the
CHILD SA it is about may be gone by then, or have moved to another IKE SA.
"""
from __future__ import annotations

from isthmus.proto.actions import CLOSED
from isthmus.proto.ike2.states import ESTABLISHED
from isthmus.wire import ike_numbers as num
from isthmus.wire.ike_payloads import DeletePayload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.proto.ike2.engine import Engine
    from isthmus.proto.ike2.ike_sa import ChildSa, IkeSa
    from isthmus.wire.ike_payloads import Payload

PUT_OFF_FIRST_MS = 1_000  # after TEMPORARY_FAILURE; the next wait is twice as long, and all are spread at random
PUT_OFF_LONGEST_MS = 16_000
MAX_PUT_OFF = 10  # that often in a row is a refusal


class Task:
    """exchange: its type. child: the CHILD SA that it is about, None if it is about none. is_whole: it is not cut into
    parts, however long. goes_along: where the IKE SA is rekeyed before the answer has come, it is asked in the new one.
    """

    exchange = num.INFORMATIONAL
    child: ChildSa | None = None
    is_whole = False
    goes_along = False

    def make(self, engine: Engine, sa: IkeSa) -> list[Payload] | None:
        """The request, or None if there is nothing left to ask for."""
        raise NotImplementedError


class Words(Task):
    """Payloads that mean the same whenever they are sent."""

    def __init__(self, exchange: int, payloads: list[Payload]) -> None:
        self.exchange = exchange
        self._payloads = payloads

    def make(self, _engine: Engine, _sa: IkeSa) -> list[Payload] | None:
        """See Task."""
        return self._payloads


class DeleteChild(Task):
    """DELETE for one CHILD SA. reason: of the ChildGone that follows the answer."""

    def __init__(self, child: ChildSa, reason: str) -> None:
        self.child = child
        self.reason = reason

    def make(self, _engine: Engine, sa: IkeSa) -> list[Payload] | None:
        """See Task."""
        if self.child not in sa.children:
            return None
        return [DeletePayload(num.PROTO_ESP, [self.child.inbound_spi])]


def close_child(engine: Engine, sa: IkeSa, child: ChildSa, reason: str, now: int) -> None:
    """We want this CHILD SA no more. It stays ours until the peer has answered: until then its packets may come."""
    if not child.closing and child in sa.children:
        child.closing = True
        child.close_at = None
        engine.start(sa, DeleteChild(child, reason), now)


def resume(engine: Engine, sa: IkeSa, now: int) -> None:
    """What the time has come for: to ask again, and to delete what the peer has forgotten to."""
    due = [task for at, task in sa.later if at <= now]
    if due:
        sa.later = [(at, task) for at, task in sa.later if at > now]
        for task in due:
            engine.start(sa, task, now)
    for child in list(sa.children):
        if child.close_at is not None and child.close_at <= now:
            child.close_at = None
            if sa.state == ESTABLISHED:
                close_child(engine, sa, child, CLOSED, now)


def is_deleting(sa: IkeSa, child: ChildSa) -> bool:
    """True if our DELETE for this CHILD SA is under way: then an answer to the peer's does not name it (RFC 7296
    section 1.4.1).
    """
    task = sa.requests.current
    return isinstance(task, DeleteChild) and task.child is child


def put_off_ms(tries: int, rng: Callable[[int], bytes]) -> int:
    """How long to wait after the `tries`-th TEMPORARY_FAILURE (1 is the first): random, so that two that disturb each
    other do not meet again (RFC 7296 section 2.25).
    """
    longest = min(PUT_OFF_FIRST_MS << tries, PUT_OFF_LONGEST_MS)
    return longest // 4 + int.from_bytes(rng(2), "big") % (longest * 3 // 4)
