"""What a wicked site or name server could have us do, and what an administrator is told of it."""

from __future__ import annotations

import unittest

from isthmus.errors import IsthmusError
from isthmus.pairing_call import DIAL, RESOLVE, Call
from isthmus.pairing_status import _terms, pick
from isthmus.wire.addr import parse_ip
from tests.core.pairing_world import Side, World, begin, make_place


class Shown(unittest.TestCase):
    def changes(self, network):
        a, b = Side(make_place("main", "192.168.10.0/24"), "a"), Side(make_place("branch", network), "b")
        ours, _, _ = begin(World(a, b), a, b)
        exchange = a.desk.get(ours)
        return "; ".join(_terms(exchange, exchange.terms, "branch")["changes"])

    def test_a_site_that_asks_for_a_part_of_the_internet(self):
        for network in ("8.8.8.0/24", "8.0.0.0/8", "172.0.0.0/8", "2001:db8::/48"):
            self.assertTrue("careful: %s are addresses of the Internet" % network in self.changes(network))
        for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.20.0/24", "100.64.0.0/24", "fd00::/48"):
            self.assertFalse("careful" in self.changes(network))


class Meant(unittest.TestCase):
    ROWS = (
        {"number": 1, "asks": True, "words": ["easy", "echo", "edge"]},
        {"number": 2, "asks": True, "words": ["eight", "elbow", "ember"]},
        {"number": 3, "asks": False, "words": []},
    )

    def refused(self, *arguments):
        with self.assertRaises(IsthmusError) as caught:
            pick(*arguments)
        return caught.exception.code

    def test_the_one_whose_words_they_are(self):
        self.assertEqual(pick(self.ROWS, None, ("eight", "elbow", "ember")), 2)
        self.assertEqual(pick(self.ROWS, None, ("easy", "echo", "edge")), 1)
        self.assertEqual(self.refused(self.ROWS, None, ("easy", "elbow", "edge")), "which-pairing")
        self.assertEqual(pick(self.ROWS, 1, ("eight", "elbow", "ember")), 1, "and is told that they are others")
        self.assertEqual(pick(self.ROWS[1:], None, ("easy", "elbow", "edge")), 2)
        self.assertEqual(self.refused(self.ROWS[2:], None, ("easy", "echo", "edge")), "no-pairing")
        twins = (self.ROWS[0], {"number": 4, "asks": True, "words": self.ROWS[0]["words"]})
        self.assertEqual(self.refused(twins, None, ("easy", "echo", "edge")), "which-pairing")

    def test_without_words(self):
        self.assertEqual(self.refused(self.ROWS, None), "which-pairing")
        self.assertEqual((pick(self.ROWS, 3), pick(self.ROWS[2:], None)), (3, 3))
        self.assertEqual(self.refused(self.ROWS, 4), "no-pairing")


class Looked(unittest.TestCase):
    def call(self, *addresses):
        call = Call(None, [("main.example.net", 500)], 0)
        self.assertEqual(call.take_wants(), [(RESOLVE, "main.example.net")])
        call.resolved("main.example.net", [parse_ip(address) for address in addresses], "", 0)
        return call

    def test_a_name_that_is_looked_up_as_ourselves(self):
        call = self.call("127.0.0.1", "::1", "224.0.0.1", "::ffff:127.0.0.1", "0.0.0.0")
        self.assertEqual(call.take_wants(), [])
        self.assertTrue("no address where anybody is reached" in call.findings()[0])

    def test_the_others_are_called(self):
        self.assertEqual(self.call("127.0.0.1", "192.0.2.1").take_wants(), [(DIAL, (parse_ip("192.0.2.1"), 500))])


if __name__ == "__main__":
    unittest.main()
