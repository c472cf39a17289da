"""Peers that may call from anywhere: found by identity and key, each with endpoints of its own."""

from __future__ import annotations

import unittest

from isthmus.crypto.suites import parse_ike_suite
from isthmus.proto import actions
from isthmus.proto.ike2.quiet import MAX_SUBJECTS, Quiet
from isthmus.proto.ike2.times import UNPROVEN_MS
from isthmus.wire.addr import parse_ip
from isthmus.wire.identity import Identity
from tests.core.ike_pair import IKE, NAME, A, B, make_connection
from tests.core.ike_translator import Network

CAFE, HOTEL = (parse_ip("203.0.113.5"), 500), (parse_ip("203.0.113.200"), 500)
ID_C = Identity(2, b"c.example")
MODP = "aes128-sha256-prfsha256-modp2048"


def called(hub_changes, caller=CAFE, others=(), **changes):
    """(network, caller, hub) after a call from `caller`. others: more connections of the hub."""
    network = Network()
    side = network.add(make_connection("A", local=caller, **changes))
    hub = network.add(make_connection("B", **hub_changes))
    for other in others:
        hub.engine.set_connection(other)
    side.engine.initiate(NAME, network.now)
    network.transfer()
    return network, side, hub


class Anywhere(unittest.TestCase):
    def test_no_address_is_known(self):
        _, side, hub = called({"remote": None})
        up = hub.of(actions.ChildUp)[0]
        self.assertEqual((up.inbound.source, up.inbound.destination), (CAFE[0], B[0]))
        self.assertEqual((up.outbound.source, up.outbound.destination), (B[0], CAFE[0]))
        self.assertEqual(len(side.children()), 1)

    def test_an_address_is_known_and_another_one_calls(self):
        _, side, hub = called({"roams": True})
        self.assertEqual((len(side.children()), len(hub.children())), (1, 1))

    def test_from_where_it_is_expected(self):
        _, _, hub = called({"roams": True}, caller=A)
        self.assertEqual(len(hub.children()), 1)

    def test_nobody_may_come_from_elsewhere(self):
        _, _, hub = called({})
        self.assertEqual(hub.engine.counters["unknown-peer"], 1)
        self.assertEqual(hub.of(actions.SendDatagram), [])

    def test_at_any_of_our_addresses(self):
        for local, count in (((bytes(4), 500), 1), (B, 1), ((HOTEL[0], 500), 0), ((bytes(16), 500), 1)):
            network = Network()
            side = network.add(make_connection("A", local=CAFE))
            hub = network.add(make_connection("B", remote=None, local=local))
            hub.endpoint = B
            side.engine.initiate(NAME, network.now)
            network.transfer()
            self.assertEqual(len(hub.children()), count)

    def test_called_from_a_new_address(self):
        network, side, hub = called({"remote": None})
        first = hub.of(actions.IkeUp)[0].ike_id
        side.endpoint = HOTEL
        side.engine.set_connection(make_connection("A", local=HOTEL))
        side.engine.initiate(NAME, network.now)
        network.transfer()
        self.assertEqual(hub.of(actions.ChildUp)[-1].outbound.destination, HOTEL[0])
        network.wait(120_000)
        self.assertEqual([gone.ike_id for gone in hub.of(actions.IkeGone)], [first])
        self.assertEqual(len(hub.children()), 1)


class Identities(unittest.TestCase):
    def other(self, **changes):
        shared = {"remote": None, "name": "other", "link": b"another", "remote_id": ID_C, "psk": b"other key"}
        shared.update(changes)
        return make_connection("B", **shared)

    def test_each_has_its_own(self):
        others = (self.other(), self.other(name="third", remote_id=Identity(2, b"d.example")))
        network, _, hub = called({"remote": None}, others=others)
        changes = {"local": HOTEL, "local_id": ID_C, "link": b"another", "psk": b"other key"}
        second = network.add(make_connection("A", **changes), "second")
        second.engine.initiate(NAME, network.now)
        network.transfer()
        self.assertEqual([up.name for up in hub.of(actions.IkeUp)], [NAME, "other"])
        ends = [up.outbound.destination for up in hub.of(actions.ChildUp)]
        self.assertEqual(ends, [CAFE[0], HOTEL[0]])

    def test_suites_of_all_are_allowed_until_the_identity_is_known(self):
        suites = [parse_ike_suite(MODP)]
        changes = {"local_id": ID_C, "link": b"another", "psk": b"other key", "ike_proposals": suites}
        _, _, hub = called({"remote": None}, others=[self.other(ike_proposals=suites)], **changes)
        self.assertEqual([(up.name, str(up.suite)) for up in hub.of(actions.IkeUp)], [("other", MODP)])
        changes["ike_proposals"] = [parse_ike_suite(IKE)]
        _, side, hub = called({"remote": None}, others=[self.other(ike_proposals=suites)], **changes)
        self.assertEqual((side.error(), hub.error()), ("no-proposal", "no-proposal"))

    def test_who_is_expected_there_comes_before_who_may_be_anywhere(self):
        # Both fit; the name of the second comes first in the alphabet.
        roaming = make_connection("B", remote=None, name="anybody")
        _, _, hub = called({}, caller=A, others=[roaming])
        self.assertEqual([up.name for up in hub.of(actions.IkeUp)], [NAME])

    def test_unknown_identity_is_told_with_both_sides(self):
        _, side, hub = called({"remote": None}, others=[self.other()], local_id=Identity(2, b"stranger.example"))
        failed = hub.of(actions.Failed)[0]
        self.assertEqual((failed.name, failed.error.code), (None, "identity"))
        for part in ("203.0.113.5", "stranger.example", "a.example", "c.example"):
            self.assertTrue(part in failed.error.message, failed.error.message)
        self.assertEqual(hub.of(actions.IkeUp) + side.of(actions.IkeUp), [])

    def test_a_long_list_is_cut(self):
        others = [self.other(name="t%d" % n, remote_id=Identity(2, b"peer%d.example" % n)) for n in range(40)]
        _, _, hub = called({"remote": None}, others=others, local_id=Identity(2, b"stranger.example"))
        message = hub.of(actions.Failed)[0].error.message
        self.assertTrue("33 more" in message, message)

    def test_wrong_key(self):
        _, side, hub = called({"remote": None}, others=[self.other()], psk=b"other key")
        self.assertEqual((hub.of(actions.Failed)[0].name, hub.error(), side.error()), (NAME, "psk", "psk"))

    def test_responder_is_somebody_else(self):
        _, side, _ = called({"remote": None}, remote_id=ID_C)
        message = side.of(actions.Failed)[0].error.message + side.of(actions.Failed)[0].error.remedy
        self.assertEqual(side.error(), "psk")  # all that the responder says is AUTHENTICATION_FAILED
        self.assertTrue("a.example" in message, message)


class Strangers(unittest.TestCase):
    def test_their_faults_are_nobody_s_trouble(self):
        suites = [parse_ike_suite(MODP)]
        _, _, hub = called({"remote": None}, ike_proposals=suites)
        self.assertEqual([failed.name for failed in hub.of(actions.Failed)], [None])
        _, _, hub = called({}, caller=A, ike_proposals=suites)
        self.assertEqual([failed.name for failed in hub.of(actions.Failed)], [NAME])

    def test_their_memory_is_bounded(self):
        quiet = Quiet()
        spoken = [quiet.may_speak("report", number.to_bytes(4, "big"), 0) for number in range(MAX_SUBJECTS + 50)]
        self.assertEqual(spoken, [True] * MAX_SUBJECTS + [False] * 50)
        self.assertFalse(quiet.may_speak("report", b"\xff", UNPROVEN_MS - 1))
        self.assertTrue(quiet.may_speak("report", b"\xff", UNPROVEN_MS))
        self.assertFalse(quiet.may_speak("report", b"\xff", UNPROVEN_MS + 1))
