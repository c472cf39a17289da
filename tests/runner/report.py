"""Results, which skips are allowed, and what is printed about them."""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any, TextIO

# Skips that say nothing about the product: (part of the test's name, part of the job's label, part of the reason,
# why it is right). In CI every other skip is a failure, so that nothing the project is about goes missing in silence.
ALLOWED_SKIPS = (
    ("", "micropython-1.23", "no cryptolib", "the WebAssembly build has no AES; the unix port runs the same test"),
    ("", "micropython-1.23", "no socket", "the WebAssembly build has no sockets; the unix port runs the same test"),
    ("", "micropython-", "no cryptography", "the library is CPython's; MicroPython is offered the algorithms it has"),
    ("", "micropython-", "CPython only", "a test of the one module that is for CPython"),
)

RESULTS = ("passed", "failed", "skipped")


class Result:
    """One test's result. `seconds` is for reading, never for judging."""

    def __init__(self, label: str, test: str, result: str, why: str = "", seconds: float = 0.0) -> None:
        self.label = label
        self.test = test
        self.result = result
        self.why = why
        self.seconds = seconds


def parse_line(label: str, line: str) -> Result | int | None:
    """What one output line of a job says: a result, the number of results announced at its end, or nothing (None)."""
    if not line.startswith("{"):
        return None
    try:
        value: Any = json.loads(line)
    except ValueError:
        return None
    if isinstance(value.get("done"), int):
        return int(value["done"])
    if value.get("result") not in RESULTS or not isinstance(value.get("test"), str):
        return None
    return Result(label, value["test"], value["result"], str(value.get("why", "")), float(value.get("seconds", 0)))


def skip_is_allowed(result: Result) -> bool:
    """Whether ALLOWED_SKIPS has a row for this skip."""
    return any(
        name in result.test and label in result.label and reason in result.why
        for name, label, reason, _ in ALLOWED_SKIPS
    )


class Printer:
    """Prints results as they come, from any thread, and keeps the tally per label."""

    def __init__(self, ci: bool, stream: TextIO = sys.stdout) -> None:
        self._ci = ci
        self._stream = stream
        self._lock = threading.Lock()
        self.results: list[Result] = []

    def say(self, text: str) -> None:
        """Print one piece of progress."""
        with self._lock:
            self._stream.write(text + "\n")
            self._stream.flush()

    def add(self, result: Result) -> None:
        """Count one result; print it unless it passed."""
        if result.result == "skipped" and self._ci and not skip_is_allowed(result):
            why = f"skipped in CI, which ALLOWED_SKIPS in tests/runner/report.py does not allow: {result.why}"
            result = Result(result.label, result.test, "failed", why, result.seconds)
        with self._lock:
            self.results.append(result)
        if result.result == "failed":
            indented = "\n".join("      " + line for line in result.why.rstrip().split("\n"))
            self.say(f"FAILED  {result.label}: {result.test}\n{indented}")
        elif result.result == "skipped":
            self.say(f"skipped {result.label}: {result.test}: {result.why}")

    def counts(self, label: str | None = None) -> dict[str, int]:
        """The number of results of each kind, of one label or of all."""
        counts = dict.fromkeys(RESULTS, 0)
        for result in self.results:
            if label in (None, result.label):
                counts[result.result] += 1
        return counts

    def labels(self) -> list[str]:
        """Every label met, sorted."""
        return sorted({result.label for result in self.results})


def summary(counts: dict[str, int]) -> str:
    """The closing line: `N passed, N failed`, and `, N skipped` if any were."""
    text = f"{counts['passed']} passed, {counts['failed']} failed"
    return f"{text}, {counts['skipped']} skipped" if counts["skipped"] else text


def in_ci() -> bool:
    """Whether this is a run of continuous integration (CI=true)."""
    return os.environ.get("CI", "") not in ("", "0", "false")
