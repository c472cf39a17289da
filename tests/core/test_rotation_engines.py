"""Rotation over real engines: a tunnel in use, a bad network, and everything lost from any datagram on."""

from __future__ import annotations

import unittest

from isthmus.proto import actions
from isthmus.proto.ike2.connection import KeySet, Ppk, Retransmit
from isthmus.proto.pairing import rotation_steps as steps
from isthmus.proto.pairing.rotation import Copy, Drop, Renew, Rotation, Tell, Write
from isthmus.proto.pairing.rotation_keys import ROTATION_LABEL, Keys
from isthmus.proto.pairing.rotation_record import pull_record, push_record
from tests.core.ike_network import BadNetwork
from tests.core.ike_pair import NAME, A, B, Pair, Side, agreed, make_connection
from tests.core.pairing_world import make_rng
from tests.core.rotation_world import first_keys
from tests.counts import cases


def make_site_connection(here, use, also):
    """The tunnel's connection under these keys."""
    other = None if also is None else KeySet(also.psk, Ppk(also.ppk_id, also.ppk, True))
    return make_connection(
        here, psk=use.psk, ppk=Ppk(use.ppk_id, use.ppk, True), also=other, retransmit=Retransmit(500, 180, 7)
    )


class Site(Side):
    """An engine and a rotation, wired as the daemon wires them. record, files: its disk."""

    def __init__(self, pair, here, seed):
        self.pair = pair
        self.here = here
        self.files = first_keys()
        self.record = None
        self.ended = []
        self.handled = 0
        super().__init__(A if here == "A" else B, make_site_connection(here, first_keys(), None), seed)
        self.start(seed)

    def start(self, seed):
        record = pull_record(self.record) if self.record else None
        rng = make_rng("%s %s" % (self.here, seed))
        self.rotation = Rotation(rng, self.export, self.here == "A", self.files, record)
        self.connect()

    def connect(self):
        record = self.rotation.record
        use, also = (self.rotation.keys, None) if record is None else record.get_sets(self.rotation.keys)
        self.engine.set_connection(make_site_connection(self.here, use, also))

    def export(self):
        up = [sa for sa in self.engine.table.find_all(NAME) if sa.state == "established"]
        return self.engine.export(up[-1].ike_id, ROTATION_LABEL) if up else None

    def collect(self):
        sent = super().collect()
        while True:
            news = self.done[self.handled :]
            self.handled = len(self.done)
            for action in news:
                self.hear(action)
            self.rotation.handle_timer(self.pair.now)
            wanted = self.rotation.take_actions()
            for action in wanted:
                self.obey(action)
            more = super().collect()
            sent += more
            if not news and not wanted and not more:
                return sent

    def hear(self, action):
        if isinstance(action, actions.Told):
            self.rotation.receive(action.data, self.pair.now)
        elif isinstance(action, actions.IkeUp):
            self.rotation.up(action.role, action.ppk_id, self.pair.now)

    def obey(self, action):
        now = self.pair.now
        if isinstance(action, Tell):
            self.engine.tell_newest(NAME, action.data, now)
        elif isinstance(action, (Write, Drop, Copy)):
            self.record = push_record(action.record) if isinstance(action, Write) else None
            if isinstance(action, Copy):
                self.files = Keys(*action.keys.get_all())
            self.rotation.written(now)
            self.connect()
        elif isinstance(action, Renew):
            self.engine.initiate(NAME, now)
        else:
            self.ended.append(action.error)


class Sites(Pair):
    """Two such sites; in each step the tunnel has a CHILD SA that is up on both."""

    def __init__(self, seed=0):
        super().__init__(seed)
        self.a, self.b = Site(self, "A", seed), Site(self, "B", seed)
        self.losses = 0
        self.is_watched = False

    def collect(self):
        super().collect()
        if self.is_watched and not (self.a.children() and self.b.children()):
            self.losses += 1

    def want(self, *sides):
        self.is_watched = True
        for side in sides:
            side.rotation.want(self.now)
        self.collect()

    def keys(self):
        """What both have; AssertionError where they differ."""
        for side in (self.a, self.b):
            if side.rotation.state != steps.IDLE or side.record is not None or side.files != side.rotation.keys:
                raise AssertionError("%s is not at rest: %r" % (side.here, side.rotation))
        if self.a.files != self.b.files:
            raise AssertionError("the two have different keys")
        return self.a.files

    def come_up(self):
        """Whatever has happened: it can be brought up from either side."""
        for side in (self.a, self.b):
            self.flight = []
            self.wait(200_000)
            self.connect(side)
            self.wait(200_000)
            if not agreed(self):
                raise AssertionError("the tunnel does not come up")


class Over(unittest.TestCase):
    def test_a_tunnel_in_use(self):
        for asking in ("a", "b"):
            pair = Sites().connect()
            pair.want(getattr(pair, asking))
            pair.transfer()
            pair.wait(60_000)
            self.assertFalse(pair.keys() == first_keys())
            self.assertTrue(agreed(pair))
            self.assertEqual((pair.losses, pair.a.ended, pair.b.ended), (0, [None], [None]))
            ups = [up.ppk_id for up in pair.b.of(actions.IkeUp)]
            self.assertEqual(ups, [first_keys().ppk_id, pair.keys().ppk_id])
            pair.connect()
            self.assertTrue(agreed(pair))

    def test_the_old_keys_open_nothing_any_more(self):
        pair = Sites().connect()
        pair.want(pair.a)
        pair.transfer()
        pair.wait(60_000)
        thief = Side(A, make_site_connection("A", first_keys(), None), "thief")
        thief.engine.initiate(NAME, pair.now)
        for _ in range(6):
            for datagram in thief.collect():
                pair.b.engine.receive(datagram.data, datagram.source, datagram.destination, pair.now)
            for datagram in pair.b.collect():
                thief.engine.receive(datagram.data, datagram.source, datagram.destination, pair.now)
        self.assertEqual((thief.of(actions.IkeUp), thief.error()), ([], "psk"))
        self.assertEqual(len(pair.b.of(actions.IkeUp)), 2)

    def test_both_at_once(self):
        pair = Sites().connect()
        pair.want(pair.a, pair.b)
        pair.transfer()
        pair.wait(60_000)
        self.assertFalse(pair.keys() == first_keys())
        self.assertEqual((pair.a.ended, pair.b.ended, pair.losses), ([None], [None], 0))

    def test_while_the_ike_sa_is_rekeyed(self):
        for rekeying in ("a", "b"):
            for asked_first in (True, False):
                pair = Sites().connect()
                if asked_first:
                    pair.want(pair.a)
                getattr(pair, rekeying).engine.rekey_ike(NAME, pair.now)
                if not asked_first:
                    pair.want(pair.a)
                pair.transfer()
                pair.wait(120_000)
                self.assertFalse(pair.keys() == first_keys(), (rekeying, asked_first))
                self.assertEqual(pair.losses, 0)

    def test_over_a_bad_network(self):
        renewed = 0
        for seed in range(cases(4, 200)):
            pair = Sites(seed).connect()
            pair.want(pair.a, *([pair.b] if seed % 2 else []))
            BadNetwork(pair, seed).run(pair.now + 300_000)
            pair.is_watched = False
            pair.come_up()
            renewed += pair.keys() != first_keys()
        self.assertGreater(renewed, cases(4, 200) * 3 // 4)

    def test_cut_at_every_datagram(self):
        whole = Sites().connect()
        before = len(whole.a.of(actions.SendDatagram)) + len(whole.b.of(actions.SendDatagram))
        whole.want(whole.a)
        whole.transfer()
        count = len(whole.a.of(actions.SendDatagram)) + len(whole.b.of(actions.SendDatagram)) - before
        self.assertGreater(count, 10)
        outcomes = []
        for at in range(0, count, cases(2, 1)):
            pair = Sites().connect()
            pair.want(pair.a)
            for _ in range(at):
                pair.deliver()
            while pair.a.states() or pair.b.states():  # until both have given up
                pair.flight = []
                if not pair.advance():
                    break
            pair.is_watched = False
            pair.come_up()
            outcomes.append(pair.keys() != first_keys())
        self.assertTrue(True in outcomes and False in outcomes)


if __name__ == "__main__":
    unittest.main()
