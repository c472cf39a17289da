"""What is let pass for VPN programs behind the router must be said once, and be possible."""

from __future__ import annotations

from isthmus.config.checks_forced import check_sources
from isthmus.config.cover import IPV4_BYTES, family_of
from isthmus.config.errors import quote
from isthmus.config.passthrough import BLOCK, HELPER, PPTP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.config.reader import Draft
    from isthmus.config.sections import Sections


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
            remedy += "; if it must be PPTP, option action 'helper' lets more than one client work at a time"
        draft.warn("broken-protocol", "protocol", message, remedy)


PASSTHROUGH_CHECKS: tuple[Callable[[Draft, Sections], None], ...] = (check_helper, check_sources)


def check_contradictions(sections: Sections) -> None:
    """For one protocol, direction and host the first section decides: a later one that it makes void is refused."""
    seen: dict[object, Draft] = {}
    for draft in sections.of["passthrough"]:
        values = draft.values
        if not draft.ok:
            continue
        directions = ("out", "in") if values["direction"] == "both" else (values["direction"],)
        sources: list[tuple[object, int]] = draft.items("from") or [(None, draft.section.line)]
        for source, line in sources:
            found = [_first(seen, values["protocol"], direction, source) for direction in directions]
            decided = [each for each in found if each is not None]
            if decided:
                _tell(draft, decided[0], source, line, len(decided) == len(found))
                break
        for source, _ in sources:
            for direction in directions:
                seen.setdefault((values["protocol"], direction, source), draft)


def _first(seen: dict[object, Draft], protocol: str, direction: str, source: object) -> Draft | None:
    """The section that decides already: about this host, or about everybody."""
    return seen.get((protocol, direction, None)) or seen.get((protocol, direction, source))


def _tell(draft: Draft, first: Draft, source: object, line: int, is_void: bool) -> None:
    who = "everybody" if source is None else str(source)
    what = "%s decides about %s for %s already (line %d)" % (
        first.title, draft.values["protocol"], who, first.section.line)  # fmt: skip
    if first.values["action"] == draft.values["action"]:
        draft.warn("repeated-item", "from", what, "remove one of the two", line)
    elif not is_void:
        draft.warn("overlapping-rules", "direction", what, "write the direction that is meant in each of the two", line)
    else:
        message = "%s, with action %s: this one would never apply" % (what, first.values["action"])
        remedy = "put the section for single hosts first, or remove one of the two"
        draft.complain("contradiction", "action", message, remedy, quote(draft.values["action"]), line=line)
