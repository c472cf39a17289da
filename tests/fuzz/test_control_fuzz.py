"""The control socket's requests. Invariant: check_request() returns an allowed request or raises RequestError."""

from __future__ import annotations

import json
import random
import time
import unittest

from isthmus.edge.calls import ALWAYS, COMMANDS, RequestError, check_request
from isthmus.edge.control import LONGEST_REQUEST
from tests.counts import cases

SEED = 20260722
LONGEST_ERROR = len(", ".join(COMMANDS)) + 60  # the one that names every command
GOOD = (
    {"command": "status"}, {"command": "status", "tunnel": "branch"}, {"id": 1, "command": "show", "tunnel": "x"},
    {"id": "a", "command": "up", "tunnel": "b"}, {"command": "down", "tunnel": "b"}, {"command": "reload"},
    {"command": "login", "user": "alice", "password": "correct horse", "source": "192.168.1.7", "mark": "00"},
    {"command": "up", "tunnel": "b", "token": "ab" * 32, "quiet": True}, {"command": "user-code"},
)  # fmt: skip
PIECES = (
    b"{", b"}", b"[", b"]", b'"', b":", b",", b"\\", b"\\u0000", b"\\ud800", b"\x00", b"\xff", b"\xef\xbb\xbf", b"null",
    b"true", b"NaN", b"-Infinity", b"1e999", b"-0", b"0.1", b"9" * 5000, b'"command"', b'"tunnel"', b'"id"', b" ",
    b'"status"', b'"token"', b'"login"', b'"password"', b"\xfe\xff\x00{", b"[" * 2000, b'{"a":' * 2000,
)  # fmt: skip
VALUES = (None, True, False, 0, -1, 1 << 70, 1.5, "", "x", "x" * 65, "\x00", "\ud800", [], [[]], {}, {"a": []})


class ControlFuzz(unittest.TestCase):
    def setUp(self) -> None:
        self.random = random.Random(SEED)
        self.taken = 0

    def check(self, line: bytes) -> None:
        try:
            request = check_request(line)
        except RequestError as error:
            self.assertTrue(len(str(error)) < LONGEST_ERROR, "the error repeats what it was given")
            return
        except Exception as error:  # noqa: BLE001 - the invariant itself
            self.fail(f"{type(error).__name__} for {line[:200]!r}")
        self.taken += 1
        self.assertIn(request["command"], COMMANDS)
        fields = {field.name: field for field in COMMANDS[request["command"]].fields + list(ALWAYS)}
        for name, value in request.items():
            if name in fields:
                self.assertTrue(value is None or isinstance(value, fields[name].kind))
                if isinstance(value, str):
                    self.assertTrue(len(value.encode()) <= 4 * fields[name].longest)
            else:
                self.assertIn(name, ("id", "command"))
        json.dumps({"id": request.get("id")}).encode()

    def test_mutated_requests(self) -> None:
        for _ in range(cases(20_000, 200_000)):
            line = bytearray(json.dumps(self.random.choice(GOOD)).encode())
            for _ in range(self.random.randrange(4)):
                at = self.random.randrange(len(line) + 1)
                kind = self.random.randrange(4)
                if kind == 0:
                    line[at:at] = self.random.choice(PIECES[:25])
                elif kind == 1:
                    del line[at : at + self.random.randrange(1, 8)]
                elif kind == 2 and at < len(line):
                    line[at] = self.random.randrange(256)
                else:
                    line[at:at] = line[self.random.randrange(len(line) + 1) :][:16]
            self.check(bytes(line))
        self.assertTrue(self.taken > 100, "the fuzzer makes nothing that is allowed")

    def test_random_pieces(self) -> None:
        for _ in range(cases(5_000, 50_000)):
            self.check(b"".join([self.random.choice(PIECES) for _ in range(self.random.randrange(12))]))
        self.check(b'{"command": "status"}')
        self.assertTrue(self.taken > 0)

    def test_values_of_every_type_everywhere(self) -> None:
        for command in (*COMMANDS, "halt", *VALUES):
            for tunnel in VALUES:
                for one in VALUES:
                    self.check(json.dumps({"command": command, "tunnel": tunnel, "id": one}).encode())
        self.assertTrue(self.taken > 0)

    def test_the_worst_line_takes_little_time(self) -> None:
        half = LONGEST_REQUEST // 2
        keys = b",".join([b'"k%d":0' % number for number in range(5000)])
        text = b'"' + b"\\u0041" * (half // 3) + b'"'
        for line in (b"[" * half + b"]" * half, text, b"{" + keys + b"}", b"1" * half):
            begin = time.process_time()
            self.check(line)
            self.assertTrue(time.process_time() - begin < 1.0, line[:20])


if __name__ == "__main__":
    unittest.main()
