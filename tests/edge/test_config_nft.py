"""Whatever the configuration's checks accept, the kernel takes: random files, each accepted one as a ruleset."""

from __future__ import annotations

import random
import unittest

from isthmus.policy.guard import guard_text
from isthmus.policy.lane import Lane, choose, lane_numbers
from isthmus.policy.whole import State, lane_names, policy_chains
from tests.core.config_site import load_text
from tests.counts import cases
from tests.edge.nets import Net

SOURCES = (
    "br-guest", "br-lan", "eth0.10", "192.168.10.0/24", "192.168.10.5", "192.168.10.6", "172.20.0.0/16",
    "172.20.7.0/24", "2001:db8:10::/64", "2001:db8:10::9", "fd00:10::/48", "02:00:00:00:00:01", "02:00:00:00:00:02",
    "192.168.10.50@02:00:00:00:00:03", "192.168.10.51@02:00:00:00:00:03", "192.168.10.52@02:00:00:00:00:04",
)  # fmt: skip
NETWORKS = (
    "10.0.0.0/8", "10.53.0.0/16", "9.9.9.9", "203.0.113.0/24", "0.0.0.0/1", "128.0.0.0/1", "0.0.0.0/0", "::/0",
    "2001:db8:53::/48", "2001:db8:99::7", "10.54.0.0/16", "255.255.255.255", "224.0.0.0/4", "ff00::/8",
)  # fmt: skip
PORTS = (
    "tcp", "udp", "icmp", "tcp:443", "tcp:1-65535", "udp:53", "udp:5000-5010", "sctp:9", "udplite", "dccp:5", "gre",
    "esp", "ah", "89", "58", "255", "6",
)  # fmt: skip
ROUTER_PORTS = ("tcp:22", "tcp:80", "tcp:443", "udp:123", "icmp", "tcp", "udp:1000-2000")
DNS = ("10.53.0.1", "10.54.0.1", "2001:db8:53::1", "9.9.9.9")
ALIASES = (
    ("192.168.10.0/24", "10.66.1.0/24", "local"), ("192.168.10.0/25", "10.66.2.0/25", "local"),
    ("192.168.10.7/32", "10.66.3.7/32", "local"), ("2001:db8:10::/64", "fd00:66::/64", "local"),
    ("192.168.10.0/24", "10.53.8.0/24", "remote"), ("192.168.10.9/32", "10.53.9.9/32", "remote"),
    ("2001:db8:10::/64", "2001:db8:53:7::/64", "remote"), ("172.20.0.0/16", "10.67.0.0/16", "local"),
)  # fmt: skip


def some(rng: random.Random, pool: tuple[str, ...], counts: tuple[int, ...]) -> list[str]:
    return rng.sample(pool, rng.choice(counts))


def lists(option: str, values: list[str]) -> str:
    return "".join(f"list {option} '{value}'\n" for value in values)


def make(rng: random.Random) -> bytes:
    """The text of a few rules, exceptions, passthrough sections and aliases."""
    text, names = "", [f"rule_{at}" for at in range(rng.choice((0, 1, 1, 2, 4)))]
    for name in names:
        text += f"config forced '{name}'\n" + lists("from", some(rng, SOURCES, (1, 1, 2, 5)))
        text += lists("via", some(rng, ("branch", "backup"), (1, 1, 2))) + lists(
            "to", some(rng, NETWORKS, (0, 0, 1, 2))
        )
        text += lists("port", some(rng, PORTS, (0, 0, 1, 3))) + lists("dns", some(rng, DNS, (0, 0, 1)))
        text += lists("router_port", some(rng, ROUTER_PORTS, (0, 0, 2)))
        text += rng.choice(("", "option ipv6 free\n"))
    for at in range(rng.choice((0, 0, 1, 2)) if names else 0):
        text += f"config exception 'e{at}'\n" + lists("rule", rng.sample(names, rng.randrange(1, len(names) + 1)))
        text += lists("to", some(rng, NETWORKS, (0, 1, 2))) + lists("port", some(rng, PORTS, (0, 1, 2)))
        text += rng.choice(("", "option until '2036-12-01 12:00'\n", "option until '2021-12-01 12:00'\n"))
    for at in range(rng.choice((0, 0, 1, 2))):
        text += f"config passthrough 'p{at}'\noption protocol {rng.choice(('ipsec', 'l2tp', 'pptp'))}\n"
        text += (
            f"option direction {rng.choice(('in', 'out', 'both'))}\noption action {rng.choice(('allow', 'block'))}\n"
        )
        text += lists("from", some(rng, SOURCES, (0, 1, 3)))
    for at in range(rng.choice((0, 0, 1, 2))):
        subnet, shown, side = rng.choice(ALIASES)
        text += f"config alias 'a{at}'\noption tunnel branch\noption subnet {subnet}\n"
        text += f"option as {shown}\noption side {side}\n"
    return text.encode()


class ConfigNftTest(unittest.TestCase):
    def test_what_is_accepted_is_taken(self) -> None:
        net = Net()
        self.addCleanup(net.close)
        seen, taken = {"forced": 0, "exceptions": 0, "passthrough": 0, "aliases": 0}, 0
        for seed in range(cases(250, 5000)):
            rng = random.Random(seed)
            config = load_text(make(rng)).config
            if config is None:
                continue
            numbers = lane_numbers(lane_names(config))
            lanes = [Lane(name, number, "ist-" + name, b"\xfe\x80" + bytes(13) + b"\1", rng.random() < 0.5)
                     for name, number in sorted(numbers.items())]  # fmt: skip
            spent = {each.name for rule in config.forced for each in rule.exceptions if rng.random() < 0.3}
            state = State(lanes, choose(config.forced, lanes), spent, ["wan"], [b"\xc6\x33\x64\x07"])
            chains, counters = policy_chains(config, state)
            with self.subTest(seed=seed):
                net.nft(guard_text([], [], chains, counters))
            taken += 1
            seen["forced"] += len(config.forced)
            seen["exceptions"] += sum(len(rule.exceptions) for rule in config.forced)
            seen["passthrough"] += len(config.passthrough)
            seen["aliases"] += len(config.aliases)
        self.assertGreater(taken, cases(250, 5000) // 5)
        self.assertGreater(min(seen.values()), 10, seen)
