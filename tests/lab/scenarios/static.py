"""Session static in ESP transport mode: ids written down at both ends, outer addresses inside and outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.capture import Capture
from tests.lab.ping import Stream
from tests.lab.report import check
from tests.lab.site import Site, three_lines
from tests.lab.topology import HOST_B, LAN_A, LAN_B, WAN_A, WAN_B, Topology

if TYPE_CHECKING:
    from tests.lab.report import Report

LOUD = "config globals\n\toption log_level debug\n"
COOKIE_A, COOKIE_B = "0011223344556677", "8899aabbccddeeff"


def static_lines(ids: tuple[int, int, int, int], *extra: str) -> tuple[str, ...]:
    """Lines of a section: tunnel_id, peer_tunnel_id, session_id, peer_session_id, and further ones."""
    names = ("tunnel_id", "peer_tunnel_id", "session_id", "peer_session_id")
    return ("option session static", *[f"option {name} {number}" for name, number in zip(names, ids)], *extra)


A_TEXT = three_lines("depot", WAN_B, LAN_B, *static_lines(
    (10, 20, 11, 21), f"option cookie {COOKIE_A}", f"option peer_cookie {COOKIE_B}", "list address 10.9.0.1/30",
    "list peer_address 10.9.0.2")) + LOUD
B_TEXT = three_lines("head", WAN_A, LAN_A, *static_lines(
    (20, 10, 21, 11), f"option cookie {COOKIE_B}", f"option peer_cookie {COOKIE_A}", "list address 10.9.0.2/30",
    "list peer_address 10.9.0.1")) + LOUD


def run(report: Report) -> None:
    """Everything."""
    two_isthmus(report)


def two_isthmus(report: Report) -> None:
    """Both ends Isthmus."""
    with Topology("st") as topology, Capture(topology.internet) as capture:
        a, b = Site(topology.router_a, A_TEXT, True), Site(topology.router_b, B_TEXT, True)
        report.on_failure = lambda: (a.print_log(), b.print_log())
        try:
            with report.case("static.two_isthmus") as facts:
                a.start()
                b.start()
                mtu = a.wait_state("up")["mtu"]
                b.wait_state("up")
                facts.note("computed MTU", mtu)
                check(mtu == 1416, f"MTU {mtu}, measured on this kernel: 1416")
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
