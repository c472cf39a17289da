"""Login, logout, and the language, which anybody may choose."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, current_app, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from isthmus.errors import IsthmusError
from isthmus_web import visit, words
from isthmus_web.pages.common import ask, begin, ending, field, open_to_all, pages

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from isthmus_web.jobs import Job

BLUEPRINT = Blueprint("login", __name__)
LONGEST_NAME, LONGEST_PASSWORD = 64, 256  # edge/calls.py
LANGUAGE_DAYS = 400
PATH = re.compile(r"(/[A-Za-z0-9_.-]+)+|/")


def _show(error: IsthmusError | None = None, user: str = "", status: int = 200) -> ResponseReturnValue:
    visit.visit()
    return render_template("login.html", error=error, user=user), status


@BLUEPRINT.get("/login")
@open_to_all
def page() -> ResponseReturnValue:
    """The form; where there is nobody who could log in, the first password instead."""
    if pages().link.ask("hello")["first_password"]:
        return redirect(url_for("first.page"), 303)
    return _show()


@BLUEPRINT.post("/login")
@open_to_all
def enter() -> ResponseReturnValue:
    """Log in."""
    user, password = field("user", LONGEST_NAME), field("password", LONGEST_PASSWORD)
    source, mark, link = visit.source(), request.cookies.get(visit.MARK, "")[:64], pages().link

    def work() -> dict[str, Any]:
        return link.ask_long("login", user=user or "-", password=password or "-", source=source, mark=mark)

    try:
        return begin("login", work, user=user)
    except IsthmusError as error:
        return _show(error, user, 503)


@ending("login")
def entered(job: Job) -> ResponseReturnValue:
    """The session begins, or the form says why not."""
    if job.error is not None:
        if job.error.code == "daemon-away":
            raise job.error
        return _show(job.error, job.typed.get("user", ""), 503 if job.error.code == "busy" else 403)
    failed = int(job.result.get("failed_before", 0))
    response = redirect(url_for("overview.page", failed=failed) if failed else url_for("overview.page"), 303)
    visit.set_cookie(response, visit.SESSION, str(job.result["token"]))
    visit.set_cookie(response, visit.MARK, str(job.result["mark"]), visit.MARK_DAYS)
    visit.renew_visit()
    return response


@BLUEPRINT.post("/logout")
@open_to_all
def leave() -> ResponseReturnValue:
    """Log out: isthmusd forgets the session, the browser its cookie."""
    try:
        if visit.session_token():
            ask("logout")
    except IsthmusError as error:
        if error.code != "no-session":
            raise
    response = redirect(url_for("login.page"), 303)
    visit.clear_cookie(response, visit.SESSION)
    visit.renew_visit()
    return response


@BLUEPRINT.post("/language")
@open_to_all
def choose_language() -> ResponseReturnValue:
    """Keep the language, and go back to one of our pages."""
    wanted = field("language", 8)
    response: Response = Response(status=303, headers={"Location": _back(field("back", 128))})
    if wanted in words.CATALOGUES:
        visit.set_cookie(response, visit.LANGUAGE, wanted, LANGUAGE_DAYS)
    return response


def _back(path: str) -> str:
    """A page of ours and nothing else, whatever was sent."""
    try:
        endpoint, _ = current_app.url_map.bind("").match(path, method="GET")
    except (HTTPException, RequestRedirect):
        endpoint = ""
    if not PATH.fullmatch(path) or endpoint in ("", "static", "wait.page"):
        return url_for("overview.page")
    return path
