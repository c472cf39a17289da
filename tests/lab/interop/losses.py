"""Rekeys of either SA, by either side, while packets cross: which are lost, and where, for want of which SA."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.namespace import wait_until
from tests.lab.ping import Stream
from tests.lab.report import check
from tests.lab.topology import HOST_B

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.interop.story import Story
    from tests.lab.namespace import Namespace
    from tests.lab.report import Facts
    from tests.lab.site import Site

RATE = 1000
LATEST_S = 10.0  # after which an answer counts as lost, on a machine that may be busy
LIMIT_S = 30.0
# What the kernel counts where a packet found no SA: ours or the peer's fault is told by the router.
WANTED = ("XfrmInNoStates", "XfrmOutNoStates", "XfrmInStateProtoError", "XfrmInStateSeqError", "XfrmInTmplMismatch",
          "XfrmInStateMismatch", "XfrmInStateExpired", "XfrmOutStateExpired", "XfrmOutPolBlock")


def rekey_under_load(story: Story, site: Site, facts: Facts) -> None:
    """20 rekeys of the CHILD SA and 5 of the IKE SA a side (fewer in a reduced run), 0 lost."""
    children, ikes = story.report.amount(2, 20), story.report.amount(1, 5)
    before = count_drops(story)
    with Stream(story.topology.host_a, HOST_B, RATE) as stream:
        stream.wait_answer()
        first = stream.wait_sent(RATE // 2)
        start = time.monotonic()
        marks = []
        for number in range(children):
            marks.append((f"child {number} by us", stream.sent))
            rekey_child(site, lambda: site.ask("rekey", tunnel="stranger"))
            marks.append((f"child {number} by the peer", stream.sent))
            rekey_child(site, story.peer.rekey_child)
        for number in range(ikes):
            marks.append((f"IKE {number} by us", stream.sent))
            rekey_ike(site, lambda: site.ask("rekey", tunnel="stranger", ike=True))
            marks.append((f"IKE {number} by the peer", stream.sent))
            rekey_ike(site, story.peer.rekey_ike)
        last = stream.wait_sent(RATE)
        seconds = time.monotonic() - start
        wait_answered(stream, first, last)
        stream.stop()
        lost = stream.list_lost(first, last)
    facts.note(f"{story.peer.stack}: rekeys of CHILD and IKE a side", f"{children}, {ikes}")
    facts.note("packets a second", round((last - first) / seconds))
    facts.note("lost", f"{len(lost)} of {last - first}")
    for number in lost[:20]:
        facts.note("lost in", f"{[name for name, at in marks if at <= number][-1:]}, packet {number}")
    drops = [drop for drop in count_drops(story) if drop not in before]
    check(not lost, f"{len(lost)} of {last - first} packets lost; the kernels count {drops}")


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


def wait_answered(stream: Stream, first: int, end: int) -> None:
    """Give answers that are under way the time to arrive."""
    start = time.monotonic()
    wait_until("answers", lambda: not stream.list_lost(first, end) or time.monotonic() - start > LATEST_S, LATEST_S + 5)


def count_drops(story: Story) -> list[str]:
    """What the two routers' kernels have dropped for want of an SA."""
    routers = (("router A", story.topology.router_a), ("router B", story.topology.router_b))
    return [f"{name} {line}" for name, router in routers for line in read_statistics(router)]


def read_statistics(namespace: Namespace) -> list[str]:
    """The lines of its xfrm statistics that matter here."""
    with namespace:
        lines = Path("/proc/thread-self/net/xfrm_stat").read_text().splitlines()
    return [" ".join(line.split()) for line in lines if line.split()[0] in WANTED]
