"""Addresses and prefixes: what is read, what is refused and why, and the canonical text.

Sources of the vectors: RFC 5952 sections 1, 4 and 5 (canonical forms), RFC 4291 section 2.2 (forms to read).
"""

import unittest

from isthmus.wire.addr import (
    AddressError,
    Prefix,
    format_endpoint,
    format_ip,
    is_ip,
    parse_ip,
    parse_prefix,
)

# text -> canonical text
CANONICAL = (
    ("0.0.0.0", "0.0.0.0"),
    ("255.255.255.255", "255.255.255.255"),
    ("192.0.2.1", "192.0.2.1"),
    ("::", "::"),
    ("::1", "::1"),
    ("1::", "1::"),
    ("2001:DB8::1", "2001:db8::1"),
    ("2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1"),  # RFC 5952 4.2.3: first of equal runs
    ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),  # the longest run
    ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),  # RFC 5952 4.2.2: one group is not shortened
    ("0:0:0:0:0:0:0:0", "::"),
    ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
    ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
    ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),  # RFC 5952 section 5
    ("::ffff:c000:201", "::ffff:192.0.2.1"),
    ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
    ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
)

REFUSED = (
    "", " ", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.-1", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4\n", "01.2.3.4",
    "1.2.3.04", "1..2.3", "1.2.3.", ".1.2.3", "0x1.2.3.4", "1.2.3.4/32", "+1.2.3.4", "1.2.3.1000", ":", ":::",
    "1:::2", "::1::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "12345::",
    "g::", "::1.2.3", "1.2.3.4::", "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4", "fe80::1%eth0", "[::1]", "1:", ":1",
    "::-1", "::+1", "::0x1", "\u0661.2.3.4",
    "1" * 5000,
)  # fmt: skip


class ParseTest(unittest.TestCase):
    def test_canonical(self):
        for text, canonical in CANONICAL:
            address = parse_ip(text)
            self.assertEqual(len(address), 16 if ":" in text else 4)
            self.assertEqual(format_ip(address), canonical)
            self.assertEqual(parse_ip(canonical), address)
            self.assertTrue(is_ip(text))

    def test_bytes(self):
        self.assertEqual(parse_ip("192.0.2.1"), b"\xc0\x00\x02\x01")
        self.assertEqual(parse_ip("fd69:7374:686d::1"), b"\xfd" + b"isthm" + bytes(9) + b"\x01")

    def test_refused(self):
        for text in REFUSED:
            self.assertFalse(is_ip(text), repr(text))
            with self.assertRaises(AddressError):
                parse_ip(text)
            with self.assertRaises(ValueError):
                parse_ip(text)

    def test_reasons(self):
        for text, part, remedy in (
            ("192.168.010.1", "leading zeros", "write 192.168.10.1"),
            ("fe80::1%eth0", "zone", "global address"),
            ("192.0.2.0/24", "is a prefix", "without the /"),
            ("router", "not an IPv4 or IPv6 address", ""),
        ):
            error = caught(parse_ip, text)
            self.assertIn(part, str(error))
            self.assertIn(remedy, error.remedy)

    def test_a_megabyte_is_not_echoed(self):
        self.assertTrue(len(str(caught(parse_ip, "1." * 500000))) < 200)
        self.assertTrue(len(str(caught(parse_prefix, "1.2.3.4/" + "9" * 500000))) < 200)

    def test_format_refuses_other_lengths(self):
        for length in (0, 3, 5, 15, 17):
            with self.assertRaises(ValueError):
                format_ip(bytes(length))

    def test_endpoint(self):
        self.assertEqual(format_endpoint((parse_ip("192.0.2.1"), 500)), "192.0.2.1:500")
        self.assertEqual(format_endpoint((parse_ip("2001:db8::1"), 4500)), "[2001:db8::1]:4500")


class PrefixTest(unittest.TestCase):
    def test_round_trip(self):
        for text in (
            "0.0.0.0/0",
            "192.168.20.0/24",
            "10.0.0.0/9",
            "192.0.2.1/32",
            "::/0",
            "2001:db8::/33",
            "fd00::1/128",
        ):
            self.assertEqual(str(parse_prefix(text)), text)

    def test_host_bits(self):
        for text, network in (
            ("192.168.20.1/24", "192.168.20.0/24"),
            ("10.128.0.0/8", "10.0.0.0/8"),
            ("192.0.2.1/31", "192.0.2.0/31"),
            ("2001:db8::1/64", "2001:db8::/64"),
        ):
            error = caught(parse_prefix, text)
            self.assertIn("host bits", str(error))
            self.assertIn(network, error.remedy)

    def test_length_missing_or_wrong(self):
        self.assertIn("192.0.2.1/32", caught(parse_prefix, "192.0.2.1").remedy)
        self.assertIn("write 192.168.20.0/24", caught(parse_prefix, "192.168.20.9/255.255.255.0").remedy)
        for text in ("1.2.3.4/33", "::/129", "1.2.3.4/", "1.2.3.4/-1", "1.2.3.4/08", "1.2.3.4/a", "1.2.3.4/24/24",
                     "/24", "x/24", "1.2.3.4/255.0.255.0", "::/ffff::"):  # fmt: skip
            with self.assertRaises(AddressError):
                parse_prefix(text)

    def test_constructor_refuses(self):
        for address, length in ((b"", 0), (bytes(5), 8), (bytes(4), 33), (bytes(4), -1), (b"\x0a\x01\x00\x00", 8)):
            with self.assertRaises(AddressError):
                Prefix(address, length)

    def test_contains(self):
        net = parse_prefix("192.168.20.0/22")
        for text, inside in (
            ("192.168.20.0", True),
            ("192.168.23.255", True),
            ("192.168.24.0", False),
            ("192.168.19.255", False),
        ):
            self.assertEqual(net.contains(parse_ip(text)), inside)
        self.assertFalse(parse_prefix("::/0").contains(parse_ip("192.0.2.1")))
        self.assertTrue(parse_prefix("0.0.0.0/0").contains(parse_ip("192.0.2.1")))

    def test_overlaps_both_ways(self):
        for one, two, expected in (
            ("10.0.0.0/8", "10.1.0.0/16", True),
            ("10.0.0.0/8", "11.0.0.0/8", False),
            ("192.168.0.0/24", "192.168.1.0/24", False),
            ("192.168.0.0/24", "192.168.0.0/24", True),
            ("0.0.0.0/0", "192.168.0.0/24", True),
            ("0.0.0.0/0", "::/0", False),
            ("2001:db8::/32", "2001:db8:ffff::/48", True),
        ):
            self.assertEqual(parse_prefix(one).overlaps(parse_prefix(two)), expected)
            self.assertEqual(parse_prefix(two).overlaps(parse_prefix(one)), expected)

    def test_is_a_value(self):
        one, same, other = parse_prefix("10.0.0.0/8"), parse_prefix("10.0.0.0/8"), parse_prefix("10.0.0.0/9")
        self.assertEqual(one, same)
        self.assertEqual(hash(one), hash(same))
        self.assertNotEqual(one, other)
        self.assertNotEqual(one, "10.0.0.0/8")
        self.assertEqual(len({one: 1, same: 2, other: 3}), 2)
        self.assertEqual(repr(one), "Prefix(10.0.0.0/8)")


def caught(function, text):
    """The AddressError that function(text) raises."""
    try:
        function(text)
    except AddressError as error:
        return error
    raise AssertionError("nothing was raised for %r" % text[:64])
