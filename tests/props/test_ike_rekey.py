"""Every order in which two crossing changes of an SA can reach each other: tests/core/test_ike_rekey_collisions.py."""

from __future__ import annotations

import unittest

from tests.core.test_ike_rekey_collisions import CASES, FAILURES, walk_all
from tests.counts import cases


class EveryOrder(unittest.TestCase):
    def test_every_order(self):
        total = 0
        for case in CASES:
            for failure in FAILURES:
                count, wrong = walk_all(case, failure, cases(4, 150))
                self.assertEqual(wrong, "")
                total += count
        self.assertGreater(total, 5_000)
