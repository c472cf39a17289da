"""No file makes the configuration reader raise anything but UciError, take long, take much memory or show a key."""

import random
import tracemalloc
import unittest
from pathlib import Path

from isthmus.config import uci
from isthmus.config.lexer import MAX_BYTES
from isthmus.config.model import load
from tests.counts import cases, full

SAMPLES = [path.read_bytes() for path in sorted((Path(__file__).parents[1] / "golden" / "config").glob("*.uci"))]
KEY = b"S3cretK3yMaterial"

# What is worth putting in: everything that has a meaning somewhere.
TOKENS = [
    b"'", b'"', b"\\", b";", b"#", b"\n", b"\r\n", b" ", b"\t", b"\x0b", b"\x00", b"\xff", b"\xc3\xa4", b"\\\n",
    b"''", b"config ", b"option ", b"list ", b"package ", b"tunnel ", b"globals", b"remote ", b"psk ",
    b"remote_subnet ", b"local_subnet ",
    b"session static", b"tunnel_id ", b"cookie ", b"address ", b"peer_",
    b"ifname ", b"local_id ", b"mtu ", b"lifetime ", b"ike_proposal ",
    b"0.0.0.0/0", b"::/0", b"10.0.0.0/8", b"%any", b"@#", b"keyid:", b"99999999999999999999", b"-1", b"aes256-",
    b"config forced 'r'\n", b"config exception 'e'\n", b"config passthrough ", b"config alias ", b"list from ", b"via ",
    b"list to ", b"port ", b"tcp:443", b"udp:5-", b"until ", b"2026-02-30 12:00", b"192.168.10.5@aa:bb:cc:dd:ee:ff",
    b"aa:bb:cc:dd:ee:ff", b"br-lan", b"router_port ", b"dns ", b"as ", b"name a=", b"option side remote\n",
    b"fe80::1%eth0", b"ms", b"=", b"a" * 300, KEY,
]  # fmt: skip

# Files of the largest size, each to make one loop work hard.
HARD = {
    "one bare word": b"a" * MAX_BYTES,
    "a quote that never closes": b"config t\noption a '" + b"x\n" * (MAX_BYTES // 2 - 20),
    "double quotes": b'config t\noption a "' + b"x\n" * (MAX_BYTES // 2 - 20),
    "escapes": b"config t\noption a " + b"\\x" * (MAX_BYTES // 2 - 20),
    "joined lines": b"config t\noption a " + b"\\\n" * (MAX_BYTES // 2 - 20),
    "joined lines in quotes": b'config t\noption a "' + b"\\\n" * (MAX_BYTES // 2 - 20),
    "pieces": b"config t\noption a " + b"''" * (MAX_BYTES // 2 - 20),
    "semicolons": b";" * MAX_BYTES,
    "blanks": b" " * MAX_BYTES,
    "empty lines": b"\n" * MAX_BYTES,
    "comments": b"#\n" * (MAX_BYTES // 2),
    "sections": b"config tunnel\n" * (MAX_BYTES // 14),
    "named sections": b"".join(b"c tunnel a%d\n" % i for i in range(15_000)),
    "options of one section": b"c tunnel a\n" + b"".join(b"o a%d b\n" % i for i in range(20_000)),
    "an option over and over": b"c tunnel a\n" + b"o mtu 1400\n" * 20_000,
    "set and removed": b"c tunnel a\n" + b"o a b\no a ''\n" * 15_000,
    "list items": b"c tunnel a\n" + b"l remote_subnet 10.0.0.0/8\n" * 9000,
    "long name": b"c tunnel " + b"a" * (MAX_BYTES - 10),
    "long option": b"c tunnel a\no " + b"a" * (MAX_BYTES - 20) + b" b",
    "long value": b"c tunnel a\no remote " + b"a." * (MAX_BYTES // 2 - 20),
    "long prefix": b"c tunnel a\nl remote_subnet " + b"1:" * (MAX_BYTES // 2 - 30),
    "long number": b"c tunnel a\no mtu " + b"9" * (MAX_BYTES - 30),
    "long proposal": b"c tunnel a\nl ike_proposal " + b"aes256-" * (MAX_BYTES // 7 - 10),
    "sources in one line": b"c forced a\no from '" + b"10.0.0.1 " * (MAX_BYTES // 9 - 10) + b"'",
    "rules of many hosts": b"".join(
        b"c forced r%d\no via v%d\no from '%s'\n"
        % (rule, rule % 2, b" ".join(b"10.%d.%d.%d/%d" % (rule // 64, host, 0, 24 + host % 8) for host in range(64)))
        for rule in range(64)
    ),
    "rules of the same host": b"c tunnel v0\no remote a\no psk 0123456789abcdef\nc tunnel v1\no remote b\n"
    + b"".join(
        b"c forced r%d\no via v%d\no from '02:00:00:00:00:01 10.0.0.0/8 br-x'\n" % (at, at % 2) for at in range(250)
    ),
    "rules of nested networks": b"c tunnel v0\no remote a\no psk 0123456789abcdef\nc tunnel v1\no remote b\n"
    + b"".join(
        b"c forced r%d\no via v%d\no to 10.%d.0.0/16\no from '%s'\n"
        % (at, at % 2, at % 200, b" ".join(b"10.0.0.0/%d" % length for length in range(8, 24)))
        for at in range(250)
    ),
    "exceptions of every rule": b"c tunnel v0\no remote a\no psk 0123456789abcdef\n"
    + b"".join(b"c forced r%d\no via v0\no from br-%d\n" % (at, at) for at in range(60))
    + b"".join(
        b"c exception e%d\no to '10.%d.0.0/16 9.%d.0.0/16'\no rule '%s'\n"
        % (at, at, at, b" ".join(b"r%d" % rule for rule in range(60)))
        for at in range(200)
    ),
    "aliases": b"c tunnel v0\no remote a\no psk 0123456789abcdef\n"
    + b"".join(b"c alias a%d\no tunnel v0\no subnet 10.0.%d.0/24\no as 10.0.0.0/24\n" % (at, at) for at in range(250)),
    "overlapping tunnels": b"".join(
        b"c tunnel t%d\no remote a%d\no psk 0123456789abcdef\no local_subnet '%s'\no remote_subnet '%s'\n"
        % (at, at, *[b" ".join(b"10.%d.%d.0/24" % (at % 3, net) for net in range(60))] * 2)
        for at in range(60)
    ),
    "many values in one option": b"c tunnel a\no remote_subnet '" + b"10.0.0.0/8 " * (MAX_BYTES // 11 - 10) + b"'",
}

MEMORY = 40 * 1024 * 1024


def mutate(rng):
    """A sample with a few places cut, doubled, replaced or filled in."""
    data = bytearray(rng.choice(SAMPLES))
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        place = rng.randrange(len(data) + 1)
        how = rng.randrange(5)
        if how == 0:
            del data[place : place + rng.choice((1, 1, 2, 10, 100))]
        elif how == 1:
            data[place:place] = rng.choice(TOKENS)
        elif how == 2:
            data[place : place + 1] = bytes([rng.randrange(256)])
        elif how == 3:
            data[place:place] = data[place : place + rng.randrange(60)]
        else:
            del data[place:]
    return bytes(data)


def read(data, key_file):
    """parse() and load() of these bytes: (package or None, Loaded)."""

    def read_file(path):
        if path == "test":
            return data
        if key_file is None:
            raise OSError(2, "no such file")
        return key_file

    try:
        package = uci.parse(data, "test")
    except uci.UciError:
        package = None
    return package, load("test", read_file)


class UciFuzzTest(unittest.TestCase):
    def check(self, data, key_file=None):
        package, loaded = read(data, key_file)
        self.assertEqual(loaded.config is None, bool(loaded.errors))
        if package is None:
            # What libuci would not read is not in force.
            self.assertIsNone(loaded.config)
        self.assertLessEqual(len(loaded.errors), uci.MAX_ERRORS)
        for entry in loaded.errors + loaded.warnings:
            text = str(entry)
            self.assertTrue(entry.remedy, text)
            self.assertLess(len(text), 1200)
            self.assertEqual(len(text.splitlines()), 1, text)
            self.assertLessEqual(entry.line, data.count(b"\n") + 1)
        return loaded

    def test_truncated_everywhere(self):
        good = 0
        for sample in SAMPLES:
            for length in range(len(sample)):
                good += self.check(sample[:length]).config is not None
        self.assertGreater(good, 10)

    def test_every_byte_changed(self):
        for sample in SAMPLES:
            for place in range(len(sample)):
                others = (0, 0x0A, 0x22, 0x27, 0x3B, 0x5C, 0xFF, sample[place] ^ 1)
                for i in range(cases(1, len(others))):
                    byte = others[(place + i) % len(others)]
                    self.check(sample[:place] + bytes([byte]) + sample[place + 1 :])

    def test_mutations(self):
        outcomes = {True: 0, False: 0}
        for seed in range(cases(2000, 200_000)):
            rng = random.Random(seed)
            data = mutate(rng)
            key_file = rng.choice((None, b"", b"x" * 20, mutate(rng)[:100]))
            try:
                outcomes[self.check(data, key_file).config is not None] += 1
            except AssertionError:
                raise
            except Exception as error:
                raise AssertionError("seed %d: %r escapes" % (seed, error)) from error
        self.assertGreater(min(outcomes.values()), 20, outcomes)

    def test_no_mutation_shows_a_key(self):
        """The key of a mistyped file, wherever a lost quote has put it, is in no message."""
        sample = SAMPLES[-1].replace(b"Zm9vYmFyYmF6cXV4Zm9v", KEY)
        lines = sample.splitlines(keepends=True)
        for seed in range(cases(1000, 100_000)):
            rng = random.Random(seed)
            data = bytearray(sample)
            for _ in range(rng.choice((1, 2))):
                # a forgotten or doubled quote, the commonest mistake
                places = [i for i in range(len(data)) if data[i] == 0x27]
                place = rng.choice(places)
                data[place : place + 1] = rng.choice((b"", b"''", b'"', b"'\n", b"\\'"))
            loaded = load("test", lambda _path, data=data: bytes(data))
            for entry in loaded.errors + loaded.warnings:
                self.assertNotIn(KEY.decode(), str(entry) + repr(entry.__dict__), bytes(data))
        self.assertGreater(len(lines), 3)

    def test_hard_files_end(self):
        """Each of these takes a fraction of a second; work that grows with the square would not end."""
        for name, data in HARD.items():
            with self.subTest(name):
                self.assertLessEqual(len(data), MAX_BYTES)
                self.check(data)

    def test_hard_files_stay_small(self):
        # Tracing makes everything slow: only the files that make many objects, or one of every kind in a full run.
        few = ("escapes", "pieces", "options of one section", "named sections", "many values in one option")
        for name in list(HARD) if full else few:
            with self.subTest(name):
                tracemalloc.start()
                try:
                    self.check(HARD[name])
                    self.assertLess(tracemalloc.get_traced_memory()[1], MEMORY)
                finally:
                    tracemalloc.stop()
