"""What a former life of the daemon left running, for the guard: frames of those sessions stay in their own SAs as well.

A restarted daemon knows the ids of a tunnel only when it knows its peer. Until then the kernel's own lists tell which
session belongs to which pair: session -> tunnel -> inner addresses -> policy -> reqid.
"""

from __future__ import annotations

from isthmus.kernel.objects import OUT, Link, Policy, Session, Tunnel
from isthmus.policy import guard
from isthmus.policy.mtu import SMALLEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.kernel.objects import KernelObject


def leftover_sessions(actual: list[KernelObject]) -> list[guard.Session]:
    """One for each session among `actual` (sessions, tunnels, policies, links) whose reqid can be found."""
    found = []
    for session in actual:
        if isinstance(session, Session) and guard.is_safe_name(session.ifname):
            reqid = _reqid_of(session, actual)
            if reqid is not None:
                row = (session.session_id, session.peer_session_id, reqid, _mtu_of(session.ifname, actual))
                found.append(guard.Session(session.ifname, row[0], row[1], row[2], row[3]))
    return found


def _reqid_of(session: Session, actual: list[KernelObject]) -> int | None:
    for tunnel in actual:
        if not isinstance(tunnel, Tunnel) or tunnel.tunnel_id != session.tunnel_id:
            continue
        ends = (tunnel.local, tunnel.remote)
        for policy in actual:
            if not isinstance(policy, Policy) or policy.direction != OUT:
                continue
            if (policy.source.address, policy.destination.address) == ends:
                return policy.reqid
    return None


def _mtu_of(ifname: str, actual: list[KernelObject]) -> int:
    for link in actual:
        if isinstance(link, Link) and link.ifname == ifname:
            return max(SMALLEST, link.mtu)
    return SMALLEST
