"""What is refused ahead of every page, and the headers behind every answer.

Ahead, in this order: the Host that a browser thinks it talks to must be the address that it has reached, or a name
of this device (DNS rebinding); only GET, HEAD and POST; a POST must come from our own page (Sec-Fetch-Site, else
Origin) and carry the token of its form. Nothing changes on GET, but that a browser fetches the outcome of its own POST
(/wait). What the API takes instead of a form's token, api/serving.py says.

Two headers are not what they might be, on purpose. Referrer-Policy is same-origin: under no-referrer browsers send
`Origin: null` with forms, and the check above would have nothing to hold. Strict-Transport-Security is not sent: it
would bind the host's name, and so every other service of this router, to a certificate that the router made itself.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from flask import Flask, Response, abort, current_app, g, request

from isthmus_web import visit
from isthmus_web.api import serving

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

METHODS = ("GET", "HEAD", "POST")
LOOPBACK = ("127.0.0.1", "::1")
_HOST = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9_.-]{1,253})(?::([0-9]{1,5}))?")
MISDIRECTED = 421  # RFC 9110 15.5.20
FORM_TOKEN = "form_token"  # noqa: S105 - the field's name

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)
HEADERS = (
    ("Content-Security-Policy", CSP),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Embedder-Policy", "require-corp"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=(), interest-cohort=()"),
)


def host_fits(host: str, local: str, names: frozenset[str]) -> bool:
    """Whether a Host header names this device: `local`, the address that the connection has reached, or a name."""
    found = _HOST.fullmatch(host.lower())
    if found is None:
        return False
    name = found.group(1)
    if name.startswith("["):
        return name[1:-1] == local and ":" in local
    if name == local:
        return True
    name = name.removesuffix(".")
    return name in names or (name == "localhost" and local in LOOPBACK)


def comes_from_us(site: str, origin: str, host: str) -> bool:
    """Whether a POST was sent by a page of ours: Sec-Fetch-Site, Origin and Host as the browser sent them ("": not)."""
    if site and site not in ("same-origin", "none"):
        return False
    if origin:
        return origin.lower() == "https://" + host.lower()
    return bool(site)  # neither of the two: an old browser, or no browser; nothing to go by


def _ahead() -> Response | None:
    g.began = time.monotonic()
    names: frozenset[str] = current_app.config["DEVICE_NAMES"]
    host = request.headers.get("Host", "")
    if not host_fits(host, request.environ.get("isthmus.local", ""), names):
        return Response("This is another device.\n", MISDIRECTED, content_type="text/plain; charset=utf-8")
    if serving.is_ours():
        serving.check(comes_from_us)
        return None
    if request.method not in METHODS:
        abort(405)
    if request.method != "POST":
        return None
    get = request.headers.get
    if not comes_from_us(get("Sec-Fetch-Site", ""), get("Origin", ""), host):
        abort(403)
    if not visit.form_fits(request.form.get(FORM_TOKEN, "")):
        abort(403)
    return None


def _behind(response: Response) -> Response:
    for name, value in HEADERS:
        response.headers[name] = value
    if request.endpoint != "static" or response.status_code >= 400:
        response.headers["Cache-Control"] = "no-store"
        visit.keep(response)
    spent = (time.monotonic() - g.get("began", time.monotonic())) * 1000
    response.headers["Server-Timing"] = f"page;dur={spent:.1f}"
    return response


def install(app: Flask) -> None:
    """Put both around every page of this app."""
    app.before_request(_ahead)
    app.after_request(_behind)


def see_other(where: str) -> AnyResponse:
    """After a POST: look at this page of ours."""
    return Response(status=303, headers={"Location": where})
