"""The command line against a control server: what it prints, and its exit status."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import time
import unittest

from isthmus import cli
from isthmus.errors import IsthmusError
from tests.edge.world import Served

LAMPS = [{"name": name, "state": "ok", "evidence": "fine"} for name in ("peer", "ipsec", "l2tp", "path", "guard")]


def report(state: str = "up", error: object = None, story: str = "a probe crosses both ways") -> dict:
    tunnel = {
        "name": "branch", "state": state, "story": story, "since_s": 3, "remote": "b.example.net", "mtu": 1420,
        "interface": "ist-branch", "lamps": LAMPS, "error": error, "refusal": None, "retry_in_s": None,
    }  # fmt: skip
    return {"config": {"error": None, "warnings": []}, "guard": {"error": None}, "tunnels": [tunnel]}


class CliTest(Served):
    def setUp(self) -> None:
        super().setUp()
        self.result = report()
        for name, value in (("WAIT_S", 0.5), ("LOOK_EVERY_S", 0.01)):
            self.addCleanup(setattr, cli, name, getattr(cli, name))
            setattr(cli, name, value)

    def run_cli(self, *words: str) -> tuple[int, str, str]:
        """(exit status, standard output, standard error)"""
        out, err = io.StringIO(), io.StringIO()
        before, sys.argv = sys.argv, ["isthmus", "--run", str(self.path), *words]
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                try:
                    status = cli.main()
                except SystemExit as end:
                    status = end.code
        finally:
            sys.argv = before
        return status, out.getvalue(), err.getvalue()

    def test_status(self) -> None:
        status, out, _ = self.run_cli("status")
        self.assertEqual(status, 0)
        self.assertIn("branch  UP for 3 s", out)
        self.assertEqual(json.loads(self.run_cli("status", "--json")[1]), self.result)
        self.assertEqual(json.loads(self.run_cli("--json", "status")[1]), self.result)

    def test_history(self) -> None:
        self.result = {
            "tunnel": "branch", "span": "15min", "step_s": 10, "newest_ms": 5000, "in": [None] * 89 + [125_000],
            "out": [None] * 90, "probes": [0] * 89 + [4], "lost": [0] * 89 + [1],
        }  # fmt: skip
        status, out, _ = self.run_cli("history", "branch", "--span", "15min")
        self.assertEqual((status, self.asked[-1]["span"], self.asked[-1]["tunnel"]), (0, "15min", "branch"))
        self.assertIn("received: at most 1.0 Mbit/s, on average 1.0 Mbit/s, about 625 kB in all", out)
        self.assertIn("probes lost: 1 of 4 (25.0 %)", out)
        self.assertEqual(json.loads(self.run_cli("history", "branch", "--json")[1]), self.result)
        self.assertEqual(self.asked[-1]["span"], "day")
        self.assertEqual(self.run_cli("history", "branch", "--span", "week")[0], 2)

    def test_what_was_not_understood(self) -> None:
        self.assertEqual(self.run_cli()[0], 2)
        self.assertEqual(self.run_cli("halt")[0], 2)
        self.assertEqual(self.run_cli("up")[0], 2)
        self.assertEqual(self.run_cli("status", "a", "b")[0], 2)
        self.assertEqual(self.asked, [])

    def test_a_refusal_is_one_line_with_the_remedy(self) -> None:
        status, out, err = self.run_cli("reload")
        self.assertEqual((status, out, err), (1, "", "isthmus: the file is wrong; mend it\n"))

    def test_no_daemon(self) -> None:
        os.rename(self.path / "control.sock", self.path / "elsewhere")
        status, out, err = self.run_cli("status")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("isthmusd does not answer", err)
        self.assertEqual(err.count("\n"), 1)

    def test_up_waits_and_tells_the_truth(self) -> None:
        self.assertEqual(self.run_cli("up", "branch")[0], 0)
        self.result = report("waiting", {"message": "no answer", "remedy": "call them", "ago_s": 1})
        status, out, err = self.run_cli("up", "branch")
        self.assertEqual(status, 1)
        self.assertIn("no answer", out)
        self.assertIn("is not up after", err)

    def test_a_clock_that_steps_does_not_matter(self) -> None:
        self.addCleanup(setattr, time, "time", time.time)
        time.time = iter([0.0, 1e9, 0.0, 1e9, 0.0, 1e9] + [0.0] * 1000).__next__
        states = [report("negotiating"), report("negotiating"), report("up")]
        self.server._handle = lambda request, _standing: states.pop(0) if request["command"] == "status" else {}
        self.assertEqual(self.run_cli("up", "branch")[0], 0)

    def test_foreign_text_does_not_reach_the_terminal(self) -> None:
        evil = "\x1b[2J\x9b1m\u202e"
        error = {"message": evil, "remedy": evil, "ago_s": 1}
        self.result = report("waiting", error, evil)
        self.result["tunnels"][0]["lamps"] = [{"name": "peer", "state": "bad", "evidence": evil}]
        for words in (("status",), ("up", "branch"), ("show", "branch")):
            if words[0] == "show":
                outer = {"local": evil, "remote": evil, "uplink": evil}
                self.result = {**self.result["tunnels"][0], "outer": outer, "local_id": evil}
            out = self.run_cli(*words)[1]
            self.assertTrue(out)
            for character in "\x1b\x9b\u202e":
                self.assertNotIn(character, out)

        def refuse(_request: dict, _standing: str) -> dict:
            raise IsthmusError(evil, evil)

        self.server._handle = refuse
        self.assertNotIn("\x1b", self.run_cli("status")[2])

    def test_a_key_press_ends_it_quietly(self) -> None:
        self.addCleanup(setattr, cli, "ask", cli.ask)

        def interrupted(*_: object) -> dict:
            raise KeyboardInterrupt

        cli.ask = interrupted
        self.assertEqual(self.run_cli("up", "branch")[0], 130)

    def test_a_reader_that_has_seen_enough(self) -> None:
        self.result["tunnels"] *= 2000
        program = "import sys; from isthmus import cli; sys.argv = ['x', '--run', %r, 'status']; sys.exit(cli.main())"
        argv = [sys.executable, "-c", program % str(self.path)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
        child.stdout.readline()
        child.stdout.close()
        said = child.stderr.read()
        child.stderr.close()
        self.assertEqual(said, b"")
        self.assertEqual(child.wait(30), 1)


if __name__ == "__main__":
    unittest.main()
