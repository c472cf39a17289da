"""MOBIKE and rekeying at once: pairs for the new addresses, and IKE SAs that move in the middle of being rekeyed."""

from __future__ import annotations

from isthmus.proto import actions
from isthmus.proto.ike2.times import KEEPALIVE_MS
from tests.core.ike_moving import INSIDE, NEW, NEW_B, PUBLIC, Moving, kept_open, on_4500
from tests.core.ike_pair import NAME, A, B
from tests.core.ike_translator import FIRST_PORT


class WithRekeying(Moving):
    def pairs(self, side):
        """(addresses and ports of the outbound SA, ChildUp) of every pair."""
        ups = side.of(actions.ChildUp)
        return [(up.outbound.source, up.outbound.destination, up.outbound.encap) for up in ups]

    def spi(self, side):
        return side.of(actions.ChildUp)[-1].inbound.spi

    def test_a_child_right_behind_the_move_is_for_the_new_addresses(self):
        self.network.put_before(PUBLIC, [INSIDE[0]])
        self.go(self.a, INSIDE, B)
        self.a.engine.rekey_child(NAME, self.spi(self.a), self.network.now)
        self.network.transfer()
        self.assertEqual(self.pairs(self.a)[-1], (INSIDE[0], B[0], (4500, 4500)))
        self.assertEqual(self.pairs(self.b)[-1], (B[0], PUBLIC, (4500, FIRST_PORT)))
        kinds = [type(action) for action in self.b.done if isinstance(action, (actions.PeerMoved, actions.ChildUp))]
        self.assertEqual(kinds, [actions.ChildUp, actions.PeerMoved, actions.ChildUp])
        self.assertEqual((len(self.pairs(self.a)), len(self.pairs(self.b))), (2, 2))

    def test_the_one_that_is_called_rekeys(self):
        self.go(self.a, NEW, B)
        self.network.transfer()
        self.b.engine.rekey_child(NAME, self.spi(self.b), self.network.now)
        self.network.transfer()
        self.assertEqual(self.pairs(self.a)[-1], (NEW[0], B[0], None))
        self.assertEqual(self.pairs(self.b)[-1], (B[0], NEW[0], None))

    def test_a_rekeyed_ike_sa_moves_too(self):
        for side in (self.a, self.b):
            side.engine.rekey_ike(NAME, self.network.now)
            self.network.transfer()
        self.assertTrue(self.go(self.a, NEW, B))
        self.network.transfer()
        self.assertTrue(self.go(self.b, NEW_B, NEW))
        self.network.transfer()
        self.check_joined()
        self.assertEqual(self.moves(self.a)[-1], (on_4500(NEW), on_4500(NEW_B), None))

    def test_a_move_told_in_the_old_ike_sa_is_one_of_the_new(self):
        # B has rekeyed the IKE SA, and its DELETE for the old one is lost: A says there, too, that it has moved.
        self.b.engine.rekey_ike(NAME, self.network.now)
        self.network.collect()
        self.network.deliver(self.network.flight.pop(0))
        self.network.collect()
        self.network.deliver(self.network.flight.pop(0))
        self.assertEqual(self.b.states(), ["closing", "established"])
        self.b.collect()
        self.go(self.a, NEW, B)
        self.network.transfer()
        moved = self.b.of(actions.PeerMoved)
        self.assertEqual([(it.ike_id, it.remote) for it in moved], [(self.sa(self.b).ike_id, on_4500(NEW))])

    def test_an_old_move_told_in_the_old_ike_sa_is_over(self):
        # A says in both that it has moved, and the one in the old IKE SA is kept back on the way.
        self.b.engine.rekey_ike(NAME, self.network.now)
        self.network.collect()
        self.network.deliver(self.network.flight.pop(0))
        self.network.collect()
        answer = self.network.flight.pop(0)
        self.go(self.a, NEW, B)
        self.network.collect()
        old, new = self.network.flight
        self.network.flight = []
        self.network.deliver(answer)
        self.network.deliver(new)
        self.network.transfer()
        place, count = self.sa(self.b).remote, len(self.moves(self.b))
        self.network.hand_over(actions.SendDatagram(old.data, (NEW[0], 9999), on_4500(B)))
        self.network.transfer()
        self.assertEqual((self.sa(self.b).remote, len(self.moves(self.b))), (place, count))
        self.assertEqual([self.sa(side).nat.name for side in (self.a, self.b)], ["none", "none"])

    def test_what_the_old_ike_sa_was_not_answered_is_asked_in_the_new_one(self):
        # A's move has arrived, the answer to it was lost, and B rekeys the IKE SA and deletes the old one. What A knows
        # of translators comes with that answer; B's question whether A is there must not get lost, either.
        for lost in ("answer", "question"):
            self.setUp()
            self.network.put_before(PUBLIC, [INSIDE[0]])
            self.go(self.a, INSIDE, B)
            self.network.collect()
            self.network.deliver(self.network.flight.pop(0))
            self.network.collect()
            question, answer = self.network.flight
            self.network.flight = [question if lost == "answer" else answer]
            self.network.transfer()
            rekeyer = self.b if lost == "answer" else self.a
            rekeyer.engine.rekey_ike(NAME, self.network.now)
            self.network.transfer()
            self.network.wait(10_000)
            self.assertEqual([self.sa(side).nat.name for side in (self.a, self.b)], ["here", "there"], lost)
            self.assertFalse(self.sa(self.b).hints.is_unverified, lost)
            self.assertEqual(len(self.moves(self.a)), 1, lost)

    def test_while_the_ike_sa_is_being_rekeyed(self):
        # Either begins to rekey; after any number of deliveries A moves; what was in flight is lost or arrives.
        for rekeyer in (0, 1):
            for deliveries in range(5):
                for arrives in (False, True):
                    self.setUp()
                    side = (self.a, self.b)[rekeyer]
                    side.engine.rekey_ike(NAME, self.network.now)
                    self.network.collect()
                    for _ in range(deliveries):
                        if self.network.flight:
                            self.network.deliver(self.network.flight.pop(0))
                            self.network.collect()
                    in_flight, self.network.flight = self.network.flight, []
                    self.assertTrue(self.go(self.a, NEW, B))
                    if arrives:
                        self.network.flight = [sent for sent in in_flight if sent.destination != on_4500(A)]
                    self.network.transfer()
                    self.network.wait(60_000)
                    self.check_joined()
                    moved = self.b.of(actions.PeerMoved)[-1]
                    self.assertEqual(moved.remote, on_4500(NEW))
                    self.assertEqual(len(self.a.of(actions.IkeRekeyed)), 1)

    def test_found_by_an_answer_on_the_one_that_is_rekeyed(self):
        # The hub asks on the old IKE SA where the peer has gone, and hears of it when the new one is up already.
        translator = self.network.put_before(PUBLIC, [INSIDE[0]])
        self.go(self.a, INSIDE, B)
        self.network.transfer()
        self.network.now += 2000
        translator.forget()
        self.a.engine.rekey_ike(NAME, self.network.now)
        self.network.transfer()
        seen = (PUBLIC, FIRST_PORT + 1)
        self.assertEqual([sa.remote for sa in self.b.engine.table.list_all() if sa.state == "established"], [seen])
        self.assertEqual(self.b.of(actions.PeerMoved)[-1].remote, seen)
        self.b.engine.check_peer(NAME, self.network.now)
        self.network.transfer()
        self.assertFalse(self.sa(self.b).requests.is_waiting)

    def test_a_hint_on_the_one_that_is_rekeyed_is_for_its_successor(self):
        translator = self.network.put_before(PUBLIC, [INSIDE[0]])
        self.go(self.a, INSIDE, B)
        self.network.transfer()
        self.network.now += 2000
        self.a.engine.rekey_ike(NAME, self.network.now)
        self.network.collect()
        for _ in range(2):
            self.network.deliver(self.network.flight.pop(0))
            self.network.collect()
        translator.forget()  # between the answer and the DELETE of the old one
        self.network.transfer()
        self.assertEqual(self.sa(self.b).remote, (PUBLIC, FIRST_PORT + 1))

    def test_a_translator_is_kept_open_by_the_newest(self):
        self.network.put_before(PUBLIC, [INSIDE[0]])
        self.go(self.a, INSIDE, B)
        self.network.transfer()
        self.a.engine.rekey_ike(NAME, self.network.now)
        self.network.transfer()
        self.network.wait(5 * KEEPALIVE_MS)
        kept = kept_open(self.a)
        self.assertTrue(4 <= len(kept) <= 5, len(kept))
        self.a.engine.rekey_child(NAME, self.spi(self.a), self.network.now)
        self.network.transfer()
        self.assertEqual(self.pairs(self.b)[-1], (B[0], PUBLIC, (4500, FIRST_PORT)))
