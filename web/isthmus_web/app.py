"""The Flask application: pages, words and what people are told when something is wrong."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from flask import Flask, Response, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException

from isthmus.edge.printable import printable
from isthmus.errors import IsthmusError
from isthmus_web import chart, drawing, gate, visit, words
from isthmus_web.api import refusal, serving
from isthmus_web.jobs import Jobs
from isthmus_web.pages import (
    account,
    change,
    events,
    first,
    forced,
    join,
    login,
    overview,
    passthrough,
    peer,
    settings,
    system,
    tunnel,
    wait,
)
from isthmus_web.pages.common import Pages, may, shown
from isthmus_web.watcher import Watcher

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

    from isthmus_web.link import Link

LOG = logging.getLogger("isthmus-web")
BODY_BYTES = 64 * 1024
# The pages that every page leads to
NAVIGATION = (
    ("overview.page", words.later("Overview")),
    ("join.page", words.later("Add a site")),
    ("forced.page", words.later("Forced")),
    ("passthrough.page", words.later("Passthrough")),
    ("settings.index", words.later("Settings")),
    ("change.page", words.later("Changes")),
    ("system.page", words.later("System")),
    ("account.page", words.later("Account")),
)
AWAY, OVER = "daemon-away", "no-session"
BUSY_S = 5


def create_app(link: Link, names: frozenset[str], fingerprint: str = "") -> Flask:
    """All of it. names: what browsers may call this device, beside its addresses; fingerprint: of its certificate."""
    app = Flask("isthmus_web", static_folder="static", template_folder="templates")
    app.config.update(
        DEVICE_NAMES=names, FINGERPRINT=fingerprint, MAX_CONTENT_LENGTH=BODY_BYTES, MAX_FORM_MEMORY_SIZE=BODY_BYTES,
        MAX_FORM_PARTS=512, PROVIDE_AUTOMATIC_OPTIONS=False, TEMPLATES_AUTO_RELOAD=False, PROPAGATE_EXCEPTIONS=False,
    )  # fmt: skip
    app.url_map.merge_slashes = False  # no answer leads elsewhere but ours
    app.extensions["isthmus"] = Pages(link, Jobs(link), Watcher(link))
    gate.install(app)
    _install_words(app)
    for page in (
        overview, login, first, wait, account, change, join, peer, tunnel, forced, settings, passthrough, system,
        events,
    ):  # fmt: skip
        app.register_blueprint(page.BLUEPRINT)
    app.register_blueprint(serving.BLUEPRINT)
    app.register_error_handler(IsthmusError, _tell)
    app.register_error_handler(HTTPException, _refuse)
    app.register_error_handler(Exception, _fail)
    return app


def _install_words(app: Flask) -> None:
    environment = app.jinja_env
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.add_extension("jinja2.ext.i18n")
    environment.install_gettext_callables(words.translate, words.translate_number, newstyle=True)  # type: ignore[attr-defined]
    environment.filters["said"] = lambda text: printable(str(text))
    environment.filters["say"] = words.say
    environment.filters["span"] = words.span
    environment.filters["rate"] = chart.rate
    environment.globals.update(drawing=drawing.draw, told=words.Told)
    app.context_processor(_every_page)


def _every_page() -> dict[str, object]:
    """What all templates know."""
    return {
        "language": words.language(), "languages": words.NAMES, "form_token": visit.form_token(), "who": visit.who(),
        "here": request.path, "may": may, "shape": shown().shape,
        "navigation": [(endpoint, words.say(title)) for endpoint, title in NAVIGATION] if visit.who() else [],
    }  # fmt: skip


def _tell(error: Exception) -> tuple[str, int] | AnyResponse:
    """What isthmusd, or the way to it, has refused, where no page says more."""
    assert isinstance(error, IsthmusError)  # noqa: S101 - registered for it
    if serving.is_ours():
        return refusal.tell(error)
    if error.code == OVER:
        response = redirect(url_for("login.page"), 303)
        visit.clear_cookie(response, visit.SESSION)
        return response
    if error.code == AWAY:
        return render_template("away.html", error=error), 503
    page = render_template("refused.html", error=error)
    if error.code == "busy":
        return Response(page, 503, {"Retry-After": str(BUSY_S)})  # a live page goes on by that (live.js)
    return page, {"forbidden": 403, "step-up": 403}.get(error.code, 400)


def _refuse(error: Exception) -> tuple[str, int] | AnyResponse:
    """A request that no page takes."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    if serving.is_ours():
        return refusal.refuse(error)
    status = error.code or 500
    if error.response is not None or status < 400:
        return error.get_response()
    if status == 405:
        return Response("This is not how this page is used.\n", 405, content_type="text/plain; charset=utf-8")
    return render_template("error.html", status=status), status


def _fail(error: Exception) -> tuple[str, int] | Response:
    """A mistake of ours. Its text may hold what was typed: the log gets where it happened, and its kind."""
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    place = f"{where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where is not None else "?"
    LOG.error("a mistake at %s: %s", place, type(error).__name__)
    if serving.is_ours():
        return refusal.fail()
    return render_template("error.html", status=500), 500
