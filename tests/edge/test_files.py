"""Files of the daemon: whole or old, private, and never through somebody's link."""

from __future__ import annotations

import os
import stat
import unittest
from unittest import mock

from isthmus.edge import os_cpython as host
from tests.edge.world import NOBODY, Folder, run_as


def mode_of(path: object) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)


class WriteTest(Folder):
    def setUp(self) -> None:
        super().setUp()
        self.file = self.path / "guard.nft"

    def test_it_replaces_and_is_private(self) -> None:
        self.file.write_text("old")
        os.chmod(self.file, 0o644)
        host.write_file(str(self.file), b"new")
        self.assertEqual((self.file.read_text(), mode_of(self.file)), ("new", 0o600))
        self.assertEqual(os.listdir(self.path), ["guard.nft"])

    def test_a_temporary_file_left_by_a_crash(self) -> None:
        left = self.path / "guard.nft.new"
        left.write_text("half of something much longer than what comes now")
        os.chmod(left, 0o666)
        host.write_file(str(self.file), b"new")
        self.assertEqual((self.file.read_text(), mode_of(self.file)), ("new", 0o600))
        self.assertEqual(os.listdir(self.path), ["guard.nft"])

    def test_a_link_or_a_pipe_at_the_temporary_name(self) -> None:
        target = self.path / "precious"
        target.write_text("kept")
        os.symlink(target, self.path / "guard.nft.new")
        host.write_file(str(self.file), b"new")
        os.mkfifo(self.path / "guard.nft.new")
        host.write_file(str(self.file), b"newer")
        os.link(target, self.path / "guard.nft.new")
        host.write_file(str(self.file), b"newest")
        self.assertEqual((target.read_text(), self.file.read_text()), ("kept", "newest"))
        self.assertFalse(self.file.is_symlink())

    def test_a_full_disk_leaves_the_old_file_and_nothing_else(self) -> None:
        self.file.write_text("old")
        with mock.patch.object(host.os, "write", self.refuse), self.assertRaises(OSError):
            host.write_file(str(self.file), b"new")
        self.assertEqual((self.file.read_text(), os.listdir(self.path)), ("old", ["guard.nft"]))

    def refuse(self, *_: object) -> int:
        raise OSError(28, "No space left on device")


class DirectoryTest(Folder):
    def test_it_is_made_and_closed(self) -> None:
        made = self.path / "a" / "b"
        host.private_directory(str(made))
        self.assertEqual(mode_of(made), 0o700)
        os.chmod(made, 0o777)
        host.private_directory(str(made))
        self.assertEqual(mode_of(made), 0o700)

    def test_a_link_of_the_administrator_may_lead_to_it(self) -> None:
        os.mkdir(self.path / "real")
        os.symlink(self.path / "real", self.path / "run")
        host.private_directory(str(self.path / "run"))
        self.assertEqual(mode_of(self.path / "real"), 0o700)

    def test_somebody_elses_directory_is_refused(self) -> None:
        theirs = self.path / "run"
        os.mkdir(theirs)
        os.chown(theirs, NOBODY, NOBODY)
        with self.assertRaises(OSError) as caught:
            host.private_directory(str(theirs))
        self.assertIn("belongs to another user", host.describe_os_error(caught.exception))

    def test_what_is_no_directory_is_refused(self) -> None:
        (self.path / "run").write_text("")
        with self.assertRaises(OSError):
            host.private_directory(str(self.path / "run"))


class LockTest(Folder):
    def setUp(self) -> None:
        super().setUp()
        self.lock = str(self.path / "lock")

    def other_process(self) -> int:
        def take() -> None:
            if host.only_instance(self.lock) is None:
                raise OSError(11, "taken")

        return run_as(0, take)

    def test_one_at_a_time(self) -> None:
        held = host.only_instance(self.lock)
        self.assertIsNotNone(held)
        self.assertEqual(self.other_process(), 11)
        self.assertEqual(mode_of(self.lock), 0o600)
        del held
        self.assertEqual(self.other_process(), 0)

    def test_a_link_is_not_followed(self) -> None:
        target = self.path / "precious"
        target.write_text("kept")
        os.symlink(target, self.lock)
        with self.assertRaises(OSError):
            host.only_instance(self.lock)
        self.assertEqual(target.read_text(), "kept")


if __name__ == "__main__":
    unittest.main()
