"""Ranges of addresses: prefixes that overlap become ranges that do not, each with everything that covers it.

An nft map takes no two keys that overlap. So the whole space is cut where any prefix begins or ends, and each piece is
given the list of all that hold it: one look-up tells everything about an address.
"""

from __future__ import annotations

from isthmus.wire.addr import IPV4_BYTES, IPV6_BYTES, find_reaching, format_ip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.wire.addr import Prefix

    Piece = tuple[int, int, tuple[int, ...]]  # first and last address as numbers, and who covers them, ascending

FAMILIES = (("ip", IPV4_BYTES), ("ip6", IPV6_BYTES))  # nft's word, bytes of an address


def pieces(covers: list[tuple[Prefix, int]], size: int) -> list[Piece]:
    """The pieces of every prefix with addresses of `size` bytes, in ascending order, neighbours of one list joined.

    covers: prefixes, each with a number of who it belongs to.
    """
    changes: dict[int, list[tuple[int, int]]] = {}
    for prefix, owner in covers:
        if len(prefix.address) == size:
            first, last = prefix.span()
            changes.setdefault(first, []).append((owner, 1))
            changes.setdefault(last + 1, []).append((owner, -1))
    edges = sorted(changes)
    open_now: dict[int, int] = {}
    found: list[Piece] = []
    for index in range(len(edges) - 1):
        for owner, step in changes[edges[index]]:
            open_now[owner] = open_now.get(owner, 0) + step
            if not open_now[owner]:
                open_now.pop(owner)
        if open_now:
            found.append((edges[index], edges[index + 1] - 1, tuple(sorted(open_now))))
    return join(found)


def join(found: list[Piece]) -> list[Piece]:
    """Neighbours with the same list become one piece."""
    joined: list[Piece] = []
    for low, high, owners in found:
        before = joined[-1] if joined else None
        if before is not None and before[1] + 1 == low and before[2] == owners:
            joined[-1] = (before[0], high, owners)
        else:
            joined.append((low, high, owners))
    return joined


def find_piece(found: list[Piece], address: bytes) -> tuple[int, ...]:
    """Who covers this address; `found` is of its family."""
    number = int.from_bytes(address, "big")
    at = find_reaching(found, number)
    return found[at][2] if at < len(found) and found[at][0] <= number else ()


def format_span(first: int, last: int, size: int) -> str:
    """As nft reads it: an address, a prefix where the range is one, else FIRST-LAST."""
    low = format_ip(first.to_bytes(size, "big"))
    if first == last:
        return low
    count, length = last - first + 1, 8 * size
    if first % count == 0 and count & (count - 1) == 0:
        while count > 1:
            count >>= 1
            length -= 1
        return "%s/%d" % (low, length)
    return "%s-%s" % (low, format_ip(last.to_bytes(size, "big")))


def format_all(prefixes: list[Prefix], size: int) -> list[str]:
    """The addresses of `size` bytes that any of these holds, each once."""
    whole = [(prefix, 0) for prefix in prefixes]
    return [format_span(first, last, size) for first, last, _ in pieces(whole, size)]


def format_numbers(prefixes: list[Prefix], size: int) -> list[str]:
    """The same for nft to compare with bytes that it has no name for: numbers and ranges of them."""
    whole = [(prefix, 0) for prefix in prefixes]
    digits = "0x%%0%dx" % (2 * size)
    out = []
    for first, last, _ in pieces(whole, size):
        out.append(digits % first if first == last else (digits + "-" + digits) % (first, last))
    return out
