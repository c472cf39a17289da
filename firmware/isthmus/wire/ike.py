"""The IKEv2 header, the chain of payloads, and the message that both make. RFC 7296 sections 3.1, 3.2 and 3.14.

 0                   1                   2                   3
+---------------------------------------------------------------+
|                    IKE SA Initiator's SPI (8)                 |
|                    IKE SA Responder's SPI (8)                 |
+---------------+-------+-------+---------------+---------------+
| Next Payload  | MjVer | MnVer | Exchange Type |     Flags     |
+---------------+-------+-------+---------------+---------------+
|                       Message ID                              |
|                       Length                                  |
+---------------+-+-------------+-------------------------------+
| Next Payload  |C|  reserved   |   Payload Length              |   and the body of the first payload, ...
+---------------+-+-------------+-------------------------------+
"""
from __future__ import annotations

from isthmus.wire import ike_numbers as num
from isthmus.wire.buffer import COUNT, LENGTH, VALUE, Reader, WireError, Writer
from isthmus.wire.ike_payloads import PULL, PUSH, OpaquePayload, Payload, SkfPayload, SkPayload, push_opaque
from isthmus.wire.value import Value

HEADER = 28
PAYLOAD_HEADER = 4
FRAGMENT_HEADER = 4  # number and total, RFC 7383 section 2.5
SPI = 8
NO_SPI = bytes(SPI)

MAJOR_VERSION = 2
VERSION = MAJOR_VERSION << 4

FLAG_INITIATOR = 0x08  # the sender is the one who began this IKE SA
FLAG_VERSION = 0x10  # the sender could speak a higher major version
FLAG_RESPONSE = 0x20

CRITICAL = 0x80

# Our own limits. The longest message anybody needs is an IKE_AUTH with a chain of certificates.
MAX_MESSAGE = 16384
MAX_PAYLOADS = 48


class Header(Value):
    """The 28 bytes that every message begins with. spi_i, spi_r: 8 bytes; version: major << 4 | minor."""

    fields = ("spi_i", "spi_r", "version", "exchange", "flags", "message_id")

    def __init__(
        self, spi_i: bytes, spi_r: bytes, exchange: int, flags: int, message_id: int, version: int = VERSION
    ) -> None:
        self.spi_i = spi_i
        self.spi_r = spi_r
        self.exchange = exchange
        self.flags = flags
        self.message_id = message_id
        self.version = version

    @property
    def major(self) -> int:
        """The major version."""
        return self.version >> 4

    @property
    def is_response(self) -> bool:
        """True if this answers a request."""
        return bool(self.flags & FLAG_RESPONSE)

    @property
    def from_initiator(self) -> bool:
        """True if the sender is the one who began this IKE SA."""
        return bool(self.flags & FLAG_INITIATOR)


class Message(Value):
    """A header and the payloads in the clear. If the last one is SK, what it holds is still closed."""

    fields = ("header", "payloads")

    def __init__(self, header: Header, payloads: list[Payload]) -> None:
        self.header = header
        self.payloads = payloads


def pull_header(reader: Reader) -> tuple[Header, int]:
    """(header, type of the first payload). Raises WireError(LENGTH) unless the length is the datagram's own."""
    size = reader.left
    spi_i = reader.pull_bytes(SPI)
    spi_r = reader.pull_bytes(SPI)
    first = reader.pull_uint8()
    version = reader.pull_uint8()
    exchange = reader.pull_uint8()
    flags = reader.pull_uint8()
    message_id = reader.pull_uint32()
    length = reader.pull_uint32()
    if length != size or length > MAX_MESSAGE:
        raise WireError(LENGTH, "a length of %d in a datagram of %d bytes" % (length, size))
    return Header(spi_i, spi_r, exchange, flags, message_id, version), first


def push_header(writer: Writer, header: Header, first: int, length: int) -> None:
    """The mirror of pull_header. first: type of the first payload; length: of the whole message."""
    writer.push_bytes(header.spi_i)
    writer.push_bytes(header.spi_r)
    writer.push_uint8(first)
    writer.push_uint8(header.version)
    writer.push_uint8(header.exchange)
    writer.push_uint8(header.flags)
    writer.push_uint32(header.message_id)
    writer.push_uint32(length)


def pull_payloads(reader: Reader, first: int) -> list[Payload]:
    """A chain of payloads that ends where the reader ends; the reader has begun with the message itself.

    A payload that we know is read whole or refused; one that we do not know is kept with its critical bit. SK or SKF
    must be the last, and its body is left closed.
    """
    payloads: list[Payload] = []
    following = first
    while following != num.NO_NEXT_PAYLOAD:
        if len(payloads) == MAX_PAYLOADS:
            raise WireError(COUNT, "more than %d payloads" % MAX_PAYLOADS)
        payload_type = following
        following = reader.pull_uint8()
        critical = bool(reader.pull_uint8() & CRITICAL)
        body = reader.pull_block(reader.pull_uint16(), PAYLOAD_HEADER)
        if payload_type == num.SK:
            offset = reader.offset - body.left
            payloads.append(SkPayload(following, body.pull_rest(), offset))
            break
        if payload_type == num.SKF:
            number, total = body.pull_uint16(), body.pull_uint16()
            offset = reader.offset - body.left
            payloads.append(SkfPayload(following, number, total, body.pull_rest(), offset))
            break
        payloads.append(_pull_payload(payload_type, critical, body))
    reader.finish()
    return payloads


def _pull_payload(payload_type: int, critical: bool, body: Reader) -> Payload:
    pull = PULL.get(payload_type)
    if pull is None:
        return OpaquePayload(payload_type, critical, body.pull_rest())
    payload = pull(payload_type, body)
    body.finish()
    return payload


def push_payloads(writer: Writer, payloads: list[Payload]) -> None:
    """The mirror of pull_payloads, for everything but SK."""
    for index in range(len(payloads)):
        payload = payloads[index]
        start = len(writer)
        writer.push_uint8(payloads[index + 1].type if index + 1 < len(payloads) else num.NO_NEXT_PAYLOAD)
        writer.push_uint8(CRITICAL if isinstance(payload, OpaquePayload) and payload.critical else 0)
        writer.push_uint16(0)
        PUSH.get(payload.type, push_opaque)(writer, payload)
        writer.set_uint16(start + 2, len(writer) - start)


def first_type(payloads: list[Payload]) -> int:
    """What the field before a chain says."""
    return payloads[0].type if payloads else num.NO_NEXT_PAYLOAD


def pull_message(reader: Reader) -> Message:
    """A whole datagram. Raises WireError for a major version other than 2: look at the header first to answer it."""
    header, first = pull_header(reader)
    if header.major != MAJOR_VERSION:
        raise WireError(VALUE, "IKE version %d.%d" % (header.major, header.version & 0x0F))
    return Message(header, pull_payloads(reader, first))


def push_message(header: Header, payloads: list[Payload]) -> bytes:
    """A whole datagram with every payload in the clear."""
    writer = Writer()
    push_header(writer, header, first_type(payloads), 0)
    push_payloads(writer, payloads)
    writer.set_uint32(24, len(writer))
    return writer.get_bytes()


def push_sk_envelope(header: Header, inner: int, size: int) -> bytes:
    """The bytes in front of the IV of a message that is one SK payload with `size` bytes after its generic header.

    inner: type of the first payload inside. These bytes are authenticated together with what follows them.
    """
    writer = Writer()
    push_header(writer, header, num.SK, HEADER + PAYLOAD_HEADER + size)
    writer.push_uint8(inner)
    writer.push_uint8(0)
    writer.push_uint16(PAYLOAD_HEADER + size)
    return writer.get_bytes()


def push_skf_envelope(header: Header, inner: int, number: int, total: int, size: int) -> bytes:
    """The same for one part of `total` in an SKF payload with `size` bytes after these numbers."""
    writer = Writer()
    size += FRAGMENT_HEADER
    push_header(writer, header, num.SKF, HEADER + PAYLOAD_HEADER + size)
    writer.push_uint8(inner)
    writer.push_uint8(0)
    writer.push_uint16(PAYLOAD_HEADER + size)
    writer.push_uint16(number)
    writer.push_uint16(total)
    return writer.get_bytes()
