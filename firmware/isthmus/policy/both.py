"""Two configurations in force at once, while nobody has confirmed the newer one: what either holds back is held back.

A packet that the old rules force, or the new ones, is forced. It passes a tunnel by only where both let it: an
exception, a port of this router, or a VPN client's way that only one of them knows stays shut. Where it is in doubt
whether two sources are the same host, they are: for the minute that it takes, too little may pass, but never too much.
So what a confirmation opens is opened by the confirmation, and a configuration that is taken back was never open.

The result is a configuration of its own, for the site to run: it takes every path that any other one takes. No file
says it, so the checks of files do not apply to it.
"""

from __future__ import annotations

from isthmus.config.forced import BOUND, INTERFACE, MAC, PREFIX, ForcedConfig, Source
from isthmus.config.model import Config, default_ifname
from isthmus.config.passthrough import BLOCK, PassthroughConfig
from isthmus.errors import IsthmusError
from isthmus.policy.lane import via_names
from isthmus.wire.addr import IPV6_BYTES, Prefix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from isthmus.config.forced import ExceptionConfig, Ports
    from isthmus.config.model import TunnelConfig

BEFORE = "_before"  # behind the name of what stays of the old configuration


class CannotTryError(IsthmusError):
    """A change of which the two sides cannot be had at once."""

    code = "cannot-try"
    remedy = "make it without a trial: isthmus config commit, then isthmus reload"


def join(old: Config, new: Config) -> Config:
    """Both. Raises CannotTryError."""
    if old.globals.lans != new.globals.lans and [row for row in _blocks(old) + _blocks(new) if row]:
        raise CannotTryError("list lan cannot be tried together with a passthrough section that blocks")
    tunnels = _tunnels(old, new)
    joined = Config(new.globals, tunnels, _forced(old, new), _passthrough(old, new), new.aliases)
    open_still = [exception for rule in joined.forced for exception in rule.exceptions]
    for rule in old.forced + new.forced:
        joined.withheld += [it for it in rule.exceptions if it not in open_still and it not in joined.withheld]
    if old.globals.lans != new.globals.lans:
        joined.globals = _copy(new.globals)
        joined.globals.lans = [name for name in new.globals.lans if name in old.globals.lans]
        joined.forced += _ipv6_holders(old, new, joined)
    return joined


# --- forced rules -----------------------------------------------------------------------------------------------------


def _forced(old: Config, new: Config) -> list[ForcedConfig]:
    """The new rules, then those of the old that differ. An exception of a rule stays where whichever rule of the other
    configuration may decide has the same one.
    """
    if old.forced == new.forced:
        return list(new.forced)
    names = [rule.name for rule in new.forced]
    rules = [_strict(rule, new.forced, old.forced) for rule in new.forced]
    for rule in old.forced:
        if rule not in new.forced:
            kept = _copy(_strict(rule, old.forced, new.forced))
            if rule.name in names:
                kept.name = _free(rule.name + BEFORE, names)
            names.append(kept.name)
            rules.append(kept)
    return rules


def _strict(rule: ForcedConfig, mine: list[ForcedConfig], others: list[ForcedConfig]) -> ForcedConfig:
    """This rule without the ways out that a rule of the other configuration may shut."""
    if not rule.exceptions and not rule.router_ports:
        return rule  # the most of them, and a thousand hosts are looked through for the rest
    deciders = _deciders(rule, mine, others)
    exceptions = [it for it in rule.exceptions if all(_has_exception(one, it) for one in deciders)]
    ports = [it for it in rule.router_ports if all(_has_port(one, it) for one in deciders)]
    values = {"from": rule.sources, "to": rule.to, "port": rule.ports, "via": rule.via, "dns": rule.dns,
              "ipv6": rule.ipv6, "router_port": ports}  # fmt: skip
    return ForcedConfig(rule.name, values, exceptions, rule.line)


def _deciders(rule: ForcedConfig, mine: list[ForcedConfig], others: list[ForcedConfig]) -> list[ForcedConfig]:
    """The other configuration's rules that may decide about a packet about which this one decides in its own.

    Where another rule takes the same packets as this one, that is one of them. Of the rest only those count that stand
    before it in its class (sources.py), and not in both: that has not decided here, so it does not there. A class ahead
    of that decides in the two as it does in the other.
    """
    place = mine.index(rule)
    twin = _place_of(rule, others)
    found = []
    for index, other in enumerate(others):
        if twin is not None and index != twin and other in mine and (mine.index(other) < place) == (index < twin):
            continue
        if twin is not None and index > twin:
            continue
        pairs = [(one, two) for one in rule.sources for two in other.sources]
        if any(may_meet(one, two) and (twin is None or _class(one) == _class(two)) for one, two in pairs):
            found.append(other)
    return found


def _class(source: Source) -> str:
    return MAC if source.kind == BOUND else source.kind


def _place_of(rule: ForcedConfig, others: list[ForcedConfig]) -> int | None:
    """Where a rule stands that takes the same packets."""
    for index, other in enumerate(others):
        if (other.sources, other.to, other.ports, other.dns) == (rule.sources, rule.to, rule.ports, rule.dns):
            return index
    return None


def _has_exception(rule: ForcedConfig, exception: ExceptionConfig) -> bool:
    for other in rule.exceptions:
        if (other.name, other.to, other.ports, other.until) == (
            exception.name, exception.to, exception.ports, exception.until
        ):  # fmt: skip
            return True
    return False


def _has_port(rule: ForcedConfig, ports: Ports) -> bool:
    return any(other.covers(ports) for other in rule.router_ports)


def may_meet(one: Source, two: Source) -> bool:
    """Whether some host may be of both."""
    if one.kind == PREFIX and two.kind == PREFIX and one.prefix is not None and two.prefix is not None:
        return one.prefix.overlaps(two.prefix)
    if one.kind == INTERFACE and two.kind == INTERFACE:
        return one.ifname == two.ifname
    if one.kind in {MAC, BOUND} and two.kind in {MAC, BOUND}:
        return one.mac == two.mac
    return True


def _ipv6_holders(old: Config, new: Config, joined: Config) -> list[ForcedConfig]:
    """Where the IPv6 of all networks is held back, that of a network which only one of them calls its own is as well:
    forced into a tunnel, since what is not among the own networks now meets no rule about them.
    """
    found: list[ForcedConfig] = []
    for config, other in ((old, new), (new, old)):
        blocking = [rule for rule in config.forced if rule.ipv6 == "block" and rule.is_blind_to_ipv6]
        missing = [name for name in config.globals.lans if name not in other.globals.lans]
        if blocking and missing:
            names = [rule.name for rule in joined.forced + found]
            values = {"from": [Source(INTERFACE, name) for name in missing], "to": [Prefix(bytes(IPV6_BYTES), 0)],
                      "port": [], "via": blocking[0].via, "dns": [], "ipv6": "free", "router_port": []}  # fmt: skip
            found.append(ForcedConfig(_free(blocking[0].name + "_ipv6", names), values))
    return found


# --- tunnels ----------------------------------------------------------------------------------------------------------


def _tunnels(old: Config, new: Config) -> list[TunnelConfig]:
    """The new ones; behind them, switched off, what else of the old ones holds something: a network beyond them that is
    still led nowhere else, or the table of a rule.
    """
    tunnels = []
    for tunnel in new.tunnels:
        before = old.get(tunnel.name)
        tunnels.append(tunnel)
        if tunnel.internet and (before is None or not before.internet):
            tunnels[-1] = _copy(tunnel)
            tunnels[-1].internet = False
    names = [tunnel.name for tunnel in tunnels]
    taken = [subnet for tunnel in tunnels for subnet in tunnel.remote_subnets]
    ifnames = [tunnel.ifname for tunnel in tunnels]
    needed = via_names(old.forced)
    for tunnel in old.tunnels:
        lost = [subnet for subnet in tunnel.remote_subnets if subnet not in taken]
        taken += lost
        is_gone = new.get(tunnel.name) is None
        if not lost and not (is_gone and tunnel.name in needed):
            continue
        kept = _copy(tunnel)
        kept.name = tunnel.name if is_gone else _free(tunnel.name + BEFORE, names)
        kept.enabled = kept.internet = False
        kept.remote_subnets = lost
        kept.static = None  # its addresses are the new one's, or nobody's
        if kept.ifname in ifnames:
            kept.ifname = default_ifname(_free(tunnel.name + BEFORE, names))
        names.append(kept.name)
        ifnames.append(kept.ifname)
        tunnels.append(kept)
    return tunnels


# --- passthrough ------------------------------------------------------------------------------------------------------


def _blocks(config: Config) -> list[PassthroughConfig]:
    return [row for row in config.passthrough if row.action == BLOCK]


def _passthrough(old: Config, new: Config) -> list[PassthroughConfig]:
    """What blocks, of both; of the rest what stands in both, or what the other one has no word about."""
    if old.passthrough == new.passthrough:
        return list(new.passthrough)
    common = [row for row in new.passthrough if row in old.passthrough]
    is_reordered = common != [row for row in old.passthrough if row in new.passthrough]
    names = [row.name for row in new.passthrough]
    rows = []
    for row in _blocks(old):
        if row not in new.passthrough:
            kept = _copy(row)
            kept.name = _free(row.name + BEFORE, names) if row.name in names else row.name
            names.append(kept.name)
            rows.append(kept)
    shut = [row.protocol for row in _blocks(old)]
    for row in new.passthrough:
        if row.action == BLOCK or row.protocol not in shut or (row in common and not is_reordered):
            rows.append(row)
    return rows


def _free(name: str, taken: list[str]) -> str:
    found, number = name, 2
    while found in taken:
        found = "%s%d" % (name, number)
        number += 1
    return found


def _copy(value: Any) -> Any:  # noqa: ANN401 - the same type comes out
    """The same values in another object."""
    twin = object.__new__(type(value))
    for name, field in value.__dict__.items():
        setattr(twin, name, field)
    return twin
