"""Traffic selectors: which packets a CHILD SA carries. RFC 7296 section 3.13."""
from __future__ import annotations

from isthmus.wire import ike_numbers as num
from isthmus.wire.addr import IPV4_BYTES, IPV6_BYTES, format_ip
from isthmus.wire.buffer import COUNT, LENGTH, VALUE, Reader, WireError, Writer
from isthmus.wire.value import Value

ANY_PROTOCOL = 0
ANY_PORTS = (0, 65535)

MAX_SELECTORS = 32

ADDRESS_BYTES = {num.TS_IPV4: IPV4_BYTES, num.TS_IPV6: IPV6_BYTES}
HEADER = 8  # type, protocol, length, two ports


class Selector(Value):
    """A range of addresses (`first` to `last`, 4 or 16 bytes) and of ports, for one IP protocol (0: any)."""

    fields = ("protocol", "start_port", "end_port", "first", "last")

    def __init__(self, protocol: int, start_port: int, end_port: int, first: bytes, last: bytes) -> None:
        self.protocol = protocol
        self.start_port = start_port
        self.end_port = end_port
        self.first = first
        self.last = last

    def __str__(self) -> str:
        text = format_ip(self.first)
        if self.last != self.first:
            text += "-" + format_ip(self.last)
        if self.protocol != ANY_PROTOCOL:
            text += " protocol %d" % self.protocol
        if (self.start_port, self.end_port) != ANY_PORTS:
            text += " port %d-%d" % (self.start_port, self.end_port)
        return text


def intersect(ours: Selector, theirs: Selector) -> Selector | None:
    """What both selectors let through, or None if that is nothing."""
    if len(ours.first) != len(theirs.first):
        return None
    if ours.protocol == ANY_PROTOCOL:
        protocol = theirs.protocol
    elif theirs.protocol in (ANY_PROTOCOL, ours.protocol):
        protocol = ours.protocol
    else:
        return None
    start_port = max(ours.start_port, theirs.start_port)
    end_port = min(ours.end_port, theirs.end_port)
    first = max(ours.first, theirs.first)
    last = min(ours.last, theirs.last)
    if start_port > end_port or first > last:
        return None
    return Selector(protocol, start_port, end_port, first, last)


def pull_selectors(reader: Reader) -> list[Selector]:
    """The body of a TSi or TSr payload. Selectors of a type we do not know are left out, as if not offered."""
    count = reader.pull_uint8()
    reader.pull_bytes(3)  # reserved
    if not 1 <= count <= MAX_SELECTORS:
        raise WireError(COUNT, "%d traffic selectors; 1 to %d are allowed" % (count, MAX_SELECTORS))
    selectors = []
    for _ in range(count):
        selector = _pull_selector(reader)
        if selector is not None:
            selectors.append(selector)
    return selectors


def _pull_selector(reader: Reader) -> Selector | None:
    ts_type = reader.pull_uint8()
    protocol = reader.pull_uint8()
    body = reader.pull_block(reader.pull_uint16(), 4)
    if ts_type not in ADDRESS_BYTES:
        return None
    size = ADDRESS_BYTES[ts_type]
    if body.left != 4 + 2 * size:
        raise WireError(LENGTH, "a traffic selector of type %d with %d bytes of content" % (ts_type, body.left))
    selector = Selector(
        protocol, body.pull_uint16(), body.pull_uint16(), body.pull_bytes(size), body.pull_bytes(size)
    )
    # Start 65535, end 0 means "opaque ports" (RFC 7296 3.13.1): no range, so nothing that we could agree to.
    opaque = (selector.start_port, selector.end_port) == (65535, 0)
    if (selector.start_port > selector.end_port and not opaque) or selector.first > selector.last:
        raise WireError(VALUE, "a traffic selector that ends before it starts")
    return None if opaque else selector


def push_selectors(writer: Writer, selectors: list[Selector]) -> None:
    """The mirror of pull_selectors."""
    writer.push_uint8(len(selectors))
    writer.push_bytes(b"\x00\x00\x00")
    for selector in selectors:
        size = len(selector.first)
        writer.push_uint8(num.TS_IPV4 if size == IPV4_BYTES else num.TS_IPV6)
        writer.push_uint8(selector.protocol)
        writer.push_uint16(HEADER + 2 * size)
        writer.push_uint16(selector.start_port)
        writer.push_uint16(selector.end_port)
        writer.push_bytes(selector.first)
        writer.push_bytes(selector.last)
