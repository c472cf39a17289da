"""Results of lab tests as JSON lines, one a test, for tools/test to read."""

from __future__ import annotations

import contextlib
import json
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Report:
    """Collects results. `words`: only tests whose name contains one of them count; `full`: full durations."""

    def __init__(self, full: bool = False) -> None:
        self.full = full
        self.count = 0
        self.failed = 0
        self.prefix = ""  # of the names, where one story is told twice
        self.on_failure: Callable[[], None] | None = None  # shows what is known when a test fails

    def amount(self, reduced: int, everything: int) -> int:
        """A duration or a count, by the kind of run."""
        return everything if self.full else reduced

    @contextlib.contextmanager
    def case(self, name: str) -> Iterator[Facts]:
        """One test: what is raised inside is its failure, and what is noted its figures."""
        facts = Facts()
        start = time.monotonic()
        result = "passed"
        why = ""
        try:
            yield facts
        except Exception as error:  # noqa: BLE001 - a lab test may fail in any way, and the others go on
            result = "failed"
            why = f"{type(error).__name__}: {error}"
            traceback.print_exc(file=sys.stdout)
            if self.on_failure is not None:
                self.on_failure()
        self.put(name, result, "; ".join([*([why] if why else []), *facts.notes]), time.monotonic() - start)

    def put(self, name: str, result: str, why: str, seconds: float) -> None:
        """Print one result."""
        self.count += 1
        self.failed += result == "failed"
        row = {"test": "lab." + self.prefix + name, "result": result, "why": why, "seconds": round(seconds, 1)}
        print(json.dumps(row), flush=True)

    def take(self, line: bytes) -> None:
        """Count a result that another process has printed."""
        self.count += 1
        self.failed += json.loads(line)["result"] == "failed"

    def close(self) -> int:
        """Print the closing line; the exit status."""
        print(json.dumps({"done": self.count}), flush=True)
        return 1 if self.failed else 0


class Facts:
    """Figures that a test has seen."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, name: str, value: Any) -> None:
        """Keep one figure, and show it at once."""
        self.notes.append(f"{name} {value}")
        print(f"    {name}: {value}", flush=True)


def check(condition: object, text: str) -> None:
    """Raise AssertionError with a text that has the values in it."""
    if not condition:
        raise AssertionError(text)
