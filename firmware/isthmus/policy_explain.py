"""`isthmus policy explain SRC DST [PORT]`: a packet as somebody writes it, filled up with what the router knows.

{"verdict", "why", "steps": [sentences], "rule", "exception", "tunnel", "interface": names or "", "packet": {"source",
"mac", "arrives", "destination", "protocol", "port"}}. verdict: "protected", "blocked", "exposed", or "free", "inside"
and "router" for a packet that no rule holds.
"""

from __future__ import annotations

from isthmus.config.errors import BadValue
from isthmus.config.policy_values import PortsType, SourceType
from isthmus.errors import IsthmusError
from isthmus.kernel.contract import KernelError
from isthmus.policy.clients import Place
from isthmus.policy.explain import (
    BLOCKED,
    EXPOSED,
    FREE,
    INSIDE,
    PROTECTED,
    ROUTER,
    Explanation,
    Packet,
    World,
    explain,
)
from isthmus.policy.forced import homes_of
from isthmus.wire.addr import IPV4_BYTES, AddressError, format_ip, format_mac, parse_ip
from isthmus.wire.ip_numbers import TCP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from isthmus.config.forced import Source
    from isthmus.site import Site

MULTICAST4, MULTICAST6, BROADCAST = 0xE0, 0xFF, b"\xff\xff\xff\xff"


class BadPacketError(IsthmusError):
    """A packet that nobody could send here."""

    code = "bad-packet"


def explain_packet(site: Site, source: str, destination: str, port: str, wall: int) -> dict[str, Any]:
    """port: "443", "udp:53", "icmp" or "" for TCP without one. wall: Unix seconds. Raises IsthmusError."""
    config, forcing = site.forcing.config, site.forcing
    if config is None:
        raise BadPacketError("no configuration is in force", "mend the file, then run: isthmus reload")
    addresses, neighbours = site.kernel.local_addresses(), site.kernel.neighbours()
    homes = homes_of(config.forced, config.globals.lans) or config.globals.lans
    place = Place(addresses, homes, neighbours)
    target = _address(destination)
    protocol, number = _port(port)
    def way(address: bytes) -> str:
        try:
            return "" if address in place.own else site.kernel.way_to(address).ifname
        except KernelError:
            return ""

    packet = _packet(_source(source), target, place, neighbours, addresses, homes, way)
    packet.protocol, packet.port = protocol, number

    world = World(way, lambda address: address in place.own or _is_for_many(address), wall)
    spent = {exception.name for rule in config.forced for exception in rule.exceptions if forcing.is_spent(exception)}
    tunnels = [tunnel.ifname for tunnel in config.tunnels]
    lans = config.globals.lans
    found = explain(config.forced, forcing.lanes, forcing.chosen, lans, spent, packet, world, tunnels)
    return {
        "verdict": found.verdict,
        "why": _why(found),
        "steps": found.steps,
        "rule": found.rule,
        "exception": found.exception,
        "tunnel": found.tunnel,
        "interface": found.ifname,
        "packet": {
            "source": format_ip(packet.source),
            "mac": format_mac(packet.mac),
            "arrives": packet.ifname,
            "destination": format_ip(packet.destination),
            "protocol": packet.protocol,
            "port": packet.port,
        },
    }


def _why(found: Explanation) -> str:
    rule = "rule %s" % found.rule
    return {
        PROTECTED: "%s leads it through tunnel %s, or nowhere" % (rule, found.tunnel),
        BLOCKED: "%s lets it go nowhere" % rule if found.rule else "it goes nowhere",
        EXPOSED: "exception %s of %s lets it past the tunnel" % (found.exception, rule),
        FREE: "no forced rule holds it",
        INSIDE: "it stays among this site's own networks",
        ROUTER: "it is for this router itself",
    }.get(found.verdict, "")


def _source(text: str) -> Source:
    try:
        return SourceType().parse(text)
    except BadValue as error:
        raise BadPacketError(error.reason, "write %s" % SourceType.allowed) from None


def _address(text: str) -> bytes:
    try:
        return parse_ip(text)
    except AddressError as error:
        raise BadPacketError(str(error), "write the address that it goes to: 198.51.100.7") from None


def _port(text: str) -> tuple[int, int]:
    if not text:
        return TCP, 0
    plain = text.strip("0123456789")
    try:
        ports = PortsType().parse(text if plain else "tcp:" + text)
    except BadValue as error:
        raise BadPacketError(error.reason, error.remedy or "write %s" % PortsType.allowed) from None
    return ports.protocol, ports.low


def _packet(
    source: Source, target: bytes, place: Place, neighbours: list[tuple[str, bytes, bytes]],
    addresses: list[tuple[str, bytes, int]], homes: list[str], way: Callable[[bytes], str],
) -> Packet:  # fmt: skip
    """Who sends it, from where: what was not written is looked up. For a host here it comes from where its source is at
    home, be it outside; all else is taken for a packet of the site's own.
    """
    size = len(target)
    address, mac, ifname = None, source.mac, source.ifname
    if source.prefix is not None:
        address = source.prefix.address
    elif mac:
        known = [(name, one) for name, one, owner in neighbours if owner == mac and len(one) == size]
        if not known:
            raise BadPacketError("no address of that MAC is known just now", "write ADDRESS@MAC, or its address")
        ifname, address = known[0]
    else:
        nets = [(own, length) for name, own, length in addresses if name == ifname and len(own) == size]
        if not nets:
            raise BadPacketError("%s has no address of that family" % ifname, "write a host's address")
        own = nets[0][0]
        address = own[:-1] + bytes([own[-1] ^ 1])  # a neighbour of ours, whoever that is
    if len(address) != size:
        raise BadPacketError("source and destination are not of one family", "write two of one family")
    ifname = ifname or place.interface(address) or (way(address) if place.interface(target) else "")
    ifname = ifname or (homes[0] if homes else "")
    return Packet(address, target, ifname, mac or place.mac(address))


def _is_for_many(address: bytes) -> bool:
    if len(address) == IPV4_BYTES:
        return address == BROADCAST or address[0] & 0xF0 == MULTICAST4
    return address[0] == MULTICAST6
