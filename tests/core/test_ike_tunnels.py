"""Several tunnels between the same two addresses: each call reaches the tunnel that it is for."""

from __future__ import annotations

import unittest

from isthmus.proto import actions
from isthmus.wire.identity import Identity
from tests.core.ike_pair import IKE, NAME, Pair, agreed, make_connection

MODP = "aes128-sha256-prfsha256-modp2048"
SECOND = "the other one"  # after NAME in the order of names


class SamePair(unittest.TestCase):
    def call(self, here, *there):
        """A's tunnel `here` calls; B has the tunnels `there` (changes of make_connection)."""
        pair = Pair(0, make_connection("A", **here))
        pair.b.engine.remove_connection(NAME)
        for changes in there:
            pair.b.engine.set_connection(make_connection("B", **changes))
        return pair.connect()

    def check(self, pair, name):
        self.assertTrue(agreed(pair))
        self.assertEqual(pair.b.of(actions.IkeUp)[0].name, name)

    def test_apart_by_link(self):
        tunnels = ({"link": b"instance 0"}, {"link": b"instance 1", "name": SECOND})
        self.check(self.call({"link": b"instance 0"}, *tunnels), NAME)
        self.check(self.call({"link": b"instance 1"}, *tunnels), SECOND)

    def test_apart_by_key(self):
        tunnels = ({"psk": b"first key"}, {"psk": b"second key", "name": SECOND})
        self.check(self.call({"psk": b"first key"}, *tunnels), NAME)
        self.check(self.call({"psk": b"second key"}, *tunnels), SECOND)

    def test_apart_by_identity(self):
        carol = Identity(2, b"carol.example")
        tunnels = ({}, {"remote_id": carol, "name": SECOND})
        self.check(self.call({}, *tunnels), NAME)
        self.check(self.call({"local_id": carol}, *tunnels), SECOND)

    def test_no_link_fits(self):
        pair = self.call({"link": b"instance 2"}, {"link": b"instance 0"}, {"link": b"instance 1", "name": SECOND})
        self.assertEqual((pair.a.error(), pair.b.error()), ("link", "link"))

    def test_the_link_names_the_tunnel_before_the_proposals_do(self):
        tunnels = ({"link": b"instance 0", "ike": IKE}, {"link": b"instance 1", "ike": MODP, "name": SECOND})
        pair = self.call({"link": b"instance 1", "ike": IKE}, *tunnels)
        self.assertEqual((pair.a.error(), pair.b.error()), ("no-proposal", "no-proposal"))
        text = str(pair.b.of(actions.Failed)[0].error)
        self.assertTrue(SECOND in text and IKE in text and MODP in text, text)
        text = str(pair.a.of(actions.Failed)[0].error)
        self.assertTrue("ike proposal" in text and IKE in text, text)

    def test_whose_proposals_these_are_is_not_told_to_strangers(self):
        # Without the key, an identity of a tunnel with other proposals looks like no identity at all.
        pair = self.call({"psk": b"a guess", "ike": IKE}, {"ike": MODP}, {"ike": IKE, "name": SECOND,
                         "remote_id": Identity(2, b"carol.example")})  # fmt: skip
        self.assertEqual((pair.a.error(), pair.b.error()), ("psk", "psk"))
