"""isthmus doctor and log around the daemon and without it: what is gathered, and that each fault is named."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import threading
import time
from types import SimpleNamespace
from unittest import mock

from isthmus import cli, cli_doctor, survey
from isthmus.daemon import Daemon
from isthmus.edge import log as log_module
from isthmus.edge import os_cpython_look as look
from isthmus.edge.control import OWNER, Later
from isthmus.edge.log import Log
from isthmus.errors import IsthmusError
from tests.edge.test_daemon import TUNNEL, DaemonTest
from tests.edge.test_daemon import setUpModule as setUpModule  # noqa: PLC0414 - a network of its own
from tests.edge.world import PATIENCE_S, Served
from tests.repo.sources import ROOT

SQUATTER = "import socket, sys; s = socket.socket(2, 2); s.bind(('', 500)); print(flush=True); sys.stdin.read()"
JOINED = TUNNEL % " list remote_subnet '10.2.0.0/24'\n%s"
REASONS = ("clock-unkept",)  # notes that depend on the machine of the test


class Doctor(DaemonTest):
    def setUp(self) -> None:
        super().setUp()
        (self.path / "secrets").mkdir(mode=0o700)
        self.configure("")

    def configure(self, extra: str, text: str = JOINED, mode: int = 0o600) -> None:
        super().configure(extra, text)
        os.chmod(self.path / "config" / "isthmus", mode)

    def ask(self, **request: object) -> dict:
        answer = self.daemon._answer(request, OWNER)
        end = time.monotonic() + PATIENCE_S
        while isinstance(answer, Later):
            if answer.outcome is not None:
                answer = answer.outcome
                if not answer["ok"]:
                    raise IsthmusError(answer["error"]["message"], "", answer["error"]["code"])
                return answer["result"]
            self.assertLess(time.monotonic(), end)
            self.daemon.turn()
        return answer

    def codes(self, answer: dict) -> list[str]:
        return [row["code"] for row in answer["findings"] if row["code"] not in REASONS]

    def start(self) -> Daemon:
        daemon = super().start()
        daemon.delta_dir = str(self.path / "deltas")
        return daemon

    def alone(self, *words: str) -> tuple[int, dict]:
        """`isthmus doctor` where no daemon answers."""
        argv = [sys.executable, "-m", "isthmus.cli", "--run", str(self.path / "run"), "doctor", "--json", *words]
        argv += [f"--{name}={self.path / name}" for name in ("config", "secrets", "deltas")]
        env = {**os.environ, "PYTHONPATH": f"{ROOT}/firmware"}
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return done.returncode, json.loads(done.stdout)

    # --- the daemon's -------------------------------------------------------------------------------------------------

    def test_a_healthy_router(self) -> None:
        self.start()
        answer = self.ask(command="doctor")
        self.assertEqual((self.codes(answer), answer["wrong"]), ([], 0))
        states = {row["area"]: row["text"] for row in answer["areas"]}
        self.assertIn("UDP 500: isthmus, 4500: isthmus", states["ports"])
        self.assertIn("ESP over IPv4 with aes", states["kernel"])
        self.assertIn("branch: negotiating", states["peers"])
        self.assertEqual(self.kernel.dump("sa"), [], "what was tried is taken out again")

    def test_each_fault_is_named(self) -> None:
        daemon = self.start()
        (self.path / "secrets" / "branch").write_text("x" * 20)
        os.chmod(self.path / "secrets" / "branch", 0o644)
        (self.path / "deltas").mkdir(mode=0o700)
        (self.path / "deltas" / "isthmus").write_text("isthmus.branch.mtu='1300'\n")
        os.chmod(self.path / "deltas" / "isthmus", 0o600)
        self.configure("option instance 7", mode=0o604)
        self.kernel.fail_next["add"] = 2
        answer = self.ask(command="doctor")
        wanted = ["secret-readable", "secret-readable", "config-not-applied", "cipher-missing", "config-staged"]
        self.assertEqual(self.codes(answer), wanted)
        self.assertEqual(answer["wrong"], 3)
        self.configure("option instance x")
        with contextlib.suppress(IsthmusError):
            daemon.reload()
        self.assertEqual(self.codes(self.ask(command="doctor"))[:2], ["wrong-type", "secret-readable"])
        self.configure("")
        mended = self.ask(command="doctor")["findings"][0]
        self.assertEqual((mended["code"], mended["remedy"]), ("configuration", "read it again: isthmus reload"))
        self.assertNotIn("\n", mended["message"])
        daemon.site.tunnels["branch"].pause(0)
        self.assertIn("taken-down", self.codes(self.ask(command="doctor", tunnel="branch")))

    def test_what_is_in_force_is_what_is_written(self) -> None:
        """Rules, exceptions, aliases and passthrough, too: nothing that the daemon does to them counts as a change."""
        self.configure("", (ROOT / "tests" / "golden" / "config" / "forced.uci").read_text())
        self.start()
        self.assertIsNotNone(self.daemon.site.forcing.config)
        self.assertNotIn("config-not-applied", self.codes(self.ask(command="doctor")))

    def test_a_wrong_clock(self) -> None:
        self.start()
        with mock.patch.object(survey.host, "wall_seconds", lambda: 1_000):
            answer = self.ask(command="doctor")
        self.assertEqual(self.codes(answer), ["clock-wrong"])
        self.assertIn("1970-01-01 00:16 UTC, and the configuration was written on", answer["findings"][0]["message"])

    def test_names(self) -> None:
        self.configure("", JOINED.replace("127.0.0.2", "nowhere.example"))
        self.start()
        hanging = threading.Event()
        self.addCleanup(hanging.set)

        def unknown(*_: object, **__: object) -> list:
            raise OSError(-2, "no such name")

        def silent(*_: object, **__: object) -> list:
            hanging.wait()
            return []

        for find, code in ((unknown, "name-unresolved"), (silent, "name-silent")):
            stub = SimpleNamespace(getaddrinfo=find, SOCK_DGRAM=2)
            with mock.patch.object(look, "socket", stub), mock.patch.object(look, "PATIENCE_MS", 100):
                self.assertIn(code, self.codes(self.ask(command="doctor")))
        found = look.LookUp(["localhost"]).found["localhost"]
        self.assertIn(b"\x7f\0\0\1", found[0])

    def test_one_look_for_all_who_ask(self) -> None:
        daemon = self.start()
        looks: list[object] = []
        inner = look.Errand

        def counted(task: object) -> look.Errand:
            looks.append(task)
            return inner(task)

        with mock.patch.object(look, "Errand", counted):
            waiting = [daemon._answer({"command": "doctor"}, OWNER) for _ in range(3)]
            end = time.monotonic() + PATIENCE_S
            while [later for later in waiting if later.outcome is None] and time.monotonic() < end:
                daemon.turn()
            self.assertEqual(len(looks), 1)
            self.assertEqual([later.outcome["ok"] for later in waiting], [True] * 3)
            self.ask(command="doctor")
        self.assertEqual(len(looks), 2)

    def test_a_mistake_of_ours_is_told_to_who_asked_and_to_the_log(self) -> None:
        self.start()
        with mock.patch.object(survey, "ports", lambda: 1 // 0), self.assertRaises(IsthmusError) as caught:
            self.ask(command="doctor")
        self.assertEqual(caught.exception.code, "internal")
        self.assertTrue(self.said("ZeroDivisionError"))
        self.assertEqual(self.codes(self.ask(command="doctor")), [])

    def test_an_unknown_tunnel(self) -> None:
        self.start()
        for command in ("doctor", "log"):
            with self.assertRaises(IsthmusError) as caught:
                self.ask(command=command, tunnel="branhc")
            self.assertEqual(caught.exception.code, "unknown-tunnel")
            self.assertEqual(caught.exception.remedy, "did you mean branch?")

    def test_the_log(self) -> None:
        self.log = Log("notice")
        with mock.patch.object(log_module.host, "write_error_line"):
            self.start()
            answer = self.ask(command="log")
            self.assertIn("started, tunnels configured: 1", " ".join(row["text"] for row in answer["lines"]))
            named = self.ask(command="log", tunnel="branch", count=1)["lines"]
            self.assertEqual([row["subject"] for row in named], ["branch"])
            self.daemon.log.notice("branch", "more")
            later = self.ask(command="log", after=answer["next"], count=0)
        self.assertEqual([row["text"] for row in later["lines"]], ["more"])

    # --- without the daemon -------------------------------------------------------------------------------------------

    def test_without_the_daemon(self) -> None:
        status, answer = self.alone()
        self.assertEqual(status, 1)
        self.assertEqual(answer["findings"][0]["code"], "daemon-away")
        self.assertIn("start it", answer["findings"][0]["remedy"])
        states = {row["area"]: row["state"] for row in answer["areas"]}
        self.assertEqual((states["config"], states["ports"], states["peers"]), ("ok", "ok", "unknown"))

    def test_who_took_the_port(self) -> None:
        argv = [sys.executable, "-c", SQUATTER]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as squatter:
            squatter.stdout.readline()
            _, answer = self.alone()
            squatter.communicate(b"")
        row = next(row for row in answer["findings"] if row["code"] == "port-taken")
        self.assertIn("UDP port 500, which IKE needs, is used by python", row["message"])
        self.assertIn(f"(process {squatter.pid})", row["message"])

    def test_a_file_with_mistakes(self) -> None:
        self.configure("option mtu nonsense")
        _, answer = self.alone()
        row = next(row for row in answer["findings"] if row["area"] == "config")
        self.assertEqual(row["level"], "error")
        self.assertIn("mtu", row["message"])
        self.assertNotIn("to do:", row["message"])


class CommandLine(Served):
    """What is printed of the daemon's answers, and the exit status."""

    def run_cli(self, *words: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        argv = ["isthmus", "--run", str(self.path), *words]
        with mock.patch.object(sys, "argv", argv), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = cli.main()
        return status, out.getvalue(), err.getvalue()

    def test_doctor(self) -> None:
        area = {"area": "ports", "state": "ok", "text": "UDP 500: isthmus"}
        finding = {"code": "loss", "level": "warning", "area": "path", "about": "b", "message": "m", "remedy": "r\x1b"}
        self.result = {"wrong": 1, "wall": 7, "areas": [area], "findings": [finding]}
        status, out, _ = self.run_cli("doctor")
        lines = ["[*] ports    UDP 500: isthmus", "", "warning: m  [loss]", "  what to do: r?", "to mend: 1"]
        self.assertEqual((status, out.splitlines()), (1, lines))
        self.result = {"wrong": 0, "wall": 7, "areas": [area], "findings": []}
        self.assertEqual(self.run_cli("doctor", "branch")[0], 0)
        self.assertEqual(self.asked[-1], {"command": "doctor", "tunnel": "branch"})
        self.assertEqual(json.loads(self.run_cli("doctor", "--json")[1]), self.result)

    def test_a_daemon_that_is_too_old(self) -> None:
        def handle(request: dict, _standing: str) -> dict:
            if request["command"] == "doctor":
                raise IsthmusError("unknown command", "", "bad-request")
            return {"version": "0.0.1"}

        self.server._handle = handle
        folders = [f"--{name}={self.path}" for name in ("config", "secrets", "deltas")]
        answer = json.loads(self.run_cli("doctor", "--json", *folders)[1])
        found = [row for row in answer["findings"] if row["area"] == "daemon"]
        self.assertEqual([row["code"] for row in found], ["release-differs"])
        self.assertIn("0.0.1", found[0]["message"])

    def test_log(self) -> None:
        row = {"number": 1, "time": "2026-11-23 08:00:00", "level": "notice", "subject": "branch", "text": "up"}
        self.result = {"lines": [row], "next": 1, "lost": False}
        status, out, _ = self.run_cli("log", "-n", "3", "--tunnel", "branch")
        self.assertEqual((status, out), (0, "2026-11-23 08:00:00 notice  branch: up\n"))
        self.assertEqual(self.asked[-1], {"command": "log", "tunnel": "branch", "count": 3})
        self.assertEqual(self.run_cli("log", "-n", "0")[0], 1)

    def test_log_follows_over_a_new_daemon(self) -> None:
        row = {"number": 9, "time": "t", "level": "notice", "subject": "a", "text": "x"}
        answers = [
            {"lines": [row], "next": 9, "lost": False}, {"lines": [{**row, "text": "y"}], "next": 10, "lost": True},
            {"lines": [], "next": 2, "lost": False}, {"lines": [{**row, "text": "z"}], "next": 3, "lost": False},
        ]  # fmt: skip
        asked: list[dict] = []

        def handle(request: dict, _standing: str) -> dict:
            asked.append(request)
            return answers.pop(0)

        def sleep(_seconds: float) -> None:
            if not answers:
                raise KeyboardInterrupt

        self.server._handle = handle
        with mock.patch.object(cli_doctor.time, "sleep", sleep):
            status, out, _ = self.run_cli("log", "--follow")
        self.assertEqual(status, 130)
        lost = "(lines are missing here: it said more than it keeps)"
        wanted = ["t notice  a: x", lost, "t notice  a: y", "(isthmusd has begun anew)", "t notice  a: z"]
        self.assertEqual(out.splitlines(), wanted)
        self.assertEqual([request.get("after") for request in asked], [None, 9, 10, 0])

    def test_diag(self) -> None:
        self.result = {"name": "isthmus-diag.txt", "text": "one\n\ttwo\n" + "x" * 3000 + "\n"}
        self.assertEqual(self.run_cli("diag")[1], self.result["text"])
        path = self.path / "out.txt"
        self.assertEqual(self.run_cli("diag", "--output", str(path))[0], 0)
        self.assertEqual((path.read_text(), path.stat().st_mode & 0o777), (self.result["text"], 0o600))
        status, _, err = self.run_cli("diag", "--output", str(path))
        self.assertEqual(status, 1)
        self.assertIn("File exists", err)


del DaemonTest, Served  # their own tests are elsewhere
