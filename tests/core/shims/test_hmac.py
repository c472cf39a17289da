"""hmac: RFC 4231's vectors, and what a caller may pass and must not pass."""

from __future__ import annotations

import hashlib
import hmac
import unittest

LONG_TEXT = (
    b"This is a test using a larger than block-size key and a larger than block-size data. "
    b"The key needs to be hashed before being used by the HMAC algorithm."
)

# RFC 4231 section 4, HMAC-SHA-256: key, data, code (test case 5 is truncated to 128 bits there).
RFC_4231 = (
    (
        b"\x0b" * 20,
        b"Hi There",
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    ),
    (
        b"Jefe",
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    (
        b"\xaa" * 20,
        b"\xdd" * 50,
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
    ),
    (
        bytes(range(1, 26)),
        b"\xcd" * 50,
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
    ),
    (
        b"\x0c" * 20,
        b"Test With Truncation",
        "a3b6167473100ee06e0c796c2955552b",
    ),
    (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        b"\xaa" * 131,
        LONG_TEXT,
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
)


class Vectors(unittest.TestCase):
    def test_rfc_4231(self):
        for number, (key, data, code) in enumerate(RFC_4231):
            with self.subTest(case=number + 1):
                half = len(code) // 2
                self.assertEqual(hmac.new(key, data, "sha256").digest()[:half].hex(), code)
                self.assertEqual(hmac.digest(key, data, "sha256")[:half].hex(), code)

    def test_in_parts(self):
        key, data, code = RFC_4231[6]
        parts = hmac.new(key, digestmod=hashlib.sha256)
        for position in range(0, len(data), 7):
            parts.update(data[position : position + 7])
        self.assertEqual(parts.hexdigest(), code)

    def test_key_of_one_block_is_used_as_it_is(self):
        # 64 bytes fill a block; a 65th makes the key its own hash (RFC 2104 section 2).
        long_key = b"k" * 65
        self.assertEqual(
            hmac.digest(long_key, b"m", "sha256"), hmac.digest(hashlib.sha256(long_key).digest(), b"m", "sha256")
        )
        self.assertNotEqual(
            hmac.digest(b"k" * 64, b"m", "sha256"), hmac.digest(hashlib.sha256(b"k" * 64).digest(), b"m", "sha256")
        )


class Use(unittest.TestCase):
    def test_digest_twice(self):
        code = hmac.new(b"key", b"data", "sha256")
        self.assertEqual(code.digest(), code.digest())

    def test_sizes_and_name(self):
        code = hmac.new(b"key", None, "sha256")
        self.assertEqual(code.block_size, 64)
        self.assertEqual(code.name, "hmac-sha256")

    def test_key_must_be_bytes(self):
        with self.assertRaises(TypeError):
            hmac.new("key", b"data", "sha256")

    def test_hash_must_be_named(self):
        with self.assertRaises(TypeError):
            hmac.new(b"key", b"data")
        with self.assertRaises(ValueError):
            hmac.new(b"key", b"data", "sha9000")


class Compare(unittest.TestCase):
    def test_equal(self):
        for a, b in ((b"", b""), (b"abc", bytearray(b"abc")), ("abc", "abc"), (memoryview(b"abc"), b"abc")):
            with self.subTest(a=a):
                self.assertTrue(hmac.compare_digest(a, b))

    def test_every_single_bit_counts(self):
        right = bytes(range(32))
        for position in range(len(right)):
            for bit in range(8):
                wrong = bytearray(right)
                wrong[position] ^= 1 << bit
                self.assertFalse(hmac.compare_digest(wrong, right))

    def test_lengths(self):
        for a, b in ((b"", b"x"), (b"x", b""), (b"abc", b"ab"), (b"ab", b"abc"), (b"abc", b"abcabc")):
            with self.subTest(a=a, b=b):
                self.assertFalse(hmac.compare_digest(a, b))

    def test_types(self):
        for a, b in ((b"a", "a"), ("a", b"a"), (1, 1), (None, b""), ("\u00e9", "\u00e9")):
            with self.subTest(a=a), self.assertRaises(TypeError):
                hmac.compare_digest(a, b)
