"""The networks of two sites: do they overlap, which alias is free, and does what was offered hold. Pure functions.

The inviter offers aliases for both sides; the joiner checks them by the same rule. A network appears at the other side
as something that is no network of that side, nothing in use there, and nothing else that appears.
"""

from __future__ import annotations

from isthmus.proto.pairing.errors import OVERLAP, UNFIT, make
from isthmus.proto.pairing.limits import LAN4_SHORTEST, LAN6_SHORTEST
from isthmus.proto.pairing.values import INVITER, JOINER, REQUIRED, SIDES, Alias, Lan, Terms
from isthmus.wire.addr import IPV4_BYTES, Prefix, parse_prefix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.proto.pairing.values import Info

# Where aliases come from: RFC 1918, the least used first.
POOLS = tuple([parse_prefix(text) for text in ("10.64.0.0/10", "172.16.0.0/12", "10.0.0.0/8", "192.168.0.0/16")])
# No site has these: this network, loopback, link-local, multicast and what follows it (RFC 6890).
NOBODYS = tuple(
    [
        parse_prefix(text)
        for text in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/8", "fe80::/10", "ff00::/8")
    ]
)


def check_info(info: Info) -> None:
    """Raises PairingError(UNFIT) for networks that no site may announce, or for what this release cannot do without."""
    missing = REQUIRED & ~info.capabilities
    if missing:
        raise make(UNFIT, "site %s lacks capabilities %d" % (info.name, missing))
    seen: list[Prefix] = []
    for lan in info.lans:
        for network in (lan.network, lan.shown):
            shortest = LAN4_SHORTEST if len(network.address) == IPV4_BYTES else LAN6_SHORTEST
            if network.length < shortest or _overlapping(network, NOBODYS):
                raise make(UNFIT, "site %s announces %s" % (info.name, network))
        if not _is_same_size(lan.network, lan.shown):
            raise make(UNFIT, "site %s announces %s as %s" % (info.name, lan.network, lan.shown))
        if _overlapping(lan.network, seen):
            raise make(UNFIT, "site %s announces %s twice" % (info.name, lan.network))
        seen.append(lan.network)


def offer_aliases(inviter: Info, joiner: Info) -> list[Alias]:
    """An alias for each network that overlaps anything at the other side. Raises PairingError(OVERLAP) if none is
    free, or for IPv6, where nothing translates.
    """
    infos = (inviter, joiner)
    taken = _all_networks(inviter) + _all_networks(joiner)
    aliases = []
    for side in (INVITER, JOINER):
        for lan in infos[side].lans:
            if not find_overlap(lan, infos[1 - side]):
                continue
            shown = _find_free(lan.network, taken)
            if shown is None:
                raise make(OVERLAP, "%s of site %s" % (lan.network, infos[side].name))
            taken.append(shown)
            aliases.append(Alias(side, lan.network, shown))
    return aliases


def find_overlap(lan: Lan, other: Info) -> str:
    """Which network of the other site this one, as it appears, overlaps; as text, "" if none. Two sites whose networks
    appear as one are found as well.
    """
    for theirs in _all_networks(other):
        if lan.shown.overlaps(theirs):
            return str(theirs)
    return ""


def settle(inviter: Info, joiner: Info, side: int) -> Terms:
    """What both sides approve, seen from `side`. Raises PairingError if what the two say does not fit together."""
    if joiner.aliases:
        raise make(UNFIT, "the joiner offers aliases")
    infos = (inviter, joiner)
    check_info(inviter)
    check_info(joiner)
    lans: tuple[list[Lan], list[Lan]] = ([], [])
    overlaps = []
    sites = ["site %s" % info.name for info in infos]
    if inviter.name == joiner.name:
        sites = ["the " + name for name in SIDES]
    rest = list(inviter.aliases)
    for ours in (INVITER, JOINER):
        for lan in infos[ours].lans:
            overlap = find_overlap(lan, infos[1 - ours])
            if overlap:
                overlaps.append("%s of %s and %s of %s" % (lan.network, sites[ours], overlap, sites[1 - ours]))
            alias = _take_alias(rest, ours, lan)
            lans[ours].append(Lan(lan.network, alias.shown) if alias is not None else lan)
    if rest:
        raise make(OVERLAP, "an alias for %s, which the %s does not have" % (rest[0].network, SIDES[rest[0].side]))
    _check_apart(infos, lans)
    offset = infos[1 - side].clock - infos[side].clock
    return Terms(lans, overlaps, min(inviter.mtu, joiner.mtu), inviter.capabilities & joiner.capabilities, offset)


def _take_alias(rest: list[Alias], side: int, lan: Lan) -> Alias | None:
    """The alias for this network, taken out of `rest`. Raises PairingError for one that cannot be."""
    for alias in rest:
        if alias.side == side and alias.network == lan.network:
            rest.remove(alias)
            inside = [pool for pool in POOLS if pool.holds(alias.shown)]
            if not _is_same_size(alias.network, alias.shown) or not inside:
                raise make(OVERLAP, "%s as %s" % (alias.network, alias.shown))
            return alias
    return None


def _check_apart(infos: tuple[Info, Info], lans: tuple[list[Lan], list[Lan]]) -> None:
    for side in (INVITER, JOINER):
        theirs = _all_networks(infos[1 - side]) + [lan.shown for lan in lans[1 - side]]
        own = [lan.shown for lan in lans[side]]
        for index in range(len(own)):
            if _overlapping(own[index], theirs) or _overlapping(own[index], own[:index]):
                raise make(OVERLAP, "%s as %s" % (lans[side][index].network, own[index]))


def _all_networks(info: Info) -> list[Prefix]:
    return [lan.network for lan in info.lans] + [lan.shown for lan in info.lans] + list(info.used)


def _is_same_size(one: Prefix, two: Prefix) -> bool:
    return one.length == two.length and len(one.address) == len(two.address)


def _overlapping(network: Prefix, others: list[Prefix] | tuple[Prefix, ...]) -> Prefix | None:
    for other in others:
        if network.overlaps(other):
            return other
    return None


def _find_free(network: Prefix, taken: list[Prefix]) -> Prefix | None:
    """The first network of this size in POOLS that overlaps nothing: each step goes behind what is in the way."""
    if len(network.address) != IPV4_BYTES:
        return None
    for pool in POOLS:
        if network.length < pool.length:
            continue
        at, last = pool.span()
        size = 1 << (32 - network.length)
        while at + size - 1 <= last:
            candidate = Prefix(at.to_bytes(IPV4_BYTES, "big"), network.length)
            blocked = _overlapping(candidate, taken)
            if blocked is None:
                return candidate
            behind = max(blocked.span()[1] + 1, at + size)
            at = (behind + size - 1) // size * size
    return None
