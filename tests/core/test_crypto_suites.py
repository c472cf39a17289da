"""Suites: read, written, and refused with the part that is wrong; and what the kernel needs to know of each cipher."""

from __future__ import annotations

import sys
import unittest

from isthmus.config import proposal
from isthmus.crypto import suites
from isthmus.crypto.suites import SuiteError, parse_esp_suite, parse_ike_suite
from isthmus.proto.errors import InvalidSyntax, NoProposalChosen
from isthmus.proto.ike2.proposals import check_choice, choose, describe, make_offer, uses_esn
from isthmus.wire import ike_numbers as num
from isthmus.wire.buffer import Writer
from isthmus.wire.ike_sa import Proposal, Transform, push_proposals

LACKING = (
    "aes192gcm16", "chacha20poly1305", "aes192-sha256", "aes128-sha384", "aes192-sha384", "aes256-sha384",
    "aes128-sha512", "aes192-sha512", "aes256-sha512", "prfsha384", "prfsha512", "ecp256", "ecp384",
)  # fmt: skip


class Words(unittest.TestCase):
    def test_there_and_back(self):
        for cipher in suites.CIPHERS:
            self.assertEqual(str(parse_esp_suite(cipher.name)), cipher.name)
            for prf in suites.PRFS:
                for group in suites.GROUPS:
                    text = "%s-%s-%s" % (cipher.name, prf.name, group.name)
                    self.assertEqual(str(parse_ike_suite(text)), text)

    def test_what_this_interpreter_lacks_is_not_offered(self):
        # The shim of `cryptography` has neither SHA-2 beyond 256 bits nor ChaCha20 nor the NIST curves nor AES-192.
        lacking = LACKING if sys.implementation.name == "micropython" else ()
        for rows, there, parse, text in (
            (suites.ALL_CIPHERS, suites.CIPHERS, parse_esp_suite, "%s"),
            (suites.ALL_PRFS, suites.PRFS, parse_ike_suite, "aes128gcm16-%s-x25519"),
            (suites.ALL_GROUPS, suites.GROUPS, parse_ike_suite, "aes128gcm16-prfsha256-%s"),
        ):
            for row in rows:
                self.assertEqual(row in there, row.name not in lacking, row.name)
                if row.name in lacking:
                    self.assertRaises(SuiteError, parse, text % row.name)

    def test_extended_sequence_numbers(self):
        for text, esn in (
            ("aes128gcm16", None), ("aes128gcm16-esn", True), ("aes128-sha256-noesn", False),
            ("aes128gcm16-x25519", None), ("aes128-sha256-modp2048-esn", True),
        ):  # fmt: skip
            suite = parse_esp_suite(text)
            self.assertEqual((suite.esn, str(suite)), (esn, text))
            self.assertEqual(proposal.parse_esp(text.upper()), text)
        for text in ("esn", "aes128gcm16-esn-noesn", "aes128gcm16-esn-esn", "-esn"):
            self.assertRaises(SuiteError, parse_esp_suite, text)
            self.assertRaises(proposal.BadValue, proposal.parse_esp, text)
        self.assertRaises(SuiteError, parse_ike_suite, "aes128gcm16-prfsha256-x25519-esn")

    def test_refused(self):
        for parse, text, found, allowed in (
            (parse_ike_suite, "aes64gcm16-prfsha256-x25519", "aes64gcm16", "aes128gcm16"),
            (parse_ike_suite, "aes128gcm16-prfsha1-x25519", "'prfsha1' is no prf", "prfsha256"),
            (parse_ike_suite, "aes128gcm16-prfsha256-modp1024", "'modp1024' is no group", "modp2048, modp3072"),
            (parse_ike_suite, "aes128gcm16", "0 parts after its cipher", "aes128gcm16-prfsha256-x25519"),
            (parse_ike_suite, "aes128gcm16-prfsha256", "1 parts after its cipher", "-prfsha256-"),
            (parse_ike_suite, "aes128gcm16-prfsha256-x25519-x25519", "3 parts", "-prfsha256-"),
            (parse_ike_suite, "aes128-prfsha256-x25519", "is no cipher", "aes128-sha256"),
            (parse_ike_suite, "", "'' is no cipher", "aes128gcm16"),
            (parse_esp_suite, "aes128gcm16-x25519-x25519", "'x25519-x25519' is no group", "x25519"),
            (parse_esp_suite, "aes128gcm16-prfsha256", "'prfsha256' is no group", "x25519"),
            (parse_esp_suite, "aes128gcm16 ", "is no cipher", "aes128gcm16"),
            (parse_esp_suite, "AES128GCM16", "is no cipher", "aes128gcm16"),
        ):
            with self.assertRaises(SuiteError) as caught:
                parse(text)
            self.assertTrue(found in str(caught.exception), str(caught.exception))
            self.assertTrue(allowed in caught.exception.remedy, caught.exception.remedy)

    def test_long_text_makes_no_long_message(self):
        with self.assertRaises(SuiteError) as caught:
            parse_ike_suite("x" * 10_000)
        self.assertTrue(len(str(caught.exception)) < 300)

    def test_configuration_knows_the_same_words(self):
        self.assertEqual(sorted(proposal.CIPHERS), sorted([row.name for row in suites.ALL_CIPHERS]))
        self.assertEqual(sorted(proposal.PRFS), sorted([row.name for row in suites.ALL_PRFS]))
        self.assertEqual(sorted(proposal.GROUPS), sorted([row.name for row in suites.ALL_GROUPS]))
        found = 0
        for texts, canonical, parse in (
            (proposal.DEFAULT_IKE, proposal.parse_ike, parse_ike_suite),
            (proposal.DEFAULT_ESP, proposal.parse_esp, parse_esp_suite),
        ):
            for text in texts:
                try:
                    self.assertEqual(str(parse(canonical(text))), text)
                    found += 1
                except SuiteError:
                    self.assertEqual(sys.implementation.name, "micropython", text)
        self.assertTrue(found >= 8, found)

    def test_whole_default_offer_leaves_room_in_a_small_datagram(self):
        # IPv6 and UDP, IKE header, KE of the largest group, nonce, our Vendor ID, and 150 bytes for notifies.
        texts = []
        for text in proposal.DEFAULT_IKE:
            try:
                texts.append(parse_ike_suite(text))
            except SuiteError:
                continue
        writer = Writer()
        push_proposals(writer, make_offer(texts, num.PROTO_IKE, b""))
        self.assertTrue(40 + 8 + 28 + 4 + len(writer) + (8 + 256) + (4 + 32) + 20 + 150 <= 1280, len(writer))

    def test_rows_agree_with_themselves(self):
        for row in suites.ALL_CIPHERS:
            salt = 4 if row.is_aead else 0
            self.assertEqual(row.key_bytes, (row.key_bits or 256) // 8 + salt)
            self.assertEqual(row.icv_bits, 128 if row.is_aead else row.integ_key_bytes * 4)
            self.assertEqual(bool(row.kernel_aead), row.is_aead)
            self.assertEqual(bool(row.kernel_auth), not row.is_aead)
            self.assertEqual(bool(row.integ_key_bytes), not row.is_aead)


def offer(*texts):
    return make_offer([parse_ike_suite(text) for text in texts], num.PROTO_IKE, b"")


GCM = "aes128gcm16-prfsha256-x25519"
CBC = "aes256-sha256-prfsha256-modp2048"


class Choice(unittest.TestCase):
    def choose(self, ours, offered):
        suite, answer = choose([parse_ike_suite(text) for text in ours], offered, num.PROTO_IKE)
        return str(suite), answer.number, [(transform.type, transform.id) for transform in answer.transforms]

    def refuse(self, ours, offered):
        with self.assertRaises(NoProposalChosen) as caught:
            self.choose(ours, offered)
        return str(caught.exception)

    def test_our_order_decides(self):
        self.assertEqual(self.choose([GCM, CBC], offer(CBC, GCM))[:2], (GCM, 2))
        self.assertEqual(self.choose([CBC, GCM], offer(CBC, GCM))[:2], (CBC, 1))

    def test_many_transforms_in_one_proposal(self):
        # As strongSwan offers: every algorithm of a kind in one proposal.
        crowd = [Transform(1, 12, 256), Transform(1, 12, 128), Transform(3, 2), Transform(3, 12)]
        crowd += [Transform(2, 2), Transform(2, 5), Transform(4, 14), Transform(4, 31)]
        offered = [Proposal(1, num.PROTO_IKE, b"", crowd)]
        self.assertEqual(self.choose([CBC], offered), (CBC, 1, [(1, 12), (3, 12), (2, 5), (4, 14)]))

    def test_integrity_none_beside_aead_is_answered(self):
        offered = offer(GCM)
        offered[0].transforms.append(Transform(num.INTEG, num.INTEG_NONE))
        self.assertEqual(self.choose([GCM], offered)[2][-1], (num.INTEG, num.INTEG_NONE))

    def test_extended_sequence_numbers_are_both_sides_choice(self):
        # RFC 7296 3.3.3: whoever can have them offers both; the responder takes them if it can.
        for ours, theirs, esn in (
            ("aes128gcm16", "aes128gcm16", True),
            ("aes128gcm16", "aes128gcm16-noesn", False),
            ("aes128gcm16-noesn", "aes128gcm16", False),
            ("aes128gcm16-esn", "aes128gcm16", True),
            ("aes128gcm16-esn", "aes128gcm16-noesn", None),
            ("aes128gcm16-noesn", "aes128gcm16-esn", None),
        ):
            offered = make_offer([parse_esp_suite(theirs)], num.PROTO_ESP, b"spi1")
            if esn is None:
                self.assertRaises(NoProposalChosen, choose, [parse_esp_suite(ours)], offered, num.PROTO_ESP)
                continue
            _, answer = choose([parse_esp_suite(ours)], offered, num.PROTO_ESP)
            self.assertEqual(uses_esn(answer), esn)
            self.assertEqual(check_choice([parse_esp_suite(theirs)], [answer], num.PROTO_ESP)[1], answer)

    def test_both_kinds_of_sequence_numbers_are_no_answer(self):
        suites_offered = [parse_esp_suite("aes128gcm16")]
        answer = make_offer(suites_offered, num.PROTO_ESP, b"spi1")
        self.assertEqual(len(answer[0].of_type(num.ESN)), 2)
        self.assertRaises(InvalidSyntax, check_choice, suites_offered, answer, num.PROTO_ESP)
        answer[0].transforms.pop()
        self.assertTrue(uses_esn(check_choice(suites_offered, answer, num.PROTO_ESP)[1]))
        answer[0].transforms.pop()
        self.assertRaises(InvalidSyntax, check_choice, suites_offered, answer, num.PROTO_ESP)

    def test_no_part_may_be_missing_or_left_over(self):
        for index in range(3):
            offered = offer(GCM)
            offered[0].transforms.pop(index)
            self.refuse([GCM], offered)
        for extra in (Transform(num.INTEG, 12), Transform(9, 1), Transform(num.ESN, 1)):
            offered = offer(GCM)
            offered[0].transforms.append(extra)
            self.refuse([GCM], offered)

    def test_key_length_protocol_spi_and_foreign_attributes(self):
        for change in ("key", "protocol", "spi", "attribute"):
            offered = offer(GCM)
            if change == "key":
                offered[0].transforms[0].key_bits = 0
            elif change == "protocol":
                offered[0].protocol = num.PROTO_ESP
            elif change == "spi":
                offered[0].spi = b"12345678"
            else:
                offered[0].transforms[0].understood = False
            self.refuse([GCM], offered)

    def test_message_has_both_sides_words(self):
        self.assertEqual(self.refuse([GCM], offer(CBC)), "peer offers %s; this side allows %s" % (CBC, GCM))

    def test_weak_algorithms_are_refused_by_name(self):
        for weak, word in (
            (Transform(1, 2), "des"), (Transform(1, 3), "3des"), (Transform(1, 11), "null"),
            (Transform(2, 1), "prfmd5"), (Transform(2, 2), "prfsha1"), (Transform(3, 1), "md5"),
            (Transform(3, 2), "sha1"), (Transform(4, 1), "modp768"), (Transform(4, 2), "modp1024"),
            (Transform(4, 5), "modp1536"),
        ):  # fmt: skip
            # Beside sound choices of every other kind: it is never chosen, and named when nothing fits.
            offered = offer(CBC)
            kept = [transform for transform in offered[0].transforms if transform.type != weak.type]
            offered[0].transforms = kept + [weak]
            said = self.refuse([CBC, GCM], offered)
            self.assertTrue("(too weak to be allowed: %s)" % word in said, said)
        self.assertFalse("weak" in self.refuse([GCM], offer(CBC)))

    def test_foreign_algorithms_have_names_too(self):
        crowd = [Transform(1, 3), Transform(1, 999, 77), Transform(3, 2), Transform(2, 2), Transform(4, 2)]
        text = describe([Proposal(1, num.PROTO_IKE, b"", crowd)])
        self.assertEqual(text, "3des/999_77-sha1-prfsha1-modp1024")
        self.assertEqual(describe([Proposal(1, 1, b"", [Transform(77, 1)])]), "nothing that has a name")

    def test_description_is_bounded(self):
        crowd = [Transform(1, number, 1) for number in range(1000, 1064)]
        self.assertTrue(len(describe([Proposal(1, 1, b"", crowd)] * 64)) < 330)
