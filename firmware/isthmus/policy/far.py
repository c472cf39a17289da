"""Nobody borrows an address from beyond a tunnel: what bears one comes through that tunnel, or is dropped.

A packet from the Internet with a source in a tunnel's remote subnet would be taken for the other site's by everything
behind this router. And an address on a tunnel's interface answers to nobody on an uplink (CVE-2019-14899).

Where the rules stand: ahead of everything, connection tracking and the router's own ICMP errors included, they need a
chain at prerouting, which a packet of a tunnel meets three times (as ESP, as L2TP, as itself): 3 per cent of the
throughput. So where the networks beyond are no larger than one LAN, and nothing is forced, they stand in the guard's
own chains at input and forward. What is lost by that: a borrowed source may bring the other site an ICMP error of this
router, and may end what connection tracking remembers of a connection that the firewall has offloaded.
"""

from __future__ import annotations

from isthmus.policy.chain import INLINE, Chain
from isthmus.policy.match import IKE_PORTS, on, one_of
from isthmus.policy.spans import FAMILIES, format_span, join, pieces
from isthmus.wire.addr import format_ip
from isthmus.wire.ip_numbers import ESP, L2TP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.policy.spans import Piece
    from isthmus.wire.addr import Prefix

SHORTEST = 7  # fc00::/7, 10.0.0.0/8: what is shorter is the Internet, and the peer's own address with it
LAN_BITS = {4: 24, 16: 64}  # a larger network may hold one of ours: only the route tells whose a source is
FEW = 4  # ranges of a family that are compared one by one
PACKET_LOOPBACK = 5  # linux/if_packet.h; nft has no name for it
LINK_LOCAL = b"\xfe\x80"  # RFC 4291 2.5.6: the kernel itself keeps it to its interface


class Far:
    """One tunnel: its interface, the Prefixes beyond it, this router's addresses on it."""

    def __init__(self, ifname: str, subnets: list[Prefix], addresses: list[bytes]) -> None:
        self.ifname = ifname
        self.subnets = subnets
        self.addresses = addresses


def far_chains(tunnels: list[Far], lans: list[str], ahead: bool = False) -> list[Chain]:
    """The chains for the guard's table; none where no tunnel has a subnet or an address. lans: the site's own.

    ahead: at prerouting in any case. At forward the reverse look-up of the route meets rules for `iif`, such as those
    of forced rules (lane.py), and takes them for its own; before Linux 5.19 there is none.
    """
    rules: list[str] = []
    chains: list[Chain] = []
    names: dict[tuple[int, ...], str] = {}
    wide = [(subnet, number) for number, tunnel in enumerate(tunnels) for subnet in tunnel.subnets]
    covers = [row for row in wide if row[0].length >= SHORTEST]
    for word, size in FAMILIES:
        found = []
        for low, high, numbers in _closest(covers, size):
            if numbers not in names:
                names[numbers] = "far_%d" % len(names)
                ifnames = [tunnels[number].ifname for number in numbers]
                chains.append(Chain(names[numbers], on("iifname", ifnames, "return") + ["goto far_elsewhere"]))
            found.append((low, high, names[numbers]))
        if len(found) <= FEW:  # a comparison costs less than a look-up, and never misses
            rules += ["%s saddr %s jump %s" % (word, format_span(low, high, size), name) for low, high, name in found]
        else:
            # Every address is in it: what is not found meets a table whose ranges are not filled yet (ready.py).
            rows = ["%s : %s" % (format_span(low, high, size), verdict) for low, high, verdict in _total(found, size)]
            family = "ipv4" if word == "ip" else "ipv6"
            look_up = ["%s saddr vmap { %s }" % (word, ", ".join(rows)), "goto far_elsewhere"]
            chains.append(Chain("far_" + family, look_up))
            rules.append("meta nfproto %s jump far_%s" % (family, family))
    if chains:
        chains.insert(0, _elsewhere())
    ahead = ahead or bool([subnet for subnet, _ in covers if subnet.length < LAN_BITS[len(subnet.address)]])
    if rules and not ahead:
        chains += [Chain(INLINE, rules, "forward"), Chain(INLINE, rules, "input")]
    # Behind NAT the answers to one of our addresses would look like what they are translated to.
    rules = _addresses(tunnels, lans) + (rules if ahead else [])
    return chains + [Chain("far", rules, "prerouting")] if rules else chains


def _closest(covers: list[tuple[Prefix, int]], size: int) -> list[Piece]:
    """Ranges of addresses with the tunnels whose subnet is the longest that holds them, as routes go."""
    found = []
    for low, high, owners in pieces([(covers[index][0], index) for index in range(len(covers))], size):
        longest = max([covers[index][0].length for index in owners])
        tunnels = {covers[index][1] for index in owners if covers[index][0].length == longest}
        found.append((low, high, tuple(sorted(tunnels))))
    return join(found)


def _total(found: list[tuple[int, int, str]], size: int) -> list[tuple[int, int, str]]:
    """The same with what lies between, which is nobody's."""
    rows, at = [], 0
    for low, high, name in found + [(1 << 8 * size, 0, "")]:
        if low > at:
            rows.append((at, low - 1, "return"))
        if name:
            rows.append((low, high, "goto " + name))
        at = high + 1
    return rows


def _addresses(tunnels: list[Far], lans: list[str]) -> list[str]:
    """Our addresses on the tunnels, for others than tunnels, LANs and ourselves."""
    rules = []
    inside = ["lo"] + [tunnel.ifname for tunnel in tunnels] + lans
    for word, size in FAMILIES:
        found = [address for tunnel in tunnels for address in tunnel.addresses if len(address) == size]
        own = sorted({address for address in found if address[:2] != LINK_LOCAL or size == 4})
        if own:
            words = one_of([format_ip(address) for address in own])
            rules += ["%s daddr %s %s" % (word, words, rule) for rule in on("iifname !=", inside, "counter drop")]
    return rules


def _elsewhere() -> Chain:
    """A LAN inside a larger remote subnet is where its route leads; the peer itself may have its address in one.

    Every remote subnet has a route, if only to nowhere (desired.py): the default route never answers for it.
    """
    return Chain("far_elsewhere", [
        # What the router says to itself; Linux before 6.12.26 looks its source up as if it came from elsewhere.
        'iifname "lo" return',
        "meta pkttype %d return" % PACKET_LOOPBACK,
        "fib saddr . iif oif exists return",
        "fib daddr type local meta l4proto { %d, %d } return" % (ESP, L2TP),
        "fib daddr type local udp dport %s return" % IKE_PORTS,
        "counter drop",
    ])  # fmt: skip
