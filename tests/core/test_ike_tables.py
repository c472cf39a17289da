"""The transition table against itself: every row can happen, every state can be reached and left."""

from __future__ import annotations

import unittest

from isthmus.proto.actions import INITIATOR, RESPONDER
from isthmus.proto.ike2 import init, states
from isthmus.proto.ike2.ike_sa import IkeSa
from isthmus.proto.ike2.incoming import Incoming
from isthmus.proto.ike2.tables import REQUEST, RESPONSE, ROWS, find_row, find_rows
from isthmus.wire import ike_numbers as num
from isthmus.wire.ike_payloads import OpaquePayload
from tests.core.ike_pair import A, B, make_connection


def incoming(*types):
    """A message with these payload types; what is in them does not matter to a row."""
    message = Incoming(None, b"", b"", A, B)
    message.payloads = [OpaquePayload(payload_type, False, b"") for payload_type in types]
    return message


class Rows(unittest.TestCase):
    def test_words(self):
        for row in ROWS:
            self.assertTrue(row.kind in (REQUEST, RESPONSE), row)
            self.assertTrue(row.story and row.roles and row.states and row.becomes, row)
            for role in row.roles:
                self.assertTrue(role in (INITIATOR, RESPONDER), row)
            for state in row.states + row.becomes:
                self.assertTrue(state in states.FOLLOWS, row)
            for payload_type in row.required:
                self.assertFalse(payload_type in row.optional and payload_type != num.NOTIFY, row)

    def test_what_a_row_becomes_is_allowed(self):
        for row in ROWS:
            for before in row.states:
                reachable = [before] + list(states.FOLLOWS[before])
                self.assertTrue([after for after in row.becomes if after in reachable], row)

    def test_no_row_is_hidden_behind_an_earlier_one(self):
        for row in ROWS:
            for role in row.roles:
                for state in row.states:
                    rows = find_rows(role, state, row.exchange, row.kind)
                    self.assertIs(find_row(rows, incoming(*row.required)), row)

    def test_missing_twice_or_foreign_payloads_fit_no_row(self):
        for row in ROWS:
            rows = [row]
            self.assertIs(find_row(rows, incoming(*(row.required + row.optional))), row)
            for required in row.required:
                rest = [payload_type for payload_type in row.required if payload_type != required]
                self.assertIs(find_row(rows, incoming(*rest)), None)
                if required != num.NOTIFY:
                    self.assertIs(find_row(rows, incoming(required, *row.required)), None)
            self.assertIs(find_row(rows, incoming(num.EAP, *row.required)), None)
            self.assertIs(find_row(rows, incoming(num.SK, *row.required)), None)
            self.assertIs(find_row(rows, incoming(99, *row.required)), row)  # a type nobody has defined is skipped

    def test_only_ike_sa_init_is_in_the_clear(self):
        clear = [row for row in ROWS if row.states in ((states.NONE,), (states.INIT_SENT,))]
        self.assertEqual({row.exchange for row in clear}, {num.IKE_SA_INIT})
        rest = [row for row in ROWS if row.exchange == num.IKE_SA_INIT and row not in clear]
        # A second answer to our first request: rivals.py.
        self.assertEqual([row.handler for row in rest], [init.receive_another])


class States(unittest.TestCase):
    def test_every_state_can_be_reached_and_left(self):
        for state in states.FOLLOWS:
            if state != states.NONE:
                self.assertTrue([1 for follows in states.FOLLOWS.values() if state in follows], state)
            if state != states.GONE:
                self.assertTrue(states.FOLLOWS[state], state)

    def test_other_steps_are_refused(self):
        for before in states.FOLLOWS:
            for after in states.FOLLOWS:
                sa = IkeSa(1, INITIATOR, A, B, make_connection().retransmit)
                sa.state = before
                if after == before or after in states.FOLLOWS[before]:
                    sa.set_state(after)
                    self.assertEqual(sa.state, after)
                else:
                    with self.assertRaises(AssertionError):
                        sa.set_state(after)
                    self.assertEqual(sa.state, before)
