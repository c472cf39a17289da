"""ESP in transport mode: the notify, selectors between the outer addresses, and peers that want something else."""

from __future__ import annotations

import unittest

from isthmus.proto import actions
from isthmus.proto.ike2 import child, link, transport
from isthmus.wire import ike_numbers as num
from isthmus.wire.addr import parse_ip
from isthmus.wire.identity import Identity
from isthmus.wire.ike_payloads import NotifyPayload, TsPayload
from isthmus.wire.ike_ts import Selector
from tests.core.ike_pair import NAME, A, B, Pair, agreed, make_connection
from tests.core.ike_tamper import reseal
from tests.core.ike_translator import Network

HOST_A = Selector(115, 0, 65535, A[0], A[0])
HOST_B = Selector(115, 0, 65535, B[0], B[0])
MODE = NotifyPayload(num.USE_TRANSPORT_MODE, b"")


def stranger_pair(seed=0, **changes):
    """Two sides in transport mode; changes: of B's connection."""
    ours = make_connection("A", mode=actions.TRANSPORT, link=b"")
    theirs = {"mode": actions.TRANSPORT, "link": b""}
    theirs.update(changes)
    return Pair(seed, ours, make_connection("B", **theirs))


class TransportTest(unittest.TestCase):
    def test_two_agree(self):
        for side in ("a", "b"):
            pair = stranger_pair()
            pair.connect(getattr(pair, side))
            self.assertTrue(agreed(pair))
            for up in list(pair.a.children().values()):
                self.assertEqual((up.inbound.mode, up.outbound.mode), (actions.TRANSPORT, actions.TRANSPORT))
                self.assertEqual((up.outbound.ts_source, up.outbound.ts_destination), (HOST_A, HOST_B))
                self.assertEqual((up.inbound.ts_source, up.inbound.ts_destination), (HOST_B, HOST_A))

    def tamper(self, steps, change):
        """A connects; after `steps` deliveries the datagram in flight is changed. Returns the pair, at rest."""
        pair = stranger_pair()
        pair.initiate()
        for _ in range(steps):
            pair.deliver()
        reseal(pair, pair.a if steps == 2 else pair.b, change)
        pair.transfer()
        return pair

    def test_it_is_said_and_no_private_word(self):
        seen = []

        def look(payloads):
            seen.append(MODE in payloads)
            seen.append([p for p in payloads if isinstance(p, NotifyPayload) and p.notify == num.ISTHMUS_LINK])
            return payloads

        for steps in (2, 3):
            self.assertTrue(agreed(self.tamper(steps, look)))
        self.assertEqual(seen, [True, [], True, []])

    def test_beet_says_nothing_of_it(self):
        self.assertEqual(transport.make_notify(actions.BEET), [])

    def test_a_caller_that_wants_tunnel_mode(self):
        pair = self.tamper(2, lambda payloads: [payload for payload in payloads if payload != MODE])
        self.assertEqual((pair.a.error(), pair.b.error()), ("no-proposal", "mode"))
        error = pair.b.of(actions.Failed)[0].error
        self.assertIn("tunnel mode", str(error))
        self.assertIn("type=transport", error.remedy)
        self.assertEqual((pair.a.children(), pair.b.children()), ({}, {}))

    def test_an_answer_in_tunnel_mode(self):
        pair = self.tamper(3, lambda payloads: [payload for payload in payloads if payload != MODE])
        self.assertEqual(pair.a.error(), "mode")
        self.assertEqual((pair.a.of(actions.ChildUp), pair.b.children()), ([], {}))
        pair.wait(60_000)
        self.assertEqual((pair.a.states(), pair.b.states()), ([], []))

    def offer(self, selectors, which=num.TSI):
        """A offers these instead of its own."""
        return self.tamper(
            2,
            lambda payloads: [TsPayload(which, selectors) if p.type == which else p for p in payloads],
        )

    def test_a_caller_that_offers_more_is_narrowed(self):
        for wide in (Selector(0, 0, 65535, A[0], A[0]), Selector(0, 0, 65535, bytes(4), b"\xff" * 4)):
            pair = self.offer([HOST_B, wide])
            self.assertEqual(pair.b.error(), None)
            (up,) = pair.b.children().values()
            self.assertEqual(up.inbound.ts_source, HOST_A)

    def test_selectors_that_are_of_no_use(self):
        useless = (
            Selector(17, 0, 65535, A[0], A[0]),  # L2TP over UDP
            Selector(115, 1701, 1701, A[0], A[0]),
            Selector(115, 0, 65535, B[0], B[0]),
            Selector(0, 0, 65535, b"\xc0\x00\x02\x02", b"\xc0\x00\x02\xff"),
        )
        for selector in useless:
            pair = self.offer([selector])
            self.assertEqual((pair.a.error(), pair.b.error()), ("selectors", "selectors"))
            for text in (str(selector), str(HOST_A)):
                self.assertIn(text, str(pair.b.of(actions.Failed)[0].error))

    def test_an_answer_that_narrows_to_something_useless(self):
        narrow = Selector(115, 1701, 1701, B[0], B[0])
        pair = self.tamper(
            3, lambda payloads: [TsPayload(45, [narrow]) if p.type == 45 else p for p in payloads]
        )
        self.assertEqual(pair.a.error(), "selectors")
        for text in (str(narrow), str(HOST_B)):
            self.assertIn(text, str(pair.a.of(actions.Failed)[0].error))
        self.assertEqual(pair.b.children(), {})

    def test_an_isthmus_that_expects_beet(self):
        pair = stranger_pair(mode=actions.BEET, link=b"l2tpv3 derived 0").connect()
        self.assertEqual(pair.b.error(), "link")
        self.assertIn(link.show_link(None), str(pair.b.of(actions.Failed)[0].error))


def host(address):
    return Selector(115, 0, 65535, address, address)


class TranslatedTest(unittest.TestCase):
    """RFC 7296 2.23.1: each side knows its own address and the one that it sees of the peer."""

    INSIDE_A, INSIDE_B = parse_ip("10.0.0.2"), parse_ip("10.1.0.2")

    def joined(self, a_inside, b_inside, caller="A", named=None):
        network = Network()
        local_a, local_b = (self.INSIDE_A if a_inside else A[0]), (self.INSIDE_B if b_inside else B[0])
        changes = {"mode": actions.TRANSPORT, "link": b""}
        sides = {
            "A": network.add(make_connection("A", local=(local_a, 500), inside=named, **changes)),
            "B": network.add(make_connection("B", local=(local_b, 500), **changes)),
        }
        for outside, inside, behind in ((A[0], self.INSIDE_A, a_inside), (B[0], self.INSIDE_B, b_inside)):
            if behind:
                network.put_before(outside, [inside], {500: (inside, 500), 4500: (inside, 4500)})
        sides[caller].engine.initiate(NAME, network.now)
        network.transfer()
        return network, sides["A"], sides["B"], local_a, local_b

    def check(self, side, ours, theirs):
        self.assertEqual(side.error(), None)
        ups = list(side.children().values())
        self.assertEqual(len(ups), 1)
        for up in ups:
            self.assertEqual((up.outbound.source, up.outbound.destination), (ours, theirs))
            self.assertEqual((up.outbound.ts_source, up.outbound.ts_destination), (host(ours), host(theirs)))
            self.assertEqual((up.inbound.ts_source, up.inbound.ts_destination), (host(theirs), host(ours)))

    def test_behind_a_translator_on_either_side(self):
        for caller in ("A", "B"):
            for a_inside, b_inside in ((True, False), (False, True), (True, True)):
                _, a, b, local_a, local_b = self.joined(a_inside, b_inside, caller)
                self.check(a, local_a, B[0])
                self.check(b, local_b, A[0])
                for side in (a, b):
                    self.assertEqual([up.inbound.encap is None for up in side.children().values()], [False])

    def test_and_once_more_when_keys_change(self):
        for caller in ("A", "B"):
            network, a, b, local_a, local_b = self.joined(True, True)
            side = a if caller == "A" else b
            (before,) = side.children()
            side.engine.rekey_child(NAME, before, network.now)
            network.transfer()
            network.wait(30_000)
            self.assertTrue(before not in side.children())
            self.check(a, local_a, B[0])
            self.check(b, local_b, A[0])

    def test_the_answer_is_in_the_words_of_the_offer(self):
        # A peer that replaces no address (libreswan) takes back what it has offered, and nothing else.
        for a_inside, b_inside in ((True, False), (False, True), (True, True)):
            local_a = self.INSIDE_A if a_inside else A[0]
            offered = [TsPayload(44, [host(local_a)]), TsPayload(45, [host(B[0])])]
            self.assertEqual(self.hear(a_inside, b_inside), [offered, offered])

    def test_the_inside_address_is_named_where_a_translator_is(self):
        # For a peer that does not know itself by another address (libreswan).
        for behind, named in ((True, self.INSIDE_B), (False, B[0])):
            offered = [TsPayload(44, [host(A[0])]), TsPayload(45, [host(named)])]
            self.assertEqual(self.hear(False, behind, named=self.INSIDE_B), [offered, offered])

    def hear(self, a_inside, b_inside, **more):
        """The selectors of the offer and of the answer when A calls; both sides end with what each can use."""
        spoken = []

        def listen(which):
            def make(*arguments):
                payloads = which(*arguments)
                spoken.append([payload for payload in payloads if payload.type in (44, 45)])
                return payloads

            return make

        offer, answer = child.make_offer, child.make_answer
        child.make_offer, child.make_answer = listen(offer), listen(answer)
        try:
            _, a, b, local_a, local_b = self.joined(a_inside, b_inside, **more)
        finally:
            child.make_offer, child.make_answer = offer, answer
        self.check(a, local_a, B[0])
        self.check(b, local_b, A[0])
        return spoken

    def test_without_one_an_address_of_another_is_no_use(self):
        pair = stranger_pair()
        pair.initiate()
        pair.deliver()
        pair.deliver()
        elsewhere = host(self.INSIDE_A)
        reseal(pair, pair.a, lambda payloads: [TsPayload(44, [elsewhere]) if p.type == 44 else p for p in payloads])
        pair.transfer()
        self.assertEqual((pair.a.error(), pair.b.error()), ("selectors", "selectors"))

    def test_several_strangers_behind_one(self):
        network = Network()
        hub = network.add(make_connection("B", mode=actions.TRANSPORT, link=b""))
        hub.engine.remove_connection(NAME)
        insides = []
        for number in range(4):
            shared = {"name": "depot%d" % number, "psk": b"key %d" % number, "mode": actions.TRANSPORT, "link": b""}
            identity, inside = Identity(2, b"a%d.example" % number), bytes([10, 0, 0, 10 + number])
            network.add(make_connection("A", local=(inside, 500), local_id=identity, **shared), "seed %d" % number)
            hub.engine.set_connection(make_connection("B", remote_id=identity, **shared))
            insides.append(inside)
        network.put_before(A[0], insides)
        for number, side in enumerate(network.sides[1:]):
            side.engine.initiate("depot%d" % number, network.now)
        network.transfer()
        for number, side in enumerate(network.sides[1:]):
            self.check(side, insides[number], B[0])
        ups = list(hub.children().values())
        self.assertEqual(sorted([up.name for up in ups]), ["depot%d" % number for number in range(4)])
        for up in ups:
            self.assertEqual((up.outbound.ts_source, up.outbound.ts_destination), (host(B[0]), host(A[0])))
        self.assertEqual(len({up.outbound.encap for up in ups}), 4)
