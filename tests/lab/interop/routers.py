"""The whole daemon on router A, a peer on router B, L2TPv3 in transport mode between them, pings from LAN to LAN."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from isthmus.errors import IsthmusError
from isthmus.proto import actions
from isthmus.wire.addr import parse_ip
from tests.lab.capture import Capture
from tests.lab.interop import losses, pseudowire
from tests.lab.interop.cells import ROLES
from tests.lab.interop.terms import PSK, Terms
from tests.lab.namespace import wait_until
from tests.lab.natted import forget_flows
from tests.lab.ping import Stream
from tests.lab.report import check
from tests.lab.site import Site
from tests.lab.topology import HOST_B, WAN_A, WAN_B

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.interop.story import Story
    from tests.lab.namespace import Namespace
    from tests.lab.report import Facts

TERMS = Terms("aes256gcm16-prfsha256-x25519", "aes256gcm16")
LIMIT_S = 60.0
PINGS = 20
# Who is behind the translator is reached at its address, as with a router that forwards the two ports.
NAT = """\
table ip nat {{
    chain out {{
        type nat hook postrouting priority 100;
        ip saddr {inside} snat to {outside}
    }}
    chain in {{
        type nat hook prerouting priority -100;
        ip daddr {outside} udp dport {{ 500, 4500 }} dnat to {inside}
    }}
}}
"""
OUTSIDE_A, OUTSIDE_B = "203.0.113.1", "198.51.100.1"  # the Internet's own addresses on the far side


def run(story: Story) -> None:
    """In the clear air, with rekeys under load, then with a translator on either side."""
    with daemon(story) as site:
        for role in ROLES:
            with contextlib.ExitStack() as stack:
                with story.cells(role, "transport") as facts:
                    stack.enter_context(tunnel(story, site, role))
                    carry(story, role, facts)
                with story.cells(role, "rekey_loss") as facts:
                    losses.rekey_under_load(story, site, facts)
        for role in ROLES:
            with story.cells(role, "nat_ours") as facts, translated(story, WAN_A, OUTSIDE_A), \
                    tunnel(story, site, role, OUTSIDE_A):
                carry(story, role, facts)
            with story.cells(role, "nat_theirs") as facts, translated(story, WAN_B, OUTSIDE_B), \
                    tunnel(story, site, role, OUTSIDE_B):
                carry(story, role, facts)


@contextlib.contextmanager
def daemon(story: Story) -> Iterator[Site]:
    """The whole daemon on router A, in the engine's place."""
    story.us.let_go()
    site = Site(story.topology.router_a, pseudowire.NOTHING, True)
    try:
        site.start()
        yield site
    finally:
        site.remove()
        story.us.take_again()


@contextlib.contextmanager
def translated(story: Story, inside: str, outside: str) -> Iterator[None]:
    """A translator before one of the two routers."""
    internet = story.topology.internet
    internet.nft(NAT.format(inside=inside, outside=outside))
    forget_flows(internet)
    try:
        yield
    finally:
        internet.nft("delete table ip nat\n")


@contextlib.contextmanager
def tunnel(story: Story, site: Site, role: str, outside: str = "") -> Iterator[None]:
    """The daemon on router A and the peer have a tunnel; outside: the translator's address, where there is one."""
    peer = story.peer
    remote = outside if outside == OUTSIDE_B else WAN_B
    peer.remote = outside if outside == OUTSIDE_A else WAN_A
    peer.inside = WAN_A if outside == OUTSIDE_A else ""
    extra = ["option role 'respond'"] if role == actions.RESPONDER else []
    extra += [f"option peer_inside '{WAN_B}'"] if outside == OUTSIDE_B and peer.wants_inside else []
    peer.lay()
    try:
        peer.agree(TERMS)
        wait_until("the daemon", lambda: is_reloaded(site, pseudowire.configure_isthmus(remote, PSK, *extra)), LIMIT_S)
        if role == actions.RESPONDER:
            peer.initiate()
        site.wait_state("up", limit=LIMIT_S)
        yield
    except Exception:
        show(story, site)
        raise
    finally:
        is_reloaded(site, pseudowire.NOTHING)
        peer.terminate()
        peer.take_up()
        peer.remote, peer.inside = WAN_A, ""
        forget_sas(story.topology.router_b)


def is_reloaded(site: Site, text: str) -> bool:
    """Give the daemon another configuration; False while it does not answer."""
    site.write(text)
    try:
        site.ask("reload")
    except IsthmusError:
        return False
    return True


def forget_sas(namespace: Namespace) -> None:
    """What a peer leaves behind that was told to forget."""
    namespace.ip("xfrm state flush\nxfrm policy flush\n")


def show(story: Story, site: Site) -> None:
    """What is known when it fails."""
    site.print_log()
    print(site.tunnel())
    for router in (story.topology.router_a, story.topology.router_b):
        print(router.run("ip", "-s", "xfrm", "state"), router.run("ip", "xfrm", "policy"))


def carry(story: Story, role: str, facts: Facts) -> None:
    """LAN reaches LAN, in ESP and in nothing else."""
    topology = story.topology
    with Capture(topology.internet) as capture, Stream(topology.host_a, HOST_B, 20) as stream:
        stream.wait_answer(LIMIT_S)
        first = stream.wait_sent(0)
        stream.wait_sent(PINGS)
        stream.stop()
        lost = stream.list_lost(first)
        check(not lost, f"{len(lost)} of {stream.sent - first} pings lost")
        # Only ours: the peer's router has no guard, and what its kernel likes to send is its own affair.
        ours = [packet for packet in capture.take_packets("l2tp") if packet[26:30] == parse_ip(WAN_A)]
        check(not ours, f"{len(ours)} clear L2TP packets of ours on the Internet")
        seen = capture.count()["esp"]
        check(seen >= 2 * PINGS, f"{seen} ESP packets on the Internet only")
        facts.note(f"{story.peer.stack} {role}: ESP packets for {stream.sent} pings", seen)
