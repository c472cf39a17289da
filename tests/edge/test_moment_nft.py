"""While a table takes the place of another, on a real kernel under a flood: what neither lets through does not pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isthmus.policy.far import far_chains
from isthmus.policy.guard import guard_text
from isthmus.policy.passthrough import passthrough_chains
from tests.core.forced_samples import rule
from tests.core.passthrough_samples import section
from tests.counts import cases
from tests.edge.flood import Flood, Frames
from tests.edge.forced_case import MAC2, ROUTER, ROUTER_WAN, Case
from tests.edge.forced_router import FAR, FAR6, FREE, HOST, HOST6, MAC, OTHER, UDP
from tests.edge.test_far_nft import NARROW, WIDE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.edge.forced_router import Packet

TIMES = cases(25, 300)
NETWORKS = ["198.51.100.0/24", "192.0.2.0/24", "2001:db8:bad::/48", "2001:db8:bae::/48"]
PORTS = ["udp:400-599", "udp:4000-5000", "tcp:1-9"]
LANS = ("br-lan", "br-guest")


class MomentTest(Case):
    """Linux fills the ranges of a new table last; its chains run before that, and the old one's maps are empty."""

    def watch(self, packets: list[Packet], place: str, tables: list[Callable[[], None]], routed: bool = False) -> None:
        """None of the packets comes out at `place` while the tables take turns. Without a table of ours they do.

        routed: with the rules and routes of lanes that do not carry.
        """
        self.free(packets, place)
        found: dict[int, set[str]] = {}
        if routed:
            self.router.on([rule("a", ["br-lan"]), rule("b", [MAC], via=["y"])], up=())
        tables[-1]()
        for packet, places in zip(packets, self.router.send(packets)):
            self.assertNotIn(place, places, packet)
        with Flood(self.router.ends[packets[0].place], [packet.frame for packet in packets]):
            for number in range(TIMES):
                tables[number % len(tables)]()
                self.router.collect(found)
        self.router.send([])
        self.router.collect(found)
        self.assertEqual([packet for packet in packets if place in found.get(packet.number, set())], [])

    def forced(self, *rules: object) -> Callable[[], None]:
        """A table with these rules, while no tunnel is up."""
        return lambda: self.router.on(list(rules), up=(), routed=None)

    def test_all_frames_of_a_batch_are_sent(self) -> None:
        frames = [self.packet(HOST, FAR, UDP, port).frame for port in (9, 10, 11)]
        self.assertEqual(Frames(self.router.ends["lan"], frames).send(), 3)

    def test_forced_networks_and_ports_stay_with_the_second_layer_alone(self) -> None:
        packets = [self.packet(HOST, FAR, UDP, 4500), self.packet(HOST6, FAR6, UDP, 500)]
        self.watch(packets, "wan", [
            self.forced(rule("a", [MAC], to=NETWORKS)),
            self.forced(rule("a", ["br-lan"], port=PORTS)),
            self.forced(rule("a", ["br-lan"], to=NETWORKS, port=PORTS), rule("b", [MAC2], port=PORTS, via=["y"])),
        ])  # fmt: skip

    def test_forced_addresses_stay(self) -> None:
        packets = [self.packet(HOST, FAR, UDP, 4500), self.packet(HOST6, FAR6, UDP, 500)]
        wide = ["192.168.10.0/26", "2001:db8:1::/64", "192.168.10.128/25"]
        tables = [self.forced(rule("a", wide, ipv6="free")), self.forced(rule("a", wide, to=NETWORKS))]
        self.watch(packets, "wan", tables)

    def test_forced_networks_stay_with_all_layers(self) -> None:
        packets = [self.packet(HOST, FAR, UDP, 4500), self.packet(HOST6, FAR6, UDP, 500)]
        tables = [self.forced(rule("a", [MAC], to=NETWORKS)), self.forced(rule("a", ["br-lan"], port=PORTS, via=["y"]))]
        self.watch(packets, "wan", tables, routed=True)

    def test_who_calls_is_not_heard(self) -> None:
        packets = [self.packet(FAR, HOST, UDP, 9, sport=4500, place="wan")]
        self.watch(packets, "lan", [
            self.forced(rule("a", ["192.168.10.32/27"])), self.forced(rule("a", ["br-lan"], to=NETWORKS, port=PORTS)),
        ])  # fmt: skip

    def test_the_router_fetches_nothing(self) -> None:
        packets = [self.packet(HOST, ROUTER, UDP, 53), self.packet(HOST, ROUTER_WAN, UDP, 5351)]
        self.watch(packets, "router", [self.forced(rule("a", ["192.168.10.0/26", "192.168.10.128/25"]))])

    def test_nor_for_hosts_in_a_network_that_is_not_named(self) -> None:
        packets = [self.packet(OTHER, "192.168.40.1", UDP, 53, place="guest")]
        networks = ["192.168.40.0/26", "192.168.40.128/25"]
        self.watch(packets, "router", [
            lambda: self.router.on([rule("a", networks)], up=(), routed=None, lans=("br-lan",)),
            lambda: self.router.on([rule("a", networks, via=["y"])], up=(), routed=None, lans=("br-lan",)),
        ])  # fmt: skip

    def test_addresses_beyond_a_tunnel_are_not_borrowed(self) -> None:
        packets = [self.packet("192.168.20.7", FREE, place="wan"), self.packet("2001:db8:20::7", HOST6, place="wan")]
        ahead, inline = [guard_text([], [], far_chains(fars, list(LANS))) for fars in (WIDE, NARROW)]
        self.watch(packets, "lan", [lambda: self.router.nft(ahead), lambda: self.router.nft(inline)])

    def test_what_is_blocked_does_not_pass(self) -> None:
        packets = [self.packet(FREE, FAR, UDP, port) for port in (500, 4500)]
        texts = []
        for sources in ("192.168.10.0/26 192.168.10.128/25", MAC, "br-lan"):
            sections = [section("x", "ipsec", "out", sources, "block"), section("all", "ipsec", "out")]
            chains, counters = passthrough_chains(sections, list(LANS))
            texts.append(guard_text([], [], chains, counters))
        self.watch(packets, "wan", [lambda: self.router.nft(texts[0]), lambda: self.router.nft(texts[1]),
                                    lambda: self.router.nft(texts[2])])  # fmt: skip
