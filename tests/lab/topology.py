r"""The network that every lab test runs on.

     LAN 192.168.10.0/24                       the Internet                       LAN 192.168.20.0/24
    +--------+      +----------+          +--------------------+          +----------+      +--------+
    | host A |eth0--|lan0  rtr A wan0|----|wan-a    all is  wan-b|----|wan0 rtr B  lan0|--eth0| host B |
    +--------+      +----------+          |      captured      |          +----------+      +--------+
    .10.2         .10.1     198.51.100.2  | .1                .1 |  203.0.113.2    .20.1         .20.2
                                          +--------------------+
                  198.51.100.0/24 -------^                     ^------- 203.0.113.0/24

Five network namespaces joined by veth pairs. The Internet routes between the two prefixes and knows nothing of the
LANs: what a router sends there with a LAN address, or in the clear, gets lost and is counted. IPv6 runs on the WANs as
well (2001:db8:a::/64, 2001:db8:b::/64). Everything carries the topology's prefix, so that several live side by
side; nothing outside its namespaces is touched.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.namespace import Namespace, run

if TYPE_CHECKING:
    from types import TracebackType

HOST_A, HOST_B = "192.168.10.2", "192.168.20.2"
LAN_A, LAN_B = "192.168.10.0/24", "192.168.20.0/24"
GATEWAY_A, GATEWAY_B = "192.168.10.1", "192.168.20.1"
WAN_A, WAN_B = "198.51.100.2", "203.0.113.2"
WAN_A6, WAN_B6 = "2001:db8:a::2", "2001:db8:b::2"

HOST_SETUP = """\
address add {address}/24 dev eth0
link set eth0 up
route add default via {gateway}
"""
ROUTER_SETUP = """\
address add {lan}/24 dev lan0
address add {wan}/24 dev wan0
address add {wan6}/64 dev wan0 nodad
link set lan0 up
link set wan0 up
route add default via {gateway}
route add default via {gateway6}
"""
INTERNET_SETUP = """\
address add 198.51.100.1/24 dev wan-a
address add 203.0.113.1/24 dev wan-b
address add 2001:db8:a::1/64 dev wan-a nodad
address add 2001:db8:b::1/64 dev wan-b nodad
link set wan-a up
link set wan-b up
"""
FORWARD = ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding")


class Topology:
    """The five namespaces, up between `with` and its end; prefix: a few letters that no other topology uses."""

    def __init__(self, prefix: str) -> None:
        self.host_a = Namespace(prefix + "-host-a")
        self.router_a = Namespace(prefix + "-router-a")
        self.internet = Namespace(prefix + "-internet")
        self.router_b = Namespace(prefix + "-router-b")
        self.host_b = Namespace(prefix + "-host-b")
        self.all = [self.host_a, self.router_a, self.internet, self.router_b, self.host_b]

    def __enter__(self) -> Topology:
        """Build it; when it returns, packets flow between the routers."""
        run(["ip", "-batch", "-"], "".join(f"netns add {item.name}\n" for item in self.all))
        try:
            self.build()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """End every process in it and remove it."""
        self.remove()

    def build(self) -> None:
        """Join the namespaces and give them addresses and routes: one process each, for process starts are dear."""
        for item in self.all:
            # Before the links come: duplicate address detection would keep IPv6 waiting for a second.
            item.set_sysctl("net/ipv6/conf/default/accept_dad", "0")
        for item in (self.router_a, self.internet, self.router_b):
            for name in FORWARD:
                item.set_sysctl(name, "1")
        self.router_a.ip(
            "link set lo up\n"
            f"link add lan0 type veth peer name eth0 netns {self.host_a.name}\n"
            f"link add wan0 type veth peer name wan-a netns {self.internet.name}\n"
            + ROUTER_SETUP.format(lan=GATEWAY_A, wan=WAN_A, wan6=WAN_A6,
                                  gateway="198.51.100.1", gateway6="2001:db8:a::1"))
        self.router_b.ip(
            "link set lo up\n"
            f"link add lan0 type veth peer name eth0 netns {self.host_b.name}\n"
            f"link add wan0 type veth peer name wan-b netns {self.internet.name}\n"
            + ROUTER_SETUP.format(lan=GATEWAY_B, wan=WAN_B, wan6=WAN_B6,
                                  gateway="203.0.113.1", gateway6="2001:db8:b::1"))
        self.internet.ip("link set lo up\n" + INTERNET_SETUP)
        self.host_a.ip("link set lo up\n" + HOST_SETUP.format(address=HOST_A, gateway=GATEWAY_A))
        self.host_b.ip("link set lo up\n" + HOST_SETUP.format(address=HOST_B, gateway=GATEWAY_B))

    def remove(self) -> None:
        """End what lives in the namespaces and delete them."""
        present = [item for item in self.all if item.path.exists()]
        for item in present:
            item.end_processes()
        run(["ip", "-batch", "-"], "".join(f"netns del {item.name}\n" for item in present))


def list_namespaces() -> list[str]:
    """The names of all namespaces that `ip netns` knows."""
    folder = Path("/run/netns")
    return sorted(entry.name for entry in folder.iterdir()) if folder.exists() else []
