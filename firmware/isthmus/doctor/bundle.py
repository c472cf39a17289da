"""`isthmus diag`: many texts made one, that can be read, mailed and searched; none of it may grow without end."""

from __future__ import annotations

from isthmus.doctor.hide import scrub

LONGEST = 65_536  # characters of one part: what is cut says so
HEAD = (
    "Isthmus diagnostics. No key, cookie, password or session is in here; names and addresses of your networks are.",
    "Read it before you hand it on.",
)


def bundle(title: str, parts: list[tuple[str, str]], secrets: list[bytes]) -> str:
    """title: what, where and when; parts: (heading, text). secrets: taken out, should they be there after all."""
    texts = [title] + list(HEAD)
    for heading, text in parts:
        texts += ["", "=== %s ===" % heading, _cut(text.rstrip("\n")) or "(nothing)"]
    whole, places = scrub("\n".join(texts), secrets)
    if places:
        whole += "\n\nTaken out at the last look, because it is a key or may be one: %d places." % places
    return whole + "\n"


def outline(value: object, indent: str = "") -> list[str]:
    """What JSON holds, as lines for people: a level of indentation for each level."""
    rows: list[tuple[str, object]] = []
    if isinstance(value, dict):
        rows = [("%s:" % name, value[name]) for name in sorted(value)]
    elif isinstance(value, list):
        rows = [("-", item) for item in value]
    lines = []
    for head, item in rows:
        if isinstance(item, (dict, list)) and item:
            lines.append(indent + head)
            lines += outline(item, indent + "  ")
        else:
            lines.append("%s%s %s" % (indent, head, _word(item)))
    return lines


def _word(item: object) -> str:
    if item is None or item in ({}, []):
        return "-"
    return {True: "yes", False: "no"}[item] if isinstance(item, bool) else str(item)


def _cut(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return text[:LONGEST] + "\n(cut here: %d characters more)" % (len(text) - LONGEST)
