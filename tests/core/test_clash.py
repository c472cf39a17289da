"""Clashes: each is found where it is, and nowhere else."""

from __future__ import annotations

import unittest

from isthmus.policy import clash
from isthmus.policy.clash import Ground, findings
from isthmus.policy.clients import Place
from isthmus.policy.forwards import EVERY, parse_firewall
from isthmus.wire.addr import parse_ip
from tests.core.passthrough_samples import config_of, flow

WAN, PEER, GATEWAY = "203.0.113.1", "198.51.100.2", "192.0.2.9"
ADDRESSES = [("br-lan", parse_ip("192.168.10.1"), 24), ("wan", parse_ip(WAN), 24)]
TUNNEL = "config tunnel 'branch'\n option remote '%s'\n option psk 'a key that is long enough'\n" % PEER
TUNNEL += " list remote_subnet '192.168.20.0/24'\n"
CALLS = TUNNEL + " option role 'initiate'\n"
ANYBODY = TUNNEL.replace(PEER, "%any") + " option local_id '@here'\n option remote_id '@there'\n"
FORCED = "config forced 'cameras'\n list from 'br-guest'\n list via 'branch'\n"
FORWARD = "config redirect\n option name 'nas'\n option src 'wan'\n option dest_ip '192.168.10.5'\n"
KNOWN = {"branch": [parse_ip(PEER)]}


def look(text: str, firewall: str = "", flows: object = (), peers: dict = KNOWN) -> list:
    ground = Ground(
        config_of(text), Place(ADDRESSES, ["br-lan"]), list(flows), peers, parse_firewall(firewall.encode())
    )
    return findings(ground)


def codes(*arguments: object, **options: object) -> list:
    return [(found.code, found.level) for found in look(*arguments, **options)]


class ForwardTest(unittest.TestCase):
    def forward(self, *options: str) -> str:
        return FORWARD + "".join([" option %s\n" % option for option in options])

    def test_a_forward_of_our_ports(self) -> None:
        for options in (("proto 'udp'", "src_dport '500'"), ("src_dport '4500'",), ("proto 'all'",), ("proto 'esp'",),
                        ("proto '50'",), ("proto 'udp'", "src_dport '400-600'"),
                        ("proto 'tcp udp'", "src_dport '4500'"), ("proto 'udp'", "src_dport '4500:4501'"),
                        ("proto 'udp'",)):  # fmt: skip
            found = codes(TUNNEL, self.forward(*options))
            self.assertTrue(("forward-takes-ike", "error") in found, options)

    def test_what_takes_nothing_from_us(self) -> None:
        for options in (("proto 'tcp'", "src_dport '500'"), ("src_dport '443'",), ("src_dport '4500'", "enabled '0'"),
                        ("src_dport '4500'", "target 'SNAT'"), ("src_dport '4500'", "src 'lan'"),
                        ("src_dport '4500'", "src_dip '203.0.113.77'"),
                        ("src_dport '4500'", "src_ip '192.0.2.0/24'"),
                        ("src_dport '4500'", "src_ip '!%s'" % PEER)):  # fmt: skip
            self.assertEqual(codes(TUNNEL, self.forward(*options)), [], options)

    def test_of_the_address_and_the_peer_in_question(self) -> None:
        for options in (("src_dport '500'", "src_dip '%s'" % WAN), ("src_dport '500'", "src_ip '%s'" % PEER),
                        ("src_dport '500'", "src_ip '198.51.100.0/24'")):  # fmt: skip
            self.assertEqual(codes(TUNNEL, self.forward(*options)), [("forward-takes-ike", "error")], options)

    def test_a_tunnel_that_only_calls_is_warned(self) -> None:
        self.assertEqual(codes(CALLS, self.forward("src_dport '500'")), [("forward-takes-ike", "warning")])

    def test_a_peer_that_may_be_anywhere(self) -> None:
        self.assertEqual(codes(ANYBODY, self.forward("src_dport '500'"), peers={}), [("forward-takes-ike", "error")])
        self.assertEqual(codes(ANYBODY, self.forward("src_dport '500'", "src_ip '192.0.2.1'"), peers={}), [])

    def test_without_a_tunnel_it_is_the_administrator_s(self) -> None:
        self.assertEqual(codes("", self.forward("src_dport '500'")), [])

    def test_its_words(self) -> None:
        found = look(TUNNEL, self.forward("proto 'udp'", "src_dport '500'"))[0]
        self.assertEqual(
            found.message,
            "the port forward 'nas' sends IKE (UDP 500) from outside on to 192.168.10.5: the peer of tunnel branch is"
            " no longer heard",
        )
        self.assertTrue("src_ip" in found.remedy and "src_dip" in found.remedy)

    def test_l2tp_in_the_clear(self) -> None:
        self.assertEqual(codes("", self.forward("proto 'udp'", "src_dport '1701'")), [("forward-l2tp", "warning")])

    def test_a_block_of_what_is_forwarded(self) -> None:
        block = "config passthrough 'none'\n option protocol '%s'\n option direction 'in'\n option action 'block'\n"
        for protocol, options in (("ipsec", ("proto 'udp'", "src_dport '4500'")), ("pptp", ("src_dport '1723'",))):
            found = codes(block % protocol, self.forward(*options))
            self.assertEqual(found, [("block-and-forward", "warning")], protocol)
        self.assertEqual(codes(block % "ipsec", self.forward("src_dport '443'")), [])


class ParseTest(unittest.TestCase):
    def test_defaults_and_lists(self) -> None:
        firewall = parse_firewall(
            b"config defaults\n option flow_offloading '1'\n option flow_offloading_hw '1'\n"
            b"config redirect\n list proto 'udp'\n list proto 'esp'\n"
            b" list src_ip '192.0.2.1'\n list src_ip '10.0.0.0/8'\n"
            b"config redirect 'two'\n option proto 'any'\nconfig rule\n option proto 'udp'\n"
        )
        self.assertEqual((firewall.offload, firewall.hardware, len(firewall.forwards)), (True, True, 2))
        one, two = firewall.forwards
        self.assertEqual((one.protocols, one.low, one.high, one.to), ([17, 50], 0, 65535, ""))
        self.assertEqual([str(prefix) for prefix in one.sources], ["192.0.2.1/32", "10.0.0.0/8"])
        self.assertEqual((two.protocols, two.name), ([EVERY], "two"))

    def test_nonsense_is_passed_over(self) -> None:
        for text in (b"", b"\xff\x00", b"config redirect\n option proto ''\n", b"option x 'y'\nconfig redirect\n",
                     b"config redirect\n option src_dport 'x-'\n option src_ip '#'\n option src_dip '?'\n"):
            firewall = parse_firewall(text)
            self.assertTrue(len(firewall.forwards) <= 1)
            for forward in firewall.forwards:
                self.assertTrue(forward.takes(17, 500) or forward.protocols == [])

    def test_hardware_means_nothing_alone(self) -> None:
        self.assertFalse(parse_firewall(b"config defaults\n option flow_offloading_hw '1'\n").hardware)


class ClientTest(unittest.TestCase):
    def test_a_second_client_without_nat_t(self) -> None:
        first = [flow(17, "192.168.10.11", 500, GATEWAY, 500, WAN), flow(50, "192.168.10.11", 0, GATEWAY, 0, WAN)]
        second = flow(17, "192.168.10.12", 500, GATEWAY, 500, WAN, 40001)
        floated = flow(17, "192.168.10.12", 4500, GATEWAY, 4500, WAN, 40002)
        elsewhere = flow(17, "192.168.10.12", 500, "192.0.2.10", 500, WAN, 40003)
        self.assertEqual(codes("", flows=first + [second]), [("second-esp-client", "warning")])
        for flows in (first, first + [second, floated], first + [elsewhere], [second]):
            self.assertEqual(codes("", flows=flows), [])
        self.assertEqual(look("", flows=first + [second])[0].about, "192.168.10.12")

    def test_a_client_of_our_own_peer(self) -> None:
        udp, esp = flow(17, "192.168.10.11", 500, PEER, 500, WAN, 40000), flow(50, "192.168.10.11", 0, PEER, 0, WAN)
        self.assertEqual(codes(TUNNEL, flows=[udp]), [("client-to-our-peer", "note")])
        found = look(TUNNEL, flows=[esp])
        self.assertEqual([(row.code, row.level) for row in found], [("client-to-our-peer", "warning")])
        self.assertTrue("encap 'force'" in found[0].remedy)
        self.assertEqual(codes(TUNNEL, flows=[flow(17, WAN, 500, PEER, 500)]), [], "our own")
        self.assertEqual(codes(TUNNEL, flows=[flow(17, "192.168.10.11", 500, GATEWAY, 500, WAN, 40000)]), [])

    def test_pptp_without_the_helper(self) -> None:
        call = flow(6, "192.168.10.11", 40000, GATEWAY, 1723, WAN)
        self.assertEqual(codes("", flows=[call]), [("pptp-without-helper", "warning")])
        self.assertEqual(codes("", flows=[flow(6, "192.168.10.11", 40000, GATEWAY, 1723)]), [], "nobody translates")
        helper = "config passthrough 'old'\n option protocol 'pptp'\n option action 'helper'\n"
        self.assertEqual(codes(helper, flows=[call]), [])


class ConfigurationTest(unittest.TestCase):
    def test_a_mac_inwards(self) -> None:
        text = "config passthrough 'x'\n option protocol 'ipsec'\n list from '02:00:00:00:00:11'\n"
        text += " option direction '%s'\n"
        self.assertEqual(codes(text % "in"), [("mac-inwards", "warning")])
        self.assertEqual(codes(text % "out"), [])

    def test_an_overlap_and_a_network_that_is_free(self) -> None:
        found = look(TUNNEL.replace("192.168.20.0/24", "192.168.10.0/24"))
        self.assertEqual([(row.code, row.level) for row in found], [("overlap", "error")])
        self.assertTrue("10.66.1.0/24" in found[0].remedy, found[0].remedy)
        taken = TUNNEL + " list remote_subnet '10.66.1.0/24'\n list remote_subnet '192.168.0.0/16'\n"
        taken = taken.replace(" list remote_subnet '192.168.20.0/24'\n", "")
        self.assertTrue("10.67.0.0/16" in look(taken)[0].remedy, look(taken)[0].remedy)
        self.assertEqual(codes(TUNNEL), [])

    def test_names_of_forced_hosts_beyond_an_alias(self) -> None:
        text = TUNNEL.replace("192.168.20.0/24", "10.66.2.0/24") + FORCED + " list dns '10.66.2.53'\n"
        self.assertEqual(codes(text), [])
        text += "config alias 'a'\n option tunnel 'branch'\n option subnet '192.168.10.0/24'\n"
        text += " option as '10.66.2.0/24'\n option side 'remote'\n"
        self.assertEqual(codes(text), [("dns-in-alias", "error")])

    def test_offload(self) -> None:
        soft = "config defaults\n option flow_offloading '1'\n"
        ipv6 = TUNNEL.replace("192.168.20.0/24", "fd00:20::/64")
        self.assertEqual(codes(ipv6, soft), [])
        self.assertEqual(codes(ipv6 + FORCED, soft), [("offload", "note")])
        self.assertEqual(codes(ipv6 + FORCED, soft + " option flow_offloading_hw '1'\n"), [("offload", "warning")])
        self.assertEqual(codes(ipv6 + FORCED), [])

    def test_offload_of_ipv4_through_a_tunnel(self) -> None:
        soft = "config defaults\n option flow_offloading '1'\n"
        self.assertEqual(codes(TUNNEL, soft), [], "a derived session has a hop of each family")
        given = " option session 'static'\n option tunnel_id '1'\n option peer_tunnel_id '2'\n option session_id '3'\n"
        given += " option peer_session_id '4'\n list address '10.9.0.1/30'\n list address 'fd00:9::1/64'\n"
        given = TUNNEL + given + " list peer_address 'fd00:9::2'\n"
        self.assertEqual(codes(given, soft), [("offload-stalls", "error")])
        self.assertEqual(codes(given), [])
        self.assertEqual(codes(given + " option enabled '0'\n", soft), [])
        self.assertEqual(codes(given + " list peer_address '10.9.0.2'\n", soft), [])

    def test_errors_come_first_and_nothing_twice(self) -> None:
        first = [flow(17, "192.168.10.11", port, PEER, 500, WAN, 40000 + port) for port in (500, 501)]
        found = look(TUNNEL, FORWARD + " option src_dport '500'\n", first)
        self.assertEqual([row.level for row in found], ["error", "note"])

    def test_every_finding_has_a_remedy_and_is_a_sentence(self) -> None:
        self.assertEqual(len(clash.CHECKS), len(set(clash.CHECKS)))
        for row in look(TUNNEL, FORWARD, [flow(50, "192.168.10.11", 0, PEER, 0, WAN)]):
            self.assertTrue(row.remedy and row.message and not row.message.endswith("."), row.message)


if __name__ == "__main__":
    unittest.main()
