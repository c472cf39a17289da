"""A peer with a good key and no good will: what it can do to its own tunnel, and not to our memory or to others."""

from __future__ import annotations

from isthmus.proto import actions
from isthmus.proto.ike2.endings import MAX_LEFT_OVER
from isthmus.proto.ike2.rekey_child import MAX_CHILDREN
from isthmus.wire import ike_numbers as num
from isthmus.wire.ike import FLAG_RESPONSE
from tests.core.attacks.case import AttackTest
from tests.core.attacks.scenes import make_scene, raw_chain, rekey_bodies
from tests.core.ike_pair import NAME, Pair
from tests.counts import cases

MOST = MAX_LEFT_OVER + 3


def without_goodbyes(pair):
    """Deliver what is in flight, but for A's INFORMATIONAL requests: it never deletes anything."""
    for _ in range(20):
        if not pair.flight:
            return
        datagram = pair.flight[0]
        is_request = not datagram.data[19] & FLAG_RESPONSE
        if is_request and datagram.source[0] == pair.a.endpoint[0] and datagram.data[18] == num.INFORMATIONAL:
            pair.drop()
        else:
            pair.deliver()


class Endless(AttackTest):
    def test_20_ike_sas_rekeyed_without_end(self):
        pair = Pair().connect()
        for _ in range(cases(15, 200)):
            pair.a.engine.rekey_ike(NAME, pair.now)
            pair.collect()
            without_goodbyes(pair)
            self.assertTrue(len(pair.b.engine.table) <= MOST, pair.b.states())
        self.assertEqual(len(pair.b.children()), 1)
        self.assertEqual(pair.b.of(actions.IkeGone), [])
        self.assertEqual(pair.b.states()[-1], "established")
        seen = len(pair.b.of(actions.PeerSeen))
        pair.b.engine.check_peer(NAME, pair.now)
        pair.collect()
        without_goodbyes(pair)
        self.assertTrue(len(pair.b.of(actions.PeerSeen)) > seen)

    def test_20_child_sas_rekeyed_without_end(self):
        scene = make_scene("established, responder")
        newest = scene.sa.children[-1].outbound_spi
        for number in range(cases(12, 200)):
            spi = (0x10000 + number).to_bytes(4, "big")
            inner, chain = raw_chain(rekey_bodies(scene, num.PROTO_ESP, newest, spi))
            scene.hit(scene.sealed(num.CREATE_CHILD_SA, inner, chain))
            if scene.sa.children[-1].outbound_spi == spi:
                newest = spi
        self.assertEqual(len(scene.sa.children), MAX_CHILDREN)
        self.assertEqual(len(scene.victim.of(actions.InstallSa)), MAX_CHILDREN)
        self.assertEqual(scene.victim.states(), ["established"])
        # When they have gone, he may again.
        scene.pair.flight = []
        scene.pair.wait(70_000)
        self.assertEqual(len(scene.sa.children), 1)
        inner, chain = raw_chain(rekey_bodies(scene, num.PROTO_ESP, newest, b"\x00\x02\x00\x00"))
        scene.hit(scene.sealed(num.CREATE_CHILD_SA, inner, chain))
        self.assertEqual(scene.sa.children[-1].outbound_spi, b"\x00\x02\x00\x00")

    def test_20_fresh_handshakes_without_end(self):
        pair = Pair().connect()
        for number in range(cases(15, 200)):
            newcomer = Pair("again %d" % number)
            newcomer.b, newcomer.now = pair.b, pair.now
            newcomer.connect()
            self.assertTrue(len(pair.b.engine.table) <= MOST, pair.b.states())
        up = pair.b.children()
        self.assertTrue(len(up) <= MOST)
        # What was forgotten early was told: the tunnel takes its SAs out of the kernel.
        told = {action.inbound_spi for action in pair.b.of(actions.ChildGone)}
        began = {action.inbound.spi for action in pair.b.of(actions.ChildUp)}
        self.assertEqual(began - told, set(up))
