"""An Internet that lets nothing past but UDP, TCP and ICMP: ESP goes in UDP by itself, and comes out of it again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.lab.capture import Capture
from tests.lab.ping import Stream
from tests.lab.report import check
from tests.lab.site import Site, three_lines
from tests.lab.topology import HOST_B, LAN_A, LAN_B, WAN_A, WAN_B, Topology

if TYPE_CHECKING:
    from tests.lab.namespace import Namespace
    from tests.lab.report import Facts, Report

LIMIT_S = 240.0  # under emulation
FIREWALL = """\
table inet strict
delete table inet strict
table inet strict {{
    counter plain {{ }}
    counter wrapped {{ }}
    chain past {{
        type filter hook forward priority 0;
        udp dport 4500 @ih,0,32 != 0 counter name wrapped
        meta l4proto esp counter name plain
        {verdict}
    }}
}}
"""
BLOCK_ESP = "meta l4proto esp drop"
BLOCK_UDP = "udp dport 4500 drop"


def run(report: Report) -> None:
    """From the beginning, and when the block moves while the tunnel is in use."""
    with Topology("dt") as topology, Capture(topology.internet) as capture:
        a = Site(topology.router_a, three_lines("branch", WAN_B, LAN_B), True)
        b = Site(topology.router_b, three_lines("head", WAN_A, LAN_A), True)
        report.on_failure = a.print_log
        try:
            with report.case("detour.esp_never_got_through") as facts:
                put(topology.internet, BLOCK_ESP)
                begin = time.monotonic()
                a.start()
                b.start()
                use(topology, facts, begin, "wrapped")
            if report.full:  # each takes a minute and more: what stands is left alone for a while, and then called anew
                with report.case("detour.udp_is_blocked_then") as facts:
                    put(topology.internet, BLOCK_UDP)
                    use(topology, facts, time.monotonic(), "plain")
                with report.case("detour.esp_is_blocked_while_in_use") as facts:
                    put(topology.internet, BLOCK_ESP)
                    use(topology, facts, time.monotonic(), "wrapped")
            with report.case("detour.nothing_in_the_clear") as facts:
                seen = capture.count()
                facts.note("packets", seen)
                check(seen["esp"] > 0 and not seen["l2tp"] and not seen["other"], f"on the Internet: {seen}")
        finally:
            a.remove()
            b.remove()


def put(internet: Namespace, verdict: str) -> None:
    """The firewall in the middle, its counters at nought."""
    internet.nft(FIREWALL.format(verdict=verdict))


def use(topology: Topology, facts: Facts, begin: float, way: str) -> None:
    """Until host B answers, then a hundred packets, each of which takes that way and none the other."""
    with Stream(topology.host_a, HOST_B, 20, 500) as stream:
        stream.wait_answer(LIMIT_S)
        facts.note("seconds until an answer", round(time.monotonic() - begin, 1))
        before = {name: count(topology.internet, name) for name in ("plain", "wrapped")}
        first = stream.sent
        stream.wait_sent(100)
        stream.stop()
        lost = stream.list_lost(first)
        after = {name: count(topology.internet, name) for name in before}
    other = "plain" if way == "wrapped" else "wrapped"
    check(not lost, f"{len(lost)} packets lost")
    went = {name: after[name] - before[name] for name in before}
    facts.note("packets", went)
    check(went[way] >= 200, f"{went[way]} packets went by the way that is open")
    check(not went[other], f"{went[other]} packets still went by the way that is blocked")


def count(internet: Namespace, name: str) -> int:
    """Packets that a counter of the firewall has seen."""
    words = internet.run("nft", "list", "counter", "inet", "strict", name).split()
    return int(words[words.index("packets") + 1])
