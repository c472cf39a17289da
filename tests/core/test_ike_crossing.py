"""Both ends begin at once: whatever order their datagrams take, whichever are lost or doubled, one SA is left.

The orders are walked through like an odometer: each run takes the next choice at its last place of choice.
"""

from __future__ import annotations

import unittest

from isthmus.proto import actions
from isthmus.proto.ike2.connection import Retransmit
from tests.core.ike_pair import NAME, Pair, make_connection
from tests.core.test_ike_loss import agreed
from tests.counts import cases


class Walk:
    """Every order of the datagrams of two attempts.

    losses, doubles: how many datagrams may be lost and delivered twice. late: after how many deliveries B begins.
    """

    def __init__(self, losses=0, doubles=0, late=0):
        self.losses = losses
        self.doubles = doubles
        self.late = late
        self.choices = []

    def runs(self, limit):
        """The Pair after each run, at most `limit` of them."""
        for _ in range(limit):
            pair, widths = self._run()
            yield pair
            self.choices += [0] * (len(widths) - len(self.choices))
            while self.choices and self.choices[-1] + 1 >= widths[len(self.choices) - 1]:
                self.choices.pop()
            if not self.choices:
                return
            self.choices[-1] += 1

    def _run(self):
        pair = Pair(0)
        pair.initiate(pair.a)
        widths = []
        losses, doubles, begun = self.losses, self.doubles, False
        while True:
            if not begun and (len(widths) >= self.late or not pair.flight):
                pair.initiate(pair.b)
                begun = True
            if not pair.flight:
                return pair, widths
            count = len(pair.flight)
            choice = self.choices[len(widths)] if len(widths) < len(self.choices) else 0
            widths.append(count * (1 + (losses > 0) + (doubles > 0)))
            what, index = choice // count, choice % count
            if what == 0:
                pair.deliver(index)
            elif what == 1 and losses:
                pair.drop(index)
                losses -= 1
            else:
                pair.deliver(index, keep=True)
                doubles -= 1
            if begun and not pair.flight and self._someone_waits(pair):
                pair.advance()

    @staticmethod
    def _someone_waits(pair):
        states = pair.a.states() + pair.b.states()
        return "init-sent" in states or "auth-sent" in states


class Crossing(unittest.TestCase):
    def check(self, walk, limit):
        count = 0
        for pair in walk.runs(limit):
            count += 1
            pair.wait(120_000)
            where = "%s %s" % (walk.late, walk.choices)
            self.assertTrue(agreed(pair), "%s: %s %s" % (where, pair.a.states(), pair.b.states()))
            for side in (pair.a, pair.b):
                self.assertEqual(side.states(), ["established"], where)
                self.assertTrue(side.error() in (None, "crossed"), where)
        return count

    def test_every_order(self):
        counts = [self.check(Walk(late=late), 1000) for late in range(6)]
        self.assertEqual(counts, [54, 27, 11, 5, 1, 1])

    def test_every_order_with_one_loss(self):
        for late in range(4):
            self.assertTrue(self.check(Walk(losses=1, late=late), cases(40, 10_000)) > 20)

    def test_every_order_with_one_doubled(self):
        for late in range(4):
            self.assertTrue(self.check(Walk(doubles=1, late=late), cases(40, 10_000)) > 30)

    def test_every_order_with_two_losses(self):
        self.assertTrue(self.check(Walk(losses=2), cases(40, 10_000)) > 30)

    def test_lower_side_refuses_while_its_own_proof_is_on_its_way(self):
        pair = Pair(0)
        pair.initiate(pair.a)
        pair.initiate(pair.b)
        for _ in range(4):  # both IKE_SA_INIT requests, both answers
            pair.deliver()
        self.assertEqual(pair.a.states(), ["auth-sent", "init-answered"])
        pair.deliver(1)  # B's IKE_AUTH at A: A's identity is lower
        self.assertEqual(pair.a.error(), "crossed")
        pair.transfer()
        self.assertEqual([up.role for up in pair.a.of(actions.IkeUp)], ["initiator"])
        self.assertEqual([up.role for up in pair.b.of(actions.IkeUp)], ["responder"])

    def test_higher_side_gives_up_its_own(self):
        pair = Pair(0)
        pair.initiate(pair.a)
        pair.initiate(pair.b)
        for _ in range(5):
            pair.deliver()
        self.assertEqual(pair.b.states()[0], "abandoned")
        self.assertEqual(pair.b.of(actions.Failed), [])

    def test_attempt_that_was_given_up_and_accepted_all_the_same_is_deleted(self):
        # B gives up for A's attempt; A hears no answer, and only then does B's own IKE_AUTH reach A, who accepts it.
        pair = Pair(0, make_connection("A", retransmit=Retransmit(500, 180, 2)))
        pair.initiate(pair.a)
        pair.initiate(pair.b)
        for _ in range(4):
            pair.deliver()
        late = pair.flight.pop(1)
        pair.deliver()
        self.assertEqual(pair.b.states(), ["abandoned", "established"])
        while pair.a.error() is None:
            pair.flight = []
            pair.now = pair.a.engine.get_timer()
            pair.a.engine.handle_timer(pair.now)
            pair.collect()
        self.assertEqual(pair.a.error(), "unreachable")
        pair.a.engine.receive(late.data, late.source, late.destination, pair.now)
        pair.transfer()
        self.assertEqual(len(pair.a.of(actions.ChildUp)), 1)
        self.assertEqual(pair.a.children(), {})
        self.assertEqual(pair.b.states(), ["established"])

    def test_newcomer_replaces_and_the_old_one_is_deleted_on_request(self):
        pair = Pair(0).connect()
        old = pair.a.of(actions.IkeUp)[0].ike_id
        pair.connect()
        new = pair.a.of(actions.IkeUp)[-1].ike_id
        self.assertEqual(pair.a.states(), ["replaced", "established"])
        self.assertEqual(pair.b.states(), ["replaced", "established"])
        pair.a.engine.delete(NAME, pair.now, keep=new)
        pair.transfer()
        self.assertEqual([gone.ike_id for gone in pair.a.of(actions.IkeGone)], [old])
        self.assertEqual([gone.reason for gone in pair.a.of(actions.ChildGone)], [actions.CLOSED])
        self.assertEqual([gone.reason for gone in pair.b.of(actions.ChildGone)], [actions.DELETED])
        self.assertTrue(agreed(pair))

    def test_newcomer_replaces_without_any_delete(self):
        # The peer's memory is gone: it begins again, and nobody ever deletes the old SA.
        pair = Pair(0).connect()
        pair.a = Pair("again").a
        pair.connect()
        pair.wait(10_000)
        self.assertEqual(pair.b.states(), ["established"])
        self.assertEqual([gone.reason for gone in pair.b.of(actions.ChildGone)], [actions.REPLACED])
        self.assertTrue(agreed(pair))

    def test_initiate_while_an_attempt_is_under_way_does_nothing(self):
        pair = Pair(0)
        pair.initiate()
        pair.initiate()
        self.assertEqual(len(pair.flight), 1)

    def test_identities_of_equal_data_are_ordered_by_kind(self):
        connection = make_connection()
        self.assertTrue(connection.is_lower)
        connection.local_id.kind, connection.remote_id.kind = 3, 2
        try:
            self.assertFalse(connection.is_lower)
        finally:
            connection.local_id.kind, connection.remote_id.kind = 2, 2
