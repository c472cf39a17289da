"""A configuration held against the interfaces and addresses of its router."""

import unittest

from isthmus.config.here import Here, check_here
from isthmus.wire.addr import parse_ip
from tests.core.config_site import FIRST, MAC, load_text, rule

ROUTER = Here(
    ["lo", "br-lan", "br-guest", "eth1", "ist-branch"],
    [
        ("lo", parse_ip("127.0.0.1"), 8),
        ("br-lan", parse_ip("192.168.10.1"), 24),
        ("br-lan", parse_ip("fe80::1"), 64),
        ("br-lan", parse_ip("2001:db8:10::1"), 64),
        ("br-guest", parse_ip("172.22.0.1"), 24),
        ("eth1", parse_ip("172.30.7.9"), 24),
    ],
    ["eth1"],
)

# code, option, rule, parts
ERRORS = (
    (
        "unknown-interface",
        "from",
        rule(sources=(b"br-gest",)),
        ("no interface 'br-gest'", "br-lan, br-guest, eth1", "mean br-guest?"),
    ),
    ("unknown-interface", "from", rule(sources=(b"wlan7",)), ("still to come",)),
    ("uplink-source", "from", rule(sources=(b"eth1",)), ("eth1 is where this router reaches the Internet", "br-lan")),
    ("tunnel-end", "from", rule(sources=(b"172.30.0.0/16",)), ("172.30.7.9 on eth1", "cut its tunnels off")),
    ("not-a-lan", "from", rule(sources=(b"172.22.0.0/25",)), ("on br-guest", "IPv6 would be free", "list lan 'br-")),
    ("via-loop", "dns", rule(more=b"list dns 172.30.7.9\n"), ("own address", "behind the tunnel")),
)


def check(text, here=ROUTER):
    config = load_text(text).config
    return check_here(config, here, "isthmus")


class HereTest(unittest.TestCase):
    def test_each_error(self):
        for code, option, text, parts in ERRORS:
            errors, warnings = check(text)
            self.assertEqual([entry.code for entry in errors + warnings], [code], [str(entry) for entry in errors])
            entry = errors[0]
            self.assertEqual((entry.file, entry.line, entry.section), ("isthmus", FIRST, "forced 'cameras'"))
            self.assertEqual(entry.option, option)
            self.assertEqual(entry.allowed, "br-lan, br-guest, eth1" if code == "unknown-interface" else "")
            self.assertTrue(entry.remedy)
            for part in parts:
                self.assertIn(part, str(entry))

    def test_the_sites_own_interfaces(self):
        for lan, code in ((b"eth1", "lan-is-uplink"), (b"br-laan", "unknown-interface"), (b"br-guest", None)):
            lans = b"config globals\nlist lan br-lan\nlist lan " + lan + b"\n"
            errors, warnings = check(rule() + lans)
            self.assertEqual(bool(warnings), code == "unknown-interface")
            self.assertEqual([(entry.code, entry.section, entry.option) for entry in errors + warnings],
                             [(code, "globals", "lan")] if code else [])  # fmt: skip
            self.assertEqual(check(lans), ([], []))  # nothing is forced: nothing hangs on it

    def test_what_is_right(self):
        sources = (
            b"br-lan",
            b"192.168.10.0/24",
            b"2001:db8:10::/64",
            MAC + b"1",
            b"192.168.10.5@" + MAC + b"2",
        )
        self.assertEqual(check(rule(sources=sources, more=b"list dns 10.53.0.1\n")), ([], []))
        elsewhere = rule(sources=(b"172.22.0.0/24",))
        self.assertEqual(check(elsewhere + b"config globals\nlist lan br-lan\nlist lan br-guest\n"), ([], []))
        self.assertEqual(check(rule(sources=(b"172.22.0.0/24",), more=b"option ipv6 free\n")), ([], []))

    def test_a_network_that_is_nowhere(self):
        errors, warnings = check(rule(sources=(b"192.168.11.0/24", b"2001:db8:11::/64")))
        self.assertEqual(errors, [])
        self.assertEqual([entry.code for entry in warnings], ["no-such-network"] * 2)
        self.assertIn("192.168.11.0/24", str(warnings[0]))

    def test_a_router_with_one_leg(self):
        """Its hosts and its peers are on the same interface: only naming that as a source or as a LAN is wrong."""
        here = Here(["eth0"], [("eth0", parse_ip("192.168.10.1"), 24)], ["eth0"])
        errors, _ = check(rule() + b"config globals\nlist lan eth0\n", here)
        self.assertEqual([entry.code for entry in errors], ["lan-is-uplink"])
