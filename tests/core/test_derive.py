"""What two sites derive: mirrored, separate for every pair and instance, and silent about the key."""

from __future__ import annotations

import unittest

from isthmus.policy.derive import (
    INNER_PREFIX,
    LINK_LOCAL_PREFIX,
    REQID_FIRST,
    REQID_LAST,
    SameIdentityError,
    derive,
    explain_link,
)  # fmt: skip

LOW = b"\x01\xc0\x00\x02\x01"
HIGH = b"\x02branch.example.net"


class DeriveTest(unittest.TestCase):
    def test_both_ends_see_the_same_pair(self) -> None:
        a = derive(LOW, HIGH, 0, b"key")
        b = derive(HIGH, LOW, 0, b"key")
        self.assertEqual((a.side, b.side), (0, 1))
        self.assertEqual(a.reqid, b.reqid)
        self.assertEqual(a.link, b.link)
        for mine, theirs in ((a.local, b.remote), (a.remote, b.local)):
            for name in ("tunnel_id", "session_id", "inner", "link_local", "mac", "cookie"):
                self.assertEqual(getattr(mine, name), getattr(theirs, name), name)

    def test_the_two_ends_differ_in_everything(self) -> None:
        pair = derive(LOW, HIGH, 0, b"key")
        for name in ("tunnel_id", "session_id", "inner", "link_local", "mac", "cookie"):
            self.assertNotEqual(getattr(pair.local, name), getattr(pair.remote, name), name)

    def test_values_have_the_form_the_kernel_wants(self) -> None:
        for instance in range(64):
            end = derive(LOW, HIGH, instance, b"key").local
            self.assertEqual(end.inner[:6], INNER_PREFIX)
            self.assertEqual(end.link_local[:8], LINK_LOCAL_PREFIX)
            self.assertEqual((len(end.inner), len(end.link_local), len(end.mac), len(end.cookie)), (16, 16, 6, 8))
            self.assertEqual(end.mac[0] & 0x03, 0x02)
            self.assertTrue(0 < end.tunnel_id < 1 << 32)
            self.assertTrue(0 < end.session_id < 1 << 32)

    def test_reqid_is_ours(self) -> None:
        reqid = derive(LOW, HIGH, 7, b"key").reqid
        self.assertTrue(REQID_FIRST <= reqid <= REQID_LAST)

    def test_instance_changes_everything(self) -> None:
        first, second = derive(LOW, HIGH, 0, b"key"), derive(LOW, HIGH, 1, b"key")
        self.assertNotEqual(first.reqid, second.reqid)
        self.assertNotEqual(first.link, second.link)
        self.assertNotEqual(first.local.inner, second.local.inner)
        self.assertNotEqual(first.local.cookie, second.local.cookie)

    def test_only_cookies_depend_on_the_key(self) -> None:
        first, second = derive(LOW, HIGH, 0, b"key"), derive(LOW, HIGH, 0, b"another")
        self.assertNotEqual(first.local.cookie, second.local.cookie)
        self.assertEqual(first.local.inner, second.local.inner)
        self.assertEqual(first.link, second.link)

    def test_identities_are_not_confused_by_where_one_ends(self) -> None:
        first = derive(b"\x02ab", b"\x02abc\x02d", 0, b"k")
        second = derive(b"\x02abc", b"\x02ab\x02d", 0, b"k")
        self.assertNotEqual(first.link, second.link)

    def test_one_identity_for_both_is_refused(self) -> None:
        with self.assertRaises(SameIdentityError) as caught:
            derive(LOW, LOW, 0, b"key")
        self.assertTrue("local_id" in caught.exception.remedy)

    def test_the_values_never_change(self) -> None:
        """Sites of different versions must derive the same: these bytes are the protocol (computed by a second
        program).
        """
        pair = derive(LOW, HIGH, 0, b"0123456789abcdef")
        self.assertEqual(pair.link.hex(), "010100008e10a38927846295")
        self.assertEqual(pair.reqid, 0x69268F56)
        self.assertEqual(pair.local.session_id, 0xD0369CD0)
        self.assertEqual(pair.local.inner.hex(), "fd697374686d60531fd230d4a09645e9")
        self.assertEqual(pair.local.mac.hex(), "723e1d14c919")
        self.assertEqual(pair.local.cookie.hex(), "d0e25d1cfc8fe2c2")


class ExplainTest(unittest.TestCase):
    def test_each_part_has_its_sentence(self) -> None:
        ours = derive(LOW, HIGH, 0, b"k").link
        rows = (
            (b"", "version 0"),
            (b"\x02" + ours[1:], "version 2"),
            (ours[:1] + b"\x09" + ours[2:], "carrier"),
            (derive(LOW, HIGH, 3, b"k").link, "instance is 3"),
            (derive(LOW, b"\x02x", 0, b"k").link, "local_id"),
        )
        for theirs, word in rows:
            self.assertTrue(word in explain_link(ours, theirs), word)
