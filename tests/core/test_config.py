"""Whole files: what a good one becomes, and what is said of every kind of bad one."""

import unittest

from isthmus.config.model import Changes, TunnelConfig, changed_fields, default_ifname, empty_config, load
from isthmus.config.uci import MAX_ERRORS
from isthmus.wire.addr import parse_ip, parse_prefix
from isthmus.wire.identity import parse_identity

PATH = "/etc/config/isthmus"
SECRET = "geheim-geheim-geheim"

THREE_LINES = b"""
config tunnel 'branch'
	option remote 'branch.example.net'
	option psk 'geheim-geheim-geheim'
	list remote_subnet '192.168.20.0/24'
"""


def tunnel(name=b"branch", remote=b"branch.example.net", subnet=b"192.168.20.0/24", more=b""):
    """The text of one good tunnel; `more`: further lines."""
    return (
        b"config tunnel '" + name + b"'\n\toption remote '" + remote + b"'\n\toption psk 'geheim-geheim-geheim'\n"
        b"\tlist remote_subnet '" + subnet + b"'\n" + more
    )


def load_text(text, secrets=()):
    """load() of a file with this text; secrets: pairs of tunnel name and the bytes of its key file, or an errno."""
    files = {PATH: text}
    for name, content in secrets:
        files["/etc/isthmus/secrets/" + name] = content

    def read_file(path):
        content = files.get(path, 2)
        if isinstance(content, int):
            raise OSError(content, "no")
        return content

    return load(PATH, read_file)


# code, line, section, option, text, parts that the message, what is allowed and the remedy must hold
ERRORS = (
    ("unknown-section", 1, "", "",
     b"config tunel 'x'\n",
     ("'tunel'", "globals, tunnel", "did you mean config tunnel?")),
    ("unknown-section", 2, "", "",
     b"\nconfig interface 'lan'\n",
     ("'interface'", "remove the section")),
    ("unknown-option", 5, "tunnel 'branch'", "remot",
     tunnel(more=b"option remot x\n"),
     ("did you mean remote?", "lifetime")),
    ("unknown-option", 5, "tunnel 'branch'", "gateway",
     tunnel(more=b"option gateway x\n"),
     ("remove it",)),
    ("unknown-option", 5, "tunnel 'branch'", "remot",
     tunnel(more=b"option remot ''\n"),
     ("did you mean remote?",)),
    ("syntax", 5, "", "",
     tunnel(more=b"option mtu 1400 1500\n"),
     ("too many arguments", "quotes")),
    ("syntax", 1, "", "",
     tunnel(name=b"bran-ch"),
     ("invalid character in name field", "letters, digits and _")),
    ("syntax", 5, "", "",
     tunnel() + b"config tunnel 'x\n",
     ("unterminated '", "close the quote")),
    ("wrong-type", 5, "tunnel 'branch'", "enabled",
     tunnel(more=b"option enabled maybe\n"),
     ("'maybe'", "1, on", "write 1 or 0")),
    ("wrong-type", 5, "tunnel 'branch'", "instance",
     tunnel(more=b"option instance one\n"),
     ("'one'", "0 to 65535", "default (0)")),
    ("wrong-type", 5, "tunnel 'branch'", "lifetime",
     tunnel(more=b"option lifetime long\n"),
     ("'long'", "2m to 1d", "4h")),
    ("wrong-type", 5, "tunnel 'branch'", "local_subnet",
     tunnel(more=b"list local_subnet ''\n"),
     ("empty value",)),
    ("wrong-kind", 5, "tunnel 'branch'", "mtu",
     tunnel(more=b"list mtu 1400\nlist mtu 1500\n"),
     ("2 values", "option mtu once")),
    ("out-of-range", 5, "tunnel 'branch'", "mtu",
     tunnel(more=b"option mtu 9001\n"),
     ("'9001'", "1280 to 9000", "auto")),
    ("not-yet", 5, "tunnel 'branch'", "session",
     tunnel(more=b"option session signalled\n"),
     ("'signalled'", "later version", "derived")),
    ("not-yet", 5, "tunnel 'branch'", "carrier",
     tunnel(more=b"option carrier ipsec\n"),
     ("later version", "l2tpv3")),
    ("bad-address", 2, "tunnel 'branch'", "remote",
     tunnel(remote=b"0.0.0.0"),
     ("no address of one host", "%any")),
    ("everything", 4, "tunnel 'branch'", "remote_subnet",
     tunnel(subnet=b"0.0.0.0/0"),
     ("everything into the tunnel",
      "config forced 'all_branch'; list from 'br-lan'; list via 'branch'", "option internet '1'")),
    ("bad-address", 2, "tunnel 'branch'", "remote",
     tunnel(remote=b"300.1.2.3"),
     ("neither a name nor an address",)),
    ("bad-identity", 5, "tunnel 'branch'", "local_id",
     tunnel(more=b"option local_id 'a b'\n"),
     ("'a b'", "keyid:")),
    ("bad-name", 1, "tunnel '%s'" % ("x" * 33), "",
     tunnel(name=b"x" * 33),
     ("33 characters", "up to 32")),
    ("bad-name", 5, "tunnel 'branch'", "ifname",
     tunnel(more=b"option ifname a/b\n"),
     ("'a/b'", "1 to 15 letters")),
    ("weak-proposal", 5, "tunnel 'branch'", "ike_proposal",
     tunnel(more=b"list ike_proposal 3des-sha1-modp1024\n"),
     ("'3des' is too weak", "'sha1' is too weak", "'modp1024' is too weak", "aes256gcm16", "modp2048")),
    ("host-bits", 4, "tunnel 'branch'", "remote_subnet",
     tunnel(subnet=b"192.168.20.1/24"),
     ("write 192.168.20.0/24",)),
    ("overlap", 4, "tunnel 'branch'", "remote_subnet",
     tunnel(more=b"list local_subnet 192.168.0.0/16\n"),
     ("192.168.20.0/24", "192.168.0.0/16", "other addresses")),
    ("peer-inside", 4, "tunnel 'branch'", "remote_subnet",
     tunnel(remote=b"192.168.20.9"),
     ("192.168.20.9", "behind the peer")),
    ("overlapping-tunnels", 8, "tunnel 'b'", "remote_subnet",
     tunnel() + tunnel(b"b", b"b.example", b"192.168.0.0/16"),
     ("192.168.0.0/16", "192.168.20.0/24 of tunnel 'branch' (line 4)", "one tunnel only")),
    ("overlapping-tunnels", 8, "tunnel 'b'", "remote_subnet",
     tunnel() + tunnel(b"b", b"b.example", more=b"option enabled 0\n"),
     ("192.168.20.0/24", "branch", "option as '10.66.1.0/24'", "here list remote_subnet '10.66.1.0/24'")),
    ("duplicate-peer", 6, "tunnel 'b'", "remote",
     tunnel() + tunnel(b"b", b"BRANCH.example.net", b"10.0.0.0/8"),
     ("tunnel 'branch'", "line 1", "instance")),
    ("duplicate-peer", 6, "tunnel 'b'", "remote",
     tunnel(remote=b"2001:db8::1") + tunnel(b"b", b"2001:DB8:0::1", b"10.0.0.0/8"),
     ("tunnel 'branch'",)),
    ("duplicate-peer", 7, "tunnel 'b'", "remote",
     tunnel(more=b"option remote_id x\n") + tunnel(b"b", b"b.example", b"10.0.0.0/8", b"option remote_id x\n"),
     ("tunnel 'branch'", "remote_id")),
    ("duplicate-ifname", 9, "tunnel 'b'", "ifname",
     tunnel() + tunnel(b"b", b"b.example", b"10.0.0.0/8", b"option ifname ist-branch\n"),
     ("ist-branch", "tunnel 'branch'", "another name")),
    ("missing-option", 1, "tunnel 'a'", "remote",
     b"config tunnel a\noption psk geheim-geheim-geheim\n",
     ("remote is missing", "option remote '...'")),
    ("missing-psk", 1, "tunnel 'a'", "psk",
     b"config tunnel a\noption remote a.example\n",
     ("no key", "option psk", "/etc/isthmus/secrets/a")),
    ("same-address", 5, "tunnel 'branch'", "local",
     tunnel(remote=b"192.0.2.1", more=b"option local 192.0.2.1\n"),
     ("same address",)),
    ("address-family", 5, "tunnel 'branch'", "local",
     tunnel(remote=b"192.0.2.1", more=b"option local 2001:db8::1\n"),
     ("192.0.2.1", "2001:db8::1", "leave local out")),
    ("same-identity", 6, "tunnel 'branch'", "remote_id",
     tunnel(more=b"option local_id x\noption remote_id x\n"),
     ("same",)),
    ("unnamed-section", 1, "tunnel", "",
     b"config tunnel\n\toption remote a.example\n",
     ("needs a name", "config tunnel 'NAME'")),
    ("second-section", 3, "globals 'x'", "",
     b"config globals\n\nconfig globals 'x'\n",
     ("line 1", "remove it")),
    ("not-utf8", 5, "tunnel 'branch'", "remote_id",
     tunnel(more=b"option remote_id 'caf\xe9'\n"),
     ("not UTF-8", "UTF-8")),
    ("control-character", 5, "tunnel 'branch'", "ifname",
     tunnel(more=b"option ifname 'a\nb'\n"),
     ("more than one line", "line 5")),
    ("control-character", 5, "tunnel 'branch'", "ifname",
     tunnel(more=b"option ifname 'a\x07'\n"),
     ("0x07",)),
    ("too-many", 5, "tunnel 'branch'", "local_subnet",
     tunnel(more=b"list local_subnet 10.0.0.0/8\n" * 65),
     ("65 values", "up to 64")),
)  # fmt: skip

# code, line, section, option, text, parts
WARNINGS = (
    ("short-psk", 3, "tunnel 'a'", "psk",
     b"config tunnel a\noption remote a.example\noption psk kurz\nlist remote_subnet 10.0.0.0/8\n",
     ("4 characters", "answers in the peer's place", "16 random characters")),
    ("section-continued", 5, "tunnel 'branch'", "",
     tunnel() + b"config tunnel branch\noption mtu 1400\n",
     ("begins in line 1", "UCI makes one of them")),
    ("repeated-option", 6, "tunnel 'branch'", "mtu",
     tunnel(more=b"option mtu 1400\noption mtu 1300\n"),
     ("line 5", "the last one counts")),
    ("repeated-item", 5, "tunnel 'branch'", "remote_subnet",
     tunnel(more=b"list remote_subnet 192.168.20.0/24\n"),
     ("twice",)),
    ("redundant-subnet", 5, "tunnel 'branch'", "remote_subnet",
     tunnel(more=b"list remote_subnet 192.168.20.128/25\n"),
     ("192.168.20.128/25", "inside 192.168.20.0/24")),
    ("empty-option", 5, "tunnel 'branch'", "mtu",
     tunnel(more=b"option mtu ''\n"),
     ("stores nothing", "default")),
    ("no-subnet", 1, "tunnel 'a'", "remote_subnet",
     b"config tunnel a\noption remote a.example\noption psk geheim-geheim-geheim\n",
     ("nothing is routed",)),
)  # fmt: skip


class GoodFileTest(unittest.TestCase):
    def test_three_lines_are_a_tunnel(self):
        loaded = load_text(THREE_LINES)
        self.assertEqual(([str(e) for e in loaded.errors], [str(w) for w in loaded.warnings]), ([], []))
        (only,) = loaded.config.tunnels
        for name, value in (
            ("name", "branch"),
            ("enabled", True),
            ("remote", "branch.example.net"),
            ("remotes", ["branch.example.net"]),
            ("psk", b"geheim-geheim-geheim"),
            ("local_address", None),
            ("local_id", None),
            ("remote_id", None),
            ("local_subnets", []),
            ("remote_subnets", [parse_prefix("192.168.20.0/24")]),
            ("carrier", "l2tpv3"),
            ("session", "derived"),
            ("instance", 0),
            ("ifname", "ist-branch"),
            ("mtu", None),
            ("initiates", True),
            ("esp_proposals", ["aes256gcm16", "aes128gcm16", "chacha20poly1305", "aes256-sha256", "aes128-sha256"]),
            ("child_lifetime_ms", 3_600_000),
            ("dpd_ms", 30_000),
            ("retransmit_ms", 1000),
            ("retransmit_tries", 5),
            ("line", 2),
        ):
            self.assertEqual(getattr(only, name), value, name)
        self.assertEqual(only.ike_proposals[0], "aes256gcm16-prfsha256-x25519")
        self.assertEqual(loaded.config.globals, empty_config().globals)
        self.assertEqual(loaded.config.globals.log_level, "notice")

    def test_everything_said(self):
        more = b"""
	option enabled no
	option local 192.0.2.2
	option local_id hq@example.net
	option remote_id keyid:00c0ffee
	list local_subnet 10.1.0.0/16
	list local_subnet fd00:1::/48
	list remote_subnet fd00:20::/64
	option carrier l2tpv3
	option session derived
	option instance 7
	option ifname wan2branch
	option mtu 1400
	option role respond
	list ike_proposal aes256-sha256-modp2048
	list esp_proposal aes128gcm16
	option child_lifetime 30m
	option dpd_interval 5s
	option retransmit_timeout 500ms
	option retransmit_tries 3
config globals 'globals'
	option log_level debug
"""
        loaded = load_text(tunnel(remote=b"192.0.2.1", more=more))
        self.assertEqual([str(e) for e in loaded.errors], [])
        only = loaded.config.get("branch")
        self.assertEqual((only.enabled, only.initiates), (False, False))
        self.assertEqual((only.remotes, only.local_address), (["192.0.2.1"], parse_ip("192.0.2.2")))
        self.assertEqual(
            (only.local_id, only.remote_id), (parse_identity("hq@example.net"), parse_identity("keyid:00c0ffee"))
        )
        self.assertEqual(only.local_subnets, [parse_prefix("10.1.0.0/16"), parse_prefix("fd00:1::/48")])
        self.assertEqual(only.remote_subnets, [parse_prefix("192.168.20.0/24"), parse_prefix("fd00:20::/64")])
        self.assertEqual((only.instance, only.ifname, only.mtu), (7, "wan2branch", 1400))
        self.assertEqual(
            (only.ike_proposals, only.esp_proposals), (["aes256-sha256-prfsha256-modp2048"], ["aes128gcm16"])
        )
        self.assertEqual(
            (only.child_lifetime_ms, only.dpd_ms, only.retransmit_ms, only.retransmit_tries), (1_800_000, 5000, 500, 3)
        )
        self.assertEqual(loaded.config.globals.log_level, "debug")

    def test_tunnels_keep_their_order(self):
        text = b"".join([tunnel(b"t%d" % i, b"t%d.example" % i, b"10.%d.0.0/16" % i) for i in range(20)])
        self.assertEqual([t.name for t in load_text(text).config.tunnels], ["t%d" % i for i in range(20)])

    def test_an_empty_file(self):
        loaded = load_text(b"# nothing yet\n")
        self.assertEqual((loaded.config.tunnels, loaded.errors, loaded.warnings), ([], [], []))
        self.assertIsNone(loaded.config.get("branch"))

    def test_an_option_where_a_list_belongs_is_split_as_netifd_does(self):
        text = THREE_LINES.replace(
            b"list remote_subnet '192.168.20.0/24'", b"option remote_subnet '10.1.0.0/16  10.2.0.0/16'"
        )
        subnets = load_text(text).config.tunnels[0].remote_subnets
        self.assertEqual([str(s) for s in subnets], ["10.1.0.0/16", "10.2.0.0/16"])

    def test_same_peer_told_apart(self):
        for more in (b"option instance 1\n", b"option remote_id y\n", b"option local_id y\n"):
            loaded = load_text(tunnel() + tunnel(b"b", subnet=b"10.0.0.0/8", more=more))
            self.assertEqual([str(e) for e in loaded.errors], [])

    def test_neighbouring_networks_do_not_overlap(self):
        loaded = load_text(
            tunnel() + tunnel(b"b", b"b.example", b"192.168.21.0/24", b"list local_subnet 192.168.22.0/23\n")
        )
        self.assertEqual([str(e) for e in loaded.errors], [])


class InterfaceNameTest(unittest.TestCase):
    def test_default(self):
        self.assertEqual(default_ifname("branch"), "ist-branch")
        self.assertEqual(default_ifname("elevenbytes"), "ist-elevenbytes")
        self.assertEqual(default_ifname("twelve_bytes"), default_ifname("twelve_bytes"))
        self.assertEqual(len(default_ifname("twelve_bytes")), 15)
        self.assertEqual(len(default_ifname("x" * 32)), 15)
        self.assertNotEqual(default_ifname("long_branch_one"), default_ifname("long_branch_two"))


class BadFileTest(unittest.TestCase):
    def check(self, entry, code, line, section, option, parts):
        text = str(entry)
        self.assertEqual((entry.code, entry.file, entry.line), (code, PATH, line), text)
        self.assertEqual((entry.section, entry.option), (section, option), text)
        self.assertTrue(text.startswith("%s:%d: " % (PATH, line)), text)
        self.assertNotIn("\n", text)
        self.assertTrue(entry.remedy, text)
        for part in parts:
            self.assertIn(part, text)
        self.assertNotIn(SECRET, text + repr(entry))

    def test_each_error(self):
        for code, line, section, option, text, parts in ERRORS:
            loaded = load_text(text)
            self.assertIsNone(loaded.config, code)
            found = [entry for entry in loaded.errors if entry.code == code]
            self.assertEqual(len(found), 1, code + " " + str([str(entry) for entry in loaded.errors]))
            self.check(found[0], code, line, section, option, parts)

    def test_most_errors_come_alone(self):
        alone = (
            "syntax",
            "unnamed-section",
            "missing-option",
            "unknown-section",
            "second-section",
            "not-yet",
            "bad-address",
        )
        for code, _line, _section, _option, text, _parts in ERRORS:
            if code not in alone:
                self.assertEqual([entry.code for entry in load_text(text).errors], [code], repr(text))

    def test_each_warning(self):
        for code, line, section, option, text, parts in WARNINGS:
            loaded = load_text(text)
            self.assertIsNotNone(loaded.config, code)
            self.assertEqual([entry.code for entry in loaded.warnings], [code])
            self.check(loaded.warnings[0], code, line, section, option, parts)

    def test_all_errors_in_one_pass_and_in_file_order(self):
        text = (
            b"config tunel x\nconfig tunnel a\noption remote ''\nrubbish\noption mtu 1\nlist remote_subnet 10.0.0.1/8\n"
        )
        loaded = load_text(text)
        self.assertEqual(
            [(entry.line, entry.code) for entry in loaded.errors],
            [
                (1, "unknown-section"),
                (2, "missing-psk"),
                (2, "missing-option"),
                (4, "syntax"),
                (5, "out-of-range"),
                (6, "host-bits"),
            ],
        )

    def test_their_number_is_bounded(self):
        loaded = load_text(b"config x\n" * 5000)
        self.assertEqual(len(loaded.errors), MAX_ERRORS)

    def test_unreadable_file(self):
        for number, words in ((2, "no such file"), (13, "permission denied"), (21, "it is a folder"), (99, "error 99")):
            loaded = load_text(number)
            self.assertIsNone(loaded.config)
            (error,) = loaded.errors
            self.assertEqual((error.code, error.file, error.line), ("unreadable-file", PATH, 0))
            self.assertIn(words, str(error))
            self.assertTrue(error.remedy)

    def test_a_missing_closing_quote_never_shows_the_key(self):
        # Without its closing quote the value of remote takes in the lines that follow, and the key with them.
        text = THREE_LINES.replace(b"branch.example.net'", b"branch.example.net")
        loaded = load_text(text)
        self.assertIsNone(loaded.config)
        for entry in loaded.errors + loaded.warnings:
            self.assertNotIn("geheim", str(entry) + repr(entry) + repr(entry.__dict__))

    def test_a_refused_key_is_not_shown(self):
        loaded = load_text(THREE_LINES.replace(b"geheim-geheim-geheim", b"geheim" * 50))
        (error,) = loaded.errors
        self.assertEqual((error.code, error.option, error.found), ("out-of-range", "psk", ""))
        self.assertNotIn("geheim", str(error) + repr(error.__dict__))

    def test_overlap_behind_a_nested_network(self):
        # 10.200.0.0/16 is not in its neighbour 10.1.0.0/16, but in the 10.0.0.0/8 around both
        text = tunnel(subnet=b"10.0.0.0/8", more=b"list remote_subnet 10.1.0.0/16\n") + tunnel(
            b"b", b"b.example", b"10.200.0.0/16"
        )
        (error,) = load_text(text).errors
        self.assertEqual((error.code, error.section), ("overlapping-tunnels", "tunnel 'b'"))
        self.assertIn("10.200.0.0/16 overlaps 10.0.0.0/8", str(error))

    def test_a_key_under_a_wrong_name_is_not_shown(self):
        loaded = load_text(tunnel(more=b"option pks 'geheim'\nlist presharedkey 'geheim'\n"))
        self.assertEqual([entry.code for entry in loaded.errors], ["unknown-option", "unknown-option"])
        for entry in loaded.errors:
            self.assertNotIn("geheim", str(entry) + repr(entry.__dict__))


class KeyFileTest(unittest.TestCase):
    TEXT = THREE_LINES.replace(b"\toption psk 'geheim-geheim-geheim'\n", b"")

    def test_the_key_may_have_a_file_of_its_own(self):
        for content in (b"geheim-geheim-geheim", b"geheim-geheim-geheim\n"):
            loaded = load_text(self.TEXT, [("branch", content)])
            self.assertEqual([str(e) for e in loaded.errors], [])
            self.assertEqual(loaded.config.tunnels[0].psk, b"geheim-geheim-geheim")

    def test_the_option_comes_first(self):
        loaded = load_text(THREE_LINES, [("branch", b"another")])
        self.assertEqual(loaded.config.tunnels[0].psk, b"geheim-geheim-geheim")

    def test_bad_key_files(self):
        for content, code, part in (
            (b"", "missing-psk", "is empty"),
            (b"\n", "missing-psk", "is empty"),
            (13, "unreadable-psk", "permission denied"),
            (b"geheim\ngeheim\n", "control-character", "more than one line"),
            (b"geheim\r\n", "control-character", "control character"),
            (b"geheim\xff", "not-utf8", "not UTF-8"),
            (b"geheim" * 50, "out-of-range", "300 bytes"),
        ):
            loaded = load_text(self.TEXT, [("branch", content)])
            (error,) = loaded.errors
            self.assertEqual((error.code, error.section, error.option), (code, "tunnel 'branch'", "psk"))
            self.assertIn(part, str(error))
            self.assertNotIn("geheim", str(error))

    def test_a_short_one_is_told_about(self):
        loaded = load_text(self.TEXT, [("branch", b"kurz")])
        self.assertEqual([entry.code for entry in loaded.warnings], ["short-psk"])


class Other:
    """Equal to nothing else."""


class ChangesTest(unittest.TestCase):
    def config(self, text):
        loaded = load_text(text)
        self.assertEqual([str(e) for e in loaded.errors], [])
        return loaded.config

    def test_only_what_differs(self):
        old = self.config(
            tunnel() + tunnel(b"b", b"b.example", b"10.0.0.0/8") + tunnel(b"c", b"c.example", b"172.16.0.0/12")
        )
        new = self.config(
            b"# moved down\n\n" + tunnel(b"b", b"b.example", b"10.0.0.0/8", b"option mtu 1400\n") + tunnel() +
            tunnel(b"d", b"d.example", b"fd00::/8") + b"config globals\noption log_level info\n"
        )  # fmt: skip
        changes = Changes(old, new)
        self.assertEqual((changes.removed, changes.added, changes.changed), (["c"], ["d"], ["b"]))
        self.assertEqual(changes.fields, {"b": ["mtu"]})
        self.assertEqual(changes.globals, ["log_level"])

    def test_a_file_without_a_change(self):
        changes = Changes(self.config(THREE_LINES), self.config(b"\n\n" + THREE_LINES))
        self.assertEqual((changes.removed, changes.added, changes.changed, changes.globals), ([], [], [], []))
        changes = Changes(empty_config(), self.config(THREE_LINES))
        self.assertEqual((changes.removed, changes.added, changes.changed), ([], ["branch"], []))

    def test_another_key_is_a_change_and_is_not_shown(self):
        old, new = self.config(THREE_LINES), self.config(THREE_LINES.replace(b"geheim-geheim", b"anderer-geheim"))
        changes = Changes(old, new)
        self.assertEqual((changes.changed, changes.fields), (["branch"], {"branch": ["psk"]}))
        one, two = old.tunnels[0], new.tunnels[0]
        self.assertNotEqual(one, two)
        self.assertEqual(changed_fields(one, one), [])
        for thing in (one, two, old, new, changes):
            self.assertNotIn("geheim", repr(thing))
            self.assertNotIn("geheim", str(thing))

    def test_every_attribute_counts(self):
        for name in list(load_text(THREE_LINES).config.tunnels[0].__dict__):
            one, two = load_text(THREE_LINES).config.tunnels[0], load_text(THREE_LINES).config.tunnels[0]
            setattr(two, name, Other())
            self.assertEqual(one == two, name == "line", name)
        self.assertIsInstance(one, TunnelConfig)
        self.assertNotEqual(one, "branch")
