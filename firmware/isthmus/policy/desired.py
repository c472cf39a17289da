"""What the kernel should hold for one tunnel, as a pure function of what is known of it.

Two parts. As long as the tunnel is configured: policies with a required template, and an unreachable route behind every
remote subnet, so that nothing takes another way when the tunnel is down. While it has SAs: L2TP, its interface, routes.
"""

from __future__ import annotations

from isthmus.kernel import objects
from isthmus.policy import guard
from isthmus.wire.addr import IPV4_BYTES, Prefix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.kernel.objects import KernelObject
    from isthmus.policy.derive import Derived

    LocalAddress = tuple[str, bytes, int]  # interface name, address, prefix length

L2TP_PROTOCOL = 115  # RFC 3931 4.1.1
ROUTE_METRIC = 115  # an administrator's own route of metric 0 goes first, the default route last
BACKSTOP_METRIC = 0x69000000  # behind every other route, and easy to recognise
POLICY_PRIORITY = 0x690
HOST4, HOST6 = 32, 128
LINK_LOCAL_LENGTH = 64


class Facts:
    """What is known of a tunnel.

    ifname, mtu: of its interface; local, remote: outer addresses, None as long as unknown; derived: None as long as an
    identity is unknown; live: it has SAs; uplink: name of the interface that leads to the peer; remote_subnets:
    Prefixes; local_subnets: Prefixes, may be empty; addresses: this router's own.
    """

    def __init__(
        self,
        ifname: str,
        mtu: int,
        remote_subnets: list[Prefix],
        local_subnets: list[Prefix],
        local: bytes | None,
        remote: bytes | None,
        uplink: str,
        derived: Derived | None,
        addresses: list[LocalAddress],
        live: bool,
    ) -> None:
        self.ifname = ifname
        self.mtu = mtu
        self.remote_subnets = remote_subnets
        self.local_subnets = local_subnets
        self.local = local
        self.remote = remote
        self.uplink = uplink
        self.derived = derived
        self.addresses = addresses
        self.live = live


def objects_of(facts: Facts) -> list[KernelObject]:
    """Everything but the SAs, in no particular order."""
    wanted: list[KernelObject] = []
    for subnet in facts.remote_subnets:
        wanted.append(objects.Route(subnet, BACKSTOP_METRIC, objects.UNREACHABLE))
    if facts.derived is None or facts.local is None or facts.remote is None:
        return wanted
    wanted += _policies(facts.derived, facts.local, facts.remote)
    if facts.live:
        wanted += _carrier(facts, facts.derived)
        wanted += _routes(facts, facts.derived)
    return wanted


def _policies(derived: Derived, local: bytes, remote: bytes) -> list[KernelObject]:
    here = Prefix(derived.local.inner, HOST6)
    there = Prefix(derived.remote.inner, HOST6)
    rows = ((objects.OUT, here, there, local, remote), (objects.IN, there, here, remote, local))
    return [
        objects.Policy(
            direction, source, destination, L2TP_PROTOCOL, outer_source, outer_destination, objects.BEET, derived.reqid,
            objects.ALLOW, POLICY_PRIORITY,
        )
        for direction, source, destination, outer_source, outer_destination in rows
    ]  # fmt: skip


def _carrier(facts: Facts, derived: Derived) -> list[KernelObject]:
    here, there = derived.local, derived.remote
    return [
        objects.Address(objects.LOOPBACK, here.inner, HOST6),
        # Through lo no packet reaches a wire unless a policy turns it into ESP, and no uplink is named that may change.
        objects.Route(Prefix(there.inner, HOST6), ROUTE_METRIC, objects.UNICAST, objects.LOOPBACK),
        objects.Tunnel(here.tunnel_id, there.tunnel_id, here.inner, there.inner),
        session_of(facts.ifname, derived),
        objects.Link(facts.ifname, facts.mtu, here.mac, True),
        objects.Address(facts.ifname, here.link_local, LINK_LOCAL_LENGTH),
        objects.Neighbour(facts.ifname, there.link_local, there.mac),
    ]


def session_of(ifname: str, derived: Derived) -> objects.Session:
    """The session of a pair; its cookies come from the pair's key, so another key makes another session."""
    here, there = derived.local, derived.remote
    return objects.Session(here.tunnel_id, here.session_id, there.session_id, there.cookie, here.cookie, ifname)


def _routes(facts: Facts, derived: Derived) -> list[KernelObject]:
    routes: list[KernelObject] = []
    for subnet in facts.remote_subnets:
        source = home_address(facts, len(subnet.address))
        routes.append(
            objects.Route(subnet, ROUTE_METRIC, objects.UNICAST, facts.ifname, derived.remote.link_local, source)
        )
    return routes


def home_address(facts: Facts, size: int) -> bytes | None:
    """The router's own address in its LAN, which the router itself uses toward the other site; None where there is
    none.

    Without it the kernel might choose the uplink's address, to which the other site has no way back through the tunnel.
    """
    for ifname, address, _ in facts.addresses:
        if len(address) != size or ifname in (facts.uplink, facts.ifname, objects.LOOPBACK):
            continue
        if size != IPV4_BYTES and address[:1] == b"\xfe":  # link-local
            continue
        if not facts.local_subnets:
            return address
        for subnet in facts.local_subnets:
            if subnet.contains(address):
                return address
    return None


def guard_session(facts: Facts) -> guard.Session | None:
    """What the guard must know of this tunnel; None as long as its ids are unknown, and it can carry nothing."""
    if facts.derived is None:
        return None
    return guard.Session(
        facts.ifname, facts.derived.local.session_id, facts.derived.remote.session_id, facts.derived.reqid, facts.mtu
    )
