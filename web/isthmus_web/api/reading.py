"""A request held against its row: fields by name, each of its type and within its bounds, and nothing else.

isthmusd checks the same and more; here is what makes a clear answer, and what must not reach it: an empty text, which
would count as none.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

from flask import request
from werkzeug.exceptions import UnsupportedMediaType

from isthmus_web.api.refusal import KIND, BadInputError
from isthmus_web.api.route import GET, TYPES

if TYPE_CHECKING:
    from isthmus_web.api.route import Input, Route

LONGEST_NUMBER = 16  # digits


def read(route: Route, path: dict[str, str]) -> dict[str, Any]:
    """All fields of this request. Raises BadInputError, HTTPException."""
    found: dict[str, Any] = {}
    for name, text in path.items():
        found[name] = _from_text(route.inputs[name], text)
    query = [(name, values) for name, values in request.args.lists()]
    if route.method == GET:
        known = {one.name: one for one in route.of("query")}
        for name, values in query:
            _expect(name, known, "query")
            if len(values) != 1:
                raise BadInputError(f"{name} is there {len(values)} times", "give it once")
            found[name] = _from_text(known[name], values[0])
    else:
        _expect_none([name for name, _ in query])
        known = {one.name: one for one in route.of("body")}
        for name, value in _body().items():
            _expect(name, known, "body")
            found[name] = value
    for one in route.inputs.values():
        if one.name in found:
            _check(one, found[one.name])
        elif one.required:
            raise BadInputError(f"the field {one.name} is missing", f"it is {one.text}")
    return found


def _expect(name: str, known: dict[str, Input], place: str) -> None:
    if name not in known:
        shown = ascii(name[:64])
        raise BadInputError(f"there is no field {shown} here", f"the {place} takes: {', '.join(known) or 'nothing'}")


def _expect_none(names: list[str]) -> None:
    if names:  # nothing that is sent may end in a log of addresses
        raise BadInputError("a POST takes no query", "send the fields as JSON, in the body")


def _body() -> dict[str, Any]:
    """The JSON object that was sent; without a body an empty one."""
    data = request.get_data(cache=False)
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if (data or request.content_type) and (request.mimetype != KIND or charset != "utf-8"):
        raise UnsupportedMediaType
    if not data:
        return {}
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant)
    except RecursionError:
        raise BadInputError("the body is nested too deeply", "send a flat object") from None
    except ValueError:  # UnicodeError and JSONDecodeError are
        raise BadInputError("the body is no JSON", "send one object, in UTF-8") from None
    if not isinstance(value, dict):
        raise BadInputError("the body is no JSON object", 'send fields by name: {"tunnel": "office"}')
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):  # two readers might take different ones
        raise BadInputError("a field is there twice", "give each once")
    return found


def _no_constant(_text: str) -> NoReturn:
    raise ValueError


def _from_text(one: Input, text: str) -> Any:  # noqa: ANN401 - as the field's type is
    """A field of a path or query."""
    if one.schema["type"] != "integer":
        return text
    if not (text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER):
        raise BadInputError(f"{one.name} is no number", f"it is {one.text}")
    return int(text)


def _check(one: Input, value: Any) -> None:  # noqa: ANN401 - whatever JSON says
    """Raises BadInputError."""
    schema, wanted = one.schema, TYPES[one.schema["type"]]
    if type(value) is not wanted:  # True is no number
        raise BadInputError(f"{one.name} has the wrong type", f"allowed: {one.schema['type']}")
    if "enum" in schema and value not in schema["enum"]:
        raise BadInputError(f"{one.name} has no such value", f"allowed: {', '.join(schema['enum'])}")
    size, unit = (len(value), "characters or entries") if isinstance(value, (str, list)) else (value, "")
    least = schema.get("minLength", schema.get("minItems", schema.get("minimum")))
    most = schema.get("maxLength", schema.get("maxItems", schema.get("maximum")))
    if (least is not None and size < least) or (most is not None and size > most):
        raise BadInputError(f"{one.name} is {size} {unit}".rstrip(), f"allowed: {least or 0} to {most}")
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeError:
            raise BadInputError(f"{one.name} is no text", "half of a character is missing") from None
