"""Rotation by chance: wishes, losses, kills, failing disks, time and calls from either side, in any order. Never locked
out (the world looks after each step), and in the end the same keys at both ends.
"""

from __future__ import annotations

import unittest

from isthmus.proto.pairing.errors import PairingError
from tests.core.pairing_world import Chance
from tests.core.rotation_world import AFTER, BEFORE, FAILS, LAST, LOST, TWICE, UNSURE, World, first_keys
from tests.counts import cases

CUTS = {"message": (LOST, LAST, TWICE), "write": (BEFORE, AFTER, FAILS, UNSURE), "file": (BEFORE, FAILS)}


class Wild(World):
    """A world in which each point may be cut. percent: how many are."""

    def __init__(self, chance, percent, seed):
        self.chance = None
        super().__init__(CALLERS[chance.below(3)], seed=seed)
        self.chance = chance
        self.percent = percent
        self.past = []  # the last messages, whatever has become of them

    def _Tell(self, end, action):
        super()._Tell(end, action)
        self.past = self.past[-9:] + [(self.ends[1 - self.ends.index(end)], action.data)]

    def point(self, kind):
        self.count += 1
        if self.chance is None or self.chance.below(100) >= self.percent:
            return None
        cut = CUTS[kind][self.chance.below(len(CUTS[kind]))]
        self.log = self.log[-20:] + [cut]
        return cut


CALLERS = ((True, True), (True, False), (False, True))


def stride(world, chance):
    """One thing that happens."""
    what = chance.below(9)
    end = world.ends[chance.below(2)]
    if what < 2 and world.sa:
        try:
            world.do(end, lambda: end.rotation.want(world.now))
        except PairingError:
            pass
    elif what == 2:
        world.break_off()
    elif what == 3:
        world.break_off()
        world.do(end, end.start)  # killed between two events
    elif what == 4:
        world.now += 1000 * chance.below(100)
        for one in world.ends:
            world.do(one, lambda one=one: one.rotation.handle_timer(world.now))
    elif what == 5 and world.flight:
        world._deliver()
    elif what == 8 and world.past:  # from an IKE SA that is gone; the engine would not deliver it
        late, data = world.past[chance.below(len(world.past))]
        world.do(late, lambda: late.rotation.receive(data, world.now))
    elif what == 6:
        which = chance.below(2)
        world.connect(which if world.can_call[which] else 1 - which)
    else:
        world.run()


class Walks(unittest.TestCase):
    def test_never_locked_out(self):
        renewed = 0
        for seed in range(cases(25, 3000)):
            chance = Chance("walk %d" % seed)
            world = Wild(chance, (0, 10, 30)[seed % 3], seed)
            world.connect_somehow()
            for _ in range(40):
                stride(world, chance)
            world.percent = 0
            world.recover()
            world.recover()
            keys = world.keys()
            world.want(seed % 2)
            world.run()
            world.recover()
            self.assertFalse(world.keys() == keys, seed)
            renewed += keys != first_keys()
        self.assertGreater(renewed, cases(25, 3000) // 3)


if __name__ == "__main__":
    unittest.main()
