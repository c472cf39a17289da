"""The self-test of forced rules: which packets to send as whom, and what it means where they leave.

Each probe has two hops to live, so it gets no further than the next router, and a mark in its payload by which it is
known again. It must leave by the tunnel or not at all. Beside the probes goes one of a host that nothing holds: as long
as that one is not seen leaving, silence proves nothing.
"""

from __future__ import annotations

from isthmus.config.forced import BOUND, INTERFACE, MAC
from isthmus.wire.addr import IPV4_BYTES, IPV6_BYTES, Prefix, format_ip, parse_ip
from isthmus.wire.ip_numbers import ICMP, TCP, UDP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.config.forced import ExceptionConfig, ForcedConfig, Ports, Source
    from isthmus.policy.clients import Place

MOST_SOURCES = 8  # of a rule, that are tried
MARK_BYTES = 16
TRACE_PORT = 33434  # the first one of traceroute: nobody listens there
MADE_UP_MAC = b"\x02\x69\x73\x74\x00"  # locally administered, and one byte more
TRIES = 50

# Addresses for documentation and for measurements (RFC 5737, RFC 3849, RFC 2544): nobody is there.
TARGETS = {
    IPV4_BYTES: [parse_ip(text) for text in ("198.51.100.77", "203.0.113.77", "192.0.2.77", "198.18.77.77")],
    IPV6_BYTES: [parse_ip("2001:db8:7777::77"), parse_ip("2001:db8:5555::77")],
}
NAMES = {ICMP: "ICMP", TCP: "TCP", UDP: "UDP"}
PROTECTED, BLOCKED, LEAK, NOT_PROVEN = "protected", "blocked", "leak", "not-proven"


class Probe:
    """One packet. rule: its name, "" for the free host's; who: the source in the rule's words; ifname: where it is made
    to arrive; mark: in its payload. left: interfaces by which it was seen leaving; answered: (interface, by whom).
    """

    def __init__(
        self, rule: str, who: str, source: bytes, mac: bytes, ifname: str, target: bytes, protocol: int, port: int,
        mark: bytes,
    ) -> None:  # fmt: skip
        self.rule = rule
        self.who = who
        self.source = source
        self.mac = mac
        self.ifname = ifname
        self.target = target
        self.protocol = protocol
        self.port = port
        self.mark = mark
        self.left: list[str] = []
        self.answered: list[tuple[str, bytes]] = []

    def words(self) -> str:
        """For people."""
        name = NAMES.get(self.protocol, "protocol %d" % self.protocol)
        port = " port %d" % self.port if self.port and self.protocol != ICMP else ""
        return "%s to %s%s as %s" % (name, format_ip(self.target), port, format_ip(self.source))


class Ground:
    """Where probes are made up. hosts: (interface, address, MAC) of neighbours; lans: inside interfaces; rules: all of
    the site's; is_over: exception -> it lets nothing pass any more; rng(n) -> bytes.
    """

    def __init__(
        self,
        rules: list[ForcedConfig],
        place: Place,
        lans: list[str],
        addresses: list[tuple[str, bytes, int]],
        hosts: list[tuple[str, bytes, bytes]],
        is_over: Callable[[ExceptionConfig], bool],
        rng: Callable[[int], bytes],
    ) -> None:
        self.rules = rules
        self.place = place
        self.lans = lans
        self.addresses = addresses
        self.hosts = hosts
        self.is_over = is_over
        self.rng = rng

    def networks(self, ifname: str, size: int) -> list[tuple[bytes, int]]:
        """(our address, length) on that interface, link-local ones left out."""
        found = [(own, length) for name, own, length in self.addresses if name == ifname and len(own) == size]
        return [row for row in found if row[0][:2] != b"\xfe\x80" and 8 * size - row[1] >= 2]

    def make_up(self, ifname: str, size: int) -> bytes | None:
        """An address that nobody is known to use, on the interface's own network."""
        taken = [address for _, address, _ in self.hosts]
        for own, length in self.networks(ifname, size):
            for _ in range(TRIES):
                bits = 8 * size - length
                low = int.from_bytes(self.rng(size), "big") & ((1 << bits) - 1)
                network = int.from_bytes(own, "big") >> bits << bits
                found = (network | low).to_bytes(size, "big")
                if 0 < low < (1 << bits) - 1 and found not in taken and found not in self.place.own:
                    return found
        return None

    def is_near(self, address: bytes) -> bool:
        """On a network of this router's own: nobody has a made-up address there, and nothing leaves."""
        number = int.from_bytes(address, "big")
        for _, own, length in self.addresses:
            rest = 8 * len(own) - length
            if len(own) == len(address) and int.from_bytes(own, "big") >> rest == number >> rest:
                return True
        return False

    def mac_of(self, address: bytes) -> bytes:
        """Of a host, or one that nobody has."""
        return self.place.mac(address) or MADE_UP_MAC + self.rng(1)


def plan_probes(ground: Ground, names: list[str]) -> tuple[list[Probe], list[str]]:
    """(probes, what could not be tried and why) for the rules of these names."""
    probes: list[Probe] = []
    notes: list[str] = []
    for rule in ground.rules:
        if rule.name not in names:
            continue
        for source in rule.sources[:MOST_SOURCES]:
            found = _senders(ground, source)
            if not found:
                notes.append("%s of rule %s: no interface of list lan is on its network" % (source, rule.name))
            for ifname, address, mac in found:
                new = _probes(ground, rule, source, ifname, address, mac)
                probes += new
                if not new:
                    text = "%s of rule %s: nothing is left to try that no exception lets pass"
                    notes.append(text % (format_ip(address), rule.name))
        if len(rule.sources) > MOST_SOURCES:
            notes.append("of rule %s the first %d sources were tried" % (rule.name, MOST_SOURCES))
    return probes, notes


def free_probe(ground: Ground) -> Probe | None:
    """One of a host that no rule holds; None where every host is held."""
    held = [source for rule in ground.rules for source in rule.sources]
    target = far_target(ground)
    for ifname in ground.lans:
        if [source for source in held if source.kind == INTERFACE and source.ifname == ifname]:
            continue
        for _ in range(TRIES):
            address = ground.make_up(ifname, IPV4_BYTES)
            if address is None:
                break
            if not [source for source in held if source.prefix is not None and source.prefix.contains(address)]:
                mac, mark = MADE_UP_MAC + ground.rng(1), ground.rng(MARK_BYTES)
                return Probe("", "a free host", address, mac, ifname, target, UDP, TRACE_PORT, mark)
    return None


def far_target(ground: Ground) -> bytes:
    """An IPv4 address that is on none of this router's networks."""
    far = [target for target in TARGETS[IPV4_BYTES] if not ground.is_near(target)]
    return (far or TARGETS[IPV4_BYTES])[0]


def _senders(ground: Ground, source: Source) -> list[tuple[str, bytes, bytes]]:
    """(interface, address, MAC) to send as."""
    found: list[tuple[str, bytes | None, bytes]] = []
    if source.kind == INTERFACE:
        for size in (IPV4_BYTES, IPV6_BYTES):
            found.append((source.ifname, ground.make_up(source.ifname, size), MADE_UP_MAC + ground.rng(1)))
    elif source.kind in (MAC, BOUND):
        known = [(ifname, address) for ifname, address, mac in ground.hosts if mac == source.mac]
        ifname = known[0][0] if known else (ground.lans[0] if ground.lans else "")
        address = source.prefix.address if source.prefix is not None else None
        if address is None:
            ipv4 = [one for _, one in known if len(one) == IPV4_BYTES]
            address = ipv4[0] if ipv4 else ground.make_up(ifname, IPV4_BYTES)
        found = [(ifname, address, source.mac), (ifname, ground.make_up(ifname, IPV6_BYTES), source.mac)]
    elif source.prefix is not None:
        address = _host_of(source.prefix, ground)
        ifname = ground.place.interface(address)
        mac = ground.mac_of(address)
        found = [(ifname, address, mac)]
        if len(address) == IPV4_BYTES:  # and by IPv6, which nobody has told us of
            found.append((ifname, ground.make_up(ifname, IPV6_BYTES), mac))
    return [(ifname, address, mac) for ifname, address, mac in found if ifname and address is not None]


def _host_of(prefix: Prefix, ground: Ground) -> bytes:
    """Somebody in it: a known neighbour, or the first address that is not ours."""
    for _, address, _ in ground.hosts:
        if prefix.contains(address):
            return address
    size = len(prefix.address)
    number = int.from_bytes(prefix.address, "big")
    for step in range(0 if prefix.length >= 8 * size - 1 else 1, 10):
        address = ((number + step) % (1 << 8 * size)).to_bytes(size, "big")
        if prefix.contains(address) and address not in ground.place.own:
            return address
    return prefix.address


def _probes(
    ground: Ground, rule: ForcedConfig, source: Source, ifname: str, address: bytes, mac: bytes
) -> list[Probe]:
    if rule.ipv6 == "free" and source.is_ipv4_alone and len(address) == IPV6_BYTES:
        return []
    found = []
    kinds = [(ports.protocol, ports.low) for ports in rule.ports] or [(UDP, TRACE_PORT), (ICMP, 0), (TCP, TRACE_PORT)]
    for protocol, port in kinds[:3]:
        target = _target(ground, rule, len(address), protocol, port)
        if target is not None:
            mark = ground.rng(MARK_BYTES)
            found.append(Probe(rule.name, str(source), address, mac, ifname, target, protocol, port, mark))
    return found


def _target(ground: Ground, rule: ForcedConfig, size: int, protocol: int, port: int) -> bytes | None:
    """Somewhere that the rule holds and no exception lets pass."""
    named = [prefix for prefix in rule.to if len(prefix.address) == size]
    candidates = TARGETS[size] if not rule.to else [_host_of(prefix, ground) for prefix in named]
    for target in [address for address in candidates if not ground.is_near(address)]:
        if not [one for one in rule.exceptions if not ground.is_over(one) and _lets(one, target, protocol, port)]:
            return target
    return None


def _lets(exception: ExceptionConfig, target: bytes, protocol: int, port: int) -> bool:
    if exception.to and not any(prefix.contains(target) for prefix in exception.to):
        return False
    return not exception.ports or any(_is_in(ports, protocol, port) for ports in exception.ports)


def _is_in(ports: Ports, protocol: int, port: int) -> bool:
    return ports.protocol == protocol and (not ports.high or ports.low <= port <= ports.high)


class Verdict:
    """Of one rule. verdict: PROTECTED, BLOCKED, LEAK or NOT_PROVEN; text: why; evidence: a sentence for each probe."""

    def __init__(self, name: str, verdict: str, text: str, evidence: list[str]) -> None:
        self.name = name
        self.verdict = verdict
        self.text = text
        self.evidence = evidence


def judge(name: str, probes: list[Probe], tunnel: str, lans: list[str], way_out: list[str]) -> Verdict:
    """What a rule's probes have shown. tunnel: the interface it takes now; way_out: where a free host's probe left."""
    evidence, leaks, through = [], [], 0
    for probe in probes:
        wrong = [ifname for ifname in probe.left if ifname != tunnel and ifname not in lans]
        if wrong:
            leaks.append("%s left by %s" % (probe.words(), ", ".join(wrong)))
        through += tunnel in probe.left
        where = ", ".join(probe.left) or "nothing"
        line = "%s: %s" % (probe.words(), "left by " + where if probe.left else "did not leave this router")
        for ifname, who in probe.answered:
            line += "; %s answered by %s" % (format_ip(who), ifname)
            if ifname != tunnel and ifname not in lans:
                leaks.append("%s was answered by %s from %s" % (probe.words(), format_ip(who), ifname))
        evidence.append(line)
    if leaks:
        return Verdict(name, LEAK, leaks[0], evidence)
    if not probes:
        return Verdict(name, NOT_PROVEN, "no packet could be made up for it", evidence)
    if not way_out:
        text = "no probe left by a wrong way, but none of a free host was seen leaving either"
        return Verdict(name, NOT_PROVEN, text, evidence)
    shown = "a free host's probe left by %s" % ", ".join(way_out)
    if through:
        return Verdict(name, PROTECTED, "%d of %d probes went through %s, none elsewhere; %s" % (
            through, len(probes), tunnel, shown), evidence)  # fmt: skip
    return Verdict(name, BLOCKED, "none of %d probes left this router; %s" % (len(probes), shown), evidence)


