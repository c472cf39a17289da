"""What a site needs of the world, and what may talk IKE beside its tunnels."""

from __future__ import annotations

from isthmus.proto.actions import Told

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.proto.actions import Action
    from isthmus.wire.addr import Endpoint


class Outlet:
    """What a site needs of the world. The daemon's edge is one, a test's is another."""

    def send(self, data: bytes, source: Endpoint, destination: Endpoint, probe: bool = False) -> None:
        """A datagram; may be lost. A probe goes whole, or not at all."""
        raise NotImplementedError

    def resolve(self, name: str) -> None:
        """Look a name up; Site.resolved() brings the answer."""
        raise NotImplementedError

    def probe(self, message: bytes, address: bytes, ifname: str) -> None:
        """An ICMPv6 message to a link-local address, or an ICMP one to an IPv4 address; may be lost."""
        raise NotImplementedError

    def remember_guard(self, text: str, closed: str) -> bool:
        """Keep the guard's text for the next boot, and what stands in where nft does not take it; empty for none.
        False where it could not be kept: the caller tries again.
        """
        raise NotImplementedError

    def publish_hosts(self, text: str) -> None:
        """Names of the peers' hosts, as lines for a resolver's hosts file; empty for none."""
        raise NotImplementedError

    def remember_spent(self, marks: list[str]) -> None:
        """Keep which exceptions of forced rules are over."""
        raise NotImplementedError

    def spent_exceptions(self) -> list[str]:
        """What remember_spent() was given last, in this life or a former one."""
        raise NotImplementedError


class Beside:
    """Nobody talks IKE beside the tunnels, until somebody pairs (pairings.py). The site asks at every turn."""

    def take(self, action: Action, now: int) -> bool:
        """True for an action of the engine's that is no tunnel's affair: it is obeyed then."""
        del action, now
        return False

    def resolved(self, name: str, addresses: list[bytes], failure: str, now: int) -> None:
        """A name server's answer, or why there is none."""

    def get_timer(self) -> int | None:
        """When handle_timer wants to be called."""
        return None

    def handle_timer(self, now: int) -> None:
        """Do what is due."""


class Sleeper(Beside):
    """Until somebody pairs: whoever is told something wakes what answers. wake: loads it, and puts it in our place."""

    def __init__(self, wake: Callable[[], Beside]) -> None:
        self._wake = wake

    def take(self, action: Action, now: int) -> bool:
        """See Beside."""
        return isinstance(action, Told) and self._wake().take(action, now)
