"""Both ends begin at once: whatever order their datagrams take, whichever are lost or doubled, one SA is left."""

from __future__ import annotations

import unittest

from tests.core.ike_pair import agreed
from tests.core.ike_walk import Walk
from tests.counts import cases


class EveryOrder(unittest.TestCase):
    def check(self, walk, limit):
        """The number of orders walked through, all of which have left the same one SA on both sides."""
        count = 0
        for pair in walk.runs(limit):
            count += 1
            pair.wait(120_000)
            where = f"{walk.late} {walk.choices}"
            self.assertTrue(agreed(pair), f"{where}: {pair.a.states()} {pair.b.states()}")
            for side in (pair.a, pair.b):
                self.assertEqual(side.states(), ["established"], where)
                self.assertIn(side.error(), (None, "crossed"), where)
        return count

    def test_in_any_order(self):
        self.assertEqual([self.check(Walk(late=late), 1000) for late in range(6)], [54, 27, 11, 5, 1, 1])

    def test_one_lost(self):
        counts = [self.check(Walk(losses=1, late=late), 10_000) for late in range(4)]
        self.assertEqual(counts, [228, 114, 47, 29])

    def test_one_doubled(self):
        for late in range(4):
            self.assertGreater(self.check(Walk(doubles=1, late=late), cases(150, 100_000)), 100)

    def test_two_lost(self):
        self.assertGreater(self.check(Walk(losses=2), cases(150, 100_000)), 100)

    def test_one_lost_and_one_doubled(self):
        for late in (0, 3):
            self.assertGreater(self.check(Walk(losses=1, doubles=1, late=late), cases(150, 5_000)), 100)
