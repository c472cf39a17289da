"""Algorithms as rows, and suites: what one proposal names, read from and written as the words of the configuration.

    ike suite   cipher-prf-group    aes256gcm16-prfsha256-x25519    aes128-sha256-prfsha256-modp2048
    esp suite   cipher              aes128gcm16                     aes256-sha256

A cipher is encryption with its integrity: in GCM they are one algorithm, in CBC two, and they are only ever used
together. Each cipher row also carries what the kernel calls it, so that nobody else needs a table of ciphers.
"""
from __future__ import annotations

from isthmus.crypto import ciphers, dh
from isthmus.crypto.ciphers import CbcHmacCipher, GcmCipher, SkCipher
from isthmus.errors import IsthmusError
from isthmus.wire import ike_numbers as num
from isthmus.wire.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class SuiteError(IsthmusError):
    """A proposal in the configuration that names no suite of ours."""

    code = "bad-proposal"


class Cipher(Value):
    """One row of CIPHERS. Lengths in bytes unless they say bits.

    name: in proposals. encr, key_bits: IKE's transform. integ: IKE's transform, INTEG_NONE where encryption includes
    it. key_bytes: the key as IKE derives it and the kernel wants it, salt included. integ_key_bytes: of the separate
    integrity key, 0 if there is none. iv_bytes, icv_bits, block: as ESP sends them. kernel_aead, or kernel_crypt and
    kernel_auth: names of the kernel's algorithms; icv_bits is the truncation to ask for.
    """

    fields = ("name",)

    def __init__(
        self,
        name: str,
        encr: int,
        key_bits: int,
        integ: int,
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
        return GcmCipher(key) if self.is_aead else CbcHmacCipher(key, integ_key, rng)


class Prf(Value):
    """One row of PRFS."""

    fields = ("name",)

    def __init__(self, name: str, transform_id: int, key_bytes: int) -> None:
        self.name = name
        self.id = transform_id
        self.key_bytes = key_bytes


class Group(Value):
    """One row of GROUPS. make: rng -> key pair with `public` and `compute(peer)`."""

    fields = ("name",)

    def __init__(self, name: str, transform_id: int, make: Callable[[Callable[[int], bytes]], KeyPair]) -> None:
        self.name = name
        self.id = transform_id
        self.make = make


if TYPE_CHECKING:
    KeyPair = dh.X25519 | dh.Modp2048

_GCM, _CBC = num.ENCR_AES_GCM_16, num.ENCR_AES_CBC
_NONE, _SHA256 = num.INTEG_NONE, num.INTEG_HMAC_SHA2_256_128

ALL_CIPHERS = (
    #      name             encr  bits  integ    key  mac  iv  icv block  kernel: aead, or crypt and auth
    Cipher("aes128gcm16",   _GCM, 128, _NONE,    20,   0,  8, 128,  4, "rfc4106(gcm(aes))", "", ""),
    Cipher("aes256gcm16",   _GCM, 256, _NONE,    36,   0,  8, 128,  4, "rfc4106(gcm(aes))", "", ""),
    Cipher("aes128-sha256", _CBC, 128, _SHA256,  16,  32, 16, 128, 16, "", "cbc(aes)", "hmac(sha256)"),
    Cipher("aes256-sha256", _CBC, 256, _SHA256,  32,  32, 16, 128, 16, "", "cbc(aes)", "hmac(sha256)"),
)  # fmt: skip

ALL_PRFS = (Prf("prfsha256", num.PRF_HMAC_SHA2_256, 32),)

ALL_GROUPS = (
    Group("modp2048", num.MODP2048, dh.Modp2048),
    Group("x25519", num.X25519, dh.X25519),
)

CIPHERS = tuple([row for row in ALL_CIPHERS if (ciphers.HAVE_GCM if row.is_aead else ciphers.HAVE_CBC)])
PRFS = ALL_PRFS
GROUPS = tuple([row for row in ALL_GROUPS if row.id != num.X25519 or dh.HAVE_X25519])


class Suite(Value):
    """One proposal: a cipher and, for IKE, prf and group; for ESP these are None."""

    fields = ("cipher", "prf", "group")

    def __init__(self, cipher: Cipher, prf: Prf | None = None, group: Group | None = None) -> None:
        self.cipher = cipher
        self.prf = prf
        self.group = group

    def __str__(self) -> str:
        return format_suite(self)


def format_suite(suite: Suite) -> str:
    """The words that parse_ike_suite or parse_esp_suite read back."""
    words = [suite.cipher.name]
    if suite.prf is not None:
        words.append(suite.prf.name)
    if suite.group is not None:
        words.append(suite.group.name)
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
    for prf in PRFS:
        if prf.name == words[0]:
            break
    else:
        raise _unknown("ike", text, "prf", words[0], [row.name for row in PRFS])
    for group in GROUPS:
        if group.name == words[1]:
            return Suite(cipher, prf, group)
    raise _unknown("ike", text, "group", words[1], [row.name for row in GROUPS])


def parse_esp_suite(text: str) -> Suite:
    """`cipher`. Raises SuiteError with the part that is wrong and what is allowed in its place."""
    cipher, rest = _take_cipher(text, "esp")
    if rest:
        raise SuiteError(
            "esp proposal '%s' has '%s' after its cipher; nothing belongs there" % (text[:80], rest[:40]),
            "write %s" % cipher.name,
        )
    return Suite(cipher)


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


IKE_EXAMPLE = "aes128gcm16-prfsha256-x25519"
