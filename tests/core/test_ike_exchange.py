"""A handshake without accidents: what both sides agree on, in every suite, and in which order they say so."""

from __future__ import annotations

import unittest

from isthmus.crypto.suites import CIPHERS, GROUPS, PRFS
from isthmus.proto import actions
from isthmus.wire import ike_numbers as num
from isthmus.wire.buffer import Reader
from isthmus.wire.ike import pull_message, pull_payloads
from tests.core.ike_pair import ESP, IKE, INNER_A, INNER_B, NAME, PSK, A, B, Pair, agreed, make_connection
from tests.core.ike_tamper import open_up


def names_of(side):
    return [type(action).__name__ for action in side.done]


class Exchange(unittest.TestCase):
    def test_actions_in_order(self):
        pair = Pair().connect()
        self.assertEqual(names_of(pair.a), ["SendDatagram", "SendDatagram", "InstallSa", "IkeUp", "ChildUp"])
        self.assertEqual(names_of(pair.b), ["SendDatagram", "InstallSa", "SendDatagram", "IkeUp", "ChildUp"])

    def test_four_datagrams_and_no_timer_left(self):
        pair = Pair().connect()
        self.assertEqual(len(pair.a.of(actions.SendDatagram)) + len(pair.b.of(actions.SendDatagram)), 4)
        self.assertEqual((pair.a.engine.get_timer(), pair.b.engine.get_timer()), (None, None))

    def test_every_suite(self):
        # Each cipher with each prf, and each group once: what a group gives is bytes to the rest.
        rows = [(cipher, prf, "x25519") for cipher in CIPHERS for prf in PRFS]
        rows += [(CIPHERS[0], PRFS[0], group.name) for group in GROUPS]
        for cipher, prf, group in rows:
            ike = "%s-%s-%s" % (cipher.name, prf.name, group)
            pair = Pair(ike, make_connection("A", ike, cipher.name), make_connection("B", ike, cipher.name))
            pair.connect()
            self.assertTrue(agreed(pair), ike)
            self.assertEqual(str(pair.a.of(actions.IkeUp)[0].suite), ike)
            self.assertEqual(pair.b.of(actions.ChildUp)[0].inbound.encryption, cipher)

    def test_keys_have_the_kernel_s_lengths(self):
        for cipher in CIPHERS:
            pair = Pair(1, make_connection("A", IKE, cipher.name), make_connection("B", IKE, cipher.name)).connect()
            keys = pair.a.of(actions.InstallSa)[0].spec.keys
            self.assertEqual((len(keys.encryption), len(keys.integrity)), (cipher.key_bytes, cipher.integ_key_bytes))

    def test_a_group_of_esp_is_for_new_keys_alone(self):
        # In IKE_AUTH the CHILD SA has no key exchange of its own (RFC 7296 1.2); in CREATE_CHILD_SA it has.
        group = ESP + "-x25519"
        for ours, theirs in ((group, group), (group + "-noesn", ESP + "-modp2048 " + group)):
            pair = Pair(1, make_connection("A", IKE, ours), make_connection("B", IKE, theirs)).connect()
            self.assertTrue(agreed(pair), ours)
            offered = next(p for p in self.inside(pair, 1) if p.type == num.SA)
            self.assertEqual(offered.proposals[0].of_type(num.GROUP), [])
        pair = Pair(1, make_connection("A", IKE, ESP + "-x25519"), make_connection("B", IKE, ESP + "-x25519")).connect()
        old = pair.a.of(actions.ChildUp)[0].inbound
        pair.a.engine.rekey_child(NAME, old.spi, pair.now)
        pair.transfer()
        new = pair.a.of(actions.ChildUp)[-1].inbound
        self.assertNotEqual((old.spi, bytes(old.keys.encryption)), (new.spi, bytes(new.keys.encryption)))
        self.assertEqual(new.keys.encryption, pair.b.of(actions.ChildUp)[-1].outbound.keys.encryption)

    def inside(self, pair, index):
        """The payloads inside a protected message that A has sent."""
        _, inner, chain = open_up(pair.a, pair.a.of(actions.SendDatagram)[index].data)
        return pull_payloads(Reader(chain), inner)

    def test_extended_sequence_numbers_where_both_have_them(self):
        for ours, theirs, esn in ((ESP, ESP, True), (ESP + "-noesn", ESP, False), (ESP, ESP + "-noesn", False)):
            pair = Pair(1, make_connection("A", IKE, ours), make_connection("B", IKE, theirs)).connect()
            for side in (pair.a, pair.b):
                up = side.of(actions.ChildUp)[0]
                self.assertEqual((up.inbound.esn, up.outbound.esn), (esn, esn))

    def test_the_two_directions_have_different_keys(self):
        up = Pair().connect().a.of(actions.ChildUp)[0]
        self.assertNotEqual(bytes(up.inbound.keys.encryption), bytes(up.outbound.keys.encryption))

    def test_specs_say_whose_packets_they_are(self):
        pair = Pair().connect()
        for side, here, there, inner, outer in (
            (pair.a, A, B, INNER_A, INNER_B),
            (pair.b, B, A, INNER_B, INNER_A),
        ):
            up = side.of(actions.ChildUp)[0]
            self.assertEqual((up.inbound.direction, up.outbound.direction), ("in", "out"))
            self.assertEqual((up.inbound.source, up.inbound.destination), (there[0], here[0]))
            self.assertEqual((up.outbound.source, up.outbound.destination), (here[0], there[0]))
            self.assertEqual((up.inbound.ts_source.first, up.inbound.ts_destination.first), (outer, inner))
            self.assertEqual((up.outbound.ts_source.first, up.outbound.ts_destination.first), (inner, outer))
            self.assertTrue(up.inbound.mode == up.outbound.mode == actions.BEET)
            self.assertIs(side.of(actions.InstallSa)[0].spec, up.inbound)

    def test_spis_and_ids_are_fresh_for_every_attempt(self):
        pair = Pair().connect().connect().connect()
        for side in (pair.a, pair.b):
            ups = side.of(actions.ChildUp)
            self.assertEqual(len({up.inbound.spi for up in ups}), 3)
            self.assertEqual(sorted({up.ike_id for up in ups}), [up.ike_id for up in ups])

    def test_same_seed_same_bytes(self):
        first, second = Pair(7).connect(), Pair(7).connect()
        self.assertEqual(
            [action.data for action in first.a.of(actions.SendDatagram)],
            [action.data for action in second.a.of(actions.SendDatagram)],
        )

    def test_preferred_common_suite_wins(self):
        ours = "aes256gcm16-prfsha256-x25519 aes128-sha256-prfsha256-x25519 aes128gcm16-prfsha256-x25519"
        theirs = "aes128gcm16-prfsha256-x25519 aes128-sha256-prfsha256-x25519"
        pair = Pair(
            0,
            make_connection("A", ours, "aes256gcm16 aes256-sha256"),
            make_connection("B", theirs, "aes256-sha256 aes128gcm16"),
        ).connect()
        self.assertEqual(str(pair.a.of(actions.IkeUp)[0].suite), "aes128gcm16-prfsha256-x25519")
        self.assertEqual(pair.a.of(actions.ChildUp)[0].inbound.encryption.name, "aes256-sha256")

    def test_two_isthmus_know_each_other(self):
        pair = Pair().connect()
        self.assertTrue(pair.a.of(actions.IkeUp)[0].peer_is_isthmus)
        self.assertTrue(pair.b.of(actions.IkeUp)[0].peer_is_isthmus)

    def test_without_beet_nothing_private_is_said(self):
        sides = [make_connection(here, mode=actions.TRANSPORT) for here in ("A", "B")]
        pair = Pair(0, sides[0], sides[1]).connect()
        self.assertTrue(agreed(pair))
        self.assertFalse(pair.a.of(actions.IkeUp)[0].peer_is_isthmus)
        self.assertEqual(pair.a.of(actions.ChildUp)[0].inbound.mode, actions.TRANSPORT)
        request = pull_message(Reader(pair.a.of(actions.SendDatagram)[0].data))
        self.assertEqual([payload.type for payload in request.payloads], [33, 34, 40, 41, 41, 41])

    def test_unknown_name(self):
        with self.assertRaises(KeyError):
            Pair().a.engine.initiate("nobody", 0)


class Secrets(unittest.TestCase):
    def test_no_secret_in_any_repr(self):
        pair = Pair(0, make_connection("A", IKE + " aes256-sha256-prfsha256-modp2048", ESP))
        pair.initiate()
        pair.deliver()
        pair.deliver()
        sa = pair.a.engine.table.list_all()[0]
        proofs = [bytes(sa.keys.pi), bytes(sa.keys.pr)]  # overwritten once the proof is done
        texts = [repr(sa), repr(sa.keys), repr(sa.key_pair), repr(sa.asked)]
        pair.transfer()
        up = pair.a.of(actions.ChildUp)[0]
        secrets = [PSK.hex(), PSK.decode()]
        for key in [sa.keys.d, sa.keys.ei, sa.keys.er, up.inbound.keys.encryption] + proofs:
            self.assertTrue(any(key))
            secrets.append(bytes(key).hex())
            secrets.append(repr(bytes(key))[2:-1])
        texts += [repr(action) for action in pair.a.done + pair.b.done]
        texts += [repr(sa), repr(sa.keys), repr(sa.connection), repr(up.inbound.keys), repr(up.inbound)]
        self.assertTrue(len(texts) > 12)
        for text in texts:
            for secret in secrets:
                self.assertFalse(secret in text, text[:60])

    def test_keys_are_overwritten_when_an_sa_is_forgotten(self):
        pair = Pair().connect()
        sa = pair.b.engine.table.list_all()[0]
        keys = sa.keys
        self.assertTrue(any(keys.d))
        pair.a.engine.delete(NAME, pair.now)
        pair.transfer()
        pair.wait(60_000)
        self.assertEqual(pair.b.states(), [])
        for key in (keys.d, keys.ei, keys.er, keys.pi, keys.pr):
            self.assertFalse(any(key))

    def test_what_only_the_proof_needed_is_overwritten_when_it_is_done(self):
        for sa in Pair().connect().a.engine.table.list_all() + Pair().connect().b.engine.table.list_all():
            self.assertEqual((sa.keys.pi, sa.keys.pr), (bytearray(32), bytearray(32)))
            self.assertNotEqual(sa.keys.d, bytearray(32))
            self.assertEqual((sa.init_request, sa.init_answer), (b"", b""))

    def test_child_keys_are_cleared_by_their_user(self):
        keys = Pair().connect().a.of(actions.InstallSa)[0].spec.keys
        self.assertTrue(any(keys.encryption))
        keys.clear()
        self.assertFalse(any(keys.encryption))
