"""A router with two uplinks behind fw4's masquerading: what it sends to its peer survives the change from one to the
other in connection tracking. Real nft and namespaces; ESP is played by raw sockets.
"""

from __future__ import annotations

import os
import socket
import time
import unittest

from isthmus.policy.passthrough import shadow_chains
from tests.edge.nets import PATIENCE_S
from tests.lab.leaks import fw4
from tests.lab.leaks.network import SECOND_A, WAN_A, WAN_B, Network, packed
from tests.lab.leaks.stimuli import Listener
from tests.lab.namespace import Namespace

ESP = 50
MARKER = b"esp-test"


def send(namespace: Namespace, source: str, target: str, data: bytes) -> bool:
    """A packet of protocol 50 from one of the namespace's addresses; False where the kernel refuses it."""
    with namespace:
        sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, ESP)
    with sock:
        sock.bind((source, 0))
        try:
            sock.sendto(data, (target, 0))
        except OSError:
            return False
    return True


def sources(net: Network, listener: Listener, last: bytes) -> list[str]:
    """Of what has left by the second uplink so far: all that comes before a datagram, which has no reason not to."""
    with net.a:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sock:
        sock.bind((SECOND_A, 0))
        sock.sendto(MARKER + last, (WAN_B, 9))
    found, end = [], time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        for frame in listener.take(0.1):
            if last in frame:
                return found
            found.append(socket.inet_ntoa(frame[26:30]))
    raise AssertionError(f"{last!r} never left; {found} did")


@unittest.skipIf(os.geteuid() != 0, "needs root")
class UplinkChange(unittest.TestCase):
    def change(self, guard: str) -> tuple[list[str], str]:
        """The sources seen on the second uplink when the router sends from its new address; where an answer arrives."""
        with Network(f"uc{os.getpid() % 10000}") as net:
            fw4.load(net.a)
            if guard:
                net.a.nft(guard)
            with net.a:
                inbound = socket.socket(socket.AF_INET, socket.SOCK_RAW, ESP)
            inbound.settimeout(PATIENCE_S)
            with inbound, Listener(net.isp, "up1", MARKER) as seen:
                self.assertTrue(send(net.a, WAN_A, WAN_B, b"esp-test before"))
                net.second_uplink()
                net.a.ip("link set wan0 down\n")
                send(net.a, WAN_A, WAN_B, b"esp-test under the old address")
                sources(net, seen, b" the first end")
                send(net.a, SECOND_A, WAN_B, b"esp-test under the new one")
                found = sources(net, seen, b" the second end")
                self.assertTrue(send(net.b, WAN_B, SECOND_A, b"esp-test answer"))
                return found, socket.inet_ntoa(inbound.recv(200)[16:20])

    def test_without_us_the_old_address_owns_the_new_one(self):
        self.assertEqual(self.change(""), ([], WAN_A))

    def test_it_leaves_and_arrives_under_the_new_address(self):
        lines = ["table inet isthmus {"]
        for chain in shadow_chains(["wan0"], [packed(WAN_B)]):
            lines += chain.lines()
        self.assertEqual(self.change("\n".join([*lines, "}"]) + "\n"), ([SECOND_A], SECOND_A))
