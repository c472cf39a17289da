"""The path's size: padded questions that fit, that do not, and that kill nothing."""

from __future__ import annotations

import unittest

from isthmus.proto import actions
from isthmus.wire.addr import parse_ip
from tests.core.ike_moving import NEW, Moving
from tests.core.ike_pair import ESP, IKE, NAME, A, B, Pair, agreed, make_connection

CBC = "aes256-sha256-prfsha256-x25519"
IPV4_AND_UDP, IPV6_AND_UDP, MARKER = 28, 48, 4


def size_of(datagram):
    """Bytes of a datagram with its IP header, as it will be on the wire."""
    around = IPV4_AND_UDP if len(datagram.destination[0]) == 4 else IPV6_AND_UDP
    return around + (MARKER if datagram.source[1] == 4500 else 0) + len(datagram.data)


class Narrow(Pair):
    """A path that loses datagrams above `mtu` that must not be cut, and cuts and delivers all others."""

    mtu = 1400

    def deliver(self, index=0, keep=False):
        datagram = self.flight[index]
        if datagram.probe and size_of(datagram) > self.mtu:
            return self.drop(index)
        return Pair.deliver(self, index, keep)


class Probing(unittest.TestCase):
    def connect(self, ike=IKE, **changes):
        self.pair = Narrow(0, make_connection("A", ike, **changes), make_connection("B", ike, **changes))
        self.pair.connect()
        return self.pair

    def probe(self, size, side=None):
        side = side or self.pair.a
        self.assertTrue(side.engine.probe_path(NAME, size, self.pair.now))
        self.pair.transfer()
        self.pair.wait(20_000)
        return side.of(actions.PathProbed)[-1]

    def test_what_fits(self):
        for mobike in (True, False):
            pair = self.connect(mobike=mobike)  # on port 4500, with its marker, and on 500
            for size in (1400, 1399, 576, 120):
                probed = self.probe(size)
                self.assertEqual((probed.size, probed.fits, probed.sent), (size, True, size))
                sent = [datagram for datagram in pair.a.of(actions.SendDatagram) if datagram.probe]
                self.assertEqual(size_of(sent[-1]), size)
            self.assertEqual(len(pair.a.of(actions.PathProbed)), 4)

    def test_what_does_not_fit(self):
        pair = self.connect()
        probed = self.probe(1401)
        self.assertEqual((probed.size, probed.fits), (1401, False))
        sent = [datagram.probe for datagram in pair.a.of(actions.SendDatagram) if size_of(datagram) == 1401]
        self.assertEqual(sent, [True, True, False])
        self.assertEqual(len(pair.a.of(actions.PathProbed)), 1)
        self.assertTrue(agreed(pair))
        self.assertFalse(pair.a.engine.table.list_all()[0].requests.is_waiting)

    def test_one_lost_by_chance(self):
        pair = self.connect()
        pair.a.engine.probe_path(NAME, 1400, pair.now)
        pair.collect()
        pair.drop()
        pair.wait(20_000)
        self.assertEqual([probed.fits for probed in pair.a.of(actions.PathProbed)], [True])

    def test_blocks_of_a_cipher(self):
        self.connect(CBC)
        for size in (1400, 1399, 1385, 1384):
            probed = self.probe(size)
            self.assertTrue(size - 16 < probed.sent <= size, probed)
            sent = [datagram for datagram in self.pair.a.of(actions.SendDatagram) if datagram.probe]
            self.assertEqual(size_of(sent[-1]), probed.sent)

    def test_the_responder_may_ask_too(self):
        self.connect()
        self.assertEqual([self.probe(size, self.pair.b).fits for size in (1400, 1500)], [True, False])

    def test_it_is_not_cut_into_parts(self):
        # RFC 7383 would make two of it, and both would pass.
        self.connect(fragment=1000)
        self.assertEqual([self.probe(size).fits for size in (1400, 1401)], [True, False])

    def test_smaller_than_a_message_can_be(self):
        self.connect()
        probed = self.probe(20)
        self.assertTrue(probed.fits and probed.sent > 20)

    def test_nobody_to_ask(self):
        self.assertFalse(Pair().a.engine.probe_path(NAME, 1400, 0))
        pair = self.connect()
        pair.a.engine.delete(NAME, pair.now)
        self.assertFalse(pair.a.engine.probe_path(NAME, 1400, pair.now))

    def test_a_dead_peer_is_not_kept_alive_by_it(self):
        pair = self.connect()
        pair.a.engine.probe_path(NAME, 1400, pair.now)
        while pair.a.states():
            pair.collect()
            pair.flight = []
            self.assertTrue(pair.advance())
        self.assertEqual([probed.fits for probed in pair.a.of(actions.PathProbed)], [False])
        self.assertEqual(pair.a.of(actions.IkeGone)[0].error.code, "peer-dead")

    def test_one_after_the_other(self):
        pair = self.connect()
        for size in (1400, 1410, 600):
            pair.a.engine.probe_path(NAME, size, pair.now)
        pair.transfer()
        pair.wait(20_000)
        told = [(probed.size, probed.fits) for probed in pair.a.of(actions.PathProbed)]
        self.assertEqual(told, [(1400, True), (1410, False), (600, True)])


class Six(unittest.TestCase):
    def test_ipv6(self):
        here, there = (parse_ip("2001:db8:1::1"), 500), (parse_ip("2001:db8:2::2"), 500)
        a, b = make_connection("A", IKE, ESP), make_connection("B", IKE, ESP)
        a.local, a.remote, b.local, b.remote = here, there, there, here
        pair = Narrow(0, a, b)
        pair.a.endpoint, pair.b.endpoint = here, there
        pair.connect()
        pair.a.engine.probe_path(NAME, 1400, pair.now)
        pair.transfer()
        sent = [datagram for datagram in pair.a.of(actions.SendDatagram) if datagram.probe]
        self.assertEqual([size_of(datagram) for datagram in sent], [1400])
        self.assertTrue(pair.a.of(actions.PathProbed)[0].fits)


class OnTheMove(Moving):
    def test_the_new_way_is_probed_as_well(self):
        self.a.engine.probe_path(NAME, 1400, self.network.now)
        self.a.collect()  # lost with the old address
        self.go(self.a, NEW, B)
        sent = self.a.collect()
        self.assertEqual([(datagram.probe, datagram.source[0]) for datagram in sent], [(True, NEW[0])])
        self.network.flight = sent
        self.network.transfer()
        self.assertTrue(self.a.of(actions.PathProbed)[0].fits)
        self.check_joined()
        self.assertEqual(self.sa(self.b).remote[0], NEW[0])
        self.assertNotEqual(self.sa(self.b).remote[0], A[0])
