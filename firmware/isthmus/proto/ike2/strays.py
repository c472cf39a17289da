"""Messages for an IKE SA that is no longer there, since its side has started anew. RFC 7296 sections 1.5 and 2.21.4.

Whoever gets one says so in the clear, which proves nothing. So its receiver tears nothing down: it asks once more, and
when that is not answered either, it begins a fresh handshake beside the SA that it doubts. Newest wins.
"""
from __future__ import annotations

from isthmus.proto.ike2 import init
from isthmus.proto.ike2.states import ESTABLISHED, PENDING
from isthmus.wire import ike_numbers as num
from isthmus.wire.ike_payloads import NotifyPayload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.proto.ike2.engine import Engine
    from isthmus.proto.ike2.ike_sa import IkeSa
    from isthmus.proto.ike2.incoming import Incoming
    from isthmus.wire.ike_payloads import Payload


def answer(engine: Engine, incoming: Incoming, now: int) -> None:
    """Tell who asks inside an unknown IKE SA that we have lost it: those who may be a peer of ours, and rarely."""
    if incoming.header.is_response or engine.connections.expects(incoming.destination, incoming.source) is None:
        return
    if engine.quiet.may_speak("stray", incoming.source[0], now):
        engine.answer_clear(incoming, [NotifyPayload(num.INVALID_IKE_SPI)])


def take_hint(sa: IkeSa, incoming: Incoming, clear: list[Payload]) -> None:
    """What stands in the clear where our request should have been answered: is it that the SA is unknown?"""
    for payload in clear:
        if isinstance(payload, NotifyPayload) and payload.notify == num.INVALID_IKE_SPI:
            sa.hints.is_doubted = sa.hints.is_doubted or incoming.header.is_response


def act(engine: Engine, sa: IkeSa, now: int) -> None:
    """The request has had to be repeated: if there was a hint, see to a new IKE SA while this one has its chance."""
    connection = sa.connection
    if not sa.hints.is_doubted or sa.state != ESTABLISHED or connection is None or connection.remote is None:
        return
    if sa.nat.there or sa.childless:
        return  # it cannot be called: it has to call; a pairing is begun once
    sa.hints.is_doubted = False
    siblings = engine.table.find_all(connection.name)
    if siblings[-1] is sa and not [other for other in siblings if other.state in PENDING]:
        init.begin(engine, connection, now)
