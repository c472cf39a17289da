"""Pairing's IKE SAs: no CHILD SA, a mandatory PPK, side by side, never rekeyed; and what may not become one."""

from __future__ import annotations

import unittest

from isthmus.crypto.suites import parse_ike_suite
from isthmus.proto import actions
from isthmus.proto.errors import (
    AuthenticationFailed,
    CrossedAttempt,
    HalfAnswered,
    NoAdditionalSas,
    NoPairing,
    PpkMismatch,
    PskMismatch,
    Unreachable,
)
from isthmus.proto.ike2 import childless
from isthmus.proto.ike2.connection import Ppk
from isthmus.proto.ike2.sealing import read_plaintext
from isthmus.proto.pairing.keys import EXPORTER_LABEL, make_export_input
from isthmus.wire import ike_numbers as num
from isthmus.wire.buffer import Reader
from isthmus.wire.identity import ID_KEY_ID, Identity
from isthmus.wire.ike import pull_message, push_message
from isthmus.wire.ike_payloads import AuthPayload, NotifyPayload
from tests.core.ike_pair import A, B, Pair, Side, agreed
from tests.core.ike_pair import make_connection as make_tunnel
from tests.core.ike_pairing import INVITING, JOINER, NAME, ike_id, make_pair, make_pairing, told
from tests.core.ike_tamper import open_up, reseal

CARL = (bytes([203, 0, 113, 5]), 500)


def payload_types(side, data):
    """The types of the payloads inside a protected datagram of this side, and its notifies."""
    from isthmus.wire.ike import pull_payloads

    _, inner, chain = open_up(side, data)
    payloads = pull_payloads(Reader(chain), inner)
    return [it.type for it in payloads], [it.notify for it in payloads if isinstance(it, NotifyPayload)]


def is_up(pair):
    """True if both have one IKE SA and nothing else."""
    return pair.a.states() == pair.b.states() == ["established"]


def without(data, notify):
    """An IKE_SA_INIT message without a notify."""
    message = pull_message(Reader(data))
    left = [it for it in message.payloads if not (isinstance(it, NotifyPayload) and it.notify == notify)]
    return push_message(message.header, left)


class Third(Side):
    """Somebody else who has the same keys, elsewhere; what he is answered comes to him."""

    def __init__(self, pair, number, connection=None, seed=0):
        endpoint = (CARL[0][:3] + bytes([number]), 500)
        connection = connection or make_pairing("A")
        connection.local = endpoint
        super().__init__(endpoint, connection, "third %d %d" % (number, seed))
        self.pair = pair

    def run(self):
        """Talk with B until nothing moves."""
        for _ in range(50):
            sent = self.collect()
            for datagram in sent:
                self.pair.b.engine.receive(datagram.data, datagram.source, datagram.destination, self.pair.now)
            answers = [it for it in self.pair.b.collect() if it.destination[0] == self.endpoint[0]]
            for datagram in answers:
                self.engine.receive(datagram.data, datagram.source, datagram.destination, self.pair.now)
            if not sent and not answers:
                return self
        raise AssertionError("they never stop talking")

    def call(self):
        self.engine.initiate(NAME, self.pair.now)
        return self.run()


class ComesUp(unittest.TestCase):
    def test_without_a_child_sa(self):
        pair = make_pair().connect()
        self.assertTrue(is_up(pair))
        for side in (pair.a, pair.b):
            ups = [(it.name, it.ppk, it.peer_is_isthmus, it.mobike) for it in side.of(actions.IkeUp)]
            self.assertEqual(ups, [(NAME, True, True, False)])
            for kind in (actions.InstallSa, actions.ChildUp, actions.Failed):
                self.assertEqual(side.of(kind), [])

    def test_what_is_said(self):
        pair = make_pair()
        pair.initiate()
        for _ in range(2):
            said = pull_message(Reader(pair.flight[0].data)).payloads
            self.assertTrue(NotifyPayload(num.CHILDLESS_IKEV2_SUPPORTED) in said)
            pair.deliver()
        types, notifies = payload_types(pair.a, pair.flight[0].data)
        self.assertEqual((types, notifies), ([num.IDI, num.IDR, num.AUTH, num.NOTIFY], [num.PPK_IDENTITY]))
        pair.deliver()
        types, notifies = payload_types(pair.b, pair.flight[0].data)
        self.assertEqual((types, notifies), ([num.IDR, num.AUTH, num.NOTIFY], [num.PPK_IDENTITY]))

    def test_a_tunnel_says_nothing_of_it(self):
        pair = Pair()
        pair.b.engine.set_connection(make_pairing("B", name="pair-1"))
        pair.initiate()
        for _ in range(2):
            said = pull_message(Reader(pair.flight[0].data)).payloads
            self.assertFalse(NotifyPayload(num.CHILDLESS_IKEV2_SUPPORTED) in said)
            pair.deliver()
        pair.transfer()
        self.assertTrue(agreed(pair))

    def test_the_exporter(self):
        pair = make_pair().connect()
        ours, theirs = [side.engine.export(ike_id(side), EXPORTER_LABEL) for side in (pair.a, pair.b)]
        self.assertEqual(ours, theirs)
        self.assertEqual(len(ours), 32)
        sa = pair.a.engine.table.list_all()[0]
        wanted = sa.suite.prf.compute(sa.keys.d, make_export_input(sa.spi_i, sa.spi_r))
        self.assertEqual(ours, wanted)
        pair.connect()
        self.assertFalse(pair.a.engine.export(ike_id(pair.a), EXPORTER_LABEL) == ours)

    def test_the_exporter_gives_nothing_else(self):
        pair = make_pair().connect()
        engine, number = pair.a.engine, ike_id(pair.a)
        for label in (b"", b"seventeen bytes !"):
            with self.assertRaises(ValueError):
                engine.export(number, label)
        with self.assertRaises(KeyError):
            engine.export(number + 1000, EXPORTER_LABEL)
        engine.close(number, pair.now)
        with self.assertRaises(KeyError):
            engine.export(number, EXPORTER_LABEL)

    def test_the_ppk_is_mandatory(self):
        with self.assertRaises(ValueError):
            childless.make_connection(
                NAME, A, B, JOINER, INVITING, b"psk", Ppk(b"id", b"key", False),
                [parse_ike_suite("aes128gcm16-prfsha256-x25519")], make_tunnel().retransmit,
            )  # fmt: skip

    def test_secrets_are_in_no_text(self):
        text = repr(make_pairing("A")) + repr(actions.Told(NAME, 1, b"secret"))
        for secret in (b"label of S", b"secret"):
            self.assertFalse(secret.hex() in text or secret.decode() in text)


class Apart(unittest.TestCase):
    """A pairing and a tunnel do not get into each other's way, not even under the same identities."""

    def both(self):
        """A and B have a tunnel, and a pairing under the same two identities and keys."""
        ppk = Ppk(b"ppk", b"label of S for the PPK", True)
        a, b = [make_tunnel(here, ppk=ppk, psk=b"label of S for AUTH") for here in ("A", "B")]
        pair = Pair(0, a, b)
        pair.a.engine.set_connection(make_pairing("A", name="pair-1-proof", ids=(a.local_id, a.remote_id)))
        pair.b.engine.set_connection(make_pairing("B", name="pair-1-proof", ids=(b.local_id, b.remote_id)))
        return pair

    def test_both_come_up_side_by_side(self):
        for names in ((NAME, "pair-1-proof"), ("pair-1-proof", NAME)):
            pair = self.both()
            for name in names:
                pair.a.engine.initiate(name, pair.now)
                pair.transfer()
            self.assertTrue(agreed(pair))
            for side in (pair.a, pair.b):
                self.assertEqual(sorted([it.name for it in side.of(actions.IkeUp)]), ["branch", "pair-1-proof"])
                self.assertEqual(side.states(), ["established", "established"])

    def test_no_pairing_where_there_is_none(self):
        pair = self.both()
        pair.b.engine.remove_connection("pair-1-proof")
        pair.a.engine.initiate("pair-1-proof", pair.now)
        pair.transfer()
        self.assertEqual((pair.b.states(), pair.b.engine.counters["unknown-peer"]), ([], 1))
        pair.wait(60_000)
        error = pair.a.of(actions.Failed)[0].error
        self.assertTrue(isinstance(error, Unreachable) and not isinstance(error, HalfAnswered))

    def test_no_tunnel_where_there_is_only_a_pairing(self):
        pair = self.both()
        pair.b.engine.remove_connection(NAME)
        pair.connect()
        self.assertEqual((pair.b.states(), pair.b.engine.counters["unknown-peer"]), ([], 1))

    def test_who_answers_without_saying_so(self):
        pair = make_pair()
        pair.initiate()
        pair.deliver()
        pair.flight[0].data = without(pair.flight[0].data, num.CHILDLESS_IKEV2_SUPPORTED)
        pair.transfer()
        self.assertEqual(pair.a.states(), ["init-sent"])
        pair.advance()
        pair.flight = []
        pair.now += 3000
        pair.a.engine.handle_timer(pair.now)
        pair.collect()
        self.assertTrue(isinstance(pair.a.of(actions.Failed)[0].error, NoPairing))

    def test_a_true_answer_after_such_a_one_still_counts(self):
        pair = make_pair()
        pair.initiate()
        pair.deliver()
        true = pair.flight[0].data
        pair.flight[0].data = without(true, num.CHILDLESS_IKEV2_SUPPORTED)
        pair.deliver(keep=True)
        pair.flight[0].data = true
        pair.transfer()
        self.assertTrue(is_up(pair))

    def test_who_answers_and_says_no_more(self):
        pair = make_pair()
        pair.initiate()
        pair.deliver()
        pair.deliver()
        for _ in range(20):
            pair.flight = []
            pair.advance()
        self.assertTrue(isinstance(pair.a.of(actions.Failed)[0].error, HalfAnswered))

    def test_a_proof_without_a_child_sa_in_a_tunnels_ike_sa(self):
        pair = Pair()
        pair.initiate()
        pair.deliver()
        pair.deliver()
        reseal(pair, pair.a, lambda payloads: [it for it in payloads if it.type in (num.IDI, num.IDR, num.AUTH)])
        pair.transfer()
        self.assertEqual(pair.b.of(actions.IkeUp), [])
        self.assertEqual(pair.a.of(actions.IkeUp), [])

    def test_a_child_sa_in_a_pairings_ike_sa(self):
        tunnel = Pair()
        tunnel.initiate()
        tunnel.deliver()
        tunnel.deliver()
        wish = [it for it in read_all(tunnel.a, tunnel.flight[0].data) if it.type in (num.SA, num.TSI, num.TSR)]
        pair = make_pair()
        pair.initiate()
        pair.deliver()
        pair.deliver()
        reseal(pair, pair.a, lambda payloads: payloads + wish)
        pair.transfer()
        self.assertEqual((pair.b.of(actions.IkeUp), pair.b.of(actions.InstallSa)), ([], []))
        self.assertEqual(pair.a.of(actions.IkeUp), [])

    def test_suites_of_a_pairing_are_not_offered_to_a_tunnels_peer(self):
        pair = Pair(0, make_tunnel("A", "aes256gcm16-prfsha256-x25519 aes128gcm16-prfsha256-x25519"), make_tunnel("B"))
        pair.b.engine.set_connection(make_pairing("B", name="a pairing", ike="aes256gcm16-prfsha256-x25519"))
        pair.connect()
        self.assertTrue(agreed(pair))


def read_all(side, data):
    """The payloads of a protected datagram that this side has sent."""
    from isthmus.proto.ike2.sealing import open_sk
    from tests.core.ike_tamper import opener

    sk = pull_message(Reader(data)).payloads[0]
    return read_plaintext(sk, open_sk(opener(side, data), data, sk))


class Proof(unittest.TestCase):
    def failures(self, **changes):
        pair = make_pair(a=make_pairing("A", **changes))
        pair.connect()
        self.assertEqual((pair.b.of(actions.IkeUp), pair.a.of(actions.IkeUp)), ([], []))
        return [(it.name, it.role, type(it.error)) for it in pair.b.of(actions.Failed)]

    def test_a_false_one_is_reported_by_name(self):
        responder = actions.RESPONDER
        self.assertEqual(self.failures(psk=b"guessed"), [(NAME, responder, PskMismatch)])
        self.assertEqual(self.failures(ppk=b"guessed"), [(NAME, responder, PskMismatch)])
        self.assertEqual(self.failures(ppk_id=b"guessed"), [(NAME, responder, PpkMismatch)])
        for kind in (PskMismatch, PpkMismatch):
            self.assertTrue(isinstance(kind(""), AuthenticationFailed))

    def test_a_stranger_is_not(self):
        ids = (Identity(ID_KEY_ID, b"somebody"), INVITING)
        failed = self.failures(ids=ids)
        self.assertEqual([(name, issubclass(kind, AuthenticationFailed)) for name, _, kind in failed], [(None, False)])
        ids = (JOINER, Identity(ID_KEY_ID, b"somebody"))
        failed = self.failures(ids=ids)
        self.assertEqual([(name, issubclass(kind, AuthenticationFailed)) for name, _, kind in failed], [(None, False)])

    def test_another_method_is_a_false_one(self):
        pair = make_pair()
        pair.initiate()
        pair.deliver()
        pair.deliver()

        def sign(payloads):
            return [AuthPayload(1, bytes(64)) if it.type == num.AUTH else it for it in payloads]

        reseal(pair, pair.a, sign)
        pair.transfer()
        failed = pair.b.of(actions.Failed)[0]
        self.assertTrue(failed.name == NAME and isinstance(failed.error, AuthenticationFailed))

    def test_each_guess_is_counted_however_fast(self):
        pair = make_pair()
        for number in range(5):
            Third(pair, 5, make_pairing("A", psk=b"guess %d" % number), number).call()
        named = [it for it in pair.b.of(actions.Failed) if it.name == NAME]
        self.assertEqual(len(named), 5)
        pair.connect()
        self.assertEqual(len(pair.b.of(actions.IkeUp)), 1)

    def test_without_the_ppk_nobody_comes_in(self):
        pair = make_pair()
        plain = make_pairing("A")
        plain.ppk = None
        Third(pair, 5, plain).call()
        self.assertEqual(pair.b.of(actions.IkeUp), [])
        pair = make_pair()
        pair.b.engine.connections.get(NAME).ppk = None
        pair.connect()
        pair.wait(60_000)
        self.assertEqual(pair.a.of(actions.IkeUp), [])


class SideBySide(unittest.TestCase):
    def test_a_rival_leaves_the_first_alone(self):
        pair = make_pair().connect()
        first = ike_id(pair.b)
        rival = Third(pair, 5).call()
        self.assertEqual(len(rival.of(actions.IkeUp)), 1)
        self.assertEqual(pair.b.of(actions.IkeGone), [])
        self.assertEqual(pair.b.states(), ["established", "established"])
        pair.wait(200_000)
        self.assertTrue(pair.b.engine.tell(first, b"still here", pair.now))
        pair.transfer()
        self.assertEqual(told(pair.a), [b"still here"])

    def test_so_many_and_no_more(self):
        pair = make_pair().connect()
        rivals = [Third(pair, 10 + number).call() for number in range(6)]
        self.assertEqual([len(it.of(actions.IkeUp)) for it in rivals], [1, 1, 1, 0, 0, 0])
        refused = pair.b.of(actions.Failed)
        self.assertEqual([type(it.error) for it in refused], [NoAdditionalSas] * 3)
        self.assertFalse(isinstance(refused[0].error, AuthenticationFailed))
        self.assertTrue(pair.a.engine.tell(ike_id(pair.a), b"in use", pair.now))
        pair.transfer()
        self.assertEqual(told(pair.b), [b"in use"])
        rivals[0].engine.close(ike_id(rivals[0]), pair.now)
        rivals[0].run()
        self.assertEqual(len(Third(pair, 30).call().of(actions.IkeUp)), 1)

    def test_coming_and_going_fills_nothing(self):
        pair = make_pair().connect()
        for number in range(30):
            rival = Third(pair, 10 + number).call()
            rival.engine.close(ike_id(rival), pair.now)
            rival.run()
        self.assertLessEqual(len(pair.b.engine.table), 12)
        self.assertEqual(pair.b.states()[0], "established")

    def test_who_never_answers_a_farewell_takes_a_place_and_no_more(self):
        pair = make_pair().connect()
        for number in range(10):
            rival = Third(pair, 10 + number).call()
            pair.b.engine.close(ike_id(pair.b), pair.now)
            pair.b.collect()
            rival.engine.take_actions()
        self.assertLessEqual(len([state for state in pair.b.states() if state != "done"]), childless.MAX_SIDE_BY_SIDE)
        self.assertEqual(pair.b.states()[0], "established")

    def test_a_flood_does_not_push_it_out(self):
        pair = make_pair().connect()
        for number in range(300):
            source = (bytes([100, 64, number >> 8, number & 255]), 500)
            flood = Third(pair, 5, None, number)
            flood.engine.initiate(NAME, pair.now)
            for datagram in flood.collect():
                pair.b.engine.receive(datagram.data, source, B, pair.now)
            pair.b.collect_and_forget()
        self.assertEqual(pair.b.states()[0], "established")
        self.assertTrue(pair.a.engine.tell(ike_id(pair.a), b"through", pair.now))
        pair.transfer()
        self.assertEqual(told(pair.b), [b"through"])

    def test_a_copied_beginning_is_no_second_one(self):
        pair = make_pair()
        pair.initiate()
        copy = pair.flight[0]
        pair.b.engine.receive(copy.data, (copy.source[0], 4999), copy.destination, pair.now)
        pair.collect()
        answer = pair.flight.pop()
        pair.deliver()
        answer.destination = copy.source
        pair.flight.append(answer)
        pair.transfer()
        pair.wait(5_000)
        self.assertEqual((len(pair.a.of(actions.IkeUp)), len(pair.b.of(actions.IkeUp))), (1, 1))
        for failed in pair.b.of(actions.Failed):
            self.assertTrue(isinstance(failed.error, CrossedAttempt))
        self.assertTrue(pair.a.engine.tell(ike_id(pair.a), b"in the same one", pair.now))
        pair.transfer()
        self.assertEqual(told(pair.b), [b"in the same one"])


class NeverRekeyed(unittest.TestCase):
    def test_nor_moved_by_ourselves(self):
        pair = make_pair().connect()
        engine = pair.a.engine
        engine.rekey_ike(NAME, pair.now)
        engine.rekey_child(NAME, b"none", pair.now)
        self.assertFalse(engine.move(NAME, (CARL[0], 4500), B, pair.now))
        pair.collect()
        self.assertEqual(pair.flight, [])

    def test_nor_by_the_peer(self):
        rekeying = Pair().connect()
        rekeying.flight = []
        rekeying.a.engine.rekey_ike(NAME, rekeying.now)
        rekeying.collect()
        wish = read_all(rekeying.a, rekeying.flight[0].data)
        pair = make_pair().connect()
        sa = pair.a.engine.table.list_all()[0]
        pair.a.engine.request(sa, num.CREATE_CHILD_SA, wish, pair.now)
        pair.collect()
        pair.deliver()
        self.assertEqual(payload_types(pair.b, pair.flight[0].data)[1], [num.NO_ADDITIONAL_SAS])
        self.assertEqual(pair.b.states(), ["established"])

    def test_a_doubt_begins_nothing(self):
        pair = make_pair().connect()
        pair.b.engine.table.remove(pair.b.engine.table.list_all()[0])
        pair.a.engine.tell(ike_id(pair.a), b"is anybody there", pair.now)
        pair.transfer()
        pair.wait(10_000)
        self.assertEqual(pair.a.states(), ["established"])
        pair.wait(120_000)
        self.assertEqual(pair.a.states(), [])
        self.assertEqual(pair.a.of(actions.IkeGone)[0].error.code, "peer-dead")


if __name__ == "__main__":
    unittest.main()
