"""A handshake over a bad network, a few times; tests/props/test_ike_loss.py does it by the thousand."""

from __future__ import annotations

import unittest

from tests.core.ike_network import BadNetwork
from tests.core.ike_pair import Pair, agreed
from tests.counts import cases


class Loss(unittest.TestCase):
    def test_ends_up_or_fails_cleanly(self):
        for seed in range(cases(4, 20)):
            pair = Pair(seed)
            pair.initiate(pair.a)
            pair.initiate(pair.b)
            BadNetwork(pair, seed).run(pair.now + 300_000)
            if not agreed(pair):
                self.assertTrue(pair.a.error() in ("unreachable", "crossed", None), seed)
                self.assertTrue(pair.a.error() or pair.b.error(), seed)
