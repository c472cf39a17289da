"""Value: the base of small records that are compared by content and may be printed.

There are no dataclasses on MicroPython. A subclass sets its attributes in __init__ and names those that identify it in
`fields`. What is not named there is neither compared nor printed: that is where keys go.
"""
from __future__ import annotations


class Value:
    """Equal if of the same class with the same `fields`."""

    fields: tuple[str, ...] = ()

    def _values(self) -> list[object]:
        return [getattr(self, name) for name in self.fields]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Value) and type(self) is type(other) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        inner = ", ".join(["%s=%s" % (name, show(getattr(self, name))) for name in self.fields])
        return "%s(%s)" % (type(self).__name__, inner)


def show(value: object) -> str:
    """Text of one field: bytes in hex, everything else as it prints itself."""
    if isinstance(value, (bytes, bytearray)):
        return value.hex() or "-"
    return repr(value)
