"""A peer that moves, in and out of translators that forget, rekeys and is rekeyed, over a network that loses, doubles
and reorders. The invariant: once the network is quiet, both have the same one IKE SA with as many CHILD SAs, know where
each other is, and can ask each other.
"""

from __future__ import annotations

import random
import unittest

from isthmus.wire.addr import parse_ip
from tests.core.ike_pair import NAME, make_connection
from tests.core.ike_translator import Network
from tests.counts import cases

LOST_PERCENT = 10
STORM_MS, CALM_MS = 60_000, 90_000
APART_MS = 1500  # hints of a new place are heard once a second (Quiet), and a peer may say nothing more after that
OUTSIDE = [(bytes([203, 0, 113, number]), 500) for number in range(5, 10)]
INSIDE = [(bytes([10, 0, 0, number]), 500) for number in range(3)]


class Storm:
    """One run; everything random comes from its seed."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.network = Network()
        self.a = self.network.add(make_connection("A"), seed)
        self.b = self.network.add(make_connection("B"), seed)
        self.translator = self.network.put_before(parse_ip("203.0.113.200"), [endpoint[0] for endpoint in INSIDE])
        self.a.engine.initiate(NAME, self.network.now)
        self.network.transfer()
        self.moving = []  # (time, datagram)
        self.events = (
            self.move, self.move, self.move, self.forget,
            lambda: self.a.engine.rekey_ike(NAME, self.network.now),
            lambda: self.b.engine.rekey_ike(NAME, self.network.now),
            lambda: self.a.engine.check_peer(NAME, self.network.now),
            lambda: self.b.engine.check_peer(NAME, self.network.now),
            lambda: self.rekey(self.b),
        )  # fmt: skip

    def established(self, side):
        return [sa for sa in side.engine.table.list_all() if sa.state == "established"]

    def rekey(self, side):
        for sa in self.established(side):
            if sa.children:
                side.engine.rekey_child(NAME, sa.children[-1].inbound_spi, self.network.now)

    def move(self):
        self.a.endpoint = self.chance.choice(OUTSIDE + INSIDE)
        self.a.engine.move(NAME, self.a.endpoint, self.b.endpoint, self.network.now)
        if self.chance.random() < 0.6:
            self.rekey(self.a)

    def forget(self):
        self.translator.forget()
        self.a.engine.check_peer(NAME, self.network.now)  # something has to pass, for the hub to hear of it

    def take_off(self, lost_percent):
        self.network.collect()
        for datagram in self.network.flight:
            for _ in range(2 if self.chance.random() < 0.1 else 1):
                if self.chance.randrange(100) >= lost_percent:
                    self.moving.append((self.network.now + self.chance.randrange(1, 400), datagram))
        self.network.flight = []

    def run(self):
        network = self.network
        end, event_at = network.now + STORM_MS, network.now + 500
        while True:
            self.take_off(LOST_PERCENT if network.now < end else 0)
            times = [side.engine.get_timer() for side in network.sides] + [at for at, _ in self.moving]
            times.append(event_at if event_at < end else None)
            waiting = [at for at in times if at is not None]
            if not waiting or min(waiting) > end + CALM_MS:
                return
            network.now = max(network.now, min(waiting))
            landing = [datagram for at, datagram in self.moving if at <= network.now]
            self.moving = [(at, datagram) for at, datagram in self.moving if at > network.now]
            for datagram in landing:
                network.deliver(datagram)
            for side in network.sides:
                side.engine.handle_timer(network.now)
            if event_at <= network.now < end:
                event_at = network.now + self.chance.randrange(APART_MS, 4000)
                self.chance.choice(self.events)()


class Moving(unittest.TestCase):
    def test_both_find_each_other_again(self):
        for seed in range(cases(25, 1000)):
            storm = Storm(seed)
            storm.run()
            ours, theirs = storm.established(storm.a), storm.established(storm.b)
            self.assertEqual((len(ours), len(theirs)), (1, 1), seed)
            self.assertEqual((ours[0].spi_i, ours[0].spi_r), (theirs[0].spi_i, theirs[0].spi_r), seed)
            self.assertEqual(len(ours[0].children), len(theirs[0].children), seed)
            self.assertEqual(ours[0].local[0], storm.a.endpoint[0], seed)
            for side in storm.network.sides:
                side.engine.check_peer(NAME, storm.network.now)
                storm.network.transfer()
            for sa in ours + theirs:
                self.assertFalse(sa.requests.is_waiting, seed)
