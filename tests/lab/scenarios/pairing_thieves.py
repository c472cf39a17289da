"""Pairing beside a thief: the invite stolen before, while and after it is used; guesses; a man in the middle; replays.

The hub invites the branch (spoke 1). The thief (spoke 2) is a router of the same make, behind the same translator, and
reads every invite; it calls itself hub, too. Spoke 3 is a program of ours that guesses.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from isthmus.crypto.suites import parse_ike_suite
from isthmus.errors import IsthmusError
from isthmus.pairings import SUITES
from isthmus.proto.actions import Failed
from isthmus.proto.ike2.childless import make_connection
from isthmus.proto.ike2.connection import Ppk, Retransmit
from isthmus.proto.pairing.invite import read_invite
from isthmus.proto.pairing.keys import InviteKeys
from isthmus.proto.pairing.limits import FAILURES
from isthmus.wire.addr import parse_ip
from tests.lab.interop.bare import Bare, now
from tests.lab.namespace import wait_until
from tests.lab.natted import HUB, HUB_LAN, Natted, inside
from tests.lab.paired import Office, Wire, approve_both
from tests.lab.ping import Stream
from tests.lab.report import check

if TYPE_CHECKING:
    from typing import Any

    from tests.lab.report import Report

GUESSER = 3


class Story:
    """The hub, the branch, the thief."""

    def __init__(self, topology: Natted, report: Report) -> None:
        self.topology = topology
        self.report = report
        self.hub = Office(topology.hub, "hub")
        self.branch = Office(topology.spokes[1], "branch")
        self.thief = Office(topology.spokes[2], "hub")
        report.on_failure = self.print_logs

    def print_logs(self) -> None:
        """All."""
        for site in (self.hub, self.branch, self.thief):
            site.print_log()

    def clean(self) -> None:
        """Nothing is under way, and nothing was kept by anybody."""
        for site in (self.hub, self.branch, self.thief):
            site.cancel_all()
        for site in (self.hub, self.branch, self.thief):
            check(not site.ask("status")["tunnels"], f"{site.name} has a tunnel")
            keys = site.folder / "secrets"
            left = [path.name for path in keys.iterdir()] if keys.exists() else []
            check(left in ([], ["site.id"]), f"{site.name} has keys: {left}")


def run(report: Report) -> None:
    """The story."""
    with Natted("pt", 3) as topology:
        story = Story(topology, report)
        sites = (story.hub, story.branch, story.thief)
        try:
            for site in sites:
                site.start()
            for site in sites:
                site.wait_answers()
            for step in (stolen_before, in_the_middle, guesses, stolen_while_and_after):
                step(story)
        finally:
            for site in sites:
                site.remove()


def outcome(site: Office, invite: str) -> dict[str, Any]:
    """Enter an invite; the error with which that ends, now or after a while."""
    before = len(site.past())
    try:
        number = site.accept(invite)
    except IsthmusError as error:
        return {"code": error.code, "message": str(error), "remedy": error.remedy}

    def look() -> dict[str, Any]:
        rows = [row for row in site.past() if row["number"] == number and row["error"]]
        return rows[-1]["error"] if rows else {}

    found: dict[str, Any] = wait_until(f"{site.name}: the pairing ends ({before} before)", look, 120, 0.1)
    return found


def stolen_before(story: Story) -> None:
    """The thief is first: the one whom it was meant for hears it, and so does the inviter; nobody is paired."""
    with story.report.case("pairing.stolen_before") as facts:
        invite = story.hub.invite()
        story.thief.accept(invite)
        story.thief.wait_asking()
        shown = story.hub.wait_asking()
        told = outcome(story.branch, invite)
        facts.note("the branch is told", f"{told['code']}: {told['message']}; {told['remedy']}")
        check(told["code"] == "spent", str(told))
        facts.note("others who have come, as the hub shows it",
                   wait_until("the hub sees the second one", lambda: story.hub.rows()[0]["rivals"], 20))  # fmt: skip
        check(story.hub.rows()[0]["words"] == shown["words"], "the words have changed")
        story.clean()


def in_the_middle(story: Story) -> None:
    """The thief joins the hub's invite, and hands the branch one of its own under the hub's name."""
    with story.report.case("pairing.middle") as facts:
        story.thief.accept(story.hub.invite())
        at_thief = story.thief.wait_asking()
        at_hub = story.hub.wait_asking()
        story.branch.accept(story.thief.invite(inside(2)))
        at_branch = story.branch.wait_asking()
        check(at_branch["peer"] == "hub", f"the branch sees {at_branch['peer']}")
        check(at_hub["words"] == at_thief["words"], "the thief has other words than the hub")
        check(at_hub["words"] != at_branch["words"], f"both people see {at_hub['words']}")
        facts.note("at the hub", " ".join(at_hub["words"]))
        facts.note("at the branch", " ".join(at_branch["words"]))
        try:
            story.branch.ask("pair-approve", pairing=at_branch["number"], words=" ".join(at_hub["words"]))
        except IsthmusError as error:
            facts.note("the hub's words entered at the branch", str(error))
            check(error.code == "other-words", error.code)
        else:
            raise AssertionError("the words of another pairing were taken")
        story.clean()


def guesses(story: Story) -> None:
    """Whoever knows the two names and not the key: five times, and the invite is closed."""
    with story.report.case("pairing.guesses") as facts:
        invite = story.hub.invite()
        keys = InviteKeys(read_invite(invite))
        bare = Bare(story.topology.spokes[GUESSER], inside(GUESSER), HUB)
        try:
            for count in range(FAILURES):
                check(len(story.hub.rows()) == 1, f"closed after {count}: {story.hub.past()}")
                check(story.hub.rows()[0]["failures"] == count, f"{count} guesses: {story.hub.rows()}")
                guess(bare, keys)
                wait_until("the guess counts", lambda n=count: told_of(story.hub) > n, 20)
        finally:
            bare.close()
        error = story.hub.wait_error("closed")
        facts.note("the hub shows", f"{error['message']}; {error['remedy']}")
        told = outcome(story.branch, invite)
        facts.note("the branch is told", f"{told['code']}: {told['message']}")
        story.clean()


def told_of(hub: Office) -> int:
    """How many guesses the hub has counted."""
    rows = hub.rows()
    return int(rows[0]["failures"]) if rows else FAILURES


def guess(bare: Bare, keys: InviteKeys) -> None:
    """One IKE_AUTH under the right names and a wrong key."""
    failed = len(bare.list_seen(Failed))
    suites = [parse_ike_suite(word) for word in SUITES]
    bare.engine.set_connection(make_connection(
        "guess", (bare.local, 500), (parse_ip(HUB), 500), keys.joiner_id, keys.inviter_id, os.urandom(32),
        Ppk(keys.ppk_id, os.urandom(32), True), suites, Retransmit(1000, 150, 4), answers=False,
    ))  # fmt: skip
    bare.engine.initiate("guess", now())
    error = bare.wait_seen(Failed, failed + 1).error
    check(error.code in {"psk", "ppk"}, f"the guess ended with {error.code}: {error}")


def stolen_while_and_after(story: Story) -> None:
    """The thief comes while the branch is being approved, and again later; what it recorded it sends again."""
    with story.report.case("pairing.stolen_while") as facts, Wire(story.topology.internet) as wire:
        invite = story.hub.invite()
        number = story.branch.accept(invite)
        asked = story.branch.wait_asking(number)
        rows = story.hub.wait_asking(), asked
        recorded = wire.take()
        told = outcome(story.thief, invite)
        facts.note("the thief is told, while it is used", told["message"])
        check(told["code"] == "spent", str(told))
        wire.take()
        wire.send(recorded)
        names = approve_both(story.hub, story.branch, rows)
        recorded += wire.take()
        told = outcome(story.thief, invite)
        facts.note("the thief is told, after it was used", told["message"])
        check(told["code"] in {"spent", "unknown-invite"}, str(told))
        check(not story.thief.ask("status")["tunnels"], "the thief has a tunnel")
    with story.report.case("pairing.replay") as facts, Wire(story.topology.internet) as wire:
        facts.note("datagrams of IKE that are sent again, five times", len(recorded))
        check(len(recorded) > 12, f"only {len(recorded)} were recorded")
        before = [look_at(site) for site in (story.hub, story.branch)]
        with Stream(story.topology.spokes[1], HUB_LAN, 50) as stream:
            stream.wait_answer(60)
            first = stream.sent
            for _ in range(5):
                wire.send(recorded)
                stream.wait_sent(25)
            stream.stop()
            check(not stream.list_lost(first), f"{len(stream.list_lost(first))} pings lost meanwhile")
        after = [look_at(site) for site in (story.hub, story.branch)]
        check(before == after, f"{before} before, {after} after")
        check(not story.hub.rows() and not story.branch.rows(), "a pairing has begun")
        for site, name in ((story.hub, names[0]), (story.branch, names[1])):
            site.wait_up(name)


def look_at(site: Office) -> tuple[list[str], list[str], Any]:
    """Tunnels, SAs, and which IKE SA."""
    tunnels = [tunnel["name"] for tunnel in site.ask("status")["tunnels"]]
    return tunnels, site.spis(), site.show()["ike"]["id"]
