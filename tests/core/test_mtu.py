"""The computed MTU against figures measured on a kernel (shared/reference/kernel.md and field.md 5.5)."""

from __future__ import annotations

import unittest

from isthmus.policy.mtu import inner_mtu, mss

GCM = (4, 8, 16)  # block, IV, ICV
CBC_SHA256 = (16, 16, 16)
CBC_SHA384 = (16, 16, 24)
CBC_SHA512 = (16, 16, 32)

# outer MTU, outer IPv6, cipher, cookie, in UDP -> largest inner packet
ROWS = (
    (1500, False, GCM, 8, False, 1420),
    (1500, False, GCM, 8, True, 1412),
    (1500, True, GCM, 8, False, 1400),
    (1500, False, GCM, 0, False, 1428),
    (1492, False, GCM, 0, False, 1420),
    (1500, False, CBC_SHA256, 8, False, 1412),
    # Not measured, but counted: block and check value of the further ciphers (ChaCha20-Poly1305 has those of GCM).
    (1500, False, CBC_SHA384, 8, False, 1396),
    (1500, False, CBC_SHA512, 8, False, 1396),
)


class MtuTest(unittest.TestCase):
    def test_measured_figures(self) -> None:
        for outer, ipv6, cipher, cookie, encapsulated, expected in ROWS:
            found = inner_mtu(outer, ipv6, cipher[0], cipher[1], cipher[2], cookie, encapsulated)
            self.assertEqual(found, expected, (outer, ipv6, cipher, cookie, encapsulated))

    def test_with_the_default_sublayer(self) -> None:
        for cookie, encapsulated, expected in ((8, False, 1416), (8, True, 1408), (0, False, 1424)):
            found = inner_mtu(1500, False, GCM[0], GCM[1], GCM[2], cookie, encapsulated, True)
            self.assertEqual(found, expected, (cookie, encapsulated))

    def test_one_byte_more_would_not_fit(self) -> None:
        """Build the packet back up: the MTU fits the outer one, a byte more does not."""
        for outer in range(1300, 1600):
            for block, iv, icv in (GCM, CBC_SHA256, CBC_SHA384, CBC_SHA512):
                mtu = inner_mtu(outer, False, block, iv, icv, 8)
                sizes = []
                for inner in (mtu, mtu + 1):
                    secret = inner + 14 + 8 + 4 + 2
                    secret += -secret % max(4, block)
                    sizes.append(20 + 8 + iv + secret + icv)
                self.assertTrue(sizes[0] <= outer < sizes[1], (outer, block, sizes))

    def test_segment_size(self) -> None:
        self.assertEqual(mss(1420, False), 1380)
        self.assertEqual(mss(1420, True), 1360)
