"""A tunnel's whole life between two routers: never up, up, damaged, killed, restarted, taken down, stopped.

All along, a program on router A sends L2TP in the clear, and the Internet is watched. The first test proves that it
would be seen. The steps stand on each other, so they are one story; each has its own result.
"""

from __future__ import annotations

import os
import re
import socket
import time
from typing import TYPE_CHECKING

from tests.lab.capture import Capture
from tests.lab.clear import ClearL2tp
from tests.lab.namespace import wait_until
from tests.lab.ping import Stream
from tests.lab.report import check
from tests.lab.scenarios.foreign import Foreign
from tests.lab.site import PSK, Site, three_lines
from tests.lab.topology import HOST_B, LAN_A, LAN_B, WAN_A, WAN_B, Topology

if TYPE_CHECKING:
    from tests.lab.report import Report

LOUD = "config globals\n\toption log_level debug\n"
A_TEXT = three_lines("branch", WAN_B, LAN_B) + LOUD
B_TEXT = three_lines("head", WAN_A, LAN_A) + LOUD
LATEST = 5.0  # seconds after which an answer counts as lost


class Story:
    """The topology, both sites, the watchers, and what every step may ask of them."""

    def __init__(self, topology: Topology, report: Report, shim: bool) -> None:
        self.topology = topology
        self.report = report
        self.a = Site(topology.router_a, A_TEXT, shim)
        self.b = Site(topology.router_b, B_TEXT, shim)
        self.capture = Capture(topology.internet)
        self.foreign = Foreign(topology.router_a)
        report.on_failure = self.print_logs

    def print_logs(self) -> None:
        """Both, for a test that failed."""
        self.a.print_log()
        self.b.print_log()

    def watch_clear(self, seconds: float = 1.0) -> int:
        """How many clear L2TP packets the Internet sees in some seconds."""
        before = self.capture.count()["l2tp"]
        time.sleep(seconds)  # a span to count in, not a wait for something
        return self.capture.count()["l2tp"] - before

    def wait_answered(self, stream: Stream, first: int, end: int) -> None:
        """Give answers that are under way the time to arrive: a busy machine delays them, and that is no loss."""
        start = time.monotonic()
        wait_until("answers", lambda: not stream.list_lost(first, end) or time.monotonic() - start > LATEST, LATEST + 5)

    def none_in_the_clear(self, when: str) -> None:
        """No clear L2TP just now."""
        seen = self.watch_clear()
        check(seen == 0, f"{when}: the Internet saw {seen} clear L2TP packets")

    def both_up(self) -> None:
        """Both daemons say so."""
        self.a.wait_state("up")
        self.b.wait_state("up")


def run(report: Report, shim: bool = True) -> None:
    """The story, with the netlink library of the lean profile; scenarios/full_profile.py tells it with pyroute2."""
    with Topology("jn") as topology:
        story = Story(topology, report, shim)
        try:
            with story.capture, ClearL2tp(topology.router_a, WAN_B):
                for step in (
                    before,
                    never_up,
                    comes_up,
                    fits,
                    status_says,
                    foreign_untouched,
                    broken_file,
                    soft_reload,
                ):
                    step(story)
                for step in (
                    state_flush,
                    policy_flush,
                    ruleset_flush,
                    killed,
                    peer_restart,
                    down_and_up,
                    stopped,
                    removed,
                ):
                    step(story)
        finally:
            story.a.remove()
            story.b.remove()


def before(story: Story) -> None:
    """The positive control."""
    with story.report.case("guard.control") as facts:
        seen = wait_until("clear L2TP on the Internet", lambda: story.watch_clear(0.5), 20)
        facts.note("clear packets seen without a guard", seen)
    story.foreign.plant()


def never_up(story: Story) -> None:
    """Only one side runs: its guard stands, nothing passes."""
    with story.report.case("guard.never_up"):
        story.a.start()
        story.a.wait_state("negotiating", "waiting")
        wait_until("the guard", lambda: story.a.lamps().get("guard") == "ok", 60)
        story.none_in_the_clear("never up")
        check(story.a.lamps()["ipsec"] != "ok", "ipsec is lit without a peer")


def comes_up(story: Story) -> None:
    """The other side starts, and LAN reaches LAN."""
    with story.report.case("tunnel.up") as facts:
        begin = time.monotonic()
        story.b.start()
        with Stream(story.topology.host_a, HOST_B) as stream:
            stream.wait_answer(120)
            facts.note(
                "seconds from starting the second daemon to the first answer", round(time.monotonic() - begin, 1)
            )
            story.both_up()
            first = stream.wait_sent(20)
            stream.wait_sent(200)
            stream.stop()
            check(not stream.list_lost(first), f"{len(stream.list_lost(first))} of {stream.sent - first} pings lost")
        seen = story.capture.count()
        check(seen["esp"] > 200, f"the Internet saw {seen['esp']} ESP packets only")
        story.none_in_the_clear("up")
    with story.report.case("status.lamps"):
        for site in (story.a, story.b):
            wait_until("five lamps", lambda site=site: set(site.lamps().values()) == {"ok"}, 30)


def fits(story: Story) -> None:
    """The largest packet that the interface takes fits the path: not one outer fragment."""
    with story.report.case("mtu.exact") as facts:
        mtu = story.a.tunnel()["mtu"]
        facts.note("computed MTU", mtu)
        before_count = story.capture.count()["fragment"]
        with Stream(story.topology.host_a, HOST_B, 50, mtu - 28) as stream:
            stream.wait_sent(50)
            stream.stop()
            check(not stream.list_lost(), f"{len(stream.list_lost())} of {stream.sent} full packets lost")
        fragments = story.capture.count()["fragment"] - before_count
        check(fragments == 0, f"{fragments} outer fragments")
        check(mtu == 1420, f"MTU {mtu}, measured on this kernel: 1420")


def status_says(story: Story) -> None:
    """The command line, as people and programs use it; no secret in any of it."""
    with story.report.case("command.status"):
        status = story.a.command("status")
        check(status.returncode == 0, status.stderr)
        check("UP" in status.stdout and "guard" in status.stdout, status.stdout)
        shown = story.a.command("show", "branch", "--json")
        check(shown.returncode == 0, shown.stderr)
        derived = story.a.show()
        check(derived["esp"]["packets_in"] > 0, "no inbound packets in show")
        for text in (status.stdout, shown.stdout, story.a.log(), story.b.log()):
            check(PSK not in text, "the PSK is in the output or the log")
    with story.report.case("command.doctor_finds_nothing"):
        spis = story.a.spis()
        text = story.a.ask("diag")["text"]
        said = text.partition("=== system ===")[0]
        check("nothing is wrong" in said, f"on a healthy router the doctor finds {said}")
        for words in ("ESP over IPv4 with aes256gcm16", "; module l2tp_eth", "=== ip xfrm policy ==="):
            check(words in text, f"{words} is not in the diagnostics")
        check(story.a.spis() == spis, "the doctor has left SAs behind, or taken some away")
        keys = re.findall("0x([0-9a-f]{32,})", story.topology.router_a.run("ip", "xfrm", "state"))
        check(len(keys) >= 2, "ip xfrm state shows no keys: this test looks for nothing")
        check(not [key for key in keys if key[:16] in text] and PSK not in text, "a key is in the diagnostics")
    with story.report.case("command.errors"):
        wrong = story.a.command("show", "brunch")
        check(wrong.returncode == 1 and "did you mean branch" in wrong.stderr, f"{wrong.returncode} {wrong.stderr}")
        check(len(wrong.stderr.strip().splitlines()) == 1, wrong.stderr)
        check(story.a.command("statsu").returncode == 2, "a misspelt command does not exit with 2")


def foreign_untouched(story: Story) -> None:
    """Other programs' SAs, policies, routes and tables are as they were."""
    with story.report.case("foreign.start"):
        story.foreign.compare()


def broken_file(story: Story) -> None:
    """A reload with a mistake: the tunnel does not blink, the error says where and what to do."""
    with story.report.case("reload.broken"), Stream(story.topology.host_a, HOST_B) as stream:
        stream.wait_answer()
        first = stream.wait_sent(20)
        spis = story.a.spis()
        story.a.write(A_TEXT.replace("option remote ", "option remoet "))
        done = story.a.command("reload")
        stream.wait_sent(200)
        stream.stop()
        check(done.returncode == 1, f"exit status {done.returncode}")
        for word in ("isthmus:2", "remoet", "did you mean", "remote"):
            check(word in done.stderr, f"{word} is not in: {done.stderr}")
        check(not stream.list_lost(first), f"{len(stream.list_lost(first))} pings lost")
        check(story.a.spis() == spis, "the SAs have changed")
        story.foreign.compare()
    story.a.write(A_TEXT)


def soft_reload(story: Story) -> None:
    """One more subnet: the route appears, nothing else moves."""
    with story.report.case("reload.difference_only"):
        spis = story.a.spis()
        story.a.write(three_lines("branch", WAN_B, LAN_B, "list remote_subnet '192.168.30.0/24'") + LOUD)
        done = story.a.command("reload")
        check(done.returncode == 0 and "changed: branch" in done.stdout, done.stdout + done.stderr)
        wait_until(
            "the new route", lambda: "192.168.30.0/24 via " in story.topology.router_a.run("ip", "route"), 30
        )
        check(story.a.spis() == spis, "the SAs have changed")
        story.a.write(A_TEXT)
        check(story.a.command("reload").returncode == 0, "the reload back failed")
        wait_until("the route gone", lambda: "192.168.30.0/24" not in story.topology.router_a.run("ip", "route"), 30)


def state_flush(story: Story) -> None:
    """Somebody flushes every SA of router A."""
    with story.report.case("repair.xfrm_state_flush") as facts, Stream(story.topology.host_a, HOST_B) as stream:
        stream.wait_answer()
        old = story.a.spis()
        story.topology.router_a.run("ip", "xfrm", "state", "flush")
        begin = time.monotonic()
        stream.wait_answer(60)
        facts.note("seconds until LAN reaches LAN again", round(time.monotonic() - begin, 2))
        story.both_up()
        check(not set(old) & set(story.a.spis()), "an old SA is in the kernel again")
        story.none_in_the_clear("after ip xfrm state flush")


def policy_flush(story: Story) -> None:
    """Somebody flushes every policy of router A: the guard holds what the policies no longer do."""
    with story.report.case("repair.xfrm_policy_flush") as facts, Stream(story.topology.host_a, HOST_B) as stream:
        stream.wait_answer()
        before_count = story.capture.count()["l2tp"]
        story.topology.router_a.run("ip", "xfrm", "policy", "flush")
        begin = time.monotonic()
        stream.wait_answer(60)
        facts.note("seconds until LAN reaches LAN again", round(time.monotonic() - begin, 2))
        seen = story.capture.count()["l2tp"] - before_count
        check(seen == 0, f"{seen} clear L2TP packets while the policies were away")


def ruleset_flush(story: Story) -> None:
    """Somebody flushes the whole nft ruleset of router A."""
    with story.report.case("repair.nft_flush_ruleset") as facts:
        story.topology.router_a.nft("flush ruleset\n")
        begin = time.monotonic()
        listing = ("nft", "list", "tables")
        wait_until("the guard again", lambda: "isthmus" in story.topology.router_a.run(*listing), 20)
        facts.note("seconds until the guard stands again", round(time.monotonic() - begin, 2))
        story.none_in_the_clear("after nft flush ruleset")
        wait_until("the repair in status", lambda: story.a.ask("status")["guard"]["repairs"] > 0, 30)
        check(story.a.lamps()["guard"] == "ok", "the guard lamp")
    story.foreign.plant_again()


def killed(story: Story) -> None:
    """Kill -9 under traffic, a long death, a restart: not one packet lost."""
    with Stream(story.topology.host_a, HOST_B) as stream:
        stream.wait_answer()
        first = stream.wait_sent(200)
        old = story.a.spis()
        last = first
        with story.report.case("death.traffic_flows_on") as facts:
            story.a.kill()
            seconds = story.report.amount(5, 60)
            last = stream.wait_sent(200 * seconds)
            facts.note("seconds dead", seconds)
            story.wait_answered(stream, first - 100, last)
            lost = stream.list_lost(first - 100, last)
            facts.note("lost while dead", len(lost))
            if lost:
                facts.note("lost from the kill on, by number", [number - first for number in lost[:20]])
            check(not lost, f"{len(lost)} of {last - first} pings lost while the daemon was dead")
            story.none_in_the_clear("daemon killed")
            story.foreign.compare()
        with story.report.case("death.adopts_and_replaces") as facts:
            story.a.start()
            wait_until("the old SAs gone", lambda: not set(old) & set(story.a.spis()), 120, 0.3)
            story.both_up()
            now = stream.wait_sent(200)
            stream.stop()
            lost = stream.list_lost(last, now)
            facts.note("lost while adopting and replacing", len(lost))
            check(not lost, f"{len(lost)} of {now - last} pings lost")
            check(len(story.a.spis()) == 2, f"SAs: {story.a.spis()}")
            story.none_in_the_clear("restarted")


def peer_restart(story: Story) -> None:
    """The other side is stopped in good order and started again."""
    with story.report.case("death.peer_restart"):
        check(story.b.stop() == 0, "the daemon did not end well")
        story.none_in_the_clear("the peer is away")
        story.b.start()
        story.both_up()
        story.none_in_the_clear("the peer is back")


def down_and_up(story: Story) -> None:
    """Taken down by hand: nothing passes, nothing opens; and up again."""
    with story.report.case("command.down_up"):
        done = story.a.command("down", "branch")
        check(done.returncode == 0, done.stderr)
        story.none_in_the_clear("taken down")
        wait_until("no SA of ours", lambda: not story.a.spis(), 30)
        check("unreachable 192.168.20.0/24" in story.topology.router_a.run("ip", "route"), "no backstop route")
        done = story.a.command("up", "branch")
        check(done.returncode == 0, done.stdout + done.stderr)
        story.both_up()


def stopped(story: Story) -> None:
    """A stop takes the tunnel down and leaves the guard."""
    with story.report.case("guard.stopped"):
        check(story.a.stop() == 0, "the daemon did not end well")
        story.none_in_the_clear("stopped")
        check(not story.a.spis(), f"SAs are left: {story.a.spis()}")
        check("isthmus" in story.topology.router_a.run("nft", "list", "tables"), "no guard")
        check("unreachable 192.168.20.0/24" in story.topology.router_a.run("ip", "route"), "no backstop route")
        story.foreign.compare()
    with story.report.case("command.doctor_without_the_daemon"):
        file = story.a.folder / "config" / "isthmus"
        file.chmod(0o644)
        os.utime(file, (time.time() + 90_000, time.time() + 90_000))  # as if the clock had been set back
        with story.a.namespace, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as squatter:
            squatter.bind(("", 500))
            found = story.a.doctor()
        check(found == ["daemon-away", "port-taken", "clock-wrong", "secret-readable"], f"{found}")
        story.a.write(A_TEXT)
        file.chmod(0o600)


def removed(story: Story) -> None:
    """Only deleting the configuration opens the guard, and it leaves nothing of ours behind."""
    with story.report.case("guard.removed_with_configuration"):
        story.a.start()
        story.both_up()
        story.a.write("config globals\n\toption log_level notice\n")
        done = story.a.command("reload")
        check(done.returncode == 0 and "removed: branch" in done.stdout, done.stdout + done.stderr)
        router = story.topology.router_a
        wait_until("no guard", lambda: "isthmus" not in router.run("nft", "list", "tables"), 30)
        wait_until("no route of ours", lambda: "192.168.20.0" not in router.run("ip", "route"), 30)
        policies = router.run("ip", "xfrm", "policy")
        check("fd69:7374:686d" not in policies, "policies of ours are left")
        story.foreign.compare()
        check(story.watch_clear() > 0, "the control: without the guard the Internet sees clear L2TP again")
