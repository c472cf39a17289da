"""The policy is on: every kind of packet, every source, every helper. Told twice: the tunnel blocked, and carrying."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.lab.leaks import attacks, fw4, stimuli
from tests.lab.leaks import frames as fr
from tests.lab.leaks import network as net
from tests.lab.leaks.story import H1_BOUND, rule, site_a
from tests.lab.report import check

if TYPE_CHECKING:
    from tests.lab.leaks.story import Story

# Which kinds of canary tell which row of the table.
V6 = ("ipv6-tcp", "ipv6-tcp-syn", "ipv6-udp", "ipv6-dns", "ipv6-icmp", "ipv6-udp-500", "ipv6-gre", "ipv6-esp",
      "ipv6-sctp", "ipv6-proto-255", "ipv6-peer-udp", "ipv6-temporary", "ipv6-ula", "ipv6-link-local")  # fmt: skip
KINDS = (
    ("L19_ipv6", V6),
    ("L20_ipv6_in_ipv4", ("6in4", "teredo", "ipv6-nat64")),
    ("L21_ipv6_only_target", ("ipv6-tcp-syn", "ipv6-icmp", "ipv6-udp")),
    ("L22_dns_elsewhere", ("dns", "ipv6-dns", "tcp-853", "udp-quic", "tcp")),
    ("L30_the_peer_itself", ("peer-ike", "peer-natt", "peer-tcp", "peer-esp", "ipv6-peer-udp")),
    ("L34_other_protocols", ("sctp", "gre", "esp", "ah", "ipip", "proto-255", "l2tp-ip", "ipv6-sctp", "ipv6-gre",
                             "ipv6-esp", "ipv6-proto-255")),
    ("L35_pieces_and_sizes", ("fragment-1", "fragment-2", "big", "icmp", "ipv6-icmp")),
)  # fmt: skip


def only_esp(story: Story) -> None:
    """L02: the tunnel is up, and the Internet sees ESP."""
    with story.watch("L02_up", carried=True) as facts:
        count = story.secret.count
        story.span(2)
        facts.note("canaries at the sink, through router B", story.secret.count - count)
        check(story.secret.count > count, "nothing came through the tunnel")


def kinds(story: Story, when: str) -> None:
    """L19, L20, L21, L22, L30, L34, L35: each by its own kinds of canary."""
    for name, chosen in KINDS:
        with story.watch(f"{name}_{when}"):
            story.h1.fly(story.rate, chosen)
            story.span(0.5)
    story.h1.fly(story.rate)


def to_everybody(story: Story) -> None:
    """L22, L35: multicast (mDNS and LLMNR too), broadcast, and an ICMP error that quotes a packet of h1's."""
    groups = ("239.1.1.1", "224.0.0.251", "224.0.0.252", "255.255.255.255", "192.168.10.255", "198.18.0.255")
    packets = [stimuli.plain(net.H1, target) for target in groups]
    packets += [stimuli.plain(net.H1_6, target) for target in ("ff0e::1", "ff02::fb", "ff05::2")]
    quoted = stimuli.plain(net.H1, net.SECRET)
    packets.append(fr.ip4(net.packed(net.H1), net.packed(net.SECRET), fr.ICMP, attacks.icmp(3, 4, quoted[:60])))
    with story.watch("L35_to_everybody"):
        stimuli.throw(story.net.h1, packets, "br-lan", "h1")


def helpers(story: Story, when: str) -> None:
    """L22, L23: the router's DNS forwarder, proxy and UPnP do nothing for h1."""
    with stimuli.Relays(story.net.a) as relays:
        with story.watch(f"L22_router_dns_{when}", "L22") as facts:
            stimuli.ask_router(story)
            facts.note("questions that the router's helpers got", relays.heard)
        with story.report.case(f"leak.L23_relays_{when}"):
            check("L23" in story.proven, "its control has not been seen")
            check(relays.heard == 0, f"the router's helpers heard {relays.heard} questions of h1's")


def pretending(story: Story, when: str) -> None:
    """L27, L29, L31: other addresses, other MACs, another gateway, a LAN of public addresses."""
    for mac, packets in stimuli.games():
        with story.watch(f"L31_from_{mac}_{when}", f"L31_{mac}"):
            stimuli.throw(story.net.h1 if mac == "h1" else story.net.h3, packets, "br-lan", mac)
    with story.watch(f"L29_public_lan_{when}", "L29"):
        attacks.public_lan(story)
    with story.watch(f"L27_rogue_dhcp_{when}", "L27"):
        attacks.rogue_gateway(story)


def rogue_router(story: Story) -> None:
    """L27: with IPv6 nobody knows from a MAC which addresses it has: the rule names them as well."""
    with story.watch("L27_rogue_ra", "L27_ipv6"):
        story.apply(site_a(rule("cameras", H1_BOUND, f"list from '{net.H1_6}'")))
        attacks.rogue_gateway(story, net.H1_6)
    story.apply(story.text)


def called(story: Story, when: str) -> None:
    """L32: a port forward to h1 is called."""
    with story.watch(f"L32_port_forward_{when}", "L32"), stimuli.caller(story, fw4.FORWARDED_PORT):
        story.pause()


def ftp_calls(story: Story) -> None:
    """L33: the second announced port, of a control connection from before the policy."""
    with story.watch("L33_helper", "L33"):
        check(story.ftp is not None, "there is no control connection")
        if story.ftp is not None:
            story.ftp.call()
            story.ftp.close()
            story.ftp = None


def shadow(story: Story) -> None:
    """L24: nobody on the LAN keeps a source port that the router's own tunnel needs."""
    with story.report.case("leak.L24_port_shadow") as facts:
        check("L24" in story.proven, "its control has not been seen")
        with stimuli.Listener(story.net.isp, "wan-a", b"h3-") as listener:
            kept = attacks.shadow_ports(story, listener)
        facts.note("source ports outside", sorted(kept))
        check(kept, "nothing of h3's was seen: it is free")
        check(not kept & set(attacks.SHADOWED), f"kept: {kept & set(attacks.SHADOWED)}")
        story.carries()


def strangers(story: Story) -> None:
    """L39, L40: with no firewall but ours."""
    fw4.stop(story.net.a)
    try:
        with story.report.case("leak.L39_spoofed_source"):
            check("L39" in story.proven, "its control has not been seen")
            got = attacks.spoof_remote_lan(story)
            check(got == 0, f"h2 got {got} packets with a source that lives beyond the tunnel")
        with story.report.case("leak.L40_tunnel_address") as facts:
            check("L40" in story.proven, "its control has not been seen")
            addresses = story.inner_addresses()
            facts.note("addresses inside the tunnel", addresses)
            check(addresses, "router A has none")
            for address in addresses:
                count = (attacks.probe_inner if ":" in address else attacks.probe_by_arp)(story, address)
                check(count == 0, f"{count} answers for {address} on the WAN link")
    finally:
        fw4.load(story.net.a)


def tricks(story: Story, when: str) -> None:
    """L25, L26, L28: what DHCP, RA, redirects and addresses say changes nothing for h1."""
    for name, begin, end in attacks.TRICKS:
        with story.watch(f"{name}_{when}", name):
            begin(story)
            story.span(0.7)
        end(story)


def peer_is_the_target(story: Story) -> None:
    """L30: a spoofed name made the sink the peer. Only IKE of the router's own goes there."""
    with story.watch("L30_spoofed_peer"):
        story.oracle.allow = lambda packet: packet.protocol == fr.UDP and packet.dport in (500, 4500) and (
            b"-canary" not in packet.frame and packet.target == net.packed(net.SECRET))  # fmt: skip
        story.apply(story.text.replace(net.WAN_B, net.SECRET))
        story.span(2)
    story.oracle.allow = None
    story.apply(story.text)


def free_and_reachable(story: Story) -> None:
    """L43: h1 is blocked; h2 is free, h1 reaches the router's pages, and the router answers h2's names."""
    with story.watch("L43_free_host", carried=False) as facts:
        count, begin = story.open.count, time.monotonic()
        story.span(1.5)
        facts.note("canaries of the free host at the sink", story.open.count - count)
        gaps = story.open.gaps(begin, time.monotonic(), 0.5)
        check(story.open.count > count and gaps < 1, f"the free host was silent for {gaps} s")
    with story.report.case("leak.L43_pages_reachable"):
        for port, wanted in ((443, True), (22, True), (8443, False)):
            for address in (net.GATEWAY, net.GATEWAY_6):
                seen = stimuli.reaches(story, address, port)
                check(seen == wanted, f"h1 to the router's {address} port {port}: {seen}, not {wanted}")
