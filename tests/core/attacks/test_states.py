"""Classes 1, 10, 11 and 16: messages for states that do not want them, without integrity, and the same ones again."""

from __future__ import annotations

from isthmus.proto import actions
from isthmus.wire import ike_numbers as num
from isthmus.wire.buffer import Reader
from isthmus.wire.ike import FLAG_INITIATOR, FLAG_RESPONSE, NO_SPI, Header, pull_message, push_message
from isthmus.wire.ike_payloads import DeletePayload, NotifyPayload, OpaquePayload
from tests.core.attacks.case import AttackTest
from tests.core.attacks.scenes import (
    SEALING,
    all_scenes,
    answers,
    good_peer_gets_in,
    make_scene,
    raw_chain,
    raw_message,
    raw_payload,
    sealing_scenes,
    thin,
)
from tests.core.ike_pair import NAME, Pair
from tests.core.ike_tamper import reseal

SPI_I, SPI_R = b"nobody's", b"no one's"
EXCHANGES = (0, 33, 34, 35, 36, 37, 38, 43, 44, 240, 255)
DELETE_IKE = bytes([num.PROTO_IKE, 0, 0, 0])
EAP_SUCCESS = bytes([3, 1, 0, 4])


def delete_esp(spis):
    """The body of a DELETE of ESP SAs."""
    return bytes([num.PROTO_ESP, 4]) + len(spis).to_bytes(2, "big") + b"".join(spis)


class NullState(AttackTest):
    def test_01_cve_2009_0790_question_for_an_sa_that_is_not_there(self):
        scene = make_scene("null")
        datagrams = []
        for exchange in EXCHANGES:
            if exchange == num.IKE_SA_INIT:
                continue  # that is how one begins: classes 2 to 6
            for flags in (0, FLAG_INITIATOR, FLAG_RESPONSE, FLAG_INITIATOR | FLAG_RESPONSE, 0xFF):
                for spis in ((SPI_I, SPI_R), (SPI_I, NO_SPI), (NO_SPI, SPI_R), (NO_SPI, NO_SPI)):
                    header = Header(spis[0], spis[1], exchange, flags, 0)
                    datagrams.append(push_message(header, []))
                    datagrams.append(raw_message(header, num.SK, raw_payload(0, bytes(40))))
                    datagrams.append(push_message(header, [DeletePayload(num.PROTO_IKE, [])]))
        self.assert_unmoved(scene, datagrams)

    def test_01_cve_2023_38712_delete_twice(self):
        stories = (
            lambda spis: [delete_esp(spis * 2)],
            lambda spis: [delete_esp(spis), delete_esp(spis)],
            lambda spis: [delete_esp(spis), DELETE_IKE],
            lambda spis: [DELETE_IKE, delete_esp(spis)],
            lambda spis: [DELETE_IKE, DELETE_IKE],
        )
        for name, story in thin([(name, story) for story in stories for name in SEALING]):
            scene = make_scene(name)
            spis = [child.outbound_spi for sa in scene.victim.engine.table.list_all() for child in sa.children]
            inner, chain = raw_chain([(num.DELETE, body) for body in story(spis or [b"\x00\x00\x12\x34"])])
            for _ in range(2):
                scene.pair.flight.extend(scene.hit(scene.sealed(num.INFORMATIONAL, inner, chain)))
            scene.pair.transfer()
            self.assertTrue(good_peer_gets_in(scene.pair), name)
            gone = [action.inbound_spi for action in scene.victim.of(actions.ChildGone)]
            self.assertEqual(len(gone), len(set(gone)), name)
            ended = [action.ike_id for action in scene.victim.of(actions.IkeGone)]
            self.assertEqual(len(ended), len(set(ended)), name)


class WithoutIntegrity(AttackTest):
    def test_10_cve_2019_10155_informational_in_the_clear(self):
        payloads = (
            [],
            [DeletePayload(num.PROTO_IKE, [])],
            [DeletePayload(num.PROTO_ESP, [b"\x00\x00\x01\x00"])],
            [NotifyPayload(num.AUTHENTICATION_FAILED)],
            [NotifyPayload(num.INVALID_SYNTAX)],
            [NotifyPayload(16384)],
        )
        for scene in all_scenes():
            datagrams = []
            for exchange in EXCHANGES:
                for is_response in (False, True):
                    if exchange == num.IKE_SA_INIT and is_response and scene.name == "init-sent":
                        continue  # class 6 has these
                    for content in payloads:
                        datagrams.append(scene.clear(exchange, content, is_response))
            self.assert_unmoved(scene, datagrams)

    def test_10_cve_2019_10155_sk_that_fails_its_check(self):
        for scene in sealing_scenes():
            datagrams = []
            for exchange in (num.IKE_AUTH, num.CREATE_CHILD_SA, num.INFORMATIONAL):
                for is_response in (False, True):
                    inner, chain = raw_chain([(num.DELETE, DELETE_IKE)])
                    good = scene.sealed(exchange, inner, chain, is_response)
                    datagrams.append(good[:-1] + bytes([good[-1] ^ 1]))
                    datagrams.append(good[:33] + bytes([good[33] ^ 0x80]) + good[34:])
                    header = scene.header(exchange, is_response)
                    for size in (0, 1, 7, 8, 15, 16, 23, 24, 31, 32, 33, 48):
                        datagrams.append(raw_message(header, num.SK, raw_payload(inner, bytes(size))))
                    # What is said in the clear before or behind SK has no integrity either.
                    sk = good[28:]
                    front = raw_payload(num.SK, DELETE_IKE) + sk
                    datagrams.append(raw_message(header, num.DELETE, front))
                    behind = sk + raw_payload(0, DELETE_IKE)
                    datagrams.append(raw_message(header, num.SK, behind))
            self.assert_unmoved(scene, datagrams)


class StateMachine(AttackTest):
    def test_11_cve_2014_2338_rekey_of_an_sa_that_is_not_established(self):
        selectors = bytes([1, 0, 0, 0, 7, 0, 0, 16, 0, 0, 255, 255, 10, 0, 0, 1, 10, 0, 0, 1])
        transform = bytes([0, 0, 0, 12, 1, 0, 0, 20, 0x80, 14, 0, 128])
        proposal = bytes([1, 3, 4, 1]) + b"\x00\x00\x12\x34" + transform
        sa = bytes([0, 0]) + (4 + len(proposal)).to_bytes(2, "big") + proposal
        for scene in sealing_scenes():
            if scene.sa.is_proven:
                continue
            datagrams = []
            for bodies in (
                [(num.SA, sa), (num.NONCE, bytes(32)), (num.KE, bytes([0, 31, 0, 0]) + bytes(32))],
                [(num.SA, sa), (num.NONCE, bytes(32)), (num.TSI, selectors), (num.TSR, selectors)],
                [(num.NOTIFY, bytes([3, 4, 64, 9, 0, 0, 18, 52])), (num.SA, sa), (num.NONCE, bytes(32)),
                 (num.TSI, selectors), (num.TSR, selectors)],
            ):
                inner, chain = raw_chain(bodies)
                for message_id in (0, 1, 2):
                    for is_response in (False, True):
                        datagrams.append(
                            scene.sealed(num.CREATE_CHILD_SA, inner, chain, is_response, message_id)
                        )
            self.assert_unmoved(scene, datagrams)

    def test_11_cve_2015_8023_nothing_but_a_proof_establishes(self):
        # The responder waits for IKE_AUTH; an insider who proves nothing says everything else there is.
        for exchange in (num.CREATE_CHILD_SA, num.INFORMATIONAL, 38, 43, 44):
            for bodies in ([], [(num.DELETE, DELETE_IKE)], [(num.EAP, EAP_SUCCESS)]):
                inner, chain = raw_chain(bodies)
                scene = make_scene("init-answered")
                datagrams = [scene.sealed(exchange, inner, chain, False, number) for number in (0, 1, 2)]
                self.assert_unmoved(scene, datagrams)

    def test_11_cve_2021_45079_eap_success_in_place_of_a_proof(self):
        for name, is_response in (("init-answered", False), ("auth-sent", True)):
            for bodies in (
                [(num.EAP, EAP_SUCCESS)],
                [(num.IDR if is_response else num.IDI, b"\x02\x00\x00\x00b.example"), (num.EAP, EAP_SUCCESS)],
                [],
            ):
                scene = make_scene(name)
                inner, chain = raw_chain(bodies)
                scene.hit(scene.sealed(num.IKE_AUTH, inner, chain, is_response))
                for kind in (actions.IkeUp, actions.ChildUp, actions.InstallSa, actions.PeerSeen):
                    self.assertEqual(scene.victim.of(kind), [], (name, bodies))
                self.assertTrue(good_peer_gets_in(scene.pair), (name, bodies))

    def test_11_cve_2021_45079_responder_that_only_says_ok(self):
        # All that IKE_AUTH's answer has but the proof: a peer that skips AUTH must not come up at the initiator.
        pair = Pair()
        pair.initiate()
        for _ in range(3):
            pair.deliver()
        victim = pair.a.engine.table.list_all()[0]
        reseal(pair, pair.b, lambda payloads: [payload for payload in payloads if payload.type != num.AUTH])
        pair.transfer()
        self.assertEqual(pair.a.of(actions.IkeUp) + pair.a.of(actions.InstallSa), [])
        self.assertEqual(pair.a.error(), "syntax")
        self.assertFalse(victim.is_proven)


class Amplification(AttackTest):
    def test_16_cve_2016_5361_the_same_datagram_again_and_again(self):
        # A recorded handshake and a question, each a hundred times over from its own address and from others.
        pair = Pair()
        pair.initiate()
        recorded = []
        while pair.flight:
            recorded.append(pair.deliver())
        pair.a.engine.check_peer(NAME, pair.now)
        pair.collect()
        while pair.flight:
            recorded.append(pair.deliver())
        elsewhere = (bytes([203, 0, 113, 77]), 500)
        for datagram in recorded:
            side = pair.side_at(datagram.destination)
            for source in (datagram.source, elsewhere):
                sent = 0
                for _ in range(100):
                    side.engine.receive(datagram.data, source, datagram.destination, pair.now)
                    for answer in side.collect():
                        # To another address once in a second: there a peer that moves waits for it.
                        self.assertEqual(answer.destination, source)
                        self.assertTrue(source == datagram.source or not sent)
                        sent += len(answer.data)
                self.assertTrue(sent <= 100 * len(datagram.data) * 3 // 2, "%d bytes" % sent)
        pair.flight = []
        self.assertTrue(answers(pair))

    def test_16_cve_2016_5361_a_header_is_not_enough(self):
        # Whoever has seen one request knows ids and SPIs, and can change a byte.
        for scene in sealing_scenes():
            inner, chain = raw_chain([(num.NOTIFY, bytes([0, 0, 64, 0]))])
            datagrams = []
            for message_id in range(4):
                for exchange in (num.IKE_AUTH, num.INFORMATIONAL, num.CREATE_CHILD_SA):
                    good = scene.sealed(exchange, inner, chain, False, message_id)
                    datagrams.append(good[:-1] + bytes([good[-1] ^ 0x55]))
            sent = []
            for data in datagrams:
                sent += scene.hit(data)
            self.assertEqual(sent, [], scene.name)

    def test_16_first_answers_are_hardly_longer_than_their_requests(self):
        # The shortest request that is answered in full; by it somebody else's address could be hit.
        pair = Pair()
        pair.initiate()
        request = pair.flight[0].data
        message = pull_message(Reader(request))
        message.payloads = [payload for payload in message.payloads if payload.type in (num.SA, num.KE, num.NONCE)]
        for payload in message.payloads:
            if payload.type == num.NONCE:
                payload.data = payload.data[:16]
        short = push_message(message.header, message.payloads)
        pair.b.engine.receive(short, pair.a.endpoint, pair.b.endpoint, pair.now)
        sent = sum([len(answer.data) for answer in pair.b.collect()])
        self.assertTrue(0 < sent <= len(short) * 3 // 2, "%d bytes to %d" % (sent, len(short)))
        # And it is said once: a responder does not repeat itself to somebody who is silent.
        pair.now += 20_000
        pair.b.engine.handle_timer(pair.now)
        self.assertEqual(pair.b.collect(), [])

    def test_16_what_an_unknown_critical_payload_provokes(self):
        pair = Pair()
        pair.initiate()
        message = pull_message(Reader(pair.flight[0].data))
        data = push_message(message.header, message.payloads + [OpaquePayload(200, True, b"")])
        pair.b.engine.receive(data, pair.a.endpoint, pair.b.endpoint, pair.now)
        answered = pair.b.collect()
        self.assertEqual(len(answered), 1)
        self.assertTrue(len(answered[0].data) <= len(data))
