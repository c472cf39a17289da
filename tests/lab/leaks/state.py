"""Random edits under load (L45), and every event in any order (L46): one invariant, no canary in the clear."""

from __future__ import annotations

import contextlib
import random
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, run_state_machine_as_test
from hypothesis.stateful import rule as event

from isthmus.errors import IsthmusError
from tests.lab.leaks import attacks, fw4
from tests.lab.leaks import network as net
from tests.lab.leaks.oracle import LEAK
from tests.lab.leaks.rules import EXCEPTION, is_excepted
from tests.lab.leaks.story import H1_BOUND, rule, site_a
from tests.lab.namespace import wait_until
from tests.lab.report import check

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.leaks.story import Story

SOURCES = (H1_BOUND, net.MACS["h1"], "br-lan", net.LAN_A, net.H1 + "/32")
LINES = (f"list dns '{net.HOST_B}'", "option ipv6 'block'", "list router_port 'tcp:22'")


def edit(chance: random.Random) -> str:
    """A configuration in which one rule holds h1 whatever the others say."""
    sections = [rule("cameras", chance.choice(SOURCES), *chance.sample(LINES, chance.randrange(len(LINES))))]
    if chance.randrange(2):
        sections.append(EXCEPTION)
    for number in range(chance.randrange(4)):
        source = chance.choice([f"192.168.10.{chance.randrange(100, 200)}", f"02:00:00:00:00:{number:02x}", "br-guest",
                                f"192.168.10.{chance.randrange(64, 128) & 0xF8}/29"])  # fmt: skip
        sections.append(rule(f"extra{number}", source, "list to '10.0.0.0/8'" if chance.randrange(2) else ""))
    chance.shuffle(sections)
    return site_a(*sections)


def edits(story: Story) -> None:
    """L45: random edits, one upon the other."""
    chance = random.Random(45)
    count = story.report.amount(25, 500)
    story.oracle.allow = is_excepted
    refused = 0
    with story.watch("L45_random_edits", free=False) as facts:
        for _ in range(count):
            try:
                story.apply(edit(chance))
            except IsthmusError as error:
                refused += 1
                print(f"    refused: {error}", flush=True)
        facts.note("edits", count)
        facts.note("refused", refused)
        check(refused < count / 2, "most edits were refused: this test is about those that are not")
    story.oracle.allow = None
    story.apply(story.text)


class EveryEvent(RuleBasedStateMachine):
    """L46. Each event is done under the canaries; after each nothing may have leaked."""

    story: Story

    @initialize()
    def begin(self) -> None:
        """A tunnel that carries, and the rule."""
        self.story.recover()
        self.story.oracle.allow = is_excepted
        self.story.oracle.forget()
        self.leaks = self.story.oracle.counts[LEAK]

    @event(what=st.sampled_from(("down", "up", "rekey")))
    def steer(self, what: str) -> None:
        """A command; one that cannot be obeyed just now is an answer too."""
        with contextlib.suppress(IsthmusError):
            self.story.say(what)

    @event(seed=st.integers(0, 999))
    def change(self, seed: int) -> None:
        """An edit of the rules."""
        with contextlib.suppress(IsthmusError):
            self.story.apply(edit(random.Random(seed)))

    @event()
    def kill(self) -> None:
        """Kill -9, a moment without, and a start; what the daemon says once the guard stands."""
        self.story.a.kill()
        self.story.span(0.3)
        self.story.a.start()
        self.story.guarded()

    @event(offload=st.booleans())
    def reload_firewall(self, offload: bool) -> None:
        """fw4 reload."""
        fw4.load(self.story.net.a, offload=offload)

    @event()
    def restart_firewall(self) -> None:
        """fw4 restart."""
        fw4.stop(self.story.net.a)
        self.story.span(0.1)
        fw4.load(self.story.net.a)

    @event()
    def flush_ruleset(self) -> None:
        """A foreign flush of everything: until it is repaired (L10 has the bound) what leaks is no news."""
        self.story.net.a.nft("flush ruleset\n")
        wait_until("the guard again", lambda: "isthmus" in self.story.net.a.run("nft", "list", "tables"), 60)
        fw4.load(self.story.net.a)
        self.story.pause()
        self.leaks = self.story.oracle.look()[LEAK]

    @event()
    def flap(self) -> None:
        """The uplink goes and comes."""
        self.story.net.a.ip("link set wan0 down\n")
        self.story.span(0.3)
        self.story.net.a.ip("link set wan0 up\n" + net.UPLINK_A)

    @event(line=st.sampled_from(("up", "down")))
    def cut(self, line: str) -> None:
        """The line to the peer."""
        self.story.net.isp.ip(f"link set wan-b {line}\n")

    @event(trick=st.sampled_from(attacks.TRICKS))
    def deceive(self, trick: tuple[str, Callable[[Story], None], Callable[[Story], None]]) -> None:
        """A hostile DHCP server, RA, redirect, network."""
        _, begin, end = trick
        begin(self.story)
        self.story.span(0.3)
        end(self.story)

    @event(what=st.sampled_from(("state", "policy")))
    def flush_xfrm(self, what: str) -> None:
        """A foreign flush."""
        self.story.net.a.run("ip", "xfrm", what, "flush")

    @invariant()
    def nothing_in_the_clear(self) -> None:
        """The one invariant."""
        self.story.span(0.2)
        self.story.pause()
        oracle = self.story.oracle
        leaked = oracle.look()[LEAK] - getattr(self, "leaks", oracle.counts[LEAK])
        assert leaked == 0, f"{leaked} packets leaked: {oracle.leaks[:6]}"
        assert oracle.unseen == 0, f"{oracle.unseen} packets could not be judged"

    def teardown(self) -> None:
        """The line to the peer again."""
        print(f"    a run of events has ended, {self.story.h1.sent} canaries by now", flush=True)
        self.story.net.isp.ip("link set wan-b up\naddress replace 2001:db8:b::1/64 dev wan-b nodad\n")


def every_event(story: Story) -> None:
    """L46: what hypothesis thinks of."""
    EveryEvent.story = story
    steps, runs = story.report.amount(20, 60), story.report.amount(1, 4)  # a run takes six minutes
    with story.report.case("leak.L46_every_event") as facts:
        check("L01" in story.proven, "the control has not been seen")
        sent = story.h1.sent
        run_state_machine_as_test(EveryEvent, settings=settings(
            max_examples=runs, stateful_step_count=steps, deadline=None, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck), derandomize=not story.report.full))  # fmt: skip
        facts.note("canaries", story.h1.sent - sent)
        facts.note("events at most", steps * runs)
    story.recover()
