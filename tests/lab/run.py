"""Runs the lab's stories inside the lab: `tools/lab -- PYTHON tests/lab/run.py [--full] [WORD...]`. Results: JSON
lines.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "firmware")]

from tests.lab.report import Report  # noqa: E402 - the path comes first

if TYPE_CHECKING:
    from collections.abc import Sequence

# Stories mostly wait for timers, so two are told at once where nothing depends on how long it takes; each row in order.
# What one row starts outside its own namespaces (a daemon of another make, its files) the other one leaves alone.
LANES: tuple[tuple[str, ...], ...] = (
    (
        "kernel", "joined", "faults", "ipv6", "nat", "roam", "narrow", "static", "rekey", "attack", "crowd", "apply",
        "detour",
    ),
    (
        "pairing", "pairing_places", "pairing_thieves", "leaks", "interop", "passthrough", "overlap", "coldstart",
        "full_profile",
    ),
)
ALONE = ("throughput", "ui_flood")  # compare two speeds, and a router before and in a flood
STORIES = LANES[0] + LANES[1] + ALONE
LONG = ("leaks_events", "leaks_edits", "leaks_state")  # in a full run, or when asked for


def main() -> int:
    """Run what was asked for, or everything. Exit status 1 if a test failed."""
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    report = Report(full="--full" in sys.argv[1:])
    if "--lane" in sys.argv[1:]:
        tell(words, report)
        return report.close()
    wanted = [name for name in STORIES + (LONG if words or report.full else ()) if not words or _is_meant(name, words)]
    if words or report.full:  # its figures are looked at: nothing beside it
        tell(wanted, report)
    else:
        tell_lanes(report)
        print('{"quiet": true}', flush=True)  # for tests/runner/jobs.py, which begins nothing else meanwhile
        tell(ALONE, report)
        print('{"quiet": false}', flush=True)
    return report.close()


def _is_meant(name: str, words: list[str]) -> bool:
    return any(word in name for word in words)


def tell(names: Sequence[str], report: Report) -> None:
    """One story after another."""
    for name in names:
        print(f"story: {name}", flush=True)
        module = importlib.import_module("tests.lab.scenarios." + name)
        with report.case(name + ".whole_story"):
            module.run(report)


def tell_lanes(report: Report) -> None:
    """Every row of LANES at once, each in a process of its own; what they print comes test by test."""
    mouth = threading.Lock()
    threads = [threading.Thread(target=_tell_lane, args=(row, report, mouth)) for row in LANES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _tell_lane(names: Sequence[str], report: Report, mouth: threading.Lock) -> None:
    argv = [sys.executable, __file__, "--lane", *names]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    block, has_ended = b"", False
    for line in process.stdout:
        has_ended = has_ended or line.startswith(b'{"done": ')
        if has_ended:
            continue
        block += line
        if line.startswith(b'{"test": '):
            with mouth:
                report.take(line)
                os.write(1, block)
            block = b""
    with mouth:
        os.write(1, block)
        if process.wait() not in (0, 1) or not has_ended:
            report.put(f"lane.{names[0]}", "failed", f"ended early, with status {process.returncode}", 0.0)


if __name__ == "__main__":
    sys.exit(main())
