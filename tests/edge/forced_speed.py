"""What forced rules cost: time to make and to load the guard, and how many packets a second still pass.

    PYTHONPATH=firmware:. .venv/bin/python tests/edge/forced_speed.py [ROUNDS]

Packets go through a namespace whose firewall tracks and translates as fw4 does, on one processor, sent in batches; the
time is that of the processor, medians of rounds in which the rule sets take turns. The ratio is to the guard without
forced rules. Other load on the machine is noise in all of them alike.
"""

from __future__ import annotations

import ctypes
import os
import resource
import socket
import statistics
import struct
import subprocess
import sys
import time
from pathlib import Path

from isthmus.policy.forced import forced_chains, forced_objects, homes_of
from isthmus.policy.guard import guard_text
from isthmus.policy.lane import choose
from tests.core.forced_samples import lanes_of, rule
from tests.edge.flood import Frames
from tests.edge.forced_router import FAR, UDP, Router

HOSTS, RULES = 500, 50
BATCH, BATCHES = 256, 40
LANS = ["br-lan", "br-guest"]
FIREWALL = """
table inet fw {
 chain f {
  type filter hook forward priority 0; policy accept;
  ct state established,related accept
 }
 chain n {
  type nat hook postrouting priority 100; policy accept;
  oifname "wan0" masquerade
 }
}
"""
# name -> source, destination, MAC, where it arrives, where it leaves
FLOWS = {
    "free host to the Internet": ("192.168.10.254", FAR, "02:00:00:00:99:98", "lan", "wan"),
    "forced host to the tunnel": ("192.168.10.2", FAR, "02:00:00:00:00:00", "lan", "x"),
    "tunnel to a LAN": ("192.168.20.7", "192.168.10.254", "02:00:00:00:99:97", "x", "lan"),
    "Internet to a LAN": (FAR, "192.168.10.254", "02:00:00:00:99:96", "wan", "lan"),
}


def rules_of(hosts: int, count: int) -> list:
    """Hosts in rules: two fifths by address, two by address and MAC, one by MAC."""
    rules = []
    for number in range(count):
        sources = []
        for host in range(number * hosts // count, (number + 1) * hosts // count):
            mac = "02:00:00:00:%02x:%02x" % (host >> 8, host & 255)
            address = "192.168.10.2" if not host else "10.1.%d.%d" % (host // 250, 2 + host % 250)
            sources.append((address + "/32", address + "/32", address + "@" + mac, address + "@" + mac, mac)[host % 5])
        rules.append(rule("r%d" % number, sources))
    return rules


def load(router: Router, rules: list) -> tuple[float, float, int]:
    """Puts them in force. Seconds of processor to make the text, seconds of nft, bytes."""
    lanes = lanes_of(rules)
    began = time.thread_time()
    chains, counters = forced_chains(rules, lanes, choose(rules, lanes), LANS, set(), ["ist-x"])
    text = guard_text([], [], chains, counters)
    made = time.thread_time() - began
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(["nft", "-f", "-"], input=text.encode(), check=True, timeout=60)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    router.set_lanes(forced_objects(lanes, homes_of(rules, LANS)))
    return made, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, len(text)


def received(place: str) -> int:
    return int(Path("/proc/self/net/dev").read_text().split("p-%s:" % place)[1].split()[1])


class Flow:
    """One of FLOWS, ready to be sent."""

    def __init__(self, router: Router, source: str, destination: str, mac: str, place: str, out: str) -> None:
        frames = [router.packet(source, destination, UDP, 5000, 10000 + number, mac, place).frame
                  for number in range(BATCH)]  # fmt: skip
        self.batch, self.out = Frames(router.ends[place], frames), out

    def run(self) -> float:
        """Nanoseconds of processor a packet. All of them must arrive."""
        self.batch.send()
        before, sent, began = received(self.out), 0, time.thread_time()
        for _ in range(BATCHES):
            sent += self.batch.send()
        spent = time.thread_time() - began
        time.sleep(0.02)
        if received(self.out) - before < 0.9 * sent:
            raise AssertionError("only %d of %d came out of %s" % (received(self.out) - before, sent, self.out))
        return spent / sent * 1e9


def main(rounds: int) -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    router = Router()
    router.nft(FIREWALL)
    nothing = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))  # a socket filter that keeps no packet
    program = struct.pack("HxxxxxxQ" if ctypes.sizeof(ctypes.c_void_p) == 8 else "HxxI", 1, ctypes.addressof(nothing))
    for sock in list(router.ends.values()) + router.inside:
        sock.setsockopt(socket.SOL_SOCKET, 26, program)  # SO_ATTACH_FILTER: what arrives here costs nothing
    flows = {name: Flow(router, *row) for name, row in FLOWS.items()}
    sets = {"no rules": [], "1 host": rules_of(1, 1), "%d hosts, %d rules" % (HOSTS, RULES): rules_of(HOSTS, RULES)}
    found: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        for title, rules in sets.items():
            made, loaded, size = load(router, rules)
            found.setdefault((title, "made"), []).append(made)
            found.setdefault((title, "loaded"), []).append(loaded)
            found.setdefault((title, "bytes"), []).append(size)
            for name, flow in flows.items():
                if name.startswith("forced") and not rules:
                    router.set_lanes([])
                    continue  # without rules it has another way: compared with the free host
                found.setdefault((title, name), []).append(flow.run())
    middle = {key: statistics.median(values) for key, values in found.items()}
    for title in sets:
        print("%s: text %.1f ms, nft %.0f ms, %d bytes" % (
            title, 1e3 * middle[title, "made"], 1e3 * middle[title, "loaded"], middle[title, "bytes"]))  # fmt: skip
        for name in flows:
            base = middle["no rules", "free host to the Internet" if name.startswith("forced") else name]
            if (title, name) in middle:
                print("    %-26s %6.0f ns, %.2f of the packets a second" % (
                    name, middle[title, name], base / middle[title, name]))  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
