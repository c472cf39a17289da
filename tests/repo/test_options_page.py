"""docs/options.md says what the schema says, all of it, and nothing that a reader of Markdown would swallow."""

from __future__ import annotations

import unittest

from isthmus.config import reference
from isthmus.config.schema import SECTIONS
from isthmus.config.spec import OPTION, OptionSpec
from isthmus.config.values import Bool
from tests.repo.sources import read, tracked

PAGE = "docs/options.md"


class OptionsPage(unittest.TestCase):
    def test_it_is_fresh(self):
        self.assertIn(PAGE, tracked())
        self.assertEqual(read(PAGE), reference.page(), "stale: run tools/options")

    def test_a_change_of_the_schema_makes_it_stale(self):
        row = OptionSpec("brand_new", OPTION, Bool(), "1", "A row that is not there.")
        spec = SECTIONS[0]
        spec.options.append(row)
        try:
            self.assertNotEqual(read(PAGE), reference.page())
        finally:
            spec.options.remove(row)

    def test_every_row_is_on_it(self):
        text = read(PAGE)
        for spec in SECTIONS:
            part = text.partition("## config %s" % spec.type)[2].partition("\n## ")[0]
            for row in spec.options:
                self.assertIn("\n### %s %s\n" % (row.kind, row.name), part)
                self.assertTrue(row.help)
                self.assertIn("\n%s\n" % reference._escaped(row.help), part)
            for name, _why, _remedy in spec.absent:
                self.assertIn("`%s`" % name, part)

    def test_what_see_names_is_there(self):
        for spec in SECTIONS:
            for row in spec.options:
                for name in row.see:
                    self.assertIsNotNone(spec.get(name), f"{spec.type}.{row.name} sees {name}")
