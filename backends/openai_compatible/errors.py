"""Translates errors of an OpenAI-compatible server and its client to backend errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import httpx
import openai

from backends.bounded_http import describe_http_error
from backends.errors import (
    BackendBusy,
    BackendError,
    BackendProtocolError,
    BackendTimeout,
    BackendUnavailable,
    ContextOverflow,
    InvalidRequest,
    ModelNotFound,
)
from backends.event_stream import Json
from backends.remote import shorten_to_line

CLIENT_ERRORS = (
    openai.OpenAIError,
    httpx.HTTPError,
    httpx.StreamError,
    ValueError,  # what is not JSON
    TypeError,
    AttributeError,  # JSON of another shape
    IndexError,
    RuntimeError,  # the client has been closed
)
"""All that the client raises, and what it trips over in an answer that it does not check."""

_OVERFLOW_CODES = {"exceed_context_size_error", "context_length_exceeded"}
_OVERFLOW_WORDS = (
    "exceed context window",
    "maximum context length",
    "exceeds the available context",
    "context size has been exceeded",
)
# "(577 in the messages, 100 in the completion)", "Requested tokens (577) exceed", "requested 677"
_TOKEN_COUNT_PATTERNS = (
    re.compile(r"\((\d{1,9}) in (?:the messages|your prompt)"),
    re.compile(r"[Rr]equested tokens \((\d{1,9})\)"),
)
_LOOSE_TOKEN_COUNT_PATTERNS = (
    re.compile(r"requested (\d{1,9}) tokens"),
    re.compile(r"\b(\d{1,9}) tokens"),
)
_CONTEXT_LIMIT_PATTERNS = (
    re.compile(r"context length is (\d{1,9})"),
    re.compile(r"context window of (\d{1,9})"),
    re.compile(r"context size[^\d]{0,40}(\d{1,9})"),
)


def translate_error(error: Exception, source: str, model: str) -> BackendError:
    """Return the backend error for an error of the client. `source` begins the sentence.

    A `ContextOverflow` whose numbers the server did not give has zeros.
    """
    refused = describe_http_error(error, source)
    if refused is not None:
        return refused
    if isinstance(error, openai.APIStatusError):
        return _translate_status_error(error, source, model)
    if isinstance(error, openai.APITimeoutError | httpx.TimeoutException):
        return BackendTimeout(f"{source} said nothing for too long.")
    if isinstance(error, openai.APIConnectionError | httpx.TransportError):
        return _unreachable_error(error, source)
    if isinstance(error, RuntimeError):
        return BackendUnavailable(f"{source} is no longer in use.")
    return BackendProtocolError(f"{source} sent an answer that the OpenAI protocol does not allow.")


def _unreachable_error(error: Exception, source: str) -> BackendError:
    cause: BaseException | None = error
    while cause is not None:
        name = type(cause).__name__
        if name in ("ConnectTimeout", "ConnectError", "ConnectionRefusedError", "gaierror"):
            return BackendUnavailable(
                f"{source} cannot be reached; start it, or correct its url in config.yaml."
            )
        cause = cause.__cause__ or cause.__context__
    return BackendUnavailable(f"{source} closed the connection in mid-answer.")


def find_reported_error(event: Json, choice: Json | None) -> Json | None:
    """Return the error that an event of a stream reports, in whichever shape, or None."""
    for holder in (event, choice or {}):
        if holder.get("error"):
            return holder
    if choice is not None and str(choice.get("finish_reason")).lower() == "error":
        return {"error": {}}
    if "choices" not in event and (event.get("object") == "error" or "detail" in event):
        return event
    return None


def translate_reported_error(body: Json, source: str) -> BackendError:
    """Return the backend error for an error that came with HTTP 200 or within a stream."""
    said = shorten_to_line(find_message(body))
    overflow = parse_overflow(body, said)
    if overflow is not None:
        return overflow
    code = _error_object(body).get("code")
    if code == 429 or _is_quota(said):
        return _limit_error(said, source, 5.0)
    return BackendUnavailable(
        f"{source} failed: {said}" if said else f"{source} broke off its answer with an error."
    )


def _translate_status_error(error: openai.APIStatusError, source: str, model: str) -> BackendError:
    status = error.status_code
    said = shorten_to_line(find_message(error.body) or error.message)
    overflow = parse_overflow(error.body, said)
    if overflow is not None:
        return overflow
    if status == 404 or "model_not_found" in f"{error.code} {error.type}":
        return ModelNotFound(f"{source} has no model {model!r}, or no such endpoint.")
    if status == 401:
        return BackendUnavailable(
            f"{source} refuses the key; set api_key_env to one that it takes."
        )
    if status in (402, 403):
        return BackendUnavailable(f"{source} refuses the request (HTTP {status}): {said}")
    if status == 429:
        return _limit_error(said, source, _retry_after(error))
    if status == 503 and "loading" in said.lower():
        return BackendUnavailable(f"{source} is still loading its model.")
    if status == 503:
        return BackendUnavailable(f"{source} is not ready (HTTP 503).")
    if status in (400, 413, 422):
        return InvalidRequest(f"{source} refuses the request: {said}")
    if status >= 500:
        return BackendUnavailable(f"{source} failed (HTTP {status}): {said}")
    return BackendProtocolError(f"{source} answered with HTTP {status}: {said}")


def _limit_error(said: str, source: str, retry_after_s: float) -> BackendError:
    """Return the error for too many requests: for now, or until somebody pays or a week is over."""
    if _is_quota(said):
        return BackendUnavailable(f"{source} takes no more requests: {said}")
    return BackendBusy(retry_after_s)


def _is_quota(said: str) -> bool:
    return any(word in said.lower() for word in ("quota", "usage limit", "credit", "billing"))


def parse_overflow(body: Any, said: str) -> ContextOverflow | None:
    """Return the context overflow that a server reports, with the numbers it gives, or None."""
    inner = _error_object(body)
    kinds = {str(inner.get("type")), str(inner.get("code"))}
    if not (kinds & _OVERFLOW_CODES or any(words in said for words in _OVERFLOW_WORDS)):
        return None
    tokens, limit = inner.get("n_prompt_tokens"), inner.get("n_ctx")
    if isinstance(tokens, int) and isinstance(limit, int):
        return ContextOverflow(tokens, limit)
    found_limit = _first_number(_CONTEXT_LIMIT_PATTERNS, said)
    found = _first_number(_TOKEN_COUNT_PATTERNS, said)
    if found <= found_limit:  # the prompt alone would fit: the room for the answer does not
        found = max(found, _first_number(_LOOSE_TOKEN_COUNT_PATTERNS, said))
    return ContextOverflow(found, found_limit)


def _error_object(body: Any) -> Json:
    if isinstance(body, Mapping):
        inner = body.get("error", body)
        return inner if isinstance(inner, Mapping) else body
    return {}


def find_message(body: Any) -> str:
    """Return a server's own words of what is wrong; "" if it has none.

    `{"error": {"message": …}}`, `{"error": …}`, `{"message": …}`, `{"detail": …}` with a text, or
    with FastAPI's list of the fields that are wrong; of the latter not the values. openai's client
    hands on what stands under `error`.
    """
    if isinstance(body, str):
        return body
    inner = _error_object(body)
    for found in (inner.get("message"), inner.get("detail"), inner.get("error")):
        if isinstance(found, str) and found.strip():
            return found
        if isinstance(found, list):
            wrong = [each for each in found if isinstance(each, Mapping)]
            return "; ".join(
                ".".join(map(str, _as_list(each.get("loc")))) + f": {each.get('msg', '')}"
                for each in wrong[:8]
            )
    return ""


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _first_number(patterns: tuple[re.Pattern[str], ...], said: str) -> int:
    for pattern in patterns:
        match = pattern.search(said)
        if match is not None:
            return int(match[1])
    return 0


def _retry_after(error: openai.APIStatusError) -> float:
    try:
        return float(error.response.headers.get("retry-after", "5"))
    except ValueError:
        return 5.0
