"""Passthrough: VPN programs of hosts behind this router, allowed, blocked, or followed by the kernel's PPTP helper.

A chain of its own at the forward hook, at -300: ahead of the firewall, so that `block` also covers what OpenWrt lets
through by itself (ESP and UDP 500 from wan to lan). What this router itself sends and receives is never forwarded, so
no passthrough rule ever touches its own tunnels. `allow` is counted and otherwise left to the firewall.

Who is meant is found as for forced rules: the MAC goes before the address, the address before the interface, and
that before a section without `from`; among equals the first in the file wins. The packets of whoever began decide: a
client without its requests has no answers. An ESP packet that comes after ten minutes of silence begins anew.

The tracking tells GRE apart by the call ids of both ends, which only the helper learns: without it nothing of a PPTP
call comes back through NAT. Two clients with one call id need the module nf_nat_pptp as well, which the kernel does
not ask for by itself (OpenWrt: kmod-nf-nathelper-extra brings both).
"""

from __future__ import annotations

from isthmus.config.forced import BOUND, INTERFACE, MAC
from isthmus.config.passthrough import ALLOW, BLOCK, HELPER, IPSEC, L2TP, PPTP
from isthmus.policy.chain import Chain
from isthmus.policy.ready import MAPS, RANGES
from isthmus.policy.spans import FAMILIES, format_span, join, pieces
from isthmus.wire.addr import IPV4_BYTES, format_ip, format_mac
from isthmus.wire.ip_numbers import AH, ESP, GRE, IKE_PORT, L2TP_PORT, NATT_PORT, PPTP_PORT, TCP, UDP
from isthmus.wire.ip_numbers import L2TP as L2TP_IP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.passthrough import PassthroughConfig
    from isthmus.wire.addr import Prefix

# (name of the section's protocol, IP protocol, the server's port or 0, what people call it)
SERVICES = (
    (IPSEC, UDP, IKE_PORT, "IKE"),
    (IPSEC, UDP, NATT_PORT, "NAT-T"),
    (IPSEC, ESP, 0, "ESP"),
    (IPSEC, AH, 0, "AH"),
    (L2TP, UDP, L2TP_PORT, "L2TP"),
    (L2TP, L2TP_IP, 0, "L2TPv3"),
    (PPTP, TCP, PPTP_PORT, "PPTP"),
    (PPTP, GRE, 0, "GRE"),
)
PROTOCOLS = (IPSEC, L2TP, PPTP)
WRITTEN = {IPSEC: "IPsec", L2TP: "L2TP", PPTP: "PPTP"}  # in sentences
OUT, IN, BOTH = "out", "in", "both"

COUNTER = "passthrough_%s"
HELPER_OBJECT = "isthmus_pptp"

# Sources that NAT must not let shadow a peer's packets: RFC 1918 3, RFC 6598 7. A rule each, not one set: in a table
# that has just been replaced a set of ranges finds nothing for a moment, and one packet is enough. What it begins is
# kept alive by all that follows it, though all that follows is dropped.
PRIVATE = ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16")
SHADOWED_PORTS = (IKE_PORT, L2TP_PORT, NATT_PORT)
SAFE_PORTS = (32768, 60999)  # Linux's own for clients, none of them a port that we listen on
BEFORE_SRCNAT = 99  # fw4 translates at 100


class HelperObject(Chain):
    """What makes the kernel follow PPTP: no chain, but it stands in the table as one does."""

    def lines(self) -> list[str]:
        """See Chain."""
        return ["\tct helper %s {" % self.name, '\t\ttype "pptp" protocol tcp;', "\t\tl3proto ip;", "\t}"]


def passthrough_chains(
    configs: list[PassthroughConfig], lans: list[str], helpers: bool = True
) -> tuple[list[Chain], list[str]]:
    """(chains, names of counters) for the guard's table.

    lans: names of the site's own interfaces, the inside. helpers False: the kernel has no PPTP helper, or the text is
    kept for the next boot, when nobody is there to mend a refused one: `helper` then means `allow`.
    """
    used = [protocol for protocol in PROTOCOLS if [config for config in configs if config.protocol == protocol]]
    if not used or not lans:
        return [], []
    chains = []
    helper = False
    for config in configs:
        helps = helpers and config.action == HELPER
        helper = helper or helps
        chains.append(_leaf(config, helps))
    for protocol in used:
        chains += _sides(protocol, [config for config in configs if config.protocol == protocol], lans)
    chains += _entry(used)
    if helper:
        chains.insert(0, HelperObject(HELPER_OBJECT, []))
    return chains, [COUNTER % config.name for config in configs]


def _leaf(config: PassthroughConfig, helps: bool) -> Chain:
    """What happens to the packets of one section."""
    rules = ['counter name "%s"' % (COUNTER % config.name)]
    if config.action == BLOCK:
        rules.append("drop")
    elif helps:
        # The kernel takes a helper for the first packet of a connection alone, and looks for NAT's part later.
        rules.append('meta nfproto ipv4 tcp dport %d ct helper set "%s"' % (PPTP_PORT, HELPER_OBJECT))
    return Chain("pass_to_%s" % config.name, rules)


def _entry(used: list[str]) -> list[Chain]:
    """From the forward hook to the chain of a protocol: by comparisons, which never miss (ready.py)."""
    chains, first = [], []
    for number in (TCP, UDP, GRE, ESP, AH, L2TP_IP):
        rows = [row for row in SERVICES if row[0] in used and row[1] == number]
        if rows and rows[0][2]:
            word = "tcp" if number == TCP else "udp"
            ports = ["%s dport %d goto pass_%s" % (word, row[2], row[0]) for row in rows]
            chains.append(Chain("pass_%s" % word, ports))
            first.append("meta l4proto %d goto pass_%s" % (number, word))
        elif rows:
            first.append("meta l4proto %d goto pass_%s" % (number, rows[0][0]))
    return chains + [Chain("passthrough", ["ct direction reply return"] + first, "forward")]


def _sides(protocol: str, configs: list[PassthroughConfig], lans: list[str]) -> list[Chain]:
    """The chain of a protocol, and one for each direction that some section is about."""
    inside = "{ %s }" % ", ".join(['"%s"' % name for name in lans])
    rows = ((OUT, "iifname %s oifname != %s"), (IN, "iifname != %s oifname %s"))
    chains, rules = [], []
    for direction, match in rows:
        meant = [config for config in configs if config.direction in (direction, BOTH)]
        if meant:
            name = "pass_%s_%s" % (protocol, direction)
            chains.append(Chain(name, _classes(meant, direction == OUT)))
            rules.append("%s goto %s" % (match % (inside, inside), name))
    return chains + [Chain("pass_%s" % protocol, rules)]


def _classes(configs: list[PassthroughConfig], leaves: bool) -> list[str]:
    """One lookup for each kind of source; leaves: the inside host has sent the packet, and does not receive it."""
    side, name = ("saddr", "iifname") if leaves else ("daddr", "oifname")
    rules = []
    macs, names = [], []
    covers: list[tuple[Prefix, int]] = []
    for number, config in enumerate(configs):
        for source in config.sources:
            if source.kind in (MAC, BOUND):
                macs.append((format_mac(source.mac), config.name))
            if source.kind == INTERFACE:
                names.append(('"%s"' % source.ifname, config.name))
            elif source.prefix is not None and not (leaves and source.kind == BOUND):
                covers.append((source.prefix, number))
    if leaves and macs:  # whom a packet goes to is not known by MAC before it leaves (clash.py says so)
        rules.append("ether saddr vmap { %s }" % _rows(macs))
    for word, size in FAMILIES:
        spans = join([(low, high, owners[:1]) for low, high, owners in pieces(covers, size)])  # the first in the file
        if spans:
            rows = [(format_span(low, high, size), configs[owners[0]].name) for low, high, owners in spans]
            rules.append("%s %s vmap { %s }" % (word, side, _rows(rows)))
    if names:
        rules.append("%s vmap { %s }" % (name, _rows(names)))
    if rules and [config.name for config in configs if config.action == BLOCK]:
        rules = [RANGES] + rules + [MAPS]
    return rules + ["goto pass_to_%s" % config.name for config in configs if not config.sources][:1]


def _rows(pairs: list[tuple[str, str]]) -> str:
    """The elements of a map to the sections' chains; of one key the first counts."""
    seen, rows = [], []
    for key, name in pairs:
        if key not in seen:
            seen.append(key)
            rows.append("%s : goto pass_to_%s" % (key, name))
    return ", ".join(rows)


def shadow_chains(uplinks: list[str], peers: list[bytes] | None = None) -> list[Chain]:
    """No client behind this router may own the answer that our peer's packets look like (CVE-2021-3773).

    Where a client's UDP leaves by the interface towards a peer, NAT would keep its source port: to the peer's address
    from port 500 or 4500 its connection would then claim what the peer sends to us. Such clients get other source
    ports. So does whatever goes to a known peer's address: two clients with one low port are given others of the lowest
    511 at random, 500 among them. ESP has no ports: beside a client's to the same address the kernel drops ours and
    hands the peer's to the client. So it is the client's that is dropped.

    Nor is what we send to a peer ever translated: after a change of uplink the firewall would masquerade what still
    bears the old address, and that entry, refreshed by all that the peer sends, would own the new address for good.

    uplinks: interfaces that lead to peers; peers: their outer addresses, 4 or 16 bytes.
    """
    if not uplinks:
        return []
    leaves = "oifname { %s }" % ", ".join(['"%s"' % name for name in sorted(set(uplinks))])
    ports = ", ".join(["%d" % port for port in SHADOWED_PORTS])
    addresses = sorted({address for address in peers or [] if len(address) == IPV4_BYTES})
    known = "ip daddr { %s }" % ", ".join([format_ip(address) for address in addresses])
    matches = ["udp sport { %s }" % ports, "udp dport { %s }" % ports]
    chains, own = [], []
    if addresses:
        local = "udp sport { %d, %d } %s fib saddr type local" % (IKE_PORT, NATT_PORT, known)
        own = [match + " snat ip to ip saddr" for match in ("meta l4proto %d %s" % (ESP, known), local)]
        matches.append("meta l4proto udp " + known)
        rule = "meta l4proto %d %s %s jump shadow_esp" % (ESP, leaves, known)
        chains.append(Chain("shadow_esp", ["ip saddr %s counter drop" % prefix for prefix in PRIVATE]))
        chains.append(Chain("unshadow_esp", [rule], "forward"))
    away = "masquerade to :%d-%d" % SAFE_PORTS
    rule = "meta l4proto udp %s fib saddr type != local jump shadow" % leaves
    return chains + [
        Chain("shadow_udp", ["%s %s" % (match, away) for match in matches]),
        Chain("shadow", ["ip saddr %s jump shadow_udp" % prefix for prefix in PRIVATE]),
        Chain("unshadow", own + [rule], "postrouting", "nat", BEFORE_SRCNAT),
    ]


def describe(config: PassthroughConfig) -> str:
    """One sentence about a section."""
    words = {ALLOW: "is left to the firewall, and counted", BLOCK: "is blocked", HELPER: "is followed by the helper"}
    ends = {OUT: "from %s outwards", IN: "from outside to %s", BOTH: "from and to %s"}
    who = ", ".join([str(source) for source in config.sources]) or "every host behind this router"
    what = ", ".join([row[3] for row in SERVICES if row[0] == config.protocol])
    return "%s (%s) %s %s" % (WRITTEN[config.protocol], what, ends[config.direction] % who, words[config.action])
