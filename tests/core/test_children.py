"""Make before break: which SA is in the kernel when, for both roles, for a restart, and for a loss."""

from __future__ import annotations

import unittest

from isthmus.children import END_PERCENT, LEFT_MS, LINGER_MS, MOVE_MS, MOVE_REKEYED_MS, Children, Limits
from isthmus.kernel.objects import BEET, Sa
from isthmus.proto.actions import DEAD, DELETED, REPLACED, SaKeys

HERE, THERE = b"\xc0\x00\x02\x01", b"\xc0\x00\x02\x02"
LIFETIME = 1_000_000


class Spec:
    """As much of an SaSpec as Children looks at."""

    def __init__(self, spi: int, source: bytes, destination: bytes) -> None:
        self.spi = spi.to_bytes(4, "big")
        self.source = source
        self.destination = destination


class Up:
    """A ChildUp: inbound SPI n, outbound SPI n + 1."""

    def __init__(self, role: str, spi: int) -> None:
        self.ike_id = spi
        self.role = role
        self.spare = False
        self.replaces = None
        self.inbound = Spec(spi, THERE, HERE)
        self.outbound = Spec(spi + 1, HERE, THERE)


def kernel_sa(spi: int, outbound: bool = False, packets: int = 0) -> Sa:
    source, destination = (HERE, THERE) if outbound else (THERE, HERE)
    sa = Sa(destination, spi, source, 0x69000001, BEET)
    sa.packets = packets
    return sa


class ChildrenTest(unittest.TestCase):
    def setUp(self) -> None:
        self.children = Children(Limits(LIFETIME), bytes)

    def spis(self) -> list[int]:
        return sorted(key[1] for key in self.children.wanted())

    def test_the_first_pair_is_used_at_once_in_both_roles(self) -> None:
        for role in ("initiator", "responder"):
            self.children.clear()
            installed = self.children.child_up(Up(role, 100), 0)
            self.assertEqual([spec.spi for spec in installed], [(101).to_bytes(4, "big")])
            self.assertTrue(self.children.usable())
            self.assertEqual(self.spis(), [100, 101])

    def test_the_initiator_moves_at_once_and_keeps_the_old_inbound_a_while(self) -> None:
        self.children.child_up(Up("initiator", 100), 0)
        installed = self.children.child_up(Up("initiator", 200), 10)
        self.assertEqual(len(installed), 1)
        self.assertEqual(self.spis(), [100, 200, 201])
        self.children.child_gone((100).to_bytes(4, "big"), DELETED, 20)
        self.children.handle_timer(19 + LINGER_MS)
        self.assertEqual(self.spis(), [100, 200, 201])
        self.children.handle_timer(20 + LINGER_MS)
        self.assertEqual(self.spis(), [200, 201])

    def test_the_old_inbound_goes_at_last_even_if_nobody_says_so(self) -> None:
        self.children.child_up(Up("initiator", 100), 0)
        self.children.child_up(Up("initiator", 200), 10)
        self.children.handle_timer(9 + LEFT_MS)
        self.assertEqual(self.spis(), [100, 200, 201])
        self.children.handle_timer(10 + LEFT_MS)
        self.assertEqual(self.spis(), [200, 201])

    def test_a_spare_pair_is_heard_and_never_used(self) -> None:
        self.children.child_up(Up("initiator", 100), 0)
        self.children.child_up(Up("responder", 200), 10)
        spare = Up("initiator", 300)
        spare.spare = True
        keys = spare.outbound.keys = SaKeys(bytearray(b"encrypts"), bytearray(b"proves"))
        self.assertEqual(self.children.child_up(spare, 20), [])
        self.assertFalse(any(keys.encryption) or any(keys.integrity))
        self.assertEqual(self.spis(), [100, 101, 200, 300])
        self.assertEqual(self.children.child_gone((300).to_bytes(4, "big"), DELETED, 30), [])
        self.assertEqual(len(self.children.child_gone((100).to_bytes(4, "big"), DELETED, 40)), 1)
        self.children.handle_timer(40 + LINGER_MS)
        self.assertEqual(self.spis(), [200, 201])

    def test_a_pair_replaced_by_a_handshake_that_the_peer_has_not_finished_stays(self) -> None:
        self.children.child_up(Up("initiator", 100), 0)
        self.children.child_up(Up("responder", 200), 10)
        for reason in (REPLACED, DEAD):
            self.assertEqual(self.children.child_gone((100).to_bytes(4, "big"), reason, 20), [])
        self.children.handle_timer(20 + LINGER_MS - 6000)
        self.assertEqual(self.spis(), [100, 101, 200])

    def test_the_newest_goes_and_the_one_before_it_stays_in_charge(self) -> None:
        self.children.child_up(Up("initiator", 100), 0)
        self.children.child_up(Up("responder", 200), 10)
        self.assertEqual(self.children.child_gone((200).to_bytes(4, "big"), DELETED, 20), [])
        self.assertTrue(self.children.usable())
        self.assertEqual(self.children.handle_timer(20 + MOVE_MS), [])
        self.assertEqual(self.children.observed([kernel_sa(100), kernel_sa(101, True)], 20 + MOVE_MS), [])
        self.children.handle_timer(20 + LINGER_MS)
        self.assertEqual(self.spis(), [100, 101])

    def test_the_responder_waits_for_the_first_packet(self) -> None:
        self.children.child_up(Up("initiator", 100), 0)
        self.assertEqual(self.children.child_up(Up("responder", 200), 10), [])
        self.assertEqual(self.spis(), [100, 101, 200])
        old = [kernel_sa(100, packets=9), kernel_sa(101, True, 9)]
        self.assertEqual(self.children.observed(old + [kernel_sa(200)], 20), [])
        self.assertTrue(self.children.moving())
        installed = self.children.observed(old + [kernel_sa(200, packets=1)], 30)
        self.assertEqual(len(installed), 1)
        self.assertEqual(self.spis(), [100, 200, 201])
        self.assertFalse(self.children.moving())

    def test_the_responder_waits_no_longer_than_it_must(self) -> None:
        self.children.child_up(Up("initiator", 100), 0)
        self.children.child_up(Up("responder", 200), 10)
        self.assertEqual(self.children.get_timer(), 10 + MOVE_MS)
        self.assertEqual(self.children.handle_timer(9 + MOVE_MS), [])
        self.assertEqual(len(self.children.handle_timer(10 + MOVE_MS)), 1)

    def test_the_peers_delete_of_the_old_moves_the_responder(self) -> None:
        self.children.child_up(Up("initiator", 100), 0)
        self.children.child_up(Up("responder", 200), 10)
        self.assertEqual(len(self.children.child_gone((100).to_bytes(4, "big"), DELETED, 11)), 1)

    def test_the_peers_delete_of_the_newest_ends_all(self) -> None:
        self.children.child_up(Up("initiator", 100), 0)
        self.children.child_gone((100).to_bytes(4, "big"), DELETED, 11)
        self.assertFalse(self.children.usable())
        self.assertEqual(self.spis(), [])

    def test_of_two_newcomers_the_peer_has_the_first_when_it_deletes_the_old(self) -> None:
        self.children.child_up(Up("initiator", 100), 0)
        self.children.child_up(Up("responder", 200), 10)
        self.children.child_up(Up("responder", 300), 20)
        self.assertEqual(self.spis(), [100, 101, 200, 300])
        moved = self.children.child_gone((100).to_bytes(4, "big"), DELETED, 30)
        self.assertEqual([spec.spi for spec in moved], [(201).to_bytes(4, "big")])
        self.assertTrue(self.children.moving())
        moved = self.children.child_gone((200).to_bytes(4, "big"), DELETED, 40)
        self.assertEqual([spec.spi for spec in moved], [(301).to_bytes(4, "big")])
        self.children.handle_timer(40 + LINGER_MS)
        self.assertEqual(self.spis(), [300, 301])

    def test_of_two_newcomers_that_which_carries_is_used(self) -> None:
        self.children.child_up(Up("initiator", 100), 0)
        self.children.child_up(Up("responder", 200), 10)
        self.children.child_up(Up("responder", 300), 20)
        moved = self.children.observed([kernel_sa(200, packets=5), kernel_sa(300, packets=1)], 30)
        self.assertEqual([spec.spi for spec in moved], [(301).to_bytes(4, "big")])
        self.children.handle_timer(30 + LEFT_MS)
        self.assertEqual(self.spis(), [300, 301])

    def test_a_rekeyed_pair_waits_for_the_delete_of_the_old_one(self) -> None:
        self.children.child_up(Up("initiator", 100), 0)
        up = Up("responder", 200)
        up.replaces = (100).to_bytes(4, "big")
        self.children.child_up(up, 10)
        self.assertEqual(self.children.handle_timer(10 + MOVE_MS), [])
        self.assertEqual(len(self.children.handle_timer(10 + MOVE_REKEYED_MS)), 1)

    def test_adopted_sas_stay_until_a_new_pair_has_taken_over(self) -> None:
        self.children.adopt([kernel_sa(10), kernel_sa(11, True)], [HERE], 0)
        self.assertTrue(self.children.usable())
        self.children.child_up(Up("responder", 200), 10)
        self.assertEqual(self.spis(), [10, 11, 200])
        self.children.handle_timer(10 + MOVE_MS)
        self.assertEqual(self.spis(), [10, 200, 201])
        self.children.handle_timer(10 + MOVE_MS + LINGER_MS)
        self.assertEqual(self.spis(), [200, 201])

    def test_a_lost_sa_is_noticed(self) -> None:
        up = Up("initiator", 100)
        self.children.child_up(up, 0)
        self.children.observed([kernel_sa(100)], 0)
        self.assertFalse(self.children.lost, "what has not been put into the kernel yet cannot be lost")
        self.children.placed(up.inbound)
        self.children.placed(up.outbound)
        self.children.observed([kernel_sa(100), kernel_sa(101, True)], 1)
        self.assertFalse(self.children.lost)
        self.children.observed([kernel_sa(100)], 2)
        self.assertTrue(self.children.lost)

    def test_one_is_renewed_in_time_and_ends_in_any_case(self) -> None:
        self.children.child_up(Up("initiator", 100), 0)
        self.assertFalse(self.children.renewal_due(LIFETIME // 2))
        self.assertTrue(self.children.renewal_due(LIFETIME))
        self.assertFalse(self.children.renewal_due(LIFETIME))
        self.children.handle_timer(LIFETIME * END_PERCENT // 100)
        self.assertEqual(self.spis(), [])

    def test_bytes_and_packets_renew_as_time_does(self) -> None:
        for packets, octets, due in ((949, 0, False), (950, 0, True), (0, 94_999, False), (0, 95_000, True)):
            for outbound in (False, True):
                children = Children(Limits(LIFETIME, 100_000, 1_000), bytes)
                children.child_up(Up("responder", 100), 0)
                counted = kernel_sa(101 if outbound else 100, outbound, packets)
                counted.bytes = octets
                children.observed([counted], 5)
                self.assertEqual(children.renewal_due(6), due, (packets, octets))

    def test_the_initiator_comes_first_at_a_random_moment(self) -> None:
        moments = set()
        for seed in range(50):
            children = Children(Limits(LIFETIME, 0, 1_000), lambda count, seed=seed: bytes([seed * 5] * count))
            children.child_up(Up("initiator", 100), 0)
            for packets in range(790, 1000):
                children.observed([kernel_sa(100, packets=packets)], 5)
                if children.renewal_due(5):
                    moments.add(packets)
                    break
        self.assertTrue(len(moments) > 5)
        self.assertTrue(min(moments) >= 800 and max(moments) < 950, "%s" % moments)

    def test_no_key_carries_more_than_is_safe(self) -> None:
        for limits in (Limits(LIFETIME), Limits(LIFETIME, 1 << 50, 1 << 40)):
            self.assertEqual((limits.octets, limits.packets), (1 << 40, 1 << 31))
