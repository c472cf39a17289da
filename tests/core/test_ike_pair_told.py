"""What is told inside an IKE SA: in order and once, of any size, bounded; the farewell behind it; and in tunnels."""

from __future__ import annotations

import unittest

from isthmus.proto import actions
from isthmus.proto.errors import PeerDead
from isthmus.proto.ike2 import telling
from isthmus.wire import ike_numbers as num
from isthmus.wire.ike_payloads import NotifyPayload
from tests.core.ike_network import BadNetwork
from tests.core.ike_pair import NAME, Pair, agreed, make_connection
from tests.core.ike_pairing import ike_id, make_pair, told
from tests.counts import cases


def words(count, side="a"):
    return [b"%s says %d" % (side.encode(), number) for number in range(count)]


def say(pair, side, *messages):
    """Ask a side to tell these on its newest IKE SA; what it answers."""
    return [side.engine.tell(ike_id(side), message, pair.now) for message in messages]


def sent(side):
    """How many datagrams a side has sent."""
    return len(side.of(actions.SendDatagram))


class InOrder(unittest.TestCase):
    def test_from_both_at_once(self):
        pair = make_pair().connect()
        for ours, theirs in zip(words(8), words(8, "b")):
            self.assertEqual(say(pair, pair.a, ours) + say(pair, pair.b, theirs), [True, True])
        pair.transfer()
        self.assertEqual((told(pair.b), told(pair.a)), (words(8), words(8, "b")))
        action = pair.b.of(actions.Told)[0]
        self.assertEqual((action.name, action.ike_id), (NAME, ike_id(pair.b)))

    def test_one_at_a_time(self):
        pair = make_pair().connect()
        say(pair, pair.a, *words(3))
        pair.collect()
        self.assertEqual(len(pair.flight), 1)

    def test_behind_what_is_under_way(self):
        pair = make_pair().connect()
        pair.a.engine.check_peer(NAME, pair.now)
        say(pair, pair.a, b"after it")
        pair.collect()
        self.assertEqual(len(pair.flight), 1)
        pair.deliver()
        self.assertEqual(told(pair.b), [])
        pair.transfer()
        self.assertEqual(told(pair.b), [b"after it"])

    def test_the_largest_goes_in_parts(self):
        pair = make_pair().connect()
        largest = bytes([number & 255 for number in range(telling.MAX_DATA)])
        say(pair, pair.a, largest, b"x")
        pair.collect()
        self.assertTrue(len(pair.flight) > 3 and max([len(it.data) for it in pair.flight]) < 1280)
        pair.transfer()
        self.assertEqual(told(pair.b), [largest, b"x"])

    def test_repeated_until_answered_and_delivered_once(self):
        pair = make_pair().connect()
        say(pair, pair.a, b"once")
        pair.collect()
        pair.deliver()
        pair.drop()  # the answer
        pair.advance()
        pair.transfer()
        self.assertEqual(told(pair.b), [b"once"])
        say(pair, pair.a, b"twice")
        pair.transfer()
        self.assertEqual(told(pair.b), [b"once", b"twice"])

    def test_over_a_bad_network(self):
        for seed in range(cases(6, 200)):
            pair = make_pair(seed).connect()
            say(pair, pair.a, *words(8))
            say(pair, pair.b, *words(8, "b"))
            BadNetwork(pair, seed).run(pair.now + 400_000)
            for side, wanted in ((pair.b, words(8)), (pair.a, words(8, "b"))):
                heard = told(side)
                self.assertEqual(heard, wanted[: len(heard)], seed)
                if not pair.a.of(actions.IkeGone) and not pair.b.of(actions.IkeGone):
                    self.assertEqual(heard, wanted, seed)


class Bounded(unittest.TestCase):
    def test_size(self):
        pair = make_pair().connect()
        for data in (b"", bytes(telling.MAX_DATA + 1)):
            with self.assertRaises(ValueError):
                say(pair, pair.a, data)

    def test_queue(self):
        pair = make_pair().connect()
        answers = say(pair, pair.a, *words(telling.MAX_WAITING + 3))
        self.assertEqual(answers, [True] * (telling.MAX_WAITING + 1) + [False, False])  # the first is under way
        pair.transfer()
        self.assertEqual(told(pair.b), words(telling.MAX_WAITING + 1))
        self.assertEqual(say(pair, pair.a, b"and again"), [True])

    def test_nobody_there(self):
        pair = make_pair().connect()
        self.assertFalse(pair.a.engine.tell(ike_id(pair.a) + 1000, b"hello", pair.now))
        self.assertIs(pair.a.engine.tell_newest("nobody", b"hello", pair.now), None)

    def raw(self, pair, *messages):
        """A tells what our own program never would."""
        sa = pair.a.engine.table.list_all()[-1]
        payloads = [NotifyPayload(num.ISTHMUS_PAIR, message) for message in messages]
        pair.a.engine.request(sa, num.INFORMATIONAL, payloads, pair.now)
        pair.transfer()

    def test_what_no_pairing_says_ends_it(self):
        for messages in ((b"",), (b"one", b"two"), (bytes(telling.MAX_DATA + 1),)):
            pair = make_pair().connect()
            self.raw(pair, *messages)
            self.assertEqual(told(pair.b), [])
            self.assertEqual([it.error.code for it in pair.b.of(actions.IkeGone)], ["syntax"])

    def test_in_a_tunnel_it_is_passed_over(self):
        for messages in ((b"",), (b"one", b"two"), (bytes(telling.MAX_DATA + 1),)):
            pair = Pair().connect()
            self.raw(pair, *messages)
            self.assertEqual(told(pair.b), [])
            self.assertTrue(agreed(pair))

    def test_with_strangers_it_means_nothing(self):
        stranger = [make_connection(here, mode=actions.TRANSPORT, link=b"") for here in ("A", "B")]
        pair = Pair(0, stranger[0], stranger[1]).connect()
        self.assertEqual(say(pair, pair.a, b"hello"), [False])
        self.raw(pair, b"hello")
        self.assertEqual(told(pair.b), [])
        self.assertTrue(agreed(pair))
        self.assertEqual(pair.a.states(), ["established"])


class Farewell(unittest.TestCase):
    def test_behind_what_was_told(self):
        pair = make_pair().connect()
        say(pair, pair.a, *words(3))
        pair.a.engine.close(ike_id(pair.a), pair.now)
        pair.a.engine.close(ike_id(pair.a), pair.now)
        self.assertEqual(say(pair, pair.a, b"too late"), [False])
        self.assertEqual(pair.a.of(actions.IkeGone), [])
        pair.transfer()
        self.assertEqual(told(pair.b), words(3))
        self.assertEqual((pair.a.states(), pair.b.states()), ([], ["done"]))
        for side in (pair.a, pair.b):
            self.assertEqual([it.error for it in side.of(actions.IkeGone)], [None])
        pair.wait(60_000)
        self.assertEqual(pair.b.states(), [])

    def test_at_once_where_nothing_waits(self):
        pair = make_pair().connect()
        pair.a.engine.close(ike_id(pair.a), pair.now)
        pair.collect()
        self.assertEqual((pair.a.states(), len(pair.flight)), (["closing"], 1))
        self.assertEqual(len(pair.a.of(actions.IkeGone)), 1)

    def test_of_both_at_once(self):
        pair = make_pair().connect()
        for side in (pair.a, pair.b):
            say(pair, side, b"the last word")
            side.engine.close(ike_id(side), pair.now)
        pair.transfer()
        pair.wait(60_000)
        for side in (pair.a, pair.b):
            self.assertEqual((side.states(), len(side.of(actions.IkeGone))), ([], 1))

    def test_to_nobody(self):
        pair = make_pair().connect()
        say(pair, pair.a, b"is anybody there")
        pair.a.engine.close(ike_id(pair.a), pair.now)
        pair.collect()
        while pair.a.states():
            pair.flight = []
            self.assertTrue(pair.advance())
        gone = pair.a.of(actions.IkeGone)
        self.assertTrue(len(gone) == 1 and isinstance(gone[0].error, PeerDead))

    def test_nothing_is_told_on_what_is_over(self):
        pair = make_pair().connect()
        say(pair, pair.b, b"crossing")
        pair.a.engine.close(ike_id(pair.a), pair.now)
        pair.transfer()
        self.assertEqual(told(pair.a), [])

    def test_a_tunnel_is_not_closed_like_that(self):
        pair = Pair().connect()
        pair.a.engine.close(ike_id(pair.a), pair.now)
        pair.transfer()
        self.assertTrue(agreed(pair) and pair.a.states() == ["established"])

    def test_delete_ends_them_all(self):
        pair = make_pair().connect().connect()
        self.assertEqual(len(pair.b.states()), 2)
        pair.b.engine.delete(NAME, pair.now)
        pair.transfer()
        self.assertEqual((pair.b.states(), len(pair.a.of(actions.IkeGone))), ([], 2))

    def test_what_is_up_goes_on_without_its_connection(self):
        pair = make_pair().connect()
        pair.b.engine.remove_connection(NAME)
        say(pair, pair.a, b"hello")
        say(pair, pair.b, b"goodbye")
        pair.b.engine.close(ike_id(pair.b), pair.now)
        pair.transfer()
        self.assertEqual((told(pair.b), told(pair.a), pair.b.states()), ([b"hello"], [b"goodbye"], []))


class Tunnels(unittest.TestCase):
    def test_on_the_newest_ike_sa(self):
        pair = Pair().connect()
        self.assertEqual(pair.a.engine.tell_newest(NAME, b"hello", pair.now), ike_id(pair.a))
        pair.transfer()
        pair.connect()
        self.assertEqual(pair.b.engine.tell_newest(NAME, b"hello again", pair.now), ike_id(pair.b))
        pair.transfer()
        self.assertEqual((told(pair.b), told(pair.a)), ([b"hello"], [b"hello again"]))

    def test_across_a_rekeying_nothing_is_lost(self):
        # The first is under way when the peer rekeys; whether it had arrived the teller cannot know.
        for arrived in (False, True):
            pair = Pair().connect()
            pair.a.engine.tell_newest(NAME, b"first", pair.now)
            pair.collect()
            if arrived:
                pair.deliver()
            pair.flight = []
            pair.a.engine.tell_newest(NAME, b"second", pair.now)
            pair.b.engine.rekey_ike(NAME, pair.now)
            pair.transfer()
            pair.wait(5_000)
            self.assertEqual(told(pair.b), [b"first"] * (1 + arrived) + [b"second"])
            self.assertEqual(len(pair.b.of(actions.IkeRekeyed)), 1)
            self.assertTrue(agreed(pair))

    def test_a_late_copy_in_the_old_one_is_not_delivered(self):
        pair = Pair().connect()
        pair.a.engine.tell_newest(NAME, b"first", pair.now)
        pair.collect()
        late = pair.flight.pop()
        pair.b.engine.rekey_ike(NAME, pair.now)
        pair.collect()
        for _ in range(2):
            pair.deliver()
        pair.b.engine.receive(late.data, late.source, late.destination, pair.now)
        self.assertEqual(told(pair.b), [])
        pair.transfer()
        self.assertEqual(told(pair.b), [b"first"])

    def test_the_exporter_of_a_tunnel(self):
        pair = Pair().connect()
        ours, theirs = [side.engine.export(ike_id(side), b"isthmus rotate 1") for side in (pair.a, pair.b)]
        self.assertEqual(ours, theirs)
        pair.a.engine.rekey_ike(NAME, pair.now)
        pair.transfer()
        later = pair.a.of(actions.IkeRekeyed)[0].new_ike_id
        self.assertFalse(pair.a.engine.export(later, b"isthmus rotate 1") == ours)


if __name__ == "__main__":
    unittest.main()
