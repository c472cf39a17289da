"""Classes 2 to 5, 7 and 13: payloads that are missing, too many, too long, too short, or never end."""

from __future__ import annotations

from isthmus.crypto.modp import PRIMES
from isthmus.crypto.suites import GROUPS
from isthmus.proto import actions
from isthmus.wire import ike_numbers as num
from isthmus.wire.buffer import Reader
from isthmus.wire.ike import MAX_PAYLOADS, pull_message, push_message
from isthmus.wire.ike_payloads import KePayload
from tests.core.attacks.case import AttackTest
from tests.core.attacks.scenes import (
    SEALING,
    first_header,
    good_peer_gets_in,
    make_scene,
    raw_chain,
    raw_message,
    raw_payload,
    thin,
)
from tests.core.ike_pair import A, B, Pair, make_connection
from tests.core.ike_tamper import open_up

MODP = "aes128-sha256-prfsha256-modp2048"
BOTH = "aes128gcm16-prfsha256-x25519 " + MODP
ALL_GROUPS = [group.name for group in GROUPS]
EVERY = " ".join([c + "-prfsha256-" + g for c in ("aes128gcm16", "aes128-sha256") for g in ALL_GROUPS])
X25519_SMALL = (bytes(32), bytes([1]) + bytes(31), bytes([0xEC]) + bytes([0xFF]) * 30 + bytes([0x7F]))

GOOD_TRANSFORMS = [(1, 20, b"\x80\x0e\x00\x80"), (2, 5, b""), (4, 31, b"")]


def transform(kind, number, attributes=b"", more=3, length=None):
    """One transform substructure."""
    size = 8 + len(attributes) if length is None else length
    return bytes([more, 0]) + size.to_bytes(2, "big") + bytes([kind, 0]) + number.to_bytes(2, "big") + attributes


def transforms(rows, last=0):
    """A chain of transforms."""
    return b"".join(
        [transform(*row, more=3 if index + 1 < len(rows) else last) for index, row in enumerate(rows)]
    )


def proposal(body, count, number=1, protocol=1, spi=b"", more=0, length=None, spi_size=None):
    """One proposal substructure."""
    inside = bytes([number, protocol, len(spi) if spi_size is None else spi_size, count]) + spi + body
    size = 4 + len(inside) if length is None else length
    return bytes([more, 0]) + size.to_bytes(2, "big") + inside


def begin_bodies(ike=BOTH):
    """[(type, body)] of an honest IKE_SA_INIT request."""
    pair = Pair(0, make_connection("A", ike))
    pair.initiate()
    message = pull_message(Reader(pair.flight[0].data))
    return [(payload.type, body_of(payload)) for payload in message.payloads]


def body_of(payload):
    """The bytes of a payload without its generic header."""
    return push_message(first_header(), [payload])[32:]


def auth_bodies():
    """[(type, body)] of an honest IKE_AUTH request, and the scene in which it is awaited."""
    scene = make_scene("init-answered")
    _, inner, chain = open_up(scene.peer, scene.pair.flight[0].data)
    bodies = []
    while inner:
        following, size = chain[0], int.from_bytes(chain[2:4], "big")
        bodies.append((inner, chain[4:size]))
        inner, chain = following, chain[size:]
    return bodies


def put(bodies, kind, body):
    """The bodies with one replaced; body None: left out."""
    return [(found, body if found == kind else old) for found, old in bodies if found != kind or body is not None]


class Malformed(AttackTest):
    def first(self, bodies, wanted, why):
        """As an IKE_SA_INIT request to a responder in peace: refused or dropped, no SA kept, others get in."""
        pair = Pair(0, None, make_connection("B", EVERY))
        first, chain = raw_chain(bodies)
        pair.b.engine.receive(raw_message(first_header(), first, chain), A, B, pair.now)
        answers = pair.b.collect()
        self.assertEqual(pair.b.states(), [], why)
        self.assertTrue(len(answers) <= 1, why)
        got = [payload.notify for answer in answers for payload in pull_message(Reader(answer.data)).payloads]
        self.assertEqual(got, wanted, why)
        return pair

    def proves(self, bodies, why):
        """As an IKE_AUTH request under the right keys: no SA comes of it, and a good peer still gets in."""
        scene = make_scene("init-answered")
        inner, chain = raw_chain(bodies)
        scene.hit(scene.sealed(num.IKE_AUTH, inner, chain))
        for kind in (actions.IkeUp, actions.ChildUp, actions.InstallSa):
            self.assertEqual(scene.victim.of(kind), [], why)
        self.assertTrue(good_peer_gets_in(scene.pair), why)

    def inside_everywhere(self, exchange, bodies, why):
        """Under the right keys in every state there is: nothing is raised, and a good peer still gets in."""
        inner, chain = raw_chain(bodies)
        for name in thin(SEALING):
            for is_response in (False, True):
                scene = make_scene(name)
                self.assertTrue(scene.can_seal(), name)
                self.assert_survived(scene, scene.sealed(exchange, inner, chain, is_response), (why, name))


class KeyExchange(Malformed):
    def test_02_cve_2014_9221_group_that_does_not_exist(self):
        bodies = begin_bodies()
        key = bytes(2) + bytes(range(32))
        for group in (0, 1, 2, 5, 1024, 1025, 1026, 65535):
            body = group.to_bytes(2, "big") + key
            self.first(put(bodies, num.KE, body), [num.INVALID_KE_PAYLOAD], group)

    def test_02_cve_2015_3240_public_value_of_zero(self):
        bodies = begin_bodies()
        for value in X25519_SMALL + (b"", bytes(31), bytes(33), bytes(1000)):
            self.first(put(bodies, num.KE, bytes([0, 31, 0, 0]) + value), [num.INVALID_SYNTAX], value.hex())

    def test_02_cve_2023_41913_public_value_out_of_range(self):
        for bits, number in thin(((2048, 14), (3072, 15), (4096, 16))):
            bodies = begin_bodies("aes128-sha256-prfsha256-modp%d" % bits)
            prime, front = PRIMES[bits][0], bytes([0, number, 0, 0])
            for value in (0, 1, prime - 1, prime, prime + 1, (1 << bits) - 1):
                body = front + value.to_bytes(bits // 8, "big")
                self.first(put(bodies, num.KE, body), [num.INVALID_SYNTAX], hex(value)[:40])
            for count in (0, 1, bits // 8 - 1, bits // 8 + 1, 4096):
                self.first(put(bodies, num.KE, front + bytes([2]) * count), [num.INVALID_SYNTAX], count)

    def test_02_points_that_are_on_no_curve(self):
        for group in [group for group in GROUPS if group.name[:3] == "ecp"]:
            size = {"ecp256": 32, "ecp384": 48}[group.name]
            bodies = begin_bodies("aes128-sha256-prfsha256-" + group.name)
            front = bytes([0, group.id, 0, 0])
            points = [bytes(2 * size), bytes([255]) * 2 * size, bytes(2 * size - 1) + b"\x01"]
            points += [bytes([4]) + bytes(2 * size), bytes(size), bytes([2]) + bytes(size), b"", bytes(1000)]
            for point in points:
                self.first(put(bodies, num.KE, front + point), [num.INVALID_SYNTAX], point.hex())

    def test_02_the_answer_s_public_value(self):
        # The same at the initiator: an answer in the clear that it must not believe, and then the true one.
        for group, value in [(31, value) for value in X25519_SMALL] + [
            (31, b""), (31, bytes(64)), (14, bytes(256)), (0, bytes(32)), (1025, bytes(32)), (65535, b"")
        ]:
            scene = make_scene("init-sent")
            pair = scene.pair
            pair.deliver()
            true = pair.flight.pop()
            message = pull_message(Reader(true.data))
            message.payloads = [
                KePayload(group, value) if payload.type == num.KE else payload for payload in message.payloads
            ]
            before = scene.picture()
            self.assertEqual(scene.hit(push_message(message.header, message.payloads)), [])
            self.assertEqual(scene.picture(), before, (group, value.hex()))
            pair.flight.append(true)
            pair.transfer()
            self.assertEqual(pair.a.states(), ["established"], (group, value.hex()))


class Missing(Malformed):
    def test_03_cve_2013_6467_payloads_left_out_of_ike_sa_init(self):
        bodies = [(kind, body) for kind, body in begin_bodies() if kind in (num.SA, num.KE, num.NONCE)]
        for mask in range(7):
            some = [bodies[index] for index in range(3) if mask >> index & 1]
            self.first(some, [num.INVALID_SYNTAX] if some else [], mask)
        for twice in bodies:
            self.first(bodies + [twice], [num.INVALID_SYNTAX], twice[0])

    def test_03_cve_2016_5391_proposal_without_a_group(self):
        good = GOOD_TRANSFORMS
        for rows in ([], good[:1], good[:2], good[1:], [good[0], good[2]]):
            body = proposal(transforms(rows), len(rows))
            wanted = [num.NO_PROPOSAL_CHOSEN] if rows else []
            self.first(put(begin_bodies(), num.SA, body), wanted, rows)
        # And without a KE payload beside a proposal that has no group: libreswan's crash was exactly that.
        self.first(
            put(put(begin_bodies(), num.SA, proposal(transforms(good[:2]), 2)), num.KE, None),
            [num.INVALID_SYNTAX],
            "neither",
        )

    def test_03_payloads_left_out_of_ike_auth(self):
        bodies = [(kind, body) for kind, body in auth_bodies() if kind != num.NOTIFY]
        for mask in thin(range((1 << len(bodies)) - 1)):
            some = [bodies[index] for index in range(len(bodies)) if mask >> index & 1]
            self.proves(some, mask)


class Proposals(Malformed):
    """Attributes and lengths: everything here ends, and nothing of it is chosen."""

    BROKEN = (
        ("no transforms", proposal(b"", 0)),
        ("a transform of length zero", proposal(transform(1, 20, length=0, more=0), 1)),
        ("a transform shorter than its header", proposal(transform(1, 20, length=7, more=0), 1)),
        ("a transform longer than its proposal", proposal(transform(1, 20, length=0xFFFF, more=0), 1)),
        ("a proposal of length zero", proposal(transforms(GOOD_TRANSFORMS), 3, length=0)),
        ("a proposal shorter than its header", proposal(transforms(GOOD_TRANSFORMS), 3, length=3)),
        ("a proposal longer than its payload", proposal(transforms(GOOD_TRANSFORMS), 3, length=0x7FFF)),
        ("an SPI longer than its proposal", proposal(transforms(GOOD_TRANSFORMS), 3, spi_size=255)),
        ("more transforms promised than there are", proposal(transforms(GOOD_TRANSFORMS), 255)),
        ("fewer transforms promised than there are", proposal(transforms(GOOD_TRANSFORMS), 2)),
        ("another transform promised behind the last", proposal(transforms(GOOD_TRANSFORMS, last=3), 3)),
        ("another proposal promised behind the last", proposal(transforms(GOOD_TRANSFORMS), 3, more=2)),
        ("a proposal followed by a transform", proposal(transforms(GOOD_TRANSFORMS), 3, more=3)),
        ("an attribute cut short", proposal(transform(1, 20, b"\x80\x0e\x00", more=0), 1)),
        ("an attribute longer than its transform", proposal(transform(1, 20, b"\x00\x0e\xff\xff\x00", more=0), 1)),
        ("a key of no bits", proposal(transform(1, 20, b"\x80\x0e\x00\x00", more=0), 1)),
        ("two key lengths", proposal(transform(1, 20, b"\x80\x0e\x00\x80\x80\x0e\x01\x00", more=0), 1)),
    )  # fmt: skip
    # An attribute that fills nothing but is read again and again: the endless loop of CVE-2015-3204 and 2016-3071.
    STRANGE = (
        ("an attribute of length zero", b"\x00\x0e\x00\x00"),
        ("a hundred attributes of length zero", b"\x00\x63\x00\x00" * 100),
        ("the key length as a long attribute", b"\x00\x0e\x00\x02\x00\x80"),
        ("an attribute of type zero", b"\x80\x00\x00\x00"),
        ("a long attribute nobody knows", b"\x7f\xff\x00\x10" + bytes(16)),
    )

    def test_04_cve_2016_3071_lengths(self):
        for why, body in self.BROKEN:
            self.first(put(begin_bodies(), num.SA, body), [], why)

    def test_04_cve_2015_3204_attributes_that_never_end(self):
        for why, attributes in self.STRANGE:
            rows = [(1, 20, b"\x80\x0e\x00\x80" + attributes)] + GOOD_TRANSFORMS[1:]
            body = proposal(transforms(rows), 3)
            self.first(put(begin_bodies(), num.SA, body), [num.NO_PROPOSAL_CHOSEN], why)

    def test_04_cve_2022_23094_proposals_inside(self):
        # libreswan looked for a proposal that was not there; here under the right keys, for an ESP SA.
        spi = b"\x00\x00\x12\x34"
        good = [(1, 20, b"\x80\x0e\x00\x80"), (5, 0, b"")]
        bodies = [body for _, body in self.BROKEN] + [
            b"",
            proposal(transforms(good), 2, protocol=0, spi=spi),
            proposal(transforms(good), 2, protocol=1, spi=bytes(8)),
            proposal(transforms(good), 2, protocol=2, spi=spi),
            proposal(transforms(good), 2, protocol=3, spi=b""),
            proposal(transforms(good), 2, protocol=3, spi=bytes(4)),
            proposal(transforms(good), 2, protocol=3, spi=bytes(255)),
            proposal(transforms(good), 2, protocol=255, spi=spi),
            proposal(transforms(good[:1] * 2), 2, protocol=3, spi=spi),
            proposal(transforms(good[1:]), 1, protocol=3, spi=spi),
        ]
        honest = auth_bodies()
        for body in thin(bodies):
            self.proves(put(honest, num.SA, body), body.hex())


class Selectors(Malformed):
    IPV4 = bytes([7, 0, 0, 16, 0, 0, 255, 255, 10, 0, 0, 0, 10, 0, 0, 255])

    def broken(self):
        """Bodies of a TS payload that must not be read."""
        yield b""
        yield bytes(3)
        yield bytes([0, 0, 0, 0])
        for count in (0, 2, 33, 255):
            yield bytes([count, 0, 0, 0]) + self.IPV4
        for length in (0, 1, 3, 4, 7, 8, 15, 17, 40, 0xFFFF):
            yield bytes([1, 0, 0, 0]) + self.IPV4[:2] + length.to_bytes(2, "big") + self.IPV4[4:]
        for kind in (7, 8):
            for size in range(4, 40, 5):
                if (kind, size) in ((7, 12), (8, 36)):
                    continue
                yield bytes([1, 0, 0, 0, kind, 0]) + (4 + size).to_bytes(2, "big") + bytes(size)
        yield bytes([1, 0, 0, 0]) + self.IPV4[:8] + self.IPV4[12:] + self.IPV4[8:12]  # ends before it starts
        yield bytes([1, 0, 0, 0]) + self.IPV4[:4] + b"\x10\x00\x00\x10" + self.IPV4[8:]
        yield bytes([255, 0, 0, 0]) + self.IPV4 * 255

    def test_05_cve_2023_23009_selector_lengths_and_counts(self):
        honest = auth_bodies()
        for body in thin(self.broken()):
            for kind in (num.TSI, num.TSR):
                self.proves(put(honest, kind, body), body.hex())

    def test_05_selectors_of_unknown_types_only(self):
        honest = auth_bodies()
        for kind in (0, 9, 10, 255):
            body = bytes([1, 0, 0, 0, kind, 0, 0, 16]) + self.IPV4[4:]
            self.proves(put(honest, num.TSI, body), kind)

    def test_05_the_answer_s_selectors(self):
        for body in thin(self.broken()):
            scene = make_scene("auth-sent")
            pair = scene.pair
            pair.deliver()
            _, inner, chain = open_up(pair.b, pair.flight[0].data)
            bodies = []
            while inner:
                size = int.from_bytes(chain[2:4], "big")
                bodies.append((inner, chain[4:size]))
                inner, chain = chain[0], chain[size:]
            pair.flight = []
            inner, chain = raw_chain(put(bodies, num.TSR, body))
            pair.flight.extend(scene.hit(scene.sealed(num.IKE_AUTH, inner, chain, True)))
            self.assertEqual(scene.victim.of(actions.ChildUp) + scene.victim.of(actions.InstallSa), [], body.hex())
            self.assertEqual(len(scene.victim.of(actions.Failed)), 1)
            pair.transfer()
            self.assertTrue(good_peer_gets_in(pair), body.hex())


class Identities(Malformed):
    # A name in a certificate that promises more than it has, as in CVE-2013-6075 and CVE-2013-5018.
    DN = (
        b"\x30", b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", b"\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\xff",
        b"\x30\x00", b"\x30\x02\x31\x00", b"\x30\x82\x10\x00" + bytes(64), b"\x30\x81\x80" * 40, b"\x30\x03\x31\x81",
    )  # fmt: skip

    def test_07_cve_2013_6075_identity_lengths(self):
        honest = auth_bodies()
        bodies = [b"", b"\x02", b"\x02\x00\x00", b"\x02\x00\x00\x00", b"\x01\x00\x00\x00abc"]
        bodies += [b"\x05\x00\x00\x00" + bytes(15)]
        bodies += [b"\x02\x00\x00\x00" + b"x" * 3000, b"\x02\x00\x00\x01a.example", b"\x00\x00\x00\x00a.example"]
        for body in thin(bodies):
            self.proves(put(honest, num.IDI, body), body.hex()[:80])
            self.proves(put(honest, num.IDR, body), body.hex()[:80])

    def test_07_cve_2013_5018_names_of_certificates(self):
        honest = auth_bodies()
        for name in thin(self.DN):
            for kind in (9, 10):
                self.proves(put(honest, num.IDI, bytes([kind, 0, 0, 0]) + name), name.hex()[:80])

    def test_07_every_kind_of_identity_can_be_told(self):
        honest = auth_bodies()
        for kind in thin(range(0, 256, 5)):
            scene = make_scene("init-answered")
            inner, chain = raw_chain(put(honest, num.IDI, bytes([kind, 0, 0, 0]) + bytes(range(256))))
            scene.hit(scene.sealed(num.IKE_AUTH, inner, chain))
            text = str(scene.victim.of(actions.Failed)[0].error)
            self.assertTrue(len(text) < 1000 and all(" " <= character <= "~" for character in text), text)


class TooMany(Malformed):
    def test_13_cve_2026_12413_too_many_payloads(self):
        bodies = begin_bodies()
        for extra in (MAX_PAYLOADS, 1000, 4000):
            chain = bodies + [(num.VENDOR, b"")] * extra
            self.first(chain, [], extra)
        for kind in (num.NOTIFY, num.SA, num.NONCE, num.CERT, num.EAP, num.CP, 200):
            content = dict(bodies).get(kind, bytes(4))
            self.first([(kind, content)] * (MAX_PAYLOADS + 1), [], kind)

    def test_13_too_many_payloads_inside(self):
        for exchange in (num.IKE_AUTH, num.CREATE_CHILD_SA, num.INFORMATIONAL):
            self.inside_everywhere(exchange, [(num.VENDOR, b"")] * (MAX_PAYLOADS + 1), exchange)
            self.inside_everywhere(exchange, [(num.DELETE, bytes([3, 4, 255, 255]))], exchange)

    def test_13_cve_2026_50721_proof_cut_short(self):
        honest = auth_bodies()
        for length in (0, 1, 3, 4, 5, 8, 20, 35, 37, 100, 4000):
            proof = (dict(honest)[num.AUTH] + bytes(4000))[:length]
            if proof != dict(honest)[num.AUTH]:
                self.proves(put(honest, num.AUTH, proof), length)

    def test_13_chain_that_points_at_itself(self):
        # No payload has an address, so a chain cannot loop; what it can do is lie about where it ends.
        for first, chain in (
            (num.SK, b""),
            (num.SA, raw_payload(num.SA, b"", length=0)),
            (num.NOTIFY, raw_payload(num.NOTIFY, b"", length=4)),
            (num.NOTIFY, raw_payload(num.NOTIFY, b"\x00\x00\x40\x00", length=3)),
            (200, raw_payload(200, b"", length=0xFFFF)),
            (0, raw_payload(0, b"")),
        ):
            pair = Pair()
            pair.b.engine.receive(raw_message(first_header(), first, chain), A, B, pair.now)
            self.assertEqual((pair.b.collect(), pair.b.states()), ([], []))
