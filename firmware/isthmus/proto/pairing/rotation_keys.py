"""Keys of a rotation: what proves a tunnel's two ends to each other, renewed under the control key. HKDF as in keys.py.

    seed = Extract("isthmus rotation 1", control | exporter | ECDH)      root = Expand(seed, transcript)
    transcript = hash(ASK, id, PK and nonce of the answer)               root -> AUTH key, PPK and its name, control key

Identities and cookie key are not renewed: addresses, session ids and cookies derive from them, and what the kernel
carries would have to change on both sides at one moment.
"""

from __future__ import annotations

from isthmus.crypto.prf import SHA256, prf, sha256, wipe
from isthmus.proto.pairing.keys import expand, extract
from isthmus.proto.pairing.limits import ID_BYTES, TAG_BYTES

ROTATION_LABEL = b"isthmus rotate"  # of the exporter, see proto/ike2/telling.py
ROTATION_SALT = b"isthmus rotation 1"
ROTATION_TRANSCRIPT = b"isthmus rotation transcript 1"
ROTATION_ID = b"isthmus rotation id 1"

# Meanings of tags, each under a control key.
ASKS = b"rotation is asked for"  # the old one
HOLDS = b"answerer holds new keys"  # the new one, from here on
TAKES = b"asker uses new keys"
SETTLES = b"answerer uses new keys"
REMINDS = b"answerer still holds new keys"
FORGETS = b"sender knows no new keys"  # the sender's own, whichever it is
TIRES = b"sender was asked too often"  # the same

KEY_BYTES = 32


class Keys:
    """psk: AUTH key; ppk, ppk_id: mandatory PPK; control: what the next rotation runs under. Only ppk_id is shown."""

    def __init__(self, psk: bytes, ppk: bytes, ppk_id: bytes, control: bytes) -> None:
        self.psk = psk
        self.ppk = ppk
        self.ppk_id = ppk_id
        self.control = control

    def get_all(self) -> tuple[bytes, bytes, bytes, bytes]:
        """All four."""
        return self.psk, self.ppk, self.ppk_id, self.control

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Keys) and self.get_all() == other.get_all()

    def __hash__(self) -> int:
        return hash(self.ppk_id)

    def __repr__(self) -> str:
        return "Keys(%s)" % self.ppk_id.hex()


def _sized(data: bytes | bytearray) -> bytes:
    return len(data).to_bytes(4, "big") + bytes(data)


def make_id(ask: bytes) -> bytes:
    """The name of the rotation that this ASK, as sent, begins: 16 bytes."""
    return sha256(ROTATION_ID + ask)[:ID_BYTES]


def derive_keys(
    control: bytes, exporter: bytes, shared: bytearray, ask: bytes, number: bytes, answer_key: bytes, nonce: bytes
) -> Keys:
    """The new keys. control: of the keys in use; exporter: of the IKE SA, under ROTATION_LABEL; shared: X25519 of both
    one-time keys, overwritten; ask: as sent; number: its make_id; answer_key, nonce: of the answer.
    """
    material = _sized(ROTATION_TRANSCRIPT)
    for part in (ask, number, answer_key, nonce):
        material += _sized(part)
    secret = bytearray(_sized(control) + _sized(exporter) + _sized(shared))
    wipe(shared)
    seed = extract(ROTATION_SALT, secret)
    wipe(secret)
    root = expand(seed, sha256(material), KEY_BYTES)
    wipe(seed)
    keys = Keys(
        bytes(expand(root, b"tunnel auth", KEY_BYTES)),
        bytes(expand(root, b"tunnel ppk", KEY_BYTES)),
        bytes(expand(root, b"tunnel ppk name", ID_BYTES)),
        bytes(expand(root, b"tunnel control", KEY_BYTES)),
    )
    wipe(root)
    return keys


def make_tag(control: bytes, meaning: bytes, subject: bytes) -> bytes:
    """Proof of a control key, for one meaning and one subject: 32 bytes."""
    return prf(control, _sized(meaning) + _sized(subject), SHA256)[:TAG_BYTES]
