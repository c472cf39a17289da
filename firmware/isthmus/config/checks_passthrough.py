"""What is let pass for VPN programs behind the router must be said once, and be possible."""

from __future__ import annotations

from isthmus.config.checks_forced import check_sources
from isthmus.config.checks_order import meet_named, meet_networks
from isthmus.config.cover import family_of
from isthmus.config.errors import quote
from isthmus.config.forced import INTERFACE, PREFIX, Source
from isthmus.config.passthrough import BLOCK, HELPER, PPTP
from isthmus.wire.addr import IPV4_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.config.checks_order import Row
    from isthmus.config.reader import Draft
    from isthmus.config.sections import Sections

EVERYBODY = Source(INTERFACE)  # no `from`


def check_helper(draft: Draft, sections: Sections) -> None:
    """Only PPTP has a helper, it has IPv4 alone, and whoever lets it pass is told what it is worth."""
    del sections
    protocol, action = draft.values.get("protocol"), draft.values.get("action")
    if protocol is None or action is None:
        return
    if action == HELPER and protocol != PPTP:
        message = "%s needs no helper: the router's address translation follows it by itself" % protocol
        allowed = "helper for pptp only"
        draft.complain("helper", "action", message, "write option action 'allow'", quote(action), allowed)
    if protocol != PPTP:
        return
    for source, line in draft.items("from"):
        if source.prefix is not None and family_of(source.prefix) != IPV4_BYTES:
            message = "%s is IPv6, and PPTP passes in IPv4 alone" % source
            draft.complain("mixed-families", "from", message, "name the host by its IPv4 or MAC address", line=line)
    if action != BLOCK:
        message = "the encryption of PPTP has been broken since 2012: whoever records a connection can read it"
        remedy = "let these clients use IPsec or WireGuard"
        if action != HELPER:
            remedy += "; if it must be PPTP, option action 'helper' is what brings its answers back through NAT"
        draft.warn("broken-protocol", "protocol", message, remedy)


PASSTHROUGH_CHECKS: tuple[Callable[[Draft, Sections], None], ...] = (check_helper, check_sources)


class _Order:
    """The sections of a file. For one protocol and direction, who stands first decides about a host."""

    def __init__(self, drafts: list[Draft]) -> None:
        self.drafts = drafts
        self.told: set[tuple[int, int]] = set()

    def meet(self, one: Row, two: Row, one_holds: bool, two_holds: bool) -> None:
        """Two sources that meet; tell if the earlier one takes all from the later."""
        if one[0] > two[0]:
            one, two, one_holds = two, one, two_holds
        if one[0] == two[0] or not one_holds or (one[0], two[0]) in self.told:
            return
        first, second = self.drafts[one[0]], self.drafts[two[0]]
        ways, others = _ways(second), _ways(first)
        taken = [way for way in ways if way in others]
        if first.values["protocol"] != second.values["protocol"] or not taken:
            return
        self.told.add((one[0], two[0]))
        self._tell(first, second, two, taken, ways)

    def _tell(self, first: Draft, second: Draft, row: Row, taken: list[str], ways: list[str]) -> None:
        who, line = str(row[1]) if row[1] != EVERYBODY else "everybody", row[2]
        what = "%s decides about %s %s for %s already (line %d)"
        what = what % (first.title, second.values["protocol"], " and ".join(taken), who, first.section.line)
        remedy, found = "remove one of the two", quote(second.values["action"])
        if first.values["action"] == second.values["action"]:
            second.warn("repeated-item", "from", what, remedy, line)
        elif taken != ways:
            remedy = "write the direction that is meant in each of the two"
            second.warn("overlapping-rules", "direction", what, remedy, second.line_of("direction"))
        else:
            message = "%s, with action %s: this one would never apply" % (what, first.values["action"])
            remedy = "put the section for fewer hosts first, or remove one of the two"
            second.complain("contradiction", "action", message, remedy, found, line=line)


def _ways(draft: Draft) -> list[str]:
    return ["out", "in"] if draft.values["direction"] == "both" else [draft.values["direction"]]


def check_contradictions(sections: Sections) -> None:
    """No section that never applies because an earlier one says something else about the same hosts.

    As with rules, MAC addresses are asked before networks, those before interfaces, and everybody comes last.
    """
    drafts = sections.of["passthrough"]
    order = _Order(drafts)
    named: dict[object, list[Row]] = {}
    networks: list[Row] = []
    for index in range(len(drafts)):
        draft = drafts[index]
        sources = draft.items("from") or [(EVERYBODY, draft.section.line)]
        for source, line in sources if draft.ok else []:
            row = (index, source, line)
            if source.kind == PREFIX:
                networks.append(row)
            else:
                named.setdefault(source.host, []).append(row)
    for rows in named.values():
        meet_named(rows, order.meet)
    meet_networks(networks, order.meet)
