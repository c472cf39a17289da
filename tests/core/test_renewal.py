"""When a tunnel renews what is up, who does it, and what a refusal means."""

from __future__ import annotations

import unittest

from isthmus import verbs
from isthmus.children import END_PERCENT, RENEW_PERCENT, RENEW_SPREAD_PERCENT, RESPONDER_PERCENT, Children
from isthmus.errors import IsthmusError
from isthmus.proto.actions import INITIATOR, RESPONDER, RekeyRefused
from isthmus.renewal import FRESH, Renewal, limits_of
from tests.core.pair import PairTest, Random, make_config
from tests.counts import cases

MINUTE = 60_000
LINES = " option child_lifetime 10m\n option ike_lifetime 30m\n option reauth_time 2h\n"


class Times(unittest.TestCase):
    def make(self, seed: int = 0, extra: str = LINES) -> Renewal:
        config = make_config("192.0.2.1", "192.168.20.0/24", extra=extra).tunnels[0]
        rng = Random(seed)
        return Renewal(config, Children(limits_of(config), rng), rng)

    def test_each_is_due_once_and_in_its_time(self) -> None:
        renewal = self.make()
        renewal.ike_up(RESPONDER, 0)
        first = 30 * MINUTE * RESPONDER_PERCENT // 100
        self.assertEqual(renewal.get_timer(), first)
        self.assertEqual(renewal.due(True, first - 1), [])
        self.assertEqual(renewal.due(True, first), [(verbs.REKEY_IKE, None)])
        self.assertEqual(renewal.due(True, first), [])
        renewal.ike_rekeyed(first)
        self.assertEqual(renewal.get_timer(), 2 * first)
        proof = 120 * MINUTE * RESPONDER_PERCENT // 100
        self.assertEqual(renewal.due(True, proof), [(FRESH, None)])
        self.assertEqual(renewal.get_timer(), None)

    def test_the_initiator_comes_first_at_a_random_moment(self) -> None:
        moments = set()
        for seed in range(30):
            renewal = self.make(seed)
            renewal.ike_up(INITIATOR, 0)
            moments.add(renewal.get_timer() * 100 // (30 * MINUTE))
        self.assertTrue(len(moments) > 3)
        self.assertTrue(min(moments) >= RENEW_PERCENT)
        self.assertTrue(max(moments) <= RENEW_PERCENT + RENEW_SPREAD_PERCENT < RESPONDER_PERCENT < END_PERCENT)

    def test_no_proof_is_asked_for_anew_unless_somebody_wants_that(self) -> None:
        renewal = self.make(0, "")
        renewal.ike_up(INITIATOR, 0)
        self.assertEqual(renewal.due(True, 1 << 40), [(verbs.REKEY_IKE, None)])


class Life(PairTest):
    def test_renewals_one_after_the_other_lose_no_frame(self) -> None:
        lines = " option child_lifetime 2m\n option ike_lifetime 5m\n option reauth_time 8m\n"
        self.bring_up(lines, lines)
        lost, pairs, ikes, minutes = 0, set(), set(), cases(10, 300)
        for _ in range(minutes * 6):
            self.pair.run(MINUTE // 6)
            for sender, receiver in ((self.a, self.b), (self.b, self.a)):
                lost += not self.pair._cross(sender, receiver)
            pairs.add(self.a.tunnel.children.current.inbound.spi)
            ikes.add(self.a.tunnel.ike.ike_id)
        self.assertEqual(lost, 0)
        self.assertTrue(len(pairs) >= minutes // 2, len(pairs))
        self.assertTrue(len(ikes) > minutes // 5, len(ikes))
        self.assertTrue(self.pair.up())
        self.assertEqual([line for line in self.a.log.lines if "waiting" in line], [])

    def test_packets_renew(self) -> None:
        lines = " option lifetime_packets 10000\n"
        self.bring_up(lines, lines)
        before = self.a.tunnel.children.current.inbound.spi
        self.a.newest_outbound().packets += 9_900
        self.pair.run(10_000)
        self.assertNotEqual(self.a.tunnel.children.current.inbound.spi, before)
        self.assertTrue(self.pair.up())

    def test_an_early_refusal_is_told_and_nothing_is_torn_down(self) -> None:
        self.bring_up()
        tunnel = self.a.tunnel
        spi = tunnel.children.newest.inbound.spi
        refused = RekeyRefused("branch", tunnel.ike.ike_id, spi, IsthmusError("no", "do", "no-proposal"))
        tunnel.rekey_refused(refused, self.pair.now)
        self.assertEqual((tunnel.error.code, tunnel.retry_at), ("no-proposal", None))
        self.assertTrue(self.pair.up())
        tunnel.children.renewal_due(1 << 50)  # when it must be, it is done by a fresh handshake
        tunnel.rekey_refused(refused, self.pair.now)
        self.assertEqual(tunnel.retry_at, self.pair.now)
        self.pair.run(20_000)
        self.assertNotEqual(tunnel.children.newest.inbound.spi, spi)
        self.assertTrue(self.pair.up())

    def test_forced(self) -> None:
        self.pair.configure()
        with self.assertRaises(IsthmusError) as caught:
            self.a.tunnel.renew_now(ike=False)
        self.assertEqual(caught.exception.code, "not-up")
        self.pair.run(20_000, self.pair.up)
        for ike in (False, True):
            spi, number = self.a.tunnel.children.current.inbound.spi, self.a.tunnel.ike.ike_id
            self.a.tunnel.renew_now(ike)
            self.a.site.obey(self.pair.now)
            self.pair.run(1_000)
            self.assertEqual(self.a.tunnel.children.current.inbound.spi != spi, not ike)
            self.assertEqual(self.a.tunnel.ike.ike_id != number, ike)
