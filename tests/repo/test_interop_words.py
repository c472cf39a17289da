"""What the interop story says to other people's programs: their words for our suites, and vici's bytes."""

from __future__ import annotations

import unittest

from tests.lab.interop import libreswan, strongswan
from tests.lab.interop.suites import SUITES
from tests.lab.interop.vici import pull_tree, push_tree


class Words(unittest.TestCase):
    def test_libreswan(self):
        for ours, theirs in (
            ("aes256gcm16-prfsha256-x25519", "aes_gcm256-sha2_256;dh31"),
            ("aes256-sha256-prfsha256-modp2048", "aes256-sha2_256;modp2048"),
            ("chacha20poly1305-prfsha512-ecp384", "chacha20_poly1305-sha2_512;dh20"),
        ):
            with self.subTest(ours):
                self.assertEqual(libreswan.spell_ike(ours), theirs)
        for ours, theirs in (
            ("aes128gcm16", "aes_gcm128"),
            ("aes128-sha256", "aes128-sha2_256"),
            ("aes256gcm16-x25519", "aes_gcm256;dh31"),
        ):
            with self.subTest(ours):
                self.assertEqual(libreswan.spell_esp(ours), theirs)

    def test_strongswan(self):
        self.assertEqual(strongswan.spell("aes256gcm16-prfsha256-x25519"), "aes256gcm16-prfsha256-curve25519")
        self.assertEqual(strongswan.spell_esp("aes128gcm16", esn=True), "aes128gcm16-esn")

    def test_no_suite_of_the_story_keeps_a_word_of_ours_alone(self):
        for _, ike, esp in SUITES:
            for text in (libreswan.spell_ike(ike), libreswan.spell_esp(esp)):
                with self.subTest(text):
                    for word in ("gcm16", "x25519", "prf", "ecp", "sha256"):
                        self.assertNotIn(word, text)


class Vici(unittest.TestCase):
    TREE = {"name": "value", "empty": "", "list": ["one", "two"], "none": [], "deep": {"er": {"key": "x" * 300}}}

    def test_there_and_back(self):
        self.assertEqual(pull_tree(push_tree(self.TREE)), self.TREE)

    def test_the_bytes_of_its_documentation(self):
        # README.vici of strongSwan: a section, a key and its value, a list.
        self.assertEqual(push_tree({"s": {"k": "v"}, "l": ["i"]}),
                         b"\x01\x01s\x03\x01k\x00\x01v\x02\x04\x01l\x05\x00\x01i\x06")
