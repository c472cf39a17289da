"""What `explain` says of a packet is what a real kernel does with it: any rules, any packets.

Rules and packets come from a small world, so that they meet: two MACs, a handful of hosts, networks that overlap.
"""

from __future__ import annotations

import os
import random
import time
import unittest

from hypothesis import example, given, settings
from hypothesis import strategies as st

from isthmus.policy import explain as ex
from isthmus.policy.lane import choose
from isthmus.wire.addr import parse_ip, parse_prefix
from tests.core.forced_samples import exception, lanes_of, rule
from tests.counts import cases
from tests.edge.forced_router import PLACES, Packet, Router, mac_of

MACS = ("02:00:00:00:01:50", "02:00:00:00:02:02", "02:00:00:00:03:03")
HOSTS = ("192.168.10.50", "192.168.10.51", "192.168.10.2", "192.168.40.9", "10.77.0.1", "2001:db8:1::50", "fd00:10::50",
         "2001:db8:4::9", "2001:db8:77::1", "0.0.0.0")  # fmt: skip
FARS = ("198.51.100.7", "198.51.100.200", "203.0.113.77", "192.168.20.5", "192.168.30.5", "192.168.10.2",
        "192.168.40.9", "192.168.10.1", "203.0.113.1", "2001:db8:bad::7", "2001:db8:20::5", "2001:db8:1::2",
        "2001:db8:4::9", "2001:db8:1::1")  # fmt: skip
SOURCES = MACS + ("192.168.10.50@" + MACS[0], "192.168.10.51@" + MACS[0], "192.168.10.2@" + MACS[1], "br-lan",
                  "br-guest", "192.168.10.50/32", "192.168.10.48/30", "192.168.10.0/24", "192.168.0.0/16",
                  "2001:db8:1::/64", "2001:db8::/32")  # fmt: skip
TO = ("198.51.100.0/25", "198.51.100.0/24", "0.0.0.0/0", "192.168.0.0/16", "2001:db8:bad::/48", "::/0")
PORTS = ("tcp:80", "udp:53", "udp:50-60", "tcp", "udp", "icmp", "gre", "tcp:443")
RESOLVERS = ("192.168.20.53", "2001:db8:20::53", "198.51.100.53")
WHAT = ((6, 80), (6, 443), (17, 53), (6, 53), (17, 67), (17, 55), (17, 99), (6, 853), (1, 0), (47, 0))
ROUTES = [(parse_prefix(text), ifname) for text, ifname in (
    ("192.168.10.0/24", "br-lan"), ("192.168.40.0/24", "br-guest"), ("203.0.113.0/24", "wan0"),
    ("10.9.9.0/30", "ist-x"), ("192.168.20.0/24", "ist-x"), ("192.168.30.0/24", "ist-y"), ("0.0.0.0/0", "wan0"),
    ("2001:db8:1::/64", "br-lan"), ("fd00:10::/64", "br-lan"), ("2001:db8:4::/64", "br-guest"),
    ("2001:db8:ff::/64", "wan0"), ("2001:db8:20::/64", "ist-x"), ("2001:db8:30::/64", "ist-y"), ("::/0", "wan0"),
)]  # fmt: skip
OWN = {parse_ip(text) for text in ("192.168.10.1", "192.168.40.1", "203.0.113.1", "10.9.9.1", "2001:db8:1::1",
                                   "fd00:10::1", "2001:db8:4::1", "2001:db8:ff::1", "255.255.255.255")}  # fmt: skip
PACKETS = 24
NOW = int(time.time())


def some(choices: tuple, largest: int) -> st.SearchStrategy:
    return st.lists(st.sampled_from(choices), max_size=largest, unique=True)


EXCEPTIONS = st.tuples(some(TO, 1), some(PORTS, 2), st.sampled_from((None, NOW - 999, NOW + 99999)), st.booleans())
RULES = st.tuples(
    st.lists(st.sampled_from(SOURCES), min_size=1, max_size=3, unique=True), some(TO, 2), some(PORTS, 2),
    st.sampled_from((["x"], ["y"], ["x", "y"], ["y", "x"])), st.sampled_from(((), (0,), (1,), (0, 1), (2,))),
    st.sampled_from(("block", "free")), st.lists(EXCEPTIONS, max_size=1), some(PORTS, 2),
)  # fmt: skip
LETS = (["br-lan", "br-guest"], [], [], ["x"], (), "block", [(["198.51.100.0/24"], [], None, False)], [])
UP = st.sampled_from(((), ("x",), ("y",), ("x", "y")))


def build(rows: list) -> tuple[list, set[str]]:
    """ForcedConfigs, and the exceptions that are spent."""
    rules, spent = [], set()
    for number, (sources, to, ports, via, dns, ipv6, lets, router_port) in enumerate(rows):
        exceptions = []
        for index, (where, what, until, over) in enumerate(lets):
            name = "e%d_%d" % (number, index)
            if not where and not what:
                continue
            exceptions.append(exception(name, where, what, until))
            if over:
                spent.add(name)
        resolvers = [RESOLVERS[index] for index in dns]
        rules.append(rule("r%d" % number, sources, to, ports, via, resolvers, ipv6, exceptions, router_port))
    return rules, spent


def way(address: bytes) -> str:
    if address in OWN:
        return ""
    fitting = [(prefix.length, ifname) for prefix, ifname in ROUTES if prefix.contains(address)]
    return max(fitting)[1]


def asks(rng: random.Random) -> tuple:
    """Source, destination, protocol, port, MAC, place of one packet that a kernel would take from a wire."""
    while True:
        source, destination = rng.choice(HOSTS), rng.choice(FARS)
        place = rng.choice(("lan", "lan", "lan", "guest", "wan", "x"))
        protocol, port = rng.choice(WHAT)
        if source == "0.0.0.0":
            destination, place = "255.255.255.255", rng.choice(("lan", "guest"))
        if (":" in source) == (":" in destination) and source != destination:
            return source, destination, protocol, port, rng.choice(MACS), place


@unittest.skipIf(os.geteuid(), "a network namespace needs root")
class ExplainTest(unittest.TestCase):
    router: Router
    seen: dict[str, int]

    @classmethod
    def setUpClass(cls) -> None:
        cls.router = Router()
        cls.seen = {}

    @settings(max_examples=cases(40, 600), deadline=None)
    @example([LETS], ("x",), 1)
    @example([(["192.168.10.50/32"], [], [], ["x"], (), "block", [], [])], (), 2)  # IPv6 calls where it is held back
    @given(st.lists(RULES, min_size=1, max_size=4), UP, st.integers(0, 1 << 30))
    def compare(self, rows: list, up: tuple, seed: int) -> None:
        rules, spent = build(rows)
        rng = random.Random(seed)
        self.router.on(rules, up=up, spent=tuple(spent))
        lanes = lanes_of(rules, up)
        world = ex.World(way, lambda address: address in OWN, NOW)
        packets, told = [], []
        for _ in range(PACKETS):
            source, destination, protocol, port, mac, place = asks(rng)
            number = 58 if protocol == 1 and ":" in source else protocol
            packet = ex.Packet(parse_ip(source), parse_ip(destination), PLACES[place], mac_of(mac), number, port)
            packets.append(self.router.packet(source, destination, protocol, port, mac=mac, place=place))
            told.append(ex.explain(rules, lanes, choose(rules, lanes), ["br-lan", "br-guest"], spent, packet, world,
                                   ["ist-x", "ist-y"]))  # fmt: skip
        for sent, found, answer in zip(packets, self.router.send(packets), told):
            self.seen[answer.verdict] = self.seen.get(answer.verdict, 0) + 1
            self.check(sent, found, answer)

    def check(self, sent: Packet, found: set[str], answer: ex.Explanation) -> None:
        places = {place for place in found if not place.endswith("error")}
        words = "%r: %s\n%s" % (sent, answer.verdict, "\n".join(answer.steps))
        if answer.verdict == ex.ROUTER:
            self.assertIn("router", places, words)
            self.assertTrue(places <= {"router", sent.place, "x", "y", "lan", "guest", "wan"}, words)
            return
        names = {ifname: place for place, ifname in PLACES.items()}
        wanted = {names[answer.ifname]} if answer.ifname else set()
        self.assertEqual(places, wanted, words)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.router.close()

    def test_the_kernel_does_what_it_says(self) -> None:
        self.compare()
        for verdict in (ex.PROTECTED, ex.BLOCKED, ex.EXPOSED, ex.FREE, ex.INSIDE, ex.ROUTER):
            self.assertGreater(self.seen.get(verdict, 0), 0, "nothing was %s" % verdict)


if __name__ == "__main__":
    unittest.main()
