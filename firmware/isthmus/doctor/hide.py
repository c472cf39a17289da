"""A configuration without its secrets, and a last look at a text for those that are known.

What is shown is what the schema knows and knows to be none. A comment, an option that nobody knows, a value that does
not fit its option and a line that cannot be read may each hold a key that somebody has written into the wrong place.
"""

from __future__ import annotations

import binascii

from isthmus.config import uci
from isthmus.config.errors import SHOWN, BadValue
from isthmus.config.schema import SECTIONS, section_spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.spec import OptionSpec

HIDDEN = "(not shown)"
UNFIT = "(not shown: it does not fit)"
LIKELY = 16  # bytes of a word that may be a key
SHORTEST = 4  # bytes of a secret that is looked for: what is shorter is none, and stands everywhere


def shown(data: bytes) -> list[str]:
    """A line for each section and option."""
    package, wrong = uci.parse_all(data, "isthmus")
    lines = ["# comments are left out"] + ["# line %d cannot be read, and is left out" % error.began for error in wrong]
    for section in package.sections:
        spec = section_spec(section.type)
        if spec is None:
            lines.append("# a section of a type that nobody knows, in line %d, is left out" % section.line)
            continue
        lines.append("config %s%s" % (section.type, "" if section.anonymous else " '%s'" % section.name))
        for option in section.options:
            kind = "list" if option.is_list else "option"
            row = spec.get(option.name)
            if row is None:
                lines.append("\t# an option that nobody knows, in line %d, is left out" % option.line)
                continue
            lines += ["\t%s %s '%s'" % (kind, option.name, _value(row, value)) for value in option.values]
    return lines


def secrets_of(data: bytes) -> list[bytes]:
    """What stands in this file and shown() does not show because it is a key, or may be one."""
    found = []
    for section in uci.parse_all(data, "isthmus")[0].sections:
        spec = section_spec(section.type)
        for option in section.options:
            row = spec.get(option.name) if spec is not None else None
            if row is not None and row.type.secret:
                found += option.values
            else:  # a key in the wrong place, which a message about its place may repeat
                found += [value for value in option.values if len(value) >= LIKELY and not _fits(row, value)]
    return found


def names_secret(text: str) -> bool:
    """Whether a file of staged changes may hold a key."""
    names = ["." + row.name + "=" for spec in SECTIONS for row in spec.options if row.type.secret]
    return any(name in text for name in names)


def words_of(data: bytes) -> list[bytes]:
    """What in a file of keys may be one: long words, and what they are in bytes where they are hexadecimal digits."""
    for mark in (b'"', b"'", b",", b":", b"$", b"=", b"\r", b"\n", b"\t"):
        data = data.replace(mark, b" ")
    found = [word for word in data.split(b" ") if len(word) >= LIKELY]
    for word in list(found):
        try:
            found.append(bytes.fromhex(word.decode()))
        except ValueError:
            continue
    return found


def _value(row: OptionSpec, value: bytes) -> str:
    if row.type.secret:
        return HIDDEN
    return value.decode() if _fits(row, value) else UNFIT


def _fits(row: OptionSpec | None, value: bytes) -> bool:
    """Whether a value is what its option takes."""
    try:
        return row is not None and row.type.parse(value.decode()) is not None
    except (BadValue, ValueError):
        return False


def forms(secret: bytes) -> list[str]:
    """How a secret may stand in a text: as it is, in hexadecimal digits, in base64; and cut, as in messages."""
    found = [secret.hex(), secret.hex().upper()]
    coded = binascii.b2a_base64(secret).decode().strip().rstrip("=")
    found += [coded, coded.replace("+", "-").replace("/", "_")]
    try:
        found.append(secret.decode())
    except ValueError:
        pass
    return found + [form[:SHOWN] for form in found if len(form) > SHOWN]


def scrub(text: str, secrets: list[bytes]) -> tuple[str, int]:
    """The text with each of these secrets taken out, in each of its forms, and how many places there were. There
    should be none: this is for the mistake that nobody has thought of.
    """
    places = 0
    for secret in secrets:
        if len(secret) < SHORTEST:
            continue
        for form in forms(secret):
            count = len(text.split(form)) - 1
            if count:
                places += count
                text = text.replace(form, HIDDEN)
    return text, places
