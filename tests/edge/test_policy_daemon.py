"""isthmusd and isthmus as processes over a real nft: forced rules from the file to the kernel, and the self-test."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

from isthmus.edge.os_cpython_trial import ETH_P_ALL, Injector
from isthmus.wire.addr import parse_ip
from isthmus.wire.packet import push_frame
from tests.counts import cases
from tests.edge.world import Folder, own_network, wait_for

ROOT = Path(__file__).parents[2]
PYTHON = [sys.executable, "-m"]
NETWORK = """
link add br-lan type bridge
addr add 192.168.10.1/24 dev br-lan
link set br-lan up
link add wan0 type veth peer name isp
addr add 192.0.2.1/24 dev wan0
link set wan0 up
link set isp up
neigh add 192.0.2.254 lladdr 02:00:00:00:00:01 dev wan0 nud permanent
route add default via 192.0.2.254
"""
TUNNEL = """
config tunnel 'branch'
 option remote '198.51.100.1'
 option psk 'correct horse battery staple'
 list remote_subnet '192.168.20.0/24'
"""
RULE = """
config forced 'cameras'
 list from '192.168.10.50@02:00:00:00:00:50'
 list from '192.168.10.64/28'
 list via 'branch'
"""
PATIENCE_S = 30


def setUpModule() -> None:
    own_network()
    subprocess.run(["ip", "-batch", "-"], input=NETWORK.encode(), check=True, timeout=30)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


class Flood:
    """The camera sends without end, and somebody beyond the uplink watches."""

    def __enter__(self) -> Flood:
        self.injector = Injector("br-lan", 7)
        host = bytes.fromhex("020000000050")
        ends = (parse_ip("192.168.10.50"), parse_ip("198.51.100.7"))
        self.frames = [
            push_frame(self.injector.mac, host, *ends, protocol, 40000, 33434, 64, 7, b"canary")
            for protocol in (17, 6, 1, 47)
        ]
        self.eyes = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self.eyes.bind(("isp", ETH_P_ALL))
        self.eyes.settimeout(0.1)
        self.sent, self.stopping = 0, False
        self.escaped: list[str] = []
        self.threads = [threading.Thread(target=run, daemon=True) for run in (self.send, self.watch)]
        for thread in self.threads:
            thread.start()
        return self

    def send(self) -> None:
        while not self.stopping:
            self.injector.send(self.frames[self.sent % 4])
            self.sent += 1
            if self.sent % 20 == 0:
                time.sleep(0.001)

    def watch(self) -> None:
        while not self.stopping:
            try:
                packet = self.eyes.recv(2048)
            except TimeoutError:
                continue
            if b"canary" in packet:
                self.escaped.append(packet[:24].hex())

    def __exit__(self, *_: object) -> None:
        self.stopping = True
        for thread in self.threads:
            thread.join(10)
        self.injector.close()
        self.eyes.close()


class PolicyTest(Folder):
    def setUp(self) -> None:
        super().setUp()
        for name in ("config", "state", "run"):
            (self.path / name).mkdir()
        self.environment = {**os.environ, "PYTHONPATH": "%s/firmware:%s" % (ROOT, ROOT)}
        self.daemon: subprocess.Popen | None = None
        self.addCleanup(self.clean)

    def clean(self) -> None:
        if self.daemon is not None:
            self.end(signal.SIGKILL)
        for entry in Path("/proc").glob("[0-9]*"):  # the isthmus-hold of a daemon that was killed
            try:
                if str(self.path).encode() in (entry / "cmdline").read_bytes():
                    os.kill(int(entry.name), signal.SIGKILL)
            except OSError:
                continue
        subprocess.run(["nft", "delete", "table", "inet", "isthmus"], capture_output=True, timeout=30, check=False)
        for family in ("-4", "-6"):
            for priority in ("690", "691"):
                words = ["ip", family, "rule", "del", "pref", priority]
                while subprocess.run(words, capture_output=True, timeout=30, check=False).returncode == 0:
                    pass

    def write(self, text: str) -> None:
        (self.path / "config" / "isthmus").write_text(text)

    def start(self, text: str) -> None:
        self.write(text)
        words = ["--%s=%s" % (name, self.path / name) for name in ("config", "state", "run")]
        self.log = open(self.path / "log", "ab")
        self.addCleanup(self.log.close)
        self.daemon = subprocess.Popen([*PYTHON, "isthmus.daemon", *words], env=self.environment, stderr=self.log)
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end and self.ask("status", "--json")[0] != 0:
            time.sleep(0.1)
        self.wait_for("'cameras' in the guard", lambda: "forced_across" in self.table() or RULE not in text)

    def end(self, number: int) -> None:
        self.daemon.send_signal(number)
        self.daemon.wait(PATIENCE_S)
        self.daemon = None

    def ask(self, *words: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [*PYTHON, "isthmus.cli", "--run", str(self.path / "run"), *words],
            env=self.environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    def table(self) -> str:
        words = ["nft", "list", "table", "inet", "isthmus"]
        return subprocess.run(words, capture_output=True, text=True, timeout=30, check=False).stdout

    def rules(self) -> str:
        return subprocess.run(["ip", "rule"], capture_output=True, text=True, timeout=30, check=True).stdout

    def wait_for(self, what: str, condition: object) -> None:
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if condition():
                return
            time.sleep(0.05)
        self.fail("%s: not after %d s: %s" % (what, PATIENCE_S, (self.path / "log").read_text()))

    def test_from_the_file_to_the_kernel_and_only_deleting_opens(self) -> None:
        self.start(TUNNEL + RULE)
        self.wait_for("rules", lambda: "proto 115" in self.rules())
        rule = json.loads(self.ask("policy", "--json")[1])["rules"][0]
        self.assertEqual((rule["name"], rule["state"], rule["tunnel"]), ("cameras", "blocked", "branch"))
        self.assertIn("cameras  BLOCKED", self.ask("status")[1])
        status, out, _ = self.ask("policy", "explain", "192.168.10.50@02:00:00:00:00:50", "198.51.100.7", "443")
        self.assertEqual(status, 0)
        self.assertIn("1. A packet from 192.168.10.50 arrives on br-lan", out)
        self.assertIn("=> BLOCKED: ", out)
        status, _, err = self.ask("policy", "explain", "192.168.10.50", "elsewhere")
        self.assertEqual((status, err.count("\n")), (1, 1))
        kept = (self.path / "state" / "guard.nft").read_text()
        self.assertIn("forced_across", kept)
        self.assertEqual(self.ask("down", "branch")[0], 0)
        self.end(signal.SIGTERM)
        self.assertIn("forced_across", self.table())
        self.assertIn("proto 115", self.rules())
        self.start(TUNNEL + RULE)
        self.end(signal.SIGKILL)
        self.assertIn("forced_across", self.table())
        self.start(TUNNEL + RULE)
        self.write(TUNNEL)
        status, out, _ = self.ask("reload")
        self.assertEqual(status, 0)
        self.assertIn("exposed: 192.168.10.50 may now use the open Internet: rule cameras was removed", out)
        self.wait_for("no forced chain", lambda: "forced_across" not in self.table())
        self.wait_for("no rule", lambda: "proto 115" not in self.rules())

    def test_a_broken_file_leaves_what_stands_over_a_restart(self) -> None:
        self.start(TUNNEL + RULE)
        self.end(signal.SIGKILL)
        subprocess.run(["nft", "delete", "table", "inet", "isthmus"], check=True, timeout=30)
        for text in (TUNNEL + RULE + " option nonsense 7\n", TUNNEL + RULE.replace("branch", "brnch"), ""):
            self.start(text)
            self.wait_for("the guard", lambda: "forced_across" in self.table())
            time.sleep(0.5)
            self.assertIn("forced_across", self.table())
            self.end(signal.SIGKILL)
            subprocess.run(["nft", "delete", "table", "inet", "isthmus"], check=True, timeout=30)

    def test_the_self_test_agrees_with_what_is_true(self) -> None:
        self.start(TUNNEL + RULE)
        status, out, err = self.ask("policy", "test")
        self.assertEqual(status, 0, out + err)
        self.assertIn("cameras  BLOCKED: none of 6 probes left this router; a free host's probe left by wan0", out)
        self.assertIn("probes of rules cameras are on their way", out)
        # Somebody lets one host past both layers, as fast as it has been seen and mended: the daemon is stopped.
        self.daemon.send_signal(signal.SIGSTOP)
        opening = (
            "insert rule inet isthmus forced_across ip saddr 192.168.10.64/28 accept\n"
            "insert rule inet isthmus forced_arrive ip saddr 192.168.10.64/28 meta mark set 0x80000000 accept\n"
        )
        subprocess.run(["nft", "-f", "-"], input=opening.encode(), check=True, timeout=30)
        seen = self.run_beside()
        self.daemon.send_signal(signal.SIGCONT)
        self.assertEqual(seen["verdict"], "leak", seen)
        wrong = [line for line in seen["evidence"] if "left by wan0" in line]
        self.assertEqual([line for line in wrong if "192.168.10.50" in line], [])
        self.assertEqual(len(wrong), 3)
        status, out, _ = self.ask("policy", "test", "camera")
        self.assertEqual(status, 1)

    def test_whoever_flushes_the_ruleset_lets_nothing_out(self) -> None:
        """The kernel empties maps before it takes out hooks: marks of the one layer must not outlive the others."""
        self.start(TUNNEL + RULE)
        self.wait_for("the third layer", lambda: "iif br-lan" in self.rules())
        with Flood() as flood:
            self.assertTrue(wait_for(lambda: flood.sent > 1000))
            self.assertEqual(flood.escaped, [])
            for _ in range(cases(4, 40)):
                subprocess.run(["nft", "flush", "ruleset"], check=True, timeout=30)
                self.wait_for("the guard", lambda: "forced_across" in self.table())
            self.assertEqual(flood.escaped[:5], [])
            self.daemon.send_signal(signal.SIGSTOP)  # and it can be seen to fail: without rules and guard all leaves
            for priority in ("690", "691"):
                subprocess.run(["ip", "rule", "del", "pref", priority], check=True, timeout=30)
            subprocess.run(["nft", "flush", "ruleset"], check=True, timeout=30)
            self.assertTrue(wait_for(lambda: flood.escaped))
            self.daemon.send_signal(signal.SIGCONT)

    def run_beside(self) -> dict:
        """The same test in this process, on the same kernel: the daemon would have mended the hole."""
        from isthmus.config.model import load
        from isthmus.edge.log import Log
        from isthmus.edge.loop import Loop
        from isthmus.edge.os_cpython import now, random_bytes
        from isthmus.kernel.real import RealKernel
        from isthmus.outlet import Outlet
        from isthmus.selftest import SelfTest
        from isthmus.site import Site

        class Deaf(Outlet):
            def spent_exceptions(self) -> list[str]:
                return []

        kernel, log, loop = RealKernel(), Log("error"), Loop()
        self.addCleanup(kernel.close)
        site = Site(kernel, Deaf(), log, random_bytes, now())
        site.forcing.take(load("test", lambda _: (TUNNEL + RULE).encode()).config)
        test = SelfTest(site, loop, log, random_bytes)
        test.start(["cameras"])
        while now() < test.end_at:
            loop.turn(50)
        test.finish()
        return test.answer()["rules"][0]


if __name__ == "__main__":
    unittest.main()
