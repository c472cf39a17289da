"""The test runner itself: nothing that goes wrong in a job may pass for success."""

from __future__ import annotations

import io
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

from tests.runner import interpreters, jobs
from tests.runner.jobs import Failure, Job, run
from tests.runner.report import ALLOWED_SKIPS, Printer, Result, summary

PASSED = 'print(\'{"test": "a", "result": "passed", "why": "", "seconds": 0}\')\n'
FAILED = 'print(\'{"test": "b", "result": "failed", "why": "as told", "seconds": 0}\')\n'
DONE_1 = "print('{\"done\": 1}')\n"


def tally(*jobs: Job | Failure, ci: bool = False) -> tuple[dict[str, int], str]:
    """The counts that jobs come to, and what is printed."""
    stream = io.StringIO()
    printer = Printer(ci, stream)
    run(list(jobs), 2, printer, full=False)
    return printer.counts(), stream.getvalue()


def job(source: str, limit: float = 60, lines: bool = True) -> Job:
    return Job("label", "name", [sys.executable, "-S", "-c", source], limit, lines=lines)


# What a job does, the counts it must come to (passed, failed), and words that must be printed.
JOBS = (
    (PASSED + DONE_1, (1, 0), ""),
    (FAILED + DONE_1, (0, 1), "as told"),
    (FAILED + DONE_1 + "raise SystemExit(1)", (0, 1), "as told"),
    (PASSED, (1, 1), "ended early"),
    ("", (0, 1), "ended early"),
    ("import os, sys\n" + PASSED + "sys.stdout.flush()\nos.kill(os.getpid(), 9)", (1, 1), "exit status -9"),
    (PASSED + "print('{\"done\": 2}')", (1, 1), "announced 2 results, printed 1"),
    (PASSED + DONE_1 + "raise SystemExit(3)", (1, 1), "exit status 3, though no test failed"),
    (PASSED + "print('noise')\nprint('{noise')\nprint('{}')\n" + DONE_1, (1, 0), ""),
    ("print('the reason')\nraise SystemExit(1)", (0, 1), "the reason"),
)


class Jobs(unittest.TestCase):
    def test_each_end_is_told(self):
        for source, (passed, failed), words in JOBS:
            with self.subTest(source=source):
                counts, text = tally(job(source))
                self.assertEqual((counts["passed"], counts["failed"]), (passed, failed), text)
                self.assertIn(words, text)

    def test_a_plain_check_is_judged_by_its_exit_status(self):
        self.assertEqual(tally(job("print('fine')", lines=False))[0]["passed"], 1)
        counts, text = tally(job("print('line 7: wrong')\nraise SystemExit(2)", lines=False))
        self.assertEqual(counts["failed"], 1)
        self.assertIn("line 7: wrong", text)

    def test_what_gives_way_does_not_begin_while_a_live_job_wants_quiet(self):
        with tempfile.TemporaryDirectory() as folder:
            begun = Path(folder) / "begun"
            # The live one ends early while it is quiet: the other one begins after it, and only then.
            live = (
                "import os, time\nprint('{\"quiet\": true}', flush=True)\ntime.sleep(1)\n"
                "print('{\"test\": \"live\", \"result\": \"%%s\", \"why\": \"\", \"seconds\": 0}'"
                " %% ('failed' if os.path.exists(%r) else 'passed'))\n" % str(begun)
            ) + DONE_1
            stream = io.StringIO()
            printer = Printer(False, stream)
            source = job(live)
            source.live = True
            thread = threading.Thread(target=run, args=([source], 1, printer, False))
            thread.start()
            end = time.monotonic() + 60
            while jobs._may_begin.is_set() and time.monotonic() < end:
                time.sleep(0.01)
            other = job("open(%r, 'w').close()\n" % str(begun) + PASSED + DONE_1)
            run([other], 1, printer, full=False, behind=True)
            thread.join(60)
            self.assertEqual((printer.counts()["passed"], printer.counts()["failed"]), (2, 0), stream.getvalue())

    def test_a_time_limit_ends_children_too(self):
        counts, text = tally(job("import subprocess\nsubprocess.run(['sleep', '600'])", limit=0.5))
        self.assertEqual(counts["failed"], 1)
        self.assertIn("ended", text)

    def test_what_cannot_start_fails(self):
        missing = Job("label", "name", ["/no/such/program"], 60)
        counts, text = tally(missing, Failure("label", "other", "not installed"))
        self.assertEqual(counts["failed"], 2)
        self.assertIn("not installed", text)
        self.assertIn("FileNotFoundError", text)


class Skips(unittest.TestCase):
    def count(self, label: str, why: str, ci: bool) -> dict[str, int]:
        printer = Printer(ci, io.StringIO())
        printer.add(Result(label, "tests.core.test_x.X.test_y", "skipped", why))
        return printer.counts()

    def test_in_ci_a_skip_is_a_failure(self):
        self.assertEqual(self.count("core cpython", "not today", ci=True), {"passed": 0, "failed": 1, "skipped": 0})
        self.assertEqual(self.count("core cpython", "not today", ci=False), {"passed": 0, "failed": 0, "skipped": 1})

    def test_allowed_ones_are_skips_in_ci_too(self):
        self.assertEqual(self.count("core micropython-1.23", "no cryptolib here", ci=True)["skipped"], 1)
        self.assertEqual(self.count("core cpython", "no cryptolib here", ci=True)["failed"], 1)

    def test_each_allowance_says_why_and_is_for_one_interpreter(self):
        for name, label, reason, why in ALLOWED_SKIPS:
            with self.subTest(reason=reason):
                self.assertTrue(reason and why)
                self.assertTrue(name or label)


class Closing(unittest.TestCase):
    def test_line(self):
        self.assertEqual(summary({"passed": 3, "failed": 0, "skipped": 0}), "3 passed, 0 failed")
        self.assertEqual(summary({"passed": 3, "failed": 1, "skipped": 2}), "3 passed, 1 failed, 2 skipped")


class Interpreters(unittest.TestCase):
    """Each interpreter reports a test that fails, one that skips, and its own death."""

    def run_module(self, interpreter: str, module: str) -> tuple[dict[str, int], str]:
        return tally(Job(interpreter, module, interpreters.INTERPRETERS[interpreter](module, False), 60))

    def test_a_module_that_is_not_there_fails(self):
        for name in interpreters.INTERPRETERS:
            with self.subTest(name):
                counts, text = self.run_module(name, "tests.core.test_nowhere")
                self.assertEqual((counts["passed"], counts["failed"]), (0, 1))
                self.assertIn("ImportError" if "micropython" in name else "ModuleNotFoundError", text)

    def test_a_module_without_tests_fails(self):
        for name in interpreters.INTERPRETERS:
            with self.subTest(name):
                counts, text = self.run_module(name, "tests.counts")
                self.assertEqual((counts["passed"], counts["failed"]), (0, 1))
                self.assertIn("the module has no test", text)

    def test_they_are_the_versions_we_say(self):
        source = "import sys\nprint(sys.version)"
        runner = str(interpreters.ROOT / "tests/runner/wasm.mjs")
        wasm = ["node", runner, str(interpreters.wasm_library()), "100000", "."]
        self.assertIn("MicroPython v1.23.0", tally(Job("l", "n", [*wasm, source + "\nfail"], 60))[1])
        unix = interpreters.unix_command("x", False)[:3]
        self.assertIn("MicroPython", tally(Job("l", "n", [*unix, "-c", source + "\nfail"], 60))[1])
