"""Session static in ESP transport mode: ids written down at both ends, outer addresses inside and outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.capture import Capture
from tests.lab.namespace import wait_until
from tests.lab.ping import Stream
from tests.lab.report import check
from tests.lab.site import Site, three_lines
from tests.lab.topology import HOST_B, LAN_A, LAN_B, WAN_A, WAN_A6, WAN_B, WAN_B6, Topology

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


OWN = ("ip", "l2tp", "show", "tunnel", "tunnel_id", "77")


class Pair:
    """Both routers Isthmus, each with what the other's file says; outer addresses of either family."""

    def __init__(self, topology: Topology, report: Report, outer: tuple[str, str] = (WAN_A, WAN_B)) -> None:
        self.topology = topology
        self.report = report
        self.a = Site(topology.router_a, A_TEXT.replace(WAN_B, outer[1]), True)
        self.b = Site(topology.router_b, B_TEXT.replace(WAN_A, outer[0]), True)
        report.on_failure = self.print_logs

    def print_logs(self) -> None:
        """Both, for a test that failed."""
        self.a.print_log()
        self.b.print_log()
        for router in (self.topology.router_a, self.topology.router_b):
            counters = router.run("nft", "list", "table", "inet", "isthmus").splitlines()
            print([line.strip() for line in counters if "packets 0 " not in line and "counter" in line],
                  router.run("cat", "/proc/net/xfrm_stat").split(), router.run("ip", "-s", "link"), flush=True)

    def start(self) -> int:
        """Start both and wait; the MTU."""
        self.a.start()
        self.b.start()
        self.b.wait_state("up")
        return int(self.a.wait_state("up")["mtu"])

    def remove(self) -> None:
        """End both."""
        self.a.remove()
        self.b.remove()


def run(report: Report) -> None:
    """Over IPv4 with all that can happen to it, then over IPv6."""
    with Topology("st") as topology, Capture(topology.internet) as capture:
        pair = Pair(topology, report)
        try:
            # An administrator's own L2TP tunnel between the very same addresses.
            topology.router_a.run("ip", "l2tp", "add", "tunnel", "tunnel_id", "77", "peer_tunnel_id", "78",
                                  "encap", "ip", "local", WAN_A, "remote", WAN_B)
            comes_up(pair, capture, "static.two_isthmus", 1416)
            policy_flush(pair, capture)
            killed(pair)
            stopped(pair)
        finally:
            pair.remove()
    with Topology("s6") as topology, Capture(topology.internet) as capture:
        pair = Pair(topology, report, (WAN_A6, WAN_B6))
        try:
            comes_up(pair, capture, "static.over_ipv6", 1396)
        finally:
            pair.remove()


def comes_up(pair: Pair, capture: Capture, name: str, expected: int) -> None:
    """Up, and the largest packets pass whole, in ESP alone."""
    with pair.report.case(name) as facts:
        mtu = pair.start()
        facts.note("computed MTU", mtu)
        check(mtu == expected, f"MTU {mtu}, measured on this kernel: {expected}")
        before = capture.count()
        with Stream(pair.topology.host_a, HOST_B, 50, mtu - 28) as stream:
            stream.wait_answer()
            first = stream.wait_sent(50)
            stream.wait_sent(100)
            stream.stop()
            lost = stream.list_lost(first)
            check(not lost, f"{len(lost)} of {stream.sent - first} full packets lost: {lost[:5]} after {first}")
        after = capture.count()
        check(after["esp"] - before["esp"] >= 200, "hardly any ESP on the Internet")
        for kind in ("l2tp", "fragment", "other"):
            check(after[kind] == before[kind], f"{after[kind] - before[kind]} {kind} packets on the Internet")


def policy_flush(pair: Pair, capture: Capture) -> None:
    """Without its policy nobody knows the L2TP tunnel for ours: it comes back, and the tunnel is known again."""
    with pair.report.case("static.policy_flush") as facts, Stream(pair.topology.host_a, HOST_B) as stream:
        stream.wait_answer()
        clear = capture.count()["l2tp"]
        tunnels = pair.topology.router_a.run("ip", "l2tp", "show", "session")
        pair.topology.router_a.run("ip", "xfrm", "policy", "flush")
        facts.note("seconds until LAN reaches LAN again", round(stream.wait_answer(60), 2))
        check(capture.count()["l2tp"] == clear, "clear L2TP while the policies were away")
        check(pair.topology.router_a.run("ip", "l2tp", "show", "session") == tunnels, "the session was made anew")


def killed(pair: Pair) -> None:
    """Kill -9 under traffic, a restart that adopts: nothing lost."""
    with pair.report.case("static.killed_and_adopted") as facts, Stream(pair.topology.host_a, HOST_B, 50) as stream:
        stream.wait_answer()
        first, old = stream.wait_sent(50), pair.a.spis()
        pair.a.kill()
        stream.wait_sent(100)
        pair.a.start()
        wait_until("the old SAs gone", lambda: not set(old) & set(pair.a.spis()), 120, 0.3)
        pair.a.wait_state("up")
        stream.wait_sent(50)
        stream.stop()
        lost = stream.list_lost(first)
        facts.note("lost of those sent", [len(lost), stream.sent - first])
        check(not lost, f"{len(lost)} lost, {lost[:5]} after {first}")


def stopped(pair: Pair) -> None:
    """In good order: L2TP and SAs go, policies and guard stay; the administrator's own tunnel was never touched."""
    with pair.report.case("static.stopped"):
        pair.a.stop()
        router = pair.topology.router_a
        check(not pair.a.spis(), f"SAs are left: {pair.a.spis()}")
        check("tunnel_id 10" not in router.run("ip", "l2tp", "show", "session"), "a session of ours is left")
        check(router.run("ip", "xfrm", "policy").count("proto l2tp") == 2, "the policies must stay")
        check("isthmus" in router.run("nft", "list", "tables"), "the guard must stay")
        own = router.run(*OWN)
        check(f"From {WAN_A} to {WAN_B}" in own, f"the administrator's own tunnel: {own}")
