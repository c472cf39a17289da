"""The transport mode's part of the kernel seam's contract: L2TP between outer addresses. See kernel_contract.py."""

from __future__ import annotations

from isthmus.kernel import objects as k
from isthmus.kernel.contract import EINVAL
from isthmus.policy.given import given_reqid
from isthmus.wire.addr import Prefix, parse_ip
from tests.core.kernel_contract_guard import IFNAME
from tests.core.kernel_contract_lane import LaneContract

US, PEER = parse_ip("192.0.2.1"), parse_ip("192.0.2.2")
US_6, PEER_6 = parse_ip("2001:db8::1"), parse_ip("2001:db8::2")
TUNNEL_ID, PEER_TUNNEL_ID, SESSION_ID = 10, 20, 11
ON_LINK = k.Address(IFNAME, parse_ip("10.9.0.1"), 30)
ON_LINK_6 = k.Address(IFNAME, parse_ip("fd00:9::1"), 64)
OUT_MAC = b"\x02\x00\x00\x00\x00\x11"


def policy(direction: int = k.OUT, ends=(US, PEER), reqid: int = 0, mark: int = 0) -> k.Policy:
    """Of the tunnel with the ids above, unless reqid says otherwise."""
    source, destination = ends if direction == k.OUT else (ends[1], ends[0])
    bits = 8 * len(source)
    reqid = reqid or given_reqid(TUNNEL_ID, PEER_TUNNEL_ID)
    one, other = Prefix(source, bits), Prefix(destination, bits)
    return k.Policy(direction, one, other, 115, source, destination, k.TRANSPORT, reqid, k.ALLOW, 5, mark)


def tunnel(ends=(US, PEER)) -> k.Tunnel:
    return k.Tunnel(TUNNEL_ID, PEER_TUNNEL_ID, ends[0], ends[1])


def session(sublayer: bool = True) -> k.Session:
    return k.Session(TUNNEL_ID, SESSION_ID, 21, b"", b"word", IFNAME, sublayer)


class OuterContract(LaneContract):
    """Tunnels that a policy vouches for, marks, sublayer, addresses on the interface."""

    def test_no_tunnel_between_outer_addresses_without_its_policy(self) -> None:
        self.need("tunnel")
        self.refused(EINVAL, self.kernel.add, tunnel())
        beet = k.Policy(k.OUT, Prefix(US, 32), Prefix(PEER, 32), 115, US, PEER, k.BEET, policy().reqid)
        wide = k.Policy(k.OUT, Prefix(bytes(4), 0), Prefix(PEER, 32), 115, US, PEER, k.TRANSPORT, policy().reqid)
        other = k.Policy(k.OUT, Prefix(US, 32), Prefix(PEER, 32), 17, US, PEER, k.TRANSPORT, policy().reqid)
        block = k.Policy(k.OUT, Prefix(US, 32), Prefix(PEER, 32), 115, US, PEER, k.TRANSPORT, policy().reqid, k.BLOCK)
        for wrong in (policy(k.IN), policy(reqid=0x69000001), policy(ends=(US, US)), beet, wide, other, block):
            self.kernel.add(wrong)
            self.refused(EINVAL, self.kernel.add, tunnel())
            self.kernel.remove(wrong)
        self.assertEqual(self.actual(), [])

    def test_a_tunnel_between_outer_addresses_is_as_it_was_given(self) -> None:
        self.need("tunnel")
        for ends in ((US, PEER), (US_6, PEER_6)):
            for mark in (0, 0x7F000000):
                self.kernel.add(policy(ends=ends, mark=mark))
                self.kernel.add(tunnel(ends))
                self.kernel.add(session())
                self.assertEqual(self.kernel.dump("tunnel"), [tunnel(ends)])
                self.assertEqual(self.kernel.dump("session"), [session()])
                self.kernel.remove(tunnel(ends))
                self.assertEqual(self.kernel.dump("session"), [])
                self.kernel.remove(policy(ends=ends, mark=mark))
        self.assertEqual(self.actual(), [])

    def test_the_sublayer_is_listed(self) -> None:
        self.need("tunnel")
        self.kernel.add(policy())
        self.kernel.add(tunnel())
        for sublayer in (True, False):
            self.kernel.add(session(sublayer))
            self.assertEqual(self.kernel.dump("session"), [session(sublayer)])
            self.assertNotEqual(self.kernel.dump("session"), [session(not sublayer)])
            self.kernel.remove(session(sublayer))

    def test_policies_of_one_selector_are_told_apart_by_their_marks(self) -> None:
        given = [policy(mark=mark, reqid=0x69000001 + index) for index, mark in enumerate((0, 0x01000000, 0xFF000000))]
        for item in given:
            self.kernel.add(item)
        listed = self.kernel.dump("policy")
        self.assertEqual(len(listed), 3)
        for item in given:
            self.assertTrue(item in listed, (item, listed))
        moved = policy(mark=0x01000000, reqid=0x69000009)
        self.kernel.replace(moved)
        self.kernel.remove(given[2])
        listed = self.kernel.dump("policy")
        self.assertEqual(len(listed), 2)
        self.assertTrue(moved in listed and given[0] in listed, listed)

    def test_an_sa_marks_what_comes_out_of_it(self) -> None:
        self.need("sa")
        keys = k.SaKeys(bytearray(range(36)), bytearray())
        anywhere = Prefix(bytes(4), 0)
        item = k.Sa(
            US, 0x1234, PEER, policy().reqid, k.TRANSPORT, k.ENCR_AES_GCM_16, 0, keys, (anywhere, anywhere, 115),
            mark=0x03000000,
        )  # fmt: skip
        self.kernel.add(item)
        (listed,) = self.kernel.dump("sa")
        self.assertEqual((listed, listed.mark), (item, 0x03000000))

    def test_addresses_on_the_interface(self) -> None:
        self.need("tunnel")
        for item in (policy(), tunnel(), session(), k.Link(IFNAME, 1400, OUT_MAC, True), ON_LINK, ON_LINK_6):
            self.kernel.add(item)
        hop = k.Route(Prefix(parse_ip("198.51.100.0"), 24), 115, oif=IFNAME, via=parse_ip("10.9.0.2"))
        self.kernel.add(hop)
        listed = self.kernel.dump("address")
        self.assertEqual(len(listed), 2)
        self.assertTrue(ON_LINK in listed and ON_LINK_6 in listed, listed)
        self.assertEqual(self.kernel.dump("route"), [hop])
        self.kernel.replace(k.Link(IFNAME, 1400, OUT_MAC, False))  # what a link loses that goes down
        self.assertEqual(self.kernel.dump("address"), [ON_LINK])
        self.assertEqual(self.kernel.dump("route"), [])
        self.kernel.remove(ON_LINK)
        self.assertEqual(self.kernel.dump("address"), [])
