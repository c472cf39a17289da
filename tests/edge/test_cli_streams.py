"""The command line with streams that are closed, empty, unreadable or no text: words each time, no traceback."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import unittest

from tests.edge.accounts_world import OTHER, PASSWORD, Accounted
from tests.edge.world import own_network
from tests.repo.sources import ROOT

CLOSED, UNREADABLE, EMPTY, BINARY = "<&-", "0> /dev/null", "< /dev/null", "< {binary}"
TAKE_INPUT = (  # what reads standard input, and the word for what it wants
    (("pair", "accept"), "invite"),
    (("user", "add", "bob"), "password"),
    (("user", "passwd", "alice"), "password"),
    (("backup", "-"), "password"),
    (("restore", "{file}"), "password"),
    (("config", "--config={config}", "--deltas={deltas}", "--secrets={secrets}", "set", "isthmus.branch.ppk"), "ppk"),
)
TAKE_NONE = (
    ("status",), ("pair",), ("pair", "status"), ("pair", "approve"), ("pair", "cancel"), ("confirm",), ("revert",),
    ("apply",), ("apply", "--look"), ("user",), ("user", "list"), ("reload",), ("doctor",), ("log",), ("diag",),
    ("policy",), ("config", "--config={config}", "--deltas={deltas}", "show"), ("rekey", "branch"), ("--version",), (),
    ("history", "branch"), ("unpair", "branch"), ("down", "branch"), ("no-such-command",),
)  # fmt: skip


def setUpModule() -> None:
    own_network()


class Streams(Accounted):
    def setUp(self) -> None:
        super().setUp()
        self.ask("user-add", user="alice", role="administer", password=PASSWORD)
        (self.path / "file").write_bytes(b"x")
        (self.path / "binary").write_bytes(b"\xff\xfe\xff\n" * 9)
        self.names = {name: str(self.path / name) for name in ("config", "deltas", "secrets", "file", "binary")}

    def run_cli(self, words: tuple[str, ...], redirections: str) -> tuple[int, str]:
        program = "import sys; from isthmus import cli; sys.argv[0] = 'isthmus'; sys.exit(cli.main())"
        argv = [sys.executable, "-c", program, "--run", self.run_dir, *[word.format(**self.names) for word in words]]
        line = shlex.join(argv) + " " + redirections.format(**self.names)
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "firmware")}
        done = subprocess.run(["sh", "-c", line], env=environment, capture_output=True, timeout=60, check=False)
        said = (done.stdout + done.stderr).decode()
        self.assertFalse("Traceback" in said, (words, redirections, said[-2000:]))
        return done.returncode, said

    def test_what_wants_something_says_what(self) -> None:
        for words, what in TAKE_INPUT:
            for redirection in (CLOSED, EMPTY, UNREADABLE):
                status, said = self.run_cli(words, redirection)
                self.assertEqual(status, 1, (words, redirection, said))
                self.assertRegex(said, f"standard input.*; send .*({what}|it there)", (words, redirection))
            status, said = self.run_cli(words, BINARY)
            self.assertEqual(status, 1, (words, said))
            self.assertRegex(said, "UTF-8|no text", words)
        self.assertEqual([row["user"] for row in self.ask("user-list")["users"]], ["alice"])

    def test_what_wants_nothing_does_without(self) -> None:
        for words in TAKE_NONE:
            with_it = self.run_cli(words, EMPTY)[0]
            self.assertEqual(self.run_cli(words, CLOSED)[0], with_it, words)

    def test_nor_does_it_need_anybody_who_listens(self) -> None:
        for words in TAKE_NONE[:4] + TAKE_NONE[-3:] + (("doctor",), ("config", "--config={config}", "show")):
            with_it = self.run_cli(words, EMPTY)[0]
            for redirection in ("<&- >&-", "<&- >&- 2>&-", "2>&-"):
                self.assertEqual(self.run_cli(words, redirection)[0], with_it, (words, redirection))

    def test_what_is_sent_is_taken(self) -> None:
        (self.path / "binary").write_bytes(f"{OTHER}\n".encode())
        self.assertEqual(self.run_cli(("user", "add", "bob"), BINARY)[0], 0)
        self.assertEqual(self.login("bob", OTHER).get("role"), "administer")


if __name__ == "__main__":
    unittest.main()
