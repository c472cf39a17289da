"""Who has staged what waits."""

import unittest

from isthmus.config.stagers import MOST, Stagers

ANNA, EVE = ("anna", "192.168.1.7"), ("eve", "192.168.1.9")


class StagersTest(unittest.TestCase):
    def said(self, stagers, mark, count=1, now=10_000):
        return [(row["user"], row["source"], row["age_s"]) for row in stagers.told(mark, count, now)]

    def test_who_and_when(self):
        stagers = Stagers()
        self.assertEqual(self.said(stagers, "a", 0), [])
        stagers.note("a", 0, "b", ANNA, 1000)
        stagers.note("b", 1, "c", EVE, 2000)
        self.assertEqual(self.said(stagers, "c"), [ANNA + (9,), EVE + (8,)])
        stagers.note("c", 2, "d", ANNA, 5000)
        self.assertEqual(self.said(stagers, "d"), [EVE + (8,), ANNA + (5,)])
        self.assertEqual(self.said(stagers, "e", 0), [])
        stagers.note("e", 0, "f", EVE, 6000)  # what was there has been dropped, or put in force
        self.assertEqual(self.said(stagers, "f"), [EVE + (4,)])

    def test_what_nobody_vouches_for(self):
        stagers = Stagers()  # of a daemon that began anew
        self.assertEqual(self.said(stagers, "a"), [("", "", 0)])
        stagers.note("a", 1, "b", ANNA, 1000)
        self.assertEqual(self.said(stagers, "b"), [("", "", 0), ANNA + (9,)])
        self.assertEqual(self.said(stagers, "c"), [("", "", 0), ANNA + (9,)])  # another hand's
        stagers.note("c", 2, "d", EVE, 2000)
        self.assertEqual(self.said(stagers, "d"), [("", "", 0), ANNA + (9,), EVE + (8,)])

    def test_of_many_the_first_are_unknown(self):
        stagers = Stagers()
        for number in range(3 * MOST):
            stagers.note("m%d" % number, number, "m%d" % (number + 1), ("user%d" % number, ""), 0)
        rows = self.said(stagers, "m%d" % (3 * MOST))
        self.assertEqual((len(rows), rows[0][0], rows[-1][0]), (MOST, "", "user%d" % (3 * MOST - 1)))


if __name__ == "__main__":
    unittest.main()
