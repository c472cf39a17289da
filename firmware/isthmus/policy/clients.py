"""Who uses a VPN through this router right now, as the kernel's connection tracking tells it, and by which section."""

from __future__ import annotations

from isthmus.config.forced import BOUND, INTERFACE, MAC
from isthmus.config.passthrough import BLOCK
from isthmus.policy.passthrough import BOTH, IN, OUT, SERVICES, SHADOWED_PORTS
from isthmus.wire.addr import format_ip, network_of
from isthmus.wire.ip_numbers import ESP, UDP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.forced import Source
    from isthmus.config.passthrough import PassthroughConfig
    from isthmus.kernel.flows import Flow
    from isthmus.wire.addr import Prefix

    LocalAddress = tuple[str, bytes, int]  # interface, address, length of its network: kernel.local_addresses()
    Neighbour = tuple[str, bytes, bytes]  # interface, address, MAC: kernel.neighbours()

LINK_LOCAL = b"\xfe\x80"  # RFC 4291 2.5.6

SERVERS = [(number, port) for _, number, port, _ in SERVICES]  # what they talk to: (IP protocol, port or 0)


class Place:
    """Which addresses are this router's own, and which are inside.

    addresses: as kernel.local_addresses() gives them; lans: names of the inside's interfaces; neighbours: as
    kernel.neighbours() gives them, for sections that know a host by its MAC.
    """

    def __init__(
        self, addresses: list[LocalAddress], lans: list[str], neighbours: list[Neighbour] | None = None
    ) -> None:
        self.own = {address for _, address, _ in addresses}
        self._inside = [(ifname, own, network_of(own, length)) for ifname, own, length in addresses if ifname in lans]
        self._neighbours = neighbours or []

    def interface(self, address: bytes) -> str:
        """The inside interface on whose network an address lies; "" if on none."""
        for ifname, _, network in self._inside:
            if network.contains(address):
                return ifname
        return ""

    def is_inside(self, address: bytes) -> bool:
        """True for a host of the site, the router itself not among them."""
        return address not in self.own and self.interface(address) != ""

    def networks(self) -> list[Prefix]:
        """The inside's networks, link-local ones left out."""
        return [network for _, own, network in self._inside if own[:2] != LINK_LOCAL]

    def mac(self, address: bytes) -> bytes:
        """The MAC of a host, b"" where it is not known."""
        for _, known, mac in self._neighbours:
            if known == address:
                return mac
        return b""


class Client:
    """One VPN connection that passes this router.

    protocol: the section's word; service: what people call it; direction: OUT or IN; inside, outside: addresses;
    section: the name of the passthrough section that its packets meet, "" for none; action: of that section, or "";
    flow: as the kernel tells it.
    """

    def __init__(
        self, protocol: str, service: str, direction: str, inside: bytes, outside: bytes, flow: Flow,
        config: PassthroughConfig | None,
    ) -> None:
        self.protocol = protocol
        self.service = service
        self.direction = direction
        self.inside = inside
        self.outside = outside
        self.flow = flow
        self.section = config.name if config is not None else ""
        self.action = config.action if config is not None else ""

    @property
    def is_blocked(self) -> bool:
        """True for what is left of a connection from before its section said `block`: kernel.end_flow(client.flow)."""
        return self.action == BLOCK

    def __repr__(self) -> str:
        ends = (format_ip(self.inside), self.direction, format_ip(self.outside))
        return "Client(%s, %s %s %s)" % ((self.service,) + ends)


def clients(flows: list[Flow], place: Place, configs: list[PassthroughConfig]) -> list[Client]:
    """VPN connections through this router, in the order of `flows`; its own are not among them."""
    found = []
    for flow in flows:
        direction = _direction(flow, place)
        if not direction:
            continue
        inside = flow.source if direction == OUT else flow.reply_source
        outside = flow.destination if direction == OUT else flow.source
        port = flow.dport if direction == OUT else flow.reply_sport  # what the forward hook sees
        for protocol, number, server_port, service in SERVICES:
            if number == flow.protocol and server_port in (0, port):
                config = section_of(configs, protocol, direction, inside, place)
                found.append(Client(protocol, service, direction, inside, outside, flow, config))
    return found


def _direction(flow: Flow, place: Place) -> str:
    """OUT or IN for what is forwarded between inside and outside; "" for everything else.

    A host behind a second router of the site is known by its being translated.
    """
    if flow.source in place.own or flow.reply_source in place.own:
        return ""
    begins_inside, ends_inside = place.is_inside(flow.source), place.is_inside(flow.reply_source)
    if begins_inside and ends_inside:
        return ""
    if begins_inside or (flow.reply_destination in place.own and not ends_inside):
        return OUT
    return IN if ends_inside or flow.destination in place.own else ""


def section_of(
    configs: list[PassthroughConfig], protocol: str, direction: str, inside: bytes, place: Place
) -> PassthroughConfig | None:
    """The section that the chains lead a host's packets to, or None."""
    meant = [config for config in configs if config.protocol == protocol and config.direction in (direction, BOTH)]
    mac = place.mac(inside) if direction == OUT else b""
    ifname = place.interface(inside)
    for rank in range(3):
        for config in meant:
            for source in config.sources:
                if _is_meant(source, rank, direction, inside, mac, ifname):
                    return config
    for config in meant:
        if not config.sources:
            return config
    return None


def _is_meant(source: Source, rank: int, direction: str, inside: bytes, mac: bytes, ifname: str) -> bool:
    """rank: 0 by MAC, 1 by address, 2 by interface."""
    if rank == 0:
        return source.kind in (MAC, BOUND) and mac != b"" and source.mac == mac
    if rank == 1:
        by_address = source.prefix is not None and not (direction == OUT and source.kind == BOUND)
        return by_address and source.prefix is not None and source.prefix.contains(inside)
    return source.kind == INTERFACE and ifname != "" and source.ifname == ifname


def shadowing(flows: list[Flow], place: Place, peers: list[bytes]) -> list[Flow]:
    """Connections of clients, from before the guard, that own the answer which a peer's packets look like.

    peers: the outer addresses of our peers.
    """
    found = []
    for flow in flows:
        forwarded = flow.source not in place.own and flow.reply_source not in place.own
        owns_port = flow.protocol == UDP and flow.reply_dport in SHADOWED_PORTS
        owns_esp = flow.protocol == ESP and flow.destination in peers
        if forwarded and flow.reply_destination in place.own and (owns_port or owns_esp):
            found.append(flow)
    return found


__all__ = ["IN", "OUT", "Client", "Place", "clients", "section_of", "shadowing"]
