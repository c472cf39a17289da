"""Throughput: TCP from LAN to LAN, everybody's tunnel on a network of its own, all of them in one machine.

They take turns several times a second, each sending the same amount; the order changes from round to round. So a
round's ratios are free of what else the machine does, and the median of many rounds is free of what disturbs a few.
Absolute rates say what this machine does, no more.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from typing import TYPE_CHECKING, Any

from tests.lab import byhand
from tests.lab import topology as net
from tests.lab.bench import legacy, ours
from tests.lab.bench.figures import ISTHMUS, LEGACY, MORE, Figure, show
from tests.lab.flow import Flow, megabits
from tests.lab.namespace import LabError
from tests.lab.namespace import run as run_here
from tests.lab.ping import Stream

if TYPE_CHECKING:
    from collections.abc import Callable

WIREGUARD, BY_HAND = "WireGuard", "kernel by hand"
TURN_S = 0.25     # of one contender in a round, roughly
START_S = 180.0
WG_PORT = 51820
WG_MTU = 1420     # WireGuard's own default for an uplink of 1500


class WireGuard:
    """The kernel's WireGuard on both routers, with `wg` alone."""

    name = WIREGUARD

    def __init__(self, lab: net.Topology) -> None:
        self.lab = lab

    def __enter__(self) -> WireGuard:
        """Nothing is set up before start()."""
        return self

    def __exit__(self, *_error: object) -> None:
        """The namespaces take everything with them."""

    def start(self) -> None:
        """Keys, interface, peer, route."""
        keys = [self.lab.router_a.run("wg", "genkey").strip() for _ in range(2)]
        publics = [run_with(self.lab.router_a, key, "wg", "pubkey").strip() for key in keys]
        rows = ((self.lab.router_a, keys[0], publics[1], net.WAN_B, net.LAN_B),
                (self.lab.router_b, keys[1], publics[0], net.WAN_A, net.LAN_A))
        for router, key, peer, remote, lan in rows:
            router.ip(f"link add wg0 type wireguard\nlink set wg0 mtu {WG_MTU}\n")
            run_with(router, key, "wg", "set", "wg0", "listen-port", str(WG_PORT), "private-key", "/proc/self/fd/0",
                     "peer", peer, "allowed-ips", "0.0.0.0/0", "endpoint", f"{remote}:{WG_PORT}")
            router.ip(f"link set wg0 up\nroute add {lan} dev wg0\n")


class ByHand:
    """The same tunnel as Isthmus's, made with `ip` alone, and no firewall rule (tests/lab/byhand.py)."""

    name = BY_HAND

    def __init__(self, lab: net.Topology) -> None:
        self.lab = lab

    def __enter__(self) -> ByHand:
        """Nothing is set up before start()."""
        return self

    def __exit__(self, *_error: object) -> None:
        """The namespaces take everything with them."""

    def start(self) -> None:
        """All of it."""
        byhand.configure_both(self.lab, rules="")


MAKERS: dict[str, Callable[[net.Topology], Any]] = {
    ISTHMUS: ours.Pair, LEGACY: legacy.Pair, WIREGUARD: WireGuard, BY_HAND: ByHand,
}


def run_with(namespace: Any, text: str, *command: str) -> str:
    """Run a program in a namespace with a text on its standard input."""
    with namespace:
        return run_here(list(command), text)


def run(rounds: int, show_line: Callable[[str], None]) -> list[Figure]:
    """So many rounds; a contender that cannot be set up is left out with its reason."""
    failed: dict[str, str] = {}
    flows: dict[str, Flow] = {}
    with contextlib.ExitStack() as stack:
        for number, (name, make) in enumerate(MAKERS.items()):
            try:
                lab = stack.enter_context(net.Topology(f"sp{number}"))
                pair = stack.enter_context(make(lab))
                pair.start()
                with Stream(lab.host_a, net.HOST_B, 20) as ping:
                    ping.wait_answer(START_S)
                flows[name] = stack.enter_context(Flow(lab.host_a, lab.host_b, net.HOST_B))
            except (LabError, OSError) as error:
                failed[name] = str(error).splitlines()[0]
                show_line(f"throughput: {name}: {error}")
                continue
            show_line(f"throughput: {name} is up")
        took, amount = take_turns(flows, rounds, show_line)
    return make_figures(took, amount, failed)


def take_turns(
    flows: dict[str, Flow], rounds: int, show_line: Callable[[str], None]
) -> tuple[dict[str, list[float]], int]:
    """(seconds of each contender in each round, bytes of one turn)."""
    if not flows:
        return {}, 0
    amount = int(statistics.median(flow.fit(TURN_S) for flow in flows.values()))
    took: dict[str, list[float]] = {name: [] for name in flows}
    names = list(flows)
    shown = time.monotonic()
    for number in range(rounds):
        turn = number % len(names)
        order = names[turn:] + names[:turn]
        for name in order if number // len(names) % 2 else reversed(order):
            took[name].append(flows[name].carry(amount))
        if time.monotonic() - shown > 5 or number + 1 == rounds:
            shown = time.monotonic()
            rates = [f"{name} {show(megabits(amount, statistics.median(times)))}" for name, times in took.items()]
            show_line(f"throughput after {number + 1} rounds: " + ", ".join(rates) + " Mbit/s")
    return took, amount


def make_figures(took: dict[str, list[float]], amount: int, failed: dict[str, str]) -> list[Figure]:
    """Rates, and Isthmus's rate divided by each other's."""
    rates = Figure("speed", "Throughput of one TCP connection", "Mbit/s", MORE,
                   "one processor for both routers, both hosts and the sender: what a packet costs in all")
    ratios = Figure("speed-ratio", "Isthmus's throughput divided by that of", "times", MORE,
                    "round by round, contenders taking turns several times a second")
    for name in MAKERS:
        why = failed.get(name, "")
        times = took.get(name, [])
        rates.add(name, [megabits(amount, seconds) for seconds in times], why=why)
        if name != ISTHMUS:
            mine = took.get(ISTHMUS, [])
            ratios.add(name, [theirs / ours_ for ours_, theirs in zip(mine, times)],
                       why=why or failed.get(ISTHMUS, "Isthmus was not measured"))
    return [rates, ratios]
