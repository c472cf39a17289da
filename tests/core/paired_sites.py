"""Two whole sites that have nothing but a network and an uplink each, and two administrators who pair them.

As pair.py, with a configuration on a disk in memory, and what isthmusd has around a site for pairing.
"""

from __future__ import annotations

from isthmus.config.model import load
from isthmus.config.store import Store
from isthmus.kernel.null import NullKernel
from isthmus.kernel.ways import Way
from isthmus.outlet import Sleeper
from isthmus.pairing_registry import Registry
from isthmus.pairing_rotate import Rotations
from isthmus.pairing_status import report
from isthmus.pairings import Pairings
from isthmus.wire.addr import Prefix, parse_ip
from tests.core.disk import Disk
from tests.core.pair import Host, Pair, Random

CONFIG = "/etc/config"
SECRETS = "/etc/isthmus/secrets"
PATH = CONFIG + "/isthmus"
WALL = 1_795_000_000
TEXT = b"# by hand\nconfig globals\n\tlist lan 'lan0'\n"


class Router(Host):
    """One site as isthmusd has it. lans: [(address, length)] of its own network's interface."""

    def __init__(self, pair, name, wan, lan, text=TEXT):
        self.disk = Disk([(PATH, text)])
        self.pairings = None
        self.reports = []
        super().__init__(pair, name, wan, lan)

    def start(self):
        super().start()
        rng = Random((self.pair.seed, self.name, self.lives, "pairings"))
        self.rng = rng
        self.registry = Registry(self.store, lambda: self.site.forcing.config, self.reload, rng, "router-" + self.name)
        self.pairings = None
        self.site.beside = Sleeper(self.wake)
        self.reload()

    def store(self):
        return Store(self.disk, CONFIG, "", SECRETS, 0)

    def reload(self):
        loaded = load(PATH, self.disk.read, SECRETS)
        if loaded.config is None:
            raise ValueError("; ".join([str(error) for error in loaded.errors]))
        self.reports.append(self.site.apply(loaded.config, self.paused, self.pair.now))
        if [tunnel for tunnel in loaded.config.tunnels if tunnel.renewal]:
            self.wake().wake(self.pair.now)
        return self.reports[-1]

    def wake(self):
        """What isthmusd makes when a peer tells it something, or somebody first asks."""
        if not isinstance(self.site.beside, Rotations):
            self.site.beside = Rotations(self.site, self.registry, self.log, self.rng)
        return self.site.beside

    def pair_up(self):
        """What isthmusd makes when somebody first asks for it."""
        if self.pairings is None:
            self.pairings = self.wake().pairings = Pairings(self.site, self, self.registry, self.log, self.rng)
        return self.pairings

    def boot(self):
        ways = [(Prefix(bytes(4), 0), Way(self.wan, "wan0", 1500))]
        self.kernel = NullKernel([("wan0", self.wan, 24), ("lan0", self.lan, 24)], ways)

    def resolve(self, name):
        found = self.names.get(name, [])
        self.pair.later(0, self, lambda now: self.site.resolved(name, found, "no such name", now))

    # Administrators

    def invite(self, *at):
        number, text = self.pair_up().invite(list(at), self.pair.now, WALL)
        self.site.obey(self.pair.now)
        return number, text

    def accept(self, text):
        number = self.pair_up().accept(text, self.pair.now, WALL)
        self.site.obey(self.pair.now)
        return number

    def approve(self, number, name="", words=None):
        try:
            return self.pairings.approve(number, words or self.row(number)["words"], name, self.pair.now)
        finally:
            self.site.obey(self.pair.now)

    def cancel(self, number):
        self.pairings.cancel(number, self.pair.now)
        self.site.obey(self.pair.now)

    def rotate(self, name):
        try:
            self.wake().want(self.site.tunnels[name], self.pair.now)
        finally:
            self.site.obey(self.pair.now)

    def report(self):
        return report(self.pairings, self.site, self.pair.now)

    def row(self, number):
        """The pairing of this number as its administrator sees it; None if it is over."""
        for row in self.report()["pairings"]:
            if row["number"] == number:
                return row
        return None

    def past(self, number):
        for row in self.report()["past"]:
            if row["number"] == number:
                return row
        return None

    def asks(self, number):
        row = self.row(number)
        return row is not None and row["asks"]

    def files(self):
        """Every file on the disk but the configuration."""
        return sorted([path for path in self.disk.names if path != PATH])

    def text(self):
        return self.disk.get(PATH).decode()


class Sites(Pair):
    """Router a and router b of two sites; lan_a, lan_b: their own addresses there."""

    def __init__(self, seed=0, fate=None, lan_a="192.168.10.1", lan_b="192.168.20.1", text_a=TEXT, text_b=TEXT):
        super().__init__(seed, fate)
        self.a = Router(self, "a", self.a.wan, parse_ip(lan_a), text_a)
        self.b = Router(self, "b", self.b.wan, parse_ip(lan_b), text_b)

    def begin(self):
        """A invites, B accepts: both numbers, when both ask."""
        ours, text = self.a.invite()
        theirs = self.b.accept(text)
        self.run(20_000, lambda: self.a.asks(ours) and self.b.asks(theirs))
        return ours, theirs

    def pair_sites(self, name_a="", name_b=""):
        """From nothing to a tunnel that carries: both names of it. None if it does not get there."""
        ours, theirs = self.begin()
        here = self.a.approve(ours, name_a)
        there = self.b.approve(theirs, name_b)
        if self.run(60_000, lambda: self.state(self.a, here) == "up" and self.state(self.b, there) == "up"):
            return here, there
        return None

    def state(self, host, name):
        tunnel = host.site.tunnels.get(name)
        return tunnel.state() if tunnel is not None else "none"
