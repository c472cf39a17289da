"""Forced rules as chains: what the text must say. What it does is tried on a real kernel in tests/edge."""

from __future__ import annotations

import unittest

from isthmus.kernel import objects
from isthmus.policy.forced import forced_chains, forced_objects, homes_of
from isthmus.policy.guard import guard_text
from isthmus.policy.lane import Lane
from isthmus.policy.ready import ready_chains
from tests.core.forced_samples import LAN, PEER, chains_of, exception, lanes_of, rule, rules_in

M1, M2 = "02:00:00:00:00:01", "02:00:00:00:00:02"


class ForcedTest(unittest.TestCase):
    def text(self, *arguments: object, **keywords: object) -> str:
        chains, counters = chains_of(*arguments, **keywords)  # type: ignore[arg-type]
        return guard_text([], [], chains, counters)

    def test_without_rules_there_is_nothing(self) -> None:
        self.assertEqual(forced_chains([], [], {}, [LAN], set()), ([], []))
        self.assertEqual(guard_text([], [], [], []), guard_text([]))

    def test_whatever_leaves_by_anything_but_the_tunnel_is_dropped(self) -> None:
        chains, counters = chains_of([rule("cam", ["192.168.10.0/24"])])
        self.assertEqual(rules_in(chains, "forced_across_cam"), [
            'oifname "ist-x" ct mark set ct mark & 0x00ffffff | 0x96000000',
            'oifname "ist-x" meta mark set meta mark & 0x00ffffff counter name "forced_cam_protected" accept',
            'oifname "br-lan" accept',
            'counter name "forced_cam_blocked" drop',
        ])  # fmt: skip
        self.assertTrue("forced_cam_protected" in counters and "forced_cam_blocked" in counters)

    def test_every_chain_that_is_led_to_is_there_and_every_counter_too(self) -> None:
        rules = [
            rule("a", ["192.168.10.5@" + M1, M2, "192.168.10.0/24", "br-guest", "2001:db8::/64"], dns=["10.0.0.53"]),
            rule("b", [M1, "192.168.10.9/32"], to=["10.0.0.0/8"], port=["tcp:443"], dns=["2001:db8:5::53"],
                 exceptions=[exception("e", ["203.0.113.0/24"], ["udp:123"], 2000000000)]),
        ]  # fmt: skip
        chains, counters = chains_of(rules)
        chains = chains + ready_chains(chains)
        names = [chain.name for chain in chains]
        self.assertEqual(sorted(names), sorted(set(names)))
        used = set()
        for chain in chains:
            for line in chain.rules:
                words = line.replace(",", " ").split()
                for index, word in enumerate(words):
                    if word in {"jump", "goto"}:
                        self.assertTrue(words[index + 1] in names, line)
                    if word == "name":
                        used.add(words[index + 1].strip('"'))
        self.assertEqual(sorted(used), sorted(counters))

    def test_the_second_layer_never_reads_a_mark(self) -> None:
        rules = [rule("a", ["192.168.10.5@" + M1, "br-guest", "2001:db8::/64"], dns=["10.0.0.53"])]
        reached = [chain for chain in chains_of(rules)[0] if "across" in chain.name or "_in" in chain.name]
        self.assertTrue(len(reached) > 4)
        for chain in reached:
            for line in chain.rules:
                if chain.name == "forced_into":  # what comes from outside: there a mark closes, and opens nothing
                    self.assertTrue("mark" not in line or line.endswith("counter drop"), line)
                    continue
                rest = line
                for word in ("meta mark", "ct mark"):  # it sets marks, for others to read
                    rest = rest.replace("%s set %s & 0x00ffffff" % (word, word), "")
                self.assertFalse("mark" in rest, chain.name)

    def test_what_the_guard_has_not_seen_goes_nowhere(self) -> None:
        rules = [rule("a", ["br-guest", "192.168.10.5/32"]), rule("b", ["br-guest"])]
        homes = homes_of(rules, [LAN])
        self.assertEqual(homes, [LAN, "br-guest"])
        self.assertEqual(homes_of([], [LAN]), [])
        chains, _ = chains_of(rules)
        self.assertTrue('iifname { "br-lan", "br-guest" } jump forced_home' in rules_in(chains, "forced_arrive"))
        # Other marks are other people's, who compare all of it.
        seen = "meta mark 0 meta nfproto { 2-3, 10-11 } meta mark set 0x80000000"
        self.assertEqual(rules_in(chains, "forced_mark"), [seen])
        rows = 'iifname vmap { "br-lan" : jump forced_mark, "br-guest" : jump forced_mark }'
        self.assertEqual(rules_in(chains, "forced_seen"), [rows])
        self.assertEqual(chains[-1].name, "forced_seen")
        behind = {chain.name: chain.priority for chain in chains if chain.hook == "prerouting"}
        self.assertTrue(behind["forced_seen"] > behind["forced_arrive"], "what it has not let pass, it has not seen")
        closed = forced_objects([], homes)
        self.assertEqual(sorted({item.table for item in closed}), [0x69000000])
        self.assertEqual(len([item for item in closed if item.kind == "route" and item.type == objects.UNREACHABLE]), 2)
        asked = [(item.family, item.iif, item.mark, item.mask, item.priority) for item in closed if item.kind == "rule"]
        self.assertEqual(asked, [(family, home, 0, 0xFFFFFFFF, 691) for family in (2, 10) for home in homes])
        self.assertEqual(forced_objects([], homes_of([], [LAN])), [])

    def test_a_name_that_gets_out_of_its_quotes_is_refused(self) -> None:
        for name in ('x" accept', "a b", "", "a" * 16, "x;y"):
            with self.assertRaises(ValueError):
                chains_of([rule("a", [name])])
            with self.assertRaises(ValueError):
                chains_of([rule("a", ["br-lan"])], lans=[name])

    def test_a_kernel_without_nat_gets_none(self) -> None:
        rules = [rule("a", ["br-lan"], dns=["10.0.0.53"])]
        lanes = lanes_of(rules)
        for nat in (True, False):
            chains, _ = forced_chains(rules, lanes, {"a": "x"}, [LAN], set(), nat=nat)
            self.assertEqual([chain.name for chain in chains if chain.kind == "nat"], ["forced_dns"] if nat else [])
            self.assertTrue([chain for chain in chains if chain.name == "forced_in"])

    def test_an_exception_that_has_ended_once_is_not_there(self) -> None:
        rules = [rule("a", ["br-lan"], exceptions=[exception("e", ["203.0.113.0/24"], until=1000)])]
        self.assertTrue("ip daddr 203.0.113.0/24 meta time < 1000 accept" in self.text(rules))
        self.assertTrue('meta time < 1000 counter name "exception_e" accept' in self.text(rules))
        gone = self.text(rules, spent={"e"})
        self.assertFalse("203.0.113.0/24" in gone or "exception_e" in gone)

    def test_ipv6_of_all_lans_is_held_back_by_ipv4_rules_alone(self) -> None:
        for sources, ipv6, held in (
            (["192.168.10.5/32"], "block", True),
            (["192.168.10.5/32"], "free", False),
            (["192.168.10.5@" + M1], "block", False),
            ([M1], "block", False),
            (["br-lan"], "block", False),
            (["2001:db8::/64"], "block", False),
        ):
            text = self.text([rule("a", sources, ipv6=ipv6)])
            self.assertEqual('counter name "ipv6_blocked" drop' in text, held, sources)

    def test_a_rule_for_some_ipv4_destinations_holds_no_ipv6_back(self) -> None:
        chains, _ = chains_of([rule("a", ["192.168.10.5/32"], to=["10.0.0.0/8"])])
        self.assertEqual(rules_in(chains, "ipv6_across"), ['oifname { "br-lan", "ist-x" } accept'])


class LaneTest(unittest.TestCase):
    def test_its_table_ends_in_unreachable_whether_it_carries_or_not(self) -> None:
        for usable in (True, False):
            lane = Lane("x", 5, "ist-x", PEER if usable else None, usable)
            found = forced_objects([lane])
            for size in (4, 16):
                routes = [item for item in found if isinstance(item, objects.Route) and item.table == 0x69000005]
                mine = [route for route in routes if len(route.destination.address) == size]
                self.assertEqual(sorted([route.type for route in mine]), [1, 7] if usable else [7])
                self.assertEqual(max(mine, key=_metric).type, objects.UNREACHABLE)
            rules = [item for item in found if isinstance(item, objects.Rule)]
            self.assertEqual(len(rules), 2)
            for item in rules:
                self.assertEqual((item.priority, item.mark, item.mask), (690, 0x85000000, 0xFF000000))

    def test_ipv6_takes_no_ipv4_next_hop(self) -> None:
        found = forced_objects([Lane("x", 5, "ist-x", b"\x0a\x00\x00\x01", True)])
        carried = [item for item in found if isinstance(item, objects.Route) and item.type == objects.UNICAST]
        self.assertEqual([len(item.destination.address) for item in carried], [4])

    def test_the_first_that_carries_is_chosen_and_the_first_of_all_if_none_does(self) -> None:
        rules = [rule("a", ["br-lan"], via=["x", "y"]), rule("b", ["br-lan"], via=["y"])]
        for up, ifname in ((("x", "y"), "ist-x"), (("y",), "ist-y"), ((), "ist-x")):
            chains, _ = chains_of(rules, up)
            self.assertTrue(rules_in(chains, "forced_across_a")[0].startswith('oifname "%s"' % ifname))
            lanes = {lane.ifname: lane for lane in lanes_of(rules)}
            words = " ".join(rules_in(chains, "forced_arrive_a"))
            self.assertTrue("| 0x%08x" % lanes[ifname].mark in words)
            self.assertEqual("forced_a_blocked" in words.split("| 0x")[1], not up, "counted where nothing else does")


def _metric(route: objects.Route) -> int:
    return route.metric
