"""What `isthmus doctor` and `isthmus log` print, one file a case.

tests/golden/doctor/NAME.txt is what they make. Regenerate with ISTHMUS_GOLDEN=write, and read the difference.
"""

from __future__ import annotations

import os
import unittest
from pathlib import Path

from isthmus import cli_doctor
from isthmus.doctor.facts import Facts, Feature, FileMode, Name, PortUse, Problem
from isthmus.doctor.report import lines, report
from tests.core.test_doctor import down_peer, healthy, up_peer

FOLDER = Path(__file__).parent / "doctor"


def faults() -> Facts:
    """Much is wrong."""
    facts = healthy()
    facts.features += [Feature("no-l2tp-module", "module l2tp_eth", False, "", "install it (OpenWrt: kmod-l2tp-eth)")]
    facts.ports[0] = PortUse(500, "any address", False, "charon", 812)
    facts.wall_s, facts.wall_text = 86_400, "1970-01-02 00:00 UTC"
    facts.problems = [Problem("no-subnet", "warning", "tunnel 'depot'", "nothing is routed into depot", "add a line")]
    facts.differs, facts.staged = ["depot"], 2
    facts.files.append(FileMode("/etc/isthmus/secrets/depot", False, 0o644, True))
    facts.names.append(Name("depot", "depot.example.net", [], "no such name"))
    silent, half, blocked, narrow = down_peer("unreachable"), down_peer("unreachable"), up_peer(), up_peer()
    refused = down_peer("psk", "the peer's proof does not fit")
    half.is_half = True
    blocked.is_detour, blocked.ports, blocked.nat = True, (4500, 4500), "here"
    narrow.limit, narrow.mtu, narrow.fitting, narrow.loss = 1400, 1322, 1322, 43
    facts.peers = [silent, half, refused, blocked, narrow]
    for number, peer in enumerate(facts.peers):
        peer.tunnel = f"site{number}"
    return facts


def away() -> Facts:
    """No daemon."""
    facts = healthy()
    facts.away = "isthmusd does not answer at /var/run/isthmus/control.sock (No such file or directory)"
    facts.guard_there, facts.guard_age, facts.peers = False, None, None
    facts.ports = []
    return facts


LOG = {"lines": [
    {"number": 1, "time": "2026-11-23 08:00:00", "level": "notice", "subject": "branch", "text": "up: a probe crosses"},
    {"number": 2, "time": "2026-11-23 08:00:01", "level": "warning", "subject": "ike", "text": "refused a call"},
]}  # fmt: skip

CASES = {
    "healthy": lambda: lines(report(healthy())),
    "faults": lambda: lines(report(faults())),
    "away": lambda: lines(report(away())),
    "log": lambda: cli_doctor.shown(LOG),
}


class Printed(unittest.TestCase):
    def test_it_is_as_recorded(self) -> None:
        for name, make in CASES.items():
            path = FOLDER / (name + ".txt")
            text = "\n".join(make()) + "\n"
            if os.environ.get("ISTHMUS_GOLDEN") == "write":
                path.write_text(text, encoding="utf-8")
            with self.subTest(name):
                self.assertEqual(text, path.read_text(encoding="utf-8"))
        self.assertEqual(sorted(CASES), sorted([path.stem for path in FOLDER.iterdir()]))


if __name__ == "__main__":
    unittest.main()
