"""What the control socket's pairing requests do, one function a command."""

from __future__ import annotations

from isthmus import status
from isthmus.config.store import Store
from isthmus.edge import os_cpython as host
from isthmus.edge.os_cpython_files import RealCalls
from isthmus.pairing_registry import Registry
from isthmus.pairing_rotate import Rotations
from isthmus.pairing_status import pick, renewals, report
from isthmus.pairings import Pairings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from isthmus.daemon import Daemon

    Handler = Callable[[Daemon, dict[str, Any], int], dict[str, Any]]

INVITE_S = 600
BETWEEN_WORDS = " \t\r\n,;-"


def wake(daemon: Daemon) -> Rotations:
    """What talks IKE beside the tunnels, made when it is first needed."""
    beside = daemon.site.beside
    if not isinstance(beside, Rotations):
        calls: Any = RealCalls(1)  # the loop waits for nobody's lock; it tries again

        def store() -> Store:
            return Store(calls, daemon.config_dir, "", daemon.secrets_dir, host.wall_seconds())

        registry = Registry(
            store, lambda: daemon.site.forcing.config, daemon.reload, host.random_bytes, host.host_name(),
            daemon.changing.trial.check_free,
        )  # fmt: skip
        beside = daemon.site.beside = Rotations(daemon.site, registry, daemon.log, host.random_bytes)
    return beside


def start(daemon: Daemon) -> Pairings:
    """What pairs, made when somebody first asks for it. Raises IsthmusError."""
    beside = wake(daemon)
    if beside.pairings is None:
        beside.pairings = Pairings(daemon.site, daemon.edge, beside.registry, daemon.log, host.random_bytes)
    return beside.pairings


def _pairings(daemon: Daemon) -> Pairings | None:
    beside = daemon.site.beside
    return beside.pairings if isinstance(beside, Rotations) else None


def _status(daemon: Daemon, _request: dict[str, Any], now: int) -> dict[str, Any]:
    answer = report(_pairings(daemon), daemon.site, now)
    beside = daemon.site.beside
    answer["renewals"] = renewals(beside, now) if isinstance(beside, Rotations) else []
    return answer


def _invite(daemon: Daemon, request: dict[str, Any], now: int) -> dict[str, Any]:
    pairings = start(daemon)
    at = (request.get("at") or "").replace(",", " ").split()
    number, text = pairings.invite(at, now, host.wall_seconds())
    daemon.site.obey(now)
    reach = pairings.reach[number]
    return {
        "number": number, "invite": text, "site": pairings.place.name, "left_s": INVITE_S,
        "endpoints": [name for name, _ in reach.endpoints], "notes": reach.notes,
    }  # fmt: skip


def _accept(daemon: Daemon, request: dict[str, Any], now: int) -> dict[str, Any]:
    pairings = start(daemon)
    number = pairings.accept(request["invite"], now, host.wall_seconds())
    daemon.site.obey(now)
    return {"number": number, "site": pairings.place.name, "peer": pairings.exchanges[number].invite.name}


def _approve(daemon: Daemon, request: dict[str, Any], now: int) -> dict[str, Any]:
    pairings = start(daemon)
    text = request["words"].lower()
    for char in BETWEEN_WORDS:
        text = text.replace(char, " ")
    words = tuple(text.split())
    number = pick(_rows(daemon, now), request.get("pairing"), words)
    try:
        tunnel = pairings.approve(number, words, request.get("name") or "", now)
    finally:
        daemon.site.obey(now)
    return {"number": number, "tunnel": tunnel}


def _cancel(daemon: Daemon, request: dict[str, Any], now: int) -> dict[str, Any]:
    pairings = start(daemon)
    number = pick(_rows(daemon, now), request.get("pairing"))
    pairings.cancel(number, now)
    daemon.site.obey(now)
    return {"number": number}


def _rows(daemon: Daemon, now: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = report(_pairings(daemon), daemon.site, now)["pairings"]
    return found


def _unpair(daemon: Daemon, request: dict[str, Any], now: int) -> dict[str, Any]:
    result = wake(daemon).registry.drop(request["tunnel"], bool(request.get("force")))
    daemon.site.obey(now)
    daemon.catch_up()
    return result


def _rotate(daemon: Daemon, request: dict[str, Any], now: int) -> dict[str, Any]:
    tunnel = status.find(daemon.site.tunnels, request["tunnel"])
    wake(daemon).want(tunnel, now)
    daemon.site.obey(now)
    return {"tunnel": tunnel.name}


HANDLERS: dict[str, Handler] = {
    "pair-status": _status,
    "pair-invite": _invite,
    "pair-accept": _accept,
    "pair-approve": _approve,
    "pair-cancel": _cancel,
    "pair-rotate": _rotate,
    "unpair": _unpair,
}
