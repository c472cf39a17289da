"""The Encrypted payload: a chain of payloads in one SK, and out of it again. RFC 7296 section 3.14."""
from __future__ import annotations

from isthmus.wire.buffer import LENGTH, Reader, WireError, Writer
from isthmus.wire.ike import first_type, pull_payloads, push_payloads, push_sk_envelope, push_skf_envelope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.crypto.ciphers import SkCipher
    from isthmus.wire.ike import Header
    from isthmus.wire.ike_payloads import Payload, SkPayload


def seal(cipher: SkCipher, header: Header, payloads: list[Payload]) -> bytes:
    """The datagram that carries these payloads encrypted."""
    writer = Writer()
    push_payloads(writer, payloads)
    return seal_chain(cipher, header, first_type(payloads), writer.get_bytes())


def seal_chain(cipher: SkCipher, header: Header, inner: int, chain: bytes) -> bytes:
    """The same for a chain that is bytes already. inner: the type of its first payload."""
    plaintext = _pad(cipher, chain)
    envelope = push_sk_envelope(header, inner, len(plaintext) + cipher.overhead)
    return envelope + cipher.seal(envelope, plaintext)


def seal_fragment(cipher: SkCipher, header: Header, inner: int, number: int, total: int, part: bytes) -> bytes:
    """The datagram that carries one part of a chain in SKF (RFC 7383 section 2.5)."""
    plaintext = _pad(cipher, part)
    envelope = push_skf_envelope(header, inner, number, total, len(plaintext) + cipher.overhead)
    return envelope + cipher.seal(envelope, plaintext)


def _pad(cipher: SkCipher, data: bytes) -> bytes:
    padding = -(len(data) + 1) % cipher.block
    return data + bytes(padding) + bytes([padding])


def open_sk(cipher: SkCipher, datagram: bytes, sk: SkPayload) -> bytes:
    """The plaintext with its padding. Raises IntegrityError, and nothing inside has been looked at then."""
    return cipher.open(datagram[: sk.offset], sk.data)


def unpad(plaintext: bytes) -> bytes:
    """The chain of payloads in a plaintext. Raises WireError; what the padding consists of is the sender's affair."""
    if not plaintext or plaintext[-1] >= len(plaintext):
        raise WireError(LENGTH, "padding longer than what it pads")
    return plaintext[: len(plaintext) - 1 - plaintext[-1]]


def read_plaintext(sk: SkPayload, plaintext: bytes) -> list[Payload]:
    """The payloads in a plaintext. Raises WireError."""
    return pull_payloads(Reader(unpad(plaintext)), sk.inner)
