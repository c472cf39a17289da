"""Two whole sites in one process: engines, tunnels, keepers, null kernels, a virtual clock and a network that can fail.

Nothing here knows what is inside a datagram. Probes are answered when both kernels hold what ESP and L2TP need, and are
counted on the SAs and sessions as a kernel would.
"""

from __future__ import annotations

import gc
import hashlib
import unittest

from isthmus.config.model import load
from isthmus.kernel.null import NullKernel
from isthmus.kernel.ways import Way
from isthmus.outlet import Outlet
from isthmus.site import Site
from isthmus.wire import icmp4
from isthmus.wire.addr import Prefix, parse_ip
from isthmus.wire.icmp6 import ECHO_REPLY

A, B = parse_ip("192.0.2.1"), parse_ip("198.51.100.1")
LAN_A, LAN_B = parse_ip("192.168.10.1"), parse_ip("192.168.20.1")
SOMEBODY = parse_ip("fe80::5")
DELAY_MS = 5
PSK = "correct horse battery staple"


class Random:
    """Bytes that look random and repeat for a seed."""

    def __init__(self, seed: object) -> None:
        self._seed = repr(seed).encode()
        self._count = 0

    def __call__(self, count: int) -> bytes:
        out = b""
        while len(out) < count:
            self._count += 1
            out += hashlib.sha256(b"%s:%d" % (self._seed, self._count)).digest()
        return out[:count]


class Lines:
    """A log that keeps its lines."""

    level = "debug"

    def __init__(self) -> None:
        self.lines: list[str] = []

    def error(self, subject: str, text: str) -> None:
        self.lines.append("%s: %s" % (subject, text))

    warning = notice = info = debug = error

    def once(self, level: str, subject: str, text: str) -> None:
        self.lines.append("%s: %s" % (subject, text))


def make_config(remote: str, subnet: str, psk: str = PSK, extra: str = "") -> object:
    """The configuration of three lines, and `extra` ones."""
    text = "config tunnel 'branch'\n option remote '%s'\n option psk '%s'\n list remote_subnet '%s'\n%s\n"
    loaded = load("test", lambda path: (text % (remote, psk, subnet, extra)).encode())
    if loaded.config is None:
        raise ValueError("; ".join([str(error) for error in loaded.errors]))
    return loaded.config


class Host(Outlet):
    """One site and the kernel under it."""

    def __init__(self, pair: Pair, name: str, wan: bytes, lan: bytes) -> None:
        self.pair = pair
        self.name = name
        self.wan = wan
        self.lan = lan
        self.boot()
        self.log = Lines()
        self.guard_text = ""
        self.disk_is_full = False
        self.spent: list[str] = []
        self.names: dict[str, list[bytes]] = {}
        self.paused: list[str] = []
        self.lives = 0
        self.start()

    def start(self) -> None:
        """A new daemon over whatever the kernel holds."""
        self.lives += 1
        rng = Random((self.pair.seed, self.name, self.lives))
        self.alive = True
        self.site = Site(self.kernel, self, self.log, rng, self.pair.now)

    def boot(self) -> None:
        """A kernel that knows nothing."""
        ways = [(Prefix(bytes(4), 0), Way(self.wan, "wan0", 1500))]
        self.kernel = NullKernel([("wan0", self.wan, 24), ("lan0", self.lan, 24)], ways)

    def reboot(self) -> None:
        """Everything is lost but the configuration."""
        self.boot()
        self.start()

    def move(self, wan: bytes) -> None:
        """The uplink has another address from now on."""
        self.wan = wan
        self.kernel.uplinks[0] = ("wan0", wan, 24)
        self.kernel.ways[0] = (Prefix(bytes(4), 0), Way(wan, "wan0", 1500))
        self.kernel.tell("way")

    def kill(self) -> None:
        """The daemon dies; the kernel stays."""
        self.alive = False

    @property
    def tunnel(self) -> object:
        return self.site.tunnels["branch"]

    def send(self, data: bytes, source: object, destination: object, probe: bool = False) -> None:
        if not probe or len(data) + 28 + 4 * (source[1] == 4500) <= self.pair.limit:  # IPv4, UDP, the non-ESP marker
            self.pair.carry(self, data, source, destination)

    def resolve(self, name: str) -> None:
        found = self.names.get(name, [])
        self.pair.later(0, self, lambda now: self.site.resolved(name, found, "no such name", now))

    def probe(self, message: bytes, address: bytes, ifname: str) -> None:
        self.pair.carry_probe(self, message, address, ifname)

    def remember_guard(self, text: str, closed: str) -> bool:
        if self.disk_is_full:
            return False
        self.guard_text = text
        self.closed_text = closed
        return True

    def publish_hosts(self, text: str) -> None:
        self.hosts_text = text

    def remember_spent(self, marks: list[str]) -> None:
        self.spent = list(marks)

    def spent_exceptions(self) -> list[str]:
        return list(self.spent)

    def kept(self, kind: str, key: tuple) -> object:
        """What the kernel really holds, None if it does not."""
        try:
            return self.kernel.kept(kind, key)
        except KeyError:
            return None

    def newest_outbound(self) -> object:
        """The SA that the kernel would send through: the one added last."""
        here = [sa for sa in self.kernel.dump("sa") if sa.source == self.wan]
        for verb, kind, words in reversed(self.kernel.log):
            for sa in here:
                if verb == "add" and kind == "sa" and "spi 0x%08x " % sa.spi in words:
                    return self.kept("sa", sa.key())
        return None

    def spis(self) -> list[int]:
        """Of every SA in the kernel."""
        return sorted([sa.spi for sa in self.kernel.dump("sa")])


class Pair:
    """Host a and host b, the clock `now`, and what is on its way between them.

    `fate(data, number) -> [delay, ...]`: when copies of a datagram arrive; none for a lost one.
    """

    def __init__(self, seed: object = 0, fate: object = None) -> None:
        self.seed = seed
        self.now = 1_000_000
        self.fate = fate or (lambda data, number: [DELAY_MS])
        self.sent = 0
        self.speaks_ipv6 = True  # whoever is asked where all nodes are
        self.limit = 1500  # the largest IP datagram that passes whole
        self._agenda: list[tuple[int, int, Host, object]] = []
        self._number = 0
        self.a = Host(self, "a", A, LAN_A)
        self.b = Host(self, "b", B, LAN_B)

    def later(self, delay: int, host: Host, call: object) -> None:
        self._number += 1
        self._agenda.append((self.now + delay, self._number, host, call))

    def carry(self, sender: Host, data: bytes, source: tuple, destination: tuple) -> None:
        self.sent += 1
        receiver = self.b if sender is self.a else self.a
        if destination[0] != receiver.wan:
            return
        for delay in self.fate(data, self.sent):
            self.later(delay, receiver, lambda now, h=receiver: h.site.receive(data, source, destination, now))

    def carry_probe(self, sender: Host, message: bytes, address: bytes, ifname: str) -> None:
        receiver = self.b if sender is self.a else self.a
        there = self._cross(sender, receiver)
        if not there or not self._cross(receiver, sender):
            return
        reply = bytes([ECHO_REPLY if len(address) == 16 else icmp4.ECHO_REPLY]) + message[1:]
        if address[0] == 0xFF:  # all nodes were asked: one of them answers, by its own address
            if not self.speaks_ipv6:
                return
            address = SOMEBODY
        self.later(2 * DELAY_MS, sender, lambda now: sender.site.echo(reply, address, ifname, now))

    def _cross(self, sender: Host, receiver: Host) -> bool:
        """One frame through the newest outbound SA, as two kernels would; counted where it is seen."""
        leaving = sender.newest_outbound()
        sessions = receiver.kernel.dump("session")
        if leaving is None or not sender.kernel.dump("session") or not sessions:
            return False
        leaving.packets += 1
        arriving = receiver.kept("sa", (receiver.wan, leaving.spi))
        if arriving is None or (arriving.encap is None) != (leaving.encap is None):  # the kernel: XfrmInStateMismatch
            return False
        arriving.packets += 1
        receiver.kernel.kept("session", sessions[0].key()).rx_packets += 1
        return True

    def configure(self, extra_a: str = "", extra_b: str = "", psk_b: str = PSK) -> None:
        """Two tunnels of three lines each; which may differ."""
        self.a.site.apply(make_config("198.51.100.1", "192.168.20.0/24", PSK, extra_a), self.a.paused, self.now)
        self.b.site.apply(make_config("192.0.2.1", "192.168.10.0/24", psk_b, extra_b), self.b.paused, self.now)

    def run(self, milliseconds: int, until: object = None) -> bool:
        """Let time pass; ends early, and with True, when `until()` holds."""
        end = self.now + milliseconds
        timers: dict[str, int] = {}  # of those who have been left alone since they were asked
        while True:
            if until is not None and until():
                return True
            for host in (self.a, self.b):
                kinds = host.kernel.read_events()
                if host.alive and kinds:
                    timers.pop(host.name, None)
                    host.site.kernel_changed(kinds, self.now)
            self._agenda.sort(key=lambda entry: (entry[0], entry[1]))
            moments = self._ask(timers)
            if self._agenda:
                moments.append(self._agenda[0][0])
            moment = max(self.now, min(moments)) if moments else end
            if moment > end:
                self.now = end
                return until is not None and bool(until())
            self.now = moment
            while self._agenda and self._agenda[0][0] <= self.now:
                _, _, host, call = self._agenda.pop(0)
                timers.pop(host.name, None)
                if host.alive:
                    call(self.now)
            for host in (self.a, self.b):
                if host.alive and timers.get(host.name, self.now) <= self.now:
                    timers.pop(host.name, None)
                    if host.site.get_timer() <= self.now:
                        host.site.handle_timer(self.now)

    def _ask(self, timers: dict[str, int]) -> list[int]:
        alive = [host for host in (self.a, self.b) if host.alive]
        for host in alive:
            if host.name not in timers:
                timers[host.name] = host.site.get_timer()
        return [timers[host.name] for host in alive]

    def up(self) -> bool:
        """Both sides say so."""
        return self.a.tunnel.state() == "up" and self.b.tunnel.state() == "up"


class PairTest(unittest.TestCase):
    """A test that begins with a pair of its own."""

    def setUp(self) -> None:
        gc.collect()  # MicroPython's heap has no room for two pairs in pieces
        self.pair = Pair()
        self.a, self.b = self.pair.a, self.pair.b

    def bring_up(self, extra_a: str = "", extra_b: str = "") -> None:
        """Both tunnels up, and still up ten seconds later."""
        self.pair.configure(extra_a, extra_b)
        self.assertTrue(self.pair.run(20_000, self.pair.up))
        self.pair.run(10_000)
        self.assertTrue(self.pair.up())
