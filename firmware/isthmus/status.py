"""`isthmus status --json` and `isthmus show`: one stable account of everything, for people, tests and programs alike.

{"version", "daemon": {"since_s", "resident_kib", "pid"}, "config": {"error", "warnings"},
"guard": {"in_place", "verified_s", "repairs", "error"}, "site": {"name", "networks": of its own interfaces},
"policy": {"rules": [{"name", "state": "protected", "blocked" or "exposed", "by", "otherwise", "why", "tunnel"}],
"warnings": [{"code", "level": "error", "warning" or "note", "message", "remedy", "about"}]} (all of it:
policy_status.py), "ike": {"dropped": {reason: count}},
"tunnels": [{"name", "state", "story", "since_s", "remote", "networks": behind the peer, "outer": {"local", "remote",
"udp_ports": [ours, the peer's] or null, "nat": "none", "here", "there", "both" or null, "uplink" or null,
"path_mtu" or null} or null, "interface", "mtu",
"lamps": [{"name", "state", "evidence"}], "error": {"code", "message", "remedy", "ago_s"} or null, "refusal": the same
with "source", or null, "retry_in_s" or null}], "trial": a change on trial (changing.py, status()) or null}
"""

from __future__ import annotations

from isthmus import __version__
from isthmus.config.errors import nearest
from isthmus.edge import os_cpython as host
from isthmus.edge.control import error_answer
from isthmus.errors import IsthmusError
from isthmus.facts import outer_of
from isthmus.kernel.contract import KernelError
from isthmus.lamps import brief, lamps
from isthmus.pairing_place import find_lans, plain_name
from isthmus.wire.addr import format_endpoint, format_ip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from isthmus.daemon import Daemon
    from isthmus.tunnel import Tunnel


class UnknownTunnelError(IsthmusError):
    """No tunnel of that name is configured."""

    code = "unknown-tunnel"


def find(tunnels: dict[str, Tunnel], name: str) -> Tunnel:
    """The tunnel of that name. Raises UnknownTunnelError with the nearest name."""
    tunnel = tunnels.get(name)
    if tunnel is not None:
        return tunnel
    raise UnknownTunnelError("no tunnel is called %s" % name, suggest(name, sorted(tunnels)))


def suggest(name: str, names: list[str]) -> str:
    """What may have been meant."""
    guess = nearest(name, names)
    return "did you mean %s?" % guess if guess else "configured: %s" % (", ".join(names) or "none")


def _seconds(now: int, then: int | None) -> int | None:
    return None if then is None else max(0, now - then) // 1000


def _tunnel(daemon: Daemon, tunnel: Tunnel, now: int) -> dict[str, Any]:
    error = None
    trouble = tunnel.error or tunnel.road.callers.trouble(now)
    if trouble is not None:
        error = error_answer(trouble)
        error["ago_s"] = _seconds(now, tunnel.error_at) if trouble is tunnel.error else 0
    refusal = None
    if tunnel.refusal is not None:
        refusal = error_answer(tunnel.refusal.error)
        refusal["ago_s"] = _seconds(now, tunnel.refusal.at)
        refusal["source"] = format_endpoint(tunnel.refusal.source)
    waits = tunnel.retry_at is not None and tunnel.state() == "waiting"
    return {
        "name": tunnel.name,
        "state": tunnel.state(),
        "story": tunnel.story(),
        "since_s": _seconds(now, tunnel.changed_at),
        "remote": tunnel.config.remote,
        "networks": [str(subnet) for subnet in tunnel.config.remote_subnets],
        "outer": _outer(tunnel),
        "interface": tunnel.config.ifname,
        "mtu": tunnel.mtu(),
        "lamps": [
            {"name": x.name, "state": x.state, "evidence": x.evidence} for x in lamps(tunnel, daemon.site.keeper, now)
        ],
        "error": error,
        "refusal": refusal,
        "retry_in_s": max(0, (tunnel.retry_at or now) - now) // 1000 if waits else None,
    }


def _outer(tunnel: Tunnel) -> dict[str, Any] | None:
    """The road in use, or the one that is tried."""
    ends = outer_of(tunnel)
    if ends is None or not any(ends[1]):
        return None
    ports = tunnel.children.ports()
    return {
        "local": format_ip(ends[0]),
        "remote": format_ip(ends[1]),
        "udp_ports": list(ports) if ports is not None else None,
        "nat": tunnel.ike.nat if tunnel.ike is not None else None,
        "uplink": tunnel.road.way.ifname if tunnel.road.way is not None else None,
        "path_mtu": tunnel.path.limit,
    }


def _site(daemon: Daemon) -> dict[str, Any]:
    """This router's own: what it is called where it is paired, and the networks of its own interfaces."""
    config, networks = daemon.site.forcing.config, []
    name = config.globals.site_name if config is not None else ""
    if config is not None:
        try:
            networks = find_lans(config, daemon.site.kernel.local_addresses())
        except KernelError:
            networks = []  # told elsewhere; a status without them is worth having
    return {"name": name or plain_name(host.host_name()), "networks": [str(network) for network in networks]}


def report(daemon: Daemon, only: Tunnel | None, now: int) -> dict[str, Any]:
    """Everything, or everything with one tunnel only."""
    chosen = list(daemon.site.tunnels.values()) if only is None else [only]
    keeper = daemon.site.keeper
    return {
        "version": __version__,
        "daemon": {
            "pid": host.process_id(),
            "since_s": _seconds(now, daemon.started_at),
            "resident_kib": host.resident_kib(),
        },
        "config": {
            "error": error_answer(daemon.config_error) if daemon.config_error is not None else None,
            "warnings": daemon.config_warnings,
        },
        "guard": {
            "in_place": keeper.wanted_guard is not None and (keeper.guard_stands() or keeper.error is None),
            "verified_s": _seconds(now, keeper.guard_verified_at),
            "repairs": keeper.guard_repairs,
            "error": error_answer(keeper.error) if keeper.error is not None else None,
        },
        "site": _site(daemon),
        "policy": {"rules": brief(daemon.site), "warnings": daemon.findings},
        "ike": {"dropped": dict(daemon.site.engine.counters)},
        "tunnels": [_tunnel(daemon, tunnel, now) for tunnel in chosen],
    }


def show(daemon: Daemon, tunnel: Tunnel, now: int) -> dict[str, Any]:
    """One tunnel with all that is derived and agreed; no key, no cookie, no PSK."""
    result = _tunnel(daemon, tunnel, now)
    result["local_id"] = str(tunnel.road.local_id) if tunnel.road.local_id is not None else None
    result["remote_id"] = str(tunnel.road.remote_id) if tunnel.road.remote_id is not None else None
    derived = tunnel.derived
    if derived is not None:
        for side, end in (("local", derived.local), ("remote", derived.remote)):
            result["derived_" + side] = {
                "tunnel_id": end.tunnel_id,
                "session_id": end.session_id,
                "inner": format_ip(end.inner),
                "link_local": format_ip(end.link_local),
            }
        result["reqid"] = derived.reqid
        result["mode"] = derived.mode
    if tunnel.ike is not None:
        result["ike"] = {
            "suite": str(tunnel.ike.suite),
            "ppk": tunnel.ike.ppk,
            "id": tunnel.ike.ike_id,
            "role": tunnel.ike.role,
            "since_s": _seconds(now, tunnel.ike_at),
        }
    pair = tunnel.children.current
    if pair is not None:
        result["esp"] = {
            "cipher": pair.inbound.encryption.name,
            "esn": pair.inbound.esn,
            "role": pair.role,
            "since_s": _seconds(now, pair.born),
            "inbound_spi": int.from_bytes(pair.inbound.spi, "big"),
            "outbound_spi": int.from_bytes(pair.outbound.spi, "big"),
            "packets_in": tunnel.children.packets_in,
            "packets_out": tunnel.children.packets_out,
        }
    session = tunnel.session
    if session is not None:
        result["l2tp"] = {
            "session_id": session.session_id,
            "rx_packets": session.rx_packets,
            "rx_bytes": session.rx_bytes,
            "tx_packets": session.tx_packets,
            "tx_bytes": session.tx_bytes,
            "rx_wrong_cookie": session.rx_wrong_cookie,
        }
    result["probe"] = {
        "sent": tunnel.probe.sent,
        "round_trip_ms": tunnel.probe.round_trip_ms,
        "loss_percent": tunnel.probe.loss_percent(),
    }
    return result
