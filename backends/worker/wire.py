"""Serialises our values in the frames between a worker's parent and its child.

The body of a frame holds float32 rows of embeddings, or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import TypeAdapter

from backends import errors
from backends.arrays import np
from backends.base import Capabilities, ChatMessage, ChatRequest, Chunk, Embeddings, Health
from backends.errors import BackendBusy, BackendError, ContextOverflow
from backends.worker.frames import Head

REQUEST_ADAPTER = TypeAdapter(ChatRequest)
MESSAGES_ADAPTER = TypeAdapter(tuple[ChatMessage, ...])
CHUNK_ADAPTER = TypeAdapter(Chunk)
HEALTH_ADAPTER = TypeAdapter(Health)
CAPABILITIES_ADAPTER = TypeAdapter(Capabilities)


def rows_to_bytes(rows: Embeddings) -> tuple[list[int], bytes]:
    return list(rows.shape), np.ascontiguousarray(rows, dtype=np.float32).tobytes()


def rows_from_bytes(shape: list[int], body: bytes) -> Embeddings:
    rows: Embeddings = np.frombuffer(body, dtype=np.float32).reshape(shape).copy()
    return rows


def error_to_json(error: BackendError) -> Head:
    told: Head = {"kind": type(error).__name__, "message": str(error)}
    if isinstance(error, BackendBusy):
        told["retry_after_s"] = error.retry_after_s
    if isinstance(error, ContextOverflow):
        told |= {"tokens": error.tokens, "limit": error.limit}
    return told


def error_from_json(told: Mapping[str, Any]) -> BackendError:
    """Return the error that `error_to_json` described; a `BackendError` if its kind is unknown."""
    message = str(told.get("message", "The engine failed."))
    kind = getattr(errors, str(told.get("kind")), BackendError)
    if kind is ContextOverflow:
        return ContextOverflow(int(told["tokens"]), int(told["limit"]))
    if kind is BackendBusy:
        return BackendBusy(float(told["retry_after_s"]), message)
    if not (isinstance(kind, type) and issubclass(kind, BackendError)):
        kind = BackendError
    made: BackendError = kind(message)
    return made


def import_reference(thing: Callable[..., Any]) -> str:
    """Return `module:name` of a function or class, by which another process imports it.

    Raises `ValueError` if it is not at the top level of a module.
    """
    if "<" in thing.__qualname__ or thing.__module__ == "__main__":
        raise ValueError(f"{thing.__qualname__} cannot be found from another process")
    return f"{thing.__module__}:{thing.__qualname__}"
