"""Every leak test of the list is there, in code or with the reason why not, and the page says so."""

from __future__ import annotations

import unittest

from tests.lab.leaks.table import FIRST, LAST, ROWS, write_page
from tests.repo.sources import parse, read

PAGE = "tests/lab/leaks/TABLE.md"
SHARED = ("state.EveryEvent", "packets.kinds", "packets.tricks", "packets.pretending")  # by tables of their own
STORIES = tuple([f"tests/lab/scenarios/{name}.py" for name in ("leaks", "leaks_events", "leaks_edits", "leaks_state")])


def definitions(module: str) -> dict[str, str]:
    """The source of each function and class of a file of the leak tests."""
    name = f"tests/lab/leaks/{module}.py"
    lines = read(name).splitlines()
    return {
        node.name: "\n".join(lines[node.lineno - 1 : node.end_lineno])
        for node in parse(name).body
        if hasattr(node, "name") and hasattr(node, "end_lineno")
    }


class Table(unittest.TestCase):
    def test_all_are_there_once_and_in_order(self):
        self.assertEqual([row.number for row in ROWS], list(range(FIRST, LAST + 1)))

    def test_the_page_is_what_the_code_says(self):
        self.assertEqual(read(PAGE), write_page())

    def test_each_is_somewhere_or_has_its_reason(self):
        for row in ROWS:
            with self.subTest(row.label):
                self.assertTrue(row.places or len(row.reason.split()) > 5, "neither a place nor a reason")
                self.assertGreater(len(row.does.split()), 3)

    def test_each_place_exists_and_is_about_it(self):
        for row in ROWS:
            for place in row.places:
                module, _, name = place.partition(".")
                with self.subTest(f"{row.label} {place}"):
                    found = definitions(module)
                    self.assertIn(name, found)
                    if place not in SHARED:
                        self.assertIn(row.label, found[name])

    def test_each_place_is_part_of_a_story(self):
        told = "\n".join([read(name) for name in STORIES]) + read("tests/lab/leaks/controls.py")
        told += read("tests/lab/leaks/state.py")
        for row in ROWS:
            for place in row.places:
                name = place.partition(".")[2]
                with self.subTest(place):
                    self.assertRegex(told, rf"\b{name}\b")
