"""Which L2TP tunnels between outer addresses are ours: those that one of our policies vouches for."""

from __future__ import annotations

from isthmus.kernel.objects import ALLOW, OUT, TRANSPORT, Policy, Tunnel, is_inner
from isthmus.policy.given import given_reqid
from isthmus.wire.addr import Prefix
from isthmus.wire.ip_numbers import L2TP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from isthmus.kernel.objects import KernelObject


def find_voucher(tunnel: Tunnel, policies: Sequence[KernelObject]) -> Policy | None:
    """The outbound policy without which this tunnel would speak in the clear; its reqid tells the tunnel's two ids."""
    reqid = given_reqid(tunnel.tunnel_id, tunnel.peer_tunnel_id)
    ends = (tunnel.local, tunnel.remote)
    for policy in policies:
        if not isinstance(policy, Policy) or (policy.direction, policy.reqid) != (OUT, reqid):
            continue
        if (policy.action, policy.mode, policy.protocol) != (ALLOW, TRANSPORT, L2TP):
            continue
        if (policy.source, policy.destination) == (_host(ends[0]), _host(ends[1])):
            return policy
    return None


def _host(address: bytes) -> Prefix:
    return Prefix(address, 8 * len(address))


def is_our_tunnel(tunnel: Tunnel, policies: Sequence[KernelObject]) -> bool:
    """True for a tunnel between inner addresses, and for one that a policy among `policies` vouches for."""
    return is_inner(tunnel.local) or find_voucher(tunnel, policies) is not None
