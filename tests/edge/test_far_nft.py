"""Addresses from beyond a tunnel on a real kernel. Each test first sees the packet pass without."""

from __future__ import annotations

import socket

from isthmus.policy.far import Far, far_chains
from isthmus.policy.guard import guard_text
from isthmus.wire.addr import parse_ip, parse_prefix
from tests.core.forced_samples import rule
from tests.edge.forced_case import ESP, L2TP, MAC2, ROUTER_WAN, Case
from tests.edge.forced_router import FAR, FREE, ICMP, TCP, UDP, run

OWN = parse_ip("10.9.9.1")
WIDE = [
    Far("ist-x", [parse_prefix("192.168.20.0/24"), parse_prefix("2001:db8:20::/64")], [OWN]),
    Far("ist-y", [parse_prefix("192.168.30.0/24"), parse_prefix("192.168.0.0/16"), parse_prefix("203.0.113.0/26")], []),
]  # fmt: skip
NARROW = [
    Far("ist-x", [parse_prefix("192.168.20.0/24"), parse_prefix("2001:db8:20::/64")], [OWN]),
    Far("ist-y", [parse_prefix("192.168.30.0/24"), parse_prefix("203.0.113.0/26")], []),
]  # fmt: skip
LANS = ["br-lan", "br-guest"]


class FarTest(Case):
    """In the guard's own chains."""

    FARS = NARROW
    BACKSTOPS: tuple[str, ...] = ("192.168.20.0/24",)  # as desired.py has them for every remote subnet

    def setUp(self) -> None:
        for subnet in self.BACKSTOPS:
            run("ip", "route", "add", "unreachable", subnet, "metric", "1761607680")

    def tearDown(self) -> None:
        for subnet in self.BACKSTOPS:
            run("ip", "route", "del", "unreachable", subnet)
        super().tearDown()

    def far(self) -> None:
        self.router.nft(guard_text([], [], far_chains(self.FARS, LANS)))

    def test_a_source_beyond_a_tunnel_comes_through_it_alone(self) -> None:
        rows = [("192.168.20.7", FREE, "wan"), ("192.168.20.7", FREE, "y"), ("192.168.30.7", FREE, "x"),
                ("2001:db8:20::7", "2001:db8:1::2", "wan")]  # fmt: skip

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

    def test_nor_for_answers_that_nat_would_lead_into_the_lan(self) -> None:
        """CVE-2019-14899 with a LAN behind the tunnel's address: what a firewall's own rules may do."""
        with self.router.firewall("type nat hook postrouting priority 100", 'oifname "ist-x" snat ip to 10.9.9.1'):
            run("ip", "route", "add", FAR, "via", "inet6", "fe80::1", "dev", "ist-x")
            try:
                for guard, place, seen in ((self.router.off, "wan", {"lan"}), (self.far, "wan", set()),
                                           (self.far, "x", {"lan"})):  # fmt: skip
                    guard()
                    asked = self.packet(FREE, FAR, UDP, 53, mac=MAC2)
                    self.assertEqual(self.router.send([asked]), [{"x"}])
                    sport = int.from_bytes(asked.frame[34:36], "big")
                    answer = self.packet(FAR, "10.9.9.1", UDP, sport, 53, place=place)
                    self.assertEqual(self.router.send([answer]), [seen])
            finally:
                run("ip", "route", "del", FAR)

    def test_the_router_talks_to_itself_from_any_of_its_addresses(self) -> None:
        run("ip", "address", "add", "192.168.20.99/32", "dev", "br-lan")
        try:
            self.far()
            with (socket.create_server(("192.168.20.99", 0)) as server,
                  socket.create_connection(server.getsockname(), timeout=5) as client):  # fmt: skip
                self.assertEqual(client.getsockname()[0], "192.168.20.99")
        finally:
            run("ip", "address", "del", "192.168.20.99/32", "dev", "br-lan")


class AheadTest(FarTest):
    """In a chain of their own at prerouting, as when something is forced."""

    def far(self) -> None:
        self.router.nft(guard_text([], [], far_chains(self.FARS, LANS, True)))


class WideTest(FarTest):
    """Where a network beyond is so large that one of ours may be inside."""

    FARS = WIDE
    BACKSTOPS = ("192.168.20.0/24", "192.168.0.0/16")

    def test_of_the_larger_one_too(self) -> None:
        self.free([self.packet("192.168.77.7", FREE, place="wan")], "lan")
        self.far()
        self.assert_fates([self.packet("192.168.77.7", FREE, place="wan")])

    def test_a_lan_inside_a_larger_remote_subnet_is_a_lan(self) -> None:
        self.far()
        self.assert_fates([self.packet(FREE, FAR, mac=MAC2)], "wan")

    def test_nor_do_the_routes_of_forced_rules_hide_that(self) -> None:
        """Their rule for what arrives from a LAN without a mark leads nowhere, and is no answer to whose a LAN is."""
        self.router.on([rule("a", ["192.168.10.50/32"])], extra=tuple(far_chains(self.FARS, LANS, True)))
        self.assert_fates([self.packet(FREE, "192.168.40.9", mac=MAC2)], "guest")
        self.assert_fates([self.packet("192.168.40.9", FREE, place="guest")], "lan")
