"""Where a change leads packets, with the values: whoever confirms a change that somebody else has staged reads who gets
what. Never a key: of those, only that they are others.
"""

from __future__ import annotations

from isthmus.config.forced import INTERFACE
from isthmus.config.passthrough import ALLOW, BLOCK
from isthmus.policy.exposure import EVERYBODY, is_within, name_source
from isthmus.wire.addr import format_ip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from isthmus.config.forced import ForcedConfig, Source
    from isthmus.config.model import Config, SectionChanges, TunnelConfig
    from isthmus.config.passthrough import PassthroughConfig

# Of a tunnel: who is at the other end, and what goes there.
LEADING = ("remotes", "remote_id", "psk", "ppk", "ppk_id", "site", "control_key", "static", "local_subnets",
           "remote_subnets")  # fmt: skip
ACTIONS = {ALLOW: "allowed", BLOCK: "blocked"}
DIRECTIONS = {"out": "going out", "in": "coming in", "both": "going out and coming in"}
NOBODY = "whoever calls with its key"
ONWARDS = "the other site goes on to the Internet from here"


def listed(words: list[str]) -> str:
    """The first of them, and how many more."""
    more = ["%d more" % (len(words) - EVERYBODY)] if len(words) > EVERYBODY else []
    return ", ".join(words[:EVERYBODY] + more)


def every(values: Iterable[object]) -> str:
    """All of them: among what leads elsewhere none is left out, or the one that matters would be."""
    return ", ".join([str(value) for value in values]) or "none"


def new_tunnel(tunnel: TunnelConfig) -> str:
    """Where a tunnel leads that was not there."""
    text = "tunnel %s is new: it leads to %s, with networks %s" % (
        tunnel.name, end_of(tunnel), every(tunnel.remote_subnets)
    )  # fmt: skip
    if tunnel.remote_id is not None:
        text += ", its other end is called %s" % tunnel.remote_id
    if tunnel.local_subnets:
        text += ", and own networks %s are reached through it" % every(tunnel.local_subnets)
    if tunnel.internet:
        text += ", and " + ONWARDS
    return text if tunnel.enabled else text + ", switched off"


def end_of(tunnel: TunnelConfig) -> str:
    """Whom it calls."""
    return _ends(tunnel.remotes)


def _ends(remotes: list[str]) -> str:
    return ", ".join(remotes) or NOBODY


def _instead(form: str, show: Callable[[Any], object]) -> Callable[[Any, Any], str]:
    return lambda now, was: form % (show(now), show(was))


# Of a tunnel: what is told with values and is no key, in the order in which it is told; the sentence of now and before
VALUED = (
    ("remotes", _instead("it leads to %s instead of %s", _ends)),
    ("remote_id", _instead("its other end is called %s instead of %s", lambda identity: identity or "by its address")),
    ("internet", lambda now, _was: ONWARDS if now else ONWARDS + " no more"),
    ("remote_subnets", _instead("with networks %s instead of %s", every)),
    ("local_subnets", _instead("with own networks %s instead of %s", every)),
    ("ike_proposals", _instead("with IKE proposals %s instead of %s", every)),
    ("esp_proposals", _instead("with ESP proposals %s instead of %s", every)),
)
# Of a rule: the same
RULE_VALUED = (
    ("to", every), ("ports", every), ("router_ports", every), ("ipv6", str),
    ("dns", lambda addresses: every([format_ip(address) for address in addresses])),
)  # fmt: skip


def changed_values(before: TunnelConfig, after: TunnelConfig) -> list[tuple[str, str]]:
    """(field, what it is now, and was) of the fields of VALUED that differ."""
    rows = [(field, tell, getattr(after, field), getattr(before, field)) for field, tell in VALUED]
    return [(field, tell(now, was)) for field, tell, now, was in rows if now != was]


def leads_elsewhere(before: TunnelConfig, after: TunnelConfig, fields: list[str]) -> bool:
    """Whether somebody else gets its packets, or it gets others. Networks that go lead nowhere: they are told of."""
    for field in fields:
        if field in ("remote_subnets", "local_subnets"):
            if [subnet for subnet in getattr(after, field) if subnet not in getattr(before, field)]:
                return True
        elif field in LEADING or (field == "internet" and after.internet):
            return True
    return False


def moved(old: Config, new: Config) -> list[str]:
    """Devices that were held before and go through other tunnels from now on, a sentence for each rule and way."""
    said = []
    former = {rule.name: rule for rule in old.forced}
    for rule in new.forced:
        if former.get(rule.name) == rule:
            continue
        ways: list[tuple[list[str], list[Source]]] = []
        for source in rule.sources:
            was = _former_way(source, former.get(rule.name), old.forced)
            if was is None or was == rule.via:
                continue
            same = [sources for via, sources in ways if via == was]
            if same:
                same[0].append(source)
            else:
                ways.append((was, [source]))
        for was, sources in ways:
            goes = "goes" if len(sources) == 1 and sources[0].kind != INTERFACE else "go"
            who = listed([_devices(source) for source in sources])
            there = _tunnels(rule.via, new)
            apart = ", not %s" if not [name for name in was if name in rule.via] else "; before: %s"
            text = "%s %s through tunnel %s%s (rule %s)"
            said.append(text % (who, goes, there, apart % _tunnels(was, old), rule.name))
    return said


def _devices(source: Source) -> str:
    return "all devices behind %s" % source if source.kind == INTERFACE else name_source(source)


def _former_way(source: Source, same: ForcedConfig | None, rules: list[ForcedConfig]) -> list[str] | None:
    """The tunnels that this source went through; None if it was not held."""
    for rule in ([same] if same is not None else []) + rules:
        if is_within(source, rule.sources):
            return rule.via
    return None


def _tunnels(names: list[str], config: Config) -> str:
    words = []
    for name in names:
        tunnel = config.get(name)
        words.append(name if tunnel is None else "%s (%s)" % (name, end_of(tunnel)))
    return " or ".join(words)


def rule_values(before: ForcedConfig, after: ForcedConfig) -> dict[str, str]:
    """Field -> what it is now, and was, of what a rule holds and lets ask."""
    rows = [(field, show, getattr(after, field), getattr(before, field)) for field, show in RULE_VALUED]
    return {field: "%s instead of %s" % (show(now), show(was)) for field, show, now, was in rows if now != was}


def passthroughs(old: Config, new: Config, changes: SectionChanges) -> list[tuple[bool, str]]:
    """What VPN programs behind this router may do from now on: (whether that is more than before, sentence)."""
    before = {row.name: row for row in old.passthrough}
    after = {row.name: row for row in new.passthrough}
    rows = []
    for name in changes.removed:
        rows.append((before[name].action == BLOCK, "passthrough %s goes: %s" % (name, _does(before[name], "was"))))
    for name in changes.added:
        rows.append((after[name].action != BLOCK, "passthrough %s is new: %s" % (name, _does(after[name], "is"))))
    for name in changes.changed:
        one, two = before[name], after[name]
        text = "passthrough %s changes: %s; before: %s" % (name, _does(two, "is"), _does(one, "was"))
        rows.append((True, text))
    if changes.is_reordered:
        order = every([row.name for row in new.passthrough])
        rows.append((True, "the passthrough sections stand in another order: %s" % order))
    return rows


def _does(row: PassthroughConfig, verb: str) -> str:
    who = listed([_devices(source) for source in row.sources]) if row.sources else "all devices"
    way = DIRECTIONS.get(row.direction, row.direction)
    what = ACTIONS.get(row.action, "let through by the helper of Linux")
    return "%s from %s, %s, %s %s" % (row.protocol, who, way, verb, what)
