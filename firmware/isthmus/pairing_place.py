"""This site as pairing tells of it: name, networks, what is in use here, MTU; and where it is reached."""

from __future__ import annotations

from isthmus.config.alias import LOCAL
from isthmus.errors import IsthmusError
from isthmus.kernel.contract import KernelError
from isthmus.policy.derive import INNER_PREFIX, INNER_PREFIX_LENGTH
from isthmus.proto.pairing.limits import ENDPOINTS, LAN4_SHORTEST, LAN6_SHORTEST, LANS, MTU_LEAST, NAME_BYTES, USED
from isthmus.proto.pairing.names import is_name
from isthmus.proto.pairing.terms import NOBODYS
from isthmus.proto.pairing.values import REQUIRED, Lan, Place
from isthmus.surroundings import FAR_AWAY
from isthmus.wire.addr import IPV4_BYTES, Prefix, format_ip, is_ip, network_of, parse_ip, parse_prefix
from isthmus.wire.identity import is_host_name
from isthmus.wire.ip_numbers import IKE_PORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.model import Config
    from isthmus.kernel.contract import Kernel

INNER = Prefix(INNER_PREFIX + bytes(10), INNER_PREFIX_LENGTH)
GLOBAL_UNICAST = parse_prefix("2000::/3")  # RFC 4291 2.4: a provider gives them, and takes them away again
# Who has one of these is behind a translator: RFC 1918, RFC 6598, RFC 4193.
PRIVATE = tuple(
    [parse_prefix(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")]
)
DEFAULT_MTU = 1500
DEFAULT_NAME = "site"


class PlaceError(IsthmusError):
    """This site cannot be paired as it is."""

    code = "no-place"


def is_private(address: bytes) -> bool:
    """True for an address that means nothing on the Internet."""
    return any(len(net.address) == len(address) and net.contains(address) for net in PRIVATE + NOBODYS)


def plain_name(text: str) -> str:
    """A host name as a site's name: what cannot be in one becomes -."""
    out = ""
    for char in text.partition(".")[0][:NAME_BYTES]:
        out += char if is_name(("x" + char).encode()) else "-"
    out = out.strip("-_")
    return out if is_name(out.encode()) else DEFAULT_NAME


def make_place(config: Config, kernel: Kernel, site: bytes, host_name: str, taken: list[str]) -> Place:
    """site: this site's id, 16 bytes; taken: names of sections that there are. Raises KernelError, PlaceError."""
    addresses = kernel.local_addresses()
    lans = find_lans(config, addresses)
    if not lans:
        names = ", ".join(config.globals.lans)
        message = "this site has no network that it could join to another: %s has no address that serves" % names
        raise PlaceError(message, "name its interfaces in /etc/config/isthmus: section globals, list lan")
    if len(lans) > LANS:
        message = "this site has %d networks; pairing joins up to %d" % (len(lans), LANS)
        raise PlaceError(message, "name fewer interfaces: section globals, list lan")
    paired = {tunnel.site: tunnel.name for tunnel in config.tunnels if tunnel.site is not None}
    name = config.globals.site_name or plain_name(host_name)
    shown = [_as_shown(config, lan) for lan in lans]
    used = find_used(config, addresses, lans)[:USED]
    return Place(name, site, shown, used, REQUIRED, find_mtu(kernel), taken, paired)


def find_lans(config: Config, addresses: list[tuple[str, bytes, int]]) -> list[Prefix]:
    """The networks of the interfaces that the configuration calls this site's own. Of IPv6 only what is the site's to
    keep: a provider's prefix may be somebody else's tomorrow.
    """
    found: list[Prefix] = []
    for ifname, address, length in addresses:
        if ifname not in config.globals.lans:
            continue
        network = network_of(address, length)
        shortest = LAN4_SHORTEST if len(address) == IPV4_BYTES else LAN6_SHORTEST
        odd = _touches(network, NOBODYS) or GLOBAL_UNICAST.overlaps(network) or network.length < shortest
        if not odd and not _touches(network, found):
            found.append(network)
    return found


def find_used(config: Config, addresses: list[tuple[str, bytes, int]], lans: list[Prefix]) -> list[Prefix]:
    """Networks that are in use here and are none of `lans`: uplinks, peers', aliases."""
    candidates = [network_of(address, length) for _, address, length in addresses]
    for tunnel in config.tunnels:
        candidates += tunnel.remote_subnets
    candidates += [alias.shown for alias in config.aliases]
    found: list[Prefix] = []
    for network in candidates:
        ours = network in lans or _touches(network, NOBODYS) or INNER.overlaps(network) or not network.length
        if not ours and network not in found:
            found.append(network)
    return found


def _touches(network: Prefix, others: list[Prefix] | tuple[Prefix, ...]) -> bool:
    return any(network.overlaps(other) for other in others)


def _as_shown(config: Config, network: Prefix) -> Lan:
    """As what it appears at its peers: an alias that it has already holds for all."""
    for alias in config.aliases:
        if alias.side == LOCAL and alias.subnet == network:
            return Lan(network, alias.shown)
    return Lan(network, network)


def find_mtu(kernel: Kernel) -> int:
    """Of the way to the Internet, in bytes."""
    found = [mtu for _, mtu in _ways_out(kernel)]
    return max(MTU_LEAST, min(found)) if found else DEFAULT_MTU


def ways_out(kernel: Kernel) -> list[bytes]:
    """This router's own addresses on its ways to the Internet, IPv4 first; those of IPv6 only if they are global."""
    return [source for source, _ in _ways_out(kernel) if len(source) == IPV4_BYTES or not is_private(source)]


def _ways_out(kernel: Kernel) -> list[tuple[bytes, int]]:
    found: list[tuple[bytes, int]] = []
    for target in FAR_AWAY:
        try:
            way = kernel.way_to(target)
        except KernelError:
            continue  # of this family there is none
        if any(way.source) and way.source not in [source for source, _ in found]:
            found.append((way.source, way.mtu))
    return found


class Reach:
    """Where an invite says that this site is. endpoints: [(host, port)]; inside: its own address where that is private,
    as text, else ""; notes: what its administrator should know.
    """

    def __init__(self, endpoints: list[tuple[str, int]], inside: str, notes: list[str]) -> None:
        self.endpoints = endpoints
        self.inside = inside
        self.notes = notes


def find_reach(at: list[str], config: Config, kernel: Kernel) -> Reach:
    """at: HOST[:PORT] as typed; else what the configuration says; else the addresses on the way out.

    Raises PlaceError.
    """
    own = [format_ip(address) for address in ways_out(kernel)]
    private = [text for text in own if is_private(parse_ip(text))]
    inside = private[0] if private else ""
    wanted = [parse_endpoint(text) for text in at] or [(host, IKE_PORT) for host in config.globals.endpoints]
    notes: list[str] = []
    if not wanted:
        wanted = [(text, IKE_PORT) for text in own]
        if not wanted:
            message = "this router has no way to the Internet, so nobody would know where to find it"
            raise PlaceError(message, "bring its uplink up, or name it: isthmus pair invite --at NAME-OR-ADDRESS")
        if inside:
            notes.append(
                "this router's address %s is a private one: only a site in the same network finds it. If this site has"
                " a public address or name, say it: isthmus pair invite --at NAME-OR-ADDRESS" % inside
            )
    elif inside and (inside, IKE_PORT) not in wanted and len(wanted) < ENDPOINTS:
        wanted.append((inside, IKE_PORT))  # for a site in the same network; and the other side can say what to forward
    if inside:
        notes.append(
            "on this site's Internet router UDP 500 and UDP 4500 must be forwarded to %s, unless the other site makes"
            " the invite" % inside
        )
    return Reach(wanted[:ENDPOINTS], inside, notes)


def parse_endpoint(text: str) -> tuple[str, int]:
    """HOST, HOST:PORT, [IPV6]:PORT or an IPv6 address. Raises PlaceError."""
    host, port = text, ""
    if text[:1] == "[" and "]" in text:
        host, _, rest = text[1:].partition("]")
        port = rest[1:] if rest[:1] == ":" else ("?" if rest else "")
    elif not is_ip(text) and ":" in text:
        host, _, port = text.partition(":")
        port = port or "?"
    if not is_ip(host) and not is_host_name(host):
        raise PlaceError("'%s' is neither a name nor an address" % host[:64], "write --at HOST, such as --at 192.0.2.1")
    if is_ip(host) and _touches(Prefix(parse_ip(host), 8 * len(parse_ip(host))), NOBODYS):
        raise PlaceError("%s is no address where anybody is reached" % host, "name this site's address on the Internet")
    if port not in ("", str(IKE_PORT)):
        message = "IKE is reached at UDP port 500, and then goes on at 4500; '%s' was asked for" % port[:8]
        remedy = "forward UDP 500 and UDP 4500 under their own numbers, and leave the port out"
        raise PlaceError(message, remedy + "; or let the other site make the invite: then nothing is forwarded here")
    return host, IKE_PORT


def private_text(host: str) -> str:
    """The host if it is a private address, else ""."""
    return host if is_ip(host) and is_private(parse_ip(host)) else ""
