"""What an exception must say: whose it is, and something less than the whole rule. It is an exposure by name."""

from __future__ import annotations

from isthmus.config.checks_forced import families_of, mixed, unknown
from isthmus.config.cover import family_of, holds_all, meet, ports_hold_all, ports_meet, whole
from isthmus.config.errors import quote
from isthmus.config.forced import Ports
from isthmus.wire.ip_numbers import TCP, UDP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.config.reader import Draft
    from isthmus.config.sections import Sections
    from isthmus.wire.addr import Prefix

# Who lets all of these past has let everything past that matters.
NEARLY_EVERYTHING = [Ports(TCP, 0, 0), Ports(UDP, 0, 0)]
REMEDY = "name destinations and ports that need it; to end the promise as a whole, remove the rule"


def check_rules(draft: Draft, sections: Sections) -> None:
    """Every rule that is named is there."""
    for name, line in draft.items("rule"):
        if name not in sections.rules:
            unknown(draft, "rule", "forced", name, sections.names("forced"), line)


def check_end(draft: Draft, sections: Sections) -> None:
    """An exception whose time is over is told about: it can go."""
    until = draft.values.get("until")
    if until is not None and sections.now_s and until <= sections.now_s:
        message = "its time was over %s ago: it opens nothing any more" % _span(sections.now_s - until)
        draft.warn("expired", "until", message, "remove the section, or write a later time")


def _span(seconds: int) -> str:
    for word, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            return "%d %s%s" % (seconds // size, word, "" if seconds < 2 * size else "s")
    return "a moment"


def check_swallowing(draft: Draft, sections: Sections) -> None:
    """Something of each rule is left, and the exception is part of the rule."""
    if not draft.ok:
        return
    if not draft.values["to"] and not draft.values["port"]:
        message = "without to and port it lets everything past: nothing would be left of the rule"
        draft.complain("exception-swallows", "", message, REMEDY)
        return
    for name in draft.values["rule"]:
        rule = sections.rules[name]
        if not rule.ok:
            continue
        able = families_of(rule.values["from"])
        for prefix, line in draft.items("to"):
            mixed(draft, "to", prefix, able, line)
        if draft.ok:
            _check_against(draft, rule, able)


def _destinations(rule: Draft, able: list[int]) -> list[Prefix]:
    return rule.values["to"] or whole(able)


def _swallowed(to: list[Prefix], rule: Draft, able: list[int]) -> bool:
    """True if a whole family of the rule's destinations lies in `to`, of which [] is everything."""
    for family in able:
        wanted = [prefix for prefix in _destinations(rule, able) if family_of(prefix) == family]
        if wanted and (not to or holds_all(to, wanted)):
            return True
    return False


def _lets_every_port(draft: Draft, rule: Draft) -> bool:
    return ports_hold_all(draft.values["port"], rule.values["port"] or NEARLY_EVERYTHING)


def _check_against(draft: Draft, rule: Draft, able: list[int]) -> None:
    if _lets_every_port(draft, rule) and _swallowed(draft.values["to"], rule, able):
        option = "to" if draft.values["to"] else "port"
        found = quote(", ".join([str(value) for value in draft.values[option]]))
        message = "with %s it lets everything past that %s (line %d) holds: nothing would be left of the rule"
        draft.complain("exception-swallows", option, message % (found, rule.title, rule.section.line), REMEDY, found)
    elif draft.values["to"] and not meet(draft.values["to"], _destinations(rule, able)):
        message = "none of its destinations is held by %s (line %d): it changes nothing there"
        draft.warn("no-effect", "to", message % (rule.title, rule.section.line), "remove it, or correct list to")
    elif not ports_meet(draft.values["port"], rule.values["port"]):
        message = "none of its ports is held by %s (line %d): it changes nothing there"
        draft.warn("no-effect", "port", message % (rule.title, rule.section.line), "remove it, or correct list port")


EXCEPTION_CHECKS: tuple[Callable[[Draft, Sections], None], ...] = (check_rules, check_end, check_swallowing)


def check_together(sections: Sections) -> None:
    """No rule that several exceptions swallow together."""
    of_rule: dict[str, list[Draft]] = {}
    for draft in sections.of["exception"]:
        for name in draft.values.get("rule") or [] if draft.ok else []:
            of_rule.setdefault(name, []).append(draft)
    for rule in sections.of["forced"]:
        drafts = of_rule.get(rule.name, [])
        if len(drafts) < 2 or not rule.ok:
            continue
        wide = [draft for draft in drafts if _lets_every_port(draft, rule)]
        able = families_of(rule.values["from"])
        to = [prefix for draft in wide for prefix in draft.values["to"]]
        if to and _swallowed(to, rule, able):
            names = ", ".join([draft.title for draft in wide[:5]])
            message = "together with the others (%s) it lets everything past that %s holds: nothing would be left of it"
            wide[-1].complain("exception-swallows", "to", message % (names, rule.title), REMEDY)
