"""Rules that hold the same hosts: which of them wins, and where one takes all from another.

What tells hosts apart is asked in the order MAC address, network, interface, and within one of these in file order.
Only rules that meet within one of the three can be in each other's way.
"""

from __future__ import annotations

from isthmus.config.checks_forced import families_of
from isthmus.config.cover import family_of, holds_all, meet, ports_hold_all, ports_meet, whole
from isthmus.config.errors import quote
from isthmus.config.forced import BOUND, INTERFACE, MAC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.config.forced import Source
    from isthmus.config.reader import Draft
    from isthmus.config.sections import Sections
    from isthmus.wire.addr import Prefix

    Row = tuple[int, Source, int]  # rule's place in the file, source, line
    Meet = Callable[[Row, Row, bool, bool], None]

# How the traffic of an earlier rule stands to that of a later one: bits, HOLDS and LIES_IN both if they are the same.
APART, MEETS, HOLDS, LIES_IN = 0, 1, 2, 4


class _Order:
    """The rules of a file, compared two by two and each pair once."""

    def __init__(self, rules: list[Draft]) -> None:
        self.rules = rules
        self.known: dict[tuple[int, int], int] = {}
        self.told: set[tuple[int, int]] = set()

    def traffic(self, first: int, second: int) -> int:
        """How `to` and `port` of the earlier rule stand to those of the later one."""
        pair = (first, second)
        if pair not in self.known:
            self.known[pair] = _compare(self.rules[first], self.rules[second])
        return self.known[pair]

    def meet(self, one: Row, two: Row, one_holds: bool, two_holds: bool) -> None:
        """Tell what follows if two sources meet; holds: all of the other one lies in it."""
        if one[0] == two[0]:
            return
        if one[0] > two[0]:
            one, two, one_holds, two_holds = two, one, two_holds, one_holds
        traffic = self.traffic(one[0], two[0])
        earlier, later = self.rules[one[0]], self.rules[two[0]]
        same_way = earlier.values["via"] == later.values["via"]
        if traffic == APART:
            return
        if traffic & HOLDS and one_holds:
            self._tell_dead(earlier, later, two, one, same_way)
        elif same_way or (two_holds and traffic & LIES_IN) or (one[0], two[0]) in self.told:
            return  # the special case before the general one, as it should be
        else:
            self.told.add((one[0], two[0]))
            message = "%s is held by %s too (line %d), which stands first and wins where both apply: via %s"
            message = message % (two[1], earlier.title, one[2], ", ".join(earlier.values["via"]))
            remedy = "change the order of the two if you mean it otherwise"
            later.warn("overlapping-rules", "from", message, remedy, two[2])

    def _tell_dead(self, earlier: Draft, later: Draft, row: Row, by: Row, same_way: bool) -> None:
        if same_way:
            message = "%s is held by %s already (line %d): here it changes nothing" % (row[1], earlier.title, by[2])
            later.warn("repeated-item", "from", message, "remove one of the two", row[2])
            return
        message = "%s is held by %s already (line %d), which stands first and goes via %s: here it would never apply"
        message = message % (row[1], earlier.title, by[2], ", ".join(earlier.values["via"]))
        remedy = "remove it from one of the rules, or put this rule first"
        later.complain("contradiction", "from", message, remedy, quote(str(row[1])), line=row[2])


def _compare(earlier: Draft, later: Draft) -> int:
    if not (earlier.values["to"] or later.values["to"] or earlier.values["port"] or later.values["port"]):
        return MEETS | HOLDS | LIES_IN
    able = families_of(earlier.values["from"] + later.values["from"])
    to_one: list[Prefix] = earlier.values["to"] or whole(able)
    to_two: list[Prefix] = later.values["to"] or whole(able)
    ports_one, ports_two = earlier.values["port"], later.values["port"]
    if not meet(to_one, to_two) or not ports_meet(ports_one, ports_two):
        return APART
    stands = MEETS
    if holds_all(to_one, to_two) and ports_hold_all(ports_one, ports_two):
        stands |= HOLDS
    if holds_all(to_two, to_one) and ports_hold_all(ports_two, ports_one):
        stands |= LIES_IN
    return stands


def check_order(sections: Sections) -> None:
    """No rule that never applies because an earlier one has its hosts; what two rules share is told."""
    rules = sections.of["forced"]
    order = _Order(rules)
    named: dict[object, list[Row]] = {}
    networks: list[Row] = []
    bound: dict[object, Row] = {}
    for index in range(len(rules)):
        draft = rules[index]
        for source, line in draft.items("from") if draft.ok else []:
            row = (index, source, line)
            if source.kind in (MAC, BOUND, INTERFACE):
                named.setdefault(source.host, []).append(row)
            else:
                networks.append(row)
            if source.kind == BOUND:
                _check_binding(rules, bound.setdefault(source.prefix, row), row)
    for rows in named.values():
        meet_named(rows, order.meet)
    meet_networks(networks, order.meet)


def _check_binding(rules: list[Draft], first: Row, row: Row) -> None:
    if first[0] != row[0] and first[1].mac != row[1].mac:
        message = "%s (line %d) binds %s to another MAC address: each host would shut the other out"
        message = message % (rules[first[0]].title, first[2], row[1].prefix)
        found = quote(str(row[1]))
        rules[row[0]].complain("contradiction", "from", message, "remove one of the two", found, line=row[2])


def meet_named(rows: list[Row], meet: Meet) -> None:
    """Call meet(one, two, one holds two, two holds one) for sources with one MAC address, or one interface."""
    for at in range(1, len(rows)):
        for before in range(at):
            one, two = rows[before][1], rows[at][1]
            # Who is bound to an address has no other one in IPv4: a rule for the MAC address alone means the same host.
            holds = one == two or one.kind != BOUND or two.kind != BOUND
            meet(rows[before], rows[at], holds, holds)


def meet_networks(rows: list[Row], meet: Meet) -> None:
    """The same for networks. Of nested ones in one rule the outermost speaks for all that lies in it.

    Sorted, a network that holds another stands before it, so a stack of the open ones is enough.
    """
    same: dict[Prefix, list[Row]] = {}
    for row in rows:
        if row[1].prefix is not None:
            same.setdefault(row[1].prefix, []).append(row)
    order = sorted(
        [(family_of(prefix), prefix.address, prefix.length, prefix) for prefix in same], key=lambda key: key[:3]
    )
    stack: list[tuple[Prefix, list[int]]] = []  # with the rules that it has opened
    outermost: dict[int, Row] = {}
    for _, address, _, prefix in order:
        while stack and not stack[-1][0].contains(address):
            for number in stack.pop()[1]:
                del outermost[number]
        here = same[prefix]
        outer = list(outermost.values())
        for at in range(len(here)):
            for row in outer:
                meet(row, here[at], True, False)
            for before in range(at):
                meet(here[before], here[at], True, True)
        opened = [row[0] for row in here if row[0] not in outermost]
        for row in here:
            outermost.setdefault(row[0], row)
        stack.append((prefix, opened))
