"""`isthmus policy --json`: what every policy does now, stable for people, tests and programs.

{"rules": [{"name", "state", "by": [names], "otherwise", "why", "tunnel", "via": [names], "from", "to", "port", "dns":
[texts], "protected", "blocked": {"packets", "bytes"}, "exceptions": [{"name", "state": "open" or "over", "until" (Unix
seconds) or null, "until_text", "to", "port": [texts], "packets", "bytes"}], "hosts": [{"source", "addresses": [texts],
"state", "by": [names]}], "test": {"ago_s", "verdict", "text"} or null}],
"ipv6_blocked": {"packets", "bytes"},
"passthrough": [{"name", "protocol", "direction", "action", "text", "packets", "bytes", "clients": [{"service",
"direction", "inside", "outside", "blocked"}]}],
"aliases": [{"name", "tunnel", "side", "subnet", "as", "names": [{"name", "address", "shown"}], "hosts": text}],
"warnings": [{"code", "level", "message", "remedy", "about"}]}

A rule's state is "protected", "blocked" or "exposed" and nothing else. exposed: something passes by the tunnel, and
`by` says what lets it: exceptions, "ipv6" (option ipv6 'free'), or "guard" (the rules are not in the kernel);
`otherwise` is the state of everything else. A host is exposed where its rule is.
"""

from __future__ import annotations

from isthmus.config.alias import LOCAL
from isthmus.config.forced import BOUND, INTERFACE, MAC
from isthmus.config.policy_values import DAYS, EPOCH
from isthmus.kernel.contract import KernelError
from isthmus.lamps import BY_IPV6, EXPOSED, brief
from isthmus.policy.alias import hosts_text, peer_hosts_text, shown_as, translate
from isthmus.policy.clash import Finding, Ground, findings
from isthmus.policy.clients import SERVERS, Place, clients
from isthmus.policy.exposure import name_source
from isthmus.policy.forced import IPV6_COUNTER, blocked, excepted, protected
from isthmus.policy.passthrough import COUNTER, describe
from isthmus.wire.addr import format_ip, parse_ip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from isthmus.config.alias import AliasConfig
    from isthmus.config.forced import ForcedConfig, Source
    from isthmus.config.model import Config
    from isthmus.kernel.flows import Flow
    from isthmus.policy.forwards import Firewall
    from isthmus.site import Site

    Counts = dict[str, tuple[int, int]]

MOST_CLIENTS = 200  # named one by one for a section


class Seen:
    """What the kernel tells of the router's surroundings, read once for one answer. flows: of VPN clients alone."""

    def __init__(self, site: Site, with_flows: bool) -> None:
        self.addresses: list[tuple[str, bytes, int]] = []
        self.neighbours: list[tuple[str, bytes, bytes]] = []
        self.flows: list[Flow] = []
        self.error: KernelError | None = None
        try:
            self.addresses = site.kernel.local_addresses()
            self.neighbours = site.kernel.neighbours()
            if with_flows:
                for server in SERVERS:
                    self.flows += site.kernel.flows(None, None, server)
        except KernelError as error:
            self.error = error


def report(site: Site, tests: dict[str, dict[str, Any]], firewall: Firewall | None) -> dict[str, Any]:
    """All of it. tests: rule -> what its last self-test has shown."""
    config = site.forcing.config
    if config is None:
        nothing: dict[str, Any] = {"rules": [], "passthrough": [], "aliases": [], "shown": {}, "warnings": []}
        nothing["ipv6_blocked"] = _counted({}, "")
        return nothing
    seen = Seen(site, True)
    counts = site.forcing.tally.read()
    rows = brief(site)
    for rule, row in zip(config.forced, rows):
        row.update(_rule(site, rule, counts))
        row["hosts"] = [_host(source, row, seen) for source in rule.sources]
        row["test"] = tests.get(rule.name)
    passing = _passthrough(config, counts, seen)
    return {
        "rules": rows,
        "ipv6_blocked": _counted(counts, IPV6_COUNTER),
        "passthrough": passing,
        "aliases": [_alias(alias) for alias in config.aliases],
        "shown": _shown(config, rows, passing),
        "warnings": [finding_answer(finding) for finding in warnings(site, firewall, seen)],
    }


def _counted(counts: Counts, name: str) -> dict[str, int]:
    packets, size = counts.get(name, (0, 0))
    return {"packets": packets, "bytes": size}


def _rule(site: Site, rule: ForcedConfig, counts: Counts) -> dict[str, Any]:
    exceptions = []
    for exception in rule.exceptions:
        row: dict[str, Any] = {
            "name": exception.name,
            "state": "over" if site.forcing.is_over(exception) else "open",
            "until": exception.until,
            "until_text": format_utc(exception.until) if exception.until is not None else None,
            "to": [str(prefix) for prefix in exception.to],
            "port": [str(ports) for ports in exception.ports],
        }
        row.update(_counted(counts, excepted(exception.name)))
        exceptions.append(row)
    return {
        "via": rule.via,
        "from": [str(source) for source in rule.sources],
        "to": [str(prefix) for prefix in rule.to],
        "port": [str(ports) for ports in rule.ports],
        "dns": [format_ip(address) for address in rule.dns],
        "protected": _counted(counts, protected(rule.name)),
        "blocked": _counted(counts, blocked(rule.name)),
        "exceptions": exceptions,
    }


def format_utc(seconds: int) -> str:
    """As the configuration has it: 2026-12-01 12:00."""
    days, minutes = seconds // 86400, seconds % 86400 // 60
    year = EPOCH
    while days >= 365 + (year % 4 == 0):  # 2100 is out of the configuration's range
        days -= 365 + (year % 4 == 0)
        year += 1
    month = 0
    while days >= DAYS[month] + (month == 1 and year % 4 == 0):
        days -= DAYS[month] + (month == 1 and year % 4 == 0)
        month += 1
    return "%04d-%02d-%02d %02d:%02d" % (year, month + 1, days + 1, minutes // 60, minutes % 60)


def _host(source: Source, row: dict[str, Any], seen: Seen) -> dict[str, Any]:
    known: list[bytes] = []
    if source.kind in (MAC, BOUND):
        known = [address for _, address, mac in seen.neighbours if mac == source.mac]
    elif source.kind == INTERFACE:
        known = [address for ifname, address, _ in seen.neighbours if ifname == source.ifname]
    elif source.prefix is not None:
        known = [address for _, address, _ in seen.neighbours if source.prefix.contains(address)]
    by = [name for name in row["by"] if name != BY_IPV6 or source.is_ipv4_alone]
    return {
        "source": name_source(source),
        "addresses": [format_ip(address) for address in sorted(set(known))],
        "state": EXPOSED if by else row["otherwise"],
        "by": by,
    }


def _passthrough(config: Config, counts: Counts, seen: Seen) -> list[dict[str, Any]]:
    found = clients(seen.flows, Place(seen.addresses, config.globals.lans, seen.neighbours), config.passthrough)
    rows = []
    for section in config.passthrough:
        row: dict[str, Any] = {
            "name": section.name,
            "protocol": section.protocol,
            "direction": section.direction,
            "action": section.action,
            "text": describe(section),
            "clients": [
                {
                    "service": client.service,
                    "direction": client.direction,
                    "inside": format_ip(client.inside),
                    "outside": format_ip(client.outside),
                    "blocked": client.is_blocked,
                }
                for client in found if client.section == section.name
            ][:MOST_CLIENTS],
        }  # fmt: skip
        row.update(_counted(counts, COUNTER % section.name))
        rows.append(row)
    return rows


def _alias(alias: AliasConfig) -> dict[str, Any]:
    names = []
    for name, address in alias.names:
        shown = translate(address, alias.subnet, alias.shown)
        names.append({"name": name, "address": format_ip(address), "shown": format_ip(shown)})
    return {
        "name": alias.name,
        "tunnel": alias.tunnel,
        "side": alias.side,
        "subnet": str(alias.subnet),
        "as": str(alias.shown),
        "names": names,
        "hosts": peer_hosts_text([alias], "") if alias.side == LOCAL else hosts_text([alias]),
    }


def _shown(config: Config, rules: list[dict[str, Any]], passing: list[dict[str, Any]]) -> dict[str, str]:
    """Address -> how else the host is called, of each that the answer names."""
    texts: set[str] = set()
    for rule in rules:
        for host in rule["hosts"]:
            texts.update(host["addresses"])
    for section in passing:
        for client in section["clients"]:
            texts.update((client["inside"], client["outside"]))
    found = {}
    for text in sorted(texts) if config.aliases else []:
        words = shown_as(parse_ip(text), config.aliases)
        if words:
            found[text] = words
    return found


def warnings(site: Site, firewall: Firewall | None, seen: Seen) -> list[Finding]:
    """What cannot work side by side, and what the policies do not cover, each with what to do about it."""
    config = site.forcing.config
    if config is None:
        return []
    peers = {name: site.peers_of(name) for name in site.tunnels}
    place = Place(seen.addresses, config.globals.lans, seen.neighbours)
    found = findings(Ground(config, place, seen.flows, peers, firewall))
    if site.forcing.plain:
        found.insert(0, Finding(
            "no-nat", "error", "the kernel refuses translation in nft: aliases and the PPTP helper do not work",
            "load the kernel modules nft_nat, nft_masq and nft_fib_inet (OpenWrt: install kmod-nft-nat, kmod-nft-fib)"
        ))  # fmt: skip
    if seen.error is not None:
        found.append(Finding("not-seen", "warning", str(seen.error), seen.error.remedy))
    return found


def find(site: Site, firewall: Firewall | None) -> list[dict[str, str]]:
    """The same without a look at every connection."""
    return [finding_answer(finding) for finding in warnings(site, firewall, Seen(site, False))]


def finding_answer(finding: Finding) -> dict[str, str]:
    """A finding as the answer carries it."""
    return {
        "code": finding.code,
        "level": finding.level,
        "message": finding.message,
        "remedy": finding.remedy,
        "about": finding.about,
    }
