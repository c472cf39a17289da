"""A network that is free: for the remedies that propose one."""

from __future__ import annotations

from isthmus.config.cover import Ranges
from isthmus.wire.addr import IPV4_BYTES, Prefix

# Where proposals come from, of what RFC 1918 gives out: what home routers choose by themselves comes last.
REGIONS = (
    (0x0A420000, 0x0AFFFFFF),  # 10.66.0.0 to 10.255.255.255
    (0xAC100000, 0xAC1FFFFF),  # 172.16.0.0/12
    (0xC0A80000, 0xC0A8FFFF),  # 192.168.0.0/16
)
SMALLEST = 256  # addresses from one proposal to the next, so that they differ in a byte that people look at


def free_networks(length: int, taken: Ranges, count: int) -> list[Prefix]:
    """Up to `count` IPv4 networks of that length that touch nothing taken, in order; [] for lengths under 16."""
    if not 16 <= length <= 32:
        return []
    size = max(1 << (32 - length), SMALLEST)
    found: list[Prefix] = []
    for first, last in REGIONS:
        # People read 10.66.1.0/24 as the first of several.
        at = first + (SMALLEST if size == SMALLEST else 0)
        while at + size - 1 <= last and len(found) < count:
            candidate = Prefix(at.to_bytes(IPV4_BYTES, "big"), length)
            hit = taken.touching(candidate)
            if hit is None:
                found.append(candidate)
                at += size
            else:
                # On behind what is in the way, on a boundary of our own.
                last_taken = hit[0].span()[1]
                at = max(at + size, (last_taken + size) // size * size)
    return found
