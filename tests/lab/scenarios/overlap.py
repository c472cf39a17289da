"""Two sites that both have 192.168.1.0/24: each shows its own under another prefix, or one of them does it for both.

Pings, names and a megabyte of TCP each way, with the firewall's flow table on.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import threading
from typing import TYPE_CHECKING

from tests.lab.namespace import run as run_lab
from tests.lab.natted import forget_flows
from tests.lab.ping import Stream
from tests.lab.report import check
from tests.lab.site import ETC, Site, three_lines
from tests.lab.topology import WAN_A, WAN_B, Topology

if TYPE_CHECKING:
    from tests.lab.namespace import Namespace
    from tests.lab.report import Report

SAME, GATEWAY = "192.168.1.0/24", "192.168.1.1"
HOST_A, HOST_B = "192.168.1.20", "192.168.1.30"
A_SHOWN, B_SHOWN = "10.66.1", "10.66.2"
A_AT_B, B_AT_A = A_SHOWN + ".20", B_SHOWN + ".30"
PORT, SIZE = 8000, 1_000_000
GLOBALS = "config globals\n\tlist lan 'lan0'\n"
ALIAS = """\
config alias '{name}'
	option tunnel '{tunnel}'
	option subnet '192.168.1.0/24'
	option as '{shown}.0/24'
	option side '{side}'
	list name '{host}'
"""
OURS = ALIAS.format(name="ours", tunnel="b", shown=A_SHOWN, side="local", host="scanner=" + HOST_A)
THEIRS = ALIAS.format(name="theirs", tunnel="b", shown=B_SHOWN, side="remote", host="printer=" + HOST_B)
AT_B = ALIAS.format(name="ours", tunnel="a", shown=B_SHOWN, side="local", host="printer=" + HOST_B)
TUNNEL_A = GLOBALS + three_lines("b", WAN_B, B_SHOWN + ".0/24")
TUNNEL_B = GLOBALS + three_lines("a", WAN_A, A_SHOWN + ".0/24")
OFFLOAD = """
table inet fw4 {
    flowtable ft {
        hook ingress priority 0
        devices = { lan0, wan0 }
    }
    chain forward {
        type filter hook forward priority filter; policy accept;
        meta l4proto { tcp, udp } flow add @ft
        counter
    }
}
"""


class Same(Topology):
    """The topology, with one network behind both routers, and in each site a twin of the other's host."""

    def build(self) -> None:
        """As ever, then other addresses."""
        super().build()
        for router, host, own, twin in (
            (self.router_a, self.host_a, HOST_A, HOST_B), (self.router_b, self.host_b, HOST_B, HOST_A),
        ):  # fmt: skip
            router.ip(f"address flush dev lan0 scope global\naddress add {GATEWAY}/24 dev lan0\n")
            host.ip(f"address flush dev eth0 scope global\naddress add {own}/24 dev eth0\n"
                    f"address add {twin}/24 dev eth0\nroute replace default via {GATEWAY} src {own}\n")


def run(report: Report) -> None:
    """Both ways to translate, each with its own pair of daemons."""
    for word, text_a, text_b in (
        ("local", TUNNEL_A + OURS, TUNNEL_B + AT_B), ("remote", TUNNEL_A + OURS + THEIRS, TUNNEL_B),
    ):  # fmt: skip
        with Same("ov") as lab:
            a, b = Site(lab.router_a, text_a, True), Site(lab.router_b, text_b, True)
            report.on_failure = a.print_log
            try:
                a.start()
                b.start()
                a.wait_state("up")
                b.wait_state("up")
                pings(report, lab, "overlap.side_" + word)
                theirs = hosts(b, "ours") if word == "local" else hosts(a, "theirs")
                names(report, lab, "overlap.side_" + word, (theirs, hosts(a, "ours")))
                megabytes(report, lab, "overlap.side_" + word)
                lab.router_a.nft(OFFLOAD)
                forget_flows(lab.router_a)
                megabytes(report, lab, "overlap.side_" + word + "_offloaded", offloaded=True)
            finally:
                a.remove()
                b.remove()


def pings(report: Report, lab: Same, name: str) -> None:
    """Hosts and routers, both ways; both routers have .1."""
    with report.case(name + ".ping"):
        for client, address in (
            (lab.host_a, B_AT_A), (lab.host_b, A_AT_B), (lab.host_a, B_SHOWN + ".1"), (lab.host_b, A_SHOWN + ".1"),
            (lab.router_a, B_AT_A), (lab.router_b, A_AT_B),
        ):  # fmt: skip
            with Stream(client, address, 50) as stream:
                stream.wait_answer()
                first = stream.sent
                stream.wait_sent(20)
                stream.stop()
                check(not stream.list_lost(first), f"{client.name} to {address}: {len(stream.list_lost(first))} lost")


def megabytes(report: Report, lab: Same, name: str, *, offloaded: bool = False) -> None:
    """There and back over one TCP connection, from each side."""
    with report.case(name + ".tcp") as facts:
        for client, server, address, own, seen in (
            (lab.host_a, lab.host_b, B_AT_A, HOST_B, A_AT_B), (lab.host_b, lab.host_a, A_AT_B, HOST_A, B_AT_A),
        ):  # fmt: skip
            got, peer, here, flows = exchange(client, server, address, lab.router_a)
            check(got == 2 * SIZE, f"{client.name} to {address}: {got} of {2 * SIZE} bytes")
            check((peer, here) == (seen, own), f"{address} is {here} and sees {peer}: wanted {own} and {seen}")
            facts.note("offloaded to " + address, flows.count("OFFLOAD"))
            check(("OFFLOAD" in flows) == offloaded, f"the flow table has {flows.count('OFFLOAD')} connections")


def exchange(client: Namespace, server: Namespace, address: str, router: Namespace) -> tuple[int, str, str, str]:
    """(bytes that arrived there and back, whom the server sees, where it answers, what router A tracks meanwhile)."""
    with server:
        listener = socket.create_server(("", PORT))
    with client:
        item = socket.socket()
    with listener, item:
        for sock in (listener, item):
            sock.settimeout(60)
        item.connect((address, PORT))
        connection, (peer, _) = listener.accept()
        with connection:
            connection.settimeout(60)
            here = connection.getsockname()[0]
            sender = threading.Thread(target=item.sendall, args=(bytes(SIZE),), daemon=True)
            sender.start()
            got = read(connection)
            sender.join()
            flows = router.run("cat", "/proc/net/nf_conntrack")
            sender = threading.Thread(target=connection.sendall, args=(bytes(SIZE),), daemon=True)
            sender.start()
            got += read(item)
            sender.join()
    return got, peer, here, flows


def read(sock: socket.socket) -> int:
    """How much comes, up to SIZE."""
    got = 0
    with contextlib.suppress(TimeoutError):
        while got < SIZE:
            data = sock.recv(65536)
            if not data:
                break
            got += len(data)
    return got


def names(report: Report, lab: Same, name: str, texts: tuple[str, str]) -> None:
    """Each side finds the other's host by name, from what the other's or its own router says. texts: at A, at B."""
    with report.case(name + ".name"):
        for client, text, word, address in (
            (lab.host_a, texts[0], "printer", B_AT_A), (lab.host_b, texts[1], "scanner", A_AT_B),
        ):  # fmt: skip
            folder = ETC / client.name
            folder.mkdir(parents=True, exist_ok=True)
            try:
                (folder / "hosts").write_text("127.0.0.1 localhost\n" + text)
                full = next(line.split()[1] for line in text.splitlines() if word in line)
                found = run_lab(["ip", "netns", "exec", client.name, "getent", "hosts", full])
                check(found.split()[0] == address, f"{full} is {found}")
                answer = run_lab(["ip", "netns", "exec", client.name, "ping", "-c", "3", full])
                check(", 0% packet loss" in answer and address in answer, answer)
            finally:
                shutil.rmtree(folder, ignore_errors=True)


def hosts(site: Site, alias: str) -> str:
    """What a router has to say to a resolver about one alias."""
    return str(next(row["hosts"] for row in site.ask("policy")["aliases"] if row["name"] == alias))
