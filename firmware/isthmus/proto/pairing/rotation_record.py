"""What a site keeps on its disk while keys are being renewed: one record in one file, so that each step is one write.

    no record   the tunnel's own keys are used
    HELD        the tunnel's own keys are used; the record's are accepted when the peer calls
    TAKEN       the record's keys are used; the tunnel's own are accepted when the peer calls
    SETTLED     the record's keys are used, and are on their way to the tunnel's own files; nothing else is accepted
"""

from __future__ import annotations

from isthmus.proto.pairing.limits import ID_BYTES
from isthmus.proto.pairing.rotation_keys import KEY_BYTES, Keys
from isthmus.wire.value import Value

HELD, TAKEN, SETTLED = "held", "taken", "settled"
PHASES = (HELD, TAKEN, SETTLED)

FORM = b"rotation-1"
SIZES = (ID_BYTES, KEY_BYTES, KEY_BYTES, ID_BYTES, KEY_BYTES)  # id, psk, ppk, ppk_id, control


class Record(Value):
    """phase: one of PHASES; id: of the rotation (16 bytes); keys: the new ones, never shown."""

    fields = ("phase", "id")

    def __init__(self, phase: str, number: bytes, keys: Keys) -> None:
        self.phase = phase
        self.id = number
        self.keys = keys

    def get_sets(self, own: Keys) -> tuple[Keys, Keys | None]:
        """(the keys to use, the keys to accept beside them). own: the tunnel's own."""
        if self.phase == HELD:
            return own, self.keys
        return self.keys, own if self.phase == TAKEN else None


def push_record(record: Record) -> bytes:
    """As its file has it: one line of text."""
    parts = [FORM, record.phase.encode(), record.id.hex().encode()]
    parts += [part.hex().encode() for part in record.keys.get_all()]
    return b" ".join(parts) + b"\n"


def pull_record(data: bytes) -> Record:
    """The mirror of push_record. Raises ValueError, which names no secret."""
    words = data.strip().split(b" ")
    if len(words) != 2 + len(SIZES) or words[0] != FORM:
        raise ValueError("this is no record of a rotation")
    phase = words[1].decode()
    if phase not in PHASES:
        raise ValueError("a record of a rotation in no known phase")
    parts = [_unhex(word, size) for word, size in zip(words[2:], SIZES)]
    return Record(phase, parts[0], Keys(parts[1], parts[2], parts[3], parts[4]))


def _unhex(word: bytes, size: int) -> bytes:
    if len(word) != 2 * size:
        raise ValueError("a record of a rotation with a value of another length")
    try:
        return bytes.fromhex(word.decode())
    except ValueError:
        raise ValueError("a record of a rotation with a value that is not hexadecimal") from None
