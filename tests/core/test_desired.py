"""What the kernel should hold for a tunnel, and what the guard must know of it, from facts alone."""

from __future__ import annotations

import unittest

from isthmus.kernel import objects as k
from isthmus.policy.derive import REQID_FIRST, REQID_LAST, derive, ipv4_hop, share_ids
from isthmus.policy.desired import BACKSTOP_METRIC, ROUTE_METRIC, Facts, guard_session, home_address, objects_of
from isthmus.policy.leftover import leftover_sessions
from isthmus.policy.plan import plan
from isthmus.wire.addr import parse_ip, parse_prefix

US, PEER = parse_ip("192.0.2.1"), parse_ip("198.51.100.1")
US6, PEER6 = parse_ip("2001:db8::1"), parse_ip("2001:db8:1::1")
LAN, LAN6 = parse_prefix("192.168.20.0/24"), parse_prefix("fd00:20::/64")
HERE, HERE6 = parse_ip("192.168.10.1"), parse_ip("fd00:10::1")
IDS = (b"\x01" + US, b"\x01" + PEER)
ADDRESSES = [
    ("lo", parse_ip("127.0.0.1"), 8),
    ("wan0", US, 24),
    ("wan0", US6, 64),
    ("br-lan", parse_ip("fe80::1"), 64),
    ("br-guest", parse_ip("192.168.66.1"), 24),
    ("br-lan", HERE, 24),
    ("br-lan", HERE6, 64),
    ("ist-x", parse_ip("192.168.99.1"), 32),
]


def facts(**changed: object) -> Facts:
    values = {
        "ifname": "ist-x", "mtu": 1420, "remote_subnets": [LAN, LAN6], "local_subnets": [], "local": US,
        "remote": PEER, "uplink": "wan0", "derived": derive(IDS[0], IDS[1], 0, b"key"), "addresses": ADDRESSES,
        "live": True,
    }  # fmt: skip
    values.update(changed)
    return Facts(**values)


def kinds(items: list[k.KernelObject]) -> list[str]:
    return sorted([item.kind for item in items])


class ObjectsTest(unittest.TestCase):
    def test_unresolved_there_is_a_wall_and_nothing_else(self) -> None:
        for unknown in ({"derived": None}, {"local": None}, {"remote": None}):
            items = objects_of(facts(**unknown))
            self.assertEqual(items, [k.Route(net, BACKSTOP_METRIC, k.UNREACHABLE) for net in (LAN, LAN6)])

    def test_taken_down_there_are_walls_and_policies(self) -> None:
        items = objects_of(facts(live=False))
        self.assertEqual(kinds(items), ["policy", "policy", "route", "route"])
        for item in items:
            if isinstance(item, k.Policy):
                self.assertEqual((item.action, item.mode, item.protocol), (k.ALLOW, k.BEET, 115))
                self.assertTrue(REQID_FIRST <= item.reqid <= REQID_LAST)
            else:
                self.assertEqual((item.type, item.metric), (k.UNREACHABLE, BACKSTOP_METRIC))

    def test_policies_in_both_families(self) -> None:
        for local, remote in ((US, PEER), (US6, PEER6)):
            found = facts(local=local, remote=remote)
            policies = {item.direction: item for item in objects_of(found) if isinstance(item, k.Policy)}
            self.assertEqual(sorted(policies), [k.IN, k.OUT])
            out, arriving = policies[k.OUT], policies[k.IN]
            self.assertEqual((out.outer_source, out.outer_destination), (local, remote))
            self.assertEqual((arriving.outer_source, arriving.outer_destination), (bytes(4), bytes(4)))
            self.assertEqual((out.source, out.destination), (arriving.destination, arriving.source))
            self.assertEqual(out.source.address, found.derived.local.inner)
            self.assertEqual(out.source.length, 128)

    def test_alive_there_is_everything_and_it_can_be_planned(self) -> None:
        items = objects_of(facts())
        expected = ["address", "address", "link", "neighbour", "neighbour", "policy", "policy"] + ["route"] * 5
        self.assertEqual(kinds(items), expected + ["session", "tunnel"])
        self.assertEqual(plan(items, items), [])
        self.assertEqual(len(plan(items, [])), len(items))

    def test_no_route_leads_anywhere_but_into_the_tunnel(self) -> None:
        found = facts()
        for item in objects_of(found):
            if isinstance(item, k.Route) and item.type == k.UNICAST:
                inner = item.destination.address == found.derived.remote.inner
                self.assertEqual((item.oif, item.metric), ("lo" if inner else "ist-x", ROUTE_METRIC))
                hop = found.derived.remote.link_local
                if len(item.destination.address) == 4:
                    hop = ipv4_hop(hop)
                self.assertEqual(item.via, None if inner else hop)

    def test_every_next_hop_is_a_neighbour_for_good(self) -> None:
        """Of the destination's own family: else the kernel's flow table would ask for each host by ARP."""
        found = facts()
        items = objects_of(found)
        known = [item.address for item in items if isinstance(item, k.Neighbour)]
        for item in items:
            if isinstance(item, k.Route) and item.via is not None:
                self.assertTrue(item.via in known)
                self.assertEqual(len(item.via), len(item.destination.address))

    def test_the_ipv4_hop_is_one_that_is_never_given_out(self) -> None:
        for low in (b"\x00\x00", b"\xff\xff", b"\xfd\x01", b"\xfe\x00"):
            hop = ipv4_hop(parse_ip("fe80::")[:14] + low)
            self.assertEqual((len(hop), hop[:2]), (4, b"\xa9\xfe"))
            self.assertTrue(1 <= hop[2] <= 254)

    def test_both_ends_fit(self) -> None:
        here = objects_of(facts())
        there = objects_of(facts(local=PEER, remote=US, derived=derive(IDS[1], IDS[0], 0, b"key")))

        def only(items: list[k.KernelObject], kind: str) -> list:
            return [item for item in items if item.kind == kind]

        one, two = only(here, "session")[0], only(there, "session")[0]
        self.assertEqual((one.session_id, one.cookie), (two.peer_session_id, two.peer_cookie))
        self.assertEqual((one.peer_session_id, one.peer_cookie), (two.session_id, two.cookie))
        self.assertEqual(only(here, "neighbour")[0].mac, only(there, "link")[0].mac)
        self.assertEqual(only(here, "tunnel")[0].remote, only(there, "tunnel")[0].local)
        self.assertEqual({p.reqid for p in only(here, "policy")}, {p.reqid for p in only(there, "policy")})


class HomeTest(unittest.TestCase):
    """Which of its own addresses the router uses toward the other site."""

    def test_the_first_that_is_not_on_the_way_out(self) -> None:
        self.assertEqual(home_address(facts(), 4), parse_ip("192.168.66.1"))
        self.assertEqual(home_address(facts(), 16), HERE6)

    def test_the_one_that_lies_in_a_local_subnet(self) -> None:
        nets = [parse_prefix("192.168.10.0/24"), parse_prefix("fd00:10::/64")]
        self.assertEqual(home_address(facts(local_subnets=nets), 4), HERE)
        self.assertEqual(home_address(facts(local_subnets=nets), 16), HERE6)

    def test_none_where_there_is_none(self) -> None:
        self.assertEqual(home_address(facts(local_subnets=[parse_prefix("10.0.0.0/8")]), 4), None)
        self.assertEqual(home_address(facts(addresses=ADDRESSES[:4]), 4), None)
        self.assertEqual(home_address(facts(addresses=ADDRESSES[:4]), 16), None)
        routes = [item for item in objects_of(facts(addresses=[])) if item.kind == "route" and item.oif == "ist-x"]
        self.assertEqual([route.prefsrc for route in routes], [None, None])

    def test_the_source_of_a_route_is_of_its_family(self) -> None:
        sources = {}
        for item in objects_of(facts()):
            if isinstance(item, k.Route) and item.oif == "ist-x":
                sources[str(item.destination)] = item.prefsrc
        self.assertEqual(sources, {"192.168.20.0/24": parse_ip("192.168.66.1"), "fd00:20::/64": HERE6})


class GuardTest(unittest.TestCase):
    def test_what_the_guard_knows(self) -> None:
        self.assertEqual(guard_session(facts(derived=None)), None)
        for live in (True, False):
            found = facts(live=live)
            row = guard_session(found)
            ends = (found.derived.local.session_id, found.derived.remote.session_id)
            self.assertEqual((row.ifname, row.local_id, row.remote_id), ("ist-x",) + ends)
            self.assertEqual((row.reqid, row.mtu), (found.derived.reqid, 1420))

    def test_a_leftover_is_what_its_tunnel_would_be(self) -> None:
        row = guard_session(facts())
        left = leftover_sessions(objects_of(facts()))
        self.assertEqual([x.__dict__ for x in left], [row.__dict__])

    def test_a_leftover_without_policy_or_with_a_strange_name_is_none(self) -> None:
        items = objects_of(facts())
        self.assertEqual(leftover_sessions([item for item in items if item.kind != "policy"]), [])
        self.assertEqual(leftover_sessions([item for item in items if item.kind != "tunnel"]), [])
        for item in items:
            if isinstance(item, k.Session):
                item.ifname = 'x"drop'
        self.assertEqual(leftover_sessions(items), [])


class ShareTest(unittest.TestCase):
    def test_who_is_in_whose_place(self) -> None:
        one = derive(IDS[0], IDS[1], 0, b"key")
        self.assertTrue(share_ids(one, derive(IDS[0], IDS[1], 0, b"another key")))
        self.assertFalse(share_ids(one, derive(IDS[0], IDS[1], 1, b"key")))
        self.assertFalse(share_ids(one, derive(IDS[0], b"\x01" + HERE, 0, b"key")))
        for name in ("tunnel_id", "session_id", "inner"):
            other = derive(IDS[0], b"\x01" + HERE, 0, b"key")
            setattr(other.remote, name, getattr(one.remote, name))
            self.assertTrue(share_ids(one, other), name)
        other = derive(IDS[0], b"\x01" + HERE, 0, b"key")
        other.reqid = one.reqid
        self.assertTrue(share_ids(one, other))
