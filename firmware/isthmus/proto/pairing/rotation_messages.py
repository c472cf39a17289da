"""What the ends of a paired tunnel say to renew their keys, inside its own IKE SA: bytes <-> values.

    ASK      version, type, PK, nonce, tag                ANSWER   version, type, id, PK, nonce, tag
    TAKEN, SETTLED, REMINDER, FORGET                      version, type, id, tag

All lengths are fixed. Types do not meet those of messages.py, though no IKE SA has both.
"""

from __future__ import annotations

from isthmus.proto.pairing.limits import ID_BYTES, KEY_BYTES, TAG_BYTES, VERSION
from isthmus.wire.buffer import LENGTH, VALUE, Reader, WireError
from isthmus.wire.value import Value

ASK, ANSWER, TAKEN, SETTLED, REMINDER, FORGET = 16, 17, 18, 19, 20, 21
TYPE_NAMES = {
    ASK: "ASK", ANSWER: "ANSWER", TAKEN: "TAKEN", SETTLED: "SETTLED", REMINDER: "REMINDER", FORGET: "FORGET",
}  # fmt: skip

NONCE_BYTES = 32
HEADER = 2

# Type: what it has in front of its tag.
LAYOUTS = {
    ASK: ("key", "nonce"),
    ANSWER: ("id", "key", "nonce"),
    TAKEN: ("id",),
    SETTLED: ("id",),
    REMINDER: ("id",),
    FORGET: ("id",),
}
SIZES = {"id": ID_BYTES, "key": KEY_BYTES, "nonce": NONCE_BYTES}


class RotationMessage(Value):
    """One message. id: of the rotation; key: X25519 public key; what its type does not have is b""."""

    fields = ("type", "id", "key", "nonce")

    def __init__(self, kind: int, number: bytes = b"", key: bytes = b"", nonce: bytes = b"", tag: bytes = b"") -> None:
        self.type = kind
        self.id = number
        self.key = key
        self.nonce = nonce
        self.tag = tag

    def get_content(self) -> bytes:
        """All but the tag, as it goes over the wire."""
        values = {"id": self.id, "key": self.key, "nonce": self.nonce}
        return bytes([VERSION, self.type]) + b"".join([values[name] for name in LAYOUTS[self.type]])


def push_rotation(message: RotationMessage) -> bytes:
    """The mirror of pull_rotation."""
    return message.get_content() + message.tag


def pull_rotation(data: bytes) -> RotationMessage:
    """Raises WireError."""
    reader = Reader(data)
    version, kind = reader.pull_uint8(), reader.pull_uint8()
    if version != VERSION or kind not in LAYOUTS:
        raise WireError(VALUE, "a message of version %d and type %d" % (version, kind))
    size = HEADER + sum([SIZES[name] for name in LAYOUTS[kind]]) + TAG_BYTES
    if len(data) != size:
        raise WireError(LENGTH, "%s of %d bytes; it has %d" % (TYPE_NAMES[kind], len(data), size))
    found = {name: reader.pull_bytes(SIZES[name]) for name in LAYOUTS[kind]}
    tag = reader.pull_bytes(TAG_BYTES)
    return RotationMessage(kind, found.get("id", b""), found.get("key", b""), found.get("nonce", b""), tag)
