"""The pyroute2 shim puts on the wire what pyroute2 does, reads it back, and refuses what is cut off or lies."""
from __future__ import annotations

import sys
import unittest

# Every interpreter takes the shim here, CPython too where it has pyroute2: each test module has a process of its own.
sys.path.insert(0, "firmware/shims")
import pyroute2  # noqa: F401

sys.path.pop(0)

from pyroute2.netlink import nlmsg
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.nlsocket import NetlinkSocket, split
from pyroute2.netlink.rtnl.fibmsg import fibmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from isthmus.kernel import objects as k
from isthmus.kernel import real_ipsec, real_l2tp, real_route
from isthmus.kernel import xfrm_messages as xfrm
from isthmus.kernel.l2tp_messages import l2tpmsg
from isthmus.kernel.real_netlink import ctrlmsg
from tests.core import kernel_contract as contract
from tests.core import kernel_contract_lane as lane
from tests.core.kernel_samples import samples
from tests.counts import cases

GOLDEN = "tests/vectors/kernel_messages.txt"  # written with pyroute2 0.9.7, the same with 0.7.9: tests/golden


def read_golden() -> dict[str, bytes]:
    out = {}
    name = ""
    with open(GOLDEN) as file:
        for line in file.read().split("\n"):
            if line[:2] == "= ":
                name = line[2:]
                out[name] = b""
            elif line and line[0] != "#":
                out[name] += bytes([int(part, 16) for part in line.split(" ")])
    return out


def pull_route(msg):
    return real_route.pull_route(msg, {5: "wan0"})


class EncodeTest(unittest.TestCase):
    def test_every_request_is_as_pyroute2_writes_it(self) -> None:
        if sys.byteorder != "little":
            self.skipTest("the samples are of a little-endian machine")
        golden = read_golden()
        for name, message, number, flags in samples():
            message["header"] = {"type": number, "flags": flags, "sequence_number": 1, "pid": 2}
            message.encode()
            self.assertEqual(bytes(message.data), golden[name], name)

    def test_a_field_that_does_not_fit_is_refused(self) -> None:
        for name, value in (("dst_len", 256), ("flags", 1 << 32), ("flags", -(1 << 31) - 1)):
            message = rtmsg()
            message[name] = value
            with self.assertRaises(ValueError):
                message.encode()

    def test_an_attribute_without_a_name_here_is_refused(self) -> None:
        message = rtmsg()
        message["attrs"] = [("RTA_NONSENSE", 1)]
        with self.assertRaises(KeyError):
            message.encode()


class DecodeTest(unittest.TestCase):
    ROWS = (
        ("policy add", xfrm.userpolicy_info, real_ipsec.pull_policy, contract.policy()),
        ("sa add, AES-GCM in BEET", xfrm.usersa_info, real_ipsec.pull_sa, contract.sa()),
        ("tunnel add", l2tpmsg, real_l2tp.pull_tunnel, contract.tunnel()),
        ("session add", l2tpmsg, real_l2tp.pull_session, contract.session()),
        ("route add, IPv4 via IPv6", rtmsg, pull_route,
         k.Route(contract.LAN, 100, oif="wan0", via=contract.PEER_LL, prefsrc=contract.US4)),
        ("route add, IPv6 in a tunnel's table", rtmsg, pull_route, lane.lane(lane.OTHER_TABLE)[3]),
        ("rule add", fibmsg, real_route.pull_rule, lane.rule()),
        ("rule add, by interface", fibmsg, real_route.pull_rule,
         k.Rule(k.AF_INET, 691, 0, lane.MASK, k.TABLE_FIRST, "br-lan")),
        ("route add, unreachable", rtmsg, pull_route, k.Route(contract.LAN, 4000000, k.UNREACHABLE)),
    )

    def test_what_was_written_is_read_back(self) -> None:
        golden = read_golden()
        for name, kind, pull, expected in self.ROWS:
            message = kind(golden[name])
            message.decode()
            self.assertEqual(pull(message), expected, name)

    def test_a_message_cut_off_anywhere_is_refused(self) -> None:
        golden = read_golden()
        for name, kind, _, _ in self.ROWS:
            for length in range(0, len(golden[name]), 1 if len(golden[name]) < 100 else 7):
                with self.assertRaises(ValueError):
                    kind(golden[name][:length]).decode()

    def test_damage_is_refused_or_read_as_something_else(self) -> None:
        golden = read_golden()
        refused = 0
        state = 1
        for _ in range(cases(300, 20000)):
            for name, kind, _, _ in self.ROWS:
                raw = bytearray(golden[name])
                for _ in range(3):
                    state = state * 48271 % 0x7FFFFFFF
                    raw[(state >> 8) % len(raw)] = state & 0xFF
                try:
                    message = kind(raw)
                    message.decode()
                    for row in kind.nla_map:
                        message.get_attr(row[0] if isinstance(row[0], str) else row[1])
                except ValueError:
                    refused += 1
        self.assertTrue(refused > 0, "no damage was noticed at all")

    def test_lists_of_attributes(self) -> None:
        def attribute(number: int, payload: bytes) -> bytes:
            head = (4 + len(payload)).to_bytes(2, sys.byteorder) + number.to_bytes(2, sys.byteorder)
            return head + payload + bytes(-len(payload) % 4)

        groups = b"".join([attribute(1 + n, attribute(2, (40 + n).to_bytes(4, sys.byteorder))
                                     + attribute(1, b"group%d\x00" % n)) for n in range(2)])
        body = bytes(4) + attribute(1, (27).to_bytes(2, sys.byteorder)) + attribute(0x8007, groups)
        message = ctrlmsg((16 + len(body)).to_bytes(4, sys.byteorder) + bytes(12) + body)
        message.decode()
        self.assertEqual(message.get_attr("CTRL_ATTR_FAMILY_ID"), 27)
        listed = message.get_attr("CTRL_ATTR_MCAST_GROUPS")
        self.assertEqual([(row.get_attr("CTRL_ATTR_MCAST_GRP_NAME"), row.get_attr("CTRL_ATTR_MCAST_GRP_ID"))
                          for row in listed], [("group0", 40), ("group1", 41)])
        self.assertEqual(message.get_attr("CTRL_ATTR_FAMILY_NAME"), None)

    def test_a_datagram_is_split(self) -> None:
        one = (17).to_bytes(4, sys.byteorder) + bytes(13)
        self.assertEqual(split(one + bytes(3) + one), [one, one])
        for length in range(len(one)):
            self.assertEqual(split(one[:length]), [])
        self.assertEqual(split(bytes(64)), [])


class SocketTest(unittest.TestCase):
    """Only questions: they need no privileges, and change nothing."""

    def setUp(self) -> None:
        try:
            self.socket = NetlinkSocket(family=0, ext_ack=True, strict_check=True)
        except ImportError:
            self.skipTest("no socket")
        self.socket.bind()
        self.socket.register_policy({real_route.RTM_NEWLINK: ifinfmsg})

    def test_a_list_and_one(self) -> None:
        names = []
        for message in self.socket.nlm_request(ifinfmsg(), real_route.RTM_GETLINK, 0x301):
            names.append(message.get_attr("IFLA_IFNAME"))
        self.assertTrue("lo" in names, names)
        ask = ifinfmsg()
        ask["attrs"] = [("IFLA_IFNAME", "lo")]
        found = self.socket.nlm_request(ask, real_route.RTM_GETLINK, 1)
        self.assertEqual([message["index"] for message in found], [1])
        self.socket.close()

    def test_a_refusal(self) -> None:
        ask = ifinfmsg()
        ask["attrs"] = [("IFLA_IFNAME", "no-such-link")]
        with self.assertRaises(NetlinkError) as caught:
            self.socket.nlm_request(ask, real_route.RTM_GETLINK, 1)
        self.assertEqual(caught.exception.code, 19)
        with self.assertRaises(NetlinkError) as caught:
            self.socket.nlm_request(nlmsg(), 0xFFF0, 5)
        self.assertEqual(caught.exception.code, 95)
        self.socket.close()

    def test_nothing_to_read(self) -> None:
        with self.assertRaises(OSError) as caught:
            self.socket.recv(100, 0x40)
        self.assertEqual(caught.exception.errno, 11)
        self.socket.close()
