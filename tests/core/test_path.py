"""The search for the path's limit."""

from __future__ import annotations

import unittest

from isthmus.path import AGAIN_MS, ANSWER_MS, LEAST, STEP, Path


def search(path: Path, real: int, now: int = 0) -> list[int]:
    """Ask until it has found, on a path that takes `real` bytes: the sizes that were asked."""
    asked = []
    while path.limit is None or path.get_timer() <= now:
        size = path.due(now)
        asked.append(size)
        path.probed(size, size <= real, size, now)
        if len(asked) > 20:
            raise AssertionError(asked)
    return asked


class PathTest(unittest.TestCase):
    def found(self, ceiling: int, real: int) -> tuple:
        path = Path()
        path.begin("road", ceiling, 0)
        asked = search(path, real)
        return path, asked

    def test_a_path_as_wide_as_the_uplink_costs_one_probe(self) -> None:
        for ceiling in (1280, 1400, 1492, 1500, 9000):
            path, asked = self.found(ceiling, ceiling)
            self.assertEqual((path.limit, asked), (ceiling, [ceiling]))

    def test_every_limit_is_found_and_never_exceeded(self) -> None:
        for real in range(LEAST, 1501):
            path, asked = self.found(1500, real)
            self.assertTrue(real - STEP < path.limit <= real, (real, path.limit))
            self.assertTrue(len(asked) <= 8, asked)
            self.assertEqual(len(set(asked)), len(asked))

    def test_what_the_cipher_pads_is_counted(self) -> None:
        """IKE with a block cipher sends whole blocks: what has passed is what was sent, not what was asked for."""
        for real in range(LEAST + 16, 1501):
            path = Path()
            path.begin("road", 1500, 0)
            asked = 0
            while path.limit is None:
                size = path.due(0)
                sent = size - (size - 60) % 16
                path.probed(size, sent <= real, sent, 0)
                asked += 1
            self.assertTrue(real - 16 - STEP < path.limit <= real, (real, path.limit))
            self.assertTrue(asked <= 9, asked)

    def test_below_the_least_it_does_not_look(self) -> None:
        path, asked = self.found(1500, 500)
        self.assertEqual(path.limit, LEAST)
        self.assertTrue(min(asked) > LEAST)

    def test_it_looks_again_and_keeps_what_it_knows_meanwhile(self) -> None:
        path, _ = self.found(1500, 1400)
        self.assertEqual(path.due(AGAIN_MS - 1), None)
        now = path.get_timer()
        self.assertEqual(path.due(now), 1500)
        self.assertEqual(path.limit, 1400)
        path.probed(1500, False, 1500, now)
        self.assertEqual([path.due(now), path.probed(1400, True, 1400, now)], [1400, False])
        self.assertEqual([path.due(now), path.probed(1404, False, 1404, now)], [1404, False])
        self.assertEqual((path.limit, path.get_timer()), (1400, now + AGAIN_MS))

    def test_a_path_that_grows_and_shrinks(self) -> None:
        path, _ = self.found(1500, 1400)
        self.assertEqual(search(path, 1500, AGAIN_MS), [1500])
        self.assertEqual(path.limit, 1500)
        search(path, 1300, 2 * AGAIN_MS)
        self.assertEqual(path.limit, 1300)

    def test_what_nobody_asked_says_nothing(self) -> None:
        path = Path()
        self.assertFalse(path.probed(1500, True, 1500, 0))
        path.begin("road", 1500, 0)
        self.assertEqual(path.due(0), 1500)
        self.assertFalse(path.probed(1400, True, 1400, 0))
        self.assertEqual((path.limit, path.due(1)), (None, None))

    def test_a_probe_that_is_never_judged_is_asked_again(self) -> None:
        path = Path()
        path.begin("road", 1500, 0)
        self.assertEqual(path.due(0), 1500)
        self.assertEqual(path.due(ANSWER_MS - 1), None)
        self.assertEqual(path.due(ANSWER_MS), 1500)

    def test_a_new_road_is_unknown(self) -> None:
        path, _ = self.found(1500, 1400)
        path.begin("road", 1500, 7)
        self.assertEqual((path.limit, path.due(7)), (1400, None))
        path.begin("road", 1492, 7)
        self.assertEqual((path.limit, path.due(7)), (None, 1492))
        path.probed(1492, True, 1492, 7)
        path.begin("another road", 1492, 8)
        self.assertEqual((path.limit, path.due(8)), (None, 1492))
