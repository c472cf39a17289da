"""Every error of the API in one shape, {"error": {"code", "message", "remedy"}}, with its HTTP status."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flask import Response

from isthmus.errors import IsthmusError

if TYPE_CHECKING:
    from werkzeug.exceptions import HTTPException

KIND = "application/json"

# code of isthmusd's, or ours: status; all others are 400, what was sent is wrong
STATUSES = {
    401: ("no-session", "refused"),
    403: ("forbidden", "step-up", "cross-origin", "form-token"),
    404: ("unknown-tunnel", "unknown-rule", "unknown-type", "unknown-session", "unknown-user",
          "no-pairing"),
    409: ("staged-meanwhile", "changed-meanwhile", "on-trial", "not-applied", "other-trial", "probe-failed",
          "name-taken", "other-words", "paired", "restore-mark", "no-trial", "no-place", "cannot-try", "backup-busy",
          "which-pairing"),
    429: ("throttled",),
    500: ("internal",),
    503: ("daemon-away", "busy", "not-offered", "no-memory", "users-file", "not-written"),
}  # fmt: skip
STATUS = {code: status for status, codes in STATUSES.items() for code in codes}
RETRY_S = {429: 60, 503: 5}

# status of an error that isthmusd knows nothing of: code, sentence, remedy
HTTP = {
    400: ("bad-request", "this request was not understood", "see docs/API.md"),
    404: ("no-such-path", "the API has nothing of that name", "see docs/API.md"),
    405: ("method", "this path does not take that method", "GET looks, POST does"),
    413: ("too-large", "the request is longer than 65536 bytes", "a large backup takes: isthmus restore FILE"),
    415: ("media-type", "a request's body is JSON", "send Content-Type: application/json"),
    500: ("internal", "a mistake in the web interface itself", "its log says where; the guard is not affected"),
}


def answer(value: dict[str, Any], status: int = 200) -> Response:
    """JSON, in ASCII: whatever a text holds, it is escaped."""
    return Response(json.dumps(value) + "\n", status, content_type=KIND)


def tell(error: IsthmusError) -> Response:
    """What isthmusd, the way to it, or one of our checks has refused."""
    status = STATUS.get(error.code, 400)
    response = answer({"error": {"code": error.code, "message": str(error), "remedy": error.remedy}}, status)
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="isthmus"'
    if status in RETRY_S:
        response.headers["Retry-After"] = str(RETRY_S[status])
    return response


def said(status: int) -> str:
    """The body of an error that isthmusd knows nothing of."""
    code, message, remedy = HTTP[status]
    return json.dumps({"error": {"code": code, "message": message, "remedy": remedy}}) + "\n"


def refuse(error: HTTPException) -> Response:
    """A request that no row takes."""
    status = error.code if error.code in HTTP else 400
    response = Response(said(status), status, content_type=KIND)
    methods = getattr(error, "valid_methods", None)
    if status == 405:
        response.headers["Allow"] = ", ".join(sorted(methods or ("GET", "HEAD", "POST")))
    return response


def fail() -> Response:
    """A mistake of ours, of which the log has been told."""
    return Response(said(500), 500, content_type=KIND)


class BadInputError(IsthmusError):
    """A request that its row does not allow."""

    code = "bad-request"
