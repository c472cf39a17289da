"""Bytes as text that people can mail, paste, read aloud and type, and the bytes of such text.

    ISTHMUS-04H00-P2K7M-...      groups of five letters and digits; case, spaces and line breaks do not matter

The 32 letters are the digits and the alphabet without I, L, O and U: who reads 0 as O or 1 as I or l is understood. The
first eight of them are a header: version (1 byte), number of bytes behind the header (2 bytes), and two bytes of its
own hash. So it is known how much must follow: less was truncated, more is too long. Behind it the content and the first
four bytes of a hash over all: as much as must follow and another hash was mistyped.
"""

from __future__ import annotations

from isthmus.crypto.prf import sha256
from isthmus.proto.pairing.errors import (
    MALFORMED,
    MISTYPED,
    NOT_AN_INVITE,
    OTHER_VERSION,
    TOO_LONG,
    TRUNCATED,
    InviteError,
)
from isthmus.proto.pairing.limits import VERSION

PREFIX = "ISTHMUS"
LETTERS = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"
GROUP = 5
HEADER_BYTES = 5
HEADER_LETTERS = 8
CHECK_BYTES = 4
MOST_BYTES = 2048  # behind the header
MOST_TEXT = 16384  # characters of input, whatever they are

_HEADER_LABEL = b"isthmus invite header"
_CHECK_LABEL = b"isthmus invite check"
_ALIKE = {"O": "0", "I": "1", "L": "1"}
# What mail and chat programs make of "-" and put between letters.
_DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2212\u00ad_"
_BLANKS = " \t\r\n\u00a0\u200b\u200c\u200d\u2060\ufeff>|*"
_AROUND = "\"'`<>.,;:()[]"
_VALUES = {chr(LETTERS[index]): index for index in range(len(LETTERS))}

_COPY = "copy the whole invite again, from ISTHMUS to its last group"


def encode(content: bytes, version: int = VERSION) -> str:
    """The text of an invite with this content (at most MOST_BYTES - 4 bytes)."""
    header = bytes([version]) + (len(content) + CHECK_BYTES).to_bytes(2, "big")
    header += _header_check(header)
    letters = _spell(header) + _spell(content + _check(header + content))
    return "-".join([PREFIX] + [letters[at : at + GROUP] for at in range(0, len(letters), GROUP)])


def decode(text: str) -> bytes:
    """The content. Raises InviteError, which says what was found and what to do."""
    if len(text) > MOST_TEXT:
        message = "%d characters are too long for an invite, which has some hundred" % len(text)
        raise InviteError(message, "paste the invite alone", TOO_LONG)
    groups = _find_groups(text)
    letters = "".join(groups)
    if len(letters) < HEADER_LETTERS:
        raise InviteError("the invite breaks off after %d characters" % len(letters), _COPY, TRUNCATED)
    header = _read(letters[:HEADER_LETTERS])
    version, size = header[0], int.from_bytes(header[1:3], "big")
    if header[3:] != _header_check(header[:3]):
        message = "one of the first %d characters is wrong: %s" % (HEADER_LETTERS, letters[:HEADER_LETTERS])
        raise InviteError(message, "compare them with the invite, or copy it again", MISTYPED)
    if version != VERSION:
        message = "the invite is of version %d; this router reads version %d" % (version, VERSION)
        raise InviteError(message, "update the older of the two routers", OTHER_VERSION)
    if not CHECK_BYTES < size <= MOST_BYTES:
        raise InviteError("the invite says that it has %d bytes" % size, "ask for a new invite", MALFORMED)
    _check_length(letters, groups, HEADER_LETTERS + _letters_for(size))
    rest = _read(letters[HEADER_LETTERS:])[:size]
    content = rest[:-CHECK_BYTES]
    # The checksum, and the few bits behind it that are no part of a byte: an invite has one text.
    if encode(content) != "-".join([PREFIX] + _regroup(letters)):
        message = "the invite has the right length, and a character in it is wrong"
        raise InviteError(message, "compare it with the original, or copy it again", MISTYPED)
    return content


def _find_groups(text: str) -> list[str]:
    """The groups behind the prefix, in our letters. Raises InviteError for what is no invite, or no letter of one."""
    plain = text
    for blank in _BLANKS:
        plain = plain.replace(blank, "")
    for dash in _DASHES:
        plain = plain.replace(dash, "-")
    # MicroPython strips bytes and not characters: only ASCII may be named here.
    plain = plain.strip(_AROUND).upper()
    start = plain.find(PREFIX)
    if start < 0:
        raise InviteError("this is no invite: an invite begins with %s-" % PREFIX, _COPY, NOT_AN_INVITE)
    if start > 0:
        message = "there is text before the invite"
        raise InviteError(message, "paste the invite alone, from %s on" % PREFIX, NOT_AN_INVITE)
    groups: list[str] = []
    for group in plain[len(PREFIX) :].split("-"):
        ours = "".join([_ALIKE.get(letter, letter) for letter in group])
        for letter in ours:
            if letter not in _VALUES:
                message = "group %d has the character %s, which no invite has" % (len(groups) + 1, _show(letter))
                raise InviteError(message, "compare that group, or paste the invite alone", MISTYPED)
        if ours:
            groups.append(ours)
    return groups


def _check_length(letters: str, groups: list[str], wanted: int) -> None:
    """Raises InviteError unless there are as many letters as the header says."""
    if len(letters) == wanted:
        return
    for index in range(len(groups) - 1):
        if len(groups) > 1 and len(groups[index]) != GROUP:
            message = "group %d has %d characters" % (index + 1, len(groups[index]))
            raise InviteError(message + "; each has %d" % GROUP, "compare that group, or copy it again", MISTYPED)
    counts = "%d characters are there, and the invite has %d" % (len(letters), wanted)
    if len(letters) < wanted:
        raise InviteError("the invite is cut off: %s" % counts, _COPY, TRUNCATED)
    raise InviteError("there is more than the invite: %s" % counts, "paste the invite alone", TOO_LONG)


def _show(letter: str) -> str:
    return "'%s'" % letter if 32 < ord(letter) < 127 else "U+%04X" % ord(letter)


def _regroup(letters: str) -> list[str]:
    return [letters[at : at + GROUP] for at in range(0, len(letters), GROUP)]


def _letters_for(size: int) -> int:
    return (size * 8 + 4) // 5


def _spell(data: bytes) -> str:
    """Five bits a letter, the last one filled up with zeros."""
    out = []
    bits = held = 0
    for byte in data:
        bits = bits << 8 | byte
        held += 8
        while held >= 5:
            held -= 5
            out.append(chr(LETTERS[bits >> held]))
            bits &= (1 << held) - 1
    if held:
        out.append(chr(LETTERS[bits << (5 - held)]))
    return "".join(out)


def _read(letters: str) -> bytes:
    """The whole bytes in these letters."""
    out = bytearray()
    bits = held = 0
    for letter in letters:
        bits = bits << 5 | _VALUES[letter]
        held += 5
        if held >= 8:
            held -= 8
            out.append(bits >> held)
            bits &= (1 << held) - 1
    return bytes(out)


def _header_check(header: bytes) -> bytes:
    return sha256(_HEADER_LABEL + header)[:2]


def _check(data: bytes) -> bytes:
    return sha256(_CHECK_LABEL + data)[:CHECK_BYTES]
