"""A link of 1400 bytes in the middle of the Internet, of which nobody is told: the path's limit is found by probes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.lab.capture import Capture
from tests.lab.namespace import Namespace, wait_until
from tests.lab.ping import Stream
from tests.lab.report import check
from tests.lab.site import Site, three_lines
from tests.lab.topology import FORWARD, HOST_B, LAN_A, LAN_B, WAN_A, WAN_B, Topology

if TYPE_CHECKING:
    from tests.lab.report import Report

LINK = 1400
INNER = 1320  # what fits through the tunnel then: IPv4, AES-GCM, cookies of 8 bytes
SILENT = """\
table inet silent {
    chain out {
        type filter hook output priority 0;
        icmp type destination-unreachable drop
    }
}
"""


class Narrow(Topology):
    """Between the Internet's two halves a narrow link, whose routers say nothing of what they cannot pass."""

    def __init__(self, prefix: str) -> None:
        super().__init__(prefix)
        self.far = Namespace(prefix + "-far")
        self.all.append(self.far)

    def build(self) -> None:
        """As ever, then router B's side moves behind the link."""
        super().build()
        for name in FORWARD:
            self.far.set_sysctl(name, "1")
        self.internet.ip(f"link set wan-b netns {self.far.name}\n"
                         f"link add mid0 mtu {LINK} type veth peer name mid1 mtu {LINK} netns {self.far.name}\n"
                         "address add 192.0.2.1/30 dev mid0\nlink set mid0 up\n"
                         "route add 203.0.113.0/24 via 192.0.2.2\n")
        self.far.ip("link set lo up\naddress add 203.0.113.1/24 dev wan-b\nlink set wan-b up\n"
                    "address add 192.0.2.2/30 dev mid1\nlink set mid1 up\nroute add 198.51.100.0/24 via 192.0.2.1\n")
        for router in (self.internet, self.far):
            router.nft(SILENT)


def run(report: Report) -> None:
    """Full packets pass whole, and there is not one fragment."""
    with Narrow("nw") as topology, Capture(topology.internet) as capture:
        a = Site(topology.router_a, three_lines("branch", WAN_B, LAN_B), True)
        b = Site(topology.router_b, three_lines("head", WAN_A, LAN_A), True)
        report.on_failure = a.print_log
        try:
            with report.case("path.narrow_link") as facts:
                a.start()
                b.start()
                a.wait_state("up")
                b.wait_state("up")
                begin = time.monotonic()
                found = [wait_until("the path's limit", lambda site=site: limit_of(site), 120, 0.2) for site in (a, b)]
                facts.note("seconds until both knew", round(time.monotonic() - begin, 1))
                facts.note("limits found", found)
                check(all(LINK - 4 < limit <= LINK for limit in found), f"the link has {LINK} bytes, found: {found}")
                mtu = a.tunnel()["mtu"]
                facts.note("MTU of the interface", mtu)
                check(INNER - 4 <= mtu <= INNER, f"MTU {mtu}")
                before = capture.count()
                for size in (mtu - 28, mtu - 128):
                    with Stream(topology.host_a, HOST_B, 50, size) as stream:
                        stream.wait_answer()
                        first = stream.sent
                        stream.wait_sent(100)
                        stream.stop()
                        lost = stream.list_lost(first)
                        check(not lost, f"{len(lost)} packets of {size + 28} bytes lost")
                after = capture.count()
                check(after["fragment"] == before["fragment"], "ESP was cut into fragments")
                check(after["esp"] - before["esp"] >= 400, "hardly any ESP on the Internet")
                clamp = topology.router_a.run("nft", "list", "table", "inet", "isthmus")
                check(f"maxseg size set {mtu - 40}" in clamp, "TCP's segments are not clamped to it")
        finally:
            a.remove()
            b.remove()


def limit_of(site: Site) -> int:
    """The path's limit as a site knows it, 0 as long as it does not."""
    return int((site.tunnel().get("outer") or {}).get("path_mtu") or 0)
