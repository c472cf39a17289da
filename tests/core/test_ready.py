"""Whether the table is whole: where it is asked, and where the answer stands."""

from __future__ import annotations

import unittest

from isthmus.policy.far import Far, far_chains
from isthmus.policy.guard import guard_text
from isthmus.policy.passthrough import passthrough_chains
from isthmus.policy.ready import MAPS, RANGES, ready_chains
from isthmus.wire.addr import parse_prefix
from tests.core.forced_samples import LAN, chains_of, rule, rules_in
from tests.core.passthrough_samples import section

MAC = "02:00:00:00:00:11"
RULES = [rule("a", ["192.168.10.0/24"], to=["10.0.0.0/8", "172.16.0.0/12"]), rule("b", [MAC], port=["udp:1-9"])]


class ReadyTest(unittest.TestCase):
    def test_nobody_asks_and_nothing_is_there(self) -> None:
        self.assertEqual(ready_chains([]), [])
        self.assertFalse("chain ranges" in guard_text([]) or "chain maps" in guard_text([]))

    def test_the_last_range_of_the_text_is_the_one_that_is_asked_for(self) -> None:
        chains, counters = chains_of(RULES)
        passing, more = passthrough_chains([section("x", "ipsec", "out", "10.1.0.0/16", "block")], [LAN])
        far = far_chains([Far("ist-x", [parse_prefix("10.9.0.0/16")], [])], [LAN])
        text = guard_text([], [], chains + passing + far, counters + more)
        rest = text[text.index("\tchain ranges {") :].split("\n")
        self.assertEqual(rest, ["\tchain ranges {", "\t\tmeta nfproto != { 2-3, 10-11 } counter drop", "\t}", "}", ""])

    def test_who_decides_asks_before_the_first_look_up_and_behind_the_last(self) -> None:
        chains, _ = chains_of(RULES)
        for name, end in (("forced_across", 'oifname != "br-lan" '), ("forced_in", "")):
            lines = rules_in(chains, name)
            self.assertTrue(end + RANGES in lines, name)
            before = lines[: lines.index(end + RANGES)]
            self.assertEqual([line for line in before if "vmap" in line or "/" in line or "-9" in line], [], name)
            self.assertEqual(lines[-1], end + MAPS)
        lines = rules_in(chains, "forced_into")
        self.assertEqual((lines[2], lines[-1]), (RANGES, MAPS))

    def test_the_network_of_a_rule_is_no_lan(self) -> None:
        lines = rules_in(chains_of(RULES + [rule("c", ["br-guest"])])[0], "forced_across")
        self.assertEqual((lines[0], lines[-1]), ('oifname != "br-lan" ' + RANGES, 'oifname != "br-lan" ' + MAPS))

    def test_whose_question_it_is_asks_as_well(self) -> None:
        chains, _ = chains_of([rule("a", [MAC], to=["10.0.0.0/8"], dns=["10.0.0.53"])])
        lines = rules_in(chains, "forced_dns")
        self.assertTrue("vmap" in lines[-2])
        self.assertEqual((lines[-3], lines[-1]), (RANGES, MAPS))

    def test_where_no_network_is_the_sites_own_everybody_is_asked(self) -> None:
        chains, _ = chains_of(RULES[1:], lans=[])
        self.assertEqual(rules_in(chains, "forced_across")[0], RANGES)
        self.assertEqual(rules_in(chains, "forced_across")[-1], MAPS)

    def test_passthrough_asks_where_something_is_blocked(self) -> None:
        for action in ("allow", "block"):
            for sources in ("10.1.0.0/16", MAC, ""):
                sections = [section("x", "ipsec", "out", sources, action), section("all", "ipsec", "out")]
                lines = rules_in(passthrough_chains(sections, [LAN])[0], "pass_ipsec_out")
                self.assertEqual((lines[0] == RANGES, MAPS in lines), (action == "block" and bool(sources),) * 2)
                self.assertTrue(lines[-1].startswith("goto pass_to_"))

    def test_before_that_passthrough_only_compares(self) -> None:
        chains, _ = passthrough_chains([section("x", "ipsec", "out"), section("y", "pptp", "out")], [LAN])
        for name in ("passthrough", "pass_tcp", "pass_udp"):
            self.assertEqual([line for line in rules_in(chains, name) if "{" in line], [], name)
