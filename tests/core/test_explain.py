"""What `explain` says of single packets. That it is true is tried on a real kernel in tests/props."""

from __future__ import annotations

import unittest

from isthmus.policy import explain as ex
from isthmus.policy.lane import choose
from isthmus.wire.addr import parse_ip, parse_prefix
from tests.core.forced_samples import exception, lanes_of, rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.forced import ForcedConfig

MAC, MAC2 = "020000000150", "020000000202"
BOUND = "192.168.10.50@02:00:00:00:01:50"
ROUTES = (("192.168.10.0/24", "br-lan"), ("192.168.40.0/24", "br-guest"), ("2001:db8:1::/64", "br-lan"),
          ("192.168.20.0/24", "ist-x"), ("0.0.0.0/0", "wan0"), ("::/0", "wan0"))  # fmt: skip
OWN = ("192.168.10.1", "2001:db8:1::1")
NOW = 1_800_000_000


def way(address: bytes) -> str:
    for text, ifname in ROUTES:
        if parse_prefix(text).contains(address):
            return ifname
    return ""


class ExplainTest(unittest.TestCase):
    def ask(
        self,
        rules: list[ForcedConfig],
        source: str = "192.168.10.50",
        to: str = "198.51.100.7",
        protocol: int = 6,
        port: int = 443,
        mac: str = MAC,
        ifname: str = "br-lan",
        up: tuple[str, ...] = ("x", "y"),
        spent: tuple[str, ...] = (),
    ) -> ex.Explanation:
        lanes = lanes_of(rules, up)
        world = ex.World(way, lambda address: address in [parse_ip(text) for text in OWN], NOW)
        packet = ex.Packet(parse_ip(source), parse_ip(to), ifname, bytes.fromhex(mac), protocol, port)
        chosen = choose(rules, lanes)
        return ex.explain(rules, lanes, chosen, ["br-lan", "br-guest"], set(spent), packet, world, ["ist-x", "ist-y"])

    def test_each_verdict_names_what_decided(self) -> None:
        let = exception("ntp", ["203.0.113.0/24"], ["udp:123"])
        rules = [rule("cam", [BOUND], exceptions=[let])]
        found = self.ask(rules)
        self.assertEqual((found.verdict, found.rule, found.tunnel, found.ifname), (ex.PROTECTED, "cam", "x", "ist-x"))
        found = self.ask(rules, up=())
        self.assertEqual((found.verdict, found.rule, found.ifname), (ex.BLOCKED, "cam", ""))
        found = self.ask(rules, to="203.0.113.9", protocol=17, port=123)
        self.assertEqual((found.verdict, found.exception, found.ifname), (ex.EXPOSED, "ntp", "wan0"))
        self.assertEqual(self.ask(rules, to="192.168.40.9").verdict, ex.INSIDE)
        self.assertEqual(self.ask(rules, source="192.168.10.7", mac=MAC2).verdict, ex.FREE)
        self.assertEqual(self.ask(rules, to="192.168.10.1", port=80).verdict, ex.ROUTER)
        self.assertEqual(self.ask([]).verdict, ex.FREE)

    def test_an_exception_is_as_long_as_it_is_and_no_longer(self) -> None:
        for until, spent, verdict in ((None, (), ex.EXPOSED), (NOW + 1, (), ex.EXPOSED), (NOW, (), ex.PROTECTED),
                                      (NOW + 1, ("e",), ex.PROTECTED)):  # fmt: skip
            rules = [rule("r", ["br-lan"], exceptions=[exception("e", ["198.51.100.0/24"], until=until)])]
            self.assertEqual(self.ask(rules, spent=spent).verdict, verdict, until)

    def test_lies_about_who_one_is_are_told(self) -> None:
        rules = [rule("r", [BOUND])]
        for source, mac, words in (("192.168.10.51", MAC, "bound to another address"),
                                   ("192.168.10.50", MAC2, "bound to another MAC"),
                                   ("10.9.9.9", MAC2, "forged"), ("0.0.0.0", MAC, "DHCP")):  # fmt: skip
            found = self.ask(rules, source=source, mac=mac)
            self.assertEqual(found.verdict, ex.BLOCKED)
            self.assertTrue(words in found.steps[-1], found.steps)
        self.assertEqual(self.ask(rules, ifname="ist-x", mac="").verdict, ex.BLOCKED)
        self.assertEqual(self.ask(rules, source="192.168.20.7", ifname="ist-x", mac="").verdict, ex.FREE)

    def test_the_order_of_the_classes_is_told(self) -> None:
        rules = [rule("a", ["br-lan"]), rule("b", ["192.168.10.0/24"], via=["y"]), rule("c", [BOUND], port=["tcp:80"])]
        found = self.ask(rules)
        self.assertEqual((found.rule, found.ifname), ("b", "ist-y"))
        self.assertTrue("rule c, which is not about TCP port 443" in found.steps[1], found.steps)
        self.assertEqual(self.ask(rules, port=80).rule, "c")

    def test_names_go_to_the_resolver_in_the_tunnel(self) -> None:
        rules = [rule("r", [BOUND], dns=["192.168.20.53"])]
        for to in ("192.168.10.1", "9.9.9.9", "192.168.40.9"):
            found = self.ask(rules, to=to, protocol=17, port=53)
            self.assertEqual((found.verdict, found.ifname), (ex.PROTECTED, "ist-x"))
            self.assertTrue("resolver 192.168.20.53" in found.steps[1], found.steps)
        found = self.ask(rules, source="2001:db8:1::50", to="2001:db8:1::1", port=53)
        self.assertEqual(found.verdict, ex.BLOCKED)

    def test_ipv6_that_nobody_knows_stays(self) -> None:
        rules = [rule("r", ["192.168.10.50/32"])]
        found = self.ask(rules, source="2001:db8:1::2", to="2001:db8:9::1")
        self.assertEqual((found.verdict, found.rule), (ex.BLOCKED, "r"))
        self.assertTrue("ADDRESS@MAC" in found.steps[-1])
        self.assertEqual(self.ask(rules, source="2001:db8:1::2", to="2001:db8:1::1", port=853).verdict, ex.BLOCKED)
        self.assertEqual(self.ask(rules, source="fe80::5", to="2001:db8:1::1", port=80).verdict, ex.ROUTER)
        free = [rule("r", ["192.168.10.50/32"], ipv6="free")]
        self.assertEqual(self.ask(free, source="2001:db8:1::2", to="2001:db8:9::1").verdict, ex.FREE)

    def test_without_any_tunnel_up_it_says_so(self) -> None:
        found = self.ask([rule("r", [BOUND], via=["x", "y"])], up=())
        self.assertTrue("No other of the rule's tunnels" in found.steps[-1], found.steps)
