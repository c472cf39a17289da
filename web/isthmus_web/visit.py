"""Who asks: the cookies of a browser, the session behind them, and the language.

Four cookies, all `__Host-` (of this host alone), Secure, HttpOnly, SameSite=Strict:

- session: the token that isthmusd gave at login. It is kept here only while a page listens for changes (streams.py).
- visit: random, for a browser that has not logged in; forms are bound to it until there is a session. New at login.
- mark: isthmusd's own, which lets a browser that has logged in before past the queue of strangers.
- language: en, de.

A form carries a token: SHA-256 over a fixed text and the session's token (or the visit). Nobody who cannot read the
cookie can make it, and it ends with what it was made of.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import TYPE_CHECKING, Any

from flask import g, request

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

SESSION, VISIT = "__Host-isthmus", "__Host-isthmus-visit"
MARK, LANGUAGE = "__Host-isthmus-mark", "__Host-isthmus-language"
MARK_DAYS = 400  # the longest that browsers keep one
_TOKEN = re.compile(r"[A-Za-z0-9_.-]{16,128}")


def cookie(name: str) -> str:
    """A cookie of this request, "" where it is missing or looks like none of ours."""
    value = request.cookies.get(name, "")
    return value if fits(value) else ""


def fits(token: str) -> bool:
    """Whether it looks like one of ours at all."""
    return _TOKEN.fullmatch(token) is not None


def set_cookie(response: Response, name: str, value: str, days: int = 0) -> None:
    """Without days it ends with the browser."""
    age = days * 86400 if days else None
    response.set_cookie(name, value, max_age=age, path="/", secure=True, httponly=True, samesite="Strict")


def clear_cookie(response: Response, name: str) -> None:
    """Take it away."""
    response.set_cookie(name, "", max_age=0, path="/", secure=True, httponly=True, samesite="Strict")


def session_token() -> str:
    """The token that isthmusd is shown; "": none."""
    return str(g.get("token") or cookie(SESSION))


def adopt(token: str) -> None:
    """The session has another token from now on, which the browser is about to be given."""
    g.token = token


def visit() -> str:
    """This browser's visit, made now where there is none (keep() sends it)."""
    if "visit" not in g:
        g.visit = cookie(VISIT)
        if not g.visit:
            g.visit = g.new_visit = secrets.token_urlsafe(24)
    return str(g.visit)


def renew_visit() -> None:
    """Another one, for a browser that has just logged in or out."""
    g.visit = g.new_visit = secrets.token_urlsafe(24)


def keep(response: Response) -> None:
    """Send the visit, if it is new."""
    new = g.get("new_visit")
    if new:
        set_cookie(response, VISIT, new)


def form_token() -> str:
    """What every form of this page carries."""
    return _form_token(session_token() or visit())


def _form_token(of: str) -> str:
    return hashlib.sha256(b"isthmus-web form " + of.encode()).hexdigest()


def form_fits(token: str) -> bool:
    """Whether a form that came was made for this browser, as it is now."""
    of = session_token() or cookie(VISIT)
    return bool(of) and hmac.compare_digest(_form_token(of).encode(), token.encode("utf-8", "replace"))


def who() -> dict[str, Any] | None:
    """The session's row (accounts.py), where a page has looked it up."""
    found: dict[str, Any] | None = g.get("who")
    return found


def source() -> str:
    """The browser's address."""
    return request.remote_addr or ""
