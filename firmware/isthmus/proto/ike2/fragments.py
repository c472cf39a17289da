"""Messages too long for one datagram: cut before they are sealed, put together after each part is proven. RFC 7383.

A part is kept only after its own integrity check, so whoever does not know the keys cannot fill anything. Of each
direction one message at a time is put together, and what all unproven peers together may leave here is bounded.
"""
from __future__ import annotations

from isthmus.crypto.ciphers import IntegrityError
from isthmus.proto.ike2.sealing import open_sk, seal_chain, seal_fragment, unpad
from isthmus.wire import ike_numbers as num
from isthmus.wire.buffer import WireError, Writer
from isthmus.wire.ike import (
    FRAGMENT_HEADER,
    HEADER,
    MAX_MESSAGE,
    PAYLOAD_HEADER,
    first_type,
    pull_payloads,
    push_payloads,
)
from isthmus.wire.ike_payloads import NotifyPayload, SkfPayload, SkPayload
from isthmus.wire.ip_numbers import NATT_PORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.crypto.ciphers import SkCipher
    from isthmus.proto.ike2.connection import Connection
    from isthmus.proto.ike2.engine import Engine
    from isthmus.proto.ike2.ike_sa import IkeSa
    from isthmus.proto.ike2.incoming import Incoming
    from isthmus.wire.buffer import Reader
    from isthmus.wire.ike import Header
    from isthmus.wire.ike_payloads import Payload

MAX_FRAGMENTS = 64  # of one message; of MAX_MESSAGE bytes, cut to the smallest datagrams of IPv4, these are too many
MAX_UNPROVEN = 16 * MAX_MESSAGE  # bytes that peers who have not proved themselves may leave here, all together

IPV4_HEADER = 20
IPV6_HEADER = 40
UDP_HEADER = 8
MARKER = 4  # in front of IKE on port 4500, RFC 3948 section 2.2
SMALLEST = 256  # a limit below is a mistake: the headers would outweigh what they carry


class Assembly:
    """The parts of one message so far. total: how many it has; first: type of the first payload; digest: SHA-256 of the
    datagram with the first part, by which a repetition of the message is known.
    """

    def __init__(self, message_id: int, total: int) -> None:
        self.message_id = message_id
        self.total = total
        self.first = num.NO_NEXT_PAYLOAD
        self.digest = b""
        self.parts: dict[int, bytes] = {}

    @property
    def size(self) -> int:
        """Bytes kept."""
        return sum([len(part) for part in self.parts.values()])

    @property
    def is_complete(self) -> bool:
        """True if no part is missing."""
        return len(self.parts) == self.total

    def join(self) -> bytes:
        """The whole chain of payloads."""
        return b"".join([self.parts[number] for number in range(1, self.total + 1)])


class Fragments:
    """What one IKE SA knows: whether both sides can do it (agreed), and what is being put together, by direction:
    True for answers to us, False for requests.
    """

    def __init__(self) -> None:
        self.agreed = False
        self.under_way: dict[bool, Assembly] = {}

    @property
    def size(self) -> int:
        """Bytes kept."""
        return sum([assembly.size for assembly in self.under_way.values()])


def make_notify(connection: Connection) -> list[Payload]:
    """The payload for IKE_SA_INIT: one, or none where messages are never to be cut."""
    return [NotifyPayload(num.IKEV2_FRAGMENTATION_SUPPORTED)] if connection.fragment else []


def is_offered(incoming: Incoming) -> bool:
    """True if an IKE_SA_INIT message carries the notify."""
    return incoming.find_notify(num.IKEV2_FRAGMENTATION_SUPPORTED) is not None


# Sending


def get_room(sa: IkeSa) -> int:
    """How long one IKE message may be, in bytes; 0: as long as it likes."""
    if not sa.fragments.agreed or sa.connection is None or not sa.connection.fragment:
        return 0
    around = (IPV4_HEADER if len(sa.remote[0]) == 4 else IPV6_HEADER) + UDP_HEADER
    return max(sa.connection.fragment, SMALLEST) - around - (MARKER if sa.remote[1] == NATT_PORT else 0)


def seal(cipher: SkCipher, header: Header, payloads: list[Payload], room: int) -> tuple[bytes, ...]:
    """The datagrams that carry these payloads encrypted: one with SK if it fits into `room` bytes, else SKFs."""
    writer = Writer()
    push_payloads(writer, payloads)
    chain, inner = writer.get_bytes(), first_type(payloads)
    if not room or _sealed_size(cipher, len(chain)) <= room:
        return (seal_chain(cipher, header, inner, chain),)
    most = room - HEADER - PAYLOAD_HEADER - FRAGMENT_HEADER - cipher.overhead
    most -= most % cipher.block + 1  # the byte is the length of the padding
    total = (len(chain) + most - 1) // most
    # The first payload's type stands in the first part alone (RFC 7383 section 2.5.2).
    return tuple([
        seal_fragment(
            cipher, header, inner if number == 1 else num.NO_NEXT_PAYLOAD, number, total,
            chain[(number - 1) * most : number * most],
        )
        for number in range(1, total + 1)
    ])  # fmt: skip


def _sealed_size(cipher: SkCipher, length: int) -> int:
    return HEADER + PAYLOAD_HEADER + cipher.overhead + length + 1 + -(length + 1) % cipher.block


# Receiving


def open_message(engine: Engine, sa: IkeSa, incoming: Incoming, sk: SkPayload) -> tuple[SkPayload, bytes] | None:
    """The SK payload and its plaintext; for a part: with the last one missing, the whole. None if nothing is proven,
    or not all is here.
    """
    if isinstance(sk, SkfPayload):
        return _take(engine, sa, incoming, sk)
    if sa.cipher_in is None:
        return None
    try:
        plaintext = open_sk(sa.cipher_in, incoming.datagram, sk)
    except IntegrityError:
        engine.count("integrity")
        return None
    sa.fragments.under_way.pop(incoming.header.is_response, None)
    return sk, plaintext


def _take(engine: Engine, sa: IkeSa, incoming: Incoming, skf: SkfPayload) -> tuple[SkPayload, bytes] | None:
    """One part, kept if it is the peer's; with the last missing one, the whole as if it had come in one SK.

    RFC 7383 section 2.6.1, and in its order: what can be refused without a key is refused before the key is used.
    """
    message_id, is_answer = incoming.header.message_id, incoming.header.is_response
    if not sa.fragments.agreed or not _is_sound(skf):
        engine.count("fragment")
        return None
    known = sa.fragments.under_way.get(is_answer)
    if known is not None and known.message_id != message_id:
        known = None
    # A larger total: the peer has begun again, with smaller parts. A smaller one is an old copy.
    if known is not None and (skf.total < known.total or (skf.total == known.total and skf.number in known.parts)):
        engine.count("fragment-again")
        return None
    part = _open(engine, sa, incoming, skf)
    if part is None:
        return None
    if known is None or known.total != skf.total:
        known = Assembly(message_id, skf.total)
    if not _has_room(engine, sa, known, part):
        engine.count("fragment-room")
        return None
    sa.fragments.under_way[is_answer] = known
    known.parts[skf.number] = part
    if skf.number == 1:
        known.first, known.digest = skf.inner, incoming.digest
    if not known.is_complete:
        return None
    del sa.fragments.under_way[is_answer]
    incoming.digest = known.digest
    return SkPayload(known.first, b"", 0), known.join() + b"\x00"


def _is_sound(skf: SkfPayload) -> bool:
    """True if there may be such a part at all."""
    if not 1 <= skf.number <= skf.total <= MAX_FRAGMENTS:
        return False
    return skf.number == 1 or skf.inner == num.NO_NEXT_PAYLOAD


def _open(engine: Engine, sa: IkeSa, incoming: Incoming, skf: SkfPayload) -> bytes | None:
    """What a part carries, if the peer has made it."""
    if sa.cipher_in is None:
        return None
    try:
        part = unpad(open_sk(sa.cipher_in, incoming.datagram, skf))
    except IntegrityError:
        engine.count("integrity")
        return None
    except WireError:
        engine.count("fragment")
        return None
    if not part:
        engine.count("fragment")
    return part or None


def _has_room(engine: Engine, sa: IkeSa, assembly: Assembly, part: bytes) -> bool:
    """True if this part may be kept too. What unproven peers leave is bounded, and who leaves most goes first: whoever
    fills the room with what he never ends keeps nobody out who needs less.
    """
    if assembly.size + len(part) > MAX_MESSAGE:
        return False
    if not sa.is_half_open:
        return True
    others = [other for other in engine.table.list_half_open() if other is not sa and other.fragments.under_way]
    kept = sa.fragments.size + sum([other.fragments.size for other in others])
    while kept + len(part) > MAX_UNPROVEN:
        largest = max(others, key=_kept_by) if others else sa
        if _kept_by(largest) <= _kept_by(sa):
            return False
        kept -= _kept_by(largest)
        largest.fragments.under_way = {}
        others.remove(largest)
    return True


def _kept_by(sa: IkeSa) -> int:
    return sa.fragments.size


def repeat_answer(engine: Engine, sa: IkeSa, incoming: Incoming, reader: Reader, first: int, now: int) -> bool:
    """True if this is the first part of the last request, cut in another way than before: it is answered again.

    The peer may have found that smaller parts pass better (RFC 7383 section 2.5.1). Its integrity check proves it, as
    the identical bytes prove an ordinary repetition.
    """
    answer = sa.responses.get_last(incoming.header.message_id)
    if answer is None or first != num.SKF or not sa.fragments.agreed:
        return False
    clear = pull_payloads(reader, first)
    skf = clear[0] if len(clear) == 1 else None
    if not isinstance(skf, SkfPayload) or skf.number != 1 or not _is_sound(skf):
        return False
    if _open(engine, sa, incoming, skf) is None:
        return True
    engine.answer_again(sa, incoming, answer, now)
    return True
