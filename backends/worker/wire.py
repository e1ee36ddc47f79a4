"""Our values within the frames between a worker's parent and its child.

The body of a frame is float32 rows of embeddings, else nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from backends import errors
from backends.base import Capabilities, ChatMessage, ChatRequest, Chunk, Embeddings, Health
from backends.errors import BackendBusy, BackendError, ContextOverflow
from backends.worker.frames import Head

REQUEST = TypeAdapter(ChatRequest)
MESSAGES = TypeAdapter(tuple[ChatMessage, ...])
CHUNK = TypeAdapter(Chunk)
HEALTH = TypeAdapter(Health)
CAPABILITIES = TypeAdapter(Capabilities)


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
    """The error that `error_to_json` told of; of an unknown kind it is a `BackendError`."""
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


def reference(thing: Callable[..., Any]) -> str:
    """`module:name` of a function or class, by which another process finds it.

    Raises `ValueError` where it stands in no module's top level.
    """
    if "<" in thing.__qualname__ or thing.__module__ == "__main__":
        raise ValueError(f"{thing.__qualname__} cannot be found from another process")
    return f"{thing.__module__}:{thing.__qualname__}"
