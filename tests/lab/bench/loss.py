"""What a steady stream of pings loses while something happens to the tunnel: rekeys, the death of every daemon of one
side, a new address of one side. Lost is what was not answered; the longest gap is the time without traffic.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from isthmus.errors import IsthmusError
from tests.lab.bench import legacy, ours
from tests.lab.bench.figures import LESS, Figure
from tests.lab.namespace import LabError, wait_until
from tests.lab.ping import Stream
from tests.lab.topology import HOST_B, Topology

if TYPE_CHECKING:
    from collections.abc import Callable

RATE = 200        # pings a second
START_S = 180.0   # until the tunnel is up at all
CALM = 2 * RATE   # pings before and after
STEADY_S = 2.0    # without a loss: the tunnel has settled
DOWN_S = 3.0      # daemons stay dead
PAUSE_S = 1.0     # between two rekeys
MOVED = """\
address del 198.51.100.2/24 dev wan0
address add 198.51.100.77/24 dev wan0
route replace default via 198.51.100.1
"""


class Loss:
    """lost: packets; gap: longest time without traffic in seconds; sent; back: False where it ended without traffic."""

    def __init__(self, stream: Stream, first: int, end: int, back: bool = True) -> None:
        lost = stream.list_lost(first, end)
        self.sent = end - first
        self.lost = len(lost)
        self.gap = longest_run(lost) / RATE
        self.back = back


def longest_run(numbers: list[int]) -> int:
    """How many of these ascending numbers follow each other without a hole."""
    longest = length = 0
    before = -2
    for number in numbers:
        length = length + 1 if number == before + 1 else 1
        longest = max(longest, length)
        before = number
    return longest


def wait_steady(stream: Stream, limit: float) -> None:
    """Until nothing has been lost for STEADY_S, answers of the last second left out. Raises LabError."""
    ahead = RATE

    def settled() -> bool:
        last = stream.sent - ahead
        first = last - int(STEADY_S * RATE)
        return first > 0 and not stream.list_lost(first, last)

    wait_until(f"{STEADY_S:g} s without a lost ping", settled, limit, 0.1)


def watch(lab: Topology, pair: Any, happen: Callable[[Any], None], limit: float) -> Loss:
    """Bring the pair up, let it happen under the stream, wait until traffic is steady again, count."""
    pair.start()
    with Stream(lab.host_a, HOST_B, RATE) as stream:
        try:
            wait_until("an answer from LAN to LAN", stream.count_answered, START_S, 0.05)
            wait_steady(stream, START_S)
        except LabError as error:
            raise LabError(f"{error}\n{pair.logs()}") from None
        first = stream.wait_sent(CALM)
        happen(pair)
        back = True
        try:
            stream.wait_answer(limit)
            wait_steady(stream, limit)
        except LabError:
            back = False
        end = stream.wait_sent(CALM if back else 0)
        stream.stop()
        return Loss(stream, first, end, back)


def kill(pair: Any) -> None:
    """Every daemon of side A dies, and is started again after a while."""
    pair.kill_side()
    time.sleep(DOWN_S)
    pair.start_side()
    time.sleep(DOWN_S)


def move(pair: Any) -> None:
    """Router A gets another address from its provider."""
    pair.topology.router_a.ip(MOVED)
    time.sleep(DOWN_S)


def rekey_ours(count: int) -> Callable[[ours.Pair], None]:
    """So many rekeys of the traffic's keys, begun by A."""

    def happen(pair: ours.Pair) -> None:
        for _ in range(count):
            try:
                pair.a.ask("rekey", tunnel=ours.NAME_A)
            except IsthmusError as error:
                raise LabError(f"isthmus rekey: {error}") from None
            time.sleep(PAUSE_S)

    return happen


def rekey_legacy(count: int) -> Callable[[legacy.Pair], None]:
    """The same by swanctl."""

    def happen(pair: legacy.Pair) -> None:
        for _ in range(count):
            pair.a.swanctl("--rekey", "--child", "l2tp")
            time.sleep(PAUSE_S)

    return happen


class Event:
    """One thing that happens. ours, theirs: how, to either pair; roams: whether A may change its address."""

    def __init__(self, key: str, title: str, told: str, ours: Callable[[Any], None], theirs: Callable[[Any], None],
                 limit: float, roams: bool = False) -> None:
        self.key = key
        self.title = title
        self.told = told
        self.ours = ours
        self.theirs = theirs
        self.limit = limit
        self.roams = roams


def list_events(rekeys: int, limit: float) -> list[Event]:
    """What happens; limit: how many seconds traffic may take to come back."""
    return [
        Event("rekey", f"{rekeys} rekeys of the traffic's keys", "", rekey_ours(rekeys), rekey_legacy(rekeys), limit),
        Event("death", "Every daemon of one router killed",
              f"SIGKILL for all of them, started again {DOWN_S:g} s later; ", kill, kill, limit),
        Event("move", "Another address of one router", "router A gets a new address from its provider; ", move, move,
              limit, roams=True),
    ]


def run(events: list[Event], times: int, show: Callable[[str], None]) -> list[Figure]:
    """Each event to each contender, so many times; two figures each: packets lost, and the longest gap."""
    figures = []
    for event in events:
        lost = Figure(event.key + "-lost", event.title + ": lost", f"packets of {RATE}/s", LESS,
                      event.told + "pings from LAN to LAN all the while")
        gap = Figure(event.key + "-gap", event.title + ": time without traffic", "s", LESS,
                     "the longest stretch in which no ping was answered")
        for name, make, happen in (
            (ours.Pair.name, ours.Pair, event.ours), (legacy.Pair.name, legacy.Pair, event.theirs),
        ):
            seen, why = [], ""
            for _ in range(times):
                try:
                    with Topology("loss") as lab, make(lab, roams=event.roams) as pair:
                        seen.append(watch(lab, pair, happen, event.limit))
                except (LabError, OSError) as error:
                    why = str(error).splitlines()[0]
                    show(f"{event.key}: {name}: {error}")
                    continue
                last = seen[-1]
                show(f"{event.key}: {name}: {last.lost} of {last.sent} lost, {last.gap:.2f} s without traffic"
                     + ("" if last.back else ", and it did not come back"))
            away = sum(not item.back for item in seen)
            note = f"no traffic within {event.limit:g} s, {away} of {len(seen)} times" if away else ""
            lost.add(name, [float(item.lost) for item in seen], note, why)
            gap.add(name, [item.gap for item in seen], note, why)
        figures += [lost, gap]
    return figures
