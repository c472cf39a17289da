"""The checks of forced rules against a small world in which every packet can be tried."""

import random
import unittest

from isthmus.config.cover import Ranges, holds_all, meet, ports_hold_all, ports_meet
from isthmus.config.forced import Ports
from isthmus.config.free import free_networks
from isthmus.config.model import load
from isthmus.wire.addr import Prefix, parse_prefix
from tests.core.config_site import SITE, load_text, only_rule, rule
from tests.counts import cases

# The world: sixteen sources, sixteen destinations, six ports of TCP.
SOURCES, DESTINATIONS, PORTS = 0xAC140000, 0x0A350000, range(1, 7)  # 172.20.0.0/28, 10.53.0.0/28
WHOLE_PORT = 65535


def network(rng, base):
    """A network in the sixteen addresses from `base`."""
    length = rng.randrange(28, 33)
    size = 1 << (32 - length)
    return Prefix((base + rng.randrange(16) // size * size).to_bytes(4, "big"), length)


def addresses(prefix):
    """Its addresses as numbers, those of the world."""
    low = int.from_bytes(prefix.address, "big")
    return set(range(low, low + (1 << (32 - prefix.length))))


def some_ports(rng):
    low = rng.choice(PORTS)
    return Ports(6, low, rng.choice([high for high in PORTS if high >= low]))


def port_numbers(ports):
    return {port for each in ports for port in range(each.low, each.high + 1)}


class CoverTest(unittest.TestCase):
    def test_networks(self):
        outcomes = set()
        for seed in range(cases(2000, 50_000)):
            rng = random.Random(seed)
            one = [network(rng, SOURCES) for _ in range(rng.randrange(1, 6))]
            two = [network(rng, SOURCES) for _ in range(rng.randrange(1, 4))]
            ours, theirs = set.union(*map(addresses, one)), set.union(*map(addresses, two))
            with self.subTest(seed=seed):
                self.assertEqual(holds_all(one, two), theirs <= ours)
                self.assertEqual(meet(one, two), bool(theirs & ours))
                ranges = Ranges([(prefix, index) for index, prefix in enumerate(one)])
                for prefix in two:
                    touched, held = ranges.touching(prefix), ranges.holding(prefix)
                    self.assertEqual(touched is not None, bool(addresses(prefix) & ours))
                    self.assertEqual(held is not None, any(addresses(prefix) <= addresses(each) for each in one))
                    for found in (touched, held):
                        if found is not None:
                            self.assertEqual(one[found[1]], found[0])
                            self.assertTrue(found[0].overlaps(prefix))
            outcomes.add((theirs <= ours, bool(theirs & ours)))
        self.assertEqual(len(outcomes), 3)

    def test_ports(self):
        outcomes = set()
        for seed in range(cases(2000, 50_000)):
            rng = random.Random(seed)
            one = [some_ports(rng) for _ in range(rng.randrange(1, 5))]
            two = [some_ports(rng) for _ in range(rng.randrange(1, 4))]
            ours, theirs = port_numbers(one), port_numbers(two)
            with self.subTest(seed=seed):
                self.assertEqual(ports_hold_all(one, two), theirs <= ours)
                self.assertEqual(ports_meet(one, two), bool(theirs & ours))
            outcomes.add((theirs <= ours, bool(theirs & ours)))
        self.assertEqual(len(outcomes), 3)

    def test_both_families_and_everything(self):
        mixed = [parse_prefix("10.0.0.0/8"), parse_prefix("2001:db8::/32")]
        self.assertTrue(holds_all([*mixed, parse_prefix("::/0")], [parse_prefix("2001:db8::/33"), mixed[0]]))
        self.assertFalse(holds_all([parse_prefix("0.0.0.0/0")], mixed))
        for row in ([Ports(6, 0, 0)], [Ports(6, 1, 9), Ports(6, 10, WHOLE_PORT)]):
            self.assertTrue(ports_hold_all(row, [Ports(6, 0, 0)]))
            self.assertFalse(ports_hold_all(row, [Ports(17, 5, 5)]))
            self.assertFalse(ports_hold_all(row, []))
            self.assertTrue(ports_hold_all([], row))

    def test_free_networks_are_free(self):
        for seed in range(cases(300, 5000)):
            rng = random.Random(seed)
            taken = []
            for _ in range(rng.randrange(12)):
                length = rng.randrange(9, 33)
                number = (0x0A420000 + rng.randrange(1 << 17)) >> (32 - length) << (32 - length)
                taken.append(Prefix(number.to_bytes(4, "big"), length))
            length = rng.randrange(16, 33)
            with self.subTest(seed=seed):
                found = free_networks(length, Ranges([(prefix, None) for prefix in taken]), 3)
                self.assertEqual(len(found), 3)
                self.assertEqual([prefix.length for prefix in found], [length] * 3)
                every = taken + found
                for place, prefix in enumerate(found):
                    self.assertFalse([each for each in every[: len(taken) + place] if each.overlaps(prefix)])


class Rule:
    """What a rule of the small world says, and its text."""

    def __init__(self, rng, name):
        self.name = name
        self.sources = []
        while len(self.sources) < 1 + (rng.random() < 0.4):
            source = network(rng, SOURCES)
            if source not in self.sources:
                self.sources.append(source)
        self.to = [network(rng, DESTINATIONS) for _ in range(rng.choice((0, 0, 1)))]
        self.ports = [some_ports(rng) for _ in range(rng.choice((0, 0, 1)))]
        self.via = rng.choice((b"branch", b"backup"))

    def text(self):
        more = b"".join(b"list to %s\n" % str(prefix).encode() for prefix in self.to)
        more += b"".join(b"list port %s\n" % str(ports).encode() for ports in self.ports)
        return rule(
            self.name, [str(source).encode() for source in self.sources], (self.via,), more + b"option ipv6 free\n"
        )

    def traffic(self):
        """(destination, port) of what it holds."""
        there = set.union(*map(addresses, self.to)) if self.to else set(range(DESTINATIONS, DESTINATIONS + 16)) | {0}
        ports = port_numbers(self.ports) if self.ports else {*PORTS, 0}
        return {(address, port) for address in there for port in ports}


class OrderTest(unittest.TestCase):
    def test_what_never_applies_is_refused_and_nothing_else(self):
        """Refused: a source of whose packets an earlier rule with another tunnel takes every one."""
        outcomes = {True: 0, False: 0}
        for seed in range(cases(600, 20_000)):
            rng = random.Random(seed)
            rules = [Rule(rng, b"r%d" % at) for at in range(rng.randrange(2, 5))]
            dead = set()
            for at, later in enumerate(rules):
                for source in later.sources:
                    for earlier in rules[:at]:
                        taken = [each for each in earlier.sources if addresses(source) <= addresses(each)]
                        if taken and later.traffic() <= earlier.traffic() and later.via != earlier.via:
                            dead.add((later.name.decode(), str(source)))
            loaded = load_text(b"".join(each.text() for each in rules))
            found = {(entry.section.split("'")[1], entry.found.strip("'")) for entry in loaded.errors}
            with self.subTest(seed=seed):
                self.assertEqual([entry.code for entry in loaded.errors if entry.code != "contradiction"], [])
                self.assertEqual(found, dead)
            outcomes[bool(dead)] += 1
        self.assertGreater(min(outcomes.values()), 50)

    def test_what_two_rules_share_is_told(self):
        """No word is said where the first of two rules with different tunnels is a special case of the second."""
        told = 0
        for seed in range(cases(600, 20_000)):
            rng = random.Random(seed)
            one, two = Rule(rng, b"a"), Rule(rng, b"b")
            loaded = load_text(one.text() + two.text())
            words = [
                entry
                for entry in loaded.errors + loaded.warnings
                if entry.code in ("contradiction", "overlapping-rules")
            ]
            expected = False
            for first in one.sources:
                for second in two.sources:
                    shared = addresses(first) & addresses(second) and one.traffic() & two.traffic()
                    special = addresses(first) <= addresses(second) and one.traffic() <= two.traffic()
                    same = addresses(first) == addresses(second) and one.traffic() == two.traffic()
                    expected = expected or bool(shared and one.via != two.via and (not special or same))
            with self.subTest(seed=seed):
                self.assertEqual(bool(words), expected)
            told += expected
        self.assertGreater(told, 50)


DOORS = ("22", "80", "443")
LAN_HOSTS = [
    (mac, address)
    for mac in ("02:00:00:00:00:01", "02:00:00:00:00:02")
    for address in ("192.168.10.5", "192.168.10.200")
]
KINDS = (b"br-lan", b"02:00:00:00:00:01", b"192.168.10.0/24", b"192.168.10.0/25", b"192.168.10.128/25")


class Door:
    """A rule as the router's own ports know it."""

    def __init__(self, rng, name):
        self.name = name
        self.sources = rng.sample(KINDS, rng.randrange(1, 4))
        self.held = rng.choice(([], [], ["80"], ["22", "80", "443"]))
        self.allowed = rng.choice((["123"], ["443"], ["22", "80", "443"], ["80"]))
        self.has_to = rng.random() < 0.2

    def text(self):
        more = b"".join(b"list port tcp:%s\n" % port.encode() for port in self.held)
        more += b"".join(b"list router_port tcp:%s\n" % port.encode() for port in self.allowed)
        return rule(self.name, self.sources, more=more + (b"list to 10.53.0.0/16\n" if self.has_to else b""))

    def asks(self, wanted, mac, address):
        """Whether it holds this host by this class of sources."""
        for source in self.sources:
            kind = 0 if b":" in source else 1 if b"/" in source else 2
            if kind != wanted:
                continue
            if kind == 2 or source.decode() == mac:
                return True
            if kind == 1 and parse_prefix(source.decode()).contains(bytes(map(int, address.split(".")))):
                return True
        return False


def gets_in(rules, mac, address):
    """Whether a host on br-lan reaches one of the doors: the first rule that holds the packet decides."""
    for door in DOORS:
        deciding = [
            each for wanted in range(3) for each in rules
            if not each.has_to and each.asks(wanted, mac, address) and (not each.held or door in each.held)
        ]  # fmt: skip
        if not deciding or door in deciding[0].allowed:
            return True
    return False


class WayInTest(unittest.TestCase):
    def test_refused_if_nobody_gets_in(self):
        outcomes = {True: 0, False: 0}
        for seed in range(cases(2000, 50_000)):
            rng = random.Random(seed)
            rules = [Door(rng, b"r%d" % at) for at in range(rng.randrange(1, 4))]
            loaded = load_text(b"".join(each.text() for each in rules))
            if [entry for entry in loaded.errors if entry.code != "lockout"]:
                continue
            shut = not any(gets_in(rules, mac, address) for mac, address in LAN_HOSTS)
            with self.subTest(seed=seed):
                self.assertEqual(bool(loaded.errors), shut, b"".join(each.text() for each in rules).decode())
            outcomes[shut] += 1
        self.assertGreater(min(outcomes.values()), 30, outcomes)


class RoundTest(unittest.TestCase):
    def test_what_a_rule_shows_is_read_as_the_same(self):
        for seed in range(cases(300, 10_000)):
            rng = random.Random(seed)
            made = Rule(rng, b"r")
            found = only_rule(made.text())
            with self.subTest(seed=seed):
                self.assertEqual(
                    (found.sources, found.to, found.ports), (only_rule(made.text()).sources, made.to, made.ports)
                )
                self.assertEqual([source.prefix for source in found.sources], made.sources)

    def test_order_of_tunnels_and_rules_in_the_file_does_not_matter_to_checks(self):
        """A rule may stand before its tunnel."""
        text = rule() + SITE
        loaded = load("x", lambda path: text)
        self.assertEqual([entry.code for entry in loaded.errors if entry.code != "missing-psk"], [])
