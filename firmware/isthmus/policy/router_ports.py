"""What forced hosts may ask of this router itself."""

from __future__ import annotations

from isthmus.policy.match import matches
from isthmus.wire.ip_numbers import ICMP, ICMPV6, TCP, UDP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.forced import ForcedConfig, Ports

DNS_PORTS = "{ 53, 853 }"  # RFC 1035 4.2, RFC 7858 3.1
DHCP_PORTS = "{ 67, 547 }"  # RFC 2131 4.1, RFC 8415 7.2
MLD_TYPES = "{ 131, 132, 143 }"  # RFC 3810 5, RFC 2710 3: a proxy would ask the uplink for the group


def allowed_by_all(entry: Ports, rules: list[ForcedConfig]) -> bool:
    """Whether each of these rules lets its hosts ask there."""
    return all([other for other in rule.router_ports if other.covers(entry)] for rule in rules)


def router_chain(ports: list[Ports], drop: str) -> list[str]:
    """The lines of a chain. Nothing may be asked that the router would fetch from elsewhere for them.

    A transparent proxy is asked under a foreign address: only the router's own count.
    """
    lines = [
        "ct direction reply accept",
        "icmpv6 type %s %s" % (MLD_TYPES, drop),
        "meta l4proto { %d, %d } accept" % (ICMP, ICMPV6),
        "udp dport %s accept" % DHCP_PORTS,
        "meta l4proto { %d, %d } th dport %s %s" % (TCP, UDP, DNS_PORTS, drop),
    ]
    if ports:
        lines += ["fib daddr type local %s accept" % match for match in matches([], ports)]
    return lines + [drop]
