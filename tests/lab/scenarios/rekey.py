"""1,000 packets a second through forced rekeyings of CHILD and IKE SAs on both sides: none is lost.

Then the wall clock jumps an hour, back and forth, under the same traffic, each time with a rekeying after it: the
kernel chooses among SAs by that clock (shared/reference/kernel.md). Only where the lab has a machine of its own.
"""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from isthmus.edge.control import ask
from tests.lab.bringup import Bringup
from tests.lab.namespace import wait_until
from tests.lab.report import check
from tests.lab.topology import HOST_B, Topology

if TYPE_CHECKING:
    from types import TracebackType

    from tests.lab.namespace import Namespace
    from tests.lab.report import Report
    from tests.lab.site import Site

RATE = 1_000  # packets a second
HOUR = 3_600.0
LIMIT_S = 60.0  # for one rekeying, under emulation
LONGEST_S = 3600.0  # for the traffic: a busy machine emulates a fraction of RATE
SUMMARY = re.compile(r"(\d+) packets transmitted, (\d+) received.* time (\d+)ms")


class Flood:
    """RATE echo requests a second from `with` on, by the C program that can keep that up. `count` of them, or fewer
    where the test is done earlier.
    """

    def __init__(self, namespace: Namespace, count: int) -> None:
        self.command = ["ping", "-q", "-n", "-i", str(1 / RATE), "-c", str(count), "-W", "5", HOST_B]
        self.namespace = namespace
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Flood:
        """Start sending."""
        self.process = self.namespace.start(self.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Stop sending, whatever happened."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(20)

    def is_running(self) -> bool:
        """True while it sends."""
        return self.process is not None and self.process.poll() is None

    def finish(self) -> tuple[int, int, float]:
        """Wait for its end: (sent, lost, packets a second)."""
        assert self.process is not None
        text = self.process.communicate(timeout=LONGEST_S)[0].decode()
        found = SUMMARY.search(text)
        check(found, f"ping says: {text[-400:]}")
        assert found is not None
        sent, received, milliseconds = (int(number) for number in found.groups())
        return sent, sent - received, sent * 1000 / max(milliseconds, 1)


class Renewals:
    """The two sites, and their rekeyings one by one."""

    def __init__(self, pair: Bringup) -> None:
        self.sites = [site for _, site in pair.sites()]
        self.names = [site.tunnel()["name"] for site in self.sites]
        self.slowest = 0.0

    def marks(self, section: str, key: str) -> list[int]:
        """A number that changes with every rekeying, on both sides."""
        return [site.show()[section][key] for site in self.sites]

    def rekey(self, index: int, *, ike: bool) -> None:
        """Force one at a side and wait until both have moved to what is new."""
        section, key = ("ike", "id") if ike else ("esp", "inbound_spi")
        before = self.marks(section, key)
        begun = time.monotonic()
        request = {"command": "rekey", "tunnel": self.names[index], "ike": ike}
        ask(str(self.sites[index].folder / "run"), request, 60_000)

        def moved() -> bool:
            # Each side for itself: the numbers of IKE SAs are its own, and the new one here may be the old one there.
            return all(new != old for new, old in zip(self.marks(section, key), before, strict=True))

        wait_until(f"new keys of {section} on both sides", moved, LIMIT_S, 0.05)
        self.slowest = max(self.slowest, time.monotonic() - begun)

    def wait_two(self) -> None:
        """Nothing is left of what was replaced: one pair of SAs on each side, and the same."""

        def settled() -> bool:
            kept = [site.spis() for site in self.sites]
            return len(kept[0]) == 2 and kept[0] == kept[1]

        wait_until("two SAs on each side, the same", settled, 90.0, 0.5)


def run(report: Report) -> None:
    """One tunnel for both tests."""
    with Topology("rk") as topology, Bringup(topology, shim=True) as pair:
        report.on_failure = lambda: [site.print_log() for _, site in pair.sites()] and None
        pair.start(lambda after, who, what: print(f"    {after:.1f} s {who}: {what}", flush=True), 20)
        forced(report, topology, pair)
        clock(report, topology, pair)
        command_line(report, pair.a)


def forced(report: Report, topology: Topology, pair: Bringup) -> None:
    """CHILD and IKE SAs, in turns, on either side."""
    children, ikes = report.amount(3, 20), report.amount(1, 5)
    with report.case("rekey.no_packet_lost") as facts:
        renewals = Renewals(pair)
        with Flood(topology.host_a, RATE * report.amount(30, 240)) as flood:
            time.sleep(1)  # traffic first
            for number in range(children):
                for side in (0, 1):
                    renewals.rekey(side, ike=False)
                    if number % (children // ikes) == 0 and number // (children // ikes) < ikes:
                        renewals.rekey(side, ike=True)
            check(flood.is_running(), "the traffic has ended before the last rekeying")
            sent, lost, rate = flood.finish()
        facts.note("CHILD and IKE rekeyings a side", (children, ikes))
        facts.note("packets sent, lost, a second", (sent, lost, round(rate)))
        facts.note("slowest rekeying in seconds", round(renewals.slowest, 2))
        check(lost == 0, f"{lost} of {sent} packets lost")
        renewals.wait_two()


def clock(report: Report, topology: Topology, pair: Bringup) -> None:
    """The wall clock goes back an hour and forth two, each time with rekeyings on both sides afterwards."""
    if " 9p " not in Path("/proc/mounts").read_text():
        report.put("rekey.wall_clock", "skipped", "this lab shares the clock of its host", 0)
        return
    with report.case("rekey.wall_clock") as facts:
        renewals = Renewals(pair)
        offset = 0.0
        with Flood(topology.host_a, RATE * report.amount(20, 60)) as flood:
            try:
                for jump in (-HOUR, 2 * HOUR, -HOUR):
                    offset += jump
                    time.clock_settime(time.CLOCK_REALTIME, time.time() + jump)
                    time.sleep(2)  # a span of traffic between jump and rekeying
                    for side in (0, 1):
                        renewals.rekey(side, ike=False)
            finally:
                time.clock_settime(time.CLOCK_REALTIME, time.time() - offset)
            check(flood.is_running(), "the traffic has ended before the last rekeying")
            sent, lost, rate = flood.finish()
        facts.note("packets sent, lost, a second", (sent, lost, round(rate)))
        check(lost == 0, f"{lost} of {sent} packets lost")
        renewals.wait_two()
        check([site.tunnel()["state"] for site in renewals.sites] == ["up", "up"], "a side is not up")


def command_line(report: Report, site: Site) -> None:
    """What a person types."""
    with report.case("rekey.command_line"):
        name = site.tunnel()["name"]
        before = site.show()["esp"]["inbound_spi"]
        done = site.command("rekey", name)
        check(done.returncode == 0 and name in done.stdout, f"{done.returncode} {done.stdout} {done.stderr}")
        wait_until("another SPI", lambda: site.show()["esp"]["inbound_spi"] != before, LIMIT_S)
        unknown = site.command("rekey", "nobody")
        check(unknown.returncode == 1 and "nobody" in unknown.stderr, f"{unknown.returncode} {unknown.stderr}")
