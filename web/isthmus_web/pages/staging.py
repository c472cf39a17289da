"""Changes of the configuration that a page makes: they wait together, and `change` puts them in force."""

from __future__ import annotations

import re
from typing import Any

from isthmus.errors import IsthmusError
from isthmus_web.pages.common import ask, field

LONGEST_MARK = 64
_NAME = re.compile(r"[A-Za-z0-9_]{1,32}")


def stage(*changes: dict[str, Any]) -> dict[str, Any]:
    """Stage them, all or none, if nothing was changed since the form was made. Raises IsthmusError."""
    return ask("config-stage", mark=field("mark", LONGEST_MARK) or "-", changes=list(changes))


def sections(config: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """Those of one type, in the order of the file as it would be."""
    return [row for row in config["sections"] if row["type"] == kind]


def section(config: dict[str, Any], kind: str, name: str) -> dict[str, Any] | None:
    """That one."""
    return next((row for row in sections(config, kind) if row["name"] == name), None)


def check_name(name: str) -> str:
    """A name for a section. Raises IsthmusError."""
    if not _NAME.fullmatch(name):
        raise IsthmusError("this is no name", "use letters, digits and _, 32 at most", "no-name")
    return name


def words_of(text: str) -> list[str]:
    """What was typed into one field: several things, with blanks, commas or lines between."""
    return text.replace(",", " ").split()
