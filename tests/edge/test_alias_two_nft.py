"""Two peers with the same network, both translated here: each is reached, and neither speaks for the other."""

from __future__ import annotations

import shutil
import socket
import unittest

from isthmus.policy.alias import AliasTunnel, alias_chains
from isthmus.policy.ready import ready_chains
from tests.core.passthrough_samples import alias
from tests.edge.nets import Net, Watch, forget_connections, join, send

HOST_A, REAL = "192.168.5.20", "192.168.1.30"
SHOWN = {"b": "10.66.2.30", "c": "10.66.3.30"}
UDP = 17
ALIASES = [
    alias("one", "b", "192.168.1.0/24", "10.66.2.0/24", "remote"),
    alias("two", "c", "192.168.1.0/24", "10.66.3.0/24", "remote"),
]


@unittest.skipUnless(shutil.which("nft"), "there is no nft program")
class TwoPeersTest(unittest.TestCase):
    def setUp(self) -> None:
        self.nets: dict[str, Net] = {}
        for name in ("host", "a", "b", "c"):
            self.nets[name] = Net()
            self.addCleanup(self.nets[name].close)
        host, a = self.nets["host"], self.nets["a"]
        join(host, "eth0", a, "br-lan")
        host.ip("address add %s/24 dev eth0" % HOST_A, "route add default via 192.168.5.1")
        a.ip("address add 192.168.5.1/24 dev br-lan")
        a.sysctl("net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=1")
        for name in ("b", "c"):
            peer = self.nets[name]
            join(a, "ist-" + name, peer, "ist-a")
            a.ip("address add fe80::a/64 dev ist-%s nodad" % name,
                 "route add %s/24 via inet6 fe80::1 dev ist-%s" % (SHOWN[name][:-2] + "0", name))  # fmt: skip
            peer.ip("address add %s/32 dev lo" % REAL, "address add fe80::1/64 dev ist-a nodad",
                    "route add 192.168.5.0/24 via inet6 fe80::a dev ist-a src " + REAL)  # fmt: skip
            peer.sysctl("net.ipv4.conf.all.rp_filter=0")
        chains = alias_chains(ALIASES, {name: AliasTunnel("ist-" + name) for name in ("b", "c")})
        chains += ready_chains(chains)
        lines = ["table inet isthmus {"]
        for chain in chains:
            lines += chain.lines()
        a.nft("\n".join(lines) + "\n}\n")

    def bound(self, name: str, address: str, port: int) -> socket.socket:
        sock = self.nets[name].socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(sock.close)
        sock.settimeout(5)
        sock.bind((address, port))
        return sock

    def test_each_is_reached_from_one_port(self) -> None:
        here = self.bound("host", HOST_A, 5000)
        for name in ("b", "c"):
            there = self.bound(name, REAL, 7000)
            here.sendto(name.encode(), (SHOWN[name], 7000))
            word, client = there.recvfrom(10)
            self.assertEqual((word, client[0]), (name.encode(), HOST_A))
            there.sendto(b"answer", client)
            self.assertEqual(here.recvfrom(10), (b"answer", (SHOWN[name], 7000)))

    def test_each_calls_as_itself(self) -> None:
        here = self.bound("host", HOST_A, 5000)
        for name, port in (("b", 7001), ("c", 7002)):
            there = self.bound(name, REAL, port)
            there.sendto(b"call", (HOST_A, 5000))
            self.assertEqual(here.recvfrom(10), (b"call", (SHOWN[name], port)))
            here.sendto(b"back", (SHOWN[name], port))
            self.assertEqual(there.recvfrom(10)[0], b"back")

    def seen_as(self, name: str, sport: int, dport: int) -> list[bytes]:
        """Source addresses under which one packet of a peer's, from REAL, comes to the host."""
        watch = Watch(self.nets["host"], "eth0")
        try:
            send(self.nets[name], UDP, REAL, HOST_A, b"a word of " + name.encode(), sport, dport)
            send(self.nets[name], UDP, REAL, HOST_A, b"the last", 9000 + ord(name), 9)
            packets = watch.until(b"the last")
            return [packet[12:16] for packet in packets if b"a word of " in packet]
        finally:
            watch.close()

    def test_nobody_speaks_for_the_other(self) -> None:
        """A connection of B's, in either direction: the same packet from C is no part of it."""
        here = self.bound("host", HOST_A, 5000)
        there = self.bound("b", REAL, 7000)
        there.sendto(b"call", (HOST_A, 5000))
        here.recvfrom(10)
        self.assertEqual(self.seen_as("b", 7000, 5000), [socket.inet_aton(SHOWN["b"])])
        self.assertEqual(self.seen_as("c", 7000, 5000), [])
        forget_connections(self.nets["a"])
        here.sendto(b"call", (SHOWN["b"], 7000))
        there.recvfrom(10)
        self.assertEqual(self.seen_as("b", 7000, 5000), [socket.inet_aton(SHOWN["b"])])
        self.assertEqual(self.seen_as("c", 7000, 5000), [])

    def test_or_it_would(self) -> None:
        """What the rules are for: without them C's packet comes as B's."""
        text = self.nets["a"].run("nft", "list", "table", "inet", "isthmus")
        kept = [line for line in text.split("\n") if "ct direction" not in line or not line.endswith(" drop")]
        self.assertEqual(len(text.split("\n")) - len(kept), 4)
        self.nets["a"].nft("delete table inet isthmus\n" + "\n".join(kept))
        here = self.bound("host", HOST_A, 5000)
        self.bound("b", REAL, 7000).sendto(b"call", (HOST_A, 5000))
        here.recvfrom(10)
        self.assertEqual(self.seen_as("c", 7000, 5000), [socket.inet_aton(SHOWN["b"])])


if __name__ == "__main__":
    unittest.main()
