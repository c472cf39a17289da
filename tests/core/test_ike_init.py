"""IKE_SA_INIT: cookies, groups, refusals, versions, and nothing that a stranger can make grow."""

from __future__ import annotations

import unittest

from isthmus.proto import actions
from isthmus.proto.ike2 import cookie, toll
from isthmus.proto.ike2.connection import Retransmit
from isthmus.proto.ike2.times import REFUSED_MS
from isthmus.wire import ike_numbers as num
from isthmus.wire.buffer import Reader
from isthmus.wire.ike import FLAG_INITIATOR, FLAG_RESPONSE, NO_SPI, Header, pull_message, push_message
from isthmus.wire.ike_payloads import KePayload, NoncePayload, NotifyPayload, OpaquePayload, SaPayload
from tests.core.ike_pair import IKE, NAME, A, B, Pair, Random, Side, agreed, make_connection

MODP = "aes128-sha256-prfsha256-modp2048"


def read(datagram):
    return pull_message(Reader(datagram.data))


def types(datagram):
    return [payload.type for payload in read(datagram).payloads]


def forge(pair, payloads, spi_r=NO_SPI, message_id=0):
    """An answer to A's waiting IKE_SA_INIT that anybody on the way could have sent."""
    spi_i = pair.a.engine.table.list_all()[-1].spi_i
    header = Header(spi_i, spi_r, num.IKE_SA_INIT, FLAG_RESPONSE, message_id)
    pair.a.engine.receive(push_message(header, payloads), B, A, pair.now)
    pair.collect()


def begin(pair, number, source=A):
    """A stranger's IKE_SA_INIT request at B, well formed and different for each number."""
    random = Random("stranger %s" % (number,))
    request = read(pair.first)
    payloads = [
        payload if not isinstance(payload, NoncePayload) else NoncePayload(random(32)) for payload in request.payloads
    ]
    header = Header(random(8), NO_SPI, num.IKE_SA_INIT, FLAG_INITIATOR, 0)
    datagram = push_message(header, payloads)
    pair.b.engine.receive(datagram, source, B, pair.now)
    return datagram, pair.b.collect()


class Groups(unittest.TestCase):
    def test_other_group_is_used_when_the_peer_asks(self):
        pair = Pair(0, make_connection("A", IKE + " " + MODP), make_connection("B", MODP))
        pair.initiate()
        pair.deliver()
        self.assertEqual(types(pair.flight[0]), [num.NOTIFY])
        self.assertEqual(pair.b.states(), [])
        pair.transfer()
        self.assertTrue(agreed(pair))
        self.assertEqual(str(pair.a.of(actions.IkeUp)[0].suite), MODP)
        self.assertEqual(pair.b.of(actions.Failed), [])

    def test_only_another_and_only_ours(self):
        for group in (num.X25519, num.MODP2048, 2, 19, 0):
            pair = Pair(0, make_connection("A", IKE))
            pair.initiate()
            pair.flight = []
            forge(pair, [NotifyPayload(num.INVALID_KE_PAYLOAD, group.to_bytes(2, "big"))])
            self.assertEqual(pair.flight, [], group)
            self.assertEqual(pair.a.states(), ["init-sent"])
            self.assertEqual(pair.a.engine.counters["unproven"], 1)
        pair = Pair(0, make_connection("A", IKE + " " + MODP))
        pair.initiate()
        pair.flight = []
        for sent, group in ((0, num.X25519), (1, num.MODP2048), (1, num.MODP2048), (2, num.X25519)):
            forge(pair, [NotifyPayload(num.INVALID_KE_PAYLOAD, group.to_bytes(2, "big"))])
            self.assertEqual(len(pair.flight), sent)

    def test_a_group_comes_back_with_its_key(self):
        pair = Pair(0, make_connection("A", IKE + " " + MODP))
        pair.initiate()
        for group in (num.MODP2048, num.X25519, num.MODP2048):
            forge(pair, [NotifyPayload(num.INVALID_KE_PAYLOAD, group.to_bytes(2, "big"))])
        self.assertEqual(pair.flight[0].data, pair.flight[2].data)
        self.assertEqual(pair.flight[1].data, pair.flight[3].data)

    def test_retry_keeps_spi_and_nonce(self):
        pair = Pair(0, make_connection("A", IKE + " " + MODP), make_connection("B", MODP))
        pair.initiate()
        first = read(pair.flight[0])
        pair.deliver()
        pair.deliver()
        second = read(pair.flight[0])
        self.assertEqual(first.header.spi_i, second.header.spi_i)
        self.assertEqual(first.payloads[2], second.payloads[2])
        self.assertNotEqual(first.payloads[1].group, second.payloads[1].group)


class Cookie(unittest.TestCase):
    def crowd(self):
        pair = Pair()
        pair.initiate()
        pair.first = pair.flight[0]
        for number in range(toll.THRESHOLD + 1):
            self.assertEqual(len(begin(pair, number)[1]), 1)
        return pair

    def test_demanded_above_the_threshold_and_answered(self):
        pair = self.crowd()
        pair.deliver()
        self.assertEqual(types(pair.flight[0]), [num.NOTIFY])
        self.assertEqual(len(pair.b.states()), toll.THRESHOLD + 1)
        pair.deliver()
        again = read(pair.flight[0])
        self.assertEqual(again.payloads[0].notify, num.COOKIE)
        self.assertEqual(again.payloads[1:], read(pair.first).payloads)
        pair.transfer()
        self.assertTrue(agreed(pair))

    def test_cookie_and_group_in_one_attempt(self):
        pair = Pair(0, make_connection("A", IKE + " " + MODP), make_connection("B", IKE))
        pair.initiate()
        pair.first = pair.flight[0]
        for number in range(toll.THRESHOLD + 1):
            begin(pair, number)
        pair.b.engine.set_connection(make_connection("B", MODP))
        pair.transfer()
        self.assertTrue(agreed(pair))

    def test_of_another_address_spi_nonce_or_time_is_worth_nothing(self):
        random = Random("cookies")
        cookies = cookie.Cookies(random)
        good = cookies.make(A[0], b"12345678", b"n" * 32, 0)
        self.assertTrue(cookies.check(good, A[0], b"12345678", b"n" * 32, 0))
        self.assertFalse(cookies.check(good, B[0], b"12345678", b"n" * 32, 0))
        self.assertFalse(cookies.check(good, A[0], b"12345679", b"n" * 32, 0))
        self.assertFalse(cookies.check(good, A[0], b"12345678", b"m" * 32, 0))
        self.assertFalse(cookies.check(good[:-1], A[0], b"12345678", b"n" * 32, 0))
        self.assertFalse(cookies.check(b"", A[0], b"12345678", b"n" * 32, 0))
        self.assertTrue(cookies.check(good, A[0], b"12345678", b"n" * 32, 61_000))
        self.assertFalse(cookies.check(good, A[0], b"12345678", b"n" * 32, 122_000))

    def test_not_good_after_a_long_silence(self):
        cookies = cookie.Cookies(Random("silence"))
        good = cookies.make(A[0], b"12345678", b"n" * 32, 0)
        self.assertFalse(cookies.check(good, A[0], b"12345678", b"n" * 32, 500_000))

    def test_the_same_demand_is_answered_once(self):
        pair = Pair()
        pair.initiate()
        pair.flight = []
        for sent, data in ((1, b"one"), (1, b"one"), (2, b"two")):
            forge(pair, [NotifyPayload(num.COOKIE, data)])
            self.assertEqual(len(pair.flight), sent)

    def test_lengths(self):
        for length, sent in ((0, 0), (1, 1), (64, 1), (65, 0)):
            pair = Pair()
            pair.initiate()
            pair.flight = []
            forge(pair, [NotifyPayload(num.COOKIE, bytes(length))])
            self.assertEqual(len(pair.flight), sent, length)

    def test_half_open_are_bounded_and_expire(self):
        pair = self.crowd()
        limit = pair.b.engine.table.limit = 40
        for number in range(limit):
            datagram, answers = begin(pair, "crowd %d" % number)
            demand = read(answers[0])
            paid = pull_message(Reader(datagram))
            paid.payloads.insert(0, demand.payloads[0])
            pair.b.engine.receive(push_message(paid.header, paid.payloads), A, B, pair.now)
            self.assertEqual(len(read(pair.b.collect()[0]).payloads) >= 3, True)
        self.assertEqual(len(pair.b.engine.table), limit)
        pair.transfer()
        self.assertTrue(agreed(pair), "a good peer gets in all the same")
        pair.wait(30_000)
        self.assertEqual(pair.b.states(), ["established"])

    def test_who_fills_the_table_pushes_out_his_own(self):
        pair = Pair()
        other = (bytes([203, 0, 113, 9]), 500)
        pair.b.engine.set_connection(make_connection("B", remote=other, name="other"))
        pair.initiate()
        pair.first = pair.flight.pop()
        begin(pair, "good")
        limit = pair.b.engine.table.limit = 40
        for number in range(limit + 4):
            datagram, answers = begin(pair, number, other)
            if types(answers[0]) == [num.NOTIFY]:
                paid = pull_message(Reader(datagram))
                paid.payloads.insert(0, read(answers[0]).payloads[0])
                pair.b.engine.receive(push_message(paid.header, paid.payloads), other, B, pair.now)
                pair.b.collect()
        sources = [sa.remote for sa in pair.b.engine.table.list_half_open()]
        self.assertEqual(len(sources), limit)
        self.assertEqual(sources.count(A), 1)

    def test_many_good_peers_at_once_do_not_push_each_other_out(self):
        pair = Pair()
        hub = pair.b.engine
        hub.table.limit = 12
        crowd = []
        for number in range(40):
            endpoint = (bytes([203, 0, 113, number]), 500)
            hub.set_connection(make_connection("B", remote=endpoint, name="peer%d" % number))
            crowd.append(Side(endpoint, make_connection("A", local=endpoint), number))
            crowd[-1].engine.initiate(NAME, pair.now)
        sides = {side.endpoint[0]: side for side in crowd}
        sides[B[0]] = pair.b
        for _ in range(4):  # the first answers of all come before the second request of anyone
            wave = [datagram for side in [pair.b] + crowd for datagram in side.collect()]
            while wave:
                for datagram in wave:
                    sides[datagram.destination[0]].engine.receive(
                        datagram.data, datagram.source, datagram.destination, pair.now)
                self.assertLessEqual(hub.table.count_half_open(), 12)
                wave = [datagram for side in [pair.b] + crowd for datagram in side.collect()]
            pair.now += 1000
            for side in crowd:
                side.engine.handle_timer(pair.now)
        self.assertEqual({side.states()[0] for side in crowd}, {"established"})
        self.assertGreater(hub.counters["busy"], 0)
        self.assertEqual(pair.b.of(actions.Failed), [])


class Refusals(unittest.TestCase):
    def test_no_common_proposal(self):
        pair = Pair(0, make_connection("A", IKE), make_connection("B", MODP)).connect()
        self.assertEqual((pair.a.states(), pair.a.error()), (["init-sent"], None))
        pair.wait(REFUSED_MS)
        for side in (pair.a, pair.b):
            self.assertEqual(side.states(), [])
            self.assertEqual(side.error(), "no-proposal")
        theirs = pair.b.of(actions.Failed)[0]
        self.assertEqual((theirs.name, theirs.source, theirs.role), (NAME, A, "responder"))
        self.assertEqual(str(theirs.error), "peer offers %s; this side allows %s" % (IKE, MODP))
        self.assertEqual(theirs.error.remedy, "make one proposal equal on both sides")
        self.assertTrue(pair.a.of(actions.Failed)[0].error.by_peer)

    def test_refused_by_one_who_then_says_nothing(self):
        for tries, lasts in ((7, REFUSED_MS), (2, 1400)):
            pair = Pair(0, make_connection("A", retransmit=Retransmit(500, 180, tries)))
            pair.initiate()
            forge(pair, [NotifyPayload(num.NO_PROPOSAL_CHOSEN)])
            began = pair.now
            while pair.a.states():
                pair.flight = []
                pair.advance()
            self.assertEqual((pair.a.error(), pair.now - began), ("no-proposal", lasts))
            self.assertEqual(len(pair.a.of(actions.Failed)), 1)

    def test_bad_news_is_not_believed_but_remembered(self):
        pair = Pair()
        pair.initiate()
        pair.flight = []
        for notify in (num.AUTHENTICATION_FAILED, num.INVALID_SYNTAX, num.INVALID_MAJOR_VERSION, 9999):
            forge(pair, [NotifyPayload(notify)])
        self.assertEqual(pair.a.states(), ["init-sent"])
        self.assertEqual(pair.a.engine.counters["unproven"], 4)
        pair.wait(1000)  # the next repetition gets through
        pair.transfer()
        self.assertTrue(agreed(pair))

    def test_last_bad_news_is_named_at_the_end(self):
        pair = Pair()
        pair.initiate()
        forge(pair, [NotifyPayload(num.INVALID_SYNTAX)])
        while pair.a.states():
            pair.flight = []
            pair.advance()
        error = pair.a.of(actions.Failed)[0].error
        self.assertEqual(error.code, "unreachable")
        self.assertTrue("INVALID_SYNTAX" in str(error), str(error))
        self.assertTrue("198.51.100.1:500" in str(error), str(error))

    def test_unreachable(self):
        pair = Pair()
        pair.initiate()
        sent = 0
        while pair.a.states():
            sent += len(pair.flight)
            pair.flight = []
            pair.advance()
        self.assertEqual(sent, 7)
        self.assertEqual(str(pair.a.of(actions.Failed)[0].error), "no answer from 198.51.100.1:500")

    def test_answers_that_cannot_be(self):
        good = Pair().connect().b.of(actions.SendDatagram)[0]
        choice = read(good).payloads
        for changed in (
            [choice[0], KePayload(num.X25519, bytes(32)), choice[2]],  # small order
            [choice[0], KePayload(num.X25519, bytes(31) + b"\x01\x02"), choice[2]],
            [choice[0], KePayload(num.MODP2048, bytes(256)), choice[2]],
            [SaPayload(choice[0].proposals * 2), choice[1], choice[2]],
            [SaPayload(read(Pair_first(MODP)).payloads[0].proposals), choice[1], choice[2]],
            [choice[1], choice[2]],
            choice + [OpaquePayload(200, True, b"")],
            choice + [choice[2]],
        ):
            pair = Pair()
            pair.initiate()
            pair.flight = []
            forge(pair, changed, b"responds")
            self.assertEqual(pair.a.states(), ["init-sent"])
            self.assertEqual(pair.a.engine.counters["unproven"], 1)
            pair.wait(1000)
            pair.transfer()
            self.assertTrue(agreed(pair))

    def test_full_answer_without_an_spi(self):
        answer = read(Pair().connect().b.of(actions.SendDatagram)[0])
        pair = Pair()
        pair.initiate()
        forge(pair, answer.payloads, NO_SPI)
        self.assertEqual(pair.a.states(), ["init-sent"])

    def test_bad_public_values_of_an_initiator(self):
        pair = Pair()
        pair.initiate()
        request = read(pair.flight.pop())
        for data in (bytes(32), b"\x01" + bytes(31), bytes(31), bytes(33)):
            request.payloads[1] = KePayload(num.X25519, data)
            pair.b.engine.receive(push_message(request.header, request.payloads), A, B, pair.now)
            self.assertEqual(read(pair.b.collect()[0]).payloads[0].notify, num.INVALID_SYNTAX)
            self.assertEqual(pair.b.states(), [])
        self.assertEqual(pair.b.error(), "bad-public-value")

    def test_unknown_critical_payload(self):
        pair = Pair()
        pair.initiate()
        request = read(pair.flight.pop())
        for critical, states in ((True, []), (False, ["init-answered"])):
            payloads = request.payloads + [OpaquePayload(201, critical, b"x")]
            pair.b.engine.receive(push_message(request.header, payloads), A, B, pair.now)
            self.assertEqual(pair.b.states(), states)
            answer = read(pair.b.collect()[0]).payloads[0]
            if critical:
                self.assertEqual((answer.notify, answer.data), (num.UNSUPPORTED_CRITICAL_PAYLOAD, bytes([201])))

    def test_strangers_are_not_answered(self):
        pair = Pair()
        pair.initiate()
        request = pair.flight.pop()
        pair.b.engine.receive(request.data, (bytes([203, 0, 113, 1]), 500), B, pair.now)
        self.assertEqual(pair.b.collect(), [])
        self.assertEqual(pair.b.engine.counters["unknown-peer"], 1)

    def test_reports_of_what_anybody_can_send_are_rare(self):
        pair = Pair(0, make_connection("A", IKE), make_connection("B", MODP))
        pair.initiate()
        pair.first = pair.flight.pop()
        for number in range(50):
            begin(pair, number)
        self.assertEqual(len(pair.b.of(actions.Failed)), 1)


def Pair_first(ike):
    """The IKE_SA_INIT request of an initiator with these proposals."""
    pair = Pair(0, make_connection("A", ike))
    pair.initiate()
    return pair.flight[0]


class Gates(unittest.TestCase):
    def setUp(self):
        self.pair = Pair()
        self.pair.initiate()
        self.request = self.pair.flight.pop()

    def send(self, header, payloads=None, count=""):
        """One datagram to B; what it answers. count: the drop that must have been counted."""
        if payloads is None:
            payloads = read(self.request).payloads
        before = self.pair.b.engine.counters.get(count, 0)
        self.pair.b.engine.receive(push_message(header, payloads), A, B, self.pair.now)
        if count:
            self.assertEqual(self.pair.b.engine.counters[count], before + 1)
        return self.pair.b.collect()

    def test_versions(self):
        spi = b"initiate"
        new = Header(spi, NO_SPI, num.IKE_SA_INIT, FLAG_INITIATOR, 0, 0x30)
        answer = read(self.send(new, None, "new-version")[0])
        self.assertEqual(answer.payloads[0].notify, num.INVALID_MAJOR_VERSION)
        self.assertEqual(answer.payloads[0].data, b"\x02")
        self.assertEqual((answer.header.spi_i, answer.header.is_response), (spi, True))
        self.assertEqual(self.send(new, None, "new-version"), [])  # rarely
        self.pair.now += 2000
        response = Header(spi, NO_SPI, num.IKE_SA_INIT, FLAG_RESPONSE, 0, 0x30)
        self.assertEqual(self.send(response, None, "new-version"), [])  # never an answer to an answer
        self.assertEqual(self.send(Header(spi, NO_SPI, 2, 0, 0, 0x10), None, "old-version"), [])
        minor = Header(spi, NO_SPI, num.IKE_SA_INIT, FLAG_INITIATOR, 0, 0x21)
        self.assertEqual(len(self.send(minor)), 1)

    def test_never_more_bytes_than_received(self):
        self.send(Header(b"initiate", NO_SPI, 34, FLAG_INITIATOR, 0, 0x30), [], "no-amplification")
        for number in range(toll.THRESHOLD + 1):
            self.pair.first = self.request
            begin(self.pair, number)
        datagram, answers = begin(self.pair, "cookie")
        self.assertTrue(len(answers[0].data) < len(datagram))

    def test_spis_flags_and_ids(self):
        spi = b"initiate"
        self.assertEqual(self.send(Header(NO_SPI, NO_SPI, 34, FLAG_INITIATOR, 0), None, "zero-spi"), [])
        self.assertEqual(self.send(Header(spi, spi, 34, FLAG_INITIATOR, 0), None, "wrong-direction"), [])
        self.assertEqual(self.send(Header(spi, NO_SPI, 34, FLAG_INITIATOR, 1), None, "wrong-direction"), [])
        self.assertEqual(self.send(Header(spi, NO_SPI, 34, 0, 0), None, "wrong-direction"), [])
        # An unknown SA is told of, once in a while and never in answer to an answer: test_ike_strays.py.
        self.assertEqual(self.send(Header(spi, spi, 37, FLAG_RESPONSE, 1), None, "unknown-spi"), [])
        self.assertEqual(len(self.send(Header(spi, spi, 35, FLAG_INITIATOR, 1), None, "unknown-spi")), 1)
        self.assertEqual(self.send(Header(spi, spi, 37, 0, 1), None, "unknown-spi"), [])

    def test_answer_from_elsewhere(self):
        pair = self.pair
        pair.b.engine.receive(self.request.data, A, B, pair.now)
        answer = pair.b.collect()[0]
        for source, destination in (((B[0], 501), A), ((A[0], 500), A), (B, (A[0], 4500))):
            pair.a.engine.receive(answer.data, source, destination, pair.now)
        self.assertEqual(pair.a.engine.counters["wrong-source"], 3)
        self.assertEqual(pair.a.states(), ["init-sent"])

    def test_too_long(self):
        self.pair.b.engine.receive(bytes(20_000), A, B, 0)
        self.assertEqual(self.pair.b.engine.counters["too-long"], 1)

    def test_repeated_request_gets_the_identical_answer_and_no_second_sa(self):
        pair = self.pair
        answers = []
        for _ in range(3):
            pair.b.engine.receive(self.request.data, A, B, pair.now)
            answers.append(pair.b.collect()[0].data)
        self.assertEqual(answers[0], answers[1])
        self.assertEqual(answers[0], answers[2])
        self.assertEqual(pair.b.states(), ["init-answered"])
        pair.b.engine.receive(self.request.data, (bytes([203, 0, 113, 1]), 500), B, pair.now)
        self.assertEqual(pair.b.collect(), [])
