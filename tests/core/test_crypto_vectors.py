"""Every algorithm against published vectors; the files in tests/vectors say where each comes from."""

from __future__ import annotations

import json
import unittest

from isthmus.crypto import dh, modp
from isthmus.crypto.ciphers import AeadCipher, CbcHmacCipher, IntegrityError
from isthmus.crypto.library import AESGCM
from isthmus.crypto.prf import HASHES, is_equal, prf, prf_plus, sha1, sha256, wipe
from isthmus.crypto.suites import CIPHERS, GROUPS, SuiteError, parse_ike_suite
from isthmus.proto.ike2.keys import compute_psk_auth, derive_child_keys, derive_ike_keys


def cases_of(name):
    with open("tests/vectors/" + name + ".json") as file:
        loaded = json.load(file)
    if not loaded["source"] or not loaded["cases"]:
        raise AssertionError(name)
    return loaded["cases"]


def unhex(text):
    return bytes.fromhex(text)


class Fixed:
    """rng(n) that gives these bytes once."""

    def __init__(self, data):
        self._data = data

    def __call__(self, count):
        taken, self._data = self._data[:count], self._data[count:]
        if len(taken) != count:
            raise AssertionError("asked for more than there is")
        return taken


class Vectors(unittest.TestCase):
    def test_hmac_sha256(self):
        for case in cases_of("hmac_sha256"):
            self.assertEqual(prf(unhex(case["key"]), unhex(case["data"])).hex(), case["mac"])

    def test_sha1(self):
        # RFC 3174 section 7.3, TEST1 and TEST2
        self.assertEqual(sha1(b"abc").hex(), "a9993e364706816aba3e25717850c26c9cd0d89d")
        text = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
        self.assertEqual(sha1(text).hex(), "84983e441c3bd26ebaae4aa1f95129e5e54670f1")

    def test_sha256(self):
        # FIPS 180-4's example, "abc".
        self.assertEqual(sha256(b"abc").hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")

    def test_prf_plus(self):
        for case in cases_of("prf_plus"):
            if case["hash"] in HASHES:
                out = prf_plus(unhex(case["key"]), unhex(case["seed"]), case["length"], case["hash"])
                self.assertEqual(out.hex(), case["out"])

    def test_prf_plus_ends_where_its_counter_ends(self):
        self.assertEqual(len(prf_plus(b"k", b"s", 255 * 32)), 255 * 32)
        with self.assertRaises(ValueError):
            prf_plus(b"k", b"s", 255 * 32 + 1)

    def test_skeyseed(self):
        for case in cases_of("ikev2_skeyseed"):
            if case["hash"] in HASHES:
                found = prf(unhex(case["nonces"]), unhex(case["g_ir"]), case["hash"])
                self.assertEqual(found.hex(), case["skeyseed"])

    def test_x25519(self):
        for case in cases_of("x25519"):
            pair = dh.X25519(Fixed(unhex(case["scalar"])))
            self.assertEqual(pair.compute(unhex(case["u"])).hex(), case["out"])

    def test_aes_gcm(self):
        for case in cases_of("aes_gcm"):
            iv = unhex(case["iv"])
            cipher = AeadCipher(AESGCM, bytearray(unhex(case["key"]) + iv[:4]))
            sealed = iv[4:] + unhex(case["ciphertext"]) + unhex(case["tag"])
            self.assertEqual(cipher.open(unhex(case["aad"]), sealed), unhex(case["plaintext"]))

    def test_aes_cbc(self):
        for case in cases_of("aes_cbc"):
            iv = unhex(case["iv"])
            cipher = CbcHmacCipher(bytearray(unhex(case["key"])), bytearray(b"m" * 32), Fixed(iv), "sha256")
            sealed = cipher.seal(b"aad", unhex(case["plaintext"]))
            self.assertEqual(sealed[:-16].hex(), case["iv"] + case["ciphertext"])
            self.assertEqual(sealed[-16:], prf(b"m" * 32, b"aad" + sealed[:-16])[:16])
            self.assertEqual(cipher.open(b"aad", sealed), unhex(case["plaintext"]))

    def test_key_schedule(self):
        for case in cases_of("ikev2_keys"):
            try:
                suite = parse_ike_suite(case["suite"])
            except SuiteError:  # not on this interpreter: test_crypto_suites says what may be missing
                continue
            nonce_i, nonce_r = unhex(case["nonce_i"]), unhex(case["nonce_r"])
            secret = bytearray(unhex(case["g_ir"]))
            keys = derive_ike_keys(
                suite, secret, nonce_i, nonce_r, unhex(case["spi_i"]), unhex(case["spi_r"])
            )
            self.assertFalse(any(secret), "the shared secret is overwritten")
            for name in ("d", "ai", "ar", "ei", "er", "pi", "pr"):
                self.assertEqual(bytes(getattr(keys, name)), unhex(case["sk_" + name]), name)
            from_i, from_r = derive_child_keys(suite.prf, suite.cipher, keys.d, nonce_i, nonce_r)
            found = [from_i.encryption, from_i.integrity, from_r.encryption, from_r.integrity]
            self.assertEqual([bytes(part) for part in found], [unhex(text) for text in case["child"]])
            auth = compute_psk_auth(
                suite.prf, unhex(case["psk"]), unhex(case["message"]), nonce_r, keys.pi, unhex(case["id_body"])
            )
            self.assertEqual(auth.hex(), case["auth_i"])


class Groups(unittest.TestCase):
    def test_both_sides_get_the_same_secret(self):
        for group in GROUPS:
            ours = group.make(Fixed(bytes(range(64))))
            theirs = group.make(Fixed(bytes(range(100, 164))))
            secret = ours.compute(theirs.public)
            self.assertEqual(secret, theirs.compute(ours.public))
            self.assertEqual(len(secret), len(ours.public) // (2 if group.name[:3] == "ecp" else 1))
            self.assertTrue(any(secret))

    def test_x25519_refuses_small_order_and_wrong_lengths(self):
        pair = dh.X25519(Fixed(bytes(range(32))))
        p = 2**255 - 19
        small = [0, 1, p - 1, p, p + 1]
        small.append(325606250916557431795983626356110631294008115727848805560023387167927233504)
        small.append(39382357235489614581723060781553021112529911719440698176882885853963445705823)
        for value in small:
            with self.assertRaises(dh.DhError):
                pair.compute(value.to_bytes(32, "little"))
        for length in (0, 31, 33):
            with self.assertRaises(dh.DhError):
                pair.compute(b"\x09" * length)

    def test_modp_refuses_what_is_out_of_range(self):
        for bits in (2048, 3072, 4096):
            pair = modp.Modp(bits, Fixed(b"\x5a" * 64))
            p, size = modp.PRIMES[bits][0], bits // 8
            for value in (0, 1, p - 1, p, p + 1, 2**bits - 1):
                with self.assertRaises(dh.DhError):
                    pair.compute(value.to_bytes(size, "big"))
            for data in (b"", b"\x02" * (size - 1), b"\x02" * (size + 1)):
                with self.assertRaises(dh.DhError):
                    pair.compute(data)
            self.assertEqual(len(pair.compute((2).to_bytes(size, "big"))), size)

    def test_modp_secret_keeps_its_leading_zeros(self):
        # g^(x) for the peer value 2 is our own public value: a fixed check that length does not follow the number.
        pair = modp.Modp(2048, Fixed(b"\x01" * 64))
        self.assertEqual(bytes(pair.compute((2).to_bytes(256, "big"))), pair.public)

    def test_modp_primes_are_rfc_3526_s(self):
        # RFC 3526 sections 3 to 5 define them: 2^2048 - 2^1984 - 1 + 2^64 * ([2^1918 pi] + 124476), and so on.
        for bits, added in ((2048, 124476), (3072, 1690314), (4096, 240904)):
            pi = multiply_pi(bits - 130)
            self.assertEqual(modp.PRIMES[bits][0], 2**bits - 2 ** (bits - 64) - 1 + 2**64 * (pi + added))


def multiply_pi(bits):
    """The integer part of 2^bits * pi, by Machin's formula with 64 bits to spare."""

    def arctan_of_inverse(number):
        term = (1 << (bits + 64)) // number
        total, divisor, sign = 0, 1, 1
        while term:
            total += sign * (term // divisor)
            term //= number * number
            divisor += 2
            sign = -sign
        return total

    return (16 * arctan_of_inverse(5) - 4 * arctan_of_inverse(239)) >> 64


class Ciphers(unittest.TestCase):
    def make(self, row):
        key, mac = bytearray(range(row.key_bytes)), bytearray(range(row.integ_key_bytes))
        return row.make_sk_cipher(key, mac, Fixed(bytes(1000)))

    def test_there_and_back(self):
        for row in CIPHERS:
            for blocks in (1, 2, 7):
                plaintext = bytes(16 * blocks)
                sealed = self.make(row).seal(b"aad", plaintext)
                cipher = self.make(row)
                self.assertEqual(len(sealed), len(plaintext) + cipher.overhead)
                self.assertEqual(cipher.open(b"aad", sealed), plaintext)

    def test_every_changed_bit_is_noticed(self):
        for row in CIPHERS:
            cipher = self.make(row)
            sealed = cipher.seal(b"aad", bytes(16))
            for at in range(len(sealed)):
                with self.assertRaises(IntegrityError):
                    cipher.open(b"aad", sealed[:at] + bytes([sealed[at] ^ 0x10]) + sealed[at + 1 :])
            for length in range(len(sealed)):
                with self.assertRaises(IntegrityError):
                    cipher.open(b"aad", sealed[:length])
            with self.assertRaises(IntegrityError):
                cipher.open(b"aae", sealed)

    def test_no_iv_twice(self):
        for row in CIPHERS:
            if row.is_aead:
                cipher = self.make(row)
                ivs = [cipher.seal(b"", b"x")[:8] for _ in range(300)]
                self.assertEqual(len(set(ivs)), 300)

    def test_cbc_takes_its_iv_from_the_random_source(self):
        cipher = CbcHmacCipher(bytearray(16), bytearray(32), Fixed(bytes(range(32))), "sha256")
        self.assertEqual(cipher.seal(b"", bytes(16))[:16], bytes(range(16)))
        self.assertEqual(cipher.seal(b"", bytes(16))[:16], bytes(range(16, 32)))

    def test_equal_and_wipe(self):
        self.assertTrue(is_equal(b"same", b"same"))
        for other in (b"sama", b"sam", b"samee", b""):
            self.assertFalse(is_equal(b"same", other))
        secret = bytearray(b"secret")
        wipe(secret)
        self.assertEqual(secret, bytearray(6))
