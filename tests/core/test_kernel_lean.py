"""Connections, neighbours and counters are read from the kernel's bytes; what is cut off or lies is refused."""
from __future__ import annotations

import sys
import unittest

from isthmus.kernel import lean
from isthmus.kernel.flows import IPS_HW_OFFLOAD, IPS_OFFLOAD, Flow, is_same_flow
from isthmus.wire.addr import parse_ip
from tests.counts import cases

ORDER = sys.byteorder
NESTED = 0x8000
US, PEER, NAT = parse_ip("192.168.10.50"), parse_ip("203.0.113.9"), parse_ip("198.51.100.1")
US6, PEER6 = parse_ip("2001:db8:10::50"), parse_ip("2001:db8:ffff::9")
MAC = bytes([2, 0, 0, 0, 0, 9])


def attribute(number: int, payload: bytes) -> bytes:
    head = (4 + len(payload)).to_bytes(2, ORDER) + number.to_bytes(2, ORDER)
    return head + payload + bytes(-len(payload) % 4)


def side(
    source: bytes, destination: bytes, protocol: int, parts: list[tuple[int, bytes]], nested: int = NESTED
) -> bytes:
    first = 1 if len(source) == 4 else 3
    ends = attribute(first, source) + attribute(first + 1, destination)
    kind = attribute(1, bytes([protocol])) + b"".join([attribute(number, value) for number, value in parts])
    return attribute(nested | 1, ends) + attribute(nested | 2, kind)


def ports(source: int, destination: int) -> list[tuple[int, bytes]]:
    return [(2, source.to_bytes(2, "big")), (3, destination.to_bytes(2, "big"))]


def flow_body(family: int, there: bytes, back: bytes, more: bytes = b"") -> bytes:
    return bytes([family, 0, 0, 0]) + attribute(NESTED | 1, there) + attribute(NESTED | 2, back) + more


STATE = (
    attribute(3, (0x4188).to_bytes(4, "big")) + attribute(7, bytes(4)) + attribute(NESTED | 4, attribute(1, bytes(4)))
    + attribute(12, (0xC0FFEE01).to_bytes(4, "big")) + attribute(18, (7).to_bytes(2, "big"))
)
TCP = flow_body(2, side(US, PEER, 6, ports(50000, 443)), side(PEER, NAT, 6, ports(443, 61000)), STATE)
UDP6 = flow_body(10, side(US6, PEER6, 17, ports(5353, 53)), side(PEER6, US6, 17, ports(53, 5353)), STATE)
ESP = flow_body(2, side(US, PEER, 50, []), side(PEER, NAT, 50, []))
PING = [(4, b"\x12\x34"), (5, b"\x08"), (6, b"\x00")]
ICMP = flow_body(2, side(US, PEER, 1, PING), side(PEER, US, 1, PING))
NEIGHBOUR = (
    bytes([2, 0, 0, 0]) + (5).to_bytes(4, ORDER) + (4).to_bytes(2, ORDER) + bytes(2)
    + attribute(1, US) + attribute(2, MAC) + attribute(3, bytes(16))
)


def counter_body(table: bytes = b"isthmus\0", kind: int = 1) -> bytes:
    counted = attribute(1, (0x1_0000_0001).to_bytes(8, "big")) + attribute(2, (77).to_bytes(8, "big"))
    return (bytes([1, 0, 0, 9]) + attribute(1, table) + attribute(2, b"forced_a_blocked\0")
            + attribute(3, kind.to_bytes(4, "big")) + attribute(NESTED | 4, counted) + attribute(5, bytes(4)))


def pull_counter(data: bytes, begin: int, end: int):
    return lean.pull_counter(data, begin, end, "isthmus")


ALL = ((TCP, lean.pull_flow), (UDP6, lean.pull_flow), (ESP, lean.pull_flow), (ICMP, lean.pull_flow),
       (NEIGHBOUR, lean.pull_neighbour), (counter_body(), pull_counter))


def whole(pull, body: bytes):
    """As it lies in a datagram: with other messages before and behind it."""
    return pull(b"\xff" * 20 + body + b"\xff" * 20, 20, 20 + len(body))


class FlowTest(unittest.TestCase):
    def test_a_connection_behind_nat(self) -> None:
        flow = whole(lean.pull_flow, TCP)
        self.assertEqual(flow, Flow(2, 6, US, 50000, PEER, 443, PEER, 443, NAT, 61000, 0x4188, 0xC0FFEE01, 7))
        self.assertEqual(flow.handle, side(US, PEER, 6, ports(50000, 443)))
        self.assertTrue(flow.offloaded)
        self.assertEqual(repr(flow),
                         "<flow protocol 6 192.168.10.50 port 50000 to 203.0.113.9 port 443 offloaded>")

    def test_ipv6(self) -> None:
        flow = whole(lean.pull_flow, UDP6)
        self.assertEqual(flow, Flow(10, 17, US6, 5353, PEER6, 53, PEER6, 53, US6, 5353, 0x4188, 0xC0FFEE01, 7))

    def test_protocols_without_ports(self) -> None:
        self.assertEqual(whole(lean.pull_flow, ESP), Flow(2, 50, US, 0, PEER, 0, PEER, 0, NAT, 0))
        self.assertEqual(whole(lean.pull_flow, ICMP), Flow(2, 1, US, 0, PEER, 0, PEER, 0, US, 0))

    def test_another_layout_is_read_as_well(self) -> None:
        plain = flow_body(2, side(US, PEER, 6, ports(50000, 443), 0), side(PEER, NAT, 6, ports(443, 61000), 0), STATE)
        mixed = list(reversed(ports(50000, 443)))
        turned = flow_body(2, side(US, PEER, 6, mixed), side(PEER, NAT, 6, ports(443, 61000)), STATE)
        longer = flow_body(2, side(US, PEER, 6, ports(50000, 443)) + attribute(3, b"\0\1"),
                           side(PEER, NAT, 6, ports(443, 61000)), STATE)
        for body in (plain, turned, longer):
            self.assertEqual(whole(lean.pull_flow, body), whole(lean.pull_flow, TCP))

    def test_other_families_are_passed_over(self) -> None:
        self.assertEqual(whole(lean.pull_flow, b"\x07" + TCP[1:]), None)
        self.assertEqual(whole(lean.pull_neighbour, b"\x07" + NEIGHBOUR[1:]), None)

    def test_what_is_missing_is_refused(self) -> None:
        there, back = side(US, PEER, 6, ports(1, 2)), side(PEER, US, 6, ports(2, 1))
        for body in (
            b"", bytes([2, 0, 0, 0]), flow_body(2, there, b""), flow_body(2, b"", back),
            flow_body(10, there, back),  # addresses of the other family
            flow_body(2, side(US6, PEER6, 6, []), back),
            flow_body(2, attribute(1, attribute(1, US) + attribute(2, PEER)), back),
            flow_body(2, attribute(1, attribute(1, US)) + attribute(2, attribute(1, b"\6")), back),
            flow_body(2, attribute(1, attribute(1, US) + attribute(2, PEER)) + attribute(2, b""), back),
            flow_body(2, side(US, PEER, 6, [(2, b"\1")]), back),
            flow_body(2, there, back, attribute(3, b"\1")),
        ):
            with self.assertRaises(ValueError):
                whole(lean.pull_flow, body)

    def test_two_looks_at_one_connection(self) -> None:
        before, after, other = [Flow(2, 6, US, 1, PEER, 2, PEER, 2, US, 1, status, 5, zone)
                                for status, zone in ((0, 0), (IPS_OFFLOAD, 0), (0, 6))]
        self.assertFalse(before == after)
        self.assertTrue(is_same_flow(before, after))
        self.assertFalse(is_same_flow(before, other))
        self.assertEqual([before.offloaded, after.offloaded], [False, True])
        self.assertTrue(Flow(2, 6, US, 1, PEER, 2, PEER, 2, US, 1, IPS_HW_OFFLOAD).offloaded)


class NeighbourTest(unittest.TestCase):
    def test_who_is_where(self) -> None:
        self.assertEqual(whole(lean.pull_neighbour, NEIGHBOUR), (5, US, MAC))
        six = b"\x0a" + NEIGHBOUR[1:12] + attribute(1, US6) + attribute(2, MAC)
        self.assertEqual(whole(lean.pull_neighbour, six), (5, US6, MAC))

    def test_only_who_is_known_to_be_there(self) -> None:
        for state in (0, 0x01, 0x20, 0x40):
            body = NEIGHBOUR[:8] + state.to_bytes(2, ORDER) + NEIGHBOUR[10:]
            self.assertEqual(whole(lean.pull_neighbour, body), None)
        for state in (0x02, 0x04, 0x08, 0x10, 0x80):
            body = NEIGHBOUR[:8] + state.to_bytes(2, ORDER) + NEIGHBOUR[10:]
            self.assertEqual(whole(lean.pull_neighbour, body), (5, US, MAC))
        for mac in (b"", bytes(8)):
            self.assertEqual(whole(lean.pull_neighbour, NEIGHBOUR[:12] + attribute(1, US) + attribute(2, mac)), None)

    def test_what_is_missing_is_refused(self) -> None:
        for body in (b"", NEIGHBOUR[:11], NEIGHBOUR[:12] + attribute(2, MAC),
                     NEIGHBOUR[:12] + attribute(1, US6) + attribute(2, MAC)):
            with self.assertRaises(ValueError):
                whole(lean.pull_neighbour, body)


class CounterTest(unittest.TestCase):
    def test_name_packets_and_bytes(self) -> None:
        self.assertEqual(whole(pull_counter, counter_body()), ("forced_a_blocked", 77, 0x1_0000_0001))

    def test_other_tables_and_other_objects_do_not_count(self) -> None:
        self.assertEqual(whole(pull_counter, counter_body(b"fw4\0")), None)
        self.assertEqual(whole(pull_counter, counter_body(kind=2)), None)

    def test_what_is_missing_is_refused(self) -> None:
        head = counter_body()[:4]
        some = attribute(1, b"isthmus\0") + attribute(2, b"a\0") + attribute(3, bytes([0, 0, 0, 1]))
        both = attribute(1, bytes(8)) + attribute(2, bytes(8))
        self.assertEqual(whole(pull_counter, head + some + attribute(4, both)), ("a", 0, 0))
        for body in (head, head + some, head + some + attribute(4, attribute(1, bytes(8))),
                     head + some + attribute(4, attribute(1, bytes(8)) + attribute(2, bytes(7))),
                     head + some.replace(b"a\0", b"\xff\0") + attribute(4, both)):
            with self.assertRaises(ValueError):
                whole(pull_counter, body)


class DamageTest(unittest.TestCase):
    def test_whatever_is_cut_off_is_refused_or_less(self) -> None:
        """A message cut between two attributes is whole, and may still have all that is asked for."""
        for body, pull in ALL:
            expected = whole(pull, body)
            for length in range(len(body)):
                try:
                    found = whole(pull, body[:length])
                except ValueError:
                    continue
                if isinstance(found, Flow):
                    self.assertEqual((found.source, found.handle), (expected.source, expected.handle))
                elif found is not None:
                    self.assertEqual(found, expected)

    def test_damage_is_refused_or_read_as_something_else(self) -> None:
        refused = read = 0
        state = 1
        for _ in range(cases(200, 30000)):
            for body, pull in ALL:
                raw = bytearray(body)
                for _ in range(3):
                    state = state * 48271 % 0x7FFFFFFF
                    raw[(state >> 8) % len(raw)] = state & 0xFF
                try:
                    whole(pull, bytes(raw))
                    read += 1
                except ValueError:
                    refused += 1
        self.assertTrue(refused > 0 and read > 0, (refused, read))


if __name__ == "__main__":
    unittest.main()
