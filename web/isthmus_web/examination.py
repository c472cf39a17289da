"""What `doctor` has found, as pages show it: of this router as a whole, or of one tunnel and what it stands on."""

from __future__ import annotations

from typing import Any

from isthmus_web.words import later, say

LEVELS = {"error": "bad", "warning": "wait", "note": "off", "ok": "ok", "unknown": "off"}
AREAS = {
    "daemon": later("The service"),
    "kernel": later("The kernel"),
    "guard": later("The guard"),
    "ports": later("Ports"),
    "clock": later("The clock"),
    "config": later("The configuration"),
    "secrets": later("Keys"),
    "names": later("Names"),
    "peers": later("Other routers"),
    "path": later("The way to them"),
}


class Examination:
    """An answer of `doctor`. wrong: how many findings want somebody; findings: with `look`, and whether it is about one
    tunnel (`is_own`) or the router; areas: what was looked at.
    """

    def __init__(self, answer: dict[str, Any]) -> None:
        self.wrong = int(answer["wrong"])
        self.findings = [{**row, "look": LEVELS.get(row["level"], "off")} for row in answer["findings"]]
        self.areas = [
            {**row, "title": say(AREAS[row["area"]]) if row["area"] in AREAS else str(row["area"]),
             "look": LEVELS.get(row["state"], "off")} for row in answer["areas"]
        ]  # fmt: skip

    def of(self, tunnel: str) -> list[dict[str, Any]]:
        """Those about this tunnel."""
        return [row for row in self.findings if row["about"] == tunnel]

    def others(self, tunnel: str) -> list[dict[str, Any]]:
        """Those about the router, which the tunnel stands on."""
        return [row for row in self.findings if row["about"] != tunnel]
