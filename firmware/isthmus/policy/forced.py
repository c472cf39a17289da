"""Forced tunnels as nft chains, rules and routes: what a rule's hosts send goes through its tunnel, or nowhere.

Layers that do not trust each other. `forced_arrive` (prerouting) marks what is forced, and the mark leads into the
tunnel's own route table (lane.py). `forced_across` (forward) asks again whose packet it is, from addresses and
interfaces and never from the mark, and drops what is about to leave by anything but the tunnel. It alone keeps the
promise before the daemon runs and after it has died. `forced_in` keeps forced hosts away from what this router would
fetch for them (DNS relay, proxies, UPnP), `forced_dns` brings their questions to the resolver inside the tunnel.
`forced_seen` marks what the guard has let pass from the site's own networks: all else is led nowhere (lane.py). What
decides asks first whether its ranges are there (ready.py).

`forced_arrive` stands behind every DNAT (priority -100, alias.py -90): both layers see the same destination, and who
restores marks at -150 (mwan3, QoS) does not overwrite ours.
"""

from __future__ import annotations

from isthmus.kernel import objects
from isthmus.policy.chain import Chain
from isthmus.policy.desired import BACKSTOP_METRIC, ROUTE_METRIC
from isthmus.policy.given import MARK_MASK
from isthmus.policy.lane import CLOSED_TABLE, RULE_PRIORITY, SEEN_MARK, SEEN_PRIORITY
from isthmus.policy.match import IKE_PORTS, each_once, from_there, jumps, matches, on, one_of, quoted
from isthmus.policy.ready import MAPS, RANGES, RANGES_FILLED
from isthmus.policy.reject import reject_chains
from isthmus.policy.router_ports import allowed_by_all, router_chain
from isthmus.policy.sources import NAMELESS, Sources, is_whole, wide_families
from isthmus.policy.spans import FAMILIES, format_all, format_span
from isthmus.wire.addr import IPV4_BYTES, IPV6_BYTES, Prefix, format_ip, format_mac
from isthmus.wire.ip_numbers import ESP, L2TP, TCP, UDP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.forced import ExceptionConfig, ForcedConfig
    from isthmus.kernel.objects import KernelObject
    from isthmus.policy.lane import Lane
    from isthmus.policy.sources import Numbers

ARRIVE, ACROSS, IN, DNS = "arrive", "across", "in", "dns"
INTO = "into"  # no hook of its own: from outside to a forced host, in forward
ANSWER = "answer"  # for hosts whose MAC alone is known
# hook -> base chain: hook of the kernel, kind, priority. nat: ahead of every firewall's DNAT (-100).
HOOKS = ((DNS, "prerouting", "nat", -110), (ARRIVE, "prerouting", "filter", -80), (IN, "input", "filter", -300),
         (ACROSS, "forward", "filter", -300))  # fmt: skip
SEEN_AT = -79  # behind forced_arrive
ANSWER_AT = -199  # just behind the connection tracking (-200)
IS_DNS = "meta l4proto { %d, %d } th dport 53" % (TCP, UDP)
IPV6_COUNTER = "ipv6_blocked"
LOOPBACK = '"lo"'
ANY_MARK = 0xFFFFFFFF
UNMARKED = MARK_MASK ^ 0xFFFFFFFF  # what of a mark is not ours


def forced_chains(
    rules: list[ForcedConfig],
    lanes: list[Lane],
    chosen: dict[str, str],
    lans: list[str],
    spent: set[str],
    tunnels: list[str] | None = None,
    nat: bool = True,
) -> tuple[list[Chain], list[str]]:
    """The chains and the names of the counters they use; nothing without rules.

    lanes: one for each name in any `via`; chosen: rule -> name of the lane it takes; lans: interfaces of the site's own
    networks; spent: names of exceptions that have ended; tunnels: the interfaces of all tunnels, those of the lanes
    included or not; nat: False for a kernel without it: questions of names then go where all else goes, and this router
    answers none. Raises ValueError for an interface name that is none.
    """
    if not rules:
        return [], []
    return _Writer(rules, lanes, chosen, lans, spent, tunnels or []).write(nat)


def homes_of(rules: list[ForcedConfig], lans: list[str]) -> list[str]:
    """The interfaces of the site's own networks: `lans`, and those that rules name as sources. None without rules."""
    named = {source.ifname for rule in rules for source in rule.sources if source.ifname}
    return lans + sorted(named - set(lans)) if rules else []


def forced_objects(lanes: list[Lane], homes: list[str] | None = None) -> list[KernelObject]:
    """The rules and routes of the lanes: those that close always, those that lead through a tunnel while it carries.

    homes: interfaces whose packets go nowhere while the guard is missing, homes_of().
    """
    wanted: list[KernelObject] = []
    families = ((objects.AF_INET, Prefix(bytes(IPV4_BYTES), 0)), (objects.AF_INET6, Prefix(bytes(IPV6_BYTES), 0)))
    for family, everywhere in families if homes else ():
        wanted.append(objects.Route(everywhere, BACKSTOP_METRIC, objects.UNREACHABLE, table=CLOSED_TABLE))
        for ifname in homes or []:
            # No mark at all: who is led by somebody else's mark has a rule of his own, which wants it untouched.
            wanted.append(objects.Rule(family, SEEN_PRIORITY, 0, ANY_MARK, CLOSED_TABLE, ifname))
    for lane in lanes:
        for family, everywhere in families:
            size = len(everywhere.address)
            wanted.append(objects.Rule(family, RULE_PRIORITY, lane.mark, MARK_MASK, lane.table))
            wanted.append(objects.Route(everywhere, BACKSTOP_METRIC, objects.UNREACHABLE, table=lane.table))
            if _leads(lane, size):
                hop = (lane.next_hop4 if size == IPV4_BYTES else None) or lane.next_hop
                wanted.append(
                    objects.Route(everywhere, ROUTE_METRIC, objects.UNICAST, lane.ifname, hop, table=lane.table)
                )
    return wanted


def _leads(lane: Lane, size: int) -> bool:
    """Whether its table leads through the tunnel for addresses of that size: not IPv6 by an IPv4 next hop."""
    return lane.usable and (lane.next_hop is None or len(lane.next_hop) in {size, IPV6_BYTES})


def leads_everywhere(lane: Lane) -> bool:
    """For both families."""
    return _leads(lane, IPV4_BYTES) and _leads(lane, IPV6_BYTES)


def protected(rule: str) -> str:
    """Name of the counter of what went through the tunnel."""
    return "forced_%s_protected" % rule


def blocked(rule: str) -> str:
    """Name of the counter of what was dropped."""
    return "forced_%s_blocked" % rule


def excepted(exception: str) -> str:
    """Name of the counter of what an exception let past the tunnel."""
    return "exception_%s" % exception


def is_active(exception: ExceptionConfig, spent: set[str]) -> bool:
    """Whether it is among the rules. Its end is the kernel's to see; once seen, it never opens again."""
    return exception.name not in spent


def exception_matches(exception: ExceptionConfig) -> list[str]:
    """What it lets past, in nft's words, its end included."""
    end = "" if exception.until is None else " meta time < %d" % exception.until
    return [(match + end).strip() for match in matches(exception.to, exception.ports)]


class _Writer:
    def __init__(
        self,
        rules: list[ForcedConfig],
        lanes: list[Lane],
        chosen: dict[str, str],
        lans: list[str],
        spent: set[str],
        tunnels: list[str],
    ) -> None:
        by_name = {lane.name: lane for lane in lanes}
        self.rules = rules
        self.sources = Sources(rules)
        self.lanes = lanes
        self.lane = [by_name[chosen[rule.name]] for rule in rules]
        self.lans = lans
        self.tunnels = tunnels + [lane.ifname for lane in lanes]
        self.homes = homes_of(rules, lans)
        self.spent = spent
        self.nat = True
        self.chains: list[Chain] = []
        self._lists: dict[tuple[str, Numbers], str] = {}

    def write(self, nat: bool) -> tuple[list[Chain], list[str]]:
        counters = []
        for rule in self.rules:
            counters += [protected(rule.name), blocked(rule.name)]
            for exception in rule.exceptions:
                if is_active(exception, self.spent) and excepted(exception.name) not in counters:
                    counters.append(excepted(exception.name))
        if self.sources.blocking:
            counters.append(IPV6_COUNTER)
        self.nat = nat
        self._write_shared()
        if nat and self.homes:
            self._write_answers()
        for hook, place, kind, priority in HOOKS:
            if hook == DNS and not (nat and [rule for rule in self.rules if rule.dns]):
                continue
            for number in range(len(self.rules)):
                self._write_verdict(hook, number)
            base = self._opening(hook) + self._dispatch(hook) + self._whole(hook, MAPS)
            self.chains.append(Chain("forced_" + hook, base, place, kind, priority))
        self.chains += reject_chains(self._named(), self._is_marked(), self.homes, self.tunnels, nat)
        self._write_seen()
        return self.chains, counters

    def _write_seen(self) -> None:
        """Marks what the guard has let pass from the site's own networks.

        When somebody flushes the ruleset, the kernel goes on with the old rules until it has taken out hook after hook,
        but their maps are empty at once (seen on 6.18: up to 20 packets of a flood passed, in 0.2 ms, in every fourth
        flush). So this asks a map as well, and after the others: where theirs is gone already, so is this one. And it
        asks a range: where those of the others are not there yet, nor is this one.
        """
        seen = "meta mark 0 %s meta mark set 0x%08x" % (RANGES_FILLED, SEEN_MARK)
        self.chains.append(Chain("forced_mark", [seen]))
        rows = [(name, "forced_mark") for name in quoted(self.homes)]
        self.chains.append(Chain("forced_seen", jumps("iifname", rows), "prerouting", "filter", SEEN_AT))

    def _write_answers(self) -> None:
        """A call goes to an address, and where a MAC alone is known only the answer tells whose that is. So the answer
        is noted, ahead of everything else, and the call's next packet, the first that a flow table would take over,
        is dropped (`forced_into`).
        """
        lines = ["ct direction original accept", "fib daddr type local accept"]
        for key, found in (("", self.sources.macs), ("meta nfproto ipv6 ", self.sources.bound_macs)):
            rows = [(format_mac(mac), self._list(ANSWER, numbers)) for mac, numbers in found]
            lines += jumps(key + "ether saddr", rows)
        known = self.sources.macs + self.sources.bound_macs
        for number in sorted({number for _, numbers in known for number in numbers}):
            self._write_verdict(ANSWER, number)
        if known:
            self.chains.append(Chain("forced_answer", lines, "prerouting", "filter", ANSWER_AT))

    # What stands at the head of the base chains

    def _write_shared(self) -> None:
        """Chains that check where a packet comes from, the same for every rule."""
        # A relay on this router might act on what a host asks before it has an address.
        self.chains.append(Chain("forced_nameless", ["udp dport 67 accept", "counter drop"]))
        home = ["ip saddr 0.0.0.0 goto forced_nameless", "fib saddr . iif oif missing counter drop"]
        self.chains.append(Chain("forced_home", home))
        if [rule for rule in self.rules if rule.to]:
            # Until it is forwarded its header names this router, and no `to` can know where it goes (RFC 791 3.1).
            routed = ["ip option %s exists counter drop" % option for option in ("lsrr", "ssrr")]
            self.chains.append(Chain("forced_options", routed))
        if self.sources.bound:
            claimed = ["ether saddr . ip saddr %s return" % one_of(self._pairs()), "counter drop"]
            self.chains.append(Chain("forced_claimed", claimed))

    def _opening(self, hook: str) -> list[str]:
        """Who is not asked: what a tunnel brings, and the router itself.

        Except for what left through a tunnel and is sent back by the peer, to leave once more, in the clear: what goes
        from a tunnel to no LAN must come from beyond that tunnel.
        """
        tunnels = quoted(self.tunnels)
        if hook == ACROSS:
            opening = self._whole(hook, RANGES) + self._from_tunnels() + self._from_outside()
        else:
            opening = ["iifname %s accept" % one_of([LOOPBACK] + tunnels)]
        if hook == ARRIVE:
            # Who saves marks of connections and restores them brings ours back on the answers, too.
            stale = "meta mark & 0x%08x %s meta mark set meta mark & 0x%08x" % (MARK_MASK, self._marks(), UNMARKED)
            opening = [stale] + opening + on("iifname", self.homes, "jump forced_home")
        if hook == IN:  # a network of forced hosts may hold a peer, where that is known by its name alone
            for own in ("meta l4proto { %d, %d }" % (ESP, L2TP), "udp dport %s" % IKE_PORTS):
                opening += on("iifname !=", self.homes, own + " accept")
            opening += self._whole(hook, RANGES)
        if hook in {ARRIVE, ACROSS} and [rule for rule in self.rules if rule.to]:
            opening.append("ip hdrlength != 5 jump forced_options")
        if hook == DNS:
            opening += ["meta l4proto != { %d, %d } accept" % (TCP, UDP), "th dport != 53 accept"]
            opening += self._whole(hook, RANGES)
        return opening

    def _whole(self, hook: str, asks: str) -> list[str]:
        """Whom nobody claims is free only where every look-up has found what is there (ready.py), wherever he is."""
        places = {ACROSS: on("oifname !=", self.lans, asks) or [asks], IN: [asks], DNS: [asks]}
        return places.get(hook, [])

    def _marks(self) -> str:
        """The marks of all lanes, to compare with."""
        return one_of(["0x%08x" % lane.mark for lane in self.lanes])

    def _is_marked(self) -> str:
        """A match for connections that go through the tunnel of a lane."""
        return "ct mark & 0x%08x %s" % (MARK_MASK, self._marks())

    def _named(self) -> list[Prefix]:
        """The forced hosts whose addresses are known."""
        return [source.prefix for rule in self.rules for source in rule.sources if source.prefix is not None]

    def _from_tunnels(self) -> list[str]:
        """What a tunnel brings is marked as its own: a flow table (`flow add`) asks for the way of the answers by the
        mark, and the main table would lead it out in the clear.
        """
        back = on("oifname", self.homes, "accept") + self._for_forced()
        back += ["fib saddr . iif oif missing counter drop", "accept"]
        self.chains.append(Chain("forced_back", back))
        ways = dict.fromkeys(self.tunnels, "forced_back")
        for lane in self.lanes:
            ways[lane.ifname] = "forced_from_" + lane.name
            mark = "meta mark set meta mark & 0x%08x | 0x%08x" % (UNMARKED, lane.mark)
            noted = "ct state new ct mark set ct mark & 0x%08x | 0x%08x" % (UNMARKED, lane.mark)  # for reject.py
            lines = on("oifname", self.homes, noted) if self.nat else []
            self.chains.append(Chain(ways[lane.ifname], [mark] + lines + ["goto forced_back"]))
        rows = ["%s : goto %s" % (quoted([ifname])[0], ways[ifname]) for ifname in sorted(ways)]
        return ["iifname vmap { %s }" % ", ".join(rows)] if rows else []

    def _for_forced(self) -> list[str]:
        """What a tunnel brings for a forced host and a foreign route (DHCP option 121) would lead out again."""
        if not self.homes:
            return []
        lines = ["ct direction reply %s counter drop" % self._is_marked()] if self.nat else []
        for word, size in FAMILIES:
            spans = format_all(self._named(), size)
            if spans:
                lines.append("%s daddr %s counter drop" % (word, one_of(spans)))
        return lines

    def _from_outside(self) -> list[str]:
        """Who calls a forced host from outside its tunnel has no answer, and the call may not open a way for one: after
        the second packet of it a flow table would let the answers out, past every chain. Nor may what only looks like
        an answer to what went through a tunnel, nor who has been answered by a forced host.
        """
        if not self.homes:
            return []
        sources = self.sources
        for number in range(len(self.rules)):
            self._write_verdict(INTO, number)
        lines = ["ct direction reply return", RANGES]
        if self.nat:
            lines.insert(0, self._is_marked() + " counter drop")
        by_address = [(format_ip(address), self._list(INTO, numbers)) for (_, address), numbers in sources.bound]
        lines += jumps("ip daddr", sorted(dict(by_address).items()))
        for (word, size), found in zip(FAMILIES, (sources.pieces4, sources.pieces6)):
            rows = [(format_span(low, high, size), self._list(INTO, numbers)) for low, high, numbers in found]
            lines += jumps("%s daddr" % word, rows)
        rows = [(quoted([ifname])[0], self._list(INTO, numbers)) for ifname, numbers in sources.interfaces]
        lines += jumps("oifname", rows)
        if sources.blocking:
            self._write_ipv6(INTO)
            lines += on("meta nfproto ipv6 oifname", self.lans, "jump ipv6_into")
        self.chains.append(Chain("forced_into", lines + [MAPS]))
        homes = one_of(quoted(self.homes))
        return ["iifname != %s oifname %s jump forced_into" % (homes, homes)]

    # Whose packet it is

    def _dispatch(self, hook: str) -> list[str]:
        """One look-up for each class of sources."""
        sources = self.sources
        lines = []
        if sources.bound and hook in {ARRIVE, ACROSS}:
            addresses = [format_ip(address) for address in sources.bound_addresses()]
            lines.append("ip saddr %s jump forced_claimed" % one_of(addresses))
        rows = [(format_mac(mac), self._list(hook, numbers)) for mac, numbers in sources.macs]
        if sources.bound:
            self._write_bound(hook)
            rows += [(format_mac(mac), "bound_" + hook) for mac, _ in sources.bound_macs]
        lines += jumps("ether saddr", rows)
        for (word, size), found in zip(FAMILIES, (sources.pieces4, sources.pieces6)):
            rows = [(format_span(low, high, size), self._list(hook, numbers)) for low, high, numbers in found]
            lines += jumps("%s saddr" % word, rows)
        rows = [(quoted([ifname])[0], self._list(hook, numbers)) for ifname, numbers in sources.interfaces]
        lines += jumps("iifname", rows)
        if sources.blocking and hook != DNS:
            self._write_ipv6(hook)
            lines += on("meta nfproto ipv6 iifname", self.lans, "jump ipv6_" + hook)
        return lines

    def _pairs(self) -> list[str]:
        """Which MAC may come with which IPv4 address."""
        pairs = ["%s . %s" % (format_mac(mac), format_ip(address)) for (mac, address), _ in self.sources.bound]
        return pairs + ["%s . %s" % (format_mac(mac), format_ip(NAMELESS)) for mac, _ in self.sources.bound_macs]

    def _write_bound(self, hook: str) -> None:
        """MACs with a bound address: that address, or IPv6, or none yet (DHCP), and nothing else."""
        rows = []
        for (mac, address), numbers in self.sources.bound:
            rows.append(("%s . %s" % (format_mac(mac), format_ip(address)), self._list(hook, numbers)))
        by_mac = [(format_mac(mac), self._list(hook, numbers)) for mac, numbers in self.sources.bound_macs]
        rows += [("%s . %s" % (mac, format_ip(NAMELESS)), name) for mac, name in by_mac]
        lines = jumps("ether saddr . ip saddr", rows) + jumps("meta nfproto ipv6 ether saddr", by_mac)
        if hook in {ARRIVE, ACROSS}:
            lines.append("meta nfproto ipv4 goto forced_claimed")
        self.chains.append(Chain("bound_" + hook, lines))

    def _list(self, hook: str, numbers: Numbers) -> str:
        """The chain that tries these rules in order; "" if none of them matters in this hook."""
        name = self._lists.get((hook, numbers))
        if name is None:
            lines = []
            for number in numbers:
                verdict = "goto forced_%s_%s" % (hook, self.rules[number].name)
                if hook == DNS and not self.rules[number].dns:
                    verdict = "accept"
                lines += ["%s %s" % (match, verdict) if match else verdict for match in self._heads(hook, number)]
            lines = [RANGES] + lines if lines and hook == ANSWER else lines
            name = "list_%s_%d" % (hook, len(self._lists)) if lines else ""
            self._lists[hook, numbers] = name
            if lines:
                self.chains.append(Chain(name, lines))
        return name

    def _heads(self, hook: str, number: int) -> list[str]:
        """What a packet of a rule's source must be for the rule to decide in this hook."""
        rule = self.rules[number]
        if hook == DNS and rule.dns:
            return [""]
        if hook == INTO:
            return [from_there(head) for head in matches(rule.to, rule.ports)]
        to = rule.to
        if hook == IN and to:  # where the router would go for them is known only of those who may go nowhere else
            to = [Prefix(bytes(size), 0) for size in wide_families(rule)]
        heads = matches(to, rule.ports) if to or not rule.to else []
        if rule.dns and not is_whole(rule):  # wherever it is asked: at the resolver in the tunnel, or not at all
            heads.append(IS_DNS)
        return heads

    # What happens to it

    def _write_verdict(self, hook: str, number: int) -> None:
        rule = self.rules[number]
        makers = {ARRIVE: self._arrive, ACROSS: self._across, IN: self._in, DNS: self._dns, INTO: self._into}
        makers[ANSWER] = self._answer
        lines = makers[hook](rule, number)
        if lines:
            self.chains.append(Chain("forced_%s_%s" % (hook, rule.name), lines))

    def _exceptions(self, rule: ForcedConfig, count: bool = False) -> list[str]:
        lines = []
        for exception in rule.exceptions:
            if is_active(exception, self.spent):
                word = ' counter name "%s"' % excepted(exception.name) if count else ""
                lines += [("%s%s accept" % (match, word)).strip() for match in exception_matches(exception)]
        return lines

    def _arrive(self, rule: ForcedConfig, number: int) -> list[str]:
        lines = []
        if self.homes:
            lines = on("iifname !=", self.homes, "fib saddr . iif oif missing " + _drop(rule))
        lines += on("fib daddr oifname", self.lans, "accept") + self._exceptions(rule)
        lane = self.lane[number]
        lines.append("meta mark set meta mark & 0x%08x | 0x%08x" % (UNMARKED, lane.mark))
        if not leads_everywhere(lane):
            # What the lane's table answers with `unreachable` never comes to the second layer: counted here.
            lines.append('fib daddr . mark oif missing fib daddr type unicast counter name "%s"' % blocked(rule.name))
        lines.append("accept")
        return lines

    def _across(self, rule: ForcedConfig, number: int) -> list[str]:
        lane = self.lane[number]
        # Its answers come by the same tunnel. A packet that nobody tracks has no connection to note it on.
        noted = "ct mark set ct mark & 0x%08x | 0x%08x" % (UNMARKED, lane.mark)
        # The way is found, and from here on our mark would only lead a flow table astray: it finds its ways by it.
        through = 'meta mark set meta mark & 0x%08x counter name "%s" accept' % (UNMARKED, protected(rule.name))
        lines = on("oifname", [lane.ifname], noted) if self.nat else []
        lines += on("oifname", [lane.ifname], through)
        return lines + on("oifname", self.lans, "accept") + self._exceptions(rule, count=True) + [_drop(rule)]

    def _into(self, rule: ForcedConfig, number: int) -> list[str]:
        del number
        return [from_there(line) for line in self._exceptions(rule)] + ["counter drop"]

    def _answer(self, rule: ForcedConfig, number: int) -> list[str]:
        noted = "ct mark set ct mark & 0x%08x | 0x%08x" % (UNMARKED, self.lane[number].mark)
        return on("fib daddr oifname", self.lans, "accept") + self._exceptions(rule) + [noted]

    def _in(self, rule: ForcedConfig, number: int) -> list[str]:
        del number
        return router_chain(rule.router_ports, _drop(rule))

    def _dns(self, rule: ForcedConfig, number: int) -> list[str]:
        del number
        if not rule.dns:
            return []
        lines = self._exceptions(rule)
        for address in rule.dns:
            word = "ip" if len(address) == IPV4_BYTES else "ip6"
            lines.append("dnat %s to %s" % (word, format_ip(address)))
        return lines + ["accept"]  # without a resolver of its family it has none of another rule's either

    def _write_ipv6(self, hook: str) -> None:
        """Hosts known by their IPv4 address alone have IPv6 addresses that nobody knows: the IPv6 of all LANs stays."""
        rules = [self.rules[number] for number in self.sources.blocking]
        drop = 'counter name "%s" drop' % IPV6_COUNTER
        inside = self.lans + self.tunnels
        if hook == IN:
            ports = [entry for entry in rules[0].router_ports if allowed_by_all(entry, rules)]
            self.chains.append(Chain("ipv6_router", router_chain(ports, drop)))
            heads = [head for rule in rules if IPV6_BYTES in wide_families(rule) for head in matches([], rule.ports)]
            lines = [("%s goto ipv6_router" % head).strip() for head in each_once(heads)]
        else:
            heads = each_once([head for rule in rules for head in matches(rule.to, rule.ports, IPV6_BYTES)])
            way = {ARRIVE: "fib daddr oifname", ACROSS: "oifname"}.get(hook)
            drop = "fib daddr type unicast " + drop if hook == ARRIVE else drop
            heads = heads if way else [from_there(head) for head in heads]
            lines = (on(way, inside, "accept") if way else []) + [("%s %s" % (head, drop)).strip() for head in heads]
        self.chains.append(Chain("ipv6_" + hook, lines))


def _drop(rule: ForcedConfig) -> str:
    return 'counter name "%s" drop' % blocked(rule.name)
