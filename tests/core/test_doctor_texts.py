"""What the doctor reads of the system, and the text that somebody else may read: no secret in it."""

from __future__ import annotations

import binascii
import unittest

from isthmus.config.model import load
from isthmus.doctor import bundle, hide, listing

UDP = """   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
  100: 00000000:01F4 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 0
  101: 0100007F:1194 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4712 2 0000000000000000 0
  102: rubbish
"""
UDP6 = UDP.partition("\n")[0] + """
  103: B80D0120000000000000000001000000:06A5 00000000000000000000000000000000:0000 07 0:0 00:0 0  0 0 4713 2 0 0
"""

KEY = "kan4ryenvogel-0123456789"
FILE = """config globals
\toption log_level 'debug'  # %(key)s
\toption psk '%(key)s'

config tunnel 'branch'
\toption remote 'b.example.net'
\toption psk '%(key)s'
\toption pks '%(key)s'
\tlist ppk '%(key)s'
\toption cookie '0011223344556677'
\toption local '%(key)s'
\toption mtu '%(key)s'
\tlist remote_subnet '10.2.0.0/24'
\tlist remote_subnet '%(key)s'
\toption psk '%(key)s' '
config %(key)s 'x'
\toption psk '%(key)s'
"""


class Listings(unittest.TestCase):
    def test_sockets(self):
        found = listing.pull_sockets(UDP, "little") + listing.pull_sockets(UDP6, "little")
        self.assertEqual([row[0] for row in found], [500, 4500, 1701])
        self.assertEqual([row[2] for row in found], [4711, 4712, 4713])
        shown = [listing.show_address(row[1]) for row in found]
        self.assertEqual(shown, ["any address", "127.0.0.1", "2001:db8::1"])
        big = UDP.replace("0100007F", "7F000001")
        self.assertEqual(listing.show_address(listing.pull_sockets(big, "big")[1][1]), "127.0.0.1")
        for text in ("", "x", "x\n:", "x\n" + "a:b " * 12, "x\n1: 00:1F4 c d e f g h i j k"):
            self.assertEqual(listing.pull_sockets(text, "little"), [])

    def test_modules(self):
        built_in = "kernel/net/l2tp/l2tp_core.ko\nkernel/net/l2tp/l2tp_eth.ko\n"
        depends = "kernel/net/l2tp/l2tp-ip.ko.xz: kernel/net/l2tp/l2tp_core.ko.xz\n"
        for name, texts, there in (
            ("l2tp_eth", [built_in], True), ("l2tp-eth", [built_in], True), ("l2tp_ip", [depends], True),
            ("l2tp_eth", ["a\nl2tp_eth\n"], True), ("l2tp_ip6", [built_in, depends], False), ("eth", [built_in], False),
            ("l2tp_core", [depends], False),
        ):  # fmt: skip
            self.assertEqual(listing.has_module(name, texts), there, name)

    def test_who_keeps_the_clock(self):
        self.assertEqual(listing.keepers(["sh", "ntpd", "chronyd", "ntpd"]), ["chronyd", "ntpd"])


class Hiding(unittest.TestCase):
    def test_nothing_of_a_key_is_shown_wherever_it_stands(self):
        data = (FILE % {"key": KEY}).encode()
        text = "\n".join(hide.shown(data))
        self.assertEqual([word for word in (KEY, KEY[:8], "0011223344556677") if word in text], [])
        for words in ("config tunnel 'branch'", "remote 'b.example.net'", "'10.2.0.0/24'", "option psk '(not shown)'"):
            self.assertTrue(words in text, words)
        found = hide.secrets_of(data)
        self.assertTrue(KEY.encode() in found and b"0011223344556677" in found)
        self.assertFalse(b"b.example.net" in found)

    def test_what_cannot_be_read(self):
        for data in (b"", b"\xff\xfe", b"config\x00", b"option psk 'x'", b"config tunnel '\n" + b"(" * 9000):
            self.assertTrue(hide.shown(data)[0])
            hide.secrets_of(data)

    def test_words_of_files_of_keys(self):
        found = hide.words_of(b'{"hash": "0123456789abcdef0123", "n": 16}\nrotation-1 held ' + KEY.encode())
        self.assertTrue(KEY.encode() in found and b"0123456789abcdef0123" in found)
        self.assertTrue(bytes.fromhex("0123456789abcdef0123") in found)
        self.assertFalse(b"held" in found)

    def test_a_long_key_in_the_wrong_place_is_not_told_by_a_message_about_its_place(self):
        key = "0123456789abcdef" * 4
        file = "config tunnel 'a'\n\toption mtu '%s'\n\toption remote 'b.example.net'\n" % key

        def read(path):
            if path != "x":
                raise OSError(2, "")
            return file.encode()

        loaded = load("x", read)
        told = "\n".join([str(error) for error in loaded.errors])
        self.assertIn("(64 characters, not shown: it may be a key)", told)
        self.assertNotIn(key[:16], told)
        self.assertIn(key.encode(), hide.secrets_of(file.encode()))  # and is looked for in all else

    def test_a_last_look(self):
        secret = KEY.encode()
        coded = binascii.b2a_base64(secret).decode().strip()
        for form in (KEY, secret.hex(), secret.hex().upper(), coded):
            text, places = hide.scrub("before " + form + " after", [b"other-secret", secret])
            self.assertEqual((text[:7], text[-6:], places), ("before ", " after", 1))
            self.assertFalse(form.rstrip("=") in text)
        raw = bytes([255, 254, 0, 128, 7, 9])
        self.assertEqual(hide.scrub("x" + raw.hex(), [raw, b"", b"ab"]), ("x" + hide.HIDDEN, 1))


class Bundles(unittest.TestCase):
    def test_a_bundle(self):
        text = bundle.bundle("Isthmus 1 on head", [("a", "one\ntwo\n"), ("b", ""), ("c", "x" * 70_000)], [])
        self.assertTrue(text.startswith("Isthmus 1 on head\n"))
        self.assertTrue("\n=== a ===\none\ntwo\n\n=== b ===\n(nothing)\n" in text)
        self.assertTrue("(cut here: 4464 characters more)" in text)
        self.assertFalse("Taken out" in text)

    def test_a_secret_that_got_in(self):
        text = bundle.bundle("t", [("a", "it is " + KEY)], [KEY.encode()])
        self.assertFalse(KEY in text)
        self.assertTrue("because it is a key or may be one: 1 places" in text)

    def test_an_outline(self):
        value = {"b": [1, {"c": None}], "a": {"x": True, "y": []}, "d": {}}
        self.assertEqual(bundle.outline(value), ["a:", "  x: yes", "  y: -", "b:", "  - 1", "  -", "    c: -", "d: -"])


if __name__ == "__main__":
    unittest.main()
