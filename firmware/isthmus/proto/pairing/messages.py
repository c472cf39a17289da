"""What the two routers say inside the IKE SA: bytes <-> values.

    message: version (1 byte), type (1 byte), fields          field: type (1 byte), length (2 bytes), value

A field whose type has its highest bit set must be understood: who does not know it ends the pairing. All others that
are not known are passed over; both sites hash the message as it was sent: nobody in between adds or removes one.
"""

from __future__ import annotations

from isthmus.proto.pairing.limits import (
    FIELDS,
    KEY_BYTES,
    LANS,
    MESSAGE_BYTES,
    MTU_LEAST,
    MTU_MOST,
    SITE_BYTES,
    TAG_BYTES,
    USED,
    VERSION,
)
from isthmus.proto.pairing.names import is_name
from isthmus.proto.pairing.values import Alias, Info, Lan
from isthmus.wire.addr import IPV4_BYTES, IPV6_BYTES, AddressError, Prefix
from isthmus.wire.buffer import COUNT, LENGTH, TRAILING, VALUE, Reader, WireError, Writer
from isthmus.wire.value import Value

HELLO, OPEN, INFO, APPROVE, KEEP, ABORT = 1, 2, 3, 4, 5, 6
NAMES = {HELLO: "HELLO", OPEN: "OPEN", INFO: "INFO", APPROVE: "APPROVE", KEEP: "KEEP", ABORT: "ABORT"}

MUST = 0x80
KEY = MUST | 1  # X25519 public key, 32 bytes
TAG = MUST | 2  # 32 bytes
REASON = MUST | 3  # 1 byte
NAME = MUST | 4
SITE = MUST | 5  # 16 random bytes that a site keeps for good
LAN = MUST | 6  # a network of the sender's, and as what it appears at the peer
NETWORK = MUST | 7  # a network that is in use at the sender's otherwise
ALIAS = MUST | 8  # side (0: inviter's, 1: joiner's), network, as what it will appear
CAPABILITIES = MUST | 9  # 4 bytes, bits of values.py
CLOCK = MUST | 10  # seconds since 1970, 8 bytes; for people to read
MTU = MUST | 11  # of the sender's way to the Internet, bytes

# Message: its fields, and how often each may stand in it (least, most).
LAYOUTS = {
    HELLO: ((KEY, 1, 1),),
    OPEN: ((KEY, 1, 1),),
    INFO: (
        (NAME, 1, 1), (SITE, 1, 1), (LAN, 1, LANS), (NETWORK, 0, USED), (ALIAS, 0, 2 * LANS), (CAPABILITIES, 1, 1),
        (CLOCK, 1, 1), (MTU, 1, 1),
    ),
    APPROVE: ((TAG, 1, 1),),
    KEEP: ((TAG, 1, 1),),
    ABORT: ((REASON, 1, 1),),
}  # fmt: skip


class NewerError(WireError):
    """A message that needs what this release does not know."""


class Message(Value):
    """One message. type: HELLO and so on; key: of HELLO and OPEN; tag: of APPROVE and KEEP; reason: of ABORT; info: of
    INFO. What its type does not have is b"", 0 or None.
    """

    fields = ("type", "key", "reason", "info")

    def __init__(
        self, kind: int, key: bytes = b"", tag: bytes = b"", reason: int = 0, info: Info | None = None
    ) -> None:
        self.type = kind
        self.key = key
        self.tag = tag
        self.reason = reason
        self.info = info


def pull_message(data: bytes) -> Message:
    """Raises WireError; NewerError for another version, an unknown message, or an unknown field with MUST."""
    if len(data) > MESSAGE_BYTES:
        raise WireError(LENGTH, "a message of %d bytes; the longest has %d" % (len(data), MESSAGE_BYTES))
    reader = Reader(data)
    version, kind = reader.pull_uint8(), reader.pull_uint8()
    if version != VERSION:
        raise NewerError(VALUE, "a message of version %d; this router speaks version %d" % (version, VERSION))
    if kind not in LAYOUTS:
        raise NewerError(VALUE, "a message of type %d" % kind)
    found = _pull_fields(reader, kind)
    if kind == INFO:
        return Message(kind, info=_pull_info(found))
    first = found[LAYOUTS[kind][0][0]][0]
    if kind == ABORT:
        return Message(kind, reason=_pull_number(first, 1))
    value = _pull_sized(first, KEY_BYTES if kind in (HELLO, OPEN) else TAG_BYTES)
    return Message(kind, key=value) if kind in (HELLO, OPEN) else Message(kind, tag=value)


def push_message(message: Message) -> bytes:
    """The mirror of pull_message."""
    writer = Writer()
    writer.push_uint8(VERSION)
    writer.push_uint8(message.type)
    if message.type in (HELLO, OPEN):
        _push_field(writer, KEY, message.key)
    elif message.type in (APPROVE, KEEP):
        _push_field(writer, TAG, message.tag)
    elif message.type == ABORT:
        _push_field(writer, REASON, bytes([message.reason]))
    elif message.info is not None:
        _push_info(writer, message.info)
    return writer.get_bytes()


def _pull_fields(reader: Reader, kind: int) -> dict[int, list[bytes]]:
    """The values of the fields this message may have, by type."""
    layout = LAYOUTS[kind]
    found: dict[int, list[bytes]] = {field: [] for field, _, _ in layout}
    count = 0
    while reader.left:
        count += 1
        if count > FIELDS:
            raise WireError(COUNT, "more than %d fields" % FIELDS)
        field = reader.pull_uint8()
        value = reader.pull_bytes(reader.pull_uint16())
        if field in found:
            found[field].append(value)
        elif field & MUST:
            raise NewerError(VALUE, "%s with field %d" % (NAMES[kind], field))
    for field, least, most in layout:
        if not least <= len(found[field]) <= most:
            raise WireError(COUNT, "%s with %d fields %d" % (NAMES[kind], len(found[field]), field))
    return found


def _pull_info(found: dict[int, list[bytes]]) -> Info:
    name = found[NAME][0]
    if not is_name(name):
        raise WireError(VALUE, "a site's name that cannot be one")
    mtu = _pull_number(found[MTU][0], 2)
    if not MTU_LEAST <= mtu <= MTU_MOST:
        raise WireError(VALUE, "an MTU of %d" % mtu)
    return Info(
        name=name.decode(),
        site=_pull_sized(found[SITE][0], SITE_BYTES),
        lans=[_pull_lan(value) for value in found[LAN]],
        used=[_pull_networks(value, 1)[0] for value in found[NETWORK]],
        capabilities=_pull_number(found[CAPABILITIES][0], 4),
        clock=_pull_number(found[CLOCK][0], 8),
        mtu=mtu,
        aliases=[_pull_alias(value) for value in found[ALIAS]],
    )


def _push_info(writer: Writer, info: Info) -> None:
    _push_field(writer, NAME, info.name.encode())
    _push_field(writer, SITE, info.site)
    for lan in info.lans:
        _push_field(writer, LAN, _bytes_of(lan.network) + _bytes_of(lan.shown))
    for network in info.used:
        _push_field(writer, NETWORK, _bytes_of(network))
    for alias in info.aliases:
        _push_field(writer, ALIAS, bytes([alias.side]) + _bytes_of(alias.network) + _bytes_of(alias.shown))
    _push_field(writer, CAPABILITIES, info.capabilities.to_bytes(4, "big"))
    _push_field(writer, CLOCK, info.clock.to_bytes(8, "big"))
    _push_field(writer, MTU, info.mtu.to_bytes(2, "big"))


def _push_field(writer: Writer, field: int, value: bytes) -> None:
    writer.push_uint8(field)
    writer.push_uint16(len(value))
    writer.push_bytes(value)


def _pull_sized(value: bytes, size: int) -> bytes:
    if len(value) != size:
        raise WireError(LENGTH, "a value of %d bytes; it has %d" % (len(value), size))
    return value


def _pull_number(value: bytes, size: int) -> int:
    return int.from_bytes(_pull_sized(value, size), "big")


def _pull_lan(value: bytes) -> Lan:
    network, shown = _pull_networks(value, 2)
    return Lan(network, shown)


def _pull_alias(value: bytes) -> Alias:
    side = value[0] if value else 255
    if side > 1:
        raise WireError(VALUE, "an alias of no side")
    network, shown = _pull_networks(value[1:], 2)
    return Alias(side, network, shown)


def _pull_networks(value: bytes, count: int) -> list[Prefix]:
    """Networks: family (4 or 6), length in bits, then the address; no host bits set."""
    reader = Reader(value)
    networks = []
    for _ in range(count):
        family, length = reader.pull_uint8(), reader.pull_uint8()
        if family not in (4, 6):
            raise WireError(VALUE, "an address of family %d" % family)
        address = reader.pull_bytes(IPV4_BYTES if family == 4 else IPV6_BYTES)
        try:
            networks.append(Prefix(address, length))
        except AddressError as error:
            raise WireError(VALUE, str(error))  # noqa: B904 - MicroPython chains nothing
    if reader.left:
        raise WireError(TRAILING, "%d bytes behind a network" % reader.left)
    return networks


def _bytes_of(network: Prefix) -> bytes:
    return bytes([4 if len(network.address) == IPV4_BYTES else 6, network.length]) + network.address
