"""A row at work: the session behind a request, the call of isthmusd, the answer.

Who asks shows a session's token as `Authorization: Bearer`, or is a page of ours with the cookie. With the cookie a
request that changes something must prove, as forms do, that it comes from our page: Sec-Fetch-Site or Origin, and the
form's token, here in a header. A bearer's token is a proof in itself: no page of another site can send that header
without being allowed to, and nothing here allows it. Whoever says that it is another site's page is refused anyhow.

What waits, for scrypt above all, waits here in one of few places, so that neither logins nor backups take all the
threads that pages are served with. A login with a good mark has a place that no stranger can take: isthmusd, which
lets it past the strangers, says at once whether the mark is good.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from flask import Blueprint, request

from isthmus.errors import IsthmusError
from isthmus_web import visit
from isthmus_web.api import PREFIX, ROOT
from isthmus_web.api.reading import read
from isthmus_web.api.refusal import answer
from isthmus_web.api.routes import ROUTES
from isthmus_web.link import PLACE_S, CrowdedError
from isthmus_web.pages.common import ask, pages

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Response

    from isthmus_web.api.route import Route

BLUEPRINT = Blueprint("api", __name__, url_prefix=PREFIX)
FORM_HEADER = "X-Isthmus-Form"
SCHEME = "bearer "
STRANGERS, MARKED, KNOWN = 1, 1, 1  # who may wait at once: without a session, with a good mark, with a session
STRANGERS_PLACES = threading.BoundedSemaphore(STRANGERS)
MARKED_PLACES = threading.BoundedSemaphore(MARKED)
KNOWN_PLACES = threading.BoundedSemaphore(KNOWN)
KNOWN_WAIT = threading.BoundedSemaphore(KNOWN)  # who may wait for such a place: each holds a thread meanwhile


class NoTokenError(IsthmusError):
    """A call that takes a session, without a token of one."""

    code = "no-session"
    remedy = "log in (POST /login), and send its token: Authorization: Bearer TOKEN"

    def __init__(self) -> None:
        super().__init__("no session's token came with the request")


class ForeignError(IsthmusError):
    """A request that a page of another site has sent, or perhaps."""

    code = "cross-origin"
    remedy = "a program sends neither Origin nor Sec-Fetch-Site; a page is one of this router's"

    def __init__(self) -> None:
        super().__init__("this request comes from another site's page")


class FormTokenError(IsthmusError):
    """A request with the cookie and without the proof that a page of ours has sent it."""

    code = "form-token"
    remedy = f"send what GET /session says in the header {FORM_HEADER}, from a page of this router"

    def __init__(self) -> None:
        super().__init__("with the cookie this takes the form's token and a page of ours")


def is_ours() -> bool:
    """Whether this request is the API's, be there such a path or not."""
    return request.path.startswith(ROOT)


def check(comes_from_us: Callable[[str, str, str], bool]) -> None:
    """Ahead of every request of the API: whose token counts, and where the request comes from. Raises IsthmusError."""
    get = request.headers.get
    words = get("Authorization")
    if words is not None:  # then the cookie counts for nothing, whatever these words are
        token = words[len(SCHEME) :].strip() if words.lower().startswith(SCHEME) else ""
        if not visit.fits(token):
            raise NoTokenError
        visit.adopt(token)
    if request.method in ("GET", "HEAD"):
        return
    site, origin, host = get("Sec-Fetch-Site", ""), get("Origin", ""), get("Host", "")
    if (site or origin) and not comes_from_us(site, origin, host):
        raise ForeignError
    if words is None and visit.cookie(visit.SESSION):
        if not comes_from_us(site, origin, host):
            raise ForeignError
        if not visit.form_fits(get(FORM_HEADER, "")):
            raise FormTokenError


def _view(route: Route) -> Callable[..., Response]:
    def view(**path: str) -> Response:
        if not route.is_open and not visit.session_token():
            raise NoTokenError
        fields = {**read(route, path), **route.fixed}
        own = {name: fields.pop(name) for name in route.own}
        result = _ask(route, fields)
        found = route.pick(result, own) if route.pick is not None else result
        return _tell(route, found)

    view.__doc__ = route.text
    view.needs_session = not route.is_open  # type: ignore[attr-defined]
    return view


def _ask(route: Route, fields: dict[str, Any]) -> dict[str, Any]:
    if route.is_slow:
        return _ask_slowly(route, fields)
    return pages().link.ask(route.call, **fields) if route.is_open else ask(route.call, **fields)


def _ask_slowly(route: Route, fields: dict[str, Any]) -> dict[str, Any]:
    link, token = pages().link, "" if route.is_open else visit.session_token()
    places = _take_open_place(fields) if route.is_open else _take_known_place()
    try:
        link.take_long_place()
        try:
            if route.name == "login":
                fields["source"] = visit.source()
            return link.ask_long(route.call, token, **fields)
        finally:
            link.give_long_place()
    except IsthmusError as error:
        if route.is_open and error.code == "busy" and not isinstance(error, CrowdedError):
            raise IsthmusError(str(error), error.remedy, "throttled") from None
        raise
    finally:
        places.release()


def _take_open_place(fields: dict[str, Any]) -> threading.BoundedSemaphore:
    """One of those without a session. Raises CrowdedError."""
    user, mark = fields.get("user"), fields.get("mark")
    if mark and pages().link.ask("hello", user=user, mark=mark).get("known") and MARKED_PLACES.acquire(blocking=False):
        return MARKED_PLACES
    if not STRANGERS_PLACES.acquire(blocking=False):
        raise CrowdedError
    return STRANGERS_PLACES


def _take_known_place() -> threading.BoundedSemaphore:
    """One of those with a session. Raises CrowdedError."""
    ask("session")  # who has none takes no place
    if not KNOWN_PLACES.acquire(blocking=False) and not _wait_known():
        raise CrowdedError
    return KNOWN_PLACES


def _wait_known() -> bool:
    """Wait for a place of those with a session, and take it. False: too many wait already, or for too long."""
    if not KNOWN_WAIT.acquire(blocking=False):
        return False
    try:
        return KNOWN_PLACES.acquire(timeout=PLACE_S)
    finally:
        KNOWN_WAIT.release()


def _tell(route: Route, found: dict[str, Any]) -> Response:
    """The answer. A browser's new token is put into its cookie, and not shown to its page."""
    token = found.get("token")
    is_browser = request.headers.get("Authorization") is None and not route.is_open
    if not is_browser:
        return answer(found)
    if token:
        visit.adopt(str(token))
        found = {name: value for name, value in found.items() if name != "token"}
    if token or route.name == "session":
        found = {**found, "form_token": visit.form_token()}
    response = answer(found)
    if token:
        visit.set_cookie(response, visit.SESSION, str(token))
    return response


for _route in ROUTES:
    BLUEPRINT.add_url_rule(_route.rule, _route.name, _view(_route), methods=[_route.method])
