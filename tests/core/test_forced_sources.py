"""Sources of forced rules turned around: every address, MAC and interface finds its rules, in file order."""

from __future__ import annotations

import unittest

from isthmus.policy.lane import LANES, NoLaneError, lane_numbers
from isthmus.policy.match import matches
from isthmus.policy.sources import Sources
from isthmus.policy.spans import find_piece, format_all, format_span, pieces
from isthmus.wire.addr import Prefix, format_ip, parse_ip, parse_prefix
from tests.core.forced_samples import ports, rule
from tests.counts import cases

MAC, MAC2 = "02:00:00:00:00:01", "02:00:00:00:00:02"


class Dice:
    """Numbers that look random and are the same everywhere."""

    def __init__(self, seed: int) -> None:
        self.state = seed * 7919 + 1

    def below(self, limit: int) -> int:
        self.state = (self.state * 69069 + 12345) % (1 << 30)
        return (self.state >> 8) % limit


def some_prefix(dice: Dice, size: int) -> Prefix:
    """In a small space, so that they overlap."""
    length = 8 * size - dice.below(7)
    number = (10 << 8 * (size - 1)) + dice.below(64)
    number -= number % (1 << (8 * size - length))
    return Prefix(number.to_bytes(size, "big"), length)


class SpansTest(unittest.TestCase):
    def test_every_address_finds_who_covers_it(self) -> None:
        for seed in range(cases(40, 800)):
            dice = Dice(seed)
            size = (4, 16)[seed % 2]
            covers = [(some_prefix(dice, size), dice.below(5)) for _ in range(dice.below(9))]
            found = pieces(covers, size)
            for low, high, owners in found:
                self.assertTrue(low <= high and owners == tuple(sorted(set(owners))) and owners, seed)
            for before, after in zip(found, found[1:]):
                self.assertTrue(before[1] < after[0], seed)
                self.assertFalse(before[1] + 1 == after[0] and before[2] == after[2], seed)
            base = 10 << 8 * (size - 1)
            for number in range(base - 1, base + 66):
                address = number.to_bytes(size, "big")
                wanted = sorted({owner for prefix, owner in covers if prefix.contains(address)})
                self.assertEqual(list(find_piece(found, address)), wanted, seed)

    def test_the_other_family_is_left_out(self) -> None:
        covers = [(parse_prefix("10.0.0.0/8"), 1), (parse_prefix("::/0"), 2)]
        self.assertEqual(pieces(covers, 4), [(0x0A000000, 0x0AFFFFFF, (1,))])
        self.assertEqual(pieces(covers, 16), [(0, (1 << 128) - 1, (2,))])

    def test_ranges_are_written_as_short_as_they_are(self) -> None:
        for text in ("10.0.0.0/8", "10.0.0.1", "0.0.0.0/0", "192.168.1.128/25", "::/0", "2001:db8::/32", "fd00::1"):
            size = 16 if ":" in text else 4
            prefix = parse_prefix(text if "/" in text else text + "/%d" % (8 * size))
            self.assertEqual(format_all([prefix], size), [text])
        self.assertEqual(format_span(0x0A000001, 0x0A000002, 4), "10.0.0.1-10.0.0.2")
        parts = [parse_prefix(text) for text in ("10.0.0.0/25", "10.0.0.128/25", "10.0.0.7/32")]
        joined = format_all(parts, 4)
        self.assertEqual(joined, ["10.0.0.0/24"])


class SourcesTest(unittest.TestCase):
    def test_lists_are_in_file_order_and_end_where_nothing_gets_past(self) -> None:
        rules = [
            rule("a", ["10.0.0.0/24", MAC, "br-lan"], port=["tcp:80"]),
            rule("b", ["10.0.0.0/25", MAC, "br-lan"]),
            rule("c", ["10.0.0.0/26", MAC, "br-lan"]),
        ]
        sources = Sources(rules)
        self.assertEqual([numbers for _, numbers in sources.macs + sources.interfaces], [(0, 1), (0, 1)])
        for address, wanted in (("10.0.0.1", (0, 1)), ("10.0.0.100", (0, 1)), ("10.0.0.200", (0,)), ("10.0.1.1", ())):
            self.assertEqual(find_piece(sources.pieces4, parse_ip(address)), wanted, address)
        self.assertEqual(len(sources.pieces4), 2, "pieces of one list are one")

    def test_a_mac_with_a_bound_address_is_not_among_the_others(self) -> None:
        sources = Sources([rule("a", ["10.0.0.5@" + MAC]), rule("b", [MAC, MAC2], to=["10.0.0.0/8"])])
        packed = bytes.fromhex(MAC.replace(":", ""))
        self.assertEqual([mac for mac, _ in sources.macs], [bytes.fromhex(MAC2.replace(":", ""))])
        self.assertEqual(sources.bound, [((packed, parse_ip("10.0.0.5")), (0,))])
        self.assertEqual(sources.bound_macs, [(packed, (0,))])
        self.assertEqual([format_ip(address) for address in sources.bound_addresses()], ["10.0.0.5"])

    def test_one_look_up_a_class_however_many_hosts(self) -> None:
        hosts = ["10.0.%d.%d/32" % (number >> 7, 2 * (number & 127)) for number in range(500)]
        sources = Sources([rule("r%d" % index, hosts[10 * index : 10 * index + 10]) for index in range(50)])
        self.assertEqual(len(sources.pieces4), 500)
        self.assertEqual(len({numbers for _, _, numbers in sources.pieces4}), 50)


class MatchTest(unittest.TestCase):
    def test_what_is_said_of_destination_and_ports(self) -> None:
        to = [parse_prefix(text) for text in ("10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32")]
        many = [ports(text) for text in ("tcp:443", "tcp:80-90", "tcp:85-99", "udp:53", "icmp", "gre")]
        self.assertEqual(matches([], []), [""])
        self.assertEqual(matches(to, []), ["ip daddr 10.0.0.0/8", "ip6 daddr 2001:db8::/32"])
        self.assertEqual(matches([], many), [
            "meta l4proto { 1, 47, 58 }", "tcp dport { 80-99, 443 }", "udp dport 53",
        ])  # fmt: skip
        self.assertEqual(len(matches(to, many)), 6)
        self.assertEqual(matches(to[:1], [], 16), [])
        self.assertEqual(matches([], [], 16), [""])


class LaneNumbersTest(unittest.TestCase):
    def test_they_are_the_same_whoever_else_is_there(self) -> None:
        alone = lane_numbers(["branch"])["branch"]
        self.assertEqual(lane_numbers(["other", "branch", "third"])["branch"], alone)
        self.assertTrue(1 <= alone <= LANES)

    def test_there_are_127_and_no_more(self) -> None:
        names = ["t%d" % number for number in range(LANES)]
        self.assertEqual(sorted(lane_numbers(names).values()), list(range(1, LANES + 1)))
        with self.assertRaises(NoLaneError):
            lane_numbers(names + ["one"])
