"""A peer's hosts on the Internet through this site, on a real kernel: a veth pair stands for the tunnel."""

from __future__ import annotations

import shutil
import socket
import unittest

from isthmus.kernel.real_flow import Conntrack
from isthmus.policy.chain import Chain
from isthmus.policy.outward import outward_chains
from isthmus.policy.passthrough import L2TP_PORT
from tests.edge.nets import UDP, Net, Watch, connections, forget_connections, join, send

PEER, OTHER_PEER, HERE = "192.168.10.2", "192.168.30.2", "192.168.20.2"
PEER6, HERE6, WAN6, NET6 = "2001:db8:10::2", "2001:db8:20::2", "2001:db8:f::1", "2001:db8:f::2"
WAN, INTERNET = "203.0.113.1", "203.0.113.2"


class OutwardTest(unittest.TestCase):
    """peer - ist-a, other - ist-c, lan - br-lan, all at `router`, which reaches `internet` by wan0."""

    @classmethod
    def setUpClass(cls) -> None:
        if not shutil.which("nft"):
            raise unittest.SkipTest("there is no nft program")
        names = ("peer", "other", "lan", "router", "internet")
        cls.nets = {}
        cls.addClassCleanup(lambda: [net.close() for net in cls.nets.values()])
        for name in names:
            cls.nets[name] = Net()
        router = cls.nets["router"]
        for name, ifname, own, gateway in (
            ("peer", "ist-a", PEER, "192.168.10.1"), ("other", "ist-c", OTHER_PEER, "192.168.30.1"),
            ("lan", "br-lan", HERE, "192.168.20.1"), ("internet", "wan0", INTERNET, WAN),
        ):  # fmt: skip
            net = cls.nets[name]
            join(net, "eth0", router, ifname)
            net.ip("address add %s/24 dev eth0" % own, "route add default via " + gateway)
            router.ip("address add %s/24 dev %s" % (gateway, ifname))
        for name, ifname, own, gateway in (
            ("peer", "ist-a", PEER6, "2001:db8:10::1"), ("lan", "br-lan", HERE6, "2001:db8:20::1"),
            ("internet", "wan0", NET6, WAN6),
        ):  # fmt: skip
            cls.nets[name].ip("address add %s/64 dev eth0 nodad" % own, "route add default via " + gateway)
            router.ip("address add %s/64 dev %s nodad" % (gateway, ifname))
        router.sysctl("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")

    def seen(self, sender: str, source: str, destination: str, at: str, sport: int = 4000) -> tuple[bytes, int]:
        """(source address, source port) of a datagram as it arrives."""
        net = self.nets[at]
        family, header = (socket.AF_INET6, 40) if ":" in source else (socket.AF_INET, 20)
        watch = Watch(net, "eth0")
        try:
            token = b"token from " + sender.encode()
            send(self.nets[sender], UDP, source, destination, token, sport, 9)
            packet = watch.until(token)[-1]
        finally:
            watch.close()
        address = packet[8:24] if family == socket.AF_INET6 else packet[12:16]
        return address, int.from_bytes(packet[header : header + 2], "big")

    def apply(self, outward: list[str]) -> None:
        router = self.nets["router"]
        lines = ["table inet isthmus", "delete table inet isthmus", "table inet isthmus {"]
        # A NAT chain that does nothing: without any, connections would not be tracked in the control.
        chains = outward_chains(outward, ["ist-a", "ist-c"], ["br-lan"])
        chains = chains or [Chain("none", [], "postrouting", "nat", 99)]
        for chain in chains:
            lines += chain.lines()
        router.nft("\n".join(lines) + "\n}\n")
        forget_connections(router)

    def test_without_the_option_the_peers_own_address_goes_out(self) -> None:
        self.apply([])
        self.assertEqual(self.seen("peer", PEER, INTERNET, "internet")[0], socket.inet_aton(PEER))
        peer6 = socket.inet_pton(socket.AF_INET6, PEER6)
        self.assertEqual(self.seen("peer", PEER6, NET6, "internet")[0], peer6)

    def test_with_it_this_routers_does(self) -> None:
        self.apply(["ist-a"])
        self.assertEqual(self.seen("peer", PEER, INTERNET, "internet"), (socket.inet_aton(WAN), 4000))
        wan6 = socket.inet_pton(socket.AF_INET6, WAN6)
        self.assertEqual(self.seen("peer", PEER6, NET6, "internet"), (wan6, 4000))

    def test_the_kernel_tells_whether_it_tracks(self) -> None:
        """What shadows a peer needs NAT, and NAT needs tracking: without it nothing is put in the packets' way."""
        tracker = Conntrack()
        self.addCleanup(tracker.close)
        router = self.nets["router"]
        router.nft("table inet isthmus\ndelete table inet isthmus\n")
        forget_connections(router)
        self.seen("peer", PEER, INTERNET, "internet")
        with router.inside():
            self.assertFalse(tracker.is_on())
        self.apply(["ist-a"])
        self.seen("peer", PEER, INTERNET, "internet")
        with router.inside():
            self.assertTrue(tracker.is_on())

    def test_what_stays_among_networks_and_tunnels_keeps_its_address(self) -> None:
        self.apply(["ist-a"])
        self.assertEqual(self.seen("peer", PEER, HERE, "lan")[0], socket.inet_aton(PEER))
        self.assertEqual(self.seen("peer", PEER, OTHER_PEER, "other")[0], socket.inet_aton(PEER))

    def test_no_other_peer_and_not_this_sites_own_hosts(self) -> None:
        self.apply(["ist-a"])
        self.assertEqual(self.seen("other", OTHER_PEER, INTERNET, "internet")[0], socket.inet_aton(OTHER_PEER))
        self.assertEqual(self.seen("lan", HERE, INTERNET, "internet")[0], socket.inet_aton(HERE))

    def test_vpn_ports_are_not_kept_but_the_routers_own(self) -> None:
        self.apply(["ist-a"])
        for port in (500, 1701, 4500):
            address, seen = self.seen("peer", PEER, INTERNET, "internet", port)
            self.assertEqual(address, socket.inet_aton(WAN))
            self.assertTrue(32768 <= seen <= 60999, seen)
        self.assertEqual(self.seen("router", WAN, INTERNET, "internet", 500), (socket.inet_aton(WAN), 500))
        self.assertTrue(connections(self.nets["router"]))

    def test_what_carries_the_tunnel_is_not_translated(self) -> None:
        """The kernel says of an encapsulated packet that it came by the tunnel's interface: VXLAN stands for L2TP."""
        self.apply(["ist-v"])
        router = self.nets["router"]
        ends = "local %s remote %s dev wan0 srcport %d %d dstport 4789" % (WAN, INTERNET, L2TP_PORT, L2TP_PORT + 1)
        router.ip("link add ist-v type vxlan id 3 " + ends, "link set ist-v up", "address add 10.77.0.1/24 dev ist-v")
        self.addCleanup(router.ip, "link del ist-v")
        router.ip("neighbour add 10.77.0.2 lladdr 02:00:00:00:00:77 dev ist-v")
        watch = Watch(self.nets["internet"], "eth0")
        try:
            send(router, UDP, "10.77.0.1", "10.77.0.2", b"a token inside", 4000, 9)
            outer = watch.until(b"a token inside")[-1]
        finally:
            watch.close()
        self.assertEqual(outer[12:16], socket.inet_aton(WAN))
        self.assertEqual(int.from_bytes(outer[20:22], "big"), L2TP_PORT)


if __name__ == "__main__":
    unittest.main()
