"""Sets of addresses and of ports: what lies in what. Everything here sorts once and then searches."""

from __future__ import annotations

from isthmus.wire.addr import IPV4_BYTES, IPV6_BYTES, Prefix, find_reaching, join_spans

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.forced import Ports

    Span = tuple[int, int]  # first and last of a range, as numbers

EVERY_IPV4 = Prefix(b"\x00" * IPV4_BYTES, 0)
EVERY_IPV6 = Prefix(b"\x00" * IPV6_BYTES, 0)
LAST_PORT = 65535


def family_of(prefix: Prefix) -> int:
    """4 or 16, the bytes of its addresses."""
    return len(prefix.address)


def whole(families: list[int]) -> list[Prefix]:
    """Everything there is in these families."""
    return [EVERY_IPV4 if family == IPV4_BYTES else EVERY_IPV6 for family in families]


class Ranges:
    """Prefixes with something known of each, to be found by what lies in them. Of nested ones the outermost counts."""

    def __init__(self, rows: list[tuple[Prefix, object]]) -> None:
        self.spans: dict[int, list[tuple[int, int, Prefix, object]]] = {IPV4_BYTES: [], IPV6_BYTES: []}
        order = sorted([(row[0].address, row[0].length, index) for index, row in enumerate(rows)])
        for _, _, index in order:
            prefix, known = rows[index]
            low, high = prefix.span()
            spans = self.spans[family_of(prefix)]
            if not spans or spans[-1][1] < low:
                spans.append((low, high, prefix, known))

    def touching(self, prefix: Prefix) -> tuple[Prefix, object] | None:
        """The first that has an address in common with `prefix`, and what is known of it."""
        low, high = prefix.span()
        found = self._at(family_of(prefix), low)
        return (found[2], found[3]) if found is not None and found[0] <= high else None

    def holding(self, prefix: Prefix) -> tuple[Prefix, object] | None:
        """The one that holds all of `prefix`."""
        low, high = prefix.span()
        found = self._at(family_of(prefix), low)
        return (found[2], found[3]) if found is not None and found[0] <= low and high <= found[1] else None

    def _at(self, family: int, low: int) -> tuple[int, int, Prefix, object] | None:
        """The first span that ends at `low` or later."""
        spans = self.spans[family]
        at = find_reaching(spans, low)
        return spans[at] if at < len(spans) else None


def holds_all(outer: list[Prefix], inner: list[Prefix]) -> bool:
    """True if every address of `inner` lies in `outer`, by several of them together if need be."""
    wanted = [(family_of(prefix), prefix.span()) for prefix in inner]
    return _hold_all([(family_of(prefix), prefix.span()) for prefix in outer], wanted)


def _hold_all(outer: list[tuple[int, Span]], inner: list[tuple[int, Span]]) -> bool:
    """The same for spans, each with a number of what it is about: only those of one number touch each other."""
    spans: dict[int, list[Span]] = {}
    for about, span in outer:
        spans.setdefault(about, []).append(span)
    joined = {about: join_spans(spans[about]) for about in spans}
    for about, (low, high) in inner:
        row = joined.get(about, [])
        at = find_reaching(row, high)
        if at == len(row) or row[at][0] > low:
            return False
    return True


def meet(one: list[Prefix], two: list[Prefix]) -> bool:
    """True if they have an address in common."""
    ranges = Ranges([(prefix, None) for prefix in one])
    return any(ranges.touching(prefix) is not None for prefix in two)


def _port_span(ports: Ports) -> Span:
    """Lowest and highest port; port 0 is nobody's, so that 1 to 65535 are all."""
    return (1, LAST_PORT) if not ports.high else (ports.low, ports.high)


def ports_hold_all(outer: list[Ports], inner: list[Ports]) -> bool:
    """True if every packet of `inner` is one of `outer`; [] means every packet."""
    if not outer:
        return True
    if not inner:
        return False
    wanted = [(ports.protocol, _port_span(ports)) for ports in inner]
    return _hold_all([(ports.protocol, _port_span(ports)) for ports in outer], wanted)


def ports_meet(one: list[Ports], two: list[Ports]) -> bool:
    """True if some packet is of both; [] means every packet."""
    if not one or not two:
        return True
    for first in one:
        for second in two:
            if first.overlaps(second):
                return True
    return False
