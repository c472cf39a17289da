"""Which lines of isthmus.wire and isthmus.proto ran after which: the fuzzer keeps what reaches a new pair of lines."""

from __future__ import annotations

import sys

WATCHED = ("/isthmus/wire/", "/isthmus/proto/")


class Coverage:
    """Pairs of lines (code object, line before, line) seen so far. One thread."""

    def __init__(self) -> None:
        self.pairs: set[tuple[int, int, int]] = set()
        self._new = 0
        self._watched: dict[object, int] = {}

    def _number(self, code: object) -> int:
        """A small number of a code object that is watched, 0 for any other."""
        number = self._watched.get(code)
        if number is None:
            name = code.co_filename.replace("\\", "/")
            number = len(self._watched) + 1 if any(part in name for part in WATCHED) else 0
            self._watched[code] = number
        return number

    def _called(self, frame: object, _event: str, _value: object) -> object:
        number = self._number(frame.f_code)
        if not number:
            return None
        last = 0

        def line(frame: object, event: str, _value: object) -> object:
            nonlocal last
            if event == "line":
                pair = (number, last, frame.f_lineno)
                last = frame.f_lineno
                if pair not in self.pairs:
                    self.pairs.add(pair)
                    self._new += 1
            return line

        return line

    def watch(self, call: object) -> int:
        """Run call(); how many pairs it has reached that nothing had reached before."""
        self._new = 0
        before = sys.gettrace()
        sys.settrace(self._called)
        try:
            call()
        finally:
            sys.settrace(before)
        return self._new
