"""What the kernel should hold for a static session in transport mode, alone and beside others at one outer address."""

from __future__ import annotations

import unittest

from isthmus.config.static import StaticSession
from isthmus.kernel import objects as k
from isthmus.policy.derive import REQID_FIRST, REQID_LAST, derive, share_ids
from isthmus.policy.desired import BACKSTOP_METRIC, NOBODY, Facts, guard_session, objects_of
from isthmus.policy.given import ALL_NODES, MARK_MASK, MARKS, NoMarkError, free_mark, given, given_reqid, may_answer
from isthmus.policy.guard import guard_text
from isthmus.policy.leftover import leftover_sessions
from isthmus.policy.plan import plan
from isthmus.wire.addr import parse_ip, parse_prefix
from tests.counts import cases

US, PEER = parse_ip("192.0.2.1"), parse_ip("198.51.100.1")
US6, PEER6 = parse_ip("2001:db8::1"), parse_ip("2001:db8:1::1")
LAN, LAN6 = parse_prefix("192.168.20.0/24"), parse_prefix("fd00:20::/64")
OWN = [(parse_ip("10.9.0.1"), 30), (parse_ip("fd00:9::1"), 64)]
HOP, HOP6 = parse_ip("10.9.0.2"), parse_ip("fd00:9::2")
IDS = (b"\x01" + US, b"\x01" + PEER)


def static(number: int = 0, cookie: bytes = b"", peer_cookie: bytes = b"", sublayer: str = "default") -> StaticSession:
    return StaticSession({
        "tunnel_id": 10 + number, "peer_tunnel_id": 20, "session_id": 110 + number, "peer_session_id": 210 + number,
        "cookie": cookie, "peer_cookie": peer_cookie, "sublayer": sublayer, "address": OWN, "peer_address": [HOP, HOP6],
        "peer_inside": None,
    })  # fmt: skip


def facts(number: int = 0, mark: int = 0, **changed: object) -> Facts:
    ends = (changed.get("local", US), changed.get("remote", PEER))
    row = static(number, b"ourcooki", b"peer")
    derived = given(row, IDS[0], IDS[1] + bytes([number]), ends[0] or US, ends[1] or PEER)
    derived.mark = mark
    values = {
        "ifname": "ist-%d" % number, "mtu": 1400, "remote_subnets": [LAN, LAN6] if number == 0 else [],
        "local_subnets": [], "local": US, "remote": PEER, "uplink": "wan0", "derived": derived, "addresses": [],
        "live": True, "own": OWN if number == 0 else [], "next_hops": [HOP, HOP6], "shared": mark != 0,
    }  # fmt: skip
    values.update(changed)
    return Facts(**values)


def of(items: list[k.KernelObject], kind: type) -> list:
    return [item for item in items if isinstance(item, kind)]


class ObjectsTest(unittest.TestCase):
    def test_policies_between_the_outer_addresses(self) -> None:
        for local, remote in ((US, PEER), (US6, PEER6)):
            found = facts(local=local, remote=remote, live=False)
            policies = of(objects_of(found), k.Policy)
            self.assertEqual(sorted([policy.direction for policy in policies]), [k.IN, k.OUT])
            for policy in policies:
                ends = (local, remote) if policy.direction == k.OUT else (remote, local)
                self.assertEqual((policy.source.address, policy.destination.address), ends)
                self.assertEqual((policy.outer_source, policy.outer_destination), ends)
                self.assertEqual((policy.protocol, policy.mode, policy.mark), (115, k.TRANSPORT, 0))
                self.assertEqual((policy.action, policy.reqid), (k.ALLOW, found.derived.reqid))
                self.assertEqual(policy.source.length, 8 * len(local))

    def test_the_tunnel_runs_between_them_as_well(self) -> None:
        items = objects_of(facts())
        (tunnel,) = of(items, k.Tunnel)
        self.assertEqual(tunnel, k.Tunnel(10, 20, US, PEER))
        (session,) = of(items, k.Session)
        self.assertEqual(session, k.Session(10, 110, 210, b"ourcooki", b"peer", "ist-0", True))
        self.assertEqual(of(items, k.Neighbour), [])
        addresses = of(items, k.Address)
        self.assertEqual([item.ifname for item in addresses], ["ist-0"] * 3)
        self.assertEqual([(item.address, item.length) for item in addresses[1:]], OWN)
        self.assertEqual(plan(items, items), [])
        self.assertEqual(len(plan(items, [])), len(items))

    def test_before_anything_is_known_there_is_a_wall(self) -> None:
        for unknown in ({"derived": None}, {"local": None}, {"remote": None}):
            items = objects_of(facts(**unknown))
            self.assertEqual(items, [k.Route(net, BACKSTOP_METRIC, k.UNREACHABLE) for net in (LAN, LAN6)])

    def test_next_hops(self) -> None:
        for hops, expected in (
            ([HOP, HOP6], [HOP, HOP6]),
            ([HOP], [HOP, None]),
            ([HOP6], [HOP6, HOP6]),  # IPv4 through an IPv6 next hop, as between two Isthmus
            ([], [None, None]),
        ):
            routes = [item for item in of(objects_of(facts(next_hops=hops)), k.Route) if item.type == k.UNICAST]
            self.assertEqual([(item.destination, item.via) for item in routes], list(zip([LAN, LAN6], expected)))
            self.assertEqual([item.oif for item in routes], ["ist-0", "ist-0"])

    def test_everything_needs_its_policy_first(self) -> None:
        kinds = [item.kind for _, item in plan(objects_of(facts()), [])]
        self.assertTrue(kinds.index("tunnel") > max([at for at, kind in enumerate(kinds) if kind == "policy"]), kinds)

    def test_ipv6_and_beet_share_no_id_by_address(self) -> None:
        beet = derive(IDS[0], IDS[1], 0, b"key")
        one, two = facts(0).derived, facts(1).derived
        self.assertFalse(share_ids(one, two))  # same addresses, same peer_tunnel_id
        self.assertFalse(share_ids(one, beet))
        self.assertTrue(share_ids(one, facts(0).derived))
        for name in ("tunnel_id", "session_id"):
            other = facts(1).derived
            setattr(other.local, name, getattr(one.local, name))
            self.assertTrue(share_ids(one, other), name)


class SharedTest(unittest.TestCase):
    """Several peers behind one outer address."""

    MARKS = (0x05000000, 0x06000000)

    def both(self) -> list[k.KernelObject]:
        return [item for number, mark in enumerate(self.MARKS) for item in objects_of(facts(number, mark))]

    def test_each_has_policies_for_its_mark_and_none_passes_without(self) -> None:
        policies = of(self.both(), k.Policy)
        for number, mark in enumerate(self.MARKS):
            mine = [policy for policy in policies if policy.mark == mark]
            self.assertEqual(sorted([policy.direction for policy in mine]), [k.IN, k.OUT])
            self.assertEqual({policy.reqid for policy in mine}, {facts(number).derived.reqid})
        unmarked = [policy for policy in policies if not policy.mark]
        self.assertEqual({(policy.reqid, policy.action) for policy in unmarked}, {(NOBODY, k.ALLOW)})
        self.assertTrue(min([p.priority for p in unmarked]) > max([p.priority for p in policies if p.mark]))

    def test_they_can_be_planned_together(self) -> None:
        items = self.both()
        steps = plan(items, [])
        self.assertEqual(len(steps), len({(item.kind, item.key()) for item in items}))
        self.assertEqual(plan(items, [item for _, item in steps]), [])

    def test_one_that_was_alone_is_never_without_a_policy(self) -> None:
        alone = objects_of(facts(0))
        steps = plan(self.both(), alone)
        self.assertEqual([verb for verb, item in steps if verb == "remove"], [])
        kinds = [(verb, item.mark) for verb, item in steps if isinstance(item, k.Policy)]
        added = [index for index, (verb, _) in enumerate(kinds) if verb == "add"]
        replaced = [index for index, (verb, _) in enumerate(kinds) if verb == "replace"]
        self.assertEqual([kinds[index][1] for index in replaced], [0, 0])
        self.assertTrue(max(added) < min(replaced), kinds)
        back = plan(alone, self.both())
        self.assertEqual([item.mark for verb, item in back if verb == "replace"], [0, 0])

    def test_the_guard_marks_by_session_before_it_looks(self) -> None:
        rows = [guard_session(facts(number, mark)) for number, mark in enumerate(self.MARKS)]
        text = guard_text(rows)
        self.assertIn("type route hook output priority -310", text)
        for number, mark in enumerate(self.MARKS):
            rule = "meta l4proto 115 @th,0,32 %d meta mark set meta mark & 0x00ffffff | 0x%08x" % (210 + number, mark)
            self.assertIn(rule, text)
        self.assertTrue(text.index("-310") < text.index("-300"))
        self.assertNotIn("mark", guard_text([guard_session(facts(0))]))

    def test_what_a_former_life_left_keeps_its_reqid_and_mark(self) -> None:
        found = leftover_sessions(self.both())
        expected = [guard_session(facts(number, mark)) for number, mark in enumerate(self.MARKS)]
        self.assertEqual([row.__dict__ for row in found], [row.__dict__ for row in expected])
        without = [item for item in self.both() if not (isinstance(item, k.Policy) and item.mark == self.MARKS[0])]
        self.assertEqual([row.reqid for row in leftover_sessions(without)], [facts(1).derived.reqid])


class GivenTest(unittest.TestCase):
    def test_reqids_are_ours_and_tell_the_ids(self) -> None:
        seen = set()
        for number in range(cases(50, 2000)):
            reqid = given_reqid(number + 1, 20)
            self.assertTrue(REQID_FIRST < reqid <= REQID_LAST)
            seen.add(reqid)
        self.assertEqual(len(seen), cases(50, 2000))
        self.assertNotEqual(given_reqid(10, 20), given_reqid(20, 10))

    def test_two_isthmus_with_the_same_numbers_are_not_the_same_station(self) -> None:
        row = static()
        row.peer_tunnel_id, row.peer_session_id = row.tunnel_id, row.session_id
        one, two = given(row, IDS[0], IDS[1], US, PEER), given(row, IDS[1], IDS[0], PEER, US)
        self.assertNotEqual(one.local.mac, two.local.mac)
        self.assertNotEqual(one.local.link_local, two.local.link_local)
        self.assertEqual(one.local.mac[0] & 3, 2)
        self.assertEqual(one.local.link_local[:8], b"\xfe\x80" + bytes(6))

    def test_marks_are_free_ones_under_the_mask(self) -> None:
        taken: list[int] = []
        for _ in range(MARKS):
            mark = free_mark(0x69ABCDEF, taken)
            self.assertTrue(mark and mark & ~MARK_MASK == 0)
            self.assertFalse(mark in taken)
            taken.append(mark)
        with self.assertRaises(NoMarkError):
            free_mark(0x69ABCDEF, taken)

    def test_whose_answer_counts(self) -> None:
        found = facts().derived
        self.assertEqual(found.remote.link_local, ALL_NODES)
        self.assertTrue(may_answer(found, parse_ip("fe80::77")))
        for source in (found.local.link_local, US6, ALL_NODES):
            self.assertFalse(may_answer(found, source))
        beet = derive(IDS[0], IDS[1], 0, b"key")
        self.assertTrue(may_answer(beet, beet.remote.link_local))
        self.assertFalse(may_answer(beet, parse_ip("fe80::77")))

    def test_no_cookie_is_shown(self) -> None:
        row = static(0, b"SECRET-1", b"SECRET-2")
        items = objects_of(facts(derived=given(row, IDS[0], IDS[1], US, PEER)))
        for text in (repr(row), repr(items), str([item.body() for item in items])):
            self.assertNotIn("SECRET", text)
