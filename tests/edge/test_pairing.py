"""Two isthmusd, each in a network of its own with a wire between them, paired by the command line alone."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

from isthmus import cli_pair
from isthmus.edge.control import DaemonAwayError
from tests.edge.nets import Net, join
from tests.edge.world import Folder
from tests.repo.sources import ROOT

PATIENCE_S = 60.0
WANS = ("192.0.2.1", "192.0.2.2")
CONFIG = "# by hand\nconfig globals\n\tlist lan 'lan0'\n\toption name '%s'\n"


class PairingTest(Folder):
    def setUp(self) -> None:
        super().setUp()
        self.env = {**os.environ, "PYTHONPATH": f"{ROOT}/firmware:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}
        nets = [Net(), Net()]
        for net in nets:
            self.addCleanup(net.close)
        join(nets[0], "wan0", nets[1], "wan0")
        self.daemons = []
        for index, name in enumerate(("head", "branch")):
            nets[index].ip(f"addr add {WANS[index]}/24 dev wan0", "link set wan0 up")
            folder = self.path / name
            for part in ("config", "state", "run"):
                (folder / part).mkdir(parents=True)
            (folder / "config" / "isthmus").write_text(CONFIG % name)
            self.start(nets[index], name, WANS[index], f"192.168.{index + 1}.1")

    def start(self, net: Net, name: str, wan: str, lan: str) -> None:
        log = (self.path / name / "log").open("w")
        self.addCleanup(log.close)
        argv = [sys.executable, "-m", "tests.edge.null_isthmusd", str(self.path / name), wan, lan]
        with net.inside():
            daemon = subprocess.Popen(argv, env=self.env, cwd=ROOT, stdout=log, stderr=log)
        self.addCleanup(daemon.wait)
        self.addCleanup(daemon.kill)
        self.until((self.path / name / "run" / "control.sock").exists, name)

    def until(self, condition: object, what: object = "") -> None:
        end = time.monotonic() + PATIENCE_S
        while not condition():
            logs = [path.read_text() for path in self.path.glob("*/log")] if time.monotonic() > end else []
            self.assertLess(time.monotonic(), end, f"{what} {logs}")
            time.sleep(0.05)

    def cli(self, name: str, *words: str, typed: str = "", status: int = 0) -> str:
        """Standard output of `isthmus WORDS`, which must end with this status; else standard error, too."""
        argv = [sys.executable, "-m", "isthmus.cli", "--run", str(self.path / name / "run"), *words]
        done = subprocess.run(
            argv, env=self.env, cwd=ROOT, input=typed, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout if not status else done.stdout + done.stderr

    def rows(self, name: str) -> dict:
        return json.loads(self.cli(name, "pair", "status", "--json"))

    def invite(self, name: str = "head") -> str:
        out = self.cli(name, "pair", "invite").splitlines()
        self.assertTrue(out[0].startswith("ISTHMUS-"), out)
        self.assertIn("good once, for 10 minutes", "\n".join(out).lower())
        return out[0]

    def log(self, name: str) -> str:
        return (self.path / name / "log").read_text()


class CommandLine(PairingTest):
    def test_two_sites(self) -> None:
        invite = self.invite()
        out = self.cli("branch", "pair", "accept", typed=invite)
        self.assertIn("to go on: isthmus pair approve", out)
        shown = self.cli("head", "pair", "status")
        words = self.rows("head")["pairings"][0]["words"]
        self.assertEqual(words, self.rows("branch")["pairings"][0]["words"])
        for text in (out, shown):
            self.assertIn("  ".join(words).upper(), text)
            self.assertIn("192.168.1.0/24", text)
            self.assertIn("192.168.2.0/24", text)
        self.assertIn("these are not the words", self.cli("head", "pair", "approve", "zoo", *words[:2], status=1))
        self.assertIn("called branch", self.cli("head", "pair", "approve", *words))
        self.assertIn("called office", self.cli("branch", "pair", "approve", "-".join(words), "--as", "office"))
        for name in ("head", "branch"):
            self.until(lambda n=name: [row["state"] for row in self.rows(n)["past"]] == ["up"], name)
        self.assertIn("[*] peer", self.cli("head", "status"))
        config = (self.path / "branch" / "config" / "isthmus").read_text()
        self.assertTrue(config.startswith(CONFIG % "branch"))
        self.assertIn("config tunnel 'office'", config)
        for name, tunnel in (("head", "branch"), ("branch", "office")):
            secrets = self.path / name / "secrets"
            files = sorted(path.name for path in secrets.iterdir())
            self.assertEqual(files, [tunnel, *[f"{tunnel}.{end}" for end in ("control", "cookie", "ppk")], "site.id"])
            for path in secrets.iterdir():
                self.assertEqual(path.stat().st_mode & 0o777, 0o600, path)
                if path.name != "site.id":
                    self.assertNotIn(path.read_text().strip(), self.log(name) + config)
            self.assertNotIn(invite, self.log(name))
            self.assertNotIn("mistake", self.log(name))
        self.rotate()
        self.unpair()

    def rotate(self) -> None:
        before = (self.path / "head" / "secrets" / "branch.ppk").read_text()
        self.assertIn("new keys of tunnel branch", self.cli("head", "pair", "rotate", "branch"))
        for name, tunnel in (("head", "branch"), ("branch", "office")):
            self.until(lambda n=name: "new keys of this pair are in use" in self.log(n), name)
            self.until(lambda n=name, t=tunnel: not (self.path / n / "secrets" / f"{t}.next").exists(), name)
        after = (self.path / "head" / "secrets" / "branch.ppk").read_text()
        self.assertNotEqual(after, before)
        self.assertEqual((self.path / "branch" / "secrets" / "office.ppk").read_text(), after)
        self.assertNotIn(after.strip(), self.log("head") + self.log("branch"))
        self.assertIn("no tunnel is called", self.cli("head", "pair", "rotate", "nowhere", status=1))

    def unpair(self) -> None:
        out = self.cli("head", "unpair", "branch")
        self.assertIn("tunnel branch and its keys are removed", out)
        self.assertEqual((self.path / "head" / "config" / "isthmus").read_text().strip(), (CONFIG % "head").strip())
        self.assertEqual([path.name for path in (self.path / "head" / "secrets").iterdir()], ["site.id"])
        self.assertIn("there is no tunnel", self.cli("head", "unpair", "branch", status=1))

    def test_keys_that_are_being_renewed(self) -> None:
        row = {"tunnel": "office", "story": "the old keys are accepted too", "ago_s": 70, "error": None}
        self.assertEqual(cli_pair.renewed(row), ["keys of tunnel office: the old keys are accepted too"])
        row["error"] = {"message": "no answer", "remedy": "look there"}
        words = "when they were last to be renewed (70 s ago): no answer; what to do: look there"
        self.assertEqual(cli_pair.renewed(row)[1].strip(), words)

    def test_a_daemon_that_is_busy_for_a_while_ends_no_watching(self) -> None:
        busy = DaemonAwayError("isthmusd did not answer in time", "look into its log")
        answers = [busy, busy, {"pairings": [], "past": []}]
        with mock.patch.object(cli_pair, "ask", side_effect=answers):
            self.assertEqual(cli_pair._follow("nowhere", 3, False), (["pairing 3 is over"], 1))
        with mock.patch.object(cli_pair, "AWAY_MS", 0), self.assertRaises(DaemonAwayError):
            cli_pair._follow("nowhere", 3, False)

    def test_what_is_not_possible(self) -> None:
        self.assertIn("no pairing is under way", self.cli("head", "pair", "status"))
        self.assertIn("no pairing waits", self.cli("head", "pair", "approve", "a", "b", "c", status=1))
        self.assertIn("no pairing", self.cli("head", "pair", "cancel", status=1))
        self.assertIn("begins with ISTHMUS-", self.cli("head", "pair", "accept", "hello", status=1))
        invite = self.invite()
        self.assertIn("is cut off", self.cli("branch", "pair", "accept", invite[:-20], status=1))
        wrong = invite[:40] + ("Q" if invite[40] != "Q" else "R") + invite[41:]
        self.assertIn("is wrong", self.cli("branch", "pair", "accept", typed=wrong, status=1))
        mail = (invite * 99)[:18000]
        self.assertIn("too long for an invite", self.cli("branch", "pair", "accept", typed=mail, status=1))
        self.assertIn("site's own", self.cli("head", "pair", "accept", invite, status=1))
        self.assertIn("neither a name nor an address", self.cli("head", "pair", "invite", "--at", "a/b", status=1))
        self.assertIn("pairing 1 is cancelled", self.cli("head", "pair", "cancel"))
        self.assertIn("pairing was cancelled here", self.cli("head", "pair", "status"))
        for number in range(8):
            self.assertTrue(self.invite(), number)
        self.assertIn("too many", self.cli("head", "pair", "invite", status=1))
        self.assertIn("several pairings", self.cli("head", "pair", "cancel", status=1))
        self.assertIn("pairing 3 is cancelled", self.cli("head", "pair", "cancel", "3"))


class Terminal:
    """`isthmus WORDS` at a terminal."""

    def __init__(self, test: PairingTest, name: str, *words: str) -> None:
        self.master, slave = pty.openpty()
        argv = [sys.executable, "-m", "isthmus.cli", "--run", str(test.path / name / "run"), *words]
        self.process = subprocess.Popen(
            argv, env=test.env, cwd=ROOT, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        os.close(slave)
        test.addCleanup(os.close, self.master)
        test.addCleanup(self.process.wait)
        test.addCleanup(self.process.kill)
        self.text = ""

    def read_until(self, words: str) -> str:
        end = time.monotonic() + PATIENCE_S
        while words not in self.text and time.monotonic() < end:
            if select.select([self.master], [], [], 0.5)[0]:
                try:
                    self.text += os.read(self.master, 65536).decode().replace("\r\n", "\n")
                except OSError:
                    break
        assert words in self.text, self.text
        return self.text

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())


class AtTerminals(PairingTest):
    def test_two_values_a_side(self) -> None:
        """Head types the command and `yes`, branch pastes the invite and types `yes`."""
        head = Terminal(self, "head", "pair", "invite", "--no-qr")
        invite = next(line for line in head.read_until("Enter this").splitlines() if line.startswith("ISTHMUS-"))
        branch = Terminal(self, "branch", "pair", "accept")
        branch.read_until("Paste the invite")
        branch.type(invite + "\n\n")
        self.assertNotIn(invite[:20], branch.read_until("%d characters read" % len(invite)))
        for side in (head, branch):
            side.read_until("yes/no:")
        self.assertIn(self.rows("head")["pairings"][0]["words"][0].upper(), branch.text)
        branch.type("yes\n")
        branch.read_until("approved here; waiting")
        head.type("yes\n")
        head.read_until("site branch is joined: tunnel branch is up")
        branch.read_until("site head is joined: tunnel head is up")
        self.assertEqual((head.process.wait(PATIENCE_S), branch.process.wait(PATIENCE_S)), (0, 0))

    def test_an_invite_does_not_stay_on_the_command_line(self) -> None:
        invite = self.cli("head", "pair", "invite", "--at", "192.0.2.77").splitlines()[0]  # nobody is there
        branch = Terminal(self, "branch", "pair", "accept", invite)
        words = Path("/proc/%d/cmdline" % branch.process.pid)
        branch.read_until("calling")
        self.assertNotIn(invite.encode(), words.read_bytes())
        self.assertTrue(words.read_bytes().endswith(b"accept\0--number\0001\0"), words.read_bytes())
        branch.process.send_signal(signal.SIGINT)
        self.assertIn("has begun", branch.read_until("isthmus pair cancel 1"))
        self.assertEqual(branch.process.wait(PATIENCE_S), 130)

    def test_a_window_that_is_closed_ends_nothing(self) -> None:
        head = Terminal(self, "head", "pair", "invite", "--no-qr")
        head.read_until("nobody has come yet")
        head.process.send_signal(signal.SIGINT)
        head.read_until("isthmus pair cancel 1")
        self.assertEqual(head.process.wait(PATIENCE_S), 130)
        self.assertEqual(self.rows("head")["pairings"][0]["state"], "offered")

    def test_words_that_differ(self) -> None:
        head = Terminal(self, "head", "pair", "invite", "--no-qr")
        invite = next(line for line in head.read_until("Enter this").splitlines() if line.startswith("ISTHMUS-"))
        self.cli("branch", "pair", "accept", typed=invite)
        head.read_until("yes/no:")
        head.type("no\n")
        head.read_until("is cancelled")
        self.assertEqual(head.process.wait(PATIENCE_S), 1)
        self.until(lambda: "the other side cancelled" in self.cli("branch", "pair", "status"))
