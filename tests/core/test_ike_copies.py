"""Copies of the peer's own datagrams, under other addresses or ports: who sends them again moves and ends nothing."""

from __future__ import annotations

import unittest

from isthmus.proto import actions
from isthmus.wire import ike_numbers as num
from isthmus.wire.addr import parse_ip
from isthmus.wire.buffer import Reader
from isthmus.wire.ike import FLAG_RESPONSE, pull_message, push_message
from tests.core.attacks.scenes import answers
from tests.core.ike_moving import NEW, Moving, on_4500
from tests.core.ike_pair import NAME, A, B, Pair, agreed, make_connection
from tests.core.ike_rekey import COMMANDS
from tests.core.test_ike_nat import FLOATED_B, INSIDE_B, joined, only_sa, told

PORTS = (500, 4500, 9999)


def places(side):
    return [(sa.local, sa.remote) for sa in side.engine.table.list_all()]


class LastRequest(unittest.TestCase):
    """The last request of the peer comes again, from and to every port that IKE has, and from one that it has not."""

    def replay(self, network, asker, victim):
        """A question of `asker` arrives, is answered, and comes again in every way."""
        asker.engine.check_peer(NAME, network.now)
        network.transfer()
        request = network.arrived[-2]
        before = places(victim)
        for there in PORTS:
            for here in PORTS[:2]:
                source, destination = (request.source[0], there), (request.destination[0], here)
                network.hand_over(actions.SendDatagram(request.data, source, destination))
                network.collect()
                network.flight = []
        self.assertEqual(places(victim), before)
        self.assertEqual(victim.of(actions.PeerMoved), [])

    def test_behind_a_translator_the_hub_stays_where_it_is(self):
        for mobike in (True, False):
            network, a, b = joined(a_inside=True, mobike=mobike)
            self.replay(network, b, a)

    def test_forced_encapsulation_stays(self):
        network, a, b = joined(force_a=True, force_b=True)
        self.replay(network, a, b)
        self.replay(network, b, a)

    def test_without_a_translator(self):
        for mobike in (True, False):
            network, a, b = joined(mobike=mobike)
            self.replay(network, a, b)
            self.replay(network, b, a)


class Proof(unittest.TestCase):
    """A copy of IKE_AUTH is faster than the true one."""

    def test_to_port_500_of_a_hub_whose_peer_is_behind_a_translator(self):
        # From behind a translator a proof comes to 4500. At 500 the hub would have ESP without UDP.
        for there in (40_001, 9999):
            network, _, b = joined_but_proof(a_inside=True)
            proof = network.flight.pop(0)
            network.hand_over(actions.SendDatagram(proof.data, (A[0], there), B))
            self.assertEqual(b.collect(), [])
            network.deliver(proof)
            network.transfer()
            self.assertEqual((only_sa(b).local, only_sa(b).remote), (FLOATED_B, (A[0], 40_001)))
            self.assertEqual(told(b)[1:], ((40_001, 4500), (4500, 40_001)))

    def test_its_answer_from_port_500_which_was_not_asked(self):
        network, a, _ = joined_but_proof(a_inside=False)
        network.deliver(network.flight.pop(0))
        network.collect()
        answer = network.flight.pop(0)
        network.hand_over(actions.SendDatagram(answer.data, B, A))
        network.transfer()
        self.assertEqual((only_sa(a).local, only_sa(a).remote), (on_4500(A), FLOATED_B))

    def test_from_a_port_that_nobody_has(self):
        # The kernel takes no SA with UDP port 0.
        network, _, b = joined_but_proof(a_inside=True)
        proof = network.flight.pop(0)
        for there in (A[0], on_4500(NEW)[0]):
            network.hand_over(actions.SendDatagram(proof.data, (there, 0), FLOATED_B))
        self.assertEqual(b.collect(), [])
        network.deliver(proof)
        network.transfer()
        self.assertEqual(told(b)[1:], ((40_001, 4500), (4500, 40_001)))

    def test_its_repetition_changes_no_ports(self):
        # Behind a translator, or as if behind one, nobody proves himself from port 500.
        network, _, b = joined(force_a=True)
        proof = next(seen for seen in network.arrived if seen.destination == FLOATED_B)
        network.hand_over(actions.SendDatagram(proof.data, A, B))
        network.transfer()
        self.assertEqual(only_sa(b).remote, on_4500(A))
        self.assertEqual(b.of(actions.PeerMoved), [])


def joined_but_proof(a_inside):
    """As joined(), up to where A's IKE_AUTH is in flight."""
    network, a, b = joined(a_inside=a_inside)
    for side in (a, b):
        side.engine.delete(NAME, network.now)
    network.transfer()
    network.wait(60_000)
    for side in (a, b):
        side.done.clear()
    a.engine.initiate(NAME, network.now)
    network.collect()
    for _ in range(2):
        network.deliver(network.flight.pop(0))
        network.collect()
    return network, a, b


class NewsOfAMove(Moving):
    def test_to_port_500(self):
        # A says from 4500 that it has moved, and to 4500. At 500 ESP would go without UDP, and the other way with it.
        for there in (4500, 9999):
            self.setUp()
            self.go(self.a, NEW, B)
            news = self.a.collect()[0]
            self.network.hand_over(actions.SendDatagram(news.data, (NEW[0], there), B))
            self.assertEqual(self.b.collect(), [])
            self.network.deliver(news)
            self.network.transfer()
            self.check_joined()
            self.assertEqual(self.moves(self.b), [(on_4500(B), on_4500(NEW), None)])

    def test_to_another_address_of_ours(self):
        other = on_4500((parse_ip("192.168.20.1"), 500))
        self.go(self.a, NEW, B)
        news = self.a.collect()[0]
        self.network.hand_over(actions.SendDatagram(news.data, on_4500(NEW), other))
        self.b.engine.receive(news.data, on_4500(NEW), other, self.network.now)
        self.b.collect()
        self.network.deliver(news)
        self.network.transfer()
        self.assertEqual(places(self.b), [(on_4500(B), on_4500(NEW))])
        self.b.engine.receive(news.data, on_4500(NEW), other, self.network.now)
        self.network.transfer()
        self.assertEqual(places(self.b), [(on_4500(B), on_4500(NEW))])
        self.check_joined()

    def test_from_another_port_to_one_behind_a_translator(self):
        network, a, b = joined(b_inside=True)
        a.endpoint = NEW
        a.engine.move(NAME, NEW, B, network.now)
        news = a.collect()[0]
        network.hand_over(actions.SendDatagram(news.data, (NEW[0], 9999), on_4500(INSIDE_B)))
        network.collect()
        network.flight = []
        network.deliver(news)
        network.transfer()
        network.wait(10_000)
        self.assertEqual(only_sa(b).remote, on_4500(NEW))
        self.assertEqual(b.of(actions.PeerMoved)[-1].encap, (4500, 4500))


class AnswerToAMove(Moving):
    def move_with_a_copy_of_the_answer(self, copies):
        """A moves. Before B's answer arrives, a copy does, from a port where there is no B."""
        self.go(self.a, NEW, B)
        self.network.collect()
        while self.network.flight:
            sent = self.network.flight.pop(0)
            if copies and sent.destination[0] == NEW[0] and sent.data[19] & FLAG_RESPONSE:
                copies -= 1
                self.network.hand_over(actions.SendDatagram(sent.data, (B[0], 9999), sent.destination))
            self.network.deliver(sent)
            self.network.collect()

    def test_it_does_not_make_a_translator(self):
        # One side with ESP in UDP and the other without would not hear each other again, and IKE would never notice.
        for copies in (1, 2):
            self.setUp()
            self.move_with_a_copy_of_the_answer(copies)
            self.network.wait(10_000)
            self.check_joined()
            self.assertEqual([self.sa(side).nat.name for side in (self.a, self.b)], ["none", "none"])
            self.assertEqual(self.moves(self.a), [(on_4500(NEW), on_4500(B), None)])
            self.assertEqual(self.moves(self.b), [(on_4500(B), on_4500(NEW), None)])


class OneAttemptTwice(unittest.TestCase):
    """A's beginning arrives twice, once as from another port; whoever did that hands both answers on to A."""

    def begin(self, joins):
        pair = Pair()
        pair.initiate()
        request = pair.flight.pop()
        for source in ((A[0], 9999), A):
            pair.b.engine.receive(request.data, source, B, pair.now)
        for answer in pair.b.collect():
            pair.a.engine.receive(answer.data, B, A, pair.now)
        first, second = pair.a.collect()
        for proof in (first, second) if joins else (first,):
            pair.b.engine.receive(proof.data, proof.source, proof.destination, pair.now)
        pair.transfer()
        return pair, second

    def check_one(self, pair):
        pair.wait(1_000)
        self.assertTrue(agreed(pair))
        self.assertTrue(answers(pair))
        self.assertEqual((pair.a.states(), pair.b.states()[:1]), (["established"], ["established"]))

    def test_only_one_becomes_an_sa(self):
        self.check_one(self.begin(True)[0])

    def test_the_other_is_kept_back_for_later(self):
        for word in ("nothing", "rekey-ike"):
            pair, second = self.begin(False)
            if word in COMMANDS:
                COMMANDS[word](pair.a, pair.now)
                pair.transfer()
            pair.b.engine.receive(second.data, second.source, second.destination, pair.now)
            pair.transfer()
            pair.wait(40_000)
            self.check_one(pair)


class ForgedAnswer(unittest.TestCase):
    def test_it_does_not_hide_why_the_peer_refuses(self):
        # Behind a forged answer to IKE_SA_INIT comes the true one, whose sender does not know our key.
        for seed in range(2):
            pair = Pair(seed, make_connection("A", psk=b"another one entirely"))
            pair.initiate()
            pair.deliver()
            message = pull_message(Reader(pair.flight[0].data))
            for payload in message.payloads:
                if payload.type == num.NONCE:
                    payload.data = bytes(32)
            message.header.spi_r = b"forged!!"
            forged = push_message(message.header, message.payloads)
            pair.a.engine.receive(forged, B, A, pair.now)
            pair.transfer()
            pair.wait(120_000)
            failed = pair.a.of(actions.Failed)[-1]
            self.assertEqual(failed.error.code, "unreachable")
            self.assertTrue("pre-shared key differs from ours" in failed.error.message, failed.error.message)


class WrongProof(unittest.TestCase):
    def test_who_has_no_key_moves_nothing(self):
        # He sees what goes to the peer, calls as if from there, and repeats his own refused proof from port 4500.
        ends = make_connection("A", mobike=False), make_connection("B", mobike=False)
        pair = Pair(0, ends[0], ends[1]).connect()
        before = places(pair.b)
        self.assertEqual(before, [(B, A)])
        stranger = Pair(1, make_connection("A", mobike=False, psk=b"a guess"))
        stranger.b = pair.b
        stranger.initiate()
        stranger.deliver()
        stranger.deliver()
        proof = stranger.deliver()
        self.assertEqual(pair.b.states(), ["established", "done"])
        for here in (500, 4500):
            pair.b.engine.receive(proof.data, (A[0], 4500), (B[0], here), pair.now)
        self.assertEqual(places(pair.b)[0], before[0])
        pair.flight = []
        self.assertTrue(agreed(pair))


if __name__ == "__main__":
    unittest.main()
