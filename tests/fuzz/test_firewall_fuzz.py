"""The firewall's file is not ours: whatever stands in it, reading it raises nothing, and takes no time to speak of."""

from __future__ import annotations

import random
import time
import unittest

from isthmus.config.lexer import MAX_BYTES
from isthmus.policy.forwards import LAST_PORT, MAX_FORWARDS, parse_firewall
from tests.counts import cases

SAMPLE = b"""
config defaults
	option flow_offloading '1'
config zone
	option name 'wan'
	list network 'wan'
	option masq '1'
config redirect 'nas'
	option name 'VPN of the NAS'
	option target 'DNAT'
	option src 'wan'
	option dest_ip '192.168.10.5'
	list proto 'udp'
	option src_dport '500-4500'
	option src_ip '!198.51.100.0/24'
	option src_dip '203.0.113.1'
"""
TOKENS = [
    b"'", b'"', b"\\", b";", b"\n", b"\x00", b"\xff", b"config redirect\n", b" option proto ", b"all", b"esp", b"-1",
    b" list proto 'tcp udp'\n", b" option src_dport ", b"500", b":", b"99999999", b"-", b" option src_ip ", b"::/0",
    b"!", b"10.0.0.0/33", b" option enabled 'no'\n", b" option src_dip ", b"*", b"fe80::1%lo",
    b" option target 'SNAT'\n", b"a" * 300,
]  # fmt: skip


class FirewallFuzz(unittest.TestCase):
    def read(self, data: bytes) -> None:
        begun = time.monotonic()
        firewall = parse_firewall(data)
        self.assertLess(time.monotonic() - begun, 5.0)
        self.assertLessEqual(len(firewall.forwards), MAX_FORWARDS)
        for forward in firewall.forwards:
            self.assertTrue(0 <= forward.low <= forward.high <= LAST_PORT, forward.__dict__)
            self.assertTrue(all(0 <= number <= 99999 for number in forward.protocols))
            self.assertIn(forward.takes(17, 500), (True, False))
            self.assertIn(forward.is_for(b"\xc6\x33\x64\x02"), (True, False))

    def test_mutations(self) -> None:
        self.assertEqual(len(parse_firewall(SAMPLE).forwards), 1)
        for seed in range(cases(500, 20_000)):
            chance = random.Random(seed)
            data = bytearray(SAMPLE)
            for _ in range(chance.randrange(1, 6)):
                at = chance.randrange(len(data) + 1)
                data[at : at + chance.randrange(12)] = chance.choice(TOKENS)
            with self.subTest(seed=seed):
                self.read(bytes(data))

    def test_large_files(self) -> None:
        for piece in (b"config redirect\n", b"config redirect\n list src_ip '1.2.3.4'\n", b" list src_ip '1.2.3.4'\n"):
            self.read((b"config redirect\n" + piece * (MAX_BYTES // len(piece)))[:MAX_BYTES])


if __name__ == "__main__":
    unittest.main()
