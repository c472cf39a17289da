"""Rekeys of the CHILD SA and of the IKE SA, by Isthmus and by the peer, in both roles of the first handshake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isthmus.proto import actions
from tests.lab.interop.cells import ROLES
from tests.lab.interop.terms import Terms
from tests.lab.namespace import LabError
from tests.lab.report import check

if TYPE_CHECKING:
    from tests.lab.interop.story import Story

PLAIN = Terms("aes256gcm16-prfsha256-x25519", "aes256gcm16")
PFS = Terms("aes256gcm16-prfsha256-x25519", "aes256gcm16-x25519")
LIMIT_S = 20.0


def run(story: Story) -> None:
    """All of them; one connection a role without PFS, and one with."""
    for role in ROLES:
        with story.cells(role, "child_rekey_ours"):
            story.agree(PLAIN)
            child = story.connect(role)
            rekey_child(story, child, ours=True)
        with story.cells(role, "child_rekey_theirs"):
            rekey_child(story, latest(story), ours=False)
        with story.cells(role, "ike_rekey_ours"):
            rekey_ike(story, ours=True)
        with story.cells(role, "ike_rekey_theirs"):
            rekey_ike(story, ours=False)
        with story.cells(role, "pfs"):
            story.agree(PFS)
            child = story.connect(role)
            child = rekey_child(story, child, ours=True)
            rekey_child(story, child, ours=False)


def latest(story: Story) -> actions.ChildUp:
    """The CHILD SA that counts."""
    found = story.us.list_seen(actions.ChildUp)
    if not found:
        raise LabError("there is no CHILD SA to go on from")
    child: actions.ChildUp = found[-1]
    return child


def rekey_child(story: Story, old: actions.ChildUp, *, ours: bool) -> actions.ChildUp:
    """A new pair takes over from the old one, which goes; the keys are those of the peer's kernel."""
    count = len(story.us.list_seen(actions.ChildUp))
    if ours:
        story.us.rekey_child(old.inbound.spi)
    else:
        story.peer.rekey_child()
    child: actions.ChildUp = story.us.wait_seen(actions.ChildUp, count + 1, LIMIT_S)
    check(child.replaces == old.inbound.spi, f"it replaces {child.replaces!r}")
    story.compare(child)
    story.us.wait("the old pair gone", lambda: old.inbound.spi in [
        gone.inbound_spi for gone in story.us.list_seen(actions.ChildGone)], LIMIT_S)
    check(len(story.us.list_seen(actions.ChildUp)) == count + 1, "more than one new pair")
    return child


def rekey_ike(story: Story, *, ours: bool) -> None:
    """A new IKE SA takes over, with the CHILD SA that there is; it works afterwards."""
    child = latest(story)
    count = len(story.us.list_seen(actions.IkeRekeyed))
    if ours:
        story.us.rekey_ike()
    else:
        story.peer.rekey_ike()
    story.us.wait_seen(actions.IkeRekeyed, count + 1, LIMIT_S)
    story.compare(child)
    seen = len(story.us.list_seen(actions.PeerSeen))
    story.us.run(0.5)
    story.us.check_peer()
    story.us.wait_seen(actions.PeerSeen, seen + 1, LIMIT_S)
    check(child.inbound.spi not in [gone.inbound_spi for gone in story.us.list_seen(actions.ChildGone)],
          "the CHILD SA did not move to the new IKE SA")
    check(story.peer.is_up(), f"{story.peer.stack} no longer says that it is up")
