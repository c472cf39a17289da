"""What a session stages with forms waits in a place of its own: root commits and applies what root has staged."""

from __future__ import annotations

import os
import subprocess
import sys
import unittest
from typing import Any

from isthmus.config.stagers import Stagers
from isthmus.config.store import Store
from isthmus.edge.os_cpython_files import RealCalls
from tests.edge.accounts_world import PASSWORD, Accounted
from tests.edge.world import own_network
from tests.repo.sources import ROOT


def setUpModule() -> None:
    own_network()


class FormsTest(Accounted):
    def setUp(self) -> None:
        super().setUp()
        self.ask("user-add", user="alice", role="administer", password=PASSWORD)
        self.token = self.login()["token"]
        self.file = self.path / "config" / "isthmus"
        self.before = self.file.read_text()
        self.theirs = self.path / "deltas" / "isthmus"
        self.own = self.path / "run" / "staged" / "isthmus"

    def stage(self, mtu: str = "1300") -> dict:
        mark = self.call("config-get", token=self.token)["mark"]
        rows = [{"section": "branch", "option": "mtu", "values": [mtu]}]
        return self.call("config-stage", token=self.token, mark=mark, changes=rows)

    def root_stages(self, text: str) -> None:
        self.theirs.parent.mkdir(mode=0o700, exist_ok=True)
        self.theirs.write_text(text)

    def step_up(self) -> None:
        self.token = self.call("step-up", token=self.token, password=PASSWORD)["token"]

    def config(self, *words: str) -> str:
        folders = [f"--config={self.path / 'config'}", f"--secrets={self.path / 'etc' / 'secrets'}"]
        program = "import sys; from isthmus import cli; sys.argv[0] = 'isthmus'; sys.exit(cli.main())"
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "firmware")}
        argv = [sys.executable, "-c", program, "--run", self.run_dir, "config", *folders, *words]
        return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=True).stdout

    def test_root_commits_none_of_it(self) -> None:
        self.assertEqual(self.stage()["staged"], 1)
        self.assertFalse(self.theirs.exists(), "uci would commit it")
        calls: Any = RealCalls()
        store = Store(calls, str(self.path / "config"), str(self.path / "deltas"), str(self.path / "etc" / "secrets"))
        self.assertEqual(store.commit(), (False, []))
        self.assertEqual(self.file.read_text(), self.before)
        self.assertEqual(oct(self.own.stat().st_mode & 0o777), "0o600")

    def test_nor_applies_it_but_hears_of_it(self) -> None:
        self.stage()
        seen = self.ask("apply-look")
        self.assertEqual((seen["staged"], len(seen["warnings"])), (0, 1))
        self.assertIn("1 more staged in the web interface", seen["warnings"][0])
        self.assertEqual(self.refused("apply", seconds=60), "not-applied")
        found = self.ask("doctor")["findings"]
        words = [row["message"] + row["remedy"] for row in found if row["code"] == "config-staged"]
        self.assertIn("1 changes are staged in the web interface", words[0])
        folder = f"--deltas={self.own.parent}"
        self.assertIn(folder.replace("=", " ") + " changes", words[0])
        self.assertEqual(self.config(folder, "changes"), "isthmus.branch.mtu='1300'\n")

    def test_who_has_staged_it_is_told(self) -> None:
        self.assertEqual(self.call("apply-look", token=self.token)["by"], [])
        self.stage()
        rows = self.call("apply-look", token=self.token)["by"]
        session = self.call("session", token=self.token)
        self.assertEqual([(row["user"], row["source"]) for row in rows], [(session["user"], session["source"])])
        self.daemon.changing.stagers = Stagers()  # as of a daemon that began anew
        self.assertEqual([row["user"] for row in self.call("apply-look", token=self.token)["by"]], [""])

    def test_and_a_session_none_of_roots(self) -> None:
        self.root_stages("isthmus.branch.mtu='1400'\n")
        self.assertEqual(self.call("config-get", token=self.token)["staged"], 0)
        seen = self.call("apply-look", token=self.token)
        self.assertIn("1 more staged with uci", seen["warnings"][0])
        self.step_up()
        self.assertEqual(self.call("apply", token=self.token, seconds=60)["code"], "not-applied")

    def test_put_in_force_and_kept(self) -> None:
        self.root_stages("isthmus.branch.enabled='0'\n")
        self.stage()
        self.assertEqual(self.call("apply", token=self.token, seconds=60)["code"], "step-up")
        self.step_up()
        self.assertEqual(self.call("apply", token=self.token, seconds=60)["state"], "open")
        mark = self.ask("apply-status")["mark"]
        self.assertEqual(self.call("confirm", token=self.token, mark=mark)["last"]["kind"], "confirmed")
        self.assertIn("1300", self.file.read_text())
        self.assertEqual((self.own.read_text(), self.theirs.read_text()), ("", "isthmus.branch.enabled='0'\n"))

    def test_a_session_says_which_change_it_keeps_or_undoes(self) -> None:
        marks = []
        for _ in range(2):
            self.stage()
            self.step_up()
            began = self.call("apply", token=self.token, seconds=60)
            marks.append(began["mark"])
            self.assertEqual(self.call("apply-status", token=self.token)["mark"], marks[-1])
            for fields in ({}, {"mark": ""}, {"mark": "-"}, {"mark": began["mark"][1:]}, {"mark": marks[0]}):
                if fields.get("mark") == marks[-1]:
                    continue
                for command, more in (("confirm", {}), ("confirm", {"anyway": True}), ("revert", {}),
                                      ("revert", {"over": True})):  # fmt: skip
                    answer = self.call(command, token=self.token, **fields, **more)
                    self.assertEqual(answer.get("code"), "other-trial", (command, fields, more))
                    self.assertTrue(answer["remedy"])
                    self.assertEqual(self.ask("apply-status")["state"], "open")
            self.assertEqual(self.call("revert", token=self.token, mark=marks[-1])["last"]["why"], "asked for")
            self.assertIsNone(self.ask("apply-status")["mark"])
            self.assertEqual(self.call("confirm", token=self.token, mark=marks[-1])["code"], "no-trial")
        self.assertNotEqual(*marks)

    def test_what_is_undone_is_staged_where_it_was(self) -> None:
        self.stage()
        staged = self.own.read_text()
        for how in ("revert", "restart"):
            self.step_up()
            self.assertEqual(self.call("apply", token=self.token, seconds=60)["state"], "open", how)
            self.assertEqual(self.own.read_text(), "")
            if how == "revert":
                self.call("revert", token=self.token, mark=self.ask("apply-status")["mark"])
            else:
                self.restart()
                self.token = self.login()["token"]
            self.assertEqual((self.file.read_text(), self.own.read_text()), (self.before, staged), how)
            self.assertFalse(self.theirs.exists(), how)
            last = self.ask("apply-status")["last"]
            self.assertIn("isthmus config --deltas %s changes" % self.own.parent, last["notes"][0])

    def test_a_restore_waits_for_both(self) -> None:
        words = "four words of ours"
        made = self.ask("backup", passphrase=words)
        self.stage()
        self.assertEqual(self.refused("restore", file=made["file"], passphrase=words), "staged-meanwhile")


if __name__ == "__main__":
    unittest.main()
