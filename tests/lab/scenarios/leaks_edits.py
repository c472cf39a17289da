"""Never in the clear while the rules change: random edits under load (L45)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.leaks import controls, state
from tests.lab.leaks.story import Story

if TYPE_CHECKING:
    from tests.lab.report import Report


def run(report: Report) -> None:
    """A network and a pair of sites of its own: what breaks here breaks nothing elsewhere."""
    with Story(report, "ld") as story:
        controls.every_kind(story)
        story.begin()
        state.edits(story)
