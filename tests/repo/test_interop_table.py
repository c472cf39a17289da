"""The page of peer x role x feature has every cell that the code has, each tested or with its reason."""

from __future__ import annotations

import unittest

from tests.lab.interop import cells
from tests.lab.interop.table import YES, write_page
from tests.repo.sources import read

PAGE = "tests/lab/interop/TABLE.md"


def everything_passed() -> dict[str, dict[str, str]]:
    """Results of a run in which every cell that can run has passed."""
    return {cells.name_test(*cell): {"result": "passed", "why": ""} for cell in cells.list_cells()
            if cells.find_reason(*cell) is None}


class Table(unittest.TestCase):
    def test_the_page_is_what_the_code_says(self):
        self.assertEqual(read(PAGE), write_page(everything_passed()))

    def test_a_cell_that_failed_or_is_missing_makes_no_page(self):
        name = next(iter(everything_passed()))
        for result in ({"result": "failed", "why": "x"}, {}):
            with self.subTest(result), self.assertRaises(ValueError):
                write_page({**everything_passed(), name: result})

    def test_every_reason_is_of_a_cell(self):
        for peer, role, feature in [*cells.REASONS, *cells.NOTES]:
            with self.subTest(feature):
                self.assertIn(peer, (*cells.PEERS, "*"))
                self.assertIn(role, (*cells.ROLES, "*"))
                self.assertIn(feature, cells.FEATURES)

    def test_a_reason_says_why(self):
        for key, reason in [*cells.REASONS.items(), *cells.NOTES.items()]:
            with self.subTest(key):
                self.assertGreater(len(reason.split()), 3)

    def test_the_readme_links_the_page(self):
        self.assertIn(f"]({PAGE})", read("README.md"))


class EveryCellIsYesOrANumber(unittest.TestCase):
    def test_it(self):
        rows = [line for line in read(PAGE).splitlines() if line.startswith("| ") and not line.startswith("| |")]
        self.assertEqual(len(rows), len(cells.FEATURES))
        for row in rows:
            for cell in row.strip("|").split("|")[1:]:
                self.assertRegex(cell.strip(), rf"^({YES}|{YES} \d+|\d+)$", row)
