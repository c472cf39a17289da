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

    def remember_guard(self, text: str) -> None:
        """Keep the guard's text for the next boot; empty for none."""
        raise NotImplementedError
