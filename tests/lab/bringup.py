"""Both daemons of a topology started at once, and watched until LAN reaches LAN: how long each part took."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from tests.lab.namespace import LabError
from tests.lab.ping import Stream
from tests.lab.site import Site, three_lines
from tests.lab.topology import HOST_B, LAN_A, LAN_B, WAN_A, WAN_B

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from tests.lab.topology import Topology

    Show = Callable[[float, str, str], None]  # seconds since the start, who, what

NAME_A, NAME_B = "branch", "head"
TEXT_A = three_lines(NAME_A, WAN_B, LAN_B)
TEXT_B = three_lines(NAME_B, WAN_A, LAN_A)
LIMIT_S = 300.0    # under emulation, on a machine that does other things too
QUIET_S = 5.0      # never silent for longer
LOOK_S = 0.05
RATE = 50          # pings a second
LINE = re.compile(r"^\S+ \S+ isthmusd (\w+): (\w+): (.*)$")


class Watch:
    """One side's log, read as it grows: a state that lasts a moment only is not missed."""

    def __init__(self, name: str, site: Site, tunnel: str) -> None:
        self.name = name
        self.site = site
        self.tunnel = tunnel
        self.done = 0
        self.state = ""
        self.up_after: float | None = None
        self.first_after: float | None = None  # when it first said anything of its tunnel

    def look(self, now: float, show: Show) -> bool:
        """Show what is new; True if anything was."""
        lines = self.site.log().split("\n")[:-1]
        fresh, self.done = lines[self.done:], len(lines)
        told = [self.take(line, now, show) for line in fresh]
        if self.site.process is not None and self.site.process.poll() is not None:
            raise LabError(f"isthmusd of {self.name} has ended with {self.site.process.returncode}; its log:\n"
                           + self.site.log()[-2000:])
        return any(told)

    def take(self, line: str, now: float, show: Show) -> bool:
        """One line of the log; True if it was shown."""
        found = LINE.match(line)
        if found is None:
            return False
        level, subject, text = found.groups()
        if subject == "isthmusd":
            show(now, self.name, "isthmusd runs")
        elif subject == self.tunnel and level in {"notice", "warning"} and not text.startswith("configuration"):
            self.state = text.partition(":")[0]
            if self.first_after is None:
                self.first_after = now
            if self.state == "up" and self.up_after is None:
                self.up_after = now
            show(now, self.name, text)
        elif subject == "pairing" and level == "notice":
            show(now, self.name, text)
        elif level in {"error", "warning"}:
            show(now, self.name, f"{level}: {subject}: {text}")
        else:
            return False
        return True


class Bringup:
    """Two sites on a topology. `with` removes their daemons and folders at its end; shim: the lean netlink library."""

    def __init__(self, topology: Topology, shim: bool = False) -> None:
        self.topology = topology
        self.a = Site(topology.router_a, TEXT_A, shim)
        self.b = Site(topology.router_b, TEXT_B, shim)
        self.watches = (Watch("router A", self.a, NAME_A), Watch("router B", self.b, NAME_B))
        self.answer_after = 0.0  # seconds until the first answered ping from LAN to LAN
        self.up_after = 0.0      # seconds until both sides were up
        self.sent = 0            # pings from then on
        self.lost = 0

    def __enter__(self) -> Bringup:
        """Nothing runs before start()."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """End both."""
        self.a.remove()
        self.b.remove()

    def sites(self) -> tuple[tuple[str, Site], ...]:
        """Each with its name."""
        return tuple((watch.name, watch.site) for watch in self.watches)

    def start(self, show: Show, pings: int = 200) -> None:
        """Start both daemons, wait until both are up and LAN has reached LAN, then send so many pings and count.

        Raises LabError after LIMIT_S, with what the daemons said last.
        """
        begin = time.monotonic()
        for _, site in self.sites():
            site.start()
        show(0.0, "both", "isthmusd is started; it loads its Python modules")
        self.follow(begin, show, pings)

    def follow(self, begin: float, show: Show, pings: int = 200) -> None:
        """Watch both until LAN reaches LAN; begin: when it began. Raises LabError."""
        # Not earlier: before the backstop route is there, host A's pings go where every packet goes, to the Internet.
        self.wait(self.is_blocked, begin, show)
        with Stream(self.topology.host_a, HOST_B, RATE) as stream:
            self.wait(lambda: self.is_through(stream, begin, show), begin, show)
            first = stream.sent
            stream.wait_sent(pings)
            stream.stop()
            self.sent, self.lost = stream.sent - first, len(stream.list_lost(first))

    def is_blocked(self) -> bool:
        """Router A sends nothing for LAN B to the Internet any more."""
        first = self.watches[0].first_after
        return first is not None and LAN_B in self.topology.router_a.run("ip", "route", "show", "type", "unreachable")

    def is_through(self, stream: Stream, begin: float, show: Show) -> bool:
        """Both have been up, and a ping is answered."""
        if not self.answer_after and stream.count_answered():
            self.answer_after = time.monotonic() - begin
            show(self.answer_after, "host A", "first answer from host B")
        ups = [watch.up_after for watch in self.watches if watch.up_after is not None]
        self.up_after = max(ups, default=0.0)
        return len(ups) == len(self.watches) and bool(self.answer_after)

    def wait(self, condition: Callable[[], bool], begin: float, show: Show) -> None:
        """Follow both logs until it holds."""
        shown = time.monotonic()
        while not condition():
            now = time.monotonic()
            if [watch for watch in self.watches if watch.look(now - begin, show)]:
                shown = now
            if now - begin > LIMIT_S:
                logs = [f"{watch.name}:\n{watch.site.log()[-2000:]}" for watch in self.watches]
                raise LabError(f"the tunnel is not up after {LIMIT_S:g} s\n" + "\n".join(logs))
            if now - shown > QUIET_S:
                shown = now
                states = [f"{watch.name} is {watch.state or 'starting'}" for watch in self.watches]
                show(now - begin, "both", ", ".join(states))
            time.sleep(LOOK_S)
