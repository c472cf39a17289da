r"""Several routers behind one translator, and a hub: the topology, with sites in place of LAN A.

    site 0  wan0 10.66.0.2 ---- in0 10.66.0.1 +----------+
    site 1  wan0 10.66.1.2 ---- in1 10.66.1.1 | rtr A    | wan0 198.51.100.2 ---- Internet ---- 203.0.113.2 rtr B (hub)
    ...                                       | (transl.)|                                      LAN 192.168.20.0/24
                                              +----------+
    each site: lan0 192.168.100+n.1/24

All sites are 198.51.100.2 to the hub.
"""

from __future__ import annotations

from tests.lab.namespace import Namespace
from tests.lab.topology import Topology

MASQUERADE = """\
table ip nat {
    chain out {
        type nat hook postrouting priority 100;
        oifname "wan0" masquerade
    }
}
"""


def inside(number: int) -> str:
    """The address of a site before it is translated."""
    return f"10.66.{number}.2"


def home(number: int) -> str:
    """The site's own address in its LAN."""
    return f"192.168.{100 + number}.1"


def lan(number: int) -> str:
    """The site's LAN."""
    return f"192.168.{100 + number}.0/24"


class Crowd(Topology):
    """`count` sites behind router A."""

    def __init__(self, prefix: str, count: int) -> None:
        super().__init__(prefix)
        self.sites = [Namespace(f"{prefix}-site-{number}") for number in range(count)]
        self.all += self.sites

    def build(self) -> None:
        """The topology, then the sites."""
        super().build()
        for number, site in enumerate(self.sites):
            site.set_sysctl("net/ipv4/ip_forward", "1")
            self.router_a.ip(
                f"link add in{number} type veth peer name wan0 netns {site.name}\n"
                f"address add 10.66.{number}.1/24 dev in{number}\nlink set in{number} up\n")
            site.ip(
                f"link set lo up\naddress add {inside(number)}/24 dev wan0\nlink set wan0 up\n"
                f"route add default via 10.66.{number}.1\n"
                f"link add lan0 type dummy\naddress add {home(number)}/24 dev lan0\nlink set lan0 up\n")
        self.router_a.nft(MASQUERADE)
