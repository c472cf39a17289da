"""New passwords: which are taken."""

from __future__ import annotations

import unittest

from isthmus.users.errors import PasswordError
from isthmus.users.passwords import LONGEST, SHORTEST, check_password

TAKEN = (
    "fluffy kitten 9", "quiet harbour 31", "correct horse battery staple", "Tr0ub4dor&3", "x7#Kp2!q", "kqzvhwpm",
    "981723645093", "\u00c4rgernis im Garten", "\u5bc6\u7801\u662f\u5f88\u957f\u7684\u5bc6\u7801", "        spaces too",
    "a" * 40 + "bczyq", "'; DROP TABLE users", "gartenzaunlatte",
)  # fmt: skip
TOO_COMMON = (
    "password", "Password123!", "P@ssw0rd", "passw0rd", "12345678", "123456789", "87654321", "qwertyuiop", "qwertz123",
    "1q2w3e4r", "1qaz2wsx", "iloveyou", "letmein!", "admin123", "Administrator1", "isthmus2026", "openwrt!!",
    "router-1", "aaaaaaaa", "abababab", "11111111", "        ", "!!!!!!!!", "summer2024", "football1", "trombone",
    "hardcore", "metallica", "METALLICA99", "sunshine", "abcdefgh", "zxcvbnm,", "alice2026", "alicealice", "al1ce-1234",
)  # fmt: skip


class Passwords(unittest.TestCase):
    def refuse(self, password, words):
        with self.assertRaises(PasswordError) as caught:
            check_password(password, "alice")
        self.assertTrue(words in str(caught.exception), str(caught.exception))
        self.assertTrue(caught.exception.remedy)
        self.assertFalse(password not in ("", "password") and password in str(caught.exception))

    def test_those_that_are_taken(self):
        refused = []
        for password in TAKEN:
            try:
                check_password(password, "alice")
            except PasswordError as error:
                refused.append((password, str(error)))
        self.assertEqual(refused, [])

    def test_those_that_everybody_tries(self):
        for password in TOO_COMMON:
            self.refuse(password, "tried first")

    def test_the_own_name_is_the_users_alone(self):
        check_password("hildegunst77", "alice")
        with self.assertRaises(PasswordError):
            check_password("hildegunst77", "hildegunst")

    def test_length(self):
        for password in ("", "kqzvh", "kqzvhwp"):
            self.refuse(password, "at least %d" % SHORTEST)
        long = "".join(["%d, " % number for number in range(1000)])
        check_password(long[:LONGEST], "alice")
        self.refuse(long[: LONGEST + 1], "at most %d" % LONGEST)

    def test_what_a_line_cannot_hold(self):
        for letter in ("\n", "\r", "\t", "\x00", "\x7f", "\x1b"):
            self.refuse("fluffy" + letter + "kitten", "control")


if __name__ == "__main__":
    unittest.main()
