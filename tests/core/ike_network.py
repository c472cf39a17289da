"""A network that loses 30 %, doubles and reorders, between the two sides of a Pair."""

from __future__ import annotations

from tests.core.ike_pair import Random

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
