"""What the kernel tells about the outer road: the way it would take, and where ESP comes from now."""

from __future__ import annotations

from isthmus.wire.addr import format_ip


class Mapping:
    """ESP in UDP has come from another address or port than its SA says: the inbound SA's destination and spi, and the
    new source (address, port). The packet was authentic; where it came from is a hint, no proof.
    """

    def __init__(self, destination: bytes, spi: int, source: tuple[bytes, int]) -> None:
        self.destination = destination
        self.spi = spi
        self.source = source

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mapping) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        where = (self.spi, format_ip(self.destination), format_ip(self.source[0]), self.source[1])
        return "<mapping of spi 0x%08x at %s: now from %s port %d>" % where


class Way:
    """How the kernel would reach an address: our source address, the interface's name, and the MTU toward it."""

    def __init__(self, source: bytes, ifname: str, mtu: int) -> None:
        self.source = source
        self.ifname = ifname
        self.mtu = mtu

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Way)
            and self.source == other.source
            and self.ifname == other.ifname
            and self.mtu == other.mtu
        )

    def __hash__(self) -> int:
        return hash((self.source, self.ifname, self.mtu))

    def __repr__(self) -> str:
        return "<way from %s on %s mtu %d>" % (format_ip(self.source), self.ifname, self.mtu)
