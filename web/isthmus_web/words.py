"""Languages: English stands in the sources, others in languages/*.po, as translators know them.

A .po file is read at the start, without a build step; what it leaves out is shown in English. Plural forms by gettext's
own formulas. isthmusd's sentences come in English and are marked so (lang="en") on pages of other languages.
"""

from __future__ import annotations

import ast
import gettext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import g, request

from isthmus_web import visit

if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.errors import IsthmusError

FOLDER = Path(__file__).with_name("languages")
ENGLISH = "en"
NAMES = {"en": "English", "de": "Deutsch"}
_PLURAL = "Plural-Forms:"


class Catalogue:
    """One language: a text for a text, and one of several for a number."""

    def __init__(self, texts: dict[str, list[str]], formula: str = "n != 1") -> None:
        self.texts = texts
        self._choose: Callable[[int], int] = gettext.c2py(formula)

    def gettext(self, text: str) -> str:
        """In this language."""
        found = self.texts.get(text)
        return found[0] if found and found[0] else text

    def ngettext(self, one: str, many: str, number: int) -> str:
        """In this language, for so many."""
        found = self.texts.get(one)
        if not found or len(found) < 2:
            return one if number == 1 else many
        return found[min(self._choose(number), len(found) - 1)] or (one if number == 1 else many)


def read_po(text: str) -> Catalogue:
    """A catalogue from the text of a .po file. Raises ValueError, SyntaxError where it is none."""
    texts: dict[str, list[str]] = {}
    for block in text.split("\n\n"):
        entry = _read_entry(block)
        if "msgid" in entry:
            forms = [entry[key] for key in sorted(entry) if key.startswith("msgstr")]
            texts[entry["msgid"]] = forms
    header = texts.pop("", [""])[0]
    for line in header.split("\n"):
        if line.startswith(_PLURAL):
            return Catalogue(texts, line.partition("plural=")[2].strip().rstrip(";"))
    return Catalogue(texts)


def _read_entry(block: str) -> dict[str, str]:
    """{"msgid": ..., "msgstr" or "msgstr[0]": ...} of one entry."""
    entry: dict[str, str] = {}
    key = ""
    for line in block.splitlines():
        line = line.strip()  # noqa: PLW2901 - the line without what says nothing
        if not line or line.startswith("#"):
            continue
        if not line.startswith('"'):
            key, _, line = line.partition(" ")  # noqa: PLW2901
            entry[key] = ""
        entry[key] += str(ast.literal_eval(line))
    return entry


def _load() -> dict[str, Catalogue]:
    found = {ENGLISH: Catalogue({})}
    for path in sorted(FOLDER.glob("*.po")):
        found[path.stem] = read_po(path.read_text("utf-8"))
    return found


CATALOGUES = _load()


def language() -> str:
    """That of this request: as chosen, else as the browser asks for."""
    if "language" not in g:
        chosen = request.cookies.get(visit.LANGUAGE, "")
        if chosen not in CATALOGUES:
            wanted = [tag.partition("-")[0].lower() for tag in request.accept_languages.values()]
            chosen = next((tag for tag in wanted if tag in CATALOGUES), ENGLISH)
        g.language = chosen
    return str(g.language)


def translate(text: str) -> str:
    """A text of ours in this request's language."""
    return CATALOGUES[language()].gettext(text)


def translate_number(one: str, many: str, number: int) -> str:
    """The same, for so many."""
    return CATALOGUES[language()].ngettext(one, many, number)


def say(text: str, **values: Any) -> str:  # noqa: ANN401 - whatever the text takes
    """A translated text with its values."""
    return translate(text) % values if values else translate(text)


def later(text: str) -> str:
    """Marks a text of a table for the translators; say() translates it when it is shown."""
    return text


# Refusals of isthmusd that people see often, by code: what is said, and the remedy, in every language.
KNOWN = {
    "refused": (
        later("The name or the password is wrong"),
        later("Look at both. If the password is lost, root sets another one on the router: isthmus user passwd NAME"),
    ),
    "code": (
        later("The code is wrong, used, or over"),
        later("Root makes a new one on the router: isthmus user code"),
    ),
    "gone": (later("There is nothing to wait for here any more"), later("Begin again")),
    "staged-meanwhile": (
        later("Somebody else has changed what waits meanwhile; of yours nothing was done"),
        later("Look at it as it is now; then do it again if it is still wanted"),
    ),
    "other-trial": (
        later("Another change is on trial by now; nothing was done to it"),
        later("Look at what it means; then keep it or undo it if that is still wanted"),
    ),
    "step-up": (later("This takes your password once more"), later("Type it into the form")),
    "probe-failed": (
        later("It is not kept: not all that worked before works again"),
        later("Wait a little, or undo it"),
    ),
    "again": (later("The two passwords are not the same"), later("Type both again")),
    "cookies": (later("This browser keeps no cookies"), later("Allow them for this address")),
}


# The same of pairing (proto/pairing/errors.py); isthmusd's own sentence, which names values, is shown beside it.
_ANEW = later("Make a new invite and begin again")
_LEAKED = later("Find out who else could read the invite; then make a new one and send it another way")
_COPY = later("Copy it again, from the first letter to the last")
PAIRING = {
    "invite-none": (later("This is no invite"), later("Paste the whole invite; it begins with ISTHMUS-")),
    "invite-mistyped": (later("The invite has a mistake in it"), _COPY),
    "invite-truncated": (later("The invite is cut off"), _COPY),
    "invite-too-long": (later("There is more than the invite"), later("Paste the invite alone")),
    "invite-version": (later("The invite is of another release"), later("Update the older of the two routers")),
    "expired": (later("The invite has expired: it is good for ten minutes"), _ANEW),
    "spent": (later("This invite was used already"), _LEAKED),
    "closed": (later("The invite is closed: five attempts with it have failed"), _LEAKED),
    "between": (later("Somebody is between the two routers"), _LEAKED),
    "wrong-key": (later("Another router than the one that made the invite has answered"), _LEAKED),
    "self": (later("This invite is this site's own"), later("Enter it at the other site")),
    "paired": (later("These two sites are joined already"), later("Use the tunnel that there is, or remove it first")),
    "cancelled": (later("The pairing was cancelled"), _ANEW),
    "late": (later("Not both sides have approved within ten minutes"), _ANEW),
    "vanished": (later("The other router vanished in the middle of it"), _ANEW),
    "unknown-invite": (later("The other router does not know this invite any more"), _ANEW),
    "name-taken": (later("There is a tunnel of that name already"), later("Choose another name for it here")),
    "other-words": (
        later("These are not the words of this pairing"),
        later("Compare the three words on both screens; if they differ, stop: somebody is in between"),
    ),
}


def known_or_foreign(table: dict[str, tuple[str, str]], code: str, message: str, remedy: str) -> dict[str, Any]:
    """{"message", "remedy", "is_foreign", "detail"}: ours in the page's language, else isthmusd's English."""
    known = table.get(code) or KNOWN.get(code)
    if known is None:
        return {"message": message, "remedy": remedy, "is_foreign": True, "detail": ""}
    detail = message if message[:1].upper() + message[1:] != known[0] else ""
    return {"message": say(known[0]), "remedy": say(known[1]), "is_foreign": False, "detail": detail}


class Told:
    """An error as a page shows it: message, remedy, and whether they are isthmusd's own English."""

    def __init__(self, error: IsthmusError) -> None:
        known = KNOWN.get(error.code)
        self.is_foreign = known is None
        self.message, self.remedy = (say(known[0]), say(known[1])) if known else (str(error), error.remedy)


def span(seconds: int) -> str:
    """A time span as people say it."""
    if seconds < 60:
        return translate_number("%(num)d second", "%(num)d seconds", seconds) % {"num": seconds}
    if seconds < 3600:
        return translate_number("%(num)d minute", "%(num)d minutes", seconds // 60) % {"num": seconds // 60}
    if seconds < 172_800:
        return translate_number("%(num)d hour", "%(num)d hours", seconds // 3600) % {"num": seconds // 3600}
    return translate_number("%(num)d day", "%(num)d days", seconds // 86400) % {"num": seconds // 86400}
