"""A router in memory for changes on trial: its disk, what runs on it, the guard in its kernel, the one kept for boot.

What it does is cut off wherever its disk is: applying a configuration is three steps more, as in the daemon (nft's
transaction, the text kept for the next boot, and who then runs).
"""

from isthmus.applying.files import Files, mark_of
from isthmus.applying.steps import Trial
from isthmus.config.model import load
from isthmus.config.store import CONFIG_DIR, DELTA_DIR, Store
from isthmus.policy.exposure import find_exposed
from tests.core.disk import Disk

PATH = CONFIG_DIR + "/isthmus"
DELTAS = DELTA_DIR + "/isthmus"
STAGED_KEYS = DELTA_DIR + "/isthmus.keys"
SECRETS = "/etc/isthmus/secrets/"
RECORD = SECRETS + "undo.open"
KEPT = SECRETS + "undo.kept"
KEY, NEW_KEY = b"quiet harbour lamp", b"other harbour lamp"

TUNNEL = b"""config tunnel 'branch'
\toption remote 'branch.example.net'
\tlist remote_subnet '192.168.20.0/24'
"""
OLD = TUNNEL + b"""
config forced 'cameras'
\tlist from '192.168.1.50'
\tlist from '192.168.1.51'
\tlist via 'branch'
\toption ipv6 'free'
"""
# A rule is made smaller, another one comes, the key changes.
STAGED = b"""~isthmus.cameras.from='192.168.1.51'
isthmus.guests='forced'
|isthmus.guests.from='192.168.3.0/24'
|isthmus.guests.via='branch'
isthmus.guests.ipv6='free'
"""
STAGED_KEY = b"isthmus.branch.psk='other harbour lamp'\n"
WINDOW = 90


def disk_of(staged=STAGED, keys=STAGED_KEY):
    """A disk with the old configuration, and a change staged."""
    disk = Disk([(PATH, OLD), (SECRETS + "branch", KEY + b"\n")])
    if staged:
        disk.put(DELTAS, staged)
    if keys:
        disk.put(STAGED_KEYS, keys)
    return disk


class World:
    """boot: a disk that was cut off earlier. guard: the configuration whose guard is in the kernel; kept: the text for
    the next boot stands for one as well, and is a file on the disk.
    """

    KEPT_GUARD = "/etc/isthmus/state/guard.nft"

    def __init__(self, disk, guards=None):
        self.disk = disk
        self.guards = guards if guards is not None else []  # every configuration that ever had one, by its number
        self.guard = None
        self.running = None
        self.refuses = False
        self.store = Store(disk)
        self.trial = Trial(Files(self.store), self.run)

    def boot_guard(self):
        """isthmus-guard: what the file says."""
        data = self.disk.get(self.KEPT_GUARD)
        self.guard = self.guards[int(data)] if data else None

    def start(self, now=0):
        """The daemon: what was on trial is undone, then the configuration is read."""
        self.trial.start(now)
        read = self.trial.reader() or self.disk.read
        loaded = load(PATH, read)
        if loaded.config is None:
            raise AssertionError([str(error) for error in loaded.errors])
        self.run(loaded.config)

    def run(self, config):
        self.disk._call("guard")
        if self.refuses:
            raise OSError(22, "nft")
        self.guards.append(config)
        self.guard = config
        try:
            self.disk._call("keep")
            self.disk.put(self.KEPT_GUARD, b"%d" % (len(self.guards) - 1))
            self.disk._call("run")
        except OSError:  # what the daemon logs, and tries again
            pass
        self.running = config

    def apply(self, now=0, window=WINDOW):
        """What `isthmus apply --confirm` does."""
        view = self.store.view()
        plan = self.store.plan(view)
        self.trial.apply(self.running, plan.loaded.config, mark_of(view), window, now)

    def files(self):
        """Whether the files are those of before, or of after: "old", "new" or "mixed"."""
        config, key = self.disk.get(PATH), self.disk.get(SECRETS + "branch")
        if (config, key) == (OLD, KEY + b"\n"):
            return "old"
        if config != OLD and b"guests" in config and b"1.51" not in config and key == NEW_KEY + b"\n":
            return "new"
        return "mixed"


def holds(guard, config):
    """Whether a configuration's guard holds back whatever `config` does, as far as the two of this file go."""
    return guard is not None and find_exposed(config.forced, guard.forced) == []


def staged_of(disk):
    """What is staged, both files."""
    return (disk.get(DELTAS) or b"") + (disk.get(STAGED_KEYS) or b"")
