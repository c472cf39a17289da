"""The policy is off, and whatever a later test does is done once: what the oracle misses now, that test cannot find."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from tests.lab import namespace
from tests.lab.leaks import attacks, fw4, stimuli
from tests.lab.leaks import network as net
from tests.lab.report import check

if TYPE_CHECKING:
    from tests.lab.leaks.story import Story


def every_kind(story: Story) -> None:
    """L01: every kind of canary leaves router A in the clear."""
    with story.control("L01") as facts:
        for _ in range(20):
            story.h1.wait(len(story.h1.frames) * 3)
            story.pause()
            story.oracle.look()
            missing = [frame.name for place, frame in enumerate(story.h1.frames)
                       if frame.leaves and not story.oracle.kinds.get(place)]  # fmt: skip
            if not missing:
                break
        check(not missing, f"these kinds of canary were not seen: {missing}")
        check(story.secret.count > 0 and story.open.count > 0, "the sink hears nothing")
        facts.note("kinds of canary", len(story.h1.frames))
    # From here on each control is about one thing: the steady canaries would hide it.
    story.h1.fly(0)


def helpers(story: Story) -> None:
    """L22, L23: what h1 asks of the router's DNS forwarder, proxy and UPnP goes on to the Internet."""
    with stimuli.Relays(story.net.a) as relays, story.control("L22") as facts:
        stimuli.ask_router(story)
        time.sleep(0.3)
        facts.note("questions that the router's helpers got", relays.heard)
        check(relays.heard >= len(stimuli.RELAYED_UDP) * 3, f"the helpers heard {relays.heard} questions only")
    story.proven.add("L23")


def pretending(story: Story) -> None:
    """L31: under another's address, under an address of nobody, from another's port."""
    for mac, packets in stimuli.games():
        with story.control(f"L31_{mac}"):
            stimuli.throw(story.net.h1 if mac == "h1" else story.net.h3, packets, "br-lan", mac)
    with story.control("L29"):
        attacks.public_lan(story)
    for name, source in (("L27", net.H1), ("L27_ipv6", net.H1_6)):
        with story.control(name):
            attacks.rogue_gateway(story, source)


def called_from_outside(story: Story) -> None:
    """L32: the answer to a call through a port forward leaves."""
    with story.control("L32"), stimuli.caller(story, fw4.FORWARDED_PORT):
        story.pause()


def helper_opens(story: Story) -> None:
    """L33: FTP's helper opens a way in for a connection that belongs to another; its answer leaves."""
    with contextlib.suppress(namespace.LabError):  # a kernel that has them built in; without them the control fails
        namespace.run(["modprobe", "-a", "nf_conntrack_ftp", "nf_nat_ftp"])
    fw4.load(story.net.a, helper=True)
    story.ftp = stimuli.Ftp(story)
    with story.control("L33"):
        story.ftp.call()
    story.ftp.announce_next()
    fw4.load(story.net.a)


def shadow(story: Story) -> None:
    """L24: a LAN host's source port 500 stays 500 outside, where it takes the place of the router's own."""
    with story.report.case("leak.L24_control") as facts, stimuli.Listener(story.net.isp, "wan-a", b"h3-") as listener:
        kept = attacks.shadow_ports(story, listener)
        facts.note("source ports outside", sorted(kept))
        check(set(attacks.SHADOWED) & kept, f"no port was kept: {kept}")
        story.proven.add("L24")


def spoofed_from_outside(story: Story) -> None:
    """L39, L40: a stranger's packets with a source beyond the tunnel reach the LAN; an inner address answers him."""
    fw4.stop(story.net.a)
    with story.report.case("leak.L39_control"):
        check(attacks.spoof_remote_lan(story) > 0, "h2 got nothing: the test could not fail")
        story.proven.add("L39")
    story.net.a.ip(f"address add {attacks.INNER}/128 dev lo\n")
    with story.report.case("leak.L40_control"):
        check(attacks.probe_inner(story, attacks.INNER) > 0, "no answer: the test could not fail")
        story.proven.add("L40")
    story.net.a.ip(f"address del {attacks.INNER}/128 dev lo\n")
    fw4.load(story.net.a)


def uplink_tricks(story: Story) -> None:
    """L25, L26, L28: what DHCP, RA and addresses do to the way of h1's packets; with the policy off they leave."""
    story.h1.fly(200)
    for name, begin, end in attacks.TRICKS:
        with story.control(name):
            begin(story)
            story.pause()
        end(story)
    story.h1.fly(0)


def run(story: Story) -> None:
    """All of them; afterwards the canaries fly again."""
    for step in (every_kind, helpers, pretending, called_from_outside, helper_opens, shadow, spoofed_from_outside,
                 uplink_tricks):  # fmt: skip
        step(story)
    story.h1.fly(story.rate)
