"""Runs the lab's stories inside the lab: `tools/lab -- PYTHON tests/lab/run.py [--full] [WORD...]`. Results: JSON
lines.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "firmware")]

from tests.lab.report import Report  # noqa: E402 - the path comes first

STORIES = (
    "kernel", "joined", "faults", "ipv6", "nat", "roam", "narrow", "static", "rekey", "attack", "crowd", "coldstart",
    "throughput", "full_profile", "passthrough", "overlap", "interop", "leaks",
)  # fmt: skip
LONG = ("leaks_events", "leaks_state")  # in a full run, or when asked for


def main() -> int:
    """Run what was asked for, or everything. Exit status 1 if a test failed."""
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    report = Report(full="--full" in sys.argv[1:])
    for name in STORIES + (LONG if words or report.full else ()):
        if words and not [word for word in words if word in name]:
            continue
        print(f"story: {name}", flush=True)
        module = importlib.import_module("tests.lab.scenarios." + name)
        with report.case(name + ".whole_story"):
            module.run(report)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
