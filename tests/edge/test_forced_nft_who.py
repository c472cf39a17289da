"""Forced rules on a real kernel: whose packet it is, what an exception opens, who lies about where it comes from."""

from __future__ import annotations

import time

from tests.core.forced_samples import exception, rule
from tests.edge.forced_case import KINDS, MAC2, ROUTER, ROUTER6, TEMPORARY6, ULA6, Case
from tests.edge.forced_router import FAR, FAR6, FREE, FREE6, HOST, HOST6, ICMP, MAC, OTHER, OTHER6, TCP, UDP, Packet


class WhoTest(Case):
    """Whose packet it is: classes, order, destinations, ports, tunnels."""

    def test_the_mac_goes_before_the_address_and_that_before_the_interface(self) -> None:
        self.free([self.packet(HOST, FAR)])
        for first, second in ((MAC, HOST + "/32"), (HOST + "@" + MAC, "192.168.10.0/24"), (MAC, "br-lan"),
                              (HOST + "/32", "br-lan")):  # fmt: skip
            for order in (False, True):
                with self.subTest(first=first, second=second, order=order):
                    rules = [rule("a", [first], via=["x"]), rule("b", [second], via=["y"])]
                    self.router.on(rules[::-1] if order else rules)
                    self.assert_fates([self.packet(HOST, FAR)], "x")

    def test_in_one_class_the_file_decides(self) -> None:
        self.free([self.packet(HOST, FAR)])
        for first, second in (("192.168.10.0/24", HOST + "/32"), (MAC, MAC), ("br-lan", "br-lan"),
                              (HOST + "@" + MAC, MAC)):  # fmt: skip
            with self.subTest(first=first, second=second):
                rules = [rule("a", [first], via=["y"]), rule("b", [second], via=["x"])]
                self.router.on(rules)
                self.assert_fates([self.packet(HOST, FAR)], "y")
                self.router.on(rules[::-1])
                self.assert_fates([self.packet(HOST, FAR)], "x")

    def test_what_no_destination_or_port_fits_is_asked_of_the_next_class(self) -> None:
        rules = [
            rule("a", [MAC], to=["198.51.100.0/25"], via=["x"]),
            rule("b", [HOST + "/32"], port=["tcp:443", "icmp"], via=["y"]),
            rule("c", ["br-lan"], to=["203.0.113.0/24", "198.51.100.128/25"], via=["x"]),
        ]

        def packets() -> list[Packet]:
            return [
                self.packet(HOST, "198.51.100.9", TCP, 443), self.packet(HOST, "198.51.100.200", TCP, 443),
                self.packet(HOST, "192.0.2.1", ICMP), self.packet(HOST, "198.51.100.200", TCP, 444),
                self.packet(HOST, "192.0.2.1", UDP, 443),
            ]  # fmt: skip

        self.free(packets())
        self.router.on(rules)
        fates = [place for packet in packets() for place in self.router.send([packet])]
        self.assertEqual(fates, [{"x"}, {"y"}, {"y"}, {"x"}, {"wan"}])

    def test_port_ranges_are_exact(self) -> None:
        self.free([self.packet(HOST, FAR, UDP, port) for port in (4999, 5000, 5010, 5011)])
        self.router.on([rule("r", ["br-lan"], port=["udp:5000-5010"])], up=())
        self.assert_fates([self.packet(HOST, FAR, UDP, port) for port in (5000, 5005, 5010)])
        self.assert_fates([self.packet(HOST, FAR, UDP, port) for port in (4999, 5011)], "wan")
        self.assert_fates([self.packet(HOST, FAR, TCP, 5005)], "wan")

    def test_the_first_tunnel_that_carries_and_never_another(self) -> None:
        rules = [rule("r", ["br-lan"], via=["x", "y"])]

        def packets() -> list[Packet]:
            return [self.packet(HOST, FAR), self.packet(HOST6, FAR6), self.packet(HOST, "192.168.30.5"),
                    self.packet(HOST, "192.168.20.5")]  # fmt: skip

        self.free(packets()[:2])
        for up, place in ((("x", "y"), "x"), (("y",), "y"), (("x",), "x")):
            self.router.on(rules, up=up)
            self.assert_fates(packets(), place)
        self.router.on(rules, up=())
        self.assert_fates(packets())
        self.router.on(rules, up=("x", "y"), routed=False)  # main leads to y: it is not the chosen one
        self.assert_fates([self.packet(HOST, "192.168.30.5")])

    def test_lans_stay_within_reach_and_free_hosts_free(self) -> None:
        for up in ((), ("x",)):
            self.router.on([rule("r", [HOST + "/32", HOST6 + "/128"])], up=up)
            self.assert_fates([self.packet(HOST, OTHER)], "guest")
            self.assert_fates([self.packet(HOST6, OTHER6)], "guest")
            self.assert_fates([self.packet(FREE, FAR, mac=MAC2), self.packet(OTHER, FAR, place="guest")], "wan")
            self.assert_fates([self.packet(OTHER, HOST, place="guest")], "lan")
            self.assert_fates([self.packet(FAR, FREE, place="wan")], "lan")
            self.assert_fates([self.packet(FAR6, FREE6, place="wan")])  # its answer would be held back
            self.assert_fates([self.packet(FAR, HOST, place="wan"), self.packet(FAR6, HOST6, place="wan")])

    def test_a_network_that_no_lan_interface_leads_to_is_no_lan(self) -> None:
        self.free([self.packet(HOST, OTHER)], "guest")
        self.router.on([rule("r", [HOST + "/32"])], up=(), lans=("br-lan",))
        self.assert_fates([self.packet(HOST, OTHER)])


class ExceptionTest(Case):
    def rules(self, **keywords: object) -> list:
        let = exception("ntp", to=["198.51.100.0/28"], port=["udp:123"], **keywords)  # type: ignore[arg-type]
        return [rule("r", ["br-lan"], exceptions=[let])]

    def test_it_opens_what_it_names_and_no_more(self) -> None:
        let = [("198.51.100.15", UDP, 123)]
        not_let = [("198.51.100.16", UDP, 123), ("198.51.100.15", UDP, 124), ("198.51.100.15", TCP, 123),
                   ("198.51.100.15", ICMP, 123)]  # fmt: skip
        self.free([self.packet(HOST, *row) for row in let + not_let])
        for up, routed, place in ((("x",), True, ("x",)), ((), True, ()), ((), False, ())):
            self.router.on(self.rules(), up=up, routed=routed)
            self.assert_fates([self.packet(HOST, *row) for row in let], "wan")
            self.assertEqual(self.router.counters()["exception_ntp"], 1)
            self.assert_fates([self.packet(HOST, *row) for row in not_let], *place)

    def test_it_ends_on_time_without_anybody(self) -> None:
        now = int(time.time())
        row = ("198.51.100.15", UDP, 123)
        self.router.on(self.rules(until=now - 1), up=())
        self.assert_fates([self.packet(HOST, *row)])
        self.router.on(self.rules(until=now + 3), up=())
        self.assert_fates([self.packet(HOST, *row)], "wan")
        time.sleep(max(0.0, now + 3.1 - time.time()))
        self.assert_fates([self.packet(HOST, *row)])
        self.assertEqual(self.router.counters()["forced_r_blocked"], 1)

    def test_one_that_has_ended_stays_so_when_the_clock_goes_back(self) -> None:
        row = ("198.51.100.15", UDP, 123)
        self.router.on(self.rules(until=int(time.time()) + 999), up=(), spent=("ntp",))
        self.assert_fates([self.packet(HOST, *row)])

    def test_the_other_rule_has_it_not(self) -> None:
        rules = self.rules() + [rule("s", ["br-guest"])]
        self.router.on(rules, up=())
        self.free([self.packet(OTHER, "198.51.100.15", UDP, 123, place="guest")])
        self.router.on(rules, up=())
        self.assert_fates([self.packet(OTHER, "198.51.100.15", UDP, 123, place="guest")])


class SpoofTest(Case):
    def test_a_source_that_leads_elsewhere_is_dropped(self) -> None:
        """Or a host that is forced by its address would take another and be free."""
        sources = ("203.0.113.77", "192.168.40.77", "10.77.0.1", "192.168.20.9", "2001:db8:4::77", "2001:db8:abc::1")

        def packets() -> list[Packet]:
            return [self.packet(s, FAR6 if ":" in s else FAR) for s in sources]

        self.free(packets())
        for source in KINDS.values():
            self.router.on([rule("r", [source], ipv6="free")])
            self.assert_fates(packets())
        self.assert_fates([self.packet(FREE, FAR, mac=MAC2, place="guest")])

    def test_a_forced_address_from_elsewhere_is_dropped(self) -> None:
        self.free([self.packet(HOST, FAR, place="guest"), self.packet(HOST, "203.0.113.99", place="wan")])
        self.router.on([rule("r", [HOST + "/32"])], lans=("br-lan",))
        self.assert_fates([self.packet(HOST, FAR, place="guest"), self.packet(HOST, "203.0.113.99", place="wan")])

    def test_a_bound_address_is_that_mac_and_that_mac_is_that_address(self) -> None:
        wrong = [(HOST, MAC2), ("192.168.10.51", MAC), (FREE, MAC)]
        self.free([self.packet(source, FAR, mac=mac) for source, mac in wrong + [(HOST, MAC)]])
        for without in ((), ("forced_arrive",), ("forced_across",)):
            routed = "forced_arrive" not in without  # else the third layer would do it
            self.router.on([rule("r", [HOST + "@" + MAC])], without=without, routed=routed)
            self.assert_fates([self.packet(source, FAR, mac=mac) for source, mac in wrong])
            if not without:
                right = [self.packet(HOST, FAR), self.packet(ULA6, FAR6), self.packet(HOST6, FAR6)]
                self.assert_fates(right, "x")
        self.assert_fates([self.packet(FREE, FAR, mac=MAC2)], "wan")

    def test_two_addresses_of_one_mac_keep_their_own_rules(self) -> None:
        rules = [rule("a", [HOST + "@" + MAC], via=["x"]), rule("b", ["192.168.10.51@" + MAC], via=["y"])]
        self.router.on(rules)
        self.assert_fates([self.packet(HOST, FAR)], "x")
        self.assert_fates([self.packet("192.168.10.51", FAR)], "y")
        self.assert_fates([self.packet("192.168.10.52", FAR)])
        self.assert_fates([self.packet(HOST6, FAR6)], "x")

    def test_who_has_no_address_yet_gets_one_and_nothing_else(self) -> None:
        """A DNS relay would carry the question of a host that hides who it is."""
        ask = ("0.0.0.0", "255.255.255.255", UDP)
        self.router.off()
        self.assertEqual(self.router.send([self.packet(*ask, port) for port in (67, 53)]), [{"router"}, {"router"}])
        for source in KINDS.values():
            self.router.on([rule("r", [source])])
            self.assert_fates([self.packet(*ask, 67, sport=68)], "router")
            self.assert_fates([self.packet(*ask, 53), self.packet("::", "ff02::1", UDP, 53)])

    def test_what_the_peer_sends_back_does_not_leave_in_the_clear(self) -> None:
        back = [(HOST, FAR), (FREE, FAR), (HOST6, FAR6), (HOST, "192.168.30.5")]
        self.free([self.packet(*row, place="x") for row in back[:3]])
        self.router.on([rule("r", ["br-lan"])])
        self.assert_fates([self.packet(*row, place="x") for row in back])

    def test_what_the_peer_may_do_it_still_may(self) -> None:
        self.router.on([rule("r", ["br-lan"])])
        self.assert_fates([self.packet("192.168.20.7", HOST, place="x")], "lan")
        self.assert_fates([self.packet("192.168.20.7", FAR, place="x")], "wan")  # option internet
        self.assert_fates([self.packet("192.168.20.7", "192.168.30.7", place="x")], "y")
        self.assert_fates([self.packet("192.168.20.7", ROUTER, ICMP, place="x")], "router", "x")
        self.assert_fates([self.packet(FAR, HOST, place="x")], "lan")


class Ipv6Test(Case):
    def test_hosts_known_by_ipv4_have_no_ipv6_way_out(self) -> None:
        for source in (HOST + "/32", "192.168.10.0/24"):
            self.free([self.packet(s, FAR6) for s in (HOST6, ULA6, TEMPORARY6)])
            for without in ((), ("forced_arrive",), ("forced_across",)):
                self.router.on([rule("r", [source])], without=without, routed="forced_arrive" not in without)
                self.assert_fates([self.packet(s, FAR6) for s in (HOST6, ULA6, TEMPORARY6)])
            self.router.on([rule("r", [source])])
            self.assert_fates([self.packet(FREE6, FAR6, TCP, 443, mac=MAC2)])
            self.assertEqual(self.router.counters()["ipv6_blocked"], 1)

    def test_lans_tunnels_and_the_router_they_reach(self) -> None:
        self.router.on([rule("r", [HOST + "/32"])])
        self.assert_fates([self.packet(HOST6, OTHER6)], "guest")
        self.assert_fates([self.packet(HOST6, "2001:db8:20::5")], "x")
        self.assert_fates([self.packet("fe80::50", "fe80::1", ICMP)], "router", "lan")
        self.assert_fates([self.packet(HOST6, ROUTER6, ICMP)], "router", "lan")
        self.assert_fates([self.packet("fe80::50", "ff02::1:2", UDP, 547)], *self.dhcp())
        self.assert_fates([self.packet(FAR6, HOST6, place="wan")])  # nobody may answer

    def dhcp(self) -> tuple[str, ...]:
        return ()  # no server has joined the group here

    def test_the_routers_own_relays_are_asked_in_vain(self) -> None:
        ask = [(ROUTER6, 53), (ROUTER6, 853), (ROUTER6, 3128), ("fe80::1", 53)]
        self.router.off()
        for found in self.router.send([self.packet(HOST6 if i[0] != "f" else "fe80::50", i, UDP, p) for i, p in ask]):
            self.assertIn("router", found)
        self.router.on([rule("r", [HOST + "/32"])])
        self.assert_fates([self.packet(HOST6 if i[0] != "f" else "fe80::50", i, UDP, p) for i, p in ask])
        self.assert_fates([self.packet(HOST6, ROUTER6, TCP, 80)], "router")

    def test_known_macs_are_held_by_their_own_rule(self) -> None:
        self.router.on([rule("a", [HOST + "/32"]), rule("b", [MAC2], via=["y"])])
        self.assert_fates([self.packet(FREE6, FAR6, mac=MAC2)], "y")

    def test_a_rule_for_some_destinations_holds_those(self) -> None:
        self.router.on([rule("r", [HOST + "/32"], to=["198.51.100.0/24", "2001:db8:bad::/48"], port=["udp:9"])], up=())
        self.assert_fates([self.packet(HOST6, FAR6, UDP, 9)])
        self.assert_fates([self.packet(HOST6, FAR6, UDP, 10), self.packet(HOST6, "2001:db8:aaa::1")], "wan")

    def test_free_is_free(self) -> None:
        self.router.on([rule("r", [HOST + "/32"], ipv6="free")])
        self.assert_fates([self.packet(HOST6, FAR6)], "wan")
        self.assert_fates([self.packet(HOST, FAR)], "x")
