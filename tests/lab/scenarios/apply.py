"""`isthmus apply` under canaries: a change that would let a forced host out, and one that cuts its own tunnel. Nobody
confirms them; the daemon is killed and the router loses its power in between. Nothing leaks, and all comes back.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tests.lab.leaks import controls, fw4
from tests.lab.leaks import network as net
from tests.lab.leaks.frames import UDP
from tests.lab.leaks.oracle import IKE
from tests.lab.leaks.story import Story
from tests.lab.namespace import wait_until
from tests.lab.report import check

if TYPE_CHECKING:
    from tests.lab.leaks.oracle import Packet
    from tests.lab.report import Report

OPENS = "-isthmus.cameras\n"  # h1 would be free
CUTS = f"-isthmus.branch.remote\n|isthmus.branch.remote='{net.ATTACKER}'\n"  # where no peer is
WINDOW_S = 600  # long enough for whatever happens in it
SHORT_S = 20


def run(report: Report) -> None:
    """A network and a pair of sites of its own."""
    with Story(report, "ap") as story:
        controls.every_kind(story)
        story.begin()
        killed(story)
        cut_off_from_power(story)
        expires(story)
        cuts_its_tunnel(story)
        confirmed(story)
        story.put_sum()


def stage(story: Story, text: str) -> None:
    """As uci would."""
    folder = story.a.folder / "deltas"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "isthmus").write_text(text)


def begin(story: Story, text: str, seconds: int = WINDOW_S) -> dict[str, Any]:
    """It is in force, on trial."""
    stage(story, text)
    seen = story.a.ask("apply-look")
    begun = story.a.ask("apply", mark=seen["mark"], seconds=seconds)
    check(begun["state"] == "open", f"it is {begun['state']}")
    check((story.a.folder / "config" / "isthmus").read_text() != story.text, "the file has not changed")
    return seen


def undone(story: Story, why: str) -> None:
    """It says so, and everything is as it was."""
    found = story.a.ask("apply-status")
    check(found["state"] == "idle", f"it is {found['state']}: {found['trouble']}")
    check(why in found["last"]["why"], f"it says: {found['last']['why']}")
    check((story.a.folder / "config" / "isthmus").read_text() == story.text, "the file is not what it was")
    check(not (story.a.folder / "secrets" / "undo.open").exists(), "the record is still there")


def is_call_to_nobody(packet: Packet) -> bool:
    """Router A's own IKE to where the edit says that its peer is."""
    is_ike = packet.protocol == UDP and packet.sport in IKE and packet.dport in IKE
    return is_ike and packet.target == net.packed(net.ATTACKER)


def are_fine(story: Story) -> bool:
    """What worked before works after."""
    return all(row["state"] == "ok" for row in story.a.ask("apply-status")["probes"])


def killed(story: Story) -> None:
    """Kill -9 while a change is on trial that would open, were it confirmed."""
    with story.watch("apply_on_trial", carried=True) as facts:
        seen = begin(story, OPENS)
        told = [row["text"] for row in seen["changes"] if row["kind"] == "opens"]
        facts.note("told", "; ".join(told))
        check(len(told) == 1 and net.H1 in told[0], f"it was told: {told}")
        story.span()
        story.a.kill()
        story.span()
    with story.watch("apply_killed", carried=True):
        story.a.start()
        story.guarded()
        undone(story, "isthmusd began anew")
        story.carries()


def cut_off_from_power(story: Story) -> None:
    """The router boots in the middle: the guard that was kept first, the daemon later."""
    with story.watch("apply_power_cut", free=False):
        begin(story, OPENS)
        story.a.kill()
        text = story.persisted_guard()
        check("forced_across_cameras" in text, "the kept guard lets go whom the old configuration holds")
        story.net.a.ip("link set wan0 down\nlink set br-lan down\n")
        story.forget_everything()
        story.net.a.nft(text)
        story.net.a.ip("link set br-lan up\nlink set wan0 up\n" + net.LAN_A_UP + net.UPLINK_A)
        fw4.load(story.net.a)
        story.span()
        story.a.start()
        story.guarded()
        undone(story, "isthmusd began anew")
        story.carries()


def expires(story: Story) -> None:
    """Nobody confirms it: the command line says what happens, and h1 has never been let go."""
    with story.watch("apply_not_confirmed", carried=True) as facts:
        stage(story, OPENS)
        done = story.a.command("apply", "--confirm", f"{SHORT_S}")
        facts.note("said", done.stdout.strip().split("\n")[-2:])
        check(done.returncode == 1 and f"undone: nobody confirmed it within {SHORT_S} s" in done.stdout, done.stdout)
        undone(story, "nobody confirmed it")


def cuts_its_tunnel(story: Story) -> None:
    """An edit that leads the tunnel to nobody: blocked meanwhile, and it comes back by itself."""
    story.oracle.allow = is_call_to_nobody
    with story.watch("apply_cuts_its_tunnel") as facts:
        seen = begin(story, CUTS, SHORT_S)
        texts = [row["text"] for row in seen["changes"] if row["kind"] == "leads"]
        told = f"tunnel branch is interrupted and built anew: it leads to {net.ATTACKER} instead of "
        check(len(texts) == 1 and texts[0].startswith(told), f"it was told: {texts}")
        began = time.monotonic()
        wait_until("the tunnel to be down", lambda: story.a.tunnel().get("state") != "up", 60, 0.1)
        rows = story.a.ask("apply-status")["probes"]
        wrong = [row for row in rows if row["what"] == "tunnel branch" and row["state"] != "ok"]
        check(len(wrong) == 1, f"the probes say: {rows}")
        wait_until("its end", lambda: story.a.ask("apply-status")["state"] == "idle", 120, 0.2)
        undone(story, "nobody confirmed it")
        story.carries()
        facts.note("seconds from the edit until it carries again", round(time.monotonic() - began, 1))
    story.oracle.allow = None


def confirmed(story: Story) -> None:
    """Confirmed it opens, and the oracle sees it: the watches could have failed. The probes alone close it."""
    with story.control("apply_confirmed"):
        story.h1.fly(story.rate)
        begin(story, OPENS)
        wait_until("the probes", lambda: are_fine(story), 60, 0.2)
        exposed = story.a.ask("confirm")["last"]["exposed"]
        check(len(exposed) == 1 and net.H1 in exposed[0], f"it said: {exposed}")
    with story.report.case("apply.alone_closes") as facts:
        source = f"|isthmus.cameras.from='{net.H1}@{net.MACS['h1']}'\n"
        stage(story, f"isthmus.cameras='forced'\n{source}|isthmus.cameras.via='branch'\n")
        done = story.a.command("apply")
        facts.note("said", done.stdout.strip().split("\n"))
        check(done.returncode == 0 and "1 device loses direct Internet" in done.stdout, done.stdout + done.stderr)
        check("confirmed: it stays" in done.stdout, done.stdout)
    with story.watch("apply_closed_again", carried=True):
        story.span()
