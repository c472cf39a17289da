"""RFC 8784: a second pre-shared key, demanded or merely preferred, on either side; and what an attacker cannot undo."""

from __future__ import annotations

import unittest

from isthmus.crypto.suites import SuiteError, parse_ike_suite
from isthmus.proto import actions
from isthmus.proto.ike2.connection import Ppk
from isthmus.proto.ike2.keys import IkeKeys
from isthmus.wire import ike_numbers as num
from isthmus.wire.buffer import Reader
from isthmus.wire.ike import pull_message, push_message
from isthmus.wire.ike_payloads import NotifyPayload
from tests.core.ike_pair import Pair, agreed, make_connection
from tests.core.ike_tamper import open_up
from tests.core.test_crypto_vectors import cases_of, unhex

KEY = b"a key that no quantum computer finds"
NEED, WANT = True, False


def make_pair(a=None, b=None, seed=0, psk=None):
    """a, b: None, or (id, key, whether it must be used)."""
    connections = [
        make_connection(here, ppk=None if ppk is None else Ppk(*ppk)) for here, ppk in (("A", a), ("B", b))
    ]
    if psk:
        connections[1].psk = psk
    return Pair(seed, connections[0], connections[1])


def notifies(side, data):
    """The notifies inside a protected datagram that `side` has sent."""
    from isthmus.wire.ike import pull_payloads

    _, inner, chain = open_up(side, data)
    return [payload for payload in pull_payloads(Reader(chain), inner) if isinstance(payload, NotifyPayload)]


def says_use(data):
    """True if an IKE_SA_INIT message carries USE_PPK."""
    return NotifyPayload(num.USE_PPK) in pull_message(Reader(data)).payloads


class Agreement(unittest.TestCase):
    def test_every_combination(self):
        ours = ("site", KEY)
        for a, b, up, used in (
            (None, None, True, False),
            (WANT, None, True, False),
            (None, WANT, True, False),
            (WANT, WANT, True, True),
            (NEED, WANT, True, True),
            (WANT, NEED, True, True),
            (NEED, NEED, True, True),
            (NEED, None, False, False),
            (None, NEED, False, False),
        ):
            pair = make_pair(*[None if need is None else (ours[0].encode(), ours[1], need) for need in (a, b)])
            pair.connect()
            pair.wait(10_000)
            self.assertEqual(agreed(pair), up, (a, b))
            if up:
                for side in (pair.a, pair.b):
                    self.assertEqual(side.of(actions.IkeUp)[0].ppk, used, (a, b))
            else:
                self.assertEqual((pair.a if a else pair.b).error(), "ppk", (a, b))
                self.assertEqual((pair.a.of(actions.ChildUp), pair.b.of(actions.ChildUp)), ([], []))

    def test_another_id(self):
        for a, b, up in ((WANT, WANT, True), (NEED, WANT, False), (WANT, NEED, False), (NEED, NEED, False)):
            pair = make_pair((b"one", KEY, a), (b"two", KEY, b)).connect()
            self.assertEqual(agreed(pair), up, (a, b))
            if up:
                self.assertFalse(pair.a.of(actions.IkeUp)[0].ppk or pair.b.of(actions.IkeUp)[0].ppk)
                continue
            failed = pair.b.of(actions.Failed)[-1].error
            self.assertEqual(failed.code, "ppk")
            self.assertTrue("'one'" in failed.message and "'two'" in failed.message, failed.message)
            self.assertTrue("ppk_required" in failed.remedy)
            self.assertTrue("ppk" in pair.a.of(actions.Failed)[-1].error.message)

    def test_another_key_is_no_reason_to_do_without(self):
        # RFC 8784 section 3: whoever has a key of that name uses it, even if it could do without.
        for a, b in ((WANT, WANT), (WANT, NEED), (NEED, WANT), (NEED, NEED)):
            pair = make_pair((b"site", KEY, a), (b"site", KEY + b"!", b)).connect()
            self.assertFalse(agreed(pair), (a, b))
            failed = pair.b.of(actions.Failed)[-1].error
            # Only with a proof without it is it clear which of the two keys differs.
            self.assertEqual(failed.code, "psk" if a is NEED else "ppk")
            self.assertTrue("ppk" in failed.message and "ppk_id" in failed.remedy, failed.remedy)
            for error in (failed, pair.a.of(actions.Failed)[-1].error):
                self.assertFalse(KEY.decode() in error.message + error.remedy + repr(error))

    def test_a_wrong_psk_is_said_to_be_one(self):
        for ppk in (None, (b"site", KEY, WANT)):
            pair = make_pair(ppk, ppk, psk=b"another").connect()
            self.assertEqual(pair.b.error(), "psk")

    def test_messages(self):
        for need in (WANT, NEED):
            pair = make_pair((b"site", KEY, need), (b"site", KEY, need))
            pair.initiate()
            self.assertTrue(says_use(pair.flight[0].data))
            pair.deliver()
            self.assertTrue(says_use(pair.flight[0].data))
            pair.deliver()
            said = notifies(pair.a, pair.flight[0].data)
            self.assertEqual(said[0], NotifyPayload(num.PPK_IDENTITY, b"\x02site"))
            plain = [notify for notify in said if notify.notify == num.NO_PPK_AUTH]
            self.assertEqual([len(notify.data) for notify in plain], [] if need else [32])
            pair.deliver()
            self.assertTrue(NotifyPayload(num.PPK_IDENTITY) in notifies(pair.b, pair.flight[0].data))

    def test_nothing_is_said_without_one(self):
        pair = make_pair(None, (b"site", KEY, WANT)).connect()
        for side in (pair.a, pair.b):
            self.assertFalse(says_use(side.of(actions.SendDatagram)[0].data))

    def test_it_changes_the_keys(self):
        ppk = (b"site", KEY, WANT)
        mixed = make_pair(ppk, ppk).connect().a.of(actions.ChildUp)[0].inbound.keys.encryption
        plain = make_pair(ppk, None).connect().a.of(actions.ChildUp)[0].inbound.keys.encryption
        other = (b"site", KEY + b"2", WANT)
        third = make_pair(other, other).connect().a.of(actions.ChildUp)[0].inbound.keys.encryption
        self.assertEqual(len({bytes(mixed), bytes(plain), bytes(third)}), 3)

    def test_rekeyed_keys_come_from_mixed_ones(self):
        ppk = (b"site", KEY, NEED)
        pair = make_pair(ppk, ppk).connect()
        pair.a.engine.rekey_ike("branch", pair.now)
        pair.transfer()
        self.assertEqual(pair.a.engine.table.list_all()[-1].keys.d, pair.b.engine.table.list_all()[-1].keys.d)

    def test_known_answers(self):
        for case in cases_of("ppk"):
            try:
                suite = parse_ike_suite(case["suite"])
            except SuiteError:
                continue
            d, pi, pr = [bytearray(unhex(case[name])) for name in ("sk_d", "sk_pi", "sk_pr")]
            keys = IkeKeys([d, bytearray(), bytearray(), bytearray(), bytearray(), pi, pr])
            keys.mix(suite.prf, unhex(case["ppk"]))
            self.assertEqual([bytes(part) for part in (keys.d, keys.pi, keys.pr)],
                             [unhex(case[name]) for name in ("mixed_d", "mixed_pi", "mixed_pr")])
            self.assertEqual(bytes(keys.get_proof(True, True)), unhex(case["sk_pi"]))
            self.assertEqual(bytes(keys.get_proof(False, True)), unhex(case["sk_pr"]))
            keys.unmix()
            self.assertEqual(bytes(keys.d), unhex(case["sk_d"]))
            keys.mix(suite.prf, unhex(case["ppk"]))
            keys.settle()
            self.assertFalse(any(d) or any(pi) or any(pr), "what they were before is overwritten")


class Attack(unittest.TestCase):
    def strip(self, pair):
        """Take USE_PPK out of the IKE_SA_INIT message in flight."""
        message = pull_message(Reader(pair.flight[0].data))
        payloads = [payload for payload in message.payloads if payload != NotifyPayload(num.USE_PPK)]
        self.assertEqual(len(payloads), len(message.payloads) - 1)
        pair.flight[0].data = push_message(message.header, payloads)

    def test_taken_out_of_the_request(self):
        # Both would do without, but AUTH covers what was really sent: no downgrade.
        pair = make_pair((b"site", KEY, WANT), (b"site", KEY, WANT))
        pair.initiate()
        self.strip(pair)
        pair.transfer()
        self.assertEqual((pair.a.of(actions.IkeUp), pair.b.of(actions.IkeUp)), ([], []))

    def test_taken_out_of_the_answer(self):
        # The initiator sees that the responder's proof is about another answer, and takes the SA down again.
        pair = make_pair((b"site", KEY, WANT), (b"site", KEY, WANT))
        pair.initiate()
        pair.deliver()
        self.strip(pair)
        pair.transfer()
        self.assertEqual((pair.a.of(actions.IkeUp), pair.a.children(), pair.b.children()), ([], {}, {}))
        self.assertFalse("established" in pair.b.states())

    def test_a_forged_answer_does_not_end_the_attempt_of_who_must(self):
        pair = make_pair((b"site", KEY, NEED), (b"site", KEY, NEED))
        pair.initiate()
        pair.deliver()
        true = pair.flight[0].data
        self.strip(pair)
        pair.deliver()
        self.assertEqual((pair.a.states(), pair.a.engine.counters["unproven"]), (["init-sent"], 1))
        pair.a.engine.receive(true, pair.b.endpoint, pair.a.endpoint, pair.now)  # the better answer, in time
        pair.transfer()
        self.assertTrue(agreed(pair))

    def test_a_peer_that_claims_to_have_used_it(self):
        # PPK_IDENTITY in the answer without the key behind it is no proof.
        pair = make_pair((b"site", KEY, NEED), (b"site", KEY + b"?", WANT)).connect()
        self.assertEqual(pair.a.of(actions.IkeUp), [])

    def test_strange_ids(self):
        for data in (b"", b"\x02", b"\x01site", b"\x02sit", b"\x02site\x00", b"\x00site", b"\xff" * 300):
            pair = make_pair((b"site", KEY, NEED), (b"site", KEY, NEED))
            pair.initiate()
            pair.deliver()
            pair.deliver()
            from tests.core.ike_tamper import reseal

            reseal(pair, pair.a, lambda payloads, data=data: [
                NotifyPayload(num.PPK_IDENTITY, data)
                if isinstance(payload, NotifyPayload) and payload.notify == num.PPK_IDENTITY else payload
                for payload in payloads
            ])
            pair.transfer()
            self.assertEqual((pair.b.of(actions.IkeUp), pair.b.error()), ([], "ppk"), data)
