"""What the tests of users share: a door with a disk in memory, and what stands in for scrypt on both interpreters."""

from __future__ import annotations

from isthmus import hashes
from isthmus.users.book import Params
from isthmus.users.door import Door
from isthmus.users.errors import UserError

WEAK, TODAY = Params(1 << 10, 8, 1), Params(1 << 11, 8, 2)
PASSWORD = "fluffy kitten 9"
OTHER = "quiet harbour 31"


def make_rng(seed=0):
    """Bytes that never repeat, the same in each run with this seed."""
    state = [0]

    def rng(count):
        out = b""
        while len(out) < count:
            state[0] += 1
            out += hashes.sha256(b"rng %d %d" % (seed, state[0])).digest()
        return out[:count]

    return rng


def stand_in(job):
    """In scrypt's place: another password, salt or parameter gives another result."""
    said = b"%d %d %d " % (job.params.n, job.params.r, job.params.p) + job.password
    return hashes.digest(job.salt, said, "sha256")


class World:
    """A door, its disk, and its clock. run(): hash whatever waits, as long as anybody may be next."""

    def __init__(self, params=TODAY, data=None, seed=0):
        self.disk = data
        self.is_full = False
        self.now = 1_000_000
        self.hashed = []  # parameters, in order
        self.words = []
        self.door = Door(make_rng(seed), self.keep, params)
        self.door.load(data)

    def keep(self, data):
        if self.is_full:
            raise UserError("no room", "make some", "not-written")
        self.disk = data

    def turn(self):
        """One password, if one may be next. True where there was one."""
        job = self.door.take_job(self.now)
        if job is not None:
            self.hashed.append(job.params)
            self.door.hashed(job, stand_in(job), self.now)
        self.words += [text for _, text in self.door.take_words()]
        return job is not None

    def run(self):
        while self.turn():
            pass
        return {ticket: (result, error) for ticket, result, error in self.door.take_answers()}

    def one(self, ask, *arguments):
        """ask(ticket, ...) and its answer: a result; raises what it is refused with."""
        ask("ticket", *arguments)
        result, error = self.run()["ticket"]
        if error is not None:
            raise error
        return result

    def add(self, name="alice", role="administer", password=PASSWORD):
        return self.one(self.door.add, name, role, password)

    def login(self, name="alice", password=PASSWORD, source="192.168.1.7", mark=""):
        return self.one(self.door.login, name, password, source, mark, self.now)

    def session(self, token):
        return self.door.sessions.find(token, self.now, True)
