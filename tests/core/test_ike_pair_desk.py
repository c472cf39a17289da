"""The whole pairing over real engines: desks, IKE_SA_INIT to the proof of the entries, on a bad network, and broken off
at every datagram. Never a wrong pairing; one end alone only in the one case that SECURITY.md's L4 names.
"""

from __future__ import annotations

import unittest

from isthmus.proto import actions
from isthmus.proto.pairing.values import INVITER
from tests.core.ike_pair import Random
from tests.core.ike_pairing import Site, World, fit
from tests.counts import cases

HOURS = 2 * 3_600_000
LOST_PERCENT = 20
DOUBLED_PERCENT = 20
LONGEST_DELAY_MS = 700


def bad_network(seed):
    """Loses, doubles and reorders."""
    chance = Random("network %s" % seed)

    def pass_on(_index, _sender, _data):
        copies = 2 if chance.below(100) < DOUBLED_PERCENT else 1
        return [chance.below(LONGEST_DELAY_MS) for _ in range(copies) if chance.below(100) >= LOST_PERCENT]

    return pass_on


def cut(at, whose):
    """Nothing passes from this datagram on, of the sites named."""
    return lambda index, sender, data: [] if index >= at and sender in whose else [5]


def lose_one(at):
    return lambda index, sender, data: [] if index == at else [5]


class Whole(unittest.TestCase):
    def check(self, world, why):
        """No wrong pairing. True if there is a right one."""
        a, b = world.sites
        for site in world.sites:
            for entry, is_proven in site.entries.values():
                self.assertTrue(is_proven, (why, "an entry that is not proven is left"))
                self.assertEqual(entry.role == INVITER, site is a, why)
            self.assertLessEqual(len(site.entries), 1, why)
            left = [sa for sa in site.engine.table.list_all() if sa.name and not sa.name.endswith("-proof")]
            self.assertEqual(left, [], why)
        if b.entries:
            self.assertTrue(a.entries, (why, "the joiner alone has a tunnel"))
        for ours, _ in a.entries.values():
            for theirs, _ in b.entries.values():
                self.assertTrue(fit(ours, theirs), why)
        return bool(a.entries and b.entries)

    def pair(self, seed, pass_on=None):
        world = World(seed, pass_on)
        world.begin()
        world.run(HOURS)
        return world


class Works(Whole):
    def test_two_sites_pair(self):
        world = self.pair("works")
        self.assertTrue(self.check(world, "works"))
        for site in world.sites:
            self.assertEqual(list(site.ended.values()), [None])
            self.assertEqual([(up.ppk, up.suite.prf is not None) for up in site.ups], [(True, True)] * 2)

    def test_over_a_bad_network(self):
        paired = 0
        for seed in range(cases(4, 200)):
            paired += self.check(self.pair(seed, bad_network(seed)), seed)
        self.assertGreater(paired, cases(4, 200) * 3 // 4)

    def test_any_one_datagram_may_be_lost(self):
        count = self.pair("lost").count
        for at in range(0, count, cases(4, 1)):
            self.assertTrue(self.check(self.pair("lost", lose_one(at)), at))


class BreaksOff(Whole):
    def test_at_every_datagram(self):
        count = self.pair("cut").count
        self.assertGreater(count, 20)
        outcomes = []
        for at in range(0, count + 1, cases(4, 1)):
            for whose in ((0, 1), (0,), (1,)):
                world = self.pair("cut", cut(at, whose))
                whole = self.check(world, (at, whose))
                alone = bool(world.sites[0].entries) and not whole
                outcomes.append((at, whose, whole, alone))
        self.assertTrue([1 for _, _, whole, _ in outcomes if whole])
        self.assertTrue([1 for _, _, whole, _ in outcomes if not whole])
        # The inviter alone: its answer to the very first proof, and to all later ones, is lost.
        alone = sorted([at for at, whose, _, is_alone in outcomes if is_alone])
        self.assertLessEqual(len(set(alone)), 4, alone)

    def test_a_site_that_starts_anew_forgets_it(self):
        # Its peer finds out by silence, and nothing is left on either side.
        count = self.pair("anew").count
        for at in range(3, count, cases(6, 1)):
            for which in (0, 1):
                world = World("anew")
                world.begin()
                world.between = kill_once(world, at, which)
                world.run(HOURS)
                a, b = world.sites
                for site in (a, b):
                    for entry, is_proven in site.entries.values():
                        self.assertTrue(is_proven, (at, which))
                        self.assertEqual(entry.role == INVITER, site is a)


def kill_once(world, at, which):
    """After so many datagrams the daemon of a site is killed and comes up: what was unproven is gone."""
    done = []

    def between():
        if not done and world.count >= at:
            done.append(at)
            restart(world, which)

    return between


def restart(world, which):
    old = world.sites[which]
    new = Site(world, old.place, old.endpoint, "anew", old.start)
    new.entries = {number: one for number, one in old.entries.items() if one[1]}
    world.sites[which] = new


class Thief(Whole):
    def test_who_has_the_invite_and_comes_second_hears_it(self):
        from isthmus.proto.pairing.errors import SPENT
        from tests.core.pairing_world import HERE, WALL, make_place

        world = World("thief")
        a, b = world.sites
        thief = Site(world, make_place("thief", "192.168.3.0/24"), (bytes([203, 0, 113, 5]), 500), "thief", 77)
        world.sites.append(thief)
        number, invite = a.desk.invite(HERE, a.now, WALL)
        a.obey()
        b.desk.accept(invite.get_text(), b.now, WALL)
        b.obey()
        world.run(100)
        stolen, _ = thief.desk.accept(invite.get_text(), thief.now, WALL)
        thief.obey()
        world.run(HOURS)
        self.assertEqual([error.code for error in thief.ended.values()], [SPENT])
        self.assertEqual(thief.entries, {})
        self.assertTrue(number in a.ended and stolen in thief.ended)
        world.sites.pop()
        self.assertTrue(self.check(world, "thief"))
        self.assertEqual(len([up for up in a.ups if up.role == actions.RESPONDER]), 3)


if __name__ == "__main__":
    unittest.main()
