"""A backup's file under anything. Invariants: a file is opened as it was written or refused with a reason of ours;
nothing that was changed after it was written is taken; what it may ask of scrypt is bounded; no name leads out of the
folder of keys.
"""

from __future__ import annotations

import random
import unittest

from isthmus.backup.archive import KINDS, Archive, is_key_name, pull_archive, push_archive
from isthmus.backup.errors import BackupError, ContentError, NewerError
from isthmus.backup.file import DIGEST_BYTES, MOST_MEMORY, MOST_WORK, is_bounded, pull_sealed, seal, unseal
from isthmus.hashes import sha256
from isthmus.users.book import CURRENT
from tests.counts import cases

SEED = 20261123
KEY = bytes(range(64))
NAMES = ("branch", "branch.ppk", "depot.next", "site.id", "../users", "a/b", "undo.open", "", "x" * 70, "\u00e4")
PIECES = (b"ISTHMUSB", b"\x00\x01\x01\x01", b"\xff" * 4, b"\x00" * 16, b"\x00\x00\x40\x00", b"config tunnel 'a'\n")


def mutate(rng: random.Random, data: bytes) -> bytes:
    found = bytearray(data)
    for _ in range(1 + rng.randrange(3)):
        at = rng.randrange(len(found) + 1)
        kind = rng.randrange(4)
        if kind == 0:
            found[at:at] = rng.choice(PIECES)
        elif kind == 1:
            del found[at : at + rng.randrange(1, 40)]
        elif kind == 2 and at < len(found):
            found[at] = rng.randrange(256)
        else:
            found[at:at] = found[rng.randrange(len(found) + 1) :][:60]
    return bytes(found)


def some_archive(rng: random.Random) -> Archive:
    keys = [(name, rng.randbytes(rng.randrange(70))) for name in rng.sample(NAMES[:4], rng.randrange(5))]
    users = rng.choice((None, b"", b"isthmus-users 1\n"))
    return Archive("head", rng.randrange(1 << 32), "1", rng.choice(PIECES) * rng.randrange(4), keys, users)


class Files(unittest.TestCase):
    def test_mutated(self) -> None:
        rng = random.Random(SEED)
        opened, reasons = 0, set()
        for _ in range(cases(4_000, 100_000)):
            content = push_archive(some_archive(rng))
            whole = seal(KEY, CURRENT, rng.randbytes(16), content)
            data = mutate(rng, whole)
            if rng.random() < 0.7:  # whoever changes a file can make its digest anew, and knows nothing else
                data = data[:-DIGEST_BYTES] + sha256(data[:-DIGEST_BYTES]).digest()
            try:
                sealed = pull_sealed(data)
                self.assertTrue(is_bounded(sealed.params))
                blocks = sealed.params.n * sealed.params.r
                self.assertTrue(128 * blocks <= MOST_MEMORY and blocks * sealed.params.p <= MOST_WORK)
                self.assertEqual(unseal(sealed, KEY), content)
            except BackupError as error:
                reasons.add(error.code)
                self.assertTrue(str(error) and error.remedy and len(str(error)) < 200)
                continue
            opened += 1
            self.assertEqual(data, whole, "it was changed, and is opened all the same")
        self.assertTrue({"backup-truncated", "backup-damaged", "backup-altered", "backup-passphrase", "backup-hostile",
                         "backup-newer", "no-backup"} <= reasons, reasons)  # fmt: skip
        self.assertTrue(opened < cases(4_000, 100_000) // 10)

    def test_random(self) -> None:
        rng = random.Random(SEED)
        for _ in range(cases(3_000, 100_000)):
            data = b"".join([rng.choice(PIECES) for _ in range(rng.randrange(30))])
            with self.assertRaises(BackupError):
                pull_sealed(data)


class Contents(unittest.TestCase):
    """Whoever knows a passphrase can put anything into a backup."""

    def test_mutated(self) -> None:
        rng = random.Random(SEED)
        read = 0
        for _ in range(cases(5_000, 100_000)):
            data = mutate(rng, push_archive(some_archive(rng)))
            try:
                found = pull_archive(data)
            except (ContentError, NewerError):
                continue
            read += 1
            self.assertEqual(sorted(push_archive(found)), sorted(data), "something was read that is not there")
            self.assertTrue(all(is_key_name(name) for name, _ in found.keys))
        self.assertTrue(read > 100)

    def test_made_up(self) -> None:
        rng = random.Random(SEED)
        read = 0
        for _ in range(cases(5_000, 100_000)):
            keys = [(rng.choice(NAMES), b"k" * rng.randrange(5000)) for _ in range(rng.randrange(4))]
            data = push_archive(Archive("s", rng.randrange(100), "", b"", keys, None))
            rows = b"".join([bytes([rng.choice(KINDS), 0, 0, 0, 0, 0, 1]) + b"7" for _ in range(rng.randrange(2))])
            try:
                found = pull_archive(rows + data)
            except ContentError:
                continue
            read += 1
            self.assertEqual(len({name for name, _ in found.keys}), len(keys))
            for name, content in found.keys:
                self.assertTrue("/" not in name and not name.startswith(".") and "open" not in name)
                self.assertTrue(len(content) <= 4096)
        self.assertTrue(read > 100)


if __name__ == "__main__":
    unittest.main()
