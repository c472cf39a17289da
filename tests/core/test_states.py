"""What people are told of a tunnel's state."""

import unittest

from isthmus.states import STATES, plain


class PlainTest(unittest.TestCase):
    def test_every_state_has_words_and_none_is_a_word_of_the_code(self):
        gone = plain("removed")
        for name, _, _ in STATES:
            self.assertNotEqual(plain(name), gone, name)
            if name != "up":
                self.assertNotIn(name, plain(name))
        self.assertEqual(gone, "is not there")
