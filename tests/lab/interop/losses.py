"""Rekeys of either SA, by either side, while packets cross: which are lost, on which way, and whose fault it was.

The kernels count, not `ping`: requests as they leave host A, as they arrive at host B, replies as they come back. So
the pings can be ended at any moment, and the ones on their way count as well.

RFC 7296 section 2.8: who answers a rekeying goes on with the old SA until it has received something on the new one, or
the DELETE of the old. On the Internet between the two a rule counts the packets that a peer sends on a new SA before
our first one has passed, and how many of these even before the answer that brings us the keys.
"""

from __future__ import annotations

import re
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.namespace import LabError, wait_until
from tests.lab.report import check
from tests.lab.topology import HOST_B, WAN_A, WAN_B

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.interop.story import Story
    from tests.lab.namespace import Namespace
    from tests.lab.report import Facts
    from tests.lab.site import Site

RATE = 1000
LIMIT_S = 30.0
SETTLED_S = 1.0  # after rekeys, with traffic
QUIET_S = 1.0  # after the last ping, for what is on its way
# What the kernel counts where a packet found no SA: ours or the peer's fault is told by the router.
WANTED = ("XfrmInNoStates", "XfrmOutNoStates", "XfrmInStateProtoError", "XfrmInStateSeqError", "XfrmInTmplMismatch",
          "XfrmInStateMismatch", "XfrmInStateExpired", "XfrmOutStateExpired", "XfrmOutPolBlock")
NO_STATE = "router A XfrmInNoStates"
AT_HOST_A = """\
table inet count {
    counter sent {}
    counter back {}
    chain out { type filter hook output priority 0; icmp type echo-request counter name sent; }
    chain in { type filter hook input priority 0; icmp type echo-reply counter name back; }
}
"""
AT_HOST_B = """\
table inet count {
    counter arrived {}
    chain in { type filter hook input priority 0; icmp type echo-request counter name arrived; }
}
"""
# An IKE header begins 64 bits into UDP; its exchange type is byte 18, its flags are byte 19 (RFC 7296 section 3.1).
BETWEEN = f"""\
table inet between {{{{
    set known {{{{ typeof esp spi; elements = {{{{ {{known}} }}}}; }}}}
    set answered {{{{ type ipv4_addr; flags dynamic; }}}}
    set moved {{{{ type ipv4_addr; flags dynamic; }}}}
    counter early {{{{}}}}
    counter unanswered {{{{}}}}
    chain pass {{{{
        type filter hook forward priority 0;
        ip saddr {WAN_B} udp sport 500 @th,208,8 36 @th,216,8 & 0x20 == 0x20 add @answered {{{{ ip daddr }}}}
        ip saddr {WAN_A} esp spi != @known add @moved {{{{ ip saddr }}}}
        ip saddr {WAN_B} esp spi != @known ip daddr != @moved counter name early
        ip saddr {WAN_B} esp spi != @known ip daddr != @answered counter name unanswered
    }}}}
}}}}
"""
# A new table each time: a packet that is being looked at while a set is flushed may put its own back.
FORGET = "table inet between\ndelete table inet between\n"


class Traffic:
    """`ping`, RATE times a second, from `with` to its end: in C, for Python on an emulated machine is far too slow.

    It stays on one processor, and with it all that follows from a packet: on two, bursts overtake each other by more
    than a replay window, which has nothing to do with rekeys.
    """

    def __init__(self, story: Story, site: Site) -> None:
        self.site = site
        self.topology = story.topology
        self.process: subprocess.Popen[bytes] | None = None
        self.seen = {"early": 0, "unanswered": 0}  # packets of the peer on new SAs: before ours; before its answer
        self.began = 0.0
        self.seconds = 0.0

    def __enter__(self) -> Traffic:
        """Begin to count and to send; when this returns, replies have come."""
        self.topology.host_a.nft(AT_HOST_A)
        self.topology.host_b.nft(AT_HOST_B)
        self.began = time.monotonic()
        self.process = self.topology.host_a.start(
            ["taskset", "-c", "0", "ping", "-q", "-n", "-i", str(1 / RATE), "-W", "10", HOST_B],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until("replies", lambda: count(self.topology.host_a)["back"] > RATE / 10, LIMIT_S, 0.1)
        return self

    def __exit__(self, *_error: object) -> None:
        """Let go of what counts."""
        self.stop()
        for namespace in (self.topology.host_a, self.topology.host_b):
            namespace.nft("delete table inet count\n")
        self.topology.internet.nft(FORGET)

    def stop(self) -> None:
        """Send no more."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)
            self.process = None
            self.seconds = time.monotonic() - self.began
            time.sleep(QUIET_S)

    def watch(self, order: Callable[[], object]) -> None:
        """We begin a rekeying by this order, so the peer may be too early: every SPI but the present ones is new."""
        internet, old = self.topology.internet, self.site.spis()
        internet.nft(FORGET + BETWEEN.format(known=", ".join(old)))
        rekey_child(self.site, order)
        for name, number in count(internet).items():
            self.seen[name] += number


def rekey_under_load(story: Story, site: Site, facts: Facts) -> None:
    """20 rekeys of the CHILD SA and 5 of the IKE SA a side (fewer in a reduced run); none may cost a packet of ours."""
    peer = story.peer
    children, ikes = story.report.amount(2, 20), story.report.amount(1, 5)
    before = count_drops(story)
    with Traffic(story, site) as traffic:
        # Theirs first, and IKE's: these may cost nothing at all, whoever the peer is.
        for _ in range(children):
            rekey_child(site, peer.rekey_child)
        for order in (peer.rekey_ike, lambda: site.ask("rekey", tunnel="stranger", ike=True)) * ikes:
            rekey_ike(site, order)
        time.sleep(SETTLED_S)
        drops = subtract(count_drops(story), before)
        check(not drops, f"rekeyed by {peer.stack}, the kernels dropped {drops}")
        for _ in range(children):
            traffic.watch(lambda: site.ask("rekey", tunnel="stranger"))
        # What has been replaced may linger; nothing more should be sent on it, and a full run waits for its end.
        time.sleep(SETTLED_S)
        wait_until("the newest SAs alone", lambda: len(site.spis()) == 2 or not story.report.full, LIMIT_S, 0.2)
        check(traffic.process is not None and traffic.process.poll() is None, "ping has ended too soon")
        traffic.stop()
        here, there = count(story.topology.host_a), count(story.topology.host_b)
    judge(story, facts, here["sent"] - there["arrived"], there["arrived"] - here["back"], traffic.seen,
          subtract(count_drops(story), before))
    facts.note("rekeys", f"of each side {children} CHILD, {ikes} IKE")
    facts.note("packets", f"{here['sent']}, {round(here['sent'] / traffic.seconds)} a second")


def judge(story: Story, facts: Facts, going: int, coming: int, seen: dict[str, int], drops: dict[str, int]) -> None:
    """None is lost on its way to the peer; of those coming, only what a peer sent on an SA it must not use yet."""
    name = story.peer.stack
    facts.note(name, f"lost {going} going, {coming} coming; the peer sent {seen['early']} on new SAs before us, "
                     f"{seen['unanswered']} of them before its answer; the kernels count {drops or 'nothing'}")
    check(not going, f"{going} packets lost on their way to {name}; the kernels count {drops}")
    if not story.peer.moves_early:
        check(not coming, f"{coming} packets lost on their way from {name}; the kernels count {drops}")
        check(not seen["early"], f"{name} sent {seen['early']} packets on new SAs before us")
    check(coming <= min(seen["early"], drops.get(NO_STATE, 0)),
          f"{coming} packets lost on their way from {name}, which sent {seen['early']} too early; {drops}")


def rekey_child(site: Site, order: Callable[[], object]) -> None:
    """One order; wait until a new pair is in router A's kernel. Older ones may be on their way out."""
    old = site.spis()
    order()
    wait_until("two new SAs", lambda: len(set(site.spis()) - set(old)) == 2, LIMIT_S, 0.1)


def rekey_ike(site: Site, order: Callable[[], object]) -> None:
    """One order; wait until another IKE SA is the one that counts."""
    old = find_ike(site)
    order()
    wait_until("the new IKE SA", lambda: find_ike(site) != old, LIMIT_S, 0.1)


def find_ike(site: Site) -> int:
    """The number of the tunnel's IKE SA."""
    return int(site.ask("show", tunnel="stranger")["ike"]["id"])


def count(namespace: Namespace) -> dict[str, int]:
    """Packets that the namespace's counters have seen, by name."""
    said = namespace.run("nft", "list", "counters")
    found = re.findall(r"counter (\w+) \{\s*packets (\d+)", said)
    if not found:
        raise LabError(f"nft says {said}")
    return {name: int(number) for name, number in found}


def count_drops(story: Story) -> dict[str, int]:
    """What the two routers' kernels have dropped for want of an SA."""
    routers = (("router A", story.topology.router_a), ("router B", story.topology.router_b))
    return {f"{name} {what}": number for name, router in routers for what, number in read_statistics(router).items()}


def subtract(now: dict[str, int], before: dict[str, int]) -> dict[str, int]:
    """What has been added since."""
    return {name: value - before.get(name, 0) for name, value in now.items() if value != before.get(name, 0)}


def read_statistics(namespace: Namespace) -> dict[str, int]:
    """The rows of its xfrm statistics that matter here."""
    with namespace:
        lines = Path("/proc/thread-self/net/xfrm_stat").read_text().splitlines()
    return {name: int(value) for name, value in map(str.split, lines) if name in WANTED}
