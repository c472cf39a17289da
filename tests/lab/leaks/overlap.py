"""L44: both sites have 192.168.1.0/24. Each appears to the other under an alias: ping and TCP, both ways."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from tests.lab.leaks import network as net
from tests.lab.leaks.story import LANS_B, TUNNEL_B, rule, site_a
from tests.lab.ping import Stream
from tests.lab.report import check

if TYPE_CHECKING:
    from tests.lab.leaks.story import Story
    from tests.lab.namespace import Namespace

SAME, HOST, GATEWAY = "192.168.1.0/24", "192.168.1.2", "192.168.1.1"
A_SHOWN, B_SHOWN = "10.66.1", "10.66.2"
PORT = 5044
ALIAS = f"""\
config alias '{{name}}'
	option tunnel '{{tunnel}}'
	option subnet '{SAME}'
	option as '{{shown}}.0/24'
"""


def renumber(story: Story) -> None:
    """The same network behind both routers: the same gateway, a host of the same address."""
    for router, ifname in ((story.net.a, "br-lan"), (story.net.b, "lan0")):
        router.ip(f"address replace {GATEWAY}/24 dev {ifname}\n")
    for host, there in ((story.net.h2, B_SHOWN), (story.net.hb, A_SHOWN)):
        host.ip(f"address replace {HOST}/24 dev eth0\nroute replace {there}.0/24 via {GATEWAY} src {HOST}\n")


def talk(client: Namespace, server: Namespace, address: str) -> str:
    """A TCP connection from one host to the other's alias; what the server sees the client as."""
    with server:
        listener = socket.create_server((HOST, PORT))
    with client:
        item = socket.socket()
    with listener, item:
        item.settimeout(20)
        listener.settimeout(20)
        item.connect((address, PORT))
        peer, (seen, _) = listener.accept()
        with peer:
            peer.settimeout(20)
            item.sendall(b"a word")
            check(peer.recv(100) == b"a word", "another word has arrived")
            peer.sendall(b"an answer")
            check(item.recv(100) == b"an answer", "another answer has arrived")
    return str(seen)


def both_ways(story: Story) -> None:
    """L44: ping and TCP from each side to the other's alias, while h1 is held as ever."""
    renumber(story)
    with story.watch("L44_overlap") as facts:
        text = site_a(rule(), ALIAS.format(name="here", tunnel="branch", shown=A_SHOWN))
        story.b.write(
            TUNNEL_B.replace(net.LAN_A, A_SHOWN + ".0/24") + f"\tlist remote_subnet '{net.LAN_A}'\n"
            + LANS_B + ALIAS.format(name="there", tunnel="head", shown=B_SHOWN)
        )  # fmt: skip
        story.b.ask("reload")
        story.apply(text.replace(net.LAN_B + "'", B_SHOWN + ".0/24'"))
        story.carries()
        for client, server, shown, mine in ((story.net.h2, story.net.hb, B_SHOWN, A_SHOWN),
                                            (story.net.hb, story.net.h2, A_SHOWN, B_SHOWN)):  # fmt: skip
            with Stream(client, shown + ".2", 50) as stream:
                stream.wait_answer()
            seen = talk(client, server, shown + ".2")
            facts.note(f"{shown}.2 sees the other as", seen)
            check(seen == mine + ".2", f"the client appears as {seen}, not {mine}.2")
    story.b.write(story.text_b)
    story.b.ask("reload")
    story.apply(story.text)
    story.carries()
