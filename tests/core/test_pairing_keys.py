"""The key schedule: HKDF as in RFC 5869, one label for each key, and a root that rests on every one of its parts."""

from __future__ import annotations

import unittest

from isthmus.crypto.prf import sha256
from isthmus.proto.pairing import keys
from isthmus.proto.pairing.invite import Invite
from isthmus.proto.pairing.rotation_keys import ROTATION_LABEL
from isthmus.proto.pairing.wordlist import TEXT
from tests.core.pairing_world import HERE

WORDS_DIGEST = "5d7dd48bd7e8111598bf8749b3b537b8169eb33e38517b931a95ce9c315b85ec"


def make_invite(secret=b"s", name="main"):
    return Invite(sha256(secret), sha256(b"key"), 0, name, HERE)


def make_root(secret=b"s", exporter=b"e", shared=b"x", messages=(b"1", b"2")):
    invite = make_invite(secret)
    transcript = keys.compute_transcript(invite, list(messages))
    return bytes(keys.derive_root(invite, sha256(exporter), bytearray(sha256(shared)), transcript))


class Hkdf(unittest.TestCase):
    def test_rfc_5869_appendix_a(self):
        for salt, secret, info, count, extracted, expanded in (
            ("000102030405060708090a0b0c", "0b" * 22, "f0f1f2f3f4f5f6f7f8f9", 42,
             "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
             "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"),
            ("", "0b" * 22, "", 42, "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
             "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"),
        ):  # fmt: skip
            seed = keys.extract(bytes.fromhex(salt), bytes.fromhex(secret))
            self.assertEqual(bytes(seed).hex(), extracted)
            self.assertEqual(bytes(keys.expand(seed, bytes.fromhex(info), count)).hex(), expanded)
        for count in (0, 255 * 32 + 1):
            with self.assertRaises(ValueError):
                keys.expand(b"", b"", count)


class Separation(unittest.TestCase):
    def test_each_part_alone_changes_every_key(self):
        """S, the exporter of SK_d, ECDH and the transcript: who lacks one of them lacks the root."""
        roots = [
            make_root(),
            make_root(secret=b"t"),
            make_root(exporter=b"f"),
            make_root(shared=b"y"),
            make_root(messages=(b"1", b"3")),
            make_root(messages=(b"12",)),
            make_root(messages=(b"1", b"2", b"")),
        ]
        self.assertEqual(make_root(), roots[0])
        seen = set()
        for root in roots:
            seen |= set(every_key(root))
        self.assertEqual(len(seen), len(roots) * 10)

    def test_the_secret_counts_beside_the_transcript(self):
        """The invite is part of the transcript as well; S is mixed in for itself."""
        roots = []
        for secret in (b"s", b"t"):
            invite, shared = make_invite(secret), bytearray(sha256(b"x"))
            roots.append(bytes(keys.derive_root(invite, sha256(b"e"), shared, sha256(b"transcript"))))
        self.assertNotEqual(roots[0], roots[1])

    def test_no_two_keys_are_one(self):
        """Nor is a key of the invite ever one of a tunnel, from whatever secret."""
        secret = sha256(b"s")
        found = every_key(secret)
        invite = keys.InviteKeys(Invite(secret, secret, 0, "main", HERE))
        found += [invite.psk, invite.ppk, invite.ppk_id, invite.inviter_id.data, invite.joiner_id.data, secret]
        self.assertEqual(len(set(found)), len(found))
        for one in found:
            for two in found:
                self.assertFalse(one is not two and one[:16] == two[:16])

    def test_lengths(self):
        tunnel = keys.TunnelKeys(make_root())
        self.assertEqual([len(one) for one in (tunnel.psk, tunnel.ppk, tunnel.cookie, tunnel.control)], [32] * 4)
        self.assertEqual([len(tunnel.ppk_id), len(tunnel.inviter_id.data), len(tunnel.joiner_id.data)], [16] * 3)

    def test_the_secrets_are_overwritten(self):
        shared = bytearray(sha256(b"x"))
        invite = make_invite()
        keys.derive_root(invite, sha256(b"e"), shared, sha256(b"t"))
        self.assertEqual(shared, bytearray(32))

    def test_an_exporter_that_is_none_is_refused(self):
        for size in (0, 16, 31, 65):
            with self.assertRaises(ValueError):
                keys.derive_root(make_invite(), bytes(size), bytearray(32), bytes(32))

    def test_the_exporters_input_is_no_other_of_sk_d(self):
        """Whatever else goes into prf under SK_d has two nonces of at least 16 bytes, and a byte more."""
        self.assertEqual(len(keys.make_export_input(bytes(8), bytes(8))), 31)
        self.assertEqual(len(ROTATION_LABEL + bytes(16)), 30)
        self.assertNotEqual(keys.make_export_input(bytes(8), b"1" * 8), keys.make_export_input(b"1" * 8, bytes(8)))


def every_key(root):
    tunnel, tags = keys.TunnelKeys(root), keys.Tags(root)
    return [
        tunnel.psk, tunnel.ppk, tunnel.ppk_id, tunnel.cookie, tunnel.control, tunnel.inviter_id.data,
        tunnel.joiner_id.data, tags.inviter_approves, tags.joiner_approves, tags.inviter_keeps,
    ]  # fmt: skip


class WordList(unittest.TestCase):
    def test_the_list(self):
        words = TEXT.split()
        self.assertEqual(len(words), 1 << keys.WORD_BITS)
        self.assertEqual(len(set(words)), len(words))
        self.assertEqual(words, sorted(words))
        for word in words:
            self.assertTrue(4 <= len(word) <= 8, word)
            for letter in word:
                self.assertTrue("a" <= letter <= "z", word)
        self.assertEqual(sha256(" ".join(words).encode()).hex(), WORDS_DIGEST)

    def test_every_word_is_as_likely(self):
        """33 bits: over many pairings each third of the words takes values from the whole list."""
        invite = make_invite()
        seen = [set(), set(), set()]
        for number in range(300):
            words = keys.pick_words(invite, sha256(b"%d" % number), bytes(32))
            self.assertEqual(len(words), 3)
            for place in range(3):
                seen[place].add(words[place])
        for words in seen:
            self.assertTrue(len(words) > 250, len(words))
        self.assertEqual(keys.WORD_BITS * keys.WORD_COUNT, 33)


if __name__ == "__main__":
    unittest.main()
