"""Class 20: IKE_SA_INIT by the thousand. At 10,000 a second, with a clock: tests/props/test_ike_attacker.py."""

from __future__ import annotations

from isthmus.proto.ike2.sa_table import MAX_HALF_OPEN
from isthmus.wire import ike_numbers as num
from isthmus.wire.buffer import Reader
from isthmus.wire.identity import Identity
from isthmus.wire.ike import pull_message, push_message
from isthmus.wire.ike_payloads import NotifyPayload
from tests.core.attacks.case import AttackTest
from tests.core.attacks.scenes import answers, fresh_request
from tests.core.ike_pair import NAME, A, B, Pair, Side, agreed, make_connection
from tests.counts import cases


def beginnings(count):
    """So many IKE_SA_INIT requests with SPIs of their own."""
    data = fresh_request("flood")
    for number in range(count):
        yield b"fl" + number.to_bytes(6, "big") + data[8:]


class Flood(AttackTest):
    def test_20_unknown_addresses_get_nothing(self):
        pair = Pair().connect()
        before = len(pair.b.engine.table)
        for number, data in enumerate(beginnings(cases(50, 2000))):
            source = (bytes([203, 0, number >> 8 & 255, number & 255]), 500)
            pair.b.engine.receive(data, source, B, pair.now)
        self.assertEqual(pair.b.collect(), [])
        self.assertEqual(len(pair.b.engine.table), before)
        self.assertTrue(answers(pair))

    def test_20_rfc8019_half_open_are_bounded_and_the_tunnel_lives(self):
        # The peer's own address, forged; whoever forges it does not see the cookies.
        pair = Pair().connect()
        for data in beginnings(cases(MAX_HALF_OPEN + 20, 2000)):
            pair.b.engine.receive(data, A, B, pair.now)
            for answer in pair.b.collect_and_forget():
                self.assertTrue(len(answer.data) <= len(data) * 3 // 2)
            self.assertTrue(pair.b.engine.table.count_half_open() <= MAX_HALF_OPEN)
        self.assertTrue(answers(pair))
        pair.connect()  # and the same address gets in, while all are still half open
        self.assertEqual(pair.b.states().count("established"), 1)

    def test_20_strongswan_2791_a_good_peer_behind_the_flooder_s_address(self):
        # Behind one NAT with somebody who floods, sees his cookies and pays with them.
        pair = Pair()
        flooder = (A[0], 4444)
        for data in beginnings(cases(30, 500)):
            pair.b.engine.receive(data, flooder, B, pair.now)
            for answer in pair.b.collect():
                payloads = pull_message(Reader(answer.data)).payloads
                if payloads and isinstance(payloads[0], NotifyPayload) and payloads[0].notify == num.COOKIE:
                    message = pull_message(Reader(data))
                    paid = push_message(message.header, [payloads[0]] + message.payloads)
                    pair.b.engine.receive(paid, flooder, B, pair.now)
                    pair.b.collect()
        self.assertTrue(pair.b.engine.table.count_half_open() <= MAX_HALF_OPEN)
        pair.connect()
        self.assertTrue(agreed(pair))

    def test_20_strangers_from_everywhere_keep_no_expected_peer_out(self):
        # One connection takes callers from anywhere; each half-open SA is of another address, and paid for.
        pair = Pair(0, None, make_connection("B"))
        anybody = Identity(2, b"x.example")
        pair.b.engine.set_connection(make_connection("B", name="anywhere", remote=None, remote_id=anybody))
        pair.b.engine.table.limit = 12
        for number, data in enumerate(beginnings(30)):
            source = (bytes([198, 18, 0, number]), 500)
            pair.b.engine.receive(data, source, B, pair.now)
            for answer in pair.b.collect():
                payloads = pull_message(Reader(answer.data)).payloads
                if isinstance(payloads[0], NotifyPayload) and payloads[0].notify == num.COOKIE:
                    message = pull_message(Reader(data))
                    paid = push_message(message.header, [payloads[0]] + message.payloads)
                    pair.b.engine.receive(paid, source, B, pair.now)
                    pair.b.collect()
        self.assertEqual(pair.b.engine.table.count_half_open(), 12)
        pair.connect()
        self.assertTrue(agreed(pair))

    def test_20_half_open_ones_go_of_themselves(self):
        pair = Pair()
        for data in beginnings(20):
            pair.b.engine.receive(data, A, B, pair.now)
        pair.b.collect()
        self.assertTrue(pair.b.engine.table.count_half_open() > 0)
        pair.wait(120_000)
        self.assertEqual((pair.b.states(), pair.b.engine.get_timer()), ([], None))

    def test_20_a_second_site_at_another_address_gets_in(self):
        other = (bytes([203, 0, 113, 9]), 500)
        pair = Pair(0, None, make_connection("B"))
        pair.b.engine.set_connection(make_connection("B", name="other", remote=other, link=b"the other's"))
        for data in beginnings(cases(MAX_HALF_OPEN, 500)):
            pair.b.engine.receive(data, A, B, pair.now)
            pair.b.collect()
        good = Side(other, make_connection("A", local=other, link=b"the other's"), "other")
        good.engine.initiate(NAME, pair.now)
        for _ in range(6):
            for sent in good.collect():
                pair.b.engine.receive(sent.data, other, B, pair.now)
            for sent in pair.b.collect():
                if sent.destination == other:
                    good.engine.receive(sent.data, B, other, pair.now)
        self.assertEqual(good.states(), ["established"])
