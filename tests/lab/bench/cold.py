"""Cold start: every daemon of both sides is started at once, and host A pings host B until it is answered.

A round builds the network anew for each contender; they take turns, and each round begins with another one. When the
ping is answered and the daemons have settled, their memory is read. What L2TP the Internet saw in the clear is counted.

Cold means that nothing runs and nothing is remembered, not that a disk is slow: flash.py.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tests.lab.bench import legacy, ours
from tests.lab.bench.figures import ISTHMUS, LEGACY, LESS, Figure, Target
from tests.lab.bench.flash import Flash
from tests.lab.bench.memory import Memory
from tests.lab.capture import Capture
from tests.lab.namespace import LabError, wait_until
from tests.lab.ping import Stream
from tests.lab.topology import HOST_B, Topology

if TYPE_CHECKING:
    from collections.abc import Callable

RATE = 50       # pings a second: the answer is known to 20 ms; asking oftener takes processors from who starts
LIMIT_S = 120.0
SETTLE_S = 6.0  # isthmus-hold is started when the tunnel is up
SHIM, PYROUTE2 = ISTHMUS, ISTHMUS + " (with pyroute2)"
OLD_1, OLD_2 = LEGACY, "the same with IKEv2"

CONTENDERS: dict[str, Callable[[Topology], Any]] = {
    SHIM: lambda lab: ours.Pair(lab, shim=True),
    OLD_1: lambda lab: legacy.Pair(lab, version=1),
    PYROUTE2: lambda lab: ours.Pair(lab, shim=False),
    OLD_2: lambda lab: legacy.Pair(lab, version=2),
}


class Start:
    """What one cold start has shown. answer: seconds; memory: of each side; clear: L2TP packets without IPsec."""

    def __init__(self, answer: float, memory: list[Memory], clear: int) -> None:
        self.answer = answer
        self.memory = memory
        self.clear = clear


def run(rounds: int, names: list[str], show: Callable[[str], None]) -> list[Figure]:
    """The figures of so many rounds."""
    starts: dict[str, list[Start]] = {name: [] for name in names}
    failed: dict[str, str] = {}
    with Flash():
        take_turns(rounds, names, starts, failed, show)
    return make_figures(starts, failed)


def take_turns(rounds: int, names: list[str], starts: dict[str, list[Start]], failed: dict[str, str],
               show: Callable[[str], None]) -> None:
    """So many starts of each."""
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            try:
                start = start_once(CONTENDERS[name])
            except (LabError, OSError) as error:
                failed[name] = str(error).splitlines()[0]
                show(f"{name}: {error}")
                continue
            starts[name].append(start)
            show(f"cold start {number + 1} of {rounds}: {name}: {start.answer:.1f} s, "
                 + ", ".join(memory.describe() for memory in start.memory[:1]) + " MB")


def start_once(make: Callable[[Topology], Any]) -> Start:
    """One network, one pair, one start."""
    with Topology("cold") as lab, Capture(lab.internet) as capture, make(lab) as pair:
        begin = time.monotonic()
        pair.start()
        with Stream(lab.host_a, HOST_B, RATE) as stream:
            try:
                wait_until("an answer from LAN to LAN", stream.count_answered, LIMIT_S, 0.02)
            except LabError as error:
                raise LabError(f"{error}\n{pair.logs()}") from None
            answer = time.monotonic() - begin
            time.sleep(SETTLE_S)
            memory = [Memory(pids) for pids in pair.pids()]
        return Start(answer, memory, capture.count()["l2tp"])


def make_figures(starts: dict[str, list[Start]], failed: dict[str, str]) -> list[Figure]:
    """From what was seen."""
    cold = Figure("cold", "Cold start to the first answered ping", "s", LESS,
                  "all daemons of both routers started at the same moment; LAN to LAN; new network each time",
                  Target(ISTHMUS, LEGACY, 0.5))
    rss = Figure("rss", "Memory of all daemons of one router, resident", "MB", LESS,
                 "RSS added up, router A, one tunnel up; a daemon in Python does not win this")
    pss = Figure("pss", "The same, shared pages divided", "MB", LESS,
                 "PSS: libraries count once for all processes of this machine that use them, the other router's too")
    clear = Figure("clear", "L2TP packets in the clear on the Internet during start", "packets", LESS,
                   "counted by the kernel between the routers")
    for name, list_ in starts.items():
        why = failed.get(name, "")
        cold.add(name, [start.answer for start in list_], why=why)
        rss.add(name, [start.memory[0].rss for start in list_], list_[-1].memory[0].describe() if list_ else "", why)
        pss.add(name, [start.memory[0].pss for start in list_], why=why)
        clear.add(name, [float(start.clear) for start in list_], why=why)
    return [cold, rss, pss, clear]
