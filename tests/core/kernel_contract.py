"""The contract of the kernel seam as tests: run against the null twin here, and against Linux in the lab.

A subclass says how to make the kernel (`make`), what it lacks (`lacks`), and how another program does damage
(`damage`). The world is one router: interface `wan0` with 192.0.2.1/24 and 2001:db8::1/64, an IPv4 default route, no
IPv6 one.
"""
from __future__ import annotations

from isthmus.kernel import objects as k
from isthmus.kernel.contract import (
    EADDRNOTAVAIL,
    EEXIST,
    EINVAL,
    ENETDOWN,
    ENETUNREACH,
    ENODEV,
    ENOENT,
    ENOSYS,
)
from isthmus.kernel.ways import Way
from isthmus.policy.guard import guard_text
from isthmus.policy.plan import plan
from isthmus.wire.addr import Prefix, parse_ip, parse_prefix
from tests.core.kernel_contract_guard import IFNAME, REQID
from tests.core.kernel_contract_outer import OuterContract

UPLINK = "wan0"
US4, PEER4, MOVED4 = parse_ip("192.0.2.1"), parse_ip("192.0.2.2"), parse_ip("192.0.2.3")
US6, PEER6 = parse_ip("2001:db8::1"), parse_ip("2001:db8::2")
INNER, PEER_INNER, OTHER_INNER = [parse_ip("fd69:7374:686d::%d" % n) for n in (1, 2, 3)]
LOCAL_LL, PEER_LL, OTHER_LL = [parse_ip("fe80::%d" % n) for n in (1, 2, 3)]
MAC, OTHER_MAC = b"\x02\x00\x00\x00\x00\x01", b"\x02\x00\x00\x00\x00\x02"
LAN = parse_prefix("198.51.100.0/24")
LAN6 = parse_prefix("2001:db8:100::/48")


def one(address: bytes) -> Prefix:
    return Prefix(address, 8 * len(address))


def policy(
    direction: int = k.OUT, outer: tuple[bytes, bytes] = (US4, PEER4), reqid: int = REQID, action: int = k.ALLOW
) -> k.Policy:
    ends = (one(INNER), one(PEER_INNER)) if direction == k.OUT else (one(PEER_INNER), one(INNER))
    source, destination = outer if direction == k.OUT else (outer[1], outer[0])
    return k.Policy(direction, ends[0], ends[1], 115, source, destination, k.BEET, reqid, action)


def sa(
    spi: int = 0x1000,
    outer: tuple[bytes, bytes] = (US4, PEER4),
    reqid: int = REQID,
    encap: tuple[int, int] | None = None,
) -> k.Sa:
    keys = k.SaKeys(bytearray(range(36)), bytearray())
    selector = (one(INNER), one(PEER_INNER), 115)
    return k.Sa(outer[1], spi, outer[0], reqid, k.BEET, k.ENCR_AES_GCM_16, 0, keys, selector, encap)


def tunnel(local: bytes = INNER, remote: bytes = PEER_INNER, number: int = 0x10000001) -> k.Tunnel:
    return k.Tunnel(number, 0x20000002, local, remote)


def session(
    number: int = 0x30000003, cookie: bytes = b"ourcooki", ifname: str = IFNAME, tunnel_id: int = 0x10000001
) -> k.Session:
    return k.Session(tunnel_id, number, 0x40000004, cookie, b"peercook", ifname)


def wanted(
    outer: tuple[bytes, bytes] = (US4, PEER4), spi: int = 0x1000, cookie: bytes = b"ourcooki"
) -> list[k.KernelObject]:
    """Everything of one tunnel, deliberately in no good order."""
    return [
        k.Route(LAN, 100, oif=IFNAME, via=PEER_LL),
        k.Route(LAN6, 100, oif=IFNAME, via=PEER_LL),
        k.Neighbour(IFNAME, PEER_LL, OTHER_MAC),
        k.Address(IFNAME, LOCAL_LL, 64),
        k.Link(IFNAME, 1420, MAC, True),
        session(cookie=cookie),
        tunnel(),
        k.Route(one(PEER_INNER), 1024, oif=UPLINK),
        k.Address("lo", INNER, 128),
        k.Route(LAN, 4000000, k.UNREACHABLE),
        k.Route(LAN6, 4000000, k.UNREACHABLE),
        sa(spi, outer),
        sa(spi + 1, (outer[1], outer[0])),
        policy(k.IN, outer),
        policy(k.OUT, outer),
    ]


# Transforms of encryption and integrity, bytes of their keys (salt included): every pair that IKE may agree on.
CIPHERS = (
    (k.ENCR_AES_GCM_16, 0, 20, 0),
    (k.ENCR_AES_GCM_16, 0, 28, 0),
    (k.ENCR_AES_GCM_16, 0, 36, 0),
    (k.ENCR_CHACHA20_POLY1305, 0, 36, 0),
    (k.ENCR_AES_CBC, k.AUTH_HMAC_SHA2_256_128, 16, 32),
    (k.ENCR_AES_CBC, k.AUTH_HMAC_SHA2_256_128, 24, 32),
    (k.ENCR_AES_CBC, k.AUTH_HMAC_SHA2_256_128, 32, 32),
    (k.ENCR_AES_CBC, k.AUTH_HMAC_SHA2_384_192, 16, 48),
    (k.ENCR_AES_CBC, k.AUTH_HMAC_SHA2_384_192, 24, 48),
    (k.ENCR_AES_CBC, k.AUTH_HMAC_SHA2_384_192, 32, 48),
    (k.ENCR_AES_CBC, k.AUTH_HMAC_SHA2_512_256, 16, 64),
    (k.ENCR_AES_CBC, k.AUTH_HMAC_SHA2_512_256, 24, 64),
    (k.ENCR_AES_CBC, k.AUTH_HMAC_SHA2_512_256, 32, 64),
)


class Contract(OuterContract):
    """Every test begins with nothing of ours in the kernel and ends so."""

    def carry(self) -> None:
        """The L2TP interface, ready."""
        self.need("tunnel")
        ready = (k.Address("lo", INNER, 128), k.Route(one(PEER_INNER), 0, oif=UPLINK), tunnel(), session())
        for item in ready + (k.Link(IFNAME, 1420, MAC, True),):
            self.kernel.add(item)

    # ----- policies

    def test_a_policy_is_as_it_was_given(self) -> None:
        narrow = k.Policy(k.IN, parse_prefix("10.1.0.0/16"), one(US4), 0, PEER6, US6, k.TUNNEL, REQID, k.BLOCK, 7)
        given = [policy(), policy(k.IN, (US6, PEER6)), narrow]
        for item in given:
            self.kernel.add(item)
        listed = self.kernel.dump("policy")
        self.assertEqual(len(listed), 3)
        for item in given:
            self.assertTrue(item in listed, (item, listed))

    def test_a_policy_cannot_be_added_twice(self) -> None:
        self.kernel.add(policy())
        error = self.refused(EEXIST, self.kernel.add, policy(outer=(US4, MOVED4)))
        self.assertEqual(error.code, "kernel-eexist")
        self.assertTrue(error.remedy)
        self.assertEqual(self.kernel.dump("policy"), [policy()])

    def test_a_policy_is_replaced_in_place(self) -> None:
        self.kernel.add(policy())
        self.kernel.replace(policy(outer=(US4, MOVED4), action=k.BLOCK))
        self.assertEqual(self.kernel.dump("policy"), [policy(outer=(US4, MOVED4), action=k.BLOCK)])

    def test_only_what_is_there_is_replaced(self) -> None:
        self.refused(ENOENT, self.kernel.replace, policy())
        self.refused(ENOENT, self.kernel.replace, k.Route(LAN, 100, k.UNREACHABLE))
        self.assertEqual(self.actual(), [])

    def test_what_cannot_change_in_place_is_not_replaced(self) -> None:
        self.refused(EINVAL, self.kernel.replace, tunnel())
        self.refused(EINVAL, self.kernel.replace, session())
        self.refused(EINVAL, self.kernel.replace, k.Address("lo", INNER, 128))
        self.assertEqual(self.actual(), [])

    def test_gone_already_is_fine(self) -> None:
        self.kernel.add(policy())
        for _ in range(2):
            self.kernel.remove(policy())
        self.assertEqual(self.kernel.dump("policy"), [])
        for item in (k.Address("lo", INNER, 128), k.Route(LAN, 100, k.UNREACHABLE), k.Route(LAN6, 100, k.UNREACHABLE),
                     k.Neighbour(IFNAME, PEER_LL, MAC), k.Link(IFNAME, 1420, MAC)):
            self.kernel.remove(item)

    def test_what_would_not_be_ours_is_refused(self) -> None:
        self.refused(EINVAL, self.kernel.add, policy(reqid=1))
        self.refused(EINVAL, self.kernel.add, policy(reqid=0x6A000000))
        spent = sa(reqid=0x68FFFFFF)
        self.refused(EINVAL, self.kernel.add, spent)
        self.assertEqual(spent.keys, None)
        self.refused(EINVAL, self.kernel.add, tunnel(local=US6))
        self.refused(EINVAL, self.kernel.add, k.Address("lo", US6, 128))
        self.refused(ENODEV, self.kernel.add, k.Address(UPLINK, LOCAL_LL, 64))
        self.refused(ENODEV, self.kernel.add, k.Neighbour(UPLINK, PEER_LL, MAC))
        self.refused(ENODEV, self.kernel.add, k.Link(UPLINK, 1400, MAC))
        self.refused(ENODEV, self.kernel.replace, k.Link(UPLINK, 1400, MAC))
        self.assertEqual(self.actual(), [])

    # ----- SAs

    def test_an_sa_is_as_it_was_given(self) -> None:
        self.need("sa")
        keys = k.SaKeys(bytearray(range(16)), bytearray(range(32)))
        over6 = k.Sa(PEER6, 0x2000, US6, REQID, k.TRANSPORT, k.ENCR_AES_CBC, k.AUTH_HMAC_SHA2_256_128, keys)
        given = [sa(), sa(0xFFFFFFFF, (PEER4, US4)), over6, sa(2, (US6, PEER6), encap=(4500, 61000))]
        for item in given:
            self.kernel.add(item)
        listed = self.kernel.dump("sa")
        self.assertEqual(len(listed), 4)
        self.assertEqual([item.encap for item in listed if item.spi == 2], [(4500, 61000)])
        for item in given:
            self.assertTrue(item in listed, (item, listed))
        self.assertEqual([listed[0].packets, listed[0].bytes, listed[0].replayed, listed[0].forged], [0, 0, 0, 0])
        self.assertEqual(listed[0].keys, None)

    def test_every_cipher_is_known(self) -> None:
        self.need("sa")
        spi = 0x4000
        for encryption, integrity, key, integrity_key in CIPHERS:
            keys = k.SaKeys(bytearray(range(key)), bytearray(range(integrity_key)))
            self.kernel.add(k.Sa(PEER4, spi, US4, REQID, k.TRANSPORT, encryption, integrity, keys))
            spi += 1
        self.assertEqual(len(self.kernel.dump("sa")), len(CIPHERS))

    def test_keys_are_cleared_once_they_are_in_the_kernel(self) -> None:
        self.need("sa")
        item = sa()
        secret = item.keys.encryption
        self.kernel.add(item)
        self.assertEqual(item.keys, None)
        self.assertEqual(secret, bytearray(36))

    def test_keys_are_cleared_when_the_kernel_refuses(self) -> None:
        item = sa()
        secret = item.keys.encryption
        item.encryption = 12345
        self.refused(ENOSYS, self.kernel.add, item)
        self.assertEqual(item.keys, None)
        self.assertEqual(secret, bytearray(36))

    def test_an_sa_is_never_installed_twice(self) -> None:
        self.need("sa")
        item = sa()
        self.kernel.add(item)
        self.refused(EEXIST, self.kernel.add, sa())
        self.refused(EINVAL, self.kernel.add, k.Sa(PEER4, 0x3000, US4, REQID, k.BEET, k.ENCR_AES_GCM_16, 0, None,
                                                   (one(INNER), one(PEER_INNER), 115)))
        self.assertEqual(self.kernel.dump("sa"), [sa()])
        self.kernel.remove(item)
        self.kernel.remove(item)
        self.refused(EINVAL, self.kernel.add, item)
        self.assertEqual(self.kernel.dump("sa"), [])

    def test_a_key_of_a_wrong_length_is_refused(self) -> None:
        self.need("sa")
        item = sa()
        item.keys = k.SaKeys(bytearray(35), bytearray())
        self.refused(EINVAL, self.kernel.add, item)
        self.assertEqual(self.kernel.dump("sa"), [])

    def test_the_udp_ports_of_an_sa_change_in_place(self) -> None:
        self.need("sa")
        self.refused(ENOENT, self.kernel.replace, sa(encap=(4500, 4500)))
        self.kernel.add(sa(encap=(4500, 4500)))
        self.kernel.add(sa(2))
        self.events()
        self.kernel.replace(sa(encap=(4500, 61000)))
        self.told("sa")
        self.assertEqual([item for item in self.kernel.dump("sa") if item.spi != 2], [sa(encap=(4500, 61000))])
        for wrong in (sa(), sa(2, encap=(4500, 4500)), sa(reqid=REQID + 1, encap=(4500, 4500)), sa(2),
                      sa(outer=(MOVED4, PEER4), encap=(4500, 4500))):
            self.refused(EINVAL, self.kernel.replace, wrong)
        self.assertEqual(len(self.kernel.dump("sa")), 2)
        self.assertTrue(sa(encap=(4500, 61000)) in self.kernel.dump("sa"))
        self.assertTrue(sa(2) in self.kernel.dump("sa"))

    # ----- tunnels and sessions

    def test_a_tunnel_needs_its_address_and_its_way(self) -> None:
        self.need("tunnel")
        self.refused(EADDRNOTAVAIL, self.kernel.add, tunnel())
        self.kernel.add(k.Address("lo", INNER, 128))
        self.refused(ENETUNREACH, self.kernel.add, tunnel())
        self.kernel.add(k.Route(one(PEER_INNER), 0, oif=UPLINK))
        self.kernel.add(tunnel())
        self.assertEqual(self.kernel.dump("tunnel"), [tunnel()])
        self.refused(EEXIST, self.kernel.add, tunnel())

    def test_a_session_needs_its_tunnel(self) -> None:
        self.need("tunnel")
        self.refused(ENODEV, self.kernel.add, session())
        self.assertEqual(self.kernel.dump("session"), [])

    def test_a_session_is_as_it_was_given_and_brings_its_link(self) -> None:
        self.carry()
        listed = self.kernel.dump("session")
        self.assertEqual(listed, [session()])
        self.assertFalse(listed[0] == session(cookie=b"another1"))
        self.assertEqual([listed[0].rx_packets, listed[0].rx_wrong_cookie, listed[0].rx_errors], [0, 0, 0])
        self.assertFalse("ourcooki" in repr(listed), "a cookie shows")
        self.assertEqual(self.kernel.dump("link"), [k.Link(IFNAME, 1420, MAC, True)])

    def test_a_new_link_is_down(self) -> None:
        self.carry()
        self.kernel.add(session(0x30000009, b"", "l2tp-two"))
        new = [link for link in self.kernel.dump("link") if link.ifname == "l2tp-two"]
        self.assertEqual([link.up for link in new], [False])

    def test_ids_and_names_are_taken_once(self) -> None:
        self.carry()
        self.refused(EEXIST, self.kernel.add, session())
        self.refused(EEXIST, self.kernel.add, session(0x30000009))  # the interface's name
        self.kernel.add(k.Address("lo", OTHER_INNER, 128))
        self.kernel.add(tunnel(local=OTHER_INNER, number=0x10000005))
        self.refused(EEXIST, self.kernel.add, session(ifname="l2tp-two", tunnel_id=0x10000005))
        self.assertEqual(self.kernel.dump("session"), [session()])

    def test_a_session_takes_its_link_along(self) -> None:
        self.carry()
        self.kernel.add(k.Address(IFNAME, LOCAL_LL, 64))
        self.kernel.add(k.Route(LAN, 100, oif=IFNAME, via=PEER_LL))
        self.kernel.remove(session())
        self.kernel.remove(session())
        self.assertEqual([item.kind for item in self.actual()], ["tunnel", "address", "route"])
        self.kernel.add(session())  # the name and the ids are free again at once
        self.assertEqual(self.kernel.dump("session"), [session()])

    def test_a_tunnel_takes_its_sessions_along(self) -> None:
        self.carry()
        self.kernel.remove(tunnel())
        self.kernel.remove(tunnel())
        self.assertEqual([item.kind for item in self.actual()], ["address", "route"])
        self.kernel.add(tunnel())
        self.kernel.add(session())
        self.assertEqual(self.kernel.dump("session"), [session()])

    # ----- links, addresses, neighbours

    def test_a_link_changes_in_place(self) -> None:
        self.carry()
        self.kernel.add(k.Address(IFNAME, LOCAL_LL, 64))
        self.kernel.replace(k.Link(IFNAME, 1300, MAC, True))
        self.assertEqual(self.kernel.dump("link"), [k.Link(IFNAME, 1300, MAC, True)])
        self.assertTrue(k.Address(IFNAME, LOCAL_LL, 64) in self.kernel.dump("address"))

    def test_another_mac_costs_what_is_on_the_link(self) -> None:
        self.carry()
        route = k.Route(LAN, 100, oif=IFNAME, via=PEER_LL)
        ours = (k.Address(IFNAME, LOCAL_LL, 64), k.Neighbour(IFNAME, PEER_LL, MAC), route)
        for item in ours:
            self.kernel.add(item)
        self.kernel.replace(k.Link(IFNAME, 1420, OTHER_MAC, True))
        self.assertEqual(self.kernel.dump("link"), [k.Link(IFNAME, 1420, OTHER_MAC, True)])
        left = self.actual()
        self.assertEqual([item for item in ours if item in left], [])

    def test_a_link_that_is_removed_is_down(self) -> None:
        self.carry()
        self.kernel.remove(k.Link(IFNAME, 1420, MAC, True))
        self.assertEqual(self.kernel.dump("link"), [k.Link(IFNAME, 1420, MAC, False)])
        self.refused(ENETDOWN, self.kernel.add, k.Route(LAN, 100, oif=IFNAME, via=PEER_LL))

    def test_what_needs_a_link_is_refused_without(self) -> None:
        self.refused(ENODEV, self.kernel.add, k.Link(IFNAME, 1420, MAC))
        self.refused(ENODEV, self.kernel.replace, k.Link(IFNAME, 1420, MAC))
        self.refused(ENODEV, self.kernel.add, k.Address(IFNAME, LOCAL_LL, 64))
        self.refused(ENODEV, self.kernel.add, k.Neighbour(IFNAME, PEER_LL, MAC))
        self.refused(ENODEV, self.kernel.add, k.Route(LAN, 100, oif=IFNAME, via=PEER_LL))
        self.assertEqual(self.actual(), [])

    def test_an_inner_address(self) -> None:
        self.kernel.add(k.Address("lo", INNER, 128))
        self.refused(EEXIST, self.kernel.add, k.Address("lo", INNER, 128))
        self.assertEqual(self.kernel.dump("address"), [k.Address("lo", INNER, 128)])
        self.assertTrue(("lo", INNER, 128) in self.kernel.local_addresses())
        self.assertTrue((UPLINK, US4, 24) in self.kernel.local_addresses())

    def test_a_neighbour(self) -> None:
        self.carry()
        self.kernel.add(k.Neighbour(IFNAME, PEER_LL, MAC))
        self.refused(EEXIST, self.kernel.add, k.Neighbour(IFNAME, PEER_LL, OTHER_MAC))
        self.assertEqual(self.kernel.dump("neighbour"), [k.Neighbour(IFNAME, PEER_LL, MAC)])
        self.kernel.replace(k.Neighbour(IFNAME, PEER_LL, OTHER_MAC))
        self.assertEqual(self.kernel.dump("neighbour"), [k.Neighbour(IFNAME, PEER_LL, OTHER_MAC)])
        self.refused(ENOENT, self.kernel.replace, k.Neighbour(IFNAME, OTHER_LL, OTHER_MAC))
        for _ in range(2):
            self.kernel.remove(k.Neighbour(IFNAME, PEER_LL, OTHER_MAC))
        self.assertEqual(self.kernel.dump("neighbour"), [])

    # ----- routes

    def test_a_route_is_as_it_was_given(self) -> None:
        given = [
            k.Route(LAN, 100, oif=UPLINK, via=PEER_LL, prefsrc=US4),
            k.Route(LAN, 200, oif=UPLINK, via=PEER4),
            k.Route(LAN, 300, oif=UPLINK),
            k.Route(LAN, 4000000, k.UNREACHABLE),
            k.Route(LAN6, 100, oif=UPLINK, via=PEER_LL, prefsrc=US6),
            k.Route(LAN6, 4000000, k.UNREACHABLE),
            k.Route(one(PEER_INNER), 0, oif=UPLINK),
            k.Route(parse_prefix("0.0.0.0/0"), 4000000, k.BLACKHOLE),
        ]
        for item in given:
            self.kernel.add(item)
        listed = self.kernel.dump("route")
        self.assertEqual(len(listed), len(given), listed)
        for item in given:
            self.assertTrue(item in listed, (item, listed))

    def test_a_route_is_replaced_in_place(self) -> None:
        for lan in (LAN, LAN6):
            self.kernel.add(k.Route(lan, 100, oif=UPLINK, via=PEER_LL))
            self.kernel.add(k.Route(lan, 200, k.UNREACHABLE))
            self.refused(EEXIST, self.kernel.add, k.Route(lan, 100, k.UNREACHABLE))
            self.kernel.replace(k.Route(lan, 100, oif=UPLINK, via=OTHER_LL))
            listed = [route for route in self.kernel.dump("route") if route.destination == lan]
            self.assertEqual(len(listed), 2)
            self.assertTrue(k.Route(lan, 100, oif=UPLINK, via=OTHER_LL) in listed, listed)
            self.kernel.remove(k.Route(lan, 100, oif=UPLINK, via=PEER_LL))
            listed = [route for route in self.kernel.dump("route") if route.destination == lan]
            self.assertEqual(listed, [k.Route(lan, 200, k.UNREACHABLE)])

    def test_a_preferred_source_must_be_here(self) -> None:
        self.refused(EINVAL, self.kernel.add, k.Route(LAN, 100, oif=UPLINK, via=PEER_LL, prefsrc=MOVED4))
        self.refused(EINVAL, self.kernel.add, k.Route(LAN6, 100, oif=UPLINK, via=PEER_LL, prefsrc=PEER6))
        self.assertEqual(self.actual(), [])

    def test_the_way_to_an_address(self) -> None:
        self.assertEqual(self.kernel.way_to(PEER4), Way(US4, UPLINK, 1500))
        self.assertEqual(self.kernel.way_to(parse_ip("203.0.113.9")), Way(US4, UPLINK, 1500))
        self.assertEqual(self.kernel.way_to(PEER6), Way(US6, UPLINK, 1500))
        self.refused(ENETUNREACH, self.kernel.way_to, parse_ip("2001:db8:ffff::1"))

    # ----- everything together

    def test_twice_changes_nothing(self) -> None:
        self.need("sa", "tunnel")
        desired = wanted()
        steps = self.apply(desired)
        self.assertEqual(len(steps), len(desired))
        self.assertEqual(self.apply(desired), [])
        self.assertEqual(len([item for item in self.actual() if item.kind == "sa"]), 2)
        another = self.make()  # the daemon after a crash: it finds everything, and has nothing to do
        found = [item for kind in k.KINDS for item in another.dump(kind)]
        another.close()
        self.assertEqual(plan(wanted(), found), [])
        # The link goes with its session.
        self.assertEqual([verb for verb, _ in self.apply([])], ["remove"] * (len(desired) - 1))
        self.assertEqual(self.actual(), [])

    def test_a_new_outer_address_leaves_the_tunnel_alone(self) -> None:
        self.need("sa", "tunnel")
        self.apply(wanted())
        moved = wanted((US4, MOVED4), 0x5000)
        steps = self.apply(moved)
        self.assertEqual([(verb, item.kind) for verb, item in steps],
                         [("add", "sa")] * 2 + [("replace", "policy")] * 2 + [("remove", "sa")] * 2)
        self.assertEqual(steps[2][1].direction, k.IN)
        self.assertEqual(self.apply(moved), [])

    def test_another_cookie_is_another_session(self) -> None:
        self.need("sa", "tunnel")
        self.apply(wanted())
        changed = [item for item in wanted(cookie=b"newcooki") if item.kind != "sa"]
        steps = self.apply(changed + self.kernel.dump("sa"))
        self.assertEqual([(verb, item.kind) for verb, item in steps],
                         [("remove", "session"), ("add", "session"), ("add", "link"), ("add", "address"),
                          ("add", "neighbour"), ("add", "route"), ("add", "route")])
        self.assertEqual(plan(changed + self.kernel.dump("sa"), self.actual()), [])

    def test_damage_is_noticed_and_repaired(self) -> None:
        self.need("sa", "tunnel")
        desired = wanted()
        self.apply(desired)
        self.events()
        for kind in ("policy", "sa", "link"):
            self.damage(kind)
            self.told(kind)
        self.assertEqual([item for item in self.actual() if item.kind == "sa"], [])
        steps = self.apply(desired)
        self.assertEqual([item.kind for _, item in steps],
                         ["policy"] * 2 + ["link", "address", "neighbour"] + ["route"] * 2)
        fresh = [item for item in desired if item.kind != "sa"]
        self.assertEqual(self.apply(fresh), [])

    # ----- events

    def test_changes_are_told_once(self) -> None:
        self.events()
        for item in (policy(), k.Address("lo", INNER, 128), k.Route(LAN, 100, k.UNREACHABLE)):
            self.kernel.add(item)
            self.told(item.kind)
            self.quiet()
        self.kernel.guard_set(guard_text([]))
        self.told("guard")
        self.quiet()
        self.actual()
        self.kernel.guard_get()
        self.pause()
        self.assertEqual(self.events(), set())  # looking changes nothing
        self.damage("guard")
        self.told("guard")
        self.assertEqual(self.kernel.guard_get(), None)
