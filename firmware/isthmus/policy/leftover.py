"""What a former life of the daemon left running, for the guard: frames of those sessions stay in their own SAs as well.

A restarted daemon knows the ids of a tunnel only when it knows its peer. Until then the kernel's own lists tell which
session belongs to which pair: session -> tunnel -> its addresses (between outer ones: its ids, too) -> policy -> reqid.
"""

from __future__ import annotations

from isthmus.kernel.objects import OUT, Link, Policy, Session, Tunnel, is_inner
from isthmus.policy import guard
from isthmus.policy.given import given_reqid
from isthmus.policy.mtu import SMALLEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.kernel.objects import KernelObject


def leftover_sessions(actual: list[KernelObject]) -> list[guard.Session]:
    """One for each session among `actual` (sessions, tunnels, policies, links) whose reqid can be found."""
    found = []
    for session in actual:
        if isinstance(session, Session) and guard.is_safe_name(session.ifname):
            policy = _policy_of(session, actual)
            if policy is not None:
                ids = (session.session_id, session.peer_session_id)
                mtu = _mtu_of(session.ifname, actual)
                found.append(guard.Session(session.ifname, ids[0], ids[1], policy.reqid, mtu, policy.mark))
    return found


def _policy_of(session: Session, actual: list[KernelObject]) -> Policy | None:
    for tunnel in actual:
        if not isinstance(tunnel, Tunnel) or tunnel.tunnel_id != session.tunnel_id:
            continue
        ends = (tunnel.local, tunnel.remote)
        for policy in actual:
            if not isinstance(policy, Policy) or policy.direction != OUT:
                continue
            if (policy.source.address, policy.destination.address) != ends:
                continue
            if is_inner(tunnel.local) or policy.reqid == given_reqid(tunnel.tunnel_id, tunnel.peer_tunnel_id):
                return policy
    return None


def _mtu_of(ifname: str, actual: list[KernelObject]) -> int:
    for link in actual:
        if isinstance(link, Link) and link.ifname == ifname:
            return max(SMALLEST, link.mtu)
    return SMALLEST
