"""Roles: what a session may do, and who needs none."""

from __future__ import annotations

# Each may what those before it may.
ANYONE = 0  # no session at all
LOOK = 1
OPERATE = 2
ADMINISTER = 3
ROOT = 4  # root's command line; nobody has it as a role

ROLES = (("look", LOOK), ("operate", OPERATE), ("administer", ADMINISTER))
_NUMBERS = dict(ROLES)
_NAMES = {number: name for name, number in ROLES}


def role_number(name: str) -> int | None:
    """LOOK, OPERATE or ADMINISTER; None for any other word."""
    return _NUMBERS.get(name)


def role_name(number: int) -> str:
    """look, operate, administer; "root" for root's command line."""
    return _NAMES.get(number, "root")


def role_names() -> str:
    """All of them, for a sentence."""
    return ", ".join([name for name, _ in ROLES])
