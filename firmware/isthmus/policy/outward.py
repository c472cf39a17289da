"""The far end of a full tunnel: a peer's traffic goes on to the Internet from here, behind this router's address.

`option internet` of a tunnel says so. Whether it may at all is the firewall's to say; this translates it, since nobody
on the Internet knows the way back to a peer's own addresses. What stays among this site's networks and its tunnels
keeps them. IKE and L2TP of the peer's hosts get other ports on the way, so that they cannot shadow this router's own
(passthrough.py).
"""

from __future__ import annotations

from isthmus.policy.chain import Chain
from isthmus.policy.match import on, one_of, quoted
from isthmus.policy.passthrough import BEFORE_SRCNAT, SAFE_PORTS, SHADOWED_PORTS


def outward_chains(outward: list[str], tunnels: list[str], lans: list[str]) -> list[Chain]:
    """outward: interfaces of the tunnels whose peers may; tunnels: those of all; lans: of this site's own networks.

    IPv4 and IPv6 alike: addresses of the peer's own prefix are not routed to this uplink either. Raises ValueError for
    an interface name that is none.
    """
    if not outward:
        return []
    ports = one_of(["%d" % port for port in SHADOWED_PORTS])
    away = ["udp sport %s masquerade to :%d-%d" % ((ports,) + SAFE_PORTS), "masquerade"]
    # The tunnel's own packets as well have the tunnel's interface behind them here, if their connection begins at this
    # end: what it carries was sent into it. Translated they would be lost, all of them.
    rule = "oifname != %s fib saddr type != local jump outward_away" % one_of(quoted(lans + tunnels))
    return [
        Chain("outward_away", away),
        Chain("outward", on("iifname", outward, rule), "postrouting", "nat", BEFORE_SRCNAT),
    ]
