"""The further algorithms against published vectors, and what their key exchanges must refuse.

The files in tests/vectors say where each vector comes from. What this interpreter's `cryptography` lacks is skipped.
"""

from __future__ import annotations

import unittest

from isthmus.crypto import dh, ecp
from isthmus.crypto.ciphers import AeadCipher, CbcHmacCipher, IntegrityError
from isthmus.crypto.library import AEADS, CHACHA20_POLY1305, HAVE_ECP
from isthmus.crypto.prf import HASHES, prf
from isthmus.proto.ike2.sealing import open_sk, read_plaintext, seal
from isthmus.wire import ike_numbers as num
from isthmus.wire.buffer import Reader
from isthmus.wire.ike import pull_header, pull_payloads
from isthmus.wire.ike_payloads import NotifyPayload
from tests.core.test_crypto_vectors import Fixed, cases_of, unhex

P256 = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
P384 = 2**384 - 2**128 - 2**96 + 2**32 - 1


class Hashes(unittest.TestCase):
    def test_hmac(self):
        for case in cases_of("hmac_sha2"):
            if case["hash"] in HASHES:
                self.assertEqual(prf(unhex(case["key"]), unhex(case["data"]), case["hash"]).hex(), case["mac"])

    def test_integrity_is_cut_to_half(self):
        # Sealing nothing but padding under a known key shows the cut; the vectors show where it must be.
        for case in cases_of("hmac_sha2_cut"):
            if case["hash"] not in HASHES:
                continue
            key = bytearray(unhex(case["key"]))
            whole = prf(key, unhex(case["data"]), case["hash"])
            self.assertEqual(whole[: len(whole) // 2].hex(), case["mac"])
            cipher = CbcHmacCipher(bytearray(16), key, Fixed(bytes(16)), case["hash"])
            sealed = cipher.seal(unhex(case["data"]), bytes(16))
            self.assertEqual(len(sealed), 16 + 16 + len(case["mac"]) // 2)
            self.assertEqual(
                sealed[32:], prf(key, unhex(case["data"]) + sealed[:32], case["hash"])[: len(case["mac"]) // 2]
            )


class ChaCha(unittest.TestCase):
    def setUp(self):
        if CHACHA20_POLY1305 not in AEADS:
            self.skipTest("no cryptography: ChaCha20-Poly1305 is not offered here")

    def test_vectors(self):
        for case in cases_of("chacha20_poly1305"):
            cipher = AeadCipher(CHACHA20_POLY1305, bytearray(unhex(case["key"])))
            sealed = unhex(case["iv"] + case["sealed"])
            self.assertEqual(cipher.open(unhex(case["aad"]), sealed), unhex(case["plaintext"]), case["where"])
            with self.assertRaises(IntegrityError):
                cipher.open(unhex(case["aad"]), sealed[:-1] + bytes([sealed[-1] ^ 1]))

    def test_whole_ike_message_of_rfc_7634(self):
        case = cases_of("chacha20_poly1305")[-1]
        datagram = unhex(case["aad"] + case["iv"] + case["sealed"])
        reader = Reader(datagram)
        header, first = pull_header(reader)
        self.assertEqual((header.exchange, header.message_id), (num.INFORMATIONAL, 9))
        sk = pull_payloads(reader, first)[0]
        cipher = AeadCipher(CHACHA20_POLY1305, bytearray(unhex(case["key"])))
        payloads = read_plaintext(sk, open_sk(cipher, datagram, sk))
        self.assertEqual(payloads, [NotifyPayload(16385, b"\x00\x00\x00\x0a")])
        cipher._count = int.from_bytes(unhex(case["iv"]), "big")
        self.assertEqual(seal(cipher, header, payloads), datagram)


class Curves(unittest.TestCase):
    def setUp(self):
        if not HAVE_ECP:
            self.skipTest("no cryptography: NIST curves are not offered here")

    def make(self, group, private):
        """A key pair with this private key: the random number that is reduced to it."""
        size, order = (32, ecp.P256_ORDER) if group == "ecp256" else (48, ecp.P384_ORDER)
        drawn = (int.from_bytes(private, "big") - 1) % (order - 1)
        return ecp.Ecp(size, Fixed(drawn.to_bytes(size + ecp.SPARE_BYTES, "big")))

    def test_vectors(self):
        for case in cases_of("ecp"):
            pair = self.make(case["group"], unhex(case["private"]))
            self.assertEqual(pair.public.hex(), case["public"], case["where"])
            self.assertEqual(pair.compute(unhex(case["peer"])).hex(), case["shared"], case["where"])

    def test_private_keys_are_from_1_to_order_less_1(self):
        for size, order in ((32, ecp.P256_ORDER), (48, ecp.P384_ORDER)):
            one = ecp.Ecp(size, Fixed(bytes(size + ecp.SPARE_BYTES)))
            last = ecp.Ecp(size, Fixed((order - 2).to_bytes(size + ecp.SPARE_BYTES, "big")))
            # 1 and order - 1 times the base point differ in the sign of y alone: so the order is the right one.
            self.assertEqual(one.public[:size], last.public[:size])
            self.assertNotEqual(one.public[size:], last.public[size:])
            again = ecp.Ecp(size, Fixed((order - 1).to_bytes(size + ecp.SPARE_BYTES, "big")))
            self.assertEqual(again.public, one.public)

    def test_what_is_no_point_of_the_curve_is_refused(self):
        for group, size, p in (("ecp256", 32, P256), ("ecp384", 48, P384)):
            pair = self.make(group, b"\x05")
            good = pair.public
            x, y = good[:size], good[size:]
            other = self.make("ecp384" if size == 32 else "ecp256", b"\x05").public
            for what, value in (
                ("zero", bytes(2 * size)),
                ("all ones", b"\xff" * (2 * size)),
                ("another y", x + (int.from_bytes(y, "big") ^ 1).to_bytes(size, "big")),
                ("another x", (int.from_bytes(x, "big") ^ 1).to_bytes(size, "big") + y),
                ("y of zero", x + bytes(size)),
                ("x of zero", bytes(size) + y),
                ("swapped", y + x),
                ("x beyond p", (p + 1).to_bytes(size, "big") + y),
                ("p itself", p.to_bytes(size, "big") + p.to_bytes(size, "big")),
                ("one", (1).to_bytes(size, "big") + (1).to_bytes(size, "big")),
                ("another curve's", (other + bytes(2 * size))[: 2 * size]),
            ):
                with self.assertRaises(dh.DhError) as caught:
                    pair.compute(value)
                self.assertTrue("no point of the curve" in str(caught.exception), what)
            # The same point with -y is one of the curve, and gives the same x.
            minus = x + (p - int.from_bytes(y, "big")).to_bytes(size, "big")
            self.assertEqual(pair.compute(minus), pair.compute(good))

    def test_other_encodings_are_refused(self):
        # RFC 5903 section 7 knows x | y alone: no prefix, no compressed point, no point at infinity, no SEC 1 hybrid.
        for group, size in (("ecp256", 32), ("ecp384", 48)):
            pair = self.make(group, b"\x07")
            good = pair.public
            for value in (b"", b"\x00", b"\x04" + good, b"\x02" + good[:size], b"\x06" + good, good[1:], good + b"x"):
                with self.assertRaises(dh.DhError) as caught:
                    pair.compute(value)
                self.assertTrue("it must have %d" % (2 * size) in str(caught.exception))


class Curve25519(unittest.TestCase):
    def test_every_encoding_of_small_order_is_refused(self):
        # Orders 1, 2, 4 and 8, canonical and not, with the top bit clear and set (RFC 7748 section 5 ignores it).
        p = 2**255 - 19
        order8 = (
            325606250916557431795983626356110631294008115727848805560023387167927233504,
            39382357235489614581723060781553021112529911719440698176882885853963445705823,
        )
        pair = dh.X25519(Fixed(bytes(range(32))))
        for value in (0, 1, p - 1, p, p + 1) + order8:
            for top in (0, 1 << 255):
                with self.assertRaises(dh.DhError):
                    pair.compute((value | top).to_bytes(32, "little"))

    def test_odd_but_good_values_are_taken(self):
        # On the twist, or not canonical: RFC 7748 wants them computed like any other.
        p = 2**255 - 19
        pair = dh.X25519(Fixed(bytes(range(32))))
        for value in (2, 3, p + 2, p + 18):
            self.assertEqual(
                pair.compute(value.to_bytes(32, "little")), pair.compute((value % p | 1 << 255).to_bytes(32, "little"))
            )
