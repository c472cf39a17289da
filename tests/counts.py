"""How many cases a test tries: a few by default, all of them with `tools/test --full` (ISTHMUS_FULL=1).

A test with a large number of cases takes its number from here and from nowhere else:

    for seed in range(cases(50, 2000)):
"""

from __future__ import annotations

import os


def _asked_for_all() -> bool:
    # The WebAssembly build of MicroPython has no environment; its runner sets `full` instead.
    getenv = getattr(os, "getenv", None)
    return getenv is not None and getenv("ISTHMUS_FULL") not in (None, "", "0")


full = _asked_for_all()


def cases(reduced: int, everything: int) -> int:
    """The number of cases to try: `reduced` in an ordinary run, `everything` in a full one."""
    return everything if full else reduced
