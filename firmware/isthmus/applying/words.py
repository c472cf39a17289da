"""What a change means, for people: who loses what, which tunnels begin anew, who may do what from then on.

Each row is (kind, sentence). kind: OPENS what a confirmation opens, CLOSES what is held from the first moment on,
RESTARTS a tunnel that is interrupted, NOTE the rest.
"""

from __future__ import annotations

from isthmus.config.forced import INTERFACE, PREFIX
from isthmus.config.model import Changes, changed_fields
from isthmus.policy.exposure import EVERYBODY, find_exposed, name_source, uncovered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.forced import ForcedConfig, Source
    from isthmus.config.model import Config, SectionChanges, TunnelConfig
    from isthmus.wire.addr import Prefix

    Row = tuple[str, str]
    Neighbours = list[tuple[str, bytes, bytes]]  # kernel.neighbours()

OPENS, CLOSES, RESTARTS, NOTE = "opens", "closes", "restarts", "note"

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
    for rule in new.forced:
        rows += _held(rule, uncovered(rule.sources, rule, old.forced), neighbours)
    rows += _tunnels(old, new, changes, up, soft)
    rows += _rules(changes.sections["forced"])
    for word in ("passthrough", "alias"):
        rows += _sections(word, changes.sections[word])
    for field in changes.globals:
        rows.append((NOTE, "the site's own networks are others" if field == "lans" else "option %s changes" % field))
    return rows


def _held(rule: ForcedConfig, sources: list[Source], neighbours: Neighbours) -> list[Row]:
    """Who is held now and was not."""
    if not sources:
        return []
    single = [source for source in sources if _is_host(source)]
    groups = [source for source in sources if not _is_host(source)]
    what = "lose direct Internet" if not rule.to else "lose the direct way to %s" % _list([str(to) for to in rule.to])
    where = "tunnel %s, or nowhere (rule %s)" % (" or ".join(rule.via), rule.name)
    rows = []
    if single:
        names = _list([name_source(source) for source in single])
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
        off = "" if after is not None and after.enabled else ", switched off"
        rows.append((NOTE, "tunnel %s is new%s" % (name, off)))
    for name in changes.changed:
        before, after = old.get(name), new.get(name)
        if before is not None and after is not None:
            rows.append(_changed(before, after, name in up, soft))
    return rows


def _changed(before: TunnelConfig, after: TunnelConfig, is_up: bool, soft: tuple[str, ...]) -> Row:
    fields = changed_fields(before, after)
    names = _list(sorted({OPTIONS.get(field, field) for field in fields}))
    if before.enabled and not after.enabled:
        return RESTARTS, "tunnel %s is switched off%s" % (after.name, _without(before.remote_subnets))
    if not [field for field in fields if field not in soft]:
        lost = [subnet for subnet in before.remote_subnets if subnet not in after.remote_subnets]
        return NOTE, "tunnel %s goes on without a break, with another %s%s" % (after.name, names, _without(lost))
    how = "is interrupted and built anew" if is_up else "begins anew"
    return RESTARTS, "tunnel %s %s, with another %s" % (after.name, how, names)


def _without(subnets: list[Prefix]) -> str:
    return ": nobody reaches %s through it any more" % _list([str(subnet) for subnet in subnets]) if subnets else ""


def _rules(changes: SectionChanges) -> list[Row]:
    """What the sentences about devices do not say."""
    rows = [(NOTE, "rule %s goes" % name) for name in changes.removed]
    for name in changes.changed:
        fields = _list([OPTIONS.get(field, field) for field in changes.fields[name]])
        rows.append((NOTE, "rule %s changes: %s" % (name, fields)))
    if changes.is_reordered:
        rows.append((NOTE, "the rules stand in another order"))
    return rows


def _sections(word: str, changes: SectionChanges) -> list[Row]:
    rows = []
    for verb, names in (("goes", changes.removed), ("is new", changes.added), ("changes", changes.changed)):
        rows += [(NOTE, "%s %s %s" % (word, name, verb)) for name in names]
    return rows


def _list(words: list[str]) -> str:
    more = ["%d more" % (len(words) - EVERYBODY)] if len(words) > EVERYBODY else []
    return ", ".join(words[:EVERYBODY] + more)
