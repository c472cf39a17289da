"""The story of `joined` once more, with the full profile's netlink library pyroute2: in full runs, for its length."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.scenarios import joined

if TYPE_CHECKING:
    from tests.lab.report import Report


def run(report: Report) -> None:
    """Tell it under another name."""
    if report.full:
        report.prefix = "full_profile."
        joined.run(report, shim=False)
        report.prefix = ""
