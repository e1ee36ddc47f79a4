"""Refuses requests that no engine can serve, before they are sent anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backends.base import ChatRequest
from backends.errors import InvalidRequest


def check_request(request: ChatRequest) -> None:
    """Raise `InvalidRequest`, saying what is wrong, for a request that no engine can serve."""
    if not request.messages:
        raise InvalidRequest("The request holds no message.")
    if request.sampling.max_tokens < 1:
        raise InvalidRequest("max_tokens must be at least 1.")
    if not all(request.sampling.stop):
        raise InvalidRequest("A stop string must not be empty.")
    if request.sampling.json_schema is not None:
        check_schema(request.sampling.json_schema)


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raise `InvalidRequest` if something is not a valid JSON schema."""
    from jsonschema import Draft202012Validator, SchemaError  # slow to import

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise InvalidRequest(f"The JSON schema is not valid: {error.message}.") from None
