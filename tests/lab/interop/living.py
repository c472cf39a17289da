"""Beginnings at once, endings, a peer that dies, a road that cuts long messages, a peer that may move."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isthmus.proto import actions
from isthmus.proto.ike2.connection import Retransmit
from tests.lab.interop.cells import ROLES, find_reason
from tests.lab.interop.terms import Terms
from tests.lab.report import check

if TYPE_CHECKING:
    from tests.lab.interop.story import Story

TERMS = Terms("aes256gcm16-prfsha256-x25519", "aes256gcm16")
# Long identities make long messages. pluto cuts none that fits 576 bytes, and Isthmus takes no name of more than 253.
FRAGMENTED = {
    "libreswan": Terms("aes256gcm16-prfsha256-x25519", "aes256gcm16", fragments=576, labels=16),
    "": Terms("aes256gcm16-prfsha256-x25519", "aes256gcm16", fragments=300, labels=8),
}
SETTLED_S = 2.0  # time for the second handshake
ONE_S = 20.0     # an older IKE SA lives on for 5 s where nobody deletes it
DEATH_S = 40.0
HURRIED = Retransmit(300, 150, 4)  # whoever is dead is known to be after 3 s


def run(story: Story) -> None:
    """All of them."""
    for role in ROLES:
        with story.cells(role, "closed"):
            close(story, role)
        if find_reason(story.peer.stack, role, "mobike") is None:
            with story.cells(role, "mobike"):
                story.agree(Terms(mobike=True))
                story.connect(role)
                check(story.us.list_seen(actions.IkeUp)[-1].mobike, "it was not agreed")
    fragment(story)
    with story.cells("initiator", "both_start"), story.cells("responder", "both_start"):
        start_both(story)
    for role in ROLES:
        with story.cells(role, "dpd"):
            die(story, role)


def close(story: Story, role: str) -> None:
    """We take it down, then the peer does."""
    story.agree(TERMS)
    story.connect(role)
    story.us.delete()
    story.us.wait("the peer to know", lambda: not story.peer.is_up(), 20)
    story.us.seen.clear()
    story.connect(role)
    story.peer.terminate()
    story.us.wait_seen(actions.IkeGone, 1, 20)
    check(story.us.list_seen(actions.ChildGone), "the CHILD SA did not go")


def fragment(story: Story) -> None:
    """IKE_AUTH goes in pieces, both ways: no datagram is longer than agreed, and yet it is understood."""
    terms = FRAGMENTED.get(story.peer.stack, FRAGMENTED[""])
    story.peer.restart(terms)
    for role in ROLES:
        with story.cells(role, "fragments"):
            story.agree(terms)
            del story.us.sent[:], story.us.received[:]
            story.connect(role)
            for sizes in (story.us.sent, story.us.received):
                check(max(sizes) <= terms.fragments - 28, f"a datagram of {max(sizes)} bytes")
            # IKE_SA_INIT and IKE_AUTH are one datagram each way, if nobody cuts them.
            check(len(story.us.sent) > 2, f"we sent {story.us.sent}")
            check(len(story.us.received) > 2, f"the peer sent {story.us.received}")
    story.us.delete()
    story.peer.restart(TERMS)


def start_both(story: Story) -> None:
    """Neither waits for the other."""
    story.agree(TERMS)
    story.peer.initiate()
    story.us.initiate()
    story.us.wait_seen(actions.ChildUp, 1, 30)
    story.us.run(SETTLED_S)
    story.us.wait("one IKE SA on either side", lambda: story.us.count_established() == 1
                  and story.peer.count_established() == 1, ONE_S)
    story.us.run(1)
    check(story.us.count_established() == 1, f"we have {story.us.count_established()} IKE SAs")
    check(story.peer.count_established() == 1, f"{story.peer.stack} has {story.peer.count_established()} IKE SAs")
    gone = [item.inbound_spi for item in story.us.list_seen(actions.ChildGone)]
    alive = [item for item in story.us.list_seen(actions.ChildUp) if item.inbound.spi not in gone]
    check(len(alive) == 1, f"{len(alive)} CHILD SAs are left")
    story.compare(alive[0])


def die(story: Story, role: str) -> None:
    """Kill -9, noticed by us; it comes back, and whoever's turn it is begins again."""
    story.agree(TERMS)
    story.connect(role)
    story.us.hurry(HURRIED)
    story.peer.kill()
    story.us.check_peer()
    gone = story.us.wait_seen(actions.IkeGone, 1, DEATH_S)
    check(gone.error is not None and gone.error.code == "peer-dead", f"IkeGone: {gone.error}")
    check(story.us.list_seen(actions.ChildGone)[-1].reason == actions.DEAD, "the CHILD SA did not go for that")
    story.peer.start()
    story.agree(TERMS)
    story.connect(role)
