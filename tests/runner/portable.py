"""Runs one test module in the interpreter it is started in, and prints one JSON line per test.

    {"test": "tests.core.x.Class.test_y", "result": "passed|failed|skipped", "why": "...", "seconds": 0.01}
    {"done": 12}

The second form comes last, with the number of the first: a run without it was cut off. Part of the portable subset.
"""

from __future__ import annotations

import io
import json
import sys
import time
import unittest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def now_ms() -> int:
    """Milliseconds of a clock that only serves to tell how long a test took."""
    ticks = getattr(time, "ticks_ms", None)
    return int(ticks() if ticks else time.monotonic() * 1000)


def describe(error: BaseException) -> str:
    """The traceback of an exception as text, on either interpreter."""
    text = io.StringIO()
    show = getattr(sys, "print_exception", None)
    if show:
        show(error, text)
        return text.getvalue()
    import traceback

    whole = traceback.TracebackException.from_exception(error)
    # The lines of unittest itself say nothing.
    ours = [frame for frame in whole.stack if "/unittest/" not in frame.filename]
    if ours:
        whole.stack[:] = ours
    return "".join(whole.format())


def emit(line: dict[str, Any]) -> None:
    """Print one line for the program that started this one: in one piece, behind whatever a thread has just said."""
    print("\n%s\n" % json.dumps(line), end="")


class Report(unittest.TestResult):
    """Prints each test's result when it ends. What happens outside a test (setUpClass) is a result of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.emitted = 0
        self._failures: list[str] = []
        self._skips: list[str] = []
        self._start = 0
        self._inside = False

    def startTest(self, test: Any) -> None:
        super().startTest(test)
        self._failures = []
        self._skips = []
        self._start = now_ms()
        self._inside = True

    def stopTest(self, test: Any) -> None:
        super().stopTest(test)
        self._inside = False
        self._close(test.id())

    def _close(self, name: str) -> None:
        spent = now_ms() - self._start
        if self._failures:
            self.write(name, "failed", "\n".join(self._failures), spent)
        elif self._skips:
            self.write(name, "skipped", "; ".join(self._skips), spent)
        else:
            self.write(name, "passed", "", spent)
        self._failures = []
        self._skips = []

    def write(self, name: str, result: str, why: str, spent: int) -> None:
        """Print one result. `spent` in milliseconds."""
        self.emitted += 1
        emit({"test": name, "result": result, "why": why, "seconds": spent / 1000})

    def _failed(self, test: Any, error: BaseException, text: str) -> None:
        self._failures.append(text + describe(error))
        if not self._inside:
            self._start = now_ms()
            self._close(test.id())

    def addFailure(self, test: Any, err: Any) -> None:
        self._failed(test, err[1], "")

    def addError(self, test: Any, err: Any) -> None:
        self._failed(test, err[1], "")

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        if err is not None:
            self._failed(test, err[1], "in %s\n" % subtest.id())

    def addSkip(self, test: Any, reason: str) -> None:
        self._skips.append(reason)
        if not self._inside:
            self._start = now_ms()
            self._close(test.id())

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        pass

    def addUnexpectedSuccess(self, test: Any) -> None:
        self._failures.append("passed, though it is marked as an expected failure")


def run_module(name: str) -> int:
    """Run every test of the module with this dotted name. Returns the number of tests; a module without any fails."""
    report = Report()
    try:
        __import__(name)
        suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[name])
    except unittest.SkipTest as reason:
        report.write(name, "skipped", str(reason), 0)
    except Exception as error:  # noqa: BLE001 - whatever an import raises is a failure to report
        report.write(name, "failed", describe(error), 0)
    else:
        suite.run(report)
        if not report.emitted:
            report.write(name, "failed", "the module has no test", 0)
    emit({"done": report.emitted})
    return report.emitted
