"""`isthmus config` on a real file system: what it prints, modes and owners, links, locks, and two writers at once."""

from __future__ import annotations

import fcntl
import io
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

from isthmus import cli
from isthmus.config import uci
from isthmus.edge import os_cpython_files
from tests.edge.world import NOBODY, Folder

ROOT = Path(__file__).parents[2]
KEY = "geheim-geheim-geheim"
TEXT = """# two sites
config globals
	option log_level notice # quiet

config tunnel 'branch'
	option remote 'branch.example.net'
	list remote_subnet "192.168.20.0/24"  # their LAN
"""


class ConfigCli(Folder):
    def setUp(self) -> None:
        super().setUp()
        os.umask(0o022)
        for name in ("config", "secrets"):
            (self.path / name).mkdir()
        self.file = self.path / "config" / "isthmus"
        self.file.write_text(TEXT)
        self.deltas = self.path / "uci" / "isthmus"
        self.keys = self.path / "uci" / "isthmus.keys"
        self.key = self.path / "secrets" / "branch"
        self.key.write_text(KEY + "\n")

    def words(self, *words: str) -> list[str]:
        folders = ("config", "deltas", "secrets")
        places = [self.path / ("uci" if name == "deltas" else name) for name in folders]
        return ["config", *[f"--{folders[i]}={places[i]}" for i in range(3)], *words]

    def run_cli(self, *words: str, typed: str = "") -> tuple[int, str, str]:
        """(exit status, standard output, standard error)"""
        out, err = io.TextIOWrapper(io.BytesIO()), io.StringIO()
        before = sys.argv, sys.stdin, sys.stdout, sys.stderr
        sys.argv = ["isthmus", *self.words(*words)]
        sys.stdin, sys.stdout, sys.stderr = io.TextIOWrapper(io.BytesIO(typed.encode())), out, err
        try:
            try:
                status = cli.main()
            except SystemExit as end:
                status = end.code
        finally:
            sys.argv, sys.stdin, sys.stdout, sys.stderr = before
        out.flush()
        return status, out.buffer.getvalue().decode(), err.getvalue()

    def done(self, *words: str, typed: str = "") -> str:
        """Standard output of what must succeed."""
        status, out, err = self.run_cli(*words, typed=typed)
        self.assertEqual(status, 0, err)
        return out

    def refused(self, *words: str) -> str:
        status, out, err = self.run_cli(*words)
        self.assertEqual((status, out), (1, ""), err)
        return err


class FormsTest(ConfigCli):
    def test_get_and_show_print_what_uci_prints(self) -> None:
        self.assertEqual(self.done("get", "isthmus.branch"), "tunnel\n")
        self.assertEqual(self.done("get", "isthmus.@tunnel[-1].remote"), "branch.example.net\n")
        self.assertEqual(self.done("show", "isthmus.branch.remote"), "isthmus.branch.remote='branch.example.net'\n")
        self.assertEqual(self.done("show").split("\n"), [
            "isthmus.@globals[0]=globals", "isthmus.@globals[0].log_level='notice'", "isthmus.branch=tunnel",
            "isthmus.branch.remote='branch.example.net'", "isthmus.branch.remote_subnet='192.168.20.0/24'", "",
        ])  # fmt: skip
        self.assertEqual(self.done("show", "isthmus.@globals[0]").split("\n")[0], "isthmus.cfg013b09=globals")

    def test_lists_and_quotes(self) -> None:
        self.file.write_text("config x y\n\tlist l 'a b'\n\tlist l c\n\toption o 'it'\\''s'\n")
        self.assertEqual(self.done("get", "isthmus.y.l"), "'a b' c\n")
        self.assertEqual(self.done("show", "isthmus.y.l"), "isthmus.y.l='a b' 'c'\n")
        self.assertEqual(self.done("show", "isthmus.y.o"), "isthmus.y.o='it'\\''s'\n")

    def test_a_tunnel_from_nothing(self) -> None:
        for words in ("isthmus.office=tunnel", "isthmus.office.remote=o.example.net", "isthmus.office.mtu=1400"):
            self.assertEqual(self.done("set", words), "")
        self.done("add_list", "isthmus.office.remote_subnet=192.168.30.0/24")
        status, _, err = self.run_cli("commit")
        self.assertEqual(status, 1)
        self.assertIn("tunnel 'office', option psk: the tunnel has no key", err)
        self.assertEqual(self.file.read_text(), TEXT)
        self.done("set", "isthmus.office.psk", typed=KEY + "\n")
        changes = self.done("changes")
        self.assertIn("isthmus.office.remote_subnet+='192.168.30.0/24'\n", changes)
        self.assertIn("isthmus.office.psk=(not shown)\n", changes)
        self.done("commit")
        self.assertEqual(self.file.read_text(), TEXT + "\nconfig tunnel 'office'\n\toption remote 'o.example.net'\n"
                         "\toption mtu '1400'\n\tlist remote_subnet '192.168.30.0/24'\n")  # fmt: skip
        self.assertEqual((self.path / "secrets" / "office").read_text(), KEY + "\n")
        self.assertEqual(self.done("changes"), "")
        self.assertEqual(self.done("commit"), "")

    def test_changes_of_uci_itself(self) -> None:
        self.deltas.parent.mkdir()
        self.deltas.write_text("isthmus.branch.mtu='1400'\n-isthmus.branch.remote_subnet\n")
        self.assertEqual(self.done("changes"), "isthmus.branch.mtu='1400'\n-isthmus.branch.remote_subnet\n")
        self.assertEqual(self.done("get", "isthmus.branch.mtu"), "1400\n")
        self.done("revert", "isthmus.branch.remote_subnet")
        self.done("commit")
        self.assertEqual(self.file.read_text(), TEXT + "\toption mtu '1400'\n")

    def test_add_rename_reorder_delete(self) -> None:
        name = self.done("add", "isthmus", "exception").strip()
        self.assertEqual(name[:5], "cfg03")
        self.done("rename", f"isthmus.{name}=lunch")
        self.done("reorder", "isthmus.lunch=0")
        self.assertEqual(self.done("show").split("\n")[0], "isthmus.lunch=exception")
        self.done("delete", "isthmus.lunch")
        self.done("del_list", "isthmus.branch.remote_subnet=192.168.20.0/24")
        self.done("commit")
        self.assertEqual(self.file.read_text(), TEXT[: TEXT.index("\tlist")])

    def test_what_is_refused(self) -> None:
        for words, part in (
            (("get", "isthmus.branch.mtu"), "there is no option isthmus.branch.mtu"),
            (("get", "isthmus.nowhere"), "there is no section isthmus.nowhere; there are: cfg013b09, branch"),
            (("get", "network.lan"), "for other files use uci"),
            (("set", "isthmus.a.b.c=1"), "names no section and no option"),
            (("set", "isthmus..b=1"), "names no section and no option"),
            (("set", "isthmus.branch.mtu"), "set wants a value"),
            (("set", "isthmus=1"), "does not go together"),
            (("add_list", "isthmus.branch=1"), "does not go together"),
            (("set", "isthmus.branch.mtu=1"), "1280 to 9000"),
            (("add", "isthmus", "tunel"), "did you mean tunnel?"),
            (("set", "isthmus.branch.psk"), "no psk came from standard input"),
        ):
            self.assertIn(part, self.refused(*words), words)
        self.assertEqual(self.run_cli("frobnicate")[0], 2)
        self.assertEqual(self.run_cli("add", "network", "interface")[0], 2)

    def test_no_file(self) -> None:
        self.file.unlink()
        self.assertIn("create it: touch", self.refused("show"))
        self.assertIn("create it: touch", self.refused("set", "isthmus.branch.mtu=1400"))
        self.assertFalse(self.file.exists())


class KeyTest(ConfigCli):
    def test_keys_are_not_shown(self) -> None:
        self.file.write_text(TEXT + f"\toption psk '{KEY}'\n\toption pks '{KEY}'\n")
        shown = self.done("show") + self.refused("get", "isthmus.branch.psk") + self.refused("commit", "x.y")
        self.deltas.parent.mkdir()
        self.deltas.write_text(f"isthmus.branch.psk='{KEY}1'\nisthmus.branch.ppk='{KEY}2'\nisthmus.gone.psk='{KEY}'\n")
        shown += self.done("changes") + self.refused("commit")
        self.assertNotIn(KEY, shown)
        self.assertEqual(shown.count("(not shown)"), 2 + 3)

    def test_a_key_on_the_command_line_is_taken_and_told_of(self) -> None:
        status, _, err = self.run_cli("set", "isthmus.branch.psk=" + KEY + "x")
        self.assertEqual(status, 0)
        self.assertIn("leave out the =", err)
        self.assertNotIn(KEY, err)

    def test_files_with_keys_are_private(self) -> None:
        (self.path / "uci").mkdir()
        self.deltas.write_text("isthmus.branch.mtu='1400'\n")  # as uci leaves it, readable by all
        self.done("set", "isthmus.branch.psk", typed=KEY + "2\n")
        self.done("set", "isthmus.branch.role=both")
        for path in (self.keys, self.deltas):
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.done("commit")
        self.assertEqual(stat.S_IMODE(self.key.stat().st_mode), 0o600)  # whatever it was
        self.assertEqual(self.key.read_text(), KEY + "2\n")
        self.key.unlink()
        self.done("set", "isthmus.branch.psk", typed=KEY + "\n")
        self.done("commit")
        self.assertEqual(stat.S_IMODE(self.key.stat().st_mode), 0o600)


class FileTest(ConfigCli):
    def test_the_folder_of_keys_is_made_and_private(self) -> None:
        self.key.unlink()
        self.key.parent.rmdir()
        self.done("set", "isthmus.branch.psk", typed=KEY + "\n")
        self.done("commit")
        self.assertEqual(stat.S_IMODE(self.key.parent.stat().st_mode), 0o700)
        self.assertEqual(self.key.read_text(), KEY + "\n")

    def test_mode_and_owner_are_kept_and_nothing_is_left(self) -> None:
        os.chmod(self.file, 0o640)
        os.chown(self.file, 0, NOBODY)
        self.done("set", "isthmus.branch.mtu=1400")
        self.done("commit")
        found = self.file.stat()
        self.assertEqual((stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid), (0o640, 0, NOBODY))
        self.assertEqual(os.listdir(self.path / "config"), ["isthmus"])

    def test_a_link_of_the_administrator_stays(self) -> None:
        real = self.path / "real"
        self.file.rename(real)
        self.file.symlink_to(real)
        self.done("set", "isthmus.branch.mtu=1400")
        self.done("commit")
        self.assertTrue(self.file.is_symlink())
        self.assertIn("1400", real.read_text())

    def test_a_folder_that_others_may_write_into(self) -> None:
        (self.path / "uci").mkdir()
        os.chmod(self.path / "uci", 0o777)
        self.assertIn("not permitted", self.refused("set", "isthmus.branch.mtu=1400"))
        os.chmod(self.path / "uci", 0o755)
        os.chown(self.path / "uci", NOBODY, NOBODY)
        self.assertIn("not permitted", self.refused("set", "isthmus.branch.mtu=1400"))

    def test_somebody_elses_link_for_the_folder(self) -> None:
        """/tmp/.uci is made by whoever is first: it must not lead into a folder of root's, such as /etc/init.d."""
        scripts = self.path / "init.d"
        scripts.mkdir()
        script = scripts / "isthmus"
        script.write_text("#!/bin/sh\n")
        script.chmod(0o755)
        for uid in (NOBODY, os.geteuid()):
            link = self.path / "uci"
            link.symlink_to(scripts)
            os.lchown(link, uid, uid)
            if uid == NOBODY:
                for words in (["set", "isthmus.branch.mtu=1400"], ["revert", "isthmus"], ["changes"], ["show"]):
                    self.assertIn("not permitted", self.refused(*words))
                self.assertEqual((script.read_text(), stat.S_IMODE(script.stat().st_mode)), ("#!/bin/sh\n", 0o755))
            else:
                script.unlink()
                self.done("set", "isthmus.branch.mtu=1400")  # the administrator's own
            link.unlink()

    def test_a_folder_that_is_somebody_elses_is_not_even_read(self) -> None:
        self.deltas.parent.mkdir()
        self.deltas.write_text("isthmus.branch.mtu='1400'\n")
        os.chown(self.deltas.parent, NOBODY, NOBODY)
        self.assertIn("not permitted", self.refused("changes"))

    def test_somebody_elses_link_for_the_changes(self) -> None:
        (self.path / "uci").mkdir()
        target = self.path / "precious"
        target.write_text("kept")
        self.deltas.symlink_to(target)
        self.refused("set", "isthmus.branch.mtu=1400")
        self.assertEqual(target.read_text(), "kept")


class LockTest(ConfigCli):
    def setUp(self) -> None:
        super().setUp()
        before = os_cpython_files.LOCK_TRIES
        os_cpython_files.LOCK_TRIES = 2
        self.addCleanup(setattr, os_cpython_files, "LOCK_TRIES", before)

    def test_the_second_writer_is_told(self) -> None:
        """As uci locks: flock() on the configuration, or on the file of changes."""
        self.done("set", "isthmus.branch.mtu=1400")
        for path in (self.file, self.deltas):
            with path.open("r+") as held:
                fcntl.flock(held, fcntl.LOCK_EX)
                for words in (("set", "isthmus.branch.role=both"), ("commit",), ("revert", "isthmus")):
                    self.assertIn("another program is changing the configuration", self.refused(*words))
        self.assertEqual(self.deltas.read_text(), "isthmus.branch.mtu='1400'\n")
        self.assertEqual(self.file.read_text(), TEXT)
        self.done("commit")

    def test_a_short_lock_is_waited_for(self) -> None:
        os_cpython_files.LOCK_TRIES = 200
        with self.file.open("r+") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            timer = threading.Timer(0.2, fcntl.flock, (held, fcntl.LOCK_UN))
            timer.start()
            self.done("set", "isthmus.branch.mtu=1400")
            timer.join()
        self.assertEqual(self.deltas.read_text(), "isthmus.branch.mtu='1400'\n")

    def test_two_programs_at_once_lose_nothing(self) -> None:
        """Each stages and commits its own networks; what was not refused is in the file at the end."""
        code = (
            "import sys\nfrom isthmus.edge.os_cpython_files import RealCalls\nfrom isthmus.config.store import Store\n"
            "from isthmus.config.lock import StoreError\n"
            "store = Store(RealCalls(), *sys.argv[2:])\nfor number in range(12):\n"
            "    value = b'10.%d.%d.0/24' % (int(sys.argv[1]), number)\n"
            "    for call, args in ((store.stage, ('|', 'branch', 'remote_subnet', value)), (store.commit, ())):\n"
            "        while True:\n"
            "            try:\n                call(*args)\n                break\n"
            "            except StoreError as error:\n                assert 'another program' in str(error), error\n"
        )
        folders = [str(self.path / name) for name in ("config", "uci", "secrets")]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "firmware")}
        writers = [
            subprocess.Popen([sys.executable, "-c", code, str(number), *folders], env=environment)
            for number in range(2)
        ]
        end = time.monotonic() + 120
        self.assertEqual([writer.wait(max(1, end - time.monotonic())) for writer in writers], [0, 0])
        found = uci.parse(self.file.read_bytes(), "test").get("branch").get("remote_subnet").values
        expected = [b"192.168.20.0/24"] + [b"10.%d.%d.0/24" % (one, two) for one in range(2) for two in range(12)]
        self.assertEqual(sorted(found), sorted(expected))
        self.assertIn("# their LAN", self.file.read_text())
