"""Translates errors of an Ollama server and its client to backend errors."""

from __future__ import annotations

import re

import httpx
import ollama

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
from backends.remote import shorten_to_line

CLIENT_ERRORS = (
    ollama.ResponseError,
    ollama.RequestError,
    ConnectionError,
    httpx.HTTPError,
    httpx.StreamError,
    ValueError,  # what is not JSON, and what is not what the client expects of it
    TypeError,
    AttributeError,  # JSON, but no object
    RuntimeError,  # the client has been closed
)
"""All that the client raises, and what it trips over in an answer that it does not check."""

_OVERFLOW_PATTERN = re.compile(
    r"exceeds the available context|exceeds the context length|exceeds? (the )?maximum context"
    r"|prompt (is )?too long|exceed_context_size_error"
)
_OVERFLOW_NUMBERS_PATTERN = re.compile(r"\((\d{1,9}) tokens\)[^(]{0,80}\((\d{1,9}) tokens\)")
"""As in "request (351 tokens) exceeds the available context size (256 tokens)"."""


def translate_error(
    error: Exception, source: str, model: str, *, pulling: bool = False
) -> BackendError:
    """Return the backend error for an error of the client. `source` begins the sentence.

    A `ContextOverflow` whose numbers the server did not give has zeros.
    """
    refused = describe_http_error(error, source)
    if refused is not None:
        return refused
    if isinstance(error, ollama.ResponseError):
        return _translate_response(error, source, model, pulling)
    if isinstance(error, ConnectionError | httpx.ConnectError | httpx.ConnectTimeout):
        return BackendUnavailable(
            f"{source} cannot be reached; start it with `ollama serve`, or correct its url."
        )
    if isinstance(error, httpx.TimeoutException):
        return BackendTimeout(f"{source} said nothing for too long.")
    if isinstance(error, httpx.TransportError):
        return BackendUnavailable(f"{source} closed the connection in mid-answer.")
    if isinstance(error, RuntimeError):
        return BackendUnavailable(f"{source} is no longer in use.")
    return BackendProtocolError(f"{source} sent an answer that is not Ollama's.")


def _translate_response(
    error: ollama.ResponseError, source: str, model: str, pulling: bool
) -> BackendError:
    status, said = error.status_code, shorten_to_line(error.error)
    if _OVERFLOW_PATTERN.search(error.error):
        found = _OVERFLOW_NUMBERS_PATTERN.search(error.error)
        return ContextOverflow(*map(int, found.groups())) if found else ContextOverflow(0, 0)
    if status == 404 or (pulling and "does not exist" in said):
        if pulling:
            return ModelNotFound(f"The Ollama library has no model {model!r}.")
        return ModelNotFound(
            f"{source} has no model {model!r}; fetch it with `parlance models pull ollama:{model}`."
        )
    if status == 401:
        return BackendUnavailable(
            f"{source} refuses the key; set api_key_env to one that it takes."
        )
    if status == 403:  # also where it does not know the address by which it was called
        return BackendUnavailable(f"{source} refuses the request (HTTP 403): {said}")
    if "usage limit" in said:
        return BackendUnavailable(f"{source} takes no more requests: {said}")
    if status == 429 or (status == 503 and "busy" in said):
        return BackendBusy(5.0)
    if "does not support" in said or status in (400, 422):
        return InvalidRequest(f"{source} refuses the request: {said}")
    if status == 503:
        return BackendUnavailable(f"{source} is not ready (HTTP 503).")
    if status >= 500 or status < 100:
        return BackendUnavailable(f"{source} failed: {said}")
    return BackendProtocolError(f"{source} answered with HTTP {status}.")
