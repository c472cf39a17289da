"""What goes to the kernel, byte for byte, and that what comes back is read as it was meant.

tests/vectors/kernel_messages.txt: a line `= name`, then the message in hexadecimal, 16 bytes a line, on a
little-endian machine, sequence number 1, port 2. Regenerate with ISTHMUS_GOLDEN=write, and read the difference:
iproute2's view of the same messages is compared in the lab (tests/lab/kernel_contract.py).
"""
from __future__ import annotations

import os
import sys
import unittest
from pathlib import Path

from isthmus.kernel import nft, real_events, real_ipsec, real_l2tp, real_route
from isthmus.kernel import objects as k
from isthmus.kernel import xfrm_messages as xfrm
from isthmus.kernel.l2tp_messages import l2tpmsg
from isthmus.kernel.real_netlink import fibmsg, rtmsg
from isthmus.kernel.ways import Mapping
from tests.core import kernel_contract as contract
from tests.core import kernel_contract_lane as lane
from tests.core import kernel_contract_outer as outer
from tests.core.kernel_samples import samples

GOLDEN = Path(__file__).parents[1] / "vectors" / "kernel_messages.txt"


def encode(message, number: int, flags: int) -> bytes:
    message["header"].update({"type": number, "flags": flags, "sequence_number": 1, "pid": 2})
    message.reset()
    message.encode()
    return bytes(message.data)


def read_golden() -> dict[str, bytes]:
    out: dict[str, bytes] = {}
    name = ""
    for line in GOLDEN.read_text(encoding="ascii").splitlines():
        if line.startswith("= "):
            name = line[2:]
            out[name] = b""
        elif line and not line.startswith("#"):
            out[name] += bytes.fromhex(line)
    return out


def write_golden() -> None:
    text = "# Requests to the kernel, little-endian, sequence number 1, port 2. See test_kernel_messages.py.\n"
    for name, message, number, flags in samples():
        data = encode(message, number, flags)
        text += "= %s\n" % name
        for start in range(0, len(data), 16):
            text += data[start : start + 16].hex(" ") + "\n"
    GOLDEN.write_text(text, encoding="ascii")


@unittest.skipUnless(sys.byteorder == "little", "the samples are of a little-endian machine")
class GoldenTest(unittest.TestCase):
    def test_every_request_is_as_recorded(self) -> None:
        if os.environ.get("ISTHMUS_GOLDEN") == "write":
            write_golden()
        golden = read_golden()
        names = []
        for name, message, number, flags in samples():
            names.append(name)
            with self.subTest(name):
                self.assertEqual(encode(message, number, flags).hex(" "), golden[name].hex(" "))
        self.assertEqual(sorted(names), sorted(golden))

    def test_the_sizes_are_the_kernels(self) -> None:
        """sizeof() of linux/xfrm.h on a 64-bit machine: header 16, then the structure, then attributes."""
        golden = read_golden()
        self.assertEqual(len(golden["policy list"]), 16)
        self.assertEqual(len(golden["policy add"]), 16 + 168 + 4 + 64)
        self.assertEqual(len(golden["policy remove"]), 16 + 64)
        self.assertEqual(len(golden["sa remove"]), 16 + 24)
        self.assertEqual(len(golden["sa add, AES-GCM in BEET"]), 16 + 224 + (4 + 72 + 36) + (4 + 24 + 256))

    def test_what_was_written_is_read_back(self) -> None:
        golden = read_golden()
        for name, kind, pull, expected in (
            ("policy add", xfrm.userpolicy_info, real_ipsec.pull_policy, contract.policy()),
            ("policy replace, IPv6 outside", xfrm.userpolicy_info, real_ipsec.pull_policy,
             contract.policy(k.IN, (contract.US6, contract.PEER6))),
            ("sa add, AES-GCM in BEET", xfrm.usersa_info, real_ipsec.pull_sa, contract.sa()),
            ("sa add, in UDP", xfrm.usersa_info, real_ipsec.pull_sa, contract.sa(encap=(4500, 61000))),
            ("sa replace, in UDP", xfrm.usersa_info, real_ipsec.pull_sa, contract.sa(encap=(4500, 61000))),
            ("policy add, transport mode and a mark", xfrm.userpolicy_info, real_ipsec.pull_policy,
             outer.policy(mark=0x07000000)),
            ("tunnel add, over IPv4", l2tpmsg, real_l2tp.pull_tunnel, outer.tunnel()),
            ("session add, with sublayer", l2tpmsg, real_l2tp.pull_session, outer.session()),
            ("tunnel add", l2tpmsg, real_l2tp.pull_tunnel, contract.tunnel()),
            ("session add", l2tpmsg, real_l2tp.pull_session, contract.session()),
            ("route add, IPv4 via IPv6", rtmsg, lambda msg: real_route.pull_route(msg, {5: "wan0"}),
             k.Route(contract.LAN, 100, oif="wan0", via=contract.PEER_LL, prefsrc=contract.US4)),
            ("route add, unreachable", rtmsg, lambda msg: real_route.pull_route(msg, {}),
             k.Route(contract.LAN, 4000000, k.UNREACHABLE)),
            ("route add, unreachable in a tunnel's table", rtmsg, lambda msg: real_route.pull_route(msg, {}),
             lane.backstop()),
            ("route add, IPv6 in a tunnel's table", rtmsg, lambda msg: real_route.pull_route(msg, {5: "wan0"}),
             lane.lane(lane.OTHER_TABLE)[3]),
            ("rule add", fibmsg, real_route.pull_rule, lane.rule()),
            ("rule add, by interface", fibmsg, real_route.pull_rule,
             k.Rule(k.AF_INET, 691, 0, lane.MASK, k.TABLE_FIRST, "br-lan")),
            ("rule remove, IPv6", fibmsg, real_route.pull_rule,
             lane.rule(k.AF_INET6, lane.OTHER_TABLE, 691, 0xFF000000)),
        ):
            with self.subTest(name):
                message = kind(bytearray(golden[name]))
                message.decode()
                self.assertEqual(pull(message), expected)

    def test_a_mark_is_read_back(self) -> None:
        message = xfrm.usersa_info(bytearray(read_golden()["sa add, transport mode and a mark"]))
        message.decode()
        self.assertEqual(real_ipsec.pull_sa(message).mark, 0x07000000)

    def test_no_key_is_in_an_update(self) -> None:
        golden = read_golden()
        key = bytes(range(36))
        self.assertIn(key, golden["sa add, in UDP"])
        self.assertNotIn(key[:16], golden["sa replace, in UDP"])

    def test_what_is_not_ours_is_not_read(self) -> None:
        foreign = real_ipsec.push_policy(contract.policy(reqid=0x68FFFFFF))
        message = xfrm.userpolicy_info(bytearray(encode(foreign, xfrm.XFRM_MSG_NEWPOLICY, 0)))
        message.decode()
        self.assertEqual(real_ipsec.pull_policy(message), None)
        for value, mask in ((1, 0xFF), (0x01000000, 0xFFFFFFFF), (0, 0xFF000000)):
            foreign = real_ipsec.push_policy(outer.policy(mark=0x01000000))
            foreign["attrs"][-1] = ("XFRMA_MARK", {"v": value, "m": mask})
            message = xfrm.userpolicy_info(bytearray(encode(foreign, xfrm.XFRM_MSG_NEWPOLICY, 0)))
            message.decode()
            self.assertEqual(real_ipsec.pull_policy(message), None)
        for name, value in (("FRA_PROTOCOL", 4), ("FRA_TABLE", 99), ("FRA_TABLE", 254), ("FRA_FWMASK", 0),
                            ("FRA_FWMARK", 0), ("FRA_OIFNAME", "wan0")):
            foreign = real_route.push_rule(lane.rule())
            foreign["attrs"] = [row for row in foreign["attrs"] if row[0] != name] + [(name, value)]
            self.assert_no_rule(foreign)
        for name, value in (("flags", 2), ("action", 6), ("src_len", 8), ("dst_len", 8), ("family", 128)):
            foreign = real_route.push_rule(lane.rule())
            foreign[name] = value
            self.assert_no_rule(foreign)
        route = real_route.push_route(k.Route(contract.LAN, 100, oif="x"), 5)
        route["proto"] = 4
        message = rtmsg(bytearray(encode(route, real_route.RTM_NEWROUTE, 0)))
        message.decode()
        self.assertEqual(real_route.pull_route(message, {}), None)


    def assert_no_rule(self, foreign: fibmsg) -> None:
        message = fibmsg(bytearray(encode(foreign, real_route.RTM_NEWRULE, 0)))
        message.decode()
        self.assertIsNone(real_route.pull_rule(message), foreign)


def message_types(data: bytes) -> list[int]:
    return [number for number, _, _ in real_events.messages(data)]


class EventTest(unittest.TestCase):
    def test_types_of_a_datagram(self) -> None:
        one = (16).to_bytes(4, sys.byteorder) + (24).to_bytes(2, sys.byteorder) + bytes(10)
        odd = (17).to_bytes(4, sys.byteorder) + (25).to_bytes(2, sys.byteorder) + bytes(14)
        self.assertEqual(message_types(one + odd + one), [24, 25, 24])
        for length in range(16):
            self.assertEqual(message_types(one[:length]), [])
            self.assertEqual(message_types(bytes(length)), [])
        for lie in (0, 15, 17, 0xFFFFFFFF):
            self.assertEqual(message_types(lie.to_bytes(4, sys.byteorder) + one[4:]), [])

    def test_a_mapping_is_read(self) -> None:
        order = sys.byteorder
        for family, size in ((2, 4), (10, 16)):
            here, before, after = (bytes([n] * size) for n in (1, 2, 3))
            body = here + bytes(16 - size) + bytes.fromhex("c0ffee01") + family.to_bytes(2, order) + b"\x32\0"
            body += contract.REQID.to_bytes(4, order) + before + bytes(16 - size) + after + bytes(16 - size)
            body += (4500).to_bytes(2, "big") + (61000).to_bytes(2, "big")
            self.assertEqual(real_events.pull_mapping(body), Mapping(here, 0xC0FFEE01, (after, 61000)))
            for length in range(64):
                self.assertIsNone(real_events.pull_mapping(body[:length]))
            self.assertIsNone(real_events.pull_mapping(body[:24] + bytes(4) + body[28:]), "not an SA of ours")


class DigestTest(unittest.TestCase):
    LISTING = ('{"nftables": [{"metainfo": {"version": "%s"}}, {"rule": {"handle": %d, "chain": "c", "expr": '
               '[{"counter": {"packets": %d, "bytes": 9}}, {"%s": null}]}}]}')

    def test_handles_and_counters_do_not_count_and_rules_do(self) -> None:
        first = nft.digest(self.LISTING % ("1.0.6", 4, 0, "drop"))
        self.assertEqual(nft.digest(self.LISTING % ("1.1.0", 5, 77, "drop")), first)
        self.assertFalse(nft.digest(self.LISTING % ("1.0.6", 4, 0, "accept")) == first)

    def test_order_of_keys_does_not_count_and_order_of_rules_does(self) -> None:
        self.assertEqual(nft.digest('{"a": 1, "b": [1, 2]}'), nft.digest('{"b": [1, 2], "a": 1}'))
        self.assertFalse(nft.digest('{"b": [1, 2]}') == nft.digest('{"b": [2, 1]}'))
