"""Refuses requests that no engine can serve, before they are sent anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from backends.base import ChatRequest, Sampling
from backends.errors import InvalidRequest

MAX_COPIED_CHARACTERS = 256_000
"""The longest texts that an answer is copied from, together."""


async def check_request(
    request: ChatRequest, *, copies: bool = False, vision: bool = False
) -> None:
    """Raise `InvalidRequest`, saying what is wrong, for a request that no engine can serve.

    `copies` says whether this engine can hold an answer to copied text, `vision` whether it takes
    pictures.
    """
    if not request.messages:
        raise InvalidRequest("The request holds no message.")
    check_pictures(request, vision=vision)
    if request.sampling.answer_tokens < 1:
        raise InvalidRequest("max_tokens must be at least 1.")
    if not all(request.sampling.stop):
        raise InvalidRequest("A stop string must not be empty.")
    if request.sampling.copy_from and not copies:
        raise InvalidRequest("This engine cannot hold an answer to copied text.")
    check_copying(request.sampling)
    if request.sampling.json_schema is not None:
        await asyncio.to_thread(check_schema, request.sampling.json_schema)


def check_pictures(request: ChatRequest, *, vision: bool) -> None:
    """Raise `InvalidRequest` for pictures that a model cannot see."""
    if not vision and any(message.pictures for message in request.messages):
        raise InvalidRequest("This model cannot see pictures.")


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raise `InvalidRequest` if something is not a valid JSON schema."""
    from jsonschema import Draft202012Validator, SchemaError  # slow to import, so in a thread

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise InvalidRequest(f"The JSON schema is not valid: {error.message}.") from None


def check_copying(sampling: Sampling) -> None:
    """Raise `InvalidRequest` for an answer that is to be copied and cannot be."""
    if not sampling.copy_from:
        return
    if sampling.json_schema is not None:
        raise InvalidRequest("An answer is held to a JSON schema or to copied text, not to both.")
    if sum(map(len, sampling.copy_from)) > MAX_COPIED_CHARACTERS:
        raise InvalidRequest(
            f"An answer is copied from at most {MAX_COPIED_CHARACTERS:,} characters."
        )
