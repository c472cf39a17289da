"""What a site needs of the world."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
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
