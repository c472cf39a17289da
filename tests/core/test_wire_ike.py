"""The IKE codec: bytes written out by hand, both ways; truncations and mutations are refused or read."""

from __future__ import annotations

import unittest

from isthmus.wire import ike_numbers as num
from isthmus.wire.addr import parse_ip
from isthmus.wire.buffer import WIRE_REASONS, Reader, WireError
from isthmus.wire.identity import Identity
from isthmus.wire.ike import (
    CRITICAL,
    FLAG_INITIATOR,
    FLAG_RESPONSE,
    HEADER,
    MAX_PAYLOADS,
    NO_SPI,
    Header,
    Message,
    pull_message,
    pull_payloads,
    push_message,
    push_sk_envelope,
)
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
from isthmus.wire.ike_ts import Selector, intersect

# One IKE_SA_INIT request, each field on a line of its own.
INIT = (
    b"initSPI!"  # initiator's SPI
    b"\x00\x00\x00\x00\x00\x00\x00\x00"  # responder's SPI
    b"\x21\x20\x22\x08"  # next: SA; version 2.0; IKE_SA_INIT; flags: initiator
    b"\x00\x00\x00\x00"  # message id
    b"\x00\x00\x00\x88"  # length: 136
    b"\x22\x00\x00\x30"  # SA payload: next: KE; 48 bytes
    b"\x00\x00\x00\x2c"  # last proposal; 44 bytes
    b"\x01\x01\x00\x04"  # number 1; protocol IKE; no SPI; 4 transforms
    b"\x03\x00\x00\x0c\x01\x00\x00\x0c\x80\x0e\x00\x80"  # more; 12 bytes; ENCR; AES_CBC; key length 128
    b"\x03\x00\x00\x08\x02\x00\x00\x05"  # more; 8 bytes; PRF; HMAC_SHA2_256
    b"\x03\x00\x00\x08\x03\x00\x00\x0c"  # more; 8 bytes; INTEG; HMAC_SHA2_256_128
    b"\x00\x00\x00\x08\x04\x00\x00\x1f"  # last; 8 bytes; KE; X25519
    b"\x28\x00\x00\x0c\x00\x1f\x00\x00pubK"  # KE payload: next: NONCE; group 31
    b"\x29\x00\x00\x14sixteen bytes ok"  # NONCE payload: next: N
    b"\x2b\x00\x00\x10\x00\x00\x40\x06cookie!!"  # N payload: next: V; no protocol; COOKIE
    b"\x00\x00\x00\x0cisthmus!"  # V payload: the last
)

INIT_MESSAGE = Message(
    Header(b"initSPI!", NO_SPI, num.IKE_SA_INIT, FLAG_INITIATOR, 0),
    [
        SaPayload(
            [
                Proposal(
                    1,
                    num.PROTO_IKE,
                    b"",
                    [
                        Transform(num.ENCR, num.ENCR_AES_CBC, 128),
                        Transform(num.PRF, num.PRF_HMAC_SHA2_256),
                        Transform(num.INTEG, num.INTEG_HMAC_SHA2_256_128),
                        Transform(num.GROUP, num.X25519),
                    ],
                )
            ]
        ),
        KePayload(num.X25519, b"pubK"),
        NoncePayload(b"sixteen bytes ok"),
        NotifyPayload(num.COOKIE, b"cookie!!"),
        VendorPayload(b"isthmus!"),
    ],
)

SELECTOR = Selector(115, 0, 65535, parse_ip("fd00::1"), parse_ip("fd00::2"))
SELECTOR4 = Selector(17, 1701, 1701, parse_ip("192.0.2.0"), parse_ip("192.0.2.255"))

# What only ever comes inside SK: the codec does not care.
INSIDE = [
    IdPayload(num.IDI, Identity(2, b"a.example")),
    IdPayload(num.IDR, Identity(1, bytes([192, 0, 2, 1]))),
    AuthPayload(num.SHARED_KEY_MIC, b"proof"),
    SaPayload(
        [
            Proposal(1, num.PROTO_ESP, b"spi1", [Transform(num.ENCR, num.ENCR_AES_GCM_16, 256)]),
            Proposal(2, num.PROTO_ESP, b"spi1", [Transform(num.ENCR, num.ENCR_AES_CBC, 128)]),
        ]
    ),
    TsPayload(num.TSI, [SELECTOR, SELECTOR4]),
    TsPayload(num.TSR, [SELECTOR4]),
    NotifyPayload(num.ISTHMUS_LINK, b"link", num.PROTO_ESP, b"spi4"),
    DeletePayload(num.PROTO_ESP, [b"spi1", b"spi2"]),
    DeletePayload(num.PROTO_IKE, []),
    OpaquePayload(num.CP, False, b"config"),
    OpaquePayload(210, True, b""),
]
INSIDE_MESSAGE = Message(Header(b"initSPI!", b"respSPI!", num.IKE_AUTH, FLAG_RESPONSE, 7), INSIDE)


class Codec(unittest.TestCase):
    def test_bytes_written_by_hand(self):
        self.assertEqual(len(INIT), 0x88)
        self.assertEqual(pull_message(Reader(INIT)), INIT_MESSAGE)
        self.assertEqual(push_message(INIT_MESSAGE.header, INIT_MESSAGE.payloads), INIT)

    def test_every_payload_there_and_back(self):
        data = push_message(INSIDE_MESSAGE.header, INSIDE)
        self.assertEqual(pull_message(Reader(data)), INSIDE_MESSAGE)

    def test_auth_data_survives_though_it_is_not_compared(self):
        data = push_message(INSIDE_MESSAGE.header, INSIDE)
        self.assertEqual(pull_message(Reader(data)).payloads[2].data, b"proof")

    def test_flags(self):
        header = pull_message(Reader(INIT)).header
        self.assertTrue(header.from_initiator and not header.is_response)
        header = INSIDE_MESSAGE.header
        self.assertTrue(header.is_response and not header.from_initiator)

    def test_sk_is_left_closed_and_knows_where_it_is(self):
        envelope = push_sk_envelope(INSIDE_MESSAGE.header, num.IDI, 40)
        message = pull_message(Reader(envelope + bytes(40)))
        sk = message.payloads[0]
        self.assertEqual((sk.type, sk.inner, len(sk.data), sk.offset), (num.SK, num.IDI, 40, len(envelope)))

    def test_sk_must_be_last(self):
        envelope = push_sk_envelope(INSIDE_MESSAGE.header, num.IDI, 4)
        with self.assertRaises(WireError):
            pull_message(Reader(envelope[:24] + b"\x00\x00\x00\x28" + envelope[28:] + bytes(8)))

    def test_identity_body_is_what_auth_covers(self):
        self.assertEqual(INSIDE[0].get_body(), b"\x02\x00\x00\x00a.example")

    def test_attributes_that_we_do_not_know(self):
        # A transform with a foreign attribute is there, and must not be chosen; a long one is passed over whole.
        strange = b"\x00\x00\x00\x12\x01\x00\x00\x14" + b"\x80\x0e\x01\x00" + b"\x00\x77\x00\x02\xab\xcd"
        body = b"\x00\x00\x00\x1a\x01\x01\x00\x01" + strange
        payloads = pull_payloads(Reader(b"\x00\x00\x00\x1e" + body), num.SA)
        transform = payloads[0].proposals[0].transforms[0]
        self.assertEqual((transform.id, transform.key_bits, transform.understood), (20, 256, False))
        self.assertNotEqual(transform, Transform(num.ENCR, 20, 256))

    def test_selectors_of_a_type_that_we_do_not_know_are_left_out(self):
        fibre = b"\x09\x00\x00\x08\x00\x00\x00\x00"
        known = b"\x07\x00\x00\x10\x00\x00\xff\xff\x01\x02\x03\x04\x01\x02\x03\x05"
        payloads = pull_payloads(Reader(b"\x00\x00\x00\x20\x02\x00\x00\x00" + fibre + known), num.TSI)
        self.assertEqual(payloads[0].selectors, [Selector(0, 0, 65535, b"\x01\x02\x03\x04", b"\x01\x02\x03\x05")])


class Refused(unittest.TestCase):
    def refuse(self, payload_type, body, reason):
        """A payload whose body must be refused for this reason."""
        chain = b"\x00\x00" + (4 + len(body)).to_bytes(2, "big") + body
        with self.assertRaises(WireError) as caught:
            pull_payloads(Reader(chain), payload_type)
        self.assertEqual(caught.exception.reason, reason, str(caught.exception))

    def test_lengths_that_lie(self):
        for length, reason in ((0, "length"), (3, "length"), (5, "short"), (0xFFFF, "short")):
            with self.assertRaises(WireError) as caught:
                pull_payloads(Reader(b"\x00\x00" + length.to_bytes(2, "big")), num.VENDOR)
            self.assertEqual(caught.exception.reason, reason)

    def test_header_length(self):
        for length in (0, HEADER, len(INIT) - 1, len(INIT) + 1, 0xFFFFFFFF):
            with self.assertRaises(WireError):
                pull_message(Reader(INIT[:24] + length.to_bytes(4, "big") + INIT[28:]))

    def test_left_over_after_the_last_payload(self):
        data = INIT[:24] + (len(INIT) + 4).to_bytes(4, "big") + INIT[28:] + b"\x00\x00\x00\x04"
        with self.assertRaises(WireError) as caught:
            pull_message(Reader(data))
        self.assertEqual(caught.exception.reason, "trailing")

    def test_more_payloads_than_anybody_needs(self):
        header = Header(b"initSPI!", NO_SPI, num.IKE_SA_INIT, FLAG_INITIATOR, 0)
        for count, reason in ((MAX_PAYLOADS, None), (MAX_PAYLOADS + 1, "count")):
            data = push_message(header, [VendorPayload(b"")] * count)
            try:
                self.assertEqual(len(pull_message(Reader(data)).payloads), MAX_PAYLOADS)
                found = None
            except WireError as error:
                found = error.reason
            self.assertEqual(found, reason)

    def test_nonces(self):
        for length, reason in ((15, "length"), (257, "length")):
            self.refuse(num.NONCE, bytes(length), reason)
        for length in (16, 256):
            chain = b"\x00\x00" + (4 + length).to_bytes(2, "big") + bytes(length)
            self.assertEqual(len(pull_payloads(Reader(chain), num.NONCE)[0].data), length)

    def test_short_bodies(self):
        for payload_type in (num.SA, num.KE, num.IDI, num.IDR, num.AUTH, num.NOTIFY, num.DELETE, num.TSI, num.TSR):
            self.refuse(payload_type, b"", "short")
            self.refuse(payload_type, b"\x01", "short")

    def test_proposals(self):
        transform = b"\x00\x00\x00\x08\x01\x00\x00\x0c"
        self.refuse(num.SA, b"\x00\x00\x00\x08\x01\x01\x00\x00", "count")  # no transforms
        self.refuse(num.SA, b"\x00\x00\x00\x08\x01\x01\x00\x41", "count")  # 65 of them
        self.refuse(num.SA, b"\x00\x00\x00\x10\x01\x01\x00\x02" + transform, "value")  # the first of two says: last
        self.refuse(num.SA, b"\x00\x00\x00\x03\x01\x01\x00\x01" + transform, "length")
        self.refuse(num.SA, b"\x01\x00\x00\x10\x01\x01\x00\x01" + transform, "value")
        self.refuse(num.SA, b"\x02\x00\x00\x10\x01\x01\x00\x01" + transform, "short")  # more is promised
        self.refuse(num.SA, b"\x00\x00\x00\x10\x01\x01\x09\x01" + transform, "short")  # SPI longer than what is there
        self.refuse(num.SA, b"\x00\x00\x00\x10\x01\x01\x00\x01" + transform + b"\x00", "trailing")
        self.refuse(num.SA, b"\x00\x00\x00\x11\x01\x01\x00\x01" + transform + b"\x00", "trailing")
        zero = b"\x00\x00\x00\x0c\x01\x00\x00\x0c\x80\x0e\x00\x00"
        self.refuse(num.SA, b"\x00\x00\x00\x14\x01\x01\x00\x01" + zero, "value")  # a key of no bits
        twice = b"\x00\x00\x00\x10\x01\x00\x00\x0c\x80\x0e\x00\x80\x80\x0e\x01\x00"
        self.refuse(num.SA, b"\x00\x00\x00\x18\x01\x01\x00\x01" + twice, "value")  # two key lengths

    def test_sixty_five_proposals(self):
        one = b"\x02\x00\x00\x10\x01\x01\x00\x01\x00\x00\x00\x08\x01\x00\x00\x0c"
        self.refuse(num.SA, one * 65, "count")

    def test_selectors(self):
        self.refuse(num.TSI, b"\x00\x00\x00\x00", "count")
        self.refuse(num.TSI, b"\x21\x00\x00\x00", "count")
        self.refuse(num.TSI, b"\x01\x00\x00\x00\x07\x00\x00\x10\x00\x00\xff\xff\x01\x02\x03\x04", "short")
        self.refuse(num.TSI, b"\x01\x00\x00\x00\x08\x00\x00\x10\x00\x00\xff\xff" + bytes(8), "length")
        backwards = b"\x02\x00\x00\x00\x01\x00\x00\x00"
        self.refuse(num.TSI, b"\x01\x00\x00\x00\x07\x00\x00\x10\x00\x00\xff\xff" + backwards, "value")
        self.refuse(num.TSI, b"\x01\x00\x00\x00\x07\x00\x00\x10\x00\x02\x00\x01" + bytes(8), "value")

    def test_deletes(self):
        self.refuse(num.DELETE, b"\x01\x08\x00\x01" + bytes(8), "length")
        self.refuse(num.DELETE, b"\x03\x08\x00\x01" + bytes(8), "length")
        self.refuse(num.DELETE, b"\x03\x04\x00\x41" + bytes(4 * 65), "count")
        self.refuse(num.DELETE, b"\x03\x04\x00\x02" + bytes(4), "short")
        self.refuse(num.DELETE, b"\x03\x04\x00\x01" + bytes(5), "trailing")

    def test_identity_with_reserved_bytes(self):
        self.refuse(num.IDI, b"\x02\x00\x00\x01a", "value")

    def test_critical_bit_is_kept_for_types_that_we_do_not_know(self):
        for bit, critical in ((0, False), (CRITICAL, True), (0x7F, False)):
            payloads = pull_payloads(Reader(bytes([0, bit, 0, 4])), 220)
            self.assertEqual(payloads, [OpaquePayload(220, critical, b"")])

    def check_all(self, whole, mutations):
        """Every truncation is refused; every mutation is read or refused, with a reason from the list."""
        read = 0
        for length in range(len(whole)):
            with self.assertRaises(WireError):
                pull_message(Reader(whole[:length]))
        for at in range(len(whole)):
            for mask in mutations:
                try:
                    pull_message(Reader(whole[:at] + bytes([whole[at] ^ mask]) + whole[at + 1 :]))
                    read += 1
                except WireError as error:
                    self.assertTrue(error.reason in WIRE_REASONS)
        self.assertTrue(0 < read < len(whole) * len(mutations))

    def test_every_truncation_and_mutation(self):
        self.check_all(INIT, (0x01, 0x80, 0xFF))
        self.check_all(push_message(INSIDE_MESSAGE.header, INSIDE), (0x01, 0x80, 0xFF))


class Selectors(unittest.TestCase):
    def test_intersect(self):
        any16 = Selector(0, 0, 65535, bytes(16), b"\xff" * 16)
        self.assertEqual(intersect(any16, SELECTOR), SELECTOR)
        self.assertEqual(intersect(SELECTOR, any16), SELECTOR)
        self.assertEqual(intersect(SELECTOR, SELECTOR4), None)
        self.assertEqual(intersect(SELECTOR, Selector(6, 0, 65535, bytes(16), b"\xff" * 16)), None)
        half = Selector(17, 1000, 1701, parse_ip("192.0.2.128"), parse_ip("192.0.3.0"))
        self.assertEqual(
            intersect(SELECTOR4, half), Selector(17, 1701, 1701, parse_ip("192.0.2.128"), parse_ip("192.0.2.255"))
        )
        self.assertEqual(intersect(SELECTOR4, Selector(17, 1, 2, bytes(4), b"\xff" * 4)), None)

    def test_text(self):
        self.assertEqual(str(SELECTOR), "fd00::1-fd00::2 protocol 115")
        self.assertEqual(str(SELECTOR4), "192.0.2.0-192.0.2.255 protocol 17 port 1701-1701")


class Numbers(unittest.TestCase):
    def test_registries_are_in_order_and_without_doubles(self):
        for name in dir(num):
            registry = getattr(num, name)
            if isinstance(registry, tuple) and (name[-6:] == "_TYPES" or name[-4:] == "_IDS"):
                numbers = [row[0] for row in registry]
                self.assertEqual(numbers, sorted(set(numbers)), name)
                self.assertEqual(len({row[1] for row in registry}), len(registry), name)

    def test_names(self):
        self.assertEqual(num.name_of(num.NOTIFY_TYPES, num.NO_PROPOSAL_CHOSEN), "NO_PROPOSAL_CHOSEN")
        self.assertEqual(num.name_of(num.NOTIFY_TYPES, 12345), "12345")
        self.assertEqual((num.NO_PROPOSAL_CHOSEN, num.X25519, num.ENCR_AES_GCM_16, num.SK), (14, 31, 20, 46))
