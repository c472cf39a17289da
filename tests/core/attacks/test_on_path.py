"""What somebody who sees the datagrams, and sends his own, gets out of it: nothing but a delay."""

from __future__ import annotations

import unittest

from isthmus.proto import actions
from isthmus.proto.ike2 import init
from isthmus.proto.ike2.init import MAX_WISHES
from isthmus.proto.ike2.rivals import MAX_RIVALS
from isthmus.proto.ike2.toll import THRESHOLD
from isthmus.wire import ike_numbers as num
from isthmus.wire.buffer import Reader
from isthmus.wire.identity import Identity
from isthmus.wire.ike import FLAG_RESPONSE, NO_SPI, Header, pull_message, push_message
from isthmus.wire.ike_payloads import AuthPayload, DeletePayload, NotifyPayload
from tests.core.attacks.scenes import answers
from tests.core.ike_pair import IKE, NAME, A, B, Pair, agreed, make_connection
from tests.core.ike_tamper import reseal

MODP = "aes128-sha256-prfsha256-modp2048"
OTHER_PORT = (A[0], 9999)


def forge(pair, notify, data=b""):
    """A notify in the clear for A's waiting IKE_SA_INIT, faster than the peer's answer."""
    spi_i = pair.a.engine.table.list_all()[-1].spi_i
    header = Header(spi_i, NO_SPI, num.IKE_SA_INIT, FLAG_RESPONSE, 0)
    pair.a.engine.receive(push_message(header, [NotifyPayload(notify, data)]), B, A, pair.now)
    pair.collect()


def group(number):
    return number.to_bytes(2, "big")


def load(pair):
    """So many strangers have begun at B that it demands cookies."""
    for number in range(THRESHOLD + 1):
        stranger = Pair(number + 1)
        stranger.b = pair.b
        stranger.initiate()
        stranger.deliver()


class ForgedNews(unittest.TestCase):
    def test_06_forged_cookie_in_front_of_the_answer(self):
        # The peer wants none: it answers the first request, and the proof must be about that one.
        pair = Pair()
        pair.initiate()
        forge(pair, num.COOKIE, b"a cookie of nobody")
        self.assertEqual(len(pair.flight), 2)
        pair.transfer()
        pair.wait(60_000)
        self.assertTrue(agreed(pair))
        self.assertEqual(pair.a.of(actions.Failed), [])

    def test_forged_cookies_in_front_of_every_answer(self):
        pair = Pair()
        pair.initiate()
        for number in range(20):
            forge(pair, num.COOKIE, b"cookie %d" % number)
            if not pair.flight:
                break
            pair.deliver()
        pair.transfer()
        self.assertTrue(agreed(pair))

    def test_patience_still_obeys_a_true_cookie(self):
        pair = Pair()
        load(pair)
        init.begin(pair.a.engine, make_connection("A"), pair.now, is_patient=True)
        pair.transfer()
        self.assertEqual(pair.a.states(), ["init-sent"])
        pair.wait(600)
        self.assertEqual(pair.a.states(), ["established"])

    def test_refusal_in_front_of_the_answer(self):
        pair = Pair()
        pair.initiate()
        forge(pair, num.NO_PROPOSAL_CHOSEN)
        self.assertEqual(pair.a.of(actions.Failed), [])
        pair.transfer()
        self.assertTrue(agreed(pair))
        pair.wait(60_000)
        self.assertTrue(agreed(pair), "the refusal's time limit went with it")

    def test_another_group_in_front_of_the_answer(self):
        pair = Pair(0, make_connection("A", IKE + " " + MODP), make_connection("B", IKE + " " + MODP))
        pair.initiate()
        forge(pair, num.INVALID_KE_PAYLOAD, group(num.MODP2048))
        self.assertEqual(len(pair.flight), 2)
        pair.transfer()
        self.assertTrue(agreed(pair))
        self.assertEqual(str(pair.a.of(actions.IkeUp)[0].suite), IKE)

    def test_another_group_that_the_peer_does_not_have(self):
        pair = Pair(0, make_connection("A", IKE + " " + MODP), make_connection("B", IKE))
        pair.initiate()
        pair.flight = []  # the first request is lost: only the forger has seen it
        forge(pair, num.INVALID_KE_PAYLOAD, group(num.MODP2048))
        pair.transfer()  # the peer asks for the first group again
        self.assertTrue(agreed(pair))

    def test_cookie_in_front_of_the_peer_s_own(self):
        pair = Pair()
        load(pair)
        pair.initiate()
        pair.flight = []
        forge(pair, num.COOKIE, b"a cookie of nobody")
        pair.transfer()  # the peer demands its own
        self.assertTrue(pair.a.states() == ["established"])

    def test_wishes_come_to_an_end(self):
        pair = Pair(0, make_connection("A", IKE + " " + MODP))
        pair.initiate()
        pair.flight = []
        for number in range(50):
            forge(pair, num.COOKIE, b"%d" % number)
            forge(pair, num.INVALID_KE_PAYLOAD, group(num.MODP2048 if number % 2 else num.X25519))
        self.assertEqual(len(pair.flight), MAX_WISHES)
        self.assertEqual(pair.a.states(), ["init-sent"])


class ForgedAnswers(unittest.TestCase):
    """Somebody answers IKE_SA_INIT before the peer does (RFC 7296 section 2.4)."""

    def begun(self):
        """A has asked; B's true answer is in flight."""
        pair = Pair()
        pair.initiate()
        pair.deliver()
        return pair

    def spoil(self, data, number):
        """B's answer with another nonce, and another SPI for every other number."""
        message = pull_message(Reader(data))
        for payload in message.payloads:
            if payload.type == num.NONCE:
                payload.data = bytes([number]) * 32
        if number % 2:
            message.header.spi_r = bytes([number]) * 8
        return push_message(message.header, message.payloads)

    def test_06_forged_answer_in_front_of_the_true_one(self):
        for count in (1, 2, MAX_RIVALS):
            pair = self.begun()
            for number in range(1, count + 1):
                pair.a.engine.receive(self.spoil(pair.flight[0].data, number), B, A, pair.now)
            pair.transfer()
            self.assertTrue(agreed(pair), count)
            self.assertEqual(pair.a.of(actions.Failed), [])
            sa = pair.a.engine.table.list_all()[0]
            self.assertEqual((sa.rivals, sa.asked), ([], {}), "nothing is kept that only the handshake needed")
            self.assertTrue(answers(pair))

    def test_06_forged_answer_behind_the_true_one(self):
        pair = self.begun()
        forged = self.spoil(pair.flight[0].data, 7)
        pair.deliver()
        pair.a.engine.receive(forged, B, A, pair.now)
        pair.collect()
        pair.transfer()
        self.assertTrue(agreed(pair))

    def test_06_the_true_proof_is_lost_and_repeated(self):
        pair = self.begun()
        pair.a.engine.receive(self.spoil(pair.flight[0].data, 1), B, A, pair.now)
        pair.collect()
        pair.deliver()
        pair.flight = []
        pair.wait(5_000)
        self.assertTrue(agreed(pair))

    def test_06_forger_with_a_key_pair_of_his_own(self):
        # He is no mere vandal: he completes the exchange, and answers our proof with one of his, or with a refusal.
        for psk in (b"the forger's own", b"correct horse battery staple"):
            pair = self.begun()
            true = pair.flight.pop()
            forger = Pair("forger", None, make_connection("B", psk=psk, remote_id=Identity(2, b"x.example")))
            forger.b.engine.receive(pair.a.of(actions.SendDatagram)[0].data, A, B, pair.now)
            pair.a.engine.receive(forger.b.collect()[0].data, B, A, pair.now)
            proof = pair.a.collect()[-1]
            pair.flight = [true]
            pair.transfer()
            if not agreed(pair):
                self.fail("the true answer came too late")
            forger.b.engine.receive(proof.data, A, B, pair.now)
            for answer in forger.b.collect():
                pair.a.engine.receive(answer.data, B, A, pair.now)
            pair.collect()
            pair.wait(60_000)
            self.assertTrue(agreed(pair))

    def test_06_forger_s_refusal_does_not_end_the_attempt(self):
        pair = self.begun()
        true = pair.flight.pop()
        forger = Pair("forger", None, make_connection("B", psk=b"the forger's own"))
        forger.b.engine.receive(pair.a.of(actions.SendDatagram)[0].data, A, B, pair.now)
        pair.a.engine.receive(forger.b.collect()[0].data, B, A, pair.now)
        forger.b.engine.receive(pair.a.collect()[-1].data, A, B, pair.now)
        refusal = forger.b.collect()[-1]
        pair.a.engine.receive(true.data, B, A, pair.now)
        pair.collect()
        pair.a.engine.receive(refusal.data, B, A, pair.now)
        self.assertEqual(pair.a.of(actions.Failed), [])
        pair.transfer()
        self.assertTrue(agreed(pair))


class Unproven(unittest.TestCase):
    def test_a_peer_that_fails_to_prove_itself_was_never_seen(self):
        pair = Pair()
        pair.initiate()
        for _ in range(3):
            pair.deliver()
        reseal(pair, pair.b, lambda payloads: [payloads[0], AuthPayload(2, bytes(32))] + payloads[2:])
        pair.transfer()
        self.assertEqual(pair.a.error(), "psk")
        self.assertEqual(pair.a.states(), [])
        self.assertEqual(pair.a.of(actions.PeerSeen), [])

    def test_what_is_over_cannot_be_kept_alive(self):
        pair = Pair(0, make_connection("A", psk=b"another one entirely"))
        pair.initiate()
        for _ in range(3):
            pair.deliver()
        pair.flight = []
        self.assertEqual(pair.b.states(), ["done"])
        end = pair.b.engine.get_timer()
        stranger = pair.a.engine.table.list_all()[0]
        for message_id in (2, 3):
            message = stranger.seal(num.INFORMATIONAL, message_id, False, [DeletePayload(num.PROTO_IKE, [])])
            pair.b.engine.receive(message[0], A, B, end - 1)
        pair.b.engine.handle_timer(end)
        self.assertEqual(pair.b.states(), [])

    def test_reports_of_wrong_proofs_are_rare(self):
        strangers = [Pair(seed, make_connection("A", psk=b"a guess")) for seed in range(8)]
        pair = Pair()
        for stranger in strangers:
            stranger.b = pair.b
            stranger.connect()
        self.assertEqual(len(pair.b.of(actions.Failed)), 1)
        pair.now += 1000
        last = Pair("last", make_connection("A", psk=b"a guess"))
        last.b, last.now = pair.b, pair.now
        last.connect()
        self.assertEqual(len(pair.b.of(actions.Failed)), 2)

    def test_one_peer_s_reports_do_not_silence_another_s(self):
        other = (bytes([203, 0, 113, 9]), 500)
        pair = Pair(0, make_connection("A", psk=b"a guess"))
        pair.b.engine.set_connection(make_connection("B", remote=other, name="other"))
        pair.connect()
        second = Pair(1, make_connection("A", psk=b"a guess", local=other))
        second.b, second.a.endpoint = pair.b, other
        second.connect()
        self.assertEqual([failed.name for failed in pair.b.of(actions.Failed)], [NAME, "other"])


class CopiedElsewhere(unittest.TestCase):
    """A copy of the peer's own datagram comes first, from another port or address."""

    def test_ike_sa_init_from_another_port(self):
        pair = Pair()
        pair.initiate()
        request = pair.flight[0]
        pair.b.engine.receive(request.data, OTHER_PORT, B, pair.now)
        self.assertEqual([answer.destination for answer in pair.b.collect()], [OTHER_PORT])
        pair.transfer()
        self.assertTrue(agreed(pair))
        pair.b.engine.check_peer(NAME, pair.now)
        self.assertEqual(pair.b.collect()[0].destination, (A[0], 4500))

    def test_ike_auth_from_another_port(self):
        pair = Pair()
        pair.initiate()
        pair.deliver()
        pair.deliver()
        pair.b.engine.receive(pair.flight[0].data, OTHER_PORT, B, pair.now)
        self.assertEqual(pair.b.collect()[-1].destination, OTHER_PORT)
        pair.transfer()
        self.assertTrue(agreed(pair))
        pair.b.engine.check_peer(NAME, pair.now)
        self.assertEqual(pair.b.collect()[0].destination, (A[0], 4500))

    def test_peer_that_really_is_at_another_port(self):
        pair = Pair()
        pair.initiate()
        for _ in range(2):
            request = pair.flight.pop()
            pair.b.engine.receive(request.data, OTHER_PORT, request.destination, pair.now)
            answer = pair.b.collect()[0]
            self.assertEqual(answer.destination, OTHER_PORT)
            pair.a.engine.receive(answer.data, answer.source, (A[0], answer.source[1]), pair.now)
            pair.collect()
        self.assertTrue(agreed(pair))
        pair.b.engine.check_peer(NAME, pair.now)
        self.assertEqual(pair.b.collect()[0].destination, OTHER_PORT)

    def test_protected_messages_from_another_address(self):
        # With MOBIKE they are answered, and move nothing: test_ike_mobike.py.
        pair = Pair(0, make_connection("A", mobike=False), make_connection("B", mobike=False)).connect()
        pair.a.engine.check_peer(NAME, pair.now)
        pair.collect()
        request = pair.flight[0].data
        elsewhere = (bytes([203, 0, 113, 1]), 500)
        for source, destination in ((elsewhere, B), (A, (elsewhere[0], 500))):
            pair.b.engine.receive(request, source, destination, pair.now)
            self.assertEqual(pair.b.collect(), [])
        self.assertEqual(pair.b.engine.counters["wrong-source"], 2)
        pair.transfer()
        self.assertFalse(pair.a.engine.table.list_all()[0].requests.is_waiting)


class Followed(unittest.TestCase):
    """The peer is behind a translator, which may show it elsewhere at any time; somebody shows us a copy from there."""

    def connect(self):
        pair = Pair(0, make_connection("A", force_encap=True, mobike=False), make_connection("B", mobike=False))
        pair.initiate()
        self.go_on(pair)
        self.assertTrue(agreed(pair))
        return pair, pair.b.engine.table.list_all()[0]

    def go_on(self, pair, seen_as=None):
        """Deliver everything; what A sends comes from the endpoint `seen_as`, and what is sent there reaches A."""
        for _ in range(50):
            pair.collect()
            if not pair.flight:
                return
            datagram = pair.flight.pop(0)
            if datagram.destination[0] == B[0]:
                source = seen_as or datagram.source
                pair.b.engine.receive(datagram.data, source, datagram.destination, pair.now)
            elif datagram.destination == (seen_as or (A[0], datagram.destination[1])):
                here = (A[0], 4500) if seen_as else datagram.destination
                pair.a.engine.receive(datagram.data, datagram.source, here, pair.now)

    def test_16_a_copy_from_elsewhere_does_not_lead_us_there(self):
        for at_once in (True, False):
            pair, sa = self.connect()
            self.assertTrue(sa.nat.there)
            place = sa.remote
            for number in range(5):
                thief = (bytes([203, 0, 113, 66 + number % 2]), 4500)
                pair.a.engine.check_peer(NAME, pair.now)
                pair.collect()
                copy = pair.flight[-1]
                pair.b.engine.receive(copy.data, thief, (B[0], 4500), pair.now)
                if not at_once:
                    pair.b.collect()
                self.go_on(pair)
                self.assertEqual(sa.remote, place)
                pair.now += 2000
            self.assertEqual(pair.b.of(actions.PeerMoved), [])
            self.assertEqual(pair.b.states(), ["established"])

    def test_16_a_new_mapping_is_followed_though_somebody_else_is_first(self):
        pair, sa = self.connect()
        mapped = (bytes([192, 0, 2, 99]), 40_001)
        thief = (bytes([203, 0, 113, 66]), 4500)
        pair.a.engine.check_peer(NAME, pair.now)
        pair.collect()
        pair.b.engine.receive(pair.flight[-1].data, thief, (B[0], 4500), pair.now)
        self.go_on(pair, mapped)
        self.assertEqual(sa.remote, mapped)
        self.assertEqual([moved.remote for moved in pair.b.of(actions.PeerMoved)], [mapped])


class Reflected(unittest.TestCase):
    def test_a_whole_handshake_with_ourselves(self):
        # Everything that A sends comes back to it as from B.
        pair = Pair()
        pair.initiate()
        for _ in range(20):
            if not pair.flight:
                break
            datagram = pair.flight.pop(0)
            ends = (B[0], datagram.destination[1]), (A[0], datagram.source[1])
            pair.a.engine.receive(datagram.data, ends[0], ends[1], pair.now)
            pair.collect()
        self.assertEqual(pair.a.of(actions.IkeUp) + pair.a.of(actions.InstallSa), [])
        self.assertTrue(pair.a.error() in ("identity", "psk"), pair.a.error())


class Replayed(unittest.TestCase):
    def test_a_recorded_handshake_replaces_nothing(self):
        pair = Pair()
        pair.initiate()
        recorded = []
        while pair.flight:
            recorded.append(pair.deliver())
        for time in (1, 10_000, 100_000):
            pair.wait(time)
            for datagram in recorded:
                side = pair.side_at(datagram.destination)
                side.engine.receive(datagram.data, datagram.source, datagram.destination, pair.now)
                side.collect()
            self.assertTrue(agreed(pair))
        pair.wait(60_000)
        self.assertEqual((pair.a.states(), pair.b.states()), (["established"], ["established"]))
        self.assertEqual(pair.a.of(actions.ChildGone) + pair.b.of(actions.ChildGone), [])
