"""Two sites, and somebody on the way who sends copies of what he sees, under other ports and addresses.

While he is at work he may cost delays. Once he stops, both sites carry again, and agree on what is around ESP: with one
side in UDP and the other not, nothing would arrive, and IKE alone would never notice.
"""

from __future__ import annotations

import sys
import unittest

from isthmus.errors import IsthmusError
from tests.core.pair import DELAY_MS, A, Host, Pair, Random, make_config
from tests.core.test_site_moving import CAFE, HOTEL, IDS_A, IDS_B, NAT
from tests.counts import cases

THIEF = NAT[:3] + b"\x63"
CALM_MS = 60_000


class Copier:
    """Carries a Pair's datagrams, through a translator in front of A if `translates`, with copies and losses."""

    def __init__(self, seed: int) -> None:
        self.random = Random("copier %d" % seed)
        self.works = True
        self.may_translate = self.below(2) == 0
        self.translates = self.may_translate
        self.port = 40_000
        self.pair = Pair(seed)
        self.pair.carry = self.carry

    def below(self, limit: int) -> int:
        return int.from_bytes(self.random(2), "big") % limit

    def one_of(self, choices: tuple) -> object:
        return choices[self.below(len(choices))]

    def carry(self, sender: Host, data: bytes, source: tuple, destination: tuple) -> None:
        a = self.pair.a
        if self.translates and sender is a:
            source = (NAT, self.port + (source[1] == 500))
        if self.works and self.below(10) < 3:
            address = source[0]
            ports = [(address, port) for port in (0, 500, 4500, 9999)]
            copied = self.one_of((source, (THIEF, 4500), ports[0], ports[1], ports[2], ports[3]))
            here = destination
            if not self.translates or sender is a:
                receiver = self.pair.b if sender is a else a
                ends = (destination, (destination[0], 500), (destination[0], 4500), (receiver.lan, 4500))
                here = self.one_of(ends)
            self.land(sender, data, copied, here, self.one_of((1, 1, 7, 50, 300)))
        if not self.works or self.below(20):
            self.land(sender, data, source, destination, 300 if self.works and not self.below(10) else DELAY_MS)

    def land(self, sender: Host, data: bytes, source: tuple, destination: tuple, delay: int) -> None:
        receiver = self.pair.b if sender is self.pair.a else self.pair.a
        if self.translates and receiver is self.pair.a:
            if destination not in ((NAT, self.port), (NAT, self.port + 1)):
                return
            destination = (receiver.wan, 4500 if destination[1] == self.port else 500)
        if destination[0] in (receiver.wan, receiver.lan):
            self.pair.later(delay, receiver, lambda now: receiver.site.receive(data, source, destination, now))

    def disturb(self) -> None:
        """A moves, its translator maps anew or is gone, or one of the two renews keys."""
        what = self.below(10)
        if what < 4 or (what < 6 and not self.may_translate):
            self.pair.a.move(self.one_of((A, HOTEL, CAFE)))
        elif what == 4:
            self.port += 10
        elif what == 5:
            self.translates = not self.translates
            self.pair.a.move(self.one_of((A, HOTEL, CAFE)))
        else:
            try:
                self.one_of((self.pair.a, self.pair.b)).tunnel.renew_now(what == 9)
            except IsthmusError:
                pass  # it is not up
        self.pair.run(self.one_of((20, 60, 300, 3_000, 6_000)))


def differences(pair: Pair) -> list:
    """Outbound SAs that the other side does not have, or has otherwise."""
    found = []
    for sender, receiver in ((pair.a, pair.b), (pair.b, pair.a)):
        leaving = sender.newest_outbound()
        arriving = [sa for sa in receiver.kernel.dump("sa") if leaving is not None and sa.spi == leaving.spi]
        if not arriving or (arriving[0].encap is None) != (leaving.encap is None):
            found.append((leaving, arriving))
    return found


class CopierTest(unittest.TestCase):
    def test_when_he_stops_both_carry_again(self) -> None:
        for seed in range(cases(4 if sys.implementation.name == "cpython" else 1, 400)):
            copier = Copier(seed)
            pair = copier.pair
            extra = " option mobike 0\n" if copier.below(3) == 0 else ""
            pair.a.site.apply(make_config("198.51.100.1", "192.168.20.0/24", extra=IDS_A + extra), [], pair.now)
            pair.b.site.apply(make_config("%any", "192.168.10.0/24", extra=IDS_B + extra), [], pair.now)
            pair.run(20_000, pair.up)
            for _ in range(8):
                copier.disturb()
            copier.works = False
            pair.run(CALM_MS)
            self.assertTrue(pair.up(), seed)
            self.assertEqual(differences(pair), [], seed)


if __name__ == "__main__":
    unittest.main()
