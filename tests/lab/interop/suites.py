"""Suites: one set-up for each role, with as many features as one suite shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isthmus.proto import actions
from tests.lab.interop.cells import ROLES
from tests.lab.interop.terms import Terms
from tests.lab.report import check

if TYPE_CHECKING:
    from tests.lab.interop.story import Story

# Rows: what a suite shows, its words for IKE and for ESP.
SUITES = (
    (("psk", "aes_gcm", "x25519"), "aes256gcm16-prfsha256-x25519", "aes128gcm16"),
    (("aes_cbc", "modp2048"), "aes256-sha256-prfsha256-modp2048", "aes128-sha256"),
    (("sha2_384", "modp3072"), "aes256-sha384-prfsha384-modp3072", "aes256-sha384"),
    (("chacha20", "ecp256"), "chacha20poly1305-prfsha256-ecp256", "chacha20poly1305"),
    (("sha2_512", "ecp384"), "aes256-sha512-prfsha512-ecp384", "aes256-sha512"),
)
PPK = ("ppk-of-the-lab", "a post-quantum secret that is long enough")


def run(story: Story) -> None:
    """All of them."""
    for features, ike, esp in SUITES:
        for role in ROLES:
            with story.cells(role, *features) as facts:
                story.agree(Terms(ike, esp))
                story.connect(role)
                suite = story.us.list_seen(actions.IkeUp)[-1].suite
                check(str(suite) == ike, f"agreed on {suite}")
                facts.note(f"{story.peer.stack} {role}", f"{suite}, ESP {esp}")
    for role in ROLES:
        with story.cells(role, "esn", "encap"):
            story.agree(Terms(esn=True, encap=True))
            child = story.connect(role)
            check(child.inbound.esn, "without ESN")
            check(child.inbound.encap == child.outbound.encap == (4500, 4500), f"encap {child.inbound.encap}")
            state = story.peer.namespace.run("ip", "xfrm", "state")
            check(state.count("encap type espinudp sport 4500 dport 4500") == 2, state)
        with story.cells(role, "ppk"):
            story.agree(Terms(ppk=PPK))
            story.connect(role)
