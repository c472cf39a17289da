"""IP addresses and prefixes as values: text <-> bytes of length 4 (IPv4) or 16 (IPv6), network byte order.

Reading is strict: dotted decimal without leading zeros (other programs read `010` as eight), IPv6 as in RFC 4291
section 2.2, no zone. Writing is canonical: RFC 5952. Every refusal is an AddressError, which is a ValueError.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    Endpoint = tuple[bytes, int]  # (address of 4 or 16 bytes, UDP port)

IPV4_BYTES = 4
IPV6_BYTES = 16

_HEX = b"0123456789abcdefABCDEF"
_HASHES = 1073741789  # the largest prime below 2**30, which a small integer holds everywhere
_MAPPED = b"\x00" * 10 + b"\xff\xff"  # RFC 4291 section 2.5.5.2, ::ffff:a.b.c.d


class AddressError(ValueError):
    """Text that is not the address or prefix it should be.

    str() says what is wrong; `remedy` says what to write instead, or is "" where nothing can be guessed.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return self.message


def _parse_decimal(raw: bytes, limit: int) -> int:
    """Number of one to three digits up to `limit`; -1 if it is not one. Leading zeros are not a number here."""
    if not 1 <= len(raw) <= 3 or (raw[0] == 0x30 and len(raw) > 1):
        return -1
    value = 0
    for byte in raw:
        if not 0x30 <= byte <= 0x39:
            return -1
        value = value * 10 + byte - 0x30
    return value if value <= limit else -1


def _parse_ipv4(raw: bytes) -> bytes | None:
    parts = raw.split(b".")
    if len(parts) != 4:
        return None
    values = [_parse_decimal(part, 255) for part in parts]
    if min(values) < 0:
        return None
    return bytes(values)


def _parse_groups(raw: bytes, tail_may_be_ipv4: bool) -> bytes | None:
    """The bytes of `1:2:3`, empty text included; None if it is not such a list."""
    if not raw:
        return b""
    out = b""
    groups = raw.split(b":")
    for index in range(len(groups)):
        group = groups[index]
        if b"." in group:
            quad = _parse_ipv4(group)
            if quad is None or not tail_may_be_ipv4 or index != len(groups) - 1:
                return None
            out += quad
            continue
        if not 1 <= len(group) <= 4:
            return None
        for byte in group:
            if byte not in _HEX:
                return None
        out += int(group, 16).to_bytes(2, "big")
    return out


def _parse_ipv6(raw: bytes) -> bytes | None:
    gap = raw.find(b"::")
    if gap < 0:
        whole = _parse_groups(raw, True)
        return whole if whole is not None and len(whole) == IPV6_BYTES else None
    head = _parse_groups(raw[:gap], False)
    tail = _parse_groups(raw[gap + 2 :], True)
    if head is None or tail is None:
        return None
    missing = IPV6_BYTES - len(head) - len(tail)
    # "::" stands for at least one group (RFC 4291 section 2.2); fewer than two bytes left means there is none.
    return head + b"\x00" * missing + tail if missing >= 2 else None


def _try_parse(text: str) -> bytes | None:
    # Longest valid text is 45 characters; the limit bounds the work done for a foreign megabyte.
    if len(text) > 64:
        return None
    raw = text.encode()
    return _parse_ipv6(raw) if b":" in raw else _parse_ipv4(raw)


def parse_ip(text: str) -> bytes:
    """4 or 16 bytes of an IPv4 or IPv6 address. Raises AddressError."""
    address = _try_parse(text)
    if address is not None:
        return address
    zone = text.find("%")
    if zone > 0 and _try_parse(text[:zone]) is not None:
        raise AddressError(
            "'%s' carries a zone, which only means something on one router" % text, "use a global address"
        )
    without_zeros = _without_leading_zeros(text)
    if without_zeros:
        raise AddressError(
            "'%s' has leading zeros, which some programs read as octal" % text, "write %s" % without_zeros
        )
    if _try_parse(text[: max(0, text.find("/"))]) is not None:
        raise AddressError("'%s' is a prefix, not one address" % text[:64], "write the address without the / part")
    raise AddressError("'%s' is not an IPv4 or IPv6 address" % text[:64])


def _without_leading_zeros(text: str) -> str:
    parts = text.split(".")
    if len(parts) != 4 or len(text) > 64:
        return ""
    plain = ".".join([part.lstrip("0") or "0" for part in parts if part])
    return plain if plain != text and _try_parse(plain) is not None else ""


def is_ip(text: str) -> bool:
    """True if parse_ip would take this text."""
    return _try_parse(text) is not None


def format_ip(address: bytes) -> str:
    """Canonical text of 4 or 16 bytes (RFC 5952). Raises ValueError for any other length."""
    if len(address) == IPV4_BYTES:
        return "%d.%d.%d.%d" % (address[0], address[1], address[2], address[3])
    if len(address) != IPV6_BYTES:
        raise ValueError("an address has 4 or 16 bytes, not %d" % len(address))
    if address[:12] == _MAPPED:
        return "::ffff:" + format_ip(address[12:])
    groups = [address[i] << 8 | address[i + 1] for i in range(0, IPV6_BYTES, 2)]
    start, length = _longest_zero_run(groups)
    texts = ["%x" % group for group in groups]
    if length < 2:
        return ":".join(texts)
    return ":".join(texts[:start]) + "::" + ":".join(texts[start + length :])


def format_endpoint(endpoint: Endpoint) -> str:
    """`192.0.2.1:500` or `[2001:db8::1]:500`."""
    address, port = endpoint
    return ("%s:%d" if len(address) == IPV4_BYTES else "[%s]:%d") % (format_ip(address), port)


def format_mac(mac: bytes) -> str:
    """Six bytes as aa:bb:cc:dd:ee:ff; none as ""."""
    return ":".join(["%02x" % byte for byte in mac])


def _longest_zero_run(groups: list[int]) -> tuple[int, int]:
    """(start, length) of the longest run of zeros, the first of equals (RFC 5952 section 4.2.3)."""
    best_start, best_length, length = 0, 0, 0
    for index in range(len(groups)):
        length = length + 1 if groups[index] == 0 else 0
        if length > best_length:
            best_start, best_length = index - length + 1, length
    return best_start, best_length


def _mask(address: bytes, length: int) -> bytes:
    whole, rest = length // 8, length % 8
    if whole == len(address):
        return address
    boundary = address[whole] & (0xFF << (8 - rest) & 0xFF)
    return address[:whole] + bytes([boundary]) + b"\x00" * (len(address) - whole - 1)


class Prefix:
    """A network: `address` (4 or 16 bytes, host bits zero) and `length` in bits. A value: never changed once made."""

    def __init__(self, address: bytes, length: int) -> None:
        """Raises AddressError if the length does not fit the address, or host bits are set."""
        if len(address) not in (IPV4_BYTES, IPV6_BYTES):
            raise AddressError("an address has 4 or 16 bytes, not %d" % len(address))
        if not 0 <= length <= len(address) * 8:
            raise AddressError("prefix length %d is not in 0 to %d" % (length, len(address) * 8))
        network = _mask(address, length)
        if network != address:
            raise AddressError(
                "%s/%d has host bits set" % (format_ip(address), length),
                "write %s/%d for the network, or %s/%d for this one host"
                % (format_ip(network), length, format_ip(address), len(address) * 8),
            )
        self.address = address
        self.length = length

    def contains(self, address: bytes) -> bool:
        """True if this address (bytes) lies inside; an address of the other family never does."""
        return len(address) == len(self.address) and _mask(address, self.length) == self.address

    def overlaps(self, other: Prefix) -> bool:
        """True if at least one address lies in both."""
        if self.length <= other.length:
            return self.contains(other.address)
        return other.contains(self.address)

    def holds(self, other: Prefix) -> bool:
        """True if every address of the other lies inside."""
        return other.length >= self.length and self.contains(other.address)

    def span(self) -> tuple[int, int]:
        """First and last address, as numbers."""
        first = int.from_bytes(self.address, "big")
        return first, first + (1 << (8 * len(self.address) - self.length)) - 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Prefix) and self.address == other.address and self.length == other.length

    def __hash__(self) -> int:
        # Numbers: MicroPython's hash of bytes has 8 or 16 bits, and a thousand hosts would look like one another.
        return (int.from_bytes(self.address, "big") * 129 + self.length) % _HASHES

    def __str__(self) -> str:
        return "%s/%d" % (format_ip(self.address), self.length)

    def __repr__(self) -> str:
        return "Prefix(%s)" % self


def network_of(address: bytes, length: int) -> Prefix:
    """The network of an address, host bits cleared. Raises AddressError if the length does not fit the address."""
    return Prefix(_mask(address, length), length)


def parse_prefix(text: str) -> Prefix:
    """The Prefix of `address/length`. Raises AddressError, with the text to write instead where it can be known."""
    slash = text.find("/")
    if slash < 0:
        address = parse_ip(text)
        raise AddressError(
            "'%s' has no prefix length" % text,
            "write %s/%d for one host, or the network with its length" % (format_ip(address), len(address) * 8),
        )
    address = parse_ip(text[:slash])
    tail = text[slash + 1 :]
    length = _parse_decimal(tail.encode(), len(address) * 8)
    if length < 0:
        mask_length = _netmask_length(tail)
        if mask_length >= 0 and len(address) == IPV4_BYTES:
            raise AddressError(
                "'%s' has a netmask where a prefix length belongs" % text[:64],
                "write %s/%d" % (format_ip(_mask(address, mask_length)), mask_length),
            )
        raise AddressError("'%s' has no prefix length from 0 to %d" % (text[:64], len(address) * 8))
    return Prefix(address, length)


def _netmask_length(text: str) -> int:
    """Number of leading ones of `255.255.255.0`; -1 if it is no netmask."""
    raw = _try_parse(text)
    if raw is None or len(raw) != IPV4_BYTES:
        return -1
    for length in range(33):
        if _mask(b"\xff\xff\xff\xff", length) == raw:
            return length
    return -1


# --- spans: rows that begin with the first and the last number of a range ---------------------------------------------


def join_spans(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """In ascending order, those that overlap or touch as one."""
    joined: list[tuple[int, int]] = []
    for low, high in sorted(spans):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined


def find_reaching(spans: Sequence[tuple[Any, ...]], number: int) -> int:
    """Index of the first span that ends at `number` or later, their count if none does. In order, none overlapping."""
    first, last = 0, len(spans)
    while first < last:
        middle = (first + last) // 2
        if spans[middle][1] < number:
            first = middle + 1
        else:
            last = middle
    return first
