"""Every collision of RFC 7296 section 2.25: two changes that cross, whatever order their datagrams take.

Each row of CASES is walked through in every order of arrival, with datagrams lost and doubled, the second change begun
at every moment of the first, and a frame crosses in each direction after every datagram: unless a delete wins, none is
lost. At rest both ends must have the same one pair in the same one IKE SA, or none where a delete wins, and nothing
left over (`ike_rekey.faults`). tests/props/test_ike_rekey.py walks through all of it; here the
first few orders of each row are taken, on every interpreter.
"""

from __future__ import annotations

import unittest

from tests.core.ike_rekey import RekeyWalk, faults
from tests.counts import cases

CHILD, IKE, NO_CHILD, NO_IKE, FRESH = "rekey-child", "rekey-ike", "delete-child", "delete-ike", "reauthenticate"

# The two changes, and how many pairs may be left: (first, second, allowed).
CASES = (
    (CHILD, CHILD, (1,)),  # 2.8.1
    (CHILD, NO_CHILD, (0, 1)),  # a delete that comes late finds the old pair, which has been replaced already
    (CHILD, IKE, (1,)),
    (CHILD, NO_IKE, (0,)),
    (CHILD, FRESH, (1,)),
    (NO_CHILD, NO_CHILD, (0,)),
    (NO_CHILD, IKE, (0,)),
    (NO_CHILD, NO_IKE, (0,)),
    (NO_CHILD, FRESH, (0, 1)),  # whichever pair was the newest when the delete began
    (IKE, IKE, (1,)),  # 2.8.2
    (IKE, NO_IKE, (0,)),
    (IKE, FRESH, (1,)),
    (NO_IKE, NO_IKE, (0,)),
    (NO_IKE, FRESH, (0, 1)),
    (FRESH, FRESH, (1,)),
)

# How the network fails: (datagrams lost, datagrams doubled).
FAILURES = ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1))

MOMENTS = range(5)  # after so many deliveries the second change begins


def walk_all(case, failure, limit, seeds=(0, 1), moments=MOMENTS, sides=("ab", "ba")):
    """(number of runs, what went wrong in the first bad one or ""), for both assignments of the changes to the sides.

    With two seeds either side has the lowest nonce once.
    """
    first, second, allowed = case
    count = 0
    for seed in seeds:
        for moment in moments:
            for one, other in sides:
                walk = RekeyWalk((one, first), (other, second), failure[0], failure[1], moment, seed)
                for pair in walk.runs(limit):
                    count += 1
                    pair.wait(200_000)
                    wrong = faults(pair)
                    if not wrong and pair.lost and allowed == (1,):
                        wrong = "%d frames are lost" % pair.lost
                    if not wrong and len(pair.a.children()) not in allowed:
                        wrong = "%d pairs are left" % len(pair.a.children())
                    if wrong:
                        where = "%s at %s, %s at %s after %d, seed %d, choices %s"
                        return count, wrong + ": " + where % (first, one, second, other, moment, seed, walk.choices)
    return count, ""


class Collisions(unittest.TestCase):
    def test_every_case(self):
        for case in CASES:
            count, wrong = walk_all(case, FAILURES[0], cases(1, 10), (0,), (0, 2), ("ab",))
            self.assertEqual(wrong, "")
            self.assertTrue(count >= 2)
