"""Sessions: their tokens, their ends, their number."""

from __future__ import annotations

import unittest

from isthmus.users.book import CURRENT, User
from isthmus.users.errors import NoSessionError
from isthmus.users.roles import ADMINISTER, LOOK, OPERATE
from isthmus.users.sessions import (
    ABSOLUTE_MS,
    IDLE_MS,
    MOST_OF_ONE,
    MOST_SESSIONS,
    STEP_UP_MS,
    TOKEN_BYTES,
    WRONG_STEP_UPS,
    Sessions,
)
from tests.core.users_world import make_rng
from tests.counts import cases


def user(name="alice", role=LOOK, stamp=b"12345678"):
    return User(name, role, stamp, CURRENT, b"s" * 16, b"d" * 32)


class Life(unittest.TestCase):
    def setUp(self):
        self.sessions = Sessions(make_rng())
        self.token, self.session = self.sessions.open(user(), "192.168.1.7", 1000)

    def gone(self, token, now):
        with self.assertRaises(NoSessionError):
            self.sessions.find(token, now)

    def test_its_token_finds_it_and_nothing_else_does(self):
        self.assertTrue(self.sessions.find(self.token, 1000) is self.session)
        for token in ("", self.token[:-1], self.token + "0", self.token.upper() + " ", "0" * 64, self.session.handle):
            self.gone(token, 1000)

    def test_it_ends_when_nobody_uses_it(self):
        self.sessions.find(self.token, 1000 + IDLE_MS - 1)
        self.sessions.find(self.token, 1000 + 2 * IDLE_MS - 2)
        self.gone(self.token, 1000 + 3 * IDLE_MS - 2)
        self.gone(self.token, 1000)

    def test_a_page_that_looks_by_itself_does_not_use_it(self):
        for step in range(1, 10):
            self.sessions.find(self.token, 1000 + step * (IDLE_MS // 10), True)
        self.gone(self.token, 1000 + IDLE_MS)

    def test_it_ends_however_much_it_is_used(self):
        now = 1000
        while now + IDLE_MS // 2 < 1000 + ABSOLUTE_MS:
            now += IDLE_MS // 2
            self.sessions.find(self.token, now)
        self.gone(self.token, 1000 + ABSOLUTE_MS)

    def test_a_step_up_changes_the_token_and_nothing_of_its_age(self):
        token = self.sessions.step_up(self.session, 2000)
        self.gone(self.token, 2000)
        self.assertTrue(self.sessions.find(token, 2000) is self.session)
        self.assertTrue(self.session.is_stepped_up(2000 + STEP_UP_MS - 1))
        self.assertFalse(self.session.is_stepped_up(2000 + STEP_UP_MS))
        self.assertEqual(self.session.begun, 1000)

    def test_a_login_is_no_step_up(self):
        self.assertFalse(self.session.is_stepped_up(1000))

    def test_no_step_up_for_one_that_is_over(self):
        self.sessions.end(self.session)
        with self.assertRaises(NoSessionError):
            self.sessions.step_up(self.session, 2000)
        other = self.sessions.open(user(), "", 1000)[1]
        with self.assertRaises(NoSessionError):
            self.sessions.step_up(other, 1000 + IDLE_MS)

    def test_wrong_step_ups_in_a_row_end_it(self):
        for _ in range(WRONG_STEP_UPS - 1):
            self.assertFalse(self.sessions.failed(self.session))
        self.token = self.sessions.step_up(self.session, 1000)
        for _ in range(WRONG_STEP_UPS - 1):
            self.assertFalse(self.sessions.failed(self.session))
        self.assertTrue(self.sessions.failed(self.session))
        self.gone(self.token, 1000)

    def test_another_role_or_password_ends_it(self):
        for now_is, lives in (
            ({"alice": user()}, True),
            ({"alice": user("alice", OPERATE)}, False),
            ({"alice": user("alice", LOOK, b"87654321")}, False),
            ({"bob": user("bob")}, False),
        ):
            sessions = Sessions(make_rng())
            session = sessions.open(user(), "", 0)[1]
            sessions.hold_against(now_is)
            self.assertEqual(sessions.is_alive(session, 0), lives)


class Number(unittest.TestCase):
    def test_of_one_user(self):
        sessions = Sessions(make_rng())
        other = sessions.open(user("bob"), "", 0)[0]
        tokens = [sessions.open(user(), "", 10 + number)[0] for number in range(MOST_OF_ONE)]
        sessions.find(tokens[0], 50)
        newest = sessions.open(user(), "", 60)[0]
        with self.assertRaises(NoSessionError):
            sessions.find(tokens[1], 60)  # the one unused for longest
        for token in [tokens[0], newest, other] + tokens[2:]:
            sessions.find(token, 60)

    def test_in_all(self):
        sessions = Sessions(make_rng())
        for number in range(3 * MOST_SESSIONS):
            sessions.open(user("u%d" % (number // MOST_OF_ONE)), "", number)
        self.assertEqual(len(sessions.all_of(None)), MOST_SESSIONS)

    def test_those_who_administer_are_pushed_out_last(self):
        sessions = Sessions(make_rng())
        admin = sessions.open(user("alice", ADMINISTER), "", 0)[1]
        for number in range(2 * MOST_SESSIONS):
            sessions.open(user("u%d" % (number // MOST_OF_ONE % 9), OPERATE), "", 1 + number)
            self.assertTrue(sessions.is_alive(admin, 1 + number), number)
        for number in range(MOST_SESSIONS):  # where there is nobody else, they make room as well
            sessions.open(user("a%d" % (number // MOST_OF_ONE), ADMINISTER), "", 500 + number)
        self.assertFalse(sessions.is_alive(admin, 600))
        newest = sessions.open(user("bob"), "", 601)[1]
        self.assertTrue(sessions.is_alive(newest, 601))
        self.assertEqual(len(sessions.all_of(None)), MOST_SESSIONS)

    def test_those_that_are_over_make_room_first(self):
        sessions = Sessions(make_rng())
        for number in range(MOST_SESSIONS):
            sessions.open(user("u%d" % (number // MOST_OF_ONE)), "", 0)
        sessions.open(user("late"), "", IDLE_MS)
        self.assertEqual(len(sessions.all_of(None)), 1)

    def test_tokens_are_long_and_never_the_same(self):
        sessions = Sessions(make_rng())
        seen = set()
        for number in range(cases(500, 100_000)):
            token = sessions.open(user(), "", number)[0]
            self.assertEqual(len(token), 2 * TOKEN_BYTES)
            self.assertFalse(token in seen)
            seen.add(token)

    def test_nothing_that_is_kept_is_a_token(self):
        sessions = Sessions(make_rng())
        token, session = sessions.open(user(), "", 0)
        self.assertFalse(token in repr(session) or token in repr(sessions.__dict__) or token in repr(session.__dict__))
        self.assertFalse(bytes.fromhex(token) in sessions._by_key)


if __name__ == "__main__":
    unittest.main()
