"""Four strangers behind one translator: strongSwan and `ip l2tp` in transport mode, one Isthmus hub, no rule by hand.

Each reaches only its own tunnel. Then one of them, authenticated as it is, sends frames with another's session id.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from isthmus.errors import IsthmusError
from tests.lab.capture import Capture
from tests.lab.interop.strongswan import StrongSwan
from tests.lab.interop.terms import Terms
from tests.lab.namespace import wait_until
from tests.lab.natted import HUB, HUB_LAN, HUB_NET, LOUD, OUTSIDE, Natted, inside, lan, net
from tests.lab.ping import Stream
from tests.lab.report import check
from tests.lab.site import Site, three_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.report import Report

COUNT = 4
HUB_ID = "hub.example"
COOKIE_HUB, COOKIE_SITE = "0011223344556677", "8899aabb"
ETHERTYPE = 0x88B5  # IEEE 802: local experiments
LINK = "l2hub"
UP_S = 180.0


def site_id(number: int) -> str:
    """The identity of a site."""
    return f"s{number}.example"


def terms_of(number: int) -> Terms:
    """What a site's program is configured with."""
    terms = Terms()
    terms.id_a, terms.id_b = HUB_ID, site_id(number)
    return terms


def hub_text() -> str:
    """The hub's configuration: one section a site, all of them at the translator's address."""
    text = LOUD
    for number in range(1, COUNT + 1):
        text += three_lines(
            f"s{number}", OUTSIDE, net(number), f"option local_id {HUB_ID}", f"option remote_id {site_id(number)}",
            "option role respond",
            "option session static", f"option tunnel_id {10 + number}", "option peer_tunnel_id 20",
            f"option session_id {110 + number}", f"option peer_session_id {210 + number}",
            f"option cookie {COOKIE_HUB}", f"option peer_cookie {COOKIE_SITE}", f"list address 10.9.{number}.1/30",
            f"list peer_address 10.9.{number}.2")  # fmt: skip
    return text


class Story:
    """The hub, and the strangers."""

    def __init__(self, topology: Natted) -> None:
        self.topology = topology
        self.hub = Site(topology.hub, hub_text(), True)
        self.strangers = [
            StrongSwan(site, inside(number), HUB) for number, site in topology.spokes.items()
        ]

    def lay(self) -> None:
        """The L2TP ends of the sites, as an administrator makes them."""
        for number, site in self.topology.spokes.items():
            site.run("ip", "l2tp", "add", "tunnel", "tunnel_id", "20", "peer_tunnel_id", str(10 + number),
                     "encap", "ip", "local", inside(number), "remote", HUB)
            site.run("ip", "l2tp", "add", "session", "tunnel_id", "20", "session_id", str(210 + number),
                     "peer_session_id", str(110 + number), "cookie", COOKIE_SITE, "peer_cookie", COOKIE_HUB,
                     "name", LINK)
            site.ip(f"link set {LINK} mtu 1380 up\naddress add 10.9.{number}.2/30 dev {LINK}\n"
                    f"route add {HUB_NET} via 10.9.{number}.1 dev {LINK} src {lan(number)}\n")

    def states(self) -> list[str]:
        """Of the hub's tunnels."""
        return [tunnel["state"] for tunnel in self.hub.ask("status")["tunnels"]]

    def all_up(self) -> bool:
        """At the hub, whether or not it answers."""
        try:
            return self.states() == ["up"] * COUNT
        except IsthmusError:
            return False

    def print_logs(self) -> None:
        """All of them, for a test that failed."""
        self.hub.print_log()
        self.strangers[0].print_log()
        hub = self.topology.hub
        print(hub.run("ip", "-s", "xfrm", "state"), hub.run("ip", "xfrm", "policy"),
              hub.run("nft", "list", "ruleset"), flush=True)

    def remove(self) -> None:
        """End everything."""
        for stranger in self.strangers:
            stranger.remove()
        self.hub.remove()


def run(report: Report) -> None:
    """The story."""
    with Natted("cr", COUNT) as topology, Capture(topology.internet) as capture:
        story = Story(topology)
        report.on_failure = story.print_logs
        try:
            with report.case("crowd.four_strangers_behind_one_translator") as facts:
                story.lay()
                start = time.monotonic()
                come_up(story)
                facts.note("seconds until all were up", round(time.monotonic() - start, 1))
                facts.note("MTU", story.hub.tunnel()["mtu"])
            with report.case("crowd.each_reaches_its_own") as facts:
                before = capture.count()
                reach(topology)
                after = capture.count()
                check(after["l2tp"] == before["l2tp"], "clear L2TP on the Internet")
                facts.note("ESP packets", after["esp"] - before["esp"])
            with report.case("crowd.another_session_id_does_not_arrive") as facts:
                intrude(story, facts.note)
        finally:
            story.remove()


def come_up(story: Story) -> None:
    """All four call at once."""
    story.hub.start()
    for number, stranger in enumerate(story.strangers, 1):
        stranger.start()
        stranger.agree(terms_of(number))
    wait_until("the hub answers", story.hub.tunnel, UP_S)
    for stranger in story.strangers:
        stranger.initiate()
    wait_until("all tunnels up", story.all_up, UP_S, 0.2)


def reach(topology: Natted) -> None:
    """From the hub to each site and back, all at once; then to one alone, while the others hear nothing."""
    streams = [Stream(topology.hub, lan(number), 20) for number in topology.spokes]
    streams += [Stream(site, HUB_LAN, 20) for site in topology.spokes.values()]
    with ExitStack() as stack:
        for stream in streams:
            stack.enter_context(stream)
            stream.wait_answer(30)
        firsts = [stream.sent for stream in streams]
        streams[-1].wait_sent(100)
    for index, stream in enumerate(streams):
        lost = stream.list_lost(firsts[index])
        what = f"stream {index}: {len(lost)} of {stream.sent - firsts[index]} lost, {lost[:1]} to {lost[-1:]}"
        check(not lost, what)
    for index, number in enumerate(topology.spokes):
        before = counts(topology)
        with Stream(topology.hub, lan(number), 50) as stream:
            stream.wait_answer(10)
            stream.wait_sent(50)
        grown = [after - was for was, after in zip(before, counts(topology))]
        check(grown[index] >= 50, f"site {number} was sent 50 packets and counted {grown[index]}")
        for other in range(COUNT):
            check(other == index or grown[other] < 25, f"site {1 + other} counted {grown[other]} packets for {number}")


def counts(topology: Natted) -> list[int]:
    """Packets that each site has received on its pseudowire."""
    found = []
    for site in topology.spokes.values():
        lines = site.run("ip", "-s", "link", "show", LINK).splitlines()
        found.append(int(lines[[index for index, line in enumerate(lines) if "RX:" in line].pop() + 1].split()[1]))
    return found


class Intruder:
    """A program on site 1 that sends frames of any session into its own SA, and a watcher on the hub."""

    def __init__(self, story: Story) -> None:
        self.story = story
        with story.topology.spokes[1]:
            self.raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, 115)
            self.raw.bind((inside(1), 0))

    def send(self, session: int, count: int = 20) -> int:
        """Send `count` frames of a session of the hub; how many came out of its interface there."""
        frame = b"\xff" * 6 + b"\x02\x00\x00\x00\x00\x99" + struct.pack(">H", ETHERTYPE) + bytes(50)
        packet = struct.pack(">I", session) + bytes.fromhex(COOKIE_SITE) + bytes(4) + frame
        with self.story.topology.hub:
            watcher = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE))
        watcher.bind((f"ist-s{session - 110}", ETHERTYPE))
        watcher.setblocking(False)
        for _ in range(count):
            self.raw.sendto(packet, (HUB, 0))
            time.sleep(0.02)  # a stream, not a burst
        time.sleep(1.0)  # all have arrived that will
        seen = 0
        try:
            while watcher.recv(2048):
                seen += 1
        except BlockingIOError:
            watcher.close()
        return seen


def intrude(story: Story, note: Callable[[str, object], None]) -> None:
    """With the guard, without its rule, with it again."""
    repairs = story.hub.ask("status")["guard"]["repairs"]
    check(repairs == 0, f"the guard was repaired {repairs} times: what is set and what is listed must be one")
    intruder = Intruder(story)
    own = intruder.send(111)
    check(own == 20, f"of 20 frames of its own session {own} arrived: the attacker does not work")
    for victim in (112, 113, 114):
        seen = intruder.send(victim)
        check(seen == 0, f"{seen} frames of site 1 arrived in session {victim}")
    hub, daemon = story.topology.hub, story.hub.process
    assert daemon is not None
    os.kill(daemon.pid, signal.SIGSTOP)  # or it would put the rule back
    try:
        listed = hub.run("nft", "-a", "list", "chain", "inet", "isthmus", "l2tp_in").splitlines()
        (rule,) = [line for line in listed if "@th,0,32 0x70 " in line]
        hub.run("nft", "delete", "rule", "inet", "isthmus", "l2tp_in", "handle", rule.split()[-1])
        seen = intruder.send(112)
        note("frames that arrive in another's session without the guard's rule, of 20", seen)
        check(seen > 0, "without the guard's rule nothing arrived either: the test proves nothing")
    finally:
        os.kill(daemon.pid, signal.SIGCONT)
    wait_until("the rule is back", lambda: "0x70" in hub.run("nft", "list", "chain", "inet", "isthmus", "l2tp_in"), 60)
    seen = intruder.send(112)
    check(seen == 0, f"{seen} frames arrived in session 112")
    note("with it", seen)
    wait_until("all tunnels up", story.all_up, UP_S, 0.2)
