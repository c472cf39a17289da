"""Whose packet is it: the sources of all forced rules, turned around, so that one look-up a class finds the rules.

Three classes, asked in this order: the MAC address (with the IPv4 address bound to it), the address, the interface of
arrival. What a look-up finds is a list of rules in file order: the first whose destination and ports fit decides. If
none fits, the next class is asked.
"""

from __future__ import annotations

from isthmus.config.forced import BOUND, INTERFACE, MAC, PREFIX
from isthmus.policy.spans import FAMILIES, format_all, join, pieces
from isthmus.wire.addr import IPV4_BYTES, IPV6_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.forced import ForcedConfig, Source
    from isthmus.policy.spans import Piece

    Numbers = tuple[int, ...]  # of rules, in file order

WHOLE = ("0.0.0.0/0", "::/0")
NAMELESS = bytes(IPV4_BYTES)  # the source of a host that has no address yet


class Sources:
    """`rules`, looked up by source.

    macs: MAC -> rules, for MACs without a bound address; bound_macs: MAC -> rules, those with one: what their IPv6
    meets; bound: (MAC, IPv4 address) -> rules; pieces4, pieces6: ranges of addresses, each with its rules; interfaces:
    name -> rules. All are lists in a stable order. `blocking`: rules whose hosts are known by IPv4 alone, so that the
    IPv6 of all LANs is held back.
    """

    def __init__(self, rules: list[ForcedConfig]) -> None:
        self.rules = rules
        self.blocking: list[int] = []
        by_mac: dict[bytes, set[int]] = {}
        by_pair: dict[tuple[bytes, bytes], set[int]] = {}
        by_name: dict[str, set[int]] = {}
        covers = []
        for kind, source, number in self._all():
            prefix = source.prefix
            if kind in {MAC, BOUND}:
                by_mac.setdefault(source.mac, set()).add(number)
            if kind == INTERFACE:
                by_name.setdefault(source.ifname, set()).add(number)
            if kind == BOUND and prefix is not None:
                by_pair.setdefault((source.mac, prefix.address), set()).add(number)
            if kind == PREFIX and prefix is not None:
                covers.append((prefix, number))
        tied: dict[bytes, list[set[int]]] = {}
        for (mac, _), numbers in by_pair.items():
            tied.setdefault(mac, []).append(numbers)
        for kind, source, number in self._all():
            if kind == MAC:  # a MAC's rules hold for the addresses bound to it, too
                for numbers in tied.get(source.mac, []):
                    numbers.add(number)
        self.macs = [(mac, self._in_order(by_mac[mac])) for mac in sorted(by_mac) if mac not in tied]
        self.bound_macs = [(mac, self._in_order(by_mac[mac])) for mac in sorted(tied)]
        self.bound = [(pair, self._in_order(by_pair[pair])) for pair in sorted(by_pair)]
        self.pieces4: list[Piece] = self._pieces(pieces(covers, IPV4_BYTES))
        self.pieces6: list[Piece] = self._pieces(pieces(covers, IPV6_BYTES))
        self.interfaces = [(name, self._in_order(by_name[name])) for name in sorted(by_name)]

    def _all(self) -> list[tuple[str, Source, int]]:
        """Every source with its kind and its rule; notes which rules cannot know their hosts' IPv6 addresses."""
        found = []
        for number, rule in enumerate(self.rules):
            for source in rule.sources:
                found.append((source.kind, source, number))
                if source.is_ipv4_alone and rule.ipv6 == "block" and number not in self.blocking:
                    self.blocking.append(number)
        return found

    def _in_order(self, numbers: set[int]) -> Numbers:
        """In file order, up to the first rule that nothing gets past."""
        out: list[int] = []
        for number in sorted(numbers):
            out.append(number)
            if is_whole(self.rules[number]):
                break
        return tuple(out)

    def _pieces(self, found: list[Piece]) -> list[Piece]:
        return join([(first, last, self._in_order(set(numbers))) for first, last, numbers in found])

    def bound_addresses(self) -> list[bytes]:
        """IPv4 addresses that one MAC alone may use."""
        return sorted({address for (_, address), _ in self.bound})


def is_whole(rule: ForcedConfig) -> bool:
    """Whether it takes every packet of its sources."""
    return not rule.to and not rule.ports


def wide_families(rule: ForcedConfig) -> list[int]:
    """Of which families it takes every destination: 4, 16, bytes of an address."""
    return [size for (_, size), whole in zip(FAMILIES, WHOLE) if not rule.to or format_all(rule.to, size) == [whole]]
