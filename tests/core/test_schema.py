"""The schema's table, and the types that read one value each."""

import unittest

from isthmus.config import proposal, schema, values
from isthmus.config.errors import BadValue, nearest, quote
from isthmus.config.model import load
from isthmus.config.uci import is_name
from isthmus.crypto import suites
from isthmus.edge.printable import printable
from isthmus.wire.addr import parse_ip, parse_prefix
from isthmus.wire.identity import parse_identity

HOUR = 3_600_000

# type, text, value
READ = (
    (values.Bool(), "1", True),
    (values.Bool(), "yes", True),
    (values.Bool(), "enabled", True),
    (values.Bool(), "off", False),
    (values.Bool(), "disabled", False),
    (values.Integer(0, 65535), "0", 0),
    (values.Integer(0, 65535), "65535", 65535),
    (values.Integer(0, 65535), "007", 7),
    (values.AutoInteger(1280, 9000), "auto", None),
    (values.AutoInteger(1280, 9000), "1280", 1280),
    (values.Duration("1s", "1d"), "30", 30_000),
    (values.Duration("1s", "1d"), "30s", 30_000),
    (values.Duration("1s", "1d"), "1500ms", 1500),
    (values.Duration("1s", "1d"), "15m", 900_000),
    (values.Duration("1s", "1d"), "4h", 4 * HOUR),
    (values.Duration("1s", "1d"), "1d", 24 * HOUR),
    (values.Choice(("a", "b")), "b", "b"),
    (values.Address(), "192.0.2.1", b"\xc0\x00\x02\x01"),
    (values.Address(), "2001:db8::1", parse_ip("2001:db8::1")),
    (values.Host(), "branch.example.net", "branch.example.net"),
    (values.Host(), "192.0.2.1", "192.0.2.1"),
    (values.Host(), "%any", "%any"),
    (values.Host(), "2001:DB8::1", "2001:DB8::1"),
    (values.PrefixType(), "192.168.20.0/24", parse_prefix("192.168.20.0/24")),
    (values.IdentityType(), "@branch", parse_identity("branch")),
    (values.Secret(), "a b'c", b"a b'c"),
    (values.Secret(), "\u00e4", b"\xc3\xa4"),
    (values.InterfaceName(), "ist-branch.1_x", "ist-branch.1_x"),
    (values.IkeProposal(), "aes256gcm16-prfsha256-x25519", "aes256gcm16-prfsha256-x25519"),
    (values.IkeProposal(), "aes128-sha256-prfsha256-modp2048", "aes128-sha256-prfsha256-modp2048"),
    (values.IkeProposal(), "AES256-SHA256-MODP2048", "aes256-sha256-prfsha256-modp2048"),
    (values.IkeProposal(), "aes128gcm128-prfsha256-curve25519", "aes128gcm16-prfsha256-x25519"),
    (values.EspProposal(), "aes128gcm16", "aes128gcm16"),
    (values.EspProposal(), "aes256-sha2_256", "aes256-sha256"),
)

# type, text, code, part of what is said (reason and remedy)
REFUSED = (
    (values.Bool(), "maybe", "wrong-type", "write 1 or 0"),
    (values.Bool(), "Yes", "wrong-type", "'Yes'"),
    (values.Integer(0, 65535), "65536", "out-of-range", "'65536'"),
    (values.Integer(5, 9), "4", "out-of-range", "'4'"),
    (values.Integer(0, 9), "-1", "wrong-type", "whole number"),
    (values.Integer(0, 9), "1.5", "wrong-type", "whole number"),
    (values.Integer(0, 9), "0x1", "wrong-type", "whole number"),
    (values.Integer(0, 9), "\u0661", "wrong-type", "whole number"),
    (values.Integer(0, 9), "9" * 400, "wrong-type", "(400 characters"),
    (values.AutoInteger(1280, 9000), "1279", "out-of-range", "1279"),
    (values.AutoInteger(1280, 9000), "automatic", "wrong-type", "whole number"),
    (values.Duration("1s", "1h"), "999ms", "out-of-range", "999ms"),
    (values.Duration("1s", "1h"), "2h", "out-of-range", "2h"),
    (values.Duration("1s", "1h"), "4 h", "wrong-type", "such as 30s"),
    (values.Duration("1s", "1h"), "h", "wrong-type", "number and a unit"),
    (values.Duration("1s", "1h"), "5w", "wrong-type", "number and a unit"),
    (values.Choice(("derived",), ("static",)), "static", "not-yet", "later version"),
    (values.Choice(("derived",)), "derivd", "wrong-type", "did you mean derived?"),
    (values.Cookie(), "0011223", "wrong-type", "4 or 8 bytes"),
    (values.Cookie(), "001122334455667g", "wrong-type", "hexadecimal digit"),
    (values.Cookie(), "0x112233", "wrong-type", "hexadecimal digit"),
    (values.HostAddressType(), "10.9.0.1", "bad-address", "such as 10.9.0.1/30"),
    (values.HostAddressType(), "10.9.0.1/33", "bad-address", "1 to 32 bits"),
    (values.HostAddressType(), "10.9.0.1/", "bad-address", "1 to 32 bits"),
    (values.HostAddressType(), "fd00::1/0", "bad-address", "1 to 128 bits"),
    (values.HostAddressType(), "fe80::1/64", "bad-address", "link-local"),
    (values.HostAddressType(), "lan/24", "bad-address", "not an IPv4 or IPv6 address"),
    (values.NextHop(), "ff02::1", "bad-address", "no address of one host"),
    (values.NextHop(), "10.9.0.2/30", "bad-address", ""),
    (values.Address(), "branch.example.net", "bad-address", "not an IPv4 or IPv6 address"),
    (values.Address(), "0.0.0.0", "bad-address", "no address of one host"),
    (values.Address(), "255.255.255.255", "bad-address", "no address of one host"),
    (values.Address(), "224.0.0.1", "bad-address", "no address of one host"),
    (values.Address(), "::", "bad-address", "no address of one host"),
    (values.Address(), "ff02::1", "bad-address", "no address of one host"),
    (values.Address(), "fe80::1", "bad-address", "link-local"),
    (values.Host(), "%any4", "bad-address", "'%any'"),
    (values.Host(), "0.0.0.0", "bad-address", "'%any'"),
    (values.Host(), "300.1.2.3", "bad-address", "neither a name nor an address"),
    (values.Host(), "192.0.2.01", "bad-address", "write 192.0.2.1"),
    (values.Host(), "fe80::1%eth0", "bad-address", "zone"),
    (values.Host(), "fe80::1", "bad-address", "link-local"),
    (values.Host(), "vpn example", "bad-address", "neither"),
    (values.Host(), "https://x.example", "bad-address", "neither"),
    (values.PrefixType(), "192.168.20.1/24", "host-bits", "write 192.168.20.0/24"),
    (values.PrefixType(), "192.168.20.0", "bad-address", "no prefix length"),
    (values.PrefixType(), "lan", "bad-address", "not an IPv4 or IPv6 address"),
    (values.IdentityType(), "a b", "bad-identity", "'a b'"),
    (values.IdentityType(), "C=CH, CN=x", "bad-identity", "certificate"),
    (values.Secret(), "x" * 257, "out-of-range", "257 bytes"),
    (values.InterfaceName(), "sixteen-letters-", "out-of-range", "16 bytes"),
    (values.InterfaceName(), "a/b", "bad-name", "character"),
    (values.InterfaceName(), "all", "bad-name", "taken"),
    (values.IkeProposal(), "aes256gcm16-x25519", "bad-proposal", "names no prf"),
    (values.IkeProposal(), "aes256gcm16-prfsha256", "bad-proposal", "names no group"),
    (values.IkeProposal(), "aes256gcm16", "bad-proposal", "names no prf"),
    (values.IkeProposal(), "aes256-prfsha256-x25519", "bad-proposal", "write aes256-sha256"),
    (values.IkeProposal(), "3des-sha1-modp1024", "weak-proposal", "'3des' is too weak: its blocks"),
    (values.IkeProposal(), "3des-sha1-modp1024", "weak-proposal", "'sha1' is too weak: SHA-1"),
    (values.IkeProposal(), "aes256-sha256-prfsha256-modp1024", "weak-proposal", "'modp1024' is too weak: with"),
    (values.IkeProposal(), "aes256-sha256-modp1536", "weak-proposal", "'modp1536'"),
    (values.IkeProposal(), "aes256-MD5-modp2048", "weak-proposal", "'md5' is too weak"),
    (values.IkeProposal(), "des-md5-modp768", "weak-proposal", "'modp768' is too weak"),
    (values.IkeProposal(), "sha1-" * 19, "weak-proposal", "SHA-1"),
    (values.EspProposal(), "null-sha256", "weak-proposal", "'null' is too weak: it encrypts nothing"),
    (values.EspProposal(), "NULL", "weak-proposal", "'null'"),
    (values.IkeProposal(), "aes256gcm16-prfaesxcbc-x25519", "bad-proposal", "is no prf"),
    (values.IkeProposal(), "aes256gcm16-prfsha256-x25519-modp2048", "bad-proposal", "after its group"),
    (values.EspProposal(), "aes256gcm16-x25519-ecp256", "bad-proposal", "write aes256gcm16"),
    (values.EspProposal(), "aes256gcm16-x2559", "bad-proposal", "did you mean x25519?"),
    (values.EspProposal(), "aes256gcm16-modp1024", "weak-proposal", "'modp1024' is too weak"),
    (values.EspProposal(), "aes256", "bad-proposal", "write aes256-sha256"),
    (values.EspProposal(), "-" * 200, "bad-proposal", "too long"),
)


def refusal(value_type, text):
    """The BadValue that a text meets."""
    try:
        value_type.parse(text)
    except BadValue as error:
        return error
    raise AssertionError("%s takes %r" % (value_type.name, text))


class TypeTest(unittest.TestCase):
    def test_read(self):
        for value_type, text, value in READ:
            self.assertEqual(value_type.parse(text), value, text)

    def test_refused(self):
        for value_type, text, code, part in REFUSED:
            error = refusal(value_type, text)
            self.assertEqual(error.code, code, text)
            self.assertIn(part, error.reason + " / " + error.remedy)
            self.assertTrue(len(error.reason) < 250, text)

    def test_a_refused_secret_is_not_repeated(self):
        error = refusal(values.Secret(), "geheim" * 50)
        self.assertNotIn("geheim", error.reason + error.remedy)


class TableTest(unittest.TestCase):
    def rows(self):
        return [(section, row) for section in schema.SECTIONS for row in section.options]

    def test_names(self):
        for section in schema.SECTIONS:
            names = [row.name for row in section.options]
            self.assertEqual(len(names), len(set(names)))
            for name in names:
                self.assertTrue(is_name(name.encode()), name)
                self.assertIs(section.get(name).name, name)
            self.assertIs(schema.section_spec(section.type), section)
        self.assertIsNone(schema.section_spec("tunel"))
        self.assertIsNone(schema.TUNNEL.get("remot"))

    def test_every_row_says_what_it_is(self):
        for section, row in self.rows():
            place = section.type + "." + row.name
            self.assertIn(row.kind, (schema.OPTION, schema.LIST), place)
            self.assertTrue(row.type.name and row.type.allowed, place)
            self.assertTrue(10 < len(row.help) < 120 and row.help.endswith("."), place)
            # A default, or in words where the value comes from; a required option has neither.
            self.assertEqual(bool(row.default_text), not row.required, place)

    def test_defaults_are_what_their_own_type_reads(self):
        for section, row in self.rows():
            value = row.default_value()
            if row.kind == schema.LIST:
                self.assertIsInstance(value, list)
            elif row.default is None:
                self.assertIsNone(value)
            elif row.default != "auto":
                self.assertIsNotNone(value, section.type + "." + row.name)

    def test_a_default_list_is_a_new_one_each_time(self):
        row = schema.TUNNEL.get("ike_proposal")
        row.default_value().append("x")
        self.assertNotIn("x", row.default_value())

    def test_cross_references_lead_to_rows(self):
        for section, row in self.rows():
            for name in row.see:
                self.assertIsNotNone(section.get(name), name)
                self.assertNotEqual(name, row.name)

    def test_two_options_and_a_network_are_a_tunnel(self):
        self.assertEqual([row.name for row in schema.TUNNEL.options if row.required], ["remote"])

    def test_reference_rows_are_complete(self):
        rows = schema.reference_rows()
        self.assertEqual(len(rows), len(self.rows()))
        columns = sorted(("section", "name", "kind", "type", "allowed", "default", "required", "secret", "help", "see"))
        for row in rows:
            self.assertEqual(sorted(row), columns)
            for text in row.values():
                self.assertIsInstance(text, str)
        psk = next(row for row in rows if row["name"] == "psk")
        self.assertEqual((psk["secret"], psk["default"]), ("yes", "read from /etc/isthmus/secrets/NAME"))
        mtu = next(row for row in rows if row["name"] == "mtu")
        self.assertEqual((mtu["default"], mtu["allowed"]), ("auto", "auto, or 1280 to 9000"))


class ProposalTest(unittest.TestCase):
    def test_defaults_are_canonical(self):
        for text in proposal.DEFAULT_IKE:
            self.assertEqual(proposal.parse_ike(text), text)
        for text in proposal.DEFAULT_ESP:
            self.assertEqual(proposal.parse_esp(text), text)

    def test_every_combination(self):
        for cipher in proposal.CIPHERS:
            self.assertEqual(proposal.parse_esp(cipher), cipher)
            for prf in proposal.PRFS:
                for group in proposal.GROUPS:
                    text = "%s-%s-%s" % (cipher, prf, group)
                    self.assertEqual(proposal.parse_ike(text), text)

    def test_the_words_are_those_of_the_crypto_table(self):
        for words, rows in (
            (proposal.CIPHERS, suites.ALL_CIPHERS),
            (proposal.PRFS, suites.ALL_PRFS),
            (proposal.GROUPS, suites.ALL_GROUPS),
        ):
            self.assertEqual(sorted(words), sorted([row.name for row in rows]))

    def test_aliases_lead_to_known_words(self):
        known = "-".join(proposal.CIPHERS + proposal.PRFS + proposal.GROUPS).split("-")
        for alias, word in proposal.ALIASES.items():
            self.assertIn(word, known)
            self.assertNotIn(alias, known)


class SuggestionTest(unittest.TestCase):
    def test_nearest(self):
        names = [row.name for row in schema.TUNNEL.options]
        for found, meant in (
            ("remot", "remote"),
            ("remote_subnets", "remote_subnet"),
            ("rmeote", "remote"),
            ("Psk", "psk"),
            ("localid", "local_id"),
            ("lifetme", "lifetime"),
            ("child_lifetme", "child_lifetime"),
            ("ike_proposals", "ike_proposal"),
            ("if_name", "ifname"),
            ("gateway", ""),
            ("x", ""),
            ("", ""),
            ("x" * 5000, ""),
        ):
            self.assertEqual(nearest(found, names), meant, found[:40])

    def test_quote(self):
        for text, shown in (
            ("a", "'a'"),
            ("", "''"),
            ("a\nb", "'a...'"),
            ("\x1b[2J", "'?[2J'"),
            ("xx, " * 16, "'%s...'" % ("xx, " * 15)),
            ("x" * 61, "(61 characters, not shown: it may be a key)"),
            ("\u00e4", "'\u00e4'"),
        ):
            self.assertEqual(quote(text), shown)

    def test_the_longest_sentence_is_shown_whole(self):
        """It names every option of a tunnel, and the one that was meant after them."""
        text = b"config tunnel 'x'\n option remoet 'y'\n"
        said = [str(error) for error in load("/" + "long/" * 40 + "isthmus", lambda path: text).errors]
        found = [line for line in said if "remoet" in line]
        self.assertEqual(len(found), 1)
        self.assertTrue("did you mean remote?" in printable(found[0]), printable(found[0]))
