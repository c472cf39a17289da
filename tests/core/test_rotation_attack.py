"""Rotation against who forges, replays, has the old keys or says anything; and what is kept, on disk and in text."""

from __future__ import annotations

import unittest

from isthmus.crypto.prf import sha256
from isthmus.proto.actions import INITIATOR, RESPONDER
from isthmus.proto.pairing import rotation_keys as keys
from isthmus.proto.pairing import rotation_messages as messages
from isthmus.proto.pairing import rotation_steps as steps
from isthmus.proto.pairing.rotation import Tell, Write
from isthmus.proto.pairing.rotation_record import HELD, PHASES, SETTLED, TAKEN, Record, pull_record, push_record
from isthmus.wire.buffer import WireError
from tests.core.pairing_world import Chance, make_rng
from tests.core.rotation_world import LOST, World, first_keys
from tests.counts import cases

SECRETS = ("psk", "ppk", "control")


def record_flight(world):
    """Every message that is told from now on: [(end that it goes to, data)]."""
    told = []
    deliver = world._deliver

    def watch():
        if world.flight[0][1] >= 0:
            told.append(world.flight[0][1:])
        deliver()

    world._deliver = watch
    return told


def whole_story(seed=0):
    """A world after one rotation, and all that was told in it."""
    world = World(seed=seed)
    world.connect_somehow()
    told = record_flight(world)
    world.want(0)
    world.run()
    return world, told


class Forged(unittest.TestCase):
    def test_every_changed_byte_is_ignored_or_ends_nothing(self):
        _, told = whole_story()
        for number in range(len(told)):
            for at in range(0, len(told[number][1]), cases(5, 1)):
                world = World()
                world.connect_somehow()
                world.want(0)
                for _ in range(number):
                    world._deliver()
                sa, to, data = world.flight.pop(0)
                world.flight.insert(0, (sa, to, data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]))
                world.run()
                world.recover()
                world.recover()
                self.assertEqual(world.keys(), world.ends[0].own())

    def test_an_ask_without_the_control_key(self):
        world = World()
        world.connect_somehow()
        for control in (b"", sha256(b"guessed"), first_keys().psk):
            ask = messages.RotationMessage(messages.ASK, key=bytes([9]) + bytes(31), nonce=bytes(32))
            ask.tag = keys.make_tag(control, keys.ASKS, ask.get_content())
            world.ends[1].rotation.receive(messages.push_rotation(ask), 0)
            self.assertEqual((world.ends[1].rotation.state, world.ends[1].rotation.take_actions()), (steps.IDLE, []))
        self.assertEqual(world.ends[1].rotation.ignored, 3)

    def test_keys_of_small_order(self):
        world = World()
        world.connect_somehow()
        for key in (bytes(32), bytes([1]) + bytes(31)):
            ask = messages.RotationMessage(messages.ASK, key=key, nonce=bytes(32))
            ask.tag = keys.make_tag(first_keys().control, keys.ASKS, ask.get_content())
            world.ends[1].rotation.receive(messages.push_rotation(ask), 0)
            self.assertEqual(world.ends[1].rotation.take_actions(), [])

    def test_another_ike_sa_at_the_other_end(self):
        # Somebody in the middle has two IKE SAs: their exporters differ, and no answer proves itself.
        world = World()
        world.connect_somehow()
        world.has_middle = True
        world.want(0)
        world.run()
        self.assertEqual(world.ends[0].ended, ["between"])
        world.recover()
        world.recover()
        self.assertEqual(world.keys(), first_keys())


class Replayed(unittest.TestCase):
    def test_an_earlier_rotation_in_any_state(self):
        _, old = whole_story()
        for stop in range(6):
            world, _ = whole_story()
            settled = world.keys()
            world.want(1)
            for _ in range(stop):
                if world.flight:
                    world._deliver()
            before = [(end.rotation.state, end.record) for end in world.ends]
            for which in (0, 1):
                for _, data in old:
                    world.do(world.ends[which], lambda end=world.ends[which], data=data: end.rotation.receive(data, 0))
            self.assertEqual([(end.rotation.state, end.record) for end in world.ends], before)
            world.run()
            self.assertFalse(world.keys() in (settled, first_keys()))

    def test_a_late_ask_does_not_push_out_what_the_asker_uses(self):
        for calls in ((True, False), (False, True)):
            world = World(can_call=calls)
            world.connect_somehow()
            world.want(0)
            late = world.flight.pop(0)[2]
            world.connect(0)  # a new IKE SA: it asks again
            world._deliver()
            world._deliver()
            asker, held = world.ends
            self.assertEqual((asker.rotation.state, held.rotation.state), (steps.TAKEN, steps.HELD))
            world.do(held, lambda held=held, late=late: held.rotation.receive(late, 0))
            world.break_off()
            world.recover()
            self.assertFalse(world.keys() == first_keys())

    def test_its_own_messages_in_any_order(self):
        chance = Chance("order")
        for _ in range(cases(20, 500)):
            world = World()
            world.connect_somehow()
            told = record_flight(world)
            world.want(0)
            while world.flight:
                world._deliver()
                for _ in range(2):
                    to, data = told[chance.below(len(told))]
                    world.do(world.ends[to], lambda end=world.ends[to], data=data: end.rotation.receive(data, 0))
            world.recover()
            self.assertEqual(world.keys(), world.ends[0].own())


class Downgrade(unittest.TestCase):
    def test_what_is_settled_never_comes_back(self):
        world, _ = whole_story()
        new = world.keys()
        for end in world.ends:
            for role in (INITIATOR, RESPONDER):
                end.rotation.up(role, first_keys().ppk_id, 0)
            for kind, meaning in (
                (messages.TAKEN, keys.TAKES), (messages.FORGET, keys.FORGETS), (messages.SETTLED, keys.SETTLES),
            ):  # fmt: skip
                message = messages.RotationMessage(kind, bytes(16))
                message.tag = keys.make_tag(first_keys().control, meaning, message.get_content())
                end.rotation.receive(messages.push_rotation(message), 0)
            self.assertEqual([one for one in end.rotation.take_actions() if not isinstance(one, Tell)], [])
            for use, accepted in end.views():
                self.assertEqual((use, accepted), (new, [new]))

    def test_who_uses_the_new_keys_never_calls_with_the_old(self):
        for at in range(12):
            world = World(cut_at=at, cut=LOST)
            world.connect_somehow()
            world.want(0)
            world.run()
            for end in world.ends:
                record = end.rotation.record
                if record is not None and record.phase == TAKEN:
                    self.assertEqual(end.views()[0][0], record.keys)

    def test_a_call_under_the_old_keys_settles_nothing(self):
        # Not even while they are still accepted: that is what a thief of the old ones would do.
        world = World(cut_at=4, cut=LOST)  # TAKEN
        world.connect_somehow()
        world.want(0)
        world.run()
        asker = world.ends[0]
        self.assertEqual(asker.rotation.state, steps.TAKEN)
        asker.rotation.up(RESPONDER, first_keys().ppk_id, 0)
        asker.rotation.up(RESPONDER, b"", 0)
        self.assertEqual(asker.rotation.state, steps.TAKEN)
        self.assertFalse([one for one in asker.rotation.take_actions() if isinstance(one, Write)])


class Separation(unittest.TestCase):
    def derive(self, control=b"c" * 32, exporter=b"e" * 32, shared=b"s" * 32, ask=b"a", key=b"k" * 32, nonce=b"n" * 32):
        return keys.derive_keys(control, exporter, bytearray(shared), ask, b"i" * 16, key, nonce)

    def test_each_part_alone_changes_every_key(self):
        seen = [self.derive()]
        for changes in (
            {"control": b"x" * 32}, {"exporter": b"x" * 32}, {"shared": b"x" * 32}, {"ask": b"x"}, {"key": b"x" * 32},
            {"nonce": b"x" * 32},
        ):  # fmt: skip
            seen.append(self.derive(**changes))
        for index in range(4):
            values = [one.get_all()[index] for one in seen]
            self.assertEqual(len(set(values)), len(seen))
        self.assertEqual(len(set(seen[0].get_all())), 4)

    def test_no_tag_is_another_one(self):
        meanings = (keys.ASKS, keys.HOLDS, keys.TAKES, keys.SETTLES, keys.REMINDS, keys.FORGETS, keys.TIRES)
        tags = [keys.make_tag(b"c" * 32, meaning, b"id") for meaning in meanings]
        self.assertEqual(len(set(tags)), len(meanings))
        self.assertFalse(keys.make_tag(b"c" * 32, b"ab", b"c") == keys.make_tag(b"c" * 32, b"a", b"bc"))

    def test_the_old_keys_alone_give_no_new_one(self):
        # All that the thief of one disk sees, and the whole exchange: but neither IKE SA nor a private key.
        world, told = whole_story()
        ask, answer = told[0][1], messages.pull_rotation(told[1][1])
        guess = keys.derive_keys(
            first_keys().control, bytes(32), bytearray(32), ask, answer.id, answer.key, answer.nonce
        )
        for ours, theirs in zip(guess.get_all(), world.keys().get_all()):
            self.assertFalse(ours == theirs)

    def test_secrets_are_in_no_text(self):
        world, told = whole_story()
        record = Record(TAKEN, bytes(16), world.keys())
        text = repr(record) + repr(Write(record)) + repr(Tell(told[0][1])) + repr(world.keys())
        text += repr(world.ends[0].rotation) + repr(messages.pull_rotation(told[0][1]))
        for name in SECRETS:
            self.assertFalse(getattr(world.keys(), name).hex() in text, name)
        self.assertFalse(messages.pull_rotation(told[0][1]).tag.hex() in text)

    def test_a_rotation_leaves_no_private_key(self):
        world, _ = whole_story()
        for end in world.ends:
            rotation = end.rotation
            self.assertEqual((rotation.pair, rotation.ask, rotation.exporter, rotation.pending), (None, b"", b"", None))


class Bytes(unittest.TestCase):
    def test_messages_there_and_back(self):
        rng = make_rng("there and back")
        for kind in messages.LAYOUTS:
            message = messages.RotationMessage(kind, tag=rng(32))
            for name in messages.LAYOUTS[kind]:
                setattr(message, name, rng(messages.SIZES[name]))
            data = messages.push_rotation(message)
            self.assertEqual(messages.pull_rotation(data), message)
            for wrong in (data[:-1], data + b"x", b"\x02" + data[1:], data[:1] + b"\x63" + data[2:], b""):
                with self.assertRaises(WireError):
                    messages.pull_rotation(wrong)

    def test_records_there_and_back(self):
        for phase in PHASES:
            record = Record(phase, bytes(range(16)), first_keys())
            found = pull_record(push_record(record))
            self.assertEqual((found, found.keys), (record, record.keys))
        self.assertEqual(record.get_sets(first_keys()), (first_keys(), None))

    def test_what_is_no_record(self):
        data = push_record(Record(HELD, bytes(range(16)), first_keys()))
        for wrong in (
            b"", b"\n", data[:-10], data.replace(b"held", b"gone"), data + b"x", data.replace(b"rotation-1", b"rotat"),
            data.replace(b"00", b"0g", 1), data.replace(b"00", b" 0", 1), b"\xff" * 300,
        ):  # fmt: skip
            with self.assertRaises(ValueError):
                pull_record(wrong)

    def test_what_proves_nothing_breaks_nothing(self):
        chance = Chance("anything")
        _, told = whole_story("another")
        for _ in range(cases(100, 5000)):
            world = World()
            world.connect_somehow()
            if chance.below(2):
                world.want(0)
            for _ in range(chance.below(6)):
                data = bytearray(told[chance.below(len(told))][1])
                for _ in range(1 + chance.below(3)):
                    data[chance.below(len(data))] ^= 1 + chance.below(255)
                end = world.ends[chance.below(2)]
                world.do(end, lambda end=end, data=data: end.rotation.receive(bytes(data), 0))
                if world.flight and chance.below(2):
                    world._deliver()
            world.recover()
            world.recover()
            self.assertEqual(world.keys(), world.ends[0].own())


class Starts(unittest.TestCase):
    def test_with_each_record(self):
        from isthmus.proto.pairing.rotation import Copy, Rotation

        other = keys.Keys(sha256(b"1"), sha256(b"2"), sha256(b"3")[:16], sha256(b"4"))
        for phase, state, used in (
            (HELD, steps.HELD, first_keys()), (TAKEN, steps.TAKEN, other), (SETTLED, steps.COPYING, other),
        ):  # fmt: skip
            rotation = Rotation(make_rng("x"), lambda: None, True, first_keys(), Record(phase, bytes(16), other))
            self.assertEqual((rotation.state, rotation.used), (state, used))
            self.assertEqual([type(one) for one in rotation.take_actions()], [Copy] if phase == SETTLED else [])


if __name__ == "__main__":
    unittest.main()
