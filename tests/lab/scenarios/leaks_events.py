"""Never in the clear, whatever happens: to tunnel, daemons, firewall and uplinks (leak tests L04 to L17 and
others, tests/lab/leaks/TABLE.md). In a full run, or when asked for by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.leaks import controls, events, overlap, packets, rules
from tests.lab.leaks.story import Story

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.report import Report


def run(report: Report) -> None:
    """A network and a pair of sites of its own."""
    with Story(report, "le") as story:
        controls.every_kind(story)
        story.begin()
        happenings(story)
        story.put_sum()


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
