"""Address translators: four sites behind one, ports that change, and a hub whose daemon dies."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tests.lab.capture import Capture
from tests.lab.namespace import wait_until
from tests.lab.natted import HUB_LAN, Natted, hub_text, lan, spoke_text
from tests.lab.ping import Stream
from tests.lab.report import check
from tests.lab.site import PSK, Site
from tests.lab.topology import HOST_B, LAN_A, LAN_B, WAN_A, WAN_B, Topology

if TYPE_CHECKING:
    from tests.lab.report import Report

START_S = 400.0  # five daemons under emulation, on a machine that does other things too


class Story:
    """The topology and its five daemons."""

    def __init__(self, topology: Natted, report: Report) -> None:
        self.topology = topology
        self.report = report
        self.hub = Site(topology.hub, hub_text(list(topology.spokes)), True)
        self.spokes = {n: Site(spoke, spoke_text(n), True) for n, spoke in topology.spokes.items()}
        report.on_failure = self.print_logs

    def print_logs(self) -> None:
        """Of the hub and the first spoke."""
        self.hub.print_log()
        self.spokes[1].print_log()

    def at_hub(self) -> dict[str, dict[str, Any]]:
        """The hub's tunnels by name."""
        return {row["name"]: row for row in self.hub.ask("status")["tunnels"]}

    def all_up(self) -> bool:
        """Every daemon says so."""
        return all(row["state"] == "up" for row in self.at_hub().values())

    def port_of(self, number: int) -> int:
        """The UDP port that the hub sends a spoke's ESP to."""
        return int(self.hub.ask("show", tunnel=f"s{number}")["outer"]["udp_ports"][1])


def run(report: Report) -> None:
    """Each part with its own result."""
    with Natted("na") as topology:
        story = Story(topology, report)
        try:
            with Capture(topology.internet) as capture:
                for step in (four_sites, remapped, hub_dies):
                    step(story)
                with report.case("nat.nothing_in_the_clear"):
                    seen = capture.count()
                    check(seen["esp"] > 1000 and not seen["l2tp"] and not seen["fragment"], f"the Internet saw {seen}")
        finally:
            for site in (story.hub, *story.spokes.values()):
                site.remove()
    forced(report)


def four_sites(story: Story) -> None:
    """All at once, each its own."""
    with story.report.case("nat.four_sites_behind_one") as facts:
        begin = time.monotonic()
        story.hub.start()
        for site in story.spokes.values():
            site.start()
        wait_until("the hub answers", story.hub.tunnel, START_S)
        wait_until("four tunnels are up at the hub", story.all_up, START_S, 0.2)
        for site in story.spokes.values():
            site.wait_state("up")
        facts.note("seconds until all were up", round(time.monotonic() - begin, 1))
        ports = [story.port_of(number) for number in story.spokes]
        check(len(set(ports)) == len(ports), f"the translator's ports must differ: {ports}")
        for number in story.spokes:
            with Stream(story.topology.hub, lan(number), 50) as stream:
                stream.wait_answer()
                first = stream.sent
                stream.wait_sent(50)
                stream.stop()
                check(not stream.list_lost(first), f"spoke {number}: {len(stream.list_lost(first))} lost")
            with Stream(story.topology.spokes[number], HUB_LAN, 50) as stream:
                stream.wait_answer()
        for number, site in story.spokes.items():
            check(site.tunnel()["mtu"] == 1412, f"MTU of spoke {number}: {site.tunnel()['mtu']}; with UDP it is 1412")
        peer = next(lamp for lamp in story.spokes[1].tunnel()["lamps"] if lamp["name"] == "peer")
        check("behind" in peer["evidence"], f"the lamp says nothing of the translator: {peer['evidence']}")


def remapped(story: Story) -> None:
    """The translator restarts and takes other ports, under traffic from a spoke."""
    with story.report.case("nat.remapped_ports_are_followed") as facts:
        before = {number: story.port_of(number) for number in story.spokes}
        with Stream(story.topology.spokes[1], HUB_LAN, 200) as stream:
            stream.wait_answer()
            first = stream.wait_sent(100)
            story.topology.remap(30_000)
            wait_until("the hub follows", lambda: story.port_of(1) >= 30_000, 30, 0.05)
            stream.wait_answer()
            end = stream.wait_sent(200)
            stream.stop()
            lost = stream.list_lost(first)
        facts.note("packets of 200/s lost", len(lost))
        check(len(lost) < 5 * 200, f"{len(lost)} packets lost: more than five seconds, on an emulated machine")
        check(end - first > len(lost), "nothing passed at all")
        for number in story.spokes:
            wait_until(f"spoke {number} is followed", lambda n=number: story.port_of(n) >= 30_000, 60, 0.2)
        facts.note("ports before and after", [before, {number: story.port_of(number) for number in story.spokes}])
        check(story.all_up(), "a tunnel is not up")


def hub_dies(story: Story) -> None:
    """The daemon of the hub gets kill -9: isthmus-hold keeps UDP 4500, the kernel the rest."""
    with story.report.case("nat.hub_killed_and_restarted") as facts:
        with Stream(story.topology.spokes[1], HUB_LAN, 200) as stream:
            stream.wait_answer()
            first = stream.sent
            stream.wait_sent(100)
            story.hub.kill()
            stream.wait_sent(1000)
            story.hub.start()
            wait_until("the hub answers again", story.hub.tunnel, START_S)
            wait_until("it is up again", lambda: story.at_hub()["s1"]["state"] == "up", START_S, 0.2)
            stream.wait_sent(1000)
            stream.stop()
            lost = stream.list_lost(first)
            facts.note("packets sent", stream.sent - first)
        facts.note("packets lost", len(lost))
        check(not lost, f"{len(lost)} packets lost, the first {lost[:5]}")


def forced(report: Report) -> None:
    """No translator, and ESP in UDP all the same."""
    with Topology("nf") as topology, Capture(topology.internet):
        ids = "\toption local_id {}\n\toption remote_id {}\n\toption encap force\n"
        text = "config tunnel '{}'\n\toption remote {}\n\toption psk '" + PSK + "'\n\tlist remote_subnet {}\n"
        a = Site(topology.router_a, text.format("b", WAN_B, LAN_B) + ids.format("a", "b"), True)
        b = Site(topology.router_b, text.format("a", WAN_A, LAN_A) + ids.format("b", "a"), True)
        report.on_failure = a.print_log
        try:
            with report.case("nat.forced") as facts:
                a.start()
                b.start()
                mtu = a.wait_state("up")["mtu"]
                b.wait_state("up")
                facts.note("computed MTU", mtu)
                check(mtu == 1412, f"MTU {mtu}; with UDP it is 1412")
                with Stream(topology.host_a, HOST_B, 50, mtu - 28) as stream:
                    stream.wait_answer()
                    first = stream.sent
                    stream.wait_sent(50)
                    stream.stop()
                    check(not stream.list_lost(first), "full packets are lost")
                states = topology.router_a.run("ip", "-d", "xfrm", "state")
                check(states.count("type espinudp sport 4500 dport 4500") == 2, states)
        finally:
            a.remove()
            b.remove()
