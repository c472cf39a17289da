"""Rekeying where nothing crosses: a CHILD SA and the IKE SA, by either side, with what the peer may answer."""

from __future__ import annotations

import unittest

from isthmus.proto import actions
from tests.core.ike_rekey import RekeyWalk, command, faults, make_up
from tests.counts import cases


class Alone(unittest.TestCase):
    def check(self, pair, pairs):
        pair.wait(200_000)
        self.assertEqual(faults(pair), "")
        self.assertEqual(len(pair.a.children()), pairs)

    def test_child_by_either_side(self):
        pair = make_up()
        seen = [pair.a.of(actions.ChildUp)[0].inbound.spi]
        for side, other in ((pair.a, pair.b), (pair.b, pair.a), (pair.b, pair.a)):
            old = side.of(actions.ChildUp)[-1]
            command(pair, side, "rekey-child")
            pair.transfer()
            self.check(pair, 1)
            new, mirror = side.of(actions.ChildUp)[-1], other.of(actions.ChildUp)[-1]
            self.assertEqual((new.role, mirror.role), (actions.INITIATOR, actions.RESPONDER))
            self.assertEqual((new.replaces, mirror.replaces), (old.inbound.spi, old.outbound.spi))
            gone, lost = side.of(actions.ChildGone)[-1], other.of(actions.ChildGone)[-1]
            self.assertEqual((gone.inbound_spi, gone.reason), (old.inbound.spi, actions.REPLACED))
            self.assertEqual((lost.outbound_spi, lost.reason), (old.inbound.spi, actions.DELETED))
            mine = pair.a.of(actions.ChildUp)[-1].inbound.spi
            self.assertFalse(mine in seen)
            seen.append(mine)
        self.assertEqual((len(pair.a.of(actions.IkeUp)), pair.a.of(actions.IkeRekeyed)), (1, []))

    def test_ike_by_either_side(self):
        pair = make_up()
        child = pair.a.of(actions.ChildUp)[0].inbound.spi
        for side in (pair.a, pair.b, pair.b, pair.a):
            command(pair, side, "rekey-ike")
            pair.transfer()
            self.check(pair, 1)
            command(pair, pair.a, "rekey-child")
            pair.transfer()
            self.check(pair, 1)
        for side in (pair.a, pair.b):
            self.assertEqual(len(side.of(actions.IkeRekeyed)), 4)
            self.assertEqual(side.of(actions.IkeGone), [])
            for step in side.of(actions.IkeRekeyed):
                self.assertEqual(step.suite, side.of(actions.IkeUp)[0].suite)
        self.assertFalse(child in pair.a.children())

    def test_one_lost_or_doubled(self):
        for word in ("rekey-child", "rekey-ike"):
            for who in ("a", "b"):
                for losses, doubles in ((1, 0), (0, 1), (2, 0)):
                    walk = RekeyWalk((who, word), losses=losses, doubles=doubles)
                    for pair in walk.runs(cases(1, 50)):
                        pair.wait(200_000)
                        self.assertEqual(faults(pair), "", "%s %s %s" % (word, who, walk.choices))
                        self.assertEqual(len(pair.a.children()), 1)
