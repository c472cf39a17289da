"""Isthmus on both routers of a topology, in the shape of legacy.Pair."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.bench.figures import ISTHMUS
from tests.lab.site import Site, three_lines
from tests.lab.topology import LAN_A, LAN_B, WAN_A, WAN_B

if TYPE_CHECKING:
    from tests.lab.namespace import Namespace
    from tests.lab.topology import Topology

NAME_A, NAME_B = "branch", "head"
# For an address that changes: the roaming side says who it is, the other one knows it by that.
ROAMS = ("option local_id branch.example", "option remote_id head.example")
WAITS = ("option local_id head.example", "option remote_id branch.example")


def find_daemons(namespace: Namespace) -> dict[int, str]:
    """Isthmus's processes in a namespace: id and name."""
    found = {}
    for pid in namespace.find_processes():
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
            if b"isthmus" in words:
                found[pid] = "isthmus-hold" if b"hold.py" in words else "isthmusd"
    return found


class Pair:
    """Both routers; from `with` to its end. shim: the small netlink library; roams: A's address may change."""

    name = ISTHMUS

    def __init__(self, topology: Topology, shim: bool = True, roams: bool = False, extra: tuple[str, ...] = ()) -> None:
        self.topology = topology
        here, there = (ROAMS, WAITS) if roams else ((), ())
        self.a = Site(topology.router_a, three_lines(NAME_A, WAN_B, LAN_B, *here, *extra), shim)
        self.b = Site(topology.router_b, three_lines(NAME_B, "%any" if roams else WAN_A, LAN_A, *there, *extra), shim)

    def __enter__(self) -> Pair:
        """Nothing runs before start()."""
        return self

    def __exit__(self, *_error: object) -> None:
        """End both."""
        for site in (self.a, self.b):
            site.remove()

    def start(self) -> None:
        """Both daemons at once."""
        for site in (self.a, self.b):
            site.start()

    def pids(self) -> list[dict[int, str]]:
        """The daemons of each side: process id and name."""
        return [find_daemons(site.namespace) for site in (self.a, self.b)]

    def kill_side(self) -> None:
        """Every daemon of side A, by SIGKILL."""
        self.a.kill()
        for pid in find_daemons(self.a.namespace):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def start_side(self) -> None:
        """Side A's daemons again."""
        self.a.start()

    def logs(self) -> str:
        """The end of what both have said."""
        return "\n".join(f"--- {site.namespace.name}\n{site.log()[-1500:]}" for site in (self.a, self.b))
