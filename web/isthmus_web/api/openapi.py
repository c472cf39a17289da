"""The table as OpenAPI 3.1, and as the table of docs/API.md. tools/api writes both; tests hold both to the code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from isthmus.edge.calls import COMMANDS
from isthmus.users.roles import role_name
from isthmus_web.api import PREFIX
from isthmus_web.api.refusal import HTTP, RETRY_S, STATUSES
from isthmus_web.api.route import POST
from isthmus_web.api.routes import ROUTES
from isthmus_web.api.serving import FORM_HEADER
from isthmus_web.api.shapes import SHAPES
from isthmus_web.api.shapes.notation import ref
from isthmus_web.visit import SESSION

if TYPE_CHECKING:
    from isthmus_web.api.route import Input, Route

MEANINGS = {
    400: "what was sent is wrong; the error says what is allowed",
    401: "no session, or one that is over; or a name and password that are wrong",
    403: "this session may not: another role, a fresh password (POST /proof), or a page of another site",
    404: "there is no such thing",
    405: "this path does not take that method",
    409: "not as things are now: somebody was first, a change is on trial, nothing is staged",
    413: "the request is too long",
    415: "the body is not JSON",
    429: "too many logins, or too many that failed; the remedy says when to try again",
    500: "a mistake of ours; the router's log says where",
    503: "isthmusd does not answer, or too many ask at once",
}
BEGIN, END = "<!-- tools/api: begin -->\n", "<!-- tools/api: end -->\n"  # around the tables in docs/API.md
ABOUT = (
    "Everything that the pages can do. GET looks, POST does; a POST's body is a JSON object, its answer a JSON object. "
    "An answer may hold more fields than are named here. docs/API.md is the manual."
)


def _schema(one: Input) -> dict[str, Any]:
    return {**one.schema, "description": one.text}


def _operation(route: Route) -> dict[str, Any]:
    call = COMMANDS[route.call]
    notes = [route.text]
    if not route.is_open:
        notes.append(f"Takes the role `{role_name(call.role)}`" + (" and a fresh password." if call.step_up else "."))
    found: dict[str, Any] = {
        "operationId": route.name, "summary": route.text, "description": " ".join(notes),
        "responses": {"200": {
            "description": "done" if route.method == POST else "as it is now",
            "content": {"application/json": {"schema": ref(route.answer)}},
        }},
    }  # fmt: skip
    for status in MEANINGS:
        if (status == 429 and not (route.is_open and route.is_slow)) or (status in (413, 415) and route.method != POST):
            continue
        found["responses"][str(status)] = {"$ref": f"#/components/responses/{status}"}
    parameters = [
        {"name": one.name, "in": one.place, "required": one.required, "description": one.text, "schema": one.schema}
        for one in route.of("path") + route.of("query")
    ]
    if parameters:
        found["parameters"] = parameters
    if route.method == POST:
        body: dict[str, Any] = {
            "type": "object", "properties": {one.name: _schema(one) for one in route.of("body")},
            "additionalProperties": False,
        }  # fmt: skip
        required = [one.name for one in route.of("body") if one.required]
        if required:
            body["required"] = required
        found["requestBody"] = {"required": bool(required), "content": {"application/json": {"schema": body}}}
    cookie: dict[str, list[str]] = {"cookie": [], "form": []} if route.method == POST else {"cookie": []}
    found["security"] = [] if route.is_open else [{"bearer": []}, cookie]
    return found


def document() -> dict[str, Any]:
    """The whole file."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    error = {"application/json": {"schema": ref("Error")}}
    responses: dict[str, Any] = {}
    for status, text in MEANINGS.items():
        responses[str(status)] = {"description": text, "content": error}
        if status in RETRY_S:
            header = {"description": "seconds", "schema": {"type": "integer"}}
            responses[str(status)]["headers"] = {"Retry-After": header}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Isthmus", "version": "1", "description": ABOUT},
        "servers": [{"url": PREFIX}],
        "paths": paths,
        "components": {
            "schemas": SHAPES,
            "responses": responses,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "the token of POST /login"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": SESSION, "description": "of the pages"},
                "form": {"type": "apiKey", "in": "header", "name": FORM_HEADER,
                         "description": "with the cookie: form_token of GET /session"},
            },
        },
    }  # fmt: skip


def text() -> str:
    """The file's text."""
    return json.dumps(document(), indent=1, ensure_ascii=True) + "\n"


def table() -> str:
    """Every row, and every code with a status of its own, for docs/API.md."""
    lines = ["| | Path | Takes | Role | |", "|---|---|---|---|---|"]
    for route in ROUTES:
        call = COMMANDS[route.call]
        takes = ", ".join(one.name + ("" if one.required else "?") for one in route.inputs.values()
                          if one.place != "path")  # fmt: skip
        role = "anybody" if route.is_open else role_name(call.role) + (" +" if call.step_up else "")
        lines.append(f"| {route.method} | `{route.path}` | {takes} | {role} | {route.text} |")
    lines += ["", "| Status | Means | Codes |", "|---|---|---|"]
    for status, meaning in MEANINGS.items():
        codes = list(STATUSES.get(status, ())) + ([HTTP[status][0]] if status in HTTP else [])
        named = ", ".join(f"`{code}`" for code in codes) + (", and all others" if status == 400 else "")
        lines.append(f"| {status} | {meaning} | {named} |")
    return "\n".join(lines) + "\n"
