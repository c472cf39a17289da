"""One tunnel: what is agreed, what it has carried and lost, and what may be done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, redirect, render_template, request, url_for

from isthmus.errors import IsthmusError
from isthmus_web.chart import Chart, amount
from isthmus_web.examination import Examination
from isthmus_web.pages.common import ask, ending, field, may, with_session
from isthmus_web.pages.deeds import deed, outcome, typed_password
from isthmus_web.pages.overview import Tunnel
from isthmus_web.words import later, say, span

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from isthmus_web.jobs import Job
    from isthmus_web.presets import Preset

BLUEPRINT = Blueprint("tunnel", __name__)
SPANS = {"day": later("The last day"), "15min": later("The last quarter of an hour")}
NATS = {
    "none": later("none: both routers see each other directly"),
    "here": later("this router is behind one"),
    "there": later("the other router is behind one"),
    "both": later("both routers are behind one"),
}
DONE = {
    "up": later("The tunnel is switched on"),
    "down": later("The tunnel is switched off"),
    "rekey": later("New keys are being agreed; nothing is lost meanwhile"),
    "rotate": later("New keys of the pair are being agreed; nothing is lost meanwhile"),
}
COMMANDS = ("up", "down", "rekey")


def facts(row: dict[str, Any]) -> list[tuple[str, str]]:
    """(what, value) of what is agreed and derived, as far as it is there."""
    found: list[tuple[str, str]] = []
    outer = row.get("outer") or {}
    if outer:
        way = f"{outer['local']} \N{LEFT RIGHT ARROW} {outer['remote']}"
        found.append((say("Way through the Internet"), way + (f" ({outer['uplink']})" if outer.get("uplink") else "")))
        if outer.get("nat"):
            found.append((say("Address translators"), say(NATS.get(outer["nat"], str(outer["nat"])))))
        ports = outer.get("udp_ports")
        found.append((say("Encrypted packets travel"), say("in UDP, port %(a)s to %(b)s", a=ports[0], b=ports[1])
                      if ports else say("as they are (ESP)")))  # fmt: skip
    found.append((say("Largest packet inside"), say("%(num)s bytes", num=row["mtu"])))
    found.append((say("Interface"), str(row["interface"])))
    for key, title in (("local_id", later("This router calls itself")), ("remote_id", later("The other one"))):
        if row.get(key):
            found.append((say(title), str(row[key])))
    return found + _agreed(row)


def _agreed(row: dict[str, Any]) -> list[tuple[str, str]]:
    found = []
    ike, esp, l2tp, probe = row.get("ike"), row.get("esp"), row.get("l2tp"), row["probe"]
    if ike:
        keys = say("with a second key against quantum computers") if ike["ppk"] else say("without a second key")
        found.append((say("Proved with (IKE)"), f"{ike['suite']}, {keys}"))
        found.append((say("Proved"), say("%(time)s ago", time=span(int(ike["since_s"] or 0)))))
    if esp:
        found.append((say("Encrypted with (ESP)"), str(esp["cipher"])))
        found.append((say("Keys of the data renewed"), say("%(time)s ago", time=span(int(esp["since_s"] or 0)))))
    if l2tp:
        for title, way in ((later("Received"), "rx"), (later("Sent"), "tx")):
            size, packets = amount(int(l2tp[way + "_bytes"])), l2tp[way + "_packets"]
            found.append((say(title), say("%(size)s in %(num)s packets", size=size, num=packets)))
    if probe["round_trip_ms"] is not None:
        found.append((say("There and back"), f"{probe['round_trip_ms']} ms"))
    if probe["sent"]:
        found.append((say("Test packets lost lately"), f"{probe['loss_percent']} %"))
    return found


def _presets(section: dict[str, Any] | None) -> tuple[Preset, ...]:
    """Routers whose side can be shown as text, for a tunnel to one that is not Isthmus; loaded where there is such."""
    if section is None or section["options"].get("session") != "static":
        return ()
    from isthmus_web.presets import PRESETS

    return PRESETS


def _show(
    name: str, error: IsthmusError | None = None, status: int = 200, result: dict[str, Any] | None = None
) -> ResponseReturnValue:
    row = ask("show", tunnel=name)
    config = ask("config-get")
    section = next((one for one in config["sections"] if one["type"] == "tunnel" and one["name"] == name), None)
    charts = [(key, say(title), Chart(ask("history", tunnel=name, span=key))) for key, title in SPANS.items()]
    is_paired = bool(section and section["options"].get("site"))
    renewals = ask("pair-status").get("renewals", []) if is_paired else []
    done = request.args.get("done", "")
    return render_template(
        "tunnel.html", tunnel=Tunnel(row), facts=facts(row), charts=charts, error=error, result=result, name=name,
        presets=_presets(section),
        is_paired=is_paired, renewals=[row for row in renewals if row["tunnel"] == name], staged=config["staged"],
        done=say(DONE[done]) if done in DONE else "", is_off=row["state"] == "disabled",
        is_gone=any(one["name"] == name for one in config["gone"]), mark=config["mark"],
        force=error is not None and error.code not in ("step-up", "refused", "busy"), may_operate=may("operate"),
    ), status  # fmt: skip


@BLUEPRINT.get("/tunnel/<name>")
@with_session
def page(name: str) -> ResponseReturnValue:
    """All of it."""
    return _show(name)


@BLUEPRINT.get("/tunnel/<name>/doctor")
@with_session
def doctor(name: str) -> ResponseReturnValue:
    """What is wrong with it, or with this router, and what to do about it."""
    return render_template("doctor.html", found=Examination(ask("doctor", tunnel=name)), tunnel=name)


@BLUEPRINT.post("/tunnel/<name>/do")
@with_session
def act(name: str) -> ResponseReturnValue:
    """On, off, new keys."""
    what = field("what", 16)
    if what not in COMMANDS:
        return _show(name)
    try:
        ask(what, tunnel=name, **({"ike": True} if field("ike", 4) else {}))
    except IsthmusError as error:
        if error.code in ("no-session", "daemon-away"):
            raise
        return _show(name, error, 400)
    return redirect(url_for("tunnel.page", name=name, done=what), 303)


@BLUEPRINT.post("/tunnel/<name>/rotate")
@with_session
def rotate(name: str) -> ResponseReturnValue:
    """What pairing has agreed, anew."""
    return deed("rotate", "pair-rotate", typed_password(), {"name": name}, tunnel=name)


@ending("rotate")
def rotated(job: Job) -> ResponseReturnValue:
    """To the page."""
    name = job.typed["name"]
    return outcome(
        job, lambda _result: redirect(url_for("tunnel.page", name=name, done="rotate"), 303),
        lambda error, status: _show(name, error, status),
    )  # fmt: skip


@BLUEPRINT.post("/tunnel/<name>/unpair")
@with_session
def unpair(name: str) -> ResponseReturnValue:
    """Remove a paired tunnel with its keys; `force`: and rules that have no other."""
    force = {"force": True} if field("force", 4) else {}
    return deed("unpair", "unpair", typed_password(), {"name": name}, tunnel=name, **force)


@ending("unpair")
def unpaired(job: Job) -> ResponseReturnValue:
    """What was removed, and who is exposed by it."""
    return outcome(
        job, lambda result: render_template("unpaired.html", name=job.typed["name"], result=result),
        lambda error, status: _show(job.typed["name"], error, status),
    )  # fmt: skip


@BLUEPRINT.post("/tunnel/<name>/remove")
@with_session
def remove(name: str) -> ResponseReturnValue:
    """A tunnel that was made by hand: its removal waits with the other changes."""
    try:
        ask("config-stage", mark=field("mark", 64) or "-", changes=[{"section": name, "delete": True}])
    except IsthmusError as error:
        if error.code in ("no-session", "daemon-away"):
            raise
        return _show(name, error, 400)
    return redirect(url_for("change.page"), 303)
