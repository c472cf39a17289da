"""The real kernel keeps the contract of the kernel seam, carries frames, and leaves what is not ours alone.

    tools/lab -- .venv/bin/python tests/lab/kernel_contract.py [WORD...]

Runs as root. Every test has network namespaces of its own, which end with the process; outside the lab, what the
kernel lacks (ESP, L2TP) is skipped.

    namespace `left`                               namespace `right` (only where frames are carried)
    lo   inner addresses                           lo   inner addresses
    wan0 192.0.2.1/24 2001:db8::1/64  ---------- wan0 192.0.2.2/24 2001:db8::2/64
"""
from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
for folder in (ROOT, ROOT / "firmware"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from isthmus.kernel import objects as k  # noqa: E402
from isthmus.kernel.contract import KernelError  # noqa: E402
from isthmus.kernel.real import RealKernel  # noqa: E402
from isthmus.kernel.ways import Mapping  # noqa: E402
from isthmus.policy.guard import REMOVE, guard_text  # noqa: E402
from isthmus.policy.plan import plan  # noqa: E402
from tests.core import kernel_contract as contract  # noqa: E402
from tests.core.kernel_contract_lane import backstop, lane, rule  # noqa: E402
from tests.lab import kernel_flows  # noqa: E402
from tests.lab.kernel_foreign import FOREIGN, FOREIGN_SA, FOREIGN_TUNNEL, LISTS  # noqa: E402
from tests.lab.kernel_world import enter, ip_batch, new_namespace, shell  # noqa: E402

# One `ip` process for a whole router: under emulation a process takes a tenth of a second.
UPLINK = """
link set lo up
link set wan0 up
addr add 192.0.2.%(n)d/24 dev wan0
addr add 2001:db8::%(n)d/64 dev wan0 nodad
"""
WORLD = "link add wan0 type veth peer name far0\n" + UPLINK % {"n": 1} + """
link set far0 up
route add default via 192.0.2.254
"""
LANS = """
link add lan0 type veth peer name host0
link set lan0 up
link set host0 up
addr add 198.51.%(lan)d.1/24 dev lan0
"""

def find_lacks() -> tuple[str, ...]:
    """What this kernel was built without; in the lab nothing may be missing."""
    if os.environ.get("ISTHMUS_LAB"):
        return ()
    new_namespace()
    has_esp = not subprocess.run(["sh", "-c", FOREIGN_SA], capture_output=True, timeout=60, check=False).returncode
    show = ["ip", "l2tp", "show", "tunnel"]
    has_l2tp = not subprocess.run(show, capture_output=True, timeout=60, check=False).returncode
    return ("" if has_esp else "sa", "" if has_l2tp else "tunnel")


class RealTest(contract.Contract):
    """The contract, on Linux."""

    namespace = -1

    def setUp(self) -> None:
        """Tests leave nothing of ours behind, so they share a namespace; who plants foreign things has its own."""
        if RealTest.namespace < 0 or self.plants():
            RealTest.namespace = new_namespace()
            ip_batch(WORLD)
        enter(RealTest.namespace)
        super().setUp()

    def tearDown(self) -> None:
        super().tearDown()
        if self.plants():
            os.close(RealTest.namespace)
            RealTest.namespace = -1

    def pause(self) -> None:
        time.sleep(0.1)

    def plants(self) -> bool:
        return "ours" in self.id() or "foreign" in self.id() or "lost_events" in self.id()

    def make(self) -> RealKernel:
        return RealKernel()

    def damage(self, what: str) -> None:
        shell({
            "sa": "ip xfrm state flush",
            "policy": "ip xfrm policy flush",
            "rule": "for f in -4 -6; do ip $f rule flush protocol 115; done",
            "guard": "nft flush ruleset",
            "edit": "nft add rule inet isthmus clear_in counter accept",
            "link": "ip link set %s down" % contract.IFNAME,
        }[what])

    def test_what_is_not_ours_is_left_alone(self) -> None:
        shell(FOREIGN)
        if "sa" not in self.lacks:
            shell(FOREIGN_SA)
        if "tunnel" not in self.lacks:
            shell(FOREIGN_TUNNEL)
        before = self.snapshot()
        self.assertEqual(self.actual(), [])
        desired = contract.wanted() + lane()
        if self.lacks:
            desired = [item for item in desired if item.kind in ("policy", "rule")
                       or (item.kind == "route" and not item.oif)]
        self.kernel.guard_set(guard_text([]))
        self.apply(desired)
        self.assertFalse(self.snapshot() == before, "the test sees nothing at all")
        self.apply(desired)
        self.apply([])
        self.kernel.guard_set(REMOVE)
        self.assertEqual(self.snapshot(), before)

    def test_nothing_foreign_is_removed_or_replaced(self) -> None:
        shell("ip xfrm policy add src fd69:7374:686d::1/128 dst fd69:7374:686d::2/128 proto 115 dir out "
              "tmpl src 192.0.2.1 dst 192.0.2.9 proto esp mode beet reqid 7\n"
              "ip route add 198.51.100.0/24 via 192.0.2.254 metric 100 proto static\n"
              "ip rule add fwmark 0x81000000/0xff000000 lookup 0x69000001 pref 690 protocol static\n"
              "ip route add unreachable default metric 0x69000000 table 0x69000001 proto static")
        before = self.snapshot()
        self.kernel.remove(contract.policy())
        self.refused(2, self.kernel.replace, contract.policy())
        self.refused(17, self.kernel.add, contract.policy())
        route = k.Route(contract.LAN, 100, oif="wan0")
        self.kernel.remove(route)
        self.refused(2, self.kernel.replace, route)
        self.refused(17, self.kernel.add, route)
        self.kernel.remove(rule())
        self.kernel.remove(k.Rule(k.AF_INET, 0, 0x81000000, 0xFF000000, 254))
        self.kernel.remove(k.Route(contract.LAN, 100, k.UNICAST, table=99))
        self.kernel.remove(backstop())
        self.refused(2, self.kernel.replace, backstop())
        self.refused(17, self.kernel.add, backstop())
        if "sa" not in self.lacks:
            shell(FOREIGN_SA)
            before = self.snapshot()
            self.kernel.remove(contract.sa(0x77))
            self.refused(17, self.kernel.add, contract.sa(0x77))
        if "tunnel" not in self.lacks:
            shell(FOREIGN_TUNNEL)
            before = self.snapshot()
            self.kernel.remove(k.Tunnel(77, 78, contract.INNER, contract.PEER_INNER))
            self.kernel.remove(k.Session(77, 771, 772, b"", b"", "foreign0"))
            self.kernel.remove(k.Address("foreign0", contract.parse_ip("fe80::77"), 64))
            self.kernel.remove(k.Neighbour("foreign0", contract.parse_ip("fe80::78"), contract.MAC))
            self.refused(19, self.kernel.add, k.Session(77, 773, 774, b"", b"", "foreign1"))
        self.assertEqual(self.snapshot(), before)

    def test_the_link_takes_no_advertisements_and_makes_no_address(self) -> None:
        self.carry()
        shell("sleep 0.2")
        self.assertEqual(shell("ip -6 -o addr show dev %s" % contract.IFNAME), "")
        for name, value in (("accept_ra", "0"), ("autoconf", "0"), ("accept_redirects", "0"), ("addr_gen_mode", "1")):
            path = "/proc/sys/net/ipv6/conf/%s/%s" % (contract.IFNAME, name)
            self.assertEqual(Path(path).read_text(encoding="ascii").strip(), value, name)

    def test_iproute2_sees_what_was_meant(self) -> None:
        self.kernel.add(contract.policy())
        text = shell("ip -d xfrm policy")
        self.assertTrue("src fd69:7374:686d::1/128 dst fd69:7374:686d::2/128 proto l2tp" in text, text)
        self.assertTrue("tmpl src 192.0.2.1 dst 192.0.2.2" in text, text)
        self.assertTrue("proto esp reqid 1761607681 mode beet" in text, text)
        self.assertTrue("level" not in text or "level required" in text, text)
        if "sa" in self.lacks:
            return
        self.kernel.add(contract.sa())
        keys = k.SaKeys(bytearray(range(16)), bytearray(range(32)))
        self.kernel.add(k.Sa(contract.PEER6, 0x2000, contract.US6, contract.REQID, k.TRANSPORT, 12, 12, keys))
        text = shell("ip -d xfrm state")
        for words in ("src 192.0.2.1 dst 192.0.2.2", "spi 0x00001000", "mode beet",
                      "replay_window 2048, bitmap-length 64",
                      "aead rfc4106(gcm(aes)) 0x" + bytes(range(36)).hex() + " 128",
                      "sel src fd69:7374:686d::1/128 dst fd69:7374:686d::2/128 proto l2tp",
                      "auth-trunc hmac(sha256) 0x" + bytes(range(32)).hex() + " 128",
                      "enc cbc(aes) 0x" + bytes(range(16)).hex(), "mode transport"):
            self.assertTrue(words in text, (words, text))

    def test_lost_events_mean_that_everything_may_have_changed(self) -> None:
        fd = self.kernel.event_fds()[0]
        routes = ["10.66.%d.%d/32 dev wan0\n" % (n // 250, n % 250) for n in range(2000)]
        ip_batch("".join(["route add " + route for route in routes] + ["route del " + route for route in routes]))
        changed: set[str] = set()
        for _ in range(20):
            changed.update(self.kernel.read_events(fd))
        self.assertTrue({"link", "route"} <= changed, changed)  # nobody touched a link: some messages were lost
        self.assertEqual(self.kernel.read_events(fd), set())
        self.kernel.add(k.Route(contract.LAN, 9, k.UNREACHABLE))
        self.told("route")

    def snapshot(self) -> str:
        out = ""
        for command in LISTS:
            if "l2tp" in command and "tunnel" in self.lacks:
                continue
            text = shell(command)
            # What moves by itself: nft counters, and counts and times of an SA.
            out += re.sub(r"counter packets \d+ bytes \d+", "counter", text)
        return out


class CarryTest(unittest.TestCase):
    """Two routers, one tunnel, every object put in by the plan: IPv6 inner endpoints in IPv4 and IPv6 ESP, BEET."""

    lacks: tuple[str, ...] = ()

    def setUp(self) -> None:
        if any(self.lacks):
            self.skipTest("this kernel lacks ESP or L2TP")
        self.left = new_namespace()
        self.right = new_namespace()
        shell("ip link add wan0 type veth peer name wan0 netns /proc/%d/fd/%d" % (os.getpid(), self.left))
        self.kernels = {}
        for number, namespace in ((1, self.left), (2, self.right)):
            enter(namespace)
            ip_batch((UPLINK + LANS) % {"n": number, "lan": 100 + number})
            self.kernels[namespace] = RealKernel()
            for kind in k.KINDS:  # opens its sockets, in this namespace
                self.kernels[namespace].dump(kind)

    def tearDown(self) -> None:
        for namespace, kernel in self.kernels.items():
            enter(namespace)
            kernel.close()
            os.close(namespace)

    def ends(
        self,
        outer: tuple[bytes, bytes],
        encryption: int, integrity: int,
        wrong_cookie: bool = False,
        encap: tuple[int, int] | None = None, esn: bool = False,
    ) -> None:
        """Install both ends."""
        inner = (contract.INNER, contract.PEER_INNER)
        link_local = (contract.LOCAL_LL, contract.PEER_LL)
        macs, cookies = (contract.MAC, contract.OTHER_MAC), (b"cookie-l", b"cookie-r")
        for us, namespace in enumerate((self.left, self.right)):
            enter(namespace)
            kernel = self.kernels[namespace]
            them = 1 - us
            expected = b"mistaken" if wrong_cookie and us == 1 else cookies[them]
            desired = [
                self.policy(k.OUT, outer, inner, us),
                self.policy(k.IN, outer, inner, them),
                self.sa(outer, inner, us, encryption, integrity, encap, esn),
                self.sa(outer, inner, them, encryption, integrity, encap, esn),
                k.Address("lo", inner[us], 128),
                k.Route(contract.one(inner[them]), 1024, oif="wan0"),
                k.Tunnel(11 + us, 11 + them, inner[us], inner[them]),
                k.Session(11 + us, 21 + us, 21 + them, cookies[us], expected, "l2tp0"),
                k.Link("l2tp0", 1400, macs[us], True),
                k.Address("l2tp0", link_local[us], 64),
                k.Neighbour("l2tp0", link_local[them], macs[them]),
                k.Route(contract.parse_prefix("198.51.%d.0/24" % (101 + them)), 100, oif="l2tp0", via=link_local[them],
                        prefsrc=contract.parse_ip("198.51.%d.1" % (101 + us))),
            ]
            kernel.guard_set(guard_text([]))
            for verb, item in plan(desired, []):
                getattr(kernel, verb)(item)
            actual = [item for kind in k.KINDS for item in kernel.dump(kind)]
            self.assertEqual(plan(desired, actual), [])

    @staticmethod
    def policy(direction: int, outer: tuple[bytes, bytes], inner: tuple[bytes, bytes], sender: int) -> k.Policy:
        ends = (contract.one(inner[sender]), contract.one(inner[1 - sender]))
        return k.Policy(direction, ends[0], ends[1], 115, outer[sender], outer[1 - sender], k.BEET, contract.REQID)

    @staticmethod
    def sa(
        outer: tuple[bytes, bytes],
        inner: tuple[bytes, bytes],
        sender: int,
        encryption: int,
        integrity: int,
        encap: tuple[int, int] | None = None,
        esn: bool = False,
    ) -> k.Sa:
        other = 1 - sender
        for row in contract.CIPHERS:  # the first one has the shortest key
            if row[:2] == (encryption, integrity):
                break
        keys = k.SaKeys(bytearray((sender + 1, *range(1, row[2]))), bytearray(range(row[3])))
        selector = (contract.one(inner[sender]), contract.one(inner[other]), 115)
        spi = 0x100 + sender
        ends = (outer[other], spi, outer[sender], contract.REQID, k.BEET)
        return k.Sa(*ends, encryption, integrity, keys, selector, encap, esn=esn)

    def ping(self) -> str:
        enter(self.left)
        return shell("ping -c 5 -i 0.2 -W 2 198.51.102.1", check=False)

    def test_frames_cross_in_ipv4_esp(self) -> None:
        self.ends((contract.US4, contract.PEER4), k.ENCR_AES_GCM_16, 0)
        said = self.ping()
        self.assertTrue(" 0% packet loss" in said, said)
        for namespace in (self.left, self.right):
            enter(namespace)
            kernel = self.kernels[namespace]
            session = kernel.dump("session")[0]
            self.assertTrue(session.rx_packets >= 5 and session.rx_bytes > 0, session.rx_packets)
            self.assertTrue(session.tx_packets >= 5 and session.tx_bytes > 0, session.tx_packets)
            for sa in kernel.dump("sa"):
                self.assertTrue(sa.packets >= 5 and sa.bytes > 0 and not sa.forged, (sa, sa.packets))

    def test_frames_cross_in_ipv6_esp(self) -> None:
        self.ends((contract.US6, contract.PEER6), k.ENCR_AES_CBC, k.AUTH_HMAC_SHA2_256_128)
        said = self.ping()
        self.assertTrue(" 0% packet loss" in said, said)

    def test_udp_ports_follow_in_place(self) -> None:
        for outer, cipher, check in (
            ((contract.US4, contract.PEER4), k.ENCR_AES_GCM_16, 0),
            ((contract.US6, contract.PEER6), k.ENCR_AES_CBC, k.AUTH_HMAC_SHA2_256_128),
        ):
            with self.subTest(outer=outer):
                self.ends(outer, cipher, check, encap=(4500, 4500))
                sockets = [self.decapsulate(namespace, len(outer[0])) for namespace in (self.left, self.right)]
                self.assertTrue(" 0% packet loss" in self.ping())
                self.remap(outer)
                for end in sockets:
                    end.close()
                self.tearDown()
                self.setUp()

    @staticmethod
    def decapsulate(namespace: int, size: int) -> socket.socket:
        enter(namespace)
        sock = socket.socket(socket.AF_INET if size == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
        sock.setsockopt(socket.IPPROTO_UDP, 100, 2)  # linux/udp.h: UDP_ENCAP, UDP_ENCAP_ESPINUDP
        sock.bind(("", 4500))
        return sock

    def remap(self, outer: tuple[bytes, bytes]) -> None:
        """The left side's port changes as if a NAT had changed it; the right side hears of it and follows."""
        enter(self.left)
        before = shell("ip xfrm state")
        leaving = next(sa for sa in self.kernels[self.left].dump("sa") if sa.source == outer[0])
        leaving.encap = (61000, 4500)
        self.kernels[self.left].replace(leaving)
        after = shell("ip xfrm state")  # keys, selector and sequence numbers stand in it
        self.assertEqual(after.replace("sport 61000", "sport 4500"), before)
        self.assertEqual(after.count("sport 61000"), 1)
        self.assertTrue(" 0% packet loss" in self.ping())
        enter(self.right)
        kernel = self.kernels[self.right]
        told = set()
        for fd in kernel.event_fds():
            told |= kernel.read_events(fd)
        self.assertTrue("mapping" in told, told)
        self.assertEqual(kernel.take_mappings(), [Mapping(outer[1], 0x100, (outer[0], 61000))])
        arriving = next(sa for sa in kernel.dump("sa") if sa.destination == outer[1])
        leaving = next(sa for sa in kernel.dump("sa") if sa.source == outer[1])
        before = (arriving.packets, leaving.packets)
        self.assertTrue(before[0] >= 10, before)
        arriving.encap = (61000, 4500)
        kernel.replace(arriving)
        after = {sa.spi: sa.packets for sa in kernel.dump("sa")}
        self.assertEqual((after[arriving.spi], after[leaving.spi]), before, "an update must not touch the counters")
        self.assertTrue(" 0% packet loss" in self.ping())
        enter(self.right)
        for fd in kernel.event_fds():
            kernel.read_events(fd)
        self.assertEqual(kernel.take_mappings(), [], "it is told again after it was followed")
        self.assertEqual([sa.forged + sa.replayed for sa in kernel.dump("sa")], [0, 0])

    def test_frames_cross_under_every_cipher(self) -> None:
        gcm, chacha, cbc = k.ENCR_AES_GCM_16, k.ENCR_CHACHA20_POLY1305, k.ENCR_AES_CBC
        for cipher, check, esn in ((chacha, 0, False), (cbc, k.AUTH_HMAC_SHA2_384_192, False), (gcm, 0, True),
                                   (chacha, 0, True), (cbc, k.AUTH_HMAC_SHA2_512_256, True)):
            self.ends((contract.US4, contract.PEER4), cipher, check, esn=esn)
            found = (" 0% packet loss" in self.ping(), shell("ip xfrm state").count("flag esn"))
            self.assertEqual(found, (True, 2 if esn else 0), (cipher, check))
            self.tearDown()
            self.setUp()

    def test_a_wrong_cookie_is_counted_and_nothing_passes(self) -> None:
        self.ends((contract.US4, contract.PEER4), k.ENCR_AES_GCM_16, 0, wrong_cookie=True)
        said = self.ping()
        self.assertTrue("100% packet loss" in said, said)
        enter(self.right)
        session = self.kernels[self.right].dump("session")[0]
        self.assertTrue(session.rx_wrong_cookie >= 5 and session.rx_packets == 0, session.rx_wrong_cookie)

    def test_without_sas_nothing_passes(self) -> None:
        self.ends((contract.US4, contract.PEER4), k.ENCR_AES_GCM_16, 0)
        self.assertTrue(" 0% packet loss" in self.ping())
        for namespace in (self.left, self.right):
            enter(namespace)
            kernel = self.kernels[namespace]
            for sa in kernel.dump("sa"):
                kernel.remove(sa)
        self.assertTrue("100% packet loss" in self.ping())


def tests(words: list[str]) -> list[unittest.TestCase]:
    """Every test whose name contains one of the words, or every test."""
    out = []
    for kind in (RealTest, CarryTest, kernel_flows.ForcedTest, kernel_flows.OffloadTest):
        for test in unittest.defaultTestLoader.loadTestsFromTestCase(kind):
            name = "lab.kernel." + test.id().rsplit(".", maxsplit=1)[-1][len("test_"):]
            if not words or any(word in name for word in words):
                test.lab_name = name
                out.append(test)
    return out


def set_lacks() -> None:
    """Find out what the kernel was built without, once, before the tests."""
    RealTest.lacks = CarryTest.lacks = find_lacks()


def main(words: list[str]) -> int:
    """Run the tests whose name contains one of the words, or all."""
    set_lacks()
    failed = 0
    chosen = tests(words)
    for test in chosen:
        result = unittest.TestResult()
        start = time.monotonic()
        test.run(result)
        seconds = time.monotonic() - start
        why = "".join([row[1] for row in result.errors + result.failures + result.skipped])
        verdict = "failed" if result.errors or result.failures else "skipped" if result.skipped else "passed"
        failed += verdict == "failed"
        print("%-8s %5.1f s  %s %s" % (verdict, seconds, test.lab_name, why), flush=True)
    print("%d tests, %d failed" % (len(chosen), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KernelError as error:
        sys.exit("%s: %s" % (error, error.remedy))
