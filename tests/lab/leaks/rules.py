"""What the rules themselves say: exact exceptions, two tunnels, flows that were offloaded, the self-test."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, Any

from isthmus.edge.control import ask
from isthmus.policy.trial import NOT_PROVEN, TARGETS
from tests.lab.leaks import fw4, stimuli
from tests.lab.leaks import network as net
from tests.lab.leaks.frames import ESP, MARKERS, UDP
from tests.lab.leaks.oracle import ALLOWED, IKE
from tests.lab.leaks.story import rule, site_a
from tests.lab.namespace import wait_until
from tests.lab.report import check
from tests.lab.site import PSK, Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.leaks.oracle import Packet
    from tests.lab.leaks.story import Story

PROBED = [target for targets in TARGETS.values() for target in targets]
EXCEPTION = f"""\
config exception 'clock'
	list rule 'cameras'
	list to '{net.EXCEPTED}'
	list port 'udp:123'
"""
OTHER = f"""\
config tunnel 'other'
	option remote '{net.ATTACKER}'
	option psk '{PSK}'
	option local_id 'a'
	option remote_id 'c'
	list remote_subnet '192.168.30.0/24'
"""
SITE_C = f"""\
config tunnel 'head'
	option remote '{net.WAN_A}'
	option psk '{PSK}'
	option local_id 'c'
	option remote_id 'a'
	list remote_subnet '{net.LAN_A}'
	list remote_subnet '{net.LAN_A6}'
	option internet '1'
"""


def is_excepted(packet: Packet) -> bool:
    """What the exception names, and nothing beside it."""
    return packet.target == net.packed(net.EXCEPTED) and packet.dport == 123


def ask_clock(story: Story) -> int:
    """h1 asks what is excepted, and its neighbours in port and address; how much of the excepted was seen."""
    before = story.oracle.look()[ALLOWED]
    packets = [stimuli.plain(net.H1, net.EXCEPTED, 42000, 123), stimuli.plain(net.H1, net.EXCEPTED, 42000, 124),
               stimuli.plain(net.H1, net.OPEN, 42000, 123), stimuli.hello(net.H1, net.EXCEPTED, 42000, 123),
               stimuli.plain(net.H1_6, net.SECRET6, 42000, 123)]  # fmt: skip
    stimuli.throw(story.net.h1, packets, "br-lan", "h1")
    story.pause()
    return story.oracle.look()[ALLOWED] - before


def exceptions(story: Story) -> None:
    """L42: exact in destination and port; over on time, daemon or not; a clock set back opens nothing."""
    story.oracle.allow = is_excepted
    with story.watch("L42_exact", carried=True):
        story.apply(site_a(rule(), EXCEPTION))
        check(ask_clock(story) > 0, "the exception was not seen")
    with story.watch("L42_removed", carried=True):
        story.apply(story.text)
        check(ask_clock(story) == 0, "the exception still holds")
    if os.environ.get("ISTHMUS_LAB") == "vm":  # elsewhere the clock is the host's
        expiry(story)
    story.oracle.allow = None
    story.apply(story.text)


def expiry(story: Story) -> None:
    """The wall clock reaches the end of an exception while no daemon runs, and is set back afterwards."""
    until = time.strftime("%Y-%m-%d %H:%M", time.gmtime(time.time() + 600))
    with story.watch("L42_expires"):
        story.apply(site_a(rule(), EXCEPTION + f"\toption until '{until}'\n"))
        check(ask_clock(story) > 0, "the exception was not seen before its end")
        story.a.kill()
        with clock_moved(700):
            check(ask_clock(story) == 0, "the exception holds after its end")
            story.a.start()
            story.guarded()
            check(ask_clock(story) == 0, "the exception holds again after a start")
        check(ask_clock(story) == 0, "a clock set back has opened the exception again")


@contextlib.contextmanager
def clock_moved(seconds: int) -> Iterator[None]:
    """The wall clock is ahead in here."""
    time.clock_settime(time.CLOCK_REALTIME, time.time() + seconds)
    try:
        yield
    finally:
        time.clock_settime(time.CLOCK_REALTIME, time.time() - seconds)


def is_of_second_tunnel(packet: Packet) -> bool:
    """ESP and IKE between router A and the second peer, and nothing of h1's that could be read."""
    is_ike = packet.protocol == UDP and packet.sport in IKE and packet.dport in IKE
    if MARKERS["h1"] in packet.frame or not (packet.protocol == ESP or is_ike):
        return False
    return {packet.source, packet.target} == {net.packed(net.WAN_A), net.packed(net.ATTACKER)}


def ways(story: Story) -> set[str]:
    """Behind which addresses h1's canaries reach the sink just now."""
    with stimuli.Listener(story.net.sink, "eth0", MARKERS["h1"]) as listener:
        frames = listener.take(1.0)
    found = {frame[26:30] for frame in frames if frame[12:14] == b"\x08\x00"}
    return {".".join(str(byte) for byte in address) for address in found}


def two_tunnels(story: Story) -> None:
    """L41: of two tunnels that stand, h1 takes the one it is told, and the second only when it is told so."""
    for name in net.FORWARD:
        story.net.w.set_sysctl(name, "1")
    third = Site(story.net.w, SITE_C, True)
    story.oracle.allow = is_of_second_tunnel
    try:
        third.start()
        with story.watch("L41_two_tunnels", carried=True) as facts:
            story.apply(site_a(rule()) + OTHER)
            wait_until("the second tunnel", lambda: third.tunnel().get("state") == "up", 180, 0.1)
            seen = ways(story)
            facts.note("behind which addresses h1 is seen", sorted(seen))
            check(seen == {net.WAN_B}, f"h1 is seen behind {seen}")
        with story.watch("L41_first_is_gone"):
            story.order("down")
            wait_until("silence at the sink", lambda: ways(story) - {net.WAN_B} or not ways(story), 20, 0.1)
            seen = ways(story)
            check(not seen, f"h1 has taken another way, which its rule does not name: {seen}")
        with story.watch("L41_ordered_list") as facts:
            text = site_a(rule().replace("list via 'branch'", "list via 'branch'\n\tlist via 'other'")) + OTHER
            story.apply(text)
            wait_until("the second of the list", lambda: ways(story) == {net.ATTACKER}, 120, 0.1)
            story.order("up")
            wait_until("the first of the list", lambda: ways(story) == {net.WAN_B}, 120, 0.1)
    finally:
        story.apply(story.text)
        third.remove()
        story.pause()
        story.oracle.allow = None


def offloaded(story: Story) -> None:
    """L17: flows that the firewall has offloaded; then the rule comes. Before that none: L01 again."""
    story.apply(site_a())
    fw4.load(story.net.a, offload=True)
    story.secret.mirror(True)
    with story.control("L17") as facts:
        story.h1.wait(1500)
        offloads = offloaded_flows(story)
        facts.note("offloaded flows of h1's", offloads)
        check(offloads > 0, "no flow of h1's was offloaded: this test could not fail")
    story.secret.mirror(False)
    story.pause()
    story.apply(story.text)
    with story.watch("L17_offloaded_before", "L17"):
        story.span(2)
        check(offloaded_flows(story) == 0, "a flow of h1's is still offloaded")
    fw4.load(story.net.a)


def offloaded_flows(story: Story) -> int:
    """How many flows of h1's pass by all chains, and not through the tunnel: those have its mark."""
    rows = story.tracked(f"src={net.H1} ")
    return len([line for line in rows if "OFFLOAD" in line and " mark=0 " in line])


def self_test(story: Story, state: str) -> None:
    """L47: what `isthmus policy test` says is what the oracle sees. It has a probe of a free host that must leave."""
    story.oracle.allow = is_probe
    with story.watch(f"L47_self_test_{state}") as facts:
        before = story.oracle.look()[ALLOWED]
        folder = str(story.a.folder / "run")
        ask(folder, {"command": "policy-test"}, 60_000)
        answer = wait_until("the self-test's answer", lambda: look_at_test(folder), 60, 0.2)
        rows = {row["name"]: row for row in answer["rules"]}
        facts.note("verdict", rows["cameras"]["verdict"])
        facts.note("its free probe, seen outside", story.oracle.look()[ALLOWED] - before)
        # On a machine that is too slow it may say that it knows nothing; never may it be green, or red, without cause.
        check(rows["cameras"]["verdict"] in (state, NOT_PROVEN), f"{rows['cameras']} {answer['notes']}")
        check(story.oracle.counts[ALLOWED] > before, "the probe of the free host was not seen outside")
    story.oracle.allow = None


def look_at_test(folder: str) -> dict[str, Any]:
    """What the self-test has found, {} while it runs."""
    answer = ask(folder, {"command": "policy-test", "look": True}, 60_000)
    return {} if answer["running"] else answer


def is_probe(packet: Packet) -> bool:
    """The self-test's own, of a host that nothing holds."""
    return packet.target in PROBED and MARKERS["h1"] not in packet.frame
