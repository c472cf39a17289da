"""What forced traffic needs of the real kernel: rules, tables, counters, connections, neighbours.

The lab runs the same (tests/lab/kernel_contract.py), and adds what this machine's kernel may lack: offloaded flows.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import tracemalloc
import unittest
from unittest import mock

from isthmus.kernel.contract import EINVAL, KernelError
from isthmus.kernel.flows import Flow
from isthmus.kernel.lean import pull_flow
from isthmus.kernel.real import RealKernel
from isthmus.wire.addr import format_mac, parse_ip
from tests.core import kernel_contract_lane as lane
from tests.counts import cases
from tests.edge.world import own_network

HERE, THERE = parse_ip("127.0.0.1"), parse_ip("::1")
MACS = [bytes([2, 0, 0, 0, 0, n]) for n in range(4)]

WORLD = """
link add wan0 type veth peer name far0
link set wan0 up
link set far0 up
addr add 192.0.2.1/24 dev wan0
addr add 2001:db8::1/64 dev wan0 nodad
"""
# Nothing is tracked before a rule looks at it.
TRACK = """
table inet track {
    chain zones {
        type filter hook output priority -300; policy accept;
        udp dport 7007 ct zone set 7
    }
    chain out {
        type filter hook output priority 0; policy accept;
        ct state new accept
    }
}
table ip translate {
    chain out {
        type nat hook output priority -100; policy accept;
        udp dport 7008 dnat to 127.0.0.3:7009
    }
}
"""
SHIMS = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "..", "firmware", "shims", "pyroute2"))


def setUpModule() -> None:
    own_network()
    with open("/proc/sys/net/ipv6/conf/default/addr_gen_mode", "w") as file:
        file.write("1")  # no address comes up by itself in the middle of a test
    run("ip", "-batch", "-", text=WORLD)


def run(*argv: str, text: str = "") -> str:
    done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise RuntimeError("%s: %s" % (argv, done.stderr))
    return done.stdout


def nft(text: str) -> None:
    run("nft", "-f", "-", text=text)


class LaneTest(lane.LaneContract):
    """The contract's part."""

    lacks = ("sa", "tunnel")

    def make(self) -> RealKernel:
        return RealKernel()

    def pause(self) -> None:
        import time

        time.sleep(0.05)

    def damage(self, what: str) -> None:
        if what == "rule":
            run("ip", "-4", "rule", "flush", "protocol", "115")
            run("ip", "-6", "rule", "flush", "protocol", "115")
        else:
            nft({"guard": "flush ruleset\n", "edit": "add rule inet isthmus clear_out accept\n"}[what])


class KernelTest(unittest.TestCase):
    """What tests with traffic need."""

    def open_kernel(self) -> None:
        """`self.kernel`, in the network of this moment."""
        self.kernel = RealKernel()
        self.addCleanup(self.kernel.close)
        self.kernel.flows()  # opens its socket


class ForcedTest(KernelTest):
    """What only a kernel with traffic shows."""

    def setUp(self) -> None:
        nft("flush ruleset\n" + TRACK)
        self.open_kernel()
        self.addCleanup(self.forget)
        self.forget()

    def forget(self) -> None:
        for flow in self.kernel.flows():
            self.kernel.end_flow(flow)
        self.assertEqual(self.kernel.flows(), [])

    def udp(self, port: int, family: int = socket.AF_INET, address: str = "127.0.0.1", packets: int = 1) -> int:
        """Send from a port that is chosen; it is returned."""
        with socket.socket(family, socket.SOCK_DGRAM) as sender:
            for _ in range(packets):
                try:
                    sender.sendto(b"x" * 32, (address, port))
                except ConnectionRefusedError:  # what the packet before has met
                    pass
            return sender.getsockname()[1]

    def test_connections_of_both_families_are_listed(self) -> None:
        port4, port6 = self.udp(7001), self.udp(7002, socket.AF_INET6, "::1")
        found = {flow.family: flow for flow in self.kernel.flows(lambda flow: flow.protocol == 17)}
        for family, address, sport, dport in ((2, HERE, port4, 7001), (10, THERE, port6, 7002)):
            flow = found.pop(family)
            self.assertEqual(flow, Flow(family, 17, address, sport, address, dport, address, dport, address, sport,
                                        flow.status, flow.id, 0))
            self.assertNotEqual(flow.id, 0)
            self.assertFalse(flow.offloaded)
        self.assertEqual(found, {})

    def test_a_tcp_connection_and_its_end(self) -> None:
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            with socket.create_server((address, 0), family=family) as server:
                port = server.getsockname()[1]
                with socket.create_connection((address, port), timeout=10) as client, server.accept()[0] as there:
                    mine = [flow for flow in self.kernel.flows() if flow.dport == port]
                    self.assertEqual([flow.sport for flow in mine], [client.getsockname()[1]])
                    other = self.udp(7001)
                    for _ in range(2):  # gone already is fine
                        self.kernel.end_flow(mine[0])
                    self.assertNotIn(port, [flow.dport for flow in self.kernel.flows()])
                    self.assertIn(other, [flow.sport for flow in self.kernel.flows()])
                    client.sendall(b"again")  # the connection goes on, as one that is new to every chain
                    self.assertEqual(there.recv(5), b"again")
                    self.assertIn(port, [flow.dport for flow in self.kernel.flows()])

    def test_protocols_without_ports(self) -> None:
        for family, protocol, address in ((socket.AF_INET, 50, "127.0.0.2"), (socket.AF_INET6, 50, "::1"),
                                          (socket.AF_INET, 115, "127.0.0.2")):
            with socket.socket(family, socket.SOCK_RAW, protocol) as sender:
                sender.sendto(bytes(32), (address, 0))
            (flow,) = self.kernel.flows(lambda flow: flow.protocol not in {1, 58})
            self.assertEqual((flow.protocol, flow.sport, flow.dport), (protocol, 0, 0))
            self.kernel.end_flow(flow)
        ping = bytes([8, 0, 0xE5, 0xCA, 0x12, 0x34, 0, 1])
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, 1) as sender:
            sender.sendto(ping, ("127.0.0.2", 0))
        (flow,) = self.kernel.flows(lambda flow: flow.destination == parse_ip("127.0.0.2"))
        self.assertEqual((flow.protocol, flow.sport, flow.dport), (1, 0, 0))
        self.kernel.end_flow(flow)
        self.assertEqual(self.kernel.flows(lambda flow: flow.protocol == 1), [])

    def test_a_translated_connection_and_one_in_a_zone(self) -> None:
        sport = self.udp(7008)
        (flow,) = self.kernel.flows(lambda flow: flow.protocol == 17)
        self.assertEqual((flow.destination, flow.dport), (HERE, 7008))
        self.assertEqual((flow.reply_source, flow.reply_sport), (parse_ip("127.0.0.3"), 7009))
        self.assertEqual((flow.reply_destination, flow.reply_dport), (HERE, sport))
        self.kernel.end_flow(flow)
        self.udp(7007)
        (flow,) = self.kernel.flows(lambda flow: flow.protocol == 17)
        self.assertEqual((flow.zone, flow.dport), (7, 7007))
        self.kernel.end_flow(flow)
        self.assertEqual(self.kernel.flows(lambda flow: flow.protocol == 17), [])

    def test_connections_of_one_source(self) -> None:
        for address in ("127.0.0.5", "127.0.0.6"):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.bind((address, 0))
                sender.sendto(b"x", ("127.0.0.9", 7001))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.bind((address, 0))
                sender.sendto(b"x", ("127.0.0.9", 7007))  # in a zone
        self.udp(7002, socket.AF_INET6, "::1")
        source = parse_ip("127.0.0.5")
        seen = []
        found = self.kernel.flows(lambda flow: not seen.append(flow.source) and flow.protocol == 17, source)
        self.assertEqual(sorted([(flow.dport, flow.zone) for flow in found]), [(7001, 0), (7007, 7)])
        self.assertEqual(set(seen), {source})
        self.assertEqual([flow.dport for flow in self.kernel.flows(None, THERE) if flow.protocol == 17], [7002])
        self.assertEqual(self.kernel.flows(None, parse_ip("127.0.0.7")), [])

    def test_the_kernel_itself_looks_for_what_a_server_answers(self) -> None:
        for port in (500, 501, 4500):
            self.udp(port)
            self.udp(port, socket.AF_INET6, "::1")
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, 50) as sender:
            sender.sendto(b"x" * 16, ("127.0.0.1", 0))
        pulled = []

        def pull(data: bytes, begin: int, end: int) -> Flow | None:
            pulled.append(begin)
            return pull_flow(data, begin, end)

        with mock.patch("isthmus.kernel.real_flow.pull_flow", pull):
            found = self.kernel.flows(None, None, (17, 500))
            esp = self.kernel.flows(lambda flow: flow.family == 2, None, (50, 0))
        self.assertEqual(sorted([(flow.family, flow.dport) for flow in found]), [(2, 500), (10, 500)])
        self.assertEqual([flow.destination for flow in esp], [HERE])
        self.assertEqual(len(pulled), 3)

    def test_what_was_never_listed_ends_nothing(self) -> None:
        self.udp(7001)
        before = self.kernel.flows()
        made_up = Flow(2, 17, HERE, 1, HERE, 2, HERE, 2, HERE, 1)
        with self.assertRaises(KernelError) as caught:
            self.kernel.end_flow(made_up)
        self.assertEqual(caught.exception.number, EINVAL)
        wrong = Flow(2, 17, HERE, 1, HERE, 2, HERE, 2, HERE, 1, handle=b"\x00")
        with self.assertRaises(KernelError):
            self.kernel.end_flow(wrong)
        self.assertEqual(len(self.kernel.flows()), len(before))
        self.assertGreater(len(before), 0)

    def test_thousands_of_connections_cost_the_memory_of_those_that_fit(self) -> None:
        many = cases(500, 5000)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for number in range(many):
                try:
                    sender.sendto(b"x", ("127.1.%d.%d" % (number // 250 % 250, 1 + number % 250), 20000))
                except ConnectionRefusedError:
                    pass
        wanted = parse_ip("127.1.1.7")
        self.kernel.flows()  # modules are loaded, sockets opened
        tracemalloc.start()
        try:
            found = self.kernel.flows(lambda flow: flow.destination == wanted)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        self.assertEqual([flow.dport for flow in found], [20000])
        self.assertLess(peak, 256 * 1024)
        self.assertGreaterEqual(len(self.kernel.flows()), many)

    def test_counters_count_until_the_guard_is_set_again(self) -> None:
        names = ["passthrough_%d" % number for number in range(300)]
        text = "table inet isthmus\ndelete table inet isthmus\ntable inet isthmus {\n"
        text += "".join(["\tcounter %s { }\n" % name for name in names])
        text += "\tchain seen {\n\t\ttype filter hook output priority -300; policy accept;\n"
        text += '\t\tudp dport 7003 counter name "passthrough_7"\n\t}\n}\n'
        self.kernel.guard_set(text)
        nft("table inet other {\n\tcounter passthrough_7 { packets 99 bytes 99 }\n}\n")
        before = self.kernel.programs
        self.assertEqual(self.kernel.counters(), dict.fromkeys(names, (0, 0)))
        self.udp(7003, packets=3)
        counted = self.kernel.counters()
        self.assertEqual((counted.pop("passthrough_7"), set(counted.values())), ((3, 3 * 60), {(0, 0)}))
        self.assertEqual(self.kernel.programs, before)
        self.kernel.guard_set(text)
        self.assertEqual(self.kernel.counters()["passthrough_7"], (0, 0))

    def test_neighbours_are_those_who_have_a_mac_address(self) -> None:
        rows = [
            ("wan0", "192.0.2.9", MACS[0], "reachable"), ("wan0", "192.0.2.10", MACS[1], "permanent"),
            ("far0", "2001:db8::9", MACS[2], "stale"), ("wan0", "192.0.2.11", MACS[3], "noarp"),
        ]
        known = ["neigh replace %s lladdr %s dev %s nud %s\n" % (address, format_mac(mac), ifname, state)
                 for ifname, address, mac, state in rows]
        run("ip", "-batch", "-", text="".join(known) + "neigh replace 192.0.2.12 dev wan0 nud failed\n")
        self.addCleanup(run, "ip", "-batch", "-", text="".join(
            ["neigh flush dev %s nud all\n" % ifname for ifname in ("wan0", "far0")]))
        found = self.kernel.neighbours()
        self.assertEqual(sorted(found), sorted([(row[0], parse_ip(row[1]), row[2]) for row in rows[:3]]))


@unittest.skipIf("ISTHMUS_SHIM_ONLY" in os.environ, "this is the run with the shim")
class ShimTest(unittest.TestCase):
    def test_all_of_it_with_the_pyroute2_shim(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            os.symlink(SHIMS, os.path.join(folder, "pyroute2"))
            path = os.pathsep.join([folder] + [entry for entry in sys.path if entry])
            environment = {**os.environ, "PYTHONPATH": path, "ISTHMUS_SHIM_ONLY": folder}
            argv = [sys.executable, "-m", "unittest", "tests.edge.test_kernel_forced"]
            done = subprocess.run(argv, capture_output=True, text=True, timeout=300, env=environment, check=False)
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        self.assertIn("skipped=1", done.stderr)


class WhichTest(unittest.TestCase):
    def test_the_library_is_the_one_that_was_asked_for(self) -> None:
        import pyroute2.netlink

        asked = os.environ.get("ISTHMUS_SHIM_ONLY", "site-packages")
        self.assertIn(asked, str(pyroute2.netlink.__file__))


if __name__ == "__main__":
    unittest.main()
