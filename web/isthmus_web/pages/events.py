"""Where a live page listens for changes: an answer that goes on (watcher.py). Without it the page asks by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, g, request

from isthmus_web import visit
from isthmus_web.pages.common import pages, with_session
from isthmus_web.streams import network_of
from isthmus_web.topics import find_topic
from isthmus_web.watcher import HELLO

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

BLUEPRINT = Blueprint("events", __name__)
NOTHING = 204  # HTML 9.2.2: who gets this does not come again
SEE_OTHER = 303


@BLUEPRINT.before_request
def _quietly() -> None:
    g.quiet = True  # the page asks, and comes again by itself: no use of the session


@BLUEPRINT.after_request
def _end(response: Response) -> Response:
    """Who has no session (any more) is told to stop, instead of being led to a page that no EventSource can show."""
    if response.status_code == SEE_OTHER:
        response.status_code = NOTHING
        response.data = b""
        response.headers.pop("Location", None)
    return response


@BLUEPRINT.get("/events")
@with_session
def stream() -> ResponseReturnValue:
    """page, name: what is listened to. A browser that comes again says what it knows (Last-Event-ID)."""
    topic = find_topic(request.args.get("page", ""), request.args.get("name", ""))
    if topic is None:
        abort(404)
    keep_open = request.environ.get("isthmus.keep_open")
    if request.method != "GET" or keep_open is None:
        return Response(status=NOTHING)
    watcher = pages().watcher
    known = request.headers.get("Last-Event-ID", "")
    keep_open(watcher.streams.take(visit.session_token(), network_of(visit.source()), topic, known))
    watcher.begin()
    return Response(iter([HELLO]), content_type="text/event-stream; charset=utf-8")
