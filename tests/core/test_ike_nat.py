"""NAT traversal: translators on the way are noticed, lived with, and followed when they change their mind."""

from __future__ import annotations

import unittest

from isthmus.proto import actions
from isthmus.proto.ike2 import nat
from isthmus.proto.ike2.times import KEEPALIVE_MS
from isthmus.wire import ike_numbers as num
from isthmus.wire.addr import parse_ip
from isthmus.wire.identity import Identity
from tests.core.ike_pair import NAME, A, B, Pair, agreed, make_connection
from tests.core.ike_translator import FIRST_PORT, Network

INSIDE_A, INSIDE_B = (parse_ip("10.0.0.2"), 500), (parse_ip("10.1.0.2"), 500)
FLOATED_A, FLOATED_B = (A[0], 4500), (B[0], 4500)


def joined(a_inside=False, b_inside=False, **changes):
    """(network, a, b) after a handshake begun by A; either may be behind a translator of its own."""
    network = Network()
    local_a, local_b = (INSIDE_A if a_inside else A), (INSIDE_B if b_inside else B)
    mobike = changes.get("mobike", True)
    a = network.add(make_connection("A", local=local_a, force_encap=changes.get("force_a", False), mobike=mobike))
    b = network.add(make_connection("B", local=local_b, force_encap=changes.get("force_b", False), mobike=mobike))
    if a_inside:
        network.put_before(A[0], [INSIDE_A[0]])
    if b_inside:
        network.put_before(B[0], [INSIDE_B[0]], {500: INSIDE_B, 4500: (INSIDE_B[0], 4500)})
    a.engine.initiate(NAME, network.now)
    network.transfer()
    return network, a, b


def told(side):
    """(nat of IkeUp, encap inbound, encap outbound) of a side's only SA."""
    up = side.of(actions.ChildUp)[-1]
    return side.of(actions.IkeUp)[-1].nat, up.inbound.encap, up.outbound.encap


def only_sa(side):
    sas = side.engine.table.list_all()
    if len(sas) != 1:
        raise AssertionError("%r" % sas)
    return sas[0]


class Hash(unittest.TestCase):
    def test_known_answer(self):
        # hashlib.sha1(bytes(range(16)) + bytes([192, 0, 2, 1, 1, 0xF4])) of CPython 3.11
        spi_i, spi_r = bytes(range(8)), bytes(range(8, 16))
        self.assertEqual(nat.compute_hash(spi_i, spi_r, A).hex(), "cbdb568e416b17702d6a3fd9c2b2ba148cfc6944")

    def test_ipv6(self):
        endpoint = (parse_ip("2001:db8::1"), 4500)
        found = nat.compute_hash(bytes(8), bytes(8), endpoint).hex()
        self.assertEqual(found, "1f916e82925e945eae2e166788d03bb8779acb39")


class Detection(unittest.TestCase):
    def test_nobody(self):
        for mobike, ends in ((False, (A, B)), (True, (FLOATED_A, FLOATED_B))):
            _, a, b = joined(mobike=mobike)
            self.assertEqual(told(a), ("none", None, None))
            self.assertEqual(told(b), ("none", None, None))
            # Who may move goes to 4500 at once: the next way may have a translator (RFC 4555 section 3.3).
            self.assertEqual((only_sa(a).local, only_sa(a).remote), ends)
            self.assertEqual((only_sa(b).remote, only_sa(b).local), ends)

    def test_initiator(self):
        network, a, b = joined(a_inside=True)
        # Port 500 and port 4500 of A have a port each.
        seen = (A[0], FIRST_PORT + 1)
        self.assertEqual(told(a), ("here", (4500, 4500), (4500, 4500)))
        self.assertEqual(told(b), ("there", (FIRST_PORT + 1, 4500), (4500, FIRST_PORT + 1)))
        self.assertEqual((only_sa(b).local, only_sa(b).remote), (FLOATED_B, seen))
        self.assertEqual([arrived.destination[1] for arrived in network.arrived], [500, 500, 4500, 4500])
        up = b.of(actions.ChildUp)[0]
        self.assertEqual((up.inbound.source, up.inbound.destination), (A[0], B[0]))
        up = a.of(actions.ChildUp)[0]
        self.assertEqual((up.inbound.source, up.inbound.destination), (B[0], INSIDE_A[0]))

    def test_responder(self):
        _, a, b = joined(b_inside=True)
        self.assertEqual(told(a), ("there", (4500, 4500), (4500, 4500)))
        self.assertEqual(told(b), ("here", (4500, 4500), (4500, 4500)))

    def test_both(self):
        _, a, b = joined(a_inside=True, b_inside=True)
        self.assertEqual((told(a)[0], told(b)[0]), ("both", "both"))
        self.assertEqual(told(b)[2], (4500, FIRST_PORT + 1))

    def test_forced_by_either(self):
        for force in ({"force_a": True}, {"force_b": True}, {"force_a": True, "force_b": True}):
            _, a, b = joined(**force)
            self.assertEqual(told(a)[1:], ((4500, 4500), (4500, 4500)))
            self.assertEqual(told(b)[1:], ((4500, 4500), (4500, 4500)))
            self.assertEqual((only_sa(a).local, only_sa(b).remote), (FLOATED_A, FLOATED_A))

    def test_peer_that_does_not_know_it(self):
        make_hashes = nat.make_hashes
        nat.make_hashes = lambda *_: []
        try:
            _, a, b = joined(force_a=True, force_b=True)
        finally:
            nat.make_hashes = make_hashes
        self.assertEqual((told(a), told(b)), (("none", None, None), ("none", None, None)))

    def test_several_source_hashes(self):
        # A peer that does not know which of its addresses it sends from may send a hash of each.
        make_hashes = nat.make_hashes

        def make_many(spi_i, spi_r, source, destination, forced):
            others = make_hashes(spi_i, spi_r, (parse_ip("203.0.113.7"), 500), destination, forced)
            return others[:1] + make_hashes(spi_i, spi_r, source, destination, forced)

        nat.make_hashes = make_many
        try:
            _, a, b = joined()
        finally:
            nat.make_hashes = make_hashes
        self.assertEqual((told(a)[0], told(b)[0]), ("none", "none"))

    def test_begun_on_4500(self):
        pair = Pair(0, make_connection("A", local=FLOATED_A, remote=FLOATED_B))
        pair.connect()
        self.assertTrue(agreed(pair))
        self.assertEqual((only_sa(pair.b).local, only_sa(pair.b).remote), (FLOATED_B, FLOATED_A))
        self.assertEqual((told(pair.a)[1], told(pair.b)[1]), (None, None))


class Blocked(Network):
    """Drops what is from or to these ports."""

    ports = (4500,)

    def deliver(self, datagram):
        if datagram.source[1] not in self.ports and datagram.destination[1] not in self.ports:
            Network.deliver(self, datagram)


class Firewall(unittest.TestCase):
    """It passes ESP and port 500, as IPsec without translators needs."""

    def joined(self, inside):
        network = Blocked()
        a = network.add(make_connection("A", local=INSIDE_A if inside else A))
        b = network.add(make_connection("B"))
        if inside:
            network.put_before(A[0], [INSIDE_A[0]])
        a.engine.initiate(NAME, network.now)
        network.transfer()
        network.wait(60_000)
        return network, a, b

    def test_without_a_translator_500_will_do(self):
        network, a, b = self.joined(False)
        self.assertEqual((len(a.children()), len(b.children())), (1, 1))
        self.assertEqual((only_sa(a).local, only_sa(a).remote), (A, B))
        self.assertEqual((only_sa(b).local, only_sa(b).remote), (B, A))
        ports = [sent.source[1] for sent in a.of(actions.SendDatagram)]
        self.assertEqual(ports[:5], [500, 4500, 4500, 4500, 500])
        for side in (a, b):
            side.engine.check_peer(NAME, network.now)
            network.transfer()
            self.assertFalse(only_sa(side).requests.is_waiting)

    def test_with_a_translator_nothing_will(self):
        _, a, b = self.joined(True)
        self.assertEqual((len(a.children()), a.error(), b.states()), (0, "unreachable", []))
        error = a.of(actions.Failed)[0].error
        self.assertTrue("IKE_AUTH at 198.51.100.1:4500" in error.message and "4500" in error.remedy, error.message)

    def test_only_delayed(self):
        network = Blocked()
        a = network.add(make_connection("A"))
        b = network.add(make_connection("B"))
        a.engine.initiate(NAME, network.now)
        network.transfer()
        network.wait(1000)
        network.ports = ()
        network.wait(10_000)
        self.assertEqual((len(a.children()), len(b.children())), (1, 1))
        for side in (a, b):
            side.engine.check_peer(NAME, network.now)
            network.transfer()
            self.assertFalse(only_sa(side).requests.is_waiting)


class Keepalive(unittest.TestCase):
    def kept(self, side):
        return [sent for sent in side.of(actions.SendDatagram) if sent.data == nat.KEEPALIVE]

    def test_by_who_is_behind_it(self):
        network, a, b = joined(a_inside=True)
        network.wait(10 * KEEPALIVE_MS)
        self.assertTrue(9 <= len(self.kept(a)) <= 10, len(self.kept(a)))
        self.assertEqual(len(self.kept(b)), 0)
        self.assertEqual((self.kept(a)[0].source, self.kept(a)[0].destination), ((INSIDE_A[0], 4500), FLOATED_B))

    def test_not_without_a_translator(self):
        network, a, b = joined()
        network.wait(10 * KEEPALIVE_MS)
        self.assertEqual((self.kept(a), self.kept(b)), ([], []))
        self.assertEqual(a.engine.get_timer(), None)

    def test_ends_with_the_sa(self):
        network, a, _ = joined(a_inside=True)
        a.engine.delete(NAME, network.now)
        network.transfer()
        network.wait(10 * KEEPALIVE_MS)
        self.assertEqual((self.kept(a), a.engine.get_timer()), ([], None))

    def test_ends_when_the_peer_ends_the_sa(self):
        network, a, b = joined(a_inside=True)
        b.engine.delete(NAME, network.now)
        network.transfer()
        self.assertEqual(a.states(), ["done"])  # its last answer is kept a while
        network.wait(10 * KEEPALIVE_MS)
        self.assertEqual((self.kept(a), a.states()), ([], []))

    def test_phases_differ(self):
        firsts = set()
        for seed in range(6):
            network = Network()
            a = network.add(make_connection("A", local=INSIDE_A), seed)
            network.add(make_connection("B"), seed)
            network.put_before(A[0], [INSIDE_A[0]])
            a.engine.initiate(NAME, network.now)
            network.transfer()
            firsts.add(a.engine.get_timer())
        self.assertTrue(len(firsts) > 3, firsts)


class Remapped(unittest.TestCase):
    mobike = False

    def setUp(self):
        self.network, self.a, self.b = joined(a_inside=True, mobike=self.mobike)
        self.recorded = list(self.network.arrived)
        self.network.translators[0].forget()

    def ask(self, side):
        side.engine.check_peer(NAME, self.network.now)
        self.network.transfer()

    def moves(self, side):
        return [(moved.local, moved.remote, moved.encap) for moved in side.of(actions.PeerMoved)]

    def test_next_message_is_followed(self):
        port = FIRST_PORT + 2
        self.ask(self.a)
        self.assertEqual(self.moves(self.b), [(FLOATED_B, (A[0], port), (4500, port))])
        self.ask(self.b)
        self.assertFalse(only_sa(self.b).requests.is_waiting)
        self.assertEqual(len(self.moves(self.b)), 1)
        self.assertEqual(self.moves(self.a), [])

    def test_pending_request_of_the_hub_finds_its_peer(self):
        self.ask(self.b)
        self.assertTrue(only_sa(self.b).requests.is_waiting)
        self.ask(self.a)
        self.assertFalse(only_sa(self.b).requests.is_waiting)  # it went there at once

    def test_a_repetition_is_a_hint(self):
        # The answer was lost, and the mapping with it; the peer has no more to say than what the hub has heard already.
        self.a.engine.check_peer(NAME, self.network.now)
        asked = self.a.collect()[0]
        self.network.deliver(asked)
        self.network.transfer()
        port = self.b.of(actions.PeerMoved)[-1].remote[1]
        self.network.translators[0].forget()
        self.network.now += 2000
        self.network.deliver(asked)
        self.network.transfer()
        self.assertEqual(only_sa(self.b).remote, (A[0], port + 1))

    def test_old_datagrams_do_not_turn_it_back(self):
        self.ask(self.a)
        for seen in self.recorded:
            self.network.hand_over(seen)
            self.network.collect()
        newest = self.network.arrived[-1]
        self.network.hand_over(actions.SendDatagram(newest.data, (A[0], 9999), newest.destination))
        self.assertEqual(len(self.moves(self.b)), 1)
        self.assertEqual(only_sa(self.b).remote, (A[0], FIRST_PORT + 2))

    def test_unauthenticated_datagrams_move_nothing(self):
        self.a.engine.check_peer(NAME, self.network.now)
        asked = self.a.collect()[0]
        forged = asked.data[:-1] + bytes([asked.data[-1] ^ 1])
        self.network.hand_over(actions.SendDatagram(forged, (A[0], 9999), FLOATED_B))
        self.assertEqual(self.moves(self.b), [])

    def test_another_address_of_the_translator(self):
        other = parse_ip("192.0.2.77")
        self.network.translators[0].public = other
        self.ask(self.a)
        self.assertEqual(self.moves(self.b)[0][1][0], other)
        self.ask(self.b)
        self.assertFalse(only_sa(self.b).requests.is_waiting)

    def test_who_is_behind_one_follows_nobody(self):
        # One copied datagram from another port would otherwise cut A off.
        self.b.engine.check_peer(NAME, self.network.now)
        asked = self.b.collect()[0]
        self.network.hand_over(actions.SendDatagram(asked.data, (B[0], 9999), (INSIDE_A[0], 4500)))
        self.assertEqual(self.a.collect()[0].destination, (B[0], 9999))
        self.assertEqual((self.moves(self.a), only_sa(self.a).remote), ([], FLOATED_B))

    def test_without_a_translator_nobody_is_followed(self):
        network, a, b = joined(mobike=self.mobike)
        before = only_sa(b).remote
        a.engine.check_peer(NAME, network.now)
        asked = a.collect()[0]
        network.hand_over(actions.SendDatagram(asked.data, (A[0], 9999), B))
        self.assertEqual((self.moves(b), only_sa(b).remote), ([], before))


class BehindBoth(unittest.TestCase):
    def test_who_is_behind_one_follows_nobody_behind_another(self):
        network, a, b = joined(a_inside=True, b_inside=True, mobike=False)
        before = only_sa(b).remote
        a.engine.check_peer(NAME, network.now)
        asked = a.collect()[0]
        network.hand_over(actions.SendDatagram(asked.data, (A[0], 9999), (INSIDE_B[0], 4500)))
        self.assertEqual((b.of(actions.PeerMoved), only_sa(b).remote), ([], before))


class RemappedWithMobike(Remapped):
    """The same, by asking the peer where it seems to be: an old message may come late."""

    mobike = True

    def test_a_request_from_there_is_no_answer_from_there(self):
        self.ask(self.a)
        for _ in range(2):
            self.network.now += 2000
            self.a.engine.request(only_sa(self.a), num.INFORMATIONAL, [], self.network.now)
            asked = self.a.collect()[0]
            self.network.hand_over(actions.SendDatagram(asked.data, (A[0], 9999), FLOATED_B))
            for sent in self.b.collect():  # what B asks there itself, and its answer
                self.network.hand_over(actions.SendDatagram(sent.data, FLOATED_B, (INSIDE_A[0], 4500)))
            self.a.collect()  # lost
        self.assertEqual(only_sa(self.b).hints.trial, (A[0], 9999))
        self.assertEqual(len(self.moves(self.b)), 1)

    def test_a_copied_message_from_elsewhere_moves_nothing(self):
        self.ask(self.a)
        self.a.engine.check_peer(NAME, self.network.now)
        asked = self.a.collect()[0]
        elsewhere = (parse_ip("203.0.113.66"), 9999)
        self.network.hand_over(actions.SendDatagram(asked.data, elsewhere, FLOATED_B))
        self.network.transfer()  # what goes elsewhere gets nowhere; the peer answers from where it is
        self.assertEqual(only_sa(self.b).remote, (A[0], FIRST_PORT + 2))
        self.assertEqual((len(self.moves(self.b)), only_sa(self.b).hints.trial), (1, None))


class SeveralBehindOne(unittest.TestCase):
    COUNT = 4

    def setUp(self):
        self.network = Network()
        self.hub = self.network.add(make_connection("B"))
        self.hub.engine.remove_connection(NAME)
        self.insides = []
        for number in range(self.COUNT):
            name, identity = "branch%d" % number, Identity(2, b"a%d.example" % number)
            inside = (bytes([10, 0, 0, 10 + number]), 500)
            link, psk = b"link %d" % number, b"key %d" % number
            shared = {"name": name, "link": link, "psk": psk}
            self.network.add(make_connection("A", local=inside, local_id=identity, **shared), "seed %d" % number)
            self.hub.engine.set_connection(make_connection("B", remote_id=identity, **shared))
            self.insides.append(inside[0])
        self.network.put_before(A[0], self.insides)

    def spokes(self):
        return self.network.sides[1:]

    def connect_all(self):
        for number, side in enumerate(self.spokes()):
            side.engine.initiate("branch%d" % number, self.network.now)
        self.network.transfer()

    def check_all(self):
        ups = {up.name: up for up in self.hub.children().values()}
        self.assertEqual(sorted(ups.keys()), ["branch%d" % number for number in range(self.COUNT)])
        ports = set()
        for side in self.spokes():
            here = list(side.children().values())
            self.assertEqual(len(here), 1)
            there = ups[here[0].name]
            self.assertEqual(here[0].inbound.spi, there.outbound.spi)
            self.assertEqual(here[0].inbound.keys.encryption, there.outbound.keys.encryption)
            self.assertEqual(there.outbound.destination, A[0])
            ports.add(there.outbound.encap[1])
        self.assertEqual(len(ports), self.COUNT)

    def test_all_at_once(self):
        self.connect_all()
        self.check_all()
        self.network.wait(120_000)
        self.check_all()
        self.assertEqual([side.states() for side in self.network.sides], [["established"] * 4] + [["established"]] * 4)
        self.assertEqual(self.hub.of(actions.Failed), [])

    def test_each_is_followed_alone(self):
        self.connect_all()
        ports = {sa.name: sa.remote[1] for sa in self.hub.engine.table.list_all()}
        translator = self.network.translators[0]
        translator.mapped.pop((self.insides[2], 4500))
        self.spokes()[2].engine.check_peer("branch2", self.network.now)
        self.network.transfer()
        moved = self.hub.of(actions.PeerMoved)
        self.assertEqual([move.name for move in moved], ["branch2"])
        for sa in self.hub.engine.table.list_all():
            self.assertEqual(sa.remote[1] != ports[sa.name], sa.name == "branch2")

    def test_one_goes_the_others_stay(self):
        self.connect_all()
        self.spokes()[1].engine.delete("branch1", self.network.now)
        self.network.transfer()
        self.network.wait(60_000)
        self.assertEqual(len(self.hub.children()), 3)
        self.hub.engine.check_peer("branch3", self.network.now)
        self.network.transfer()
        self.assertEqual(len(self.hub.engine.table.list_all()), 3)


class CopiedBeginning(unittest.TestCase):
    def test_a_copy_from_another_port_does_not_make_a_translator(self):
        pair = Pair()
        pair.initiate()
        pair.b.engine.receive(pair.flight[0].data, (A[0], 9999), B, pair.now)
        pair.b.collect()
        pair.transfer()
        self.assertTrue(agreed(pair))
        self.assertEqual((told(pair.a)[0], told(pair.b)[0]), ("none", "none"))
        self.assertEqual(only_sa(pair.a).remote, FLOATED_B)
