"""What the kernel should hold for one tunnel, as a pure function of what is known of it.

Two parts. As long as the tunnel is configured: policies with a required template, and an unreachable route behind every
remote subnet, so that nothing takes another way when the tunnel is down. While it has SAs: L2TP, its interface, routes.
"""

from __future__ import annotations

from isthmus.kernel import objects
from isthmus.policy import guard
from isthmus.policy.derive import BEET, REQID_FIRST, ipv4_hop
from isthmus.wire.addr import IPV4_BYTES, Prefix
from isthmus.wire.ip_numbers import L2TP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.kernel.objects import KernelObject
    from isthmus.policy.derive import Derived

    LocalAddress = tuple[str, bytes, int]  # interface name, address, prefix length

ROUTE_METRIC = 115  # an administrator's own route of metric 0 goes first, the default route last
BACKSTOP_METRIC = 0x69000000  # behind every other route, and easy to recognise
POLICY_PRIORITY = 0x690
MARKED_PRIORITY = POLICY_PRIORITY - 1  # they go before those for packets without a mark
NOBODY = REQID_FIRST  # of no SA, ever
HOST6 = 128
# In the template of an inbound policy in BEET mode: SAs of the tunnel's own reqid, wherever the peer is, so that old
# and new ones pass while it moves.
ANYWHERE = bytes(4)
LINK_LOCAL_LENGTH = 64


class Facts:
    """What is known of a tunnel.

    ifname, mtu: of its interface; local, remote: outer addresses, None as long as unknown; derived: None as long as an
    identity is unknown; live: it has SAs; uplink: name of the interface that leads to the peer; remote_subnets:
    Prefixes; local_subnets: Prefixes, may be empty; addresses: this router's own; own: (address, length) to put on the
    interface; next_hops: the peer's addresses on it, one of a family at most (both: session static); shared: another
    tunnel's peer has the same outer address.
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
        own: list[tuple[bytes, int]] | None = None,
        next_hops: list[bytes] | None = None,
        shared: bool = False,
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
        self.own = own or []
        self.next_hops = next_hops or []
        self.shared = shared

    @property
    def mark(self) -> int:
        """What this tunnel's packets are told from another's by; 0: nothing is needed."""
        return self.derived.mark if self.derived is not None and self.shared else 0


def objects_of(facts: Facts) -> list[KernelObject]:
    """Everything but the SAs, in no particular order."""
    wanted: list[KernelObject] = []
    for subnet in facts.remote_subnets:
        wanted.append(objects.Route(subnet, BACKSTOP_METRIC, objects.UNREACHABLE))
    if facts.derived is None or facts.local is None or facts.remote is None:
        return wanted
    wanted += _policies(facts, facts.derived, facts.local, facts.remote)
    if facts.live:
        if facts.derived.mode == BEET:
            wanted += _inner(facts.derived)
        else:
            wanted.append(_tunnel(facts.derived, facts.local, facts.remote))
        wanted += _interface(facts, facts.derived)
        wanted += _routes(facts, facts.derived)
    return wanted


def _policies(facts: Facts, derived: Derived, local: bytes, remote: bytes) -> list[KernelObject]:
    here, there, mode = host(derived.local.inner), host(derived.remote.inner), objects.BEET
    arriving = (ANYWHERE, ANYWHERE)
    if derived.mode != BEET:
        here, there, mode = host(local), host(remote), objects.TRANSPORT
        arriving = (remote, local)
    kinds = [(derived.reqid, POLICY_PRIORITY, 0)]
    if facts.mark:  # a packet without a mark is nobody's: it needs an SA that there never is
        kinds = [(derived.reqid, MARKED_PRIORITY, facts.mark), (NOBODY, POLICY_PRIORITY, 0)]
    wanted: list[KernelObject] = []
    for reqid, priority, mark in kinds:
        wanted.append(
            objects.Policy(
                objects.OUT, here, there, L2TP, local, remote, mode, reqid, objects.ALLOW, priority, mark
            )
        )
        wanted.append(
            objects.Policy(
                objects.IN, there, here, L2TP, arriving[0], arriving[1], mode, reqid, objects.ALLOW, priority,
                mark,
            )
        )
    return wanted


def host(address: bytes) -> Prefix:
    """The network of one address."""
    return Prefix(address, 8 * len(address))


def _inner(derived: Derived) -> list[KernelObject]:
    """BEET: what L2TP runs between is on `lo` alone."""
    here, there = derived.local.inner, derived.remote.inner
    return [
        objects.Address(objects.LOOPBACK, here, HOST6),
        # Through lo no packet reaches a wire unless a policy turns it into ESP, and no uplink is named that may change.
        objects.Route(host(there), ROUTE_METRIC, objects.UNICAST, objects.LOOPBACK),
        _tunnel(derived, here, there),
    ]


def _tunnel(derived: Derived, local: bytes, remote: bytes) -> objects.Tunnel:
    return objects.Tunnel(derived.local.tunnel_id, derived.remote.tunnel_id, local, remote)


def _interface(facts: Facts, derived: Derived) -> list[KernelObject]:
    here, there = derived.local, derived.remote
    wanted: list[KernelObject] = [
        session_of(facts.ifname, derived),
        objects.Link(facts.ifname, facts.mtu, here.mac, True),
        objects.Address(facts.ifname, here.link_local, LINK_LOCAL_LENGTH),
    ]
    if there.mac:  # else it is asked for, as on any Ethernet
        wanted.append(objects.Neighbour(facts.ifname, there.link_local, there.mac))
        if derived.mode == BEET:
            wanted.append(objects.Neighbour(facts.ifname, ipv4_hop(there.link_local), there.mac))
    wanted += [objects.Address(facts.ifname, address, length) for address, length in facts.own]
    return wanted


def session_of(ifname: str, derived: Derived) -> objects.Session:
    """The session of a pair; its cookies come from the pair's key, so another key makes another session."""
    here, there = derived.local, derived.remote
    return objects.Session(
        here.tunnel_id, here.session_id, there.session_id, there.cookie, here.cookie, ifname, derived.sublayer
    )


def _routes(facts: Facts, derived: Derived) -> list[KernelObject]:
    routes: list[KernelObject] = []
    for subnet in facts.remote_subnets:
        source = home_address(facts, len(subnet.address))
        via = next_hop(facts, derived, len(subnet.address))
        routes.append(objects.Route(subnet, ROUTE_METRIC, objects.UNICAST, facts.ifname, via, source))
    return routes


def next_hop(facts: Facts, derived: Derived, size: int) -> bytes | None:
    """The way to an address of `size` bytes: the derived link-local address, or what stands for it in IPv4; in a
    static session the peer's address of that family, its IPv6 address for IPv4, too; None: every host is looked for on
    the tunnel itself.
    """
    if derived.mode == BEET:
        return ipv4_hop(derived.remote.link_local) if size == IPV4_BYTES else derived.remote.link_local
    for hop in facts.next_hops:
        if len(hop) == size:
            return hop
    return facts.next_hops[0] if facts.next_hops and size == IPV4_BYTES else None


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
        facts.ifname,
        facts.derived.local.session_id,
        facts.derived.remote.session_id,
        facts.derived.reqid,
        facts.mtu,
        facts.mark,
    )
