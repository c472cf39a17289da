"""What the tests of passthrough share: clients behind a router with a firewall like fw4's, and a host outside."""

from __future__ import annotations

import contextlib
import shutil
import struct
import unittest

from isthmus.policy.passthrough import passthrough_chains, shadow_chains
from isthmus.policy.ready import ready_chains
from tests.edge.nets import TCP, UDP, Net, Watch, forget_connections, join, send

MAC1, MAC2 = "02:00:00:00:00:11", "02:00:00:00:00:12"
ONE, TWO, GUEST = "192.168.10.11", "192.168.10.12", "192.168.20.11"
ONE6, TWO6 = "2001:db8:10::11", "2001:db8:10::12"
WAN, WAN6 = "203.0.113.1", "2001:db8:f::1"
OUT, OUT6 = "203.0.113.9", "2001:db8:f::9"
GRE, ESP, AH, L2TP_IP = 47, 50, 51, 115
LANS = ["br-lan", "br-guest"]

# name: IP protocol, port
KINDS = {
    "ike": (UDP, 500), "nat-t": (UDP, 4500), "esp": (ESP, 0), "ah": (AH, 0), "l2tp": (UDP, 1701),
    "l2tp-ip": (L2TP_IP, 0), "pptp": (TCP, 1723), "gre": (GRE, 0), "other": (UDP, 9999),
}  # fmt: skip
IPSEC = {"ike", "nat-t", "esp", "ah"}

# What OpenWrt's firewall does with these, in short.
FW4 = """
table inet fw4 {
	chain forward {
		type filter hook forward priority 0; policy drop;
		ct state established,related accept
		iifname { "br-lan", "br-guest" } oifname "wan" accept
		iifname "wan" meta l4proto esp accept
		iifname "wan" udp dport { 7, 500 } accept
		iifname "wan" ct status dnat accept
	}
	chain dstnat {
		type nat hook prerouting priority -100; policy accept;
		iifname "wan" meta nfproto ipv4 udp dport { 7, 500, 4500 } dnat ip to 192.168.10.11
	}
	chain srcnat {
		type nat hook postrouting priority 100; policy accept;
		oifname "wan" meta nfproto ipv4 masquerade
	}
}
"""


def build() -> None:
    """For setUpModule()."""
    if not shutil.which("nft"):
        raise unittest.SkipTest("there is no nft program")
    unittest.addModuleCleanup(World.close)
    World.get()


class World:
    """Two clients on br-lan, one on br-guest, the router, and a host outside."""

    only: World | None = None

    def __init__(self) -> None:
        self.nets: dict[str, Net] = {}
        World.only = self
        for name in ("one", "two", "guest", "router", "out"):
            self.nets[name] = Net()
        router, out = self.nets["router"], self.nets["out"]
        router.ip("link add br-lan type bridge", "link add br-guest type bridge")
        for name, address, address6, mac, bridge in (
            ("one", ONE, ONE6, MAC1, "br-lan"), ("two", TWO, TWO6, MAC2, "br-lan"),
            ("guest", GUEST, "2001:db8:20::11", "02:00:00:00:00:13", "br-guest"),
        ):  # fmt: skip
            net = self.nets[name]
            join(net, "eth0", router, name)
            gateway = address.rpartition(".")[0] + ".1"
            gateway6 = address6.rpartition("::")[0] + "::1"
            net.ip("link set eth0 address " + mac, "address add %s/24 dev eth0" % address,
                   "address add %s/64 dev eth0 nodad" % address6, "route add default via " + gateway)  # fmt: skip
            router.ip("link set %s master %s" % (name, bridge), "link set %s up" % bridge,
                      "address replace %s/24 dev %s" % (gateway, bridge),
                      "address replace %s/64 dev %s nodad" % (gateway6, bridge))  # fmt: skip
            net.ip("route add ::/0 via " + gateway6)
        join(router, "wan", out, "eth0")
        router.ip("address add %s/24 dev wan" % WAN, "address add %s/64 dev wan nodad" % WAN6)
        out.ip("address add %s/24 dev eth0" % OUT, "address add %s/64 dev eth0 nodad" % OUT6,
               "route add 2001:db8::/32 via " + WAN6)  # fmt: skip
        router.sysctl("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        router.nft(FW4)

    @classmethod
    def get(cls) -> World:
        if cls.only is None:
            cls.only = World()
        return cls.only

    @classmethod
    def close(cls) -> None:
        for net in cls.only.nets.values() if cls.only else ():
            net.close()
        cls.only = None


class Passing(unittest.TestCase):
    """A fresh conntrack and no table of ours at first."""

    def setUp(self) -> None:
        self.world = World.get()
        self.one, self.two, self.guest, self.router, self.out = [
            self.world.nets[name] for name in ("one", "two", "guest", "router", "out")
        ]
        self.router.run("nft", "delete", "table", "inet", "isthmus", check=False)
        forget_connections(self.router)
        self.serial = 0

    def apply(self, *sections: object, shadow: tuple = ()) -> None:
        chains, counters = passthrough_chains(list(sections), LANS)
        chains += shadow_chains(*shadow) if shadow else []
        lines = ["table inet isthmus", "delete table inet isthmus", "table inet isthmus {"]
        lines += ["\tcounter %s {\n\t}" % name for name in counters]
        for chain in chains + ready_chains(chains):
            lines += chain.lines()
        self.router.nft("\n".join(lines) + "\n}\n")

    def token(self) -> bytes:
        self.serial += 1
        return b"tok%09d!" % self.serial

    def passes(
        self, sender: Net, receiver: Net, kind: str, source: str, destination: str, sport: int = 0
    ) -> bytes:
        """The IP packet as it arrives, b"" if it does not."""
        protocol, port = KINDS[kind]
        token, last = self.token(), self.token()
        watch = Watch(receiver, "eth0" if receiver is not self.router else "wan")
        try:
            with contextlib.suppress(PermissionError):  # what the kernel drops of our own is refused
                send(sender, protocol, source, destination, framed(kind, token), sport or port or 40000, port)
            send(sender, UDP, source, destination, last, 40000 + self.serial, 7)
            found = [packet for packet in watch.until(last) if token in packet]
        finally:
            watch.close()
        return found[0] if found else b""

    def passing(self, sender: Net, receiver: Net, source: str, destination: str, kinds: object = KINDS) -> set:
        return {kind for kind in kinds if self.passes(sender, receiver, kind, source, destination)}

    def counted(self, name: str) -> int:
        words = self.router.run("nft", "list", "counter", "inet", "isthmus", "passthrough_" + name).split()
        return int(words[words.index("packets") + 1])


def framed(kind: str, token: bytes) -> bytes:
    """What the kernel's tracking does not take offence at."""
    if kind == "gre":
        return struct.pack("!HH", 0x2001, 0x880B) + struct.pack("!HH", len(token), 7) + token
    return token
