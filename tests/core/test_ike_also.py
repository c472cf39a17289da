"""Two sets of keys for one connection, while they are being renewed: both are accepted, one is used."""

from __future__ import annotations

import unittest

from isthmus.proto import actions
from isthmus.proto.errors import AuthenticationFailed
from isthmus.proto.ike2.connection import KeySet, Ppk
from tests.core.ike_pair import Pair, agreed, make_connection

OLD = (b"the old psk", Ppk(b"old", b"the old ppk", True))
NEW = (b"the new psk", Ppk(b"new", b"the new ppk", True))
NONE = (None, None)


def make_pair(ours, theirs, seed=0):
    """ours, theirs: (keys used, keys accepted beside them or NONE) of A, who calls, and of B."""
    made = []
    for here, (use, also) in (("A", ours), ("B", theirs)):
        keys = None if also is NONE else KeySet(*also)
        made.append(make_connection(here, psk=use[0], ppk=use[1], also=keys))
    return Pair(seed, made[0], made[1])


class Accepted(unittest.TestCase):
    def test_who_calls_with_either_comes_in(self):
        for use, accepts in (
            (OLD, (OLD, NEW)),
            (NEW, (OLD, NEW)),
            (NEW, (NEW, OLD)),
            (OLD, (NEW, OLD)),
            (OLD, (OLD, NONE)),
        ):
            pair = make_pair((use, NONE), accepts).connect()
            self.assertTrue(agreed(pair))
            for side in (pair.a, pair.b):
                self.assertEqual([(up.ppk_id, up.ppk) for up in side.of(actions.IkeUp)], [(use[1].id, True)])

    def test_we_never_call_with_the_other(self):
        pair = make_pair((OLD, NEW), (NEW, NONE)).connect()
        self.assertEqual(pair.a.error(), "psk")
        self.assertTrue(isinstance(pair.b.of(actions.Failed)[0].error, AuthenticationFailed))
        self.assertEqual(pair.b.of(actions.IkeUp), [])

    def test_halves_of_two_sets_are_no_set(self):
        for use in ((OLD[0], NEW[1]), (NEW[0], OLD[1])):
            pair = make_pair((use, NONE), (OLD, NEW)).connect()
            self.assertEqual(pair.b.of(actions.IkeUp), [])
            self.assertEqual(len(pair.b.of(actions.Failed)), 1)

    def test_also_under_one_name_of_both_ppks(self):
        new = (b"the new psk", Ppk(b"old", b"the new ppk", True))
        for use in (OLD, new):
            pair = make_pair((use, NONE), (OLD, new)).connect()
            self.assertTrue(agreed(pair))

    def test_what_was_accepted_is_not_any_more(self):
        pair = make_pair((OLD, NONE), (NEW, OLD)).connect()
        self.assertTrue(agreed(pair))
        pair.b.engine.set_connection(make_connection("B", psk=NEW[0], ppk=NEW[1]))
        self.assertTrue(agreed(pair))  # what is up goes on
        pair.connect()
        self.assertEqual(len(pair.b.of(actions.IkeUp)), 1)

    def test_it_is_rekeyed_like_any_other(self):
        pair = make_pair((NEW, NONE), (OLD, NEW)).connect()
        for side in (pair.a, pair.b):
            side.engine.rekey_ike("branch", pair.now)
            pair.transfer()
        self.assertTrue(agreed(pair))
        self.assertEqual(len(pair.b.of(actions.IkeRekeyed)), 2)

    def test_newest_wins_across_sets(self):
        pair = make_pair((OLD, NONE), (OLD, NEW)).connect()
        pair.a.engine.set_connection(make_connection("A", psk=NEW[0], ppk=NEW[1], also=KeySet(*OLD)))
        pair.connect()
        self.assertTrue(agreed(pair))
        self.assertEqual([up.ppk_id for up in pair.b.of(actions.IkeUp)], [b"old", b"new"])
        self.assertEqual(pair.b.states(), ["established"] if len(pair.b.states()) == 1 else ["done", "established"])

    def test_nothing_of_it_is_shown(self):
        connection = make_connection("A", psk=NEW[0], ppk=NEW[1], also=KeySet(*OLD))
        text = repr(connection) + repr(connection.also) + repr(connection.under_also())
        self.assertFalse("new ppk" in text or "old p" in text or b"old psk".hex() in text)


if __name__ == "__main__":
    unittest.main()
