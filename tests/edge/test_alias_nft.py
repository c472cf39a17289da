"""Two sites that both use 192.168.1.0/24, joined on a real kernel: a veth pair stands for the tunnel.

Hosts a and b have different numbers, both routers have .1, and a twin of each host is in the other site's network: an
answer from the wrong one is noticed. The kernel checks sources (rp_filter 1) on both routers.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

from isthmus.policy.alias import AliasTunnel, alias_chains, hosts_text, peer_hosts_text
from isthmus.policy.ready import ready_chains
from tests.core.passthrough_samples import alias
from tests.edge.nets import Net, forget_connections, join

SAME = "192.168.1.0/24"
A_SHOWN, B_SHOWN = "10.66.1.0/24", "10.66.2.0/24"
SAME6, A_SHOWN6, B_SHOWN6 = "fd00:1::/64", "fd00:a::/64", "fd00:b::/64"
HOST_A, HOST_B = "192.168.1.20", "192.168.1.30"
A_AT_B, B_AT_A = "10.66.1.20", "10.66.2.30"
PORT = 8000
ICMP_MTU = 1300

LOCAL_A = [alias("ours", "b", SAME, A_SHOWN, "local", "scanner=" + HOST_A)]
LOCAL_B = [alias("ours", "a", SAME, B_SHOWN, "local", "printer=" + HOST_B)]
ALL_AT_A = LOCAL_A + [alias("theirs", "b", SAME, B_SHOWN, "remote", "printer=" + HOST_B)]


def setUpModule() -> None:
    if not shutil.which("nft"):
        raise unittest.SkipTest("there is no nft program")
    unittest.addModuleCleanup(Sites.close)
    Sites.get()


class Sites:
    """Hosts and routers of both sites; in each the address of the other site's host answers as well, as `twin`."""

    only: Sites | None = None

    def __init__(self) -> None:
        self.nets: dict[str, Net] = {}
        Sites.only = self
        for name in ("host_a", "router_a", "router_b", "host_b"):
            self.nets[name] = Net()
        for site, own, twin in (("a", HOST_A, HOST_B), ("b", HOST_B, HOST_A)):
            host, router = self.nets["host_" + site], self.nets["router_" + site]
            join(host, "eth0", router, "br-lan")
            host.ip("address add %s/24 dev eth0" % own, "address add %s/24 dev eth0" % twin,
                    "route add default via 192.168.1.1 src " + own)  # fmt: skip
            router.ip("address add 192.168.1.1/24 dev br-lan", "address add fd00:1::1/64 dev br-lan nodad")
            last = own.rpartition(".")[2]
            host.ip("address add fd00:1::%s/64 dev eth0 nodad" % last, "route add ::/0 via fd00:1::1")
        self.a, self.b = self.nets["router_a"], self.nets["router_b"]
        join(self.a, "ist-b", self.b, "ist-a")
        self.a.ip("address add fe80::a/64 dev ist-b nodad", "route add %s via inet6 fe80::b dev ist-b" % B_SHOWN)
        self.b.ip("address add fe80::b/64 dev ist-a nodad", "route add %s via inet6 fe80::a dev ist-a" % A_SHOWN)
        self.a.ip("route add %s via fe80::b dev ist-b" % B_SHOWN6)
        self.b.ip("route add %s via fe80::a dev ist-a" % A_SHOWN6)
        for router in (self.a, self.b):
            router.sysctl(
                "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", "net.ipv4.conf.all.rp_filter=1"
            )
        self.servers = [Answers(net, name) for name, net in self.nets.items()]

    @classmethod
    def get(cls) -> Sites:
        if cls.only is None:
            cls.only = Sites()
        return cls.only

    @classmethod
    def close(cls) -> None:
        sites = cls.only
        if sites is None:
            return
        cls.only = None
        for server in getattr(sites, "servers", []):
            server.close()
        for net in sites.nets.values():
            net.close()


class Answers:
    """On a TCP port: `router_a seen 10.66.2.30 at 192.168.1.1`: who answers, whom it sees, under which address."""

    def __init__(self, net: Net, name: str) -> None:
        self.name = name
        self.sock = net.socket(socket.AF_INET6, socket.SOCK_STREAM)  # for both families
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(("::", PORT))
        self.sock.listen()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        while True:
            try:
                connection, address = self.sock.accept()
            except OSError:
                return
            with connection:
                seen, here = [end[0].replace("::ffff:", "") for end in (address, connection.getsockname())]
                connection.sendall(("%s seen %s at %s" % (self.name, seen, here)).encode())

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        self.thread.join(5)


class Joined(unittest.TestCase):
    """`apply(aliases of A, aliases of B)`; then who reaches whom."""

    def setUp(self) -> None:
        sites = Sites.get()
        self.nets = sites.nets
        for router, ifname in ((sites.a, "ist-b"), (sites.b, "ist-a")):
            router.run("nft", "delete", "table", "inet", "isthmus", check=False)
            router.ip("link set %s up" % ifname)
            forget_connections(router)
        for host in ("host_a", "host_b"):
            self.nets[host].ip("route flush cache")

    def apply(self, at_a: list, at_b: list) -> None:
        sites = Sites.get()
        for router, aliases, tunnels in (
            (sites.a, at_a, {"b": AliasTunnel("ist-b", 0x81000000)}), (sites.b, at_b, {"a": AliasTunnel("ist-a")}),
        ):  # fmt: skip
            lines = ["table inet isthmus", "delete table inet isthmus", "table inet isthmus {"]
            chains = alias_chains(aliases, tunnels)
            for chain in chains + ready_chains(chains):
                lines += chain.lines()
            router.nft("\n".join(lines) + "\n}\n")
            forget_connections(router)

    def ask(self, client: str, address: str) -> str:
        """What a TCP server at the address says, "" if nobody does."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with self.nets[client].socket(family, socket.SOCK_STREAM) as sock:
            sock.settimeout(3.0)
            try:
                sock.connect((address, PORT))
                return sock.recv(200).decode()
            except OSError:
                return ""

    def ping(self, client: str, address: str, *options: str) -> str:
        argv = ["ping", "-n", "-c", "1", "-W", "3", *options, address]
        return self.nets[client].run(*argv, check=False)

    def assert_joined(self) -> None:
        """Ping and TCP, both ways, between hosts, routers, and each with each."""
        at_b = ((B_AT_A, "host_b", HOST_B), ("10.66.2.1", "router_b", "192.168.1.1"))
        at_a = ((A_AT_B, "host_a", HOST_A), ("10.66.1.1", "router_a", "192.168.1.1"))
        for client, seen, rows in (
            ("host_a", A_AT_B, at_b), ("host_b", B_AT_A, at_a), ("router_a", "10.66.1.1", at_b),
            ("router_b", "10.66.2.1", at_a),
        ):  # fmt: skip
            for address, server, own in rows:
                with self.subTest(client=client, address=address):
                    self.assertIn(" 1 received", self.ping(client, address))
                    self.assertEqual(self.ask(client, address), "%s seen %s at %s" % (server, seen, own))

    def assert_errors_come_back(self) -> None:
        """A closed port, a hop too many, a packet too large: each ICMP error reaches whom it is about."""
        for client, address in (("host_a", B_AT_A), ("host_b", A_AT_B), ("router_a", B_AT_A), ("host_a", "10.66.2.1")):
            sock = self.nets[client].socket(socket.AF_INET, socket.SOCK_DGRAM)
            with self.subTest(client=client, address=address), sock:
                sock.settimeout(3.0)
                sock.connect((address, 9))
                sock.send(b"x")
                self.assertRaises(ConnectionRefusedError, sock.recv, 10)
        for client, address in (("host_a", B_AT_A), ("host_b", A_AT_B)):
            self.assertIn("Time to live exceeded", self.ping(client, address, "-t", "2"))
        for client, router, address in (("host_a", "router_b", B_AT_A), ("host_b", "router_a", A_AT_B)):
            net = self.nets[router]
            net.ip("link set br-lan mtu %d" % ICMP_MTU)
            try:
                text = self.ping(client, address, "-s", "1400", "-M", "do")
            finally:
                net.ip("link set br-lan mtu 1500")
            self.assertIn("mtu = %d" % ICMP_MTU, text)


class ControlTest(Joined):
    def test_without_aliases_nothing_arrives(self) -> None:
        self.assertIn(" 0 received", self.ping("host_a", B_AT_A))
        self.assertIn(" 0 received", self.ping("host_b", A_AT_B))
        self.assertEqual(self.ask("host_a", B_AT_A), "")

    def test_the_twins_would_answer(self) -> None:
        """Or nobody could have reached the wrong host."""
        self.assertEqual(self.ask("router_a", HOST_B), "host_a seen 192.168.1.1 at " + HOST_B)
        self.assertEqual(self.ask("router_b", HOST_A), "host_b seen 192.168.1.1 at " + HOST_A)

    def test_half_of_it_is_not_enough(self) -> None:
        self.apply(LOCAL_A, [])
        self.assertEqual(self.ask("host_a", B_AT_A), "")


class LocalTest(Joined):
    """Each site shows its own network under another prefix."""

    def setUp(self) -> None:
        super().setUp()
        self.apply(LOCAL_A, LOCAL_B)

    def test_both_directions(self) -> None:
        self.assert_joined()

    def test_errors(self) -> None:
        self.assert_errors_come_back()

    def test_other_traffic_keeps_its_addresses(self) -> None:
        self.assertEqual(self.ask("host_a", "192.168.1.1"), "router_a seen 192.168.1.20 at 192.168.1.1")


class RemoteTest(Joined):
    """Site B cannot translate: A does all of it, and B has a route alone."""

    def setUp(self) -> None:
        super().setUp()
        self.apply(ALL_AT_A, [])

    def test_both_directions(self) -> None:
        self.assert_joined()

    def test_errors(self) -> None:
        self.assert_errors_come_back()

    def test_our_own_hosts_are_not_touched(self) -> None:
        """The real addresses are those of both sites: here they stay ours."""
        self.assertEqual(self.ask("router_a", HOST_A), "host_a seen 192.168.1.1 at 192.168.1.20")
        self.assertEqual(self.ask("router_a", HOST_B), "host_a seen 192.168.1.1 at 192.168.1.30")
        self.assertEqual(self.ask("host_a", "192.168.1.1"), "router_a seen 192.168.1.20 at 192.168.1.1")

    def test_a_tunnel_that_is_down_sends_nothing_to_our_own_hosts(self) -> None:
        """Such an address must not be looked for here, where a twin would answer."""
        net = self.nets["router_a"]
        net.ip("route add unreachable %s metric 1761607680" % B_SHOWN, "link set ist-b down")
        try:
            self.assertEqual(self.ask("host_a", B_AT_A), "")
            self.assertIn("Unreachable", self.ping("host_a", B_AT_A))
        finally:
            net.ip("link set ist-b up", "route del unreachable %s metric 1761607680" % B_SHOWN,
                   "address replace fe80::a/64 dev ist-b nodad",
                   "route replace %s via inet6 fe80::b dev ist-b" % B_SHOWN)  # fmt: skip
        self.assert_joined()

    def test_one_connection_keeps_its_way_when_the_chains_are_replaced(self) -> None:
        kinds = (socket.AF_INET, socket.SOCK_DGRAM)
        with self.nets["host_a"].socket(*kinds) as sock, self.nets["host_b"].socket(*kinds) as answering:
            answering.bind((HOST_B, 7000))
            for end in (sock, answering):
                end.settimeout(3.0)
            sock.sendto(b"one", (B_AT_A, 7000))
            _, client = answering.recvfrom(10)
            self.assertEqual(client[0], A_AT_B)
            text = self.nets["router_a"].run("nft", "list", "table", "inet", "isthmus")
            self.nets["router_a"].nft("delete table inet isthmus\n" + text)
            answering.sendto(b"two", client)
            self.assertEqual(sock.recvfrom(10), (b"two", (B_AT_A, 7000)))


class Ipv6Test(Joined):
    """The same for IPv6, which has checksums of its own to keep right."""

    def assert_joined6(self) -> None:
        for client, address, answer in (
            ("host_a", "fd00:b::30", "host_b seen fd00:a::20 at fd00:1::30"),
            ("host_b", "fd00:a::20", "host_a seen fd00:b::30 at fd00:1::20"),
            ("host_a", "fd00:b::1", "router_b seen fd00:a::20 at fd00:1::1"),
            ("host_b", "fd00:a::1", "router_a seen fd00:b::30 at fd00:1::1"),
        ):
            with self.subTest(client=client, address=address):
                self.assertIn(" 1 received", self.ping(client, address))
                self.assertEqual(self.ask(client, address), answer)
        sock = self.nets["host_a"].socket(socket.AF_INET6, socket.SOCK_DGRAM)
        with sock:
            sock.settimeout(3.0)
            sock.connect(("fd00:b::30", 9))
            sock.send(b"x")
            self.assertRaises(ConnectionRefusedError, sock.recv, 10)

    def test_control(self) -> None:
        self.assertEqual(self.ask("host_a", "fd00:b::30"), "")

    def test_side_local(self) -> None:
        self.apply([alias("ours", "b", SAME6, A_SHOWN6)], [alias("ours", "a", SAME6, B_SHOWN6)])
        self.assert_joined6()

    def test_side_remote(self) -> None:
        self.apply([alias("ours", "b", SAME6, A_SHOWN6), alias("theirs", "b", SAME6, B_SHOWN6, "remote")], [])
        self.assert_joined6()


class NamesTest(Joined):
    """The text for a resolver, read by the C library."""

    def reach(self, client: str, text: str, name: str) -> str:
        """What a TCP server of that name says to a program that has `text` as its hosts file."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "hosts"
            path.write_text("127.0.0.1 localhost\n" + text)
            program = (
                "import socket, sys; s = socket.create_connection((sys.argv[1], %d), 2); print(s.recv(200).decode())"
            )
            script = "mount --bind %s /etc/hosts && exec python3 -c '%s' %s" % (path, program % PORT, name)
            argv = ["nsenter", "--net=" + self.nets[client].path, "unshare", "-m", "sh", "-c", script]
            done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
            return done.stdout.strip() or done.stderr.strip()[-200:]

    def test_side_remote(self) -> None:
        self.apply(ALL_AT_A, [])
        here, there = hosts_text(ALL_AT_A), peer_hosts_text(ALL_AT_A, "head-office")
        self.assertEqual(here, "10.66.2.30 printer.b\n")
        self.assertEqual(there, "10.66.1.20 scanner.head-office\n")
        self.assertEqual(self.reach("host_a", here, "printer.b"), "host_b seen 10.66.1.20 at 192.168.1.30")
        self.assertEqual(self.reach("host_b", there, "scanner.head-office"), "host_a seen 10.66.2.30 at 192.168.1.20")
        self.assertIn("gaierror", self.reach("host_a", "", "printer.b"), "without the text there is no such name")

    def test_side_local(self) -> None:
        self.apply(LOCAL_A, LOCAL_B)
        self.assertEqual(hosts_text(LOCAL_A), "")
        text = peer_hosts_text(LOCAL_B, "b")
        self.assertEqual(self.reach("host_a", text, "printer.b"), "host_b seen 10.66.1.20 at 192.168.1.30")
        text = peer_hosts_text(LOCAL_A, "a")
        self.assertEqual(self.reach("host_b", text, "scanner.a"), "host_a seen 10.66.2.30 at 192.168.1.20")


if __name__ == "__main__":
    unittest.main()
