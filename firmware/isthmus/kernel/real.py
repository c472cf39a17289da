"""The real kernel: Linux, through netlink and nft. The contract is in contract.py.

    policy, sa                          real_ipsec.py    xfrm_messages.py
    tunnel, session                     real_l2tp.py     l2tp_messages.py
    link, address, neighbour, route,    real_route.py    (pyroute2's own messages)
    rule; everybody's neighbours
    guard and its counters              real_nft.py      nft.py, nft_messages.py
    flows                               real_flow.py
    long lists                          real_list.py     lean.py
    events                              real_events.py
    what is used of pyroute2            real_netlink.py

It acts in the network namespace it is made in, and needs CAP_NET_ADMIN there.
"""
from __future__ import annotations

from isthmus.kernel.contract import EINVAL, ENOENT, REPLACEABLE, Kernel, KernelError, refuse_foreign
from isthmus.kernel.objects import (
    MAIN_TABLE,
    Address,
    Link,
    Neighbour,
    Route,
    Rule,
    Sa,
    Tunnel,
    is_inner,
    is_our_table,
)
from isthmus.kernel.real_events import Events
from isthmus.kernel.real_flow import Conntrack
from isthmus.kernel.real_ipsec import Ipsec
from isthmus.kernel.real_l2tp import L2tp
from isthmus.kernel.real_nft import Guard
from isthmus.kernel.real_route import Routing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.kernel.flows import Flow
    from isthmus.kernel.objects import KernelObject
    from isthmus.kernel.ways import Mapping, Way

_IPSEC = ("policy", "sa")
_L2TP = ("tunnel", "session")
_EVERYWHERE = ("route", "rule")  # on no interface of a session alone


class RealKernel(Kernel):
    """Linux. Sockets for requests are opened as they are needed, those for events with the object."""

    def __init__(self) -> None:
        self._ipsec = Ipsec()
        self._l2tp = L2tp(lambda: self._ipsec.dump("policy"))
        self._routing = Routing()
        self._guard = Guard()
        self._conntrack = Conntrack()
        self._events = Events(self._l2tp_group())

    def _l2tp_group(self) -> int:
        try:
            return self._l2tp.family()[1]
        except KernelError as error:
            if error.number == ENOENT:  # reported when a tunnel is asked for
                return 0
            raise

    def dump(self, kind: str) -> list[KernelObject]:
        """See Kernel."""
        if kind in _IPSEC:
            return self._ipsec.dump(kind)
        if kind in _L2TP:
            return self._l2tp.dump(kind)
        return self._routing.dump(kind, [] if kind in _EVERYWHERE else self._l2tp.link_names())

    def add(self, item: KernelObject) -> None:
        """See Kernel."""
        try:
            policies = self._ipsec.dump("policy") if isinstance(item, Tunnel) and not is_inner(item.local) else []
            refuse_foreign(item, "add", self._links_for(item), policies)
            if item.kind in _IPSEC:
                self._ipsec.add(item)
            elif item.kind in _L2TP:
                self._l2tp.add(item)
            else:
                self._routing.add(item)
        finally:
            if isinstance(item, Sa):
                item.clear_keys()

    def replace(self, item: KernelObject) -> None:
        """See Kernel."""
        if item.kind not in REPLACEABLE:
            raise KernelError(EINVAL, "replace %s %s" % (item.kind, item.words()), kind=item.kind)
        links = self._links_for(item)
        refuse_foreign(item, "replace", links)
        if item.kind in _IPSEC:
            self._ipsec.replace(item)
        else:
            self._routing.replace(item, links)

    def remove(self, item: KernelObject) -> None:
        """See Kernel."""
        if item.kind in _IPSEC:
            self._ipsec.remove(item)
        elif item.kind in _L2TP:
            self._l2tp.remove(item)
        elif self._is_ours(item):
            self._routing.remove(item)

    def guard_set(self, text: str) -> None:
        """See Kernel."""
        self._guard.set(text)

    def guard_get(self) -> bytes | None:
        """See Kernel."""
        return self._guard.get()

    def counters(self) -> dict[str, tuple[int, int]]:
        """See Kernel."""
        return self._guard.counters()

    def flows(
        self, fits: Callable[[Flow], bool] | None = None, source: bytes | None = None,
        server: tuple[int, int] | None = None,
    ) -> list[Flow]:
        """See Kernel."""
        return self._conntrack.flows(fits, source, server)

    def end_flow(self, flow: Flow) -> None:
        """See Kernel."""
        self._conntrack.end(flow)

    def is_tracking(self) -> bool:
        """See Kernel."""
        return self._conntrack.is_on()

    def neighbours(self) -> list[tuple[str, bytes, bytes]]:
        """See Kernel."""
        return self._routing.neighbours()

    @property
    def programs(self) -> int:
        """How many processes were started so far: each costs a second on a small router."""
        return self._guard.programs

    def way_to(self, address: bytes) -> Way:
        """See Kernel."""
        return self._routing.way_to(address)

    def local_addresses(self) -> list[tuple[str, bytes, int]]:
        """See Kernel."""
        return self._routing.addresses()

    def event_fds(self) -> list[int]:
        """See Kernel."""
        return self._events.fds()

    def read_events(self, fd: int) -> set[str]:
        """See Kernel."""
        return self._events.read(fd)

    def take_mappings(self) -> list[Mapping]:
        """See Kernel."""
        return self._events.take_mappings()

    def close(self) -> None:
        """See Kernel."""
        for part in (self._ipsec, self._l2tp, self._routing, self._guard, self._conntrack, self._events):
            part.close()

    def _links_for(self, item: KernelObject) -> list[str]:
        """Names of our sessions' interfaces, where they matter for an object."""
        return self._l2tp.link_names() if isinstance(item, (Link, Address, Neighbour)) else []

    def _is_ours(self, item: KernelObject) -> bool:
        if isinstance(item, Address):
            return item in self._routing.dump("address", self._l2tp.link_names())
        if isinstance(item, (Link, Neighbour)):
            return item.ifname in self._l2tp.link_names()
        if isinstance(item, (Route, Rule)):  # and by their protocol number, which the kernel itself compares
            return is_our_table(item.table) or (item.table == MAIN_TABLE and isinstance(item, Route))
        return False
