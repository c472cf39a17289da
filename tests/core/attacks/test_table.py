"""The table: every class of malformed input and attack that has broken IKE and L2TP programs, and what holds it here.

The classes are those of the project's own survey (reference "field", section 4). A number has its tests, which carry it
in their names (test_NN_..., with the CVE where one case made it known), or the reason why there is nothing to hit.
"""

from __future__ import annotations

import unittest

from tests.core.attacks import (
    test_flood,
    test_guessing,
    test_insider,
    test_malformed,
    test_notifies,
    test_on_path,
    test_states,
    test_words,
)

MODULES = (
    test_insider, test_states, test_malformed, test_notifies, test_on_path, test_words, test_guessing, test_flood,
)  # fmt: skip

NO_RSA = "no certificates and no signatures: a peer proves itself by a pre-shared key alone"
NO_L2TP = "L2TP's data path is the kernel's, behind ESP; there is no L2TP control connection and no PPP in this program"

# number, class, (test, ...) or the reason why it does not apply
CLASSES = (
    (1, "message for a missing state", (
        "test_01_cve_2009_0790_question_for_an_sa_that_is_not_there",
        "test_01_cve_2023_38712_delete_twice",
    )),
    (2, "KE with an unknown group, zero or oversize public value", (
        "test_02_cve_2014_9221_group_that_does_not_exist",
        "test_02_cve_2015_3240_public_value_of_zero",
        "test_02_cve_2023_41913_public_value_out_of_range",
        "test_02_points_that_are_on_no_curve",
        "test_02_the_answer_s_public_value",
    )),
    (3, "missing mandatory payloads", (
        "test_03_cve_2013_6467_payloads_left_out_of_ike_sa_init",
        "test_03_cve_2016_5391_proposal_without_a_group",
        "test_03_payloads_left_out_of_ike_auth",
    )),
    (4, "proposal and attribute loops and lengths", (
        "test_04_cve_2015_3204_attributes_that_never_end",
        "test_04_cve_2016_3071_lengths",
        "test_04_cve_2022_23094_proposals_inside",
    )),
    (5, "traffic selector length and count", (
        "test_05_cve_2023_23009_selector_lengths_and_counts",
        "test_05_selectors_of_unknown_types_only",
        "test_05_the_answer_s_selectors",
    )),
    (6, "notify data out of bounds; unauthenticated notify", (
        "test_06_cve_2019_12312_notify_in_place_of_the_answer",
        "test_06_cve_2019_12312_notify_of_a_stranger_in_every_state",
        "test_06_cve_2020_1763_data_out_of_bounds_in_the_clear",
        "test_06_cve_2020_1763_data_out_of_bounds_under_the_right_keys",
        "test_06_every_notify_under_the_right_keys",
        "test_06_forged_answer_behind_the_true_one",
        "test_06_forged_answer_in_front_of_the_true_one",
        "test_06_forged_cookie_in_front_of_the_answer",
        "test_06_forger_s_refusal_does_not_end_the_attempt",
        "test_06_forger_with_a_key_pair_of_his_own",
        "test_06_the_true_proof_is_lost_and_repeated",
    )),
    (7, "identity and ASN.1 name lengths", (
        "test_07_cve_2013_5018_names_of_certificates",
        "test_07_cve_2013_6075_identity_lengths",
        "test_07_every_kind_of_identity_can_be_told",
    )),
    (8, "fragment reassembly", (
        "test_08_cve_2013_6076_fragments_of_a_stranger",
        "test_08_unfinished_messages_keep_no_good_peer_out",
    )),
    (9, "REKEY notify with protocol 0 or 1; selectors missing or extra", (
        "test_09_cve_2023_30570_selectors_missing_or_twice",
        "test_09_cve_2023_38710_rekey_notify_of_a_protocol_that_is_none",
        "test_09_cve_2023_38711_rekey_of_an_sa_that_is_not_there",
    )),
    (10, "INFORMATIONAL without integrity", (
        "test_10_cve_2019_10155_informational_in_the_clear",
        "test_10_cve_2019_10155_sk_that_fails_its_check",
    )),
    (11, "state machine bypass", (
        "test_11_cve_2014_2338_rekey_of_an_sa_that_is_not_established",
        "test_11_cve_2015_8023_nothing_but_a_proof_establishes",
        "test_11_cve_2021_45079_eap_success_in_place_of_a_proof",
        "test_11_cve_2021_45079_responder_that_only_says_ok",
    )),
    (12, "RSA parsing and signatures", NO_RSA),
    (13, "too many payloads; truncated hash", (
        "test_13_chain_that_points_at_itself",
        "test_13_cve_2026_12413_too_many_payloads",
        "test_13_cve_2026_50721_proof_cut_short",
        "test_13_too_many_payloads_inside",
    )),
    (14, "EAP and TLS methods", "no EAP: whoever asks for it is refused (class 11)"),
    (15, "certificate fetching and constraints", NO_RSA),
    (16, "retransmit amplification", (
        "test_16_a_copy_from_elsewhere_does_not_lead_us_there",
        "test_16_a_new_mapping_is_followed_though_somebody_else_is_first",
        "test_16_cve_2016_5361_a_header_is_not_enough",
        "test_16_cve_2016_5361_the_same_datagram_again_and_again",
        "test_16_first_answers_are_hardly_longer_than_their_requests",
        "test_16_what_an_unknown_critical_payload_provokes",
    )),
    (17, "shell injection from a peer's text", (
        "test_17_cve_2023_28771_identity_of_a_peer_that_answers",
        "test_17_cve_2023_28771_identity_of_a_stranger",
        "test_17_error_notify_with_text_in_it",
        "test_17_link_and_proposals_of_a_peer",
        "test_17_no_shell_anywhere",
        "test_17_nothing_a_peer_says_is_in_what_nft_reads_or_the_log_writes",
    )),
    (18, "Bleichenbacher across IKEv1", NO_RSA + "; and no IKEv1"),
    (19, "offline guessing of a pre-shared key", (
        "test_19_cve_2018_5389_a_responder_never_proves_itself_first",
        "test_19_cve_2018_5389_one_proof_and_nothing_more",
        "test_19_one_attempt_buys_one_guess",
        "test_19_the_proof_does_not_repeat",
        "test_19_wrong_identity_and_wrong_key_look_the_same",
    )),
    (20, "IKE_SA_INIT flood", (
        "test_20_a_second_site_at_another_address_gets_in",
        "test_20_child_sas_rekeyed_without_end",
        "test_20_fresh_handshakes_without_end",
        "test_20_half_open_ones_go_of_themselves",
        "test_20_ike_sas_rekeyed_without_end",
        "test_20_rfc8019_half_open_are_bounded_and_the_tunnel_lives",
        "test_20_strangers_from_everywhere_keep_no_expected_peer_out",
        "test_20_strongswan_2791_a_good_peer_behind_the_flooder_s_address",
        "test_20_unknown_addresses_get_nothing",
    )),
    (21, "L2TP AVP lengths", NO_L2TP),
    (22, "PPP and EAP overflow", NO_L2TP),
    (23, "bugs of the kernel's L2TP and xfrm", "the kernel's own: what we give it is checked in kernel/contract.py"),
    (24, "route injection", "routes come from the configuration alone; CP is skipped, and selectors only ever narrow"),
)  # fmt: skip


def list_tests():
    """The names of all test methods of this folder that carry a number."""
    found = []
    for module in MODULES:
        for name in dir(module):
            kind = getattr(module, name)
            if isinstance(kind, type) and issubclass(kind, unittest.TestCase):
                found += [method for method in dir(kind) if method[:5] == "test_" and method[5:7].isdigit()]
    return sorted(set(found))


class Table(unittest.TestCase):
    def test_every_number_once(self):
        self.assertEqual([number for number, _, _ in CLASSES], list(range(1, 25)))

    def test_every_class_has_its_tests_or_its_reason(self):
        for number, name, tests in CLASSES:
            self.assertTrue(tests, name)
            if isinstance(tests, tuple):
                for test in tests:
                    self.assertEqual(test[:8], "test_%02d_" % number)

    def test_the_table_is_the_tests_that_there_are(self):
        listed = []
        for _, _, tests in CLASSES:
            if isinstance(tests, tuple):
                listed += tests
        self.assertEqual(sorted(listed), list_tests())
