"""What a beginning costs while many begin: a cookie, asked for without reading anything else, and without a trace."""

from __future__ import annotations

import unittest

from isthmus.proto.ike2.connections import Connections
from isthmus.proto.ike2.toll import STRANGER_THRESHOLD, THRESHOLD, peek
from isthmus.wire import ike_numbers as num
from isthmus.wire.buffer import Reader
from isthmus.wire.ike import pull_message, push_message
from isthmus.wire.ike_payloads import NoncePayload, NotifyPayload
from tests.core.attacks.scenes import fresh_request
from tests.core.ike_pair import NAME, A, B, Pair, Random, Side, agreed, make_connection
from tests.counts import cases


def endpoint(number):
    return (bytes([203, 0, number >> 8, number & 255]), 500)


def flooded(count, b=None, at=lambda number: A):
    """A pair whose B has heard so many beginnings, none of which goes on."""
    pair = Pair(0, None, b)
    data = fresh_request("flood")
    for number in range(count):
        pair.b.engine.receive(b"fl" + number.to_bytes(6, "big") + data[8:], at(number), B, pair.now)
        pair.b.engine.take_actions()
    return pair


def asks_for_cookie(sent):
    first = [pull_message(Reader(action.data)).payloads[0] for action in sent]
    return len(first) == 1 and isinstance(first[0], NotifyPayload) and first[0].notify == num.COOKIE


class Threshold(unittest.TestCase):
    def test_a_peer_whose_address_is_known_pays_later_than_a_stranger(self):
        for make, threshold in ((make_connection, THRESHOLD), (lambda here: make_connection(here, remote=None),
                                                               STRANGER_THRESHOLD)):
            pair = flooded(threshold + 1, make("B"))
            self.assertEqual(pair.b.engine.table.count_half_open(), threshold + 1)
            pair.b.engine.receive(fresh_request("one more"), A, B, pair.now)
            self.assertTrue(asks_for_cookie(pair.b.collect()))
            self.assertEqual(pair.b.engine.table.count_half_open(), threshold + 1)

    def test_who_is_known_is_not_held_up_by_a_few_strangers(self):
        # The hub has one peer at a fixed address and one that may call from anywhere.
        pair = flooded(STRANGER_THRESHOLD + 3, make_connection("B", name="roamer", remote=None), endpoint)
        pair.b.engine.set_connection(make_connection("B"))
        self.assertEqual(pair.b.engine.table.count_half_open(), STRANGER_THRESHOLD + 1)
        data = fresh_request("known")
        pair.b.engine.receive(data, A, B, pair.now)
        self.assertFalse(asks_for_cookie(pair.b.collect()))
        pair.b.engine.receive(data[:7] + b"!" + data[8:], endpoint(9999), B, pair.now)
        self.assertTrue(asks_for_cookie(pair.b.collect()))


class Price(unittest.TestCase):
    def test_who_has_not_paid_leaves_nothing_behind(self):
        pair = flooded(THRESHOLD + 1, make_connection("B", remote=None), endpoint)
        engine = pair.b.engine
        before = (len(engine.table), engine.next_order(), engine.get_timer())
        data = fresh_request("many")
        for number in range(cases(200, 5_000)):
            source = (number.to_bytes(4, "big"), 1 + number % 65535)
            engine.receive(b"mn" + number.to_bytes(6, "big") + data[8:], source, B, pair.now)
            sent = engine.take_actions()
            self.assertEqual(len(sent), 1)
            self.assertTrue(len(sent[0].data) <= 68 < len(data))
        self.assertEqual((len(engine.table), engine.next_order() - 1, engine.get_timer()), before)

    def test_nothing_but_the_nonce_is_looked_at(self):
        # An SA payload that cannot be read is not read: whoever sent it hears the same as the others.
        pair = flooded(THRESHOLD + 1)
        message = pull_message(Reader(fresh_request("bad")))
        data = bytearray(push_message(message.header, message.payloads))
        data[36] ^= 0xFF  # inside the first proposal
        pair.b.engine.receive(bytes(data), A, B, pair.now)
        self.assertTrue(asks_for_cookie(pair.b.collect()))
        self.assertEqual(sum(pair.b.engine.counters.values()), 0)

    def test_no_nonce_no_answer(self):
        pair = flooded(THRESHOLD + 1)
        message = pull_message(Reader(fresh_request("none")))
        for nonce in (None, 0, 15, 257):
            payloads = [payload for payload in message.payloads if payload.type != num.NONCE]
            if nonce is not None:
                payloads.append(NoncePayload(bytes(nonce)))
            pair.b.engine.receive(push_message(message.header, payloads), A, B, pair.now)
            self.assertEqual(pair.b.collect(), [], nonce)
        self.assertEqual(pair.b.engine.counters["malformed-length"], 4)

    def test_a_cookie_of_another_address_nonce_or_spi_is_none(self):
        pair = flooded(THRESHOLD + 1)
        data = fresh_request("mine")
        pair.b.engine.receive(data, A, B, pair.now)
        cookie = pull_message(Reader(pair.b.collect()[0].data)).payloads[0]
        message = pull_message(Reader(data))
        paid = push_message(message.header, [cookie] + message.payloads)
        nonce = next(payload.data for payload in message.payloads if payload.type == num.NONCE)
        half_open = pair.b.engine.table.count_half_open()
        for changed, source in (
            (paid, (bytes([203, 0, 113, 1]), 500)),
            (b"otherspi" + paid[8:], A),
            (paid.replace(nonce, nonce[:-1] + bytes([nonce[-1] ^ 1])), A),
        ):
            pair.b.engine.receive(changed, source, B, pair.now)
            self.assertEqual(pair.b.engine.table.count_half_open(), half_open)
        pair.b.engine.receive(paid, (A[0], 4321), B, pair.now)  # a translator may change the port meanwhile
        self.assertEqual(pair.b.engine.table.count_half_open(), half_open + 1)

    def test_a_roamer_gets_in_while_strangers_flood_from_everywhere(self):
        pair = flooded(cases(300, 5_000), make_connection("B", remote=None), endpoint)
        roamer = (bytes([100, 64, 7, 7]), 61234)
        side = Side(roamer, make_connection("A", local=roamer), "roamer")
        side.engine.initiate(NAME, pair.now)
        for _ in range(8):
            for sent in side.collect():
                pair.b.engine.receive(sent.data, roamer, B, pair.now)
            for sent in pair.b.collect():
                side.engine.receive(sent.data, B, roamer, pair.now)
        self.assertEqual(side.states(), ["established"])


class Peek(unittest.TestCase):
    def test_it_sees_what_the_parser_sees(self):
        message = pull_message(Reader(fresh_request("peek")))
        nonce = next(payload.data for payload in message.payloads if payload.type == num.NONCE)
        for cookie in (b"", b"c", b"c" * 32, b"c" * 64):
            for extra in ([], [NotifyPayload(16384)], [NotifyPayload(16388, b"x" * 20, 1, b"spi!")]):
                first = [NotifyPayload(num.COOKIE, cookie)] if cookie else []
                data = push_message(message.header, extra + first + message.payloads)
                self.assertEqual(peek(data), (cookie, nonce))

    def test_whatever_the_bytes_are_it_ends(self):
        chance = Random("peek")
        data = fresh_request("peek")
        for number in range(cases(300, 30_000)):
            found = bytearray(data)
            for _ in range(1 + chance.below(6)):
                found[16 + chance.below(len(found) - 16)] = chance.below(256)
            cut = bytes(found[: 28 + chance.below(len(found) - 27)])
            cookie, nonce = peek(cut)
            self.assertTrue(len(cookie) <= len(cut) and len(nonce) <= len(cut), number)

    def test_agreed_after_all(self):
        pair = flooded(THRESHOLD + 1)
        pair.connect()
        self.assertTrue(agreed(pair))


class Known(unittest.TestCase):
    def test_whether_an_address_is_expected_is_what_the_search_finds(self):
        here, there, elsewhere = (B[0], 500), (A[0], 4500), (bytes([203, 0, 113, 9]), 500)
        for rows in ((), ("a",), ("b",), ("a", "b"), ("a", "c"), ("d",)):
            connections = Connections()
            for name in rows:
                made = {
                    "a": make_connection("B", name="a"),
                    "b": make_connection("B", name="b", remote=None),
                    "c": make_connection("B", name="c", remote=elsewhere, roams=True),
                    "d": make_connection("B", name="d", remote=None, answers=False),
                }[name]
                connections.set(made)
            for local in (here, elsewhere):
                for remote in (there, elsewhere):
                    found = connections.find(local, remote)
                    expected = found[0].expects(remote[0]) if found else None
                    self.assertEqual(connections.expects(local, remote), expected, (rows, local, remote))
