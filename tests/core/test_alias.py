"""Aliases: the same host under two addresses, names for a resolver, and chains that say both."""

from __future__ import annotations

import unittest

from isthmus.config.alias import LONGEST_LABEL, is_host_name
from isthmus.policy.alias import (
    AliasTunnel,
    alias_chains,
    host_label,
    hosts_text,
    is_concerned,
    peer_hosts_text,
    shown_as,
    translate,
)
from isthmus.policy.ready import RANGES
from isthmus.wire.addr import format_ip, parse_ip, parse_prefix
from tests.core.passthrough_samples import alias

OURS = alias("ours", "branch", "192.168.1.0/24", "10.66.1.0/24", "local", "scanner=192.168.1.20")
THEIRS = alias("theirs", "branch", "192.168.1.0/24", "10.66.2.0/24", "remote", "printer=192.168.1.20 nas=192.168.1.9")
TUNNELS = {"branch": AliasTunnel("ist-branch")}


class TranslateTest(unittest.TestCase):
    ROWS = (
        ("192.168.1.20", "192.168.1.0/24", "10.66.2.0/24", "10.66.2.20"),
        ("192.168.1.255", "192.168.1.0/24", "10.66.2.0/24", "10.66.2.255"),
        ("10.1.2.3", "10.0.0.0/9", "172.0.0.0/9", "172.1.2.3"),
        ("192.168.1.7", "192.168.1.7/32", "10.66.2.9/32", "10.66.2.9"),
        ("192.168.1.6", "192.168.1.4/30", "10.66.2.8/30", "10.66.2.10"),
        ("fd00:1::a:5", "fd00:1::/64", "fd00:2::/64", "fd00:2::a:5"),
    )

    def test_there_and_back(self) -> None:
        for address, old, new, expected in self.ROWS:
            there = translate(parse_ip(address), parse_prefix(old), parse_prefix(new))
            self.assertEqual(format_ip(there), expected)
            self.assertEqual(format_ip(translate(there, parse_prefix(new), parse_prefix(old))), address)


class ChainsTest(unittest.TestCase):
    def text(self, *aliases: object, **marks: int) -> str:
        tunnels = {"branch": AliasTunnel("ist-branch", marks.get("mark", 0)), "depot": AliasTunnel("ist-depot")}
        return "\n".join(["\n".join(chain.lines()) for chain in alias_chains(list(aliases), tunnels)])

    def test_nothing_is_there_for_nothing(self) -> None:
        self.assertEqual(alias_chains([], TUNNELS), [])
        self.assertEqual(alias_chains([OURS], {}), [])

    def test_local_is_translation_alone(self) -> None:
        text = self.text(OURS)
        self.assertFalse(" set " in text, text)
        self.assertEqual(text.count("dnat"), 1)
        self.assertEqual(text.count("snat"), 1)

    def test_it_comes_before_the_firewall_s_own_translation(self) -> None:
        for chain in alias_chains([OURS, THEIRS], TUNNELS):
            if chain.kind == "nat":
                self.assertTrue(chain.priority < (-100 if chain.hook in ("prerouting", "output") else 100), chain.name)

    def test_remote_shows_the_alias_from_the_turn_to_the_wire(self) -> None:
        chains = {chain.name: chain for chain in alias_chains([THEIRS], TUNNELS)}
        self.assertTrue(chains["alias_in"].priority < chains["alias_turn"].priority < -80, "forced rules stand at -80")
        self.assertTrue(chains["alias_leave"].priority > 100)
        self.assertEqual(chains["alias_own_turn"].kind, "route")

    def test_nothing_begins_before_its_map_is_there(self) -> None:
        """ready.py; one host has no map."""
        rules = [rule for chain in alias_chains([OURS, THEIRS], TUNNELS) for rule in chain.rules]
        maps = [number for number, rule in enumerate(rules) if " map {" in rule]
        self.assertEqual(len(maps), 6)
        for number in maps:
            asks = rules[number - 1]
            self.assertTrue(asks.endswith(" " + RANGES) and rules[number].startswith(asks[: -len(RANGES)]), asks)
        self.assertFalse(RANGES in self.text(alias("one", "branch", "192.168.1.7/32", "10.66.1.7/32")))

    def test_a_mark_only_where_the_tunnel_has_a_lane(self) -> None:
        self.assertFalse("mark" in self.text(THEIRS))
        self.assertTrue("meta mark & 0x00ffffff | 0x81000000" in self.text(THEIRS, mark=0x81000000))

    def test_two_sites_with_the_same_addresses_answer_for_their_own(self) -> None:
        depot = alias("depot", "depot", "192.168.1.0/24", "10.66.3.0/24", "remote")
        self.assertFalse("drop" in self.text(THEIRS))
        self.assertEqual(self.text(THEIRS, depot).count("drop"), 4)


class ShownTest(unittest.TestCase):
    def test_our_own_hosts(self) -> None:
        self.assertEqual(shown_as(parse_ip("192.168.1.20"), [OURS]), "10.66.1.20 beyond tunnel branch")
        self.assertEqual(shown_as(parse_ip("192.168.2.20"), [OURS]), "")
        self.assertEqual(shown_as(parse_ip("fd00::1"), [OURS, THEIRS]), "")

    def test_the_peer_s_hosts(self) -> None:
        self.assertEqual(shown_as(parse_ip("10.66.2.20"), [OURS, THEIRS]), "printer, 192.168.1.20 at branch")
        self.assertEqual(shown_as(parse_ip("10.66.2.21"), [OURS, THEIRS]), "192.168.1.21 at branch")

    def test_one_tunnel_s_alone(self) -> None:
        again = alias("again", "depot", "192.168.1.0/24", "10.66.9.0/24")
        both = "10.66.1.20 beyond tunnel branch; 10.66.9.20 beyond tunnel depot"
        self.assertEqual(shown_as(parse_ip("192.168.1.20"), [OURS, again]), both)
        self.assertEqual(shown_as(parse_ip("192.168.1.20"), [OURS, again], "depot"), "10.66.9.20 beyond tunnel depot")


class NamesTest(unittest.TestCase):
    def test_sorted_lines(self) -> None:
        self.assertEqual(hosts_text([OURS, THEIRS]), "10.66.2.9 nas.branch\n10.66.2.20 printer.branch\n")
        self.assertEqual(peer_hosts_text([OURS, THEIRS], "office"), "10.66.1.20 scanner.office\n")
        self.assertEqual(hosts_text([THEIRS], {"branch": "lan"}).count(".lan\n"), 2)

    def test_no_line_is_ever_anything_else(self) -> None:
        for bad in ("a b", "a\nb", "a#", "-a", "a-", "", "ä", "A", "a..b", "a" * (LONGEST_LABEL + 1), "a_b"):
            self.assertFalse(is_host_name(bad), bad)
            self.assertEqual(hosts_text([THEIRS], {"branch": bad or "-"}), "", bad)
            THEIRS.names.append((bad, parse_ip("192.168.1.77")))
            try:
                self.assertFalse("77" in hosts_text([THEIRS]), bad)
            finally:
                THEIRS.names.pop()
        for good in ("a", "a-b", "1.example", "a" * LONGEST_LABEL):
            self.assertTrue(is_host_name(good), good)

    def test_a_tunnel_s_name_becomes_a_label(self) -> None:
        rows = (("branch", "branch"), ("Head_Office", "head-office"), ("_x_", "x"))
        self.assertEqual([host_label(name) for name, _ in rows], [label for _, label in rows])
        odd = alias("odd", "_", "192.168.1.0/24", "10.66.2.0/24", "remote", "printer=192.168.1.20")
        self.assertEqual(hosts_text([odd]), "10.66.2.20 printer\n")


class ConcernTest(unittest.TestCase):
    def test_what_may_run_under_other_addresses(self) -> None:
        beyond = [parse_prefix("10.66.2.0/24")]
        for one, two, expected in (
            ("192.168.1.20", "10.66.2.30", True), ("10.66.1.20", "10.66.2.30", True),
            ("192.168.1.20", "192.0.2.1", False), ("192.168.9.20", "10.66.2.30", False),
        ):  # fmt: skip
            self.assertEqual(is_concerned(OURS, beyond, [parse_ip(one), parse_ip(two)]), expected, one)


if __name__ == "__main__":
    unittest.main()
