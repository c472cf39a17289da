"""Every state of an IKE SA with every message: either a row allows it, or nothing has happened."""

from __future__ import annotations

import unittest

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isthmus.proto import actions
from isthmus.proto.ike2 import states
from isthmus.proto.ike2.sealing import seal
from isthmus.proto.ike2.tables import REQUEST, RESPONSE, find_rows
from isthmus.wire import ike_numbers as num
from isthmus.wire.buffer import WIRE_REASONS, Reader, WireError
from isthmus.wire.identity import Identity
from isthmus.wire.ike import FLAG_INITIATOR, FLAG_RESPONSE, Header, pull_message, push_message
from isthmus.wire.ike_payloads import (
    AuthPayload,
    DeletePayload,
    IdPayload,
    KePayload,
    NoncePayload,
    NotifyPayload,
    OpaquePayload,
    SaPayload,
    TsPayload,
    VendorPayload,
)
from isthmus.wire.ike_sa import Proposal, Transform
from isthmus.wire.ike_ts import Selector
from tests.core.ike_pair import ID_A, ID_B, INNER_A, INNER_B, NAME, Pair
from tests.counts import cases

EXAMPLES = cases(300, 5000)

# Payloads, those that the exchanges really use more often than others.
identities = st.builds(Identity, st.integers(0, 255), st.binary(max_size=40)) | st.sampled_from([ID_A, ID_B])
transforms = st.builds(
    Transform, st.integers(0, 6), st.sampled_from([0, 1, 5, 12, 14, 20, 31, 999]), st.sampled_from([0, 128, 256])
)
proposals = st.builds(
    Proposal,
    st.integers(0, 255),
    st.sampled_from([1, 2, 3]),
    st.sampled_from([b"", b"spi4", bytes(4), b"12345678"]),
    st.lists(transforms, min_size=1, max_size=5),
)
addresses = st.sampled_from([INNER_A, INNER_B, bytes(16), b"\xff" * 16, bytes(4), b"\xff" * 4])


def make_selector(protocol, port, first, last):
    """A selector whose ends are of one family and in order."""
    if len(first) != len(last):
        last = first
    return Selector(protocol, port, 65535, min(first, last), max(first, last))


selectors = st.builds(make_selector, st.sampled_from([0, 17, 115]), st.sampled_from([0, 1701]), addresses, addresses)
notifies = st.sampled_from([row[0] for row in num.NOTIFY_TYPES]) | st.integers(0, 65535)
payloads = st.one_of(
    st.builds(SaPayload, st.lists(proposals, min_size=1, max_size=3)),
    st.builds(KePayload, st.sampled_from([0, 14, 31]), st.binary(max_size=40) | st.just(b"\x09" * 32)),
    st.builds(IdPayload, st.sampled_from([num.IDI, num.IDR]), identities),
    st.builds(AuthPayload, st.integers(0, 255), st.binary(max_size=40)),
    st.builds(NoncePayload, st.binary(min_size=16, max_size=40)),
    st.builds(NotifyPayload, notifies, st.binary(max_size=40), st.integers(0, 3), st.sampled_from([b"", b"spi4"])),
    st.builds(DeletePayload, st.just(3), st.lists(st.binary(min_size=4, max_size=4), max_size=3)),
    st.just(DeletePayload(1, [])),
    st.builds(VendorPayload, st.binary(max_size=20) | st.just(b"isthmus-link-1")),
    st.builds(TsPayload, st.sampled_from([num.TSI, num.TSR]), st.lists(selectors, min_size=1, max_size=3)),
    st.builds(OpaquePayload, st.sampled_from([37, 38, 47, 48, 99, 200]), st.booleans(), st.binary(max_size=20)),
)
EXCHANGES = [num.IKE_SA_INIT, num.IKE_AUTH, num.CREATE_CHILD_SA, num.INFORMATIONAL, 43, 255]


def _in_state(state):
    """(pair, side, SA): a side that has an SA in this state, with everything that a peer needs to talk to it."""
    pair = Pair(0)
    pair.initiate(pair.a)
    side = pair.a
    if state == states.INIT_SENT:
        pair.flight = []
    elif state == states.INIT_ANSWERED:
        pair.deliver()
        side = pair.b
    elif state == states.AUTH_SENT:
        pair.deliver()
        pair.deliver()
    elif state == states.ABANDONED:
        pair.initiate(pair.b)
        for _ in range(5):
            pair.deliver()
        side = pair.b
    else:
        pair.transfer()
        if state == states.REPLACED:
            pair.initiate()
            for _ in range(4):
                pair.deliver()
            side = pair.b
        elif state in (states.HEIR, states.REKEYED):
            side = pair.b
            pair.a.engine.rekey_ike(NAME, pair.now)
            if state == states.HEIR:
                side.engine.rekey_ike(NAME, pair.now)
            pair.collect()
            pair.deliver()
        elif state == states.CLOSING:
            side.engine.delete(NAME, pair.now)
        elif state == states.DONE:
            pair.a.engine.delete(NAME, pair.now)
            pair.transfer()
            side = pair.b
    pair.collect()
    sa = next(sa for sa in side.engine.table.list_all() if sa.state == state)
    return pair, side, sa


STATES = [state for state in states.FOLLOWS if state not in (states.NONE, states.GONE)]


class EveryStateEveryMessage(unittest.TestCase):
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.sampled_from(STATES),
        st.sampled_from(EXCHANGES),
        st.booleans(),
        st.sampled_from(["expected", "next", "last", "zero"]),
        st.lists(payloads, max_size=7),
        st.booleans(),
    )
    def test_row_or_nothing(self, state, exchange, is_response, which_id, content, sealed):
        pair, side, sa = _in_state(state)
        expected = sa.requests.message_id if is_response else sa.responses.expected
        message_id = {"expected": expected, "next": expected + 1, "last": max(0, expected - 1), "zero": 0}[which_id]
        flags = (0 if sa.role == "initiator" else FLAG_INITIATOR) | (FLAG_RESPONSE if is_response else 0)
        header = Header(sa.spi_i, sa.spi_r, exchange, flags, message_id)
        if sealed and sa.cipher_in is not None:
            datagram = seal(sa.cipher_in, header, content)
        else:
            datagram = push_message(header, content)
        rows = find_rows(sa.role, state, exchange, RESPONSE if is_response else REQUEST)
        side.engine.receive(datagram, sa.remote, sa.local, pair.now)

        self.assertTrue(sa.state == state or sa.state in states.FOLLOWS[state], (state, sa.state))
        done = side.engine.take_actions()
        for action in done:
            self.assertIsInstance(action, actions.Action)
        clear = exchange == num.IKE_SA_INIT
        if not rows or (not sealed and not clear):
            self.assertEqual(sa.state, state)
            seen = (actions.PeerSeen,)
            self.assertEqual([action for action in done if not isinstance(action, seen)], [])
        used_by_the_peer = state == states.HEIR and sealed and rows  # whoever has its keys has made it (succession.py)
        if sa.state == states.ESTABLISHED and state != states.ESTABLISHED and not used_by_the_peer:
            self.fail("nobody who has made this message up can establish anything")
        self.assertLessEqual(len([action for action in done if isinstance(action, actions.SendDatagram)]), 1)
        # Every datagram that was sent can be read.
        for action in done:
            if isinstance(action, actions.SendDatagram):
                pull_message(Reader(action.data))
        # Time ends everything that is not up.
        for _ in range(40):
            timer = side.engine.get_timer()
            if timer is None:
                break
            pair.now = max(pair.now, timer)
            side.engine.handle_timer(pair.now)
        self.assertIsNone(side.engine.get_timer())
        for other in side.engine.table.list_all():
            self.assertEqual(other.state, states.ESTABLISHED)

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(st.lists(payloads, max_size=12), st.integers(0, 255), st.integers(0, 255), st.integers(0, 2**32 - 1))
    def test_what_is_pushed_can_be_pulled(self, content, exchange, flags, message_id):
        message = push_message(Header(b"12345678", b"87654321", exchange, flags, message_id), content)
        read = pull_message(Reader(message))
        self.assertEqual(read.payloads, content)
        self.assertEqual(push_message(read.header, read.payloads), message)

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(st.binary(max_size=300))
    def test_any_bytes_are_read_or_refused(self, data):
        try:
            message = pull_message(Reader(data))
        except WireError as error:
            self.assertIn(error.reason, WIRE_REASONS)
        else:
            self.assertEqual(len(data), int.from_bytes(data[24:28], "big"), message)
