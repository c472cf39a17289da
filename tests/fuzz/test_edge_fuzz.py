"""Bytes from elsewhere at the edge: netlink's events and what arrives on UDP 4500 or by ICMP raise nothing, whatever
they are.
"""

from __future__ import annotations

import random
import socket
import sys
import unittest

from isthmus.config.static import IDS, ONLY_STATIC, StaticSession
from isthmus.edge import os_cpython as host
from isthmus.edge import os_cpython_udp as udp
from isthmus.kernel import real_events
from isthmus.kernel.ways import Mapping
from isthmus.policy.given import given
from isthmus.probe import pull_answer
from isthmus.wire import icmp4
from tests.core.kernel_contract import REQID
from tests.counts import cases


def mutate(rng: random.Random, data: bytes) -> bytes:
    """Some bytes changed, cut off or added."""
    out = bytearray(data)
    for _ in range(rng.randrange(4)):
        out[rng.randrange(len(out))] = rng.randrange(256)
    if rng.randrange(3) == 0:
        return bytes(out[: rng.randrange(len(out) + 1)])
    return bytes(out) + rng.randbytes(rng.randrange(8))


class EdgeFuzz(unittest.TestCase):
    def test_netlink_events(self) -> None:
        """A mapping is either refused, or it has an address of 4 or 16 bytes and numbers in their ranges."""
        rng = random.Random(1)
        order = sys.byteorder
        body = bytes(16) + b"\xc0\xff\xee\x01" + (2).to_bytes(2, order) + b"\x32\0"
        body += REQID.to_bytes(4, order) + bytes(36)
        good = (16 + len(body)).to_bytes(4, order) + (0x26).to_bytes(2, order) + bytes(10) + body
        taken = 0
        for _ in range(cases(5_000, 200_000)):
            data = mutate(rng, good * rng.randrange(1, 3))
            for _number, start, end in real_events.messages(data):
                self.assertTrue(16 <= start <= end <= len(data))
                mapping = real_events.pull_mapping(data[start:end])
                if mapping is not None:
                    taken += 1
                    self.assertIsInstance(mapping, Mapping)
                    self.assertIn(len(mapping.destination), (4, 16))
                    self.assertEqual(len(mapping.source[0]), len(mapping.destination))
                    self.assertTrue(0 <= mapping.source[1] <= 65535 and 0 <= mapping.spi <= 0xFFFFFFFF)
        self.assertGreater(taken, 100)

    def test_what_arrives_on_4500(self) -> None:
        """Up comes what had the marker, without it, and nothing else."""
        rng = random.Random(2)
        inside, outside = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(inside.close)
        self.addCleanup(outside.close)

        class Arrived:
            """A socket of which only the bytes are real."""

            family = socket.AF_INET

            def recvmsg(self, size: int, _room: int) -> tuple:
                data = inside.recv(size, socket.MSG_DONTWAIT)
                return data, [(socket.IPPROTO_IP, udp.IP_PKTINFO, bytes(12))], 0, ("192.0.2.1", 4500)

        port = udp.UdpPort.__new__(udp.UdpPort)
        port.port, port.encapsulating, port._sockets = 4500, True, {7: Arrived()}
        for _ in range(cases(2_000, 50_000)):
            data = mutate(rng, bytes(rng.randrange(1, 6)) + rng.randbytes(rng.randrange(40)))
            outside.send(data)
            came = [row[0] for row in port.receive(7)]
            self.assertEqual(came, [data[4:]] if data[:4] == bytes(4) else [], data)

    def test_what_answers_a_probe(self) -> None:
        """Of all that raw ICMP brings, a message is an answer or it is not, and nobody but the peer gives one."""
        rng = random.Random(3)
        hop, token = bytes([10, 9, 0, 2]), b"12345678"
        values = dict.fromkeys(IDS, 1) | dict.fromkeys(ONLY_STATIC[len(IDS) :])
        derived = given(StaticSession(values), b"a", b"b", hop, hop)
        request = icmp4.push_echo_request(7, 9, token)
        good = b"\x45" + bytes(19) + bytes([icmp4.ECHO_REPLY]) + request[1:]
        arrived: list[bytes] = []

        class Raw:
            """A socket of which only the bytes are real."""

            def recvmsg(self, _size: int, _room: int) -> tuple:
                if not arrived:
                    raise BlockingIOError
                way = (1).to_bytes(4, sys.byteorder) + bytes(8)  # lo
                return arrived.pop(), [(socket.SOL_IP, host.IP_PKTINFO, way)], 0, ("10.9.0.2", 0)

        echo = host.Echo4Socket.__new__(host.Echo4Socket)
        echo._socket = Raw()
        answers = 0
        for _ in range(cases(5_000, 200_000)):
            arrived.append(mutate(rng, good))
            for message, source, ifname in echo.receive():
                self.assertEqual((source, ifname), (hop, "lo"))
                self.assertIsNone(pull_answer(derived, [], message, source))
                found = pull_answer(derived, [hop], message, source)
                if found is not None:
                    answers += 1
                    self.assertEqual(message[:2], bytes(2))
                pull_answer(derived, [], message, bytes(16))
        self.assertGreater(answers, 100)
