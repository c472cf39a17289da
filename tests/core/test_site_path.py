"""Two sites in memory, on a road that is narrower than its ends: the interface's MTU follows what really passes."""

from __future__ import annotations

from isthmus.path import AGAIN_MS, STEP
from isthmus.policy.mtu import inner_mtu
from tests.core.pair import Host, PairTest

COOKIE = 8


def fitting(limit: int, encapsulated: bool = False) -> int:
    """The MTU of the interface where datagrams of `limit` bytes pass: AES-GCM."""
    return inner_mtu(limit, False, 1, 8, 16, COOKIE, encapsulated)


class PathTest(PairTest):
    def mtu(self, host: Host) -> int:
        return host.kernel.dump("link")[0].mtu

    def test_a_narrow_road_is_found(self) -> None:
        for limit in (1500, 1492, 1400):
            self.setUp()
            self.pair.limit = limit
            self.bring_up()
            self.pair.run(60_000)
            for host in (self.a, self.b):
                found = host.tunnel.path.limit
                self.assertTrue(limit - STEP < found <= limit, (limit, found))
                self.assertEqual(self.mtu(host), fitting(found), limit)
                self.assertTrue("maxseg size set %d" % (self.mtu(host) - 40) in host.guard_text, host.guard_text)

    def test_a_road_that_changes_is_looked_at_again(self) -> None:
        self.bring_up()
        self.pair.run(30_000)
        self.pair.limit = 1400
        self.pair.run(AGAIN_MS + 60_000)
        self.assertEqual(self.mtu(self.a), fitting(1400))

    def test_no_probe_of_its_own_takes_the_tunnel_down(self) -> None:
        self.pair.limit = 600
        self.bring_up()
        self.pair.run(60_000, lambda: not self.pair.up())
        self.assertTrue(self.pair.up())
        self.assertEqual(self.mtu(self.a), 1280)

    def test_a_configured_mtu_is_not_questioned(self) -> None:
        self.pair.limit = 1400
        self.bring_up(" option mtu 1410\n")
        self.pair.run(60_000)
        self.assertEqual((self.mtu(self.a), self.a.tunnel.path.limit), (1410, None))

    def test_with_udp_around_it_the_limit_is_the_same_and_the_mtu_smaller(self) -> None:
        self.pair.limit = 1400
        self.bring_up(" option encap force\n", " option encap force\n")
        self.pair.run(60_000)
        found = self.a.tunnel.path.limit
        self.assertTrue(1400 - STEP < found <= 1400, found)
        self.assertEqual(self.mtu(self.a), fitting(found, True))
