"""A handshake over a network that loses 30 %, doubles and reorders: it always ends up, or fails cleanly."""

from __future__ import annotations

import unittest

from tests.core.ike_pair import NAME, Pair, Random
from tests.counts import cases

LOST_PERCENT = 30
DOUBLED_PERCENT = 20
LONGEST_DELAY_MS = 700  # longer than the first retransmission: requests overtake each other


class BadNetwork:
    """Moves a Pair's datagrams with loss, doubling and delays, all from one seed."""

    def __init__(self, pair, seed):
        self.pair = pair
        self._random = Random("network %s" % seed)
        self._moving = []  # (time, datagram)

    def _take_off(self):
        self.pair.collect()
        for datagram in self.pair.flight:
            copies = 2 if self._random.below(100) < DOUBLED_PERCENT else 1
            for _ in range(copies):
                if self._random.below(100) >= LOST_PERCENT:
                    self._moving.append((self.pair.now + self._random.below(LONGEST_DELAY_MS), datagram))
        self.pair.flight = []

    def _next_time(self):
        times = [time for time, _ in self._moving]
        for side in (self.pair.a, self.pair.b):
            timer = side.engine.get_timer()
            if timer is not None:
                times.append(timer)
        return min(times) if times else None

    def run(self, end):
        """Let time pass until nothing waits any more, or until `end`."""
        pair = self.pair
        while True:
            self._take_off()
            at = self._next_time()
            if at is None or at > end:
                return
            pair.now = max(pair.now, at)
            landing = [datagram for time, datagram in self._moving if time <= pair.now]
            self._moving = [(time, datagram) for time, datagram in self._moving if time > pair.now]
            for datagram in landing:
                side = pair.side_at(datagram.destination)
                side.engine.receive(datagram.data, datagram.source, datagram.destination, pair.now)
            for side in (pair.a, pair.b):
                side.engine.handle_timer(pair.now)


def agreed(pair):
    """True if both have the same one CHILD SA up and nothing else."""
    ours, theirs = list(pair.a.children().values()), list(pair.b.children().values())
    if len(ours) != 1 or len(theirs) != 1:
        return False
    a, b = ours[0], theirs[0]
    return (
        a.inbound.spi == b.outbound.spi
        and a.outbound.spi == b.inbound.spi
        and a.inbound.keys.encryption == b.outbound.keys.encryption
        and a.outbound.keys.encryption == b.inbound.keys.encryption
    )


class Loss(unittest.TestCase):
    def heal(self, pair, seed):
        """The network is good again: what one side alone believes in dies, and the next attempt comes up."""
        pair.collect()
        pair.flight = []
        for side in (pair.a, pair.b):
            side.engine.check_peer(NAME, pair.now)
        pair.transfer()
        pair.wait(120_000)
        if not agreed(pair):
            pair.connect()
            pair.wait(120_000)
        self.assertTrue(agreed(pair), "seed %s: %s %s" % (seed, pair.a.states(), pair.b.states()))
        for side in (pair.a, pair.b):
            self.assertEqual(side.states(), ["established"], seed)

    def test_one_side_begins(self):
        up = 0
        for seed in range(cases(60, 1000)):
            pair = Pair(seed)
            pair.initiate()
            BadNetwork(pair, seed).run(pair.now + 300_000)
            if agreed(pair):
                up += 1
            elif not pair.a.children():
                self.assertEqual(pair.a.error(), "unreachable", seed)
            self.heal(pair, seed)
        self.assertTrue(up * 10 >= cases(60, 1000) * 9, "%d came up at once" % up)

    def test_both_sides_begin(self):
        for seed in range(cases(60, 1000)):
            pair = Pair("both %d" % seed)
            pair.initiate(pair.a)
            network = BadNetwork(pair, "both %d" % seed)
            network.run(pair.now + Random(seed).below(1500))
            pair.initiate(pair.b)
            network.run(pair.now + 300_000)
            if not pair.a.children() and not pair.b.children():
                for side in (pair.a, pair.b):
                    self.assertTrue(side.error() in ("unreachable", "crossed"), seed)
            self.heal(pair, "both %d" % seed)
