"""RFC 7383: messages cut into parts and put together again, whatever the network and an attacker do to the parts."""

from __future__ import annotations

import unittest

from isthmus.proto import actions
from isthmus.proto.ike2 import fragments
from isthmus.proto.ike2.sealing import seal_fragment
from isthmus.wire import ike_numbers as num
from isthmus.wire.buffer import Reader
from isthmus.wire.ike import MAX_MESSAGE, pull_message, push_message
from isthmus.wire.ike_payloads import NotifyPayload, SkfPayload, SkPayload, VendorPayload
from tests.core.ike_pair import NAME, A, B, Pair, agreed, make_connection

LIMIT = 576
IP_UDP = 28
PERMUTATIONS = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))


def make_pair(seed=0, a_limit=LIMIT, b_limit=LIMIT, link=b"l" * 1100, **names):
    """A pair whose IKE_AUTH messages do not fit into one datagram of 576 bytes, but into three."""
    a = make_connection("A", fragment=a_limit, link=link, **names)
    b = make_connection("B", fragment=b_limit, link=link, **names)
    return Pair(seed, a, b)


def after_init(pair):
    """IKE_SA_INIT is over; A's IKE_AUTH is in flight."""
    pair.initiate()
    pair.deliver()
    pair.deliver()
    return pair


def parts_of(datagrams):
    """(number, total, inner) of every datagram, None for one that is no part."""
    found = []
    for datagram in datagrams:
        payload = pull_message(Reader(datagram.data)).payloads[0]
        found.append((payload.number, payload.total, payload.inner) if isinstance(payload, SkfPayload) else None)
    return found


def forge(pair, number, total, part, inner=None, message_id=1, exchange=num.IKE_AUTH):
    """Deliver to B one part that A itself might have sealed."""
    sa = pair.a.engine.table.list_all()[0]
    if inner is None:
        inner = num.IDI if number == 1 else 0
    data = seal_fragment(sa.cipher_out, sa.make_header(exchange, message_id, False), inner, number, total, part)
    pair.b.engine.receive(data, A, B, pair.now)
    return data


def kept(side):
    """Bytes of unfinished messages at a side."""
    return sum([sa.fragments.size for sa in side.engine.table.get_all()])


class Cutting(unittest.TestCase):
    def test_a_handshake_in_parts(self):
        for ike in ("aes128gcm16-prfsha256-x25519", "aes256-sha256-prfsha256-x25519"):
            pair = make_pair(1, ike=ike)
            after_init(pair)
            numbers = parts_of(pair.flight)
            self.assertEqual([row[0] for row in numbers], [1, 2, 3])
            self.assertEqual([row[1] for row in numbers], [3, 3, 3])
            self.assertEqual([row[2] for row in numbers], [num.IDI, 0, 0])
            pair.transfer()
            self.assertTrue(agreed(pair), ike)
            for side in (pair.a, pair.b):
                sizes = [len(action.data) for action in side.of(actions.SendDatagram)]
                self.assertTrue(max(sizes) <= LIMIT - IP_UDP, sizes)
                self.assertTrue(max(sizes) > LIMIT - IP_UDP - 20, sizes)

    def test_what_fits_is_not_cut(self):
        pair = make_pair(link=b"short")
        after_init(pair)
        self.assertEqual(parts_of(pair.flight), [None])
        pair.transfer()
        self.assertTrue(agreed(pair))

    def test_both_must_want_it(self):
        for limits in ((0, LIMIT), (LIMIT, 0), (0, 0)):
            pair = make_pair(0, *limits)
            after_init(pair)
            self.assertEqual(parts_of(pair.flight), [None], limits)
            pair.transfer()
            self.assertTrue(agreed(pair), limits)
            for side in (pair.a, pair.b):
                for sa in side.engine.table.get_all():
                    self.assertFalse(sa.fragments.agreed, limits)

    def test_each_side_has_its_own_limit(self):
        pair = make_pair(0, LIMIT, 1500)
        pair.connect()
        self.assertTrue(agreed(pair))
        self.assertEqual(len(pair.a.of(actions.SendDatagram)), 4)
        self.assertEqual(len(pair.b.of(actions.SendDatagram)), 2)

    def test_room_counts_every_header(self):
        pair = make_pair().connect()
        sa = pair.a.engine.table.list_all()[0]
        for address, port, room in ((bytes(4), 500, 548), (bytes(4), 4500, 544), (bytes(16), 500, 528)):
            sa.remote = (address, port)
            self.assertEqual(fragments.get_room(sa), room)
        sa.connection.fragment = 100  # nobody means that
        self.assertEqual(fragments.get_room(sa), fragments.SMALLEST - 48)
        self.assertEqual(len(sa.seal(num.INFORMATIONAL, 5, False, [VendorPayload(bytes(500))])), 4)

    def test_every_length_comes_out_as_it_went_in(self):
        pair = make_pair().connect()
        ours, theirs = pair.a.engine.table.list_all()[0], pair.b.engine.table.list_all()[0]
        for length in (500, 501, 502, 503, 504, 505, 506, 507, 980, 1000, 4000, 9000):
            payloads = [VendorPayload(bytes(range(256)) * 40)]
            payloads[0].data = payloads[0].data[:length]
            message = ours.seal(num.INFORMATIONAL, ours.requests.next_id, False, payloads)
            for datagram in message:
                self.assertTrue(len(datagram) <= LIMIT - IP_UDP, length)
                pair.b.engine.receive(datagram, A, B, pair.now)
            self.assertEqual(theirs.responses.expected, ours.requests.next_id + 1, length)
            ours.requests.next_id += 1

    def test_no_iv_twice(self):
        pair = make_pair().connect()
        pair.a.engine.check_peer(NAME, pair.now)
        pair.transfer()
        for side in (pair.a, pair.b):
            ivs = []
            for action in side.of(actions.SendDatagram):
                payload = pull_message(Reader(action.data)).payloads[-1]
                if isinstance(payload, SkPayload):
                    ivs.append(payload.data[:8])
            self.assertTrue(len(ivs) >= 4)
            self.assertEqual(len(set(ivs)), len(ivs))

    def test_a_rekeyed_sa_goes_on_cutting(self):
        pair = make_pair(18).connect()
        pair.a.engine.rekey_ike(NAME, pair.now)
        pair.transfer()
        for side in (pair.a, pair.b):
            newest = side.engine.table.list_all()[-1]
            self.assertEqual((newest.state, newest.fragments.agreed), ("established", True))
            self.assertEqual(len(newest.seal(num.INFORMATIONAL, 9, False, [VendorPayload(bytes(1000))])), 3)

    def test_a_whole_one_on_demand(self):
        # A probe of the path must be one datagram, however long.
        pair = make_pair().connect()
        sa = pair.a.engine.table.list_all()[0]
        message = sa.seal(num.INFORMATIONAL, sa.requests.next_id, False, [VendorPayload(bytes(1300))], is_whole=True)
        self.assertEqual(len(message), 1)


class Network(unittest.TestCase):
    def test_any_order(self):
        for order in PERMUTATIONS:
            pair = after_init(make_pair(2))
            pair.flight = [pair.flight[index] for index in order]
            for _ in order:
                pair.deliver()
            pair.flight = [pair.flight[index] for index in order]
            pair.transfer()
            self.assertTrue(agreed(pair), order)

    def test_every_part_twice(self):
        pair = after_init(make_pair(3))
        while pair.flight:
            pair.deliver(keep=True)
            pair.deliver()
        self.assertTrue(agreed(pair))
        self.assertTrue(pair.b.engine.counters["fragment-again"] >= 2)
        self.assertEqual(len(pair.b.of(actions.ChildUp)), 1)

    def test_each_part_lost_once(self):
        for which in range(6):  # three of the request, three of the answer
            pair = make_pair(4)
            sent = []
            after_init(pair)
            for index in range(3):
                sent.append(pair.flight[0].data)
                if index == which:
                    pair.drop()
                else:
                    pair.deliver()
            if which >= 3:
                pair.drop(which - 3)
                while pair.flight:
                    pair.deliver()
            self.assertFalse(agreed(pair), which)
            self.assertTrue(pair.advance())
            again = [datagram.data for datagram in pair.flight]
            self.assertEqual(again, sent, "the request is repeated whole, to the bit")
            pair.transfer()
            self.assertTrue(agreed(pair), which)
            self.assertEqual((kept(pair.a), kept(pair.b)), (0, 0))

    def test_a_repeated_request_is_answered_once_whole(self):
        pair = after_init(make_pair(5))
        request = list(pair.flight)
        for _ in range(3):
            pair.deliver()
        answer = [datagram.data for datagram in pair.flight]
        pair.flight = []
        # Only its first part stands for it: three parts do not bring three answers (RFC 7383 2.6.1).
        for index in (1, 2, 0):
            pair.b.engine.receive(request[index].data, A, B, pair.now)
            found = [datagram.data for datagram in pair.b.collect()]
            self.assertEqual(found, answer if index == 0 else [])

    def test_a_request_cut_smaller_the_second_time(self):
        # The peer noticed that its parts do not pass, and sends smaller ones: before and after it was understood.
        for delivered in (1, 2, 3):
            pair = after_init(make_pair(6, 1000, 576))
            request = list(pair.flight)
            self.assertEqual(len(request), 2)
            sa = pair.a.engine.table.list_all()[0]
            whole = b"".join([self.open(pair, datagram) for datagram in request])
            for datagram in request[: min(delivered, 2)]:
                pair.b.engine.receive(datagram.data, A, B, pair.now)
            first = pair.b.collect()
            pair.flight = []
            header = sa.make_header(num.IKE_AUTH, 1, False)
            for number in range(1, 5):
                part = whole[(number - 1) * 400 : number * 400]
                data = seal_fragment(sa.cipher_out, header, num.IDI if number == 1 else 0, number, 4, part)
                pair.b.engine.receive(data, A, B, pair.now)
            answers = [datagram.data for datagram in pair.b.collect()]
            if delivered == 1:
                self.assertEqual(first, [])
            else:
                self.assertEqual(answers, [datagram.data for datagram in first], "its first part gets the same answer")
            self.assertEqual(len(pair.b.of(actions.ChildUp)), 1)
            self.assertTrue(answers)

    def open(self, pair, datagram):
        payload = pull_message(Reader(datagram.data)).payloads[0]
        cipher = pair.b.engine.table.list_all()[0].cipher_in
        plaintext = cipher.open(datagram.data[: payload.offset], payload.data)
        return plaintext[: len(plaintext) - 1 - plaintext[-1]]


class Attack(unittest.TestCase):
    """What CVE-2013-6076 and its kin stand for: parts that are missing, impossible, foreign or too many."""

    def dropped(self, reason, *parts, **more):
        """Each part is dropped for this reason, and the handshake goes on as if it had never come."""
        pair = after_init(make_pair(7))
        for part in parts:
            before = dict(pair.b.engine.counters)
            forge(pair, *part, **more)
            changed = [name for name in before if pair.b.engine.counters[name] != before[name]]
            self.assertEqual((changed, kept(pair.b)), ([reason], 0), part[:2])
            self.assertEqual(pair.b.collect(), [])
        pair.transfer()
        self.assertTrue(agreed(pair))

    def test_impossible_numbers(self):
        numbers = ((0, 0), (0, 1), (0, 3), (1, 0), (4, 3), (2, 1), (65535, 65535), (65535, 3), (1, 65535), (1, 65))
        self.assertEqual(fragments.MAX_FRAGMENTS, 64)
        self.dropped("fragment", *[(number, total, b"x" * 50) for number, total in numbers])

    def test_a_later_part_that_names_a_payload(self):
        self.dropped("fragment", (2, 3, b"x" * 50, num.IDI), (3, 3, b"x" * 50, num.SK))

    def test_an_empty_part(self):
        self.dropped("fragment", (1, 3, b""), (3, 3, b""), (1, 1, b""))

    def test_another_message_id_or_exchange(self):
        self.dropped("message-id", (1, 3, b"x" * 50), message_id=2)
        self.dropped("message-id", (1, 3, b"x" * 50), message_id=0)
        self.dropped("not-now", (1, 3, b"x" * 50), exchange=num.CREATE_CHILD_SA)

    def test_a_forged_part_is_never_kept_and_breaks_nothing(self):
        pair = after_init(make_pair(8))
        for datagram in list(pair.flight):
            for at in range(28, len(datagram.data), 37):
                data = datagram.data[:at] + bytes([datagram.data[at] ^ 1]) + datagram.data[at + 1 :]
                pair.b.engine.receive(data, A, B, pair.now)
                self.assertEqual(kept(pair.b), 0)
        # A forgery beside a good part that is here already, with a larger total: it does not throw the good one away.
        pair.deliver()
        good = kept(pair.b)
        self.assertTrue(good > 0)
        second = bytearray(pair.flight[0].data)
        second[35] = 9  # total
        pair.b.engine.receive(bytes(second), A, B, pair.now)
        self.assertEqual((kept(pair.b), pair.b.engine.counters["integrity"] > 0), (good, True))
        pair.transfer()
        self.assertTrue(agreed(pair))

    def test_parts_moved_about_are_noticed(self):
        # Number and total are covered by the integrity check (RFC 7383 2.5): no part can be passed off as another.
        pair = after_init(make_pair(9))
        for number in range(1, 4):
            data = bytearray(pair.flight[1].data)
            data[33] = number
            if number != 2:
                pair.b.engine.receive(bytes(data), A, B, pair.now)
        self.assertEqual(kept(pair.b), 0)

    def test_mixed_totals(self):
        pair = after_init(make_pair(10))
        forge(pair, 1, 4, b"y" * 100)
        self.assertEqual(kept(pair.b), 100)
        forge(pair, 2, 3, b"z" * 50)  # an older cut: refused
        self.assertEqual((kept(pair.b), pair.b.engine.counters["fragment-again"]), (100, 1))
        forge(pair, 2, 5, b"z" * 50)  # a newer one: begins again
        self.assertEqual(kept(pair.b), 50)
        forge(pair, 2, 5, b"w" * 60)  # the first to come stays
        self.assertEqual(kept(pair.b), 50)

    def test_a_part_nobody_agreed_on(self):
        pair = after_init(make_pair(11, 0, 0))
        forge(pair, 1, 2, b"x" * 50)
        self.assertEqual((kept(pair.b), pair.b.engine.counters["fragment"]), (0, 1))
        pair.transfer()
        self.assertTrue(agreed(pair))

    def test_a_part_must_stand_alone(self):
        # A payload in the clear in front of the part, as RFC 7383 2.5.3 lets the first one have: nobody here says any.
        pair = after_init(make_pair(12))
        inside = pull_message(Reader(pair.flight[0].data))
        clear = push_message(inside.header, [NotifyPayload(16384)])
        data = bytearray(clear[:28] + clear[28:] + pair.flight[0].data[28:])
        data[16], data[28] = num.NOTIFY, num.SKF
        data[24:28] = len(data).to_bytes(4, "big")
        pair.b.engine.receive(bytes(data), A, B, pair.now)
        self.assertEqual((kept(pair.b), pair.b.engine.counters["not-encrypted"]), (0, 1))
        pair.transfer()
        self.assertTrue(agreed(pair))

    def test_a_part_of_a_first_message(self):
        # IKE_SA_INIT has no keys: SKF there is no payload that a row knows.
        pair = make_pair(13)
        pair.initiate()
        header = pull_message(Reader(pair.flight[0].data)).header
        body = b"\x00\x00\x00\x40\x00\x01\x00\x01" + bytes(56)
        data = bytearray(push_message(header, []) + body)
        data[16] = num.SKF
        data[24:28] = len(data).to_bytes(4, "big")
        pair.b.engine.receive(bytes(data), A, B, pair.now)
        self.assertEqual(pair.b.engine.table.count_half_open(), 0)
        pair.transfer()
        self.assertTrue(agreed(pair))

    def test_what_is_put_together_must_be_payloads(self):
        pair = after_init(make_pair(14))
        pair.flight = []
        forge(pair, 1, 2, b"\x00\x00\xff\xff" + b"x" * 50)
        forge(pair, 2, 2, b"x" * 50)
        pair.collect()
        self.assertEqual(pair.b.error(), "syntax")
        self.assertEqual(pair.b.of(actions.ChildUp), [])

    def test_a_part_of_an_answer_that_nobody_asked_for(self):
        pair = make_pair(15).connect()
        sa = pair.b.engine.table.list_all()[0]
        header = sa.make_header(num.INFORMATIONAL, 5, True)
        pair.a.engine.receive(seal_fragment(sa.cipher_out, header, 41, 1, 2, b"x" * 50), B, A, pair.now)
        self.assertEqual((kept(pair.a), pair.a.engine.counters["not-asked"]), (0, 1))

    def test_one_message_at_a_time_and_no_more_than_one_may_be_long(self):
        pair = make_pair(16).connect()
        for number in range(1, 9):
            forge(pair, number, 64, bytes(4000), message_id=2, exchange=num.INFORMATIONAL)
            self.assertTrue(kept(pair.b) <= MAX_MESSAGE)
        self.assertEqual((kept(pair.b), pair.b.engine.counters["fragment-room"]), (16000, 4))
        # A whole message of the same id comes through, and clears the rest away.
        sa = pair.a.engine.table.list_all()[0]
        for datagram in sa.seal(num.INFORMATIONAL, 2, False, []):
            pair.b.engine.receive(datagram, A, B, pair.now)
        self.assertEqual((kept(pair.b), len(pair.b.collect())), (0, 1))

    def test_what_unproven_peers_leave_is_bounded_together(self):
        # Strangers who can finish IKE_SA_INIT fill what they may; a good peer's proof, in three parts, gets through.
        pair = make_pair(17)
        usual, fragments.MAX_UNPROVEN = fragments.MAX_UNPROVEN, 8000
        try:
            for _ in range(4):
                after_init(pair)
                pair.flight = []
                for number in range(1, 7):
                    forge(pair, number, 64, bytes(500))
                for sa in pair.a.engine.table.list_all():
                    pair.a.engine.forget(sa)
                pair.now += 1
                self.assertTrue(kept(pair.b) <= 8000, kept(pair.b))
            self.assertTrue(kept(pair.b) > 5000, kept(pair.b))
            pair.connect()
            self.assertTrue(agreed(pair))
        finally:
            fragments.MAX_UNPROVEN = usual
        pair.now += 31_000
        pair.b.engine.handle_timer(pair.now)
        self.assertEqual(kept(pair.b), 0, "what was not finished goes with its SA")
