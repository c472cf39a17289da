"""The door: logins, step-up, first password, changes; what races, what is told, and what is not."""

from __future__ import annotations

import unittest

from isthmus.users.book import pull_book, push_book
from isthmus.users.door import CODE_MS
from isthmus.users.errors import (
    BusyError,
    CodeError,
    NoSessionError,
    PasswordError,
    RefusedError,
    UserError,
    UsersFileError,
)
from isthmus.users.queue import MOST_OF_GUESTS, MOST_OF_USER
from isthmus.users.roles import ADMINISTER, LOOK
from isthmus.users.sessions import STEP_UP_MS, WRONG_STEP_UPS
from tests.core.users_world import OTHER, PASSWORD, TODAY, WEAK, World, stand_in


class Case(unittest.TestCase):
    def setUp(self):
        self.world = World()
        self.door = self.world.door

    def fails(self, error, ask, *arguments):
        with self.assertRaises(error) as caught:
            ask(*arguments)
        for secret in (PASSWORD, OTHER):
            self.assertFalse(secret in str(caught.exception) + caught.exception.remedy)
        return caught.exception


class Login(Case):
    def setUp(self):
        super().setUp()
        self.world.add()
        self.world.add("bob", "look", OTHER)

    def test_the_right_password_begins_a_session(self):
        answer = self.world.login()
        session = self.world.session(answer["token"])
        self.assertEqual((session.name, session.role, session.source), ("alice", ADMINISTER, "192.168.1.7"))
        self.assertEqual((answer["user"], answer["role"], answer["failed_before"]), ("alice", "administer", 0))
        self.assertFalse(session.is_stepped_up(self.world.now))
        self.assertEqual(self.world.session(self.world.login("bob", OTHER)["token"]).role, LOOK)

    def test_anything_else_is_refused_in_the_same_words(self):
        texts = set()
        for name, password in (
            ("alice", OTHER), ("bob", PASSWORD), ("carol", PASSWORD), ("", PASSWORD), ("alice", ""),
            ("Alice", PASSWORD), ("alice ", PASSWORD), ("\u00e4\x00\x1b", PASSWORD), ("alice", PASSWORD + " "),
            ("x" * 64, "y" * 256),
        ):  # fmt: skip
            self.world.now += 60_000
            error = self.fails(RefusedError, self.world.login, name, password)
            texts.add((str(error), error.code, error.remedy))
        self.assertEqual(len(texts), 1)
        self.assertEqual(self.door.sessions.all_of(None), [])

    def test_each_costs_one_scrypt_of_the_same_price(self):
        for name in ("alice", "bob", "carol", "", "x" * 64):
            self.world.hashed = []
            self.world.now += 60_000
            self.fails(RefusedError, self.world.login, name, "something else")
            self.assertEqual(self.world.hashed, [TODAY])

    def test_so_do_names_that_nobody_has_while_some_users_are_of_old(self):
        old = World(WEAK)
        for number in range(8):
            old.add("u%d" % number, "look")
        world = World(TODAY, old.disk)
        for number in range(4):
            world.now += 60_000
            world.one(world.door.set_password, "u%d" % number, OTHER)
        seen = {}
        for number in range(40):
            for _ in range(2):
                world.hashed = []
                world.now += 60_000
                name = "nobody%d" % number
                self.fails(RefusedError, world.login, name, "x")
                self.assertEqual(seen.setdefault(name, world.hashed), world.hashed)
        costs = [cost[0] for cost in seen.values()]
        self.assertTrue(8 < costs.count(TODAY) < 32, costs.count(TODAY))

    def test_failures_are_told_at_the_next_login_and_in_the_log(self):
        for name, source in (("alice", "192.168.1.66"), ("alice", "192.168.1.67"), ("pa55word", "192.168.1.66")):
            self.world.now += 60_000
            self.fails(RefusedError, self.world.login, name, "guess", source)
        said = "\n".join(self.world.words)
        self.assertTrue("a login as alice failed from 192.168.1.66" in said)
        self.assertFalse("pa55word" in said or "guess" in said)
        self.assertEqual([row["failed"] for row in self.door.rows(0)], [2, 0])
        self.assertEqual(self.world.login()["failed_before"], 2)
        self.assertEqual(self.world.login()["failed_before"], 0)

    def test_old_parameters_are_replaced_at_login(self):
        world = World(WEAK)
        world.add()
        world = World(TODAY, world.disk)
        before = world.door.book.users["alice"]
        self.assertEqual(before.params, WEAK)
        mark = world.login()["mark"]
        after = pull_book(world.disk).users["alice"]
        self.assertEqual((after.params, after.stamp, after.salt != before.salt), (TODAY, before.stamp, True))
        self.assertEqual(len(world.door.sessions.all_of("alice")), 1)
        world.hashed = []
        self.assertEqual(world.login(mark=mark)["mark"], mark)
        self.assertEqual(world.hashed, [TODAY])

    def test_a_full_disk_stops_no_login(self):
        world = World(WEAK)
        world.add()
        world = World(TODAY, world.disk)
        world.is_full = True
        self.assertTrue(world.login()["token"])
        self.assertEqual(world.door.book.users["alice"].params, WEAK)
        world.is_full = False
        self.assertTrue(world.login()["token"])
        self.assertEqual(world.door.book.users["alice"].params, TODAY)

    def test_a_user_who_goes_or_changes_while_scrypt_runs(self):
        for change in (
            lambda: self.door.delete("alice", True),
            lambda: self.door._store(pull_book(file_with("alice", OTHER))),
        ):
            self.setUp()
            self.door.login("t", "alice", PASSWORD, "", "", self.world.now)
            job = self.door.take_job(self.world.now)
            change()
            self.door.hashed(job, stand_in(job), self.world.now)
            _, result, error = self.door.take_answers()[0]
            self.assertTrue(result is None and isinstance(error, RefusedError))

    def test_a_role_that_changes_while_scrypt_runs_is_the_new_one(self):
        self.door.login("t", "alice", PASSWORD, "", "", self.world.now)
        self.door.set_role("alice", "look", True)
        result, _ = self.world.run()["t"]
        self.assertEqual(result["role"], "look")

    def test_without_memory_for_scrypt(self):
        self.door.login("t", "alice", PASSWORD, "", "", self.world.now)
        self.door.hashed(self.door.take_job(self.world.now), None, self.world.now)
        self.assertEqual(self.door.take_answers()[0][2].code, "no-memory")
        self.assertTrue(self.world.login()["token"])

    def test_no_password_stays(self):
        self.door.login("t", "alice", PASSWORD, "", "", self.world.now)
        job = self.door.take_job(self.world.now)
        self.assertFalse(PASSWORD in repr(job))
        self.door.hashed(job, b"x" * 32, self.world.now)
        self.assertEqual(job.password, b"")

    def test_marks(self):
        mark = self.world.login()["mark"]
        self.assertEqual(self.world.login(mark=mark)["mark"], mark)
        self.assertNotEqual(self.world.login("bob", OTHER, mark=mark)["mark"], mark)  # another user's
        for name, shown, known in (("alice", mark, True), ("bob", mark, False), ("alice", "", False),
                                   ("alice", mark[:-1] + "g", False), ("nobody", mark, False)):  # fmt: skip
            self.assertIs(self.world.door.knows(name, shown, self.world.now), known, (name, shown))
        self.world.one(self.door.set_password, "alice", OTHER)
        self.assertNotEqual(self.world.login("alice", OTHER, mark=mark)["mark"], mark)  # of the former password


def file_with(name, password):
    """The file that has this user with another password."""
    world = World(seed=1)
    world.add(name, "administer", password)
    return world.disk


class FirstPassword(Case):
    def claim(self, code, name="alice", password=PASSWORD):
        return self.world.one(self.door.first_password, code, name, password, self.world.now)

    def test_with_roots_code_and_once(self):
        self.assertTrue(self.door.is_fresh())
        code = self.door.make_code(self.world.now)
        self.assertEqual([len(part) for part in code.split("-")], [4, 4, 4, 4])
        self.assertEqual(self.claim(code), {"user": "alice", "role": "administer"})
        self.assertFalse(self.door.is_fresh())
        self.fails(CodeError, self.claim, code, "mallory")
        self.assertEqual(self.world.login()["role"], "administer")
        self.fails(UserError, self.door.make_code, self.world.now)

    def test_as_people_type_it(self):
        code = self.door.make_code(self.world.now).lower().replace("-", " ")
        self.assertTrue(self.claim(code.replace("0", "o").replace("1", "l")))

    def test_without_or_with_another(self):
        self.fails(CodeError, self.claim, "")
        code = self.door.make_code(self.world.now)
        for bad in ("", code[:-1], code + "0", code.replace(code[0], "7" if code[0] != "7" else "8"), "0" * 16):
            self.fails(CodeError, self.claim, bad)
        newer = self.door.make_code(self.world.now)
        self.fails(CodeError, self.claim, code)
        self.assertTrue(self.claim(newer))

    def test_too_late(self):
        code = self.door.make_code(self.world.now)
        self.world.now += CODE_MS
        self.fails(CodeError, self.claim, code)

    def test_after_a_restart(self):
        code = self.door.make_code(self.world.now)
        self.world = World()
        self.door = self.world.door
        self.fails(CodeError, self.claim, code)

    def test_a_password_that_is_not_taken_leaves_the_code_good(self):
        code = self.door.make_code(self.world.now)
        self.fails(PasswordError, self.claim, code, "alice", "12345678")
        self.fails(UserError, self.claim, code, "Alice!")
        self.assertTrue(self.claim(code))

    def test_two_at_once(self):
        code = self.door.make_code(self.world.now)
        self.door.first_password("one", code, "alice", PASSWORD, self.world.now)
        self.fails(CodeError, self.door.first_password, "two", code, "mallory", OTHER, self.world.now)
        self.assertEqual(self.world.run()["one"][0]["user"], "alice")
        self.assertEqual(self.door.book.names(), ["alice"])

    def test_root_was_faster(self):
        code = self.door.make_code(self.world.now)
        self.door.add("root", "bob", "look", OTHER)
        self.door.first_password("web", code, "alice", PASSWORD, self.world.now)
        answers = self.world.run()
        self.assertEqual(answers["root"][0]["user"], "bob")
        self.assertTrue(isinstance(answers["web"][1], CodeError))
        self.assertEqual(self.door.book.names(), ["bob"])

    def test_no_code_while_the_file_cannot_be_used(self):
        self.fails(UsersFileError, self.door.load, b"half a fi")
        self.fails(UsersFileError, self.door.make_code, self.world.now)
        self.fails(UsersFileError, self.claim, "0" * 16)
        self.fails(UsersFileError, self.world.login)
        self.fails(UsersFileError, self.world.add)

    def test_nobody_logs_in_before(self):
        self.fails(RefusedError, self.world.login)
        self.assertEqual(len(self.world.hashed), 1)


class StepUp(Case):
    def setUp(self):
        super().setUp()
        self.world.add()
        self.token = self.world.login()["token"]

    def step_up(self, password=PASSWORD):
        return self.world.one(self.door.step_up, self.world.session(self.token), password)

    def test_the_password_once_more(self):
        answer = self.step_up()
        self.fails(NoSessionError, self.world.session, self.token)
        session = self.world.session(answer["token"])
        self.assertTrue(session.is_stepped_up(self.world.now))
        self.assertFalse(session.is_stepped_up(self.world.now + STEP_UP_MS))

    def test_a_wrong_one(self):
        for _ in range(WRONG_STEP_UPS - 1):
            self.fails(RefusedError, self.step_up, OTHER)
        self.assertFalse(self.world.session(self.token).is_stepped_up(self.world.now))
        self.fails(NoSessionError, self.step_up, OTHER)
        self.fails(NoSessionError, self.world.session, self.token)

    def test_it_is_bound_to_one_session(self):
        other = self.world.login()["token"]
        self.step_up()
        self.assertFalse(self.world.session(other).is_stepped_up(self.world.now))

    def test_one_at_a_time(self):
        session = self.world.session(self.token)
        self.door.step_up("one", session, PASSWORD)
        self.fails(BusyError, self.door.step_up, "two", session, PASSWORD)
        self.door.take_job(self.world.now)
        self.assertEqual(self.fails(BusyError, self.door.step_up, "two", session, PASSWORD).code, "busy")

    def test_an_insider_with_many_sessions_holds_few_places(self):
        """Each that waits holds a connection of the web interface: step-ups, new passwords, logins with a mark."""
        login = self.world.login()
        tokens = [self.world.login()["token"] for _ in range(MOST_OF_USER)] + [login["token"]]
        for ticket in range(MOST_OF_USER):
            self.door.step_up(ticket, self.world.session(tokens[ticket]), PASSWORD)
        mine = self.world.session(tokens[-1])
        self.fails(BusyError, self.door.step_up, 9, mine, PASSWORD)
        self.fails(BusyError, self.door.set_password, 9, "alice", OTHER, mine)
        self.fails(BusyError, self.door.set_password, 9, "alice", OTHER, None, mine)
        self.fails(BusyError, self.door.add, 9, "carol", "look", OTHER, mine)
        self.fails(BusyError, self.door.login, 9, "alice", PASSWORD, "", login["mark"], self.world.now)
        self.door.set_password("root", "alice", OTHER)  # whom root's command line asks for is nobody's place
        self.assertEqual(sorted([str(ticket) for ticket in self.world.run()]), ["0", "1", "root"])

    def test_many_insiders_do_not_take_all_places(self):
        busy, sessions = 0, []
        for number in range(MOST_OF_GUESTS + 2):
            self.world.add("u%d" % number, "look")
            sessions.append(self.world.session(self.world.login("u%d" % number)["token"]))
        for number, session in enumerate(sessions):
            try:
                self.door.step_up(number, session, PASSWORD)
            except BusyError:
                busy += 1
            self.assertEqual(self.door.take_job(self.world.now) is not None, number == 0)
        self.assertEqual(busy, 1)

    def test_a_logout_while_scrypt_runs(self):
        session = self.world.session(self.token)
        self.door.step_up("t", session, PASSWORD)
        self.door.sessions.end(session)
        self.assertTrue(isinstance(self.world.run()["t"][1], NoSessionError))
        self.assertEqual(self.door.sessions.all_of(None), [])

    def test_a_password_that_changes_while_scrypt_runs(self):
        session = self.world.session(self.token)
        self.door.set_password("root", "alice", OTHER)
        self.door.step_up("t", session, PASSWORD)
        self.assertTrue(isinstance(self.world.run()["t"][1], NoSessionError))


class Changes(Case):
    def setUp(self):
        super().setUp()
        self.world.add()
        self.world.add("bob", "operate", OTHER)

    def test_what_is_written_is_what_is_there_after_a_restart(self):
        world = World(TODAY, self.world.disk)
        self.assertEqual([(row["user"], row["role"]) for row in world.door.rows(0)],
                         [("alice", "administer"), ("bob", "operate")])  # fmt: skip
        self.assertEqual(world.login("bob", OTHER)["role"], "operate")
        self.assertFalse(PASSWORD.encode() in self.world.disk)

    def test_a_new_password_ends_all_sessions_of_its_user(self):
        tokens = [self.world.login()["token"] for _ in range(3)]
        bobs = self.world.login("bob", OTHER)["token"]
        self.world.one(self.door.set_password, "alice", "another song 77")
        for token in tokens:
            self.fails(NoSessionError, self.world.session, token)
        self.assertTrue(self.world.session(bobs))
        self.fails(RefusedError, self.world.login)
        self.assertTrue(self.world.login("alice", "another song 77"))

    def test_ones_own_new_password_gives_a_new_session(self):
        other, mine = self.world.login()["token"], self.world.login()["token"]
        answer = self.world.one(self.door.set_password, "alice", "another song 77", self.world.session(mine))
        for token in (mine, other):
            self.fails(NoSessionError, self.world.session, token)
        self.assertEqual(self.world.session(answer["token"]).name, "alice")

    def test_not_for_a_session_that_has_ended_meanwhile(self):
        session = self.world.session(self.world.login()["token"])
        self.door.set_password("t", "alice", "another song 77", session)
        self.door.sessions.end(session)
        self.assertTrue(isinstance(self.world.run()["t"][1], NoSessionError))
        self.assertTrue(self.world.login())

    def test_who_is_put_out_changes_nobody_else_any_more(self):
        """What an administrator asked for, and waits for scrypt when that administrator goes."""
        for put_out in (
            lambda door: door.delete("mallory", True),
            lambda door: door.set_role("mallory", "look", True),
            lambda door: door.sessions.end_all("mallory"),
        ):
            world = World()
            world.add()
            world.add("mallory", "administer", OTHER)
            session = world.session(world.login("mallory", OTHER)["token"])
            world.door.add("add", "evil", "administer", OTHER, session)
            world.door.set_password("password", "alice", OTHER, None, session)
            put_out(world.door)
            answers = world.run()
            for ticket in ("add", "password"):
                self.assertTrue(isinstance(answers[ticket][1], NoSessionError), answers[ticket])
            self.assertTrue("evil" not in world.door.book.users)
            world.login("alice", PASSWORD)

    def test_a_new_role_ends_them_and_the_same_does_not(self):
        token = self.world.login("bob", OTHER)["token"]
        self.door.set_role("bob", "operate", True)
        self.assertTrue(self.world.session(token))
        self.door.set_role("bob", "look", True)
        self.fails(NoSessionError, self.world.session, token)

    def test_deleted_and_made_anew_is_somebody_else(self):
        answer = self.world.login("bob", OTHER)
        self.door.delete("bob", True)
        self.fails(NoSessionError, self.world.session, answer["token"])
        self.world.add("bob", "look", OTHER)
        self.fails(NoSessionError, self.world.session, answer["token"])
        self.assertNotEqual(self.world.login("bob", OTHER, mark=answer["mark"])["mark"], answer["mark"])

    def test_the_last_who_administers_stays_unless_root_says_so(self):
        for ask in (lambda by: self.door.delete("alice", by), lambda by: self.door.set_role("alice", "look", by)):
            self.assertEqual(self.fails(UserError, ask, False).code, "last-administrator")
        self.door.set_role("bob", "administer", False)
        self.door.set_role("alice", "look", False)
        self.fails(UserError, self.door.delete, "bob", False)
        self.door.delete("bob", True)
        self.assertEqual(self.door.book.names(), ["alice"])

    def test_bad_input(self):
        self.fails(UserError, self.world.add, "alice", "look")
        self.fails(UserError, self.world.add, "carol", "king")
        self.fails(UserError, self.world.add, "../carol", "look")
        self.fails(PasswordError, self.world.add, "carol", "look", "carol1234")
        for ask in (self.door.delete, lambda name, by: self.door.set_role(name, "look", by),
                    lambda name, _by: self.door.set_password("t", name, OTHER)):  # fmt: skip
            self.assertEqual(self.fails(UserError, ask, "nobody", True).code, "unknown-user")
        self.fails(UserError, self.door.set_role, "bob", "", True)

    def test_two_writers_for_one_user(self):
        self.door.add("one", "carol", "look", OTHER)
        self.door.add("two", "carol", "administer", PASSWORD)
        self.door.set_password("three", "bob", "another song 77")
        self.door.set_password("four", "bob", "another song 78")
        answers = self.world.run()
        self.assertEqual([answers[ticket][1] is None for ticket in ("one", "two", "three", "four")], [True, False] * 2)
        self.assertEqual(self.door.book.users["carol"].role, LOOK)

    def test_a_full_disk_changes_nothing(self):
        token = self.world.login("bob", OTHER)["token"]
        before = push_book(self.door.book)
        self.world.is_full = True
        for ask in (
            lambda: self.world.add("carol", "look"),
            lambda: self.world.one(self.door.set_password, "bob", "another song 77"),
            lambda: self.door.set_role("bob", "look", True),
            lambda: self.door.delete("bob", True),
        ):
            self.assertEqual(self.fails(UserError, ask).code, "not-written")
        self.assertEqual(push_book(self.door.book), before)
        self.assertTrue(self.world.session(token))

    def test_a_file_that_was_changed_by_hand(self):
        tokens = [self.world.login()["token"], self.world.login("bob", OTHER)["token"]]
        book = self.door.book
        self.door.load(push_book(book.without("bob")))
        self.assertTrue(self.world.session(tokens[0]))
        self.fails(NoSessionError, self.world.session, tokens[1])
        self.fails(UsersFileError, self.door.load, b"")
        self.fails(UsersFileError, self.door.is_fresh)


if __name__ == "__main__":
    unittest.main()
