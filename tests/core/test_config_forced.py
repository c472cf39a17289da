"""Sections `forced` and `exception` that are right: what they become, and how many there may be."""

import unittest

from isthmus.config.forced import ExceptionConfig, ForcedConfig, Ports, Source
from isthmus.config.model import Changes, changed_fields
from isthmus.wire.addr import parse_ip, parse_prefix
from tests.core.config_site import FIRST, MAC, exception, load_text, only_rule, rule


class GoodRuleTest(unittest.TestCase):
    def test_every_kind_of_source(self):
        sources = (b"192.168.10.50@AA:BB:cc:dd:ee:0F", b"a-b-c-d-e-f".replace(b"a", b"2"), b"br-guest", b"eth0.10",
                   b"172.20.0.0/16", b"172.21.0.9", b"2001:db8:10::/64", b"2001:db8:11::9")  # fmt: skip
        found = only_rule(rule(sources=sources)).sources
        self.assertEqual(
            found,
            [
                Source("bound", mac=b"\xaa\xbb\xcc\xdd\xee\x0f", prefix=parse_prefix("192.168.10.50/32")),
                Source("mac", mac=b"\x02\x0b\x0c\x0d\x0e\x0f"),
                Source("interface", ifname="br-guest"),
                Source("interface", ifname="eth0.10"),
                Source("prefix", prefix=parse_prefix("172.20.0.0/16")),
                Source("prefix", prefix=parse_prefix("172.21.0.9/32")),
                Source("prefix", prefix=parse_prefix("2001:db8:10::/64")),
                Source("prefix", prefix=parse_prefix("2001:db8:11::9/128")),
            ],
        )
        self.assertEqual(str(found[0]), "192.168.10.50@aa:bb:cc:dd:ee:0f")
        # What is shown is read as the same again.
        again = only_rule(rule(sources=[str(source).encode() for source in found]))
        self.assertEqual(again.sources, found)

    def test_defaults(self):
        found = only_rule(rule())
        self.assertEqual((found.name, found.line), ("cameras", FIRST))
        self.assertEqual((found.to, found.ports, found.dns, found.exceptions), ([], [], [], []))
        self.assertEqual((found.via, found.ipv6), (["branch"], "block"))
        self.assertEqual([str(ports) for ports in found.router_ports], ["tcp:22", "tcp:80", "tcp:443", "udp:123"])

    def test_everything_said(self):
        found = only_rule(
            rule(
                via=(b"backup", b"branch"),
                more=b"list to 10.0.0.0/8\nlist to 9.9.9.9\nlist port TCP:443\nlist port udp:5-10\nlist port icmp\n"
                b"list port 89\nlist dns 10.53.0.1\nlist dns 2001:db8:53::1\noption router_port 'tcp icmp'\n",
            )
            + exception(b"list to 9.9.9.9\nlist port udp:53\noption until '2026-12-01T12:00Z'\n")
            + exception(b"list to 9.9.9.8\n", b"other", b"cameras")
        )
        self.assertEqual(found.via, ["backup", "branch"])
        self.assertEqual(found.to, [parse_prefix("10.0.0.0/8"), parse_prefix("9.9.9.9/32")])
        self.assertEqual(found.ports, [Ports(6, 443, 443), Ports(17, 5, 10), Ports(1, 0, 0), Ports(89, 0, 0)])
        self.assertEqual([str(ports) for ports in found.ports], ["tcp:443", "udp:5-10", "icmp", "89"])
        self.assertEqual(found.dns, [parse_ip("10.53.0.1"), parse_ip("2001:db8:53::1")])
        self.assertEqual(found.router_ports, [Ports(6, 0, 0), Ports(1, 0, 0)])
        self.assertEqual([each.name for each in found.exceptions], ["ntp", "other"])
        ntp = found.exceptions[0]
        self.assertEqual(
            (ntp.rules, ntp.to, ntp.ports), (["cameras"], [parse_prefix("9.9.9.9/32")], [Ports(17, 53, 53)])
        )
        self.assertEqual(ntp.until, 1_796_126_400)

    def test_one_exception_of_two_rules(self):
        text = rule(b"a") + rule(b"b", (MAC + b"2",)) + exception(b"list rule b\nlist to 9.9.9.9\n", of=b"a")
        found = load_text(text).config.forced
        self.assertEqual(found[0].exceptions, found[1].exceptions)
        self.assertEqual(len(found[0].exceptions), 1)

    def test_times(self):
        for text, seconds in (
            (b"2020-01-01 00:00", 1_577_836_800),
            (b"2024-02-29 23:59", 1_709_251_140),
            (b"2024-03-01 00:00", 1_709_251_200),
            (b"2026-12-01 12:00", 1_796_126_400),
            (b"2038-01-19 03:14", 2_147_483_640),
            (b"2099-12-31 23:59", 4_102_444_740),
        ):
            found = only_rule(rule() + exception(b"list to 9.9.9.9\noption until '" + text + b"'\n"))
            self.assertEqual(found.exceptions[0].until, seconds, text)

    def test_lans_and_internet(self):
        loaded = load_text(b"config globals\nlist lan br-lan\nlist lan br-office\n")
        self.assertEqual(loaded.config.globals.lans, ["br-lan", "br-office"])
        loaded = load_text(b"")
        self.assertEqual((loaded.config.globals.lans, loaded.config.forced), (["br-lan"], []))
        self.assertEqual([tunnel.internet for tunnel in loaded.config.tunnels], [False, False])
        loaded = load_text(
            b"config tunnel x\noption remote x.example\noption psk " + b"x" * 20 + b"\noption internet 1\n"
        )
        self.assertTrue(loaded.config.get("x").internet)

    def test_ports_in_ports(self):
        every, some, one, other = Ports(6, 0, 0), Ports(6, 5, 9), Ports(6, 9, 9), Ports(17, 5, 9)
        for outer, inner, covers, overlaps in (
            (every, some, True, True),
            (some, every, False, True),
            (every, every, True, True),
            (some, one, True, True),
            (some, Ports(6, 5, 5), True, True),
            (some, Ports(6, 4, 9), False, True),
            (some, Ports(6, 9, 10), False, True),
            (some, Ports(6, 1, 5), False, True),
            (some, Ports(6, 1, 4), False, False),
            (some, Ports(6, 10, 11), False, False),
            (some, other, False, False),
            (every, other, False, False),
            (every, Ports(17, 0, 0), False, False),
        ):
            found = (outer.covers(inner), outer.overlaps(inner), inner.overlaps(outer))
            self.assertEqual(found, (covers, overlaps, overlaps), "%s in %s" % (inner, outer))
        self.assertNotEqual(every, some)
        self.assertNotEqual(every, "tcp")

    def test_values_are_equal_by_what_they_say(self):
        text = rule() + exception(b"list to 9.9.9.9\n")
        one, two = only_rule(text), only_rule(b"\n\n" + text)
        self.assertNotEqual(one.line, two.line)
        self.assertEqual(one, two)
        self.assertEqual(changed_fields(one, two), [])
        other = only_rule(rule() + exception(b"list to 9.9.9.8\n"))
        self.assertNotEqual(one, other)
        self.assertEqual(changed_fields(one, other), ["exceptions"])
        self.assertIsInstance(one, ForcedConfig)
        self.assertIsInstance(one.exceptions[0], ExceptionConfig)

    def test_what_a_reload_changes(self):
        old = load_text(rule(b"a") + rule(b"b", (MAC + b"2",)) + rule(b"c", (MAC + b"3",))).config
        new = load_text(
            rule(b"b", (MAC + b"2",), (b"backup",)) + rule(b"c", (MAC + b"3",)) + rule(b"d", (MAC + b"4",))
        ).config
        changes = Changes(old, new)
        self.assertEqual((changes.removed, changes.added, changes.changed), ([], [], []))
        found = changes.sections["forced"]
        self.assertEqual((found.removed, found.added, found.changed), (["a"], ["d"], ["b"]))
        self.assertEqual(found.fields, {"b": ["via"]})
        self.assertEqual((changes.sections["alias"].added, changes.sections["passthrough"].removed), ([], []))
        order = Changes(old, load_text(rule(b"b", (MAC + b"2",)) + rule(b"a") + rule(b"c", (MAC + b"3",))).config)
        self.assertTrue(order.sections["forced"].is_reordered)
        self.assertFalse(found.is_reordered)

    def test_who_is_blind_to_ipv6(self):
        for sources, more, blind in (
            ((b"192.168.10.5",), b"", True),
            ((b"192.168.10.5", MAC + b"1"), b"", True),
            ((b"192.168.10.5", MAC + b"1"), b"list to 10.0.0.0/8\n", False),
            ((b"192.168.10.5", MAC + b"1"), b"list to 10.0.0.0/8\nlist to 2001:db8:99::/48\n", True),
            ((b"192.168.10.5@" + MAC + b"1", b"br-guest", b"2001:db8:10::/64"), b"", False),
        ):
            self.assertEqual(only_rule(rule(sources=sources, more=more)).is_blind_to_ipv6, blind, sources)


class LimitTest(unittest.TestCase):
    """As many as an office has, and not more than a router can take."""

    def hosts(self, count, start=0):
        return [b"10.%d.%d.%d" % (100 + at // 65536, at // 256 % 256, at % 256) for at in range(start, start + count)]

    def test_five_hundred_hosts_in_one_rule(self):
        macs = [b"02:00:00:00:%02x:%02x" % (at >> 8, at & 0xFF) for at in range(500)]
        bound = [host + b"@" + mac for host, mac in zip(self.hosts(500), macs)]
        self.assertEqual(len(only_rule(rule(sources=bound)).sources), 500)

    def test_a_thousand_and_twenty_four_and_one(self):
        found = only_rule(rule(sources=self.hosts(1024)))
        self.assertEqual(len(found.sources), 1024)
        loaded = load_text(rule(sources=self.hosts(1025)))
        self.assertEqual([(entry.code, entry.allowed) for entry in loaded.errors], [("too-many", "up to 1024 values")])
        inline = b"config forced x\noption via branch\noption from '" + b" ".join(self.hosts(1025)) + b"'\n"
        self.assertEqual([entry.code for entry in load_text(inline).errors], ["too-many"])

    def test_fifty_rules(self):
        text = b"".join([rule(b"r%d" % at, self.hosts(10, 10 * at), (b"branch", b"backup")) for at in range(50)])
        loaded = load_text(text)
        self.assertEqual(loaded.errors, [])
        self.assertEqual([len(each.sources) for each in loaded.config.forced], [10] * 50)

    def test_all_rules_together(self):
        text = b"".join([rule(b"r%d" % at, self.hosts(1024, 1024 * at)) for at in range(2)])
        self.assertEqual(load_text(text).errors, [])
        loaded = load_text(text + rule(b"last"))
        self.assertEqual([(entry.code, entry.section) for entry in loaded.errors], [("too-many", "forced 'last'")])
        self.assertIn("2048", loaded.errors[0].allowed)
