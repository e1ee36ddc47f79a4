"""Fits a scripted answer to the JSON schema of its request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import jsonschema
from jsonschema.protocols import Validator
from referencing import Registry
from referencing.exceptions import Unresolvable

from backends.errors import InvalidRequest

_MAX_SCHEMA_DEPTH = 16


def fit_to_schema(text: str, schema: Mapping[str, Any]) -> str:
    """Return `text` if it is JSON that fits the schema, else the smallest instance of the schema.

    The schema must be valid. Raises `InvalidRequest` if no instance can be generated.
    """
    # An empty registry: a reference to somewhere else is never fetched.
    check = jsonschema.Draft202012Validator(dict(schema), registry=Registry())
    try:
        return _conform(text, schema, check)
    except (Unresolvable, RecursionError):
        raise InvalidRequest("The JSON schema refers to what is not there, or to itself.") from None


def _conform(text: str, schema: Mapping[str, Any], check: Validator) -> str:
    try:
        if check.is_valid(json.loads(text)):
            return text
    except ValueError:
        pass
    made = _instance(schema, schema, 0)
    if not check.is_valid(made):
        raise InvalidRequest("The scripted engine cannot make up JSON for this schema.")
    return json.dumps(made, ensure_ascii=False)


def _instance(schema: Any, root: Mapping[str, Any], depth: int) -> Any:
    if not isinstance(schema, Mapping) or depth > _MAX_SCHEMA_DEPTH:
        return None
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    if "$ref" in schema:
        return _instance(_resolve(str(schema["$ref"]), root), root, depth + 1)
    for union in ("anyOf", "oneOf", "allOf"):
        if schema.get(union):
            return _instance(schema[union][0], root, depth + 1)
    return _typed(schema, root, depth)


def _typed(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else "null")
    match kind[0] if isinstance(kind, list) else kind:
        case "object":
            properties = schema.get("properties", {})
            return {
                key: _instance(properties.get(key, {}), root, depth + 1)
                for key in schema.get("required", ())
            }
        case "array":
            items = schema.get("items", {})
            return [_instance(items, root, depth + 1)] * int(schema.get("minItems", 0))
        case "string":
            return "x" * int(schema.get("minLength", 0))
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "boolean":
            return False
        case _:
            return None


def _resolve(reference: str, root: Mapping[str, Any]) -> Any:
    if not reference.startswith("#"):
        return None
    here: Any = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        here = here.get(key) if isinstance(here, Mapping) and part else here
    return here
