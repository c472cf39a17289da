"""Sections `forced` and `exception` that cannot be kept or that say less than they seem to: the sentence for each."""

import unittest

from isthmus.config.model import load
from tests.core.config_site import FIRST, MAC, PATH, exception, load_text, only_rule, rule

# code, line from FIRST on, option, text, parts of the whole sentence
ERRORS = (
    # via
    (
        "unknown-tunnel",
        2,
        "via",
        rule(via=(b"brnach",)),
        ("no tunnel 'brnach'", "did you mean branch?", "branch, backup"),
    ),
    ("unknown-tunnel", 3, "via", rule(via=(b"branch", b"paris")), ("'paris'", "add config tunnel 'paris'")),
    ("bad-name", 2, "via", rule(via=(b"bran-ch",)), ("letters, digits and _",)),
    (
        "repeated-item",
        4,
        "via",
        rule(via=(b"branch", b"backup", b"branch")),
        ("'branch' stands there twice", "begin again"),
    ),
    ("missing-option", 0, "via", rule(via=()), ("via is missing", "option via '...'")),
    ("missing-option", 0, "from", rule(sources=()), ("from is missing",)),
    # no way to switch it off
    (
        "unknown-option",
        3,
        "enabled",
        rule(more=b"option enabled 0\n"),
        ("no switch", "promise", "removing the whole section"),
    ),
    ("unknown-option", 3, "disabled", rule(more=b"option disabled 1\n"), ("removing the whole section",)),
    (
        "unnamed-section",
        0,
        "",
        b"config forced\nlist from br-guest\nlist via branch\n",
        ("needs a name", "config forced 'NAME'"),
    ),
    # from
    ("via-loop", 1, "from", rule(sources=(b"ist-branch",)), ("interface of tunnel 'branch'", "br-lan")),
    ("via-loop", 1, "from", rule(sources=(b"ist-old",)), ("belong to tunnels",)),
    ("bad-name", 1, "from", rule(sources=(b"lo",)), ("loopback", "br-lan")),
    ("bad-name", 1, "from", rule(sources=(b"wlan*",)), ("'wlan*'", "address@MAC")),
    ("out-of-range", 1, "from", rule(sources=(b"an-interface-too-long",)), ("21 bytes",)),
    ("host-bits", 1, "from", rule(sources=(b"192.168.10.5/24",)), ("write 192.168.10.0/24",)),
    ("bad-address", 1, "from", rule(sources=(b"192.168.10.300",)), ("not an IPv4",)),
    ("bad-address", 1, "from", rule(sources=(b"2001:db8::10::",)), ("not an IPv4 or IPv6",)),
    ("bad-address", 1, "from", rule(sources=(b"224.0.0.0/24",)), ("multicast",)),
    ("bad-address", 1, "from", rule(sources=(b"ff02::1",)), ("multicast",)),
    ("bad-address", 1, "from", rule(sources=(b"127.0.0.1",)), ("inside every computer",)),
    ("bad-address", 1, "from", rule(sources=(b"::1",)), ("inside every computer",)),
    ("bad-mac", 1, "from", rule(sources=(b"00:00:00:00:00:00",)), ("MAC address of no host",)),
    ("bad-mac", 1, "from", rule(sources=(b"ff:ff:ff:ff:ff:ff",)), ("MAC address of no host",)),
    ("bad-mac", 1, "from", rule(sources=(b"192.168.10.5@aa:bb",)), ("'aa:bb' is no MAC", "aa:bb:cc:dd:ee:ff")),
    ("wrong-type", 1, "from", rule(sources=(MAC + b"1@192.168.10.5",)), ("wrong way round", "ADDRESS@MAC")),
    ("wrong-type", 1, "from", rule(sources=(b"2001:db8:10::5@" + MAC + b"1",)), ("MAC address alone",)),
    ("too-wide", 1, "from", rule(sources=(b"0.0.0.0/0",)), ("part of the Internet", "uplink", "br-lan")),
    ("too-wide", 1, "from", rule(sources=(b"128.0.0.0/1",)), ("128.0.0.0/1",)),
    ("too-wide", 1, "from", rule(sources=(b"::/0",)), ("::/0",)),
    ("too-wide", 1, "from", rule(sources=(b"2000::/3",)), ("2000::/3",)),
    ("tunnel-end", 1, "from", rule(sources=(b"198.51.100.0/24",)), ("198.51.100.7", "peer of tunnel 'branch'", "cut")),
    ("tunnel-end", 1, "from", rule(sources=(b"203.0.113.2",)), ("own address 203.0.113.2", "br-lan")),
    ("tunnel-end", 1, "from", rule(sources=(b"198.51.100.7@" + MAC + b"1",)), ("198.51.100.7",)),
    ("behind-peer", 1, "from", rule(sources=(b"10.53.7.0/24",)), ("behind tunnel 'branch'", "write the rule there")),
    (
        "contradiction",
        2,
        "from",
        rule(sources=(b"192.168.10.5@" + MAC + b"1", b"192.168.10.5@" + MAC + b"2")),
        ("two MAC addresses", "192.168.10.5"),
    ),
    # families
    (
        "mixed-families",
        3,
        "to",
        rule(sources=(b"192.168.10.5",), more=b"list to 2001:db8:99::/48\n"),
        ("2001:db8:99::/48 is IPv6", "every source of the rule is IPv4", "ADDRESS@MAC"),
    ),
    (
        "mixed-families",
        3,
        "to",
        rule(sources=(b"2001:db8:10::/64",), more=b"list to 10.0.0.0/8\n"),
        ("no packet is both",),
    ),
    (
        "mixed-families",
        2,
        "from",
        rule(sources=(b"192.168.10.5", b"2001:db8:10::/64"), more=b"list to 10.0.0.0/8\n"),
        ("2001:db8:10::/64 is IPv6", "every destination of the rule is IPv4"),
    ),
    ("mixed-families", 3, "dns", rule(sources=(b"2001:db8:10::/64",), more=b"list dns 10.53.0.1\n"), ("10.53.0.1/32",)),
    # to and port
    ("host-bits", 3, "to", rule(more=b"list to 10.1.2.3/8\n"), ("write 10.0.0.0/8", "10.1.2.3/32")),
    ("wrong-type", 3, "port", rule(more=b"list port http\n"), ("names no protocol",)),
    ("wrong-type", 3, "port", rule(more=b"list port 443\n"), ("write tcp:443 or udp:443",)),
    ("wrong-type", 3, "port", rule(more=b"list port tpc:443\n"), ("did you mean tcp?",)),
    ("wrong-type", 3, "port", rule(more=b"list port tcp:\n"), ("no port after the colon",)),
    ("wrong-type", 3, "port", rule(more=b"list port icmp:8\n"), ("has none", "write icmp")),
    ("wrong-type", 3, "port", rule(more=b"list port icmpv6\n"), ("write icmp",)),
    ("out-of-range", 3, "port", rule(more=b"list port tcp:70000\n"), ("1 to 65535",)),
    ("out-of-range", 3, "port", rule(more=b"list port udp:0\n"), ("1 to 65535",)),
    ("out-of-range", 3, "port", rule(more=b"list port udp:20-10\n"), ("10-20",)),
    (
        "wrong-type",
        3,
        "router_port",
        rule(more=b"list router_port gre\n"),
        ("stand here", "tcp, udp, icmp; with a port"),
    ),
    ("wrong-type", 3, "port", rule(more=b"list port 0\n"), ("names no protocol that",)),
    ("wrong-type", 3, "port", rule(more=b"list port 0:80\n"), ("names no protocol that",)),
    ("wrong-type", 3, "port", rule(more=b"list port 256\n"), ("names no protocol",)),
    ("wrong-type", 3, "port", rule(more=b"list port tcp:5-\n"), ("no port after the colon",)),
    ("out-of-range", 3, "port", rule(more=b"list port tcp:5-70000\n"), ("1 to 65535",)),
    ("unknown-tunnel", 2, "via", rule(via=(b"x" * 32,)), ("no tunnel",)),
    ("bad-name", 2, "via", rule(via=(b"x" * 33,)), ("33 characters",)),
    # dns
    ("via-loop", 3, "dns", rule(more=b"list dns 192.168.10.1\n"), ("this side of the tunnel", "behind the tunnel")),
    ("via-loop", 3, "dns", rule(sources=(b"172.20.0.0/24",), more=b"list dns 172.20.0.1\n"), ("this side",)),
    ("too-many", 4, "dns", rule(more=b"list dns 10.53.0.1\nlist dns 10.53.0.2\n"), ("10.53.0.2 is the second",)),
    ("dns-outside", 3, "dns", rule(more=b"list dns 10.54.0.1\n"), ("behind tunnel 'backup'", "via tunnel 'branch'")),
    # the way in
    (
        "lockout",
        3,
        "router_port",
        rule(sources=(b"br-lan",), more=b"list router_port udp:123\n"),
        ("br-lan", "lock yourself out", "list router_port 'tcp:443'"),
    ),
    (
        "lockout",
        4,
        "router_port",
        rule(sources=(b"192.168.10.0/24", b"2001:db8:10::/64"), more=b"list router_port icmp\n"),
        ("lock yourself out",),
    ),
    (
        "lockout",
        4,
        "router_port",
        rule(sources=(b"192.168.0.0/17", b"192.168.128.0/17"), more=b"list router_port icmp\n"),
        ("lock yourself out",),
    ),
    (
        "lockout",
        3,
        "router_port",
        rule(sources=(b"192.168.10.0/24",), more=b"list router_port icmp\n"),
        ("lock yourself",),
    ),
)

EXCEPTIONS = (
    ("unknown-rule", 4, "rule", exception(b"list to 9.9.9.9\n", of=b"camera"), ("'camera'", "did you mean cameras?")),
    ("missing-option", 3, "rule", b"config exception x\nlist to 9.9.9.9\n", ("rule is missing",)),
    ("exception-swallows", 3, "", exception(b""), ("without to and port", "nothing would be left", "remove the rule")),
    ("exception-swallows", 5, "to", exception(b"list to 0.0.0.0/0\n"), ("'0.0.0.0/0'", "forced 'cameras' (line 13)")),
    ("exception-swallows", 5, "to", exception(b"list to ::/0\n"), ("::/0",)),
    ("exception-swallows", 5, "to", exception(b"list to 0.0.0.0/1\nlist to 128.0.0.0/1\n"), ("128.0.0.0/1",)),
    (
        "exception-swallows",
        5,
        "to",
        exception(b"list to 0.0.0.0/1\nlist to 128.0.0.0/2\nlist to 192.0.0.0/2\nlist port tcp\nlist port udp\n"),
        (),
    ),
    (
        "exception-swallows",
        5,
        "port",
        exception(b"list port tcp\nlist port udp:1-1000\nlist port udp:1001-65535\n"),
        ("tcp",),
    ),
    (
        "wrong-type",
        5,
        "until",
        exception(b"option until '12026-12-01 12:00'\nlist to 9.9.9.9\n"),
        ("2026-12-01 12:00",),
    ),
    (
        "wrong-type",
        5,
        "until",
        exception(b"option until '2026-12-01 12:000'\nlist to 9.9.9.9\n"),
        ("2026-12-01 12:00",),
    ),
    ("wrong-type", 5, "until", exception(b"option until tomorrow\nlist to 9.9.9.9\n"), ("2026-12-01 12:00", "UTC")),
    ("wrong-type", 5, "until", exception(b"option until 2026-12-01\nlist to 9.9.9.9\n"), ("write 2026-12-01 00:00",)),
    (
        "out-of-range",
        5,
        "until",
        exception(b"option until '2026-02-29 12:00'\nlist to 9.9.9.9\n"),
        ("month does not have",),
    ),
    ("out-of-range", 5, "until", exception(b"option until '1999-02-28 12:00'\nlist to 9.9.9.9\n"), ("2020 to 2099",)),
    ("unknown-option", 5, "from", exception(b"list from br-lan\nlist to 9.9.9.9\n"), ("no such option",)),
)

FREE = b"list to 10.0.0.0/8\n"  # so that nothing is said of IPv6
TWO = rule(b"a", (b"192.168.10.0/24",), more=b"list to 10.0.0.0/8\nlist port tcp:1-1000\n")  # 5 lines

# Two rules: code, line, text, parts
CONTRADICTIONS = (
    (
        4,
        rule(b"a", (b"192.168.10.5@" + MAC + b"1",)) + rule(b"b", (b"192.168.10.5@" + MAC + b"1",), (b"backup",)),
        ("192.168.10.5@aa:bb:cc:dd:ee:01 is held",),
    ),
    (
        4,
        rule(b"a") + rule(b"b", via=(b"backup",)),
        ("forced 'a' already (line 14)", "via branch", "put this rule first"),
    ),
    (4, rule(b"a", (b"br-guest",)) + rule(b"b", (b"br-guest",), via=(b"backup", b"branch")), ("br-guest is held",)),
    (4, rule(b"a", (b"172.20.0.0/16",)) + rule(b"b", (b"172.20.1.0/24",), (b"backup",)), ("172.20.1.0/24 is held",)),
    (5, rule(b"a", (b"172.20.0.0/16",)) + rule(b"b", (MAC + b"1", b"172.20.0.0/16"), (b"backup",)), ("172.20.0.0/16",)),
    (
        6,
        TWO + rule(b"b", (b"192.168.10.7",), (b"backup",), b"list to 10.1.0.0/16\nlist port tcp:22\n"),
        ("192.168.10.7/32",),
    ),
    (4, rule(b"a") + rule(b"b", (b"192.168.10.5@" + MAC + b"1",), (b"backup",)), ("192.168.10.5@aa:bb:cc:dd:ee:01",)),
    (4, rule(b"a", (b"192.168.10.5@" + MAC + b"1",)) + rule(b"b", via=(b"backup",)), ("aa:bb:cc:dd:ee:01 is held",)),
    (4, rule(b"a", (b"192.168.10.5@" + MAC + b"1",)) + rule(b"b", (b"192.168.10.5@" + MAC + b"2",)), ("another MAC",)),
)

# Rules that say nothing against each other
FINE = (
    rule(b"a", (b"172.20.0.0/16",), more=FREE) + rule(b"b", (b"172.21.0.0/16",), (b"backup",), FREE),
    rule(via=(b"Az_09",)) + b"config tunnel Az_09\noption remote z.example\noption psk geheim-geheim-geheim\n"
    b"list remote_subnet 10.55.0.0/16\n",
    rule(b"a", (b"172.20.0.0/16", b"172.20.1.0/24"), more=FREE) + rule(b"b", (b"172.21.0.0/16",), (b"backup",), FREE),
    rule(b"a", more=b"list to 10.0.0.0/8\nlist to 2001:db8:99::/48\n") + exception(b"list to 10.1.0.0/16\n", of=b"a"),
    rule(b"a", more=b"list port 255\nlist port 1\n"),
    rule(b"a") + rule(b"b", (MAC + b"2",), (b"backup",)),
    rule(b"a") + rule(b"b", (b"br-lan",), (b"backup",)),  # the MAC address is asked first
    rule(b"a", (b"br-lan",)) + rule(b"b", (b"2001:db8:10::/64",), (b"backup",)),  # and the network before the interface
    rule(b"a", more=b"list to 10.53.0.0/16\n") + rule(b"b", via=(b"backup",), more=b"list to 10.54.0.0/16\n"),
    rule(b"a", more=b"list port tcp\n") + rule(b"b", via=(b"backup",), more=b"list port udp\n"),
    rule(b"a", more=b"list to 10.53.0.0/16\n") + rule(b"b", via=(b"backup",)),  # the special case first
    rule(b"a", (b"2001:db8:10::7",)) + rule(b"b", (b"2001:db8:10::/64",), (b"backup",)),
    rule(b"a", (b"2001:db8:10::/64",)) + rule(b"b", (b"br-lan",), more=b"list router_port icmp\n"),  # a way in is left
    rule(b"a", (b"br-guest",), more=b"list router_port icmp\n"),  # not the administrator's network
    rule(b"a", (b"br-lan",), more=b"list router_port tcp:20-30\n"),
    rule(b"a", (b"br-lan",), more=b"list router_port tcp\n"),
    rule(b"a", (b"br-lan",), more=b"list router_port icmp\nlist port udp\n"),
    rule(b"a", (b"br-lan",), more=b"list router_port icmp\nlist port tcp:443\n"),  # ssh is left
    rule(b"a", (b"br-lan",), more=b"list router_port icmp\nlist to 10.0.0.0/8\n"),  # the router is not asked
    rule(b"a", (b"br-lan",), more=b"list router_port icmp\n") + rule(b"b"),  # one computer is let in
    rule(b"a", (b"fd00:10::/48", b"fc00::/7")),
    rule(b"a") + exception(b"list to 9.9.9.9\n", of=b"a"),
    rule(b"a") + exception(b"list port tcp\n", of=b"a"),
    rule(b"a")
    + exception(b"list to 0.0.0.0/1\n", of=b"a")
    + exception(b"list to 0.0.0.0/0\nlist port udp\n", b"y", b"a"),
    rule(b"a") + exception(b"list to 9.9.9.9\noption until '2026-12-01 12:00'\n", of=b"a"),
)

# code, line, option, text, parts
WARNINGS = (
    (
        "tunnel-off",
        2,
        "via",
        rule(via=(b"off",)) + b"config tunnel off\noption remote o.example\n"
        b"option psk geheim-geheim-geheim\noption enabled 0\nlist remote_subnet 10.55.0.0/16\n",
        ("tunnel 'off' is off", "(line 19)"),
    ),
    ("ipv6-blocked", 1, "from", rule(sources=(b"192.168.10.5",)), ("all hosts behind this router", "ADDRESS@MAC")),
    (
        "ipv6-exposed",
        3,
        "ipv6",
        rule(sources=(b"192.168.10.5",), more=b"option ipv6 free\n"),
        ("in the open", "ADDRESS@MAC"),
    ),
    ("ipv4-exposed", 1, "from", rule(sources=(b"2001:db8:10::/64",)), ("in the open", "MAC addresses")),
    ("no-effect", 3, "ipv6", rule(more=b"option ipv6 free\n"), ("changes nothing",)),
    ("network-name", 1, "from", rule(sources=(b"guest",)), ("'guest'", "br-guest")),
    (
        "dns-far",
        4,
        "dns",
        rule(more=b"list to 10.0.0.0/8\nlist dns 9.9.9.9\n"),
        ("no remote_subnet of tunnel 'branch'",),
    ),
    ("dns-far", 3, "dns", rule(more=b"list dns 9.9.9.9\n"), ("9.9.9.9", "option internet '1'")),
    (
        "no-effect",
        3,
        "to",
        rule(more=b"list to 192.168.10.128/25\n"),
        ("local_subnet 192.168.10.0/24", "always go there"),
    ),
    ("repeated-item", 2, "from", rule(sources=(MAC + b"1", b"AA-BB-CC-DD-EE-1")), ("twice",)),
    ("repeated-item", 4, "from", rule(b"a") + rule(b"b"), ("forced 'a' already (line 14)", "changes nothing")),
    (
        "overlapping-rules",
        6,
        "from",
        TWO + rule(b"b", (b"192.168.10.7",), (b"backup",), b"list to 10.1.0.0/16\n"),
        ("192.168.10.7/32", "forced 'a' too (line 14)", "stands first and wins", "via branch"),
    ),
    (
        "overlapping-rules",
        4,
        "from",
        rule(b"a", (b"192.168.10.5@" + MAC + b"1",)) + rule(b"b", (b"192.168.10.6@" + MAC + b"1",), (b"backup",)),
        ("192.168.10.6@aa:bb:cc:dd:ee:01",),
    ),
    (
        "overlapping-rules",
        5,
        "from",
        rule(b"a", (b"br-x",), more=b"list to 10.1.0.0/16\n")
        + rule(b"b", (b"br-x",), (b"backup",), b"list port tcp\n"),
        ("br-x is held",),
    ),
    (
        "expired",
        5,
        "until",
        rule() + exception(b"option until '2026-11-15 12:00'\nlist to 9.9.9.9\n"),
        ("2 days ago", "remove"),
    ),
    (
        "no-effect",
        6,
        "to",
        rule(more=b"list to 10.0.0.0/8\n") + exception(b"list to 9.9.9.9\n"),
        ("forced 'cameras' (line 13)",),
    ),
    (
        "no-effect",
        6,
        "port",
        rule(more=b"list port tcp\n") + exception(b"list port udp:123\n"),
        ("changes nothing there",),
    ),
    ("repeated-item", 5, "rule", rule() + exception(b"list rule cameras\nlist to 9.9.9.9\n"), ("twice",)),
)


class BadRuleTest(unittest.TestCase):
    def check(self, entry, line, option, parts):
        self.assertEqual((entry.line, entry.option), (FIRST + line, option), str(entry))
        self.assertTrue(entry.remedy, str(entry))
        for part in parts:
            self.assertIn(part, str(entry))

    def test_each_error(self):
        for code, line, option, text, parts in ERRORS:
            self.only_error(code, line, option, text, parts)
        for code, line, option, text, parts in EXCEPTIONS:
            self.only_error(code, line, option, rule() + text, parts)

    def only_error(self, code, line, option, text, parts):
        loaded = load_text(text)
        self.assertIsNone(loaded.config, repr(text))
        self.assertEqual([entry.code for entry in loaded.errors], [code], str([str(entry) for entry in loaded.errors]))
        self.check(loaded.errors[0], line, option, parts)

    def test_each_contradiction(self):
        for line, text, parts in CONTRADICTIONS:
            self.only_error("contradiction", line, "from", text, parts)

    def test_rules_that_go_together(self):
        for text in FINE:
            loaded = load_text(text)
            told = [str(entry) for entry in loaded.errors + loaded.warnings if entry.code != "ipv4-exposed"]
            self.assertEqual(told, [], repr(text))

    def test_each_warning(self):
        for code, line, option, text, parts in WARNINGS:
            loaded = load_text(text)
            self.assertIsNotNone(loaded.config, [str(entry) for entry in loaded.errors])
            self.assertEqual([entry.code for entry in loaded.warnings], [code], [str(each) for each in loaded.warnings])
            self.check(loaded.warnings[0], line, option, parts)

    def test_exceptions_that_swallow_a_rule_together(self):
        text = rule() + exception(b"list to 0.0.0.0/1\n") + exception(b"list to 128.0.0.0/1\n", b"second")
        loaded = load_text(text)
        self.assertEqual(
            [(entry.code, entry.section) for entry in loaded.errors], [("exception-swallows", "exception 'second'")]
        )
        self.assertIn("exception 'ntp', exception 'second'", str(loaded.errors[0]))

    def test_the_last_rule_that_shuts_the_door_is_blamed(self):
        more = b"list router_port udp:123\n"
        lans = b"config globals\nlist lan br-lan\nlist lan br-office\n"
        one = rule(b"a", (b"br-office",), more=more)
        self.assertEqual(load_text(one + lans).errors, [])
        loaded = load_text(one + rule(b"b", (b"br-lan",), more=more) + lans)
        self.assertEqual([(entry.code, entry.section) for entry in loaded.errors], [("lockout", "forced 'b'")])

    def test_a_rule_that_is_not_asked_lets_nobody_in(self):
        shut = rule(b"a", (b"br-lan",), more=b"list router_port icmp\n")
        narrow = rule(b"b", more=b"list port udp\n")
        self.assertEqual([entry.code for entry in load_text(shut + narrow).errors], ["lockout"])
        self.assertEqual(load_text(shut + rule(b"b", more=b"list port tcp\n")).errors, [])

    def test_when_an_exception_is_over(self):
        text = rule() + exception(b"option until '2026-11-15 12:00'\nlist to 9.9.9.9\n")
        end = only_rule(text).exceptions[0].until
        for later, words in (
            (0, "a moment ago"),
            (3599, "59 minutes ago"),
            (86400, "1 day ago"),
            (2 * 86400, "2 days ago"),
        ):
            self.assertIn("over " + words, str(load_text(text, now_s=end + later).warnings[0]))
        self.assertEqual(load_text(text, now_s=end - 1).warnings, [])

    def test_one_family_alone_is_swallowed(self):
        """Half of a promise is none."""
        both = rule(more=b"list to 10.0.0.0/8\nlist to 2001:db8:99::/48\n")
        four, six = rule(sources=(b"192.168.10.5",)), rule(sources=(b"2001:db8:10::/64",))
        for text in (
            both + exception(b"list to 10.0.0.0/9\nlist to 10.128.0.0/9\n"),
            both + exception(b"list to 2001:db8:99::/48\n"),
            four + exception(b"list to 0.0.0.0/0\n"),
            six + exception(b"list to ::/0\n"),
        ):
            self.assertEqual([entry.code for entry in load_text(text).errors], ["exception-swallows"], text.decode())

    def test_a_wrong_rule_is_not_compared(self):
        text = rule(via=(b"nowhere",)) + exception(b"list to 0.0.0.0/1\n") + exception(b"list to 128.0.0.0/1\n", b"y")
        self.assertEqual([entry.code for entry in load_text(text).errors], ["unknown-tunnel"])

    def test_no_clock_no_talk_of_time(self):
        text = rule() + exception(b"option until '2026-11-15 12:00'\nlist to 9.9.9.9\n")
        self.assertEqual(load_text(text, now_s=0).warnings, [])

    def test_wrong_interfaces_of_the_site_are_all_that_is_told(self):
        loaded = load_text(rule() + b"config globals\nlist lan lo\n")
        self.assertEqual([entry.code for entry in loaded.errors], ["bad-name"])

    def test_a_file_without_tunnels(self):
        loaded = load(PATH, lambda path: rule())
        self.assertIn("the file has no config tunnel", str(loaded.errors[0]))
