"""Both daemons started at once, with either netlink library: seconds to the first answered ping, and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.bringup import Bringup
from tests.lab.report import check
from tests.lab.topology import Topology

if TYPE_CHECKING:
    from tests.lab.report import Report


def run(report: Report) -> None:
    """The one after the other, each on a network of its own."""
    for shim, name in ((False, "pyroute2"), (True, "shim")):
        with report.case("coldstart." + name) as facts, Topology("cold") as topology, Bringup(topology, shim) as pair:
            pair.start(lambda after, who, what: print(f"    {after:.1f} s {who}: {what}", flush=True))
            facts.note("seconds from starting both daemons to the first answered ping", round(pair.answer_after, 1))
            facts.note("seconds until both sides are up", round(pair.up_after, 1))
            sizes = [site.resident_kib() for _, site in pair.sites()]
            facts.note("resident KiB of each daemon with one tunnel", sizes)
            check(pair.answer_after > 0 and pair.up_after > 0, "no time was taken")
            check(min(sizes) > 0, f"memory: {sizes}")
            check(pair.lost == 0, f"{pair.lost} of {pair.sent} pings lost after both sides were up")
