"""Calls that take a fresh password: it is proven first, and the session goes on under the new token that this gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import make_response

from isthmus.errors import IsthmusError
from isthmus_web import visit
from isthmus_web.pages.common import begin, field, pages

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.typing import ResponseReturnValue

    from isthmus_web.jobs import Job

LONGEST_PASSWORD = 256  # edge/calls.py
BEYOND = ("no-session", "daemon-away")  # what no form can show


class DeedError(IsthmusError):
    """A call that was refused. token: the session's, if it is another one by then; else ""."""

    def __init__(self, error: IsthmusError, token: str) -> None:
        super().__init__(str(error), error.remedy, error.code)
        self.token = token


def typed_password() -> str:
    """The form's, or "": it was proven a moment ago."""
    return field("proof", LONGEST_PASSWORD)


def deed(
    purpose: str, command: str, proof: str, typed: dict[str, str] | None = None, /, **fields: Any  # noqa: ANN401
) -> ResponseReturnValue:
    """Prove the password, if there is one, and send the call; ending(purpose) goes on. typed: to be shown again."""
    token, link = visit.session_token(), pages().link

    def work() -> dict[str, Any]:
        now = token
        try:
            if proof:
                now = str(link.ask_long("step-up", token, password=proof)["token"])
            return {"token": now, "result": link.ask_long(command, now, **fields)}
        except IsthmusError as error:
            raise DeedError(error, now if now != token else "") from None

    return begin(purpose, work, **(typed or {}))


def outcome(
    job: Job,
    done: Callable[[dict[str, Any]], ResponseReturnValue],
    again: Callable[[IsthmusError, int], ResponseReturnValue],
) -> ResponseReturnValue:
    """What the browser gets: done(result), or again(error, status); and the new token. Raises IsthmusError."""
    error = job.error
    if error is not None and error.code in BEYOND:
        raise error
    token = error.token if isinstance(error, DeedError) else str(job.result.get("token", ""))
    is_new = bool(token) and token != visit.cookie(visit.SESSION)
    if is_new:
        visit.adopt(token)
    if error is not None:
        response = make_response(again(error, 503 if error.code == "busy" else 400))
    else:
        result = job.result["result"]
        if result.get("token"):  # another password: the call has made one more
            token, is_new = str(result["token"]), True
        response = make_response(done(result))
    if is_new:
        visit.set_cookie(response, visit.SESSION, token)
    return response
