"""Thieves: with the invite before, during and after its use, in the middle, with a recording: never a wrong pairing."""

from __future__ import annotations

import unittest

from isthmus.crypto.dh import X25519
from isthmus.crypto.prf import sha256
from isthmus.proto.pairing import errors, limits
from isthmus.proto.pairing.errors import PairingError
from isthmus.proto.pairing.invite import Invite, read_invite
from isthmus.proto.pairing.keys import InviteKeys, pick_words
from isthmus.proto.pairing.messages import HELLO, INFO, KEY, OPEN, Message, pull_message, push_message
from tests.core.pairing_world import HERE, Side, make_place, make_rng, make_world, pair, unproven
from tests.counts import cases


class Hand:
    """A thief's end of an IKE SA, in place of a desk: it keeps what it hears, and the test speaks for it."""

    def __init__(self):
        self.heard = []

    def authenticated(self, _pairing, _ike_id, _exporter, _nat, _now):
        pass

    def disbelieved(self, _pairing, _now):
        pass

    def receive(self, _ike_id, data, _now):
        self.heard.append(data)

    def lost(self, _ike_id, _now):
        pass

    def handle_timer(self, _now):
        pass

    def take_actions(self):
        return []


class Thief(Side):
    def __init__(self):
        super().__init__(make_place("thief", "10.9.9.0/24"), "thief")
        self.desk = Hand()


def say(sa, thief, data):
    """The thief sends this on its SA."""
    end = 0 if sa.ends[1][0] is thief else 1
    sa.flight.append((end, data))


def make_middle(seed="x"):
    """A invites, B accepts; a thief who has the invite is between: (world, a, b, ours, theirs, to b, to a, ...)."""
    world, a, b = make_world()
    world.seed = seed
    ours, invite = world.invite(a)
    theirs = world.accept(b, invite.get_text())
    near_b, near_a = Thief(), Thief()
    world.sides += [near_b, near_a]
    to_b = world.make_sa(b, theirs, near_b, 0)
    to_a = world.make_sa(near_a, 0, a, ours)
    return world, a, b, ours, theirs, to_b, to_a, near_b, near_a, invite


def relay(world, to_b, to_a, near_b, near_a, change):
    """Pass everything on, as change(data, to which site) has it, until nothing moves."""
    for _ in range(20):
        world.run()
        for thief, out, other, site in ((near_b, to_a, near_a, "a"), (near_a, to_b, near_b, "b")):
            heard, thief.desk.heard = thief.desk.heard, []
            for data in heard:
                say(out, other, change(data, site))


def approve_blindly(world, *sides):
    """Two administrators who compare nothing."""
    for side, number in sides:
        if number in side.views and number not in side.ended:
            world.approve(side, number)


class StolenInvite(unittest.TestCase):
    def test_before_use(self):
        """The thief is first. The joiner is told; the inviter's screen shows words that the joiner's does not."""
        world, a, b = make_world()
        ours, invite = world.invite(a)
        thief = Side(make_place("branch", "192.168.2.0/24"), "thief")
        world.sides.append(thief)
        stolen = world.accept(thief, invite.get_text())
        world.connect(thief, stolen, a)
        world.run()
        self.assertEqual(a.views[ours].rivals, 0)
        theirs = world.accept(b, invite.get_text())
        world.connect(b, theirs, a)
        world.run()
        self.assertEqual((b.ended[theirs].code, b.ended[theirs].by_peer), (errors.SPENT, True))
        self.assertTrue("before you" in str(b.ended[theirs]))
        self.assertEqual((b.views, b.entries, a.entries), ({}, {}, {}))
        self.assertEqual(a.views[ours].rivals, 1)

    def test_while_it_is_used(self):
        for approved in (False, True):
            world, a, b = make_world()
            ours, invite = world.invite(a)
            theirs = world.accept(b, invite.get_text())
            world.connect(b, theirs, a)
            world.run()
            if approved:
                world.approve(b, theirs)
                world.run()
            thief = Side(make_place("thief", "192.168.66.0/24"), "thief")
            world.sides.append(thief)
            stolen = world.accept(thief, invite.get_text())
            world.connect(thief, stolen, a)
            world.run()
            self.assertEqual((thief.ended[stolen].code, thief.views), (errors.SPENT, {}))
            self.assertEqual(a.views[ours].rivals, 1)
            approve_blindly(world, (a, ours))
            if not approved:
                approve_blindly(world, (b, theirs))
            world.run()
            self.assertTrue(world.prove(b, a))
            self.assertEqual(a.entries[ours][0].peer, "branch")

    def test_after_use(self):
        world, a, b = make_world()
        ours, invite = world.invite(a)
        theirs = world.accept(b, invite.get_text())
        world.connect(b, theirs, a)
        world.run()
        approve_blindly(world, (a, ours), (b, theirs))
        world.run()
        world.prove(b, a)
        before = repr(a.entries)
        thief = Side(make_place("thief", "192.168.66.0/24"), "thief")
        world.sides.append(thief)
        stolen = world.accept(thief, invite.get_text())
        world.connect(thief, stolen, a)
        world.run()
        self.assertEqual((thief.ended[stolen].code, thief.views), (errors.SPENT, {}))
        self.assertEqual((repr(a.entries), len(a.entries)), (before, 1))

    def test_after_it_broke_off(self):
        """An invite that somebody has owned is worth nothing, even if nothing came of it."""
        world, a, b = make_world()
        world.cut_at = 5
        ours, _, _ = pair(world, a, b)
        text = a.desk.get(ours).invite.get_text()
        world.cut_at = None
        world.lose_all()
        thief = Side(make_place("thief", "192.168.66.0/24"), "thief")
        world.sides.append(thief)
        stolen = world.accept(thief, text)
        world.connect(thief, stolen, a)
        world.run()
        self.assertEqual((thief.ended[stolen].code, a.entries), (errors.SPENT, {}))

    def test_five_failures_close_it(self):
        for failures in (limits.FAILURES - 1, limits.FAILURES):
            world, a, b = make_world()
            ours, invite = world.invite(a)
            guess = Side(make_place("thief"), "thief")
            for _ in range(failures):
                wrong = Invite(invite.secret, invite.commitment, 0, "main", HERE)
                number = world.accept(guess, wrong.get_text())
                guess.calls[number].keys.psk = b"guessed"
                self.assertTrue(world.connect(guess, number, a) is None)
                world.cancel(guess, number)
            theirs = world.accept(b, invite.get_text())
            world.connect(b, theirs, a)
            world.run()
            if failures < limits.FAILURES:
                self.assertTrue(theirs in b.views)
            else:
                self.assertEqual((a.ended[ours].code, b.ended[theirs].code), (errors.CLOSED, errors.CLOSED))
                self.assertEqual(b.views, {})


class Middle(unittest.TestCase):
    def check_nothing(self, world, a, b):
        self.assertEqual((a.entries, b.entries), ({}, {}))
        self.assertFalse(world.prove(b, a))

    def test_who_passes_everything_on_is_found(self):
        """The words are equal, for the keys are; but two IKE SAs are not one, and the proofs of the root show it."""
        world, a, b, ours, theirs, to_b, to_a, near_b, near_a, _ = make_middle()
        relay(world, to_b, to_a, near_b, near_a, lambda data, _site: data)
        self.assertEqual(a.views[ours].words, b.views[theirs].words)
        approve_blindly(world, (a, ours), (b, theirs))
        relay(world, to_b, to_a, near_b, near_a, lambda data, _site: data)
        self.assertEqual((a.ended[ours].code, b.ended[theirs].code), (errors.BETWEEN, errors.BETWEEN))
        self.check_nothing(world, a, b)

    def test_its_own_key_towards_the_inviter_changes_the_words(self):
        world, a, b, ours, theirs, to_b, to_a, near_b, near_a, _ = make_middle()
        own = X25519(make_rng("own"))

        def change(data, site):
            return push_message(Message(HELLO, key=own.public)) if site == "a" and data[1] == HELLO else data

        relay(world, to_b, to_a, near_b, near_a, change)
        self.assertNotEqual(a.views[ours].words, b.views[theirs].words)
        # Even if nobody compares: the joiner can never be led into it.
        approve_blindly(world, (b, theirs))
        relay(world, to_b, to_a, near_b, near_a, change)
        self.assertEqual((a.entries, b.entries), ({}, {}))

    def test_its_own_key_towards_the_joiner_is_refused(self):
        world, a, b, ours, theirs, to_b, to_a, near_b, near_a, _ = make_middle()
        own = X25519(make_rng("own"))

        def change(data, site):
            return push_message(Message(OPEN, key=own.public)) if site == "b" and data[1] == OPEN else data

        relay(world, to_b, to_a, near_b, near_a, change)
        self.assertEqual(b.ended[theirs].code, errors.WRONG_KEY)
        self.assertFalse(theirs in b.views)
        self.check_nothing(world, a, b)
        self.assertEqual((a.ended[ours].code, a.ended[ours].by_peer), (errors.WRONG_KEY, True))

    def test_an_invite_altered_on_its_way_changes_the_words(self):
        """The thief hands the joiner an invite of its own, and uses the real one itself."""
        world, a, b = make_world()
        ours, invite = world.invite(a)
        fake = Side(make_place("main", "192.168.1.0/24"), "fake")
        world.sides.append(fake)
        lure, fake_invite = world.invite(fake)
        theirs = world.accept(b, fake_invite.get_text())
        world.connect(b, theirs, fake)
        thief = Side(make_place("branch", "192.168.2.0/24"), "thief")
        world.sides.append(thief)
        stolen = world.accept(thief, invite.get_text())
        world.connect(thief, stolen, a)
        world.run()
        self.assertNotEqual(a.views[ours].words, b.views[theirs].words)
        self.assertEqual((a.views[ours].peer, b.views[theirs].peer), ("branch", "main"))
        self.assertTrue(lure in fake.views)

    def test_every_changed_byte_is_found(self):
        """One byte of one message, either way, changed by somebody who has the keys of the SA; both approve blindly."""
        world, a, b = make_world()
        lengths = []

        def measure(_sa, _end, data):
            lengths.append(len(data))
            return data

        world.tamper = measure
        pair(world, a, b)
        self.assertEqual(len(lengths), 7)
        for message in range(len(lengths)):
            for at in range(0, lengths[message], cases(7, 1)):
                for mask in (0x01, 0x80):
                    self.check_change(message, at, mask, False)
                    if message > 3:  # from here on it matters who approves first
                        self.check_change(message, at, mask, True)

    def check_change(self, message, at, mask, inviter_first):
        world, a, b = make_world()
        count = [0]

        def tamper(_sa, _end, data):
            count[0] += 1
            if count[0] != message + 1:
                return data
            return data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]

        world.tamper = tamper
        ours, theirs, _ = pair(world, a, b, inviter_first)
        self.assertEqual((a.entries, b.entries), ({}, {}), (message, at, mask))
        self.assertTrue(a.ended[ours] is not None and b.ended[theirs] is not None, (message, at, mask))

    def test_a_field_added_on_the_way_is_found(self):
        """Unknown fields are passed over, and still nobody in between can add one."""
        for message in (0, 1, 2, 3):
            world, a, b = make_world()
            count = [0]

            def tamper(_sa, _end, data, count=count, message=message):
                count[0] += 1
                return data + b"\x33\x00\x02hi" if count[0] == message + 1 else data

            world.tamper = tamper
            ours, theirs, _ = pair(world, a, b)
            codes = (a.ended[ours].code, b.ended[theirs].code)
            self.assertTrue(errors.BETWEEN in codes, (message, codes))
            self.check_nothing(world, a, b)

    def test_keys_of_small_order_are_refused(self):
        for key in (bytes(32), b"\x01" + bytes(31)):
            world, a, b, ours, theirs, _, to_a, near_b, near_a, _ = make_middle()
            say(to_a, near_a, push_message(Message(HELLO, key=key)))
            world.run()
            self.assertEqual(a.ended[ours].code, errors.BAD_MESSAGE)
            self.assertEqual((near_a.desk.heard[0][1], a.entries), (6, {}))
            self.assertTrue(near_b.desk.heard or theirs not in b.views)


class Words(unittest.TestCase):
    def test_the_inviters_key_is_not_opened_before_the_joiners_is_fixed(self):
        """What prevents grinding: the thief must choose its key before it sees the other half of the words."""
        world, a, _, ours, _, _, to_a, _, near_a, _ = make_middle()
        key = a.desk.get(ours).pair.public
        world.run()
        self.assertEqual(near_a.desk.heard, [])  # proved, and silent
        self.assertFalse(key.hex() in a.desk.get(ours).invite.content.hex())
        own = X25519(make_rng("own"))
        say(to_a, near_a, push_message(Message(HELLO, key=own.public)))
        world.run()
        self.assertEqual(pull_message(near_a.desk.heard[0]).key, key)
        # And no second choice: another HELLO ends it, and the invite is spent.
        say(to_a, near_a, push_message(Message(HELLO, key=X25519(make_rng("other")).public)))
        world.run()
        self.assertEqual(a.ended[ours].code, errors.OUT_OF_TURN)

    def test_nothing_that_is_chosen_after_open_changes_them(self):
        """Who knows both keys may say in INFO, and add to OPEN, what it likes: the words of either side stay."""
        seen_a, seen_b = set(), set()
        for attempt in range(cases(12, 200)):
            world, a, b, ours, theirs, to_b, to_a, near_b, near_a, _ = make_middle()
            own = X25519(make_rng("own"))

            def change(data, site, attempt=attempt, own=own):
                if site == "a" and data[1] == HELLO:
                    return push_message(Message(HELLO, key=own.public))
                if data[1] == OPEN:
                    return data + b"\x33\x00\x01" + bytes([attempt])
                if data[1] == INFO:
                    message = pull_message(data)
                    message.info.clock = attempt
                    return push_message(message)
                return data

            relay(world, to_b, to_a, near_b, near_a, change)
            seen_a.add(a.views[ours].words)
            seen_b.add(b.views[theirs].words)
        self.assertEqual((len(seen_a), len(seen_b)), (1, 1))
        self.assertNotEqual(seen_a, seen_b)

    def test_each_half_and_the_invite_change_them(self):
        world, a, _ = make_world()
        _, invite = world.invite(a)
        one, two = sha256(b"1"), sha256(b"2")
        usual = pick_words(invite, one, two)
        other = Invite(invite.secret, invite.commitment, invite.expiry, "other", invite.endpoints)
        seen = [usual, pick_words(invite, two, one), pick_words(other, one, two)]
        for at in range(0, 32, 5):
            for bit in (1, 128):
                changed = one[:at] + bytes([one[at] ^ bit]) + one[at + 1 :]
                seen += [pick_words(invite, changed, two), pick_words(invite, two, changed)]
        self.assertEqual(len(set(seen)), len(seen))


class Replay(unittest.TestCase):
    def test_messages_of_another_pairing_of_the_same_sites(self):
        """Each message of a recorded pairing in the place of the new one's."""
        recorded = []

        def record(_sa, _end, data):
            recorded.append(data)
            return data

        world, a, b = make_world()
        world.tamper = record
        pair(world, a, b)
        for index in range(len(recorded)):
            world, a, b = make_world()
            world.seed = "another"
            a.wall, b.wall = a.wall + 1, b.wall + 1
            a.desk._rng, b.desk._rng = make_rng("a2"), make_rng("b2")
            count = [0]

            def tamper(_sa, _end, data, count=count, index=index):
                count[0] += 1
                return recorded[index] if count[0] == index + 1 else data

            world.tamper = tamper
            ours, theirs, _ = pair(world, a, b)
            self.assertEqual((a.entries, b.entries), ({}, {}), index)
            self.assertTrue(a.ended[ours] is not None and b.ended[theirs] is not None)

    def test_a_message_twice_ends_it(self):
        for index in range(6):
            world, a, b = make_world()
            count = [0]

            def tamper(sa, end, data, count=count, index=index):
                count[0] += 1
                if count[0] == index + 1:
                    sa.flight.insert(0, (end, data))
                return data

            world.tamper = tamper
            pair(world, a, b)
            self.assertEqual(len(unproven(a)) + len(unproven(b)), 0, index)
            self.assertFalse(a.entries and not b.entries, index)


class Secrets(unittest.TestCase):
    def test_nothing_but_the_entry_is_left(self):
        """After pairing neither the root, nor ECDH, nor the one-time key is in memory: a thief of one disk gets the
        entry, and no earlier or other one.
        """
        world, a, b = make_world()
        ours, _, _ = pair(world, a, b)
        exchange = a.desk.get(ours)
        for secret in (exchange._root, exchange._shared, exchange._exporter):
            self.assertEqual(len(secret), 32)
            self.assertFalse(any(secret))
        self.assertTrue(exchange.pair is None and exchange._tags is None)
        self.assertTrue(b.desk.get_timer() is None)
        self.assertEqual((b.calls, b.listens), ({}, {}))

    def test_the_invite_alone_gives_no_key_of_the_tunnel(self):
        """Who knows S and the whole exchange but neither one-time private key nor SK_d has another root."""
        world, a, b = make_world()
        ours, theirs, _ = pair(world, a, b)
        entry = a.entries[ours][0]
        invite = read_invite(a.desk.get(ours).invite.get_text())
        known = InviteKeys(invite)
        self.assertEqual(len({known.psk, known.ppk, entry.keys.psk, entry.keys.ppk, entry.keys.cookie}), 5)
        world.seed = "another sa"
        again, c, d = make_world()
        again.seed = "another sa"
        mine, _, _ = pair(again, c, d)  # the same invite and one-time keys, another IKE SA
        self.assertEqual(c.desk.get(mine).invite.content, invite.content)
        self.assertNotEqual(c.entries[mine][0].keys.psk, entry.keys.psk)
        self.assertTrue(theirs in b.entries)

    def test_an_error_names_no_secret(self):
        world, a, _ = make_world()
        _, invite = world.invite(a)
        with self.assertRaises(PairingError) as caught:
            world.accept(a, invite.get_text())
        text = str(caught.exception) + caught.exception.remedy
        self.assertFalse(invite.secret.hex() in text or invite.get_text() in text)
        self.assertTrue(KEY > 127)


if __name__ == "__main__":
    unittest.main()
