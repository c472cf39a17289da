"""Every option of every section, as a form that is made from isthmusd's own table: its help, what is allowed, defaults.

What a form changes waits with the other changes. Keys are written, never shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, redirect, render_template, request, url_for

from isthmus.errors import IsthmusError
from isthmus_web.pages.common import ask, field, meant, with_session
from isthmus_web.pages.staging import check_name, section, sections, stage
from isthmus_web.words import later, say

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

BLUEPRINT = Blueprint("settings", __name__)
LONGEST_TEXT, LONGEST_NAME = 32_768, 64
NEW = "-"  # instead of a name: no section is called so

KINDS = {
    "globals": later("This site"),
    "tunnel": later("Tunnels"),
    "forced": later("Forced rules"),
    "exception": later("Exceptions of forced rules"),
    "passthrough": later("VPN programs of devices"),
    "alias": later("Networks under another name"),
}
SINGLE = ("globals",)


class Row:
    """One option. text: what the form shows; values: what it has now. secret: `text` is always empty."""

    def __init__(self, spec: dict[str, Any], now: Any, typed: str | None) -> None:  # noqa: ANN401 - text, list or true
        self.spec = spec
        self.name = str(spec["name"])
        self.is_set = now is not None
        self.values = [] if now is None or now is True else (list(now) if isinstance(now, list) else [str(now)])
        self.text = typed if typed is not None else "\n".join(self.values)
        if spec["secret"]:
            self.text = ""
        self.lines = self.text.replace("\r\n", "\n").split("\n")

    def wanted(self, typed: str) -> list[str] | None:
        """The values that were typed; None: as it is."""
        found = [line.strip() for line in typed.replace("\r", "\n").split("\n") if line.strip()]
        if self.spec["secret"]:
            return found[:1] or None
        return None if found == self.values else found


def _rows(kind: str, options: dict[str, Any], is_typed: bool) -> list[Row]:
    specs = ask("config-rows", type=kind)
    return [
        Row(spec, options.get(spec["name"]), field("o-" + spec["name"], LONGEST_TEXT) if is_typed else None)
        for spec in specs["rows"]
    ]


def _index(error: IsthmusError | None = None, status: int = 200) -> ResponseReturnValue:
    config = ask("config-get")
    kinds = [(kind, say(title), sections(config, kind)) for kind, title in KINDS.items()]
    return render_template(
        "settings.html", kinds=kinds, staged=config["staged"], gone=config["gone"], troubles=config["troubles"],
        single=SINGLE, error=error, mark=config["mark"],
    ), status  # fmt: skip


def _form(kind: str, name: str, error: IsthmusError | None = None, status: int = 200) -> ResponseReturnValue:
    if kind not in KINDS:
        abort(404)
    config = ask("config-get")
    found = section(config, kind, name)
    if found is None and name != NEW:
        abort(404)
    if kind in SINGLE and name == NEW and sections(config, kind):
        return redirect(url_for("settings.page", kind=kind, name=sections(config, kind)[0]["name"]), 303)
    rows = _rows(kind, found["options"] if found else {}, request.method == "POST")
    shown = [row for row in rows if row.spec["required"] or row.is_set or row.text]
    return render_template(
        "section.html", kind=kind, title=say(KINDS[kind]), name=name, is_new=name == NEW, error=error, shown=shown,
        others=[row for row in rows if row not in shown], staged=config["staged"], mark=config["mark"],
        help=ask("config-rows", type=kind)["help"], typed=field("name", LONGEST_NAME),
    ), status  # fmt: skip


@BLUEPRINT.get("/settings")
@with_session
def index() -> ResponseReturnValue:
    """All sections."""
    return _index()


@BLUEPRINT.get("/settings/<kind>/<name>")
@with_session
def page(kind: str, name: str) -> ResponseReturnValue:
    """One of them."""
    return _form(kind, name)


@BLUEPRINT.post("/settings/<kind>/<name>")
@with_session
def keep(kind: str, name: str) -> ResponseReturnValue:
    """What is typed waits with the other changes."""
    if kind not in KINDS:
        abort(404)
    found = section(ask("config-get"), kind, name)
    try:
        changes: list[dict[str, Any]] = []
        if name == NEW:
            name = "globals" if kind in SINGLE else check_name(field("name", LONGEST_NAME).strip())
            changes.append({"section": name, "type": kind})
        elif found is None:
            abort(404)
        keys: list[dict[str, Any]] = []
        for row in _rows(kind, found["options"] if found else {}, False):
            if "o-" + row.name not in request.form:
                continue  # the page was made before this option came: nothing was said of it
            values = row.wanted(meant("o-" + row.name, LONGEST_TEXT))
            if values is not None and (values or row.is_set):
                (keys if row.spec["secret"] else changes).append(
                    {"section": name, "option": row.name, "values": values}
                )
        if changes or keys:
            stage(*changes, *keys)
    except IsthmusError as error:
        return _refused(kind, NEW if found is None else name, error)
    return redirect(url_for("change.page"), 303)


def _refused(kind: str, name: str, error: IsthmusError) -> ResponseReturnValue:
    if error.code in ("no-session", "daemon-away"):
        raise error
    return _form(kind, name, error, 400)


@BLUEPRINT.post("/settings/<kind>/<name>/remove")
@with_session
def remove(kind: str, name: str) -> ResponseReturnValue:
    """The section goes, when the change is put in force."""
    if kind not in KINDS or section(ask("config-get"), kind, name) is None:
        abort(404)
    try:
        stage({"section": name, "delete": True})
    except IsthmusError as error:
        return _refused(kind, name, error)
    return redirect(url_for("change.page"), 303)
