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
        moves += ("\u061c", "\u00ad", "\ufff9", "\U000e0041")
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


class MemoryTest(unittest.TestCase):
    """What `isthmus log` shows."""

    setUp = LogTest.setUp

    def texts(self, **named: object) -> list[str]:
        return [line["text"] for line in self.log.recent(**named)["lines"]]

    def test_the_last_of_what_was_written(self) -> None:
        self.log.level = "notice"
        for number in range(5):
            self.log.notice("branch" if number % 2 else "ike", f"line {number}")
        self.log.debug("branch", "unseen")
        self.assertEqual(self.texts(), [f"line {number}" for number in range(5)])
        self.assertEqual(self.texts(count=2), ["line 3", "line 4"])
        self.assertEqual(self.texts(subject="branch"), ["line 1", "line 3"])
        first = self.log.recent(count=1, subject="branch")["lines"][0]
        row = {"number": 4, "time": "2026-01-02 03:04:05", "level": "notice", "subject": "branch", "text": "line 3"}
        self.assertEqual(first, row)

    def test_who_follows_misses_nothing(self) -> None:
        for number in range(7):
            self.log.notice("ike", f"line {number}")
        seen, after = [], 2
        for _ in range(3):
            answer = self.log.recent(after, 2)
            seen += [line["text"] for line in answer["lines"]]
            after = answer["next"]
        self.assertEqual(seen, [f"line {number}" for number in range(2, 7)])
        self.assertEqual(self.log.recent(after), {"lines": [], "next": 7, "lost": False})

    def test_it_takes_no_more_memory_than_it_may(self) -> None:
        for number in range(module.KEPT_LINES + 10):
            self.log.notice("x", str(number))
        self.assertEqual(len(self.texts()), module.KEPT_LINES)
        self.assertEqual(self.texts(count=1), [str(module.KEPT_LINES + 9)])
        for _ in range(100):
            self.log.notice("x", "y" * 2000)
        held = self.log.recent()
        self.assertLessEqual(sum(len(line["text"]) for line in held["lines"]), module.KEPT_CHARACTERS)
        self.assertGreater(len(held["lines"]), 20)
        self.assertEqual(self.log._characters, sum(len(row["text"]) + 1 for row in held["lines"]))
        self.assertTrue(self.log.recent(1)["lost"])
        self.assertFalse(self.log.recent(held["next"] - 1)["lost"])

    def test_foreign_text_is_harmless_here_too(self) -> None:
        self.log.notice("a\x1b[2J", "b\nc\u202e")
        line = self.log.recent()["lines"][0]
        self.assertEqual((line["subject"], line["text"]), ("a?[2J", "b?c?"))


if __name__ == "__main__":
    unittest.main()
