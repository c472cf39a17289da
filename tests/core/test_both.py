"""Two configurations at once: no packet gets further than either of them lets it."""

import unittest

from isthmus.config.model import load
from isthmus.policy import explain as ex
from isthmus.policy.both import CannotTryError, join
from isthmus.policy.lane import Lane, choose, lane_numbers
from isthmus.policy.whole import State, lane_names, policy_chains
from isthmus.wire.addr import parse_ip
from tests.counts import cases

TUNNELS = ("branch", "backup")
HEAD = "config globals\n%s" + "".join(
    ["config tunnel '%s'\n option remote '198.51.100.%d'\n option psk 'quiet harbour lamp'\n option instance %d\n"
     " list remote_subnet '10.5%d.0.0/16'\n" % (name, 7 + number, number, number)
     for number, name in enumerate(TUNNELS)])  # fmt: skip
LANS = " list lan 'br-lan'\n list lan 'br-guest'\n"
MACS = ("aa:bb:cc:dd:ee:01", "aa:bb:cc:dd:ee:02")
SOURCES = ("192.168.10.50", "192.168.10.0/24", "192.168.10.48/28", MACS[0], "192.168.10.50@" + MACS[0], "br-lan",
           "br-guest", "192.168.40.0/24", MACS[1], "2001:db8:10::/64")  # fmt: skip
TO = ("", "203.0.113.0/24", "203.0.113.0/28")
PORTS = ("", "tcp:443", "udp:123")
HOSTS = [(address, mac, ifname) for ifname, addresses in
         (("br-lan", ("192.168.10.50", "192.168.10.9", "2001:db8:10::7")), ("br-guest", ("192.168.40.9",)))
         for address in addresses for mac in MACS + ("aa:bb:cc:dd:ee:09",)]  # fmt: skip
DESTINATIONS = ("203.0.113.5", "203.0.113.200", "9.9.9.9", "2001:db8:99::1", "192.168.10.1", "192.168.40.77")
OWN = [parse_ip("192.168.10.1"), parse_ip("192.168.40.1")]


class Chance:
    """Numbers by chance, the same on every interpreter."""

    def __init__(self, seed):
        self.state = seed

    def randint(self, low, high):
        self.state = (1103515245 * self.state + 12345) & 0x7FFFFFFF
        return low + (self.state >> 8) % (high - low + 1)

    def choice(self, values):
        return values[self.randint(0, len(values) - 1)]


def config_of(text, lans=LANS):
    loaded = load("test", lambda _: (HEAD % lans + text).encode())
    if loaded.config is None:
        raise AssertionError([str(error) for error in loaded.errors])
    return loaded.config


def rule(name, sources, via=("branch",), more=""):
    lines = ["config forced '%s'" % name] + [" list from '%s'" % source for source in sources]
    return "\n".join(lines + [" list via '%s'" % tunnel for tunnel in via]) + "\n" + more


def exception(name, rules, more):
    return "config exception '%s'\n" % name + "".join([" list rule '%s'\n" % one for one in rules]) + more


def way(address):
    if address[:3] == bytes([192, 168, 10]):
        return "br-lan"
    return "br-guest" if address[:3] == bytes([192, 168, 40]) else "wan0"


def verdict(config, packet, up=TUNNELS):
    """explain()'s, and the tunnel."""
    names = lane_names(config)
    numbers = lane_numbers(names)
    lanes = []
    for name in names:
        tunnel = config.get(name)
        lanes.append(Lane(name, numbers[name], tunnel.ifname, b"\xfe\x80" + bytes(14), tunnel.enabled and name in up))
    world = ex.World(way, lambda address: address in OWN, 1_795_000_000)
    ifnames = [tunnel.ifname for tunnel in config.tunnels]
    chosen = choose(config.forced, lanes)
    return ex.explain(config.forced, lanes, chosen, config.globals.lans, set(), packet, world, ifnames)


def packets():
    for source, mac, ifname in HOSTS:
        for destination in DESTINATIONS:
            if ":" in source or ":" not in destination:
                for protocol, port in ((6, 443), (17, 123), (17, 53), (6, 22)):
                    raw = bytes([int(part, 16) for part in mac.split(":")])
                    yield ex.Packet(parse_ip(source), parse_ip(destination), ifname, raw, protocol, port)


OPEN = (ex.FREE, ex.EXPOSED)
PACKETS = list(packets())


def is_shut(found):
    """The router's own answer counts as a way out only where the step says so: see reaches()."""
    return found.verdict in (ex.BLOCKED, ex.PROTECTED)


class BothTest(unittest.TestCase):
    def check(self, old, new, up=TUNNELS):
        """Every packet: shut in either is shut in both; what neither shuts is as it was in the new one."""
        joined = join(old, new)
        count = 0
        for packet in PACKETS:
            before, after, now = [verdict(config, packet, up) for config in (old, new, joined)]
            where = (packet.source, packet.mac, packet.destination, packet.port, before.verdict, after.verdict)
            if is_shut(before) or is_shut(after):
                self.assertTrue(is_shut(now), where)
                count += 1
            elif before.verdict == after.verdict == ex.FREE and old.globals == new.globals:
                self.assertEqual(now.verdict, ex.FREE, where)
            self.assertFalse(now.verdict in OPEN and (is_shut(before) or is_shut(after)))
        return joined, count

    def test_the_same_is_the_same(self):
        text = rule("one", SOURCES[:1]) + exception("ntp", ["one"], " list to '203.0.113.0/24'\n")
        old, new = config_of(text), config_of(text)
        joined, _ = self.check(old, new)
        self.assertEqual((joined.forced, joined.tunnels, joined.withheld), (new.forced, new.tunnels, []))

    def test_a_rule_that_goes_and_one_that_comes(self):
        old, new = config_of(rule("one", ["192.168.10.50"])), config_of(rule("two", ["192.168.40.0/24"]))
        joined, count = self.check(old, new)
        self.assertEqual([row.name for row in joined.forced], ["two", "one"])
        self.assertGreater(count, 20)

    def test_one_that_becomes_smaller_keeps_its_sources(self):
        old, new = config_of(rule("one", ["192.168.10.0/24"])), config_of(rule("one", ["192.168.10.50"]))
        joined, _ = self.check(old, new)
        self.assertEqual([row.name for row in joined.forced], ["one", "one_before"])

    def test_an_exception_of_one_side_is_shut_on_the_other(self):
        with_it = rule("one", ["192.168.10.0/24"]) + exception("ntp", ["one"], " list to '203.0.113.0/24'\n")
        old, new = config_of(rule("one", ["192.168.10.0/24"])), config_of(with_it)
        for pair in ((old, new), (new, old)):
            joined, _ = self.check(*pair)
            self.assertEqual([row.exceptions for row in joined.forced][:1], [[]])
            self.assertEqual([row.name for row in joined.withheld], ["ntp"])

    def test_an_exception_of_both_stays_open_while_something_else_changes(self):
        text = rule("one", ["192.168.10.50"]) + exception("ntp", ["one"], " list to '203.0.113.0/24'\n")
        more = rule("two", ["br-guest"])
        for pair in ((text, text + more), (text + more, text), (text + more, text + rule("two", [MACS[1]]))):
            joined, _ = self.check(config_of(pair[0]), config_of(pair[1]))
            self.assertEqual([len(row.exceptions) for row in joined.forced if row.name == "one"], [1])
            self.assertEqual(joined.withheld, [])

    def test_another_rule_that_takes_the_host_shuts_its_exception(self):
        """By MAC it is asked for before the address: the rule without an exception has decided, and still does."""
        let = exception("ntp", ["one"], " list to '203.0.113.0/24'\n")
        old = config_of(rule("mac", [MACS[0]]) + rule("one", ["192.168.10.50"]) + let)
        new = config_of(rule("one", ["192.168.10.50"]) + let)
        for pair in ((old, new), (new, old)):
            self.check(*pair)
        later = config_of(rule("one", ["192.168.10.50"]) + let + rule("mac", [MACS[0]]))
        for pair in ((later, new), (new, later), (later, old), (old, later)):
            self.check(*pair)

    def test_ports_of_the_router(self):
        ports = " list router_port 'tcp:22'\n list router_port 'tcp:443'\n"
        old = config_of(rule("one", ["192.168.10.0/24"], more=" list router_port 'tcp:443'\n"))
        new = config_of(rule("one", ["192.168.10.0/24"], more=ports))
        joined, _ = self.check(old, new)
        self.assertEqual([[str(port) for port in row.router_ports] for row in joined.forced], [["tcp:443"]] * 2)

    def test_a_tunnel_that_goes_still_ends_nowhere(self):
        old = config_of(rule("one", ["192.168.10.50"], ["backup"]))
        new = config_of(rule("one", ["192.168.10.50"]))
        new.tunnels = new.tunnels[:1]
        joined, _ = self.check(old, new)
        kept = joined.get("backup")
        self.assertEqual((kept.enabled, kept.internet), (False, False))
        self.assertEqual(kept.remote_subnets, old.tunnels[1].remote_subnets)
        self.assertTrue(old.tunnels[1].enabled, "the old one is not touched")

    def test_networks_that_a_tunnel_loses(self):
        old, new = config_of(""), config_of("")
        new.tunnels[0].remote_subnets = new.tunnels[1].remote_subnets[:]
        new.tunnels[1].remote_subnets = []
        kept = join(old, new).get("branch_before")
        self.assertEqual((kept.enabled, kept.remote_subnets), (False, old.tunnels[0].remote_subnets))
        self.assertNotIn(kept.ifname, [tunnel.ifname for tunnel in new.tunnels])
        self.assertIsNone(join(old, new).get("backup_before"), "what another tunnel leads to now is not held")

    def test_a_peer_goes_no_further_before_it_is_confirmed(self):
        old, new = config_of(""), config_of("")
        new.tunnels[0].internet = True
        self.assertEqual([tunnel.internet for tunnel in join(old, new).tunnels], [False, False])
        self.assertEqual([tunnel.internet for tunnel in join(new, new).tunnels], [True, False])

    def test_own_networks_that_change(self):
        text = rule("one", ["192.168.10.50"])
        for lans in ((LANS, " list lan 'br-lan'\n"), (" list lan 'br-lan'\n", LANS)):
            joined, _ = self.check(config_of(text, lans[0]), config_of(text, lans[1]))
            self.assertEqual(joined.globals.lans, ["br-lan"])
            self.assertEqual([str(row.sources[0]) for row in joined.forced], ["192.168.10.50/32", "br-guest"])

    def test_passthrough(self):
        block = "config passthrough 'p'\n option protocol 'ipsec'\n option action 'block'\n"
        allow = "config passthrough 'mine'\n option protocol 'ipsec'\n option action 'allow'\n list from '%s'\n"
        for texts, kept in (
            ((block, ""), ["p"]),
            (("", block), ["p"]),
            ((block + allow % "br-lan", ""), ["p"]),
            ((block, block + allow % "br-lan"), ["p"]),
            ((block + allow % "br-lan", block.replace("ipsec", "pptp") + allow % "br-lan"), ["p_before", "p", "mine"]),
            ((allow % "br-lan", allow % "br-lan" + block), ["mine", "p"]),
            ((block.replace("block", "allow"), block), ["p"]),
        ):
            joined = join(config_of(texts[0]), config_of(texts[1]))
            self.assertEqual([row.name for row in joined.passthrough], kept, texts)
        with self.assertRaises(CannotTryError):
            join(config_of(block), config_of(block, " list lan 'br-lan'\n"))

    def test_it_can_be_written_for_nft(self):
        """Names of chains and counters stay apart."""
        let = exception("ntp", ["one"], " list to '203.0.113.0/24'\n")
        old = config_of(rule("one", ["192.168.10.0/24", MACS[0]]) + let + rule("two", ["br-guest"], ["backup"]))
        new = config_of(rule("two", ["192.168.10.50"]) + rule("one", ["192.168.10.7", "br-guest"], ["backup"]) + let)
        joined = join(old, new)
        numbers = lane_numbers(lane_names(joined))
        lanes = [Lane(name, numbers[name], joined.get(name).ifname, None, False) for name in lane_names(joined)]
        state = State(lanes, choose(joined.forced, lanes), set(), [], [])
        chains, counters = policy_chains(joined, state)
        names = [chain.name for chain in chains]
        self.assertEqual(sorted(set(names)), sorted(names))
        self.assertEqual(sorted(set(counters)), sorted(counters))

    def test_any_two(self):
        """Whatever two files say, the two of them let no packet further than either."""
        rng = Chance(8)
        shut = 0
        for _ in range(cases(40, 600)):
            old, new = [self.some(rng) for _ in range(2)]
            shut += self.check(old, new, rng.choice((TUNNELS, TUNNELS[:1], ())))[1]
        self.assertGreater(shut, 1000)

    def some(self, rng):
        """A file by chance; one that the checks refuse is none."""
        while True:
            text, names = "", []
            for name in ("one", "two", "three")[: rng.randint(0, 3)]:
                names.append(name)
                sources = [source for source in SOURCES if rng.randint(0, 3) == 0] or [rng.choice(SOURCES)]
                more = "".join([" list %s '%s'\n" % (word, value) for word, value in
                                (("to", rng.choice(TO)), ("port", rng.choice(PORTS))) if value])  # fmt: skip
                more += rng.choice(("", " list router_port 'tcp:22'\n", " option ipv6 'free'\n"))
                text += rule(name, sources, [rng.choice(TUNNELS)], more)
            for number in range(rng.randint(0, 2) if names else 0):
                more = rng.choice((" list to '203.0.113.0/24'\n", " list to '203.0.113.0/28'\n list port 'tcp:443'\n"))
                text += exception("let%d" % number, [name for name in names if rng.randint(0, 1)] or names, more)
            data = (HEAD % rng.choice((LANS, LANS, " list lan 'br-lan'\n")) + text).encode()
            loaded = load("test", lambda _, data=data: data)
            if loaded.config is not None:
                return loaded.config


if __name__ == "__main__":
    unittest.main()
