"""Isthmus's tunnel carries what the same tunnel made by hand carries (tests/lab/compare.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.bringup import Bringup
from tests.lab.compare import EXPLAINED, FAILS, Twin
from tests.lab.report import check
from tests.lab.topology import Topology

if TYPE_CHECKING:
    from tests.lab.report import Report


def run(report: Report) -> None:
    """Both beside each other, taking turns."""
    rounds = (report.amount(12, 40), report.amount(30, 180))
    with (report.case("throughput.ratio") as facts, Topology("tp") as first, Bringup(first, shim=True) as pair,
          Topology("tq") as second):
        pair.start(show_start, 20)
        twin = Twin(first, second, pair.a.tunnel()["mtu"])
        result = twin.measure(*rounds, show)
        facts.note("rounds", result.rounds)
        facts.note("result", result)
        if result.ratio < EXPLAINED and (report.full or result.fails()):
            for line in twin.explain(result, *rounds, show):
                facts.note("explained", line)
        check(not result.fails(), f"the ratio {result.ratio:.3f} is below {FAILS}; half of the rounds were between"
              f" {result.spread[0]:.2f} and {result.spread[1]:.2f}: if that is wide, the machine was busy")


def show_start(after: float, who: str, what: str) -> None:
    """A line of progress."""
    show(f"{after:.1f} s {who}: {what}")


def show(text: str) -> None:
    """A line of progress."""
    print("    " + text, flush=True)
