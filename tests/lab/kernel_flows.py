"""What forced traffic needs of the kernel seam, in the lab: the tests of tests/edge/test_kernel_forced.py, and the one
thing that they cannot show, a connection that the kernel's flow table takes past every chain.

    host 10.1.0.2 fd00:1::2 ---- lan0 router wan0 ---- far 10.2.0.2 fd00:2::2
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

from tests.edge import test_kernel_forced as forced
from tests.lab.kernel_world import enter, ip_batch, new_namespace

PORT = 7010
WAIT_S = 1.0

HOST = """
link set lo up
link set eth0 up
addr add 10.%(n)d.0.2/24 dev eth0
addr add fd00:%(n)d::2/64 dev eth0 nodad
route add default via 10.%(n)d.0.1
route add default via fd00:%(n)d::1
"""
ROUTER = """
link set lo up
link set lan0 up
link set wan0 up
addr add 10.1.0.1/24 dev lan0
addr add 10.2.0.1/24 dev wan0
addr add fd00:1::1/64 dev lan0 nodad
addr add fd00:2::1/64 dev wan0 nodad
addr add fe80::1/64 dev lan0 nodad
addr add fe80::1/64 dev wan0 nodad
"""  # a router asks for a neighbour from its link-local address
OFFLOAD = """
table inet bypass {
    flowtable past {
        hook ingress priority 0; devices = { lan0, wan0 };
    }
    chain forward {
        type filter hook forward priority 0; policy accept;
        udp dport %(port)d flow add @past
        udp sport %(port)d flow add @past
    }
}
"""
BLOCK = """
table inet block {
    chain forward {
        type filter hook forward priority -300; policy accept;
        udp dport %(port)d drop
    }
}
"""


class ForcedTest(forced.ForcedTest):
    """In a namespace of its own among those of the other tests of this process."""

    namespace = -1

    def setUp(self) -> None:
        if ForcedTest.namespace < 0:
            forced.setUpModule()
            ForcedTest.namespace = os.open("/proc/self/ns/net", os.O_RDONLY)
        enter(ForcedTest.namespace)
        super().setUp()


class OffloadTest(forced.KernelTest):
    """Rule first, then the connection's end: only both stop what is offloaded (kernel.md)."""

    def setUp(self) -> None:
        if not os.environ.get("ISTHMUS_LAB"):
            self.skipTest("this kernel may have no flow table")
        self.host, self.far, self.router = [new_namespace() for _ in range(3)]
        self.addCleanup(self.leave)
        for name, peer in (("lan0", self.host), ("wan0", self.far)):
            ip_batch("link add %s type veth peer name eth0 netns /proc/%d/fd/%d\n" % (name, os.getpid(), peer))
        ip_batch(ROUTER)
        for path in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            Path("/proc/sys/net", path).write_text("1", encoding="ascii")
        forced.nft(OFFLOAD % {"port": PORT})
        for number, namespace in ((1, self.host), (2, self.far)):
            enter(namespace)
            ip_batch(HOST % {"n": number})
        enter(self.router)
        self.open_kernel()

    def leave(self) -> None:
        for namespace in (self.host, self.far, self.router):
            os.close(namespace)

    def pair(self, family: int, address: str) -> tuple[socket.socket, socket.socket]:
        """A socket of the host, and the one it talks to."""
        ends = []
        for namespace in (self.host, self.far):
            enter(namespace)
            ends.append(socket.socket(family, socket.SOCK_DGRAM))
            ends[-1].settimeout(WAIT_S)
            self.addCleanup(ends[-1].close)
        ends[1].bind((address, PORT))
        ends[0].connect((address, PORT))
        enter(self.router)
        return ends[0], ends[1]

    def talks(self, pair: tuple[socket.socket, socket.socket]) -> bool:
        """A question gets there and its answer back."""
        try:
            pair[0].send(b"question")
            asked, address = pair[1].recvfrom(100)
            pair[1].sendto(b"answer to " + asked, address)
            return pair[0].recv(100) == b"answer to question"
        except TimeoutError:
            return False

    def ours(self):
        return self.kernel.flows(lambda flow: flow.dport == PORT)

    def test_an_offloaded_connection_is_listed_and_ended(self) -> None:
        pairs = [self.pair(socket.AF_INET, "10.2.0.2"), self.pair(socket.AF_INET6, "fd00:2::2")]
        for pair in pairs:
            self.assertEqual([self.talks(pair) for _ in range(4)], [True] * 4)
        listed = self.ours()
        self.assertEqual(sorted([(flow.family, flow.offloaded) for flow in listed]), [(2, True), (10, True)])
        forced.nft(BLOCK % {"port": PORT})
        self.assertEqual([self.talks(pair) for pair in pairs], [True, True], "an offloaded one passes by every chain")
        for flow in listed:
            self.kernel.end_flow(flow)
        for pair in pairs:
            self.assertEqual([self.talks(pair) for _ in range(2)], [False] * 2)
        self.assertEqual([flow for flow in self.ours() if flow.offloaded], [])
