"""Two sites in memory, on a road that is narrower than its ends: the interface's MTU follows what really passes."""

from __future__ import annotations

from isthmus.path import LEAST, STEP
from isthmus.policy.mtu import inner_mtu
from tests.core.pair import Host, PairTest

COOKIE = 8
HASTY = " option retransmit_timeout 100ms\n"


def fitting(limit: int, encapsulated: bool = False) -> int:
    """The MTU of the interface where datagrams of `limit` bytes pass: AES-GCM."""
    return inner_mtu(limit, False, 1, 8, 16, COOKIE, encapsulated)


class PathTest(PairTest):
    def mtu(self, host: Host) -> int:
        return host.kernel.dump("link")[0].mtu

    def search(self, host: Host) -> int:
        """Wait until it has found the path's limit."""
        self.assertTrue(self.pair.run(90_000, lambda: host.tunnel.path.limit is not None))
        self.pair.run(1_000)
        return host.tunnel.path.limit

    def test_a_narrow_road_is_found_and_a_configured_mtu_is_not_questioned(self) -> None:
        self.pair.limit = 1492
        self.bring_up(HASTY + " option encap force\n option mtu 1350\n", HASTY + " option encap force\n")
        found = self.search(self.b)
        self.assertTrue(1492 - STEP < found <= 1492, found)
        self.assertEqual(self.mtu(self.b), fitting(found, True))
        self.assertTrue("maxseg size set %d" % (self.mtu(self.b) - 40) in self.b.guard_text, self.b.guard_text)
        self.assertEqual((self.mtu(self.a), self.a.tunnel.path.limit), (1350, None))

    def test_a_road_that_changes_is_looked_at_again(self) -> None:
        self.bring_up(HASTY, HASTY)
        self.assertEqual((self.search(self.a), self.mtu(self.a)), (1500, fitting(1500)))
        self.pair.limit = 1400
        self.a.tunnel.path._next = self.pair.now  # a quarter of an hour later
        self.assertTrue(self.pair.run(60_000, lambda: self.mtu(self.a) == fitting(1400)))

    def test_no_probe_takes_the_tunnel_down(self) -> None:
        self.pair.limit = 600
        self.bring_up(HASTY, HASTY)
        self.assertEqual(self.search(self.a), LEAST)
        self.assertTrue(self.pair.up())
        self.assertEqual(self.mtu(self.a), 1280)
