"""Key exchanges of their own for ESP: agreed in CREATE_CHILD_SA, compared at set-up."""

from __future__ import annotations

import unittest

from isthmus.crypto.prf import sha256
from isthmus.proto import actions
from isthmus.proto.ike2 import pfs
from isthmus.proto.ike2.keys import derive_child_keys
from isthmus.wire import ike_numbers as num
from isthmus.wire.ike_payloads import NotifyPayload
from tests.core.ike_pair import NAME, Pair, Random, agreed, make_connection
from tests.core.ike_rekey import command, faults
from tests.core.ike_tamper import open_up

PLAIN, WITH, OTHER = "aes128gcm16", "aes128gcm16-x25519", "aes128gcm16-modp2048"


def make_pair(a, b, stranger=False):
    """Two sides with these ESP proposals; stranger: neither knows that the other is Isthmus."""
    changes = {"mode": actions.TRANSPORT, "link": b""} if stranger else {}
    return Pair(0, make_connection("A", esp=a, **changes), make_connection("B", esp=b, **changes))


def payload_types(side, datagram):
    """Types of the payloads inside a datagram that `side` has sent."""
    _, inner, chain = open_up(side, datagram.data)
    types = []
    while inner:
        types.append(inner)
        inner, chain = chain[0], chain[int.from_bytes(chain[2:4], "big") :]
    return types


class Exchange(unittest.TestCase):
    def test_the_first_pair_has_none_and_every_later_one_has(self):
        pair = make_pair(WITH, WITH).connect()
        self.assertTrue(agreed(pair))
        for side in (pair.a, pair.b):
            command(pair, side, "rekey-child")
            self.assertTrue(num.KE in payload_types(side, pair.flight[0]))
            pair.transfer()
            self.assertEqual(faults(pair), "")

    def test_no_private_value_is_kept_when_the_exchange_is_over(self):
        for word in ("rekey-child", "rekey-ike"):
            pair = make_pair(WITH, WITH).connect()
            sa = pair.a.engine.table.list_all()[0]
            command(pair, pair.a, word)
            task = sa.requests.current
            self.assertTrue(task.key_pair is not None, word)
            pair.transfer()
            self.assertTrue(task.key_pair is None, word)

    def test_the_secret_goes_into_the_keys(self):
        cipher = make_connection().esp_proposals[0].cipher
        prf = make_connection().ike_proposals[0].prf
        sk_d, nonces = bytearray(sha256(b"d")), (bytes(32), bytes(range(32)))
        keys = []
        for secret in (None, bytearray(32), bytearray(sha256(b"g^ir"))):
            keys.append(bytes(derive_child_keys(prf, cipher, sk_d, nonces[0], nonces[1], secret)[0].encryption))
            self.assertFalse(secret is not None and any(secret), "the secret is overwritten")
        self.assertEqual(len(set(keys)), 3)

    def test_the_responder_wants_another_group(self):
        pair = make_pair(OTHER + " " + WITH, WITH + " " + OTHER).connect()
        command(pair, pair.a, "rekey-child")
        pair.transfer()
        self.assertEqual(faults(pair), "")
        suites = [up.inbound.encryption.name for up in pair.a.of(actions.ChildUp)]
        self.assertEqual(suites, ["aes128gcm16", "aes128gcm16"])

    def test_the_responder_wants_a_group_nobody_offers(self):
        pair = make_pair(WITH, WITH).connect()
        pair.b.engine.table.list_all()[0].connection.esp_proposals = make_connection("B", esp=OTHER).esp_proposals
        command(pair, pair.a, "rekey-child")
        pair.transfer()
        refused = pair.a.of(actions.RekeyRefused)
        self.assertEqual([action.error.code for action in refused], ["no-proposal"])
        self.assertEqual(refused[0].inbound_spi, pair.a.of(actions.ChildUp)[0].inbound.spi)
        self.assertTrue("aes128gcm16-x25519" in str(refused[0].error))
        self.assertEqual(pair.b.error(), "no-proposal")
        self.assertTrue(agreed(pair))


class SetUp(unittest.TestCase):
    def test_a_mismatch_is_told_with_both_values(self):
        for one, other in ((PLAIN, WITH), (WITH, PLAIN), (WITH, OTHER)):
            pair = make_pair(one, other).connect()
            self.assertEqual((pair.a.children(), pair.b.children()), ({}, {}))
            self.assertEqual((pair.a.error(), pair.b.error()), ("no-proposal", "no-proposal"))
            told = str(pair.b.of(actions.Failed)[-1].error)
            self.assertTrue(one in told and other in told, told)

    def test_one_in_common_is_enough(self):
        for one, other in ((PLAIN + " " + WITH, WITH), (WITH + " " + OTHER, OTHER + " " + PLAIN)):
            pair = make_pair(one, other).connect()
            self.assertTrue(agreed(pair))
            command(pair, pair.a, "rekey-child")
            pair.transfer()
            self.assertEqual(faults(pair), "")

    def test_what_others_announce_is_only_read_as_far_as_it_is_known(self):
        connection = make_connection(esp=WITH)
        rng = Random("words")
        for _ in range(200):
            message = _incoming(rng(rng.below(60)))
            self.assertRefused(connection, message)
        pfs.check_words(connection, _incoming(b"newcipher aes128gcm16-x25519 another-thing"))
        self.assertRefused(connection, _incoming(b" " * 2000 + b"aes128gcm16-x25519"))
        pfs.check_words(connection, _incoming(None))

    def assertRefused(self, connection, message):
        with self.assertRaises(Exception) as caught:
            pfs.check_words(connection, message)
        self.assertEqual(caught.exception.code, "no-proposal")
        for character in str(caught.exception):
            self.assertTrue(" " <= character <= "~")

    def test_a_stranger_is_asked_at_once(self):
        pair = make_pair(WITH, WITH, stranger=True).connect()
        self.assertEqual([up.replaces is None for up in pair.a.of(actions.ChildUp)], [True, False])
        self.assertEqual(faults(pair), "")
        pair = make_pair(PLAIN, PLAIN, stranger=True).connect()
        self.assertEqual(len(pair.a.of(actions.ChildUp)), 1)

    def test_a_stranger_that_refuses_is_told_of_at_once_and_stays_up(self):
        pair = make_pair(WITH, PLAIN, stranger=True).connect()
        self.assertEqual([action.error.code for action in pair.a.of(actions.RekeyRefused)], ["no-proposal"])
        self.assertTrue(agreed(pair))
        pair.a.engine.check_peer(NAME, pair.now)
        pair.transfer()
        self.assertTrue(agreed(pair))


def _incoming(data):
    class Message:
        def find_notify(self, notify):
            return NotifyPayload(notify, data) if data is not None else None

    return Message()
