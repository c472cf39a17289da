"""scrypt as this interpreter has it: the vectors of its RFC, and the thread that it runs in."""

from __future__ import annotations

import os
import select
import threading
import unittest
from unittest import mock

from isthmus.edge import os_cpython_scrypt as scrypt
from isthmus.users.book import CURRENT

# RFC 7914 section 12: password, salt, N, r, p, the first and last bytes of 64
VECTORS = (
    (b"", b"", 16, 1, 1, "77d6576238657b203b19ca42c18a0497", "e8d3e0fb2e0d3628cf35e20c38d18906"),
    (b"password", b"NaCl", 1024, 8, 16, "fdbabe1c9d3472007856e7190d01e9fe", "c727afb94a83ee6d8360cbdfa2cc0640"),
    (
        b"pleaseletmein", b"SodiumChloride", 16384, 8, 1,
        "7023bdcb3afd7348461c06cd81fd38eb", "e61e85dc0d651e40dfcf017b45575887",
    ),
)  # fmt: skip


class Vectors(unittest.TestCase):
    def test_rfc_7914(self) -> None:
        for password, salt, n, r, p, first, last in VECTORS:
            found = scrypt.hash_password(password, salt, n, r, p, 64) or b""
            self.assertEqual((found[:16].hex(), found[-16:].hex(), len(found)), (first, last, 64))

    def test_what_cannot_be_had_is_none(self) -> None:
        self.assertIsNone(scrypt.hash_password(b"", b"", 1000, 8, 1, 32))
        with mock.patch.object(scrypt, "scrypt", side_effect=MemoryError):
            self.assertIsNone(scrypt.hash_password(b"", b"", 16, 1, 1, 32))


class Beside(unittest.TestCase):
    def setUp(self) -> None:
        self.hasher = scrypt.Hasher()
        self.addCleanup(self.hasher.close)

    def wait(self) -> list:
        self.assertTrue(select.select([self.hasher.fd()], [], [], 30)[0])
        return self.hasher.take()

    def test_one_after_the_other(self) -> None:
        for number in range(3):
            self.hasher.start(b"%d" % number, b"salt", CURRENT.n, CURRENT.r, CURRENT.p, 32)
            self.assertEqual(self.hasher.take(), [], "it waited for scrypt")
            found = self.wait()
            wanted = scrypt.hash_password(b"%d" % number, b"salt", CURRENT.n, CURRENT.r, CURRENT.p, 32)
            self.assertEqual(found, [wanted])
            self.assertEqual(self.hasher.take(), [])

    def test_only_its_thread_is_nice(self) -> None:
        before = os.getpriority(os.PRIO_PROCESS, 0)
        self.hasher.start(b"x", b"salt", 16, 1, 1, 32)
        self.wait()
        self.assertEqual(os.getpriority(os.PRIO_PROCESS, 0), before)

    def test_no_thread_to_be_had(self) -> None:
        with mock.patch.object(scrypt._thread, "start_new_thread", side_effect=RuntimeError):
            self.hasher.start(b"x", b"salt", 16, 1, 1, 32)
        self.assertEqual(self.wait(), [None])

    def test_a_mistake_in_it_ends_in_an_answer(self) -> None:
        self.addCleanup(setattr, threading, "excepthook", threading.excepthook)
        told = threading.Event()
        hook = mock.patch("sys.unraisablehook", side_effect=lambda _: told.set())
        with mock.patch.object(scrypt, "hash_password", side_effect=TypeError), hook:
            self.hasher.start(b"x", b"salt", 16, 1, 1, 32)
            self.assertEqual(self.wait(), [None])
            self.assertTrue(told.wait(30), "its thread ends after the answer, and says why there")


if __name__ == "__main__":
    unittest.main()
