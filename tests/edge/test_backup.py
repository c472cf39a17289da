"""`isthmus backup` and `restore` on a real daemon around a null kernel: files, users, sessions, the command line."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

from isthmus import backups, changing, pairing_commands
from isthmus.backup.file import HEADER, LONGEST, pull_sealed
from isthmus.edge.control import ask
from isthmus.edge.os_cpython_files import RealCalls
from tests.edge.accounts_world import LIGHT, OTHER, PASSWORD, Accounted, at_terminal
from tests.edge.world import own_network, wait_for
from tests.repo.sources import ROOT

PASSPHRASE = "quiet otters read maps"
PAIRED = (
    "config tunnel 'depot'\n option remote '127.0.0.3'\n option local_id 'head'\n option remote_id 'depot'\n"
    " list remote_subnet '10.3.0.0/24'\n"
)
RULE = "config forced 'cameras'\n list from '192.168.10.50@02:00:00:00:00:50'\n list via 'depot'\n"
CONFIG = "# ours\n" + PAIRED + RULE
LATER = CONFIG.replace("10.3.0.0", "10.4.0.0")
FRESH = "config globals 'globals'\n"


def setUpModule() -> None:
    own_network()


class Idle:
    """A renewal of keys that has nothing to do, and still has the keys of before."""

    def get_timer(self) -> None:
        return None

    def take_actions(self) -> list:
        return []


class BackupTest(Accounted):
    def setUp(self) -> None:
        super().setUp()
        for where, name, value in ((backups.Backups, "params", LIGHT), (changing, "LEAST_S", 1)):
            self.addCleanup(setattr, where, name, getattr(where, name))
            setattr(where, name, value)
        self.file = self.path / "config" / "isthmus"
        self.secrets = self.path / "etc" / "secrets"
        self.write(CONFIG, {"depot": "a depot key 22\n", "site.id": "0f" * 16 + "\n"})
        self.ask("reload")

    def write(self, config: str, keys: dict[str, str]) -> None:
        self.file.write_text(config)
        self.secrets.mkdir(exist_ok=True)
        for name, text in keys.items():
            (self.secrets / name).write_text(text)

    def backup(self) -> str:
        return self.ask("backup", passphrase=PASSPHRASE)["file"]

    def look(self, file: str) -> dict:
        return self.ask("restore", file=file, passphrase=PASSPHRASE, look=True)

    def state(self) -> str:
        return self.ask("apply-status")["state"]

    def hold_scrypt(self) -> Any:
        """From now on scrypt waits until what is returned is called."""
        hasher = self.daemon.changing.backups._hasher
        start, held = hasher.start, []
        hasher.start = lambda *words: held.append(words)

        def release() -> None:
            hasher.start = start
            start(*held[0])

        return release

    def start_asking(self, **request: Any) -> subprocess.Popen:
        """A process of root's that asks and prints the code of the answer, as soon as isthmusd is at work for it."""
        program = (
            "import json, sys\nfrom isthmus.edge.control import ask\nfrom isthmus.errors import IsthmusError\n"
            "try:\n ask(sys.argv[1], json.loads(sys.argv[2]), 30000)\n print('fine')\n"
            "except IsthmusError as error:\n print(error.code)\n"
        )
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "firmware")}
        argv = [sys.executable, "-c", program, self.run_dir, json.dumps(request)]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=environment)
        self.assertTrue(wait_for(lambda: self.daemon._changing._backups._job is not None))
        return process

    def reset(self) -> None:
        """Another router of this site: as it comes from the shop."""
        self.stop()
        shutil.rmtree(self.path / "etc")
        (self.path / "etc" / "state").mkdir(parents=True)
        self.file.write_text(FRESH)
        self.log.lines.clear()
        self.start()


class Restored(BackupTest):
    def test_it_is_shown_put_in_force_and_stays_when_confirmed(self) -> None:
        made = self.ask("backup", passphrase=PASSPHRASE)
        self.assertEqual((made["tunnels"], made["notes"]), (["depot"], []))
        self.assertRegex(made["name"], r"^isthmus-[-a-zA-Z0-9]+-20\d\d-\d\d-\d\d\.backup$")
        raw = base64.b64decode(made["file"])
        self.assertEqual(len(raw), made["bytes"])
        self.assertNotIn(b"depot", raw)
        self.write(LATER, {"depot": "another key 33\n", "depot.next": "left\n"})
        self.ask("reload")
        seen = self.look(made["file"])
        self.assertEqual((seen["direct"], seen["same"], seen["tunnels"]), (False, False, ["depot"]))
        self.assertIn("depot", seen["changes"][0]["text"])
        self.assertEqual(self.file.read_text(), LATER, "it has only been looked at")
        began = self.ask("restore", mark=seen["mark"], seconds=60)
        self.assertEqual((began["state"], began["window_s"], began["alone"]), ("open", 60, False))
        self.assertEqual(began["changes"], seen["changes"])
        self.assertEqual(self.daemon.site.tunnels["depot"].config.psk, b"a depot key 22")
        self.assertEqual(self.ask("confirm", anyway=True)["last"]["kind"], "confirmed")
        self.assertEqual((self.file.read_text(), (self.secrets / "depot").read_text()), (CONFIG, "a depot key 22\n"))
        self.assertFalse((self.secrets / "depot.next").exists() or (self.secrets / "undo.open").exists())
        self.assertTrue(self.look(made["file"])["same"])
        self.assertEqual(self.refused("restore", mark=seen["mark"]), "restore-mark")

    def test_nobody_confirms_it(self) -> None:
        file = self.backup()
        self.write(LATER, {"depot": "another key 33\n"})
        self.ask("reload")
        self.ask("restore", file=file, passphrase=PASSPHRASE, seconds=1)
        self.assertTrue(wait_for(lambda: self.state() == "idle"))
        done = self.ask("apply-status")["last"]
        self.assertEqual(done["why"], "nobody confirmed it within 1 s")
        self.assertIn("isthmus restore FILE tries again", done["notes"][0])
        self.assertEqual((self.file.read_text(), (self.secrets / "depot").read_text()), (LATER, "another key 33\n"))
        self.assertEqual(self.daemon.site.tunnels["depot"].config.psk, b"another key 33")

    def test_a_daemon_that_begins_anew_undoes_it(self) -> None:
        self.ask("user-add", user="alice", role="administer", password=PASSWORD)
        file = self.backup()
        self.write(LATER, {"depot": "another key 33\n"})
        self.ask("reload")
        self.ask("user-add", user="bob", role="look", password=OTHER)
        users = self.users.read_bytes()
        self.ask("restore", file=file, passphrase=PASSPHRASE)
        self.assertNotEqual(self.users.read_bytes(), users)
        self.restart()
        self.assertEqual(self.ask("apply-status")["last"]["kind"], "undone")
        self.assertEqual((self.file.read_text(), (self.secrets / "depot").read_text()), (LATER, "another key 33\n"))
        self.assertEqual(self.users.read_bytes(), users)
        self.assertEqual(len(self.ask("user-list")["users"]), 2)

    def begin_with_users(self) -> bytes:
        """A backup of alice is on trial where bob is as well: the file of users as it was."""
        self.ask("user-add", user="alice", role="administer", password=PASSWORD)
        file = self.backup()
        self.ask("user-add", user="bob", role="look", password=OTHER)
        users = self.users.read_bytes()
        self.ask("restore", file=file, passphrase=PASSPHRASE)
        self.assertEqual(self.who(), ["alice"])
        return users

    def who(self) -> list[str]:
        return [row["user"] for row in self.ask("user-list")["users"]]

    def edit(self) -> None:
        with self.file.open("a") as file:
            file.write("# mine\n")

    def test_users_of_before_hold_while_somebody_elses_files_wait_for_a_decision(self) -> None:
        for ending in ("over", "reload"):
            with self.subTest(ending):
                before = self.begin_with_users()
                self.edit()
                for life in range(3):  # the trial's own end, and two restarts
                    if life:
                        self.restart()
                    else:
                        self.ask("revert")
                    self.assertEqual((self.state(), self.who()), ("kept", ["alice", "bob"]), life)
                    self.assertEqual(self.refused("user-delete", user="bob"), "on-trial")
                    self.assertEqual(self.login("bob", OTHER).get("role"), "look", life)
                if ending == "over":
                    self.ask("revert", over=True)
                    self.assertEqual((self.who(), self.users.read_bytes()), (["alice", "bob"], before))
                    self.ask("user-delete", user="bob")
                    self.ask("user-delete", user="alice")
                    self.write(CONFIG, {"depot": "a depot key 22\n"})
                else:
                    self.ask("reload")
                    self.assertEqual(self.who(), ["alice"], "the files as they are")
                    self.assertEqual(self.login("bob", OTHER).get("code"), "refused")

    def test_and_while_the_disk_cannot_take_them_back(self) -> None:
        before = self.begin_with_users()
        token = self.login("alice")["token"]
        full = OSError(28, "no space left on the device")
        with mock.patch.object(RealCalls, "create", side_effect=full):
            self.ask("revert")
            self.assertEqual((self.state(), self.who()), ("undoing", ["alice", "bob"]))
            self.assertNotEqual(self.users.read_bytes(), before)
            self.restart()
            self.assertEqual((self.state(), self.who()), ("undoing", ["alice", "bob"]))
            self.assertEqual(self.refused("user-delete", user="bob"), "on-trial")
            self.assertEqual(self.call("session", token=token)["code"], "no-session")
        self.daemon.changing.trial._again_at = 0
        self.assertTrue(wait_for(lambda: self.state() == "idle"))
        self.assertEqual((self.who(), self.users.read_bytes()), (["alice", "bob"], before))
        self.ask("user-delete", user="bob")

    def test_a_power_cut_behind_the_confirmation_keeps_the_users_of_the_backup(self) -> None:
        self.begin_with_users()
        self.daemon.changing._files.forget()  # the first step of it
        self.restart()
        self.assertEqual((self.state(), self.who()), ("idle", ["alice"]))

    def test_who_may_do_what_then_is_told(self) -> None:
        for name, role in (("alice", "administer"), ("bob", "look"), ("carol", "administer"), ("dora", "operate")):
            self.ask("user-add", user=name, role=role, password=PASSWORD)
        file = self.backup()
        self.ask("user-delete", user="carol")
        self.ask("user-role", user="dora", role="administer")
        self.ask("user-role", user="bob", role="operate")
        self.ask("user-add", user="erin", role="look", password=OTHER)
        said = [text for text in self.look(file)["notes"] if text.startswith("users: ")]
        self.assertEqual(said, [
            "users: administers then, and does not now: carol",
            "users: new: carol (administer)",
            "users: gone: erin (look)",
            "users: with another role: bob (operate now, look then), dora (administer now, operate then)",
        ])  # fmt: skip
        self.users.write_text("isthmus-users 1\nkey broken\n")
        said = [text for text in self.look(file)["notes"] if text.startswith("users: administers")]
        self.assertEqual(said, ["users: administers then, and does not now: alice, carol"])

    def test_on_the_router_that_replaces_it(self) -> None:
        self.ask("user-add", user="alice", role="administer", password=PASSWORD)
        file = self.backup()
        self.reset()
        self.ask("user-add", user="new", role="administer", password=OTHER)
        seen = self.look(file)
        said = "\n".join(seen["notes"])
        for words in ("Switch the former one off", "no interface br-lan", "(alice)"):
            self.assertIn(words, said)
        self.assertIn("tunnel depot is new: it leads to ", "\n".join([row["text"] for row in seen["changes"]]))
        self.ask("restore", mark=seen["mark"])
        self.ask("confirm")
        self.assertEqual((self.file.read_text(), (self.secrets / "site.id").read_text()), (CONFIG, "0f" * 16 + "\n"))
        self.assertEqual([row["user"] for row in self.ask("user-list")["users"]], ["alice"])
        self.assertEqual(self.secrets.stat().st_mode & 0o777, 0o700)

    def test_where_nothing_is_in_force_it_is_at_once(self) -> None:
        file = self.backup()
        self.stop()
        self.file.write_text("config tunnel 'depot\n")
        (self.secrets / "depot").unlink()
        self.start()
        self.assertEqual(self.daemon.site.tunnels, {})
        self.assertTrue(self.look(file)["direct"])
        answer = self.ask("restore", file=file, passphrase=PASSPHRASE)
        self.assertEqual((answer["state"], answer["last"]["kind"]), ("idle", "confirmed"))
        self.assertEqual((list(self.daemon.site.tunnels), self.file.read_text()), (["depot"], CONFIG))
        self.assertFalse((self.secrets / "undo.open").exists())

    def test_renewals_of_keys_go_on_from_what_is_on_the_disk(self) -> None:
        file = self.backup()
        self.write(CONFIG, {"depot": "another key 33\n"})
        self.ask("reload")
        beside = pairing_commands.wake(self.daemon)
        self.assertEqual(beside.registry.site_id(), b"\x0f" * 16)
        (self.secrets / "site.id").write_text("1e" * 16 + "\n")
        for command in ("revert", "confirm"):
            beside.machines["depot"] = Idle()
            self.ask("restore", file=file, passphrase=PASSPHRASE)
            self.assertEqual((beside.machines, beside.registry.site_id()), ({}, b"\x0f" * 16))
            beside.machines["depot"] = Idle()
            self.ask(command)
            self.assertEqual(beside.machines, {})
            self.assertEqual(beside.registry.site_id()[0], 0x1E if command == "revert" else 0x0F)

    def test_over_a_file_that_somebody_has_broken(self) -> None:
        """What runs goes on meanwhile, and is what the trial goes back to."""
        file = self.backup()
        self.file.write_text("config tunnel 'depot\n")
        self.assertEqual(self.refused("reload"), "configuration")
        self.assertFalse(self.look(file)["same"])
        self.ask("restore", file=file, passphrase=PASSPHRASE)
        self.ask("revert")
        self.assertEqual((self.file.read_text(), list(self.daemon.site.tunnels)), ("config tunnel 'depot\n", ["depot"]))
        self.assertTrue(self.ask("status")["config"]["error"])
        self.ask("restore", file=file, passphrase=PASSPHRASE)
        self.ask("confirm", anyway=True)
        self.assertEqual((self.file.read_text(), self.ask("status")["config"]["error"]), (CONFIG, None))

    def test_what_is_refused_changes_nothing(self) -> None:
        file = self.backup()
        self.write(LATER, {})
        self.ask("reload")
        raw = base64.b64decode(file)
        altered = bytearray(raw)
        altered[HEADER] ^= 1
        for data, code in ((raw[:-1], "backup-truncated"), (bytes(altered), "backup-damaged"), (b"x", "no-backup")):
            text = base64.b64encode(data).decode()
            self.assertEqual(self.refused("restore", file=text, passphrase=PASSPHRASE), code)
        self.assertEqual(self.refused("restore", file=file, passphrase="another one"), "backup-passphrase")
        self.assertEqual(self.refused("restore", file="\u00e4", passphrase="x"), "no-backup")
        self.assertEqual(self.refused("restore", file=file), "bad-request")
        self.assertEqual(self.refused("restore", file=file, passphrase="x", seconds=5000), "not-applied")
        self.assertEqual(self.refused("restore", mark="0" * 32), "restore-mark")
        self.assertEqual(self.refused("backup", passphrase="short"), "passphrase-weak")
        seen = self.look(file)
        (self.path / "deltas").mkdir()
        (self.path / "deltas" / "isthmus").write_text("isthmus.depot.mtu='1400'\n")
        self.assertEqual(self.refused("restore", mark=seen["mark"]), "staged-meanwhile")
        (self.path / "deltas" / "isthmus").unlink()
        self.file.write_text(LATER + "# mine\n")
        self.assertEqual(self.refused("restore", mark=seen["mark"]), "staged-meanwhile")
        self.assertEqual(self.file.read_text(), LATER + "# mine\n")
        self.assertEqual((self.state(), (self.secrets / "undo.open").exists()), ("idle", False))
        self.assertEqual([line for line in self.log.lines if PASSPHRASE in line or "a depot key" in line], [])

    def test_what_this_router_would_refuse(self) -> None:
        file = self.backup()
        self.file.write_text(CONFIG.replace("192.168.10.50@02:00:00:00:00:50", "br-guest"))
        self.daemon._has_started = False  # as at boot, when interfaces come up later
        self.ask("reload")
        odd = self.backup()
        self.daemon._has_started = True
        self.assertEqual(self.refused("restore", file=odd, passphrase=PASSPHRASE), "backup-refused")
        self.assertTrue(self.look(file)["changes"])

    def test_one_at_a_time_and_none_while_a_change_is_on_trial(self) -> None:
        file = self.backup()
        release = self.hold_scrypt()
        first = self.start_asking(command="backup", passphrase=PASSPHRASE)
        for command, fields in (("backup", {}), ("restore", {"file": file})):
            self.assertEqual(self.refused(command, passphrase=PASSPHRASE, **fields), "backup-busy")
        release()
        self.assertEqual(first.communicate(timeout=60)[0].strip(), "fine")
        self.write(LATER, {})
        self.ask("reload")
        self.ask("restore", file=file, passphrase=PASSPHRASE)
        for command, fields in (("backup", {}), ("restore", {"file": file}), ("restore", {"file": file, "look": True})):
            self.assertEqual(self.refused(command, passphrase=PASSPHRASE, **fields), "no-trial")
        self.ask("revert")

    def test_what_was_shown_is_not_kept_for_long(self) -> None:
        file = self.backup()
        self.write(LATER, {})
        self.ask("reload")
        mark = self.look(file)["mark"]
        self.daemon.changing.backups._shown.until = 0
        self.assertEqual(self.refused("restore", mark=mark), "restore-mark")


class Users(BackupTest):
    def setUp(self) -> None:
        super().setUp()
        self.ask("user-add", user="alice", role="administer", password=PASSWORD)
        self.old = self.backup()
        self.ask("user-passwd", user="alice", password=OTHER)
        self.ask("user-add", user="bob", role="look", password=OTHER)

    def stepped_up(self) -> str:
        token = self.login(password=OTHER)["token"]
        return self.call("step-up", token=token, password=OTHER)["token"]

    def names(self) -> list[str]:
        return [row["user"] for row in self.ask("user-list")["users"]]

    def test_the_passwords_of_the_backup_hold_and_one_of_them_confirms(self) -> None:
        token = self.stepped_up()
        seen = self.call("restore", token=token, file=self.old, passphrase=PASSPHRASE, look=True)
        self.assertIn("(alice)", "".join(seen["notes"]))
        began = self.call("restore", token=token, mark=seen["mark"])
        self.assertEqual(self.call("confirm", token=token)["code"], "no-session")
        self.assertEqual(self.login(password=OTHER)["code"], "refused")
        self.assertEqual(self.refused("user-add", user="carol", role="look", password=PASSWORD), "on-trial")
        fresh = self.login()["token"]
        self.assertEqual(self.call("confirm", token=fresh, mark=began["mark"])["last"]["kind"], "confirmed")
        self.assertEqual(self.names(), ["alice"])
        self.ask("user-add", user="carol", role="look", password=PASSWORD)

    def test_users_who_came_since_it_was_shown_stay_and_a_mark_is_no_look(self) -> None:
        token = self.stepped_up()
        mark = self.call("restore", token=token, file=self.old, passphrase=PASSPHRASE, look=True)["mark"]
        self.assertEqual(self.call("restore", token=token, mark=mark, look=True)["code"], "bad-request")
        self.ask("user-add", user="carol", role="look", password=PASSWORD)
        self.assertEqual(self.call("restore", token=token, mark=mark)["code"], "restore-mark")
        self.assertEqual(self.names(), ["alice", "bob", "carol"])

    def test_if_nobody_does_the_former_are_back(self) -> None:
        kept = self.users.read_bytes()
        self.ask("restore", file=self.old, passphrase=PASSPHRASE)
        self.assertEqual(self.names(), ["alice"])
        self.daemon.changing.trial.ends_at = 0
        self.assertTrue(wait_for(lambda: self.state() == "idle"))
        self.assertEqual((self.names(), self.users.read_bytes()), (["alice", "bob"], kept))
        self.assertIn("token", self.login(password=OTHER))

    def test_it_takes_an_administrator_and_a_fresh_password(self) -> None:
        token = self.login(password=OTHER)["token"]
        looker = self.login("bob", OTHER)["token"]
        for command, fields in (("backup", {}), ("restore", {"file": self.old})):
            for who, code in ((token, "step-up"), (looker, "forbidden"), ("x" * 43, "no-session")):
                found = self.call(command, token=who, passphrase=PASSPHRASE, **fields)
                self.assertEqual(found["code"], code)
            self.assertEqual(self.call(command, passphrase=PASSPHRASE, **fields)["code"], "no-session")

    def test_who_is_deleted_meanwhile_restores_nothing(self) -> None:
        self.ask("user-add", user="mallory", role="administer", password=OTHER)
        token = self.login("mallory", OTHER)["token"]
        token = self.call("step-up", token=token, password=OTHER)["token"]
        before, release = self.users.read_bytes(), self.hold_scrypt()
        job = self.start_asking(command="restore", file=self.old, passphrase=PASSPHRASE, token=token)
        self.ask("user-delete", user="mallory")
        release()
        self.assertEqual(job.communicate(timeout=60)[0].strip(), "no-session")
        self.assertEqual(self.state(), "idle")
        self.assertNotEqual(self.users.read_bytes(), before)


class CommandLine(BackupTest):
    def cli(self, *words: str, typed: str = PASSPHRASE + "\n", folder: Path | None = None) -> tuple[int, bytes, str]:
        program = "import sys; from isthmus import cli; sys.argv[0] = 'isthmus'; sys.exit(cli.main())"
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "firmware")}
        argv = [sys.executable, "-c", program, "--run", self.run_dir, *words]
        done = subprocess.run(argv, input=typed.encode(), capture_output=True, env=environment, timeout=60, check=False,
                              cwd=folder or self.path)  # fmt: skip
        return done.returncode, done.stdout, done.stderr.decode()

    def test_a_file_and_back(self) -> None:
        status, out, err = self.cli("backup", "mine.backup")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("1 tunnel: depot", out.decode())
        file = self.path / "mine.backup"
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        self.assertEqual([path.name for path in self.path.iterdir() if "-new" in path.name], [])
        status, _, err = self.cli("backup", "mine.backup")
        self.assertEqual((status, err.split(":")[1]), (1, " mine.backup is there already; no backup is written over"))
        status, out, _ = self.cli("backup", "-")
        self.assertEqual((status, pull_sealed(out).params), (0, LIGHT))
        self.write(LATER, {})
        self.ask("reload")
        status, out, _ = self.cli("restore", "mine.backup", "--look")
        self.assertEqual((status, self.state()), (0, "idle"))
        self.assertIn("depot", out.decode())
        status, out, _ = self.cli("restore", "mine.backup", "--confirm", "1")
        self.assertEqual(status, 1)
        self.assertIn("undone: nobody confirmed it within 1 s", out.decode())
        status, out, _ = self.cli("restore", "mine.backup", "--no-wait")
        self.assertEqual((status, self.state()), (0, "open"))
        self.assertEqual(self.cli("confirm")[0], 0)
        self.assertEqual(self.file.read_text(), CONFIG)

    def test_at_a_terminal_nothing_is_shown_of_it(self) -> None:
        program = "import sys; from isthmus import cli; sys.argv[0] = 'isthmus'; sys.exit(cli.main())"
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "firmware")}
        argv = [sys.executable, "-c", program, "--run", self.run_dir]
        file = str(self.path / "mine.backup")
        for lines, told in (([PASSPHRASE, PASSPHRASE], 0), ([PASSPHRASE, "another one 77"], 1)):
            status, seen, shown = at_terminal([*argv, "backup", file], environment, lines)
            self.assertEqual((status, PASSPHRASE in seen + shown), (told, False), seen)
            file += "2"
        self.write(LATER, {})
        self.ask("reload")
        status, seen, shown = at_terminal([*argv, "restore", file[:-2]], environment, [PASSPHRASE, "no"])
        self.assertEqual((status, PASSPHRASE in seen + shown, self.state()), (1, False, "idle"))
        self.assertIn("nothing is restored", seen)
        self.assertEqual(seen.count("passphrase of the backup"), 1)

    def test_without_a_name_it_has_one(self) -> None:
        folder = self.path / "here"
        folder.mkdir()
        answer = json.loads(self.cli("backup", "--json", folder=folder)[1])
        self.assertEqual([path.name for path in folder.iterdir()], [answer["name"]])
        self.assertEqual(answer["file"], answer["name"])

    def test_what_is_wrong_is_said_in_one_line(self) -> None:
        (self.path / "large").write_bytes(bytes(LONGEST + 1))
        (self.path / "picture").write_bytes(b"GIF89a")
        for words, said in (
            (("restore", "nowhere"), "cannot read"), (("restore", "large"), "longer than any backup"),
            (("restore", "picture"), "no backup of Isthmus"), (("backup", "/nowhere/x"), "cannot write"),
            (("backup", "-", "--json"), "not both"),
        ):  # fmt: skip
            status, out, err = self.cli(*words)
            self.assertEqual((status, out, err.count("\n")), (1, b"", 1), words)
            self.assertIn(said, err)
        self.assertIn("at least 12", self.cli("backup", "x", typed="short\n")[2])
        self.assertIn("no password", self.cli("backup", "x", typed="")[2])
        self.assertFalse((self.path / "x").exists())
        self.assertEqual(ask(self.run_dir, {"command": "apply-status"})["state"], "idle")
