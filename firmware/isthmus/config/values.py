"""The types of option values: one class each, text -> value, with the words for a person whose text was refused."""

from __future__ import annotations

from isthmus.config import proposal
from isthmus.config.errors import BadValue, looks_like_key, nearest, quote
from isthmus.wire import identity
from isthmus.wire.addr import AddressError, is_ip, parse_ip, parse_prefix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.wire.addr import Prefix

# /lib/functions.sh, config_get_bool
TRUE_WORDS = ("1", "on", "true", "enabled", "yes")
FALSE_WORDS = ("0", "off", "false", "disabled", "no")

# unit -> milliseconds, longest unit first
UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1))

ANYWHERE = "%any"  # a peer that calls, from wherever it is
FACTORS = {"k": 1_000, "M": 1_000_000, "G": 1_000_000_000, "T": 1_000_000_000_000}

ANY_HOST = ("%any4", "%any6", "any", "0.0.0.0", "::")  # noqa: S104 (words to refuse, not to listen on)
IFNAME_BYTES = 15  # IFNAMSIZ less its end mark
SECRET_BYTES = 256
SITE_BYTES = 16
SITE_NAME_BYTES = 32  # as a peer takes it (proto/pairing/names.py)
HEX_DIGITS = "0123456789abcdef"
NAME_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class Type:
    """name: of the type; allowed: what an administrator may write; secret: whether values must not be shown."""

    name = ""
    allowed = ""
    secret = False

    def parse(self, text: str) -> object:
        """The value of `text`, which is never empty. Raises BadValue."""
        raise NotImplementedError


class Bool(Type):
    """True or False, in the words of OpenWrt's shell functions."""

    name = "bool"
    allowed = "1, on, true, enabled, yes or 0, off, false, disabled, no"

    def parse(self, text: str) -> bool:
        """See Type."""
        if text in TRUE_WORDS:
            return True
        if text in FALSE_WORDS:
            return False
        raise BadValue("wrong-type", "%s is neither on nor off" % quote(text), "write 1 or 0")


class Integer(Type):
    """A decimal number from low to high."""

    name = "integer"

    def __init__(self, low: int, high: int) -> None:
        self.low = low
        self.high = high
        self.allowed = "%d to %d" % (low, high)

    def parse(self, text: str) -> int:
        """See Type."""
        number = _digits(text)
        if number < 0:
            raise BadValue("wrong-type", "%s is not a whole number" % quote(text))
        if not self.low <= number <= self.high:
            raise BadValue("out-of-range", "%s is out of range" % quote(text))
        return number


class AutoInteger(Type):
    """A number, or `auto`, which is None."""

    name = "integer"

    def __init__(self, low: int, high: int) -> None:
        self.number = Integer(low, high)
        self.allowed = "auto, or " + self.number.allowed

    def parse(self, text: str) -> int | None:
        """See Type."""
        return None if text == "auto" else self.number.parse(text)


class Duration(Type):
    """A time with a unit, in milliseconds; a bare number counts seconds."""

    name = "duration"

    def __init__(self, low: str, high: str) -> None:
        self.allowed = "%s to %s (units ms, s, m, h, d; a bare number is seconds)" % (low, high)
        self.low = _duration(low)
        self.high = _duration(high)

    def parse(self, text: str) -> int:
        """See Type."""
        value = _duration(text)
        if value < 0:
            raise BadValue(
                "wrong-type", "%s is not a time" % quote(text), "write a number and a unit, such as 30s or 4h"
            )
        if not self.low <= value <= self.high:
            raise BadValue("out-of-range", "%s is out of range" % quote(text))
        return value


class OrZero(Type):
    """What another type reads, or `0` for none of it."""

    def __init__(self, inner: Type) -> None:
        self.name = inner.name
        self.inner = inner
        self.allowed = "0, or " + inner.allowed

    def parse(self, text: str) -> object:
        """See Type."""
        return 0 if text == "0" else self.inner.parse(text)


class Count(Type):
    """A large number, with or without a factor of a thousand behind it; 0 for none."""

    name = "count"

    def __init__(self, low: int, high: int) -> None:
        self.low = low
        self.high = high
        self.allowed = "0, or %d to %d (k, M, G, T for thousands, millions, ...)" % (low, high)

    def parse(self, text: str) -> int:
        """See Type."""
        factor = FACTORS.get(text[-1:], 1)
        number = _digits(text[:-1] if factor > 1 else text)
        if number < 0:
            raise BadValue("wrong-type", "%s is not a whole number" % quote(text), "write a number such as 500M")
        if number and not self.low <= number * factor <= self.high:
            raise BadValue("out-of-range", "%s is out of range" % quote(text))
        return number * factor


class Choice(Type):
    """One of `words`. `later`: words of coming versions, refused with that answer."""

    name = "choice"

    def __init__(self, words: tuple[str, ...], later: tuple[str, ...] = ()) -> None:
        self.words = words
        self.later = later
        self.allowed = ", ".join(words)

    def parse(self, text: str) -> str:
        """See Type."""
        if text in self.words:
            return text
        if text in self.later:
            raise BadValue("not-yet", "%s comes with a later version of Isthmus" % quote(text))
        guess = nearest(text, list(self.words))
        remedy = "did you mean %s?" % guess if guess else ""
        raise BadValue("wrong-type", "%s is none of the words for this option" % quote(text), remedy)


def _read_address(text: str) -> bytes:
    """Any address, usable or not. Raises BadValue."""
    try:
        return parse_ip(text)
    except AddressError as error:
        raise BadValue("bad-address", error.message, error.remedy) from None


class Address(Type):
    """An IP address of one host, as 4 or 16 bytes."""

    name = "address"
    allowed = "an IPv4 or IPv6 address"

    def parse(self, text: str) -> bytes:
        """See Type."""
        address = _read_address(text)
        return _usable(address, text)


class Host(Type):
    """A peer's address, the name that leads to it, or ANYWHERE: the text as it was written."""

    name = "host"
    allowed = "a name, an IPv4 or IPv6 address, or %any"

    def parse(self, text: str) -> str:
        """See Type."""
        if text in ANY_HOST:
            raise BadValue("bad-address", "%s is no address of one host" % quote(text), "for a peer anywhere: '%any'")
        if text == ANYWHERE:
            return text
        if identity.is_host_name(text):
            if "." not in text and looks_like_key(text):  # it would be asked of name servers, and shown as the peer
                raise BadValue("bad-address", "%s is no name of a host" % quote(text), "a key belongs into option psk")
            return text
        if is_ip(text):
            _usable(parse_ip(text), text)
            return text
        try:
            parse_ip(text)
        except AddressError as error:
            if error.remedy:
                raise BadValue("bad-address", error.message, error.remedy) from None
        raise BadValue("bad-address", "%s is neither a name nor an address" % quote(text))


class PrefixType(Type):
    """A network: address/length, host bits zero."""

    name = "prefix"
    allowed = "network/length, such as 192.168.20.0/24 or fd00:20::/64"

    def parse(self, text: str) -> Prefix:
        """See Type."""
        try:
            return parse_prefix(text)
        except AddressError as error:
            code = "host-bits" if "host bits" in error.message else "bad-address"
            raise BadValue(code, error.message, error.remedy) from None


class IdentityType(Type):
    """An IKE identity (RFC 7296 section 3.5)."""

    name = "identity"
    allowed = identity.ALLOWED

    def parse(self, text: str) -> identity.Identity:
        """See Type."""
        try:
            return identity.parse_identity(text)
        except ValueError as error:
            raise BadValue("bad-identity", str(error)) from None


class SiteId(Type):
    """The random number that a site keeps, as 16 bytes."""

    name = "site id"
    allowed = "%d hexadecimal digits, as pairing writes them" % (2 * SITE_BYTES)

    def parse(self, text: str) -> bytes:
        """See Type."""
        if len(text) != 2 * SITE_BYTES or [char for char in text if char not in HEX_DIGITS]:
            raise BadValue("wrong-type", "%s is no id of a site" % quote(text), "leave it as pairing has written it")
        return bytes([int(text[at : at + 2], 16) for at in range(0, len(text), 2)])


class SiteName(Type):
    """A site's name as its peers are shown it."""

    name = "site name"
    allowed = "1 to %d letters a-z, digits, - and _, the first a letter or digit" % SITE_NAME_BYTES

    def parse(self, text: str) -> str:
        """See Type."""
        odd = [char for char in text if char not in NAME_LETTERS and char not in "-_"]
        if odd or len(text) > SITE_NAME_BYTES or text[:1] not in NAME_LETTERS:
            raise BadValue("bad-name", "%s cannot be a site's name" % quote(text))
        return text


class OwnHost(Host):
    """A name or an address of this router's own on the Internet."""

    name = "host"
    allowed = "a name, an IPv4 or an IPv6 address"

    def parse(self, text: str) -> str:
        """See Type."""
        if text == ANYWHERE:
            raise BadValue("bad-address", "%s is no place where this site is reached" % quote(text))
        return super().parse(text)


class Secret(Type):
    """A shared key: its bytes, exactly as written."""

    name = "secret"
    allowed = "1 to %d bytes of text, 16 characters or more to be safe" % SECRET_BYTES
    secret = True

    def parse(self, text: str) -> bytes:
        """See Type."""
        value = text.encode()
        if len(value) > SECRET_BYTES:
            raise BadValue("out-of-range", "the value has %d bytes" % len(value))
        return value


class KeyName(Type):
    """The name of a key, as bytes. RFC 8784 section 5.1 recommends characters that every program lets one type."""

    name = "key name"
    allowed = "1 to 64 characters of ASCII without spaces"

    def parse(self, text: str) -> bytes:
        """See Type."""
        raw = text.encode()
        if not 1 <= len(raw) <= 64 or min(raw) < 0x21 or max(raw) > 0x7E:
            raise BadValue("bad-name", "%s is no name of a key" % quote(text))
        return raw


class Cookie(Type):
    """An L2TPv3 cookie (RFC 3931 4.1): 4 or 8 bytes in hexadecimal."""

    name = "cookie"
    allowed = "8 or 16 hexadecimal digits, as in `ip l2tp`"
    secret = True

    def parse(self, text: str) -> bytes:
        """See Type."""
        if len(text) not in (8, 16):
            raise BadValue("wrong-type", "a cookie of %d characters" % len(text), "write 4 or 8 bytes in hexadecimal")
        for char in text:
            if char not in "0123456789abcdefABCDEF":
                raise BadValue("wrong-type", "a cookie with a character that is no hexadecimal digit")
        return bytes([int(text[at : at + 2], 16) for at in range(0, len(text), 2)])


class HostAddressType(Type):
    """An address on an interface, with the length of its network: (4 or 16 bytes, length)."""

    name = "address/length"
    allowed = "address/length, such as 10.9.0.1/30 or fd00:9::1/64"

    def parse(self, text: str) -> tuple[bytes, int]:
        """See Type."""
        address, slash, length = text.partition("/")
        if not slash:
            remedy = "write the length of its network behind it, such as %s/30" % address[:40]
            raise BadValue("bad-address", "%s has no length" % quote(text), remedy)
        parsed = Address().parse(address)
        bits = _digits(length)
        if not 1 <= bits <= 8 * len(parsed):
            raise BadValue("bad-address", "%s is no length of 1 to %d bits" % (quote(length), 8 * len(parsed)))
        return parsed, bits


class NextHop(Type):
    """The address of a neighbour on an interface; a link-local one will do."""

    name = "address"
    allowed = "an IPv4 or IPv6 address"

    def parse(self, text: str) -> bytes:
        """See Type."""
        address = _read_address(text)
        if len(address) == 16 and address[0] == 0xFE and address[1] & 0xC0 == 0x80:
            return address
        return _usable(address, text)


class InterfaceName(Type):
    """The name of a network interface."""

    name = "interface"
    allowed = "1 to %d letters, digits, - _ and ." % IFNAME_BYTES

    def parse(self, text: str) -> str:
        """See Type."""
        raw = text.encode()
        if len(raw) > IFNAME_BYTES:
            raise BadValue("out-of-range", "%s has %d bytes" % (quote(text), len(raw)))
        for byte in raw:
            if not (0x30 <= byte <= 0x39 or 0x41 <= byte <= 0x5A or 0x61 <= byte <= 0x7A or byte in b"-_."):
                raise BadValue("bad-name", "%s has a character that does not belong in a name" % quote(text))
        # `all` and `default` are folders of /proc/sys/net, `.` and `..` of every folder
        if text in (".", "..", "lo", "all", "default"):
            raise BadValue("bad-name", "%s is taken by the system" % quote(text))
        return text


class IkeProposal(Type):
    """One IKE proposal, in canonical words."""

    name = "ike proposal"
    allowed = proposal.IKE_ALLOWED

    def parse(self, text: str) -> str:
        """See Type."""
        return proposal.parse_ike(text)


class EspProposal(Type):
    """One ESP proposal, in canonical words."""

    name = "esp proposal"
    allowed = proposal.ESP_ALLOWED

    def parse(self, text: str) -> str:
        """See Type."""
        return proposal.parse_esp(text)


def _digits(text: str) -> int:
    """The decimal number, or -1."""
    raw = text.encode()
    if not 1 <= len(raw) <= 12:
        return -1
    value = 0
    for byte in raw:
        if not 0x30 <= byte <= 0x39:
            return -1
        value = value * 10 + byte - 0x30
    return value


def _duration(text: str) -> int:
    """Milliseconds, or -1."""
    number = _digits(text)
    if number >= 0:
        return number * 1000
    for unit, factor in UNITS:
        number = _digits(text[: -len(unit)]) if text.endswith(unit) else -1
        if number >= 0:
            return number * factor
    return -1


def _usable(address: bytes, text: str) -> bytes:
    """The address, if it can be one end of a tunnel."""
    if len(address) == 4:
        unusable = address[0] == 0 or address[0] >= 224  # RFC 6890: this network, multicast, reserved, broadcast
        what = "no address of one host"
    elif address[0] == 0xFE and address[1] & 0xC0 == 0x80:
        unusable, what = True, "link-local, which means nothing without its interface"
    else:
        unusable, what = address[0] == 0xFF or not max(address), "no address of one host"
    if unusable:
        raise BadValue(
            "bad-address", "%s is %s" % (quote(text), what), "write the address of the other router's uplink"
        )
    return address
