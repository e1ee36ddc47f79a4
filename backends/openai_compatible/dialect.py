"""What one server does not take of a request, learnt from its refusals.

A server that refuses a key which only tunes an answer, or only asks for counts, is asked again
without it, and it is left out from then on. A key that changes what the answer is (`tools`,
`stop`) is never left out.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Collection
from typing import Any

import openai

from backends.base import ChatRequest
from backends.openai_compatible.errors import find_message, parse_overflow
from backends.openai_compatible.wire import SchemaStyle, build_request_body

_DISPENSABLE_KEYS = (
    *("stream_options", "chat_template_kwargs", "top_k", "min_p", "repeat_penalty", "seed"),
    *("temperature", "top_p", "frequency_penalty", "presence_penalty"),
)
_REFUSAL_STATUSES = (400, 422, 500, 501)
"""llama-cpp-python answers 500 where a field is of another kind than it knows."""

_log = logging.getLogger(__name__)


class Dialect:
    """How one server wants its requests. `kept` are keys that the operator wrote down."""

    def __init__(self, kept: Collection[str] = ()) -> None:
        self._kept = frozenset(kept)
        self._schema_style: SchemaStyle = "json_schema"
        self._left_out: set[str] = set()
        self._answer_limit = "max_tokens"

    def build(self, request: ChatRequest, extra: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of the client's `create`, without `model`."""
        body = build_request_body(request, self._schema_style)
        body |= {"stream": True, "stream_options": {"include_usage": True}}
        body[self._answer_limit] = body.pop("max_tokens")
        further = {**body.pop("extra_body", {}), **extra}
        body = {key: value for key, value in body.items() if key not in self._left_out}
        further = {
            key: value
            for key, value in further.items()
            if key not in self._left_out or key in self._kept
        }
        return {**body, "extra_body": further or None}

    def learn(self, error: openai.APIStatusError, body: dict[str, Any]) -> bool:
        """Learn from a refusal of `body`; return whether another attempt is worth it."""
        said = f"{find_message(error.body) or error.message} {error.param or ''}"
        if error.status_code not in _REFUSAL_STATUSES or parse_overflow(error.body, said):
            return False
        if "max_tokens" in body and "max_completion_tokens" in said:
            self._answer_limit = "max_completion_tokens"
            return True
        style = body.get("response_format", {}).get("type")
        if style == "json_schema" and re.search("response_format|json_schema", said):
            self._schema_style = "json_object"
            return True
        sent = {**body, **(body["extra_body"] or {})}
        for key in _DISPENSABLE_KEYS:
            if key in sent and key not in self._kept and re.search(rf"\b{key}\b", said):
                self._left_out.add(key)
                _log.warning("openai_compatible.option_left_out option=%s", json.dumps(key))
                return True
        return False
