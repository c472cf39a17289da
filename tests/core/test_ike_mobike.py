"""MOBIKE: an IKE SA goes on from other addresses, and nobody else can make it."""

from __future__ import annotations

import unittest

from isthmus.proto import actions
from isthmus.proto.ike2 import mobike, nat, states
from isthmus.proto.ike2.quiet import MAX_SUBJECTS
from isthmus.proto.ike2.sealing import seal
from isthmus.proto.ike2.times import KEEPALIVE_MS
from isthmus.wire import ike_numbers as num
from isthmus.wire.addr import parse_ip
from isthmus.wire.ike import FLAG_INITIATOR, Header, push_message
from isthmus.wire.ike_payloads import DeletePayload, NotifyPayload
from tests.core.ike_moving import (
    INSIDE,
    NEW,
    NEW_B,
    NEWER,
    PUBLIC,
    VICTIM,
    Moving,
    kept_open,
    on_4500,
    update,
)
from tests.core.ike_pair import NAME, A, B, Pair, agreed, make_connection
from tests.core.ike_tamper import reseal
from tests.core.ike_translator import FIRST_PORT, Network


class Agreement(unittest.TestCase):
    def told(self, a, b):
        pair = Pair(0, make_connection("A", **a), make_connection("B", **b)).connect()
        self.assertTrue(agreed(pair))
        return [side.of(actions.IkeUp)[0].mobike for side in (pair.a, pair.b)]

    def test_both_must_want_it(self):
        self.assertEqual(self.told({}, {}), [True, True])
        for a, b in ((False, True), (True, False), (False, False)):
            self.assertEqual(self.told({"mobike": a}, {"mobike": b}), [False, False])

    def test_strangers_stay_on_500_until_they_move(self):
        network = Network()
        a = network.add(make_connection("A", mode=actions.TRANSPORT))
        b = network.add(make_connection("B", mode=actions.TRANSPORT))
        a.engine.initiate(NAME, network.now)
        network.transfer()
        self.assertEqual([side.of(actions.IkeUp)[0].mobike for side in (a, b)], [True, True])
        self.assertEqual({seen.destination[1] for seen in network.arrived}, {500})
        a.endpoint = NEW
        self.assertTrue(a.engine.move(NAME, NEW, B, network.now))
        a.engine.rekey_child(NAME, a.of(actions.ChildUp)[0].inbound.spi, network.now)
        network.transfer()
        self.assertEqual(b.of(actions.PeerMoved)[0].remote, on_4500(NEW))
        for side, here, there in ((a, NEW, B), (b, B, NEW)):
            up = side.of(actions.ChildUp)[-1].outbound
            self.assertEqual((up.source, up.destination), (here[0], there[0]))
            self.assertEqual((up.ts_source.first, up.ts_destination.first), (here[0], there[0]))

    def test_other_addresses_of_the_peer_are_passed_over(self):
        pair = Pair()
        pair.initiate()
        pair.deliver()
        pair.deliver()
        numbers = {name: number for number, name, _ in num.NOTIFY_TYPES}
        extra = [
            NotifyPayload(numbers["ADDITIONAL_IP4_ADDRESS"], NEW[0]),
            NotifyPayload(numbers["ADDITIONAL_IP6_ADDRESS"], bytes(16)),
            NotifyPayload(numbers["NO_ADDITIONAL_ADDRESSES"]),
        ]
        reseal(pair, pair.a, lambda payloads: payloads + extra)
        pair.transfer()
        self.assertTrue(agreed(pair))
        pair.a.engine.request(pair.a.engine.table.list_all()[0], num.INFORMATIONAL, extra, pair.now)
        pair.transfer()
        self.assertEqual(pair.a.states() + pair.b.states(), ["established", "established"])


class WeMove(Moving):
    def test_initiator(self):
        self.assertTrue(self.go(self.a, NEW, B))
        self.network.transfer()
        self.assertEqual(self.moves(self.a), [(on_4500(NEW), on_4500(B), None)])
        self.assertEqual(self.moves(self.b), [(on_4500(B), on_4500(NEW), None)])
        self.check_joined()

    def test_responder(self):
        self.assertTrue(self.go(self.b, NEW_B, A))
        self.network.transfer()
        self.assertEqual(self.moves(self.a), [(on_4500(A), on_4500(NEW_B), None)])
        self.check_joined()

    def test_responder_of_a_stranger_does_not(self):
        self.sa(self.b).peer_is_isthmus = False
        self.assertFalse(self.go(self.b, NEW_B, A))
        self.assertEqual(self.b.collect(), [])

    def test_both_at_once(self):
        self.go(self.a, NEW, B)
        self.go(self.b, NEW_B, A)
        self.network.collect()
        self.network.transfer()
        # Each has spoken to where the other was: now they call where the other is.
        self.a.engine.move(NAME, NEW, NEW_B, self.network.now)
        self.network.transfer()
        self.network.wait(20_000)
        self.assertEqual(self.moves(self.b)[-1], (on_4500(NEW_B), on_4500(NEW), None))
        self.check_joined()

    def test_without_mobike(self):
        pair = Pair(0, make_connection("A", mobike=False)).connect()
        self.assertFalse(pair.a.engine.move(NAME, NEW, B, pair.now))
        self.assertEqual(pair.a.collect(), [])
        self.assertFalse(Pair().a.engine.move(NAME, NEW, B, 0))
        self.assertFalse(pair.a.engine.move("nobody", NEW, B, 0))

    def test_behind_a_translator_and_out_again(self):
        translator = self.network.put_before(PUBLIC, [INSIDE[0]])
        self.go(self.a, INSIDE, B)
        self.network.transfer()
        self.assertEqual(self.moves(self.a), [(on_4500(INSIDE), on_4500(B), (4500, 4500))])
        seen = (PUBLIC, FIRST_PORT)
        self.assertEqual(self.moves(self.b), [(on_4500(B), seen, (4500, FIRST_PORT))])
        self.assertEqual((self.sa(self.a).nat.name, self.sa(self.b).nat.name), ("here", "there"))
        self.network.wait(3 * KEEPALIVE_MS)
        kept = kept_open(self.a)
        self.assertTrue(2 <= len(kept) <= 3, len(kept))
        # The translator starts anew, and the next word is followed.
        translator.forget()
        self.a.engine.check_peer(NAME, self.network.now)
        self.network.transfer()
        self.assertEqual(self.sa(self.b).remote, (PUBLIC, FIRST_PORT + 1))
        self.go(self.a, NEW, B)
        self.network.transfer()
        self.assertEqual(self.moves(self.a)[-1], (on_4500(NEW), on_4500(B), None))
        self.assertEqual(self.moves(self.b)[-1], (on_4500(B), on_4500(NEW), None))
        self.network.wait(3 * KEEPALIVE_MS)
        self.assertEqual(self.a.engine.get_timer(), None)
        self.check_joined()

    def test_a_translator_shows_us_elsewhere(self):
        # A peer that follows nobody by itself (RFC 4555 section 3.8) is told by who notices it from the answers.
        translator = self.network.put_before(PUBLIC, [INSIDE[0]])
        self.go(self.a, INSIDE, B)
        self.network.transfer()
        follow, nat.follow = nat.follow, lambda *_: None
        try:
            translator.forget()
            self.a.engine.check_peer(NAME, self.network.now)
            self.network.transfer()
        finally:
            nat.follow = follow
        self.assertEqual(self.sa(self.b).remote, (PUBLIC, FIRST_PORT + 1))
        self.assertFalse(self.sa(self.b).requests.is_waiting)

    def test_to_ipv6(self):
        new, there = (parse_ip("2001:db8:1::2"), 500), (parse_ip("2001:db8:2::2"), 500)
        self.b.endpoint = there
        self.assertTrue(self.go(self.a, new, there))
        self.network.transfer()
        self.assertEqual(self.moves(self.b), [(on_4500(there), on_4500(new), None)])
        self.check_joined()


class UnderWay(Moving):
    def test_a_question_goes_on_from_the_new_address(self):
        self.a.engine.check_peer(NAME, self.network.now)
        self.assertEqual(len(self.a.collect()), 1)  # lost with the old address
        self.go(self.a, NEW, B)
        sent = self.a.collect()
        self.assertEqual([datagram.source for datagram in sent], [on_4500(NEW)])
        self.network.flight = sent
        self.network.transfer()
        self.assertEqual(self.moves(self.b), [(on_4500(B), on_4500(NEW), None)])
        self.check_joined()

    def test_an_answer_was_lost_with_the_old_address(self):
        self.a.engine.check_peer(NAME, self.network.now)
        self.network.deliver(self.a.collect()[0])
        self.assertEqual(len(self.b.collect()), 1)
        self.go(self.a, NEW, B)
        self.network.transfer()
        self.check_joined()

    def test_moving_on_before_the_first_move_is_answered(self):
        self.go(self.a, NEW, B)
        self.assertEqual(len(self.a.collect()), 1)  # lost
        self.go(self.a, NEWER, B)
        self.network.transfer()
        self.assertEqual(self.moves(self.a), [(on_4500(NEWER), on_4500(B), None)])
        self.assertEqual(self.moves(self.b)[-1], (on_4500(B), on_4500(NEWER), None))
        self.check_joined()

    def test_a_question_of_the_peer_follows_at_once(self):
        self.b.engine.check_peer(NAME, self.network.now)
        self.b.collect()  # lost at the old address
        self.go(self.a, NEW, B)
        self.network.transfer()
        self.assertFalse(self.sa(self.b).requests.is_waiting)
        self.check_joined()

    def test_older_sas_of_the_same_peer_come_along(self):
        self.a.engine.initiate(NAME, self.network.now)
        for _ in range(4):
            self.network.collect()
            self.network.deliver(self.network.flight.pop(0))
        self.a.collect()  # the DELETE of the older one is lost
        self.assertEqual(self.b.states(), ["replaced", "established"])
        self.a.endpoint = NEW
        self.assertTrue(self.a.engine.move(NAME, NEW, B, self.network.now))
        self.network.transfer()
        places = [(sa.local, sa.remote) for sa in self.b.engine.table.list_all()]
        self.assertEqual(places, [(on_4500(B), on_4500(NEW))] * 2)

    def test_and_back(self):
        for local in (NEW, A, NEW, A):
            self.go(self.a, local, B)
            self.a.collect()  # lost
        self.go(self.a, NEW, B)
        self.network.transfer()
        self.network.wait(5000)
        self.assertEqual(self.moves(self.a), [(on_4500(NEW), on_4500(B), None)])
        self.check_joined()

    def test_lost_datagrams_are_repeated(self):
        self.go(self.a, NEW, B)
        self.a.collect()
        self.network.wait(600)
        self.assertEqual(len(self.moves(self.b)), 1)
        self.check_joined()

    def test_nobody_answers(self):
        self.go(self.a, NEW, NEWER)
        self.network.transfer()
        self.network.wait(120_000)
        self.assertEqual([gone.error.code for gone in self.a.of(actions.IkeGone)], ["peer-dead"])
        self.assertEqual(self.moves(self.a), [])

    def test_what_waits_comes_after_it(self):
        # A rekeying that was asked for right behind the move is made for the new addresses.
        self.a.engine.check_peer(NAME, self.network.now)
        self.a.engine.request(self.sa(self.a), num.INFORMATIONAL, [NotifyPayload(50_000)], self.network.now)
        self.go(self.a, NEW, B)
        tasks = [type(task) for task in self.sa(self.a).requests.queue]
        self.assertEqual(tasks[0], mobike.Update)
        self.assertEqual(len(tasks), 2)
        self.network.transfer()
        self.check_joined()


class Refused(Moving):
    def test_addresses_that_nobody_has(self):
        impossible = ("127.0.0.1", "0.0.0.0", "224.0.0.5", "255.255.255.255", "::1", "::", "ff02::1")
        for number, text in enumerate(impossible):
            self.setUp()
            datagram = self.ask(self.a, [update()])
            source = (parse_ip(text), 4500 if number else 0)
            self.network.hand_over(actions.SendDatagram(datagram.data, source, on_4500(B)))
            # No peer is there: it is a copy, and a refusal would be told to whom it is not about.
            self.assertEqual(self.b.collect(), [], text)
            self.assertEqual((self.moves(self.b), self.sa(self.b).remote), ([], on_4500(A)), text)
            self.network.deliver(datagram)
            self.network.transfer()
            self.check_joined()

    def test_is_told_to_who_moves(self):
        self.go(self.a, NEW, B)
        self.network.deliver(self.a.collect()[0])
        self.network.flight = [self.b.collect()[-1]]
        reseal(self.network, self.b, lambda _: [NotifyPayload(num.UNACCEPTABLE_ADDRESSES)])
        self.network.transfer()
        gone = self.a.of(actions.IkeGone)[0]
        self.assertEqual(gone.error.code, "move-refused")
        self.assertTrue("UNACCEPTABLE_ADDRESSES" in gone.error.message, gone.error.message)

    def test_without_mobike_nobody_moves(self):
        self.sa(self.b).mobike = False
        datagram = self.ask(self.a, [update()])
        self.network.hand_over(actions.SendDatagram(datagram.data, (A[0], 9999), on_4500(B)))
        self.assertEqual((self.moves(self.b), self.sa(self.b).remote), ([], on_4500(A)))
        self.network.hand_over(actions.SendDatagram(datagram.data, on_4500(NEW), on_4500(B)))
        self.assertEqual(self.b.engine.counters["wrong-source"], 1)

    def test_nor_does_an_heir_hear_what_is_led_astray(self):
        """Not even the DELETE in it: found by mutated messages, when it ended the engine."""
        pair = Pair(0).connect()
        for side in (pair.a, pair.b):
            side.engine.rekey_ike(NAME, pair.now)
        pair.collect()
        pair.deliver()
        heir = next(sa for sa in pair.b.engine.table.list_all() if sa.state == states.HEIR)
        heir.nat.is_understood = True
        header = Header(heir.spi_i, heir.spi_r, num.INFORMATIONAL, 0 if heir.role == "initiator" else FLAG_INITIATOR, 0)
        content = [DeletePayload(num.PROTO_IKE, []), update()]
        pair.b.collect()
        pair.b.engine.receive(seal(heir.cipher_in, header, content), heir.remote, (B[0], 500), pair.now)
        self.assertEqual((pair.b.engine.counters["wrong-source"], heir.state), (1, states.HEIR))
        self.assertEqual(pair.b.collect(), [])

    def prohibition(self, source, destination):
        ports = source[1].to_bytes(2, "big") + destination[1].to_bytes(2, "big")
        return NotifyPayload(num.NO_NATS_ALLOWED, source[0] + destination[0] + ports)

    def test_translators_that_the_peer_forbids(self):
        datagram = self.ask(self.a, [update(), self.prohibition(on_4500(A), on_4500(B))])
        self.network.hand_over(actions.SendDatagram(datagram.data, on_4500(NEW), on_4500(B)))
        self.assertEqual((self.moves(self.b), self.sa(self.b).remote), ([], on_4500(A)))
        answer = self.b.collect()[-1]
        self.a.engine.receive(answer.data, on_4500(B), on_4500(A), self.network.now)
        datagram = self.ask(self.a, [update(), self.prohibition(on_4500(NEW), on_4500(B))])
        self.network.hand_over(actions.SendDatagram(datagram.data, on_4500(NEW), on_4500(B)))
        self.b.collect()
        self.assertEqual(len(self.moves(self.b)), 1)

    def test_translators_that_the_peer_forbids_from_the_beginning(self):
        for source, codes in ((A, ["nat-forbidden"]), (on_4500(A), [])):
            pair = Pair()
            pair.initiate()
            pair.deliver()
            pair.deliver()
            reseal(pair, pair.a, lambda payloads, at=source: payloads + [self.prohibition(at, on_4500(B))])
            pair.transfer()
            self.assertEqual([failed.error.code for failed in pair.b.of(actions.Failed)], codes)
            self.assertEqual(len(pair.b.children()), 1 - len(codes))


class Routability(Moving):
    def test_cookie2_is_answered(self):
        for length in (8, 64):
            self.ask(self.a, [NotifyPayload(num.COOKIE2, bytes(range(length)))])
            said = []
            self.network.flight = [self.a.of(actions.SendDatagram)[-1]]
            self.network.deliver(self.network.flight.pop())
            answers = self.b.collect()
            self.assertEqual(len(answers), 1)
            self.network.flight = answers
            reseal(self.network, self.b, lambda payloads, said=said: said.extend(payloads) or payloads)
            self.assertEqual(said, [NotifyPayload(num.COOKIE2, bytes(range(length)))])
            self.network.transfer()

    def test_the_new_address_is_asked(self):
        self.go(self.a, NEW, B)
        self.network.transfer()
        # IKE_SA_INIT, IKE_AUTH, UPDATE_SA_ADDRESSES, COOKIE2
        self.assertEqual(len(self.network.arrived), 8)
        self.assertEqual(self.network.arrived[-2].destination, on_4500(NEW))

    def answer_wrongly(self, change):
        self.go(self.a, NEW, B)
        self.network.collect()
        self.network.deliver(self.network.flight.pop(0))
        self.network.collect()  # the answer, and B's question
        self.network.deliver(self.network.flight.pop(0))
        self.network.deliver(self.network.flight.pop(0))
        self.network.collect()
        reseal(self.network, self.a, change)
        self.network.transfer()
        self.assertEqual([gone.error.code for gone in self.b.of(actions.IkeGone)], ["syntax"])

    def test_another_cookie(self):
        self.answer_wrongly(lambda _: [NotifyPayload(num.COOKIE2, bytes(16))])

    def test_no_cookie(self):
        self.answer_wrongly(lambda _: [])

    def test_a_forged_source_harms_nobody_but_the_forger(self):
        # On the way somebody is faster with a copy of the update that seems to come from a victim.
        self.go(self.a, NEW, B)
        datagram = self.a.collect()[0]
        self.network.hand_over(actions.SendDatagram(datagram.data, VICTIM, on_4500(B)))
        self.network.deliver(datagram)
        self.network.transfer()
        self.network.wait(30_000)
        self.check_joined()
        hits = [sent for sent in self.b.of(actions.SendDatagram) if sent.destination == VICTIM]
        self.assertTrue(len(hits) <= 3, len(hits))
        self.assertEqual(self.moves(self.b)[-1][1], on_4500(NEW))

    def test_old_updates_do_not_turn_it_back(self):
        self.go(self.a, NEW, B)
        self.network.transfer()
        recorded = list(self.network.arrived)
        self.go(self.a, NEWER, B)
        self.network.transfer()
        count = len(self.moves(self.b))
        for seen in recorded:
            self.network.hand_over(seen)
            self.network.transfer()
        self.network.wait(10_000)
        self.assertEqual(len(self.moves(self.b)), count)
        self.check_joined()

    def test_updates_without_end_keep_one_question(self):
        # A peer says that it moves again and again, and answers nothing that it is asked.
        for number in range(50):
            update_now = self.ask(self.a, [update()])
            elsewhere = (VICTIM[0][:3] + bytes([number]), 4500)
            self.network.hand_over(actions.SendDatagram(update_now.data, elsewhere, on_4500(B)))
            self.sa(self.a).requests.finish()
            self.b.collect()
        self.assertEqual(len(self.moves(self.b)), 50)
        requests = self.sa(self.b).requests
        self.assertTrue(requests.is_waiting)
        self.assertEqual(len(requests.queue), 1)

    def test_last_update_from_another_address(self):
        self.go(self.a, NEW, B)
        self.network.transfer()
        updates = [seen for seen in self.network.arrived if seen.source == on_4500(NEW)]
        count = len(self.moves(self.b))
        for seen in updates:
            self.network.hand_over(actions.SendDatagram(seen.data, VICTIM, on_4500(B)))
            self.network.transfer()
        self.network.wait(10_000)
        self.assertEqual(len(self.moves(self.b)), count)
        self.check_joined()


class Mapped(unittest.TestCase):
    """The kernel sees ESP come from elsewhere."""

    def setUp(self):
        self.network = Network()
        self.a = self.network.add(make_connection("A", local=INSIDE))
        self.b = self.network.add(make_connection("B"))
        self.translator = self.network.put_before(A[0], [INSIDE[0]])
        self.a.engine.initiate(NAME, self.network.now)
        self.network.transfer()
        self.spi = next(iter(self.b.children().values())).inbound.spi

    def hint(self, endpoint, spi=None):
        self.b.engine.mapped(NAME, spi or self.spi, endpoint, self.network.now)
        self.network.transfer()

    def moves(self):
        return [(moved.remote, moved.encap) for moved in self.b.of(actions.PeerMoved)]

    def test_the_translator_has_mapped_anew(self):
        self.translator.forget()
        port = self.translator.go_out(on_4500(INSIDE))[1]  # ESP was first through it
        self.hint((A[0], port))
        self.assertEqual(self.moves(), [((A[0], port), (4500, port))])

    def test_a_flood_of_strangers_does_not_hide_it(self):
        header = Header(bytes(range(8)), bytes(range(8)), num.INFORMATIONAL, FLAG_INITIATOR, 1)
        self.b.engine.set_connection(make_connection("B", name="anybody", remote=None))
        for number in range(2 * MAX_SUBJECTS):
            source = (bytes([203, 0, number // 256, number % 256]), 500)
            self.b.engine.receive(push_message(header, [update()]), source, B, self.network.now)
        self.assertEqual(len(self.b.engine.take_actions()), MAX_SUBJECTS)
        self.test_the_translator_has_mapped_anew()

    def test_while_a_question_waits(self):
        self.translator.forget()
        self.b.engine.check_peer(NAME, self.network.now)
        self.network.transfer()
        port = self.translator.go_out(on_4500(INSIDE))[1]
        self.hint((A[0], port))
        self.assertEqual(self.moves(), [((A[0], port), (4500, port))])

    def test_a_lie_moves_nothing(self):
        for endpoint in ((A[0], 9999), VICTIM):
            self.hint(endpoint)
            self.network.wait(60_000)
        self.assertEqual(self.moves(), [])
        self.assertEqual(self.b.states(), ["established"])
        self.assertTrue(len([s for s in self.b.of(actions.SendDatagram) if s.destination == VICTIM]) <= 1)

    def test_many_lies_cost_little(self):
        before = len(self.b.of(actions.SendDatagram))
        for port in range(10_000, 10_100):
            self.hint((A[0], port))
        self.assertTrue(len(self.b.of(actions.SendDatagram)) - before <= 2)

    def test_of_an_unknown_sa(self):
        before = len(self.b.of(actions.SendDatagram))
        self.hint((A[0], 9999), b"\x11\x22\x33\x44")
        self.assertEqual(len(self.b.of(actions.SendDatagram)), before)
