"""An established SA: liveness, deletes, and what its peer may and may not say."""

from __future__ import annotations

import unittest

from isthmus.proto import actions
from isthmus.proto.ike2.connection import Retransmit
from isthmus.proto.ike2.sealing import unpad
from isthmus.proto.ike2.times import LINGER_MS
from isthmus.wire import ike_numbers as num
from isthmus.wire.buffer import WireError
from isthmus.wire.ike import push_message
from isthmus.wire.ike_payloads import DeletePayload, KePayload, NoncePayload, NotifyPayload, OpaquePayload
from tests.core.ike_pair import NAME, A, B, Pair, agreed, make_connection
from tests.core.ike_tamper import open_up, reseal, reseal_bytes


def inside(side, datagram):
    """(exchange, first payload type) of a protected datagram that `side` has sent."""
    header, inner, _ = open_up(side, datagram.data)
    return header.exchange, inner


class Liveness(unittest.TestCase):
    def test_question_and_answer_are_empty(self):
        pair = Pair().connect()
        for side, other in ((pair.a, pair.b), (pair.b, pair.a)):
            side.engine.check_peer(NAME, pair.now)
            pair.collect()
            self.assertEqual(inside(side, pair.flight[0]), (num.INFORMATIONAL, 0))
            pair.deliver()
            self.assertEqual(inside(other, pair.flight[0]), (num.INFORMATIONAL, 0))
            pair.deliver()
            self.assertTrue(isinstance(side.done[-1], actions.PeerSeen))
            self.assertTrue(isinstance(other.done[-2], actions.PeerSeen))
            self.assertEqual(pair.flight, [])

    def test_one_question_at_a_time(self):
        pair = Pair().connect()
        for _ in range(5):
            pair.a.engine.check_peer(NAME, pair.now)
        pair.collect()
        self.assertEqual(len(pair.flight), 1)

    def test_nobody_to_ask(self):
        pair = Pair()
        pair.a.engine.check_peer(NAME, pair.now)
        pair.a.engine.check_peer("nobody", pair.now)
        self.assertEqual(pair.a.engine.take_actions(), [])

    def test_dead_peer(self):
        pair = Pair().connect()
        up = pair.a.of(actions.ChildUp)[0]
        pair.a.engine.check_peer(NAME, pair.now)
        while pair.a.states():
            pair.flight = []
            self.assertTrue(pair.advance())
        gone = pair.a.of(actions.ChildGone)[0]
        self.assertEqual((gone.inbound_spi, gone.outbound_spi), (up.inbound.spi, up.outbound.spi))
        self.assertEqual(gone.reason, actions.DEAD)
        self.assertEqual(pair.a.of(actions.IkeGone)[0].error.code, "peer-dead")
        self.assertEqual(pair.a.of(actions.Failed), [])

    def test_both_roles_wait_as_they_are_configured(self):
        for role in ("initiator", "responder"):
            quick = Retransmit(100, 100, 2)
            pair = Pair(0, make_connection("A", retransmit=quick), make_connection("B", retransmit=quick)).connect()
            side = pair.a if role == "initiator" else pair.b
            with self.subTest(role):
                start = pair.now
                side.engine.check_peer(NAME, pair.now)
                while side.states():
                    pair.flight = []
                    self.assertTrue(pair.advance())
                self.assertEqual(pair.now - start, 200)

    def test_question_lost_twice(self):
        pair = Pair().connect()
        pair.a.engine.check_peer(NAME, pair.now)
        pair.collect()
        first = pair.drop()
        pair.advance()
        self.assertEqual(pair.drop().data, first.data)
        pair.advance()
        pair.transfer()
        self.assertEqual(pair.a.states(), ["established"])
        self.assertEqual(pair.a.engine.get_timer(), None)

    def test_newest_is_asked(self):
        pair = Pair().connect().connect()
        before = len(pair.a.of(actions.PeerSeen))
        pair.a.engine.check_peer(NAME, pair.now)
        pair.transfer()
        newest = pair.a.of(actions.IkeUp)[-1].ike_id
        self.assertEqual([seen.ike_id for seen in pair.a.of(actions.PeerSeen)[before:]], [newest])


class Delete(unittest.TestCase):
    def test_by_us(self):
        pair = Pair().connect()
        pair.a.engine.delete(NAME, pair.now)
        pair.collect()
        names = [type(action).__name__ for action in pair.a.done[-3:]]
        self.assertEqual(names, ["SendDatagram", "ChildGone", "IkeGone"])
        self.assertEqual(pair.a.of(actions.ChildGone)[0].reason, actions.CLOSED)
        self.assertEqual(pair.a.states(), ["closing"])
        pair.transfer()
        self.assertEqual((pair.a.states(), pair.b.states()), ([], ["done"]))
        self.assertEqual(pair.b.of(actions.ChildGone)[0].reason, actions.DELETED)
        self.assertEqual(pair.b.of(actions.IkeGone)[0].error, None)
        pair.wait(LINGER_MS)
        self.assertEqual(pair.b.states(), [])
        self.assertEqual(pair.b.engine.get_timer(), None)

    def test_lost_answer_is_repeated(self):
        pair = Pair().connect()
        pair.a.engine.delete(NAME, pair.now)
        pair.collect()
        pair.deliver()
        pair.drop()
        pair.wait(600)
        self.assertEqual(pair.a.states(), [])
        self.assertEqual(len(pair.b.of(actions.IkeGone)), 1)

    def test_by_the_peer_while_we_ask(self):
        pair = Pair().connect()
        pair.b.engine.check_peer(NAME, pair.now)
        pair.collect()
        pair.drop()
        pair.a.engine.delete(NAME, pair.now)
        pair.transfer()
        sent = len(pair.b.of(actions.SendDatagram))
        pair.wait(LINGER_MS)
        self.assertEqual(len(pair.b.of(actions.SendDatagram)), sent)
        self.assertEqual(pair.b.states(), [])

    def test_by_both_at_once(self):
        pair = Pair().connect()
        pair.a.engine.delete(NAME, pair.now)
        pair.b.engine.delete(NAME, pair.now)
        pair.transfer()
        pair.wait(LINGER_MS)
        for side in (pair.a, pair.b):
            self.assertEqual(side.states(), [])
            self.assertEqual(len(side.of(actions.IkeGone)), 1)
            self.assertEqual(len(side.of(actions.ChildGone)), 1)

    def test_waits_for_the_question_under_way(self):
        pair = Pair().connect()
        pair.a.engine.check_peer(NAME, pair.now)
        pair.a.engine.delete(NAME, pair.now)
        pair.collect()
        self.assertEqual(len(pair.flight), 1)
        pair.transfer()
        self.assertEqual((pair.a.states(), pair.b.states()), ([], ["done"]))

    def test_peer_that_never_answers_is_forgotten_all_the_same(self):
        pair = Pair().connect()
        pair.a.engine.delete(NAME, pair.now)
        while pair.a.states():
            pair.flight = []
            self.assertTrue(pair.advance())
        self.assertEqual(len(pair.a.of(actions.IkeGone)), 1)
        self.assertEqual(pair.a.of(actions.Failed), [])

    def test_of_a_pending_attempt_is_silent(self):
        pair = Pair()
        pair.initiate()
        pair.a.engine.delete(NAME, pair.now)
        self.assertEqual((pair.a.states(), pair.a.engine.take_actions()), ([], []))
        pair.transfer()
        self.assertEqual(pair.a.states(), [])

    def test_of_an_attempt_whose_proof_is_on_its_way(self):
        pair = Pair()
        pair.initiate()
        pair.deliver()
        pair.deliver()
        pair.a.engine.delete(NAME, pair.now)
        self.assertEqual((pair.a.states(), pair.a.engine.take_actions()), (["abandoned"], []))
        pair.transfer()  # the peer accepts it, and hears that it is not wanted
        self.assertEqual(pair.b.children(), {})
        self.assertEqual(pair.b.of(actions.IkeGone)[0].error, None)
        self.assertEqual(pair.a.of(actions.IkeUp) + pair.a.of(actions.Failed), [])
        pair.initiate()
        pair.transfer()
        pair.wait(60_000)
        self.assertTrue(agreed(pair))
        self.assertEqual((pair.a.states(), pair.b.states()), (["established"], ["established"]))

    def test_of_the_child_alone(self):
        pair = Pair().connect()
        up = pair.b.of(actions.ChildUp)[0]
        pair.a.engine.check_peer(NAME, pair.now)
        pair.collect()
        # A's inbound SPI is what A may delete: B's outbound. Another's is passed over.
        spis = [b"\x11\x22\x33\x44", up.outbound.spi]
        reseal(pair, pair.a, lambda payloads: [DeletePayload(num.PROTO_ESP, spis)])
        pair.deliver()
        self.assertEqual(inside(pair.b, pair.flight[0]), (num.INFORMATIONAL, num.DELETE))
        self.assertEqual(pair.b.of(actions.ChildGone)[0].outbound_spi, up.outbound.spi)
        self.assertEqual(pair.b.states(), ["established"])
        self.assertEqual(pair.b.of(actions.IkeGone), [])

    def test_of_a_child_that_is_not_there(self):
        pair = Pair().connect()
        pair.a.engine.check_peer(NAME, pair.now)
        pair.collect()
        reseal(pair, pair.a, lambda payloads: [DeletePayload(num.PROTO_ESP, [b"\x11\x22\x33\x44"])])
        pair.deliver()
        self.assertEqual(inside(pair.b, pair.flight[0]), (num.INFORMATIONAL, 0))
        self.assertTrue(agreed(pair))


class Requests(unittest.TestCase):
    """Requests that A's own code would not send, on an established SA."""

    def send(self, payloads=(), exchange=num.INFORMATIONAL):
        pair = Pair().connect()
        pair.a.engine.request(pair.a.engine.table.list_all()[0], exchange, list(payloads), pair.now)
        pair.collect()
        pair.deliver()
        return pair

    def notify_in_answer(self, pair):
        header, inner, chain = open_up(pair.b, pair.flight[0].data)
        self.assertEqual((header.is_response, inner), (True, num.NOTIFY))
        return int.from_bytes(chain[6:8], "big")

    def test_further_child_sas_are_refused(self):
        good = [payload for payload in open_auth() if payload.type in (num.SA, num.TSI, num.TSR)]
        nonce = NoncePayload(bytes(32))
        pair = self.send([good[0], nonce] + good[1:], num.CREATE_CHILD_SA)
        self.assertEqual(self.notify_in_answer(pair), num.NO_ADDITIONAL_SAS)
        self.assertTrue(agreed(pair))
        key = KePayload(31, bytes(32))
        self.assertEqual(self.notify_in_answer(self.send([good[0], nonce, key], 36)), num.NO_PROPOSAL_CHOSEN)

    def test_new_child_sa_in_one_that_is_closing(self):
        pair = Pair().connect()
        good = [payload for payload in open_auth() if payload.type in (num.SA, num.TSI, num.TSR)]
        nonce = NoncePayload(bytes(32))
        sa = pair.a.engine.table.list_all()[0]
        pair.b.engine.delete(NAME, pair.now)
        pair.collect()
        pair.flight = []
        pair.a.engine.request(sa, num.CREATE_CHILD_SA, [good[0], nonce] + good[1:], pair.now)
        pair.collect()
        pair.deliver()
        self.assertEqual(self.notify_in_answer(pair), num.TEMPORARY_FAILURE)

    def test_malformed_inside_ends_the_sa_on_both_sides(self):
        pair = Pair().connect()
        pair.a.engine.check_peer(NAME, pair.now)
        pair.collect()
        pair.flight[0].data = reseal_bytes(pair.a, pair.flight[0].data, num.NOTIFY, b"\x00\x00\x00\x05\x00")
        pair.deliver()
        self.assertEqual(self.notify_in_answer(pair), num.INVALID_SYNTAX)
        self.assertEqual(pair.b.of(actions.IkeGone)[0].error.code, "syntax")
        pair.transfer()
        self.assertEqual(pair.a.children(), {})
        pair.wait(LINGER_MS)
        self.assertEqual((pair.a.states(), pair.b.states()), ([], []))

    def test_unknown_critical_payload_is_refused_and_the_sa_lives(self):
        pair = self.send([OpaquePayload(250, True, b"")])
        self.assertEqual(self.notify_in_answer(pair), num.UNSUPPORTED_CRITICAL_PAYLOAD)
        self.assertTrue(agreed(pair))

    def test_unknown_payload_and_notify_are_skipped(self):
        pair = self.send([OpaquePayload(250, False, b""), NotifyPayload(50_000), NotifyPayload(16384)])
        self.assertEqual(inside(pair.b, pair.flight[0]), (num.INFORMATIONAL, 0))
        self.assertTrue(agreed(pair))

    def test_exchanges_that_must_not_come_now(self):
        for exchange in (num.IKE_AUTH, 43, 200):
            pair = self.send([], exchange)
            self.assertEqual(pair.flight, [])
            self.assertEqual(pair.b.engine.counters["not-now"], 1)

    def test_ike_sa_init_for_an_established_sa(self):
        pair = self.send([], num.IKE_SA_INIT)
        self.assertEqual(pair.flight, [])
        self.assertTrue(agreed(pair))


def open_auth():
    """The payloads of A's IKE_AUTH request."""
    pair = Pair()
    pair.initiate()
    pair.deliver()
    pair.deliver()
    found = []
    reseal(pair, pair.a, lambda payloads: found.extend(payloads) or payloads)
    return found


class Window(unittest.TestCase):
    def setUp(self):
        self.pair = Pair().connect()
        self.pair.a.engine.check_peer(NAME, self.pair.now)
        self.pair.collect()
        self.request = self.pair.flight[0]
        self.pair.deliver()
        self.answer = self.pair.flight[0]

    def give(self, data):
        self.pair.b.engine.receive(data, A, B, self.pair.now)
        return self.pair.b.collect()

    def test_repeated_request_gets_the_identical_answer(self):
        self.assertEqual(self.give(self.request.data)[0].data, self.answer.data)
        self.assertEqual(self.pair.b.engine.counters["repeated"], 1)

    def test_same_id_with_other_bytes_is_not_answered(self):
        self.assertEqual(self.give(self.request.data[:-1] + b"\x00"), [])
        self.assertEqual(self.pair.b.engine.counters["message-id"], 1)

    def test_repetition_is_not_sent_to_whoever_asks(self):
        elsewhere = (bytes([203, 0, 113, 1]), 9)
        for count in (1, 0, 0):  # once in a second, for a peer that has moved
            self.pair.b.engine.receive(self.request.data, elsewhere, B, self.pair.now)
            self.assertEqual([answer.destination for answer in self.pair.b.collect()], [elsewhere] * count)
        self.pair.b.engine.table.list_all()[0].mobike = False
        self.pair.b.engine.receive(self.request.data, elsewhere, B, self.pair.now + 10_000)
        self.assertEqual(self.pair.b.collect(), [])
        self.pair.b.engine.receive(self.request.data, (A[0], 9), B, self.pair.now)
        self.assertEqual(self.pair.b.collect()[0].destination, (A[0], 9))

    def test_older_and_further_ids(self):
        pair = self.pair
        pair.transfer()
        pair.a.engine.check_peer(NAME, pair.now)
        pair.transfer()
        self.assertEqual(self.give(self.request.data), [])
        sa = pair.a.engine.table.list_all()[0]
        self.assertEqual(self.give(sa.seal(num.INFORMATIONAL, sa.requests.next_id + 1, False, [])[0]), [])
        self.assertEqual(pair.b.engine.counters["message-id"], 2)
        self.assertEqual(len(self.give(sa.seal(num.INFORMATIONAL, sa.requests.next_id, False, [])[0])), 1)

    def test_answer_that_nobody_waits_for(self):
        self.pair.transfer()
        for _ in range(2):
            self.pair.a.engine.receive(self.answer.data, B, A, self.pair.now)
        self.assertEqual(self.pair.a.engine.counters["not-asked"], 2)
        self.assertTrue(agreed(self.pair))

    def test_peer_s_spi_and_direction_must_be_the_sa_s(self):
        sa = self.pair.a.engine.table.list_all()[0]
        header = sa.make_header(num.INFORMATIONAL, sa.requests.next_id, False)
        header.spi_i = b"somebody"
        self.assertEqual(self.give(push_message(header, [])), [])
        self.assertEqual(self.pair.b.engine.counters["wrong-spi"], 1)
        header = sa.make_header(num.INFORMATIONAL, sa.requests.next_id, False)
        header.flags = 0
        header.spi_i, header.spi_r = header.spi_r, header.spi_i
        self.assertEqual(self.give(push_message(header, [])), [])
        self.assertEqual(self.pair.b.engine.counters["wrong-direction"], 1)

    def test_padding(self):
        for plaintext, chain in ((b"\x00", b""), (b"ab\x00", b"ab"), (b"ab\x07\x01", b"ab"), (b"\x05\x05\x02", b"")):
            self.assertEqual(unpad(plaintext), chain)
        for plaintext in (b"", b"\x01", b"a\x02", b"ab\xff"):
            with self.assertRaises(WireError):
                unpad(plaintext)

    def test_reflected_request(self):
        self.pair.a.engine.receive(self.request.data, B, A, self.pair.now)
        self.assertEqual(self.pair.a.engine.counters["unknown-spi"], 1)

    def test_payloads_in_the_clear(self):
        # The header says protected exchange, the payloads are not: no path may lead to a handler.
        sa = self.pair.a.engine.table.list_all()[0]
        header = sa.make_header(num.INFORMATIONAL, sa.requests.next_id, False)
        self.assertEqual(self.give(push_message(header, [DeletePayload(num.PROTO_IKE, [])])), [])
        self.assertEqual(self.pair.b.engine.counters["not-encrypted"], 1)
        self.assertTrue(agreed(self.pair))


class Timing(unittest.TestCase):
    def test_backoff_by_the_connection_s_values(self):
        pair = Pair()
        pair.initiate()
        times, start = [], pair.now
        while pair.a.states():
            pair.flight = []
            pair.advance()
            times.append(pair.now - start)
        self.assertEqual(times, [500, 1400, 3020, 5936, 11184, 20630, 37632])

    def test_early_calls_do_nothing(self):
        pair = Pair()
        pair.initiate()
        pair.flight = []
        for early in range(0, 500, 50):
            pair.a.engine.handle_timer(pair.now + early)
        self.assertEqual(pair.a.engine.take_actions(), [])

    def test_get_timer_is_what_handle_timer_waits_for(self):
        pair = Pair()
        self.assertEqual(pair.a.engine.get_timer(), None)
        pair.initiate()
        at = pair.a.engine.get_timer()
        pair.a.engine.handle_timer(at)
        self.assertEqual(len(pair.a.engine.take_actions()), 1)
        self.assertTrue(pair.a.engine.get_timer() > at)
