"""Two sites with the same addresses: a network that appears as another one of the same size, host by host.

Side local: our own subnet appears at the peer as `shown`. Each connection is translated on its way into the tunnel and
out of it, ICMP errors about it included; the router's own as well.

Side remote: the peer cannot translate, so its real subnet appears here as `shown`. The connection tracking does it, so
that ICMP errors come out right, but it changes a destination before the route is looked up, and that address is in our
own network: it may even be this router's own. So for as long as a packet is on its way through this router, from
just behind the translation to just before the wire, it carries `shown` again. Routes, the forced rules and the firewall
see no other address than that. What the firewall's flow table takes over looks up its way by the real address, so it
gets the mark of the tunnel's own route table on what comes out of the tunnel.
"""

from __future__ import annotations

from isthmus.config.alias import LOCAL, REMOTE, is_host_name
from isthmus.policy.chain import Chain
from isthmus.policy.given import MARK_MASK
from isthmus.policy.ready import RANGES
from isthmus.wire.addr import IPV4_BYTES, format_ip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.alias import AliasConfig
    from isthmus.wire.addr import Prefix

BEFORE_DSTNAT, TURN, BEFORE_SRCNAT, LEAVE = -101, -90, 98, 110  # fw4: dstnat -100, srcnat 100


class AliasTunnel:
    """What the chains need of a tunnel: its interface, and the mark of its lane (lane.py) where it has one, else 0."""

    def __init__(self, ifname: str, mark: int = 0) -> None:
        self.ifname = ifname
        self.mark = mark


def alias_chains(aliases: list[AliasConfig], tunnels: dict[str, AliasTunnel]) -> list[Chain]:
    """The chains for the guard's table. An alias whose tunnel is not among `tunnels` has none."""
    rows = [(alias, tunnels[alias.tunnel]) for alias in aliases if alias.tunnel in tunnels]
    if not rows:
        return []
    arriving, leaving = [], []
    for alias, tunnel in rows:
        if alias.side == LOCAL:
            here, there = alias.subnet, alias.shown
            arriving += _translate('iifname "%s"' % tunnel.ifname, "dnat", "daddr", there, here)
            leaving += _translate('oifname "%s"' % tunnel.ifname, "snat", "saddr", here, there)
    remote = [row for row in rows if row[0].side == REMOTE]
    for alias, tunnel in remote:
        arriving += _translate('iifname != "%s"' % tunnel.ifname, "dnat", "daddr", alias.shown, alias.subnet)
    returning = [rule for alias, _ in remote for rule in _keep(alias)]
    chains = [
        Chain("alias_in", arriving, "prerouting", "nat", BEFORE_DSTNAT),
        Chain("alias_out", returning + leaving, "postrouting", "nat", BEFORE_SRCNAT),
    ]
    return chains + (_remote_chains(remote, returning) if remote else [])


def _remote_chains(rows: list[tuple[AliasConfig, AliasTunnel]], returning: list[str]) -> list[Chain]:
    """What side remote needs beside the translation itself."""
    own, turn, back, leave, marks = [], [], [], [], []
    for alias, tunnel in rows:
        ip, real, shown = _word(alias.subnet), alias.subnet, alias.shown
        own += _translate("", "dnat", "daddr", shown, real)
        if len(rows) > 1:  # a peer answers for its own hosts alone, though another site's have the same addresses
            theirs = 'iifname "%s" ct direction ' % tunnel.ifname
            turn.append(theirs + "reply ct reply %s saddr %s ct original %s daddr != %s drop" % (ip, real, ip, shown))
            # A connection that has just begun has its own source there as yet.
            mine = "{ %s, %s }" % (real, shown)
            turn.append(theirs + "original ct original %s saddr %s ct reply %s daddr != %s drop" % (ip, real, ip, mine))
        turn.append('iifname "%s" %s' % (tunnel.ifname, _rewrite("saddr", real, shown)))
        turn.append('iifname != "%s" %s daddr %s jump alias_back' % (tunnel.ifname, ip, real))
        for way in ("original", "reply"):
            back.append("ct direction %s ct %s %s daddr %s %s" % (way, way, ip, shown, _rewrite("daddr", real, shown)))
        leave.append('oifname "%s" %s' % (tunnel.ifname, _rewrite("daddr", shown, real)))
        if tunnel.mark:
            rest = MARK_MASK ^ 0xFFFFFFFF
            marks.append(
                'iifname "%s" %s saddr %s meta mark set meta mark & 0x%08x | 0x%08x'
                % (tunnel.ifname, ip, shown, rest, tunnel.mark)
            )
    networks = sorted({(_word(alias.subnet), str(alias.subnet)) for alias, _ in rows})
    own_turn = ["%s daddr %s jump alias_back" % network for network in networks]
    chains = [
        Chain("alias_back", back),
        Chain("alias_turn", turn, "prerouting", "filter", TURN),
        Chain("alias_own", own, "output", "nat", BEFORE_DSTNAT),
        Chain("alias_own_turn", own_turn, "output", "route", TURN),
        Chain("alias_own_in", returning, "input", "nat", BEFORE_SRCNAT),
        Chain("alias_leave", leave, "postrouting", "filter", LEAVE),
    ]
    return chains + ([Chain("alias_mark", marks, "forward", "filter", -300)] if marks else [])


def _keep(alias: AliasConfig) -> list[str]:
    """A connection that the peer's side began: the tracking notes the source that the packet shows already."""
    began = "ct original %s saddr %s" % (_word(alias.subnet), alias.subnet)
    return _translate(began, "snat", "saddr", alias.shown, alias.shown)


def _word(prefix: Prefix) -> str:
    return "ip" if len(prefix.address) == IPV4_BYTES else "ip6"


def _translate(match: str, verb: str, field: str, old: Prefix, new: Prefix) -> list[str]:
    """NAT of a whole network, host by host. A connection that begins untranslated stays so: not before the map is there
    (ready.py).
    """
    ip = _word(old)
    if old.length == 8 * len(old.address):
        rule = "%s %s %s %s %s %s to %s" % (match, ip, field, format_ip(old.address), verb, ip, format_ip(new.address))
        return [rule.strip()]
    concerned = ("%s %s %s %s" % (match, ip, field, old)).strip()
    rule = "%s %s %s prefix to %s %s map { %s : %s }" % (concerned, verb, ip, ip, field, old, new)
    return ["%s %s" % (concerned, RANGES), rule]


def _rewrite(field: str, old: Prefix, new: Prefix) -> str:
    """Another network in the packet alone; the kernel keeps its checksums right."""
    ip = _word(old)
    if old.length == 8 * len(old.address):
        return "%s %s %s %s %s set %s" % (ip, field, format_ip(old.address), ip, field, format_ip(new.address))
    size = len(old.address)
    host = format_ip(((1 << 8 * size - old.length) - 1).to_bytes(size, "big"))
    return "%s %s %s %s %s set %s %s & %s | %s" % (ip, field, old, ip, field, ip, field, host, format_ip(new.address))


# --- what people see --------------------------------------------------------------------------------------------------


def translate(address: bytes, old: Prefix, new: Prefix) -> bytes:
    """The same host in another network of the same size."""
    size = len(address)
    mask = (1 << 8 * size - old.length) - 1
    number = int.from_bytes(new.address, "big") | int.from_bytes(address, "big") & mask
    return number.to_bytes(size, "big")


def shown_as(address: bytes, aliases: list[AliasConfig], tunnel: str = "") -> str:
    """What to write behind an address: how else a host is called. "" where there is nothing to say.

    An address of our own subnet has one more name for each tunnel with an alias of side local; one of a `shown` network
    of side remote leads to the peer's real host. tunnel: only aliases of this one.
    """
    words = []
    for alias in aliases:
        if tunnel and alias.tunnel != tunnel:
            continue
        if alias.side == LOCAL and alias.subnet.contains(address):
            other = format_ip(translate(address, alias.subnet, alias.shown))
            words.append("%s beyond tunnel %s" % (other, alias.tunnel))
        if alias.side == REMOTE and alias.shown.contains(address):
            name = _name_of(alias, translate(address, alias.shown, alias.subnet))
            other = format_ip(translate(address, alias.shown, alias.subnet))
            words.append("%s%s at %s" % (name + ", " if name else "", other, alias.tunnel))
    return "; ".join(words)


def _name_of(alias: AliasConfig, address: bytes) -> str:
    for name, known in alias.names:
        if known == address:
            return name
    return ""


def hosts_text(aliases: list[AliasConfig], domains: dict[str, str] | None = None) -> str:
    """Lines for a resolver's hosts file: `10.66.2.20 printer.branch`, sorted by address.

    side remote: names of the peer's hosts, for our resolver, below the tunnel's name. domains: tunnel -> another name
    to put behind them.
    """
    return _hosts([alias for alias in aliases if alias.side == REMOTE], domains or {})


def peer_hosts_text(aliases: list[AliasConfig], domain: str) -> str:
    """The same for the peer's resolver: side local, our hosts as the peer reaches them, below `domain`."""
    local = [alias for alias in aliases if alias.side == LOCAL]
    return _hosts(local, {alias.tunnel: domain for alias in local})


def _hosts(aliases: list[AliasConfig], domains: dict[str, str]) -> str:
    rows = set()
    for alias in aliases:
        domain = domains.get(alias.tunnel, host_label(alias.tunnel))
        for name, address in alias.names:
            full = "%s.%s" % (name, domain) if domain else name
            if is_host_name(full):
                rows.add((translate(address, alias.subnet, alias.shown), full))
    return "".join(["%s %s\n" % (format_ip(address), name) for address, name in sorted(rows)])


def host_label(name: str) -> str:
    """A section's name as a part of a host's name: UCI takes `_`, the DNS does not."""
    return name.lower().replace("_", "-").strip("-")


def is_concerned(alias: AliasConfig, remote_subnets: list[Prefix], ends: list[bytes]) -> bool:
    """True for a connection that may run under addresses which the alias has changed: to be ended after a change.

    ends: the addresses of both of its directions; remote_subnets: of the alias's tunnel.
    """
    if [end for end in ends if alias.shown.contains(end)]:
        return True
    beyond = [end for end in ends for subnet in remote_subnets if subnet.contains(end)]
    return bool(beyond) and bool([end for end in ends if alias.subnet.contains(end)])
