"""Two ends of a paired tunnel in memory: machines, disks, and an IKE that lets in who has keys that are accepted.

Everything that can be cut is a point: each message, each write, each file. At each of them the world looks whether the
two could still prove themselves to each other, whoever calls, and whichever of them is killed just then.
"""

from __future__ import annotations

from isthmus.crypto.prf import sha256
from isthmus.proto.actions import INITIATOR, RESPONDER
from isthmus.proto.pairing import rotation_steps as steps
from isthmus.proto.pairing.rotation import Rotation
from isthmus.proto.pairing.rotation_keys import Keys
from isthmus.proto.pairing.rotation_record import SETTLED, Record, pull_record, push_record
from tests.core.pairing_world import make_rng

# What can happen at a point. Of a message:
LOST = "lost"  # the IKE SA ends before it arrives
LAST = "last"  # the IKE SA ends when it has arrived
TWICE = "twice"  # it comes once more, as across a rekeying
# Of a write:
BEFORE = "before"  # killed, and nothing is written
AFTER = "after"  # killed when it is written
FAILS = "fails"  # an error, and nothing is written
UNSURE = "unsure"  # an error, and it is written all the same
MESSAGE_CUTS = (LOST, LAST, TWICE)
WRITE_CUTS = (BEFORE, AFTER, FAILS, UNSURE)

FILES = ("psk", "ppk", "ppk_id", "control")


class Killed(Exception):
    """The daemon of this end is gone."""


class LockedOut(AssertionError):
    """The two can no longer prove themselves to each other."""


def first_keys():
    return Keys(sha256(b"psk"), sha256(b"ppk"), sha256(b"name")[:16], sha256(b"control"))


class End:
    """One end. files: the tunnel's own keys; record: bytes or None."""

    def __init__(self, world, name, is_lower):
        self.world = world
        self.name = name
        self.is_lower = is_lower
        keys = first_keys()
        self.files = {file: getattr(keys, file) for file in FILES}
        self.record = None
        self.starts = 0
        self.ended = []
        self.start()

    def __repr__(self):
        return "End(%s, %s)" % (self.name, self.rotation.state)

    def own(self):
        return Keys(self.files["psk"], self.files["ppk"], self.files["ppk_id"], self.files["control"])

    def start(self):
        """The daemon comes up: what the disk says."""
        self.starts += 1
        rng = make_rng("%s %s %d" % (self.world.seed, self.name, self.starts))
        record = pull_record(self.record) if self.record is not None else None
        self.rotation = Rotation(rng, self.export, self.is_lower, self.own(), record)

    def export(self):
        world = self.world
        middle = self.name if world.has_middle else ""  # two IKE SAs, one with each end
        return sha256(b"IKE SA %d" % world.sa + middle.encode()) if world.sa else None

    def views(self):
        """(keys used, keys accepted) as the daemon has them, and as it would after a restart."""
        found = []
        for keys, record in (
            (self.rotation.keys, self.rotation.record),
            (self.own(), pull_record(self.record) if self.record is not None else None),
        ):
            use, also = (keys, None) if record is None else record.get_sets(keys)
            found.append((use, [use] if also is None else [use, also]))
        return found

    def write(self, data):
        """The record's file, in one piece; None: removed. False: nobody knows."""
        cut = self.world.point("write")
        if cut == BEFORE:
            raise Killed
        if cut == FAILS:
            return False
        self.record = data
        if cut == AFTER:
            raise Killed
        return cut != UNSURE

    def copy(self, keys):
        """The tunnel's own files, each in one piece, then the record goes. False: not all of it is done."""
        if self.record is None and self.own() == keys:
            return self.write(None)  # it was removed before, and nobody knew
        record = pull_record(self.record)
        if record.phase != SETTLED or record.keys != keys:
            raise AssertionError("%r copies what is not settled" % self)
        for file in FILES:
            cut = self.world.point("file")
            if cut == BEFORE:
                raise Killed
            if cut == FAILS:
                return False
            self.files[file] = getattr(keys, file)
            self.world.check()
        return self.write(None)


class World:
    """can_call: which of the two ends can. cut_at, cut: the point at which something happens, and what."""

    def __init__(self, can_call=(True, True), cut_at=None, cut=None, seed=0):
        self.seed = seed
        self.has_middle = False
        self.can_call = can_call
        self.cut_at = cut_at if isinstance(cut_at, tuple) else (cut_at,)
        self.cut = cut
        self.count = 0
        self.log = []
        self.now = 0
        self.sa = 0  # the number of the IKE SA; 0: there is none
        self.flight = []  # (IKE SA, end that it goes to, data)
        self.ends = [End(self, "a", True), End(self, "b", False)]
        self.connects = 0

    def point(self, kind):
        """One more; what happens there, None if nothing."""
        self.log.append(kind)
        self.count += 1
        return self.cut if self.count - 1 in self.cut_at else None

    # IKE

    def connect(self, which):
        """This end calls."""
        caller, other = self.ends[which], self.ends[1 - which]
        use = caller.views()[0][0]
        if use not in other.views()[0][1]:
            raise LockedOut("%r calls %r" % (caller, other))
        self.connects += 1
        self.sa = self.connects
        self.do(other, lambda: other.rotation.up(RESPONDER, use.ppk_id, self.now))
        self.do(caller, lambda: caller.rotation.up(INITIATOR, use.ppk_id, self.now))

    def connect_somehow(self):
        """Whoever can call does."""
        if not self.sa:
            self.connect(0 if self.can_call[0] else 1)

    def break_off(self):
        self.sa = 0
        self.flight = []

    def do(self, end, deed):
        """One call of a machine, and what follows from it. Who is killed comes up again, without an IKE SA."""
        try:
            deed()
            self.obey(end)
        except Killed:
            self.break_off()
            self.do(end, end.start)
        self.check()

    def obey(self, end):
        while True:
            todo = end.rotation.take_actions()
            if not todo:
                return
            for action in todo:
                getattr(self, "_" + type(action).__name__)(end, action)

    def _Tell(self, end, action):
        if self.sa:
            self.flight.append((self.sa, 1 - self.ends.index(end), action.data))

    def _Write(self, end, action):
        self._have_written(end, end.write(push_record(action.record)))

    def _Copy(self, end, action):
        self._have_written(end, end.copy(action.keys))

    def _Drop(self, end, _action):
        self._have_written(end, end.write(None))

    def _have_written(self, end, is_sure):
        self.check()
        (end.rotation.written if is_sure else end.rotation.unwritten)(self.now)

    def _Renew(self, end, _action):
        which = self.ends.index(end)
        if self.can_call[which]:
            self.flight.append((self.sa, -1 - which, b""))  # when nothing else is to be done

    def _Ended(self, end, action):
        end.ended.append(action.error.code if action.error is not None else None)

    # Time

    def run(self):
        """Deliver until nothing moves."""
        while self.flight:
            self._deliver()

    def _deliver(self):
        sa, to, data = self.flight.pop(0)
        if to < 0:
            self.connect(-1 - to)
            return
        if sa != self.sa:
            return  # on an IKE SA that has been replaced
        cut = self.point("message")
        if cut == LOST:
            self.break_off()
            return
        end = self.ends[to]
        self.do(end, lambda: end.rotation.receive(data, self.now))
        if cut == TWICE:
            self.do(end, lambda: end.rotation.receive(data, self.now))
        if cut == LAST:
            self.break_off()

    def recover(self):
        """The tunnel comes up again and time passes."""
        for _ in range(4):
            self.connect_somehow()
            self.run()
            self.now += 100_000
            for end in self.ends:
                self.do(end, lambda end=end: end.rotation.handle_timer(self.now))
            self.run()

    def want(self, *which):
        for one in which:
            end = self.ends[one]
            self.do(end, lambda end=end: end.rotation.want(self.now))

    def check(self):
        """Whoever calls is let in, and whoever is killed now, too."""
        for ours in self.ends[0].views():
            for theirs in self.ends[1].views():
                if ours[0] not in theirs[1] or theirs[0] not in ours[1]:
                    raise LockedOut("%r and %r after %s" % (self.ends[0], self.ends[1], " ".join(self.log)))

    def keys(self):
        """The keys of both ends, where they are at rest. Raises AssertionError where one is not."""
        for end in self.ends:
            if end.rotation.state != steps.IDLE or end.record is not None or end.own() != end.rotation.keys:
                raise AssertionError("%r is not at rest" % end)
        if self.ends[0].own() != self.ends[1].own():
            raise AssertionError("the two have different keys")
        return self.ends[0].own()


def make_record(phase, keys, number=bytes(16)):
    return Record(phase, number, keys)
