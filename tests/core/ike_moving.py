"""Two sides of which each may move, and the addresses they move to."""

from __future__ import annotations

import unittest

from isthmus.proto import actions
from isthmus.proto.ike2 import nat
from isthmus.wire import ike_numbers as num
from isthmus.wire.addr import parse_ip
from isthmus.wire.ike_payloads import NotifyPayload
from tests.core.ike_pair import NAME, make_connection
from tests.core.ike_translator import Network

NEW, NEWER, NEW_B = (parse_ip("203.0.113.5"), 500), (parse_ip("203.0.113.80"), 500), (parse_ip("198.51.100.99"), 500)
INSIDE, PUBLIC = (parse_ip("10.0.0.2"), 500), parse_ip("203.0.113.200")
VICTIM = (parse_ip("192.0.2.250"), 4500)


def on_4500(endpoint):
    return endpoint[0], 4500


def update():
    return NotifyPayload(num.UPDATE_SA_ADDRESSES)


def kept_open(side):
    """The keepalives that a side has sent."""
    return [sent for sent in side.of(actions.SendDatagram) if sent.data == nat.KEEPALIVE]


class Moving(unittest.TestCase):
    def setUp(self):
        self.network = Network()
        self.a = self.network.add(make_connection("A"))
        self.b = self.network.add(make_connection("B"))
        self.a.engine.initiate(NAME, self.network.now)
        self.network.transfer()

    def sa(self, side):
        return next(sa for sa in side.engine.table.list_all() if sa.state == "established")

    def go(self, side, local, remote):
        """The side's address becomes `local`, and the engine is told."""
        side.endpoint = local
        return side.engine.move(NAME, local, remote, self.network.now)

    def moves(self, side):
        return [(moved.local, moved.remote, moved.encap) for moved in side.of(actions.PeerMoved)]

    def check_joined(self):
        """Each can ask the other, and nothing has come up or gone."""
        for side in (self.a, self.b):
            side.engine.check_peer(NAME, self.network.now)
            self.network.transfer()
            self.assertFalse(self.sa(side).requests.is_waiting)
            self.assertEqual(len(side.of(actions.ChildUp)), 1)
            self.assertEqual(side.of(actions.ChildGone) + side.of(actions.IkeGone) + side.of(actions.Failed), [])
        for side, other in ((self.a, self.b), (self.b, self.a)):
            sa = self.sa(side)
            self.assertEqual((sa.local[0], sa.remote[0]), (side.endpoint[0], other.endpoint[0]))

    def ask(self, side, payloads):
        """An INFORMATIONAL request with these payloads in flight, made but not delivered."""
        side.engine.request(self.sa(side), num.INFORMATIONAL, payloads, self.network.now)
        return side.collect()[-1]
