"""An attacker on the path while LAN talks to LAN: he replays, forges, reorders and floods, and nothing is lost.

Between routers A and B a tunnel is up, and 200 pings a second cross it. The attacker sits in the Internet and sees all.
A third router, C, has a tunnel with B as well: it is started for the first time while the flood is at its height.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.core.attacks.scenes import fresh_request
from tests.lab.attacker import Attacker
from tests.lab.capture import Capture
from tests.lab.namespace import Namespace, wait_until
from tests.lab.namespace import run as run_program
from tests.lab.ping import Stream
from tests.lab.report import check
from tests.lab.site import PSK, Site, three_lines
from tests.lab.topology import HOST_B, LAN_A, LAN_B, WAN_A, WAN_B, Topology

if TYPE_CHECKING:
    from tests.lab.report import Report

WAN_C, LAN_C = "192.0.2.2", "192.168.30.0/24"
PSK_C = "a key of the third site alone"
LOUD = "config globals\n\toption log_level debug\n"
GROWTH_KIB = 3000  # resident memory of a daemon under attack; an engine without bounds takes this every second
LATEST = 5.0


def add_third(topology: Topology) -> Namespace:
    """Router C with a LAN of its own, joined to the Internet."""
    third = Namespace("at-router-c")
    run_program(["ip", "netns", "add", third.name])
    topology.all.append(third)
    third.set_sysctl("net/ipv6/conf/default/accept_dad", "0")
    third.ip(
        "link set lo up\n"
        f"link add wan0 type veth peer name wan-c netns {topology.internet.name}\n"
        "link add lan0 type dummy\n"
        "address add 192.168.30.1/24 dev lan0\naddress add 192.0.2.2/24 dev wan0\n"
        "link set lan0 up\nlink set wan0 up\nroute add default via 192.0.2.1\n"
    )
    topology.internet.ip("address add 192.0.2.1/24 dev wan-c\nlink set wan-c up\n")
    return third


class Story:
    """Three sites, a stream, the attacker."""

    def __init__(self, topology: Topology, report: Report) -> None:
        self.topology = topology
        self.report = report
        third = add_third(topology)
        second = three_lines("third", WAN_C, LAN_C, psk=PSK_C)
        self.a = Site(topology.router_a, three_lines("branch", WAN_B, LAN_B) + LOUD, True)
        self.b = Site(topology.router_b, three_lines("head", WAN_A, LAN_A) + second + LOUD, True)
        self.c = Site(third, three_lines("head", WAN_B, LAN_B, psk=PSK_C) + LOUD, True)
        self.attacker = Attacker(topology.internet, (WAN_A, WAN_B), fresh_request("flood"))
        report.on_failure = self.print_logs

    def print_logs(self) -> None:
        """What each says, for a test that failed."""
        for site in (self.a, self.b, self.c):
            site.print_log()

    def attacked(self, stream: Stream, name: str, *modes: str, seconds: int) -> None:
        """So many seconds of this attack: not one ping lost, no SA changed."""
        with self.report.case(name) as facts:
            spis, before, memory = self.b.spis(), self.attacker.count(), self.b.resident_kib()
            first = stream.wait_sent(20)
            self.attacker.do(*modes)
            begun = time.monotonic()
            last = stream.wait_sent(200 * seconds)
            took = time.monotonic() - begun
            self.attacker.do()
            start = time.monotonic()
            wait_until(
                "answers", lambda: not stream.list_lost(first, last) or time.monotonic() - start > LATEST, LATEST + 5
            )
            lost = stream.list_lost(first, last)
            after = self.attacker.count()
            for word in ("replayed", "forged", "flooded"):
                if after[word] > before[word]:
                    facts.note(f"{word} a second", round((after[word] - before[word]) / took))
            facts.note("pings crossed", last - first - len(lost))
            facts.note("lost", len(lost))
            facts.note("KiB grown", self.b.resident_kib() - memory)
            check(not lost, f"{len(lost)} of {last - first} pings lost")
            check(self.b.resident_kib() - memory < GROWTH_KIB, "the daemon has grown")
            check(set(spis) <= set(self.b.spis()), f"SAs have gone: {spis} {self.b.spis()}")
            for mode, word in (("replay", "replayed"), ("forge", "forged"), ("flood", "flooded")):
                check(mode not in modes or after[word] > before[word], f"the attacker has not {word} anything")


def run(report: Report) -> None:
    """The story."""
    with Topology("at") as topology, Capture(topology.internet) as capture:
        story = Story(topology, report)
        try:
            story.a.start()
            story.b.start()
            with story.attacker, Stream(topology.host_a, HOST_B) as stream:
                story.a.wait_state("up")
                story.b.wait_state("up")
                stream.wait_answer()
                story.b.wait_loaded()
                stream.wait_sent(100)
                story.attacked(stream, "attack.replay", "replay", seconds=report.amount(4, 30))
                story.attacked(stream, "attack.forge", "forge", seconds=report.amount(4, 30))
                reorder(story, stream)
                story.attacked(stream, "attack.flood", "flood", seconds=report.amount(4, 30))
                newcomer(story, stream)
                nothing_in_the_clear(story, capture)
            secrets(story)
        finally:
            for site in (story.a, story.b, story.c):
                site.remove()


def reorder(story: Story, stream: Stream) -> None:
    """Every other packet overtakes those before it, and old ones come again."""
    netem = "qdisc {word} dev {dev} root netem delay 20ms reorder 50% 50%\n"
    run_tc = [netem.format(word="add", dev=dev) for dev in ("wan-a", "wan-b")]
    with story.topology.internet:
        run_program(["tc", "-batch", "-"], "".join(run_tc))
    try:
        story.attacked(stream, "attack.reorder", "replay", "forge", seconds=story.report.amount(4, 30))
    finally:
        with story.topology.internet:
            run_program(["tc", "-batch", "-"], "".join(f"qdisc del dev {dev} root\n" for dev in ("wan-a", "wan-b")))


def newcomer(story: Story, stream: Stream) -> None:
    """IKE_SA_INIT from many sources; during it a good peer comes up for the first time."""
    with story.report.case("attack.newcomer") as facts:
        memory = story.b.resident_kib()
        first = stream.sent
        before = story.attacker.count()["flooded"]
        story.attacker.do("flood")
        begun = time.monotonic()
        story.c.start()
        story.c.wait_state("negotiating", "keyed", "carried", "up", limit=180)
        spoke = time.monotonic()
        story.c.wait_state("up", limit=180)
        took = time.monotonic() - begun
        flooded = story.attacker.count()["flooded"] - before
        story.attacker.do()
        last = stream.wait_sent(20)
        facts.note("seconds from its start to up", round(took, 1))
        facts.note("of them since its first word", round(begun + took - spoke, 1))
        facts.note("flooded a second", round(flooded / took))
        start = time.monotonic()
        wait_until(
            "answers", lambda: not stream.list_lost(first, last) or time.monotonic() - start > LATEST, LATEST + 5
        )
        lost = stream.list_lost(first, last)
        facts.note("lost meanwhile", len(lost))
        facts.note("KiB grown", story.b.resident_kib() - memory)
        check(story.b.resident_kib() - memory < GROWTH_KIB, "the daemon has grown")
        check(not lost, f"{len(lost)} of {last - first} pings lost")
        dropped = story.b.ask("status")["ike"]["dropped"]
        facts.note("dropped", {reason: count for reason, count in dropped.items() if count})


def nothing_in_the_clear(story: Story, capture: Capture) -> None:
    """What the attacker injected is his; of the routers' own nothing is in the clear, and neither router let it in."""
    with story.report.case("attack.guard"):
        for site in (story.a, story.b):
            check(site.lamps()["guard"] == "ok", "the guard lamp")
        check(capture.count()["esp"] > 500, "hardly any ESP was seen")


def secrets(story: Story) -> None:
    """No key where other users of the router can look: arguments, environment, log, files that all may read."""
    with story.report.case("attack.secrets"):
        for site, keys in ((story.a, (PSK,)), (story.b, (PSK, PSK_C)), (story.c, (PSK_C,))):
            if site.process is None:
                continue  # C, if nobody has started it
            folder = Path(f"/proc/{site.process.pid}")
            texts = [site.log(), (folder / "cmdline").read_bytes().decode(), (folder / "environ").read_bytes().decode()]
            texts += [site.command("status").stdout, site.command("status", "--json").stdout]
            for part in ("state", "run"):
                for path in (site.folder / part).rglob("*"):
                    if path.is_file():
                        check(not path.stat().st_mode & 0o077, f"{path} can be read by others")
                        texts.append(path.read_bytes().decode(errors="replace"))
            for text in texts:
                for key in keys:
                    check(key not in text and key.encode().hex() not in text, "a pre-shared key can be read")
            limits = (folder / "limits").read_text()
            line = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
            check(line.split()[4:6] == ["0", "0"], line)
