"""The judge of the leak tests (tests/lab/leaks/oracle.py) and its canaries, packet by packet, without a kernel."""

from __future__ import annotations

import struct
import unittest

from tests.lab.leaks import attacks, stimuli
from tests.lab.leaks import frames as fr
from tests.lab.leaks import network as net
from tests.lab.leaks.arrivals import turn
from tests.lab.leaks.oracle import FREE, LEAK, LINK, TUNNEL, Packet, canary_kind, judge
from tests.lab.leaks.stimuli import BODY, hello, plain

HEADS = {fr.IP4: (20, 12, 4), fr.IP6: (40, 8, 16)}  # length of the IP header, where its addresses are, their length
SUM_AT = {fr.TCP: 16, fr.UDP: 6, fr.ICMP: 2, fr.ICMP6: 2}


def ethernet(packet: bytes) -> bytes:
    """A packet as it is captured."""
    return bytes(12) + struct.pack(">H", fr.IP4 if packet[0] >> 4 == 4 else fr.IP6) + packet


def verdict(packet: bytes) -> str:
    return judge(Packet(ethernet(packet)))


def sum_is_right(frame: bytes) -> bool:
    """Whether the checksum of a TCP, UDP or ICMP packet says what it should; true for what has none."""
    kind = struct.unpack_from(">H", frame, 12)[0]
    head, at, size = HEADS[kind]
    data = frame[14:]
    if kind == fr.IP4 and struct.unpack_from(">H", data, 6)[0] & 0x1FFF:
        return True  # a later piece has no header of its own
    protocol, body = data[9 if kind == fr.IP4 else 6], data[head:]
    if protocol not in SUM_AT or body[SUM_AT[protocol] : SUM_AT[protocol] + 2] == b"\x00\x00":
        return True
    pseudo = data[at : at + 2 * size] + struct.pack(">II", len(body), protocol)
    return fr.checksum((b"" if protocol == fr.ICMP else pseudo) + body) == 0


class Canaries(unittest.TestCase):
    def test_a_wrong_sum_is_found(self):
        frame = bytearray(fr.frames_of(fr.HOST_1)[0].data)
        frame[-1] ^= 1
        self.assertFalse(sum_is_right(bytes(frame)))

    def test_a_number_changes_no_checksum(self):
        for host in (fr.HOST_1, fr.HOST_2):
            for frame in fr.frames_of(host):
                for number in (0, 1, 0xFFFF, 123456789):
                    with self.subTest(frame.name, number=number):
                        self.assertTrue(sum_is_right(bytes(frame.number(number))))

    def test_a_mirror_changes_no_checksum(self):
        for frame in fr.frames_of(fr.HOST_1):
            turned = turn(bytes(frame.number(5)))
            with self.subTest(frame.name):
                self.assertTrue(not turned or sum_is_right(turned))

    def test_each_kind_is_told_by_its_payload(self):
        for place, frame in enumerate(fr.frames_of(fr.HOST_1)):
            with self.subTest(frame.name):
                self.assertEqual(canary_kind(bytes(frame.number(7))), place)

    def test_each_host_has_its_own(self):
        for frame in fr.frames_of(fr.HOST_1):
            with self.subTest(frame.name):
                self.assertEqual(judge(Packet(bytes(frame.data))), LEAK)
        for frame in fr.frames_of(fr.HOST_2):
            with self.subTest(frame.name):
                self.assertEqual(judge(Packet(bytes(frame.data))), FREE)


class Judge(unittest.TestCase):
    def test_what_h1_causes_is_a_leak(self):
        leaks = {
            "translated": plain(net.WAN_A, net.SECRET),
            "without a marker": plain(net.WAN_A, net.SECRET, body=b""),
            "an answer": hello(net.WAN_A, net.SECRET, 8080, 4000, fr.SYN | fr.ACK),
            "under its own address": plain(net.H1, net.OPEN, body=b""),
            "to the peer": plain(net.WAN_A, net.WAN_B),
            "to the peer's port of IKE": plain(net.WAN_A, net.WAN_B, 500, 500),
            "a name asked by the router": plain(net.WAN_A, net.RESOLVER, 5353, 53, fr.question(BODY[:9], b"")),
            "an error of the router about it": fr.ip4(
                net.packed(net.WAN_A), net.packed(net.SECRET), fr.ICMP, attacks.icmp(3, 4, plain(net.H1, net.SECRET))
            ),
        }
        for name, packet in leaks.items():
            with self.subTest(name):
                self.assertEqual(verdict(packet), LEAK)

    def test_what_nothing_explains_is_a_leak(self):
        for packet in (plain(net.WAN_A, "192.0.2.200", body=b""), plain(net.WAN_A6, "2001:db8:99::1", body=b""),
                       plain(net.WAN_A, net.WAN_B, 500, 1701, b""), plain(net.WAN_A, net.WAN_B, 40000, 500, b""),
                       fr.ip4(net.packed(net.WAN_A), net.packed(net.WAN_B), fr.L2TP, bytes(20))):  # fmt: skip
            with self.subTest(packet.hex()):
                self.assertEqual(verdict(packet), LEAK)

    def test_what_may_be_there(self):
        routers = net.packed(net.WAN_A), net.packed(net.WAN_B)
        self.assertEqual(verdict(plain(net.WAN_A, net.WAN_B, 500, 500, bytes(40))), TUNNEL)
        self.assertEqual(verdict(plain(net.WAN_A, net.WAN_B, 4500, 4500, bytes(40))), TUNNEL)
        self.assertEqual(verdict(fr.ip4(*routers, fr.ESP, bytes(60))), TUNNEL)
        self.assertEqual(verdict(plain(net.WAN_A, "255.255.255.255", 68, 67, b"")), LINK)
        self.assertEqual(verdict(plain(net.WAN_A, net.OPEN, body=b"")), FREE)

    def test_the_routers_answer_to_the_internet_is_none_of_h1s(self):
        inbound = plain(net.SECRET, net.WAN_A, body=stimuli.BODY)
        error = fr.ip4(net.packed(net.WAN_A), net.packed(net.SECRET), fr.ICMP, attacks.icmp(3, 3, inbound))
        self.assertEqual(verdict(error), LINK)

    def test_an_error_about_the_tunnels_own_address_goes_to_who_asked_for_it(self):
        """Neighbour discovery gives up seconds later: the packet of one test ends in the next."""
        asker, router = net.packed(net.ATTACKER6), net.packed(net.WAN_A6)
        asked = fr.ip6(asker, bytes.fromhex("fe80" + "00" * 13 + "07"), fr.TCP, bytes(20))
        error = b"\x01\x03" + bytes(6) + asked
        self.assertEqual(verdict(fr.ip6(router, asker, fr.ICMP6, error)), LINK)
        self.assertEqual(verdict(fr.ip6(router, net.packed(net.ISP_A6), fr.ICMP6, error)), LEAK)
        ours = fr.ip6(net.packed(net.H1_6), net.packed(net.SECRET6), fr.TCP, bytes(20))
        self.assertEqual(verdict(fr.ip6(router, net.packed(net.H1_6), fr.ICMP6, b"\x01\x03" + bytes(6) + ours)), LEAK)
