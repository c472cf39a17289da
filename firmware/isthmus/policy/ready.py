"""Whether the table is whole: for a moment, while one takes the place of another, look-ups find nothing.

Linux starts the new chains first and fills their ranges last (6.18 and what it was ported back to, and any for ranges
of concatenated values; up to 0.3 ms): sets and maps of networks or of port ranges find nothing until then. And from
that instant on, until the old chains are taken out, old maps of single values are empty. Comparisons, sets of single
values and new maps of those are right all the time.

So where a look-up that fails would let something out, RANGES comes before the first, and MAPS behind the last. Each
asks for something that a whole table has, and drops where it is not found. Ranges are filled in the order of the text:
the one that is asked for stands at its end.
"""

from __future__ import annotations

from isthmus.policy.chain import Chain

RANGES, MAPS = "jump ranges", "jump maps"
_PROTOCOLS = "{ 2-3, 10-11 }"  # every packet: IPv4 is 2, IPv6 is 10 (linux/netfilter.h)
RANGES_FILLED = "meta nfproto " + _PROTOCOLS


def ready_chains(others: list[Chain]) -> list[Chain]:
    """What RANGES and MAPS lead to, to be written behind all others."""
    rules = [rule for chain in others for rule in chain.rules]
    chains = []
    if [rule for rule in rules if rule.endswith(MAPS)]:
        chains.append(Chain("maps", ["meta nfproto vmap { ipv4 : return, ipv6 : return }", "counter drop"]))
    if [rule for rule in rules if rule.endswith(RANGES)]:
        chains.append(Chain("ranges", ["meta nfproto != %s counter drop" % _PROTOCOLS]))
    return chains
