"""`isthmus apply` on a real daemon around a null kernel: real files, real clock, kill -9, and the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import unittest
from typing import Any
from unittest import mock

from isthmus import changing
from isthmus import daemon as module
from isthmus.config.store import Store
from isthmus.edge.control import OWNER, ask
from isthmus.errors import IsthmusError
from isthmus.kernel.null import NullKernel
from isthmus.kernel.ways import Way
from isthmus.real_outlet import GUARD_FILE
from isthmus.wire.addr import Prefix
from tests.edge.test_daemon import LOOPBACK, Lines
from tests.edge.world import Folder, own_network, wait_for
from tests.repo.sources import ROOT

TUNNEL = "config tunnel 'branch'\n\toption remote '127.0.0.2'\n\tlist remote_subnet '10.2.0.0/24'\n"
RULE = "\nconfig forced 'cameras'\n\tlist from '192.168.10.50@02:00:00:00:00:50'\n\tlist via 'branch'\n"
KEY = "correct horse battery"
# cameras goes, two others come
STAGED = (
    "-isthmus.cameras\nisthmus.guests='forced'\n"
    "|isthmus.guests.from='02:00:00:00:00:51'\n|isthmus.guests.from='02:00:00:00:00:52'\n|isthmus.guests.via='branch'\n"
)
EXPOSED = "192.168.10.50 may now use the open Internet: rule cameras was removed"
HELD = (
    "2 devices lose direct Internet: 02:00:00:00:00:51, 02:00:00:00:00:52 go through tunnel branch, or nowhere "
    "(rule guests)"
)
PROCESS = """
import sys
from isthmus import changing, daemon
from isthmus.edge.log import Log
from isthmus.kernel.null import NullKernel
from isthmus.kernel.ways import Way
from isthmus.wire.addr import Prefix
changing.LEAST_S = 1
kernel = NullKernel([("lo", bytes([127, 0, 0, 1]), 8)], [(Prefix(bytes(4), 0), Way(bytes([127, 0, 0, 1]), "lo", 1500))])
one = daemon.Daemon(kernel, Log(), *sys.argv[1:4])
one.delta_dir = sys.argv[4]
one.start()
one._hold_at = None
one.run()
"""


def setUpModule() -> None:
    own_network()


class ApplyTest(Folder):
    def setUp(self) -> None:
        super().setUp()
        for name in ("config", "etc/state", "etc/secrets", "run", "deltas"):
            (self.path / name).mkdir(parents=True)
        self.file = self.path / "config" / "isthmus"
        self.file.write_text(TUNNEL + RULE)
        self.key = self.path / "etc" / "secrets" / "branch"
        self.key.write_text(KEY + "\n")
        self.record = self.path / "etc" / "secrets" / "undo.open"
        self.guard = self.path / "etc" / "state" / GUARD_FILE
        self.paths = [str(self.path / name) for name in ("config", "etc/state", "run")]
        self.deltas = self.path / "deltas"
        self.addCleanup(setattr, changing, "LEAST_S", changing.LEAST_S)
        changing.LEAST_S = 1

    def stage(self, text: str = STAGED) -> None:
        (self.deltas / "isthmus").write_text(text)

    def staged(self) -> str:
        return (self.deltas / "isthmus").read_text()


class Inside(ApplyTest):
    """The daemon in this process."""

    def setUp(self) -> None:
        super().setUp()
        self.kernel = NullKernel([("lo", LOOPBACK, 8)], [(Prefix(bytes(4), 0), Way(LOOPBACK, "lo", 1500))])
        self.log = Lines()
        self.daemon = self.start()
        self.stage()

    def start(self) -> module.Daemon:
        daemon = module.Daemon(self.kernel, self.log, *self.paths)
        daemon.delta_dir = str(self.deltas)
        daemon.start()
        self.addCleanup(daemon.edge.close)
        self.addCleanup(daemon._control.close)
        daemon._hold_at = None
        daemon.turn()
        return daemon

    def call(self, command: str, **fields: Any) -> dict:
        return self.daemon._answer({"command": command, **fields}, OWNER)

    def refused(self, command: str, **fields: Any) -> IsthmusError:
        with self.assertRaises(IsthmusError) as caught:
            self.call(command, **fields)
        self.assertTrue(caught.exception.remedy)
        return caught.exception

    def turn_until(self, state: str) -> dict:
        def is_there() -> bool:
            self.daemon.turn()
            return self.call("apply-status")["state"] == state

        wait_for(is_there)
        return self.call("apply-status")

    def test_it_is_shown_in_words(self) -> None:
        seen = self.call("apply-look")
        said = [row["text"] for row in seen["changes"] if row["kind"] in ("opens", "closes")]
        self.assertEqual(said, [EXPOSED, HELD])
        self.assertEqual(seen["staged"], 5)
        self.assertEqual(self.file.read_text(), TUNNEL + RULE)

    def test_both_hold_until_it_is_confirmed(self) -> None:
        seen = self.call("apply-look")
        began = self.call("apply", seconds=60, mark=seen["mark"])
        self.assertEqual((began["state"], began["window_s"], began["alone"]), ("open", 60, False))
        for name in ("cameras", "guests"):
            self.assertIn("forced_across_" + name, self.guard.read_text())
        self.assertIn("guests", self.file.read_text())
        self.assertEqual((self.staged(), self.record.stat().st_mode & 0o777), ("", 0o600))
        done = self.call("confirm")
        self.assertEqual((done["last"]["kind"], done["last"]["exposed"]), ("confirmed", [EXPOSED]))
        self.daemon.turn()
        self.assertNotIn("cameras", self.guard.read_text())
        self.assertIn("forced_across_guests", self.guard.read_text())
        self.assertFalse(self.record.exists())

    def test_without_a_confirmation_it_is_undone(self) -> None:
        self.call("apply", seconds=1)
        done = self.turn_until("idle")
        self.assertEqual((done["last"]["kind"], done["last"]["why"]), ("undone", "nobody confirmed it within 1 s"))
        self.assertEqual(len(done["last"]["exposed"]), 2)
        self.assertEqual((self.file.read_text(), self.staged()), (TUNNEL + RULE, STAGED))
        self.assertNotIn("guests", self.guard.read_text())
        self.assertTrue([line for line in self.log.lines if "the change on trial is undone" in line])

    def test_alone_it_stays_when_all_is_well(self) -> None:
        self.addCleanup(setattr, changing, "SETTLED_MS", changing.SETTLED_MS)
        changing.SETTLED_MS = 300
        self.assertTrue(self.call("apply", alone=True)["alone"])
        self.assertEqual(self.turn_until("idle")["last"]["kind"], "confirmed")

    def test_what_was_up_and_is_not_any_more_is_not_confirmed(self) -> None:
        self.call("apply", seconds=60)
        self.daemon.changing._probes._tunnels = ["branch"]
        self.assertEqual(self.refused("confirm").code, "probe-failed")
        self.assertEqual(self.call("apply-status")["probes"][0]["state"], "wait")
        self.assertEqual(self.call("confirm", anyway=True)["last"]["kind"], "confirmed")

    def test_what_is_refused_changes_nothing(self) -> None:
        self.assertEqual(self.refused("confirm").code, "no-trial")
        self.assertEqual(self.refused("revert").code, "no-trial")
        self.assertEqual(self.refused("apply", seconds=5000).code, "not-applied")
        self.assertEqual(self.refused("apply", mark="0000").code, "staged-meanwhile")
        self.stage("-isthmus.branch.remote\n")
        self.assertIn("remote", str(self.refused("apply", seconds=60)))
        self.stage("")
        self.assertIn("nothing is staged", str(self.refused("apply", seconds=60)))
        self.stage()
        self.file.write_text(TUNNEL + RULE + "\toption ipv6 'free'\n")
        self.assertIn("does not run yet", str(self.refused("apply", seconds=60)))
        self.assertEqual((self.record.exists(), self.staged()), (False, STAGED))

    def test_a_mark_is_of_this_daemon_alone(self) -> None:
        """It is shown to everybody who may look: a guessed key cannot be tried against it."""
        mark = self.call("apply-look")["mark"]
        self.daemon.changing.store.salt = b""
        self.assertNotEqual(mark, self.call("apply-look")["mark"])

    def test_what_runs_is_what_was_shown(self) -> None:
        """Something else is staged when it is looked at once more, and is gone again when it is committed."""
        mark = self.call("apply-look")["mark"]
        look = self.daemon.changing._look

        def look_at_another(place: Store) -> tuple:
            self.stage(STAGED + "isthmus.branch.mtu='1300'\n")
            try:
                return look(place)
            finally:
                self.stage()

        self.stage(STAGED)
        with mock.patch.object(self.daemon.changing, "_look", look_at_another):
            self.assertEqual(self.refused("apply", mark=mark, seconds=60).code, "staged-meanwhile")
        self.assertEqual((self.record.exists(), self.file.read_text()), (False, TUNNEL + RULE))

    def test_a_reload_waits_for_its_end(self) -> None:
        self.call("apply", seconds=60)
        self.assertEqual(self.refused("reload").code, "on-trial")
        self.daemon._on_signal("reload")
        self.daemon.turn()
        self.assertEqual(self.call("apply-status")["state"], "open")
        self.assertEqual(self.call("revert")["last"]["why"], "asked for")
        self.call("reload")

    def test_somebody_else_has_edited_the_file(self) -> None:
        began = self.call("apply", seconds=1)
        mine = self.file.read_text() + "# mine\n"
        self.file.write_text(mine)
        done = self.turn_until("kept")
        self.assertEqual(self.file.read_text(), mine)
        self.assertIn("isthmus reload", done["trouble"]["remedy"])
        self.assertNotIn("guests", self.guard.read_text(), "what runs is what ran before")
        self.assertEqual(self.refused("apply", seconds=60).code, "no-trial")
        self.assertEqual(done["mark"], began["mark"], "it is the same one still")
        self.daemon.edge.close()
        self.daemon._control.close()
        self.daemon = self.start()  # found again: whoever has seen it in its former life looks at it anew
        found = self.call("apply-status")
        self.assertEqual((found["state"], len(found["mark"])), ("kept", 16))
        self.assertEqual(self.refused("revert", over=True, mark=began["mark"]).code, "other-trial")
        self.assertEqual(self.call("apply-status")["state"], "kept")
        self.call("revert", over=True, mark=found["mark"])
        self.assertEqual(self.file.read_text(), TUNNEL + RULE)
        self.assertEqual((self.path / "etc" / "secrets" / "undone.changed.isthmus").read_text(), mine)

    def test_or_his_file_is_taken(self) -> None:
        self.call("apply", seconds=1)
        self.file.write_text(self.file.read_text() + "# mine\n")
        self.turn_until("kept")
        self.call("reload")
        self.assertEqual(self.call("apply-status")["state"], "idle")
        self.daemon.turn()
        self.assertIn("forced_across_guests", self.guard.read_text())
        self.assertFalse((self.path / "etc" / "secrets" / "undo.kept").exists())

    def test_an_exception_that_is_over_stays_so(self) -> None:
        self.file.write_text(TUNNEL + RULE + "\nconfig exception 'ntp'\n\tlist rule 'cameras'\n\tlist to '9.9.9.0/24'\n"
                             "\toption until '2020-01-01 00:00'\n")  # fmt: skip
        self.daemon.reload()
        self.daemon.turn()
        forcing = self.daemon.site.forcing
        self.assertEqual(len(forcing.spent), 1)
        self.stage("-isthmus.ntp\n")
        self.call("apply", seconds=60)
        self.assertEqual([row.exceptions for row in forcing.rules], [[], []])
        self.assertEqual(len(forcing.spent), 1)
        self.call("revert")
        self.assertEqual(len(forcing.spent), 1)

    def test_the_files_it_looks_for_at_the_start_are_those(self) -> None:
        self.assertEqual(module.UNDO_FILES, changing.LEFT)


class Outside(ApplyTest):
    """The daemon is a process of its own."""

    def start(self) -> None:
        words = [sys.executable, "-c", PROCESS, *self.paths, str(self.deltas)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "firmware")}
        self.process = subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL)
        self.addCleanup(self.process.wait, 30)
        self.addCleanup(self.process.kill)
        wait_for(self.answers)

    def answers(self) -> bool:
        try:
            return bool(ask(self.paths[2], {"command": "version"}, 5_000))
        except IsthmusError:
            return False

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def cli(self, *words: str) -> tuple[int, str]:
        program = "import sys; from isthmus import cli; sys.argv[0] = 'isthmus'; sys.exit(cli.main())"
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "firmware")}
        argv = [sys.executable, "-c", program, "--run", self.paths[2], *words]
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment, timeout=60, check=False
        )
        return done.returncode, done.stdout + done.stderr

    def test_killed_while_it_is_open(self) -> None:
        self.stage()
        self.start()
        ask(self.paths[2], {"command": "apply", "seconds": 600})
        self.assertIn("guests", self.file.read_text())
        self.kill()
        self.assertIn("forced_across_cameras", self.guard.read_text(), "the next boot holds both")
        self.assertIn("forced_across_guests", self.guard.read_text())
        self.start()
        done = ask(self.paths[2], {"command": "apply-status"})
        self.assertEqual((done["state"], done["last"]["why"]), ("idle", "isthmusd began anew before it was confirmed"))
        self.assertEqual((self.file.read_text(), self.staged()), (TUNNEL + RULE, STAGED))
        self.assertEqual(len(done["last"]["exposed"]), 2)
        wait_for(lambda: "guests" not in self.guard.read_text())

    def test_the_command_line_tells_how_it_ends(self) -> None:
        self.stage()
        self.start()
        status, text = self.cli("apply", "--confirm", "2")
        self.assertEqual(status, 1)
        for words in ("EXPOSED      " + EXPOSED, "held         " + HELD, "undone by itself in 2 s",
                      "undone: nobody confirmed it within 2 s", "the change is staged again"):  # fmt: skip
            self.assertIn(words, text)
        status, text = self.cli("apply", "--confirm", "60", "--no-wait")
        self.assertEqual(status, 0)
        self.assertIn("another change is on trial", self.cli("apply", "--confirm")[1])
        for words in (("apply", "--show"), ("status",)):
            self.assertIn("isthmus confirm", self.cli(*words)[1])
        status, text = self.cli("confirm")
        self.assertEqual((status, text.split("\n")[0]), (0, "confirmed: it stays"))
        self.assertIn("exposed: " + EXPOSED, text)
        self.assertEqual(self.cli("apply")[0], 1)
        self.assertEqual(json.loads(self.cli("apply", "--show", "--json")[1])["last"]["kind"], "confirmed")

    def test_a_second_writer_is_told(self) -> None:
        self.stage()
        self.start()
        ask(self.paths[2], {"command": "apply", "seconds": 600})
        self.stage("isthmus.branch.mtu='1400'\n")
        folders = ("--config", self.paths[0], "--deltas", str(self.deltas), "--secrets", str(self.key.parent))
        status, text = self.cli("config", *folders, "commit")
        self.assertEqual(status, 1)
        self.assertIn("another change is on trial", text)
        self.assertNotIn("1400", self.file.read_text())
        self.assertEqual(self.staged(), "isthmus.branch.mtu='1400'\n")


if __name__ == "__main__":
    unittest.main()
