"""Marks on a real kernel: those that other programs save, restore and route by, and what a flow table makes of ours."""

from __future__ import annotations

from tests.core.forced_samples import exception, rule
from tests.edge.forced_case import MAC2, Case
from tests.edge.forced_router import FAR, FAR6, FREE, FREE6, HOST, HOST6, MAC, UDP, Packet, run

PAIRS = ((HOST, FAR), (HOST6, FAR6))
SOURCES = ("br-lan", "192.168.10.0/24", "2001:db8:1::/64", "%s@%s" % (HOST, MAC), MAC)
SAVED = """table inet other {
 chain c {
  type filter hook prerouting priority -150
  meta mark set ct mark
 }
 chain d {
  type filter hook %s
  ct mark set meta mark
 }
}
"""
# What a flow table asks for the way of the answers is the mark that a packet has behind the guard, in forward.
NOTED = """table inet other {
 chain c {
  type filter hook forward priority 0
  meta mark & 0xff000000 >= 0x81000000 drop
 }
}
"""
LOOKED_UP = """table inet other {
 chain c {
  type filter hook forward priority 0
  iifname "ist-x" meta mark & 0xff000000 < 0x81000000 drop
 }
}
"""


class MarksTest(Case):
    def out(self, host: str, far: str, port: int) -> Packet:
        return self.packet(host, far, UDP, 9, sport=port)

    def back(self, host: str, far: str, port: int, place: str) -> Packet:
        return self.packet(far, host, UDP, port, sport=9, place=place)

    def concerned(self) -> list:
        """Rules by each kind of source, with the hosts that they hold."""
        found = []
        for source in SOURCES:
            for host, far in PAIRS:
                if "/" not in source or (":" in source) == (":" in host):
                    found.append((source, host, far))
        return found

    def test_who_saves_and_restores_marks_cuts_no_answers_off(self) -> None:
        for place in ("prerouting priority 0", "forward priority 0", "postrouting priority 0"):
            self.router.on([rule("r", ["br-lan"])])
            self.router.nft(SAVED % place)
            try:
                for host, far in PAIRS:
                    with self.subTest(place, host=host):
                        self.assert_fates([self.out(host, far, 4001)], "x")
                        self.assert_fates([self.back(host, far, 4001, "x")], "lan")
                        self.assert_fates([self.out(host, far, 4001)], "x")
            finally:
                self.router.nft("delete table inet other\n")

    def test_free_hosts_go_where_an_exact_mark_of_somebody_else_leads_them(self) -> None:
        """`ip rule add fwmark 1` compares the whole mark: proxies and other VPN programs do."""
        self.free([self.packet(FREE, FAR)])
        run("ip", "-4", "rule", "add", "priority", "20000", "fwmark", "1", "table", "77")
        run("ip", "-4", "route", "add", "default", "via", "inet6", "fe80::1", "dev", "ist-y", "table", "77")
        try:
            self.router.on([rule("r", [HOST + "/32"])])
            with self.router.firewall("type filter hook prerouting priority -150", "meta mark set 1"):
                self.assert_fates([self.packet(FREE, FAR, mac=MAC2)], "y")
                self.assert_fates([self.packet(HOST, FAR)], "x")
        finally:
            run("ip", "-4", "rule", "del", "priority", "20000")
            run("ip", "-4", "route", "flush", "table", "77")

    def test_a_flow_table_finds_the_ways_of_a_forced_connection(self) -> None:
        """No flow table here: what it looks up is the main table's way, unless the mark says another."""
        for host, far in PAIRS:
            with self.subTest(host):
                self.router.on([rule("r", ["br-lan"])])
                self.router.nft(NOTED)  # towards the host: no mark of a lane, or the way back would be into the tunnel
                self.assert_fates([self.out(host, far, 4002)], "x")
                self.router.nft("delete table inet other\n" + LOOKED_UP)  # from the tunnel: by its own table
                self.assert_fates([self.back(host, far, 4002, "x")], "lan")
                self.router.nft("delete table inet other\n")

    def test_an_answer_from_elsewhere_is_none(self) -> None:
        for source, host, far in self.concerned():
            with self.subTest(source, host=host):
                self.free([self.out(host, far, 4003)])
                self.free([self.back(host, far, 4003, "wan")], "lan")
                self.router.on([rule("r", [source])])
                self.assert_fates([self.out(host, far, 4003)], "x")
                self.assert_fates([self.back(host, far, 4003, "x")], "lan")
                self.assert_fates([self.back(host, far, 4003, "wan")])

    def test_what_a_tunnel_brings_for_a_forced_host_is_not_led_out_by_a_foreign_route(self) -> None:
        """DHCP option 121 with a route to a host of ours: what the peer sends it would leave again, in the clear."""
        routes = (("-4", HOST, "203.0.113.253", "192.168.20.7"), ("-6", HOST6, "fe80::fe", "2001:db8:20::7"))
        for family, host, gateway, remote in routes:
            run("ip", family, "route", "add", host, "via", gateway, "dev", "wan0")
            try:
                for source, mine, _ in self.concerned():
                    if mine != host:
                        continue
                    with self.subTest(source, host=host):
                        calls = self.packet(remote, host, UDP, 4010, sport=9, place="x")
                        if "/" in source or ("@" in source and ":" not in host):
                            self.free([calls])
                            self.router.on([rule("r", [source])])
                            self.assert_fates([calls])
                        run("ip", family, "route", "del", host)
                        self.router.on([rule("r", [source])])
                        self.assert_fates([self.packet(host, remote, UDP, 9, sport=4011)], "x")
                        run("ip", family, "route", "add", host, "via", gateway, "dev", "wan0")
                        self.assert_fates([self.packet(remote, host, UDP, 4011, sport=9, place="x")])
            finally:
                run("ip", family, "route", "del", host)

    def test_answers_to_free_hosts_and_to_what_is_excepted_arrive(self) -> None:
        let = [exception("e", ["198.51.100.0/24", "2001:db8:bad::/64"])]
        for source, host, far in self.concerned():
            for free in (False, True):
                with self.subTest(source, host=host, free=free):
                    self.router.on([rule("r", ["br-guest"] if free else [source], exceptions=[] if free else let)])
                    self.assert_fates([self.out(host, far, 4004)], "wan")
                    self.assert_fates([self.back(host, far, 4004, "wan")], "lan")

    def test_a_call_from_outside_is_heard_where_an_answer_may_go_alone(self) -> None:
        for source, host, far in self.concerned():
            if source == MAC or ("@" in source and ":" in host):
                continue  # nobody knows before an answer whose address that is
            with self.subTest(source, host=host):
                self.router.on([rule("r", [source])])
                self.assert_fates([self.back(host, far, 4005, "wan")])
                self.assert_fates([self.back(host, far, 4005, "x")], "lan")
                self.router.on([rule("r", [source], to=["198.51.0.0/16", "2001:db8:bad::/48"])])
                self.assert_fates([self.back(host, far, 4006, "wan")])
                self.router.on([rule("r", [source], to=["198.52.0.0/16", "2001:db8:bac::/48"])])
                self.assert_fates([self.back(host, far, 4007, "wan")], "lan")
        self.router.on([rule("r", [HOST + "/32", HOST6 + "/128"], ipv6="free")])
        self.assert_fates([self.back(FREE, FAR, 4008, "wan"), self.back(FREE6, FAR6, 4008, "wan")], "lan")
