"""Backoff: doubles, has a ceiling, jitters, starts again after a success."""

from __future__ import annotations

import unittest

from isthmus.backoff import FIRST_MS, JITTER_PERCENT, LONGEST_MS, Backoff


def constant(value: int):
    return lambda count: bytes([value]) * count


class BackoffTest(unittest.TestCase):
    def test_doubles_up_to_the_ceiling(self) -> None:
        backoff = Backoff(constant(0))
        waits = [backoff.failed() for _ in range(40)]
        low = 100 - JITTER_PERCENT
        self.assertEqual(waits[0], FIRST_MS * low // 100)
        for before, after in zip(waits, waits[1:]):
            self.assertTrue(before <= after)
        self.assertEqual(waits[-1], LONGEST_MS * low // 100)

    def test_jitter_stays_in_its_bounds_and_is_there(self) -> None:
        seen = set()
        for value in range(256):
            wait = Backoff(lambda count, value=value: bytes([0, 0, value, 255 - value])).failed()
            self.assertTrue(FIRST_MS * 75 // 100 <= wait <= FIRST_MS * 125 // 100)
            seen.add(wait)
        self.assertTrue(len(seen) > 100)

    def test_success_starts_again(self) -> None:
        backoff = Backoff(constant(0))
        first = backoff.failed()
        for _ in range(5):
            backoff.failed()
        backoff.succeeded()
        self.assertEqual(backoff.failed(), first)
