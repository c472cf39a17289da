"""The security argument of pairing names tests; each of them is there, and each claim has one."""

from __future__ import annotations

import ast
import re
import unittest

from isthmus.pairings import SUITES
from tests.repo.sources import ROOT, parse, read

PAPER = "firmware/isthmus/proto/pairing/SECURITY.md"
SCHEDULES = ("firmware/isthmus/proto/pairing/keys.py", "firmware/isthmus/proto/pairing/rotation_keys.py")
NAMED = re.compile(r"`(tests/[a-z_/]+\.py)::([A-Za-z]+)\.(test_[a-z0-9_]+)`")
CLAIM = re.compile(r"^- \*\*([A-Z][0-9]+)\*\*", re.MULTILINE)
UNTESTABLE = "(not testable here:"


def defined(name: str) -> set[tuple[str, str]]:
    """(class, test) of each test of a file."""
    found = set()
    for kind in parse(name).body:
        if isinstance(kind, ast.ClassDef):
            found |= {(kind.name, node.name) for node in kind.body if isinstance(node, ast.FunctionDef)}
    return found


def claims(text: str) -> list[tuple[str, str]]:
    """(number, text) of each claim: a list entry that begins with a bold number, up to the next empty line or entry."""
    parts = CLAIM.split(text)[1:]
    whole = [re.split(r"\n\n|\n#", parts[at + 1])[0] for at in range(0, len(parts), 2)]
    return [(parts[2 * at], " ".join(whole[at].split())) for at in range(len(whole))]


class Argument(unittest.TestCase):
    def test_each_test_it_names_is_there(self):
        named = NAMED.findall(read(PAPER))
        self.assertGreater(len(named), 30)
        for file, kind, test in named:
            with self.subTest(file=file, test=test):
                self.assertTrue((ROOT / file).is_file(), file)
                self.assertIn((kind, test), defined(file))

    def test_each_claim_names_a_test_or_says_why_not(self):
        found = claims(read(PAPER))
        self.assertGreater(len(found), 25)
        self.assertEqual(len({number for number, _ in found}), len(found), "a number stands twice")
        for number, text in found:
            self.assertTrue(NAMED.search(text) or UNTESTABLE in text, f"{number} names no test")

    def test_the_suites_are_those_of_the_code(self):
        paper = " ".join(read(PAPER).split()).partition("Suites:")[2].partition(";")[0]
        named = set(re.findall(r"[a-z]+[0-9][a-z0-9]*", paper))
        self.assertEqual(named, {part for suite in SUITES for part in suite.split("-")})

    def test_these_rules_can_fail(self):
        sample = "- **A1** It holds.\n- **A2** It too. `tests/x.py::Kind.test_it`\n"
        self.assertEqual([bool(NAMED.search(text)) for _, text in claims(sample)], [False, True])
        self.assertNotIn(("Argument", "test_nothing"), defined("tests/repo/test_pairing_security.py"))

    def test_each_label_of_the_key_schedule_is_listed(self):
        paper = " ".join(read(PAPER).split())
        nodes = [node for name in SCHEDULES for node in ast.walk(parse(name))]
        for node in nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, bytes) and b" " in node.value:
                self.assertIn(f'"{node.value.decode()}"', paper)


if __name__ == "__main__":
    unittest.main()
