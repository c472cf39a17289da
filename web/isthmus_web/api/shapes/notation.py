"""A short way to write JSON Schema."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
TEXTS: Schema = {"type": "array", "items": TEXT}
INT: Schema = {"type": "integer"}
SECONDS: Schema = {"type": "integer", "minimum": 0, "description": "seconds"}
NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}


def record(may: dict[str, Schema] | None = None, /, **fields: Schema) -> Schema:
    """An object that has these fields; may: those that it need not have."""
    shape: Schema = {"type": "object", "properties": {**fields, **(may or {})}}
    return {**shape, "required": list(fields)} if fields else shape


def rows(shape: Schema) -> Schema:
    """A list of them."""
    return {"type": "array", "items": shape}


def by_name(shape: Schema) -> Schema:
    """An object whose field names are data."""
    return {"type": "object", "additionalProperties": shape}


def words(*known: str) -> Schema:
    """One of these texts."""
    return {"type": "string", "enum": list(known)}


def ref(name: str) -> Schema:
    """A shape by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def maybe(shape: Schema) -> Schema:
    """That, or null."""
    return {"anyOf": [shape, {"type": "null"}]}


def said(text: str, shape: Schema = TEXT) -> Schema:
    """With a description."""
    return {**shape, "description": text}
