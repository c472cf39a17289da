"""What a peer may say to a rekeying, and what a strange request for one gets for an answer."""

from __future__ import annotations

import unittest

from isthmus.proto import actions
from isthmus.proto.ike2 import child
from isthmus.proto.ike2.tasks import MAX_PUT_OFF
from isthmus.proto.ike2.times import SUPERSEDED_MS
from isthmus.wire import ike_numbers as num
from isthmus.wire.ike_payloads import KePayload, NoncePayload, NotifyPayload, SaPayload
from tests.core.ike_pair import NAME, agreed, make_connection
from tests.core.ike_rekey import command, faults, make_up
from tests.core.ike_tamper import open_up, reseal

TWO_GROUPS = "aes128gcm16-prfsha256-x25519 aes128gcm16-prfsha256-modp2048"


def notify_in(side, datagram):
    """(type, protocol, SPI) of the one notify inside an answer that `side` has sent."""
    _, inner, chain = open_up(side, datagram.data)
    if inner != num.NOTIFY:
        raise AssertionError("the answer begins with payload %d" % inner)
    return int.from_bytes(chain[6:8], "big"), chain[4], chain[8 : 8 + chain[5]]


class StrangeRequests(unittest.TestCase):
    """A's request is changed on its way; what B answers, and that B keeps what it has."""

    def ask(self, word, change):
        pair = make_up()
        command(pair, pair.a, word)
        reseal(pair, pair.a, change)
        pair.deliver()
        told = notify_in(pair.b, pair.flight[0])
        self.assertEqual(pair.b.states(), ["established"])
        self.assertEqual(len(pair.b.children()), 1)
        return told

    def test_rekey_of_what_is_not_there(self):
        # CVE-2023-38710: a REKEY_SA whose protocol is none, or whose SPI has another length.
        for protocol, spi in (
            (num.PROTO_ESP, b"\x12\x34\x56\x78"),
            (num.PROTO_ESP, b""),
            (num.PROTO_ESP, b"\x12\x34\x56"),
            (num.PROTO_ESP, bytes(255)),
            (0, b""),
            (num.PROTO_IKE, b""),
            (num.PROTO_IKE, bytes(8)),
            (2, b"\x12\x34\x56\x78"),
            (255, bytes(4)),
        ):

            def change(payloads, protocol=protocol, spi=spi):
                return [NotifyPayload(num.REKEY_SA, b"", protocol, spi)] + payloads[1:]

            self.assertEqual(self.ask("rekey-child", change), (num.CHILD_SA_NOT_FOUND, protocol, spi))

    def test_the_right_spi_under_another_protocol(self):
        def change(payloads):
            return [NotifyPayload(num.REKEY_SA, b"", num.PROTO_IKE, payloads[0].spi)] + payloads[1:]

        self.assertEqual(self.ask("rekey-child", change)[0], num.CHILD_SA_NOT_FOUND)

    def test_a_further_child_sa(self):
        self.assertEqual(self.ask("rekey-child", lambda payloads: payloads[1:])[0], num.NO_ADDITIONAL_SAS)

    def test_an_ike_spi_that_cannot_be(self):
        for spi in (b"", bytes(8), bytes(range(4)), bytes(range(16))):

            def change(payloads, spi=spi):
                for proposal in payloads[0].proposals:
                    proposal.spi = spi
                return [SaPayload(payloads[0].proposals)] + payloads[1:]

            self.assertEqual(self.ask("rekey-ike", change)[0], num.NO_PROPOSAL_CHOSEN)

    def test_a_key_of_another_group(self):
        def change(payloads):
            return [KePayload(num.MODP2048, bytes(256)) if it.type == num.KE else it for it in payloads]

        self.assertEqual(self.ask("rekey-ike", change)[0], num.INVALID_KE_PAYLOAD)

    def test_repeated_twice_in_one_message(self):
        pair = make_up()
        command(pair, pair.a, "rekey-child")
        reseal(pair, pair.a, lambda payloads: [payloads[0]] + payloads)
        pair.transfer()
        self.assertTrue(agreed(pair))

    def test_after_the_only_child_sa_has_gone_a_first_one_is_welcome(self):
        pair = make_up()
        command(pair, pair.b, "delete-child")
        pair.transfer()
        self.assertEqual((len(pair.a.children()), len(pair.b.children())), (0, 0))
        sa = pair.a.engine.table.list_all()[0]
        offer = child.make_offer(sa, sa.connection, sa.connection.esp_proposals, bytes(range(4, 8)))
        pair.a.engine.request(sa, num.CREATE_CHILD_SA, offer[:1] + [NoncePayload(bytes(32))] + offer[1:], pair.now)
        pair.collect()
        pair.deliver()
        self.assertEqual([up.replaces for up in pair.b.of(actions.ChildUp)[1:]], [None])


class StrangeAnswers(unittest.TestCase):
    """B's answer is changed on its way; what A makes of it."""

    def hear(self, word, change, ike=None):
        pair = make_up(0, a=make_connection("A", ike=ike) if ike else None)
        command(pair, pair.a, word)
        pair.deliver()
        reseal(pair, pair.b, change)
        pair.deliver()
        return pair

    def test_refused_for_good(self):
        for word in ("rekey-child", "rekey-ike"):
            for notify, code in (
                (num.NO_PROPOSAL_CHOSEN, "no-proposal"),
                (num.TS_UNACCEPTABLE, "selectors"),
                (num.NO_ADDITIONAL_SAS, "refused"),
                (num.INVALID_KE_PAYLOAD, "no-proposal"),
                (9999, "refused"),
            ):
                pair = self.hear(word, lambda _, notify=notify: [NotifyPayload(notify, b"\x00\x0e")])
                refused = pair.a.of(actions.RekeyRefused)
                self.assertEqual([action.error.code for action in refused], [code])
                self.assertEqual(refused[0].inbound_spi is None, word == "rekey-ike")
                self.assertTrue(refused[0].error.by_peer)
                self.assertEqual(pair.a.states(), ["established"])
                self.assertEqual(len(pair.a.children()), 1)
                sa = pair.a.engine.table.list_all()[0]
                self.assertEqual((sa.task, sa.children[0].task, sa.child_spi, sa.later), (None, None, b"", []))

    def put_off(self, word, seed, rounds):
        """A's request meets `rounds` times a peer that is closing the IKE SA, and so puts everything off."""
        pair = make_up(seed)
        closing = pair.b.engine.table.list_all()[0]
        closing.state, closing.expire_at = "closing", 1 << 40
        command(pair, pair.a, word)
        waits = []
        for _ in range(rounds):
            pair.transfer()
            sa = pair.a.engine.table.list_all()[0]
            if not sa.later:
                break
            waits.append(sa.later[0][0] - pair.now)
            pair.advance()
        closing.state, closing.expire_at = "established", None
        return pair, waits

    def test_put_off_and_tried_again(self):
        for word in ("rekey-child", "rekey-ike"):
            first = set()
            for seed in range(4):
                pair, waits = self.put_off(word, seed, 3)
                self.assertEqual(len(waits), 3)
                self.assertTrue(min(waits) >= 500, waits)
                first.add(waits[0])
                pair.transfer()
                pair.wait(200_000)
                self.assertEqual(faults(pair), "")
                done = pair.a.of(actions.ChildUp)[1:] + pair.a.of(actions.IkeRekeyed)
                self.assertEqual(len(done), 1)
            self.assertTrue(len(first) > 1, "the waits are not random")

    def test_put_off_without_end_is_a_refusal(self):
        for word in ("rekey-child", "rekey-ike"):
            pair, waits = self.put_off(word, 0, 100)
            self.assertEqual(len(waits), MAX_PUT_OFF)
            self.assertEqual([action.error.code for action in pair.a.of(actions.RekeyRefused)], ["put-off"])

    def test_a_peer_that_has_lost_the_child_sa(self):
        pair = self.hear("rekey-child", lambda _: [NotifyPayload(num.CHILD_SA_NOT_FOUND, b"", num.PROTO_ESP, bytes(4))])
        self.assertEqual(pair.a.children(), {})
        self.assertEqual([gone.reason for gone in pair.a.of(actions.ChildGone)], [actions.DELETED])
        self.assertEqual(pair.a.states(), ["established"])

    def test_an_answer_to_another_question_ends_the_ike_sa(self):
        def to_ike(payloads):
            return [payloads[0], NoncePayload(bytes(32)), KePayload(num.X25519, bytes(32))]

        pair = self.hear("rekey-child", to_ike)
        self.assertEqual([gone.error.code for gone in pair.a.of(actions.IkeGone)], ["syntax"])

    def test_the_other_group_of_ike(self):
        pair = make_up(0, a=make_connection("A", ike=TWO_GROUPS), b=make_connection("B", ike=TWO_GROUPS))
        for side in (pair.a, pair.b):
            connection = side.engine.table.list_all()[0].connection
            if side is pair.b:
                connection.ike_proposals = make_connection(ike=TWO_GROUPS.split()[1]).ike_proposals
        command(pair, pair.a, "rekey-ike")
        pair.transfer()
        pair.wait(200_000)
        self.assertEqual(faults(pair), "")
        self.assertEqual([step.suite.group.name for step in pair.a.of(actions.IkeRekeyed)], ["modp2048"])


class Forgetful(unittest.TestCase):
    def test_what_the_peer_does_not_delete_goes_all_the_same(self):
        for word in ("rekey-child", "rekey-ike"):
            pair = make_up()
            command(pair, pair.a, word)
            pair.deliver()
            engine, deleted = pair.b.engine, pair.b.of(actions.ChildGone)
            self.assertEqual(len(pair.b.children()), 2 if word == "rekey-child" else 1)
            self.assertEqual(engine.get_timer(), pair.now + SUPERSEDED_MS)
            engine.handle_timer(pair.now + SUPERSEDED_MS)
            pair.b.collect()
            if word == "rekey-ike":
                self.assertEqual((pair.b.states(), len(pair.b.children()), deleted), (["established"], 1, []))
            else:
                sa = engine.table.list_all()[0]
                self.assertEqual([it.closing for it in sa.children], [True, False])
                self.assertTrue(sa.requests.is_waiting)

    def test_unknown_names_and_spis_do_nothing(self):
        pair = make_up()
        for name, spi in (("nobody", b"\x01\x02\x03\x04"), (NAME, b"\x01\x02\x03\x04"), (NAME, b"")):
            pair.a.engine.rekey_child(name, spi, pair.now)
            pair.a.engine.delete_child(name, spi, pair.now)
        pair.a.engine.rekey_ike("nobody", pair.now)
        self.assertEqual(pair.a.engine.take_actions(), [])

    def test_asked_twice_it_is_done_once(self):
        for word in ("rekey-child", "rekey-ike", "delete-child"):
            pair = make_up()
            for _ in range(3):
                command(pair, pair.a, word)
            self.assertEqual(len(pair.flight), 1, word)
            pair.transfer()
            done = pair.a.of(actions.ChildUp)[1:] + pair.a.of(actions.IkeRekeyed) + pair.a.of(actions.ChildGone)[:1]
            self.assertEqual(len(done), 2 if word == "rekey-child" else 1)
