"""The shim for `cryptography` does what the library does, on made-up inputs of every length that IKE uses."""

from __future__ import annotations

import importlib
import sys
import unittest
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.counts import cases

SHIMS = str(Path(__file__).resolve().parents[2] / "firmware" / "shims")
MODULES = (
    "cryptography.exceptions",
    "cryptography.hazmat.primitives.asymmetric.x25519",
    "cryptography.hazmat.primitives.ciphers",
    "cryptography.hazmat.primitives.ciphers._ecb",
    "cryptography.hazmat.primitives.ciphers.aead",
    "cryptography.hazmat.primitives.ciphers.algorithms",
    "cryptography.hazmat.primitives.ciphers.modes",
    "cryptography.hazmat.primitives.constant_time",
    "cryptography.hazmat.primitives.hashes",
    "cryptography.hazmat.primitives.hmac",
)
EXAMPLES = cases(40, 1000)


def _ours():
    """The shim's modules by name, loaded beside the library without either noticing the other."""
    library = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "cryptography"}
    for name in library:
        del sys.modules[name]
    sys.path.insert(0, SHIMS)
    try:
        loaded = {name: importlib.import_module(name) for name in MODULES}
        for module in loaded.values():
            if not (module.__file__ or "").startswith(SHIMS):
                raise AssertionError(f"{module} is not the shim")
        return loaded
    finally:
        sys.path.remove(SHIMS)
        for name in [name for name in sys.modules if name.split(".")[0] == "cryptography"]:
            del sys.modules[name]
        sys.modules.update(library)


class Both:
    """The same module of the library and of the shim."""

    def __init__(self, last, shims):
        name = next(name for name in MODULES if name.endswith(last))
        self.library = importlib.import_module(name)
        self.shim = shims[name]

    def __iter__(self):
        return iter((self.library, self.shim))


keys = st.binary(min_size=16, max_size=16) | st.binary(min_size=32, max_size=32)


class Shim(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        importlib.import_module("cryptography.hazmat.primitives.ciphers.aead")
        shims = _ours()
        cls.x25519 = Both("x25519", shims)
        cls.aead = Both("aead", shims)
        cls.ciphers = Both("ciphers", shims)
        cls.algorithms = Both("algorithms", shims)
        cls.modes = Both("modes", shims)
        cls.hashes = Both("hashes", shims)
        cls.hmac = Both("hmac", shims)
        cls.equal = Both("constant_time", shims)
        cls.exceptions = Both("exceptions", shims)
        cls.ecb = shims["cryptography.hazmat.primitives.ciphers._ecb"]

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(st.binary(max_size=200), st.binary(max_size=300))
    def test_hmac_and_hash(self, key, data):
        macs, digests = [], []
        for hmac, hashes in zip(self.hmac, self.hashes, strict=True):
            mac = hmac.HMAC(bytearray(key), hashes.SHA256())
            mac.update(data)
            macs.append(mac.finalize())
            digest = hashes.Hash(hashes.SHA256())
            digest.update(data)
            digests.append(digest.finalize())
        self.assertEqual(macs[0], macs[1])
        self.assertEqual(digests[0], digests[1])

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(keys, st.binary(min_size=12, max_size=12), st.binary(max_size=200), st.binary(max_size=100))
    def test_gcm(self, key, nonce, data, aad):
        library, shim = (module.AESGCM(key) for module in self.aead)
        sealed = library.encrypt(nonce, data, aad)
        self.assertEqual(shim.encrypt(nonce, data, aad), sealed)
        self.assertEqual(shim.decrypt(nonce, sealed, aad), data)
        for wrong in (sealed[:-1], bytes([sealed[0] ^ 1]) + sealed[1:], sealed[:3]):
            for cipher, exceptions in ((library, self.exceptions.library), (shim, self.exceptions.shim)):
                with self.assertRaises(exceptions.InvalidTag):
                    cipher.decrypt(nonce, wrong, aad)

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(keys, st.binary(min_size=16, max_size=16), st.integers(0, 10), st.randoms(use_true_random=False))
    def test_cbc(self, key, iv, blocks, chance):
        data = chance.randbytes(16 * blocks)
        found = []
        for ciphers, algorithms, modes in zip(self.ciphers, self.algorithms, self.modes, strict=True):
            cipher = ciphers.Cipher(algorithms.AES(key), modes.CBC(iv))
            encryptor, decryptor = cipher.encryptor(), cipher.decryptor()
            sealed = encryptor.update(data) + encryptor.finalize()
            found.append(sealed)
            self.assertEqual(decryptor.update(sealed) + decryptor.finalize(), data)
        self.assertEqual(found[0], found[1])

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
    def test_x25519(self, ours, theirs):
        publics, secrets = [], []
        for module in self.x25519:
            private = module.X25519PrivateKey.from_private_bytes(ours)
            publics.append(private.public_key().public_bytes_raw())
            try:
                secrets.append(private.exchange(module.X25519PublicKey.from_public_bytes(theirs)))
            except ValueError:
                secrets.append(None)
        self.assertEqual(publics[0], publics[1])
        self.assertEqual(secrets[0], secrets[1])

    def test_x25519_of_small_order(self):
        p = 2**255 - 19
        for value in (0, 1, p - 1, p, p + 1):
            for module in self.x25519:
                private = module.X25519PrivateKey.from_private_bytes(bytes(range(32)))
                with self.assertRaises(ValueError):
                    private.exchange(module.X25519PublicKey.from_public_bytes(value.to_bytes(32, "little")))

    def test_wrong_lengths(self):
        for size in (0, 15, 17, 31, 33):
            for module in self.x25519:
                with self.assertRaises(ValueError):
                    module.X25519PrivateKey.from_private_bytes(bytes(size))
                with self.assertRaises(ValueError):
                    module.X25519PublicKey.from_public_bytes(bytes(size))
            for module in self.aead:
                with self.assertRaises(ValueError):
                    module.AESGCM(bytes(size))
            for module in self.algorithms:
                with self.assertRaises(ValueError):
                    module.AES(bytes(size))

    @given(st.binary(max_size=20), st.binary(max_size=20))
    def test_comparison(self, a, b):
        for module in self.equal:
            self.assertTrue(module.bytes_eq(a, a))
            self.assertEqual(module.bytes_eq(a, b), a == b)

    def test_python_s_own_aes_is_the_one_compared(self):
        # CPython has no cryptolib: the comparison above is of PythonEcb. MicroPython's core tests use both.
        self.assertIsInstance(self.ecb.make_ecb(bytes(16)), self.ecb.PythonEcb)
