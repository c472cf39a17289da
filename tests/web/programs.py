"""A program that uses the API: bearer token, JSON, and the shapes that answers are held to."""

from __future__ import annotations

import copy
import json
from typing import Any

import jsonschema_rs

from isthmus_web.api import PREFIX, openapi
from isthmus_web.api.routes import ROUTES
from tests.web.world import Answer, Browser

BY_NAME = {route.name: route for route in ROUTES}


def strictly(shape: Any) -> Any:
    """The same shape, in which an object has nothing that is not named."""
    if isinstance(shape, list):
        return [strictly(one) for one in shape]
    if not isinstance(shape, dict):
        return shape
    found = {key: strictly(value) for key, value in shape.items()}
    if found.get("type") == "object" and "additionalProperties" not in found:
        found["additionalProperties"] = False
        found.setdefault("properties", {})
    return found


SCHEMAS = strictly(copy.deepcopy(openapi.SHAPES))


def mismatch(shape: str, value: Any) -> str:
    """Why this is no such thing; "": it is."""
    schema = {"$ref": f"#/components/schemas/{shape}", "components": {"schemas": SCHEMAS}}
    errors = jsonschema_rs.validator_for(schema).iter_errors(value)
    return "\n".join(f"{list(error.instance_path)}: {error.message}"[:400] for error in errors)


def shape_of(name: str, status: int) -> str:
    """The shape of what this operation answers."""
    return BY_NAME[name].answer if status == 200 else "Error"


class Program:
    """Speaks to one router; `token`: "" before log_in()."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.token = ""
        self.wrong: list[str] = []  # answers that are not as the OpenAPI file says

    def send(self, method: str, path: str, body: Any = None, headers: dict | None = None) -> Answer:
        """Whatever is sent; body: bytes as they are, all else as JSON."""
        sent = {"Authorization": "Bearer " + self.token} if self.token else {}
        data = body
        if body is not None and not isinstance(body, bytes):
            data = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        return self.browser.send(method, path, data, {**sent, **(headers or {})})

    def do(self, name: str, /, **fields: Any) -> Any:
        """An operation by its name: (status, what it answers), which is held to its shape."""
        route = BY_NAME[name]
        path, query = PREFIX + route.path, []
        for one in route.inputs.values():
            if one.place == "path":
                path = path.replace("{" + one.name + "}", str(fields.pop(one.name)))
            elif one.place == "query" and one.name in fields:
                query.append(f"{one.name}={fields.pop(one.name)}")
        path += "?" + "&".join(query) if query else ""
        answer = self.send(route.method, path, fields if route.method == "POST" else None)
        value = json.loads(answer.body)
        why = mismatch(shape_of(name, answer.status), value)
        if why or answer.header("content-type") != "application/json":
            self.wrong.append(f"{name} {answer.status}: {why or answer.header('content-type')}")
        return answer.status, value

    def log_in(self, user: str, password: str) -> None:
        status, value = self.do("login", user=user, password=password)
        if status != 200:
            raise AssertionError(value)
        self.token = value["token"]

    def prove(self, password: str) -> None:
        status, value = self.do("proof", password=password)
        if status != 200:
            raise AssertionError(value)
        self.token = value["token"]
