"""Five lamps a tunnel, each with its own evidence: peer, ipsec, l2tp, path, guard.

A lamp is "ok", "wait" (not yet, and nothing is wrong), "bad" or "off" (the tunnel is taken down). The sentence beside
it is what it was judged by, so that nobody has to believe a colour.
Forced rules have three states and no other, and a sentence each.
"""

from __future__ import annotations

from isthmus.states import plain
from isthmus.wire.addr import format_ip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from isthmus.config.forced import ForcedConfig
    from isthmus.keeper import Keeper
    from isthmus.site import Site
    from isthmus.tunnel import Tunnel

OK, WAIT, BAD, OFF = "ok", "wait", "bad", "off"
LAMPS = ("peer", "ipsec", "l2tp", "path", "guard")
# IkeUp.nat: what it means
TRANSLATED = {
    "none": "",  # forced, or found out later
    "here": "this router is behind an address translator, ",
    "there": "the peer is behind an address translator, ",
    "both": "both routers are behind address translators, ",
}
BLOCKED_ESP = "plain ESP (IP protocol 50) did not get through, "
PROTECTED, BLOCKED, EXPOSED = "protected", "blocked", "exposed"  # states of a forced rule, and no other
BY_GUARD, BY_IPV6 = "guard", "ipv6"  # what lets it past the tunnel, beside the names of exceptions
RECEIVING_MS = 10_000  # the probe alone makes the session's counter move every two seconds
GUARD_MS = 60_000  # verified longer ago than this counts no more


class Lamp:
    """One lamp: `name`, `state` (ok, wait, bad, off), `evidence` (one sentence)."""

    def __init__(self, name: str, state: str, evidence: str) -> None:
        self.name = name
        self.state = state
        self.evidence = evidence


def ago(milliseconds: int) -> str:
    """A time span as people say it."""
    seconds = milliseconds // 1000
    if seconds < 120:
        return "%d s" % seconds
    if seconds < 7200:
        return "%d min" % (seconds // 60)
    if seconds < 172800:
        return "%d h" % (seconds // 3600)
    return "%d d" % (seconds // 86400)


def lamps(tunnel: Tunnel, keeper: Keeper, now: int) -> list[Lamp]:
    """All five, in the order of LAMPS."""
    guard = _guard(tunnel, keeper, now)
    if not tunnel.wanted:
        why = "taken down by hand" if tunnel.paused else "option enabled is off"
        return [Lamp(name, OFF, why) for name in LAMPS[:4]] + [guard]
    return [_peer(tunnel, now), _ipsec(tunnel), _l2tp(tunnel, now), _path(tunnel, now), guard]


def _peer(tunnel: Tunnel, now: int) -> Lamp:
    twins = tunnel.road.callers.trouble(now)
    if twins is not None:
        return Lamp("peer", BAD, str(twins))
    if tunnel.ike is not None and tunnel.liveness.seen_at is not None:
        who = format_ip(tunnel.road.remote) if tunnel.road.remote is not None else tunnel.config.remote
        text = "%s proved its identity %s ago (%s), last IKE message %s ago"
        suite = "%s%s" % (tunnel.ike.suite, " with a ppk" if tunnel.ike.ppk else "")
        text %= (who, ago(now - tunnel.ike_at), suite, ago(now - tunnel.liveness.seen_at))
        ports = tunnel.children.ports()
        if ports is not None:
            why = BLOCKED_ESP if tunnel.detour.is_on else TRANSLATED[tunnel.ike.nat]
            text += "; %sESP travels in UDP from port %d to port %d" % ((why,) + ports)
        return Lamp("peer", OK, text)
    if tunnel.error is not None:
        return Lamp("peer", BAD, str(tunnel.error))
    if tunnel.refusal is not None:
        return Lamp("peer", BAD, "refused its call %s ago: %s" % (ago(now - tunnel.refusal.at), tunnel.refusal.error))
    return Lamp("peer", WAIT, tunnel.story())


def _ipsec(tunnel: Tunnel) -> Lamp:
    children = tunnel.children
    if children.current is not None:
        pair = children.current
        if children.packets_in is None or children.packets_out is None:
            return Lamp("ipsec", WAIT, "the SAs have just been installed")
        text = "%s, in 0x%s with %d packets, out 0x%s with %d packets"
        cipher, arriving, leaving = pair.inbound.encryption.name, pair.inbound.spi.hex(), pair.outbound.spi.hex()
        values = (cipher, arriving, children.packets_in, leaving, children.packets_out)
        return Lamp("ipsec", OK, text % values)
    if children.usable():
        return Lamp(
            "ipsec", OK, "%d SAs of the former daemon still work; new ones are being agreed" % len(children.adopted)
        )
    if tunnel.error is not None:
        return Lamp("ipsec", BAD, "no SA: nothing is sent, nothing is taken")
    return Lamp("ipsec", WAIT, "no SA yet")


def _l2tp(tunnel: Tunnel, now: int) -> Lamp:
    session = tunnel.session
    if session is None:
        state = BAD if tunnel.error is not None else WAIT
        return Lamp("l2tp", state, "no session; it comes with the SAs")
    counted = "session %d: %d packets received, %d sent" % (session.session_id, session.rx_packets, session.tx_packets)
    if session.rx_wrong_cookie:
        counted += ", %d with a wrong cookie" % session.rx_wrong_cookie
    if tunnel.received_at is not None and now - tunnel.received_at <= RECEIVING_MS:
        return Lamp("l2tp", OK, counted)
    if tunnel.received_at is None and now - tunnel.changed_at <= RECEIVING_MS:
        return Lamp("l2tp", WAIT, counted)
    return Lamp(
        "l2tp", BAD, counted + "; nothing has come for %s" % ago(now - (tunnel.received_at or tunnel.changed_at))
    )


def _path(tunnel: Tunnel, now: int) -> Lamp:
    probe = tunnel.probe
    if not tunnel.carried:
        return Lamp("path", BAD if tunnel.error is not None else WAIT, "cannot be probed before L2TP is in place")
    if probe.answering and probe.round_trip_ms is not None and probe.answered_at is not None:
        text = "probe answered %s ago in %d ms, %d %% of the last probes lost"
        return Lamp("path", OK, text % (ago(now - probe.answered_at), probe.round_trip_ms, probe.loss_percent() or 0))
    if probe.loss_percent() is None:
        return Lamp("path", WAIT, "the first probe is on its way")
    text = "no answer to the last probes (%d %% lost): a firewall on the way may drop ESP (IP protocol 50)"
    if tunnel.detour.is_on:
        text = "no answer to the last probes (%d %% lost), neither with plain ESP (IP protocol 50) nor with ESP in UDP"
    if tunnel.config.static is not None:
        text += ", or the peer's L2TP ids, cookies or sublayer differ from these, or it answers no ping on the tunnel"
    return Lamp("path", BAD, text % (probe.loss_percent() or 0))


def _guard(tunnel: Tunnel, keeper: Keeper, now: int) -> Lamp:
    verified = keeper.guard_verified_at
    if verified is None:
        return Lamp("guard", BAD, "the nft rules could not be verified: %s" % (keeper.error or "not looked at yet"))
    if keeper.error is not None and not keeper.guard_stands():
        return Lamp("guard", BAD, "the nft rules are not in place, or could not be verified: %s" % keeper.error)
    if now - verified > GUARD_MS:
        return Lamp("guard", BAD, "the nft rules were verified %s ago, and not since" % ago(now - verified))
    known = "" if tunnel.derived is not None else "; this tunnel's ids are not known yet, and nothing can pass for it"
    repaired = ", repaired %d times" % keeper.guard_repairs if keeper.guard_repairs else ""
    return Lamp("guard", OK, "nft table isthmus verified %s ago%s%s" % (ago(now - verified), repaired, known))


def rule_state(site: Site, rule: ForcedConfig) -> tuple[str, list[str], str]:
    """(state, what lets something past the tunnel, state of everything else)."""
    keeper, forcing = site.keeper, site.forcing
    tunnel = site.tunnels.get(forcing.chosen.get(rule.name, ""))
    otherwise = PROTECTED if tunnel is not None and tunnel.state() == "up" else BLOCKED
    if not keeper.guard_stands() and keeper.error is not None:
        return EXPOSED, [BY_GUARD], EXPOSED
    by = [exception.name for exception in rule.exceptions if not forcing.is_over(exception)]
    if rule.ipv6 == "free" and any(source.is_ipv4_alone for source in rule.sources):
        by.append(BY_IPV6)
    return (EXPOSED if by else otherwise), by, otherwise


def brief(site: Site) -> list[dict[str, Any]]:
    """For `isthmus status`: name, state, by, otherwise, why and tunnel of each rule."""
    rows = []
    for rule in site.forcing.rules:
        state, by, otherwise = rule_state(site, rule)
        chosen = site.forcing.chosen.get(rule.name)
        why = _why(site, rule, by, otherwise)
        rows.append(
            {"name": rule.name, "state": state, "by": by, "otherwise": otherwise, "why": why, "tunnel": chosen}
        )
    return rows


def _why(site: Site, rule: ForcedConfig, by: list[str], otherwise: str) -> str:
    if by == [BY_GUARD]:
        return "its rules are not in the kernel, or could not be verified: %s" % site.keeper.error
    name = site.forcing.chosen.get(rule.name, rule.via[0])
    if otherwise == PROTECTED:
        text = "everything goes through tunnel %s" % name
    else:
        tunnel = site.tunnels.get(name)
        text = "nothing passes: tunnel %s %s" % (name, plain(tunnel.state() if tunnel is not None else ""))
    words = ["IPv6 of hosts known by their IPv4 address" if word == BY_IPV6 else "exception %s" % word for word in by]
    return text + (", but for %s" % ", ".join(words) if words else "")
