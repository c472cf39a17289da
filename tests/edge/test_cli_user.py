"""`isthmus user` as a program of its own: what it prints, and where a password may come from and may not be seen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unittest

from tests.edge.accounts_world import GUEST, OTHER, PASSWORD, Accounted, at_terminal
from tests.edge.world import own_network

PROGRAM = "import sys; from isthmus import cli; sys.exit(cli.main())"


def setUpModule() -> None:
    own_network()


class UserTest(Accounted):
    def argv(self, *words: str) -> list[str]:
        return [sys.executable, "-c", PROGRAM, "--run", self.run_dir, "user", *words]

    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    def cli(self, *words: str, given: str = "") -> tuple[int, str]:
        """(exit status, all it says) of `isthmus user ...`, with standard input."""
        done = subprocess.run(
            self.argv(*words), input=given.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
            env=self.environment(), check=False,
        )  # fmt: skip
        text = done.stdout.decode()
        for secret in (PASSWORD, OTHER):
            self.assertNotIn(secret, text)
        return done.returncode, text

    def at_terminal(self, lines: list[str], *words: str) -> tuple[int, str, str]:
        """The same at a terminal of its own: (exit status, all that is on it, the program's words while it ran)."""
        return at_terminal(self.argv(*words), self.environment(), lines)

    def test_a_users_life(self) -> None:
        self.assertEqual(self.cli("list"), (0, "there are no users yet: isthmus user add NAME, or isthmus user code\n"))
        self.assertEqual(self.cli("add", "alice", given=PASSWORD + "\n"),
                         (0, "the user alice is there now, with the role administer\n"))  # fmt: skip
        status, text = self.cli("add", "bob", "--role", "look", "--json", given=OTHER)
        self.assertEqual((status, json.loads(text)), (0, {"user": "bob", "role": "look"}))
        self.assertTrue(self.login()["token"])
        self.login("alice", "wrong guess 55")
        row = "alice            administer sessions: 1; failed logins since the last good one: 1"
        self.assertIn(row, self.cli()[1])
        self.assertEqual(self.cli("passwd", "alice", given=OTHER + "\r\n")[0], 0)
        self.assertTrue(self.login("alice", OTHER)["token"])
        self.assertEqual(self.cli("role", "bob", "operate")[1],
                         "bob has the role operate now; the user's sessions have ended\n")  # fmt: skip
        self.assertEqual(self.cli("delete", "bob"), (0, "the user bob is deleted\n"))
        self.assertNotIn("bob", self.cli("list")[1])

    def test_a_code_for_the_first_password(self) -> None:
        status, text = self.cli("code")
        code = text.split("\n")[0]
        self.assertEqual((status, len(code)), (0, 19))
        self.assertIn("10 minutes", text)
        self.assertEqual(self.call("first-password", code=code, user="alice", password=PASSWORD)["user"], "alice")
        self.assertEqual(self.cli("code")[0], 1)

    def test_refusals_are_one_line_with_the_remedy(self) -> None:
        for words, given, told in (
            (("add", "alice"), "short\n", "at least 8 letters"),
            (("add", "alice"), "", "no password came from standard input"),
            (("add", "alice"), "\n", "at least 8 letters"),
            (("add", "Alice"), PASSWORD, "lower-case"),
            (("add", "alice", "--role", "king"), PASSWORD, "look, operate, administer"),
            (("passwd", "nobody"), PASSWORD, "no user called nobody"),
            (("role", "nobody", "look"), "", "no user called nobody"),
            (("delete", "nobody"), "", "no user called nobody"),
        ):
            status, text = self.cli(*words, given=given)
            self.assertEqual((status, text.count("\n")), (1, 1), text)
            self.assertIn(told, text)
            self.assertIn("; ", text)
        self.assertEqual(self.cli("add")[0], 2)
        self.assertEqual(self.cli("add", "alice", PASSWORD.replace(" ", "-"))[0], 2)  # never among the words

    def test_bytes_that_are_no_text(self) -> None:
        done = subprocess.run(self.argv("add", "alice"), input=b"\xff\xfe\xfd\n", capture_output=True, timeout=60,
                              env=self.environment(), check=False)  # fmt: skip
        self.assertEqual((done.returncode, b"UTF-8" in done.stderr), (1, True))

    def test_at_a_terminal_it_is_asked_for_twice_and_never_shown(self) -> None:
        status, seen, argv = self.at_terminal([PASSWORD, PASSWORD], "add", "alice")
        self.assertEqual(status, 0, seen)
        self.assertIn("new password of alice: ", seen)
        self.assertFalse(PASSWORD in seen or PASSWORD in argv)
        self.assertIn("add", argv)
        self.assertTrue(self.login()["token"])
        status, seen, _ = self.at_terminal([OTHER, PASSWORD], "passwd", "alice")
        self.assertEqual(status, 1, seen)
        self.assertIn("differ", seen)
        self.assertTrue(self.login()["token"])

    def test_another_user_cannot(self) -> None:
        def become_guest() -> None:
            os.setgroups([])
            os.setgid(GUEST)
            os.setuid(GUEST)

        done = subprocess.run(self.argv("code"), capture_output=True, timeout=60, env=self.environment(), check=False,
                              preexec_fn=become_guest)  # fmt: skip
        self.assertEqual((done.returncode, done.stdout), (1, b""), done.stderr)
        self.assertIn(b"there is no such session", done.stderr)


if __name__ == "__main__":
    unittest.main()
