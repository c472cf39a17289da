"""The router itself: what is wrong with it, its log, its users, backups, and the certificate of this page."""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, current_app, redirect, render_template, request, url_for

from isthmus.edge.printable import printable
from isthmus.errors import IsthmusError
from isthmus_web.examination import LEVELS, Examination
from isthmus_web.pages.change import WINDOWS, sentences
from isthmus_web.pages.common import ROLES, ask, ending, field, may, number, with_session
from isthmus_web.pages.deeds import LONGEST_PASSWORD, deed, outcome, typed_password
from isthmus_web.words import later, say

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from isthmus_web.jobs import Job

BLUEPRINT = Blueprint("system", __name__)
LONGEST_PASSPHRASE, LONGEST_NAME, LONGEST_BACKUP = 512, 64, 48 * 1024
LINES = 200

ROLE_NAMES = {
    "look": later("may look"),
    "operate": later("may operate: tunnels on and off, new keys, tests"),
    "administer": later("may administer: everything"),
}
DONE = {
    "add": later("The user is there"),
    "passwd": later("The user has another password"),
    "role": later("The user has another role"),
    "delete": later("The user is gone"),
}


def _show(
    error: IsthmusError | None = None, status: int = 200, typed: dict[str, str] | None = None
) -> ResponseReturnValue:
    status_now = ask("status")
    users = ask("user-list")["users"] if may("administer") else []
    done = request.args.get("done", "")
    return render_template(
        "system.html", error=error, typed=typed or {}, users=users, daemon=status_now["daemon"],
        version=status_now["version"], guard=status_now["guard"], roles=[(key, say(ROLE_NAMES[key])) for key in ROLES],
        names={key: say(text) for key, text in ROLE_NAMES.items()}, fingerprint=current_app.config["FINGERPRINT"],
        done=say(DONE[done]) if done in DONE else "",
    ), status  # fmt: skip


@BLUEPRINT.get("/system")
@with_session
def page() -> ResponseReturnValue:
    """All of it."""
    return _show()


@BLUEPRINT.get("/system/doctor")
@with_session
def doctor() -> ResponseReturnValue:
    """What is wrong with this router, and what to do about it."""
    return render_template("doctor.html", found=Examination(ask("doctor")), tunnel="")


@BLUEPRINT.get("/system/log")
@with_session
def log() -> ResponseReturnValue:
    """What was logged lately, newest first."""
    rows = [{**row, "look": LEVELS.get(row["level"], "off")} for row in ask("log", count=LINES)["lines"]]
    return render_template("log.html", rows=rows[::-1])


@BLUEPRINT.get("/system/diag")
@with_session
def diag() -> ResponseReturnValue:
    """A text for whoever helps."""
    found = ask("diag")
    return _download(str(found["text"]).encode(), str(found["name"]), "text/plain; charset=utf-8")


def _download(data: bytes, name: str, kind: str) -> Response:
    """A file. Its name is isthmusd's; it is held to what a name may be all the same."""
    safe = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "_" for letter in name)
    return Response(data, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{safe[:128]}"'})


@BLUEPRINT.post("/system/backup")
@with_session
def backup() -> ResponseReturnValue:
    """Everything of this site as one file."""
    passphrase = field("passphrase", LONGEST_PASSPHRASE)
    if passphrase != field("again", LONGEST_PASSPHRASE):
        return _show(IsthmusError("the two are not the same", "type both again", "again"), 400)
    return deed("backup", "backup", typed_password(), passphrase=passphrase or "-")


@ending("backup")
def backed_up(job: Job) -> ResponseReturnValue:
    """The file."""

    def done(result: dict[str, Any]) -> ResponseReturnValue:
        return _download(a2b_base64(result["file"]), str(result["name"]), "application/octet-stream")

    return outcome(job, done, _show)


@BLUEPRINT.post("/system/restore")
@with_session
def restore() -> ResponseReturnValue:
    """Open a backup, and say what putting it in force means."""
    file = request.files.get("file")
    data = file.read(LONGEST_BACKUP + 1) if file is not None else b""
    if not data or len(data) > LONGEST_BACKUP:
        text = "no file was chosen" if not data else "the file is longer than this page takes"
        return _show(IsthmusError(text, "choose a backup; a larger one takes: isthmus restore FILE", "no-file"), 400)
    text = b2a_base64(data).decode().strip()
    passphrase = field("passphrase", LONGEST_PASSPHRASE) or "-"
    return deed("restore", "restore", typed_password(), file=text, passphrase=passphrase, look=True)


@ending("restore")
def opened(job: Job) -> ResponseReturnValue:
    """What it means, and the button."""

    def done(result: dict[str, Any]) -> ResponseReturnValue:
        return render_template("restore.html", seen=result, changes=sentences(result["changes"]), windows=WINDOWS)

    return outcome(job, done, _show)


@BLUEPRINT.post("/system/restore/apply")
@with_session
def put_back() -> ResponseReturnValue:
    """In force on trial, as any change."""
    seconds = number("seconds", 3600) or WINDOWS[0]
    return deed("restoring", "restore", typed_password(), mark=field("mark", LONGEST_NAME) or "-", seconds=seconds)


@ending("restoring")
def restored(job: Job) -> ResponseReturnValue:
    """To the trial."""
    return outcome(job, lambda _result: redirect(url_for("change.page"), 303), _show)


@BLUEPRINT.post("/system/user")
@with_session
def change_user() -> ResponseReturnValue:
    """Add a user; or another password, another role, or no such user any more."""
    what, user = field("what", 16), field("user", LONGEST_NAME).strip()
    if what not in DONE:
        return _show(IsthmusError("there is no such choice", "choose one that is offered", "no-choice"), 400)
    fields = {"user": user or "-"}
    if what in ("add", "passwd"):
        fields["password"] = field("password", LONGEST_PASSWORD) or "-"
        if fields["password"] != field("again", LONGEST_PASSWORD):
            error = IsthmusError("the two passwords are not the same", "type both again", "again")
            return _show(error, 400, {"user": user})
    if what in ("add", "role"):
        fields["role"] = field("role", 16) or "-"
    return deed("user", "user-" + what, typed_password(), {"user": printable(user), "what": what}, **fields)


@ending("user")
def user_changed(job: Job) -> ResponseReturnValue:
    """To the list."""
    return outcome(
        job, lambda _result: redirect(url_for("system.page", done=job.typed["what"]), 303),
        lambda error, status: _show(error, status, job.typed if job.typed["what"] == "add" else None),
    )  # fmt: skip
