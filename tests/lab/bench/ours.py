"""Isthmus on both routers of a topology, in the shape of legacy.Pair."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.bench.figures import ISTHMUS
from tests.lab.site import Site, three_lines
from tests.lab.topology import LAN_A, LAN_B, WAN_A, WAN_B

if TYPE_CHECKING:
    from tests.lab.topology import Topology

NAME_A, NAME_B = "branch", "head"
# For an address that changes: the roaming side says who it is, the other one knows it by that.
ROAMS = ("option local_id branch.example", "option remote_id head.example")
WAITS = ("option local_id head.example", "option remote_id branch.example")


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
        return [{} if site.process is None else {site.process.pid: "isthmusd"} for site in (self.a, self.b)]

    def kill_side(self) -> None:
        """Every daemon of side A, by SIGKILL."""
        self.a.kill()

    def start_side(self) -> None:
        """Side A's daemons again."""
        self.a.start()

    def logs(self) -> str:
        """The end of what both have said."""
        return "\n".join(f"--- {site.namespace.name}\n{site.log()[-1500:]}" for site in (self.a, self.b))
