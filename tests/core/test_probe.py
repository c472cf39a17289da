"""The two-way probe: eager at first, judged by answers, and answered by nobody but the peer."""

from __future__ import annotations

import unittest

from isthmus.policy.derive import derive
from isthmus.probe import (
    ANSWER_MS,
    DOWN_AFTER,
    EAGER_MS,
    EAGER_PROBES,
    STEADY_MS,
    WINDOW,
    Probe,
    in_ipv4,
    pull_answer,
)
from isthmus.wire import icmp4, icmp6
from isthmus.wire.icmp6 import ECHO_REPLY, pull_echo_reply, push_echo_request

TOKEN = b"12345678"


def sequence_of(message: bytes) -> int:
    return int.from_bytes(message[6:8], "big")


class AnswerTest(unittest.TestCase):
    """Whose answer counts, and what an answer is."""

    def setUp(self) -> None:
        self.found = derive(b"\x02a", b"\x02b", 0, b"key")
        self.peer, self.hop = self.found.remote.link_local, b"\x0a\x09\x00\x02"

    def test_the_same_question_in_ipv4(self) -> None:
        message = in_ipv4(icmp6.push_echo_request(0x1234, 7, b"token"))
        self.assertEqual((message[0], icmp4.checksum(message)), (icmp4.ECHO_REQUEST, 0))
        # RFC 1071 section 3: the sum of these is ddf2
        self.assertEqual(icmp4.checksum(bytes([0, 1, 0xF2, 3, 0xF4, 0xF5, 0xF6, 0xF7])), 0xDDF2 ^ 0xFFFF)
        answer = bytes([icmp4.ECHO_REPLY]) + message[1:]
        self.assertEqual(pull_answer(self.found, [self.hop], answer, self.hop), (0x1234, 7, b"token"))
        for source in (b"\x0a\x09\x00\x03", self.peer):
            self.assertEqual(pull_answer(self.found, [self.hop], answer, source), None)
        self.assertEqual(pull_answer(self.found, [], answer, self.hop), None)
        self.assertEqual(pull_answer(None, [self.hop], answer, self.hop), None)

    def test_what_is_no_answer(self) -> None:
        answer = bytes([icmp6.ECHO_REPLY, 0, 0, 0, 0, 1, 0, 2]) + b"token"
        self.assertEqual(pull_answer(self.found, [], answer, self.peer), (1, 2, b"token"))
        answer4 = bytes([icmp4.ECHO_REPLY]) + answer[1:]
        for broken in (b"", answer[:7], bytes([icmp6.ECHO_REQUEST]) + answer[1:], answer[:1] + b"\1" + answer[2:]):
            self.assertEqual(pull_answer(self.found, [], broken, self.peer), None)
        for broken in (b"", answer4[:7], bytes([icmp4.ECHO_REQUEST]) + answer4[1:], answer4[:1] + b"\1" + answer4[2:]):
            self.assertEqual(pull_answer(self.found, [self.hop], broken, self.hop), None)


class IcmpTest(unittest.TestCase):
    def test_a_reply_reads_back_what_the_request_says(self) -> None:
        request = push_echo_request(0x1234, 7, TOKEN)
        self.assertEqual(pull_echo_reply(request), None)
        reply = bytes([ECHO_REPLY]) + request[1:]
        self.assertEqual(pull_echo_reply(reply), (0x1234, 7, TOKEN))

    def test_short_messages_are_none(self) -> None:
        reply = bytes([ECHO_REPLY]) + push_echo_request(1, 2, b"")[1:]
        for length in range(len(reply)):
            self.assertEqual(pull_echo_reply(reply[:length]), None)


class ProbeTest(unittest.TestCase):
    def setUp(self) -> None:
        self.probe = Probe(TOKEN)
        self.probe.restart(0)

    def run_to(self, now: int, until: int, answer: bool) -> int:
        """Obey the timer until a time; answer each probe after 5 ms if told to."""
        while self.probe.get_timer() <= until:
            now = max(now, self.probe.get_timer())
            message = self.probe.handle_timer(now)
            if message is not None and answer:
                self.probe.answered(sequence_of(message), TOKEN, now + 5)
        return until

    def test_an_answer_makes_it_answering(self) -> None:
        message = self.probe.handle_timer(0)
        assert message is not None
        self.assertFalse(self.probe.answering)
        self.probe.answered(sequence_of(message), TOKEN, 12)
        self.assertTrue(self.probe.answering)
        self.assertEqual(self.probe.round_trip_ms, 12)
        self.assertEqual(self.probe.loss_percent(), 0)

    def test_what_was_asked_before_the_path_stood_is_no_loss(self) -> None:
        self.run_to(0, ANSWER_MS + 10 * EAGER_MS, False)  # some are counted as lost already, others outstanding
        now = self.probe.get_timer()
        message = self.probe.handle_timer(now)
        while message is None:
            now = self.probe.get_timer()
            message = self.probe.handle_timer(now)
        self.probe.answered(sequence_of(message), TOKEN, now + 5)
        self.assertEqual(self.probe.loss_percent(), 0)
        self.run_to(now + 5, now + ANSWER_MS + STEADY_MS, True)
        self.assertTrue(self.probe.answering)
        self.assertEqual(self.probe.loss_percent(), 0)

    def test_another_token_or_sequence_counts_for_nothing(self) -> None:
        message = self.probe.handle_timer(0)
        assert message is not None
        self.probe.answered(sequence_of(message), b"87654321", 1)
        self.probe.answered(sequence_of(message) + 1, TOKEN, 1)
        self.assertFalse(self.probe.answering)
        self.probe.answered(sequence_of(message), TOKEN, 1)
        self.probe.answered(sequence_of(message), TOKEN, 2)
        self.assertEqual(self.probe.round_trip_ms, 1)

    def test_eager_at_first_then_calm(self) -> None:
        self.assertTrue(self.probe.handle_timer(0) is not None)
        self.assertEqual(self.probe.handle_timer(EAGER_MS - 1), None)
        self.assertTrue(self.probe.handle_timer(EAGER_MS) is not None)
        end = self.run_to(EAGER_MS, EAGER_MS * EAGER_PROBES + 60_000, False)
        sent = self.probe.sent
        self.run_to(end, end + 10 * STEADY_MS, False)
        self.assertTrue(self.probe.sent - sent <= 11)

    def test_what_was_lost_before_the_first_answer_is_no_loss_of_the_path(self) -> None:
        now = self.run_to(0, 3_000, False)
        self.assertTrue((self.probe.loss_percent() or 0) > 0)
        self.run_to(now, now + 10_000, True)
        self.assertEqual(self.probe.loss_percent(), 0)

    def test_down_after_some_lost_in_a_row(self) -> None:
        now = self.run_to(0, 10_000, True)
        self.assertTrue(self.probe.answering)
        now = self.run_to(now, now + (DOWN_AFTER - 2) * STEADY_MS + ANSWER_MS, False)
        self.assertTrue(self.probe.answering)
        self.run_to(now, now + 4 * STEADY_MS + ANSWER_MS, False)
        self.assertFalse(self.probe.answering)
        self.assertTrue((self.probe.loss_percent() or 0) > 0)

    def test_memory_is_bounded(self) -> None:
        self.run_to(0, 3_600_000, False)
        self.assertTrue(len(self.probe._results) <= WINDOW)
        self.assertTrue(len(self.probe._outstanding) <= ANSWER_MS // EAGER_MS + 1)
