"""What an offer may cost and what it may name: long lists, SPIs that are taken, suites that were not on offer."""

from __future__ import annotations

import unittest

from isthmus.proto import actions
from isthmus.wire import ike_numbers as num
from isthmus.wire.buffer import Reader
from isthmus.wire.identity import Identity
from isthmus.wire.ike import NO_SPI, pull_message, push_message
from isthmus.wire.ike_sa import Proposal, Transform
from tests.core.ike_pair import ESP, A, B, Pair, Random, agreed, make_connection
from tests.core.ike_tamper import reseal


class Work(unittest.TestCase):
    """Before anybody has paid with a cookie, a datagram must not cost a hundred times what an honest one costs."""

    def offer(self, proposals, transforms):
        pair = Pair()
        pair.initiate()
        request = pull_message(Reader(pair.flight.pop().data))
        chaff = [Transform(num.GROUP, 1000 + number) for number in range(transforms - 3)]
        good = request.payloads[0].proposals[0].transforms
        request.payloads[0].proposals = [
            Proposal(number + 1, num.PROTO_IKE, b"", good + chaff) for number in range(proposals)
        ]
        pair.b.engine.receive(push_message(request.header, request.payloads), A, B, pair.now)
        return pair.b

    def test_long_offers_of_real_programs(self):
        for proposals, transforms in ((1, 64), (20, 4), (64, 4)):
            self.assertEqual(self.offer(proposals, transforms).states(), ["init-answered"])

    def test_endless_offers(self):
        for proposals, transforms in ((5, 64), (30, 60), (52, 5)):
            side = self.offer(proposals, transforms)
            self.assertEqual((side.states(), side.collect()), ([], []))
            self.assertEqual(side.engine.counters["malformed-count"], 1)


class Spis(unittest.TestCase):
    def test_never_reserved_never_twice(self):
        class Scripted:
            def __init__(self, *values):
                self.values = list(values)
                self.random = Random("rest")

            def __call__(self, count):
                return self.values.pop(0) if self.values and len(self.values[0]) == count else self.random(count)

        pair = Pair().connect()
        used = next(iter(pair.b.children().values())).inbound.spi
        pair.b.engine.rng = Scripted(bytes(4), b"\x00\x00\x00\xff", used, b"\x00\x00\x01\x00")
        self.assertEqual(pair.b.engine.make_child_spi(), b"\x00\x00\x01\x00")
        ike = pair.b.engine.table.list_all()[0].our_spi
        self.assertEqual(pair.b.engine.table.make_spi(Scripted(NO_SPI, ike, b"12345678")), b"12345678")

    def test_peer_names_the_spi_of_another_sa(self):
        # Two SAs of one destination and one SPI are one to the kernel: the end of one would be the end of both.
        other = make_connection("B", name="other", link=b"another", remote_id=Identity(2, b"c.example"))
        for last in (2, 3):  # named in the request, in the answer
            pair = Pair().connect()
            pair.b.engine.set_connection(other)
            mirrored = make_connection("A", name="other", link=b"another", local_id=Identity(2, b"c.example"))
            pair.a.engine.set_connection(mirrored)
            pair.a.engine.initiate("other", pair.now)
            pair.collect()
            for _ in range(last):
                pair.deliver()
            victim, sender = (pair.b, pair.a) if last == 2 else (pair.a, pair.b)
            taken = next(iter(victim.children().values())).outbound.spi

            def change(payloads, spi=taken):
                for payload in payloads:
                    if payload.type == num.SA:
                        payload.proposals[0].spi = spi
                return payloads

            reseal(pair, sender, change)
            pair.transfer()
            self.assertEqual(victim.error(), "duplicate-spi")
            self.assertTrue(taken.hex() in str(victim.of(actions.Failed)[-1].error))
            self.assertEqual(len(victim.of(actions.InstallSa)), 1)
            self.assertEqual(len(victim.children()), 1)

    def test_initiators_with_equal_spis_have_sas_of_their_own(self):
        pair = Pair()
        pair.initiate()
        first = pull_message(Reader(pair.flight[0].data))
        first.payloads[2].data = bytes(32)
        pair.b.engine.receive(push_message(first.header, first.payloads), A, B, pair.now)
        self.assertEqual(len(pair.b.collect()), 1)
        pair.transfer()
        self.assertTrue(agreed(pair))


class Suites(unittest.TestCase):
    def test_an_esp_downgrade_on_the_way_is_not_believed(self):
        # Nobody without the keys can change what is inside SK; this is B itself choosing what was not offered.
        pair = Pair(0, make_connection("A", esp=ESP), make_connection("B", esp=ESP))
        pair.initiate()
        for _ in range(3):
            pair.deliver()

        def change(payloads):
            for payload in payloads:
                if payload.type == num.SA:
                    payload.proposals[0].transforms[0].key_bits = 0
            return payloads

        reseal(pair, pair.b, change)
        pair.transfer()
        self.assertEqual(pair.a.error(), "syntax")
        self.assertEqual(pair.a.of(actions.InstallSa), [])
