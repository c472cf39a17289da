"""Passthrough's chains, and who uses a VPN: what they must say whatever the sections."""

from __future__ import annotations

import unittest

from isthmus.policy.clients import Place, clients, section_of, shadowing
from isthmus.policy.passthrough import HELPER_OBJECT, describe, passthrough_chains, shadow_chains
from isthmus.wire.addr import parse_ip
from tests.core.passthrough_samples import flow, mac_bytes, section

LANS = ["br-lan", "br-guest"]
MAC = "02:00:00:00:00:11"
ADDRESSES = [
    ("lo", parse_ip("127.0.0.1"), 8), ("br-lan", parse_ip("192.168.10.1"), 24),
    ("br-guest", parse_ip("192.168.20.1"), 24), ("br-lan", parse_ip("2001:db8:10::1"), 64),
    ("br-lan", parse_ip("fe80::1"), 64), ("wan", parse_ip("203.0.113.1"), 24),
]  # fmt: skip
NEIGHBOURS = [("br-lan", parse_ip("192.168.10.11"), mac_bytes(MAC))]
WAN, OUT = "203.0.113.1", "198.51.100.9"


def place() -> Place:
    return Place(ADDRESSES, LANS, NEIGHBOURS)


def rules(chains: list, name: str) -> list:
    for chain in chains:
        if chain.name == name:
            return chain.rules
    raise AssertionError("no chain " + name)


class ChainsTest(unittest.TestCase):
    def test_nothing_is_there_for_nothing(self) -> None:
        self.assertEqual(passthrough_chains([], LANS), ([], []))
        self.assertEqual(shadow_chains([]), [])

    def test_one_base_chain_ahead_of_the_firewall(self) -> None:
        chains, counters = passthrough_chains([section("a", "ipsec", "both"), section("b", "pptp", "out")], LANS)
        based = [chain for chain in chains if chain.hook]
        self.assertEqual([(chain.hook, chain.kind, chain.priority) for chain in based], [("forward", "filter", -300)])
        self.assertEqual(counters, ["passthrough_a", "passthrough_b"])

    def test_every_chain_that_is_led_to_is_there_once(self) -> None:
        sections = [section("s%d" % number, protocol, direction, "br-lan " + MAC, action)
                    for number, (protocol, direction, action) in enumerate(MIXED)]  # fmt: skip
        for count in range(1, len(sections) + 1):
            chains, _ = passthrough_chains(sections[:count], LANS)
            names = [chain.name for chain in chains]
            self.assertEqual(len(names), len(set(names)))
            for chain in chains:
                for rule in chain.rules:
                    words = rule.replace(",", " ").split()
                    for index, word in enumerate(words):
                        if word == "goto":
                            self.assertTrue(words[index + 1] in names, words[index + 1])

    def test_only_block_drops(self) -> None:
        for action in ("allow", "block", "helper"):
            chains, _ = passthrough_chains([section("x", "pptp", "both", "", action)], LANS)
            drops = [chain.name for chain in chains if "drop" in " ".join(chain.rules)]
            self.assertEqual(drops, ["pass_to_x"] if action == "block" else [])

    def test_the_helper_stands_there_only_where_it_is_asked_for(self) -> None:
        asked = [section("x", "pptp", "out", "", "helper")]
        other = [section("x", "pptp", "out")]
        for sections, helpers, expected in ((asked, True, True), (asked, False, False), (other, True, False)):
            text = "\n".join(["\n".join(chain.lines()) for chain in passthrough_chains(sections, LANS, helpers)[0]])
            self.assertEqual("ct helper %s {" % HELPER_OBJECT in text, expected)
            self.assertEqual('ct helper set "%s"' % HELPER_OBJECT in text, expected)

    def test_of_overlapping_prefixes_the_first_in_the_file(self) -> None:
        wide, host = section("wide", "ipsec", "out", "10.0.0.0/8"), section("host", "ipsec", "out", "10.0.0.5/32")
        found = rules(passthrough_chains([wide, host], LANS)[0], "pass_ipsec_out")
        self.assertEqual(found, ["ip saddr vmap { 10.0.0.0/8 : goto pass_to_wide }"])
        found = rules(passthrough_chains([host, wide], LANS)[0], "pass_ipsec_out")[0]
        self.assertEqual(found.count("goto pass_to_wide"), 2)
        self.assertTrue("10.0.0.5 : goto pass_to_host" in found)

    def test_a_mac_is_looked_for_in_what_leaves_alone(self) -> None:
        chains, _ = passthrough_chains([section("x", "ipsec", "both", MAC + " 192.168.10.7@02:00:00:00:00:12")], LANS)
        self.assertEqual(rules(chains, "pass_ipsec_out")[0].count("goto"), 2)
        self.assertEqual(rules(chains, "pass_ipsec_in"), ["ip daddr vmap { 192.168.10.7 : goto pass_to_x }"])

    def test_a_thousand_hosts_are_one_rule(self) -> None:
        hosts = " ".join(["10.1.%d.%d/32" % (number // 250, number % 250) for number in range(0, 1000, 2)])
        chains, _ = passthrough_chains([section("x", "ipsec", "out", hosts, "block")], LANS)
        self.assertEqual(len([line for line in rules(chains, "pass_ipsec_out") if "10.1." in line]), 1)

    def test_shadow_keeps_to_the_uplinks(self) -> None:
        chains = shadow_chains(["wan", "wan2", "wan"], [parse_ip(OUT), parse_ip("2001:db8::1")])
        text = "\n".join(["\n".join(chain.lines()) for chain in chains])
        self.assertEqual(text.count('oifname { "wan", "wan2" }'), 2)
        self.assertTrue(OUT in text and "2001" not in text)
        self.assertEqual(len([chain for chain in shadow_chains(["wan"]) if "drop" in " ".join(chain.rules)]), 0)

    def test_a_sentence(self) -> None:
        text = describe(section("x", "ipsec", "out", "192.168.10.0/24 br-guest", "block"))
        self.assertEqual(text, "IPsec (IKE, NAT-T, ESP, AH) from 192.168.10.0/24, br-guest outwards is blocked")


MIXED = (
    ("ipsec", "out", "block"), ("ipsec", "in", "allow"), ("l2tp", "both", "block"), ("pptp", "out", "helper"),
    ("pptp", "in", "block"),
)  # fmt: skip


class ClientsTest(unittest.TestCase):
    def found(self, flows: list, sections: object = ()) -> list:
        return [(row.service, row.direction, row.section) for row in clients(flows, place(), list(sections))]

    def test_services(self) -> None:
        rows = ((17, 500, "IKE"), (17, 4500, "NAT-T"), (50, 0, "ESP"), (17, 1701, "L2TP"), (6, 1723, "PPTP"),
                (47, 0, "GRE"), (51, 0, "AH"), (115, 0, "L2TPv3"))  # fmt: skip
        for protocol, port, service in rows:
            found = self.found([flow(protocol, "192.168.10.11", port, OUT, port, WAN)])
            self.assertEqual(found, [(service, "out", "")])
        self.assertEqual(self.found([flow(17, "192.168.10.11", 500, OUT, 501, WAN), flow(6, WAN, 500, OUT, 500)]), [])

    def test_directions(self) -> None:
        inwards = flow(17, OUT, 500, WAN, 500, "", 0, "192.168.10.11")
        routed = flow(50, "2001:db8:10::11", 0, "2001:db8:ff::9", 0)
        called = flow(50, "2001:db8:ff::9", 0, "2001:db8:10::11", 0)
        found = self.found([inwards, routed, called])
        self.assertEqual(found, [("IKE", "in", ""), ("ESP", "out", ""), ("ESP", "in", "")])
        row = clients([inwards], place(), [])[0]
        self.assertEqual((row.inside, row.outside), (parse_ip("192.168.10.11"), parse_ip(OUT)))

    def test_a_host_behind_another_router_of_the_site(self) -> None:
        self.assertEqual(self.found([flow(17, "10.9.9.9", 500, OUT, 500, WAN, 40000)]), [("IKE", "out", "")])

    def test_what_is_not_forwarded_in_or_out_is_nobody_s(self) -> None:
        own = [
            flow(17, WAN, 500, OUT, 500), flow(50, WAN, 0, OUT, 0), flow(17, OUT, 500, WAN, 500),
            flow(17, "192.168.10.11", 500, "192.168.10.1", 500), flow(50, "192.168.10.11", 0, "192.168.20.11", 0),
        ]  # fmt: skip
        self.assertEqual(self.found(own), [])

    def test_the_section_that_the_kernel_takes(self) -> None:
        sections = [
            section("everybody", "ipsec", "both", "", "block"), section("lan", "ipsec", "out", "br-lan"),
            section("prefix", "ipsec", "out", "192.168.10.0/24", "block"), section("mac", "ipsec", "out", MAC),
        ]  # fmt: skip
        for host, expected in (("192.168.10.11", "mac"), ("192.168.10.12", "prefix"), ("192.168.20.9", "everybody"),
                               ("2001:db8:10::5", "lan")):  # fmt: skip
            config = section_of(sections, "ipsec", "out", parse_ip(host), place())
            self.assertEqual(config.name if config else "", expected, host)
        config = section_of(sections, "ipsec", "in", parse_ip("192.168.10.11"), place())
        self.assertEqual(config.name if config else "", "everybody")
        self.assertTrue(section_of(sections, "pptp", "out", parse_ip("192.168.10.11"), place()) is None)

    def test_a_bound_host_is_its_mac_outwards_and_its_address_inwards(self) -> None:
        sections = [section("bound", "ipsec", "both", "192.168.10.99@" + MAC)]
        names = []
        for direction, host in (("out", "192.168.10.11"), ("out", "192.168.10.99"), ("in", "192.168.10.99")):
            config = section_of(sections, "ipsec", direction, parse_ip(host), place())
            names.append(config.name if config else "")
        self.assertEqual(names, ["bound", "", "bound"])

    def test_what_a_block_has_left_is_told(self) -> None:
        stale = flow(17, "192.168.10.11", 500, OUT, 500, WAN, 40000)
        for action, expected in (("block", True), ("allow", False)):
            rows = clients([stale], place(), [section("x", "ipsec", "out", "", action)])
            self.assertEqual([row.is_blocked for row in rows], [expected])

    def test_shadowing(self) -> None:
        peer = parse_ip(OUT)
        shadow = [
            flow(17, "192.168.10.11", 500, "198.51.100.77", 500, WAN, 500),
            flow(17, "192.168.10.11", 9, OUT, 9, WAN, 4500), flow(50, "192.168.10.11", 0, OUT, 0, WAN),
        ]  # fmt: skip
        harmless = [
            flow(17, "192.168.10.11", 500, OUT, 500, WAN, 40000), flow(17, WAN, 500, OUT, 500),
            flow(50, "192.168.10.11", 0, "198.51.100.77", 0, WAN), flow(17, OUT, 500, WAN, 500),
            flow(17, "2001:db8:10::11", 500, "2001:db8:ff::9", 500), flow(6, "192.168.10.11", 500, OUT, 500, WAN, 500),
            flow(17, OUT, 500, WAN, 500, "", 0, "192.168.10.11"),
        ]  # fmt: skip
        self.assertEqual(shadowing(shadow + harmless, place(), [peer]), shadow)


if __name__ == "__main__":
    unittest.main()
