"""Keys of a paired tunnel renewed: cut at every message and every write, asked for by either or both."""

from __future__ import annotations

import unittest

from isthmus.proto.pairing import rotation_steps as steps
from isthmus.proto.pairing.errors import PairingError
from tests.core.rotation_world import BEFORE, FAILS, LOST, MESSAGE_CUTS, WRITE_CUTS, World, first_keys
from tests.counts import cases

CUTS = {"message": MESSAGE_CUTS, "write": WRITE_CUTS, "file": (BEFORE, FAILS)}
CALLERS = ((True, True), (True, False), (False, True))


def story(asking=(0,), can_call=(True, True), cut_at=None, cut=None):
    """One rotation, cut or not, and what follows until nothing moves."""
    world = World(can_call, cut_at, cut)
    world.connect_somehow()
    world.want(*asking)
    world.run()
    world.recover()
    return world


class Works(unittest.TestCase):
    def test_asked_for_by_either(self):
        for asking in ((0,), (1,)):
            for can_call in CALLERS:
                world = World(can_call)
                world.connect_somehow()
                world.want(*asking)
                world.run()
                keys = world.keys()
                self.assertFalse([1 for new, old in zip(keys.get_all(), first_keys().get_all()) if new == old])
                self.assertEqual([end.ended for end in world.ends], [[None], [None]])
                world.recover()
                self.assertEqual(world.connects, 2)  # and one handshake under the new ones
                self.assertTrue(world.ends[0].rotation.is_idle and world.ends[1].rotation.is_idle)
                self.assertEqual(world.keys(), keys)

    def test_both_at_once_is_one(self):
        for asking in ((0, 1), (1, 0)):
            world = World()
            world.connect_somehow()
            world.want(*asking)
            world.run()
            world.keys()
            self.assertEqual([end.ended for end in world.ends], [[None], [None]])
            self.assertEqual(world.log.count("message"), 5)  # both ASKs, and one answer
            world.recover()
            self.assertEqual(world.connects, 2)

    def test_again_and_again(self):
        world = World()
        world.connect_somehow()
        seen = [first_keys()]
        for which in (0, 1, 1, 0):
            world.want(which)
            world.run()
            self.assertFalse(world.keys() in seen)
            seen.append(world.keys())

    def test_not_without_an_ike_sa(self):
        world = World()
        with self.assertRaises(PairingError):
            world.ends[0].rotation.want(0)
        self.assertEqual(world.ends[0].rotation.state, steps.IDLE)

    def test_not_twice(self):
        world = World()
        world.connect_somehow()
        world.want(0)
        with self.assertRaises(PairingError):
            world.ends[0].rotation.want(0)
        world.run()
        self.assertEqual(world.ends[0].ended, [None])

    def test_a_peer_that_does_not_answer(self):
        world = World()
        world.connect_somehow()
        world.want(0)
        world.flight = []
        world.now += 60_000
        world.do(world.ends[0], lambda: world.ends[0].rotation.handle_timer(world.now))
        self.assertEqual(world.ends[0].ended, ["no-answer"])
        world.run()
        self.assertEqual(world.keys(), first_keys())


class Cut(unittest.TestCase):
    def outcome(self, asking, can_call, at, cut):
        """True if the keys are new. LockedOut, and keys that differ, are raised by the world."""
        world = story(asking, can_call, at, cut)
        keys = world.keys()
        for end in world.ends:
            self.assertLessEqual(len(end.ended), 2, (asking, can_call, at, cut))
        world.cut_at = ()
        world.want(1)
        world.run()
        self.assertFalse(world.keys() == keys, (asking, can_call, at, cut))
        return keys != first_keys()

    def test_at_every_point(self):
        outcomes = []
        for asking in ((0,), (0, 1), (1,))[: cases(2, 3)]:
            for can_call in CALLERS[: cases(1, 3)]:
                whole = story(asking, can_call)
                self.assertGreater(whole.count, 12)
                for at, kind in enumerate(whole.log):
                    for cut in CUTS[kind]:
                        outcomes.append(self.outcome(asking, can_call, at, cut))
        self.assertTrue(True in outcomes and False in outcomes)

    def test_at_every_two_points(self):
        whole = story()
        for first, kind in enumerate(whole.log):
            for cut in CUTS[kind]:
                for second in range(first + 1, whole.count + 6, cases(7, 1)):
                    for can_call in CALLERS[: cases(1, 3)]:
                        self.outcome((0,), can_call, (first, second), cut)

    def test_every_message_lost_for_a_while(self):
        # Nothing passes for a while, again and again: then it does, and all is well.
        for length in range(1, 12):
            world = World(cut_at=tuple(range(length)), cut=LOST)
            for _ in range(length + 3):
                world.connect_somehow()
                if world.ends[0].rotation.state == steps.IDLE and not world.ends[0].ended:
                    world.want(0)
                world.run()
            world.recover()
            self.assertEqual(world.keys(), world.ends[0].own())

    def test_the_asker_is_told_the_truth(self):
        for can_call in CALLERS[1 : cases(2, 3)]:
            whole = story((0,), can_call)
            for at, kind in enumerate(whole.log):
                for cut in MESSAGE_CUTS if kind == "message" else ():
                    world = story((0,), can_call, at, cut)
                    ended = world.ends[0].ended
                    self.assertEqual(ended, [None], (can_call, at, cut))
                    self.assertFalse(world.keys() == first_keys())


class Table(unittest.TestCase):
    def test_no_row_is_hidden(self):
        for row in steps.ROWS:
            for state in row.states:
                self.assertIs(steps.find_row(state, row.event), row)

    def test_every_row_happens(self):
        seen = set()
        rows, handlers = steps.ROWS, []
        for row in rows:
            handlers.append(row.handler)
            row.handler = watched(row, seen)
        try:
            for asking, can_call in (((0,), CALLERS[2]), ((0, 1), CALLERS[0])):
                whole = story(asking, can_call)
                for at, kind in enumerate(whole.log):
                    for cut in CUTS[kind]:
                        story(asking, can_call, at, cut)
            self.rare()
            self.crossing()
        finally:
            for row, handler in zip(rows, handlers):
                row.handler = handler
        missing = [row.story for row in rows if row.story not in seen]
        self.assertEqual(missing, [])

    def rare(self):
        """What no single cut leads to."""
        world = World(cut_at=2, cut=LOST)  # ANSWER is lost
        world.connect_somehow()
        world.want(0)
        world.run()
        asker, held = world.ends
        self.assertEqual((asker.rotation.state, held.rotation.state), (steps.ASKED, steps.HELD))
        self.pass_time(world, 0)
        self.assertEqual(asker.ended, ["no-answer"])
        world.sa = 7
        world.want(1)
        world.flight = []
        self.pass_time(world, 1)
        self.assertEqual(held.ended, ["no-answer"])
        world.cut_at, world.cut = (world.count + 2,), FAILS  # it cannot be removed
        world.connect(0)
        world.run()
        self.assertEqual(held.rotation.state, steps.DROPPING)
        world.cut_at = ()
        world.recover()

        world.cut_at, world.cut = (world.count + 11,), LOST  # the word that the answerer is settled
        world.want(0)
        world.run()
        self.assertEqual([end.rotation.state for end in world.ends], [steps.TAKEN, steps.IDLE])
        world.cut_at = ()
        world.connect(0)
        world.want(1)
        world.flight.reverse()  # the answerer asks before it hears that the asker waits
        before = world.ends[0].rotation.used
        world.run()
        world.recover()
        self.assertFalse(world.keys() == before)

        world.cut_at, world.cut = (world.count + 6,), FAILS  # the answerer's own files
        before = world.keys()
        world.want(0)
        world.run()
        self.assertEqual([end.rotation.state for end in world.ends], [steps.IDLE, steps.COPYING])
        world.cut_at = ()
        world.want(0)
        world.run()
        self.assertEqual([end.rotation.state for end in world.ends], [steps.ASKED, steps.COPYING])
        self.pass_time(world, 1)
        world.run()
        world.recover()
        self.assertFalse(world.keys() == before)

    def crossing(self):
        world = World()  # both ask, one gives up, and the IKE SA ends before anybody hears of it
        world.connect_somehow()
        world.want(1, 0)
        self.pass_time(world, 0)
        world._deliver()
        world._deliver()
        world.break_off()
        self.assertEqual([end.rotation.state for end in world.ends], [steps.HELD, steps.HELD])
        world.recover()
        self.assertFalse(world.keys() == first_keys())  # the other one still wants it

    def pass_time(self, world, which):
        world.now += 70_000
        world.do(world.ends[which], lambda: world.ends[which].rotation.handle_timer(world.now))


def watched(row, seen):
    handler = row.handler

    def watch(rotation, argument, now):
        seen.add(row.story)
        return handler(rotation, argument, now)

    return watch


if __name__ == "__main__":
    unittest.main()
