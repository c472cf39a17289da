"""What goes wrong between two administrators: each fault named on both sides, nothing passes, it heals by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.capture import Capture
from tests.lab.clear import ClearL2tp
from tests.lab.namespace import wait_until
from tests.lab.ping import Stream
from tests.lab.report import check
from tests.lab.site import Site, three_lines
from tests.lab.topology import HOST_B, LAN_A, LAN_B, WAN_A, WAN_B, Topology

if TYPE_CHECKING:
    from tests.lab.report import Report

# Patience is for people; a lab that waits for each fault has less of it.
QUICK = ("option retransmit_timeout 1s", "option retransmit_tries 2")


class Fault:
    """name; what is written on each side; the code of A's error; the code of B's refusal or ""; a word B's refusal
    has.
    """

    def __init__(self, name: str, a: str, b: str, error: str, refusal: str = "", word: str = "") -> None:
        self.name = name
        self.a = a
        self.b = b
        self.error = error
        self.refusal = refusal
        self.word = word


WAITS = (*QUICK, "option role respond")
GOOD_A = three_lines("branch", WAN_B, LAN_B, *QUICK)
GOOD_B = three_lines("head", WAN_A, LAN_A, *WAITS)
FAULTS = (
    Fault(
        "wrong_psk", GOOD_A, three_lines("head", WAN_A, LAN_A, *WAITS, psk="not the same at all"),
        "psk", "psk", "pre-shared",
    ),
    Fault(
        "unknown_identity", three_lines("branch", WAN_B, LAN_B, *QUICK, "option local_id '@stranger.example'"), GOOD_B,
        "psk", "", "stranger.example",
    ),
    Fault(
        "no_common_proposal",
        three_lines("branch", WAN_B, LAN_B, *QUICK, "list ike_proposal aes256-sha256-prfsha256-modp2048"),
        three_lines("head", WAN_A, LAN_A, *WAITS, "list ike_proposal aes128gcm16-prfsha256-x25519"),
        "no-proposal", "", "modp2048",
    ),
)  # fmt: skip


def run(report: Report) -> None:
    """One topology, one pair of daemons, one fault after the other."""
    with Topology("ft") as topology, Capture(topology.internet) as capture, ClearL2tp(topology.router_a, WAN_B):
        a, b = Site(topology.router_a, GOOD_A, True), Site(topology.router_b, GOOD_B, True)
        try:
            with report.case("fault.unresolvable_name"):
                unresolvable(a, b, topology)
            for fault in FAULTS:
                with report.case("fault." + fault.name):
                    show(fault, a, b, topology, capture)
            with report.case("fault.unreachable"):
                unreachable(a, topology, capture)
        finally:
            a.remove()
            b.remove()


def nothing_passes(topology: Topology, capture: Capture) -> None:
    """Pings from LAN to LAN: none is answered, none is seen, in the clear or otherwise."""
    before = capture.count()
    with Stream(topology.host_a, HOST_B, 50) as stream:
        stream.wait_sent(50)
        stream.stop()
        check(stream.count_answered() == 0, f"{stream.count_answered()} pings answered without a tunnel")
    after = capture.count()
    for kind in ("l2tp", "esp", "icmp", "other"):
        check(after[kind] == before[kind], f"{after[kind] - before[kind]} {kind} packets on the Internet")


def unresolvable(a: Site, b: Site, topology: Topology) -> None:
    """A name without an address, which gets one later."""
    a.hosts("")
    a.write(three_lines("branch", "b.isthmus.example", LAN_B, *QUICK))
    a.start()
    b.start()
    error = a.wait_error("unresolvable-name")
    check("b.isthmus.example" in error["message"] and error["remedy"], str(error))
    found = a.doctor()
    check(found == ["name-unresolved"], f"the doctor finds {found}")
    b.wait_state("negotiating")
    a.hosts(f"{WAN_B} b.isthmus.example\n")
    a.wait_state("up")
    check(topology.router_a.name in a.namespace.name, "the site is not on its router")


def show(fault: Fault, a: Site, b: Site, topology: Topology, capture: Capture) -> None:
    """Make the fault, look at both sides, take it away."""
    a.write(fault.a)
    b.write(fault.b)
    for site in (b, a):
        site.ask("reload")
    error = a.wait_error(fault.error)
    check(error["remedy"], f"no remedy: {error}")
    nothing_passes(topology, capture)
    if fault.refusal:
        refusal = b.tunnel()["refusal"]
        found = a.doctor()
        check(found == ["not-up"], f"the doctor finds {found}")
        check(refusal is not None and refusal["code"] == fault.refusal and refusal["remedy"], f"B's refusal: {refusal}")
    check(fault.word in b.log(), f"B's log does not say {fault.word}: {b.log()[-600:]}")
    a.write(GOOD_A)
    b.write(GOOD_B)
    for site in (b, a):
        site.ask("reload")
    a.wait_state("up")
    b.wait_state("up")


def unreachable(a: Site, topology: Topology, capture: Capture) -> None:
    """The peer's line is cut: DPD notices, the error says so; the line comes back, and so does the tunnel."""
    a.write(three_lines("branch", WAN_B, LAN_B, *QUICK, "option dpd_interval 3s"))
    a.ask("reload")
    a.wait_state("up")
    topology.internet.run("ip", "link", "set", "wan-b", "down")
    wait_until(
        "an error", lambda: (a.tunnel().get("error") or {}).get("code") in ("peer-dead", "unreachable"), 120, 0.2
    )
    error = a.wait_error("unreachable")
    check(WAN_B in error["message"] and error["remedy"], str(error))
    found = a.doctor()
    check(found == ["peer-gone"], f"the doctor finds {found}")
    before = capture.count()["l2tp"]
    topology.internet.run("ip", "link", "set", "wan-b", "up")
    topology.internet.ip("address replace 2001:db8:b::1/64 dev wan-b nodad\n")
    a.wait_state("up", limit=180)
    check(capture.count()["l2tp"] == before, "clear L2TP while the line was cut")
