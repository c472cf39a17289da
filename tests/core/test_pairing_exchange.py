"""Two sites pair, and whatever breaks off leaves at most one unconfirmed entry, which removes itself."""

from __future__ import annotations

import unittest

from isthmus.proto.pairing import errors, limits
from isthmus.proto.pairing.errors import PairingError
from isthmus.proto.pairing.exchange import ASKING
from isthmus.proto.pairing.tables import ROWS, find_row
from tests.core.pairing_world import (
    Chance,
    begin,
    fit,
    make_world,
    pair,
    unconfirmed,
    unproven,
)
from tests.counts import cases

STEPS = 11  # of the network, in a whole pairing


class Works(unittest.TestCase):
    def test_two_sites_pair(self):
        world, a, b = make_world()
        ours, theirs, _ = pair(world, a, b)
        self.assertEqual(world.log, ["IKE_AUTH", "IKE_AUTH answer", "1", "2", "3", "3", "4", "4", "5",
                                     "tunnel IKE_AUTH", "tunnel IKE_AUTH answer"])  # fmt: skip
        self.assertEqual(len(world.log), STEPS)
        self.assertEqual((a.ended[ours], b.ended[theirs]), (None, None))
        one, two = a.entries[ours][0], b.entries[theirs][0]
        self.assertTrue(fit(one, two))
        self.assertEqual((one.peer, two.peer, one.name, two.name), ("branch", "main", "to-branch", "to-main"))
        self.assertEqual((one.keys.cookie, one.keys.control), (two.keys.cookie, two.keys.control))
        self.assertEqual(one.terms.lans, two.terms.lans)
        self.assertEqual(a.views[ours].words, b.views[theirs].words)
        self.assertEqual(len(set(a.views[ours].words)), 3)
        self.assertEqual((a.place.paired[b.place.site], b.place.paired[a.place.site]),
                         ("to-branch", "to-main"))  # fmt: skip

    def test_approving_in_either_order_and_before_the_other_has_seen(self):
        for first in (0, 1):
            world, a, b = make_world()
            ours, theirs, _ = begin(world, a, b)
            order = ((a, ours), (b, theirs)) if first == 0 else ((b, theirs), (a, ours))
            for side, number in order:
                world.approve(side, number)  # nothing is delivered in between
            world.run()
            self.assertTrue(world.prove(b, a))
            self.assertEqual((a.ended[ours], b.ended[theirs]), (None, None))

    def test_a_wrong_clock_does_not_matter(self):
        for wall in (0, 17, 1_790_000_000, (1 << 40) - 1):
            world, a, b = make_world()
            b.wall = wall
            ours, theirs, _ = pair(world, a, b)
            self.assertEqual((a.ended[ours], b.ended[theirs]), (None, None))
            self.assertEqual(a.views[ours].terms.clock_offset, wall - a.wall)
            self.assertEqual(b.views[theirs].terms.clock_offset, a.wall - wall)

    def test_an_invite_that_waited_is_no_wrong_clock(self):
        world, a, b = make_world()
        ours, invite = world.invite(a)
        world.pass_ms(400_000)
        b.wall = a.wall + 400
        theirs = world.accept(b, invite.get_text())
        world.connect(b, theirs, a)
        world.run()
        self.assertEqual((a.views[ours].terms.clock_offset, b.views[theirs].terms.clock_offset), (0, 0))

    def test_nothing_is_kept_before_both_have_approved(self):
        world, a, b = make_world()
        ours, theirs, _ = begin(world, a, b)
        for approver, number in ((a, ours), (b, theirs)):
            self.assertEqual((a.entries, b.entries), ({}, {}))
            world.approve(approver, number)
            if approver is a:
                world.run()
        self.assertEqual((a.entries, b.entries), ({}, {}))
        world.run()
        self.assertEqual((len(a.entries), len(b.entries)), (1, 1))

    def test_other_words_and_taken_names_change_nothing(self):
        world, a, b = make_world()
        a.place.tunnels.append("taken")
        ours, theirs, _ = begin(world, a, b)
        words = a.views[ours].words
        for wrong, name, code in (
            (("some", "other", "words"), "x", errors.OTHER_WORDS),
            (words[:2], "x", errors.OTHER_WORDS),
            (words, "taken", errors.NAME_TAKEN),
            (words, "no name", errors.NAME_TAKEN),
        ):
            with self.assertRaises(PairingError) as caught:
                a.desk.approve(ours, wrong, name, world.clock(a))
            self.assertEqual(caught.exception.code, code)
            self.assertTrue(caught.exception.remedy)
        self.assertEqual(a.desk.get(ours).state, ASKING)
        world.approve(b, theirs)
        world.approve(a, ours)
        world.run()
        self.assertTrue(world.prove(b, a))

    def test_secrets_are_in_no_text(self):
        world, a, b = make_world()
        number, invite = world.invite(a)
        theirs = world.accept(b, invite.get_text())
        texts = [repr(invite), repr(a.listens[number]), repr(b.calls[theirs]), repr(a.desk.get(number))]
        world.connect(b, theirs, a)
        world.run()
        world.approve(b, theirs)
        world.approve(a, number)
        world.run()
        entry = a.entries[number][0]
        texts += [repr(entry), repr(entry.keys), repr(a.views[number])]
        secrets = (invite.secret, entry.keys.psk, entry.keys.ppk, entry.keys.cookie, entry.keys.control)
        for text in texts:
            for secret in secrets:
                self.assertFalse(secret.hex() in text)
                self.assertFalse(repr(secret) in text)


class BreaksOff(unittest.TestCase):
    def check_rest(self, world, a, b, where):
        """Whatever is left fits together, and what nobody has proved goes by itself."""
        self.assertTrue(len(unconfirmed(a)) + len(unconfirmed(b)) <= 1, where)
        self.assertEqual(b.peak, 0, where)
        for one in a.entries.values():
            for two in b.entries.values():
                self.assertTrue(fit(one[0], two[0]), where)
        if b.entries:
            self.assertTrue(a.entries, where)
        world.pass_ms(limits.UNCONFIRMED_MS)
        self.assertEqual(unconfirmed(a), [], where)
        world.pass_ms(limits.UNPROVEN_MS)
        self.assertEqual((unproven(a), unproven(b)), ([], []), where)

    def test_at_every_message_either_way(self):
        """The network dies before each message, or between it and its acknowledgement; later both ends notice."""
        for inviter_first in (False, True):
            kept = 0
            for at in range(1, STEPS + 1):
                for after in (False, True):
                    world, a, b = make_world()
                    world.cut_at, world.cut_after = at, after
                    pair(world, a, b, inviter_first)
                    world.lose_all()
                    self.check_rest(world, a, b, (at, after, inviter_first))
                    kept += len(a.entries) + len(b.entries)
            # Only the last exchange, under the new keys, leaves anything for good: one side if its answer is lost.
            self.assertEqual(kept, 1 + 1 + 2)

    def test_either_side_vanishes_at_every_message(self):
        for at in range(1, STEPS + 1):
            for gone in (0, 1):
                world, a, b = make_world()
                world.cut_at = at
                pair(world, a, b)
                stays = b if gone == 0 else a
                world.sides = [stays]
                for sa in world.sas:
                    sa.flight = []
                    world.lose(sa, sa.ends.index(next(one for one in sa.ends if one[0] is stays)))
                world.pass_ms(limits.UNCONFIRMED_MS + limits.UNPROVEN_MS)
                self.assertEqual(unproven(stays), [], (at, gone))
                live = [number for number in stays.ended if stays.ended[number] is None]
                self.assertEqual(len(live), len(stays.entries), (at, gone))

    def test_a_call_that_comes_late_still_proves_both(self):
        """KEEP arrived, then nothing for almost 10 minutes: both entries are there, and one call settles it."""
        world, a, b = make_world()
        ours, theirs, _ = begin(world, a, b)
        world.approve(b, theirs)
        world.approve(a, ours)
        world.run()
        world.lose_all()
        world.pass_ms(limits.UNCONFIRMED_MS - 1)
        self.assertEqual((len(unconfirmed(a)), len(unproven(b))), (1, 1))
        self.assertTrue(world.prove(b, a))
        world.pass_ms(10 * limits.UNPROVEN_MS)
        self.assertEqual((a.ended[ours], b.ended[theirs]), (None, None))
        self.assertEqual((len(a.entries), len(b.entries)), (1, 1))

    def test_cancelled_at_every_point_on_either_side(self):
        for who in (0, 1):
            for at in range(7):
                world, a, b = make_world()
                sides = (a, b)
                ours, invite = world.invite(a)
                theirs = world.accept(b, invite.get_text())
                numbers = (ours, theirs)
                deeds = [
                    lambda w=world, x=b, y=a, n=theirs: w.connect(x, n, y),
                    lambda w=world: w.deliver(w.sas[0]),
                    lambda w=world: w.deliver(w.sas[0]),
                    lambda w=world: w.run(),
                    lambda w=world, x=b, n=theirs: (w.approve(x, n), w.run()),
                    lambda w=world, x=a, n=ours: (w.approve(x, n), w.run()),
                ]
                for deed in deeds[:at]:
                    deed()
                world.cancel(sides[who], numbers[who])
                world.run()
                self.assertEqual((a.entries, b.entries), ({}, {}), (who, at))
                self.assertEqual(sides[who].ended[numbers[who]].code, errors.CANCELLED)
                if at > 0:
                    told = sides[1 - who].ended[numbers[1 - who]]
                    self.assertEqual((told.code, told.by_peer), (errors.CANCELLED, True), (who, at))

    def test_with_loss(self):
        """Each message is lost one time in five on either way and tried seven times, then the SA ends; calls
        under the new keys are tried again and again.
        """
        chance_of = {"paired": 0, "off": 0}
        for seed in range(cases(60, 1500)):
            world, a, b = make_world()
            lossy(world, seed, 3 if seed % 4 == 0 else 7)
            _, theirs, _ = pair(world, a, b)
            for _ in range(200):
                world.pass_ms(3_000)
                world.prove(b, a)
                world.run()
            world.lose_all()
            world.pass_ms(limits.UNCONFIRMED_MS + limits.UNPROVEN_MS)
            self.assertEqual((unproven(a), unproven(b)), ([], []), seed)
            self.assertEqual(len(a.entries), len(b.entries), seed)
            for one in a.entries.values():
                self.assertTrue(fit(one[0], b.entries[theirs][0]))
            chance_of["paired" if a.entries else "off"] += 1
        self.assertTrue(chance_of["paired"] > 3 * chance_of["off"] > 0, chance_of)


def lossy(world, seed, tries):
    """A world whose steps fail as IKE's do: the last acknowledgement may be what is lost."""
    chance = Chance("loss %s" % seed)
    plain = world.deliver

    def deliver(sa):
        end, data = sa.flight[0]
        arrived = False
        for _ in range(tries):
            if chance.below(5) == 0:
                continue
            arrived = True
            if chance.below(5):
                break
        else:
            sa.flight.pop(0)
            if arrived:
                sa.flight.insert(0, (end, data))
                plain(sa)
            world.lose(sa, 1 - end)
            world.lose(sa, end)
            sa.flight = []
            return
        plain(sa)

    def step(name):
        world.log.append(name)
        return "tunnel" not in name or chance.below(5) > 0

    world.deliver = deliver
    world.step = step


class Table(unittest.TestCase):
    def test_each_event_has_at_most_one_row(self):
        for row in ROWS:
            for role in row.roles:
                for state in row.states:
                    fitting = [one for one in ROWS if role in one.roles and state in one.states
                               and one.event == row.event]  # fmt: skip
                    self.assertEqual(fitting, [row], row.story)
                    self.assertTrue(find_row(role, state, row.event) is row)
        self.assertEqual(len({row.story for row in ROWS}), len(ROWS))

    def test_a_message_out_of_turn_ends_it(self):
        """Every message in every state where no row has it, as a peer with the right keys would send it."""
        world, a, b = make_world()
        pair(world, a, b)
        # One of each, as they really were.
        samples = record()
        tried = 0
        for at in range(5):
            for kind in sorted(samples):
                for who in (0, 1):
                    world, a, b = make_world()
                    ours, invite = world.invite(a)
                    theirs = world.accept(b, invite.get_text())
                    sa = world.connect(b, theirs, a)
                    for _ in range(min(at, 4)):
                        if sa.flight:
                            world.deliver(sa)
                    side, number = ((a, ours), (b, theirs))[who]
                    exchange = side.desk.get(number)
                    if find_row(exchange.role, exchange.state, kind) is not None:
                        continue
                    tried += 1
                    side.desk.receive(sa.number, samples[kind], world.clock(side))
                    world.obey(side)
                    self.assertEqual(side.ended[number].code, errors.OUT_OF_TURN)
                    world.run()
                    self.assertEqual((a.entries, b.entries), ({}, {}))
        self.assertTrue(tried > 30, tried)

    def test_wishes_out_of_turn_are_refused(self):
        world, a, _ = make_world()
        ours, _ = world.invite(a)
        for deed in (
            lambda: a.desk.approve(ours, (), "x", world.clock(a)),
            lambda: a.desk.approve(99, (), "x", world.clock(a)),
            lambda: a.desk.cancel(99, world.clock(a)),
        ):
            with self.assertRaises(PairingError) as caught:
                deed()
            self.assertEqual(caught.exception.code, errors.NOT_NOW)
        self.assertTrue(a.desk.get(ours).is_live)


def record():
    """{type: message} of a whole pairing."""
    world, a, b = make_world()
    samples = {}

    def tamper(_sa, _end, data):
        samples[data[1]] = data
        return data

    world.tamper = tamper
    pair(world, a, b)
    world, a, b = make_world()
    world.tamper = tamper
    ours, _, _ = begin(world, a, b)
    world.cancel(a, ours)
    world.run()
    return samples


if __name__ == "__main__":
    unittest.main()
