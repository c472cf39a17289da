"""The same tunnel over an Internet that speaks IPv6: outer addresses, IKE and ESP; the LANs still speak IPv4."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.capture import Capture
from tests.lab.ping import Stream
from tests.lab.report import check
from tests.lab.site import Site, three_lines
from tests.lab.topology import HOST_B, LAN_A, LAN_B, WAN_A6, WAN_B6, Topology

if TYPE_CHECKING:
    from tests.lab.report import Report


def run(report: Report) -> None:
    """Up, LAN to LAN, the MTU of this road, nothing in the clear."""
    with Topology("v6") as topology, Capture(topology.internet) as capture:
        a = Site(topology.router_a, three_lines("branch", WAN_B6, LAN_B), True)
        b = Site(topology.router_b, three_lines("head", WAN_A6, LAN_A), True)
        report.on_failure = a.print_log
        try:
            with report.case("ipv6.outer") as facts:
                a.start()
                b.start()
                mtu = a.wait_state("up")["mtu"]
                b.wait_state("up")
                facts.note("computed MTU", mtu)
                check(mtu == 1400, f"MTU {mtu}, measured on this kernel: 1400")
                before = capture.count()
                with Stream(topology.host_a, HOST_B, 50, mtu - 28) as stream:
                    stream.wait_answer()
                    first = stream.wait_sent(50)
                    stream.wait_sent(100)
                    stream.stop()
                    check(not stream.list_lost(first), f"{len(stream.list_lost(first))} full packets lost")
                after = capture.count()
                check(after["esp"] - before["esp"] >= 200, "hardly any ESP on the Internet")
                for kind in ("l2tp", "fragment", "other"):
                    check(after[kind] == before[kind], f"{after[kind] - before[kind]} {kind} packets on the Internet")
        finally:
            a.remove()
            b.remove()
