"""Throughput through Isthmus's tunnel and through the same tunnel made by hand, taking turns in one machine.

Each round sends the same amount over both, one after the other; the order changes from round to round. A round's ratio
is free of what changes slowly, the median of many rounds is free of what disturbs a few. How far the median may still
be off is said too, and while that leaves the verdict open there are more rounds; what stays open is no failure.
"""

from __future__ import annotations

import json
import math
import re
import statistics
import time
from typing import TYPE_CHECKING

from isthmus.policy.guard import Session, guard_text
from tests.lab import byhand
from tests.lab.flow import Flow, megabits
from tests.lab.namespace import LabError
from tests.lab.topology import HOST_B, Topology

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.namespace import Namespace

FAILS, EXPLAINED = 0.9, 0.97   # below these
TURN_S = 0.08                  # of one side in a round, roughly: more rounds tell more than longer ones
NARROW = 0.08                  # how far apart the bounds of the ratio may be
SHOW_S = 5.0
SALT_BITS = 8 * byhand.SALT_BYTES


class Result:
    """What the rounds have shown so far; rates in Mbit/s."""

    def __init__(self, amount: int, ours: list[float], by_hand: list[float]) -> None:
        self.rounds = len(ours)
        self.ours = megabits(amount, statistics.median(ours))
        self.by_hand = megabits(amount, statistics.median(by_hand))
        ratios = sorted(theirs / mine for mine, theirs in zip(ours, by_hand, strict=True))
        self.ratio = statistics.median(ratios)
        # The median of all possible rounds lies between these two of ours, 19 times in 20.
        reach = 0.98 * math.sqrt(self.rounds) + 1
        self.low = ratios[max(math.floor(self.rounds / 2 - reach), 0)]
        self.high = ratios[min(math.ceil(self.rounds / 2 + reach), self.rounds) - 1]
        quarter = self.rounds // 4
        self.spread = (ratios[quarter], ratios[-1 - quarter])  # half of the rounds are within

    def is_clear(self) -> bool:
        """True when more rounds would not change the verdict, or not teach much."""
        return self.high < FAILS or self.low >= EXPLAINED or (self.low >= FAILS and self.high - self.low <= NARROW)

    def fails(self) -> bool:
        """True when the ratio is below FAILS, and not only by the noise of the machine: 19 times in 20."""
        return self.high < FAILS

    def __str__(self) -> str:
        """One line for people."""
        return (f"Isthmus {self.ours:.1f}, by hand {self.by_hand:.1f} Mbit/s, ratio {self.ratio:.3f}"
                f" ({self.low:.2f} to {self.high:.2f})")


class Twin:
    """A second topology with the tunnel made by hand, beside that of Isthmus."""

    def __init__(self, product: Topology, twin: Topology, mtu: int) -> None:
        """Configure it like the product's; Raises LabError where that is not possible."""
        self.product = product
        self.twin = twin
        ours = describe(product.router_a)
        byhand.configure_both(twin, "dev lo", int(ours["key bits"]), mtu, rules="")
        self.facts = ours
        theirs = describe(twin.router_a)
        if ours != theirs:
            raise LabError(f"the two tunnels are not the same: Isthmus's is {ours}, the one by hand {theirs}")
        self.rules = [count_rules(product.router_a), count_rules(twin.router_a)]

    def measure(self, least: int, seconds: float, show: Callable[[str], None]) -> Result:
        """Take turns: `least` rounds, and more for `seconds` in all while the result is not clear."""
        ours: list[float] = []
        by_hand: list[float] = []
        begin = shown = time.monotonic()
        with (Flow(self.product.host_a, self.product.host_b, HOST_B) as flow,
              Flow(self.twin.host_a, self.twin.host_b, HOST_B) as other):
            amount = (flow.fit(TURN_S) + other.fit(TURN_S)) // 2
            while True:
                turns = [(flow, ours), (other, by_hand)]
                for item, times in turns if len(ours) % 2 else reversed(turns):
                    times.append(item.carry(amount))
                result = Result(amount, ours, by_hand)
                now = time.monotonic()
                if result.rounds >= least and (result.is_clear() or now - begin >= seconds):
                    return result
                if now - shown > SHOW_S:
                    shown = now
                    show(f"after {result.rounds} rounds: {result}")

    def explain(self, result: Result, least: int, seconds: float, show: Callable[[str], None]) -> list[str]:
        """Why the ratio is below one: measured again with Isthmus's nft rules on the side made by hand."""
        for router, me, peer in ((self.twin.router_a, byhand.SIDE_A, byhand.SIDE_B),
                                 (self.twin.router_b, byhand.SIDE_B, byhand.SIDE_A)):
            router.nft(guard_text([Session("l2", me.session, peer.session, byhand.REQID, byhand.MTU)]))
        again = self.measure(least, seconds, show)
        rules, rest = max(0.0, 1 - result.ratio / again.ratio), max(0.0, 1 - again.ratio)
        return [
            f"with Isthmus's nft rules on the side made by hand too: {again}",
            f"so the rules that fail closed cost about {rules:.0%}, and all else, noise included, about {rest:.0%}",
            f"the machine's own noise: half of the {result.rounds} rounds were between {result.spread[0]:.2f} and "
            + f"{result.spread[1]:.2f}; the median lies between {result.low:.2f} and {result.high:.2f}",
        ]


def describe(router: Namespace) -> dict[str, str]:
    """What decides a tunnel's speed, as the kernel lists it."""
    sas = router.run("ip", "xfrm", "state")
    ciphers = re.findall(r"aead (\S+) 0x([0-9a-f]+) (\d+)", sas)
    if len(ciphers) != 2 or len({(name, len(key), check) for name, key, check in ciphers}) != 1:
        raise LabError("this comparison wants two SAs with the same AES-GCM; found:\n"
                       + re.sub("0x[0-9a-f]{16,}", "0x...", sas))
    name, key, check = ciphers[0]
    sessions = router.run("ip", "l2tp", "show", "session")
    link = find(r"interface name: (\S+)", sessions)
    inner = re.findall(r"(?:sel )?src (\S+)/128 dst (\S+)/128", sas)
    routes = router.run("ip", "-6", "route")
    ways = {find(rf"^{address} dev (\S+)", routes) for pair in inner for address in pair if f"{address} dev" in routes}
    return {
        "cipher": name, "key bits": str(4 * len(key) - SALT_BITS), "check bits": check,
        "mode": find(r"mode (\w+)", sas), "replay window": find(r"replay_window (\d+)", sas),
        "selector": find(r"/128 (proto \w+)", sas),
        "cookie bytes": str(len(find(r"peer cookie ([0-9a-f]+)", sessions)) // 2),
        "MTU": find(r"mtu (\d+)", router.run("ip", "link", "show", "dev", link)),
        "ways to the inner addresses": " ".join(sorted(ways)),
    }


def find(pattern: str, text: str) -> str:
    """The first group of the first match, "none" without one."""
    found = re.search(pattern, text, re.MULTILINE)
    return found.group(1) if found else "none"


def count_rules(router: Namespace) -> int:
    """How many nft rules a router has."""
    return sum("rule" in item for item in json.loads(router.run("nft", "-j", "list", "ruleset"))["nftables"])
