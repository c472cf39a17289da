"""What the control socket's requests do, one function a command; edge/control.py has held them against COMMANDS."""

from __future__ import annotations

from isthmus import __version__, status
from isthmus.edge import os_cpython as host
from isthmus.edge.control import OWNER
from isthmus.errors import IsthmusError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from typing import Any

    from isthmus.daemon import Daemon
    from isthmus.edge.control import Later


FINDINGS_MS = 60_000  # clashes are looked for anew after this


class UnknownRuleError(IsthmusError):
    """No forced rule of that name is configured."""

    code = "unknown-rule"


def obey(daemon: Daemon, request: dict[str, Any], standing: str) -> dict[str, Any] | Later:
    """The answer's result, if whoever asks may ask for it (accounts.py). Raises IsthmusError."""
    now = host.now()
    handler = HANDLERS.get(request["command"])
    if handler is not None and standing == OWNER and request.get("token") is None:
        return handler(daemon, request, now)  # whatever state the users are in, and before they are even loaded
    who = daemon.accounts.admit(request, standing, now)
    known = _known(daemon, request)
    failure = "internal"
    try:
        result = handler(daemon, request, now) if handler is not None else daemon.accounts.obey(request, who, now)
        failure, known = "", known or _known(daemon, request) or request.get("user") or ""
    except IsthmusError as error:
        failure = error.code
        raise
    finally:
        daemon.accounts.note(request, who, known, failure, now)
    return result


def _known(daemon: Daemon, request: dict[str, Any]) -> str:
    """What the request names, if there is such a thing: no caller chooses what stands in the log."""
    book = daemon.accounts.door.book
    users: Container[str] = book.users if book is not None else ()
    rules = [rule.name for rule in daemon.site.forcing.rules]
    for field, names in (("tunnel", daemon.site.tunnels), ("rule", rules), ("user", users)):
        name: str = request.get(field) or ""
        if name in names:
            return name
    return ""


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


def _history(daemon: Daemon, request: dict[str, Any], now: int) -> dict[str, Any]:
    from isthmus import history  # waiting.py

    tunnel = status.find(daemon.site.tunnels, request["tunnel"])
    _observe(daemon, now)
    return history.report(daemon.site.observer.history, tunnel.name, request.get("span") or history.SPANS[0][0], now)


def _status(daemon: Daemon, request: dict[str, Any], now: int) -> dict[str, Any]:
    name = request.get("tunnel")
    tunnel = status.find(daemon.site.tunnels, name) if name is not None else None
    _observe(daemon, now)
    _find_clashes(daemon, now)
    report = status.report(daemon, tunnel, now)
    report["trial"] = daemon.trial(now)
    return report


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


def _change(daemon: Daemon, request: dict[str, Any], now: int) -> dict[str, Any]:
    from isthmus import changing  # waiting.py

    return changing.HANDLERS[request["command"]](daemon.changing, request, now)


def _examine(daemon: Daemon, request: dict[str, Any], _now: int) -> dict[str, Any] | Later:
    if daemon.examiner is None:
        from isthmus.examining import Examiner  # waiting.py

        daemon.examiner = Examiner(daemon)
    return daemon.examiner.obey(request)


def _backup(daemon: Daemon, request: dict[str, Any], now: int) -> dict[str, Any] | Later:
    from isthmus import backups  # waiting.py

    return backups.HANDLERS[request["command"]](daemon.changing.backups, request, now)


def _pair(daemon: Daemon, request: dict[str, Any], now: int) -> dict[str, Any]:
    from isthmus import pairing_commands  # waiting.py

    return pairing_commands.HANDLERS[request["command"]](daemon, request, now)


def _configure(daemon: Daemon, request: dict[str, Any], now: int) -> dict[str, Any]:
    from isthmus import configuring  # waiting.py

    return configuring.HANDLERS[request["command"]](daemon, request, now)


PAIRING = ("pair-status", "pair-invite", "pair-accept", "pair-approve", "pair-cancel", "pair-rotate", "unpair")
HANDLERS: dict[str, Callable[[Daemon, dict[str, Any], int], dict[str, Any] | Later]] = {
    "backup": _backup,
    "restore": _backup,
    "apply": _change,
    "apply-look": _change,
    "apply-status": _change,
    "confirm": _change,
    "revert": _change,
    "version": _version,
    "reload": _reload,
    "up": _up,
    "down": _down,
    "rekey": _rekey,
    "show": _show,
    "history": _history,
    "status": _status,
    "policy": _policy,
    "policy-explain": _policy_explain,
    "policy-test": _policy_test,
    "doctor": _examine,
    "log": _examine,
    "diag": _examine,
}
for _command in PAIRING:
    HANDLERS[_command] = _pair
for _command in ("config-get", "config-stage", "config-revert", "config-rows", "hosts"):
    HANDLERS[_command] = _configure
