"""What the tests of forced rules on a real kernel share: one router a process, packets, and what must come of them."""

from __future__ import annotations

import unittest
from typing import Any

from tests.edge.forced_router import FAR, FAR6, HOST, HOST6, ICMP, MAC, TCP, UDP, Packet, Router

MAC2 = "02:00:00:00:02:02"
ULA6, TEMPORARY6 = "fd00:10::50", "2001:db8:1:0:a1b2:c3d4:e5f6:77"
ROUTER, ROUTER6, ROUTER_WAN = "192.168.10.1", "2001:db8:1::1", "203.0.113.1"
GRE, ESP, AH, IPIP, SIXINFOUR, L2TP, SCTP, UDPLITE = 47, 50, 51, 4, 41, 115, 132, 136
ODD = (GRE, ESP, AH, IPIP, SIXINFOUR, L2TP, SCTP, UDPLITE, 253, 255)
KINDS = {"prefix": "192.168.10.50/32", "network": "192.168.10.0/24", "mac": MAC, "bound": "%s@%s" % (HOST, MAC),
         "interface": "br-lan"}  # fmt: skip
DSTNAT = "type nat hook prerouting priority -100"  # where fw4 redirects
_routers: list[Router] = []


def router() -> Router:
    """The one of this process; made when it is first asked for."""
    if not _routers:
        _routers.append(Router())
    return _routers[0]


class Case(unittest.TestCase):
    """`free` proves that the packets would be seen; `fates` tells where they come out now."""

    router: Router

    @classmethod
    def setUpClass(cls) -> None:
        cls.router = router()
        cls.router.enter()

    def tearDown(self) -> None:
        self.router.tidy()

    def packet(self, *arguments: Any, **keywords: Any) -> Packet:
        return self.router.packet(*arguments, **keywords)

    def free(self, packets: list[Packet], place: str = "wan") -> None:
        self.router.off()
        for packet, found in zip(packets, self.router.send(packets)):
            self.assertIn(place, found, packet)

    def assert_fates(self, packets: list[Packet], *allowed: str) -> None:
        """Each came out there, and nowhere else. None allowed: nowhere."""
        for packet, found in zip(packets, self.router.send(packets)):
            seen = {place for place in found if not place.endswith("error")}
            self.assertEqual(seen, set(allowed), packet)
            self.assertNotIn("wan error", found, packet)


def everything(destination: str = FAR, destination6: str = FAR6, mac: str = MAC) -> list[Packet]:
    """One packet of each protocol of this host, both families."""
    out = [router().packet(HOST, destination, protocol, 443, mac=mac) for protocol in (TCP, UDP, ICMP) + ODD]
    for source in (HOST6, ULA6, TEMPORARY6):
        for protocol in (TCP, UDP, ICMP, GRE, 255):
            out.append(router().packet(source, destination6, protocol, 443, mac=mac))
    return out


def only4(packets: list[Packet]) -> list[Packet]:
    return [packet for packet in packets if "." in packet.words]
