"""The papers of the repository: there, short, and true where a program can tell."""

from __future__ import annotations

import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Paper: the number of lines that it stays under.
LIMITS = (
    ("README.md", 150),
    ("firmware/DESIGN.md", 150),
)


class Papers(unittest.TestCase):
    def test_they_are_short(self):
        for name, limit in LIMITS:
            with self.subTest(name):
                lines = (ROOT / name).read_text("utf-8").splitlines()
                self.assertLess(len(lines), limit)

    def test_changelog_has_an_open_section(self):
        text = (ROOT / "CHANGELOG.md").read_text("utf-8")
        self.assertIn("\n## Unreleased\n", text)

    def test_licence_is_apache_2(self):
        text = (ROOT / "LICENSE").read_text("utf-8")
        self.assertIn("Apache License", text)
        self.assertIn("Version 2.0, January 2004", text)
        self.assertIn("limitations under the License.", text)
