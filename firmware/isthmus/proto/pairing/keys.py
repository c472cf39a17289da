"""The key schedule: HKDF (RFC 5869, SHA-256) and one label for each key. No two keys share a label and a secret.

    S    -> both identities, AUTH key, PPK and its name, of the one IKE exchange of an invite
    root -> both tags of approval, the tag of keeping; of the tunnel: AUTH key, PPK and its name, cookie key, control
            key, both identities

    seed = Extract("isthmus pairing root 1", S | exporter | ECDH)       root = Expand(seed, transcript)
    exporter = prf(SK_d, "isthmus pairing" | SPIi | SPIr)

The exporter's input has 31 bytes. All else that IKEv2 puts into prf under SK_d holds two nonces of 16 bytes at least
and one more byte (RFC 7296 sections 2.10, 2.17, 2.18): no output of one is ever one of the other.
"""

from __future__ import annotations

from isthmus.crypto.prf import SHA256, prf, sha256, wipe
from isthmus.proto.pairing.limits import DIGEST_BYTES, ID_BYTES, TAG_BYTES
from isthmus.wire.identity import ID_KEY_ID, Identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.proto.pairing.invite import Invite

EXPORTER_LABEL = b"isthmus pairing"
EXPORTER_LEAST, EXPORTER_MOST = 32, 64  # bytes: what the prf of the IKE SA gives

INVITE_SALT = b"isthmus pairing invite 1"
ROOT_SALT = b"isthmus pairing root 1"
TRANSCRIPT = b"isthmus pairing transcript 1"
WORDS = b"isthmus pairing words 1"

WORD_BITS = 11
WORD_COUNT = 3


def extract(salt: bytes, secret: bytes | bytearray) -> bytearray:
    """HKDF-Extract: 32 bytes."""
    return bytearray(prf(salt, secret, SHA256))


def expand(key: bytes | bytearray, info: bytes, count: int) -> bytearray:
    """HKDF-Expand: `count` bytes, at most 255 * 32."""
    if not 0 < count <= 255 * DIGEST_BYTES:
        raise ValueError("HKDF gives 1 to %d bytes, not %d" % (255 * DIGEST_BYTES, count))
    stream = bytearray()
    block = b""
    number = 1
    while len(stream) < count:
        block = prf(key, block + info + bytes([number]), SHA256)
        stream.extend(block)
        number += 1
    return stream[:count]


class InviteKeys:
    """What S gives. inviter_id, joiner_id: identities of the one IKE exchange; psk: its AUTH key; ppk, ppk_id: its PPK,
    which is mandatory. inviter_id's data names the invite inside the router, and is no secret there.
    """

    def __init__(self, invite: Invite) -> None:
        seed = extract(INVITE_SALT, invite.secret)
        self.inviter_id = Identity(ID_KEY_ID, bytes(expand(seed, b"inviter identity", ID_BYTES)))
        self.joiner_id = Identity(ID_KEY_ID, bytes(expand(seed, b"joiner identity", ID_BYTES)))
        self.psk = bytes(expand(seed, b"ike auth", 32))
        self.ppk = bytes(expand(seed, b"ike ppk", 32))
        self.ppk_id = bytes(expand(seed, b"ike ppk name", ID_BYTES))
        wipe(seed)

    def __repr__(self) -> str:
        return "InviteKeys(%s)" % self.inviter_id


class TunnelKeys:
    """What root gives for the tunnel. psk: AUTH key; ppk, ppk_id: mandatory PPK; cookie: key of the L2TPv3 cookies;
    control: key of what is agreed over the tunnel later (rotation); inviter_id, joiner_id: random key ids.
    """

    def __init__(self, root: bytes | bytearray) -> None:
        self.psk = bytes(expand(root, b"tunnel auth", 32))
        self.ppk = bytes(expand(root, b"tunnel ppk", 32))
        self.ppk_id = bytes(expand(root, b"tunnel ppk name", ID_BYTES))
        self.cookie = bytes(expand(root, b"tunnel cookies", 32))
        self.control = bytes(expand(root, b"tunnel control", 32))
        self.inviter_id = Identity(ID_KEY_ID, bytes(expand(root, b"tunnel inviter identity", ID_BYTES)))
        self.joiner_id = Identity(ID_KEY_ID, bytes(expand(root, b"tunnel joiner identity", ID_BYTES)))

    def __repr__(self) -> str:
        return "TunnelKeys(%s, %s)" % (self.inviter_id, self.joiner_id)


class Tags:
    """What root gives for the end of the exchange: proofs that the sender has this root, one for each meaning."""

    def __init__(self, root: bytes | bytearray) -> None:
        self.inviter_approves = bytes(expand(root, b"inviter approves", TAG_BYTES))
        self.joiner_approves = bytes(expand(root, b"joiner approves", TAG_BYTES))
        self.inviter_keeps = bytes(expand(root, b"inviter keeps", TAG_BYTES))

    def __repr__(self) -> str:
        return "Tags(...)"


def make_export_input(spi_i: bytes, spi_r: bytes) -> bytes:
    """What ike2 puts into prf(SK_d, ...) for `exporter`: 31 bytes. spi_i, spi_r: of the IKE SA, 8 bytes each."""
    return EXPORTER_LABEL + spi_i + spi_r


def _sized(data: bytes | bytearray) -> bytes:
    return len(data).to_bytes(4, "big") + bytes(data)


def compute_transcript(invite: Invite, messages: list[bytes]) -> bytes:
    """Hash of all that is approved: the invite; HELLO, OPEN, the joiner's INFO and the inviter's, as they were sent."""
    material = _sized(TRANSCRIPT) + _sized(invite.content)
    for message in messages:
        material += _sized(message)
    return sha256(material)


def derive_root(invite: Invite, exporter: bytes | bytearray, shared: bytearray, transcript: bytes) -> bytearray:
    """32 bytes. exporter: of the IKE SA, 32 to 64 bytes; shared: X25519 of both one-time keys, overwritten."""
    if not EXPORTER_LEAST <= len(exporter) <= EXPORTER_MOST:
        message = "an exporter has %d to %d bytes, not %d"
        raise ValueError(message % (EXPORTER_LEAST, EXPORTER_MOST, len(exporter)))
    material = bytearray(_sized(invite.secret) + _sized(exporter) + _sized(shared))
    wipe(shared)
    seed = extract(ROOT_SALT, material)
    wipe(material)
    root = expand(seed, transcript, 32)
    wipe(seed)
    return root


def pick_words(invite: Invite, joiner_key: bytes, inviter_key: bytes) -> tuple[str, ...]:
    """The three words that both screens show: 33 bits of a hash over the invite and both one-time keys.

    Nothing else goes in: whatever a thief in the middle could still choose after OPEN he could choose until the words
    fit (SECURITY.md, "The three words").
    """
    from isthmus.proto.pairing.wordlist import TEXT

    words = TEXT.split()
    digest = sha256(_sized(WORDS) + _sized(invite.content) + _sized(joiner_key) + _sized(inviter_key))
    number = int.from_bytes(digest[:8], "big")
    picked = []
    for _ in range(WORD_COUNT):
        picked.append(words[number & ((1 << WORD_BITS) - 1)])
        number >>= WORD_BITS
    return tuple(picked)
