"""The key schedule: RFC 7296 sections 2.14 and 2.18 (IKE SA), 2.15 (AUTH with a pre-shared key), 2.17 (CHILD SA)."""
from __future__ import annotations

from isthmus.crypto.prf import wipe
from isthmus.proto.actions import SaKeys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.crypto.suites import Cipher, Prf, Suite

KEY_PAD = b"Key Pad for IKEv2"


class IkeKeys:
    """The seven keys of an IKE SA, named as in RFC 7296: d derives, a is integrity, e encryption, p proves identity.

    The last letter says whose messages: i initiator's, r responder's.
    """

    def __init__(self, parts: list[bytearray]) -> None:
        self.d, self.ai, self.ar, self.ei, self.er, self.pi, self.pr = parts
        self._plain: list[bytearray] = []

    def mix(self, prf: Prf, ppk: bytes) -> None:
        """SK_d, SK_pi and SK_pr = prf+(PPK, what they were), RFC 8784 section 3. What they were is kept."""
        self._plain = [self.d, self.pi, self.pr]
        self.d, self.pi, self.pr = [prf.expand(ppk, bytes(part), prf.key_bytes) for part in self._plain]

    def unmix(self) -> None:
        """Back to what they were before `mix`."""
        if self._plain:
            for part in (self.d, self.pi, self.pr):
                wipe(part)
            self.d, self.pi, self.pr = self._plain
            self._plain = []

    def settle(self) -> None:
        """The mixed keys it is: forget the others."""
        for part in self._plain:
            wipe(part)
        self._plain = []

    def get_proof(self, is_initiator: bool, is_plain: bool) -> bytearray:
        """SK_pi or SK_pr. is_plain: without the PPK."""
        if is_plain and self._plain:
            return self._plain[1 if is_initiator else 2]
        return self.pi if is_initiator else self.pr

    def clear(self) -> None:
        """Overwrite all seven."""
        self.settle()
        for part in (self.d, self.ai, self.ar, self.ei, self.er, self.pi, self.pr):
            wipe(part)

    def clear_proof(self) -> None:
        """Overwrite those that only AUTH needs."""
        wipe(self.pi)
        wipe(self.pr)

    def __repr__(self) -> str:
        return "IkeKeys()"


def cut(stream: bytearray, lengths: list[int]) -> list[bytearray]:
    """The stream in pieces of these lengths; the stream itself is overwritten."""
    pieces = []
    at = 0
    for length in lengths:
        pieces.append(stream[at : at + length])
        at += length
    wipe(stream)
    return pieces


def prf_of(suite: Suite | None) -> Prf:
    """The prf of an IKE suite; an SA that has keys has one."""
    if suite is None or suite.prf is None:
        raise AssertionError("no prf has been agreed")
    return suite.prf


def derive_ike_keys(
    suite: Suite, secret: bytearray, nonce_i: bytes, nonce_r: bytes, spi_i: bytes, spi_r: bytes
) -> IkeKeys:
    """SKEYSEED = prf(Ni | Nr, g^ir), and {SK_d | SK_ai | ... | SK_pr} = prf+(SKEYSEED, Ni | Nr | SPIi | SPIr).

    The secret is overwritten.
    """
    prf = prf_of(suite)
    seed = bytearray(prf.compute(nonce_i + nonce_r, secret))
    wipe(secret)
    return _expand(suite, seed, nonce_i + nonce_r + spi_i + spi_r)


def derive_rekeyed_keys(
    old_suite: Suite,
    sk_d: bytearray,
    suite: Suite,
    secret: bytearray,
    nonce_i: bytes,
    nonce_r: bytes,
    spi_i: bytes,
    spi_r: bytes,
) -> IkeKeys:
    """Of an IKE SA that another is rekeyed by: SKEYSEED = prf(SK_d (old), g^ir | Ni | Nr), with the old one's prf (RFC
    7296 section 2.18). The secret is overwritten.
    """
    seed = bytearray(prf_of(old_suite).compute(sk_d, bytes(secret) + nonce_i + nonce_r))
    wipe(secret)
    return _expand(suite, seed, nonce_i + nonce_r + spi_i + spi_r)


def _expand(suite: Suite, seed: bytearray, data: bytes) -> IkeKeys:
    """The seven keys of SKEYSEED, which is overwritten."""
    prf = prf_of(suite)
    key, mac = suite.cipher.key_bytes, suite.cipher.integ_key_bytes
    lengths = [prf.key_bytes, mac, mac, key, key, prf.key_bytes, prf.key_bytes]
    stream = prf.expand(seed, data, sum(lengths))
    wipe(seed)
    return IkeKeys(cut(stream, lengths))


def derive_child_keys(
    prf: Prf, cipher: Cipher, sk_d: bytearray, nonce_i: bytes, nonce_r: bytes, secret: bytearray | None = None
) -> tuple[SaKeys, SaKeys]:
    """Keys of the SA from initiator to responder, and of the one back: KEYMAT = prf+(SK_d, [g^ir |] Ni | Nr).

    secret: g^ir where the CHILD SA has a key exchange of its own (PFS); it is overwritten.
    """
    lengths = [cipher.key_bytes, cipher.integ_key_bytes, cipher.key_bytes, cipher.integ_key_bytes]
    pieces = cut(prf.expand(sk_d, bytes(secret or b"") + nonce_i + nonce_r, sum(lengths)), lengths)
    if secret is not None:
        wipe(secret)
    return SaKeys(pieces[0], pieces[1]), SaKeys(pieces[2], pieces[3])


def compute_psk_auth(
    prf: Prf, psk: bytes, message: bytes, peer_nonce: bytes, sk_p: bytearray, id_body: bytes
) -> bytes:
    """prf(prf(psk, "Key Pad for IKEv2"), message | peer's nonce | prf(SK_p, id_body)).

    message: the signer's IKE_SA_INIT message as sent; id_body: the signer's ID payload without its generic header.
    """
    return prf.compute(prf.compute(psk, KEY_PAD), message + peer_nonce + prf.compute(sk_p, id_body))
