"""A wicked paired peer that asks for new keys without end: so many writes to our disk, and no more."""

from __future__ import annotations

import unittest

from isthmus.proto.pairing import rotation_deeds as deeds
from isthmus.proto.pairing import rotation_steps as steps
from isthmus.proto.pairing.errors import PESTERED, TOO_OFTEN, make
from tests.core.rotation_world import World, first_keys

ASKS = 3


class Often(unittest.TestCase):
    def setUp(self):
        self.asks = deeds.ASKS
        deeds.ASKS = ASKS
        self.world = World()
        self.world.connect_somehow()

    def tearDown(self):
        deeds.ASKS = self.asks

    def rotate(self, which=0):
        self.world.want(which)
        self.world.run()
        return self.world.ends[which].ended[-1]

    def test_a_peer_that_asks_without_end(self):
        world = self.world
        answers = [self.rotate() for _ in range(ASKS + 3)]
        self.assertEqual(answers, [None] * ASKS + ["too-often"] * 3)
        self.assertEqual(world.ends[1].ended, [None] * ASKS + ["pestered"] * 3)
        world.now += deeds.ASK_EVERY_MS
        self.assertEqual([self.rotate(), self.rotate()], [None, "too-often"])
        world.recover()
        world.keys()

    def test_nor_by_breaking_off(self):
        """It asks, and has forgotten that when it comes back: each time keys are written here, and removed again."""
        world = self.world
        asker, held = world.ends
        for number in range(ASKS + 3):
            before = world.log.count("write")
            world.want(0)
            world._deliver()
            self.assertEqual(held.rotation.state, steps.HELD if number < ASKS else steps.IDLE)
            world.break_off()
            world.do(asker, asker.start)
            world.connect(0)
            world.run()
            self.assertEqual(world.log.count("write") - before, 2 if number < ASKS else 0)
        self.assertEqual(world.keys(), first_keys())

    def test_the_sentences_tell_the_number(self):
        for code in (TOO_OFTEN, PESTERED):
            self.assertTrue(": %d times" % self.asks in str(make(code)))

    def test_ones_own_wish_is_not_held_up(self):
        for _ in range(ASKS + 1):
            self.rotate(0)
        self.assertEqual(self.rotate(1), None)
        self.assertEqual(self.world.ends[1].ended[-2:], ["pestered", None])


if __name__ == "__main__":
    unittest.main()
