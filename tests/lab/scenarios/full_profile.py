"""The stories of `kernel` and `joined` once more, with the full profile's netlink library pyroute2: in full runs, for
their length.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from tests.lab.report import check
from tests.lab.scenarios import joined
from tests.lab.site import ROOT

if TYPE_CHECKING:
    from tests.lab.report import Facts, Report

LIMIT_S = 1800


def run(report: Report) -> None:
    """Tell them under another name."""
    if report.full:
        report.prefix = "full_profile."
        with report.case("kernel") as facts:
            kernel(facts)
        joined.run(report, shim=False)
        report.prefix = ""


def kernel(facts: Facts) -> None:
    """The kernel seam's contract in a process of its own, since this one has loaded the lean library."""
    argv = [sys.executable, str(ROOT / "tests" / "lab" / "kernel_contract.py")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    lines = done.stdout.splitlines()
    facts.note("tests", sum(line.startswith("passed ") for line in lines))
    wrong = [line for line in lines if line.startswith(("failed ", "skipped "))]
    check(not wrong and not done.returncode, "\n".join([*wrong, done.stderr[-2000:]]))
