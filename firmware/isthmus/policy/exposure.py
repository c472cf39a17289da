"""Who may use the open Internet that might not before: told to whoever takes a forced rule away or makes it smaller."""

from __future__ import annotations

from isthmus.config.forced import BOUND, MAC, PREFIX
from isthmus.wire.addr import format_ip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.forced import ExceptionConfig, ForcedConfig, Ports, Source

OPEN = "%s may now use the open Internet: %s"
EVERYBODY = 20  # sources named one by one in one answer; of more, the number


def find_exposed(before: list[ForcedConfig], after: list[ForcedConfig]) -> list[str]:
    """A sentence for each source that a change of rules lets out, in the order of the rules of before."""
    said: list[str] = []
    names = {rule.name: rule for rule in after}
    for old in before:
        new = names.get(old.name)
        if new == old:
            continue
        if new is None:
            said += _say(OPEN, uncovered(old.sources, old, after), "rule %s was removed" % old.name)
            continue
        still = set(new.sources)
        gone = [source for source in old.sources if source not in still and not is_within(source, new.sources)]
        said += _say(OPEN, uncovered(gone, old, after), "it was taken out of rule %s" % old.name)
        kept = [source for source in old.sources if source not in set(gone)]
        if not _covers(new, old):
            said += _say(OPEN, uncovered(kept, old, after), "rule %s covers less than before" % old.name)
        said += [_describe(exception, new) for exception in new.exceptions if exception not in old.exceptions]
        if old.ipv6 != "free" and new.ipv6 == "free":
            unknown = [source for source in kept if source.is_ipv4_alone]
            said += _say("IPv6 of " + OPEN, unknown, "option ipv6 of rule %s is 'free'" % old.name)
    return said


def name_source(source: Source) -> str:
    """For people: a host by its address alone."""
    if source.prefix is not None and source.prefix.length == 8 * len(source.prefix.address):
        return format_ip(source.prefix.address)
    return str(source)


def _say(sentence: str, sources: list[Source], why: str) -> list[str]:
    said = [sentence % (name_source(source), why) for source in sources[:EVERYBODY]]
    if len(sources) > EVERYBODY:
        said.append(sentence % ("%d more" % (len(sources) - EVERYBODY), why))
    return said


def _describe(exception: ExceptionConfig, rule: ForcedConfig) -> str:
    text = "%s may now reach %s outside the tunnel: exception %s of rule %s" % (
        ", ".join([name_source(source) for source in rule.sources[:EVERYBODY]]),
        ", ".join([str(prefix) for prefix in exception.to]) or "everything",
        exception.name,
        rule.name,
    )
    if exception.ports:
        text += ", for %s alone" % ", ".join([str(ports) for ports in exception.ports])
    return text


def uncovered(sources: list[Source], old: ForcedConfig, after: list[ForcedConfig]) -> list[Source]:
    """Those that no rule of after holds back as much as the old one did."""
    rules = [rule for rule in after if _covers(rule, old)]
    return [source for source in sources if not any(is_within(source, rule.sources) for rule in rules)]


def is_within(source: Source, others: list[Source]) -> bool:
    """Every packet of this source is one of a single one among the others."""
    for other in others:
        if other == source or (other.kind == MAC and source.kind == BOUND and other.mac == source.mac):
            return True
        if other.kind != PREFIX or source.kind != PREFIX:  # a bound host's IPv6 is held by its MAC alone
            continue
        if other.prefix is not None and source.prefix is not None and other.prefix.holds(source.prefix):
            return True
    return False


def _covers(rule: ForcedConfig, old: ForcedConfig) -> bool:
    """Whatever the old rule held back by destination and port, this one does."""
    if rule.to and (not old.to or not all(any(mine.holds(one) for mine in rule.to) for one in old.to)):
        return False
    return not rule.ports or (bool(old.ports) and _has_all(rule.ports, old.ports))


def _has_all(ports: list[Ports], others: list[Ports]) -> bool:
    return all(any(mine.covers(other) for mine in ports) for other in others)
