"""What two Isthmus tell each other inside an IKE SA: one INFORMATIONAL request with a private notify for each message.

Requests are answered one after the other (RFC 7296 section 2.3), so messages arrive in order and once, or the IKE SA
has ended. One case is left: where a tunnel's IKE SA is rekeyed while a message is under way, it is told once more in
the new one. What comes on an IKE SA that is over, or has been replaced, is not delivered.

With others than Isthmus the notify has no meaning, and is passed over like every status that is not known (RFC 7296
section 3.10.1).
"""
from __future__ import annotations

from isthmus.proto.actions import Told
from isthmus.proto.errors import InvalidSyntax
from isthmus.proto.ike2 import endings
from isthmus.proto.ike2.keys import prf_of
from isthmus.proto.ike2.states import ESTABLISHED, LIVE
from isthmus.proto.ike2.tasks import Task
from isthmus.wire import ike_numbers as num
from isthmus.wire.ike_payloads import DeletePayload, NotifyPayload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.proto.ike2.engine import Engine
    from isthmus.proto.ike2.ike_sa import IkeSa
    from isthmus.proto.ike2.incoming import Incoming
    from isthmus.wire.ike_payloads import Payload

MAX_DATA = 4096  # bytes of one message
MAX_WAITING = 8  # messages that wait for their turn on one IKE SA
MAX_LABEL = 16  # bytes of an exporter's label: see export


class Tell(Task):
    """One message; repr does not show it."""

    goes_along = True

    def __init__(self, data: bytes) -> None:
        self._data = data

    def make(self, _engine: Engine, sa: IkeSa) -> list[Payload] | None:
        """See Task."""
        return [NotifyPayload(num.ISTHMUS_PAIR, self._data)] if sa.state == ESTABLISHED else None


class Farewell(Task):
    """DELETE for the IKE SA, when all before it is answered."""

    def make(self, engine: Engine, sa: IkeSa) -> list[Payload] | None:
        """See Task."""
        if sa.state != ESTABLISHED:
            return None
        endings.part(engine, sa)
        return [DeletePayload(num.PROTO_IKE, [])]


def find(engine: Engine, ike_id: int) -> IkeSa | None:
    """The IKE SA of this number."""
    for sa in engine.table.get_all():
        if sa.ike_id == ike_id:
            return sa
    return None


def tell(engine: Engine, ike_id: int, data: bytes, now: int) -> bool:
    """Tell the peer, behind all that is asked for already. False: it will not be sent, since the IKE SA is gone or
    about to be closed, its peer is no Isthmus, or MAX_WAITING wait. Raises ValueError for none or too many bytes.
    """
    if not 0 < len(data) <= MAX_DATA:
        raise ValueError("%d bytes to be told; 1 to %d are possible" % (len(data), MAX_DATA))
    sa = find(engine, ike_id)
    if sa is None or sa.state != ESTABLISHED or not sa.peer_is_isthmus:
        return False
    queue = sa.requests.queue
    is_closing = [task for task in queue if isinstance(task, Farewell)]
    if is_closing or len([task for task in queue if isinstance(task, Tell)]) >= MAX_WAITING:
        return False
    engine.start(sa, Tell(data), now)
    return True


def tell_newest(engine: Engine, name: str, data: bytes, now: int) -> int | None:
    """The same on the newest established IKE SA of a connection; its ike_id, None if nothing will be sent."""
    established = [sa for sa in engine.table.find_all(name) if sa.state == ESTABLISHED]
    return established[-1].ike_id if established and tell(engine, established[-1].ike_id, data, now) else None


def close(engine: Engine, ike_id: int, now: int) -> None:
    """DELETE for a pairing's IKE SA, behind all that is asked for already; nothing if it is gone or closing."""
    sa = find(engine, ike_id)
    if sa is None or not sa.childless or sa.state != ESTABLISHED:
        return
    if not [task for task in sa.requests.queue if isinstance(task, Farewell)]:
        engine.start(sa, Farewell(), now)


def export(engine: Engine, ike_id: int, label: bytes) -> bytes:
    """prf(SK_d, label | SPIi | SPIr): as many bytes as the prf has, the same at both ends and of no other use.

    All else that IKEv2 puts into prf under SK_d has 33 bytes or more (RFC 7296 sections 2.10, 2.17 and 2.18), this at
    most 32: nobody exports a key of ESP. Raises KeyError if there is no such SA, ValueError for a longer label.
    """
    sa = find(engine, ike_id)
    if sa is None or sa.keys is None or sa.state not in LIVE:
        raise KeyError("no IKE SA %d" % ike_id)
    if not 0 < len(label) <= MAX_LABEL:
        raise ValueError("a label has 1 to %d bytes, not %d" % (MAX_LABEL, len(label)))
    return prf_of(sa.suite).compute(sa.keys.d, label + sa.spi_i + sa.spi_r)


def read(sa: IkeSa, incoming: Incoming) -> bytes | None:
    """What a request tells us, None if nothing. Raises InvalidSyntax for what no pairing says; in a tunnel that is
    passed over.
    """
    if not sa.peer_is_isthmus:
        return None
    told = [notify.data for notify in incoming.find_notifies(num.ISTHMUS_PAIR)]
    if len(told) == 1 and 0 < len(told[0]) <= MAX_DATA:
        return told[0]
    if told and sa.childless:
        size = sum([len(data) for data in told])
        raise InvalidSyntax("%d messages of a pairing at once, of %d bytes" % (len(told), size))
    return None


def deliver(engine: Engine, sa: IkeSa, data: bytes) -> None:
    """It is the daemon's now, unless the IKE SA is over: then nobody waits for it any more."""
    if sa.state == ESTABLISHED and sa.name is not None:
        engine.emit(Told(sa.name, sa.ike_id, data))
