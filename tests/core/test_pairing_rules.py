"""What holds between pairings and over time: expiry, limits, one pairing for each two sites, networks that change."""

from __future__ import annotations

import unittest

from isthmus.proto.pairing import actions, errors, limits
from isthmus.proto.pairing.errors import PairingError
from isthmus.proto.pairing.exchange import KEPT
from tests.core.pairing_world import Chance, Side, World, begin, make_place, make_world, pair, unconfirmed, unproven
from tests.counts import cases


class Rules(unittest.TestCase):
    def test_an_invite_expires_by_the_inviters_own_clock(self):
        world, a, b = make_world()
        ours, invite = world.invite(a)
        world.pass_ms(limits.INVITE_MS - 1)
        self.assertTrue(a.desk.get(ours).is_live)
        theirs = world.accept(b, invite.get_text())
        world.pass_ms(1)
        self.assertEqual(a.ended[ours].code, errors.EXPIRED)
        world.connect(b, theirs, a)
        world.run()
        self.assertEqual((b.ended[theirs].code, b.ended[theirs].by_peer), (errors.EXPIRED, True))
        self.assertEqual((a.entries, b.entries), ({}, {}))

    def test_a_timer_that_comes_late_lengthens_nothing(self):
        """The daemon was busy, or stopped: what waited in its sockets is seen before its timers are."""
        world, a, b = make_world()
        ours, _ = world.invite(a)
        a.desk.authenticated(ours, 99, bytes(32), "", world.clock(a) + limits.INVITE_MS)
        self.assertEqual(a.desk.get(ours).error.code, errors.EXPIRED)
        world, a, b = make_world()
        ours, theirs, _ = begin(world, a, b)
        with self.assertRaises(PairingError) as caught:
            a.desk.approve(ours, a.views[ours].words, "peer", world.clock(a) + limits.APPROVAL_MS)
        self.assertEqual((caught.exception.code, a.desk.get(ours).error.code), (errors.NOT_NOW, errors.LATE))
        world, a, b = make_world()
        ours, theirs, _ = begin(world, a, b)
        world.approve(a, ours)
        world.approve(b, theirs)
        world.now += limits.APPROVAL_MS  # and no timer is handled
        world.run()
        self.assertEqual((a.entries, b.entries), ({}, {}))

    def test_who_comes_after_an_hour_finds_nobody(self):
        world, a, b = make_world()
        _, invite = world.invite(a)
        world.pass_ms(limits.INVITE_MS)
        world.pass_ms(limits.TELL_MS)
        theirs = world.accept(b, invite.get_text())
        self.assertTrue(world.connect(b, theirs, a) is None)
        self.assertEqual(a.desk.get_timer(), None)

    def test_not_approved_in_time(self):
        for approver in (None, 0, 1):
            world, a, b = make_world()
            ours, theirs, _ = begin(world, a, b)
            if approver is not None:
                world.approve(*(((a, ours), (b, theirs))[approver]))
                world.run()
            world.pass_ms(limits.APPROVAL_MS)
            world.run()
            self.assertEqual((a.ended[ours].code, b.ended[theirs].code), (errors.LATE, errors.LATE))
            self.assertEqual((a.entries, b.entries), ({}, {}))

    def test_who_comes_late_has_time_to_approve(self):
        """The 10 minutes of the invite are over when it is approved: it was used in time."""
        world, a, b = make_world()
        ours, invite = world.invite(a)
        world.pass_ms(limits.INVITE_MS - 1)
        theirs = world.accept(b, invite.get_text())
        world.connect(b, theirs, a)
        world.run()
        world.pass_ms(limits.APPROVAL_MS - 1)
        self.assertEqual((a.ended, b.ended), ({}, {}))
        world.approve(b, theirs)
        world.approve(a, ours)
        world.run()
        self.assertTrue(world.prove(b, a))

    def test_nobody_answers(self):
        world, a, b = make_world()
        _, invite = world.invite(a)
        theirs = world.accept(b, invite.get_text())
        world.pass_ms(limits.CALL_MS)
        self.assertEqual(b.ended[theirs].code, errors.UNREACHED)
        self.assertTrue("192.0.2.1 port 500" in str(b.ended[theirs]))
        self.assertTrue("UDP 500 and UDP 4500" in b.ended[theirs].remedy)

    def test_own_invite_and_own_copy_are_refused(self):
        world, a, _ = make_world()
        _, invite = world.invite(a)
        with self.assertRaises(PairingError) as caught:
            world.accept(a, invite.get_text())
        self.assertEqual(caught.exception.code, errors.SELF)
        twin = Side(make_place("main", "192.168.9.0/24"), "twin")  # a second router with the same site id
        world.sides.append(twin)
        ours, theirs, _ = begin(world, a, twin)
        self.assertEqual((a.ended[ours].code, twin.ended[theirs].code), (errors.SELF, errors.SELF))

    def test_one_invite_is_entered_once(self):
        world, a, b = make_world()
        _, invite = world.invite(a)
        world.accept(b, invite.get_text())
        with self.assertRaises(PairingError) as caught:
            world.accept(b, invite.get_text())
        self.assertEqual(caught.exception.code, errors.SPENT)

    def test_one_pairing_for_each_pair_of_sites(self):
        world, a, b = make_world()
        pair(world, a, b)
        for inviter, joiner in ((a, b), (b, a)):
            ours, theirs, _ = begin(world, inviter, joiner)
            self.assertEqual(inviter.ended[ours].code, errors.PAIRED)
            self.assertEqual(joiner.ended[theirs].code, errors.PAIRED)
        self.assertEqual((len(a.entries), len(b.entries)), (1, 1))

    def test_both_invite_each_other_at_once(self):
        """One of the two goes on, the same on both sides, in whatever order messages arrive."""
        for seed in range(cases(40, 1000)):
            chance = Chance("both %d" % seed)
            world, a, b = make_world()
            from_a, by_a = world.invite(a)
            from_b, by_b = world.invite(b)
            to_a = world.accept(b, by_a.get_text())
            to_b = world.accept(a, by_b.get_text())
            sas = [world.connect(b, to_a, a), world.connect(a, to_b, b)]
            while sas[0].flight or sas[1].flight:
                sa = sas[chance.below(2)]
                if sa.flight:
                    world.deliver(sa)
            world.run()
            live = [[n for n in (x, y) if n not in side.ended] for side, x, y in ((a, from_a, to_b), (b, to_a, from_b))]
            self.assertEqual([len(one) for one in live], [1, 1], seed)
            world.approve(a, live[0][0])
            world.approve(b, live[1][0])
            world.run()
            self.assertTrue(world.prove(a, b) or world.prove(b, a), seed)
            self.assertEqual((len(a.entries), len(b.entries)), (1, 1), seed)

    def test_who_names_another_sites_id_ends_nothing_that_is_approved(self):
        """A site id is no secret; C has an invite of its own, or has made one."""
        for inviter, joiner in (("main", "branch"), ("branch", "main")):
            for by_c in (False, True):
                for seed in range(4 if by_c else 1):  # C may make invites until one has the lower identity
                    a, b = Side(make_place(inviter, "192.168.1.0/24"), "a"), Side(make_place(joiner), "b")
                    c = Side(make_place("c", "192.168.3.0/24"), "c%d" % seed)
                    b.place.lans, c.place.site = make_place("", "192.168.2.0/24").lans, b.place.site
                    world = World(a, b, c)
                    ours, theirs, _ = begin(world, a, b)
                    world.approve(a, ours)
                    begin(world, *((c, a) if by_c else (a, c)))
                    self.assertTrue(ours not in a.ended, (inviter, by_c, seed))
                    world.run()
                    world.approve(b, theirs)
                    begin(world, *((c, a) if by_c else (a, c)))
                    world.run()
                    self.assertTrue(world.prove(b, a), (inviter, by_c, seed))
                    self.assertEqual((a.ended[ours], b.ended[theirs]), (None, None))
                    self.assertEqual((len(a.entries), len(c.entries)), (1, 0))

    def test_of_two_between_the_same_sites_one_goes_on(self):
        """Whoever approves the first whenever, with messages in any order: never both lost."""
        for seed in range(cases(60, 3000)):
            chance = Chance("approved %d" % seed)
            world, a, b = make_world()
            if seed % 2:
                a, b = b, a
            first, invite = world.invite(a)
            second = world.accept(b, invite.get_text())
            pairings = [{a: first, b: second}]
            sas = [world.connect(b, second, a)]
            while sas[0].flight:
                world.deliver(sas[0])
            inviter, joiner = (a, b) if seed & 2 else (b, a)
            first, invite = world.invite(inviter)
            pairings.append({inviter: first, joiner: world.accept(joiner, invite.get_text())})
            sas.append(world.connect(joiner, pairings[1][joiner], inviter))
            approver = (a, b)[chance.below(2)]
            approves_at = chance.below(6)
            for step in range(12):
                if step == approves_at and pairings[0][approver] not in approver.ended:
                    world.approve(approver, pairings[0][approver])
                flying = [sa for sa in sas if sa.flight]
                if flying:
                    world.deliver(flying[chance.below(len(flying))])
            world.run()
            live = [one for one in pairings if one[a] not in a.ended and one[b] not in b.ended]
            self.assertEqual(len(live), 1, seed)
            self.assertEqual((len(a.ended), len(b.ended)), (1, 1), seed)
            for side in (a, b):
                if side.desk.get(live[0][side]).state != "approved":
                    world.approve(side, live[0][side])
            world.run()
            self.assertTrue(world.prove(a, b) or world.prove(b, a), seed)

    def test_pairing_again_after_it_broke_off_replaces_the_unconfirmed_entry(self):
        world, a, b = make_world()
        ours, theirs, sa = begin(world, a, b)
        world.approve(b, theirs)
        world.run()
        world.approve(a, ours)
        sa.flight = []  # KEEP is lost for good
        world.lose_all()
        self.assertEqual((a.desk.get(ours).state, len(b.entries)), (KEPT, 0))
        again, _, _ = pair(world, a, b)
        self.assertEqual((a.ended[again], a.ended[ours].code), (None, errors.CROSSED))
        self.assertEqual((list(a.entries), len(b.entries)), ([again], 1))

    def test_so_many_at_once(self):
        world, a, b = make_world()
        texts = [world.invite(a)[1].get_text() for _ in range(limits.INVITES)]
        with self.assertRaises(PairingError) as caught:
            world.invite(a)
        self.assertEqual(caught.exception.code, errors.TOO_MANY)
        for text in texts[: limits.JOININGS]:
            world.accept(b, text)
        with self.assertRaises(PairingError) as caught:
            world.accept(b, texts[-1])
        self.assertEqual(caught.exception.code, errors.TOO_MANY)
        for _ in range(5):
            world.pass_ms(limits.INVITE_MS)
            for _ in range(limits.INVITES):
                world.invite(a)
        self.assertTrue(len(a.listens) <= limits.INVITES + limits.REMEMBERED)

    def test_a_network_that_changes_before_approval(self):
        world, a, b = make_world()
        ours, theirs, _ = begin(world, a, b)
        b.desk.set_place(make_place("branch", "192.168.77.0/24"))
        with self.assertRaises(PairingError) as caught:
            world.approve(b, theirs)
        self.assertEqual(caught.exception.code, errors.CHANGED)
        world.obey(b)
        world.run()
        self.assertEqual((a.ended[ours].code, b.ended[theirs].code), (errors.CHANGED, errors.CHANGED))

    def test_a_network_that_comes_into_use_before_it_is_kept(self):
        world, a, b = make_world()
        ours, theirs, _ = begin(world, a, b)
        world.approve(a, ours)
        a.desk.set_place(make_place("main", "192.168.1.0/24", used=("192.168.2.0/25",)))
        world.approve(b, theirs)
        world.run()
        self.assertEqual(a.ended[ours].code, errors.OVERLAP)
        self.assertEqual((a.entries, b.entries), ({}, {}))

    def test_the_joiners_entry_outlives_the_inviters(self):
        """The first IKE_AUTH comes at the last moment and its answer is lost: the joiner has time to call again."""
        world, a, b = make_world()
        ours, theirs, _ = begin(world, a, b)
        world.approve(b, theirs)
        world.approve(a, ours)
        world.run()
        world.lose_all()
        world.pass_ms(limits.UNCONFIRMED_MS - 1)
        world.cut_at, world.cut_after = world.count + 1, True
        self.assertFalse(world.prove(b, a))
        world.cut_at = None
        self.assertEqual((unconfirmed(a), len(unproven(b))), ([], 1))
        world.pass_ms(limits.UNCONFIRMED_MS - 1)
        self.assertTrue(world.prove(b, a))
        self.assertEqual((a.ended[ours], b.ended[theirs]), (None, None))

    def test_a_call_that_leads_nowhere(self):
        world, a, b = make_world()
        _, invite = world.invite(a)
        theirs = world.accept(b, invite.get_text())
        b.desk.call_failed(theirs, errors.make(errors.UNREACHED, "branch.example has no address"), world.clock(b))
        world.obey(b)
        self.assertEqual((b.ended[theirs].code, b.calls), (errors.UNREACHED, {}))
        b.desk.call_failed(theirs, errors.make(errors.UNREACHED), world.clock(b))  # again: nothing is left to fail
        b.desk.authenticated(theirs, 77, bytes(32), "", world.clock(b))
        self.assertEqual(b.desk.take_actions(), [actions.CloseSa(theirs, 77)])


if __name__ == "__main__":
    unittest.main()
