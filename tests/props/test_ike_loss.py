"""A handshake over a network that loses 30 %, doubles and reorders: it always ends up, or fails cleanly."""

from __future__ import annotations

import unittest

from tests.core.ike_network import BadNetwork
from tests.core.ike_pair import NAME, Pair, Random, agreed
from tests.counts import cases


class Loss(unittest.TestCase):
    def heal(self, pair, seed):
        """The network is good again: what one side alone believes in dies, and the next attempt comes up."""
        pair.collect()
        pair.flight = []
        for side in (pair.a, pair.b):
            side.engine.check_peer(NAME, pair.now)
        pair.transfer()
        pair.wait(120_000)
        if not agreed(pair):
            pair.connect()
            pair.wait(120_000)
        self.assertTrue(agreed(pair), "seed %s: %s %s" % (seed, pair.a.states(), pair.b.states()))
        for side in (pair.a, pair.b):
            self.assertEqual(side.states(), ["established"], seed)

    def test_one_side_begins(self):
        up = 0
        for seed in range(cases(50, 1000)):
            pair = Pair(seed)
            pair.initiate()
            BadNetwork(pair, seed).run(pair.now + 300_000)
            if agreed(pair):
                up += 1
            elif not pair.a.children():
                self.assertEqual(pair.a.error(), "unreachable", seed)
            self.heal(pair, seed)
        self.assertTrue(up * 10 >= cases(50, 1000) * 9, "%d came up at once" % up)

    def test_both_sides_begin(self):
        for seed in range(cases(50, 1000)):
            pair = Pair("both %d" % seed)
            pair.initiate(pair.a)
            network = BadNetwork(pair, "both %d" % seed)
            network.run(pair.now + Random(seed).below(1500))
            pair.initiate(pair.b)
            network.run(pair.now + 300_000)
            if not pair.a.children() and not pair.b.children():
                for side in (pair.a, pair.b):
                    self.assertTrue(side.error() in ("unreachable", "crossed"), seed)
            self.heal(pair, "both %d" % seed)
