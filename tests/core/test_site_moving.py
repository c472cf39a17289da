"""Two sites in memory: outer addresses and ports that change, while L2TP, its interface and its routes do not."""

from __future__ import annotations

from isthmus.kernel.objects import OUT
from isthmus.wire.addr import parse_ip
from tests.core.pair import A, B, Host, PairTest, make_config
from tests.counts import cases

HOTEL = parse_ip("203.0.113.77")
CAFE = parse_ip("203.0.113.55")
NAT = parse_ip("203.0.113.1")
IDS_A = " option local_id 'a'\n option remote_id 'b'\n"
IDS_B = " option local_id 'b'\n option remote_id 'a'\n"
LASTING = ("tunnel", "session", "link", "address", "neighbour", "route")


class RoamingTest(PairTest):
    def start(self, extra: str = "") -> None:
        self.a.site.apply(make_config("198.51.100.1", "192.168.20.0/24", extra=IDS_A + extra), [], self.pair.now)
        self.b.site.apply(make_config("%any", "192.168.10.0/24", extra=IDS_B + extra), [], self.pair.now)
        self.assertTrue(self.pair.run(20_000, self.pair.up))
        self.pair.run(5_000)

    def template(self, host: Host) -> tuple:
        return next((p.outer_source, p.outer_destination) for p in host.kernel.dump("policy") if p.direction == OUT)

    def ends(self, host: Host) -> set:
        return {(sa.source, sa.destination) for sa in host.kernel.dump("sa")}

    def has_moved(self) -> bool:
        """Both send between B and the new address."""
        return self.template(self.b) == (B, HOTEL) and self.template(self.a) == (HOTEL, B)

    def lasting(self, host: Host) -> list:
        return [(verb, kind) for verb, kind, _ in host.kernel.log if kind in LASTING]


class MovingTest(RoamingTest):
    def test_another_address_by_mobike_and_by_handshake(self) -> None:
        for extra, handshakes in (("", 1), (" option mobike 0\n", 2)):
            self.setUp()
            self.start(extra)
            before = [self.lasting(host) for host in (self.a, self.b)]
            ike_before = self.a.tunnel.ike.ike_id
            self.a.move(HOTEL)
            self.assertTrue(self.pair.run(1_000, self.has_moved), extra)
            self.pair.run(30_000)
            self.assertTrue(self.pair.up(), extra)
            self.assertEqual(self.ends(self.a), {(HOTEL, B), (B, HOTEL)}, extra)
            self.assertEqual(self.ends(self.b), self.ends(self.a), extra)
            self.assertEqual([self.lasting(host) for host in (self.a, self.b)], before, "L2TP was touched " + extra)
            self.assertEqual(self.a.tunnel.ike.ike_id == ike_before, handshakes == 1, extra)
            self.assertEqual(self.a.tunnel.probe.loss_percent() or 0, 0, extra)

    def test_an_address_that_changes_while_the_last_change_is_agreed(self) -> None:
        for extra in ("", " option mobike 0\n"):
            for wait in (52, 66, 30, 55, 58, 62, 70, 75)[: cases(1, 8)]:
                self.setUp()
                self.start(extra)
                self.a.move(CAFE)
                self.pair.run(wait)
                self.a.move(HOTEL)
                self.assertTrue(self.pair.run(5_000, self.has_moved), (extra, wait))
                self.pair.run(20_000)
                self.assertTrue(self.pair.up(), (extra, wait))
                self.assertEqual(self.ends(self.a), {(HOTEL, B), (B, HOTEL)}, (extra, wait))

    def test_there_and_back_again(self) -> None:
        self.start()
        for wan in (HOTEL, A, HOTEL, A):
            self.a.move(wan)
            self.assertTrue(self.pair.run(2_000, lambda wan=wan: self.template(self.b) == (B, wan)))
            self.pair.run(3_000)
        self.pair.run(20_000)
        self.assertTrue(self.pair.up())
        self.assertEqual(len(self.a.spis()), 2)
        self.assertEqual(self.a.spis(), self.b.spis())

    def test_the_one_that_waits_moves_too(self) -> None:
        """B is called, and A cannot know where it is: B says so itself."""
        self.start()
        self.b.move(HOTEL)
        self.assertTrue(self.pair.run(3_000, lambda: self.template(self.a) == (A, HOTEL)))
        self.pair.run(20_000)
        self.assertTrue(self.pair.up())

    def test_an_address_that_goes_for_a_while(self) -> None:
        self.start()
        ways, self.a.kernel.ways = self.a.kernel.ways, []
        self.a.kernel.tell("way")
        self.pair.run(3_000)
        self.a.kernel.ways = ways
        self.a.move(HOTEL)
        self.assertTrue(self.pair.run(1_000, lambda: self.template(self.b) == (B, HOTEL)))
        self.pair.run(10_000)
        self.assertTrue(self.pair.up())

    def test_another_cable_of_the_same_address_asks_nothing(self) -> None:
        self.start()
        sent = self.pair.sent
        self.a.kernel.tell("way")
        self.pair.run(5_000)
        self.assertEqual(self.pair.sent, sent)


class InsideTest(RoamingTest):
    """A peer at an address that is routed into its own tunnel: its ESP would go in circles there."""

    INSIDE = parse_ip("192.168.10.200")

    def nobody_is_there(self) -> None:
        for _ in range(40):
            self.pair.run(500)
            self.assertFalse([ends for ends in self.ends(self.b) if ends[1] == self.INSIDE])
        self.assertEqual(self.b.tunnel.error.code, "peer-inside")
        self.assertFalse(self.b.tunnel.children.usable())

    def test_one_that_calls_from_there(self) -> None:
        self.a.move(self.INSIDE)
        self.a.site.apply(make_config("198.51.100.1", "192.168.20.0/24", extra=IDS_A), [], self.pair.now)
        self.b.site.apply(make_config("%any", "192.168.10.0/24", extra=IDS_B), [], self.pair.now)
        self.nobody_is_there()

    def test_one_that_moves_there(self) -> None:
        self.start()
        self.a.move(self.INSIDE)
        self.nobody_is_there()
        self.a.move(HOTEL)
        self.assertTrue(self.pair.run(70_000, self.has_moved))
        self.pair.run(10_000)
        self.assertTrue(self.pair.up())


class TranslatedTest(RoamingTest):
    """A is behind a translator: its own address is A, outside it is NAT and a port that the translator chooses."""

    def setUp(self) -> None:
        super().setUp()
        self.port, self.outside = 40_000, NAT
        pair = self.pair
        carry = pair.carry

        def translate(sender: Host, data: bytes, source: tuple, destination: tuple) -> None:
            if sender is self.a:
                carry(sender, data, (self.outside, self.port + (source[1] == 500)), destination)
            elif destination == (self.outside, self.port):
                carry(sender, data, source, (self.a.wan, 4500))
            elif destination == (self.outside, self.port + 1):
                carry(sender, data, source, (self.a.wan, 500))

        pair.carry = translate
        self.carry = carry

    def encaps(self, host: Host) -> dict:
        return {sa.destination: sa.encap for sa in host.kernel.dump("sa")}

    def test_ports_are_followed_in_place(self) -> None:
        self.start()
        self.assertEqual(self.encaps(self.b), {NAT: (4500, 40_000), B: (40_000, 4500)})
        self.assertEqual(self.encaps(self.a), {A: (4500, 4500), B: (4500, 4500)})
        self.assertEqual(self.b.kernel.dump("link")[0].mtu, 1412)
        spis = self.b.spis()
        self.port = 50_000
        arriving = next(sa for sa in self.b.kernel.dump("sa") if sa.destination == B)
        self.b.kernel.remap(B, arriving.spi, (NAT, 50_000))
        self.assertTrue(self.pair.run(1_000, lambda: self.encaps(self.b)[NAT] == (4500, 50_000)))
        self.assertEqual(self.encaps(self.b)[B], (50_000, 4500))
        self.assertEqual(self.b.spis(), spis, "no new SA for a new port")
        self.assertEqual(self.b.tunnel.children.ports(), (4500, 50_000))

    def test_somebody_elses_hint_moves_nothing(self) -> None:
        self.start()
        before = self.encaps(self.b)
        arriving = next(sa for sa in self.b.kernel.dump("sa") if sa.destination == B)
        self.b.kernel.remap(B, arriving.spi, (HOTEL, 666))
        self.pair.run(20_000)
        self.assertEqual(self.encaps(self.b), before)
        self.assertTrue(self.b.tunnel.ike is not None)

    def test_another_address_behind_the_translator(self) -> None:
        self.start()
        self.a.move(HOTEL)
        self.assertTrue(self.pair.run(2_000, lambda: self.ends(self.a) >= {(HOTEL, B), (B, HOTEL)}))
        self.pair.run(30_000)
        self.assertEqual(self.encaps(self.a), {HOTEL: (4500, 4500), B: (4500, 4500)})
        self.assertTrue(self.pair.up())

    def test_out_from_behind_the_translator(self) -> None:
        self.start()
        self.assertEqual([host.tunnel.ike.nat for host in (self.a, self.b)], ["here", "there"])
        self.pair.carry = self.carry
        self.a.move(HOTEL)
        self.assertTrue(self.pair.run(2_000, self.has_moved))
        for ike in (False, True):
            self.assertEqual([host.tunnel.ike.nat for host in (self.a, self.b)], ["none", "none"], ike)
            self.a.tunnel.renew_now(True)
            self.pair.run(10_000)
        self.assertTrue(self.pair.up())

    def test_a_translator_that_gets_another_address(self) -> None:
        """A cannot know: B makes the new SAs, and at once."""
        self.start()
        self.outside = CAFE
        arriving = next(sa for sa in self.b.kernel.dump("sa") if sa.destination == B)
        self.b.kernel.remap(B, arriving.spi, (CAFE, self.port))
        self.assertTrue(self.pair.run(1_000, lambda: self.template(self.b) == (B, CAFE)))
        self.assertTrue(self.pair.run(1_000, lambda: (B, CAFE) in self.ends(self.b)))
        self.pair.run(30_000)
        self.assertTrue(self.pair.up())
        self.assertEqual(len(self.b.spis()), 2)
        self.assertEqual(self.a.spis(), self.b.spis())
