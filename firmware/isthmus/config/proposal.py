"""The words of proposals, as strongSwan writes them: which are known, and their one canonical spelling.

    IKE  cipher-prf-group    aes256gcm16-prfsha256-x25519    aes256-sha256-prfsha256-modp2048
    ESP  cipher              aes128gcm16                     aes256-sha256

Words only: what an algorithm is, and whether this interpreter has it, `crypto/suites.py` knows. A core test holds the
two tables together.
"""

from __future__ import annotations

from isthmus.config.errors import BadValue, nearest, quote

CIPHERS = ("aes256gcm16", "aes128gcm16", "aes256-sha256", "aes128-sha256")
PRFS = ("prfsha256",)
GROUPS = ("x25519", "modp2048")

# what people also write -> our word
ALIASES = {
    "curve25519": "x25519",
    "aes256gcm128": "aes256gcm16",
    "aes128gcm128": "aes128gcm16",
    "aes256gcm": "aes256gcm16",
    "aes128gcm": "aes128gcm16",
    "sha2_256": "sha256",
}

# Strongest first; among equals the fastest.
DEFAULT_IKE = (
    "aes256gcm16-prfsha256-x25519",
    "aes128gcm16-prfsha256-x25519",
    "aes256-sha256-prfsha256-x25519",
    "aes256gcm16-prfsha256-modp2048",
    "aes256-sha256-prfsha256-modp2048",
    "aes128-sha256-prfsha256-modp2048",
)
DEFAULT_ESP = ("aes256gcm16", "aes128gcm16", "aes256-sha256", "aes128-sha256")

IKE_ALLOWED = "CIPHER-PRF-GROUP of %s; %s; %s" % (", ".join(CIPHERS), ", ".join(PRFS), ", ".join(GROUPS))
ESP_ALLOWED = ", ".join(CIPHERS)


def _words(text: str) -> list[str]:
    if len(text) > 100:
        raise BadValue("bad-proposal", "%s is too long for a proposal" % quote(text))
    return [ALIASES.get(word, word) for word in text.lower().split("-")]


def _take_cipher(words: list[str]) -> str:
    """Remove the cipher's one or two words from the front and return its name."""
    for length in (1, 2):
        name = "-".join(words[:length])
        if name in CIPHERS:
            words[:length] = []
            return name
    if words[0] in ("aes256", "aes128"):
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
    if not words:
        return cipher
    remedy = "write %s" % cipher
    if words[0] in GROUPS:
        remedy += ": every new key of ESP here comes from a new IKE key exchange"
    raise BadValue("bad-proposal", "%s has %s after its cipher" % (quote(text), quote("-".join(words))), remedy)
