"""IKE_AUTH: who is believed, what both sides then say, and what is left when they do not agree."""

from __future__ import annotations

import unittest

from isthmus.proto import actions
from isthmus.wire import ike_numbers as num
from isthmus.wire.addr import parse_ip
from isthmus.wire.identity import Identity
from isthmus.wire.ike_payloads import AuthPayload, IdPayload, NotifyPayload, OpaquePayload, SaPayload, TsPayload
from isthmus.wire.ike_ts import Selector
from tests.core.ike_pair import ESP, ID_A, ID_B, IKE, INNER_A, INNER_B, NAME, A, B, Pair, agreed, make_connection
from tests.core.ike_tamper import reseal

CAROL = Identity(2, b"carol.example")


def clash(here=None, there=None):
    """A handshake between two sides that do not fit, and the time after it."""
    return Pair(0, make_connection("A", **(here or {})), make_connection("B", **(there or {}))).connect()


class Disagreements(unittest.TestCase):
    def check(self, pair, code_a, code_b, text_a=(), text_b=()):
        for side, code, texts in ((pair.a, code_a, text_a), (pair.b, code_b, text_b)):
            self.assertEqual(side.error(), code)
            failed = side.of(actions.Failed)
            self.assertEqual(len(failed), 1)
            self.assertTrue(failed[0].error.remedy)
            for text in texts:
                self.assertTrue(text in str(failed[0].error), str(failed[0].error))
            self.assertEqual(side.of(actions.ChildUp) + side.of(actions.InstallSa) + side.of(actions.IkeUp), [])
        pair.wait(60_000)
        self.assertEqual((pair.a.states(), pair.b.states()), ([], []))

    def test_wrong_psk(self):
        pair = clash(here={"psk": b"something else altogether"})
        self.check(pair, "psk", "psk", ["a.example", "pre-shared"], ["pre-shared keys", "b.example", "a.example"])
        self.assertTrue(pair.a.of(actions.Failed)[0].error.by_peer)
        self.assertFalse(pair.b.of(actions.Failed)[0].error.by_peer)
        self.assertEqual(pair.b.of(actions.Failed)[0].name, NAME)

    def test_unknown_identity(self):
        pair = clash(here={"local_id": CAROL})
        self.check(pair, "psk", "identity", (), ["carol.example", "a.example"])
        self.assertEqual(pair.b.of(actions.Failed)[0].name, None)

    def test_we_are_not_whom_the_peer_wants(self):
        self.check(clash(here={"remote_id": CAROL}), "psk", "identity", (), ["carol.example", "b.example"])

    def test_responder_is_somebody_else(self):
        # B answers as Carol: nobody's own code does that, so A's request is made to ask for nobody in particular.
        pair = Pair(0, make_connection("A"), make_connection("B", local_id=CAROL))
        pair.initiate()
        pair.deliver()
        pair.deliver()
        reseal(pair, pair.a, lambda payloads: [payload for payload in payloads if payload.type != num.IDR])
        pair.transfer()
        self.assertEqual(pair.a.error(), "identity")
        error = str(pair.a.of(actions.Failed)[0].error)
        self.assertTrue("carol.example" in error and "b.example" in error, error)
        # B had believed A; it is told, and lets go.
        self.assertEqual(pair.b.children(), {})
        self.assertEqual(pair.b.of(actions.IkeGone)[0].error.code, "psk")

    def test_responder_with_another_proof(self):
        pair = Pair(0)
        pair.initiate()
        for _ in range(3):
            pair.deliver()
        reseal(pair, pair.b, lambda payloads: [payloads[0], AuthPayload(2, bytes(32))] + payloads[2:])
        pair.transfer()
        self.assertEqual(pair.a.error(), "psk")
        self.assertEqual(pair.b.children(), {})
        pair.wait(60_000)
        self.assertEqual((pair.a.states(), pair.b.states()), ([], []))

    def test_no_common_esp_proposal(self):
        pair = Pair(0, make_connection("A", IKE, "aes128gcm16"), make_connection("B", IKE, "aes256-sha256")).connect()
        self.check(pair, "no-proposal", "no-proposal", ["aes128gcm16"], ["aes128gcm16", "aes256-sha256"])

    def test_ike_proposal_of_another_tunnel(self):
        # Two tunnels between the same addresses: what one allows in IKE_SA_INIT, the other must not get in IKE_AUTH.
        modp = "aes128-sha256-prfsha256-modp2048"
        pair = Pair(0, make_connection("A", IKE), make_connection("B", modp))
        pair.b.engine.set_connection(make_connection("B", IKE, name="another", remote_id=CAROL))
        pair.connect()
        self.assertEqual(pair.b.error(), "no-proposal")
        self.assertEqual(pair.a.children(), {})

    def test_link_of_other_bytes(self):
        pair = clash(here={"link": b"l2tpv3 derived 1"})
        texts = ["'l2tpv3 derived 0'", "'l2tpv3 derived 1'"]
        self.check(pair, "link", "link", texts, texts)
        for side, ours, theirs in ((pair.a, b"l2tpv3 derived 1", b"l2tpv3 derived 0"),
                                   (pair.b, b"l2tpv3 derived 0", b"l2tpv3 derived 1")):  # fmt: skip
            error = side.of(actions.Failed)[0].error
            self.assertEqual((error.ours, error.theirs), (ours, theirs))

    def test_link_that_is_no_text(self):
        self.check(clash(here={"link": b"\x00\xff"}), "link", "link", ["0x00ff"], ["0x00ff"])

    def test_link_on_one_side_only(self):
        self.check(clash(there={"mode": actions.TRANSPORT}), "link", "link", ["no Isthmus link"], ["no Isthmus link"])
        pair = clash(here={"mode": actions.TRANSPORT})
        self.check(pair, "no-proposal", "link", (), ["no Isthmus link", "derived 0"])

    def test_no_common_selectors(self):
        other = Selector(115, 0, 65535, parse_ip("fd00::1"), parse_ip("fd00::1"))
        self.check(clash(here={"ts_local": other}), "selectors", "selectors", ["fd00::1"], ["fd00::1", "::a"])
        self.check(clash(here={"ts_remote": other}), "selectors", "selectors")
        v4 = Selector(115, 0, 65535, bytes(4), bytes(4))
        self.check(clash(there={"ts_local": v4}), "selectors", "selectors")

    def test_peer_refuses_in_words_we_have_no_type_for(self):
        pair = Pair(0)
        pair.initiate()
        for _ in range(3):
            pair.deliver()
        reseal(pair, pair.b, lambda payloads: [NotifyPayload(num.INVALID_SYNTAX)])
        pair.transfer()
        self.assertEqual(pair.a.error(), "refused")
        self.assertTrue("INVALID_SYNTAX" in str(pair.a.of(actions.Failed)[0].error))

    def test_peer_refuses_without_a_word(self):
        for keep in (0, 2):  # instead of a proof, and beside it
            pair = Pair(0)
            pair.initiate()
            for _ in range(3):
                pair.deliver()
            reseal(pair, pair.b, lambda payloads, keep=keep: payloads[:keep] + [NotifyPayload(20000)] + payloads[2:3])
            pair.transfer()
            error = pair.a.of(actions.Failed)[0].error
            self.assertEqual(str(error), "tunnel 'branch': the peer refuses and does not say why")
            self.assertTrue(error.by_peer)


class Request(unittest.TestCase):
    """What B makes of an IKE_AUTH request that A's own code would not send."""

    def tamper(self, change):
        pair = Pair(0)
        pair.initiate()
        pair.deliver()
        pair.deliver()
        reseal(pair, pair.a, change)
        pair.deliver()
        return pair

    def test_untampered(self):
        self.assertEqual(self.tamper(lambda payloads: payloads).b.states(), ["established"])

    def refuse(self, change, code):
        pair = self.tamper(change)
        self.assertEqual(pair.b.error(), code)
        self.assertEqual(pair.b.states(), ["done"])
        self.assertEqual(pair.b.of(actions.IkeUp), [])
        pair.transfer()
        self.assertEqual(pair.a.states(), [])
        return pair

    def test_another_auth_method(self):
        for method in (1, 9, 14):
            self.refuse(
                lambda payloads, method=method: [
                    AuthPayload(method, payload.data) if payload.type == num.AUTH else payload for payload in payloads
                ],
                "auth-method",
            )

    def test_proofs_that_are_almost_right(self):
        for cut in (lambda data: data[:-1], lambda data: data + b"\x00", lambda data: b"", lambda data: bytes(32)):
            self.refuse(
                lambda payloads, cut=cut: [
                    AuthPayload(2, cut(payload.data)) if payload.type == num.AUTH else payload for payload in payloads
                ],
                "psk",
            )

    def test_eap(self):
        self.refuse(lambda payloads: [payload for payload in payloads if payload.type != num.AUTH], "auth-method")

    def test_missing_payloads(self):
        for missing in (num.IDI, num.SA, num.TSI, num.TSR):
            self.refuse(
                lambda payloads, missing=missing: [payload for payload in payloads if payload.type != missing], "syntax"
            )

    def test_a_payload_twice(self):
        for twice in (num.IDI, num.AUTH, num.SA, num.TSI):
            self.refuse(
                lambda payloads, twice=twice: payloads + [payload for payload in payloads if payload.type == twice],
                "syntax",
            )

    def test_payloads_that_have_no_place_here(self):
        self.refuse(lambda payloads: payloads + [OpaquePayload(num.EAP, False, b"")], "syntax")
        self.refuse(lambda payloads: payloads + [OpaquePayload(202, True, b"")], "critical-payload")

    def test_what_may_be_there_and_is_skipped(self):
        pair = self.tamper(
            lambda payloads: payloads
            + [OpaquePayload(203, False, b"future"), OpaquePayload(num.CERT, True, b""), NotifyPayload(16384)]
        )
        self.assertEqual(pair.b.states(), ["established"])

    def test_identity_of_another_kind_with_the_same_bytes(self):
        self.refuse(lambda payloads: [IdPayload(num.IDI, Identity(11, ID_A.data))] + payloads[1:], "identity")

    def test_esp_spis_that_must_not_be(self):
        for spi in (bytes(4), b"\x00\x00\x00\xff", b"\x01", b"12345678"):

            def change(payloads, spi=spi):
                for payload in payloads:
                    if isinstance(payload, SaPayload):
                        payload.proposals[0].spi = spi
                return payloads

            pair = self.tamper(change)
            self.assertEqual(pair.b.of(actions.ChildUp), [], spi)
            self.assertEqual(pair.b.error(), "no-proposal")

    def test_unknown_sequence_numbers_are_not_chosen(self):
        def change(payloads):
            for payload in payloads:
                if isinstance(payload, SaPayload):
                    for transform in payload.proposals[0].of_type(num.ESN):
                        transform.id = 2
            return payloads

        self.refuse(change, "no-proposal")

    def test_responder_narrows(self):
        wide = Selector(0, 0, 65535, bytes(16), b"\xff" * 16)
        narrow = Selector(115, 0, 65535, INNER_A, INNER_A)

        def change(payloads):
            return [TsPayload(payload.type, [wide]) if payload.type in (44, 45) else payload for payload in payloads]

        pair = self.tamper(change)
        self.assertEqual(pair.b.of(actions.ChildUp)[0].inbound.ts_source, narrow)
        pair.transfer()
        self.assertTrue(agreed(pair))

    def test_second_selector_fits(self):
        other = Selector(6, 80, 80, bytes(4), bytes(4))
        ours = Selector(115, 0, 65535, INNER_A, INNER_A)

        def change(payloads):
            return [TsPayload(44, [other, ours]) if payload.type == 44 else payload for payload in payloads]

        pair = self.tamper(change)
        pair.transfer()
        self.assertTrue(agreed(pair))


class Answer(unittest.TestCase):
    """What A makes of an IKE_AUTH answer that B's own code would not send."""

    def tamper(self, change):
        pair = Pair(0)
        pair.initiate()
        for _ in range(3):
            pair.deliver()
        reseal(pair, pair.b, change)
        pair.transfer()
        return pair

    def test_untampered(self):
        self.assertTrue(agreed(self.tamper(lambda payloads: payloads)))

    def undone(self, change, code):
        """A says no, and B, which had believed A, is told."""
        pair = self.tamper(change)
        self.assertEqual(pair.a.error(), code)
        self.assertEqual(pair.a.of(actions.ChildUp), [])
        self.assertEqual(pair.b.children(), {})
        pair.wait(60_000)
        self.assertEqual((pair.a.states(), pair.b.states()), ([], []))

    def test_wider_selectors(self):
        wide = Selector(0, 0, 65535, bytes(16), b"\xff" * 16)
        for which in (44, 45):
            self.undone(
                lambda payloads, which=which: [
                    TsPayload(which, [wide]) if payload.type == which else payload for payload in payloads
                ],
                "selectors",
            )

    def test_two_selectors(self):
        ours = Selector(115, 0, 65535, INNER_B, INNER_B)
        self.undone(
            lambda payloads: [
                TsPayload(45, [ours, ours]) if payload.type == 45 else payload for payload in payloads
            ],
            "selectors",
        )

    def test_a_choice_that_was_not_offered(self):
        def change(payloads, key_bits=256):
            for payload in payloads:
                if isinstance(payload, SaPayload):
                    payload.proposals[0].transforms[0].key_bits = key_bits
            return payloads

        self.undone(change, "syntax")

    def test_reserved_spi(self):
        def change(payloads):
            for payload in payloads:
                if isinstance(payload, SaPayload):
                    payload.proposals[0].spi = b"\x00\x00\x00\x01"
            return payloads

        self.undone(change, "syntax")

    def test_missing_payloads(self):
        self.undone(lambda payloads: [payload for payload in payloads if payload.type != num.TSI], "syntax")
        self.undone(lambda payloads: [], "syntax")

    def test_link_taken_out_on_the_way(self):
        self.undone(lambda payloads: [payload for payload in payloads if payload.type != num.NOTIFY], "link")


class Half(unittest.TestCase):
    def test_answer_lost_is_repeated_bit_for_bit(self):
        pair = Pair(0, make_connection("A", psk=b"another one entirely"))
        pair.initiate()
        for _ in range(3):
            pair.deliver()
        lost = pair.drop()
        pair.wait(600)
        self.assertEqual(pair.a.error(), "psk")
        self.assertEqual(pair.b.of(actions.SendDatagram)[-1].data, lost.data)

    def test_forged_protected_messages_change_nothing(self):
        pair = Pair(0)
        pair.initiate()
        pair.deliver()
        pair.deliver()
        good = pair.flight[0]
        for at in range(28, len(good.data)):
            bad = good.data[:at] + bytes([good.data[at] ^ 1]) + good.data[at + 1 :]
            pair.b.engine.receive(bad, A, B, pair.now)
        self.assertEqual(pair.b.states(), ["init-answered"])
        self.assertEqual(pair.b.of(actions.Failed), [])
        pair.transfer()
        self.assertTrue(agreed(pair))

    def test_identities_are_as_configured(self):
        pair = Pair(0, make_connection("A", IKE, ESP)).connect()
        connection = pair.b.engine.table.list_all()[0].connection
        self.assertEqual((connection.local_id, connection.remote_id), (ID_B, ID_A))
