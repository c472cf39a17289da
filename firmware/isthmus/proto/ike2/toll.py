"""What a stranger must pay before anything is kept or computed for it: a cookie, once many begin. RFC 7296 section 2.6.

Under a flood nothing is read of a request but where its payloads begin: the nonce, which the cookie covers, and the
cookie. So a request without the right one costs little time and no memory, whoever it says it comes from.
"""
from __future__ import annotations

from isthmus.wire import ike_numbers as num
from isthmus.wire.ike import HEADER, MAX_PAYLOADS, PAYLOAD_HEADER
from isthmus.wire.ike_payloads import NONCE_MAX, NONCE_MIN, NotifyPayload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.proto.ike2.engine import Engine
    from isthmus.proto.ike2.incoming import Incoming

# Half-open SAs above which a cookie is demanded: from an address that some connection names, and from any other, which
# only a peer may have that calls from anywhere.
THRESHOLD = 10
STRANGER_THRESHOLD = 3

COOKIE = num.COOKIE.to_bytes(2, "big")
NOTIFY_HEADER = 4  # protocol, SPI size, type


def is_due(engine: Engine, incoming: Incoming, is_expected: bool, now: int) -> bool:
    """True if this IKE_SA_INIT request may not go on: it has been asked for a cookie, or dropped."""
    half_open = engine.table.count_half_open()
    if half_open <= (THRESHOLD if is_expected else STRANGER_THRESHOLD):
        return False
    return not _has_paid(engine, incoming, now)


def _has_paid(engine: Engine, incoming: Incoming, now: int) -> bool:
    cookie, nonce = peek(incoming.datagram)
    if not NONCE_MIN <= len(nonce) <= NONCE_MAX:
        engine.count("malformed-length")
        return False
    address, spi = incoming.source[0], incoming.header.spi_i
    if cookie and engine.cookies.check(cookie, address, spi, nonce, now):
        return True
    engine.answer_clear(incoming, [NotifyPayload(num.COOKIE, engine.cookies.make(address, spi, nonce, now))])
    return False


def peek(datagram: bytes) -> tuple[bytes, bytes]:
    """(cookie, nonce) of an IKE_SA_INIT request, b"" for what is not there; payload bodies are not looked into."""
    cookie, nonce = b"", b""
    kind, at, size = datagram[16], HEADER, len(datagram)
    for _ in range(MAX_PAYLOADS):
        if kind == num.NO_NEXT_PAYLOAD or at + PAYLOAD_HEADER > size:
            break
        end = at + (datagram[at + 2] << 8 | datagram[at + 3])
        body = at + PAYLOAD_HEADER
        if not body <= end <= size:
            break
        if kind == num.NONCE:
            nonce = datagram[body:end]
        elif kind == num.NOTIFY and end >= body + NOTIFY_HEADER and datagram[body + 2 : body + 4] == COOKIE:
            cookie = cookie or datagram[body + NOTIFY_HEADER + datagram[body + 1] : end]
        kind, at = datagram[at], end
    return cookie, nonce
