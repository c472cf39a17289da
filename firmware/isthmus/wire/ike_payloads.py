"""The payloads of IKEv2: one class each, and pull_x / push_x in pairs over the payload's body. RFC 7296 section 3.

A body is what follows the four bytes of generic payload header; `wire/ike.py` reads and writes those.
"""
from __future__ import annotations

from isthmus.wire import ike_numbers as num
from isthmus.wire.buffer import COUNT, LENGTH, VALUE, Reader, WireError, Writer
from isthmus.wire.identity import Identity
from isthmus.wire.ike_sa import Proposal, pull_proposals, push_proposals
from isthmus.wire.ike_ts import Selector, pull_selectors, push_selectors
from isthmus.wire.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Pull = Callable[[int, Reader], "Payload"]
    Push = Callable[[Writer, Any], None]

NONCE_MIN = 16  # RFC 7296 3.9
NONCE_MAX = 256
MAX_DELETE_SPIS = 64


class Payload(Value):
    """What all payloads have: their type in the chain."""

    def __init__(self, payload_type: int) -> None:
        self.type = payload_type


class SaPayload(Payload):
    """Proposals on offer, or the one chosen."""

    fields = ("proposals",)

    def __init__(self, proposals: list[Proposal]) -> None:
        super().__init__(num.SA)
        self.proposals = proposals


class KePayload(Payload):
    """A public value of one group."""

    fields = ("group", "data")

    def __init__(self, group: int, data: bytes) -> None:
        super().__init__(num.KE)
        self.group = group
        self.data = data


class IdPayload(Payload):
    """Who the initiator (IDi) or responder (IDr) says it is."""

    fields = ("type", "identity")

    def __init__(self, payload_type: int, identity: Identity) -> None:
        super().__init__(payload_type)
        self.identity = identity

    def get_body(self) -> bytes:
        """The payload without its generic header: what RFC 7296 2.15 calls RestOfIDPayload."""
        writer = Writer()
        push_id(writer, self)
        return writer.get_bytes()


class AuthPayload(Payload):
    """The proof of an identity. Its data is not printed."""

    fields = ("method",)

    def __init__(self, method: int, data: bytes) -> None:
        super().__init__(num.AUTH)
        self.method = method
        self.data = data


class NoncePayload(Payload):
    """16 to 256 random bytes."""

    fields = ("data",)

    def __init__(self, data: bytes) -> None:
        super().__init__(num.NONCE)
        self.data = data


class NotifyPayload(Payload):
    """An error or a status, about a protocol's SPI (usually none: 0 and no bytes)."""

    fields = ("notify", "protocol", "spi", "data")

    def __init__(self, notify: int, data: bytes = b"", protocol: int = 0, spi: bytes = b"") -> None:
        super().__init__(num.NOTIFY)
        self.notify = notify
        self.protocol = protocol
        self.spi = spi
        self.data = data

    @property
    def is_error(self) -> bool:
        """True if this ends what it is about; False if it is a remark."""
        return self.notify < num.FIRST_STATUS_TYPE


class DeletePayload(Payload):
    """SAs that no longer exist at the sender: this IKE SA (no SPIs), or the sender's inbound ESP SPIs."""

    fields = ("protocol", "spis")

    def __init__(self, protocol: int, spis: list[bytes]) -> None:
        super().__init__(num.DELETE)
        self.protocol = protocol
        self.spis = spis


class VendorPayload(Payload):
    """Bytes by which implementations of one maker know each other."""

    fields = ("data",)

    def __init__(self, data: bytes) -> None:
        super().__init__(num.VENDOR)
        self.data = data


class TsPayload(Payload):
    """Traffic of the initiator's side (TSi) or the responder's (TSr)."""

    fields = ("type", "selectors")

    def __init__(self, payload_type: int, selectors: list[Selector]) -> None:
        super().__init__(payload_type)
        self.selectors = selectors


class SkPayload(Payload):
    """Encrypted payloads, still closed. inner: type of the first one inside. offset: where `data` starts in the
    message: everything before it is authenticated too.
    """

    fields: tuple[str, ...] = ("inner", "data")

    def __init__(self, inner: int, data: bytes, offset: int) -> None:
        super().__init__(num.SK)
        self.inner = inner
        self.data = data
        self.offset = offset


class SkfPayload(SkPayload):
    """A part of encrypted payloads, still closed. number: from 1; total: how many parts there are (RFC 7383 2.5)."""

    fields = ("inner", "number", "total", "data")

    def __init__(self, inner: int, number: int, total: int, data: bytes, offset: int) -> None:
        super().__init__(inner, data, offset)
        self.type = num.SKF
        self.number = number
        self.total = total


class OpaquePayload(Payload):
    """A payload whose content we do not read: CERT, CERTREQ, CP, EAP, or a type we have never heard of."""

    fields = ("type", "critical", "data")

    def __init__(self, payload_type: int, critical: bool, data: bytes) -> None:
        super().__init__(payload_type)
        self.critical = critical
        self.data = data


def pull_sa(_payload_type: int, reader: Reader) -> SaPayload:
    """RFC 7296 section 3.3."""
    return SaPayload(pull_proposals(reader))


def push_sa(writer: Writer, payload: SaPayload) -> None:
    """RFC 7296 section 3.3."""
    push_proposals(writer, payload.proposals)


def pull_ke(_payload_type: int, reader: Reader) -> KePayload:
    """RFC 7296 section 3.4."""
    group = reader.pull_uint16()
    reader.pull_uint16()  # reserved
    return KePayload(group, reader.pull_rest())


def push_ke(writer: Writer, payload: KePayload) -> None:
    """RFC 7296 section 3.4."""
    writer.push_uint16(payload.group)
    writer.push_uint16(0)
    writer.push_bytes(payload.data)


def pull_id(payload_type: int, reader: Reader) -> IdPayload:
    """RFC 7296 section 3.5."""
    kind = reader.pull_uint8()
    reserved = reader.pull_bytes(3)
    if reserved != b"\x00\x00\x00":
        # The AUTH payload covers these bytes as they were sent, and we rebuild them as zeros (RFC 7296 2.15).
        raise WireError(VALUE, "an identity payload with something in its reserved bytes")
    return IdPayload(payload_type, Identity(kind, reader.pull_rest()))


def push_id(writer: Writer, payload: IdPayload) -> None:
    """RFC 7296 section 3.5."""
    writer.push_uint8(payload.identity.kind)
    writer.push_bytes(b"\x00\x00\x00")
    writer.push_bytes(payload.identity.data)


def pull_auth(_payload_type: int, reader: Reader) -> AuthPayload:
    """RFC 7296 section 3.8."""
    method = reader.pull_uint8()
    reader.pull_bytes(3)  # reserved
    return AuthPayload(method, reader.pull_rest())


def push_auth(writer: Writer, payload: AuthPayload) -> None:
    """RFC 7296 section 3.8."""
    writer.push_uint8(payload.method)
    writer.push_bytes(b"\x00\x00\x00")
    writer.push_bytes(payload.data)


def pull_nonce(_payload_type: int, reader: Reader) -> NoncePayload:
    """RFC 7296 section 3.9."""
    if not NONCE_MIN <= reader.left <= NONCE_MAX:
        raise WireError(LENGTH, "a nonce of %d bytes; %d to %d are allowed" % (reader.left, NONCE_MIN, NONCE_MAX))
    return NoncePayload(reader.pull_rest())


def push_nonce(writer: Writer, payload: NoncePayload) -> None:
    """RFC 7296 section 3.9."""
    writer.push_bytes(payload.data)


def pull_notify(_payload_type: int, reader: Reader) -> NotifyPayload:
    """RFC 7296 section 3.10."""
    protocol = reader.pull_uint8()
    spi_size = reader.pull_uint8()
    notify = reader.pull_uint16()
    spi = reader.pull_bytes(spi_size)
    return NotifyPayload(notify, reader.pull_rest(), protocol, spi)


def push_notify(writer: Writer, payload: NotifyPayload) -> None:
    """RFC 7296 section 3.10."""
    writer.push_uint8(payload.protocol)
    writer.push_uint8(len(payload.spi))
    writer.push_uint16(payload.notify)
    writer.push_bytes(payload.spi)
    writer.push_bytes(payload.data)


def pull_delete(_payload_type: int, reader: Reader) -> DeletePayload:
    """RFC 7296 section 3.11."""
    protocol = reader.pull_uint8()
    spi_size = reader.pull_uint8()
    count = reader.pull_uint16()
    if count > MAX_DELETE_SPIS:
        raise WireError(COUNT, "%d SPIs to delete; at most %d are allowed" % (count, MAX_DELETE_SPIS))
    if spi_size != (0 if protocol == num.PROTO_IKE else 4) or (protocol == num.PROTO_IKE and count):
        raise WireError(LENGTH, "a DELETE of protocol %d with %d SPIs of %d bytes" % (protocol, count, spi_size))
    return DeletePayload(protocol, [reader.pull_bytes(spi_size) for _ in range(count)])


def push_delete(writer: Writer, payload: DeletePayload) -> None:
    """RFC 7296 section 3.11."""
    writer.push_uint8(payload.protocol)
    writer.push_uint8(0 if payload.protocol == num.PROTO_IKE else 4)
    writer.push_uint16(len(payload.spis))
    for spi in payload.spis:
        writer.push_bytes(spi)


def pull_vendor(_payload_type: int, reader: Reader) -> VendorPayload:
    """RFC 7296 section 3.12."""
    return VendorPayload(reader.pull_rest())


def push_vendor(writer: Writer, payload: VendorPayload) -> None:
    """RFC 7296 section 3.12."""
    writer.push_bytes(payload.data)


def pull_ts(payload_type: int, reader: Reader) -> TsPayload:
    """RFC 7296 section 3.13."""
    return TsPayload(payload_type, pull_selectors(reader))


def push_ts(writer: Writer, payload: TsPayload) -> None:
    """RFC 7296 section 3.13."""
    push_selectors(writer, payload.selectors)


def push_opaque(writer: Writer, payload: OpaquePayload) -> None:
    """Any payload whose content is bytes to us."""
    writer.push_bytes(payload.data)


PULL: dict[int, Pull] = {
    num.SA: pull_sa,
    num.KE: pull_ke,
    num.IDI: pull_id,
    num.IDR: pull_id,
    num.AUTH: pull_auth,
    num.NONCE: pull_nonce,
    num.NOTIFY: pull_notify,
    num.DELETE: pull_delete,
    num.VENDOR: pull_vendor,
    num.TSI: pull_ts,
    num.TSR: pull_ts,
}

PUSH: dict[int, Push] = {
    num.SA: push_sa,
    num.KE: push_ke,
    num.IDI: push_id,
    num.IDR: push_id,
    num.AUTH: push_auth,
    num.NONCE: push_nonce,
    num.NOTIFY: push_notify,
    num.DELETE: push_delete,
    num.VENDOR: push_vendor,
    num.TSI: push_ts,
    num.TSR: push_ts,
}
