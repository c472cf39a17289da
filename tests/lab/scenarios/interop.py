"""Isthmus against other people's programs: the table of tests/lab/interop/TABLE.md, cell by cell."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from tests.lab.interop import living, refusals, rekeying, routers, suites, tree
from tests.lab.interop.bare import Bare
from tests.lab.interop.cells import PEERS
from tests.lab.interop.isthmus import Isthmus
from tests.lab.interop.libreswan import Libreswan
from tests.lab.interop.story import RESULTS, Story
from tests.lab.interop.strongswan import StrongSwan
from tests.lab.topology import Topology

if TYPE_CHECKING:
    from tests.lab.report import Report

KINDS = tuple(kind for kind in (StrongSwan, Libreswan, Isthmus) if kind.stack in PEERS)
STEPS = {"suites": suites, "rekeying": rekeying, "refusals": refusals, "routers": routers, "living": living}
ONLY = os.environ.get("ISTHMUS_INTEROP", "").split()  # peers and steps to run, for who works on one of them


def run(report: Report) -> None:
    """Every peer, every step."""
    RESULTS.unlink(missing_ok=True)
    for kind in choose({kind.stack: kind for kind in KINDS}):
        if kind is not Isthmus and tree.find(kind.stack) is None:
            report.put(f"interop.{kind.stack}", "skipped", "no apt-get", 0.0)
            continue
        with Topology("io") as topology:
            us = Bare(topology.router_a)
            peer = kind(topology.router_b)
            story = Story(report, topology, peer, us)
            try:
                peer.start()
                for step in choose(STEPS):
                    start = time.monotonic()
                    step.run(story)
                    name = step.__name__.rsplit(".", maxsplit=1)[-1]
                    print(f"    {kind.stack} {name}: {time.monotonic() - start:.0f} s", flush=True)
            finally:
                story.close(complete=not ONLY)
                us.close()
                peer.remove()


def choose(table: dict[str, Any]) -> list[Any]:
    """Those rows that ISTHMUS_INTEROP names, or all."""
    return [row for name, row in table.items() if name in ONLY or not set(ONLY) & set(table)]
