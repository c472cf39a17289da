"""Resident memory of processes, as the kernel counts it."""

from __future__ import annotations

import re
from pathlib import Path


class Memory:
    """Of some processes together, in MB. rss: pages that each has resident, shared ones too, as if each stood alone;
    pss: shared pages divided by those who share them.
    """

    def __init__(self, pids: dict[int, str]) -> None:
        """Raises OSError for a process that is gone."""
        self.parts: dict[str, float] = {}
        self.pss = 0.0
        for pid, name in pids.items():
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            self.parts[name] = self.parts.get(name, 0.0) + read_field("Rss", text)
            self.pss += read_field("Pss", text)

    @property
    def rss(self) -> float:
        """All together."""
        return sum(self.parts.values())

    def describe(self) -> str:
        """Each program's own."""
        return " + ".join(f"{name} {size:.1f}" for name, size in self.parts.items())


def read_field(name: str, text: str) -> float:
    """One line of smaps_rollup, in MB."""
    found = re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)
    if found is None:
        raise ValueError(f"no {name} in smaps_rollup")
    return int(found.group(1)) / 1024
