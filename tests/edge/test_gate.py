"""The gate in a real kernel: a flood fills its own lane, and those of others stay free."""

from __future__ import annotations

import socket
import subprocess
import time
import unittest

from isthmus.policy import gate
from isthmus.policy.guard import guard_text
from isthmus.wire import ike_numbers as num
from tests.edge.world import own_network

PEER, PEER6, STRANGER, STRANGER6 = "127.0.0.2", "fd00::2", "127.0.0.3", "fd00::3"
HERE, HERE6 = "127.0.0.1", "fd00::1"
MARKER = bytes(4)
FLOOD = 3000
FEW = 100


def setUpModule() -> None:
    own_network()
    for address in (PEER6, STRANGER6, HERE6):
        subprocess.run(["ip", "address", "add", address + "/128", "dev", "lo", "nodad"], check=True, timeout=60)


def message(exchange: int, first: int = num.SA) -> bytes:
    """The header of an IKE message, and a payload to fill it."""
    return bytes(range(16)) + bytes([first, 0x20, exchange, 0x08]) + bytes(7) + b"\x40" + bytes(36)


BEGIN, PAID = message(num.IKE_SA_INIT), message(num.IKE_SA_INIT, num.NOTIFY)
TALK = message(num.INFORMATIONAL, num.SK)


class GateTest(unittest.TestCase):
    def setUp(self) -> None:
        peers = [socket.inet_aton(PEER), socket.inet_pton(socket.AF_INET6, PEER6)]
        text = guard_text([], peers)
        subprocess.run(["nft", "-f", "-"], input=text.encode(), check=True, timeout=60)
        self.open: list[socket.socket] = []

    def tearDown(self) -> None:
        for sock in self.open:
            sock.close()
        subprocess.run(["nft", "delete", "table", "inet", "isthmus"], check=True, timeout=60)

    def bound(self, address: str, port: int) -> socket.socket:
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        self.open.append(sock)
        sock.bind((address, port))
        return sock

    def listen(self, address: str, port: int) -> socket.socket:
        sock = self.bound(address, port)
        sock.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE: nothing is lost for want of room
        sock.setblocking(False)
        return sock

    def send(self, sender: socket.socket, to: socket.socket, datagram: bytes, count: int) -> tuple[int, float]:
        """(how many arrive, the seconds it took)."""
        target = to.getsockname()
        begun = time.monotonic()
        for _ in range(count):
            sender.sendto(datagram, target)
        took = time.monotonic() - begun
        arrived = 0
        while True:
            try:
                to.recv(2048)
            except BlockingIOError:
                return arrived, took
            arrived += 1

    def assert_limited(self, lane: tuple[int, int], arrived: int, took: float) -> None:
        rate, burst = lane
        self.assertGreaterEqual(arrived, burst * 9 // 10)
        self.assertLessEqual(arrived, burst + rate * took + burst // 10)
        self.assertLess(arrived, FLOOD, "the flood was too slow to be one: nothing is shown")

    def test_a_flood_of_beginners_leaves_all_others_their_way(self) -> None:
        for here, peer, stranger in ((HERE, PEER, STRANGER), (HERE6, PEER6, STRANGER6)):
            for port, marker in ((500, b""), (4500, MARKER)):
                with self.subTest(here=here, port=port):
                    self.tearDown()
                    self.setUp()
                    ours = self.listen(here, port)
                    flooder, friend = self.bound(stranger, port), self.bound(peer, port)
                    self.assert_limited(gate.BEGIN, *self.send(flooder, ours, marker + BEGIN, FLOOD))
                    self.assertEqual(self.send(flooder, ours, marker + PAID, FEW)[0], FEW)
                    self.assertEqual(self.send(flooder, ours, marker + TALK, FEW)[0], FEW)
                    for datagram in (BEGIN, PAID, TALK):
                        self.assertEqual(self.send(friend, ours, marker + datagram, FEW)[0], FEW)

    def test_what_flood_with_cookies_or_talk_fills_is_its_own_lane(self) -> None:
        ours, flooder, friend = self.listen(HERE, 500), self.bound(STRANGER, 500), self.bound(PEER, 500)
        self.assert_limited(gate.PAID, *self.send(flooder, ours, PAID, FLOOD))
        self.assert_limited(gate.TALK, *self.send(flooder, ours, TALK, FLOOD))
        self.assertEqual(self.send(flooder, ours, BEGIN, FEW)[0], FEW)
        self.assertEqual(self.send(friend, ours, BEGIN, FEW)[0], FEW)

    def test_who_borrows_a_peer_s_address_to_begin_disturbs_no_sa_and_nobody_else(self) -> None:
        for port, marker in ((500, b""), (4500, MARKER)):
            ours, borrowed, stranger = self.listen(HERE, port), self.bound(PEER, port), self.bound(STRANGER, port)
            self.assert_limited(gate.PEER, *self.send(borrowed, ours, marker + BEGIN, FLOOD))
            self.assertEqual(self.send(borrowed, ours, marker + TALK, FEW)[0], FEW)
            self.assertEqual(self.send(stranger, ours, marker + BEGIN, FEW)[0], FEW)
            self.tearDown()
            self.setUp()

    def test_esp_in_udp_is_not_counted(self) -> None:
        ours, stranger = self.listen(HERE, 4500), self.bound(STRANGER, 4500)
        self.assertEqual(self.send(stranger, ours, b"\x00\x00\x12\x34" + bytes(60), FLOOD)[0], FLOOD)
        self.assertEqual(self.send(stranger, ours, b"\xff", FLOOD)[0], FLOOD)

    def test_other_ports_are_not_ours(self) -> None:
        ours, stranger = self.listen(HERE, 501), self.bound(STRANGER, 500)
        self.assertEqual(self.send(stranger, ours, BEGIN, FLOOD)[0], FLOOD)


if __name__ == "__main__":
    unittest.main()
