"""What every leak test works with: the network, both sites, canaries in flight, the oracle, and how to watch a moment.

A test is either a control (the policy is off: what it does must be seen) or a watch (the policy is on: nothing may be
seen). A watch proves itself too: canaries were sent while it lasted, and the free host's were seen by the oracle.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from isthmus.edge.control import ask
from isthmus.errors import IsthmusError
from tests.lab.leaks import fw4
from tests.lab.leaks import network as net
from tests.lab.leaks.arrivals import Arrivals
from tests.lab.leaks.frames import HOST_1, HOST_2
from tests.lab.leaks.generator import Canaries
from tests.lab.leaks.network import Network, packed
from tests.lab.leaks.oracle import FREE, LEAK, Oracle
from tests.lab.namespace import run, wait_until
from tests.lab.report import check
from tests.lab.site import PSK, Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.leaks.stimuli import Ftp
    from tests.lab.report import Facts, Report

RATE, REDUCED_RATE, FREE_RATE = 1000, 400, 40  # packets a second of the forced host, and of the free one
LEAST = 50  # canaries in a watch, or it has shown nothing
SETTLE_S = 0.15  # for what is on its way to the oracle
H1_BOUND = f"{net.H1}@{net.MACS['h1']}"

TUNNEL_A = f"""\
config tunnel 'branch'
	option remote '{net.WAN_B}'
	option psk '{PSK}'
	option local_id 'a'
	option remote_id 'b'
	list remote_subnet '{net.LAN_B}'
	list remote_subnet '{net.LAN_B6}'
	option dpd_interval 3s
	option retransmit_timeout 1s
	option retransmit_tries 3
"""
TUNNEL_B = f"""\
config tunnel 'head'
	option remote '%any'
	option psk '{PSK}'
	option local_id 'b'
	option remote_id 'a'
	list remote_subnet '{net.LAN_A}'
	list remote_subnet '{net.LAN_A6}'
	option internet '1'
	option dpd_interval 3s
"""
LANS_B = "config globals\n\tlist lan 'lan0'\n"
DEFAULT_RULES = "rule add pref 32766 lookup main\nrule add pref 32767 lookup default\n"
LOUD = "config globals\n\toption log_level debug\n\tlist lan 'br-lan'\n"


def rule(name: str = "cameras", source: str = H1_BOUND, *more: str) -> str:
    """A forced rule for h1; more: further lines."""
    lines = [f"config forced '{name}'", f"list from '{source}'", "list via 'branch'", *more]
    return "\n\t".join(lines) + "\n"


def site_a(*sections: str) -> str:
    """Router A's whole configuration: its tunnel and these sections."""
    return TUNNEL_A + LOUD + "".join(sections)


class Story:
    """Everything, up between `with` and its end."""

    def __init__(self, report: Report, prefix: str = "lk") -> None:
        self.report = report
        self.net = Network(prefix)
        self.a = Site(self.net.a, "", True)
        self.text, self.text_b = site_a(rule()), TUNNEL_B + LANS_B
        self.b = Site(self.net.b, self.text_b, True)
        self.oracle = Oracle(self.net.isp)
        self.h1 = Canaries(self.net.h1, HOST_1)
        self.h2 = Canaries(self.net.h2, HOST_2)
        self.proven: set[str] = set()  # names of the controls that have been seen
        self.sent = 0
        self.leaked = 0
        self.rate = REDUCED_RATE
        self.seconds = 1
        self.blocked_s = 0.0  # needlessly: the tunnel stood and nothing came through
        self.open_s = 0.0
        self.ftp: Ftp | None = None  # a control connection from before the policy
        self.stack = contextlib.ExitStack()
        report.on_failure = self.print_logs

    def __enter__(self) -> Story:
        """Build it and let the canaries fly; no policy yet."""
        enter = self.stack.enter_context
        try:
            self.stack.callback(self.a.remove)
            self.stack.callback(self.b.remove)
            enter(self.net)
            self.seconds = self.report.amount(1, 10)
            self.rate = self.report.amount(REDUCED_RATE, RATE)
            fw4.load(self.net.a)
            enter(self.oracle)
            self.secret = enter(Arrivals(self.net.sink, "eth0", [packed(net.SECRET), packed(net.SECRET6)]))
            self.open = enter(Arrivals(self.net.sink, "eth0", [packed(net.OPEN), packed(net.OPEN6)]))
            enter(self.h1)
            enter(self.h2)
            self.h1.fly(self.rate)
            self.h2.fly(FREE_RATE)
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End everything."""
        self.stack.close()

    def print_logs(self) -> None:
        """Of both daemons, for a test that failed."""
        for line in self.oracle.leaks:
            print("    leak: " + line, flush=True)
        for site in (self.a, self.b):
            site.print_log()
        for line in self.tracked(net.WAN_B):
            print("    tracked: " + line, flush=True)

    # What a test asks for

    @contextlib.contextmanager
    def control(self, name: str) -> Iterator[Facts]:
        """The policy is off: the oracle must see what happens in here, or the test of this name cannot fail."""
        with self.report.case(f"leak.{name}_control") as facts:
            self.pause()
            self.oracle.forget()
            before = self.oracle.counts[LEAK]
            yield facts
            seen = self.see(before)
            self.oracle.forget()
            facts.note("seen with the policy off", seen)
            check(seen > 0, "the oracle saw nothing although the policy is off: this test could not fail")
            self.proven.add(name)

    def see(self, before: int, kind: str = LEAK, limit: float = 5.0) -> int:
        """How many of a kind there are since a count of them; waits a while for the first."""
        end = time.monotonic() + limit
        while self.oracle.look()[kind] == before and time.monotonic() < end:
            time.sleep(0.02)
        return self.oracle.counts[kind] - before

    @contextlib.contextmanager
    def watch(self, name: str, proof: str = "L01", *, carried: bool = False, free: bool = True) -> Iterator[Facts]:
        """The policy is on: nothing that h1 causes may be seen in here.

        proof: the control that shows that this could fail. carried: the tunnel stands all the time, so silence at the
        sink is time blocked needlessly. free: the Internet is there, so h2's canaries must be seen.
        """
        with self.report.case(f"leak.{name}") as facts:
            self.pause()
            self.oracle.forget()
            before, sent, begin = dict(self.oracle.counts), self.h1.sent, time.monotonic()
            yield facts
            if self.h1.sent - sent < LEAST:
                self.h1.wait(LEAST)
            end = time.monotonic()
            if free:  # a moment may be shorter than the time between two of its canaries
                self.see(before[FREE], FREE)
            self.pause()
            self.settle(facts, before, sent, free)
            check(proof in self.proven, f"its control {proof} has not been seen: this test proves nothing")
            if carried:
                blocked = self.secret.gaps(begin, end)
                self.blocked_s += blocked
                self.open_s += end - begin
                if blocked:
                    facts.note("seconds blocked needlessly", blocked)

    def settle(self, facts: Facts, before: dict[str, int], sent: int, free: bool) -> None:
        """Judge a watch. Raises AssertionError."""
        seen = self.oracle.look()
        leaked, count = seen[LEAK] - before[LEAK], self.h1.sent - sent
        self.sent += count
        self.leaked += leaked
        facts.note("canaries", count)
        facts.note("leaked", leaked)
        check(leaked == 0, f"{leaked} packets leaked: {'; '.join(self.oracle.leaks[:6])}")
        check(self.oracle.unseen == 0, f"{self.oracle.unseen} packets could not be judged")
        check(count >= LEAST, f"only {count} canaries were sent")
        check(seen[FREE] > before[FREE] or not free, "the oracle did not see the free host's canaries either")

    def pause(self) -> None:
        """A moment for what is on its way; a span, not a wait for something."""
        time.sleep(SETTLE_S)

    def span(self, factor: float = 1.0) -> None:
        """Let the canaries fly for a while, and judge them: the oracle's sockets hold seconds, not minutes."""
        time.sleep(self.seconds * factor)
        self.oracle.look()

    # The sites

    def apply(self, text: str) -> dict[str, Any]:
        """Router A's configuration from now on; the daemon's answer."""
        self.a.write(text)
        try:
            return self.a.ask("reload")
        finally:
            self.oracle.look()

    def guarded(self) -> None:
        """Wait until router A's guard stands."""
        wait_until("the guard of router A", lambda: self.a.lamps().get("guard") == "ok", 180, 0.1)
        self.oracle.look()

    def carries(self, limit: float = 180.0) -> float:
        """Wait until both are up and canaries reach the sink through router B; how long it took in seconds."""
        begin = time.monotonic()
        self.a.wait_state("up", limit=limit)
        self.b.wait_state("up", limit=limit)
        count = self.secret.count
        wait_until("canaries at the sink, through router B", lambda: self.secret.count > count + 10, limit, 0.05)
        self.oracle.look()
        return time.monotonic() - begin

    def begin(self) -> None:
        """Both daemons, from nothing to a tunnel that carries h1."""
        self.h1.fly(self.rate)
        self.a.write(self.text)
        self.a.start()
        self.b.start()
        self.guarded()
        self.carries()

    def put_sum(self) -> None:
        """What leaked, and how long was blocked needlessly."""
        with self.report.case("leak.sum") as facts:
            facts.note("canaries sent with the policy on", self.sent)
            facts.note("leaked", self.leaked)
            facts.note("seconds blocked needlessly", round(self.blocked_s, 1))
            facts.note("of seconds in which the tunnel should carry", round(self.open_s, 1))
            check(self.leaked == 0, f"{self.leaked} packets leaked")

    def recover(self) -> None:
        """After a step that broke off: everything as it was before it."""
        self.oracle.allow = None
        self.h1.fly(self.rate)
        self.net.a.ip("link set br-lan up\n" + net.LAN_A_UP)
        self.net.isp.ip("link set wan-b up\naddress replace 2001:db8:b::1/64 dev wan-b nodad\n")
        self.net.a.ip("link set wan1 down\nlink set wan0 up\n" + net.UPLINK_A)
        self.net.isp.nft("table inet lossy\ndelete table inet lossy\n")
        fw4.load(self.net.a)
        self.b.write(self.text_b)
        self.a.write(self.text)
        for site in (self.a, self.b):
            if site.process is None or site.process.poll() is not None:
                site.start()
            else:
                site.ask("reload")
        with contextlib.suppress(IsthmusError):
            self.say("up")
        self.carries()

    def inner_addresses(self) -> list[str]:
        """Every address that router A has because of the tunnel: on its interface, and inner endpoints on lo."""
        found = []
        for line in self.net.a.run("ip", "-o", "address", "show").splitlines():
            words = line.split()
            if words[1].startswith("ist-") or words[3].startswith("fd69:7374:686d:"):
                found.append(words[3].partition("/")[0])
        return found

    def persisted_guard(self) -> str:
        """The nft text that the daemon keeps for the next boot."""
        return (self.a.folder / "state" / "guard.nft").read_text()

    def forget_everything(self) -> None:
        """What a reboot loses: rules, routes, SAs, interfaces; nothing that is written down."""
        router = self.net.a
        router.nft("flush ruleset\n")
        for family in ("-4", "-6"):
            router.run("ip", family, "rule", "flush")
            router.run("ip", family, "route", "flush", "table", "all", "proto", "115")
            with router:
                run(["ip", family, "-batch", "-"], DEFAULT_RULES)
        for what in ("state", "policy"):
            router.run("ip", "xfrm", what, "flush")
        words = router.run("ip", "l2tp", "show", "tunnel").split()
        for place, word in enumerate(words):
            if word == "Tunnel":
                router.run("ip", "l2tp", "del", "tunnel", "tunnel_id", words[place + 1].rstrip(","))

    def tracked(self, word: str) -> list[str]:
        """Router A's connections whose description has this word in it."""
        with self.net.a, open("/proc/thread-self/net/nf_conntrack", encoding="ascii") as file:
            return [line.strip() for line in file if word in line]

    def say(self, command: str, **fields: Any) -> dict[str, Any]:
        """A command to router A's daemon about its tunnel. Raises IsthmusError."""
        more = {"ike": False} if command == "rekey" else {}
        return ask(str(self.a.folder / "run"), {"command": command, "tunnel": "branch", **more, **fields}, 60_000)

    def order(self, command: str, **fields: Any) -> dict[str, Any]:
        """The same; an error of the daemon is a failure of the test."""
        try:
            return self.say(command, **fields)
        except IsthmusError as error:
            raise AssertionError(f"{command}: {error}") from error
