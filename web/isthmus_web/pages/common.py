"""What all pages share: the way to isthmusd, and who may see them."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, cast

from flask import current_app, g, redirect, request, url_for

from isthmus.errors import IsthmusError
from isthmus_web import visit
from isthmus_web.topics import Shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.typing import ResponseReturnValue

    from isthmus_web.jobs import Job, Jobs
    from isthmus_web.link import Link
    from isthmus_web.watcher import Watcher

QUIET = "X-Isthmus-Quiet"  # a page's own look: it does not keep the session alive


class Pages:
    """What this process has one of."""

    def __init__(self, link: Link, jobs: Jobs, watcher: Watcher) -> None:
        self.link = link
        self.jobs = jobs
        self.watcher = watcher


def pages() -> Pages:
    """This app's."""
    return cast("Pages", current_app.extensions["isthmus"])


def is_quiet() -> bool:
    """Whether nobody has asked for this, but the page itself."""
    return request.headers.get(QUIET) == "1" or bool(g.get("quiet"))


def ask(command: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever the call takes
    """A call with this browser's session. Raises IsthmusError."""
    quiet = {"quiet": True} if is_quiet() else {}
    answer = pages().link.ask(command, visit.session_token(), **quiet, **fields)
    shown().keep((command, fields), answer)
    return answer


def shown() -> Shown:
    """What this request's page is made of."""
    if "shown" not in g:
        g.shown = Shown()
    return cast("Shown", g.shown)


def with_session(page: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """A page for who has logged in; others are sent to log in, or to set the first password."""

    @wraps(page)
    def inner(**values: Any) -> ResponseReturnValue:  # noqa: ANN401 - Flask's
        if not visit.session_token():
            fresh = pages().link.ask("hello")["first_password"]
            return redirect(url_for("first.page" if fresh else "login.page"), 303)
        g.who = ask("session")
        visit.visit()  # jobs hang on it
        return page(**values)

    inner.needs_session = True  # type: ignore[attr-defined]
    return inner


def open_to_all(page: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """A page that takes no session: there are few, and a test names each."""
    page.needs_session = False  # type: ignore[attr-defined]
    return page


ROLES = ("look", "operate", "administer")


def may(role: str) -> bool:
    """Whether whoever has logged in has this role or more: what is shown; isthmusd decides."""
    own = str((visit.who() or {}).get("role", ""))
    return own in ROLES and ROLES.index(own) >= ROLES.index(role)


def number(name: str, most: int = 1 << 31) -> int | None:
    """A number of a form, or None."""
    text = field(name, 10)
    return int(text) if text.isascii() and text.isdecimal() and int(text) <= most else None


def field(name: str, longest: int) -> str:
    """What was typed; longer than anything that is allowed is nothing."""
    text = request.form.get(name, "")
    return text if len(text) <= longest else ""


def meant(name: str, longest: int) -> str:
    """What was typed where an empty text means something, as nobody, or everybody. Raises IsthmusError."""
    text = request.form.get(name, "")
    if len(text) > longest:
        message = f"a field holds {len(text)} characters; allowed: {longest}"
        raise IsthmusError(message, "write less, such as a network instead of each of its devices", "too-long")
    return text


ENDINGS: dict[str, Callable[[Job], ResponseReturnValue]] = {}


def ending(purpose: str) -> Callable[[Callable[[Job], ResponseReturnValue]], Callable[[Job], ResponseReturnValue]]:
    """Marks what goes on when a job of this purpose is done; its error, if any, is raised before."""

    def mark(function: Callable[[Job], ResponseReturnValue]) -> Callable[[Job], ResponseReturnValue]:
        ENDINGS[purpose] = function
        return function

    return mark


def follow(number: str) -> ResponseReturnValue | None:
    """Go on with a job, if it is done. Raises GoneError."""
    job = pages().jobs.look(number, visit.cookie(visit.VISIT))
    return ENDINGS[job.purpose](job) if job is not None else None


def begin(purpose: str, work: Callable[[], dict[str, Any]], **typed: str) -> ResponseReturnValue:
    """Start what takes long, and go on at once if it does not. Raises IsthmusError."""
    owner = visit.cookie(visit.VISIT)
    if not owner:  # forms of sessions do not hang on it, but jobs do
        raise IsthmusError("this browser keeps no cookies", "allow them for this address", "cookies")
    job = pages().jobs.start(purpose, owner, work, typed)
    return follow(job.number) or redirect(url_for("wait.page", number=job.number), 303)
