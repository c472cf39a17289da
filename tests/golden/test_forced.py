"""Forced rules from the file to nft chains, rules and routes, kept side by side: name.uci and name.txt.

Regenerate with ISTHMUS_GOLDEN=write, and read the difference. Of 500 hosts in 50 rules the shape alone is kept.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import unittest
from pathlib import Path

from isthmus.config.model import load
from isthmus.policy.forced import forced_chains, forced_objects
from isthmus.policy.guard import guard_text
from isthmus.policy.lane import Lane, choose, lane_numbers, via_names
from isthmus.wire.addr import parse_ip
from tests.edge.world import own_network

FOLDER = Path(__file__).parent / "forced"
PEER = parse_ip("fe80::20")
HOSTS, RULES = 500, 50
TUNNEL = b"""
config tunnel 'branch'
    option remote '203.0.113.2'
    option psk 'only-for-tests-0123456789'
    list remote_subnet '192.168.20.0/24'
"""


def many() -> bytes:
    """500 hosts in 50 rules: 200 by address, 200 by address and MAC, 100 by MAC; two in three rules overlap."""
    out = [TUNNEL.decode()]
    for number in range(RULES):
        out.append("config forced 'r%d'\n list via 'branch'" % number)
        for host in range(number * HOSTS // RULES, (number + 1) * HOSTS // RULES):
            mac = "02:00:00:00:%02x:%02x" % (host >> 8, host & 255)
            address = "192.168.%d.%d" % (10 + host // 250, 2 + host % 250)
            source = (address + "/32", address + "/32", address + "@" + mac, address + "@" + mac, mac)[host % 5]
            out.append(" list from '%s'" % source)
        if number % 3 == 1:
            out.append(" list to '10.%d.0.0/16'\n list from '192.168.%d.0/25'" % (number, 10 + number % 2))
        if number % 5 == 2:
            out.append(" list dns '192.168.20.53'")
    return ("\n".join(out) + "\n").encode()


def chains_of(data: bytes, name: str, up: tuple[str, ...]) -> tuple[list, list, list]:
    loaded = load(name, lambda path: data)
    assert loaded.config is not None, [str(error) for error in loaded.errors]
    config = loaded.config
    numbers = lane_numbers(via_names(config.forced))
    lanes = []
    for tunnel in via_names(config.forced):
        found = config.get(tunnel)
        assert found is not None
        lanes.append(Lane(tunnel, numbers[tunnel], found.ifname, PEER if tunnel in up else None, tunnel in up))
    tunnels = [tunnel.ifname for tunnel in config.tunnels]
    chosen = choose(config.forced, lanes)
    chains, counters = forced_chains(config.forced, lanes, chosen, config.globals.lans, set(), tunnels)
    return chains, counters, forced_objects(lanes)


def describe(path: Path) -> str:
    """Chains, counters, rules and routes with every tunnel up; then what differs with the first one down."""
    chains, counters, objects = chains_of(path.read_bytes(), path.name, ("branch", "exit"))
    lines = ["counters: " + ", ".join(counters)]
    for chain in chains:
        lines += chain.lines()
    lines += ["%s %s" % (item.kind, item.words()) for item in objects]
    lines.append("# with branch down")
    others, _, fewer = chains_of(path.read_bytes(), path.name, ("exit",))
    before = {line for chain in chains for line in chain.lines()}
    lines += [line for chain in others for line in chain.lines() if line not in before]
    kept = [item.words() for item in fewer]
    lines += ["no %s %s" % (item.kind, item.words()) for item in objects if item.words() not in kept]
    return "\n".join(lines) + "\n"


def shape() -> str:
    """Of each chain the number of rules and of elements: neither grows with the hosts but the elements of few maps."""
    chains, counters, _ = chains_of(many(), "many.uci", ("branch",))
    lines = ["%d counters, %d chains, %d rules" % (len(counters), len(chains), sum(len(c.rules) for c in chains))]
    for chain in chains:
        if chain.hook or chain.name.startswith("bound_") or chain.name == "forced_claimed":
            sizes = [rule.count(",") + 1 if "{" in rule else 0 for rule in chain.rules]
            lines.append("%s: %d rules, elements %s" % (chain.name, len(sizes), " ".join([str(n) for n in sizes])))
    return "\n".join(lines) + "\n"


class ForcedGoldenTest(unittest.TestCase):
    maxDiff = None

    def check(self, path: Path, text: str) -> None:
        if os.environ.get("ISTHMUS_GOLDEN") == "write":
            path.write_text(text, encoding="ascii")
        with self.subTest(path.stem):
            self.assertEqual(text, path.read_text(encoding="ascii"))

    def test_it_is_as_recorded(self) -> None:
        sources = sorted(FOLDER.glob("*.uci"))
        for path in sources:
            self.check(path.with_suffix(".txt"), describe(path))
        self.check(FOLDER / "many.txt", shape())
        names = sorted([path.stem for path in sources] + ["many"])
        self.assertEqual(sorted([path.stem for path in FOLDER.glob("*.txt")]), names)

    def test_it_is_the_same_whatever_the_state_of_the_tables(self) -> None:
        """A text that differs without need would replace the guard without need."""
        for path in sorted(FOLDER.glob("*.uci")):
            self.assertEqual(describe(path), describe(path))


@unittest.skipUnless(shutil.which("nft"), "there is no nft program")
class NftTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        own_network()

    def test_nft_takes_every_case(self) -> None:
        cases = [(path.name, path.read_bytes()) for path in sorted(FOLDER.glob("*.uci"))]
        for name, data in cases + [("many.uci", many())]:
            chains, counters, _ = chains_of(data, name, ("branch", "exit"))
            text = guard_text([], [], chains, counters)
            for broken, status in ((text, 0), (text.replace('counter name "', 'counter name "no', 1), 1)):
                done = subprocess.run(["nft", "-f", "-"], input=broken, capture_output=True, text=True, timeout=60,
                                      check=False)  # fmt: skip
                with self.subTest(name, broken=bool(status)):
                    self.assertEqual(done.returncode, status, done.stderr[:500])


if __name__ == "__main__":
    unittest.main()
