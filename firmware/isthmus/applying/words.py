"""What a change means, for people: who loses what, which tunnels begin anew, who may do what from then on.

Each row is (kind, sentence). kind: OPENS what a confirmation opens, LEADS what leads packets elsewhere from the first
moment on (leading.py), CLOSES what is held from then on, RESTARTS a tunnel that is interrupted, NOTE the rest.
"""

from __future__ import annotations

from isthmus.applying.leading import (
    changed_values,
    end_of,
    every,
    leads_elsewhere,
    listed,
    moved,
    new_tunnel,
    passthroughs,
    rule_values,
)
from isthmus.config.forced import INTERFACE, PREFIX
from isthmus.config.model import Changes, changed_fields
from isthmus.policy.exposure import find_exposed, name_source, uncovered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.forced import ForcedConfig, Source
    from isthmus.config.model import Config, SectionChanges, TunnelConfig
    from isthmus.wire.addr import Prefix

    Row = tuple[str, str]
    Neighbours = list[tuple[str, bytes, bytes]]  # kernel.neighbours()

OPENS, LEADS, CLOSES, RESTARTS, NOTE = "opens", "leads", "closes", "restarts", "note"

# Attributes that are not called as the option is.
OPTIONS = {
    "remotes": "remote", "local_address": "local", "local_subnets": "local_subnet", "remote_subnets": "remote_subnet",
    "ike_proposals": "ike_proposal", "esp_proposals": "esp_proposal", "initiates": "role", "responds": "role",
    "force_encap": "encap", "fragment": "fragment_size", "static": "session", "mode": "session",
    "child_lifetime_ms": "child_lifetime", "ike_lifetime_ms": "ike_lifetime", "reauth_ms": "reauth_time",
    "dpd_ms": "dpd_interval", "retransmit_ms": "retransmit_timeout", "lans": "lan", "sources": "from", "ports": "port",
    "router_ports": "router_port", "exceptions": "exceptions", "shown": "as", "names": "name",
}  # fmt: skip


def consequences(
    old: Config, new: Config, up: list[str], soft: tuple[str, ...], neighbours: Neighbours
) -> list[Row]:
    """up: tunnels that are; soft: fields of a tunnel that change without a break; neighbours: whom the router knows."""
    changes = Changes(old, new)
    rows = [(OPENS, sentence) for sentence in find_exposed(old.forced, new.forced)]
    rows += [(LEADS, sentence) for sentence in moved(old, new)]
    for rule in new.forced:
        rows += _held(rule, uncovered(rule.sources, rule, old.forced), neighbours)
    rows += _tunnels(old, new, changes, up, soft)
    rows += _rules(old, new, changes.sections["forced"])
    for opens, sentence in passthroughs(old, new, changes.sections["passthrough"]):
        rows.append((OPENS if opens else NOTE, sentence))
    rows += _aliases(new, changes.sections["alias"])
    for field in changes.globals:
        rows.append(_site(old, new, field))
    return rows


def _site(old: Config, new: Config, field: str) -> Row:
    """Of section globals. What is among the site's own networks is reached outside every tunnel."""
    if field != "lans":
        return NOTE, "option %s changes" % OPTIONS.get(field, field)
    before, after = old.globals.lans, new.globals.lans
    is_more = bool(new.forced) and bool([name for name in after if name not in before])
    return OPENS if is_more else NOTE, "the site's own networks are %s instead of %s" % (every(after), every(before))


def _held(rule: ForcedConfig, sources: list[Source], neighbours: Neighbours) -> list[Row]:
    """Who is held now and was not."""
    if not sources:
        return []
    single = [source for source in sources if _is_host(source)]
    groups = [source for source in sources if not _is_host(source)]
    what = "lose direct Internet" if not rule.to else "lose the direct way to %s" % listed([str(to) for to in rule.to])
    where = "tunnel %s, or nowhere (rule %s)" % (" or ".join(rule.via), rule.name)
    rows = []
    if single:
        names = listed([name_source(source) for source in single])
        if len(single) == 1:
            what_one = what.replace("lose", "loses", 1)
            rows.append((CLOSES, "1 device %s: %s goes through %s" % (what_one, names, where)))
        else:
            rows.append((CLOSES, "%d devices %s: %s go through %s" % (len(single), what, names, where)))
    for source in groups:
        seen = _count(source, neighbours)
        known = "%d of them known now" % seen if seen else "none of them known now"
        behind = "behind" if source.kind == INTERFACE else "in"
        text = "all devices %s %s (%s) %s: they go through %s"
        rows.append((CLOSES, text % (behind, name_source(source), known, what, where)))
    return rows


def _is_host(source: Source) -> bool:
    if source.kind != PREFIX:
        return source.kind != INTERFACE
    return source.prefix is not None and source.prefix.length == 8 * len(source.prefix.address)


def _count(source: Source, neighbours: Neighbours) -> int:
    """How many MAC addresses this router knows among them."""
    found = set()
    for ifname, address, mac in neighbours:
        if source.ifname == ifname or (source.prefix is not None and source.prefix.contains(address)):
            found.add(int.from_bytes(mac, "big"))
    return len(found)


def _tunnels(old: Config, new: Config, changes: Changes, up: list[str], soft: tuple[str, ...]) -> list[Row]:
    rows = []
    for name in changes.removed:
        before = old.get(name)
        if before is not None:
            rows.append((RESTARTS, "tunnel %s goes%s" % (name, _without(before.remote_subnets))))
    for name in changes.added:
        after = new.get(name)
        if after is not None:
            rows.append((LEADS, new_tunnel(after)))
    for name in changes.changed:
        before, after = old.get(name), new.get(name)
        if before is not None and after is not None:
            rows.append(_changed(before, after, name in up, soft))
    return rows


def _changed(before: TunnelConfig, after: TunnelConfig, is_up: bool, soft: tuple[str, ...]) -> Row:
    fields = [field for field in changed_fields(before, after) if field != "enabled"]
    text = _what(before, after, fields)
    kind = LEADS if leads_elsewhere(before, after, fields) else RESTARTS
    if before.enabled and not after.enabled:
        return kind, "tunnel %s is switched off%s%s" % (after.name, text, _without(before.remote_subnets))
    if after.enabled and not before.enabled:
        text = text or ": it leads to %s, with networks %s" % (end_of(after), every(after.remote_subnets))
        return LEADS, "tunnel %s is switched on%s" % (after.name, text)
    if not [field for field in fields if field not in soft]:
        lost = [subnet for subnet in before.remote_subnets if subnet not in after.remote_subnets]
        text = "tunnel %s goes on without a break%s%s" % (after.name, text, _without(lost))
        return LEADS if kind == LEADS else NOTE, text
    how = "is interrupted and built anew" if is_up else "begins anew"
    return kind, "tunnel %s %s%s" % (after.name, how, text)


def _what(before: TunnelConfig, after: TunnelConfig, fields: list[str]) -> str:
    """What is another one: with values where they say who is at the other end; never a key."""
    values = changed_values(before, after)
    told = [field for field, _ in values]
    names = sorted({OPTIONS.get(field, field) for field in fields if field not in told})
    if "role" in names and bool(before.remotes) != bool(after.remotes):
        names.remove("role")  # it calls, or does not, because it is told whom, or no more
    parts = [text for _, text in values]
    parts += ["with another %s" % listed(names)] if names else []
    if not parts:
        return ""
    return (", " if parts[0].startswith("with ") else ": ") + ", ".join(parts)


def _without(subnets: list[Prefix]) -> str:
    return ": nobody reaches %s through it any more" % listed([str(subnet) for subnet in subnets]) if subnets else ""


def _rules(old: Config, new: Config, changes: SectionChanges) -> list[Row]:
    """What the sentences about devices do not say."""
    rows = [(NOTE, "rule %s goes" % name) for name in changes.removed]
    before, after = {rule.name: rule for rule in old.forced}, {rule.name: rule for rule in new.forced}
    for name in changes.changed:
        values = rule_values(before[name], after[name])
        words = []
        for field in changes.fields[name]:
            word = OPTIONS.get(field, field)
            words.append("%s %s" % (word, values[field]) if field in values else word)
        rows.append((LEADS if "dns" in values else NOTE, "rule %s changes: %s" % (name, ", ".join(words))))
    if changes.is_reordered:
        order = every([rule.name for rule in new.forced])
        rows.append((LEADS, "the rules stand in another order, which decides between their tunnels: %s" % order))
    return rows


def _aliases(new: Config, changes: SectionChanges) -> list[Row]:
    rows = [(NOTE, "alias %s goes" % name) for name in changes.removed]
    for row in new.aliases:
        if row.name in changes.added or row.name in changes.changed:
            verb = "is new" if row.name in changes.added else "changes"
            values = (row.name, verb, row.side, row.subnet, row.tunnel, row.shown)
            rows.append((NOTE, "alias %s %s: %s network %s of tunnel %s appears as %s" % values))
    return rows
