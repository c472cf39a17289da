"""Who uses a VPN, told from the kernel's own connection tracking; the same section in the chains and in the list."""

from __future__ import annotations

import unittest

from isthmus.kernel.real import RealKernel
from isthmus.policy.clash import Ground, findings
from isthmus.policy.clients import Place, clients, shadowing
from tests.core.passthrough_samples import config_of, section
from tests.edge.nets import forget_connections, packed
from tests.edge.passing import GUEST, LANS, MAC1, ONE, ONE6, OUT, OUT6, TWO, TWO6, WAN, Passing, build

setUpModule = build


class RealClientsTest(Passing):
    def setUp(self) -> None:
        super().setUp()
        with self.router.inside():
            self.kernel = RealKernel()
            self.addCleanup(self.kernel.close)
            self.kernel.flows()  # its sockets are opened here, and stay

    def place(self) -> Place:
        with self.router.inside():
            return Place(self.kernel.local_addresses(), LANS, self.kernel.neighbours())

    def found(self, *sections: object) -> list:
        with self.router.inside():
            flows = self.kernel.flows()
        return clients(flows, self.place(), list(sections))

    def test_services_directions_and_ends(self) -> None:
        self.assertEqual(self.found(), [])
        for kind in ("ike", "nat-t", "esp", "l2tp"):
            self.assertTrue(self.passes(self.one, self.out, kind, ONE, OUT))
        self.assertTrue(self.passes(self.out, self.one, "ike", OUT, WAN, 501), "a port forward")
        self.assertTrue(self.passes(self.out, self.two, "esp", OUT6, TWO6))
        self.assertTrue(self.passes(self.router, self.out, "ike", WAN, OUT, 502), "our own")
        found = {(row.service, row.direction, row.inside, row.outside) for row in self.found()}
        expected = {(service, "out", packed(ONE), packed(OUT)) for service in ("IKE", "NAT-T", "ESP", "L2TP")}
        expected |= {("IKE", "in", packed(ONE), packed(OUT)), ("ESP", "in", packed(TWO6), packed(OUT6))}
        self.assertEqual(found, expected)

    def test_the_list_and_the_chains_name_one_section(self) -> None:
        sections = [
            section("everybody", "ipsec", "both"), section("guests", "ipsec", "out", "br-guest"),
            section("some", "ipsec", "out", "192.168.10.0/25"), section("host", "ipsec", "in", "2001:db8:10::12/128"),
            section("mac", "ipsec", "out", MAC1),
        ]  # fmt: skip
        self.apply(*sections)
        for sender, receiver, own, far in (
            (self.one, self.out, ONE, OUT), (self.one, self.out, ONE6, OUT6), (self.two, self.out, TWO, OUT),
            (self.guest, self.out, GUEST, OUT), (self.two, self.out, TWO6, OUT6), (self.out, self.two, OUT6, TWO6),
            (self.out, self.one, OUT6, ONE6),
        ):  # fmt: skip
            for kind in ("ike", "esp"):
                forget_connections(self.router)
                before = {row.name: self.counted(row.name) for row in sections}
                self.assertTrue(self.passes(sender, receiver, kind, own, far), (own, far))
                counted = [name for name, count in before.items() if self.counted(name) > count]
                self.assertEqual([row.section for row in self.found(*sections)], counted, (own, far))

    def test_what_a_block_has_left_can_be_ended(self) -> None:
        for kind in ("ike", "esp"):
            self.passes(self.one, self.out, kind, ONE6, OUT6)
        rule = section("none", "ipsec", "out", "", "block")
        self.apply(rule)
        self.assertTrue(self.passes(self.out, self.one, "esp", OUT6, ONE6), "the answers of before")
        stale = [row for row in self.found(rule) if row.is_blocked]
        self.assertEqual(len(stale), 2)
        with self.router.inside():
            for row in stale:
                self.kernel.end_flow(row.flow)
        self.assertEqual(self.found(rule), [])
        self.assertFalse(self.passes(self.one, self.out, "esp", ONE6, OUT6))

    def test_shadows_of_before_are_found_and_ended(self) -> None:
        self.passes(self.one, self.out, "ike", ONE, OUT, 500)
        self.passes(self.one, self.out, "esp", ONE, OUT)
        self.passes(self.one, self.out, "ike", ONE6, OUT6, 500)
        with self.router.inside():
            found = shadowing(self.kernel.flows(), self.place(), [packed(OUT)])
            self.assertEqual(sorted([flow.protocol for flow in found]), [17, 50])
            for flow in found:
                self.kernel.end_flow(flow)
            self.assertEqual(shadowing(self.kernel.flows(), self.place(), [packed(OUT)]), [])

    def test_the_second_esp_client_is_told(self) -> None:
        self.assertTrue(self.passes(self.one, self.out, "ike", ONE, OUT, 500))
        self.assertTrue(self.passes(self.one, self.out, "esp", ONE, OUT))
        self.assertTrue(self.passes(self.two, self.out, "ike", TWO, OUT, 500))
        self.assertFalse(self.passes(self.two, self.out, "esp", TWO, OUT), "NAT has room for one")
        with self.router.inside():
            flows = self.kernel.flows()
        told = findings(Ground(config_of(""), self.place(), flows))
        self.assertEqual([(row.code, row.about) for row in told], [("second-esp-client", TWO)])


if __name__ == "__main__":
    unittest.main()
