"""Path: does a datagram of this size reach the peer in one piece? The peer's answer to a padded request says so.

What ESP needs cannot be asked of routers (shared/reference/kernel.md): outer ESP leaves without DF. So an empty
question is filled up to the size by a private notify that every receiver passes over, and its first sendings forbid
cutting. The later ones do not: a size that is too large is no reason to lose the IKE SA.
"""
from __future__ import annotations

from isthmus.proto.actions import PathProbed
from isthmus.proto.ike2.fragments import IPV4_HEADER, IPV6_HEADER, MARKER, UDP_HEADER
from isthmus.proto.ike2.states import ESTABLISHED
from isthmus.proto.ike2.tasks import Task
from isthmus.wire import ike_numbers as num
from isthmus.wire.ike import HEADER, PAYLOAD_HEADER
from isthmus.wire.ike_payloads import NotifyPayload
from isthmus.wire.ip_numbers import NATT_PORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.proto.ike2.engine import Engine
    from isthmus.proto.ike2.ike_sa import IkeSa
    from isthmus.proto.ike2.retransmit import Requests
    from isthmus.wire.ike_payloads import Payload

WHOLE_SENDINGS = 2  # one may be lost by chance
NOTIFY_HEADER = PAYLOAD_HEADER + 4


class Probe(Task):
    """size: bytes of the IP datagram as it was asked for. sent: as it went out, less by at most a cipher block."""

    is_whole = True

    def __init__(self, size: int) -> None:
        self.size = size
        self.sent = 0

    def make(self, _engine: Engine, sa: IkeSa) -> list[Payload] | None:
        """See Task."""
        if sa.state != ESTABLISHED or sa.cipher_out is None:
            return None
        cipher = sa.cipher_out
        around = _get_around(sa) + HEADER + PAYLOAD_HEADER + cipher.overhead
        room = self.size - around
        # One byte of it is the length of the padding.
        filling = max(0, room - room % cipher.block - 1 - NOTIFY_HEADER)
        plaintext = NOTIFY_HEADER + filling + 1
        self.sent = around + plaintext + -plaintext % cipher.block
        return [NotifyPayload(num.ISTHMUS_PADDING, bytes(filling))]


def _get_around(sa: IkeSa) -> int:
    """Bytes of the datagram around the IKE message."""
    address = IPV4_HEADER if len(sa.remote[0]) == 4 else IPV6_HEADER
    return address + UDP_HEADER + (MARKER if sa.local[1] == NATT_PORT else 0)


def is_probing(requests: Requests) -> bool:
    """True if what is sent now must arrive whole or not at all."""
    return isinstance(requests.current, Probe) and requests.sent <= WHOLE_SENDINGS


def receive_answer(engine: Engine, sa: IkeSa, probe: Probe) -> None:
    """It has arrived; whole, if no other was sent yet."""
    if sa.requests.sent <= WHOLE_SENDINGS:
        _report(engine, sa, probe, True)


def give_up(engine: Engine, sa: IkeSa) -> None:
    """A request has been repeated: with that the sendings of a probe that count may be over."""
    probe = sa.requests.current
    if isinstance(probe, Probe) and sa.requests.sent == WHOLE_SENDINGS + 1:
        _report(engine, sa, probe, False)


def _report(engine: Engine, sa: IkeSa, probe: Probe, fits: bool) -> None:
    if sa.name is not None:
        engine.emit(PathProbed(sa.name, probe.size, fits, probe.sent))
