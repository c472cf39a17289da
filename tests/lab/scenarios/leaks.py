"""Never in the clear: the leak tests L01 to L47 (tests/lab/leaks/TABLE.md), one network, one pair of sites.

First with the policy off, where everything that the tests do must be seen; then with the policy on, where nothing may.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.leaks import controls, events, packets, rules
from tests.lab.leaks.story import Story
from tests.lab.namespace import wait_until

if TYPE_CHECKING:
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
        story.put_sum()


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
