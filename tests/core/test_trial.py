"""The self-test's packets and its judgement: what is sent as whom, and what is called a leak."""

from __future__ import annotations

import unittest

from isthmus.config.model import load
from isthmus.policy.clients import Place
from isthmus.policy.trial import BLOCKED, LEAK, NOT_PROVEN, PROTECTED, Ground, free_probe, judge, plan_probes
from isthmus.wire.addr import format_ip, parse_ip
from isthmus.wire.icmp4 import checksum
from isthmus.wire.ip_numbers import ICMP, TCP, UDP
from isthmus.wire.packet import is_error, pull_hops, pull_source, push_frame
from tests.core.pair import Random

TUNNEL = "config tunnel 'branch'\n option remote '198.51.100.1'\n option psk 'correct horse battery'\n"
RULE = "config forced 'cameras'\n list via branch\n"
EXCEPTION = "config exception 'x'\n list rule cameras\n"
ADDRESSES = [
    ("lan0", parse_ip("192.168.10.1"), 24), ("lan0", parse_ip("2001:db8:1::1"), 64), ("lan0", parse_ip("fe80::1"), 64),
    ("guest", parse_ip("192.168.30.1"), 24), ("wan0", parse_ip("192.0.2.1"), 24),
]  # fmt: skip
CAMERA_MAC = b"\x02\0\0\0\0\x50"


def ground(text: str, hosts: list | None = None, over: bool = False) -> Ground:
    loaded = load("test", lambda _: ("config globals\n list lan lan0\n" + TUNNEL + text).encode())
    if loaded.config is None:
        raise ValueError([str(error) for error in loaded.errors])
    lans = ["lan0", "guest"]
    place = Place(ADDRESSES, lans, hosts or [])
    return Ground(loaded.config.forced, place, lans, ADDRESSES, hosts or [], lambda _: over, Random(1))


class PacketTest(unittest.TestCase):
    def test_checksums_are_right_in_both_families(self) -> None:
        for source, target in (("192.168.10.50", "198.51.100.7"), ("2001:db8::1", "2001:db8::2")):
            a, b = parse_ip(source), parse_ip(target)
            for protocol in (UDP, TCP, ICMP):
                frame = push_frame(b"\x02" * 6, b"\x06" * 6, a, b, protocol, 40000, 53, 2, 7, b"odd")
                packet = frame[14:]
                self.assertEqual((pull_hops(packet), pull_source(packet)), (2, a))
                head = 20 if len(a) == 4 else 40
                if len(a) == 4:
                    self.assertEqual(checksum(packet[:20]), 0)
                number, inner = packet[9 if len(a) == 4 else 6], packet[head:]
                pseudo = a + b + len(inner).to_bytes(4, "big") + bytes([0, 0, 0, number])
                covered = inner if number == ICMP else pseudo + inner
                self.assertEqual(checksum(covered), 0, (source, protocol))

    def test_an_error_is_told_from_what_it_quotes(self) -> None:
        a, b = parse_ip("192.168.10.50"), parse_ip("198.51.100.7")
        echo = push_frame(b"\x02" * 6, b"\x06" * 6, a, b, ICMP, 1, 0, 2, 7, b"mark")[14:]
        self.assertFalse(is_error(echo))
        self.assertTrue(is_error(echo[:20] + b"\x0b" + echo[21:]))
        self.assertFalse(is_error(echo[:9] + bytes([115]) + echo[10:20] + b"\x0b" + echo[21:]))
        six = b"\x60" + bytes(5) + b"\x3a\x40" + bytes(32)
        self.assertEqual([is_error(six + bytes([kind])) for kind in (1, 3, 127, 128, 135)], [True] * 3 + [False] * 2)
        self.assertFalse(is_error(b"") or is_error(six))

    def test_what_is_no_packet_has_no_source(self) -> None:
        for junk in (b"", b"\x45", b"\x60" + bytes(20), b"\x10" * 60):
            self.assertEqual((pull_hops(junk), pull_source(junk)), (0, b""))


class PlanTest(unittest.TestCase):
    def senders(self, text: str, hosts: list | None = None) -> list[tuple[str, str]]:
        found = []
        for probe in plan_probes(ground(text, hosts), ["cameras"])[0]:
            row = (probe.ifname, format_ip(probe.source))
            if row not in found:
                found.append(row)
        return found

    def test_a_bound_host_is_itself_and_its_ipv6_is_tried(self) -> None:
        found = plan_probes(ground(RULE + " list from '192.168.10.50@02:00:00:00:00:50'\n"), ["cameras"])[0]
        self.assertEqual({probe.mac for probe in found}, {CAMERA_MAC})
        self.assertEqual({len(probe.source) for probe in found}, {4, 16})
        self.assertEqual({probe.protocol for probe in found}, {UDP, ICMP, TCP})
        self.assertEqual(len({probe.mark for probe in found}), len(found))

    def test_a_mac_uses_the_address_it_is_known_by(self) -> None:
        hosts = [("guest", parse_ip("192.168.30.9"), CAMERA_MAC)]
        self.assertEqual(self.senders(RULE + " list from '02:00:00:00:00:50'\n", hosts), [("guest", "192.168.30.9")])

    def test_a_network_sends_as_a_host_that_is_not_this_router(self) -> None:
        rows = self.senders(RULE + " list from '192.168.10.0/24'\n")
        self.assertEqual(rows[0], ("lan0", "192.168.10.2"))
        self.assertEqual(next(row for row in rows if ":" in row[1])[0], "lan0")

    def test_free_ipv6_is_not_called_a_leak(self) -> None:
        rows = self.senders(RULE + " list from '192.168.10.7'\n option ipv6 free\n")
        self.assertEqual(rows, [("lan0", "192.168.10.7")])

    def test_what_an_exception_lets_pass_is_not_tried(self) -> None:
        text = RULE + " list from 'lan0'\n"
        probes = plan_probes(ground(text + EXCEPTION + " list to 198.51.100.0/24\n"), ["cameras"])[0]
        self.assertEqual({format_ip(probe.target) for probe in probes if len(probe.target) == 4}, {"203.0.113.77"})
        over = plan_probes(ground(text + EXCEPTION + " list to 198.51.100.0/24\n", None, True), ["cameras"])[0]
        self.assertTrue("198.51.100.77" in {format_ip(probe.target) for probe in over})
        ports = plan_probes(ground(text + EXCEPTION + " list port udp\n list port icmp\n"), ["cameras"])[0]
        self.assertEqual({probe.protocol for probe in ports if len(probe.target) == 4}, {TCP})

    def test_nothing_is_sent_to_a_network_of_ours(self) -> None:
        near = ground(RULE + " list from 'lan0'\n")
        near.addresses = ADDRESSES + [("wan0", parse_ip("198.51.100.2"), 24), ("wan1", parse_ip("203.0.113.2"), 24)]
        self.assertEqual({format_ip(p.target) for p in plan_probes(near, ["cameras"])[0] if len(p.target) == 4},
                         {"198.18.77.77"})  # fmt: skip
        self.assertEqual(format_ip(free_probe(near).target), "198.18.77.77")

    def test_destinations_and_ports_of_the_rule(self) -> None:
        text = RULE + " list from 'lan0'\n list to 10.0.0.0/8\n list port 'tcp:443'\n"
        probes, _ = plan_probes(ground(text), ["cameras"])
        self.assertEqual([(format_ip(p.target), p.protocol, p.port) for p in probes], [("10.0.0.1", TCP, 443)])

    def test_a_source_that_is_nowhere_is_told(self) -> None:
        probes, notes = plan_probes(ground(RULE + " list from '10.9.9.9'\n"), ["cameras"])
        self.assertEqual((probes, len(notes)), ([], 1))

    def test_a_free_host_is_held_by_nobody(self) -> None:
        probe = free_probe(ground(RULE + " list from 'lan0'\n"))
        self.assertEqual(probe.ifname, "guest")
        self.assertEqual(free_probe(ground(RULE + " list from 'lan0'\n list from 'guest'\n")), None)
        self.assertEqual(free_probe(ground(RULE + " list from '192.168.0.0/16'\n")), None)


class JudgeTest(unittest.TestCase):
    def setUp(self) -> None:
        self.probes = plan_probes(ground(RULE + " list from '192.168.10.7'\n option ipv6 free\n"), ["cameras"])[0]

    def verdict(self, way_out: list[str]) -> str:
        return judge("cameras", self.probes, "ist-branch", ["lan0"], way_out).verdict

    def test_each_verdict(self) -> None:
        self.assertEqual(self.verdict(["wan0"]), BLOCKED)
        self.assertEqual(self.verdict([]), NOT_PROVEN)
        self.probes[0].left = ["ist-branch"]
        self.assertEqual(self.verdict(["wan0"]), PROTECTED)
        self.assertEqual(self.verdict([]), NOT_PROVEN)
        self.probes[1].left = ["lan0"]
        self.assertEqual(self.verdict(["wan0"]), PROTECTED)
        self.probes[1].left = ["wan0"]
        self.assertEqual(self.verdict(["wan0"]), LEAK)
        self.assertEqual(self.verdict([]), LEAK)

    def test_another_tunnel_and_an_answer_from_outside_are_leaks(self) -> None:
        self.probes[0].left = ["ist-other"]
        self.assertEqual(self.verdict(["wan0"]), LEAK)
        self.probes[0].left = []
        self.probes[0].answered = [("ist-branch", parse_ip("192.168.20.1"))]
        self.assertEqual(self.verdict(["wan0"]), BLOCKED)
        self.probes[0].answered.append(("wan0", parse_ip("192.0.2.254")))
        self.assertEqual(self.verdict(["wan0"]), LEAK)

    def test_nothing_tried_proves_nothing(self) -> None:
        self.probes = []
        self.assertEqual(self.verdict(["wan0"]), NOT_PROVEN)
