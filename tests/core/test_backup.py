"""A backup's file: what is wrong with one is told apart, what is in it comes back, and a name leads nowhere."""

from __future__ import annotations

import unittest

from isthmus.backup import errors
from isthmus.backup.archive import MOST_KEYS, Archive, day_of, is_key_name, pull_archive, push_archive
from isthmus.backup.file import (
    DIGEST_BYTES,
    HEADER,
    LONGEST,
    MOST_CONTENT,
    VERSION,
    check_passphrase,
    is_bounded,
    pull_sealed,
    seal,
    unseal,
)
from isthmus.hashes import sha256
from isthmus.users.book import CURRENT, Params

KEY = bytes(range(64))
SALT = b"s" * 16
ARCHIVE = Archive(
    "head", 1_795_392_000, "1.2", b"config tunnel 'branch'\n", [("branch", b"\x00key"), ("site.id", b"0f")], b"users\n"
)


def sealed(content: bytes = b"content", params: Params = CURRENT, key: bytes = KEY) -> bytes:
    return seal(key, params, SALT, content)


def redone(data: bytes) -> bytes:
    """Whoever changes a file can make its digest anew."""
    return data[:-DIGEST_BYTES] + sha256(data[:-DIGEST_BYTES]).digest()


class FileTest(unittest.TestCase):
    def refused(self, data: bytes, key: bytes = KEY) -> type:
        try:
            unseal(pull_sealed(data), key)
        except errors.BackupError as error:
            self.assertTrue(str(error) and error.remedy)
            return type(error)
        raise AssertionError("it was taken")

    def test_what_goes_in_comes_out(self) -> None:
        for content in (b"", b"x", bytes(range(256)) * 20):
            found = pull_sealed(sealed(content))
            self.assertEqual((found.params, found.salt), (CURRENT, SALT))
            self.assertEqual(unseal(found, KEY), content)
            self.assertFalse(content and content[:20] in sealed(content))

    def test_a_wrong_passphrase_is_no_damage(self) -> None:
        self.assertEqual(self.refused(sealed(), KEY[:63] + b"x"), errors.WrongPassphraseError)
        self.assertEqual(self.refused(sealed(), b"x" + KEY[1:32] + bytes(32)), errors.WrongPassphraseError)

    def test_a_cut_file(self) -> None:
        data = sealed()
        for size in range(1, len(data)):
            self.assertEqual(self.refused(data[:size]), errors.TruncatedError, size)
        self.assertEqual(self.refused(b""), errors.NoBackupError)

    def test_a_damaged_one(self) -> None:
        data = sealed()
        for at in range(len(data)):
            broken = bytearray(data)
            broken[at] ^= 1
            found = self.refused(bytes(broken))
            where = errors.NoBackupError if at < 8 else errors.NewerError if at < 9 else errors.DamagedError
            allowed = (where, errors.TruncatedError) if 36 <= at < 40 else (where,)  # the length
            self.assertTrue(found in allowed, (at, found))
        self.assertEqual(self.refused(data + b"\n"), errors.DamagedError)

    def test_one_that_somebody_has_altered(self) -> None:
        """With a digest made anew: not one bit is taken on trust."""
        data = sealed(b"option enabled '1'")
        for at in range(10, len(data) - DIGEST_BYTES):
            broken = bytearray(data)
            broken[at] ^= 0x10
            found = self.refused(redone(bytes(broken)))
            if at < 12:
                self.assertEqual(found, errors.NewerError)
            elif at >= HEADER:
                self.assertEqual(found, errors.AlteredError, at)
            else:
                self.assertFalse(found in (errors.AlteredError, errors.NoBackupError), (at, found))

    def test_a_newer_one(self) -> None:
        data = bytearray(sealed())
        data[9] = VERSION + 1
        self.assertEqual(self.refused(bytes(data)), errors.NewerError)
        self.assertEqual(self.refused(bytes(data[:12])), errors.NewerError)  # whatever follows, nobody here reads it
        self.assertEqual(self.refused(b"GIF89a" + bytes(200)), errors.NoBackupError)

    def test_what_it_may_ask_of_scrypt(self) -> None:
        self.assertTrue(is_bounded(CURRENT))
        self.assertTrue(is_bounded(Params(1 << 15, 8, 3)))
        for n, r, p in ((1 << 16, 8, 1), (1 << 14, 8, 40), (0, 8, 1), (12345, 8, 1), (1 << 14, 0, 1), (1 << 14, 8, 0),
                        (1 << 31, 8, 1), (1 << 10, 65535, 1), (1 << 10, 1, 65535)):  # fmt: skip
            params = Params(n, r, p)
            self.assertFalse(is_bounded(params), params)
            self.assertEqual(self.refused(sealed(params=params)), errors.HostileError)

    def test_the_largest(self) -> None:
        with self.assertRaises(errors.TooLargeError):
            sealed(bytes(MOST_CONTENT + 1))
        head = bytearray(sealed()[:HEADER])
        head[36:40] = (1 << 31).to_bytes(4, "big")
        self.assertEqual(self.refused(bytes(head)), errors.DamagedError)
        self.assertTrue(4 * LONGEST // 3 < 245_000)  # what edge/calls.py takes

    def test_passphrases(self) -> None:
        self.assertEqual(check_passphrase("fluffy kitten 9!"), b"fluffy kitten 9!")
        for weak in ("short", "password1234", "isthmusisthmus", "x" * 600):
            with self.assertRaises(errors.WeakPassphraseError) as caught:
                check_passphrase(weak)
            self.assertFalse(weak in str(caught.exception))


class ArchiveTest(unittest.TestCase):
    def test_what_goes_in_comes_out(self) -> None:
        for users in (None, b"", b"users\n"):
            one = Archive(ARCHIVE.site, ARCHIVE.made_s, ARCHIVE.version, ARCHIVE.config, ARCHIVE.keys, users)
            found = pull_archive(push_archive(one))
            self.assertEqual((found.site, found.made_s, found.version, found.config, found.keys, found.users),
                             (one.site, one.made_s, one.version, one.config, one.keys, users))  # fmt: skip
            self.assertEqual(found.key("branch"), b"\x00key")
            self.assertEqual(found.key("other"), None)
            self.assertFalse("key" in repr(found).replace("keys", ""))

    def test_a_number_is_written_in_one_way(self) -> None:
        good = push_archive(Archive("s", 70, "v", b"", [], None))
        self.assertEqual(pull_archive(good).made_s, 70)
        for other in (b"07", b"+7", b"-7", b" 7", b"7_"):
            with self.assertRaises(errors.ContentError):
                pull_archive(good.replace(b"70", other))

    def test_names_lead_nowhere_else(self) -> None:
        for name in ("site.id", "branch", "branch.ppk", "branch.cookie", "branch.control", "branch.next", "a_1"):
            self.assertTrue(is_key_name(name), name)
        bad = ("", ".", "..", "../users", "a/b", "/etc/passwd", "branch.open", "undo.open", "undo.kept", "x.ppk.ppk",
               ".ppk", "a b", "x" * 80, "branch.ppk\n", "changed.isthmus", "a\x00", "site.id.ppk")  # fmt: skip
        for name in bad:
            self.assertFalse(is_key_name(name), name)
            with self.assertRaises(errors.ContentError):
                pull_archive(push_archive(Archive("s", 1, "v", b"", [(name, b"")], None)))

    def test_what_is_not_as_written(self) -> None:
        good = push_archive(ARCHIVE)
        for broken in (b"", good[:-1], good + b"\x04", good + good, good + b"\x01\x00\x00\x00\x00\x00\x00"):
            with self.assertRaises(errors.ContentError):
                pull_archive(broken)
        with self.assertRaises(errors.ContentError):
            pull_archive(push_archive(Archive("s", 1, "v", b"", [("a", b""), ("a", b"")], None)))
        many = [("k%d" % number, b"") for number in range(MOST_KEYS + 1)]  # a minute's work to hold against each other
        self.assertEqual(len(pull_archive(push_archive(Archive("s", 1, "v", b"", many[1:], None))).keys), MOST_KEYS)
        with self.assertRaises(errors.ContentError):
            pull_archive(push_archive(Archive("s", 1, "v", b"", many, None)))
        with self.assertRaises(errors.NewerError):
            pull_archive(good + b"\x63\x00\x00\x00\x00\x00\x00")

    def test_days(self) -> None:
        for seconds, day in ((0, "1970-01-01"), (951_782_399, "2000-02-28"), (951_782_400, "2000-02-29"),
                             (1_767_225_599, "2025-12-31"), (1_795_392_000, "2026-11-23"),
                             (4_107_542_400, "2100-03-01")):  # fmt: skip
            self.assertEqual(day_of(seconds), day)


if __name__ == "__main__":
    unittest.main()
