"""The search for the path's limit."""

from __future__ import annotations

import unittest

from isthmus.path import AGAIN_MS, ANSWER_MS, CALM_MS, LEAST, MOST_SILENT, SETTLE_MS, STEP, Path


def search(path: Path, real: int, now: int = SETTLE_MS, block: int = 1) -> list[int]:
    """Ask until it has found, on a path that takes `real` bytes: the sizes that were asked. block: of IKE's cipher."""
    asked = []
    while path.get_timer() <= now:
        size = path.due(now)
        asked.append(size)
        sent = size - (size - 60) % block
        path.probed(size, sent <= real, sent, now)
        if len(asked) > 30:
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
            self.assertTrue(len(asked) <= 16, asked)

    def test_what_the_cipher_pads_is_counted(self) -> None:
        """IKE with a block cipher sends whole blocks: what has passed is what was sent, not what was asked for."""
        for real in range(LEAST + 16, 1501):
            path = Path()
            path.begin("road", 1500, 0)
            search(path, real, block=16)
            self.assertTrue(real - 16 - STEP < path.limit <= real, (real, path.limit))

    def test_a_size_fails_when_it_has_failed_twice_and_the_least_has_passed(self) -> None:
        path = Path()
        path.begin("road", 1500, 0)
        now = SETTLE_MS
        self.assertEqual(path.due(now), 1500)
        path.probed(1500, False, 1500, now)
        self.assertEqual(path.due(now), LEAST)
        path.probed(LEAST, True, LEAST, now)
        self.assertEqual(path.due(now), 1500)
        self.assertTrue(path.probed(1500, True, 1500, now), "it was lost, and the second arrives")
        self.assertEqual(path.limit, 1500)

    def test_a_peer_that_answers_nothing_says_nothing(self) -> None:
        path = Path()
        path.begin("road", 1500, 0)
        now = SETTLE_MS
        for _ in range(MOST_SILENT - 1):
            for size in (1500, LEAST):
                self.assertEqual(path.due(now), size)
                path.probed(size, False, size, now)
            self.assertEqual((path.limit, path.due(now + CALM_MS - 1)), (None, None))
            now += CALM_MS
        self.assertEqual(search(path, 1500, now), [1500])
        self.assertEqual(path.limit, 1500)

    def test_below_the_least_it_does_not_look(self) -> None:
        path = Path()
        path.begin("road", 1500, 0)
        now = SETTLE_MS
        while path.limit is None:
            self.assertTrue(min(search(path, 500, now)) >= LEAST)
            now = path.get_timer()
        self.assertEqual((path.limit, now), (LEAST, SETTLE_MS + (MOST_SILENT - 1) * CALM_MS + AGAIN_MS))

    def test_it_looks_again_and_keeps_what_it_knows_meanwhile(self) -> None:
        path, _ = self.found(1500, 1400)
        now = path.get_timer()
        self.assertEqual(now, SETTLE_MS + AGAIN_MS)
        self.assertEqual(path.due(now - 1), None)
        self.assertEqual(path.due(now), 1500)
        self.assertEqual(path.limit, 1400)
        path.probed(1500, False, 1500, now)
        self.assertEqual(search(path, 1400, now), [LEAST, 1500, 1400, 1404, 1404])
        self.assertEqual((path.limit, path.get_timer()), (1400, now + AGAIN_MS))

    def test_a_path_that_grows_and_shrinks(self) -> None:
        path, _ = self.found(1500, 1400)
        self.assertEqual(search(path, 1500, SETTLE_MS + AGAIN_MS), [1500])
        self.assertEqual(path.limit, 1500)
        search(path, 1300, SETTLE_MS + 2 * AGAIN_MS)
        self.assertEqual(path.limit, 1300)

    def test_what_nobody_asked_says_nothing(self) -> None:
        path = Path()
        self.assertFalse(path.probed(1500, True, 1500, 0))
        path.begin("road", 1500, 0)
        self.assertEqual(path.due(SETTLE_MS), 1500)
        self.assertFalse(path.probed(1400, True, 1400, SETTLE_MS))
        self.assertEqual((path.limit, path.due(SETTLE_MS + 1)), (None, None))

    def test_a_probe_that_is_never_judged_is_asked_again(self) -> None:
        path = Path()
        path.begin("road", 1500, 0)
        self.assertEqual(path.due(SETTLE_MS), 1500)
        self.assertEqual(path.due(SETTLE_MS + ANSWER_MS - 1), None)
        self.assertEqual(path.due(SETTLE_MS + ANSWER_MS), 1500)

    def test_a_new_road_is_unknown(self) -> None:
        path, _ = self.found(1500, 1400)
        path.begin("road", 1500, 7)
        self.assertEqual(path.limit, 1400)
        path.begin("road", 1492, 7)
        self.assertEqual((path.limit, path.due(6 + SETTLE_MS), path.due(7 + SETTLE_MS)), (None, None, 1492))
        path.probed(1492, True, 1492, 7 + SETTLE_MS)
        path.begin("another road", 1492, 8)
        self.assertEqual((path.limit, path.due(8 + SETTLE_MS)), (None, 1492))
