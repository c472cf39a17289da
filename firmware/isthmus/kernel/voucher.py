"""Which L2TP tunnels between outer addresses are ours: those that one of our policies vouches for."""

from __future__ import annotations

from isthmus.kernel.objects import OUT, TRANSPORT, Policy, Tunnel, is_inner
from isthmus.policy.given import given_reqid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from isthmus.kernel.objects import KernelObject


def find_voucher(tunnel: Tunnel, policies: Sequence[KernelObject]) -> Policy | None:
    """The outbound policy without which this tunnel would speak in the clear; its reqid tells the tunnel's two ids."""
    ends = (tunnel.local, tunnel.remote)
    for policy in policies:
        if not isinstance(policy, Policy) or policy.direction != OUT:
            continue
        if (policy.source.address, policy.destination.address) != ends or policy.mode != TRANSPORT:
            continue
        if policy.reqid == given_reqid(tunnel.tunnel_id, tunnel.peer_tunnel_id):
            return policy
    return None


def is_our_tunnel(tunnel: Tunnel, policies: Sequence[KernelObject]) -> bool:
    """True for a tunnel between inner addresses, and for one that a policy among `policies` vouches for."""
    return is_inner(tunnel.local) or find_voucher(tunnel, policies) is not None
