"""The plan: safe order, make before break, nothing to do the second time, whatever the kernel held before."""
from __future__ import annotations

import unittest

from isthmus.kernel import objects as k
from isthmus.kernel.null import NullKernel
from isthmus.policy.plan import PlanError, plan
from isthmus.wire.addr import Prefix, parse_ip, parse_prefix
from tests.core import kernel_contract as contract
from tests.counts import cases

OURS = (parse_ip("192.0.2.1"), parse_ip("192.0.2.11"))
UNREACHABLE_METRIC = 4000000


def site(
    number: int, outer: int = 0, spi: int = 0, cookie: int = 0, mac: int = 0, ids: int = 0, ifname: str = ""
) -> list[k.KernelObject]:
    """Everything of the tunnel to site `number`; the other arguments choose variants."""
    inner = parse_ip("fd69:7374:686d::%x:1" % number)
    peer = parse_ip("fd69:7374:686d::%x:2" % number)
    away = parse_ip("198.51.100.%d" % number)
    here = OURS[outer]
    link_local, peer_link_local = parse_ip("fe80::%x:1" % number), parse_ip("fe80::%x:2" % number)
    reqid = 0x69000000 + number
    name = ifname or "l2tp-%d" % number
    lan = Prefix(bytes([10, number, 0, 0]), 16)
    tunnel_id, session_id = 100 * number + ids, 100 * number + 50 + ids
    mac_bytes = bytes([2, 0, 0, 0, mac, number])
    keys = [k.SaKeys(bytearray(36), bytearray()) for _ in range(2)]
    one = contract.one
    return [
        k.Policy(k.OUT, one(inner), one(peer), 115, here, away, k.BEET, reqid),
        k.Policy(k.IN, one(peer), one(inner), 115, away, here, k.BEET, reqid),
        k.Sa(away, 1000 * number + 10 * spi, here, reqid, k.BEET, 20, 0, keys[0], (one(inner), one(peer), 115)),
        k.Sa(here, 1000 * number + 10 * spi + 1, away, reqid, k.BEET, 20, 0, keys[1], (one(peer), one(inner), 115)),
        k.Address("lo", inner, 128),
        k.Route(one(peer), 1024, oif="wan0"),
        k.Route(lan, UNREACHABLE_METRIC, k.UNREACHABLE),
        k.Tunnel(tunnel_id, tunnel_id, inner, peer),
        k.Session(tunnel_id, session_id, session_id, b"cookie-%d" % cookie, b"peercook", name),
        k.Link(name, 1420, mac_bytes, True),
        k.Address(name, link_local, 64),
        k.Neighbour(name, peer_link_local, mac_bytes),
        k.Route(lan, 100, oif=name, via=peer_link_local),
    ]


def router() -> NullKernel:
    return NullKernel(uplinks=[("wan0", OURS[0], 24)])


def listed(kernel: NullKernel) -> list[k.KernelObject]:
    out = []
    for kind in k.KINDS:
        out += kernel.dump(kind)
    return out


def apply(kernel: NullKernel, desired: list[k.KernelObject]) -> list[tuple[str, k.KernelObject]]:
    steps = plan(desired, listed(kernel))
    for verb, item in steps:
        getattr(kernel, verb)(item)
    return steps


def short(steps) -> list[tuple[str, str]]:
    return [(verb, item.kind) for verb, item in steps]


class Dice:
    """Numbers that are the same on every interpreter."""

    def __init__(self, seed: int) -> None:
        self.state = seed * 2654435761 % 0x7FFFFFFF or 1

    def below(self, limit: int) -> int:
        self.state = self.state * 48271 % 0x7FFFFFFF
        return (self.state >> 8) % limit


class OrderTest(unittest.TestCase):
    def test_from_nothing(self) -> None:
        desired = site(1)
        backwards = [desired[n] for n in range(len(desired) - 1, -1, -1)]
        self.assertEqual(short(plan(backwards, [])), [("add", kind) for kind in (
            "policy", "policy", "sa", "sa", "address", "route", "route", "tunnel", "session", "link", "address",
            "neighbour", "route")])

    def test_to_nothing_is_the_reverse_and_the_policies_go_last(self) -> None:
        kernel = router()
        apply(kernel, site(1))
        steps = apply(kernel, [])
        self.assertEqual(short(steps), [("remove", kind) for kind in (
            "route", "neighbour", "address", "session", "tunnel", "route", "route", "address", "sa", "sa", "policy",
            "policy")])
        self.assertEqual(steps[0][1].oif, "l2tp-1")
        self.assertEqual(listed(kernel), [])

    def test_a_tunnel_that_only_stops_keeps_what_cannot_leak(self) -> None:
        kernel = router()
        apply(kernel, site(1))
        kept = [item for item in site(1) if item.kind == "policy" or getattr(item, "type", 0) == k.UNREACHABLE]
        steps = apply(kernel, kept)
        self.assertEqual({verb for verb, _ in steps}, {"remove"})
        self.assertEqual(len(listed(kernel)), 3)
        self.assertEqual(apply(kernel, kept), [])

    def test_a_new_outer_address_is_make_before_break(self) -> None:
        kernel = router()
        apply(kernel, site(1))
        steps = apply(kernel, site(1, outer=1, spi=1))
        self.assertEqual(short(steps), [("add", "sa"), ("add", "sa"), ("replace", "policy"), ("replace", "policy"),
                                        ("remove", "sa"), ("remove", "sa")])
        self.assertEqual([steps[2][1].direction, steps[3][1].direction], [k.IN, k.OUT])

    def test_a_new_address_comes_before_the_old_one_goes(self) -> None:
        kernel = router()
        apply(kernel, site(1))
        desired = site(1)
        desired[10] = k.Address("l2tp-1", contract.LOCAL_LL, 64)
        self.assertEqual(short(apply(kernel, desired)), [("add", "address"), ("remove", "address")])

    def test_what_is_common_to_two_tunnels_is_wanted_once(self) -> None:
        steps = plan(site(1) + [k.Route(parse_prefix("10.1.0.0/16"), UNREACHABLE_METRIC, k.UNREACHABLE)], [])
        self.assertEqual(len(steps), len(site(1)))

    def test_two_different_things_under_one_key_are_an_error(self) -> None:
        with self.assertRaises(PlanError) as caught:
            plan(site(1) + [k.Route(parse_prefix("10.1.0.0/16"), 100, oif="l2tp-2")], [])
        self.assertEqual(caught.exception.code, "conflicting-tunnels")
        self.assertTrue("10.1.0.0/16" in str(caught.exception))
        self.assertTrue(caught.exception.remedy)


class BreakTest(unittest.TestCase):
    """What cannot change in place takes what hangs on it along, and the same plan puts it back."""

    def setUp(self) -> None:
        self.kernel = router()
        apply(self.kernel, site(1))

    def check(self, desired: list[k.KernelObject], first: list[tuple[str, str]]) -> None:
        desired = [item for item in desired if item.kind != "sa"] + self.kernel.dump("sa")
        steps = apply(self.kernel, desired)
        self.assertEqual(short(steps), first + [("add", "address"), ("add", "neighbour"), ("add", "route")])
        self.assertEqual(apply(self.kernel, desired), [])

    def test_a_cookie(self) -> None:
        self.check(site(1, cookie=1), [("remove", "session"), ("add", "session"), ("add", "link")])

    def test_a_tunnel(self) -> None:
        changed = site(1)
        changed[7] = k.Tunnel(100, 999, changed[7].local, changed[7].remote)
        self.check(changed, [("remove", "tunnel"), ("add", "tunnel"), ("add", "session"), ("add", "link")])

    def test_a_mac(self) -> None:
        desired = [item for item in site(1, mac=1) if item.kind != "sa"] + self.kernel.dump("sa")
        self.assertEqual(short(apply(self.kernel, desired)),
                         [("replace", "link"), ("add", "address"), ("add", "neighbour"), ("add", "route")])
        self.assertEqual(apply(self.kernel, desired), [])

    def test_an_interface_name_handed_on(self) -> None:
        other = [item for item in site(2, ifname="l2tp-1") if item.kind != "sa"]
        steps = apply(self.kernel, other)
        kinds = short(steps)
        self.assertTrue(kinds.index(("remove", "session")) < kinds.index(("add", "session")))
        self.assertEqual(apply(self.kernel, other), [])


    def test_a_session_id_handed_on(self) -> None:
        other = [item for item in site(2) if item.kind != "sa"]
        old = site(1)[8]
        other[5] = k.Tunnel(777, 777, other[5].local, other[5].remote)
        other[6] = k.Session(777, old.session_id, 1, b"", b"", "l2tp-2")
        steps = apply(self.kernel, other)
        kinds = short(steps)
        self.assertTrue(kinds.index(("remove", "session")) < kinds.index(("add", "session")))
        self.assertEqual(apply(self.kernel, other), [])


class LostSaTest(unittest.TestCase):
    def test_a_lost_sa_is_not_installed_again(self) -> None:
        kernel = router()
        desired = site(1)
        apply(kernel, desired)
        kernel.damage("sa", desired[2].key())
        self.assertEqual(plan(desired, listed(kernel)), [])

    def test_an_sa_that_still_has_its_keys_is_not_lost(self) -> None:
        steps = plan(site(1), [])
        self.assertTrue([item for verb, item in steps if (verb, item.kind) == ("add", "sa")])


class AnythingTest(unittest.TestCase):
    """From any state that a history of configurations and damage can leave, one plan leads to what is wanted."""

    def test_any_history(self) -> None:
        for seed in range(cases(8, 1000)):
            dice = Dice(seed + 1)
            kernel = router()
            for spis in range(1, 7):
                desired = []
                for number in (1, 2, 3):
                    if dice.below(4):
                        name = "l2tp-x" if number == 1 + spis % 3 and dice.below(2) else ""
                        desired += site(number, dice.below(2), spis, dice.below(2), dice.below(2), dice.below(2), name)
                self.hurt(kernel, dice)
                apply(kernel, desired)
                actual = listed(kernel)
                self.assertEqual(plan(desired, actual), [], seed)
                for item in desired:
                    self.assertTrue(item in actual, (seed, item))
                self.assertEqual(len(actual), len(desired), seed)

    @staticmethod
    def hurt(kernel: NullKernel, dice: Dice) -> None:
        for kind in k.KINDS:
            for item in kernel.dump(kind):
                if not dice.below(8):
                    kernel.damage(kind, item.key())
