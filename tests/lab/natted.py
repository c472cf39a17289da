r"""The network of the tests behind an address translator.

     LAN 192.168.11.0/24
    +-----------+ .1.11
    |  spoke 1  |----\
    +-----------+     \  +-------+                 +----------+                 +-------+  LAN 192.168.20.0/24
         ...           --|  nat  |-----------------| internet |-----------------|  hub  |
    +-----------+     /  +-------+  198.51.100.2   +----------+   203.0.113.2   +-------+
    |  spoke 4  |----/  .1    10.0.0.0/24 inside, masquerading to the outside
    +-----------+ .1.14
     LAN 192.168.14.0/24

A router's LAN is one address on an interface of its own: what is sent to it arrives at that router or nowhere. The
Internet knows nothing of 10.0.0.0/8 nor of the LANs. The translator keeps a port where it can and takes another where
it must, as a home router does; remap() makes it forget everything and take ports from elsewhere.
"""

from __future__ import annotations

import socket
import struct

from tests.lab.namespace import LabError, Namespace
from tests.lab.site import PSK
from tests.lab.topology import FORWARD, Topology

OUTSIDE = "198.51.100.2"
HUB = "203.0.113.2"
HUB_INSIDE = "10.1.0.2"
HUB_LAN, HUB_NET = "192.168.20.1", "192.168.20.0/24"

# linux/netfilter/nfnetlink.h, nfnetlink_conntrack.h
NETLINK_NETFILTER, CONNTRACK_DELETE = 12, 0x0102
REQUEST_ACK = 0x5

MASQUERADE = """\
table ip nat
delete table ip nat
table ip nat {{
    chain post {{
        type nat hook postrouting priority 100;
        oifname "wan0" {how}
    }}
}}
"""


SPOKE = """\
config tunnel 'hub'
	option remote '{hub}'
	option psk '{psk} {number}'
	option local_id 'spoke-{number}'
	option remote_id 'hub'
	list remote_subnet '{net}'
"""
AT_HUB = """\
config tunnel 's{number}'
	option remote '%any'
	option psk '{psk} {number}'
	option local_id 'hub'
	option remote_id 'spoke-{number}'
	list remote_subnet '{net}'
"""
LOUD = "config globals\n\toption log_level debug\n"


def inside(number: int) -> str:
    """A spoke's address behind the translator."""
    return f"10.0.0.{10 + number}"


def lan(number: int) -> str:
    """A spoke's own address in its LAN."""
    return f"192.168.{10 + number}.1"


def net(number: int) -> str:
    """A spoke's LAN."""
    return f"192.168.{10 + number}.0/24"


def spoke_text(number: int) -> str:
    """The file of one spoke."""
    return SPOKE.format(hub=HUB, psk=PSK, number=number, net=HUB_NET) + LOUD


def hub_text(numbers: list[int]) -> str:
    """The hub's."""
    return "".join(AT_HUB.format(psk=PSK, number=number, net=net(number)) for number in numbers) + LOUD


class Natted(Topology):
    """The namespaces, up between `with` and its end. `spokes`: numbered from 1."""

    def __init__(self, prefix: str, count: int = 4) -> None:
        self.spokes = {number: Namespace(f"{prefix}-spoke-{number}") for number in range(1, count + 1)}
        self.nat = Namespace(prefix + "-nat")
        self.internet = Namespace(prefix + "-internet")
        self.hub = Namespace(prefix + "-hub")
        self.all = [*self.spokes.values(), self.nat, self.internet, self.hub]

    def build(self) -> None:
        """Join them."""
        for item in self.all:
            item.set_sysctl("net/ipv6/conf/default/accept_dad", "0")
            for name in FORWARD:
                item.set_sysctl(name, "1")
        for number, spoke in self.spokes.items():
            spoke.ip(f"link set lo up\nlink add wan0 type veth peer name in{number} netns {self.nat.name}\n"
                     + self._router(lan(number), inside(number), "10.0.0.1"))
        self.nat.ip(
            "link set lo up\nlink add inside type bridge\naddress add 10.0.0.1/24 dev inside\nlink set inside up\n"
            + "".join(f"link set in{number} master inside\nlink set in{number} up\n" for number in self.spokes)
            + f"link add wan0 type veth peer name wan-a netns {self.internet.name}\n"
            + f"address add {OUTSIDE}/24 dev wan0\nlink set wan0 up\nroute add default via 198.51.100.1\n")
        self.hub.ip(f"link set lo up\nlink add wan0 type veth peer name wan-b netns {self.internet.name}\n"
                    + self._router(HUB_LAN, HUB, "203.0.113.1"))
        self.internet.ip("link set lo up\naddress add 198.51.100.1/24 dev wan-a\naddress add 203.0.113.1/24 dev wan-b\n"
                         "link set wan-a up\nlink set wan-b up\n")
        self.masquerade("masquerade")

    @staticmethod
    def _router(lan_address: str, wan_address: str, gateway: str) -> str:
        return (f"link add lan0 type dummy\naddress add {lan_address}/24 dev lan0\nlink set lan0 up\n"
                f"address add {wan_address}/24 dev wan0\nlink set wan0 up\nroute add default via {gateway}\n")

    def masquerade(self, how: str) -> None:
        """The translator's rule for what leaves."""
        self.nat.nft(MASQUERADE.format(how=how))

    def hide_hub(self) -> None:
        """From now on the hub is behind a translator of its provider's, which keeps its address and lets nobody in."""
        self.hub.ip(f"address add {HUB_INSIDE}/24 dev wan0\naddress del {HUB}/24 dev wan0\n"
                    "route replace default via 10.1.0.1\n")
        self.internet.ip(f"address add 10.1.0.1/24 dev wan-b\naddress del 203.0.113.1/24 dev wan-b\n"
                         f"address add {HUB}/32 dev lo\n")
        self.internet.nft(MASQUERADE.replace("wan0", "wan-a").format(how=f"ip saddr {HUB_INSIDE} snat to {HUB}"))

    def remap(self, first_port: int) -> None:
        """The translator forgets every flow, and maps what comes from now on to ports of its own choice."""
        last = first_port + 999
        self.masquerade(f"meta l4proto udp masquerade to :{first_port}-{last} random")
        self.forget()

    def forget(self) -> None:
        """As after a restart of the translator."""
        forget_flows(self.nat)


def forget_flows(namespace: Namespace) -> None:
    """A translator forgets every flow that it has seen."""
    with namespace, socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as link:
        body = struct.pack("=BBH", 0, 0, 0)  # struct nfgenmsg: every family
        link.send(struct.pack("=IHHII", 16 + len(body), CONNTRACK_DELETE, REQUEST_ACK, 1, 0) + body)
        link.settimeout(10)
        answer = link.recv(4096)
    error = struct.unpack_from("=i", answer, 16)[0]
    if error:
        raise LabError(f"the translator forgets nothing: error {-error}")
