"""What an attacker on the LAN, on the WAN link, or with the provider's DHCP server does. Each can be taken back."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

from tests.lab.leaks import frames as fr
from tests.lab.leaks import network as net
from tests.lab.leaks import stimuli
from tests.lab.leaks.network import packed
from tests.lab.report import check

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.leaks.stimuli import Listener
    from tests.lab.leaks.story import Story

SHADOWED = (500, 4500, 1701)
INNER = "fd69:7374:686d::77"  # of the prefix of all inner addresses
ALL_NODES, LINK_LOCAL = "ff02::1", "fe80::66"
ROUTER_ADVERT, ECHO_REQUEST, ECHO_REPLY, REDIRECT, REDIRECT6 = 134, 128, 129, 5, 137
ROUTE_INFO = 24  # RFC 4191 2.3


# On the LAN


def public_lan(story: Story) -> None:
    """The LAN has got a range of public addresses, and h1 one of them."""
    story.net.a.ip("address add 198.19.0.1/24 dev br-lan\n")
    stimuli.throw(story.net.h1, [stimuli.plain("198.19.0.2", net.SECRET)], "br-lan", "h1")
    story.net.a.ip("address del 198.19.0.1/24 dev br-lan\n")


def rogue_gateway(story: Story, source: str = net.H1) -> None:
    """h3 has told h1 by DHCP, or by RA, that h3 is the gateway; it forwards what h1 sends from this address."""
    for name in net.FORWARD:
        story.net.h3.set_sysctl(name, "1")
    story.net.h3.set_sysctl("net/ipv4/conf/all/send_redirects", "0")
    packet = stimuli.plain(source, net.SECRET6 if ":" in source else net.SECRET)
    stimuli.throw(story.net.h1, [packet], "h3", "h1")


def shadow_ports(story: Story, listener: Listener) -> set[int]:
    """h3 speaks to our peer from the ports of IKE and L2TP; the source ports that are seen outside."""
    listener.take(0)
    packets = [stimuli.plain(net.H3, net.WAN_B, port, 500, b"h3-shadow") for port in SHADOWED]
    stimuli.throw(story.net.h3, packets, "br-lan", "h3")
    return {struct.unpack_from(">H", frame, 34)[0] for frame in listener.take()}


# On the WAN link


def spoof_remote_lan(story: Story) -> int:
    """A stranger sends to h2 with a source that lives beyond the tunnel; how many packets h2 gets."""
    with stimuli.Listener(story.net.h2, "eth0", b"w-spoof") as listener:
        ways = ((net.HOST_B, net.H2), (net.HOST_B6, net.H2_6))
        packets = [stimuli.plain(source, target, body=b"w-spoof") for source, target in ways]
        stimuli.throw(story.net.w, packets, "wan0", "w")
        return len(listener.take())


def probe_inner(story: Story, address: str) -> int:
    """A stranger on the link looks for an address inside the tunnel: ping, SYN, SYN-ACK, neighbour; answers seen."""
    there = packed(address)
    here = packed(net.ATTACKER6)
    segments = [fr.ip6(here, there, fr.TCP, fr.tcp(here, there, 41000, 22, flags, b"")) for flags in
                (fr.SYN, fr.SYN | fr.ACK)]  # fmt: skip
    ping = fr.ip6(here, there, fr.ICMP6, fr.echo6(here, there, b"w-probe"))
    with stimuli.Listener(story.net.w, "eth0", there) as listener:
        listener.take(0)
        stimuli.throw(story.net.w, [*segments, ping], "wan0", "w", 3)
        return sum(frame[22:38] == there for frame in listener.take())  # an error that quotes it says nothing of it


def probe_by_arp(story: Story, address: str) -> int:
    """A stranger on the link asks who has an IPv4 address of the tunnel; how many answers name a MAC."""
    ask = struct.pack(">HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, net.packed_mac(net.MACS["w"]), packed(net.ATTACKER),
                      bytes(6), packed(address))  # fmt: skip
    with story.net.w:
        item = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
        item.bind(("eth0", 0x0806))
    with item:
        item.settimeout(0.5)
        item.send(bytes([255] * 6) + net.packed_mac(net.MACS["w"]) + b"\x08\x06" + ask)
        count = 0
        try:
            while True:
                frame = item.recv(100)
                count += frame[20:22] == b"\x00\x02" and frame[28:32] == packed(address)
        except TimeoutError:
            return count


def advertise(story: Story) -> None:
    """An attacker says that it is a router, and the best one, with routes to the sink and to everything."""
    for name, value in (("accept_ra", "2"), ("accept_ra_rt_info_max_plen", "128"), ("accept_redirects", "1")):
        story.net.a.set_sysctl(f"net/ipv6/conf/wan0/{name}", value)
    here, there = packed(LINK_LOCAL), packed(ALL_NODES)
    routes = b""
    for prefix, length in ((net.SECRET6, 128), ("2000::", 3), (net.WAN_B6, 128)):
        routes += struct.pack(">BBBBI16s", ROUTE_INFO, 3, length, 0x08, 1800, packed(prefix))
    routes += struct.pack(">BB6s", 1, 1, net.packed_mac(net.MACS["w"]))
    body = struct.pack(">BBHBBHII", ROUTER_ADVERT, 0, 0, 64, 0x08, 1800, 0, 0) + routes
    packet = fr.ip6(here, there, fr.ICMP6, fr.with_sum(here, there, fr.ICMP6, body, 2), 255)
    stimuli.throw(story.net.w, [packet], "wan0", "w", 2)
    story.pause()
    check("2000::/3" in story.net.a.run("ip", "-6", "route"), "router A does not believe w's advertisement")


def forget_advert(story: Story) -> None:
    """Forget w's routes."""
    story.net.a.run("ip", "-6", "route", "flush", "proto", "ra")
    story.net.a.set_sysctl("net/ipv6/conf/wan0/accept_ra", "0")


def icmp(kind: int, code: int, quoted: bytes, extra: bytes = bytes(4)) -> bytes:
    """An ICMP error about a packet."""
    body = struct.pack(">BBH4s", kind, code, 0, extra) + quoted
    return body[:2] + struct.pack(">H", fr.checksum(body)) + body[4:]


def redirect(story: Story) -> None:
    """An attacker says in the name of the provider's router that it knows a better way to the sink."""
    for scope in ("all", "wan0"):
        for name, value in (("accept_redirects", "1"), ("secure_redirects", "0")):
            story.net.a.set_sysctl(f"net/ipv4/conf/{scope}/{name}", value)
    quoted = stimuli.plain(net.WAN_A, net.SECRET)[:28]
    packet = fr.ip4(packed(net.ISP_A), packed(net.WAN_A), fr.ICMP, icmp(REDIRECT, 1, quoted, packed(net.ATTACKER)))
    stimuli.throw(story.net.w, [packet], "wan0", "w", 2)


def no_redirect(story: Story) -> None:
    """Forget it."""
    story.net.a.run("ip", "route", "flush", "cache")


# With the provider's DHCP server: what OpenWrt's client installs for the options 121, 249 and 33, and its address


def routes(verb: str) -> str:
    """0/1 and 128/1, and single addresses: the sink, the resolver, a host beyond the tunnel, the peer."""
    single = (net.SECRET, net.RESOLVER, net.HOST_B, net.WAN_B)
    return "".join(f"route {verb} {prefix} via {net.ISP_A} dev wan0\n" for prefix in
                   ("0.0.0.0/1", "128.0.0.0/1", *[item + "/32" for item in single]))  # fmt: skip


def option_121(story: Story) -> None:
    """Routes that are more specific than any default."""
    story.net.a.ip(routes("replace"))


def no_option_121(story: Story) -> None:
    """The lease is over."""
    story.net.a.ip(routes("del"))


def local_net(story: Story) -> None:
    """The WAN's own network holds the sink's addresses, and w answers for them."""
    story.net.w.ip(f"address add {net.SECRET}/32 dev eth0\naddress add {net.SECRET6}/128 dev eth0 nodad\n")
    story.net.a.ip("address add 198.18.0.200/24 dev wan0\naddress add 2001:db8:5::200/64 dev wan0 nodad\n")


def no_local_net(story: Story) -> None:
    """Back to its own network."""
    story.net.a.ip("address del 198.18.0.200/24 dev wan0\naddress del 2001:db8:5::200/64 dev wan0\n")
    story.net.w.ip(f"address del {net.SECRET}/32 dev eth0\naddress del {net.SECRET6}/128 dev eth0\n")


def half_the_world(story: Story) -> None:
    """The WAN's own network is half of all addresses."""
    story.net.w.ip(f"address add {net.SECRET}/32 dev eth0\n")
    story.net.a.ip("route add 128.0.0.0/1 dev wan0 scope link\n")


def no_half_the_world(story: Story) -> None:
    """Back again."""
    story.net.a.ip("route del 128.0.0.0/1 dev wan0\n")
    story.net.w.ip(f"address del {net.SECRET}/32 dev eth0\n")


TRICKS: tuple[tuple[str, Callable[[Story], None], Callable[[Story], None]], ...] = (
    ("L25_option_121", option_121, no_option_121),
    ("L26_router_advertisement", advertise, forget_advert),
    ("L26_redirect", redirect, no_redirect),
    ("L28_local_net", local_net, no_local_net),
    ("L28_half_the_world", half_the_world, no_half_the_world),
)
