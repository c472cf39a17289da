"""Sections `alias` and `passthrough`, and networks that stand in two places: good ones, and what bad ones are told."""

import unittest

from isthmus.config.alias import AliasConfig
from isthmus.config.cover import Ranges
from isthmus.config.forced import Source
from isthmus.config.free import free_networks
from isthmus.config.model import load
from isthmus.config.passthrough import PassthroughConfig
from isthmus.wire.addr import parse_ip, parse_prefix
from tests.core.config_site import FIRST, MAC, load_text, rule


def alias(subnet=b"192.168.10.0/24", shown=b"10.66.1.0/24", more=b"", name=b"x", tunnel=b"branch"):
    """The text of one alias."""
    head = b"config alias '" + name + b"'\noption tunnel '" + tunnel + b"'\noption subnet '" + subnet
    return head + b"'\noption as '" + shown + b"'\n" + more


def passthrough(protocol, more=b"", name=b"p"):
    """The text of one section passthrough."""
    return b"config passthrough '" + name + b"'\noption protocol '" + protocol + b"'\n" + more


REMOTE = b"option side remote\n"
# A tunnel in lines 13 to 16 whose peer has our own 192.168.1.0/24, which appears here as 10.66.2.0/24.
TWIN = b"config tunnel twin\noption remote twin.example\noption psk 'geheim-geheim-geheim'\n"
TWIN += b"list remote_subnet 10.66.2.0/24\n"

# code, line from FIRST on, option, text, parts of the whole sentence
ERRORS = (
    ("unknown-tunnel", 1, "tunnel", alias(tunnel=b"brunch"), ("no tunnel 'brunch'", "did you mean branch?")),
    (
        "missing-option",
        0,
        "tunnel",
        b"config alias x\noption subnet 10.0.0.0/24\noption as 10.0.1.0/24\n",
        ("is missing",),
    ),
    (
        "missing-option",
        0,
        "as",
        b"config alias x\noption tunnel branch\noption subnet 192.168.10.0/24\n",
        ("option as '...'",),
    ),
    (
        "unnamed-section",
        0,
        "",
        b"config alias\noption tunnel branch\noption subnet 192.168.10.0/24\noption as 10.66.1.0/24\n",
        ("an alias section needs a name",),
    ),
    ("host-bits", 3, "as", alias(shown=b"10.66.1.1/24"), ("write 10.66.1.0/24",)),
    (
        "alias-size",
        3,
        "as",
        alias(shown=b"10.66.0.0/23"),
        ("differ in size", "a network of /24", "option as '10.66.2.0/24'"),
    ),
    ("alias-size", 2, "subnet", alias(b"0.0.0.0/0", b"0.0.0.0/0"), ("no one site's network",)),
    ("mixed-families", 3, "as", alias(shown=b"2001:db8:66::/120"), ("not of one family",)),
    ("alias-overlap", 3, "as", alias(shown=b"192.168.10.0/24"), ("appear as itself", "option as '10.66.1.0/24'")),
    (
        "alias-overlap",
        3,
        "as",
        alias(b"172.20.1.0/24", b"192.168.10.0/24"),
        ("local_subnet 192.168.10.0/24 of tunnel 'branch'",),
    ),
    (
        "alias-overlap",
        3,
        "as",
        alias(shown=b"10.53.9.0/24"),
        ("remote_subnet 10.53.0.0/16 of tunnel 'branch'", "10.66.1.0/24"),
    ),
    ("alias-overlap", 3, "as", alias(shown=b"10.54.9.0/24"), ("remote_subnet 10.54.0.0/16 of tunnel 'backup'",)),
    (
        "alias-overlap",
        3,
        "as",
        alias(shown=b"198.51.100.0/24"),
        ("the address 198.51.100.7 of the peer of tunnel 'branch'",),
    ),
    ("alias-overlap", 3, "as", alias(shown=b"203.0.113.0/24"), ("own address 203.0.113.2",)),
    (
        "alias-overlap",
        3,
        "as",
        alias(shown=b"172.20.1.0/24") + rule(sources=(b"172.20.1.0/24",), more=b"list to 10.53.0.0/16\n"),
        ("source 172.20.1.0/24 of forced 'cameras' (line 18)",),
    ),
    (
        "alias-overlap",
        7,
        "as",
        alias() + alias(b"192.168.11.0/25", b"10.66.1.128/25", name=b"y"),
        ("overlaps option as 10.66.1.0/24 of alias 'x' (line 16)", "option as '10.66.2.0/25'"),
    ),
    (
        "alias-overlap",
        7,
        "as",
        alias(b"172.20.1.0/24") + alias(b"172.20.2.0/24", b"172.20.1.0/24", name=b"y"),
        ("overlaps option subnet 172.20.1.0/24 of alias 'x'",),
    ),
    (
        "alias-overlap",
        3,
        "as",
        alias(b"172.21.0.0/16", b"172.20.0.0/16") + alias(b"172.20.1.0/24", name=b"y"),
        ("overlaps option subnet 172.20.1.0/24 of alias 'y'",),
    ),
    (
        "duplicate-alias",
        6,
        "subnet",
        alias() + alias(shown=b"10.66.2.0/24", name=b"y"),
        ("same tunnel already (line 13)",),
    ),
    (
        "alias-unrouted",
        3,
        "as",
        alias(b"192.168.1.0/24", b"10.66.9.0/24", REMOTE),
        ("not in remote_subnet of tunnel 'branch'", "list remote_subnet '10.66.9.0/24'", "in place of"),
    ),
    ("alias-unrouted", 3, "as", alias(b"192.168.1.0/24", b"10.54.9.0/24", REMOTE), ("tunnel 'branch' (line 1)",)),
    ("wrong-type", 4, "side", alias(more=b"option side ours\n"), ("local, remote",)),
    (
        "name-outside",
        4,
        "name",
        alias(more=b"list name printer=192.168.1.20\n"),
        ("192.168.1.20 is not in 192.168.10.0/24",),
    ),
    (
        "duplicate-name",
        5,
        "name",
        alias(more=b"list name a=192.168.10.1\nlist name A=192.168.10.2\n"),
        ("two addresses",),
    ),
    ("wrong-type", 4, "name", alias(more=b"list name printer\n"), ("NAME=ADDRESS",)),
    ("bad-name", 4, "name", alias(more=b"list name my_printer=192.168.10.1\n"), ("letters, digits and -",)),
    ("bad-name", 4, "name", alias(more=b"list name " + b"a" * 64 + b"=192.168.10.1\n"), ("no name of a host",)),
    ("bad-name", 4, "name", alias(more=b"list name a..b=192.168.10.1\n"), ("no name of a host",)),
    ("bad-address", 4, "name", alias(more=b"list name printer=192.168.10\n"), ("not an IPv4",)),
    ("missing-option", 0, "protocol", b"config passthrough p\noption action helper\n", ("protocol is missing",)),
    (
        "helper",
        2,
        "action",
        passthrough(b"ipsec", b"option action helper\n"),
        ("needs no helper", "action 'allow'", "pptp only"),
    ),
    ("wrong-type", 1, "protocol", passthrough(b"ipsek"), ("did you mean ipsec?",)),
    ("missing-option", 0, "protocol", b"config passthrough p\n", ("protocol is missing",)),
    ("mixed-families", 2, "from", passthrough(b"pptp", b"list from 2001:db8:10::5\n"), ("IPv4 alone",)),
    ("via-loop", 2, "from", passthrough(b"ipsec", b"list from ist-branch\n"), ("interface of tunnel 'branch'",)),
    (
        "contradiction",
        2,
        "action",
        passthrough(b"ipsec") + passthrough(b"ipsec", b"option action block\n", b"q"),
        ("ipsec out for everybody already (line 13)", "action allow"),
    ),
    (
        "contradiction",
        6,
        "action",
        passthrough(b"l2tp", b"list from 172.20.0.0/16\n")
        + passthrough(b"l2tp", b"option action block\nlist from 172.20.1.5\n", b"q"),
        ("172.20.1.5/32", "fewer hosts first"),
    ),
)

FINE = (
    alias(),
    alias() + alias(tunnel=b"backup", name=b"y"),  # one network of ours, shown to two peers
    alias() + alias(tunnel=b"backup", shown=b"10.66.2.0/24", name=b"y"),
    alias(b"192.168.10.7/32", b"10.66.1.7/32"),
    alias(b"2001:db8:10::/64", b"fd00:66::/64"),
    alias(b"192.168.1.0/24", b"10.66.2.0/24", REMOTE, tunnel=b"twin") + TWIN,
    alias(b"192.168.10.0/24", b"10.66.2.0/24", REMOTE, tunnel=b"twin") + TWIN + alias(tunnel=b"twin", name=b"y"),
    passthrough(b"ipsec") + passthrough(b"l2tp", b"option action block\n", b"q"),
    passthrough(b"ipsec") + passthrough(b"ipsec", b"option action block\noption direction in\n", b"q"),
    passthrough(b"ipsec") + passthrough(b"ipsec", b"option action block\nlist from br-guest\n", b"q"),
    passthrough(b"ipsec", b"list from 172.20.1.5\n")
    + passthrough(b"ipsec", b"option action block\nlist from 172.20.0.0/16\n", b"q"),
    passthrough(b"pptp", b"option action block\n"),
)

WARNINGS = (
    (
        "no-effect",
        2,
        "subnet",
        alias(b"172.20.1.0/24"),
        ("not in local_subnet of tunnel 'branch'", "list local_subnet"),
    ),
    ("broken-protocol", 1, "protocol", passthrough(b"pptp"), ("broken", "action 'helper'")),
    ("broken-protocol", 1, "protocol", passthrough(b"pptp", b"option action helper\n"), ("IPsec or WireGuard",)),
    (
        "overlapping-rules",
        4,
        "direction",
        passthrough(b"ipsec") + passthrough(b"ipsec", b"option direction both\noption action block\n", b"q"),
        ("ipsec out for everybody",),
    ),
    ("repeated-item", 2, "from", passthrough(b"ipsec") + passthrough(b"ipsec", name=b"q"), ("already (line 13)",)),
)

TWO_SITES = b"config tunnel t\noption remote t.example\noption psk 'geheim-geheim-geheim'\n"


class AliasTest(unittest.TestCase):
    def test_what_is_read(self):
        text = alias(more=b"list name Printer=192.168.10.20\nlist name nas.office=192.168.10.21\n") + passthrough(
            b"pptp", b"option action helper\noption direction in\nlist from 192.168.10.9\nlist from " + MAC + b"1\n"
        )
        config = load_text(text).config
        found = config.aliases[0]
        self.assertEqual((found.name, found.tunnel, found.side, found.line), ("x", "branch", "local", FIRST))
        self.assertEqual((found.subnet, found.shown), (parse_prefix("192.168.10.0/24"), parse_prefix("10.66.1.0/24")))
        names = [("printer", parse_ip("192.168.10.20")), ("nas.office", parse_ip("192.168.10.21"))]
        self.assertEqual(found.names, names)
        other = config.passthrough[0]
        self.assertEqual((other.protocol, other.action, other.direction), ("pptp", "helper", "in"))
        self.assertEqual(other.sources[1], Source("mac", mac=b"\xaa\xbb\xcc\xdd\xee\x01"))
        again = load_text(b"\n" + text).config
        self.assertEqual((again.aliases, again.passthrough), (config.aliases, config.passthrough))
        self.assertIsInstance(found, AliasConfig)
        self.assertIsInstance(other, PassthroughConfig)
        self.assertNotEqual(load_text(alias(shown=b"10.66.3.0/24")).config.aliases, load_text(alias()).config.aliases)

    def test_names_of_hosts(self):
        long = b".".join([b"a" * 63] * 3 + [b"b" * 61])
        self.assertEqual(len(long), 253)
        for name in (b"0", b"9z", b"a-0", b"a" * 63, long):
            found = load_text(alias(more=b"list name " + name + b"=192.168.10.1\n")).config.aliases[0]
            self.assertEqual(found.names, [(name.decode(), parse_ip("192.168.10.1"))])
        for name in (b"-a", b"a-", b"", b"a.", long + b"c", b"\xc3\xa4", b"a b"):
            loaded = load_text(alias(more=b"list name '" + name + b"=192.168.10.1'\n"))
            self.assertEqual([entry.code for entry in loaded.errors], ["bad-name"], repr(name))

    def check(self, entry, line, option, parts):
        self.assertEqual((entry.line, entry.option), (FIRST + line, option), str(entry))
        self.assertTrue(entry.remedy, str(entry))
        for part in parts:
            self.assertIn(part, str(entry))

    def test_each_error(self):
        for code, line, option, text, parts in ERRORS:
            loaded = load_text(text)
            self.assertIsNone(loaded.config, repr(text))
            said = [str(entry) for entry in loaded.errors]
            self.assertEqual([entry.code for entry in loaded.errors], [code], said)
            self.check(loaded.errors[0], line, option, parts)

    def test_what_goes_together(self):
        for text in FINE:
            loaded = load_text(text)
            self.assertEqual([str(entry) for entry in loaded.errors + loaded.warnings], [], repr(text))

    def test_each_warning(self):
        for code, line, option, text, parts in WARNINGS:
            loaded = load_text(text)
            self.assertEqual([str(entry) for entry in loaded.errors], [])
            said = [str(entry) for entry in loaded.warnings]
            self.assertEqual(
                [entry.code for entry in loaded.warnings if entry.code != "broken-protocol" or len(said) == 1],
                [code],
                said,
            )
            self.check(loaded.warnings[-1], line, option, parts)


class OverlapTest(unittest.TestCase):
    def said(self, code, text):
        found = [entry for entry in load_text(text).errors if entry.code == code]
        self.assertEqual(len(found), 1, [str(entry) for entry in load_text(text).errors])
        return str(found[0])

    def test_two_sites_with_the_same_network(self):
        said = self.said(
            "overlap", TWO_SITES + b"list local_subnet 192.168.1.0/24\nlist remote_subnet 192.168.1.0/24\n"
        )
        for part in (
            "config alias 't_alias'; option tunnel 't'; option subnet '192.168.1.0/24'; option as '10.66.1.0/24'",
            "list remote_subnet '10.66.2.0/24' in place of 192.168.1.0/24",
            "On the other router the other way round: option as '10.66.2.0/24', list remote_subnet '10.66.1.0/24'",
        ):
            self.assertIn(part, said)

    def test_what_the_sentence_says_is_right(self):
        """Both routers, configured as it says, are accepted."""
        for ours, theirs in ((b"10.66.1.0/24", b"10.66.2.0/24"), (b"10.66.2.0/24", b"10.66.1.0/24")):
            text = TWO_SITES + b"list local_subnet 192.168.1.0/24\nlist remote_subnet " + theirs + b"\n"
            loaded = load_text(text + alias(b"192.168.1.0/24", ours, name=b"t_alias", tunnel=b"t"))
            self.assertEqual([str(entry) for entry in loaded.errors + loaded.warnings], [])

    def test_what_is_taken_is_not_proposed(self):
        text = (
            TWO_SITES
            + b"list local_subnet 192.168.1.0/24\nlist local_subnet 10.66.0.0/23\nlist remote_subnet 192.168.1.0/24\n"
        )
        self.assertIn("option as '10.66.2.0/24'", self.said("overlap", text))

    def test_nothing_to_propose(self):
        for local, remote in (
            (b"10.0.0.0/8", b"10.1.0.0/16"),
            (b"2001:db8::/32", b"2001:db8::/32"),
            (b"10.0.0.0/9", b"10.0.0.0/9"),
        ):
            text = TWO_SITES + b"list local_subnet " + local + b"\nlist remote_subnet " + remote + b"\n"
            self.assertIn("give one site other addresses", self.said("overlap", text))

    def test_two_peers_with_the_same_network(self):
        text = TWO_SITES + b"list remote_subnet 10.54.3.0/24\n"
        said = self.said("overlapping-tunnels", text)
        self.assertIn(
            "option subnet '10.54.3.0/24' and option as '10.66.1.0/24', and here list remote_subnet '10.66.1.0/24'",
            said,
        )

    def test_halves_of_everything(self):
        for half in (b"0.0.0.0/1", b"128.0.0.0/1", b"::/0", b"8000::/1"):
            said = self.said("everything", TWO_SITES + b"list remote_subnet " + half + b"\n")
            self.assertIn("config forced 'all_t'; list from 'br-lan'; list via 't'", said)

    def test_the_lines_proposed_for_everything_are_right(self):
        text = TWO_SITES + b"config forced 'all_t'; list from 'br-lan'; list via 't'\n"
        loaded = load_text(text)
        self.assertEqual([str(entry) for entry in loaded.errors], [])
        self.assertEqual([each.via for each in loaded.config.forced], [["t"]])

    def tunnels(self, *rows):
        """The file of some tunnels: (name, peer, network behind it)."""
        text = b""
        for name, peer, subnet in rows:
            text += b"config tunnel " + name + b"\noption psk 'geheim-geheim-geheim'\noption remote " + peer
            text += b"\nlist remote_subnet " + subnet + b"\n"
        return load("x", lambda path: text)

    def test_tunnels_in_a_circle(self):
        inside = (b"b", b"10.1.0.1", b"10.2.0.0/16")
        self.assertEqual(self.tunnels((b"a", b"192.0.2.1", b"10.1.0.0/16"), inside).errors, [])  # one inside the other
        circles = (
            ((b"a", b"10.2.0.1", b"10.1.0.0/16"), inside),
            ((b"a", b"10.3.0.1", b"10.1.0.0/16"), (b"c", b"10.2.0.1", b"10.3.0.0/16"), inside),
            ((b"a", b"10.2.0.1", b"10.1.0.0/16"), inside, (b"outer", b"10.2.0.2", b"10.9.0.0/16")),
        )
        for rows in circles:
            errors = self.tunnels(*rows).errors
            self.assertEqual([entry.code for entry in errors], ["tunnels-in-circle"], rows)
            self.assertEqual((errors[0].section, errors[0].option), ("tunnel 'b'", "remote"))
            self.assertIn("tunnel 'a'", str(errors[0]))
            self.assertNotIn("outer", str(errors[0]))

    def test_free_networks(self):
        for length, taken, found in (
            (24, (), ["10.66.1.0/24", "10.66.2.0/24"]),
            (26, (), ["10.66.1.0/26", "10.66.2.0/26"]),
            (32, (), ["10.66.1.0/32", "10.66.2.0/32"]),
            (16, (), ["10.66.0.0/16", "10.67.0.0/16"]),
            (22, ("10.66.0.0/24",), ["10.66.4.0/22", "10.66.8.0/22"]),
            (24, ("10.66.0.0/15",), ["10.68.0.0/24", "10.68.1.0/24"]),
            (24, ("10.0.0.0/8",), ["172.16.1.0/24", "172.16.2.0/24"]),
            (24, ("10.0.0.0/8", "172.16.0.0/12"), ["192.168.1.0/24", "192.168.2.0/24"]),
            (24, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"), []),
            (24, ("0.0.0.0/0",), []),
            (15, (), []),
        ):
            ranges = Ranges([(parse_prefix(text), None) for text in taken])
            self.assertEqual([str(prefix) for prefix in free_networks(length, ranges, 2)], found, (length, taken))
