"""One row of the API's table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from isthmus.edge.calls import COMMANDS
from isthmus.users.roles import ANYONE
from isthmus_web.api.inputs import INPUTS

if TYPE_CHECKING:
    from collections.abc import Callable

GET, POST = "GET", "POST"
TYPES: dict[str, type] = {"string": str, "integer": int, "boolean": bool, "array": list}


class Input:
    """A field of a request. place: path, query or body."""

    def __init__(self, name: str, place: str, required: bool, schema: dict[str, Any], text: str) -> None:
        self.name = name
        self.place = place
        self.required = required
        self.schema = schema
        self.text = text


class Route:
    """name: of the operation. path: below PREFIX, with {fields}. call: of the control socket. answer: its shape's name.
    takes: fields of the query (GET) or body (POST), blanks between; "?" behind one that may be missing. fixed: fields
    that always have this value. own: fields that are not sent to isthmusd. pick(answer, own fields): what of its answer
    is ours; None: all.
    """

    def __init__(
        self, method: str, path: str, name: str, call: str, answer: str, text: str, *, takes: str = "",
        fixed: dict[str, Any] | None = None, own: str = "",
        pick: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]] | None = None,
    ) -> None:  # fmt: skip
        self.method = method
        self.path = path
        self.name = name
        self.call = call
        self.answer = answer
        self.text = text
        self.fixed = fixed or {}
        self.pick = pick
        self.own = own.split()
        self.inputs = self._inputs(takes)

    def _inputs(self, takes: str) -> dict[str, Input]:
        longest = {field.name: field.longest for field in COMMANDS[self.call].fields}
        found = {}
        wanted = [(part[1:-1], "path", True) for part in self.path.split("/") if part[:1] == "{"]
        place = "query" if self.method == GET else "body"
        wanted += [(word.rstrip("?"), place, not word.endswith("?")) for word in takes.split()]
        for name, where, required in wanted:
            schema, text = INPUTS[name]
            if schema["type"] == "string" and "enum" not in schema:
                schema = {"minLength": 1, "maxLength": longest.get(name, 64), **schema}
            found[name] = Input(name, where, required, schema, text)
        return found

    @property
    def is_open(self) -> bool:
        """Whether it takes no session."""
        return COMMANDS[self.call].role == ANYONE

    @property
    def is_slow(self) -> bool:
        """Whether it may wait: for scrypt, or until something is in force."""
        call = COMMANDS[self.call]
        return call.step_up or bool(call.stepping) or any(one.name == "password" for one in self.inputs.values())

    @property
    def rule(self) -> str:
        """The path as Flask writes it."""
        return self.path.replace("{", "<").replace("}", ">")

    def of(self, place: str) -> list[Input]:
        """The fields of one place."""
        return [one for one in self.inputs.values() if one.place == place]
