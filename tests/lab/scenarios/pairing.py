"""Two fresh routers joined by an invite and two approvals: as people do it, under loss, broken off, both at once.

The branch's clock is nine years ahead, all along. What each message may meet, each bit of it, is tests/core/
test_pairing_*'s; here is what real daemons, files, sockets and a kernel add to it.
"""

from __future__ import annotations

import re
import shutil
import time
from typing import TYPE_CHECKING

from isthmus.errors import IsthmusError
from tests.lab.capture import Capture
from tests.lab.drops import Drops
from tests.lab.namespace import LabError, wait_until
from tests.lab.paired import FRESH, Office, approve_both, list_argv, meet, unpair_both
from tests.lab.ping import Stream
from tests.lab.report import check
from tests.lab.topology import HOST_A, HOST_B, Topology

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from tests.lab.report import Report

NINE_YEARS = 9 * 365 * 86400
PASSPHRASE = "quiet otters read maps"
MOST_TYPED = 2  # values a side: the issue
INVITE = re.compile(r"ISTHMUS-[0-9A-Z-]+")
WORDS = re.compile(r"the three words: +(\S+) +(\S+) +(\S+)")
ASKED = r"yes/no: "
LOSS = """\
table ip lossy
delete table ip lossy
table ip lossy {{
    chain lose {{
        type filter hook forward priority 0;
        udp dport {{ 500, 4500 }} numgen random mod 100 < {per_cent} drop
    }}
}}
"""
NO_LOSS = "table ip lossy\ndelete table ip lossy\n"


class Story:
    """The topology and both offices."""

    def __init__(self, topology: Topology, report: Report) -> None:
        self.topology = topology
        self.report = report
        self.a = Office(topology.router_a, "head")
        self.b = Office(topology.router_b, "branch", clock=NINE_YEARS)
        self.names = ("", "")
        report.on_failure = self.print_logs

    def print_logs(self) -> None:
        """Both, for a test that failed."""
        self.a.print_log()
        self.b.print_log()

    def unpair(self) -> None:
        """Both forget the other."""
        unpair_both(self.a, self.b, self.names)
        self.names = ("", "")

    def pair(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Invite, words, approval, tunnel; what each side was shown."""
        rows = meet(self.a, self.b)
        self.names = approve_both(self.a, self.b, rows)
        return rows

    def reaches(self) -> None:
        """LAN reaches LAN."""
        with Stream(self.topology.host_a, HOST_B, 50) as stream:
            stream.wait_answer(60)

    def clean(self) -> None:
        """Nothing is paired, and nothing under way, whatever came before."""
        for site in (self.a, self.b):
            if site.process is None:
                site.begin()
            site.cancel_all()
            for tunnel in site.ask("status")["tunnels"]:
                site.ask("unpair", tunnel=tunnel["name"])
        self.names = ("", "")


def run(report: Report) -> None:
    """The story."""
    with Topology("pr") as topology:
        story = Story(topology, report)
        try:
            story.a.start()
            story.b.start()
            story.a.wait_answers()
            story.b.wait_answers()
            for step in STEPS:
                step(story)
        finally:
            story.a.remove()
            story.b.remove()


def two_minutes(story: Story) -> None:
    """As two people at two terminals do it."""
    with (
        story.report.case("pairing.two_minutes") as facts,
        Capture(story.topology.internet) as capture,
        Stream(story.topology.host_a, HOST_B, 50) as stream,
    ):
        begin = time.monotonic()
        with story.a.terminal("pair", "invite") as head, story.b.terminal("pair", "accept") as branch:
            head.wait("Good once, for 10 minutes")
            invite = INVITE.findall(head.seen)[0]
            check("\u2584" in head.seen, "no QR code was shown")
            branch.wait("Paste the invite")
            branch.type(invite)
            branch.press("\n")
            for screen in (head, branch):
                screen.wait(ASKED)
            words = [WORDS.findall(screen.seen)[-1] for screen in (head, branch)]
            check(words[0] == words[1], f"the words differ: {words}")
            facts.note("seconds until both were asked", round(time.monotonic() - begin, 1))
            in_argv = invite in list_argv()
            head.type("yes")
            branch.type("yes")
            stream.wait_answer(120)
            facts.note("seconds from the first command to the first answer, LAN to LAN",
                       round(time.monotonic() - begin, 1))  # fmt: skip
            for screen in (head, branch):
                check(screen.end() == 0, f"it ended with {screen.process.returncode}: {screen.seen[-500:]}")
                check("is joined" in screen.seen, screen.seen[-500:])
            check(not in_argv, "the invite is among a process's arguments")
            facts.note("values typed at the inviting side", len(head.typed))
            facts.note("values typed at the invited side, the invite among them", len(branch.typed))
            check(max(len(head.typed), len(branch.typed)) <= MOST_TYPED, f"{head.typed} {branch.typed}")
            print(indented(head.seen.replace(invite, "ISTHMUS-...")), flush=True)
        story.names = (story.a.tunnel()["name"], story.b.tunnel()["name"])
        check(story.names == ("branch", "head"), f"names: {story.names}")
        check(capture.count()["l2tp"] == 0, f"the Internet saw L2TP in the clear: {capture.count()}")
        check(str(NINE_YEARS)[:5] in head.seen, "nothing was said of the clock")
        nothing_told(story, invite)
    with story.report.case("pairing.carries"), Stream(story.topology.host_b, HOST_A, 200) as stream:
        stream.wait_answer(60)
        first = stream.wait_sent(20)
        stream.wait_sent(200)
        stream.stop()
        check(not stream.list_lost(first), f"lost: {len(stream.list_lost(first))}")


def nothing_told(story: Story, invite: str) -> None:
    """No key is in a log or in the configuration, and the key files are root's alone."""
    for site, name in zip((story.a, story.b), story.names, strict=True):
        shown = (site.folder / "config" / "isthmus").read_text() + site.log()
        check(invite not in shown, f"{site.name}: the invite is in file or log")
        for option in ("psk", "ppk", "cookie_key", "control_key"):
            path = site.key(name, option)
            secret = path.read_text().strip()
            check(len(secret) == 64 and secret not in shown, f"{site.name}: {path.name} is told")
            check(path.stat().st_mode & 0o077 == 0, f"{path} may be read by others")


def indented(text: str) -> str:
    """A screen, for the log of a run: without the picture of its QR code."""
    kept = [line for line in text.splitlines() if not set(line) & set("\u2580\u2584\u2588") and line.strip()]
    return "\n".join("      | " + line for line in kept)


def ppk_or_nothing(story: Story) -> None:
    """The second key is in use, and there is no tunnel without it."""
    with story.report.case("pairing.ppk") as facts:
        for site in (story.a, story.b):
            check(site.show()["ike"]["ppk"] is True, f"{site.name}: {site.show()['ike']}")
            check("with a ppk" in str(site.tunnel()["lamps"]), f"{site.name}: {site.tunnel()['lamps']}")
        path = story.b.key(story.names[1], "ppk")
        right = path.read_text()
        facts.note("without the file", refuses_without(story, path))
        path.write_text("%064x\n" % (int(right, 16) ^ 1))
        path.chmod(0o600)
        story.b.ask("reload")
        again(story)
        for site in (story.a, story.b):
            site.wait_state("waiting", "negotiating")

        def told() -> str:
            errors = [site.tunnel().get("error") or {} for site in (story.a, story.b)]
            return next((error["message"] for error in errors if error.get("code") in {"psk", "ppk"}), "")

        facts.note("with another one", wait_until("somebody says that a key differs", told, 120, 0.1))
        check(not [site for site in (story.a, story.b) if site.lamps().get("ipsec") == "ok"], "it is up all the same")
        path.write_text(right)
        story.b.ask("reload")
        again(story)
        story.a.wait_state("up")
        story.b.wait_state("up")


def again(story: Story) -> None:
    """Down and up at the inviter."""
    for verb in ("down", "up"):
        story.a.ask(verb, tunnel=story.names[0])


def refuses_without(story: Story, path: Path) -> str:
    """What a reload says when the file is gone; what runs goes on."""
    right = path.read_text()
    path.unlink()
    try:
        story.b.ask("reload")
    except IsthmusError as error:
        path.write_text(right)
        path.chmod(0o600)
        check(path.name in str(error), f"it does not name the file: {error}")
        return str(error)
    raise AssertionError("a tunnel without its ppk was taken")


def keys_of(site: Office, name: str) -> dict[str, str]:
    """The contents of a tunnel's key files."""
    return {option: site.key(name, option).read_text() for option in ("psk", "ppk", "cookie_key", "control_key")}


def rotated(story: Story) -> None:
    """New keys are agreed over the tunnel, under traffic, asked for at either side: nothing is lost."""
    rate = story.report.amount(200, 1000)
    with story.report.case("pairing.rotate") as facts, Stream(story.topology.host_a, HOST_B, rate) as stream:
        stream.wait_answer(60)
        first = stream.wait_sent(rate)
        drops = Drops(story.topology.router_a, story.topology.router_b, story.topology.internet)
        times, moments = [], []
        for count in range(story.report.amount(2, 20)):
            site, name = ((story.a, story.names[0]), (story.b, story.names[1]))[count % 2]
            before = keys_of(story.a, story.names[0])
            begin = time.monotonic()
            moments.append(stream.sent - first)
            site.ask("pair-rotate", tunnel=name)
            wait_until("both have new keys", lambda old=before: have_settled(story, old), 120, 0.2)
            times.append(round(time.monotonic() - begin, 1))
            stream.wait_sent(rate)
        facts.note("seconds each", times)
        stream.wait_sent(2 * rate)
        stream.stop()
        facts.note("packets a second", rate)
        facts.note("packets", stream.sent - first)
        check(not stream.list_lost(first), f"{stream.tell_lost(first)}; rotations at {moments}; {drops.tell()}")
        for site in (story.a, story.b):
            check(site.show()["ike"]["ppk"] is True, f"{site.name}: {site.show()['ike']}")
    with story.report.case("pairing.rotated_keys_are_used"):
        again(story)
        for site, name in zip((story.a, story.b), story.names, strict=True):
            site.wait_up(name)
        for site, name in zip((story.a, story.b), story.names, strict=True):
            shown = (site.folder / "config" / "isthmus").read_text() + site.log()
            for option, secret in keys_of(site, name).items():
                check(secret.strip() not in shown, f"{site.name}: {option} is told")


def rotation_broken_off(story: Story) -> None:
    """Either daemon dies in the middle of it: both end with the same keys, old or new, and the tunnel with them."""
    with story.report.case("pairing.rotation_broken_off") as facts:
        for count in range(story.report.amount(1, 12)):
            asked, killed = (story.a, story.b)[count % 2], (story.b, story.a)[count // 2 % 2]
            before = keys_of(story.a, story.names[0])
            # A daemon that was started again has adopted what stands, and has no IKE SA for a moment.
            wait_until("it has an IKE SA", lambda site=asked: site.show().get("ike"), 60, 0.1)
            asked.ask("pair-rotate", tunnel=story.names[count % 2])
            time.sleep(count // 4 * 0.4)  # the moment is what is varied
            killed.kill()
            killed.begin()
            wait_until("both have the same keys, and nothing is left to be done", lambda: are_settled(story), 300, 0.2)
            for site, name in zip((story.a, story.b), story.names, strict=True):
                site.wait_up(name)
            facts.note(f"asked {asked.name}, killed {killed.name}",
                       "old keys" if keys_of(story.a, story.names[0]) == before else "new keys")  # fmt: skip
        again(story)
        for site, name in zip((story.a, story.b), story.names, strict=True):
            site.wait_up(name)


def are_settled(story: Story) -> bool:
    """Both have the same keys in their files, and nothing is left to be done."""
    try:
        at_a, at_b = keys_of(story.a, story.names[0]), keys_of(story.b, story.names[1])
    except FileNotFoundError:
        return False
    folders = [site.folder / "secrets" for site in (story.a, story.b)]
    return at_a == at_b and not [path for folder in folders for path in folder.iterdir() if path.suffix == ".next"]


def have_settled(story: Story, old: dict[str, str]) -> bool:
    """The same, and the keys are new."""
    if not are_settled(story):
        return False
    fresh = keys_of(story.a, story.names[0])
    return not [option for option in ("psk", "ppk", "control_key") if fresh[option] == old[option]]


def replaced_router(story: Story) -> None:
    """The head's router is dead; another one, fresh out of its box, is given what was backed up. In full runs: two
    scrypts of an emulated processor, and what tests/edge/test_backup.py says is said without a kernel.
    """
    if not story.report.full:
        return
    with story.report.case("pairing.replaced_router") as facts:
        name = story.names[0]
        keys = keys_of(story.a, name)
        begin = time.monotonic()
        made = story.a.ask("backup", passphrase=PASSPHRASE)
        facts.note("seconds to make it", round(time.monotonic() - begin, 1))
        story.a.kill()
        for folder in ("secrets", "state"):
            shutil.rmtree(story.a.folder / folder)
        story.a.write(FRESH.format(name="spare"))
        story.a.begin()
        check(not story.a.tunnel_called(name), "the fresh router knows its peer")
        seen = story.a.ask("restore", file=made["file"], passphrase=PASSPHRASE, look=True)
        check("Switch the former one off" in "".join(seen["notes"]), f"notes: {seen['notes']}")
        story.a.ask("restore", mark=seen["mark"], seconds=600)
        begin = time.monotonic()
        story.a.wait_up(name)
        facts.note("seconds until it is up", round(time.monotonic() - begin, 1))
        story.b.wait_up(story.names[1])
        story.a.ask("confirm")
        story.reaches()
        check(keys_of(story.a, name) == keys, "its keys are others")


def dead_peer(story: Story) -> None:
    """Unpairing asks nobody."""
    with story.report.case("pairing.unpair_dead_peer"):
        story.b.kill()
        keys = story.a.key(story.names[0], "psk").parent
        before = [path.name for path in keys.iterdir()]
        answer = story.a.ask("unpair", tunnel=story.names[0])
        check(story.names[0] in answer["removed"], str(answer))
        check(not story.a.ask("status")["tunnels"], "the tunnel is still there")
        after = [path.name for path in keys.iterdir()]
        # On a slow machine the next key of a rotation may still lie beside the others: it has to go with them.
        own = [story.names[0] + kind for kind in ("", ".ppk", ".control", ".cookie")]
        check(not set(own) - set(before) and after == ["site.id"], f"key files: {before}, then {after}")
        story.b.begin()
        story.b.ask("unpair", tunnel=story.names[1])
        check(not story.topology.router_b.run("ip", "xfrm", "state").strip(), "SAs are left at the branch")


def bad_invites(story: Story) -> None:
    """What is wrong with an invite is said before anything is sent."""
    with story.report.case("pairing.bad_invites") as facts:
        invite = story.a.invite()
        letter = "A" if invite[-1] != "A" else "B"
        for code, site, text in (
            ("invite-mistyped", story.b, invite[:-1] + letter), ("invite-truncated", story.b, invite[:100]),
            ("invite-none", story.b, "hello"), ("self", story.a, invite),
        ):  # fmt: skip
            try:
                site.accept(text)
            except IsthmusError as error:
                check((error.code, bool(error.remedy)) == (code, True), f"{code}: {error.code}: {error}")
                facts.note(code, str(error))
            else:
                raise AssertionError(f"{code}: it was taken")
        story.clean()


def loss(story: Story) -> None:
    """A fifth of IKE's datagrams gets lost."""
    with story.report.case("pairing.loss") as facts:
        times = []
        for _ in range(story.report.amount(1, 20)):
            story.topology.internet.nft(LOSS.format(per_cent=20))
            begin = time.monotonic()
            rows = meet(story.a, story.b)
            story.names = story.a.approve(rows[0]), story.b.approve(rows[1])
            for site, name in zip((story.a, story.b), story.names, strict=True):
                wait_until(f"{site.name} has its tunnel", lambda s=site, n=name: s.tunnel_called(n), 120, 0.1)
            times.append(round(time.monotonic() - begin, 1))
            story.topology.internet.nft(NO_LOSS)
            for site, name in zip((story.a, story.b), story.names, strict=True):
                site.wait_up(name)
            story.reaches()
            story.unpair()
        facts.note("seconds from invite to both tunnels written", times)


# When it breaks: how far the two administrators have come. (who has approved by then)
MOMENTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("both asked", ()), ("both approved", ("a", "b")), ("the inviter approved", ("a",)),
    ("the joiner approved", ("b",)), ("both approved, the other way round", ("b", "a")), ("calling", ("calling",)),
)  # fmt: skip


def broken_off(story: Story) -> None:
    """At several moments either daemon dies, or the wire is cut; and it is tried again."""
    cases = [(moment, how) for moment in MOMENTS for how in (kill_a, kill_b, cut)]
    cases = [cases[place] for place in (range(len(cases)) if story.report.full else (7,))]
    with story.report.case("pairing.broken_off") as facts:
        for (what, done), how in cases:
            result = break_once(story, done, how)
            facts.note(f"{what}, {how.__name__}", result)
            story.clean()
            story.pair()
            story.reaches()
            story.unpair()


def break_once(story: Story, done: tuple[str, ...], how: Callable[[Story], None]) -> str:
    """Break one off; how many tunnels came of it where. Two that are not each other's would be a wrong pairing."""
    sites = {"a": story.a, "b": story.b}
    if done == ("calling",):
        story.b.accept(story.a.invite())
    else:
        rows = dict(zip(("a", "b"), meet(story.a, story.b), strict=True))
        for who in done:
            sites[who].approve(rows[who])
    how(story)
    for site in sites.values():
        if site.process is None:
            site.begin()
    story.topology.internet.ip("link set wan-b up\n")
    found = {who: [tunnel["name"] for tunnel in site.ask("status")["tunnels"]] for who, site in sites.items()}
    approved_by_all = set(done) == {"a", "b"}
    check(approved_by_all or not any(found.values()), f"a tunnel that one side never approved: {found}")
    if all(found.values()):
        story.a.wait_up(found["a"][0])
        story.b.wait_up(found["b"][0])
        return "both have the tunnel, and it is up"
    return " and ".join(f"{sites[who].name} has {names or 'nothing'}" for who, names in found.items())


def kill_a(story: Story) -> None:
    """The inviter's daemon dies."""
    story.a.kill()


def kill_b(story: Story) -> None:
    """The joiner's."""
    story.b.kill()


def cut(story: Story) -> None:
    """Nothing gets through for a while."""
    story.topology.internet.ip("link set wan-b down\n")
    time.sleep(3)  # a few repetitions get lost


def crossed(story: Story) -> None:
    """Both invite and both accept at once: one pairing comes of it."""
    with story.report.case("pairing.crossed") as facts:
        invites = story.a.invite(), story.b.invite()
        for site, invite in ((story.b, invites[0]), (story.a, invites[1])):
            try:
                site.accept(invite)
            except IsthmusError as error:
                facts.note(f"{site.name} is told", str(error))
        for _ in range(40):
            for site in (story.a, story.b):
                for row in site.rows():
                    if row["asks"]:
                        approve_quietly(site, row)
            if all(len(site.ask("status")["tunnels"]) for site in (story.a, story.b)):
                break
            time.sleep(0.5)
        tunnels = [site.ask("status")["tunnels"] for site in (story.a, story.b)]
        check([len(rows) for rows in tunnels] == [1, 1], f"tunnels: {tunnels}")
        story.names = tunnels[0][0]["name"], tunnels[1][0]["name"]
        for site, name in zip((story.a, story.b), story.names, strict=True):
            try:
                site.wait_up(name)
            except LabError:
                print(site.ask("pair-status"), flush=True)
                raise
        story.reaches()
        story.unpair()


def approve_quietly(site: Office, row: dict[str, Any]) -> None:
    """It may be over by now."""
    try:
        site.approve(row)
    except IsthmusError as error:
        print(f"    {site.name}: {error.code}: {error}", flush=True)


STEPS = (
    two_minutes, ppk_or_nothing, rotated, rotation_broken_off, replaced_router, dead_peer, bad_invites, loss,
    broken_off, crossed,
)  # fmt: skip
