r"""VPN clients behind router A, and an outside VPN server (the gate), beside the tunnel of the two routers.

     client 1 -- lan0 \
                       rtr A -- wan0 -- internet -- wan0 -- rtr B -- host B
     client 2 -- lan1 /                    |
                                          gate   192.0.2.2, 2001:db8:c::2

Client 1 is the topology's host A. Router A masquerades IPv4 and has what OpenWrt's firewall lets through by itself: all
that goes outwards, and from outside ESP and UDP 500. IPv6 is routed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.lab.interop.strongswan import StrongSwan
from tests.lab.namespace import Namespace, run
from tests.lab.site import PSK
from tests.lab.topology import HOST_A, Topology

if TYPE_CHECKING:
    import socket

CLIENT_2, GATE, GATE6 = "192.168.11.2", "192.0.2.2", "2001:db8:c::2"
CLIENTS = (HOST_A, CLIENT_2)
CLIENTS6 = ("2001:db8:10::2", "2001:db8:11::2")
INNER, GATE_INNER = ("10.8.0.1", "10.8.0.2"), "10.9.9.9"
LANS = ("lan0", "lan1")

FIREWALL = """
table inet fw4
delete table inet fw4
table inet fw4 {
    chain forward {
        type filter hook forward priority filter; policy drop;
        ct state established,related accept
        iifname { "lan0", "lan1", "ist-b" } accept
        meta l4proto esp accept
        udp dport 500 accept
        icmpv6 type { echo-request, echo-reply, packet-too-big } accept
    }
    chain srcnat {
        type nat hook postrouting priority srcnat; policy accept;
        oifname "wan0" meta nfproto ipv4 masquerade
    }
}
"""


class Place(Namespace):
    """A namespace with a socket of its own in one call."""

    def socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """A socket that stays here."""
        import socket

        with self:
            return socket.socket(family, kind, protocol)


class Behind(Topology):
    """The topology, with a second client and the gate. `clients`: both."""

    def __init__(self, prefix: str) -> None:
        super().__init__(prefix)
        self.host_a = Place(prefix + "-host-a")
        self.client_2 = Place(prefix + "-client-2")
        self.gate = Place(prefix + "-gate")
        self.clients = (self.host_a, self.client_2)
        self.all = [self.host_a, *self.all[1:], self.client_2, self.gate]

    def build(self) -> None:
        """The two routers as ever, and what is new here."""
        super().build()
        for item in (self.client_2, self.gate):
            item.set_sysctl("net/ipv6/conf/default/accept_dad", "0")
        self.router_a.ip(
            f"link add lan1 type veth peer name eth0 netns {self.client_2.name}\n"
            "address add 192.168.11.1/24 dev lan1\nlink set lan1 up\n"
            "address add 2001:db8:10::1/64 dev lan0 nodad\naddress add 2001:db8:11::1/64 dev lan1 nodad\n")
        self.internet.ip(
            f"link add gate type veth peer name eth0 netns {self.gate.name}\n"
            "address add 192.0.2.1/24 dev gate\naddress add 2001:db8:c::1/64 dev gate nodad\nlink set gate up\n"
            "route add 2001:db8:10::/47 via 2001:db8:a::2\n")
        self.gate.ip(
            "link set lo up\n" + f"address add {GATE}/24 dev eth0\naddress add {GATE6}/64 dev eth0 nodad\n"
            f"address add {GATE_INNER}/32 dev lo\nlink set eth0 up\nroute add default via 192.0.2.1\n"
            f"route add 10.8.0.0/24 via 192.0.2.1 src {GATE_INNER}\nroute add ::/0 via 2001:db8:c::1\n")
        self.client_2.ip(f"link set lo up\naddress add {CLIENT_2}/24 dev eth0\nlink set eth0 up\n"
                         "route add default via 192.168.11.1\n")
        for client, address6, inner, gateway in zip(self.clients, CLIENTS6, INNER, ("192.168.10.1", "192.168.11.1")):
            gateway6 = address6[:-1] + "1"
            client.ip(f"address add {address6}/64 dev eth0 nodad\nroute add ::/0 via {gateway6}\n"
                      f"address add {inner}/32 dev lo\nroute add {GATE_INNER}/32 via {gateway} src {inner}\n")
        self.router_a.nft(FIREWALL)


class Charon(StrongSwan):
    """A VPN client or the gate: tunnel mode between inner addresses, one connection for each pair."""

    def load(self, name: str, ids: tuple[str, str], inner: tuple[str, str], ends: tuple[str, str]) -> None:
        """ids, inner, ends: ours and theirs; `%any` for an end that is not known."""
        self.ask("load-shared", {"id": name, "type": "IKE", "data": PSK, "owners": list(ids)})
        child = {"local_ts": [inner[0] + "/32"], "remote_ts": [inner[1] + "/32"], "mode": "tunnel",
                 "esp_proposals": ["aes256gcm16"], "rekey_time": "0"}
        connection: dict[str, Any] = {
            "version": "2", "local_addrs": [ends[0]], "remote_addrs": [ends[1]], "mobike": "no",
            "proposals": ["aes256gcm16-prfsha256-curve25519"], "rekey_time": "0",
            "local": {"auth": "psk", "id": ids[0]}, "remote": {"auth": "psk", "id": ids[1]},
            "children": {name: child},
        }  # fmt: skip
        self.ask("load-conn", {name: connection})

    def begin(self, name: str) -> None:
        """Returns at once."""
        self.ask("initiate", {"child": name, "ike": name, "timeout": "-1"})

    def end(self, name: str) -> None:
        """Forget it without a word to the other side: a DELETE that does not arrive would be asked for long."""
        self.ask("terminate", {"ike": name, "timeout": "-1", "force": "yes"})

    def children(self) -> list[dict[str, Any]]:
        """The CHILD SAs that stand."""
        return [child for sa in self.list_sas() for child in sa.get("child-sas", {}).values()
                if child.get("state") == "INSTALLED"]


def count_esp(namespace: Namespace) -> tuple[int, int]:
    """(SAs in UDP, SAs that are not) of a namespace's kernel."""
    with namespace:
        states = run(["ip", "-d", "xfrm", "state"]).split("\nsrc ")
    encapsulated = len([state for state in states if "espinudp" in state])
    return encapsulated, len([state for state in states if "proto esp" in state]) - encapsulated
