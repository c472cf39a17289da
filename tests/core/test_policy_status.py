"""What `isthmus policy` says of a site in memory: three states, counters, hosts, exceptions and their ends."""

from __future__ import annotations

from isthmus import policy_status
from isthmus.config.policy_values import UtcTime
from isthmus.errors import IsthmusError
from isthmus.kernel.contract import EINVAL
from isthmus.kernel.flows import Flow
from isthmus.kernel.ways import Way
from isthmus.lamps import brief
from isthmus.policy_explain import explain_packet
from isthmus.wire.addr import parse_ip, parse_prefix
from tests.core.forced_pair import CAMERA, EXCEPTION, NOON, RULE, UNTIL, ForcedTest
from tests.core.pair import LAN_A

PASSTHROUGH = "config passthrough 'vpn'\n option protocol ipsec\n option action block\n list from 'lan0'\n"
ALIAS = "config alias 'twin'\n option tunnel branch\n option subnet 192.168.10.0/24\n option as 10.66.1.0/24\n"


class StatusTest(ForcedTest):
    def report(self) -> dict:
        return policy_status.report(self.a.site, {}, None)

    def rule(self) -> dict:
        return self.report()["rules"][0]

    def test_protected_with_a_tunnel_and_blocked_without(self) -> None:
        self.begin((RULE % "").replace("free", "block"))
        self.assertEqual((self.rule()["state"], self.rule()["by"]), ("protected", []))
        self.a.tunnel.pause(self.pair.now)
        self.a.site.obey(self.pair.now)
        rule = self.rule()
        self.assertEqual((rule["state"], rule["hosts"][0]["state"]), ("blocked", "blocked"))
        self.assertTrue("tunnel branch is switched off" in rule["why"], rule["why"])

    def test_exposed_says_by_what(self) -> None:
        self.begin((RULE % "").replace("free", "block") + EXCEPTION % UNTIL)
        rule = self.rule()
        self.assertEqual((rule["state"], rule["by"], rule["otherwise"]), ("exposed", ["ntp"], "protected"))
        self.assertEqual(rule["exceptions"][0]["until_text"], "2026-12-01 12:00")
        self.a.site.forcing.tell_time(NOON, self.pair.now)
        rule = self.rule()
        self.assertEqual((rule["state"], rule["exceptions"][0]["state"]), ("protected", "over"))

    def test_free_ipv6_is_an_exposure_of_hosts_known_by_ipv4(self) -> None:
        self.begin((RULE % "").replace(" list via", " list from '02:00:00:00:00:50'\n list via"))
        rule = self.rule()
        self.assertEqual((rule["state"], rule["by"]), ("exposed", ["ipv6"]))
        self.assertEqual([host["state"] for host in rule["hosts"]], ["exposed", "protected"])

    def test_without_the_guard_nothing_is_called_protected(self) -> None:
        self.begin((RULE % "").replace("free", "block"))
        self.a.kernel.damage("guard")
        self.a.kernel.fail_next["guard_set"] = EINVAL
        self.a.site.kernel_changed({"guard"}, self.pair.now)
        self.pair.now += 2_000
        self.a.site.handle_timer(self.pair.now)
        self.assertEqual((self.rule()["state"], self.rule()["by"]), ("exposed", ["guard"]))
        self.pair.run(5_000)
        self.assertEqual(self.rule()["state"], "protected")

    def test_counters_and_who_a_mac_is(self) -> None:
        self.begin((RULE % "").replace("192.168.10.50", "02:00:00:00:00:50"))
        self.a.kernel.counts["forced_cameras_protected"] = (3, 300)
        self.a.kernel.known_neighbours = [("lan0", CAMERA, b"\x02\x00\x00\x00\x00\x50")]
        rule = self.rule()
        self.assertEqual(rule["protected"], {"packets": 3, "bytes": 300})
        self.assertEqual(rule["hosts"][0]["addresses"], ["192.168.10.50"])

    def test_brief_is_what_status_has(self) -> None:
        self.begin(RULE % "")
        full = self.rule()
        for name, value in brief(self.a.site)[0].items():
            self.assertEqual(full[name], value)

    def test_passthrough_alias_and_warnings(self) -> None:
        self.begin("config globals\n list lan lan0\n" + PASSTHROUGH + ALIAS + " list name printer=192.168.10.7\n")
        client, gateway = parse_ip("192.168.10.60"), parse_ip("203.0.113.9")
        self.a.kernel.known_flows = [Flow(2, 17, client, 500, gateway, 500, gateway, 500, self.a.wan, 500, 0, 1)]
        report = self.report()
        self.assertEqual([one["inside"] for one in report["passthrough"][0]["clients"]], ["192.168.10.60"])
        self.assertTrue(report["passthrough"][0]["clients"][0]["blocked"])
        self.assertEqual(report["aliases"][0]["names"][0]["shown"], "10.66.1.7")
        self.assertEqual(report["shown"], {"192.168.10.60": "10.66.1.60 beyond tunnel branch"})
        self.assertEqual(policy_status.find(self.a.site, None), report["warnings"])
        for warning in report["warnings"]:
            self.assertTrue(warning["message"] and warning["remedy"], warning)

    def test_utc_is_written_as_it_is_read(self) -> None:
        for text in ("2026-12-01 12:00", "2028-02-29 23:59", "2027-01-01 00:00", "2031-12-31 07:08"):
            self.assertEqual(policy_status.format_utc(UtcTime().parse(text)), text)


class ExplainTest(ForcedTest):
    def explain(self, source: str, destination: str, port: str = "") -> dict:
        return explain_packet(self.a.site, source, destination, port, NOON - 1000)

    def test_a_packet_is_filled_up_with_what_the_router_knows(self) -> None:
        lans = "config globals\n list lan lan0\n"
        self.begin(lans + (RULE % "").replace("free", "block") + EXCEPTION % UNTIL)
        mac = b"\x02\x00\x00\x00\x00\x50"
        self.a.kernel.known_neighbours = [("lan0", CAMERA, mac)]
        self.a.kernel.ways.insert(0, (parse_prefix("192.168.10.0/24"), Way(LAN_A, "lan0", 1500)))
        found = self.explain("192.168.10.50", "198.51.100.7", "443")
        self.assertEqual((found["verdict"], found["rule"], found["tunnel"]), ("protected", "cameras", "branch"))
        self.assertEqual((found["packet"]["arrives"], found["packet"]["mac"]), ("lan0", "02:00:00:00:00:50"))
        self.assertEqual((found["packet"]["protocol"], found["packet"]["port"]), (6, 443))
        self.assertTrue(len(found["steps"]) > 1)
        found = self.explain("192.168.10.50", "203.0.113.9", "udp:123")
        self.assertEqual((found["verdict"], found["exception"]), ("exposed", "ntp"))
        self.assertEqual(self.explain("02:00:00:00:00:50", "198.51.100.7")["verdict"], "protected")
        self.assertEqual(self.explain("192.168.10.60", "198.51.100.7", "icmp")["verdict"], "free")
        self.assertEqual(self.explain("lan0", "192.168.10.1")["verdict"], "router")
        for answer in (found, self.explain("192.168.10.60", "198.51.100.7")):
            self.assertTrue(answer["why"])

    def test_a_call_from_outside_comes_from_outside(self) -> None:
        self.begin("config globals\n list lan lan0\n" + RULE % "")
        self.a.kernel.ways.insert(0, (parse_prefix("192.168.10.0/24"), Way(LAN_A, "lan0", 1500)))
        found = self.explain("198.51.100.77", "192.168.10.50", "443")
        self.assertEqual((found["verdict"], found["packet"]["arrives"]), ("blocked", "wan0"))
        self.assertTrue("nobody outside its tunnel may call it" in found["steps"][-1], found["steps"])
        self.a.kernel.ways.insert(0, (parse_prefix("192.168.20.0/24"), Way(LAN_A, "ist-branch", 1420)))
        self.assertEqual(self.explain("192.168.20.9", "192.168.10.50", "443")["packet"]["arrives"], "ist-branch")
        self.assertEqual(self.explain("198.51.100.77", "203.0.113.9")["packet"]["arrives"], "lan0", "a forged one")

    def test_what_is_no_packet_is_refused_with_a_remedy(self) -> None:
        self.begin(RULE % "")
        for source, destination, port in (
            ("x" * 40, "198.51.100.7", ""), ("192.168.10.50", "nowhere", ""), ("192.168.10.50", "2001:db8::1", ""),
            ("192.168.10.50", "198.51.100.7", "70000"), ("192.168.10.50", "198.51.100.7", "zzz:1"),
            ("02:00:00:00:00:77", "198.51.100.7", ""), ("nolan", "198.51.100.7", ""),
        ):  # fmt: skip
            with self.assertRaises(IsthmusError) as caught:
                self.explain(source, destination, port)
            self.assertTrue(caught.exception.remedy, (source, destination, port))
