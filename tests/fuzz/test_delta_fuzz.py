"""No file of staged changes raises anything but UciError, shows a key, or makes a text that reads otherwise."""

import random
import unittest

from isthmus.config import uci
from isthmus.config.delta import format_delta, parse_deltas
from isthmus.config.edit import Document, EditError
from isthmus.config.lexer import MAX_BYTES, UciError
from isthmus.config.writer import meaning, render
from tests.counts import cases
from tests.fuzz.test_uci_fuzz import SAMPLES

KEY = b"S3cretK3yMaterial"
TOKENS = [
    b"isthmus.", b"isthmus.branch", b".remote", b".psk='" + KEY + b"'", b"='", b"'", b'"', b"\\", b"\n", b"\r\n", b"#",
    b";", b" ", b"=", b".", b"+", b"-", b"@", b"^", b"|", b"~", b"\x00", b"\xff", b"cfg01", b"@tunnel[0]",
    b"='tunnel'", b"'\\''",
    b"\nisthmus.branch.mtu='1400'\n", b"\n-isthmus.branch\n", b"\n^isthmus.branch='0'\n", b"a" * 300, b"999999999999",
]  # fmt: skip
START = (
    b"isthmus.branch.mtu='1400'\n+isthmus.cfg02aaaa='tunnel'\nisthmus.cfg02aaaa.remote='x'\n|isthmus.branch.remote='b'\n"
    b"~isthmus.branch.remote='b'\n@isthmus.cfg02aaaa='shop'\n^isthmus.shop='0'\n-isthmus.branch.mtu\n-isthmus.branch\n"
    b"isthmus.branch='tunnel'\nisthmus.branch.psk='" + KEY + b"'\nisthmus.branch.remote='it'\\''s\n\ttwo lines'\n"
)


def mutate(rng):
    data = bytearray(START)
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        place = rng.randrange(len(data) + 1)
        how = rng.randrange(4)
        if how == 0:
            del data[place : place + rng.choice((1, 1, 2, 10, 60))]
        elif how == 1:
            data[place:place] = rng.choice(TOKENS)
        elif how == 2:
            data[place : place + 1] = bytes([rng.randrange(256)])
        else:
            data[place:place] = data[place : place + rng.randrange(60)]
    return bytes(data)


class DeltaFuzzTest(unittest.TestCase):
    def check(self, data, text):
        """How many changes were made of how many that were read."""
        deltas, broken = parse_deltas(data, "test")
        self.assertEqual(len(set(broken)), len(broken))
        for line in broken + [delta.line for delta in deltas]:
            self.assertLessEqual(line, data.count(b"\n") + 1)
        again = parse_deltas(b"".join([format_delta(delta) for delta in deltas]), "test")
        self.assertEqual(again[1], [])
        self.assertEqual([d.__dict__ | {"line": 0} for d in again[0]], [d.__dict__ | {"line": 0} for d in deltas])
        document = Document(text, "test")
        made = 0
        for delta in deltas:
            try:
                document.apply(delta)
                made += 1
            except EditError as error:
                self.assertNotIn(KEY.decode(), str(error) + error.remedy + repr(delta))
        out = render(document)
        self.assertEqual(meaning(uci.parse(out, "out")), meaning(document.package))
        return made, len(deltas)

    def texts(self):
        texts = []
        for sample in SAMPLES:
            try:
                uci.parse(sample, "sample")
            except UciError:
                continue
            texts.append(sample)
        return texts

    def test_truncated_everywhere(self):
        text = min(self.texts(), key=len)
        for length in range(len(START)):
            made, read = self.check(START[:length], text)
            self.assertLessEqual(made, read)

    def test_mutations(self):
        texts, made, failed = self.texts(), 0, 0
        for seed in range(cases(250, 50_000)):
            rng = random.Random(seed)
            data, text = mutate(rng), rng.choice(texts)
            with self.subTest(seed=seed):
                done, read = self.check(data, text)
                made, failed = made + done, failed + read - done
        self.assertGreater(min(made, failed), 100)

    def test_hard_files_end(self):
        for name, data in (
            ("a quote that never closes", b"isthmus.x.b='" + b"x\n" * (MAX_BYTES // 2 - 20)),
            ("quotes that never close", b"isthmus.x.b='\n" * (MAX_BYTES // 14)),
            ("broken lines", b"x\n" * (MAX_BYTES // 2)),
            ("semicolons", b";" * MAX_BYTES),
            ("one value many times", b"isthmus.x='t'\n" + b"isthmus.x.b='1'\nisthmus.x.b='2'\n" * 2000),
            ("list items", b"isthmus.x='t'\n" + b"|isthmus.x.b='1'\n" * 4000),
            ("sections", b"".join([b"isthmus.x%d='t'\n" % number for number in range(4000)])),
            ("sections to the front", b"".join([b"isthmus.x%d='t'\n^isthmus.x%d='0'\n" % (n, n) for n in range(2000)])),
            ("options", b"isthmus.x='t'\n" + b"".join([b"isthmus.x.b%d='1'\n" % number for number in range(4000)])),
        ):
            with self.subTest(name):
                self.assertLessEqual(len(data), MAX_BYTES)
                try:
                    made, read = self.check(data, b"config t a\n\toption b 1\n")
                except UciError as error:
                    self.assertEqual(error.reason, "too many commands")
                else:
                    self.assertLessEqual(made, read)
