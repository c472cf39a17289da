"""Addresses that people type into forms, and that texts for other routers are made of."""

from __future__ import annotations

import ipaddress


def is_address(text: str) -> bool:
    """Whether it is one, of either family. Not with a zone: there Python takes any text, commands and all, and what is
    told to another site is of no use with one.
    """
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text
