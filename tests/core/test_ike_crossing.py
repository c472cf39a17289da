"""Both ends begin at once, or one begins again: one SA is left, and everybody knows which."""

from __future__ import annotations

import unittest

from isthmus.proto import actions
from isthmus.proto.ike2.connection import Retransmit
from isthmus.proto.ike2.times import REPLACED_MS
from tests.core.ike_pair import NAME, Pair, agreed, make_connection
from tests.core.ike_walk import Walk
from tests.counts import cases


class Crossing(unittest.TestCase):
    def test_orders(self):
        # tests/props/test_ike_crossing.py walks through all of them.
        for walk in (Walk(), Walk(losses=1), Walk(doubles=1)):
            for pair in walk.runs(cases(3, 20)):
                pair.wait(120_000)
                self.assertTrue(agreed(pair), "%s" % walk.choices)

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

    def test_a_proof_of_an_older_attempt_does_not_replace_the_newer_sa(self):
        pair = Pair(0)
        pair.initiate()
        pair.deliver()
        pair.deliver()
        late = pair.drop()
        pair.a.engine.delete(NAME, pair.now)
        pair.connect()
        pair.b.engine.receive(late.data, late.source, late.destination, pair.now)
        pair.transfer()
        pair.wait(120_000)
        self.assertTrue(agreed(pair))
        self.assertEqual(pair.b.error(), "crossed")
        self.assertEqual(pair.b.states(), ["established"])

    def test_newcomer_replaces_and_who_began_it_deletes_the_old_one(self):
        pair = Pair(0).connect()
        old = pair.a.of(actions.IkeUp)[0].ike_id
        pair.initiate()
        for _ in range(4):
            pair.deliver()
        self.assertEqual(pair.a.states(), ["closing", "established"])
        self.assertEqual(pair.b.states(), ["replaced", "established"])
        pair.transfer()
        self.assertEqual(pair.b.states(), ["done", "established"])
        self.assertEqual([gone.ike_id for gone in pair.a.of(actions.IkeGone)], [old])
        self.assertEqual([gone.reason for gone in pair.a.of(actions.ChildGone)], [actions.CLOSED])
        self.assertEqual([gone.reason for gone in pair.b.of(actions.ChildGone)], [actions.DELETED])
        self.assertTrue(agreed(pair))

    def test_newcomer_replaces_without_any_delete(self):
        # The peer's memory is gone: it begins again, and nobody ever deletes the old SA.
        pair = Pair(0).connect()
        pair.a = Pair("again").a
        pair.connect()
        pair.wait(REPLACED_MS)
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
