"""What the control socket's requests do, one function a command; edge/control.py has held them against COMMANDS."""

from __future__ import annotations

from isthmus import __version__, status
from isthmus.edge import os_cpython as host
from isthmus.errors import IsthmusError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from isthmus.daemon import Daemon


FINDINGS_MS = 60_000  # clashes are looked for anew after this


class UnknownRuleError(IsthmusError):
    """No forced rule of that name is configured."""

    code = "unknown-rule"


def obey(daemon: Daemon, request: dict[str, Any]) -> dict[str, Any]:
    """The answer's result. Raises IsthmusError."""
    return HANDLERS[request["command"]](daemon, request, host.now())


def _version(_daemon: Daemon, _request: dict[str, Any], _now: int) -> dict[str, Any]:
    return {"version": __version__}


def _reload(daemon: Daemon, _request: dict[str, Any], now: int) -> dict[str, Any]:
    report = daemon.reload()
    daemon.catch_up()  # who is told that the rules hold may rely on it: connections from under others have ended
    daemon.found_at = None
    _find_clashes(daemon, now)
    serious = [row for row in daemon.findings if row["level"] != "note"]
    report["warnings"] = report["warnings"] + ["%s; to do: %s" % (row["message"], row["remedy"]) for row in serious]
    return report


def _find_clashes(daemon: Daemon, now: int) -> None:
    """What cannot work side by side, as far as it can be told without looking through every connection."""
    if daemon.found_at is not None and now - daemon.found_at < FINDINGS_MS:
        return
    from isthmus import policy_status  # here, as below: isthmusd starts sooner without it

    daemon.findings = policy_status.find(daemon.site, daemon.read_firewall())
    daemon.found_at = now


def _up(daemon: Daemon, request: dict[str, Any], now: int) -> dict[str, Any]:
    tunnel = status.find(daemon.site.tunnels, request["tunnel"])
    if not tunnel.config.enabled:
        text = "option enabled of tunnel %s is off" % tunnel.name
        raise IsthmusError(text, "set it to 1, then run: isthmus reload", "disabled")
    tunnel.resume(now)
    daemon.site.obey(now)
    daemon.write_paused()
    return {"tunnel": tunnel.name, "state": tunnel.state()}


def _down(daemon: Daemon, request: dict[str, Any], now: int) -> dict[str, Any]:
    tunnel = status.find(daemon.site.tunnels, request["tunnel"])
    tunnel.pause(now)
    daemon.site.obey(now)
    daemon.write_paused()
    return {"tunnel": tunnel.name, "state": tunnel.state()}


def _rekey(daemon: Daemon, request: dict[str, Any], now: int) -> dict[str, Any]:
    tunnel = status.find(daemon.site.tunnels, request["tunnel"])
    tunnel.renew_now(bool(request.get("ike")))
    daemon.site.obey(now)
    return {"tunnel": tunnel.name, "state": tunnel.state()}


def _observe(daemon: Daemon, now: int) -> None:
    daemon.site.observe(now)
    daemon.site.obey(now)


def _show(daemon: Daemon, request: dict[str, Any], now: int) -> dict[str, Any]:
    tunnel = status.find(daemon.site.tunnels, request["tunnel"])
    _observe(daemon, now)
    return status.show(daemon, tunnel, now)


def _status(daemon: Daemon, request: dict[str, Any], now: int) -> dict[str, Any]:
    name = request.get("tunnel")
    tunnel = status.find(daemon.site.tunnels, name) if name is not None else None
    _observe(daemon, now)
    _find_clashes(daemon, now)
    return status.report(daemon, tunnel, now)


def _policy(daemon: Daemon, _request: dict[str, Any], now: int) -> dict[str, Any]:
    from isthmus import policy_status

    if not daemon.site.keeper.guard_stands():
        daemon.site.look(now)
    tests = daemon.selftest.results(now) if daemon.selftest is not None else {}
    return policy_status.report(daemon.site, tests, daemon.read_firewall())


def _policy_explain(daemon: Daemon, request: dict[str, Any], _now: int) -> dict[str, Any]:
    from isthmus.policy_explain import explain_packet

    port = request.get("port") or ""
    return explain_packet(daemon.site, request["source"], request["destination"], port, host.wall_seconds())


def _policy_test(daemon: Daemon, request: dict[str, Any], _now: int) -> dict[str, Any]:
    if not request.get("look"):
        rules = daemon.site.forcing.rules
        names = [rule.name for rule in rules]
        name = request.get("rule")
        if name is not None and name not in names:
            raise UnknownRuleError("no forced rule is called %s" % name, status.suggest(name, names))
        if not names:
            raise UnknownRuleError("no forced rule is configured", "add a section: config forced 'NAME'")
        daemon.start_selftest(names if name is None else [name])
    if daemon.selftest is None:
        return {"running": False, "text": "nothing has been tested yet", "rules": [], "notes": []}
    return daemon.selftest.answer()


HANDLERS = {
    "version": _version,
    "reload": _reload,
    "up": _up,
    "down": _down,
    "rekey": _rekey,
    "show": _show,
    "status": _status,
    "policy": _policy,
    "policy-explain": _policy_explain,
    "policy-test": _policy_test,
}
