"""The file of users: what is written is read again, and nothing else is taken."""

from __future__ import annotations

import unittest

from isthmus.users.book import CURRENT, LONGEST_FILE, MOST_USERS, Book, Params, User, is_name, pull_book, push_book
from isthmus.users.errors import UserError, UsersFileError
from isthmus.users.roles import ADMINISTER, LOOK, OPERATE

KEY = bytes(range(32))
SALT, DIGEST, STAMP = b"\x01" * 16, b"\x02" * 32, b"\x03" * 8


def user(name="alice", role=ADMINISTER, params=CURRENT):
    return User(name, role, STAMP, params, SALT, DIGEST)


def book(*users):
    return Book(KEY, {one.name: one for one in users})


GOOD = push_book(book(user(), user("bob.the-2nd_", LOOK, Params(1024, 1, 1)), user("c", OPERATE)))


class Written(unittest.TestCase):
    def test_and_read_again(self):
        for count in (0, 1, 2, MOST_USERS):
            wanted = book(*[user("u%d" % number, 1 + number % 3) for number in range(count)])
            found = pull_book(push_book(wanted))
            self.assertEqual(push_book(found), push_book(wanted))
            self.assertEqual((found.key, found.names()), (KEY, wanted.names()))
        found = pull_book(GOOD).users["bob.the-2nd_"]
        self.assertEqual((found.role, found.params, found.stamp), (LOOK, Params(1024, 1, 1), STAMP))
        self.assertEqual((found.salt, found.digest), (SALT, DIGEST))

    def test_in_a_form_that_stays(self):
        lines = push_book(book(user())).decode().split("\n")
        self.assertEqual(lines[0], "isthmus-users 1")
        self.assertEqual(lines[2][:46], "user alice administer 0303030303030303 16384 8")
        self.assertEqual(lines[3:], ["end 1", ""])

    def test_no_more_than_there_may_be(self):
        full = book(*[user("u%d" % number) for number in range(MOST_USERS)])
        self.assertEqual(len(full.with_user(user("u0", LOOK)).users), MOST_USERS)
        with self.assertRaises(UserError):
            full.with_user(user("one-more"))
        self.assertEqual(full.without("u0").with_user(user("x")).users["x"].name, "x")

    def test_nothing_secret_is_shown(self):
        for text in (repr(user()), repr(book(user()))):
            for secret in (SALT, DIGEST, KEY):
                self.assertFalse(secret.hex() in text or repr(secret)[2:-1] in text)


class Refused(unittest.TestCase):
    def refuse(self, data):
        with self.assertRaises(UsersFileError) as caught:
            pull_book(data)
        self.assertFalse(DIGEST.hex() in str(caught.exception))

    def test_every_cut(self):
        for size in range(len(GOOD)):
            self.refuse(GOOD[:size])
        self.refuse(GOOD + b"\n")
        self.refuse(GOOD + b"x")

    def test_a_line_too_few_or_twice(self):
        lines = GOOD.split(b"\n")
        for at in range(len(lines) - 1):
            self.refuse(b"\n".join(lines[:at] + lines[at + 1 :]))
            self.refuse(b"\n".join(lines[:at] + [lines[at]] + lines[at:]))

    def test_every_word_spoiled(self):
        lines = GOOD.split(b"\n")
        words = lines[2].split(b" ")
        for at in range(len(words)):
            for bad in (b"", b"-", b"x y", b"\xff", b"0" * 70, b"1_0", b"-5", b"99999999", b"\x00"):
                spoiled = b" ".join(words[:at] + [bad] + words[at + 1 :])
                self.refuse(b"\n".join(lines[:2] + [spoiled] + lines[3:]))

    def test_parameters_that_a_router_cannot_have(self):
        refused = ((1 << 17, 8, 1), (16385, 8, 5), (1 << 9, 8, 1), (1 << 14, 8, 17), (1 << 14, 0, 1), (1024, 17, 1))
        for n, r, p in refused:
            self.assertFalse(Params(n, r, p).is_allowed(), (n, r, p))
            self.refuse(push_book(book(user("alice", LOOK, Params(n, r, p)))))
        self.assertTrue(CURRENT.is_allowed())
        self.assertTrue(Params(1 << 15, 8, 16).is_allowed())

    def test_names(self):
        for name in ("a", "alice", "a.b-c_9", "x" * 32):
            self.assertTrue(is_name(name), name)
        for name in ("", "Alice", "9a", "-a", "a b", "a\n", "\u00e4", "x" * 33, "a/b", "a'", "."):
            self.assertFalse(is_name(name), name)

    def test_what_is_too_long(self):
        self.refuse(GOOD + b"\n" * LONGEST_FILE)
        many = book(*[user("u%d" % number) for number in range(MOST_USERS + 1)])
        self.refuse(push_book(many))


if __name__ == "__main__":
    unittest.main()
