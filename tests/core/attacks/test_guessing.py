"""Class 19: what an active attacker learns of a pre-shared key by a handshake of his own.

As the initiator: nothing. Our responder proves itself only to who has proved himself, and a wrong identity and a wrong
key look the same to him, in words and in length.

As the responder, in the place of the true one: RFC 7296 makes the initiator prove itself first, so he gets one proof
(AUTH), on which he can try keys at leisure. That is the protocol's, not ours; what stands against it is a key that
cannot be guessed: `short-psk` warns below 16 characters, and pairing makes keys of 256 bits.
"""

from __future__ import annotations

from isthmus.proto import actions
from isthmus.proto.ike2 import auth
from isthmus.proto.ike2.sealing import open_sk, read_plaintext
from isthmus.wire import ike_numbers as num
from isthmus.wire.buffer import Reader
from isthmus.wire.identity import Identity
from isthmus.wire.ike import pull_message, pull_payloads
from isthmus.wire.ike_payloads import AuthPayload, IdPayload
from tests.core.attacks.case import AttackTest
from tests.core.ike_pair import Pair, make_connection
from tests.core.ike_tamper import open_up, sa_of
from tests.core.ike_tamper import reseal as reseal_payloads


def answers_to(connection):
    """What the responder sends to an initiator with this connection: [[payload, ...] of each answer], and lengths."""
    pair = Pair(0, connection)
    pair.initiate()
    said, lengths = [], []
    while pair.flight:
        datagram = pair.deliver()
        if datagram.source[0] != pair.b.endpoint[0]:
            continue
        message = pull_message(Reader(datagram.data))
        payloads = message.payloads
        if payloads and payloads[0].type == num.SK:
            keys = sa_of(pair.b, datagram.data).cipher_out
            payloads = read_plaintext(payloads[0], open_sk(keys, datagram.data, payloads[0]))
        said.append(payloads)
        lengths.append(len(datagram.data))
    return said, lengths, pair


class Initiator(AttackTest):
    GUESSES = (
        {"psk": b"a guess"},
        {"local_id": Identity(2, b"somebody.example")},
        {"remote_id": Identity(2, b"somebody.example")},
        {"psk": b"a guess", "local_id": Identity(2, b"x")},
        {"psk": b""},
    )

    def test_19_cve_2018_5389_a_responder_never_proves_itself_first(self):
        for guess in self.GUESSES:
            said, _, pair = answers_to(make_connection("A", **guess))
            self.assertEqual(len(said), 2)
            types = [payload.type for payload in said[1]]
            self.assertEqual(types, [num.NOTIFY], guess)
            self.assertEqual(said[1][0].notify, num.AUTHENTICATION_FAILED)
            for payload in said[0]:
                self.assertFalse(payload.type in (num.AUTH, num.IDR, num.IDI), guess)
            self.assertEqual(pair.b.of(actions.IkeUp), [])

    def test_19_wrong_identity_and_wrong_key_look_the_same(self):
        seen = []
        for guess in self.GUESSES:
            said, lengths, _ = answers_to(make_connection("A", **guess))
            seen.append((lengths, [(payload.notify, payload.data, payload.spi) for payload in said[1]]))
        for other in seen[1:]:
            self.assertEqual(other, seen[0])

    def test_19_one_attempt_buys_one_guess(self):
        # After a wrong proof the half-open SA is over: a second proof under the same keys is not looked at.
        pair = Pair(0, make_connection("A", psk=b"a guess"))
        pair.initiate()
        pair.deliver()
        pair.deliver()
        first = pair.flight[0].data
        _, inner, chain = open_up(pair.a, first)
        pair.deliver()
        pair.flight = []
        true = make_connection("A")
        sa = pair.a.engine.table.list_all()[0]
        sa.connection = true

        our_id = IdPayload(num.IDI, true.local_id)
        proof = AuthPayload(num.SHARED_KEY_MIC, auth.compute_auth(sa, true, actions.INITIATOR, our_id))
        for message_id in (1, 2):
            payloads = [proof if payload.type == num.AUTH else payload for payload in read(inner, chain)]
            data = sa.seal(num.IKE_AUTH, message_id, False, payloads)[0]
            pair.b.engine.receive(data, pair.a.endpoint, pair.b.endpoint, pair.now)
        self.assertEqual(pair.b.collect(), [])
        self.assertEqual(pair.b.of(actions.IkeUp), [])


def read(inner, chain):
    """The payloads of a chain."""
    return pull_payloads(Reader(chain), inner)


class Responder(AttackTest):
    def test_19_cve_2018_5389_one_proof_and_nothing_more(self):
        # In the place of the true responder, without its key: one AUTH, the attempt fails, and it says who failed.
        pair = Pair(0, None, make_connection("B", psk=b"the attacker's own"))
        pair.connect()
        self.assertEqual(pair.a.of(actions.IkeUp), [])
        self.assertEqual(pair.a.error(), "psk")
        self.assertEqual(pair.a.states(), [])
        # He answers as if all were well, with a proof of his own: believed only with the key.
        pair = Pair()
        pair.initiate()
        for _ in range(3):
            pair.deliver()
        reseal_payloads(pair, pair.b, lambda payloads: payloads[:1] + swap_auth(payloads[1:]))
        pair.transfer()
        self.assertEqual(pair.a.of(actions.IkeUp) + pair.a.of(actions.InstallSa), [])
        self.assertEqual(pair.a.error(), "psk")

    def test_19_the_proof_does_not_repeat(self):
        # Nonces and keys are fresh in every attempt: two proofs under one key have nothing in common to compare.
        proofs = set()
        for seed in range(3):
            pair = Pair(seed)
            pair.initiate()
            pair.deliver()
            pair.deliver()
            _, inner, chain = open_up(pair.a, pair.flight[0].data)
            proofs.update([payload.data for payload in read(inner, chain) if payload.type == num.AUTH])
        self.assertEqual(len(proofs), 3)


def swap_auth(payloads):
    """The payloads with a proof of zeros."""
    for payload in payloads:
        if payload.type == num.AUTH:
            payload.data = bytes(len(payload.data))
    return payloads
