"""What the router's own firewall file says that concerns us: port forwards, and whether connections are offloaded.

/etc/config/firewall, read as UCI text: a file that is not ours, so what cannot be read is passed over.
"""

from __future__ import annotations

from isthmus.config import uci
from isthmus.wire.addr import AddressError, Prefix, parse_ip, parse_prefix
from isthmus.wire.ip_numbers import AH, ESP, GRE, ICMP, L2TP, TCP, UDP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.uci import Section

NUMBERS = {"icmp": ICMP, "tcp": TCP, "udp": UDP, "gre": GRE, "esp": ESP, "ah": AH, "l2tp": L2TP}
EVERY = 0  # `all`, `any` and `0` stand for every protocol
ON = (b"1", b"on", b"true", b"enabled", b"yes")
OFF = (b"0", b"off", b"false", b"disabled", b"no")
LAST_PORT = 65535
MAX_FORWARDS = 1000


class Forward:
    """One port forward that is in force.

    name: what the file calls it, or its section; to: where it leads, as written, "" for this router itself; protocols:
    IP numbers, EVERY among them for all; low, high: the ports from outside; sources: only from these, [] for
    everybody; excluded: the sources are those it is not for; outer: the address that it is about, b"" for any; line.
    """

    def __init__(
        self, name: str, to: str, protocols: list[int], low: int, high: int, sources: list[Prefix], excluded: bool,
        outer: bytes, line: int,
    ) -> None:
        self.name = name
        self.to = to
        self.protocols = protocols
        self.low = low
        self.high = high
        self.sources = sources
        self.excluded = excluded
        self.outer = outer
        self.line = line

    def takes(self, protocol: int, port: int) -> bool:
        """True if it takes packets of that IP protocol; to that port, if the protocol has ports."""
        if protocol not in self.protocols and EVERY not in self.protocols:
            return False
        return port == 0 or self.low <= port <= self.high

    def is_for(self, source: bytes) -> bool:
        """True if it takes what comes from there."""
        if not self.sources:
            return True
        return bool([prefix for prefix in self.sources if prefix.contains(source)]) != self.excluded


class Firewall:
    """forwards: in file order; offload, hardware: whether connections bypass the chains, in software or in hardware."""

    def __init__(self, forwards: list[Forward], offload: bool, hardware: bool) -> None:
        self.forwards = forwards
        self.offload = offload
        self.hardware = offload and hardware


def parse_firewall(data: bytes) -> Firewall:
    """What the text of /etc/config/firewall says. Raises nothing: the file is the firewall's to judge."""
    package, _ = uci.parse_all(data, "/etc/config/firewall", "firewall")
    forwards: list[Forward] = []
    offload = hardware = False
    for section in package.sections:
        if section.type == "defaults":
            offload = offload or _is_on(section, "flow_offloading")
            hardware = hardware or _is_on(section, "flow_offloading_hw")
        if section.type == "redirect" and len(forwards) < MAX_FORWARDS:
            forward = _forward(section)
            if forward is not None:
                forwards.append(forward)
    return Firewall(forwards, offload, hardware)


def _forward(section: Section) -> Forward | None:
    """None for one that is off, that translates sources, or that forwards from inside."""
    enabled = _words(section, "enabled")
    target = [word.lower() for word in _words(section, "target")]
    is_off = bool(enabled) and enabled[0].encode() in OFF
    if is_off or (target and target[0] != "dnat") or _words(section, "src") == ["lan"]:
        return None
    protocols = []
    for word in _words(section, "proto") or ["tcp", "udp"]:  # fw4's own default
        protocols += _protocols(word.lower())
    low, high = _ports(_words(section, "src_dport"))
    sources, excluded = _sources(_words(section, "src_ip"))
    names = _words(section, "name")
    to = (_words(section, "dest_ip") or [""])[0]
    outer = _address((_words(section, "src_dip") or [""])[0])
    name = " ".join(names) if names else section.name
    return Forward(name, to, protocols, low, high, sources, excluded, outer, section.line)


def _words(section: Section, name: str) -> list[str]:
    """The values of an option or list, split at spaces as fw4 does."""
    option = section.get(name)
    words: list[str] = []
    for value in option.values if option is not None else []:
        try:
            words += value.decode().split()
        except ValueError:
            continue
    return words


def _is_on(section: Section, name: str) -> bool:
    words = _words(section, name)
    return bool(words) and words[0].encode() in ON


def _protocols(word: str) -> list[int]:
    if word in ("all", "any", "*", "0"):
        return [EVERY]
    if word == "tcpudp":
        return [TCP, UDP]
    number = _number(word)
    if number > 0:
        return [number]
    return [NUMBERS[word]] if word in NUMBERS else []


def _number(word: str) -> int:
    """The decimal number, or -1."""
    raw = word.encode()
    if not 1 <= len(raw) <= 5 or min(raw) < 0x30 or max(raw) > 0x39:
        return -1
    return int(word)


def _ports(words: list[str]) -> tuple[int, int]:
    """(lowest, highest) port; every one where there is none, or none that can be read: better told once too often."""
    if not words:
        return 0, LAST_PORT
    first, dash, last = words[0].replace(":", "-").partition("-")
    low, high = _number(first), _number(last if dash else first)
    return (low, high) if 0 <= low <= high <= LAST_PORT else (0, LAST_PORT)


def _sources(words: list[str]) -> tuple[list[Prefix], bool]:
    """(prefixes, whether they are the excluded ones). `!` stands before the address, or alone before it."""
    excluded = bool(words) and words[0][:1] == "!"
    prefixes = []
    for word in words:
        text = word.lstrip("!")
        try:
            address = parse_ip(text) if "/" not in text else None
            prefixes.append(parse_prefix(text) if address is None else Prefix(address, 8 * len(address)))
        except AddressError:
            continue
    return prefixes, excluded


def _address(text: str) -> bytes:
    try:
        return parse_ip(text)
    except AddressError:
        return b""
