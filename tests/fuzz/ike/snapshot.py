"""An engine's state, kept and put back: a handshake for each mutated message would take a hundred times as long."""

from __future__ import annotations

import gc

KEPT = ("isthmus.proto.", "isthmus.crypto.ciphers", "tests.core.ike_pair", "tests.fuzz.")
# Never changed once made.
FIXED = ("Connection", "Retransmit", "Selector", "Identity", "Ppk")


def is_kept(found: object) -> bool:
    """True for an object of the engine or of its side that may change."""
    kind = type(found)
    return hasattr(found, "__dict__") and kind.__module__.startswith(KEPT) and kind.__name__ not in FIXED


class Snapshot:
    """What hangs on `root`, as it was when this was made. Classes, suites and connections are not followed."""

    def __init__(self, root: object) -> None:
        self._values: list[tuple[object, object]] = []
        seen: set[int] = set()
        todo = [root]
        while todo:
            found = todo.pop()
            if id(found) in seen:
                continue
            seen.add(id(found))
            if isinstance(found, (list, dict, set, bytearray)):
                self._values.append((found, found.copy()))
                todo.extend(gc.get_referents(found))
            elif isinstance(found, tuple):
                todo.extend(found)
            elif is_kept(found):
                self._values.append((found, dict(found.__dict__)))
                todo.extend(found.__dict__.values())

    def restore(self) -> None:
        """Everything as it was."""
        for found, value in self._values:
            if isinstance(found, (list, bytearray)):
                found[:] = value
            elif isinstance(found, (dict, set)):
                found.clear()
                found.update(value)
            else:
                found.__dict__.clear()
                found.__dict__.update(value)
