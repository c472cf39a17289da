"""SaTable: ESP SPIs that are handed out are nobody else's, however many there have been."""

from __future__ import annotations

import unittest

from isthmus.proto.ike2 import sa_table
from isthmus.proto.ike2.ike_sa import ChildSa
from tests.core.ike_pair import NAME, Pair


class Scripted:
    """An rng that says what it is told, and counts how often it is asked."""

    def __init__(self, spis):
        self.spis = list(spis)

    def __call__(self, count):
        return self.spis.pop(0)


def spi(number):
    return number.to_bytes(4, "big")


class ChildSpis(unittest.TestCase):
    def test_neither_reserved_nor_handed_out_already(self):
        table = sa_table.SaTable()
        rng = Scripted([spi(0), spi(255), spi(256), spi(256), spi(7000)])
        self.assertEqual([table.make_child_spi(rng), table.make_child_spi(rng)], [spi(256), spi(7000)])

    def test_those_in_use_are_remembered_and_the_others_forgotten(self):
        pair = Pair().connect()
        table = pair.b.engine.table
        child = table.list_all()[0].children[0]
        self.assertTrue(isinstance(child, ChildSa))
        used = child.inbound_spi
        fresh = [spi(100_000 + number) for number in range(3 * sa_table.SPARE_SPIS)]
        for number in range(len(fresh)):
            rng = Scripted([used, fresh[number]])
            self.assertEqual(table.make_child_spi(rng), fresh[number])
            self.assertEqual(rng.spis, [], "the one in use was not skipped")
        again = Scripted([fresh[0]])
        self.assertEqual(table.make_child_spi(again), fresh[0], "one that nobody has any more")


class Names(unittest.TestCase):
    def test_found_by_name_as_long_as_it_is_there(self):
        pair = Pair().connect()
        for side in (pair.a, pair.b):
            table = side.engine.table
            self.assertEqual(table.find_all(NAME), table.list_all())
            self.assertEqual(len(table.find_all(NAME)), 1)
            self.assertEqual(table.find_all("another"), [])
        pair.a.engine.delete(NAME, pair.now)
        pair.transfer()
        pair.wait(60_000)
        for side in (pair.a, pair.b):
            self.assertEqual(side.engine.table.find_all(NAME), [])
            self.assertEqual(side.engine.table._by_name, {}, "nothing is left of it")


class PeerSpis(unittest.TestCase):
    def test_only_one_that_was_named_before_needs_a_search(self):
        table = sa_table.SaTable()
        self.assertEqual([table.may_have_peer_spi(spi(number)) for number in (1, 2, 1)], [False, False, True])

    def test_those_in_use_are_never_forgotten(self):
        pair = Pair().connect()
        table = pair.b.engine.table
        used = table.list_all()[0].children[0].outbound_spi
        for number in range(3 * sa_table.SPARE_SPIS):
            self.assertTrue(table.may_have_peer_spi(used))
            table.may_have_peer_spi(spi(100_000 + number))
        self.assertTrue(len(table._peer_spis) <= 2 * sa_table.SPARE_SPIS)
