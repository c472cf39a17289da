"""Addresses from beyond a tunnel, as chains: what the text must say."""

from __future__ import annotations

import unittest

from isthmus.policy.chain import INLINE
from isthmus.policy.far import FEW, Far, far_chains
from isthmus.policy.guard import guard_text
from isthmus.wire.addr import parse_ip, parse_prefix


def far(ifname: str, *subnets: str, own: tuple[str, ...] = ()) -> Far:
    return Far(ifname, [parse_prefix(text) for text in subnets], [parse_ip(text) for text in own])


class FarTest(unittest.TestCase):
    def test_without_tunnels_subnets_or_addresses_there_is_nothing(self) -> None:
        self.assertEqual(far_chains([], ["br-lan"]), [])
        self.assertEqual(far_chains([far("ist-a", own=("fe80::1",))], ["br-lan"]), [])

    def test_a_whole_internet_beyond_a_tunnel_is_no_address_to_borrow(self) -> None:
        """The answers to this router's own questions, and its peer, come from there through the uplink."""
        self.assertEqual(far_chains([far("ist-a", "0.0.0.0/0", "128.0.0.0/1", "::/0", "2000::/3")], []), [])

    def test_of_two_that_overlap_the_closer_one_counts(self) -> None:
        chains = far_chains([far("ist-a", "10.0.0.0/8"), far("ist-b", "10.1.0.0/16")], ["br-lan"])
        self.assertEqual([chain.name for chain in chains], ["far_elsewhere", "far_0", "far_1", "far"])
        self.assertEqual(chains[2].rules[0], 'iifname "ist-b" return')
        self.assertEqual(chains[3].rules, [
            "ip saddr 10.0.0.0/16 jump far_0", "ip saddr 10.1.0.0/16 jump far_1",
            "ip saddr 10.2.0.0-10.255.255.255 jump far_0",
        ])  # fmt: skip

    def test_where_they_stand(self) -> None:
        """What may hold a network of ours, and what meets rules for `iif`, is told by the route ahead of everything."""
        for subnets, ahead, hooks in (
            (["10.1.0.0/24", "fd00:1::/64"], False, ["forward", "input"]),
            (["10.1.0.0/24", "10.2.0.0/23"], False, ["prerouting"]),
            (["fd00::/48"], False, ["prerouting"]),
            (["10.1.0.0/24", "fd00:1::/64"], True, ["prerouting"]),
        ):
            chains = far_chains([far("ist-a", *subnets)], ["br-lan"], ahead)
            self.assertEqual([chain.hook for chain in chains if chain.hook], hooks, subnets)
            text = guard_text([], [], chains)
            self.assertEqual("prerouting" in text, hooks == ["prerouting"])
            for rule in chains[-1].rules:
                self.assertEqual(text.count(rule), len(hooks), rule)

    def test_addresses_of_ours_are_always_looked_at_ahead_of_nat(self) -> None:
        for ahead in (False, True):
            chains = far_chains([far("ist-a", "10.1.0.0/24", own=("10.9.9.1",))], ["br-lan"], ahead)
            self.assertEqual((chains[-1].name, chains[-1].hook), ("far", "prerouting"))
            self.assertTrue(chains[-1].rules[0].startswith("ip daddr 10.9.9.1 iifname != "))
            self.assertEqual(len(chains[-1].rules), 1 + ahead)

    def test_none_lets_a_packet_past_the_guard_s_own_rules(self) -> None:
        """In the guard's chains an accept would be the last word."""
        for count in (1, FEW + 1):
            subnets = ["fd00:%d::/64" % (2 * number) for number in range(count)]
            subnets += ["10.%d.0.0/24" % (2 * number) for number in range(count)]
            for chain in far_chains([far("ist-a", *subnets, own=("10.9.9.1",))], ["br-lan"]):
                for rule in chain.rules:
                    self.assertTrue("accept" not in rule, rule)
                    self.assertFalse(chain.name == INLINE and ("return" in rule or "goto" in rule), rule)

    def test_they_stand_in_the_guard_s_own_chains(self) -> None:
        text = guard_text([], [], far_chains([far("ist-a", "10.1.0.0/24")], ["br-lan"]))
        for name in ("clear_in", "across"):
            rules = text.split("chain %s {" % name)[1].split("\tchain ")[0]
            self.assertEqual(rules.count("ip saddr 10.1.0.0/24 jump far_0"), 1)
        self.assertEqual(text.count("jump far_0"), 2)

    def test_many_are_looked_up(self) -> None:
        subnets = ["10.%d.0.0/16" % number for number in range(1, 2 * FEW + 2, 2)]
        chains = far_chains([far("ist-a", *subnets)], ["br-lan"])
        self.assertEqual(chains[-1].rules, ["meta nfproto ipv4 jump far_ipv4"])
        rules = next(chain.rules for chain in chains if chain.name == "far_ipv4")
        self.assertTrue("10.0.0.0/16 : return, 10.1.0.0/16 : goto far_0, 10.2.0.0/16 : return" in rules[0].replace(
            "0.0.0.0-10.0.255.255", "10.0.0.0/16"), rules[0])
        self.assertEqual(rules[1:], ["goto far_elsewhere"])

    def test_no_address_is_missing_in_a_look_up(self) -> None:
        """What is not found has met a table whose ranges are not filled yet."""
        everywhere = (("0.0.0.0/0", 32), ("::/0", 128))
        for subnets in (["128.0.0.0/7", "::/7"], ["254.0.0.0/7", "fe00::/7"], ["10.0.0.0/8", "10.5.0.0/16", "fd00::/8"],
                        ["255.255.255.255/32", "0.0.0.0/32", "::/128"]):  # fmt: skip
            more = ["172.7%d.0.0/16" % number for number in range(0, 10, 2)]
            more += ["20%d0::/16" % number for number in range(0, 10, 2)]
            chains = far_chains([far("ist-a", *(subnets + more))], [])
            lines = [line for chain in chains for line in chain.rules if "vmap" in line]
            self.assertEqual(len(lines), 2)
            for (whole, bits), line in zip(everywhere, lines):
                rows = [row.split(" : ")[0] for row in line.split("{ ")[1].split(" }")[0].split(", ")]
                spans = []
                for text in rows:
                    low, _, high = text.partition("-")
                    spans.append(parse_prefix(low if "/" in low else "%s/%d" % (low, bits)).span())
                    if high:
                        spans[-1] = (spans[-1][0], parse_prefix("%s/%d" % (high, bits)).span()[0])
                low, high = parse_prefix(whole).span()
                self.assertEqual(spans[0][0], low)
                for before, after in zip(spans, spans[1:] + [(high + 1, 0)]):
                    self.assertEqual(before[1] + 1, after[0], line)

    def test_two_of_one_subnet_both_may(self) -> None:
        chains = far_chains([far("ist-a", "10.1.0.0/16"), far("ist-b", "10.1.0.0/16")], ["br-lan"])
        self.assertEqual(chains[1].rules[0], 'iifname { "ist-a", "ist-b" } return')

    def test_an_address_on_a_tunnel_is_for_tunnels_and_lans(self) -> None:
        chains = far_chains([far("ist-a", own=("10.9.9.1", "fe80::2", "fd00::1"))], ["br-lan"])
        self.assertEqual(chains[0].rules, [
            'ip daddr 10.9.9.1 iifname != { "lo", "ist-a", "br-lan" } counter drop',
            'ip6 daddr fd00::1 iifname != { "lo", "ist-a", "br-lan" } counter drop',
        ])  # fmt: skip

    def test_a_name_that_gets_out_of_its_quotes_is_refused(self) -> None:
        with self.assertRaises(ValueError):
            far_chains([far('x" accept', "10.0.0.0/8")], [])
