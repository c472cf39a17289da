"""Never in the clear: the leak tests L01 to L47 (tests/lab/leaks/TABLE.md), one network, one pair of sites.

First with the policy off, where everything that the tests do must be seen; then with the policy on, where nothing may.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.leaks import controls, events, overlap, packets, rules
from tests.lab.leaks.story import Story
from tests.lab.namespace import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.report import Report


def run(report: Report) -> None:
    """The whole story; what leaked and how long was blocked needlessly at its end."""
    with Story(report) as story:
        controls.run(story)
        blocked(story)
        story.b.start()
        with story.watch("L02_comes_up"):
            wait_until("the daemon of router B", story.b.tunnel, 120, 0.1)
            story.order("up")  # instead of waiting until it tries again
            story.carries()
        carried(story)
        happenings(story)
        with report.case("leak.sum") as facts:
            facts.note("canaries sent with the policy on", story.sent)
            facts.note("leaked", story.leaked)
            facts.note("seconds blocked needlessly", round(story.blocked_s, 1))
            facts.note("of seconds in which the tunnel should carry", round(story.open_s, 1))


def blocked(story: Story) -> None:
    """The peer is not there: everything of h1's is blocked, and nothing of anybody else's."""
    events.established_before(story)
    packets.ftp_calls(story)
    packets.kinds(story, "blocked")
    packets.to_everybody(story)
    packets.helpers(story, "blocked")
    packets.pretending(story, "blocked")
    packets.rogue_router(story)
    packets.called(story, "blocked")
    packets.tricks(story, "blocked")
    packets.free_and_reachable(story)
    rules.self_test(story, "blocked")


def carried(story: Story) -> None:
    """The tunnel stands."""
    packets.only_esp(story)
    packets.kinds(story, "up")
    packets.helpers(story, "up")
    packets.pretending(story, "up")
    packets.called(story, "up")
    packets.tricks(story, "up")
    packets.strangers(story)
    packets.shadow(story)
    rules.self_test(story, "protected")


def happenings(story: Story) -> None:
    """One thing after the other, each from a tunnel that carries to one that does again."""
    for step in (
        events.renewals,
        events.reloaded,
        events.foreign_flush,
        events.pause,
        events.peer_deletes,
        events.recreated,
        events.flushed_xfrm,
        events.esp_is_lost,
        events.killed,
        events.silent_peer,
        events.flapping,
        events.wrong_secret,
        events.stopped,
        events.power_cut,
        events.booted,
        packets.peer_is_the_target,
        rules.exceptions,
        rules.two_tunnels,
        overlap.both_ways,
        rules.offloaded,
    ):
        with story.report.case(f"leak.step_{step.__name__}"):
            guarded(story, step)


def guarded(story: Story, step: Callable[[Story], None]) -> None:
    """One step; if something in it fails, the others still have a tunnel that carries."""
    failed = story.report.failed
    try:
        step(story)
    finally:
        if story.report.failed > failed:
            story.recover()
