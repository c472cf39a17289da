"""What is known of a tunnel, as policy/desired.py wants to be told it: above all, between which outer addresses."""

from __future__ import annotations

from isthmus.policy.derive import TRANSPORT
from isthmus.policy.desired import Facts
from isthmus.road import UNKNOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.tunnel import Tunnel


def facts_of(tunnel: Tunnel) -> Facts:
    """All of it."""
    way, static = tunnel.road.way, tunnel.config.static
    outer = ends_of(tunnel) if tunnel.config.mode == TRANSPORT else outer_of(tunnel)
    return Facts(
        ifname=tunnel.config.ifname,
        mtu=tunnel.mtu(),
        remote_subnets=tunnel.config.remote_subnets,
        local_subnets=tunnel.config.local_subnets,
        local=outer[0] if outer is not None else None,
        remote=outer[1] if outer is not None else None,
        uplink=way.ifname if way is not None else "",
        derived=tunnel.derived,
        addresses=tunnel.road.addresses,
        live=tunnel.wanted and (tunnel.children.usable() or tunnel.holding),
        own=static.addresses if static is not None else [],
        next_hops=static.next_hops if static is not None else [],
        shared=tunnel.shared,
    )


def outer_of(tunnel: Tunnel) -> tuple[bytes, bytes] | None:
    """The outer addresses, ours and the peer's: of the SAs that carry traffic, or those to be tried. None as long
    as they are unknown, UNKNOWN for a peer that may be anywhere.
    """
    road = tunnel.road
    used = tunnel.children.outer()
    if used is not None:
        return used
    if road.local is not None and road.remote is not None:
        return (road.local, road.remote)
    return (UNKNOWN, UNKNOWN) if road.is_anywhere else None


def ends_of(tunnel: Tunnel) -> tuple[bytes, bytes] | None:
    """The outer addresses that L2TP itself runs between; None in BEET mode or as long as they are unknown: a policy
    between nobody and nobody would protect nothing, and the guard stands.
    """
    outer = outer_of(tunnel) if tunnel.config.mode == TRANSPORT else None
    return None if outer == (UNKNOWN, UNKNOWN) else outer


def peers_of(tunnel: Tunnel) -> list[bytes]:
    """The outer addresses at which the peer of this tunnel is to be expected, or has proved itself."""
    outer = outer_of(tunnel)
    found = tunnel.road.expected()
    if outer is not None and outer[1] != UNKNOWN and outer[1] not in found:
        found.append(outer[1])
    return found
