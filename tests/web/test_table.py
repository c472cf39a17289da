"""Every row of the checklist is in TABLE.md, with the tests that hold it or the reason why there is none."""

from __future__ import annotations

import re
import unittest
from pathlib import Path

PAGE = Path(__file__).with_name("TABLE.md")
ROOT = PAGE.parents[2]
ROW = re.compile(r"^\| S(\d+) \| (.+) \| (.+) \|$", re.MULTILINE)


class Table(unittest.TestCase):
    def test_all_rows_in_order_each_held_or_explained(self) -> None:
        rows = ROW.findall(PAGE.read_text("utf-8"))
        self.assertEqual([int(row[0]) for row in rows], list(range(1, 32)))
        for number, _, held in rows:
            files = re.findall(r"`((?:tests|web)/[a-z_/]+\.py|pyproject\.toml)`", held)
            self.assertTrue(files or len(held.split()) > 8, number)
            for name in files:
                self.assertTrue((ROOT / name).is_file(), name)

    def test_tests_that_name_a_row_are_in_files_that_the_row_names(self) -> None:
        rows = {int(number): held for number, _, held in ROW.findall(PAGE.read_text("utf-8"))}
        found = 0
        for path in sorted(PAGE.parent.glob("test_*.py")):
            for name in re.findall(r"def test_((?:s\d\d_)+)", path.read_text("utf-8")):
                for number in re.findall(r"\d\d", name):
                    self.assertIn(f"tests/web/{path.name}", rows[int(number)], f"S{number}")
                    found += 1
        self.assertGreater(found, 40)


if __name__ == "__main__":
    unittest.main()
