"""What happens to one packet, step by step, in words: the walk through the same tables that forced.py writes as chains.

Nothing is looked up here but the rules: where addresses lead, which are this router's and what time it is comes in.
tests/props sends the same packets through a real kernel.
"""

from __future__ import annotations

from isthmus.policy.forced import homes_of, is_active
from isthmus.policy.sources import NAMELESS, Sources, is_whole, wide_families
from isthmus.policy.spans import find_piece
from isthmus.wire.addr import IPV4_BYTES, IPV6_BYTES, format_ip, format_mac
from isthmus.wire.ip_numbers import ICMP, ICMPV6, TCP, UDP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.config.forced import ExceptionConfig, ForcedConfig, Ports
    from isthmus.policy.lane import Lane
    from isthmus.wire.addr import Prefix

    Numbers = tuple[int, ...]

# Verdicts. The first three are the states of a rule; the others are of packets that no rule holds.
PROTECTED, BLOCKED, EXPOSED = "protected", "blocked", "exposed"
FREE, INSIDE, ROUTER = "free", "inside", "router"  # as it likes; to the site's own networks; to this router itself

DNS_PORT, DOT_PORT = 53, 853
DHCP_PORTS = (67, 547)
PROTOCOLS = {ICMP: "ICMP", TCP: "TCP", UDP: "UDP", ICMPV6: "ICMPv6"}


class Packet:
    """source, destination: 4 or 16 bytes each; ifname: where it arrives; mac: its sender's on that network, b"" where
    there is none or nobody knows; protocol: IP number; port: the destination's, 0 where there is none.
    """

    def __init__(
        self, source: bytes, destination: bytes, ifname: str, mac: bytes = b"", protocol: int = TCP, port: int = 0
    ) -> None:
        self.source = source
        self.destination = destination
        self.ifname = ifname
        self.mac = mac
        self.protocol = protocol
        self.port = port

    @property
    def is_dns(self) -> bool:
        """A question to a resolver, on the port for it."""
        return self.protocol in {TCP, UDP} and self.port == DNS_PORT

    def words(self) -> str:
        """For people: `TCP port 443`."""
        name = PROTOCOLS.get(self.protocol, "protocol %d" % self.protocol)
        return "%s port %d" % (name, self.port) if self.port else name


class World:
    """What the router knows beside its rules.

    way: address -> the interface that the main route table leads to, "" for nowhere and for its own; is_own: an address
    of the router itself, or one that it takes packets for (broadcast, multicast); now: Unix seconds.
    """

    def __init__(self, way: Callable[[bytes], str], is_own: Callable[[bytes], bool], now: int) -> None:
        self.way = way
        self.is_own = is_own
        self.now = now


class Explanation:
    """verdict: one of the six above; steps: sentences; rule, exception, tunnel, ifname (by which it leaves): names, ""
    where there is none.
    """

    def __init__(self) -> None:
        self.verdict = ""
        self.steps: list[str] = []
        self.rule = ""
        self.exception = ""
        self.tunnel = ""
        self.ifname = ""

    def end(self, verdict: str, step: str, ifname: str = "") -> Explanation:
        """The last step."""
        self.verdict = verdict
        self.ifname = ifname
        self.steps.append(step)
        return self


def explain(
    rules: list[ForcedConfig],
    lanes: list[Lane],
    chosen: dict[str, str],
    lans: list[str],
    spent: set[str],
    packet: Packet,
    world: World,
    tunnels: list[str] | None = None,
) -> Explanation:
    """The walk of one packet. The first six and the last argument as for forced_chains()."""
    return _Walk(rules, lanes, chosen, lans, spent, world, tunnels or []).go(packet)


class _Walk:
    def __init__(
        self,
        rules: list[ForcedConfig],
        lanes: list[Lane],
        chosen: dict[str, str],
        lans: list[str],
        spent: set[str],
        world: World,
        tunnels: list[str],
    ) -> None:
        self.rules = rules
        self.sources = Sources(rules)
        self.lanes = {lane.name: lane for lane in lanes}
        self.chosen = chosen
        self.lans = lans
        self.homes = homes_of(rules, lans) or lans
        self.tunnels = tunnels + [lane.ifname for lane in lanes]
        self.spent = spent
        self.world = world
        self.out = Explanation()

    def go(self, packet: Packet) -> Explanation:
        self._say("A packet from %s arrives on %s." % (format_ip(packet.source), packet.ifname))
        if not self.rules:
            return self._unforced(packet, "There is no forced rule.")
        if packet.ifname in self.tunnels:
            return self._from_tunnel(packet)
        if packet.ifname in self.homes and self._lies(packet):
            return self.out
        packet = self._redirect(packet)
        number = self._find(packet, _fits)
        if self.out.verdict or (number is not None and packet.ifname not in self.homes and self._lies(packet)):
            return self.out
        if self.world.is_own(packet.destination):
            return self._to_router(packet)
        if packet.ifname not in self.homes and self._calls(packet):
            return self.out
        if number is None:
            return self._nobodys(packet)
        return self._forced(packet, number)

    def _way(self, address: bytes, packet: Packet) -> str:
        """Where an address is at home; a link-local one is there where the packet arrives."""
        return packet.ifname if is_link_local(address) else self.world.way(address)

    def _say(self, step: str) -> None:
        self.out.steps.append(step)

    # Before any rule

    def _from_tunnel(self, packet: Packet) -> Explanation:
        where = self._way(packet.destination, packet)
        if where in self.homes or self.world.is_own(packet.destination):
            return self._unforced(packet, "What a tunnel brings is not asked.")
        if self._way(packet.source, packet) != packet.ifname:
            return self.out.end(BLOCKED, "Its source is not at home beyond that tunnel: what the peer was sent does "
                                         "not come back and leave once more. It is dropped.")  # fmt: skip
        return self._unforced(packet, "What a tunnel brings is not asked.")

    def _lies(self, packet: Packet) -> bool:
        """Whether its source is not one of a host there."""
        if packet.source == NAMELESS:
            if packet.protocol == UDP and packet.port == DHCP_PORTS[0]:
                return False
            self.out.end(BLOCKED, "Who has no address yet may ask for one by DHCP, and nothing else. It is dropped.")
            return True
        back = self._way(packet.source, packet)
        if back == packet.ifname:
            return False
        where = "on %s" % back if back else "nowhere"
        self.out.end(BLOCKED, "That address is at home %s: its source is forged. It is dropped." % where)
        return True

    def _redirect(self, packet: Packet) -> Packet:
        """A question to a resolver goes to the one in the tunnel, whomever it was for."""
        if not packet.is_dns:
            return packet
        out, self.out = self.out, Explanation()  # what is found on the way is said when it is found again
        number = self._find(packet, _asks)
        self.out = out
        if number is None or not self.rules[number].dns:
            return packet
        rule = self.rules[number]
        if self._exception(rule, packet) is not None:
            return packet
        for address in rule.dns:
            if len(address) == len(packet.destination):
                self._say("It asks for a name: rule %s sends it to the resolver %s." % (rule.name, format_ip(address)))
                return Packet(packet.source, address, packet.ifname, packet.mac, packet.protocol, packet.port)
        return packet

    def _calls(self, packet: Packet) -> bool:
        """Whether somebody outside calls a forced host, whose answer would not come to him."""
        where = self._way(packet.destination, packet)
        if where not in self.homes:
            return False
        answer = Packet(packet.destination, packet.source, where, b"", packet.protocol)
        sources, pairs = self.sources, self.sources.bound
        by_address = [numbers for (_, address), numbers in pairs if address == answer.source]
        pieces = sources.pieces4 if len(answer.source) == IPV4_BYTES else sources.pieces6
        classes = by_address[-1:] + [find_piece(pieces, answer.source), dict(sources.interfaces).get(where, ())]
        for number in [number for numbers in classes for number in numbers]:
            rule = self.rules[number]
            if not (_is_to(rule.to, answer) and _is_of(rule.ports, answer)):
                continue
            if self._exception(rule, answer) is not None:
                return False
            self.out.end(BLOCKED, "Rule %s holds %s, and nobody outside its tunnel may call it. It is dropped." % (
                rule.name, format_ip(packet.destination)))  # fmt: skip
            return True
        return self._holds_ipv6(answer, " Nobody outside may call it. It is dropped.")

    # Whose it is

    def _find(self, packet: Packet, fits: Callable[[ForcedConfig, Packet], bool]) -> int | None:
        """The rule that decides; None: no rule does, or the packet is dropped for what it claims to be."""
        for words, numbers in self._classes(packet):
            for number in numbers:
                rule = self.rules[number]
                if fits(rule, packet):
                    self._say("%s is named by rule %s." % (words, rule.name))
                    self.out.rule = rule.name
                    return number
                self._say("%s is named by rule %s, which is not about %s to %s." % (
                    words, rule.name, packet.words(), format_ip(packet.destination)))  # fmt: skip
        return None

    def _classes(self, packet: Packet) -> list[tuple[str, Numbers]]:
        """What the packet is known by, the strongest first, with the rules for it."""
        sources, found = self.sources, []
        pairs, address = dict(sources.bound), format_ip(packet.source)
        words = "Its MAC address %s" % format_mac(packet.mac)
        ipv4, tied = len(packet.source) == IPV4_BYTES, dict(sources.bound_macs)
        own = (packet.mac, packet.source) in pairs
        if packet.mac in tied and ipv4 and packet.source != NAMELESS:
            if not own:
                self.out.end(BLOCKED, "%s is bound to another address than %s. It is dropped." % (words, address))
                return []
            found.append(("%s with %s" % (words, address), pairs[packet.mac, packet.source]))
        elif packet.mac:
            found.append((words, tied.get(packet.mac) or dict(sources.macs).get(packet.mac, ())))
        if packet.source in sources.bound_addresses() and not own:
            self.out.end(BLOCKED, "%s is bound to another MAC address. It is dropped." % address)
            return []
        pieces = sources.pieces4 if ipv4 else sources.pieces6
        found.append(("Its address %s" % address, find_piece(pieces, packet.source)))
        found.append(("Its interface %s" % packet.ifname, dict(sources.interfaces).get(packet.ifname, ())))
        return found

    # What becomes of it

    def _forced(self, packet: Packet, number: int) -> Explanation:
        rule, where = self.rules[number], self._way(packet.destination, packet)
        if where in self.lans:
            return self.out.end(INSIDE, "%s is in a network of this site, on %s: it may go there." % (
                format_ip(packet.destination), where), where)  # fmt: skip
        exception = self._exception(rule, packet)
        lane = self.lanes[self.chosen[rule.name]]
        if exception is not None and where != lane.ifname:
            self.out.exception = exception.name
            if not where:
                return self.out.end(BLOCKED, "Exception %s lets it past the tunnel, and no route leads there." % (
                    exception.name))  # fmt: skip
            words = "Exception %s lets it past the tunnel: it leaves by %s."
            return self.out.end(EXPOSED, words % (exception.name, where), where)
        self.out.tunnel = lane.name
        if lane.usable or exception is not None:
            return self.out.end(PROTECTED, "Tunnel %s carries it, through %s." % (lane.name, lane.ifname), lane.ifname)
        others = " No other of the rule's tunnels carries either." if len(rule.via) > 1 else ""
        return self.out.end(BLOCKED, "Tunnel %s does not carry now.%s It is dropped: there is no other way out." % (
            lane.name, others))  # fmt: skip

    def _exception(self, rule: ForcedConfig, packet: Packet) -> ExceptionConfig | None:
        for exception in rule.exceptions:
            if not is_active(exception, self.spent):
                continue
            if exception.until is not None and self.world.now >= exception.until:
                continue
            if _is_to(exception.to, packet) and _is_of(exception.ports, packet):
                return exception
        return None

    def _to_router(self, packet: Packet) -> Explanation:
        self.out.rule = ""
        self._say("%s is this router itself." % format_ip(packet.destination))
        number = self._find(packet, _reaches_router)
        ports: list[Ports] | None = None
        if number is not None:
            ports = self.rules[number].router_ports
        elif self._is_ipv6_of_lan(packet):
            blocking = [self.rules[index] for index in self.sources.blocking]
            held = [rule for rule in blocking if IPV6_BYTES in wide_families(rule) and _is_of(rule.ports, packet)]
            if held:
                self._say(_UNKNOWN_IPV6 % held[0].name)
                ports = [port for port in blocking[0].router_ports if _is_allowed_by_all(port, blocking)]
        if ports is None:
            return self.out.end(ROUTER, "No forced rule keeps it from there. The firewall has its own say.")
        if self._may_reach_router(ports, packet):
            return self.out.end(ROUTER, "It may reach the router. The firewall has its own say.")
        may = ", ".join(["DHCP", "ICMP"] + [str(port) for port in ports])
        words = "The router might fetch things for it, so it may ask for %s alone. It is dropped."
        return self.out.end(BLOCKED, words % may)

    def _may_reach_router(self, ports: list[Ports], packet: Packet) -> bool:
        if packet.protocol in {ICMP, ICMPV6} or (packet.protocol == UDP and packet.port in DHCP_PORTS):
            return True
        if packet.protocol in {TCP, UDP} and packet.port in {DNS_PORT, DOT_PORT}:
            return False
        return bool(ports) and _is_of(ports, packet)

    def _is_ipv6_of_lan(self, packet: Packet) -> bool:
        return len(packet.source) != IPV4_BYTES and packet.ifname in self.lans and bool(self.sources.blocking)

    def _holds_ipv6(self, packet: Packet, what: str) -> bool:
        """Whether a rule keeps back what comes from a LAN over IPv6; then that is the end, in these words."""
        for index in self.sources.blocking if self._is_ipv6_of_lan(packet) else []:
            rule = self.rules[index]
            if _is_to(rule.to, packet) and _is_of(rule.ports, packet):
                self.out.rule = rule.name
                self.out.end(BLOCKED, _UNKNOWN_IPV6 % rule.name + what)
                return True
        return False

    def _nobodys(self, packet: Packet) -> Explanation:
        where = self._way(packet.destination, packet)
        if where not in self.lans + self.tunnels and self._holds_ipv6(packet, " It is dropped."):
            return self.out
        return self._unforced(packet, "No forced rule is about it.")

    def _unforced(self, packet: Packet, why: str) -> Explanation:
        self._say(why)
        if self.world.is_own(packet.destination):
            return self.out.end(ROUTER, "It is for this router itself. The firewall has its own say.")
        where = self._way(packet.destination, packet)
        if not where:
            return self.out.end(BLOCKED, "No route leads to %s." % format_ip(packet.destination))
        verdict = INSIDE if where in self.lans else FREE
        return self.out.end(verdict, "It leaves by %s, if the firewall lets it." % where, where)


_UNKNOWN_IPV6 = ("Rule %s knows its hosts by their IPv4 address alone, so nobody's IPv6 leaves the site's own networks "
                 "beside a tunnel. Remedy: write ADDRESS@MAC there.")  # fmt: skip


def is_link_local(address: bytes) -> bool:
    """RFC 4291 2.5.6."""
    return len(address) != IPV4_BYTES and address[0] == 0xFE and address[1] & 0xC0 == 0x80


def _is_to(prefixes: list[Prefix], packet: Packet) -> bool:
    return not prefixes or any(prefix.contains(packet.destination) for prefix in prefixes)


def _is_of(ports: list[Ports], packet: Packet) -> bool:
    protocol = ICMP if packet.protocol == ICMPV6 else packet.protocol
    for entry in ports:
        wanted = ICMP if entry.protocol == ICMPV6 else entry.protocol
        if wanted == protocol and (not entry.high or entry.low <= packet.port <= entry.high):
            return True
    return not ports


def _fits(rule: ForcedConfig, packet: Packet) -> bool:
    """Whether a rule is about a packet that is to be forwarded."""
    return (_is_to(rule.to, packet) and _is_of(rule.ports, packet)) or (bool(rule.dns) and packet.is_dns)


def _asks(rule: ForcedConfig, packet: Packet) -> bool:
    """Whether a rule decides where this question goes."""
    return bool(rule.dns) or (_is_to(rule.to, packet) and _is_of(rule.ports, packet))


def _reaches_router(rule: ForcedConfig, packet: Packet) -> bool:
    """Whether a rule is about a packet to the router itself."""
    if rule.dns and packet.is_dns and not is_whole(rule):
        return True
    return len(packet.source) in wide_families(rule) and _is_of(rule.ports, packet)


def _is_allowed_by_all(port: Ports, rules: list[ForcedConfig]) -> bool:
    return all([other for other in rule.router_ports if other.covers(port)] for rule in rules)
