"""Algorithms as rows, and suites: what one proposal names, read from and written as the words of the configuration.

    ike suite   cipher-prf-group    aes256gcm16-prfsha256-x25519    aes128-sha256-prfsha256-modp2048
    esp suite   cipher              aes128gcm16                     aes256-sha256
                cipher-group: every new key by a key exchange of its own (PFS)
                ...-esn, ...-noesn: only with, only without extended sequence numbers; else the peer may choose

A cipher is encryption with its integrity: in GCM they are one algorithm, in CBC two, and they are only ever used
together. Each cipher row also carries what the kernel calls it, so that nobody else needs a table of ciphers.
"""
from __future__ import annotations

from isthmus.crypto import dh
from isthmus.crypto.ciphers import AeadCipher, CbcHmacCipher, SkCipher
from isthmus.crypto.library import AEADS, AESGCM, CHACHA20_POLY1305, HAVE_AES192, HAVE_CBC, HAVE_ECP
from isthmus.crypto.prf import HASHES, SHA256, SHA384, SHA512, prf, prf_plus
from isthmus.errors import IsthmusError
from isthmus.wire import ike_numbers as num
from isthmus.wire.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.crypto.dh import KeyPair


class SuiteError(IsthmusError):
    """A proposal in the configuration that names no suite of ours."""

    code = "bad-proposal"


class Cipher(Value):
    """One row of CIPHERS. Lengths in bytes unless they say bits.

    name: in proposals. encr, key_bits: IKE's transform; 0 bits where it has no Key Length. integ: IKE's transform,
    INTEG_NONE where encryption includes it. algorithm: of AEADS, or of HASHES for the separate integrity. key_bytes:
    the key as IKE derives it and the kernel wants it, salt included. integ_key_bytes: of the separate integrity key, 0
    if there is none. iv_bytes, icv_bits, block: as ESP sends them. kernel_aead, or kernel_crypt and kernel_auth: names
    of the kernel's algorithms; icv_bits is the truncation to ask for.
    """

    fields = ("name",)

    def __init__(
        self,
        name: str,
        encr: int,
        key_bits: int,
        integ: int,
        algorithm: str,
        key_bytes: int,
        integ_key_bytes: int,
        iv_bytes: int,
        icv_bits: int,
        block: int,
        kernel_aead: str,
        kernel_crypt: str,
        kernel_auth: str,
    ) -> None:
        self.name = name
        self.encr = encr
        self.key_bits = key_bits
        self.integ = integ
        self.algorithm = algorithm
        self.key_bytes = key_bytes
        self.integ_key_bytes = integ_key_bytes
        self.iv_bytes = iv_bytes
        self.icv_bits = icv_bits
        self.block = block
        self.kernel_aead = kernel_aead
        self.kernel_crypt = kernel_crypt
        self.kernel_auth = kernel_auth

    @property
    def is_aead(self) -> bool:
        """True if there is no separate integrity algorithm."""
        return self.integ == num.INTEG_NONE

    def make_sk_cipher(self, key: bytearray, integ_key: bytearray, rng: Callable[[int], bytes]) -> SkCipher:
        """The cipher for the SK payloads of one direction."""
        if self.is_aead:
            return AeadCipher(self.algorithm, key)
        return CbcHmacCipher(key, integ_key, rng, self.algorithm)

    @property
    def is_available(self) -> bool:
        """True if this interpreter has what it needs."""
        if self.key_bits == 192 and not HAVE_AES192:
            return False
        return self.algorithm in AEADS if self.is_aead else HAVE_CBC and self.algorithm in HASHES


class Prf(Value):
    """One row of PRFS: HMAC with a hash. key_bytes: its preferred key and its output, RFC 4868 section 2.4."""

    fields = ("name",)

    def __init__(self, name: str, transform_id: int, hash_name: str, key_bytes: int) -> None:
        self.name = name
        self.id = transform_id
        self.hash = hash_name
        self.key_bytes = key_bytes

    def compute(self, key: bytes | bytearray, data: bytes | bytearray) -> bytes:
        """prf(key, data): key_bytes bytes."""
        return prf(key, data, self.hash)

    def expand(self, key: bytes | bytearray, seed: bytes, count: int) -> bytearray:
        """prf+(key, seed): the first `count` bytes."""
        return prf_plus(key, seed, count, self.hash)


class Group(Value):
    """One row of GROUPS. is_available: this interpreter has what it needs. make: rng -> key pair."""

    fields = ("name",)

    def __init__(
        self, name: str, transform_id: int, is_available: bool, make: Callable[[Callable[[int], bytes]], KeyPair]
    ) -> None:
        self.name = name
        self.id = transform_id
        self.is_available = is_available
        self.make = make


_GCM, _CBC, _CHACHA = num.ENCR_AES_GCM_16, num.ENCR_AES_CBC, num.ENCR_CHACHA20_POLY1305
_NONE = num.INTEG_NONE
_256, _384, _512 = num.INTEG_HMAC_SHA2_256_128, num.INTEG_HMAC_SHA2_384_192, num.INTEG_HMAC_SHA2_512_256
_POLY = CHACHA20_POLY1305

ALL_CIPHERS = (
    #      name              encr    bits  integ  algorithm key mac  iv  icv block  kernel: aead, or crypt and auth
    Cipher("aes128gcm16",      _GCM,    128, _NONE, AESGCM, 20,  0,  8, 128,  4, "rfc4106(gcm(aes))", "", ""),
    Cipher("aes192gcm16",      _GCM,    192, _NONE, AESGCM, 28,  0,  8, 128,  4, "rfc4106(gcm(aes))", "", ""),
    Cipher("aes256gcm16",      _GCM,    256, _NONE, AESGCM, 36,  0,  8, 128,  4, "rfc4106(gcm(aes))", "", ""),
    Cipher("chacha20poly1305", _CHACHA,   0, _NONE, _POLY,  36,  0,  8, 128,  4,
           "rfc7539esp(chacha20,poly1305)", "", ""),
    Cipher("aes128-sha256",    _CBC,    128, _256,  SHA256, 16, 32, 16, 128, 16, "", "cbc(aes)", "hmac(sha256)"),
    Cipher("aes192-sha256",    _CBC,    192, _256,  SHA256, 24, 32, 16, 128, 16, "", "cbc(aes)", "hmac(sha256)"),
    Cipher("aes256-sha256",    _CBC,    256, _256,  SHA256, 32, 32, 16, 128, 16, "", "cbc(aes)", "hmac(sha256)"),
    Cipher("aes128-sha384",    _CBC,    128, _384,  SHA384, 16, 48, 16, 192, 16, "", "cbc(aes)", "hmac(sha384)"),
    Cipher("aes192-sha384",    _CBC,    192, _384,  SHA384, 24, 48, 16, 192, 16, "", "cbc(aes)", "hmac(sha384)"),
    Cipher("aes256-sha384",    _CBC,    256, _384,  SHA384, 32, 48, 16, 192, 16, "", "cbc(aes)", "hmac(sha384)"),
    Cipher("aes128-sha512",    _CBC,    128, _512,  SHA512, 16, 64, 16, 256, 16, "", "cbc(aes)", "hmac(sha512)"),
    Cipher("aes192-sha512",    _CBC,    192, _512,  SHA512, 24, 64, 16, 256, 16, "", "cbc(aes)", "hmac(sha512)"),
    Cipher("aes256-sha512",    _CBC,    256, _512,  SHA512, 32, 64, 16, 256, 16, "", "cbc(aes)", "hmac(sha512)"),
)  # fmt: skip

ALL_PRFS = (
    Prf("prfsha256", num.PRF_HMAC_SHA2_256, SHA256, 32),
    Prf("prfsha384", num.PRF_HMAC_SHA2_384, SHA384, 48),
    Prf("prfsha512", num.PRF_HMAC_SHA2_512, SHA512, 64),
)


def _make_modp2048(rng: Callable[[int], bytes]) -> KeyPair:
    from isthmus.crypto import modp  # waiting.py, as below

    return modp.make_2048(rng)


def _make_modp3072(rng: Callable[[int], bytes]) -> KeyPair:
    from isthmus.crypto import modp

    return modp.make_3072(rng)


def _make_modp4096(rng: Callable[[int], bytes]) -> KeyPair:
    from isthmus.crypto import modp

    return modp.make_4096(rng)


def _make_ecp256(rng: Callable[[int], bytes]) -> KeyPair:
    from isthmus.crypto import ecp

    return ecp.make_256(rng)


def _make_ecp384(rng: Callable[[int], bytes]) -> KeyPair:
    from isthmus.crypto import ecp

    return ecp.make_384(rng)


ALL_GROUPS = (
    Group("modp2048", num.MODP2048, True, _make_modp2048),
    Group("modp3072", num.MODP3072, True, _make_modp3072),
    Group("modp4096", num.MODP4096, True, _make_modp4096),
    Group("ecp256", num.ECP256, HAVE_ECP, _make_ecp256),
    Group("ecp384", num.ECP384, HAVE_ECP, _make_ecp384),
    Group("x25519", num.X25519, dh.HAVE_X25519, dh.X25519),
)

CIPHERS = tuple([row for row in ALL_CIPHERS if row.is_available])
PRFS = tuple([row for row in ALL_PRFS if row.hash in HASHES])
GROUPS = tuple([row for row in ALL_GROUPS if row.is_available])


class Suite(Value):
    """One proposal: a cipher and, for IKE, prf and group; for ESP perhaps a group. esn: extended sequence numbers (RFC
    4304) for ESP: True with, False without, None as the peer likes.
    """

    fields = ("cipher", "prf", "group", "esn")

    def __init__(
        self, cipher: Cipher, prf: Prf | None = None, group: Group | None = None, esn: bool | None = None
    ) -> None:
        self.cipher = cipher
        self.prf = prf
        self.group = group
        self.esn = esn

    def without_group(self) -> Suite:
        """The same algorithms without the key exchange."""
        return Suite(self.cipher, self.prf, None, self.esn)

    def __str__(self) -> str:
        return format_suite(self)


def format_suite(suite: Suite) -> str:
    """The words that parse_ike_suite or parse_esp_suite read back."""
    words = [suite.cipher.name]
    if suite.prf is not None:
        words.append(suite.prf.name)
    if suite.group is not None:
        words.append(suite.group.name)
    if suite.esn is not None:
        words.append("esn" if suite.esn else "noesn")
    return "-".join(words)


def parse_ike_suite(text: str) -> Suite:
    """`cipher-prf-group`. Raises SuiteError with the part that is wrong and what is allowed in its place."""
    cipher, rest = _take_cipher(text, "ike")
    words = rest.split("-") if rest else []
    if len(words) != 2:
        raise SuiteError(
            "ike proposal '%s' has %d parts after its cipher; a prf and a group belong there" % (text[:80], len(words)),
            "write for example %s" % IKE_EXAMPLE,
        )
    for row in PRFS:
        if row.name == words[0]:
            break
    else:
        raise _unknown("ike", text, "prf", words[0], [row.name for row in PRFS])
    for group in GROUPS:
        if group.name == words[1]:
            return Suite(cipher, row, group)
    raise _unknown("ike", text, "group", words[1], [row.name for row in GROUPS])


def parse_esp_suite(text: str) -> Suite:
    """`cipher[-group][-esn]`. Raises SuiteError with the part that is wrong and what is allowed in its place."""
    esn = None
    words = text.split("-")
    if words[-1] in ESN_WORDS:
        esn = ESN_WORDS[words.pop()]
    cipher, rest = _take_cipher("-".join(words), "esp")
    if not rest:
        return Suite(cipher, esn=esn)
    for group in GROUPS:
        if group.name == rest:
            return Suite(cipher, None, group, esn)
    raise _unknown("esp", text, "group", rest, [row.name for row in GROUPS])


def _take_cipher(text: str, protocol: str) -> tuple[Cipher, str]:
    for row in CIPHERS:
        if text == row.name:
            return row, ""
        if text[: len(row.name) + 1] == row.name + "-":
            return row, text[len(row.name) + 1 :]
    raise _unknown(protocol, text, "cipher", text, [row.name for row in CIPHERS])


def _unknown(protocol: str, text: str, part: str, found: str, allowed: list[str]) -> SuiteError:
    return SuiteError(
        "%s proposal '%s': '%s' is no %s known here" % (protocol, text[:80], found[:40], part),
        "allowed: %s" % ", ".join(allowed),
    )


ESN_WORDS = {"esn": True, "noesn": False}
IKE_EXAMPLE = "aes128gcm16-prfsha256-x25519"
