"""A translator of addresses on either side: the daemon and a peer reach each other through it, LAN to LAN."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.interop import routers
from tests.lab.interop.cells import ROLES
from tests.lab.topology import WAN_A, WAN_B

if TYPE_CHECKING:
    from tests.lab.interop.story import Story


def run(story: Story) -> None:
    """Either router behind it, either as the one that calls."""
    with routers.daemon(story) as site:
        for role in ROLES:
            with story.cells(role, "nat_ours") as facts, routers.translated(story, WAN_A, routers.OUTSIDE_A), \
                    routers.tunnel(story, site, role, routers.OUTSIDE_A):
                routers.carry(story, role, facts)
            with story.cells(role, "nat_theirs") as facts, routers.translated(story, WAN_B, routers.OUTSIDE_B), \
                    routers.tunnel(story, site, role, routers.OUTSIDE_B):
                routers.carry(story, role, facts)
