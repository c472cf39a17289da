"""ESP that does not get through while IKE does goes in UDP instead: some firewalls let nothing past but UDP and TCP.

What stands is left alone meanwhile: another handshake beside it says that there is a translator where there is none,
and both ends put ESP into UDP (RFC 7296 2.23). Should that not help either, the next one does without again. Who blocks
ESP on purpose gains nothing by it: the keys are as good, and the packets as whole.
"""

from __future__ import annotations

from isthmus import verbs
from isthmus.liveness import ASK, MEND
from isthmus.proto.errors import HalfAnswered, Unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.errors import IsthmusError
    from isthmus.tunnel import Tunnel

    Requests = list[tuple[str, object]]


class Detour:
    """Whether ESP goes in UDP although nothing forces it. since: when that was chosen."""

    def __init__(self) -> None:
        self.is_on = False
        self.since = 0


def look_alive(tunnel: Tunnel, now: int) -> Requests:
    """Ask the peer, or call it anew, if that is due. Functions over the tunnel, as in moving.py: they return what it
    asks of its site.
    """
    asked: Requests = []
    for word in tunnel.liveness.due(tunnel.children.packets_in, tunnel.probe.answering, now):
        if word == ASK:
            asked.append((verbs.CHECK_PEER, None))
        elif tunnel.config.initiates and not tunnel.attempting:
            if word == MEND and _is_other_due(tunnel):
                asked += _choose(tunnel, not tunnel.detour.is_on, now)
            tunnel.retry_at = now
    return asked


def attempt_failed(tunnel: Tunnel, error: IsthmusError, now: int) -> Requests:
    """It may be UDP 4500 that does not get through: it is where the peer has answered at UDP 500 alone, or nowhere and
    never since. A peer that was reached so and is silent at both is away, and comes back where it was.
    """
    answered = tunnel.probe.answered_at
    reached = answered is not None and answered >= tunnel.detour.since
    if isinstance(error, HalfAnswered) or (isinstance(error, Unreachable) and not reached):
        return _choose(tunnel, False, now)
    return []


def _is_other_due(tunnel: Tunnel) -> bool:
    """Is the other way to be tried? A path that was good is first called as it was: whatever has become different on
    it, or between the two ends, that may be all it takes.
    """
    if tunnel.detour.is_on:
        return True
    # strangers may answer no probe at all, and behind a translator ESP is in UDP already
    if tunnel.config.static is not None or tunnel.children.is_encapsulated():
        return False
    return tunnel.probe.round_trip_ms is None or tunnel.liveness.mends > 1


def _choose(tunnel: Tunnel, is_on: bool, now: int) -> Requests:
    if tunnel.detour.is_on == is_on:
        return []
    tunnel.detour.is_on = is_on
    tunnel.detour.since = now
    return [(verbs.CONNECT, None)]
