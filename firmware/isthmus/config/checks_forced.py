"""What each forced rule must say so that its promise can be kept. How rules stand to each other: `checks_order.py`."""

from __future__ import annotations

from isthmus.config.cover import Ranges, family_of, holds_all, ports_hold_all
from isthmus.config.errors import nearest, quote
from isthmus.config.forced import BOUND, INTERFACE, MAC, PREFIX, Ports, is_blind_to_ipv6
from isthmus.config.sections import host
from isthmus.wire.addr import IPV4_BYTES, IPV6_BYTES, Prefix, format_ip, parse_prefix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.config.forced import Source
    from isthmus.config.reader import Draft
    from isthmus.config.sections import Sections

MAX_ALL_SOURCES = 2048  # of all rules together: what a small router's memory takes without haste
MAX_LANES = 127  # tunnels that rules go through: the mark has seven bits for them (policy/lane.py)
TUNNEL_PREFIX = "ist-"

# Shorter than this no site is: RFC 1918 gives out 10.0.0.0/8, RFC 4193 fc00::/7, and registries /16 at the very most.
LEAST_LENGTH = {IPV4_BYTES: 8, IPV6_BYTES: 16}
UNIQUE_LOCAL = parse_prefix("fc00::/7")
LOOPBACKS = (parse_prefix("127.0.0.0/8"), parse_prefix("::1/128"))

# Ways in for whoever looks after the router: its pages, and ssh to put things right.
ADMIN_PORTS = (Ports(6, 443, 443), Ports(6, 80, 80), Ports(6, 22, 22))


def in_words(families: list[int]) -> str:
    """The address families of a list, for people."""
    return " and ".join(["IPv4" if family == IPV4_BYTES else "IPv6" for family in families])


def families_of(sources: list[Source]) -> list[int]:
    """Families that these hosts can send in: a prefix has one, everything else both."""
    families = []
    for family in (IPV4_BYTES, IPV6_BYTES):
        for source in sources:
            if source.kind != PREFIX or source.prefix is None or family_of(source.prefix) == family:
                families.append(family)
                break
    return families


# --- via --------------------------------------------------------------------------------------------------------------


def check_via(draft: Draft, sections: Sections) -> None:
    """Every tunnel that is named is there."""
    known = sections.names("tunnel")
    for name, line in draft.items("via"):
        tunnel = sections.tunnels.get(name)
        if tunnel is None:
            unknown(draft, "via", "tunnel", name, known, line)
        elif tunnel.values.get("enabled") is False:
            message = "%s is off (line %d): it carries nothing" % (tunnel.title, tunnel.line_of("enabled"))
            remedy = "switch the tunnel on; until then these hosts reach this site's own networks only"
            draft.warn("tunnel-off", "via", message, remedy, line)


def unknown(draft: Draft, option: str, section_type: str, name: str, known: list[str], line: int) -> None:
    """Complain that a section names another one that is not there."""
    guess = nearest(name, known)
    remedy = "did you mean %s?" % guess if guess else "write one of these, or add config %s '%s'" % (section_type, name)
    allowed = ", ".join(known[:20]) or "none yet: the file has no config %s" % section_type
    message = "there is no %s %s" % ("tunnel" if section_type == "tunnel" else "%s rule" % section_type, quote(name))
    draft.complain("unknown-" + ("tunnel" if section_type == "tunnel" else "rule"), option, message, remedy,
                   quote(name), allowed, line)  # fmt: skip


# --- from -------------------------------------------------------------------------------------------------------------


def check_sources(draft: Draft, sections: Sections) -> None:
    """Sources are hosts of this site, and neither the tunnel nor its ends are among them."""
    bound: dict[object, bytes] = {}
    for source, line in draft.items("from"):
        if source.kind == INTERFACE:
            _check_device(draft, source.ifname, line, sections)
        if source.prefix is not None:
            _check_network(draft, source.prefix, line, sections)
        if source.kind == BOUND and bound.setdefault(source.prefix, source.mac) != source.mac:
            message = "%s is bound to two MAC addresses: each host would shut the other out" % source.prefix
            draft.complain("contradiction", "from", message, "remove one of them", quote(str(source)), line=line)


def _check_device(draft: Draft, ifname: str, line: int, sections: Sections) -> None:
    tunnel = sections.ifnames.get(ifname)
    remedy = "name the interface where the hosts are, such as %s" % sections.lan
    if tunnel is not None:
        message = "%s is the interface of %s: what comes out of it would go back into a tunnel" % (ifname, tunnel.title)
        draft.complain("via-loop", "from", message, remedy, quote(ifname), line=line)
    elif ifname.startswith(TUNNEL_PREFIX):
        message = "interfaces called %s... belong to tunnels, and no host of this site is behind one" % TUNNEL_PREFIX
        draft.complain("via-loop", "from", message, remedy, quote(ifname), line=line)
    elif ifname in ("lan", "wan", "wan6", "guest", "iot"):
        message = "%s is a network of OpenWrt; its interface has a name of its own" % quote(ifname)
        remedy = "write the interface if it is called otherwise, such as br-%s; `ip link` lists them" % ifname
        draft.warn("network-name", "from", message, remedy, line)


def _check_network(draft: Draft, prefix: Prefix, line: int, sections: Sections) -> None:
    found = quote(str(prefix))
    name_lan = "name this site's own networks, or its interface: list from '%s'" % sections.lan
    if prefix.length < LEAST_LENGTH[family_of(prefix)] and not UNIQUE_LOCAL.contains(prefix.address):
        message = "%s is a part of the Internet: it may hold the router's own uplink, the peer and you" % prefix
        draft.complain("too-wide", "from", message, name_lan, found, line=line)
        return
    for loopback in LOOPBACKS:
        if loopback.overlaps(prefix):
            message = "%s is inside every computer, and no packet from it reaches the router" % prefix
            remedy = "write the address the host has on its network"
            draft.complain("bad-address", "from", message, remedy, found, line=line)
            return
    end = sections.ends.touching(prefix)
    if end is not None:
        message = "%s holds %s: the rule would cut the tunnel off from itself" % (prefix, end[1])
        draft.complain("tunnel-end", "from", message, name_lan, found, line=line)
        return
    behind = sections.remote.holding(prefix)
    if behind is not None and sections.local.touching(prefix) is None:
        message = "%s is behind %s: these hosts are at the peer's site, and only the router there can force them"
        message, remedy = message % (prefix, title_of(behind[1])), "write the rule there, or name hosts of this site"
        draft.complain("behind-peer", "from", message, remedy, found, line=line)


def title_of(draft: object) -> str:
    """How messages call the section a lookup has found."""
    return str(getattr(draft, "title", draft))


def check_ipv6(draft: Draft, sections: Sections) -> None:
    """Say what becomes of the IPv6 of hosts that are known by an IPv4 address alone."""
    del sections
    choice, sources = draft.values.get("ipv6"), draft.values.get("from") or []
    if not is_blind_to_ipv6(sources, draft.values.get("to") or []):
        if "ipv6" in draft.given:
            message = "every host of this rule is known in IPv6, too: the option changes nothing"
            draft.warn("no-effect", "ipv6", message, "remove the line")
        return
    remedy = "write ADDRESS@MAC, or the interface, in list from: then IPv6 of exactly these hosts is held"
    if choice == "free":
        message = "the IPv6 addresses of hosts written as IPv4 addresses are not known: their IPv6 goes out in the open"
        draft.warn("ipv6-exposed", "ipv6", message, remedy)
    elif choice == "block":
        message = (
            "the IPv6 addresses of hosts written as IPv4 addresses are not known: so that none gets out, IPv6 of all "
            "hosts behind this router goes to its own networks and tunnels only"
        )
        draft.warn("ipv6-blocked", "from", message, remedy)


def check_ipv4(draft: Draft, sections: Sections) -> None:
    """Say that hosts known by IPv6 addresses alone have others: nothing holds their IPv4."""
    del sections
    sources, to = draft.values.get("from") or [], draft.values.get("to") or []
    only_ipv6 = bool(sources) and families_of(sources) == [IPV6_BYTES]
    if only_ipv6 and not (to and all(family_of(prefix) == IPV6_BYTES for prefix in to)):
        message = "the IPv4 addresses of these hosts are not known: their IPv4 goes out in the open"
        remedy = "name their interface or their MAC addresses in list from, or their IPv4 network as well"
        draft.warn("ipv4-exposed", "from", message, remedy)


# --- to, port, dns ----------------------------------------------------------------------------------------------------


def check_destinations(draft: Draft, sections: Sections) -> None:
    """Forced hosts reach the site's own networks without a tunnel, whatever the rule says."""
    for prefix, line in draft.items("to"):
        near = sections.local.holding(prefix)
        if near is not None and sections.remote.touching(prefix) is None:
            message = "%s lies in local_subnet %s: hosts of this site may always go there" % (prefix, near[0])
            draft.warn("no-effect", "to", message, "remove the line, or name networks beyond the tunnel", line)


def check_families(draft: Draft, sections: Sections) -> None:
    """Sources and destinations share a family, or the rule holds nothing."""
    del sections
    sources, destinations = draft.values.get("from") or [], draft.items("to")
    able = families_of(sources)
    if not able:
        return
    for prefix, line in destinations:
        mixed(draft, "to", prefix, able, line)
    wanted = [family_of(prefix) for prefix, _ in destinations]
    # Where the two have nothing in common, the lines above have said so.
    for source, line in draft.items("from") if set(wanted) & set(able) else []:
        prefix = source.prefix
        if source.kind == PREFIX and prefix is not None and family_of(prefix) not in wanted:
            message = "%s is %s, and every destination of the rule is %s"
            message = message % (source, in_words([family_of(prefix)]), in_words(sorted(set(wanted))))
            remedy = "add a destination of its family to list to, or remove it"
            draft.complain("mixed-families", "from", message, remedy, quote(str(source)), line=line)


def mixed(draft: Draft, option: str, prefix: Prefix, able: list[int], line: int) -> None:
    """Complain of a destination that no source of the rule can send to."""
    if family_of(prefix) not in able:
        message = "%s is %s, and every source of the rule is %s: no packet is both"
        message = message % (prefix, in_words([family_of(prefix)]), in_words(able))
        remedy = "name the hosts by ADDRESS@MAC or by interface, which covers both, or remove the line"
        draft.complain("mixed-families", option, message, remedy, quote(str(prefix)), line=line)


def check_dns(draft: Draft, sections: Sections) -> None:
    """The name server lies where the tunnel leads, and not on this side."""
    if not draft.values.get("dns"):
        return
    able, seen = families_of(draft.values.get("from") or []), []
    vias = [sections.tunnels[name] for name in draft.values.get("via") or [] if name in sections.tunnels]
    inside = Ranges([(prefix, via) for via in vias for prefix in via.values.get("remote_subnet") or []])
    own = Ranges([(source.prefix, None) for source in draft.values.get("from") or [] if source.prefix is not None])
    for address, line in draft.items("dns"):
        place, text = host(address), format_ip(address)
        if len(address) in seen:
            message = "%s is the second of its family" % text
            draft.complain("too-many", "dns", message, "name one address of each family", quote(text), line=line)
        seen.append(len(address))
        if able:
            mixed(draft, "dns", place, able, line)
        if inside.holding(place) is not None:
            continue
        near = sections.local.holding(place)
        if near is not None or own.holding(place) is not None:
            message = "%s is on this side of the tunnel: the questions would not go through it" % text
            draft.complain("via-loop", "dns", message, "name a server behind the tunnel", quote(text), line=line)
        else:
            _check_far_dns(draft, address, line, sections, vias)


def _check_far_dns(draft: Draft, address: bytes, line: int, sections: Sections, vias: list[Draft]) -> None:
    text = format_ip(address)
    other = sections.remote.holding(host(address))
    names = ", ".join([via.title for via in vias])
    if other is not None:
        message = "%s lies behind %s, and this rule goes via %s" % (text, title_of(other[1]), names)
        remedy = "name a server behind that tunnel, or add the other tunnel to list via"
        draft.complain("dns-outside", "dns", message, remedy, quote(text), line=line)
    elif vias:
        message = "%s lies in no remote_subnet of %s: it answers only if the peer lets you on to it" % (text, names)
        remedy = "check that the peer has option internet '1', or name a server behind the tunnel"
        draft.warn("dns-far", "dns", message, remedy, line)


RULE_CHECKS: tuple[Callable[[Draft, Sections], None], ...] = (
    check_via,
    check_sources,
    check_ipv6,
    check_ipv4,
    check_destinations,
    check_families,
    check_dns,
)


# --- all rules together -----------------------------------------------------------------------------------------------


def check_numbers(sections: Sections) -> None:
    """No more than the router's tables hold."""
    count = 0
    lanes: set[str] = set()
    for draft in sections.of["forced"]:
        count += len(draft.values.get("from") or [])
        lanes.update(draft.values.get("via") or [])
        if count > MAX_ALL_SOURCES:
            message = "with this rule there are %d sources" % count
            allowed = "up to %d in all rules together" % MAX_ALL_SOURCES
            draft.complain("too-many", "from", message, "name networks or interfaces in place of hosts", "", allowed)
            return
        if len(lanes) > MAX_LANES:
            message = "with this rule, rules go via %d tunnels" % len(lanes)
            draft.complain("too-many", "via", message, "remove some", "", "up to %d tunnels" % MAX_LANES)
            return


def check_way_in(sections: Sections) -> None:
    """At least one host can still open the router's pages or log in.

    Asked as the kernel asks: by MAC address, then by network, then by interface, and in each the first rule decides.
    """
    rules = [draft for draft in sections.of["forced"] if draft.ok and not draft.values["to"]]
    if not sections.lans:
        return  # its lines are wrong, and that is told
    shutting: list[Draft] = []
    for door in ADMIN_PORTS:
        asked = [draft for draft in rules if ports_hold_all(draft.values["port"], [door])]
        closed = [draft for draft in asked if not ports_hold_all(draft.values["router_port"], [door])]
        if _is_open(asked, closed, sections):
            return
        shutting += closed
    last = [draft for draft in rules if draft in shutting][-1]
    message = "no host on %s could reach this router's pages or log in any more: you would lock yourself out"
    remedy = "add list router_port 'tcp:443' (and 'tcp:80', 'tcp:22') to it, or a rule of its own for your computer"
    shown = ", ".join([str(ports) for ports in last.values["router_port"]])
    allowed = "at least one of %s" % ", ".join([str(door) for door in ADMIN_PORTS])
    option = "router_port" if "router_port" in last.given else "from"
    last.complain("lockout", option, message % ", ".join(sections.lans), remedy, quote(shown), allowed)


def _is_open(asked: list[Draft], closed: list[Draft], sections: Sections) -> bool:
    """True if some host gets through this door. asked: rules that decide about it; closed: those that say no."""
    decided: set[object] = set()
    for draft in asked:
        for source in _of_kind(draft, MAC, BOUND):
            if source.host not in decided and draft not in closed:
                return True
            decided.add(source.host)
    # Where the file does not say which networks are the site's own, some host's address is in none of the rules.
    site = sections.site
    if [draft for draft in closed if draft.values["ipv6"] == "block" and _is_blind(draft)]:
        site = [prefix for prefix in site if family_of(prefix) == IPV4_BYTES]  # IPv6 is shut for all who are not named
    own, shut = Ranges([(prefix, None) for prefix in site]), []
    for draft in asked:
        networks = [source.prefix for source in _of_kind(draft, PREFIX) if source.prefix is not None]
        if draft in closed:
            shut += networks
            continue
        left = [prefix for prefix in networks if not site or own.touching(prefix) is not None]
        if left and not holds_all(shut, left):
            return True
    if site and holds_all(shut, site):
        return False
    decided = set()
    for draft in asked:
        for source in _of_kind(draft, INTERFACE):
            if source.ifname in sections.lans and source.ifname not in decided and draft not in closed:
                return True
            decided.add(source.ifname)
    return [ifname for ifname in sections.lans if ifname not in decided] != []


def _is_blind(draft: Draft) -> bool:
    return is_blind_to_ipv6(draft.values["from"], draft.values["to"])


def _of_kind(draft: Draft, *kinds: str) -> list[Source]:
    return [source for source in draft.values["from"] if source.kind in kinds]
