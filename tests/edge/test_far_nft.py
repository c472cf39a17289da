"""Addresses from beyond a tunnel on a real kernel. Each test first sees the packet pass without."""

from __future__ import annotations

from isthmus.policy.far import Far, far_chains
from isthmus.policy.guard import guard_text
from isthmus.wire.addr import parse_ip, parse_prefix
from tests.edge.forced_case import ESP, L2TP, MAC2, ROUTER_WAN, Case
from tests.edge.forced_router import FAR, FREE, ICMP, TCP, UDP, run

FARS = [
    Far("ist-x", [parse_prefix("192.168.20.0/24"), parse_prefix("2001:db8:20::/64")], [parse_ip("10.9.9.1")]),
    Far("ist-y", [parse_prefix("192.168.30.0/24"), parse_prefix("192.168.0.0/16"), parse_prefix("203.0.113.0/26")], []),
]  # fmt: skip


class FarTest(Case):
    BACKSTOPS = ("192.168.20.0/24", "192.168.0.0/16")  # as desired.py has them for every remote subnet

    def setUp(self) -> None:
        for subnet in self.BACKSTOPS:
            run("ip", "route", "add", "unreachable", subnet, "metric", "1761607680")

    def tearDown(self) -> None:
        for subnet in self.BACKSTOPS:
            run("ip", "route", "del", "unreachable", subnet)
        super().tearDown()

    def far(self) -> None:
        self.router.nft(guard_text([], [], far_chains(FARS, ["br-lan", "br-guest"])))

    def test_a_source_beyond_a_tunnel_comes_through_it_alone(self) -> None:
        rows = [("192.168.20.7", FREE, "wan"), ("192.168.20.7", FREE, "y"), ("192.168.30.7", FREE, "x"),
                ("192.168.77.7", FREE, "wan"), ("2001:db8:20::7", "2001:db8:1::2", "wan")]  # fmt: skip

        def packets() -> list:
            return [self.packet(s, d, place=place) for s, d, place in rows]

        self.free(packets(), "lan")
        self.far()
        self.assert_fates(packets())
        fine = [("192.168.20.7", FREE, "x"), ("192.168.30.7", FREE, "y"), ("2001:db8:20::7", "2001:db8:1::2", "x"),
                (FAR, FREE, "wan"), (FAR, FREE, "x"), ("192.168.40.9", FREE, "guest")]  # fmt: skip
        self.assert_fates([self.packet(s, d, place=place) for s, d, place in fine], "lan")

    def test_so_it_is_while_the_tunnel_is_away(self) -> None:
        run("ip", "link", "set", "ist-x", "down")
        try:
            self.free([self.packet("192.168.20.7", FREE, place="wan")], "lan")
            self.far()
            self.assert_fates([self.packet("192.168.20.7", FREE, place="wan")])
        finally:
            run("ip", "link", "set", "ist-x", "up")
            run("ip", "route", "add", "192.168.20.0/24", "via", "inet6", "fe80::1", "dev", "ist-x")
            run("ip", "address", "add", "fe80::2/64", "dev", "ist-x", "nodad")
            run("ip", "route", "add", "2001:db8:20::/64", "via", "fe80::1", "dev", "ist-x")

    def test_a_lan_inside_a_larger_remote_subnet_is_a_lan(self) -> None:
        self.far()
        self.assert_fates([self.packet(FREE, FAR, mac=MAC2)], "wan")

    def test_the_peer_itself_may_have_such_an_address(self) -> None:
        run("ip", "route", "add", "203.0.113.0/26", "via", "inet6", "fe80::1", "dev", "ist-y")
        try:
            rows = [(UDP, 500), (UDP, 4500), (L2TP, 0), (ESP, 0)]
            self.far()
            for found in self.router.send([self.packet("203.0.113.9", ROUTER_WAN, TCP, 22, place="wan")]):
                self.assertEqual(found, set())
            self.router.off()
            self.assertEqual(self.seen(rows[:2]), [{"router", "y error"}] * 2)
            self.far()
            self.assertEqual(self.seen(rows[:2]), [{"router", "y error"}] * 2)
        finally:
            run("ip", "route", "del", "203.0.113.0/26")

    def seen(self, rows: list) -> list[set[str]]:
        return self.router.send([self.packet("203.0.113.9", ROUTER_WAN, *row, place="wan") for row in rows])

    def test_an_address_on_a_tunnel_is_not_there_for_the_uplink(self) -> None:
        row = (FAR, "10.9.9.1", ICMP)
        self.router.off()
        self.assertIn("router", self.router.send([self.packet(*row, place="wan")])[0])
        self.far()
        self.assertEqual(self.router.send([self.packet(*row, place="wan")]), [set()])
        for place, source in (("x", "192.168.20.7"), ("lan", FREE), ("y", "192.168.30.7")):
            self.assertIn("router", self.router.send([self.packet(source, "10.9.9.1", ICMP, place=place)])[0])
