"""Passthrough on a real kernel: clients behind a router with a firewall like fw4's, and a server outside.

Every test first shows that what it looks for passes without our table.
"""

from __future__ import annotations

import struct
import unittest

from tests.core.passthrough_samples import section
from tests.edge.nets import UDP, Watch, forget_connections, packed, send
from tests.edge.passing import (
    FW4,
    GUEST,
    IPSEC,
    KINDS,
    MAC1,
    MAC2,
    ONE,
    ONE6,
    OUT,
    OUT6,
    TWO,
    TWO6,
    WAN,
    WAN6,
    Passing,
    build,
)

setUpModule = build


class ControlTest(Passing):
    """Without our table everything passes that OpenWrt's firewall lets through: or the tests below prove nothing."""

    def test_outwards(self) -> None:
        self.assertEqual(self.passing(self.one, self.out, ONE, OUT), set(KINDS))
        self.assertEqual(self.passing(self.one, self.out, ONE6, OUT6), set(KINDS))

    def test_inwards(self) -> None:
        self.assertEqual(self.passing(self.out, self.one, OUT6, ONE6), {"ike", "esp"})
        self.assertEqual(self.passing(self.out, self.one, OUT, WAN), {"ike", "nat-t"})


class BlockTest(Passing):
    def test_ipsec_for_everybody_in_both_directions(self) -> None:
        self.apply(section("none", "ipsec", "both", "", "block"))
        self.assertEqual(self.passing(self.one, self.out, ONE, OUT), set(KINDS) - IPSEC)
        self.assertEqual(self.passing(self.guest, self.out, "2001:db8:20::11", OUT6), set(KINDS) - IPSEC)
        forget_connections(self.router)
        self.assertEqual(self.passing(self.out, self.one, OUT6, ONE6), set())
        self.assertEqual(self.passing(self.out, self.one, OUT, WAN), set())
        self.assertEqual(self.counted("none"), 2 * len(IPSEC) + 4 + 2, "all of them, whatever the firewall thinks")

    def test_every_protocol_takes_its_own(self) -> None:
        for protocol, kinds in (("l2tp", {"l2tp", "l2tp-ip"}), ("pptp", {"pptp", "gre"})):
            self.apply(section("none", protocol, "out", "", "block"))
            forget_connections(self.router)
            self.assertEqual(self.passing(self.one, self.out, ONE, OUT), set(KINDS) - kinds)
            self.assertEqual(self.counted("none"), len(kinds))

    def test_one_direction_leaves_the_other_and_its_answers(self) -> None:
        self.apply(section("none", "ipsec", "in", "", "block"))
        self.assertTrue(self.passes(self.one, self.out, "ike", ONE6, OUT6, 500))
        self.assertTrue(self.passes(self.out, self.one, "ike", OUT6, ONE6, 500), "it answers")
        self.assertTrue(self.passes(self.one, self.out, "esp", ONE6, OUT6))
        self.assertTrue(self.passes(self.out, self.one, "esp", OUT6, ONE6), "it answers")
        self.assertFalse(self.passes(self.out, self.two, "ike", OUT6, TWO6, 500))
        self.assertFalse(self.passes(self.out, self.two, "esp", OUT6, TWO6))
        self.apply(section("none", "ipsec", "out", "", "block"))
        forget_connections(self.router)
        self.assertTrue(self.passes(self.out, self.one, "esp", OUT6, ONE6))
        self.assertTrue(self.passes(self.one, self.out, "esp", ONE6, OUT6), "it answers")
        self.assertFalse(self.passes(self.two, self.out, "esp", TWO6, OUT6))

    def test_between_two_lans_nothing_is_blocked(self) -> None:
        self.router.nft("add rule inet fw4 forward iifname br-lan oifname br-guest accept\n")
        self.addCleanup(self.router.nft, "delete table inet fw4\n" + FW4)
        self.apply(section("none", "ipsec", "both", "", "block"))
        self.assertEqual(self.passing(self.one, self.guest, ONE, GUEST), set(KINDS))

    def test_the_router_s_own_are_never_touched(self) -> None:
        self.apply(*[section(name, name, "both", "", "block") for name in ("ipsec", "l2tp", "pptp")])
        self.assertEqual(self.passing(self.router, self.out, WAN, OUT), set(KINDS))
        self.assertEqual(self.passing(self.router, self.out, WAN6, OUT6), set(KINDS))
        forget_connections(self.router)
        self.assertEqual(self.passing(self.out, self.router, OUT6, WAN6), set(KINDS))
        for name in ("ipsec", "l2tp", "pptp"):
            self.assertEqual(self.counted(name), 0)


class SourceTest(Passing):
    """Whom a section means, by each way to say it."""

    # from -> who is meant: client one, client two, the guest; each by IPv4 and by IPv6
    ROWS = (
        ("192.168.10.11/32", (True, False, False), (False, False, False)),
        ("192.168.10.0/24 2001:db8:10::12/128", (True, True, False), (False, True, False)),
        (MAC1, (True, False, False), (True, False, False)),
        ("br-guest", (False, False, True), (False, False, True)),
        ("%s@%s" % (TWO, MAC2), (False, True, False), (False, True, False)),
    )

    def hosts(self, ipv6: bool) -> tuple:
        if ipv6:
            return ((self.one, ONE6), (self.two, TWO6), (self.guest, "2001:db8:20::11"))
        return ((self.one, ONE), (self.two, TWO), (self.guest, GUEST))

    def test_each_way_to_name_it(self) -> None:
        for words, ipv4, ipv6 in self.ROWS:
            self.apply(section("these", "ipsec", "out", words, "block"))
            for meant, hosts, far in ((ipv4, self.hosts(False), OUT), (ipv6, self.hosts(True), OUT6)):
                for kind in ("ike", "esp"):
                    got = []
                    for net, own in hosts:
                        forget_connections(self.router)  # NAT tells no two clients' ESP apart
                        got.append(not self.passes(net, self.out, kind, own, far))
                    self.assertEqual(tuple(got), meant, (words, kind, far))

    def test_inwards_it_is_the_host_inside(self) -> None:
        self.apply(section("these", "ipsec", "in", "2001:db8:10::11/128", "block"))
        self.assertFalse(self.passes(self.out, self.one, "esp", OUT6, ONE6))
        self.assertTrue(self.passes(self.out, self.two, "esp", OUT6, TWO6))

    def test_the_nearer_name_goes_first(self) -> None:
        self.apply(
            section("everybody", "ipsec", "out", "", "block"),
            section("lan", "ipsec", "out", "br-lan"),
            section("hosts", "ipsec", "out", "192.168.10.12/32", "block"),
            section("boss", "ipsec", "out", MAC2),
        )
        self.assertTrue(self.passes(self.one, self.out, "ike", ONE, OUT), "br-lan")
        self.assertTrue(self.passes(self.two, self.out, "ike", TWO, OUT), "its MAC")
        self.assertFalse(self.passes(self.one, self.out, "ike", TWO, OUT, 501), "another's address")
        self.assertFalse(self.passes(self.guest, self.out, "ike", GUEST, OUT))
        counted = [self.counted(name) for name in ("everybody", "lan", "hosts", "boss")]
        self.assertEqual(counted, [1, 1, 1, 1])

    def test_of_two_that_overlap_the_first_in_the_file(self) -> None:
        wide, host = "192.168.10.0/24", "192.168.10.12/32"
        self.apply(section("wide", "ipsec", "out", wide, "block"), section("host", "ipsec", "out", host))
        self.assertFalse(self.passes(self.two, self.out, "ike", TWO, OUT))
        self.apply(section("host", "ipsec", "out", host), section("wide", "ipsec", "out", wide, "block"))
        self.assertTrue(self.passes(self.two, self.out, "ike", TWO, OUT))
        self.assertFalse(self.passes(self.one, self.out, "ike", ONE, OUT))


class ShadowTest(Passing):
    """L24: no client owns the answer that our peer's packets look like."""

    PEERS = (["wan"], [packed(OUT)])

    def source_of(self, packet: bytes) -> int:
        return struct.unpack_from("!H", packet, 20)[0]

    def reaches_us(self, kind: str, port: int) -> bool:
        """Whether what the peer sends to our port comes to us, and does not go to a client."""
        protocol, _ = KINDS[kind]
        token, last = self.token(), self.token()
        watch = Watch(self.one, "eth0")
        try:
            send(self.out, protocol, OUT, WAN, token, port, port)
            send(self.out, UDP, OUT, WAN, last, 40000 + self.serial, 7)  # the firewall forwards this one
            return not [packet for packet in watch.until(last) if token in packet]
        finally:
            watch.close()

    def test_a_client_s_port_is_not_ours(self) -> None:
        for port in (500, 4500, 1701):
            kind = {500: "ike", 4500: "nat-t", 1701: "l2tp"}[port]
            self.router.run("nft", "delete", "table", "inet", "isthmus", check=False)
            self.router.run("nft", "flush", "chain", "inet", "fw4", "dstnat")
            self.router.nft("add rule inet fw4 dstnat iifname wan udp dport 7 dnat ip to %s\n" % ONE)
            self.addCleanup(self.router.nft, "delete table inet fw4\n" + FW4)
            forget_connections(self.router)
            packet = self.passes(self.one, self.out, kind, ONE, OUT, port)
            self.assertEqual(self.source_of(packet), port, "NAT keeps the port: this is what it is about")
            self.assertFalse(self.reaches_us(kind, port), "the client has shadowed our port")
            for shadow in ((["wan"],), self.PEERS):
                self.apply(shadow=shadow)
                forget_connections(self.router)
                packet = self.passes(self.one, self.out, kind, ONE, OUT, port)
                self.assertTrue(32768 <= self.source_of(packet) <= 60999, self.source_of(packet))
                self.assertTrue(self.reaches_us(kind, port))

    def test_many_clients_with_one_low_port_do_not_find_ours(self) -> None:
        """A port below 512 that is taken is replaced by another below 512 at random."""

        def ports() -> list[int]:
            forget_connections(self.router)
            hosts = ["192.168.10.%d" % host for host in range(100, 120)]
            return [self.source_of(self.passes(self.one, self.out, "other", host, OUT, 499)) for host in hosts]

        low = ports()
        self.assertEqual((max(low) < 512, len(set(low))), (True, len(low)), low)
        self.apply(shadow=self.PEERS)
        high = ports()
        self.assertTrue(min(high) >= 32768, high)

    def test_elsewhere_and_from_public_addresses_ports_stay(self) -> None:
        self.apply(shadow=(["wan9"], [packed(OUT)]))
        self.assertEqual(self.source_of(self.passes(self.one, self.out, "ike", ONE, OUT, 500)), 500)
        self.apply(shadow=self.PEERS)
        forget_connections(self.router)
        packet = self.passes(self.one, self.out, "ike", ONE6, OUT6, 500)
        self.assertEqual(struct.unpack_from("!H", packet, 40)[0], 500)
        self.assertEqual(self.source_of(self.passes(self.router, self.out, "ike", WAN, OUT, 500)), 500, "ours stay")

    def test_esp_of_a_client_does_not_take_ours(self) -> None:
        self.assertTrue(self.passes(self.one, self.out, "esp", ONE, OUT))
        self.assertFalse(self.passes(self.router, self.out, "esp", WAN, OUT), "ours is lost")
        self.assertTrue(self.passes(self.out, self.one, "esp", OUT, WAN), "and what is for us goes to the client")
        self.apply(shadow=self.PEERS)
        forget_connections(self.router)
        self.assertFalse(self.passes(self.one, self.out, "esp", ONE, OUT))
        self.assertTrue(self.passes(self.router, self.out, "esp", WAN, OUT))
        self.assertFalse(self.passes(self.out, self.one, "esp", OUT, WAN))
        self.assertTrue(self.passes(self.one, self.out, "esp", ONE6, OUT6), "IPv6 is not translated")


if __name__ == "__main__":
    unittest.main()
