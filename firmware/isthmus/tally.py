"""Counts that go on: each replacement of the guard's table sets the kernel's own counters to nought."""

from __future__ import annotations

from isthmus.kernel.contract import KernelError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.edge.log import Log
    from isthmus.kernel.contract import Kernel

    Counts = dict[str, tuple[int, int]]  # name -> packets, bytes


class Tally:
    """The keeper calls save() before it replaces the table, and replaced() when the kernel has taken the new one."""

    def __init__(self, kernel: Kernel, log: Log) -> None:
        self._kernel = kernel
        self._log = log
        self._before: Counts = {}  # of tables that are gone
        self._saved: Counts = {}

    def save(self) -> None:
        """Read what would be lost."""
        self._saved = self._read()

    def replaced(self) -> None:
        """It is lost."""
        self._before = _add(self._before, self._saved)
        self._saved = {}

    def read(self) -> Counts:
        """Packets and bytes of every counter, since this daemon's start or longer."""
        return _add(self._before, self._read())

    def keep_only(self, names: list[str]) -> None:
        """Forget what nobody counts any more."""
        self._before = {name: counts for name, counts in self._before.items() if name in names}

    def _read(self) -> Counts:
        try:
            return self._kernel.counters()
        except KernelError as error:
            self._log.once("warning", "guard", "its counters cannot be read: %s" % error)
            return {}


def _add(one: Counts, other: Counts) -> Counts:
    total = dict(one)
    for name, (packets, size) in other.items():
        had = total.get(name, (0, 0))
        total[name] = (had[0] + packets, had[1] + size)
    return total
