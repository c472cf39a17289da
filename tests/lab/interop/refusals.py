"""What cannot work is refused, and told as what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isthmus.proto import actions
from tests.lab.interop.cells import ROLES
from tests.lab.interop.terms import Terms
from tests.lab.report import check

if TYPE_CHECKING:
    from tests.lab.interop.story import Story
    from tests.lab.report import Facts

WRONG = "incorrect donkey battery staple"


def run(story: Story) -> None:
    """A wrong secret; nothing in common."""
    for role in ROLES:
        with story.cells(role, "wrong_psk") as facts:
            story.agree(Terms(psk=WRONG))
            wait_refused(story, role, "psk", facts)
        with story.cells(role, "no_proposal") as facts:
            story.us.agree(Terms("aes256gcm16-prfsha256-x25519"))
            story.peer.agree(Terms("aes256-sha256-prfsha256-modp2048"))
            wait_refused(story, role, "no-proposal", facts)


def wait_refused(story: Story, role: str, code: str, facts: Facts) -> None:
    """Begin, and wait for the error of this code; no secret in it."""
    story.initiate(role)
    failed = story.us.wait_seen(actions.Failed, 1, 30)
    facts.note(f"{story.peer.stack} {role}", f"{failed.error.code}: {failed.error.message}")
    check(failed.error.code == code, f"error {failed.error.code}, expected {code}: {failed.error.message}")
    check(not story.us.list_seen(actions.ChildUp), "a CHILD SA came up")
    check(WRONG not in failed.error.message + failed.error.remedy, "the secret is in the error")
    story.peer.terminate()
