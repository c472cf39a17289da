"""First boot: the first password, with the code that root is shown. Nothing else works until then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, redirect, render_template, url_for

from isthmus.errors import IsthmusError
from isthmus_web import visit
from isthmus_web.pages.common import begin, ending, field, open_to_all, pages
from isthmus_web.pages.login import LONGEST_NAME, LONGEST_PASSWORD, entered

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from isthmus_web.jobs import Job

BLUEPRINT = Blueprint("first", __name__)
LONGEST_CODE = 64


class ClaimError(IsthmusError):
    """A first password that was not taken. typed: the code, which may be good still."""

    def __init__(self, error: IsthmusError, typed: str) -> None:
        super().__init__(str(error), error.remedy, error.code)
        self.typed = typed


def _show(error: IsthmusError | None = None, user: str = "", status: int = 200, code: str = "") -> ResponseReturnValue:
    """What was typed is there again, but for passwords."""
    visit.visit()
    return render_template("first.html", error=error, user=user, code=code), status


@BLUEPRINT.get("/first")
@open_to_all
def page() -> ResponseReturnValue:
    """The form, while there is no user."""
    if not pages().link.ask("hello")["first_password"]:
        return redirect(url_for("login.page"), 303)
    return _show()


@BLUEPRINT.post("/first")
@open_to_all
def claim() -> ResponseReturnValue:
    """Make the first user."""
    code, user = field("code", LONGEST_CODE), field("user", LONGEST_NAME)
    password, again = field("password", LONGEST_PASSWORD), field("again", LONGEST_PASSWORD)
    if password != again:
        error = IsthmusError("the two passwords are not the same", "type both again", "again")
        return _show(error, user, 400, code)
    link, source = pages().link, visit.source()

    def work() -> dict[str, Any]:
        try:
            link.ask_long("first-password", code=code or "-", user=user or "-", password=password or "-")
        except IsthmusError as error:
            raise ClaimError(error, code) from None
        entry = link.ask_long("login", user=user, password=password, source=source)
        try:  # a password of this moment: who begins by joining sites need not type it a third time
            entry["token"] = link.ask_long("step-up", str(entry["token"]), password=password)["token"]
        except IsthmusError:
            pass  # it will be asked for
        return entry

    try:
        return begin("first", work, user=user)
    except IsthmusError as error:
        return _show(error, user, 503, code)


@ending("first")
def claimed(job: Job) -> ResponseReturnValue:
    """Go on as after a login, or say what was wrong."""
    if job.error is None or job.error.code == "daemon-away":
        return entered(job)
    code = job.error.typed if isinstance(job.error, ClaimError) and job.error.code != "code" else ""
    return _show(job.error, job.typed.get("user", ""), 400, code)
