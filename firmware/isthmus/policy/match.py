"""What a packet must be for a rule to concern it, as nft text: interfaces, destinations, protocols and ports."""

from __future__ import annotations

from isthmus.policy.guard import is_safe_name
from isthmus.policy.spans import FAMILIES, format_all
from isthmus.wire.addr import join_spans
from isthmus.wire.ip_numbers import ICMP, ICMPV6, IKE_PORT, NATT_PORT, TCP, UDP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.forced import Ports
    from isthmus.wire.addr import Prefix

NAMED = {TCP: "tcp", UDP: "udp"}
IKE_PORTS = "{ %d, %d }" % (IKE_PORT, NATT_PORT)


def one_of(words: list[str]) -> str:
    """A set where there is more than one."""
    return words[0] if len(words) == 1 else "{ %s }" % ", ".join(words)


def quoted(ifnames: list[str]) -> list[str]:
    """Interface names for nft, each once. Raises ValueError for one that would get out of its quotes."""
    out: list[str] = []
    for ifname in ifnames:
        if not is_safe_name(ifname):
            raise ValueError("interface name %r does not belong into nft text" % ifname)
        if '"%s"' % ifname not in out:
            out.append('"%s"' % ifname)
    return out


def on(end: str, ifnames: list[str], verdict: str) -> list[str]:
    """A rule for packets of these interfaces, none if there are none. end: "iifname", "oifname !=", ..."""
    return ["%s %s %s" % (end, one_of(quoted(ifnames)), verdict)] if ifnames else []


def jumps(key: str, rows: list[tuple[str, str]]) -> list[str]:
    """A look-up that leads to chains; rows (value, chain) without a chain are left out."""
    found = ["%s : jump %s" % row for row in rows if row[1]]
    return ["%s vmap { %s }" % (key, ", ".join(found))] if found else []


def matches(to: list[Prefix], ports: list[Ports], size: int = 0) -> list[str]:
    """Matches of which one is enough; "" is every packet, no match at all is none.

    to: [] for anywhere; ports: [] for everything; size: 4 or 16 leaves out destinations of the other family.
    """
    ends = [] if to else [""]
    for word, width in FAMILIES:
        found = format_all(to, width) if size in {0, width} else []
        if found:
            ends.append("%s daddr %s" % (word, one_of(found)))
    kinds = _kinds(ports) if ports else [""]
    return [("%s %s" % (end, kind)).strip() for end in ends for kind in kinds]


def from_there(match: str) -> str:
    """The same of a packet that comes from where this one goes."""
    return match.replace("daddr", "saddr").replace("dport", "sport")


def each_once(heads: list[str]) -> list[str]:
    """Without repetition; "" (everything) makes the others needless."""
    if "" in heads:
        return [""]
    return [head for index, head in enumerate(heads) if head not in heads[:index]]


def _kinds(ports: list[Ports]) -> list[str]:
    """One match for all protocols without ports, one for each with ports. icmp means that of both families."""
    bare: list[int] = []
    ranged: dict[int, list[tuple[int, int]]] = {}
    for entry in ports:
        if entry.high:
            ranged.setdefault(entry.protocol, []).append((entry.low, entry.high))
        else:
            bare += [ICMP, ICMPV6] if entry.protocol in {ICMP, ICMPV6} else [entry.protocol]
    kinds = ["meta l4proto %s" % one_of(["%d" % number for number in sorted(set(bare))])] if bare else []
    for protocol in sorted(ranged):
        known = NAMED.get(protocol, "meta l4proto %d th" % protocol)
        kinds.append("%s dport %s" % (known, one_of(_join(ranged[protocol]))))
    return kinds


def _join(ranges: list[tuple[int, int]]) -> list[str]:
    """Ranges of ports without overlap, as nft writes them."""
    return ["%d" % low if low == high else "%d-%d" % (low, high) for low, high in join_spans(ranges)]
