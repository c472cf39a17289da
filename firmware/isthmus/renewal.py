"""When a tunnel renews what is up: keys of a CHILD SA, keys of the IKE SA, and the peer's proof of identity.

All of it beside what carries traffic, so that nothing is lost. The side that began an SA renews it first, at a random
moment; the other side only if that has not happened. Every time is the daemon's monotonic clock's.
"""

from __future__ import annotations

from isthmus import verbs
from isthmus.children import RENEW_PERCENT, RENEW_SPREAD_PERCENT, RESPONDER_PERCENT, Children, Limits
from isthmus.proto.actions import INITIATOR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.config.model import TunnelConfig

FRESH = "fresh"  # what is due beside the verbs of verbs.py: a whole handshake beside what is up


def limits_of(config: TunnelConfig) -> Limits:
    """How long this tunnel uses one pair of SAs."""
    return Limits(config.child_lifetime_ms, config.lifetime_bytes, config.lifetime_packets)


class Renewal:
    """Of one tunnel. `rng(n) -> bytes`."""

    def __init__(self, config: TunnelConfig, children: Children, rng: Callable[[int], bytes]) -> None:
        self.config = config
        self._children = children
        self._rng = rng
        self._percent = RESPONDER_PERCENT
        self._rekey_at: int | None = None
        self._prove_at: int | None = None

    def reconfigured(self, config: TunnelConfig) -> None:
        """Other times, from the next SA on."""
        self.config = config
        self._children.limits = limits_of(config)

    def ike_up(self, role: str, now: int) -> None:
        """The peer has proved who it is, and the keys are new. role: ours."""
        self._percent = RESPONDER_PERCENT
        if role == INITIATOR:
            self._percent = RENEW_PERCENT + int.from_bytes(self._rng(2), "big") % (RENEW_SPREAD_PERCENT + 1)
        self._prove_at = now + self.config.reauth_ms * self._percent // 100 if self.config.reauth_ms else None
        self.ike_rekeyed(now)

    def ike_rekeyed(self, now: int) -> None:
        """The keys of the IKE SA are new."""
        self._rekey_at = now + self.config.ike_lifetime_ms * self._percent // 100

    def ike_gone(self) -> None:
        """There is no IKE SA to renew."""
        self._rekey_at = None
        self._prove_at = None

    def get_timer(self) -> int | None:
        """When due() wants to be called, for the IKE SA's sake; Children has a timer of its own."""
        timers = [timer for timer in (self._rekey_at, self._prove_at) if timer is not None]
        return min(timers) if timers else None

    def due(self, has_ike: bool, now: int) -> list[tuple[str, object]]:
        """What is due now, each once: (FRESH, None), or one of verbs.py and its value."""
        found: list[tuple[str, object]] = []
        if self._prove_at is not None and now >= self._prove_at:
            self.ike_gone()  # the new IKE SA brings times of its own
            found.append((FRESH, None))
        if self._rekey_at is not None and now >= self._rekey_at:
            self._rekey_at = None
            found.append((verbs.REKEY_IKE, None))
        if self._children.renewal_due(now):
            newest = self._children.newest
            if has_ike and newest is not None:
                found.append((verbs.REKEY, newest.inbound.spi))
            else:
                found.append((FRESH, None))
        return found
