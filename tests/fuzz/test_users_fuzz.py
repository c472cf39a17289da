"""Users and sessions under anything. Invariants: a file of users is read as written or refused with UsersFileError; and
whatever is asked of the door in whatever order, nobody gets a session without the password of now, every caller is
answered once, every refusal is one of ours, and what is on the disk is what is in force.
"""

from __future__ import annotations

import random
import unittest

from isthmus.errors import IsthmusError
from isthmus.users.book import MOST_USERS, Book, Params, User, pull_book, push_book
from isthmus.users.door import CODE_MS
from isthmus.users.errors import UsersFileError
from isthmus.users.queue import MOST_DIRECT, MOST_STRANGERS
from isthmus.users.sessions import IDLE_MS, MOST_OF_ONE, MOST_SESSIONS, Session
from isthmus.users.throttle import MOST_FAILED, source_key
from tests.core.users_world import World, stand_in
from tests.counts import cases

SEED = 20261123
NAMES = ("alice", "bob", "carol", "nobody", "", "Al ice", "x" * 40, "\u00e4", "\x00")
PASSWORDS = (
    "fluffy kitten 9", "quiet harbour 31", "another song 77", "short", "password1", "", "y" * 200, "\u00e4" * 300,
)  # fmt: skip
ROLES = ("look", "operate", "administer", "root", "")
SOURCES = ("192.168.1.7", "192.168.1.8", "2001:db8::1", "2001:db8::2", "", "?", "x" * 64, "::ffff:192.168.1.7")
PIECES = (
    b"user ", b"end 1\n", b"key ", b"\n", b" ", b"isthmus-users 1\n", b"0" * 64, b"\xff", b"\x00", b"99999999", b"-1",
)  # fmt: skip


def some_book(count: int) -> Book:
    users = [User("u%d" % n, 1 + n % 3, b"%08d" % n, Params(1 << 14, 8, 5), b"s" * 16, b"d" * 32) for n in range(count)]
    return Book(b"k" * 32, {user.name: user for user in users})


class File(unittest.TestCase):
    def test_mutated(self) -> None:
        rng = random.Random(SEED)
        refused = 0
        for _ in range(cases(3_000, 100_000)):
            data = bytearray(push_book(some_book(rng.randrange(4))))
            for _ in range(1 + rng.randrange(3)):
                at = rng.randrange(len(data) + 1)
                kind = rng.randrange(4)
                if kind == 0:
                    data[at:at] = rng.choice(PIECES)
                elif kind == 1:
                    del data[at : at + rng.randrange(1, 40)]
                elif kind == 2 and at < len(data):
                    data[at] = rng.randrange(256)
                else:
                    data[at:at] = data[rng.randrange(len(data) + 1) :][:100]
            try:
                found = pull_book(bytes(data))
            except UsersFileError as error:
                refused += 1
                self.assertTrue(len(str(error)) < 200)
                continue
            self.assertTrue(len(found.users) <= MOST_USERS)
            self.assertEqual(sorted(push_book(found)), sorted(bytes(data)), "something was read that is not there")
            self.assertTrue(all(user.params.is_allowed() for user in found.users.values()))
        self.assertTrue(refused > 1000)

    def test_random(self) -> None:
        rng = random.Random(SEED)
        for _ in range(cases(2_000, 50_000)):
            data = b"".join([rng.choice(PIECES) for _ in range(rng.randrange(12))])
            with self.assertRaises(UsersFileError):
                pull_book(data)

    def test_addresses(self) -> None:
        rng = random.Random(SEED)
        for _ in range(cases(3_000, 50_000)):
            text = "".join([rng.choice("0123456789abcdef.:%/ \x00\u00e4") for _ in range(rng.randrange(90))])
            self.assertTrue(len(source_key(text)) <= 200)


class Model:
    """What the door is held against: name -> password and role, as they should be now."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.world = World(seed=seed)
        self.door = self.world.door
        self.truth: dict[str, str] = {}
        self.asked: dict[int, tuple] = {}
        self.answered: set[int] = set()
        self.tokens: list[str] = []
        self.marks: list[str] = [""]
        self.codes: list[str] = [""]
        self.job = None
        self.number = 0

    def ticket(self, *what: object) -> int:
        self.number += 1
        self.asked[self.number] = what
        return self.number

    def session(self) -> Session | None:
        if not self.tokens:
            return None
        try:
            return self.door.sessions.find(self.rng.choice(self.tokens), self.world.now, True)
        except IsthmusError:
            return None

    def step(self) -> None:
        rng, door = self.rng, self.door
        name, password, role = rng.choice(NAMES), rng.choice(PASSWORDS), rng.choice(ROLES)
        session = self.session()
        if rng.random() < 0.4 and name in self.truth:
            password = self.truth[name]
        if rng.random() < 0.4 and session is not None:
            password = self.truth.get(session.name, password)
        before = self.number
        actions = (
            lambda: door.login(self.ticket("login", name, password), name, password, rng.choice(SOURCES),
                               rng.choice(self.marks), self.world.now),
            lambda: door.add(self.ticket("add", name, password), name, role, password),
            lambda: door.set_password(self.ticket("set", name, password), name, password),
            lambda: session and door.set_password(self.ticket("own", session.name, password), session.name, password,
                                                  session),
            lambda: session and door.step_up(self.ticket("step", session.name, password), session, password),
            lambda: self.codes.append(door.make_code(self.world.now)),
            lambda: door.first_password(self.ticket("claim", name, password), rng.choice(self.codes[-2:]), name,
                                        password, self.world.now),
            lambda: door.set_role(name, role, rng.random() < 0.5),
            lambda: self.truth.pop(door.delete(name, rng.random() < 0.5)["user"]),
            lambda: session and door.sessions.end(session),
            lambda: setattr(self.world, "is_full", rng.random() < 0.3),
        )  # fmt: skip
        weights = (30, 6, 4, 3, 8, 2, 4, 3, 1, 3, 1)
        try:
            rng.choices(actions, weights)[0]()
        except IsthmusError:
            self.answered.update(range(before + 1, self.number + 1))
        self.world.now += rng.choice((0, 1, 100, 1000, 10_000, CODE_MS // 2, IDLE_MS // 3))

    def hash(self) -> None:
        if self.job is None:
            self.job = self.door.take_job(self.world.now)
        elif self.rng.random() < 0.7:
            job, self.job = self.job, None
            self.door.hashed(job, None if self.rng.random() < 0.02 else stand_in(job), self.world.now)


class Door(unittest.TestCase):
    def take_answers(self, model: Model) -> None:
        for ticket, result, error in model.door.take_answers():
            self.assertFalse(ticket in model.answered, "answered twice")
            model.answered.add(ticket)
            kind, name, password = model.asked[ticket]
            if error is not None:
                self.assertTrue(isinstance(error, IsthmusError))
                self.assertFalse(password and len(password) > 8 and password in str(error) + repr(error))
                continue
            self.assertEqual(result["user"], name)
            if kind in ("login", "step"):
                self.assertEqual(model.truth.get(name), password, "a session for another password")
                model.marks.append(result.get("mark", ""))
            else:
                model.truth[name] = password
            if "token" in result:
                model.tokens.append(result["token"])

    def check(self, model: Model) -> None:
        door, now = model.door, model.world.now
        self.assertEqual(sorted(door.book.users), sorted(model.truth))
        if model.world.disk is not None:
            self.assertEqual(model.world.disk, push_book(door.book))
        for session in door.sessions.all_of(None, now):
            user = door.book.users[session.name]
            self.assertEqual((user.stamp, user.role), (session.stamp, session.role))
            self.assertTrue(len(door.sessions.all_of(session.name)) <= MOST_OF_ONE)
        self.assertTrue(len(door.sessions.all_of(None)) <= MOST_SESSIONS)
        self.assertTrue(len(door._queue._strangers) <= MOST_STRANGERS)
        self.assertTrue(len(door._queue._direct) <= MOST_DIRECT)
        self.assertTrue(len(door._throttle.sources._rows) <= MOST_FAILED)

    def test_anything_in_any_order(self) -> None:
        logins = 0
        for seed in range(cases(40, 2_000)):
            model = Model(SEED + seed)
            for _ in range(300):
                model.step()
                model.hash()
                self.take_answers(model)
                self.check(model)
            for _ in range(400):  # everybody is answered in the end
                model.world.now += 5_000
                model.hash()
                self.take_answers(model)
            waiting = set(model.asked) - model.answered
            self.assertEqual([model.asked[ticket] for ticket in waiting], [])
            said = repr(model.door.take_words())
            self.assertFalse(any(secret in said for secret in PASSWORDS if len(secret) > 8))
            logins += len(model.tokens)
        self.assertTrue(logins > 4 * cases(40, 2_000), "hardly anybody ever logs in")


if __name__ == "__main__":
    unittest.main()
