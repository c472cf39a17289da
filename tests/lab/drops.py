"""Where a kernel drops packets without a word to anybody: its own counters, before and after."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.lab.namespace import Namespace


class Drops:
    """What has been dropped in some namespaces since this was made."""

    def __init__(self, *spaces: Namespace) -> None:
        self.spaces = spaces
        self.before = self.read()

    def read(self) -> dict[str, int]:
        """Every counter, by namespace and name."""
        found = {}
        for number, line in enumerate(Path("/proc/net/softnet_stat").read_text().splitlines()):
            found[f"backlog of processor {number}"] = int(line.split()[1], 16)
        for space in self.spaces:
            with space:
                own = Path("/proc/thread-self/net")
                for line in (own / "xfrm_stat").read_text().splitlines():
                    name, value = line.split()
                    found[f"{space.name} {name}"] = int(value)
                for line in (own / "dev").read_text().splitlines()[2:]:
                    name, _, values = line.partition(":")
                    numbers = [int(value) for value in values.split()]
                    found[f"{space.name} {name.strip()} received, dropped"] = numbers[3]
                    found[f"{space.name} {name.strip()} sent, dropped"] = numbers[11]
        return found

    def tell(self) -> str:
        """The counters that have moved, for a message of failure."""
        now = self.read()
        moved = {name: value - self.before.get(name, 0) for name, value in now.items()}
        return ", ".join(f"{name}: {value}" for name, value in moved.items() if value) or "no counter has moved"
