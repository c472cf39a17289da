"""Rekeys of either SA, by either side, while packets cross: which are lost, and where, for want of which SA."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.namespace import LabError, wait_until
from tests.lab.report import check
from tests.lab.topology import HOST_B

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.interop.story import Story
    from tests.lab.namespace import Namespace
    from tests.lab.report import Facts
    from tests.lab.site import Site

RATE = 1000
COUNT = 15 * RATE
LIMIT_S = 30.0
# What the kernel counts where a packet found no SA: ours or the peer's fault is told by the router.
WANTED = ("XfrmInNoStates", "XfrmOutNoStates", "XfrmInStateProtoError", "XfrmInStateSeqError", "XfrmInTmplMismatch",
          "XfrmInStateMismatch", "XfrmInStateExpired", "XfrmOutStateExpired", "XfrmOutPolBlock")


class Pings:
    """`ping`, RATE times a second: in C, for Python on an emulated machine is far too slow for that.

    It stays on one processor, and with it all that follows from a packet: on two, bursts overtake each other by more
    than a replay window, which has nothing to do with rekeys.
    """

    def __init__(self, story: Story) -> None:
        self.namespace = story.topology.host_a
        self.process: subprocess.Popen[bytes] | None = None
        self.sent = 0
        self.lost = 0
        self.seconds = 0.0

    def is_running(self) -> bool:
        """True while packets go out."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Begin to send COUNT of them, if the last have all gone."""
        if not self.is_running():
            self.collect()
            self.process = self.namespace.start(
                ["taskset", "-c", "0", "ping", "-q", "-n", "-i", str(1 / RATE), "-c", str(COUNT), "-W", "10", HOST_B],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def collect(self) -> None:
        """Wait for the end, add to the sums."""
        if self.process is None:
            return
        said = self.process.communicate(timeout=300)[0].decode()
        self.process = None
        found = re.search(r"(\d+) packets transmitted, (\d+) received.* time (\d+)ms", said)
        if found is None:
            raise LabError(f"ping said {said}")
        sent, received, milliseconds = map(int, found.groups())
        self.sent += sent
        self.lost += sent - received
        self.seconds += milliseconds / 1000


def rekey_under_load(story: Story, site: Site, facts: Facts) -> None:
    """20 rekeys of the CHILD SA and 5 of the IKE SA a side (fewer in a reduced run), 0 lost."""
    children, ikes = story.report.amount(2, 20), story.report.amount(1, 5)
    orders: list[tuple[str, Callable[[], None]]] = [
        ("CHILD by us", lambda: rekey_child(site, lambda: site.ask("rekey", tunnel="stranger"))),
        ("CHILD by the peer", lambda: rekey_child(site, story.peer.rekey_child)),
    ] * children + [
        ("IKE by us", lambda: rekey_ike(site, lambda: site.ask("rekey", tunnel="stranger", ike=True))),
        ("IKE by the peer", lambda: rekey_ike(site, story.peer.rekey_ike)),
    ] * ikes
    drops = count_drops(story)
    pings = Pings(story)
    told: list[str] = []
    most = 4 * len(orders)
    while orders:
        check(len(told) < most, f"the pings never last as long as a rekey: {told}")
        pings.start()
        order = orders[0]
        order[1]()
        if pings.is_running():  # all through it
            orders.pop(0)
        told.append(order[0])
    pings.collect()
    facts.note(f"{story.peer.stack}: rekeys", ", ".join(f"{told.count(name)} {name}" for name in dict.fromkeys(told)))
    facts.note("packets a second", round(pings.sent / pings.seconds))
    facts.note("lost", f"{pings.lost} of {pings.sent}")
    drops = [drop for drop in count_drops(story) if drop not in drops]
    check(not pings.lost, f"{pings.lost} of {pings.sent} packets lost; the kernels count {drops}")


def rekey_child(site: Site, order: Callable[[], object]) -> None:
    """One order; wait until the new pair has replaced the old one in router A's kernel."""
    old = site.spis()
    order()
    wait_until("the new SAs alone", lambda: len(site.spis()) == 2 and not set(old) & set(site.spis()), LIMIT_S, 0.1)


def rekey_ike(site: Site, order: Callable[[], object]) -> None:
    """One order; wait until the IKE SA that counts is a newer one."""
    age = wait_until("an IKE SA of some age", lambda: site.show()["ike"]["since_s"], LIMIT_S, 0.2)
    order()
    wait_until("the new IKE SA", lambda: site.show()["ike"]["since_s"] < age, LIMIT_S, 0.2)


def count_drops(story: Story) -> list[str]:
    """What the two routers' kernels have dropped for want of an SA."""
    routers = (("router A", story.topology.router_a), ("router B", story.topology.router_b))
    return [f"{name} {line}" for name, router in routers for line in read_statistics(router)]


def read_statistics(namespace: Namespace) -> list[str]:
    """The lines of its xfrm statistics that matter here."""
    with namespace:
        lines = Path("/proc/thread-self/net/xfrm_stat").read_text().splitlines()
    return [" ".join(line.split()) for line in lines if line.split()[0] in WANTED]
