"""Suites: read, written, and refused with the part that is wrong; and what the kernel needs to know of each cipher."""

from __future__ import annotations

import unittest

from isthmus.config import proposal
from isthmus.crypto import suites
from isthmus.crypto.suites import SuiteError, parse_esp_suite, parse_ike_suite
from isthmus.proto.errors import NoProposalChosen
from isthmus.proto.ike2.proposals import choose, describe, make_offer
from isthmus.wire import ike_numbers as num
from isthmus.wire.ike_sa import Proposal, Transform


class Words(unittest.TestCase):
    def test_there_and_back(self):
        for cipher in suites.ALL_CIPHERS:
            self.assertEqual(str(parse_esp_suite(cipher.name)), cipher.name)
            for group in suites.ALL_GROUPS:
                text = "%s-prfsha256-%s" % (cipher.name, group.name)
                self.assertEqual(str(parse_ike_suite(text)), text)

    def test_refused(self):
        for parse, text, found, allowed in (
            (parse_ike_suite, "aes192gcm16-prfsha256-x25519", "aes192gcm16", "aes128gcm16"),
            (parse_ike_suite, "aes128gcm16-prfsha1-x25519", "'prfsha1' is no prf", "prfsha256"),
            (parse_ike_suite, "aes128gcm16-prfsha256-modp1024", "'modp1024' is no group", "modp2048, x25519"),
            (parse_ike_suite, "aes128gcm16", "0 parts after its cipher", "aes128gcm16-prfsha256-x25519"),
            (parse_ike_suite, "aes128gcm16-prfsha256", "1 parts after its cipher", "-prfsha256-"),
            (parse_ike_suite, "aes128gcm16-prfsha256-x25519-x25519", "3 parts", "-prfsha256-"),
            (parse_ike_suite, "aes128-prfsha256-x25519", "is no cipher", "aes128-sha256"),
            (parse_ike_suite, "", "'' is no cipher", "aes128gcm16"),
            (parse_esp_suite, "aes128gcm16-x25519", "'x25519' after its cipher", "write aes128gcm16"),
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
        for text in proposal.DEFAULT_IKE:
            self.assertEqual(str(parse_ike_suite(proposal.parse_ike(text))), text)
        for text in proposal.DEFAULT_ESP:
            self.assertEqual(str(parse_esp_suite(proposal.parse_esp(text))), text)

    def test_rows_agree_with_themselves(self):
        for row in suites.ALL_CIPHERS:
            salt = 4 if row.is_aead else 0
            self.assertEqual(row.key_bytes, row.key_bits // 8 + salt)
            self.assertEqual(bool(row.kernel_aead), row.is_aead)
            self.assertEqual(bool(row.kernel_auth), not row.is_aead)
            self.assertEqual(bool(row.integ_key_bytes), not row.is_aead)
            self.assertTrue(row in suites.CIPHERS, "this interpreter lacks " + row.name)


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

    def test_foreign_algorithms_have_names_too(self):
        crowd = [Transform(1, 3), Transform(1, 999, 77), Transform(3, 2), Transform(2, 2), Transform(4, 2)]
        text = describe([Proposal(1, num.PROTO_IKE, b"", crowd)])
        self.assertEqual(text, "3des/999_77-sha1-prfsha1-modp1024")
        self.assertEqual(describe([Proposal(1, 1, b"", [Transform(77, 1)])]), "nothing that has a name")

    def test_description_is_bounded(self):
        crowd = [Transform(1, number, 1) for number in range(1000, 1064)]
        self.assertTrue(len(describe([Proposal(1, 1, b"", crowd)] * 64)) < 330)
