"""A program run to its end: what goes in, what comes out, and what is said of one that fails."""

from __future__ import annotations

import os
import tempfile
import time
import unittest
from unittest import mock

from isthmus.kernel import real_program as module
from isthmus.kernel.real_program import run

PATIENCE_MS = 20_000


class Run(unittest.TestCase):
    def sh(self, script: str, text: str = "", patience: int = PATIENCE_MS) -> tuple[int, str, str]:
        return run("sh", ["-c", script], text, patience)

    def test_both_outputs_and_the_status(self) -> None:
        done = self.sh("read line; echo got $line; echo bad >&2; exit 3", "word\n")
        self.assertEqual(done, (3, "got word\n", "bad\n"))

    def test_texts_larger_than_a_pipe_both_ways(self) -> None:
        text = "0123456789abcdef" * 20_000
        self.assertEqual(self.sh("cat; echo end >&2", text), (0, text, "end\n"))

    def test_a_program_that_does_not_read(self) -> None:
        self.assertEqual(self.sh("exec <&-; echo said", "x" * 1_000_000), (0, "said\n", ""))

    def test_its_surroundings_are_fixed(self) -> None:
        with mock.patch.dict(os.environ, {"SECRET": "canary"}), tempfile.NamedTemporaryFile(suffix="canary"):
            status, out, _ = self.sh("echo $LC_ALL $PATH; env; ls -l /proc/self/fd")
        self.assertEqual(status, 0)
        self.assertEqual(out.split("\n")[0], "C " + ":".join(module.FOLDERS))
        self.assertNotIn("canary", out)
        self.assertIn("pipe:", out)

    def test_a_signal_is_a_negative_status(self) -> None:
        self.assertEqual(self.sh("kill -9 $$")[0], -9)

    def test_sigpipe_ends_it_as_usual(self) -> None:
        self.assertEqual(self.sh("kill -PIPE $$; echo ignored")[:2], (-13, ""))

    def test_one_that_is_not_there(self) -> None:
        before = os.listdir("/proc/self/fd")
        with self.assertRaises(FileNotFoundError):
            run("isthmus-no-such-program", [], "", PATIENCE_MS)
        self.assertEqual(len(os.listdir("/proc/self/fd")), len(before))

    def test_one_that_takes_too_long_is_killed(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = folder + "/pid"
            with self.assertRaises(TimeoutError):
                self.sh("echo $$ > %s; exec sleep 60" % path, patience=1500)
            with open(path) as file:
                pid = int(file.read())
            with self.assertRaises(ProcessLookupError):
                os.kill(pid, 0)

    def test_one_that_says_no_more_and_goes_on_is_killed_as_well(self) -> None:
        begin = time.monotonic()
        with self.assertRaises(TimeoutError):
            self.sh("exec >&- 2>&- <&-; exec sleep 60", patience=1500)
        self.assertLess(time.monotonic() - begin, 30)


if __name__ == "__main__":
    unittest.main()
