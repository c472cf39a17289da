"""What follows when the road under a tunnel changes: ports that change in place, new SAs, a new search for the path's
limit. Functions over the tunnel, which return what it asks of its site.
"""

from __future__ import annotations

from isthmus import verbs
from isthmus.errors import IsthmusError
from isthmus.facts import outer_of
from isthmus.proto.actions import INITIATOR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.proto.actions import ChildUp, PeerMoved
    from isthmus.tunnel import Tunnel

    Requests = list[tuple[str, object]]

FOLLOW_MS = 4_000  # for whoever moved to make new SAs; then we do. Sooner, on slow routers, both would


def peer_moved(tunnel: Tunnel, action: PeerMoved, now: int) -> Requests:
    """The IKE SA is between other endpoints now, as a message of the peer has proved: the SAs follow."""
    if tunnel.ike is None or tunnel.ike.ike_id != action.ike_id:
        return []
    if refuses(tunnel, action.remote[0], now):
        return []
    tunnel.ike.nat = action.nat
    asked: Requests = []
    if tunnel.road.meet(action.local[0], action.remote[0]):
        asked.append((verbs.FIND_WAY, tunnel.road.remote))
    changed, is_stale = tunnel.children.moved(action.local[0], action.remote[0], action.encap)
    asked += [(verbs.UPDATE, spec) for spec in changed]
    tunnel.follow_at = None
    if is_stale:  # who has moved makes new ones, if it knows that it has; a stranger may not think of it
        tunnel.follow_at = now + (FOLLOW_MS if tunnel.ike.peer_is_isthmus and action.is_announced else 0)
    pave(tunnel, now)
    return asked


def refuses(tunnel: Tunnel, remote: bytes, now: int) -> bool:
    """True if the peer must not be there, and the tunnel has ended for it: who has proved himself may still call from
    anywhere, and say that he has moved anywhere.
    """
    try:
        tunnel.road.check(remote)
    except IsthmusError as error:
        tunnel.refused(error, now)
        return True
    return False


def settle(tunnel: Tunnel, action: ChildUp, now: int) -> Requests:
    """SAs are agreed: that is where the peer is. What we began where we are no longer is moved on at once."""
    road, local, remote = tunnel.road, action.inbound.destination, action.inbound.source
    asked = _count_devices(tunnel, action, now)
    if action.role == INITIATOR and road.local not in (None, local) and road.remote == remote:
        if tunnel.ike is not None and tunnel.ike.mobike:
            return asked + [(verbs.MOVE, (road.local, road.remote))]
        tunnel.retry_at = now
        return asked
    return asked + ([(verbs.FIND_WAY, remote)] if road.meet(local, remote) else [])


def _count_devices(tunnel: Tunnel, action: ChildUp, now: int) -> Requests:
    """Two devices with the peer's keys are told, once as long as they go on taking turns."""
    if action.replaces is not None:
        return []
    before = tunnel.road.callers.trouble(now)
    tunnel.road.callers.met((action.inbound.source, action.inbound.encap), now)
    trouble = tunnel.road.callers.trouble(now)
    return [(verbs.TELL, trouble)] if trouble is not None and before is None else []


def pave(tunnel: Tunnel, now: int) -> None:
    """Look for the path's limit where the road is a new one."""
    way = tunnel.road.way
    if tunnel.config.mtu is None and tunnel.ike is not None and way is not None:
        tunnel.path.begin((outer_of(tunnel), tunnel.children.ports() is None), way.mtu, now)


def get_timers(tunnel: Tunnel) -> list[int | None]:
    """When due() wants to be called."""
    return [tunnel.follow_at, tunnel.path.get_timer() if tunnel.ike is not None and tunnel.carried else None]


def due(tunnel: Tunnel, now: int) -> Requests:
    """What is to be done now."""
    asked: Requests = []
    if tunnel.follow_at is not None and now >= tunnel.follow_at:
        tunnel.follow_at = None
        if tunnel.children.newest is not None:
            asked.append((verbs.REKEY, tunnel.children.newest.inbound.spi))
    size = tunnel.path.due(now) if tunnel.ike is not None and tunnel.carried else None
    if size is not None:
        asked.append((verbs.PROBE_PATH, size))
    return asked
