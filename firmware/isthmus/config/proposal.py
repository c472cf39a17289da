"""The words of proposals, as strongSwan writes them: which are known, and their one canonical spelling.

    IKE  cipher-prf-group    aes256gcm16-prfsha256-x25519    aes256-sha256-prfsha256-modp2048
    ESP  cipher              aes128gcm16                     aes256-sha256
         and behind it a group, if every new key is to have a key exchange of its own (PFS); at the end esn or noesn, if
         extended sequence numbers are not to be the peer's choice

Words only: what an algorithm is, and whether this interpreter has it, `crypto/suites.py` knows. A core test holds the
two tables together.
"""

from __future__ import annotations

from isthmus.config.errors import BadValue, nearest, quote

CIPHERS = (
    "aes256gcm16", "aes128gcm16", "chacha20poly1305", "aes192gcm16",
    "aes256-sha256", "aes128-sha256", "aes192-sha256",
    "aes256-sha384", "aes128-sha384", "aes192-sha384",
    "aes256-sha512", "aes128-sha512", "aes192-sha512",
)  # fmt: skip
PRFS = ("prfsha256", "prfsha384", "prfsha512")
GROUPS = ("x25519", "ecp256", "ecp384", "modp2048", "modp3072", "modp4096")

# what people also write -> our word
ALIASES = {
    "curve25519": "x25519",
    "aes256gcm128": "aes256gcm16",
    "aes192gcm128": "aes192gcm16",
    "aes128gcm128": "aes128gcm16",
    "aes256gcm": "aes256gcm16",
    "aes192gcm": "aes192gcm16",
    "aes128gcm": "aes128gcm16",
    "chacha20": "chacha20poly1305",
    "sha2_256": "sha256",
    "sha2_384": "sha384",
    "sha2_512": "sha512",
    "prfsha2_256": "prfsha256",
    "prfsha2_384": "prfsha384",
    "prfsha2_512": "prfsha512",
    "secp256r1": "ecp256",
    "secp384r1": "ecp384",
}

_SMALL_GROUP = "with enough money such a group can be broken once and for all"
_MD5 = "MD5 has been broken for many years"
_SHA1 = "SHA-1 has been broken"

# what other programs still know -> why it is not to be had here; RFC 8247, and RFC 9395 for the rest
WEAK = {
    "null": "it encrypts nothing",
    "des": "its key of 56 bits is guessed in hours",
    "3des": "its blocks of 64 bits give parts of the traffic away",
    "blowfish": "its blocks of 64 bits give parts of the traffic away",
    "cast128": "its blocks of 64 bits give parts of the traffic away",
    "md5": _MD5,
    "md5_128": _MD5,
    "prfmd5": _MD5,
    "sha": _SHA1,
    "sha1": _SHA1,
    "sha1_160": _SHA1,
    "prfsha1": _SHA1,
    "modp768": _SMALL_GROUP,
    "modp1024": _SMALL_GROUP,
    "modp1024s160": _SMALL_GROUP,
    "modp1536": _SMALL_GROUP,
}

SHOWN_WEAK = 3

# Strongest first; among equals the fastest. The whole offer must leave room in an IKE_SA_INIT of 1280 bytes.
DEFAULT_IKE = (
    "aes256gcm16-prfsha256-x25519",
    "aes128gcm16-prfsha256-x25519",
    "chacha20poly1305-prfsha256-x25519",
    "aes256gcm16-prfsha384-ecp384",
    "aes256gcm16-prfsha256-ecp256",
    "aes256-sha256-prfsha256-x25519",
    "aes256-sha256-prfsha256-ecp256",
    "aes256gcm16-prfsha256-modp2048",
    "aes256-sha256-prfsha256-modp2048",
    "aes128-sha256-prfsha256-modp2048",
)
DEFAULT_ESP = ("aes256gcm16", "aes128gcm16", "chacha20poly1305", "aes256-sha256", "aes128-sha256")

IKE_ALLOWED = "CIPHER-PRF-GROUP of %s; %s; %s" % (", ".join(CIPHERS), ", ".join(PRFS), ", ".join(GROUPS))
ESN_WORDS = ("esn", "noesn")
ESP_ALLOWED = "%s; after it -GROUP for PFS (%s); at the end -esn or -noesn" % (", ".join(CIPHERS), ", ".join(GROUPS))


def _words(text: str) -> list[str]:
    if len(text) > 100:
        raise BadValue("bad-proposal", "%s is too long for a proposal" % quote(text))
    words = [ALIASES.get(word, word) for word in text.lower().split("-")]
    weak = [word for word in words if word in WEAK][:SHOWN_WEAK]
    if weak:
        raise BadValue(
            "weak-proposal", "; ".join(["%s is too weak: %s" % (quote(word), WEAK[word]) for word in weak])
        )
    return words


def _take_cipher(words: list[str]) -> str:
    """Remove the cipher's one or two words from the front and return its name."""
    for length in (1, 2):
        name = "-".join(words[:length])
        if name in CIPHERS:
            words[:length] = []
            return name
    if words[0] in ("aes256", "aes192", "aes128"):
        raise BadValue(
            "bad-proposal", "%s needs an integrity algorithm beside it" % words[0], "write %s-sha256" % words[0]
        )
    raise _unknown("cipher", words[0], CIPHERS)


def _unknown(part: str, word: str, known: tuple[str, ...]) -> BadValue:
    guess = nearest(word, list(known))
    return BadValue(
        "bad-proposal", "%s is no %s known here" % (quote(word), part), "did you mean %s?" % guess if guess else ""
    )


def parse_ike(text: str) -> str:
    """Canonical words of an IKE proposal; the prf may be left out if the cipher names a hash. Raises BadValue."""
    words = _words(text)
    cipher = _take_cipher(words)
    if len(words) == 1 and words[0] in GROUPS and "-" in cipher:
        words.insert(0, "prf" + cipher.split("-")[1])
    if not words or words[0] not in PRFS:
        if not words or words[0] in GROUPS:
            raise BadValue("bad-proposal", "%s names no prf" % quote(text), "write %s-%s-..." % (cipher, PRFS[0]))
        raise _unknown("prf", words[0], PRFS)
    if len(words) < 2:
        raise BadValue(
            "bad-proposal", "%s names no group" % quote(text), "write %s-%s-%s" % (cipher, words[0], GROUPS[0])
        )
    if words[1] not in GROUPS:
        raise _unknown("group", words[1], GROUPS)
    if len(words) > 2:
        raise BadValue("bad-proposal", "%s has %s after its group" % (quote(text), quote("-".join(words[2:]))))
    return "-".join([cipher] + words)


def parse_esp(text: str) -> str:
    """Canonical words of an ESP proposal. Raises BadValue."""
    words = _words(text)
    cipher = _take_cipher(words)
    end = [words.pop()] if words and words[-1] in ESN_WORDS else []
    if len(words) > 1:
        rest = quote("-".join(words))
        raise BadValue("bad-proposal", "%s has %s after its cipher" % (quote(text), rest), "write %s" % cipher)
    if words and words[0] not in GROUPS:
        raise _unknown("group", words[0], GROUPS)
    return "-".join([cipher] + words + end)
