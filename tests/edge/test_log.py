"""The log: one line for one thing, nothing forged, nobody fills it."""

from __future__ import annotations

import unittest

from isthmus.edge import log as module
from isthmus.edge.log import MOST_LINES, QUIET_MS, REMEMBERED, Log
from isthmus.edge.printable import LONGEST_TEXT


class Clock:
    """Stands in for the edge: a clock that the test turns, and the lines that were written."""

    def __init__(self) -> None:
        self.time = 1_000_000
        self.lines: list[str] = []

    def now(self) -> int:
        return self.time

    def local_time_text(self) -> str:
        return "2026-01-02 03:04:05"

    def write_error_line(self, line: str) -> None:
        self.lines.append(line)


class LogTest(unittest.TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.addCleanup(setattr, module, "host", module.host)
        module.host = self.clock
        self.log = Log("debug")

    def test_a_line(self) -> None:
        self.log.notice("branch", "up: a probe crosses both ways")
        self.assertEqual(
            self.clock.lines, ["2026-01-02 03:04:05 isthmusd notice: branch: up: a probe crosses both ways"]
        )

    def test_only_what_matters_enough(self) -> None:
        self.log.level = "warning"
        for name in ("error", "warning", "notice", "info", "debug"):
            getattr(self.log, name)("x", name)
            self.log.once(name, "x", "once " + name)
        said = [line.rpartition(": ")[2] for line in self.clock.lines]
        self.assertEqual(said, ["error", "once error", "warning", "once warning"])

    def test_foreign_text_stays_in_its_line(self) -> None:
        ends, moves = ("\n", "\r", "\x85", "\u2028"), ("\x1b[2J", "\x00", "\x7f", "\x9b", "\u202e", "\u2066", "\u200b")
        for evil in (*ends, *moves, "\ud800"):
            self.clock.lines = []
            forged = f"b{evil}c"
            self.log.warning(forged, forged)
            self.assertEqual(len(self.clock.lines), 1)
            for character in evil:
                if character not in "[2J":
                    self.assertNotIn(character, self.clock.lines[0])
        self.log.notice("büro", "häuser 東京")
        self.assertIn("büro: häuser 東京", self.clock.lines[-1])

    def test_long_text_is_cut(self) -> None:
        self.log.warning("x", "y" * 60_000)
        self.assertTrue(len(self.clock.lines[0]) < LONGEST_TEXT + 100)

    def test_what_repeats_is_counted(self) -> None:
        for _ in range(5):
            self.log.once("warning", "x", "the same")
        self.assertEqual(len(self.clock.lines), 1)
        self.clock.time += QUIET_MS
        self.log.once("warning", "x", "the same")
        self.assertEqual(len(self.clock.lines), 2)
        self.assertIn("4 ", self.clock.lines[1])

    def test_nobody_fills_it_with_lines_that_differ(self) -> None:
        """Refused calls carry the caller's port and identity: both are the caller's choice."""
        for number in range(5000):
            self.log.once("warning", "ike", "refused a call from 198.51.100.1:%d" % number)
            self.clock.time += 10
        self.assertEqual(len(self.clock.lines), MOST_LINES)
        self.log.once("error", "kernel", "something else is still told")
        self.assertIn("something else", self.clock.lines[-1])
        self.clock.time += QUIET_MS
        self.log.once("warning", "ike", "refused a call from 198.51.100.1:7")
        self.assertIn("repeated", self.clock.lines[-1])
        self.assertTrue(len(self.log._said) <= REMEMBERED + 1)


if __name__ == "__main__":
    unittest.main()
