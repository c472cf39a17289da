"""The types of option values in the sections about traffic: sources, destinations, ports, times, names of hosts.

As in `values.py`: one class each, text -> value, with the words for a person whose text was refused.
"""

from __future__ import annotations

from isthmus.config.alias import is_host_name
from isthmus.config.errors import BadValue, nearest, quote
from isthmus.config.forced import BOUND, INTERFACE, MAC, PREFIX, PROTOCOL_WORDS, Ports, Source
from isthmus.config.values import Address, InterfaceName, PrefixType, Type, _digits
from isthmus.wire.addr import IPV4_BYTES, Prefix, is_ip, parse_ip

MAC_BYTES = 6
MAX_NAME = 32  # of a section
HEX = "0123456789abcdefABCDEF"

PROTOCOLS = {word: number for number, word in PROTOCOL_WORDS.items()}
WITH_PORTS = ("tcp", "udp", "dccp", "sctp", "udplite")
ICMP6 = ("icmp6", "icmpv6", "ipv6-icmp", "58")

DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
FIRST_YEAR, LAST_YEAR = 2020, 2099
EPOCH = 1970


class Device(InterfaceName):
    """The name of a network interface that traffic comes from or goes to: neither the loopback nor a tunnel's."""

    def parse(self, text: str) -> str:
        """See Type."""
        if text == "lo":
            reason = "'lo' is the router's own loopback: no host is behind it"
            raise BadValue("bad-name", reason, "name the interface where the hosts are, such as br-lan")
        return super().parse(text)


class NetworkType(Type):
    """A network, or one host: a Prefix."""

    name = "network"
    allowed = "an address, or network/length, such as 192.168.20.0/24 or 2001:db8:20::/64"

    def parse(self, text: str) -> Prefix:
        """See Type."""
        if is_ip(text):
            address = parse_ip(text)
            return Prefix(address, 8 * len(address))
        return PrefixType().parse(text)


class SourceType(Type):
    """Hosts by what tells them apart: a Source."""

    name = "source"
    allowed = (
        "address@MAC (192.168.10.50@aa:bb:cc:dd:ee:ff), a MAC address, network/length, an address,"
        " or the name of an interface (br-guest)"
    )

    def parse(self, text: str) -> Source:
        """See Type."""
        if "@" in text:
            return self._bound(text)
        if _looks_like_mac(text):
            return Source(MAC, mac=_read_mac(text))
        if "/" in text or ":" in text or not text.strip("0123456789."):
            return Source(PREFIX, prefix=_own_network(NetworkType().parse(text)))
        try:
            return Source(INTERFACE, ifname=Device().parse(text))
        except BadValue as error:
            raise BadValue(error.code, error.reason, error.remedy or "write %s" % self.allowed) from None

    def _bound(self, text: str) -> Source:
        address_text, _, mac_text = text.partition("@")
        if _looks_like_mac(address_text):
            raise BadValue("wrong-type", "%s has its parts the wrong way round" % quote(text), "write ADDRESS@MAC")
        address = Address().parse(address_text)
        mac = _read_mac(mac_text)
        if len(address) != IPV4_BYTES:
            # An IPv6 host has several addresses and makes new ones: binding it to one would cut it off.
            raise BadValue(
                "wrong-type", "%s binds an IPv6 address" % quote(text),
                "write the MAC address alone: it covers every IPv6 address that the host gives itself",
            )  # fmt: skip
        return Source(BOUND, mac=mac, prefix=Prefix(address, 8 * IPV4_BYTES))


def _own_network(prefix: Prefix) -> Prefix:
    """The prefix, if hosts may have addresses in it."""
    first = prefix.address[0]
    multicast = first == 0xFF if len(prefix.address) > IPV4_BYTES else first & 0xF0 == 0xE0
    if prefix.length and multicast:
        raise BadValue("bad-address", "%s holds multicast addresses: no packet comes from one" % prefix)
    return prefix


def _looks_like_mac(text: str) -> bool:
    parts = text.replace("-", ":").split(":")
    if len(parts) != MAC_BYTES:
        return False
    return not [part for part in parts if not 1 <= len(part) <= 2 or part.strip(HEX)]


def _read_mac(text: str) -> bytes:
    """6 bytes of aa:bb:cc:dd:ee:ff. Raises BadValue."""
    if not _looks_like_mac(text):
        raise BadValue("bad-mac", "%s is no MAC address" % quote(text), "write it as aa:bb:cc:dd:ee:ff")
    mac = bytes([int(part, 16) for part in text.replace("-", ":").split(":")])
    if not max(mac) or mac[0] & 1:  # IEEE 802: the lowest bit of the first byte means a group
        reason = "%s is the MAC address of no host" % quote(text)
        raise BadValue("bad-mac", reason, "write the one that the host's network card has")
    return mac


class PortsType(Type):
    """A protocol, with or without ports: a Ports."""

    name = "ports"
    allowed = "tcp:443, udp:5000-5010, tcp, udp, icmp (of both families), gre, esp, ah, sctp, or a protocol's number"

    def __init__(self, words: tuple[str, ...] = ()) -> None:
        """words: the only protocols to take, or () for every."""
        self.words = words
        if words:
            self.allowed = "%s; with a port or a range after it: tcp:443, udp:5000-5010" % ", ".join(words)

    def parse(self, text: str) -> Ports:
        """See Type."""
        word, colon, rest = text.lower().partition(":")
        if word in ICMP6:
            raise BadValue("wrong-type", "%s is icmp here, which means both families" % quote(text), "write icmp")
        number = PROTOCOLS.get(word, -1)
        if number < 0 and not self.words:
            number = _digits(word)
        if number == 0 or number > 255 or (number < 0 and _digits(word) >= 0):
            raise self._unknown(text, word, rest)
        if number < 0 or (self.words and word not in self.words):
            raise self._unknown(text, word, rest)
        if not colon:
            return Ports(number, 0, 0)
        if number not in [PROTOCOLS[name] for name in WITH_PORTS]:
            raise BadValue("wrong-type", "%s names ports, and %s has none" % (quote(text), word), "write %s" % word)
        low, high = _range(text, rest)
        return Ports(number, low, high)

    def _unknown(self, text: str, word: str, rest: str) -> BadValue:
        known = sorted(self.words or PROTOCOLS)
        if _digits(word) > 0 and not rest:
            return BadValue("wrong-type", "%s names no protocol" % quote(text), "write tcp:%s or udp:%s" % (word, word))
        guess = nearest(word, known)
        remedy = "did you mean %s?" % guess if guess else ""
        return BadValue("wrong-type", "%s names no protocol that can stand here" % quote(text), remedy)


def _range(text: str, rest: str) -> tuple[int, int]:
    first, dash, last = rest.partition("-")
    low = _digits(first)
    high = _digits(last) if dash else low
    if low < 0 or high < 0:
        raise BadValue("wrong-type", "%s has no port after the colon" % quote(text), "write tcp:443 or tcp:5000-5010")
    if not 1 <= low <= 65535 or not 1 <= high <= 65535:
        raise BadValue("out-of-range", "%s has a port that is not in 1 to 65535" % quote(text))
    if low > high:
        remedy = "write the lower port first: %d-%d" % (high, low)
        raise BadValue("out-of-range", "%s runs backwards" % quote(text), remedy)
    return low, high


class SectionName(Type):
    """The name of another section."""

    def __init__(self, section_type: str) -> None:
        self.name = section_type
        self.allowed = "the name of a config %s" % section_type

    def parse(self, text: str) -> str:
        """See Type."""
        if len(text) > MAX_NAME:
            raise BadValue("bad-name", "%s is no name: it has %d characters" % (quote(text), len(text)))
        for byte in text.encode():
            if not (0x30 <= byte <= 0x39 or 0x41 <= byte <= 0x5A or 0x61 <= byte <= 0x7A or byte == 0x5F):
                raise BadValue("bad-name", "%s is no name: only letters, digits and _" % quote(text))
        return text


class UtcTime(Type):
    """A moment, written in UTC: Unix seconds."""

    name = "time"
    allowed = "YYYY-MM-DD HH:MM in UTC, such as 2026-12-01 12:00"

    def parse(self, text: str) -> int:
        """See Type."""
        plain = text[:-1] if text.endswith("Z") else text
        date, _, clock = plain.replace("T", " ").partition(" ")
        fields = [_digits(part) for part in date.split("-") + clock.split(":")]
        if len(date) != 10 or len(clock) != 5 or len(fields) != 5 or min(fields) < 0:
            remedy = "write %s 00:00" % date if len(date) == 10 and not clock else "write it as 2026-12-01 12:00"
            raise BadValue("wrong-type", "%s is not a date and a time" % quote(text), remedy)
        year, month, day, hour, minute = fields
        if not FIRST_YEAR <= year <= LAST_YEAR or not 1 <= month <= 12 or hour > 23 or minute > 59:
            raise BadValue("out-of-range", "%s is no moment of %d to %d" % (quote(text), FIRST_YEAR, LAST_YEAR))
        if not 1 <= day <= DAYS[month - 1] + (month == 2 and _is_leap(year)):
            raise BadValue("out-of-range", "%s names a day that its month does not have" % quote(text))
        days = sum([365 + _is_leap(each) for each in range(EPOCH, year)])
        days += sum([DAYS[at] + (at == 1 and _is_leap(year)) for at in range(month - 1)])
        return ((days + day - 1) * 24 + hour) * 3600 + minute * 60


def _is_leap(year: int) -> bool:
    return year % 4 == 0  # 2000 is one, 2100 is out of range


class NamedHost(Type):
    """A name and the address it stands for: (name in lower case, 4 or 16 bytes)."""

    name = "name=address"
    allowed = "NAME=ADDRESS, such as printer=192.168.1.20"

    def parse(self, text: str) -> tuple[str, bytes]:
        """See Type."""
        host, equals, address_text = text.partition("=")
        if not equals:
            raise BadValue("wrong-type", "%s has no =" % quote(text), "write NAME=ADDRESS")
        name = host.lower()
        if not is_host_name(name):
            remedy = "use letters, digits and -, at most 63 in a part"
            raise BadValue("bad-name", "%s is no name of a host" % quote(host), remedy)
        return name, Address().parse(address_text)
