"""Every order in which the datagrams of two crossing attempts can travel, be lost, or arrive twice.

The orders are walked through like an odometer: each run takes the next choice at its last place of choice.
"""

from __future__ import annotations

from tests.core.ike_pair import Pair


class Odometer:
    """Runs one after the other, each with the next row of `choices`. A subclass has `_run() -> (pair, widths)`: how
    many ways there were to go on at each place of choice.
    """

    def __init__(self):
        self.choices = []

    def runs(self, limit):
        """The Pair after each run, at most `limit` of them."""
        for _ in range(limit):
            pair, widths = self._run()
            yield pair
            self.choices += [0] * (len(widths) - len(self.choices))
            while self.choices and self.choices[-1] + 1 >= widths[len(self.choices) - 1]:
                self.choices.pop()
            if not self.choices:
                return
            self.choices[-1] += 1


class Walk(Odometer):
    """Every order of the datagrams of two attempts.

    losses, doubles: how many datagrams may be lost and delivered twice. late: after how many deliveries B begins.
    """

    def __init__(self, losses=0, doubles=0, late=0):
        super().__init__()
        self.losses = losses
        self.doubles = doubles
        self.late = late

    def _run(self):
        pair = Pair(0)
        pair.initiate(pair.a)
        widths = []
        losses, doubles, begun = self.losses, self.doubles, False
        while True:
            if not begun and (len(widths) >= self.late or not pair.flight):
                pair.initiate(pair.b)
                begun = True
            if not pair.flight:
                return pair, widths
            count = len(pair.flight)
            choice = self.choices[len(widths)] if len(widths) < len(self.choices) else 0
            widths.append(count * (1 + (losses > 0) + (doubles > 0)))
            what, index = choice // count, choice % count
            if what == 0:
                pair.deliver(index)
            elif what == 1 and losses:
                pair.drop(index)
                losses -= 1
            else:
                pair.deliver(index, keep=True)
                doubles -= 1
            if begun and not pair.flight and self._someone_waits(pair):
                pair.advance()

    @staticmethod
    def _someone_waits(pair):
        states = pair.a.states() + pair.b.states()
        return "init-sent" in states or "auth-sent" in states
