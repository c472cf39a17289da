"""What the doctor reads is not ours: whatever stands in it, nothing is raised, and no key is shown that is one."""

from __future__ import annotations

import random
import unittest

from isthmus.doctor import bundle, hide, listing
from tests.core.test_doctor_texts import FILE, UDP
from tests.counts import cases

KEY = "x%Zq-kan4ryenvogel-0123456789"
TOKENS = (
    b"'", b'"', b"\\", b"\n", b"\x00", b"\xff", b" option ", b"\tlist ", b"config tunnel 'a'\n", b"config globals\n",
    b"#", b"remote", b"mtu ", b"ppk_id_", b" 'psk' ", b";", b"a" * 300, b"package x\n",
)  # fmt: skip


class Doctor(unittest.TestCase):
    def mutated(self, sample: bytes, seed: int) -> bytes:
        chance = random.Random(seed)
        data = bytearray(sample)
        for _ in range(chance.randrange(1, 6)):
            at = chance.randrange(len(data) + 1)
            data[at : at + chance.randrange(8)] = chance.choice(TOKENS)
        return bytes(data)

    def test_no_key_is_shown_of_a_file_that_is_spoiled(self) -> None:
        """Nor where quotes, ends of lines and names of options are lost; behind shown() stands the last look."""
        sample = FILE.replace("%(key)s", KEY).encode()
        hidden = 0
        for seed in range(cases(300, 20_000)):
            data = self.mutated(sample, seed)
            with self.subTest(seed=seed):
                text = bundle.bundle("t", [("file", "\n".join(hide.shown(data)))], hide.secrets_of(data))
                self.assertNotIn(KEY, text)
                hidden += text.count(hide.HIDDEN)
        self.assertGreater(hidden, 300)

    def test_lists_of_the_system(self) -> None:
        for seed in range(cases(300, 20_000)):
            text = self.mutated(UDP.encode(), seed).decode("utf-8", "replace")
            with self.subTest(seed=seed):
                for port, address, inode in listing.pull_sockets(text, "little"):
                    self.assertIn(len(address), (4, 16))
                    self.assertGreaterEqual(inode, 0)
                    self.assertGreaterEqual(port, 0)
                    listing.show_address(address)
                self.assertIn(listing.has_module("l2tp_eth", [text]), (True, False))
                hide.words_of(text.encode())


if __name__ == "__main__":
    unittest.main()
