"""What users do, in the log: nobody's many lines hide anybody's few."""

from __future__ import annotations

import unittest

from isthmus.users.deeds import MOST_KINDS, MOST_LINES, MOST_ROWS, WHILE_MS, Deeds


class Log(unittest.TestCase):
    def setUp(self):
        self.deeds = Deeds()

    def flood(self, user="eve", command="rekey", count=1000, now=0):
        lines = []
        for number in range(count):
            self.deeds.note(user, command, "%s t%d" % (command, number % 50), now + number)
            lines += self.deeds.take_lines(now + number)
        return lines

    def test_a_deed_is_a_line(self):
        self.deeds.note("alice", "down", "down branch", 5)
        self.assertEqual(self.deeds.take_lines(5), ["alice: down branch"])
        self.assertEqual((self.deeds.take_lines(6), self.deeds.get_timer()), ([], None))

    def test_a_flood_is_counted_and_said(self):
        lines = self.flood()
        self.assertEqual(lines[:2], ["eve: rekey t0", "eve: rekey t1"])
        self.assertEqual(len(lines), MOST_LINES)
        self.assertEqual(self.deeds.get_timer(), WHILE_MS)
        self.assertEqual(self.deeds.take_lines(WHILE_MS - 1), [])
        (line,) = self.deeds.take_lines(WHILE_MS)
        counts = [int(part.split("(")[1].split(" ")[0]) for part in line.split("; ")]
        self.assertEqual((sum(counts), len(counts)), (1000 - MOST_LINES, MOST_KINDS + 1))
        self.assertTrue("rekey t10 (20 times)" in line and "others (" in line, line)
        self.assertEqual((self.deeds.get_timer(), self.deeds._rows, self.deeds._last), (None, {}, {}))

    def test_it_hides_nothing_of_another_kind_or_of_anybody_else(self):
        self.flood()
        self.deeds.note("eve", "down", "down branch", 1000)
        self.deeds.note("alice", "rekey", "rekey branch", 1000)
        self.assertEqual(self.deeds.take_lines(1000), ["eve: down branch", "alice: rekey branch"])

    def test_the_same_again_is_counted_and_what_undoes_it_is_not(self):
        for number, deed in enumerate(("down", "down", "down", "up", "down")):
            self.deeds.note("alice", deed, deed + " branch", number)
        self.assertEqual(self.deeds.take_lines(5), ["alice: down branch", "alice: up branch", "alice: down branch"])
        self.assertEqual(self.deeds.take_lines(WHILE_MS), ["alice: left out of this log: down branch (2 times)"])
        self.deeds.note("alice", "down", "down branch", WHILE_MS + 1)
        self.assertEqual(self.deeds.take_lines(WHILE_MS + 1), ["alice: down branch"])

    def test_bounded_and_nothing_is_lost(self):
        written, left_out, users = 0, 0, MOST_ROWS + 50  # counted as they come: kept, they fill MicroPython's heap
        for number in range(users + 1):
            if number < users:
                lines = self.flood("u%d" % number, "rekey", MOST_LINES + 1, number * 20)
                self.assertTrue(len(self.deeds._rows) <= MOST_ROWS)
            else:
                lines = self.deeds.take_lines(users * 20 + WHILE_MS)
            written += len(lines)
            left_out += len([line for line in lines if "left out" in line])
        self.assertEqual(written, users * (MOST_LINES + 1))
        self.assertEqual(left_out, users)


if __name__ == "__main__":
    unittest.main()
