"""Two whole sites on null kernels that renew at random moments, over a network that loses what it likes: frames cross
all the time in both directions, none is lost, and one pair of SAs is left in each kernel.
"""

from __future__ import annotations

import unittest

from isthmus import verbs
from isthmus.renewal import FRESH
from tests.core.pair import Pair, Random
from tests.counts import cases

STEP_MS = 20  # from frame to frame
LOST_PERCENT = 20
LONGEST_DELAY_MS = 400
KINDS = (verbs.REKEY, verbs.REKEY, verbs.REKEY, verbs.REKEY_IKE, verbs.REKEY_IKE, FRESH)


class Dice:
    """Numbers from a seed."""

    def __init__(self, seed):
        self._random = Random(("renewals", seed))
        self._left = b""

    def below(self, limit):
        if len(self._left) < 2:
            self._left = self._random(512)
            self._random = Random(self._left)
        value, self._left = self._left[:2], self._left[2:]
        return int.from_bytes(value, "big") % limit


class Renewals(unittest.TestCase):
    def live(self, seed):
        """(frames lost, pairs made) of one pair of sites."""
        dice = Dice(seed)
        pair = Pair(seed)
        pair.configure()
        self.assertTrue(pair.run(20_000, pair.up))
        pair.run(3_000)

        lost_last = [0]

        def fate(_data, _number):
            lost_last[0] = lost_last[0] + 1 if dice.below(100) < LOST_PERCENT and lost_last[0] < 3 else 0
            return [] if lost_last[0] else [5 + dice.below(LONGEST_DELAY_MS)]

        pair.fate = fate
        lost, made = 0, set()
        for _ in range(12):
            for _ in range(1 + dice.below(3)):
                host = (pair.a, pair.b)[dice.below(2)]
                newest = host.tunnel.children.newest
                if newest is not None:
                    host.tunnel.renew(KINDS[dice.below(len(KINDS))], newest.inbound.spi, pair.now)
                    host.site.obey(pair.now)
                lost += self.carry(pair, 1 + dice.below(8))
            lost += self.carry(pair, 1 + dice.below(200))
            made |= set(pair.a.spis())
        pair.fate = lambda _data, _number: [5]
        lost += self.carry(pair, 50)
        pair.run(200_000)
        where = f"seed {seed}: {pair.a.tunnel.error} {pair.b.tunnel.error}"
        self.assertTrue(pair.up(), where)
        self.assertEqual((len(pair.a.spis()), pair.a.spis()), (2, pair.b.spis()), where)
        for host in (pair.a, pair.b):
            self.assertEqual([sa.state for sa in host.site.engine.table.list_all()], ["established"], where)
        return lost, len(made)

    def carry(self, pair, frames):
        """How many of so many frames in each direction are lost."""
        lost = 0
        for _ in range(frames):
            pair.run(STEP_MS)
            for sender, receiver in ((pair.a, pair.b), (pair.b, pair.a)):
                lost += not pair._cross(sender, receiver)
        return lost

    def test_no_frame_is_lost(self):
        made = 0
        for seed in range(cases(8, 300)):
            lost, pairs = self.live(seed)
            self.assertEqual(lost, 0, f"seed {seed}")
            made += pairs
        self.assertGreater(made, cases(8, 300) * 8, "hardly anything was renewed")
