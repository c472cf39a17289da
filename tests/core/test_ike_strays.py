"""What nobody has proved tears nothing down, and a peer that has started anew is noticed all the same."""

from __future__ import annotations

import unittest

from isthmus.proto import actions
from isthmus.proto.ike2.times import REPLACED_MS
from isthmus.wire import ike_numbers as num
from isthmus.wire.buffer import Reader
from isthmus.wire.ike import FLAG_INITIATOR, FLAG_RESPONSE, Header, pull_message, push_message
from isthmus.wire.ike_payloads import DeletePayload, NotifyPayload
from tests.core.ike_pair import NAME, A, B, Pair, Side, agreed, make_connection
from tests.core.ike_tamper import reseal

ERRORS = [number for number, _, _ in num.NOTIFY_TYPES if number < num.FIRST_STATUS_TYPE]
STATUS = [number for number, _, _ in num.NOTIFY_TYPES if number >= num.FIRST_STATUS_TYPE]
EXCHANGES = (num.IKE_SA_INIT, num.IKE_AUTH, num.CREATE_CHILD_SA, num.INFORMATIONAL)


def restarted(side, pair):
    """The side with an engine that knows nothing."""
    fresh = Side(side.endpoint, make_connection("B" if side is pair.b else "A"), "after %d" % pair.now)
    if side is pair.b:
        pair.b = fresh
    else:
        pair.a = fresh
    return fresh


class NothingIsTornDown(unittest.TestCase):
    def forge(self, pair, victim, payloads, exchange, flags, message_id):
        sa = victim.engine.table.list_all()[0]
        data = push_message(Header(sa.spi_i, sa.spi_r, exchange, flags, message_id), payloads)
        source, destination = (A, B) if victim is pair.b else (B, A)
        victim.engine.receive(data, source, destination, pair.now)
        pair.collect()

    def attack(self, payloads):
        """Each side gets each of them in the clear: in every exchange, as request and answer, with plausible ids."""
        pair = Pair().connect()
        for asking in (False, True):
            for victim in (pair.a, pair.b):
                if asking:
                    victim.engine.check_peer(NAME, pair.now)
                    pair.collect()
                    asked = pair.flight.pop()
                for exchange in EXCHANGES:
                    for flags in (0, FLAG_INITIATOR, FLAG_RESPONSE, FLAG_INITIATOR | FLAG_RESPONSE):
                        for number in range(3 * len(payloads)):
                            self.forge(pair, victim, [payloads[number // 3]], exchange, flags, number % 3)
                if asking:
                    pair.flight = [asked]
                    pair.transfer()
        self.assertTrue(agreed(pair))
        pair.wait(120_000)
        self.assertTrue(agreed(pair))
        self.assertEqual((pair.a.states(), pair.b.states()), (["established"], ["established"]))
        for side in (pair.a, pair.b):
            self.assertEqual(side.of(actions.ChildGone) + side.of(actions.IkeGone) + side.of(actions.Failed), [])
            self.assertEqual(len(side.of(actions.ChildUp)), 1)

    def test_by_error_notifies(self):
        self.attack([NotifyPayload(number) for number in ERRORS])

    def test_by_status_notifies(self):
        self.attack([NotifyPayload(number) for number in STATUS])

    def test_by_invalid_ike_spi(self):
        self.attack([NotifyPayload(num.INVALID_IKE_SPI)])

    def test_by_invalid_spi(self):
        self.attack([NotifyPayload(num.INVALID_SPI, b"\x11\x22\x33\x44")])

    def test_by_a_delete_in_the_clear(self):
        self.attack([DeletePayload(num.PROTO_IKE, [])])
        pair = Pair().connect()
        spis = [next(iter(side.children().values())).outbound.spi for side in (pair.a, pair.b)]
        self.attack([DeletePayload(num.PROTO_ESP, spis)])

    def test_by_initial_contact_in_the_clear(self):
        self.attack([NotifyPayload(num.INITIAL_CONTACT)])

    def test_an_attempt_whose_proof_is_on_its_way(self):
        pair = Pair()
        pair.initiate()
        pair.deliver()
        pair.deliver()
        sa = pair.a.engine.table.list_all()[0]
        for number in ERRORS:
            for exchange in EXCHANGES:
                header = Header(sa.spi_i, sa.spi_r, exchange, FLAG_RESPONSE, 1)
                pair.a.engine.receive(push_message(header, [NotifyPayload(number)]), B, A, pair.now)
        pair.transfer()
        self.assertTrue(agreed(pair))


class StartedAnew(unittest.TestCase):
    def test_is_told_in_the_clear(self):
        pair = Pair().connect()
        restarted(pair.b, pair)
        pair.a.engine.check_peer(NAME, pair.now)
        pair.collect()
        asked = pull_message(Reader(pair.flight[0].data)).header
        pair.deliver()
        told = pull_message(Reader(pair.flight[0].data))
        self.assertEqual([payload.notify for payload in told.payloads], [num.INVALID_IKE_SPI])
        self.assertEqual((told.header.spi_i, told.header.spi_r), (asked.spi_i, asked.spi_r))
        self.assertEqual((told.header.exchange, told.header.message_id), (asked.exchange, asked.message_id))
        self.assertTrue(told.header.is_response and not told.header.from_initiator)
        self.assertLessEqual(len(pair.flight[0].data), 40)

    def test_is_noticed_before_the_tries_are_over(self):
        for side in ("a", "b"):
            pair = Pair().connect()
            other = pair.b if side == "a" else pair.a
            restarted(other, pair)
            asker = getattr(pair, side)
            asker.engine.check_peer(NAME, pair.now)
            pair.transfer()
            self.assertEqual(asker.of(actions.ChildGone), [])
            pair.wait(600)  # the first repetition is due after 500
            self.assertEqual(len(asker.of(actions.ChildUp)), 2)
            self.assertEqual([gone.reason for gone in asker.of(actions.ChildGone)], [actions.CLOSED])
            pair.wait(120_000)
            self.assertTrue(agreed(pair))
            self.assertEqual([gone.error for gone in asker.of(actions.IkeGone)], [None])

    def test_a_lie_costs_a_handshake_and_no_packet(self):
        # The answer is held back and a forger's comes instead; a handshake beside the SA is all that he gets.
        pair = Pair().connect()
        pair.a.engine.check_peer(NAME, pair.now)
        pair.collect()
        pair.flight = []
        sa = pair.a.engine.table.list_all()[0]
        header = Header(sa.spi_i, sa.spi_r, num.INFORMATIONAL, FLAG_RESPONSE, sa.requests.message_id)
        for _ in range(10):
            pair.a.engine.receive(push_message(header, [NotifyPayload(num.INVALID_IKE_SPI)]), B, A, pair.now)
        pair.wait(600)
        self.assertEqual(len(pair.a.of(actions.ChildUp)), 2)
        words = [type(action).__name__ for action in pair.a.done]
        self.assertEqual([word for word in words if word[:5] == "Child"], ["ChildUp", "ChildUp", "ChildGone"])
        self.assertTrue(agreed(pair))

    def test_is_told_rarely_and_to_peers_only(self):
        pair = Pair().connect()
        pair.a.engine.check_peer(NAME, pair.now)
        pair.collect()
        asked = pair.flight.pop().data
        fresh = restarted(pair.b, pair)
        for number in range(50):
            fresh.engine.receive(asked, A, B, pair.now + number)
        self.assertEqual(len(fresh.collect()), 1)
        fresh.engine.receive(asked, (bytes([203, 0, 113, 9]), 500), B, pair.now + 10_000)
        self.assertEqual(fresh.collect(), [])
        self.assertEqual(fresh.engine.counters["unknown-spi"], 51)

    def test_an_answer_for_nobody_is_not_answered(self):
        # Two that have both started anew would otherwise talk for ever.
        pair = Pair().connect()
        pair.a.engine.check_peer(NAME, pair.now)
        pair.collect()
        pair.deliver()
        fresh = restarted(pair.a, pair)
        pair.transfer()
        self.assertEqual(fresh.of(actions.SendDatagram), [])


class InitialContact(unittest.TestCase):
    def test_of_a_stranger_is_honoured(self):
        pair = Pair().connect()
        old = pair.b.of(actions.IkeUp)[0].ike_id
        restarted(pair.a, pair)
        pair.initiate()
        pair.deliver()
        pair.deliver()
        reseal(pair, pair.a, lambda payloads: payloads + [NotifyPayload(num.INITIAL_CONTACT)])
        pair.transfer()
        pair.wait(REPLACED_MS)
        self.assertEqual([gone.ike_id for gone in pair.b.of(actions.IkeGone)], [old])
        self.assertEqual(pair.b.of(actions.ChildGone)[0].reason, actions.REPLACED)
        self.assertEqual((pair.a.states(), pair.b.states()), (["established"], ["established"]))

    def test_we_do_not_say_it(self):
        # A daemon that has adopted SAs lets them live until the new ones are up: the peer must not drop them first.
        pair = Pair()
        pair.initiate()
        pair.deliver()
        pair.deliver()
        said = []
        reseal(pair, pair.a, lambda payloads: said.extend(payloads) or payloads)
        self.assertTrue(len(said) > 3)
        self.assertFalse(NotifyPayload(num.INITIAL_CONTACT) in said)
