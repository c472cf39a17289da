"""One telling of the interop story: a peer on router B, Isthmus's engine on router A, and the cells that they fill."""

from __future__ import annotations

import contextlib
import json
import time
import traceback
from typing import TYPE_CHECKING

from isthmus.proto import actions
from tests.lab.interop import cells
from tests.lab.interop.bare import Bare, find_differences
from tests.lab.namespace import LabError
from tests.lab.report import Facts, check
from tests.lab.site import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.interop.peer import Peer
    from tests.lab.interop.terms import Terms
    from tests.lab.report import Report
    from tests.lab.topology import Topology

RESULTS = ROOT / ".cache" / "lab" / "results" / "interop.json"
UP_S = 30.0


class Story:
    """What the steps share. us: the engine; peer: the other program, running."""

    def __init__(self, report: Report, topology: Topology, peer: Peer, us: Bare) -> None:
        self.report = report
        self.topology = topology
        self.peer = peer
        self.us = us
        self.rows: dict[str, dict[str, object]] = {}

    @contextlib.contextmanager
    def cells(self, role: str, *features: str) -> Iterator[Facts]:
        """Cells that one set-up shows together: all pass, or all fail with what is raised inside."""
        facts = Facts()
        start = time.monotonic()
        result, why = "passed", ""
        try:
            yield facts
        except Exception as error:  # noqa: BLE001 - a lab test may fail in any way, and the others go on
            result, why = "failed", f"{type(error).__name__}: {error}"
            traceback.print_exc()
            self.peer.print_log()
        seconds = (time.monotonic() - start) / len(features)
        text = "; ".join([*([why] if why else []), *facts.notes])
        for feature in features:
            name = cells.name_test(self.peer.stack, role, feature)
            if self.rows.get(name, {}).get("result") == "failed":
                continue
            reason = cells.find_reason(self.peer.stack, role, feature)
            if reason is not None:  # known: told, and no failure
                print(f"    {name}: {result} {text}; {reason}", flush=True)
                continue
            self.rows[name] = {"result": result, "why": text}
            self.report.put(name, result, text, seconds)

    def agree(self, terms: Terms, **more: str) -> None:
        """Both sides take these terms; nothing of earlier ones is left."""
        self.us.agree(terms, **more)
        self.peer.agree(terms)
        self.us.seen.clear()

    def initiate(self, role: str) -> None:
        """Whoever's turn it is begins."""
        if role == actions.INITIATOR:
            self.us.initiate()
        else:
            self.peer.initiate()

    def connect(self, role: str) -> actions.ChildUp:
        """Begin, and wait until both are up with the same keys in the peer's kernel; our ChildUp."""
        self.initiate(role)
        child: actions.ChildUp = self.us.wait_seen(actions.ChildUp, 1, UP_S)
        check(child.role == role, f"the {child.role} was Isthmus")
        self.compare(child)
        return child

    def compare(self, child: actions.ChildUp) -> None:
        """The peer's kernel has what we have agreed."""
        def find() -> list[str]:
            return find_differences(child, self.peer.namespace, is_lazy=self.peer.is_lazy)

        try:
            self.us.wait("the same SAs", lambda: not find(), 15)
        except LabError as error:
            raise LabError("; ".join(find())) from error

    def close(self, *, complete: bool) -> None:
        """Cells that have a reason, and those that nothing has filled; then the results, for table.py.

        complete: every step was to run.
        """
        for peer, role, feature in cells.list_cells():
            name = cells.name_test(peer, role, feature)
            if peer != self.peer.stack or name in self.rows or not complete:
                continue
            reason = cells.find_reason(peer, role, feature)
            if reason is None:
                self.report.put(name, "failed", "no step has filled this cell", 0.0)
            self.rows[name] = {"result": "failed" if reason is None else "left out", "why": reason or "did not run"}
        write(self.rows)


def write(rows: dict[str, dict[str, object]]) -> None:
    """Add to the results of this run."""
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps({**kept, **rows}, indent=1) + "\n")
