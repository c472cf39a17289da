"""One's own account: the password, and where one is logged in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, g, redirect, render_template, request, url_for

from isthmus.errors import IsthmusError
from isthmus_web import visit
from isthmus_web.pages.common import ask, ending, field, with_session
from isthmus_web.pages.deeds import LONGEST_PASSWORD, deed, outcome

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from isthmus_web.jobs import Job

BLUEPRINT = Blueprint("account", __name__)
LONGEST_HANDLE = 64


def _show(error: IsthmusError | None = None, status: int = 200) -> ResponseReturnValue:
    visit.visit()
    g.who = visit.who() or ask("session")
    is_changed = request.args.get("changed") == "1"
    sessions = ask("sessions")["sessions"]
    return render_template("account.html", error=error, changed=is_changed, sessions=sessions), status


@BLUEPRINT.get("/account")
@with_session
def page() -> ResponseReturnValue:
    """All of it."""
    return _show()


@BLUEPRINT.post("/account/password")
@with_session
def change_password() -> ResponseReturnValue:
    """Another password: the old one is proven again, one's other sessions end, this one goes on under a new token."""
    old, new = field("old", LONGEST_PASSWORD), field("password", LONGEST_PASSWORD)
    if new != field("again", LONGEST_PASSWORD):
        error = IsthmusError("the two passwords are not the same", "type both again", "again")
        return _show(error, 400)
    return deed("password", "password", old or "-", password=new or "-")


@ending("password")
def changed(job: Job) -> ResponseReturnValue:
    """The new token, or what was wrong."""
    return outcome(job, lambda _result: redirect(url_for("account.page", changed=1), 303), _show)


@BLUEPRINT.post("/account/session")
@with_session
def end_session() -> ResponseReturnValue:
    """End one of one's own sessions."""
    ask("session-end", session=field("session", LONGEST_HANDLE) or "-")
    return redirect(url_for("account.page"), 303)
