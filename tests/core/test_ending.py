"""Which connections end when passthrough sections, aliases and peers change; and that our own do not."""

from __future__ import annotations

import unittest

from isthmus.config.forced import PREFIX, Source
from isthmus.policy.ending import Concern, Ending
from isthmus.wire.addr import Prefix, parse_ip, parse_prefix
from tests.core.forced_samples import rule
from tests.core.passthrough_samples import alias, flow, section

WAN, PEER, OUT = "203.0.113.1", "198.51.100.2", "192.0.2.9"
ADDRESSES = [("br-lan", parse_ip("192.168.10.1"), 24), ("wan", parse_ip(WAN), 24)]
OWN = [
    flow(17, WAN, 500, PEER, 500), flow(17, PEER, 4500, WAN, 4500),
    flow(50, WAN, 0, PEER, 0), flow(50, PEER, 0, WAN, 0),
]  # fmt: skip


def ended(concern: Concern, flows: list) -> list:
    ending = Ending([concern], ADDRESSES, [], ["br-lan"])
    return [row for row in flows + OWN if ending.fits(row)]


class Counted(Prefix):
    """It counts how often it is asked."""

    asked = 0

    def contains(self, address: bytes) -> bool:
        Counted.asked += 1
        return Prefix.contains(self, address)


class EndingTest(unittest.TestCase):
    def test_many_networks_do_not_make_every_connection_dear(self) -> None:
        """A router has a hundred thousand connections, and rules name up to two thousand networks."""
        held = rule("r", [])
        nets = [Counted(bytes([10, number >> 4, (number & 15) << 4, 0]), 28) for number in range(500)]
        held.sources = [Source(PREFIX, prefix=net) for net in nets]
        inside = [flow(17, "10.%d.%d.3" % (number >> 4, (number & 15) << 4), 1, OUT, 2, WAN) for number in range(500)]
        outside = [flow(17, "10.%d.%d.16" % (number >> 4, (number & 15) << 4), 1, OUT, 2, WAN) for number in range(500)]
        Counted.asked = 0
        self.assertEqual(len(ended(Concern(rule=held), inside + outside)), len(inside))
        self.assertTrue(Counted.asked < 1000, Counted.asked)

    def test_what_a_block_would_not_let_begin(self) -> None:
        inwards = [flow(17, OUT, 500, WAN, 500, "", 0, "192.168.10.5"), flow(50, OUT, 0, WAN, 0, "", 0, "192.168.10.5")]
        outwards = [flow(17, "192.168.10.5", 4500, OUT, 4500, WAN, 40000), flow(50, "192.168.10.5", 0, OUT, 0, WAN)]
        others = [flow(6, "192.168.10.5", 40000, OUT, 443, WAN)]
        for direction, expected in (("in", inwards), ("out", outwards), ("both", inwards + outwards)):
            concern = Concern(passthrough=[section("none", "ipsec", direction, "", "block")])
            self.assertEqual(ended(concern, inwards + outwards + others), expected, direction)
        self.assertEqual(ended(Concern(passthrough=[section("all", "ipsec", "both")]), inwards + outwards), [])

    def test_what_runs_under_other_addresses(self) -> None:
        concern = Concern(alias=alias("ours", "branch", "192.168.10.0/24", "10.66.1.0/24"),
                          subnets=[parse_prefix("10.66.2.0/24")])  # fmt: skip
        inside, elsewhere = flow(6, "192.168.10.5", 1, "10.66.2.7", 2), flow(6, "192.168.10.5", 1, OUT, 2, WAN)
        self.assertEqual(ended(concern, [inside, elsewhere]), [inside])

    def test_what_shadows_a_peer(self) -> None:
        shadow = flow(17, "192.168.10.5", 500, PEER, 500, WAN, 500)
        moved = flow(17, "192.168.10.5", 500, PEER, 500, WAN, 40000)
        self.assertEqual(ended(Concern(peers=[parse_ip(PEER)]), [shadow, moved]), [shadow])

    def test_ours_that_had_to_give_way_to_a_shadow(self) -> None:
        gave_way = [flow(17, WAN, 500, PEER, 500, WAN, 49), flow(50, WAN, 0, PEER, 0, "203.0.113.9")]
        self.assertEqual(ended(Concern(peers=[parse_ip(PEER)]), gave_way), gave_way)


if __name__ == "__main__":
    unittest.main()
