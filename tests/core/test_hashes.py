"""HMAC before and after OpenSSL is loaded: the same codes, for keys shorter and longer than a block."""

from __future__ import annotations

import hmac
import unittest

from isthmus import hashes


class Hmac(unittest.TestCase):
    def setUp(self):
        self.before = list(hashes._fast)

    def tearDown(self):
        hashes._fast[:] = self.before

    def test_as_hmac_has_it(self):
        for hasty in (False, True):
            hashes._fast[:] = []
            if hasty:
                hashes.hasten()
            for name in hashes.NAMES:
                for size in (0, 1, 20, 63, 64, 65, 127, 128, 129, 200):
                    key, data = bytes(range(size)), b"what is said" * (size % 7)
                    for form in (bytes, bytearray):
                        found = hashes.digest(form(key), form(data), name)
                        self.assertEqual(found, hmac.digest(key, data, name), (name, size))

    def test_long_key(self):
        # RFC 4231 section 4.7, test case 6
        found = hashes._digest(b"\xaa" * 131, b"Test Using Larger Than Block-Size Key - Hash Key First", "sha256")
        self.assertEqual(found.hex(), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")

    def test_twice_in_a_hurry_is_once(self):
        hashes.hasten()
        hashes.hasten()
        self.assertTrue(len(hashes._fast) <= 1)


if __name__ == "__main__":
    unittest.main()
