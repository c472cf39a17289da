r"""The network of the leak tests.

        LAN A (br-lan)                         the Internet: isp, which captures what comes from router A
    h1 forced   --+   +----------+ wan0   +--bridge "up0"--+        +----------+      +--------+
    h2 free     --+---| router A |--------| isp        isp |--wan-b-| router B |lan0--| host B |
    h3 attacker --+   +----------+ wan1 --| "up1"          |        +----------+      +--------+
                                          |  w sits on up0 |--dmz-- sink: a server, IPv4 and IPv6
                                          +----------------+

Eight network namespaces. `isp` routes between everybody and would carry what router A sends in the clear, so a leak
reaches its target. `w` is an attacker on router A's own WAN link. `wan1` is a second uplink, down until a test wants
it. Router A runs a ruleset like OpenWrt's fw4 (fw4.py); router B is a plain Linux without a firewall.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from tests.lab.namespace import Namespace, run

if TYPE_CHECKING:
    from types import TracebackType

H1, H2, H3, GATEWAY = "192.168.10.2", "192.168.10.3", "192.168.10.4", "192.168.10.1"
H1_6, H2_6, H3_6, GATEWAY_6 = "2001:db8:10::2", "2001:db8:10::3", "2001:db8:10::4", "2001:db8:10::1"
H1_TEMPORARY, H1_ULA = "2001:db8:10::dead:1", "fd10::2"
LAN_A, LAN_A6, ULA_A = "192.168.10.0/24", "2001:db8:10::/64", "fd10::/64"
HOST_B, HOST_B6, LAN_B, LAN_B6 = "192.168.20.2", "2001:db8:20::2", "192.168.20.0/24", "2001:db8:20::/64"
WAN_A, WAN_A6, WAN_B, WAN_B6 = "198.51.100.2", "2001:db8:a::2", "203.0.113.2", "2001:db8:b::2"
ISP_A, ISP_A6 = "198.51.100.1", "2001:db8:a::1"
SECOND_A, SECOND_ISP = "192.0.2.2", "192.0.2.1"
THIRD_A = "198.51.100.9"  # on the first uplink, another day
ATTACKER, ATTACKER6 = "198.51.100.66", "2001:db8:a::66"
# The sink's addresses say who may speak to them: nobody but h1 has any business with SECRET, nobody but h2 with OPEN.
SECRET, SECRET6, OPEN, OPEN6 = "198.18.0.80", "2001:db8:5::80", "198.18.0.81", "2001:db8:5::81"
EXCEPTED, RESOLVER, RESOLVER6 = "198.18.0.82", "198.18.0.53", "2001:db8:5::53"

MACS = {"h1": "02:00:0a:00:00:01", "h2": "02:00:0a:00:00:02", "h3": "02:00:0a:00:00:03", "br-lan": "02:00:0a:00:00:fe",
        "wan0": "02:00:0a:00:01:02", "w": "02:00:0a:00:01:66", "isp": "02:00:0a:00:01:01"}  # fmt: skip

HOST = """\
link set lo up
link set eth0 address {mac} up
address add {address}/24 dev eth0
address add {address6}/64 dev eth0 nodad
route add default via {gateway}
route add default via {gateway6}
"""
ROUTER_A = f"""\
link set lo up
link add br-lan address {MACS["br-lan"]} type bridge
link add br-guest type bridge
link set lan1 master br-lan up
link set lan2 master br-lan up
link set lan3 master br-lan up
link set br-lan up
link set br-guest up
address add {GATEWAY}/24 dev br-lan
address add {GATEWAY_6}/64 dev br-lan nodad
address add fd10::1/64 dev br-lan nodad
address add 192.168.11.1/24 dev br-guest
link set wan0 address {MACS["wan0"]} up
address add {WAN_A}/24 dev wan0
address add {WAN_A6}/64 dev wan0 nodad
route add default via {ISP_A}
route add default via {ISP_A6}
"""
# What a router's network scripts do when the first uplink comes back.
UPLINK_A = f"""\
address replace {WAN_A}/24 dev wan0
address replace {WAN_A6}/64 dev wan0 nodad
route replace default via {ISP_A}
route replace default via {ISP_A6}
"""
LAN_A_UP = f"address replace {GATEWAY_6}/64 dev br-lan nodad\naddress replace fd10::1/64 dev br-lan nodad\n"
SECOND_UPLINK = f"""\
link set wan1 up
address replace {SECOND_A}/24 dev wan1
route replace default via {SECOND_ISP} metric 200
"""
ISP = f"""\
link set lo up
link add up0 address {MACS["isp"]} type bridge
link set wan-a master up0 up
link set wan-w master up0 up
link set up0 up
link set wan-b up
link set up1 up
link set dmz up
address add {ISP_A}/24 dev up0
address add {ISP_A6}/64 dev up0 nodad
address add {SECOND_ISP}/24 dev up1
address add 203.0.113.1/24 dev wan-b
address add 2001:db8:b::1/64 dev wan-b nodad
address add 198.18.0.1/24 dev dmz
address add 2001:db8:5::1/64 dev dmz nodad
route add {LAN_A6} via {WAN_A6}
"""
ROUTER_B = f"""\
link set lo up
link set wan0 up
link set lan0 up
address add {WAN_B}/24 dev wan0
address add {WAN_B6}/64 dev wan0 nodad
address add 192.168.20.1/24 dev lan0
address add 2001:db8:20::1/64 dev lan0 nodad
route add default via 203.0.113.1
route add default via 2001:db8:b::1
"""
SINK = f"""\
link set lo up
link set eth0 up
address add {SECRET}/24 dev eth0
address add {OPEN}/24 dev eth0
address add {EXCEPTED}/24 dev eth0
address add {RESOLVER}/24 dev eth0
address add {SECRET6}/64 dev eth0 nodad
address add {OPEN6}/64 dev eth0 nodad
address add {RESOLVER6}/64 dev eth0 nodad
route add default via 198.18.0.1
route add default via 2001:db8:5::1
"""
# What the hosts' kernels would answer to frames that another process of ours made by hand would end those flows.
QUIET = """\
table inet quiet {
    chain out {
        type filter hook output priority 0; policy accept;
        tcp flags & (rst | syn) == rst drop
        icmp type destination-unreachable drop
        icmpv6 type destination-unreachable drop
    }
}
"""
FORWARD = ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding")
NAMES = ("h1", "h2", "h3", "a", "isp", "w", "b", "hb", "sink")


class Network:
    """All the namespaces, up between `with` and its end; prefix: a few letters that no other topology uses."""

    def __init__(self, prefix: str = "lk") -> None:
        self.h1, self.h2, self.h3, self.a, self.isp, self.w, self.b, self.hb, self.sink = self.all = [
            Namespace(prefix + "-" + name) for name in NAMES
        ]

    def __enter__(self) -> Network:
        """Build it."""
        run(["ip", "-batch", "-"], "".join(f"netns add {item.name}\n" for item in self.all))
        try:
            self.build()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every process in it and remove it."""
        self.remove()

    def build(self) -> None:
        """Links, addresses, routes: one process a namespace, for process starts are dear."""
        for item in self.all:
            item.set_sysctl("net/ipv6/conf/default/accept_dad", "0")
        for item in (self.a, self.isp, self.b):
            for name in FORWARD:
                item.set_sysctl(name, "1")
        lans = (("lan1", self.h1), ("lan2", self.h2), ("lan3", self.h3))
        self.a.ip(
            "".join(f"link add {port} type veth peer name eth0 netns {host.name}\n" for port, host in lans)
            + f"link add wan0 type veth peer name wan-a netns {self.isp.name}\n"
            + f"link add wan1 type veth peer name up1 netns {self.isp.name}\n"
            + ROUTER_A
        )
        self.isp.ip(
            f"link add wan-w type veth peer name eth0 netns {self.w.name}\n"
            f"link add wan-b type veth peer name wan0 netns {self.b.name}\n"
            f"link add dmz type veth peer name eth0 netns {self.sink.name}\n" + ISP
        )
        self.b.ip(f"link add lan0 type veth peer name eth0 netns {self.hb.name}\n" + ROUTER_B)
        hosts = (
            (self.h1, MACS["h1"], H1, H1_6, GATEWAY, GATEWAY_6),
            (self.h2, MACS["h2"], H2, H2_6, GATEWAY, GATEWAY_6),
            (self.h3, MACS["h3"], H3, H3_6, GATEWAY, GATEWAY_6),
            (self.hb, "02:00:0b:00:00:01", HOST_B, HOST_B6, "192.168.20.1", "2001:db8:20::1"),
            (self.w, MACS["w"], ATTACKER, ATTACKER6, ISP_A, ISP_A6),
        )
        for host, mac, address, address6, gateway, gateway6 in hosts:
            host.ip(HOST.format(mac=mac, address=address, address6=address6, gateway=gateway, gateway6=gateway6))
        self.h1.ip(f"address add {H1_ULA}/64 dev eth0 nodad\naddress add {H1_TEMPORARY}/64 dev eth0 nodad\n")
        # Where the self-test's probe of a free host goes: it leaves only if somebody on the link answers ARP.
        self.w.ip("address add 198.51.100.77/32 dev eth0\n")
        self.sink.ip(SINK)
        for item in (self.h1, self.h2, self.sink, self.hb):
            item.nft(QUIET)

    def second_uplink(self) -> None:
        """Give router A its second uplink, behind the first."""
        self.a.ip(SECOND_UPLINK)

    def remove(self) -> None:
        """End what lives in the namespaces and delete them."""
        present = [item for item in self.all if item.path.exists()]
        for item in present:
            item.end_processes()
        run(["ip", "-batch", "-"], "".join(f"netns del {item.name}\n" for item in present))


def packed(address: str) -> bytes:
    """An address as bytes, 4 or 16."""
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def packed_mac(text: str) -> bytes:
    """A MAC address as 6 bytes."""
    return bytes.fromhex(text.replace(":", ""))
