"""IKE identities: the spellings administrators use, and text that survives the way there and back."""

import unittest

from isthmus.wire.identity import (
    ID_FQDN,
    ID_IPV4_ADDR,
    ID_IPV6_ADDR,
    ID_KEY_ID,
    ID_RFC822_ADDR,
    Identity,
    format_identity,
    identity_of_address,
    is_host_name,
    parse_identity,
)

# text, kind, data, canonical text
SPELLINGS = (
    ("192.0.2.1", ID_IPV4_ADDR, b"\xc0\x00\x02\x01", "192.0.2.1"),
    ("2001:DB8::1", ID_IPV6_ADDR, b"\x20\x01\x0d\xb8" + bytes(11) + b"\x01", "2001:db8::1"),
    ("branch.example.net", ID_FQDN, b"branch.example.net", "branch.example.net"),
    ("branch", ID_FQDN, b"branch", "branch"),
    ("@branch", ID_FQDN, b"branch", "branch"),
    ("Branch.Example", ID_FQDN, b"Branch.Example", "Branch.Example"),  # compared by bytes: case is kept
    ("admin@example.net", ID_RFC822_ADDR, b"admin@example.net", "admin@example.net"),
    ("@@admin@example.net", ID_RFC822_ADDR, b"admin@example.net", "admin@example.net"),
    ("keyid:00C0ffee", ID_KEY_ID, b"\x00\xc0\xff\xee", "keyid:00c0ffee"),
    ("keyid:00:c0:ff:ee", ID_KEY_ID, b"\x00\xc0\xff\xee", "keyid:00c0ffee"),
    ("@#00c0ffee", ID_KEY_ID, b"\x00\xc0\xff\xee", "keyid:00c0ffee"),
)

REFUSED = (
    "",
    "@",
    "@@",
    "@#",
    "%any",
    "keyid:",
    "keyid:abc",
    "keyid:zz",
    "keyid:" + "00" * 256,
    "300.1.2.3",
    "1.2.3",
    "a b",
    "-a",
    "a-",
    "a..b",
    "a.",
    "user@",
    "@@branch",
    "us er@example.net",
    "C=CH, O=Example",
    "x" * 64,
    "b\u00fcro.example",
    "a\n",
)


class IdentityTest(unittest.TestCase):
    def test_spellings(self):
        for text, kind, data, canonical in SPELLINGS:
            identity = parse_identity(text)
            self.assertEqual((identity.kind, identity.data), (kind, data), text)
            self.assertEqual(str(identity), canonical)
            self.assertEqual(parse_identity(canonical), identity)

    def test_refused(self):
        for text in REFUSED:
            with self.assertRaises(ValueError):
                parse_identity(text)

    def test_is_a_value(self):
        self.assertEqual(parse_identity("@branch"), parse_identity("branch"))
        self.assertEqual(hash(parse_identity("@branch")), hash(parse_identity("branch")))
        self.assertNotEqual(Identity(ID_FQDN, b"x"), Identity(ID_KEY_ID, b"x"))
        self.assertNotEqual(Identity(ID_FQDN, b"x"), "x")
        self.assertEqual(identity_of_address(b"\xc0\x00\x02\x01"), parse_identity("192.0.2.1"))
        self.assertEqual(identity_of_address(bytes(16)).kind, ID_IPV6_ADDR)

    def test_what_a_peer_sends_is_printed_safely(self):
        for kind, data in (
            (ID_FQDN, b"a\nb\x1b[2J"),
            (ID_IPV4_ADDR, b"123"),
            (99, b"x"),
            (ID_FQDN, b""),
            (ID_KEY_ID, bytes(999)),
        ):
            text = format_identity(Identity(kind, data))
            self.assertTrue(len(text) < 150)
            for character in text:
                self.assertTrue(" " <= character <= "~", repr(text))

    def test_host_names(self):
        for text in ("a", "a.b", "branch-1.example.net", "_x.y", "1a.b", "x" * 63 + ".y"):
            self.assertTrue(is_host_name(text), text)
        for text in (
            "",
            ".",
            "a.",
            ".a",
            "a b",
            "1.2.3.4",
            "1.2.3",
            "300.1.2.3",
            "x" * 64,
            "a." * 127 + "b",
            "a/b",
            "a:b",
        ):
            self.assertFalse(is_host_name(text), text)
