"""Three sites and a thief who reads every invite, in whatever order things happen: never a wrong pairing."""

from __future__ import annotations

import unittest

from isthmus.proto.pairing import limits
from isthmus.proto.pairing.errors import PairingError
from tests.core.pairing_world import Chance, Side, World, fit, make_place, unproven
from tests.counts import cases

STEPS = 120


class Walk:
    """One history. The administrators of honest sites compare words, the thief's approves everything."""

    def __init__(self, seed):
        self.chance = Chance("walk %d" % seed)
        names = ("main", "branch", "depot", "thief")
        self.sites = [
            Side(make_place(names[at], "192.168.%d.0/24" % (1 + at // 2)), "%s %d" % (names[at], seed), at * 1_000_003)
            for at in range(4)
        ]
        self.honest, self.thief = self.sites[:3], self.sites[3]
        self.world = World(*self.sites)
        self.world.seed = "walk %d" % seed
        self.texts = []
        self.names = 0

    def one_of(self, items):
        return items[self.chance.below(len(items))]

    def step(self):
        world, deed = self.world, self.chance.below(20)
        if deed < 2:
            self.texts.append(world.invite(self.one_of(self.honest))[1].get_text())
        elif deed < 5 and self.texts:
            world.accept(self.one_of(self.honest + self.honest + [self.thief]), self.one_of(self.texts[-3:]))
        elif deed < 8:
            self.call()
        elif deed < 13:
            flying = [sa for sa in world.sas if sa.flight]
            if flying:
                world.deliver(self.one_of(flying))
        elif deed < 17:
            self.approve(self.one_of(self.sites))
        elif deed < 18 and world.sas:
            world.lose(self.one_of(world.sas), self.chance.below(2))
        elif deed < 19:
            world.pass_ms(self.chance.below(limits.INVITE_MS // 4))
        else:
            world.prove(self.one_of(self.sites), self.one_of(self.sites))

    def call(self):
        calls = []
        for side in self.sites:
            for number in side.calls:
                if side.desk.get(number) is not None and side.desk.get(number).state == "calling":
                    calls.append((side, number))
        if calls:
            side, number = self.one_of(calls)
            for other in self.sites:
                if other is not side and self.world.connect(side, number, other) is not None:
                    break

    def approve(self, side):
        for number in sorted(side.views):
            if number in side.ended or side.desk.get(number) is None:
                continue
            words = side.views[number].words
            seen = [other for other in self.honest if other is not side and words in shown(other)]
            if seen or side is self.thief:
                self.names += 1
                self.world.approve(side, number, "t%d" % self.names)

    def finish(self):
        for _ in range(8):
            self.world.run()
            for one in self.sites:
                for two in self.sites:
                    self.prove_all(one, two)
            self.world.pass_ms(limits.APPROVAL_MS)

    def prove_all(self, one, two):
        """IKE_AUTH under every key that both have."""
        for ours in list(one.entries):
            for theirs in list(two.entries):
                if ours in one.entries and theirs in two.entries and fit(one.entries[ours][0], two.entries[theirs][0]):
                    two.desk.proven(theirs, self.world.clock(two))
                    self.world.obey(two)
                    one.desk.proven(ours, self.world.clock(one))
                    self.world.obey(one)


def shown(side):
    """The words on this site's screen."""
    return [view.words for view in side.views.values()]


class Walks(unittest.TestCase):
    def test_never_a_wrong_pairing(self):
        paired = refused = 0
        for seed in range(cases(15, 3000)):
            walk = Walk(seed)
            for _ in range(STEPS):
                try:
                    walk.step()
                except PairingError as error:
                    refused += 1
                    self.assertTrue(error.remedy, seed)
                    for side in walk.sites:
                        walk.world.obey(side)
                self.check(walk, seed)
            walk.finish()
            self.check(walk, seed)
            for side in walk.sites:
                self.assertEqual(unproven(side), [], seed)
                paired += len(side.entries)
        self.assertTrue(paired > 2, (paired, refused))

    def check(self, walk, seed):
        self.assertEqual(walk.thief.entries, {}, seed)
        for side in walk.honest:
            proven = [one[0].site for one in side.entries.values() if one[2]]
            self.assertEqual(len(set(proven)), len(proven), (seed, "paired twice"))
            for entry, _, _ in side.entries.values():
                self.assertNotEqual(entry.site, walk.thief.place.site, seed)
                partner = next(other for other in walk.sites if other.place.site == entry.site)
                for other in walk.sites:
                    for theirs, _, _ in other.entries.values():
                        if other is not partner:
                            self.assertFalse(other is not side and fit(entry, theirs), seed)
                        elif fit(entry, theirs):
                            self.assertEqual((theirs.site, theirs.terms.lans), (side.place.site, entry.terms.lans))


if __name__ == "__main__":
    unittest.main()
