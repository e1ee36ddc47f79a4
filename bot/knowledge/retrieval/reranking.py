"""Connects a reranker model, which scores the best passages of a search again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from backends.base import Backend
from bot.errors import ConfigError
from bot.knowledge.retrieval.retriever import Rerank


@runtime_checkable
class RerankerBackend(Protocol):
    """A backend that scores how well texts answer a question."""

    async def rerank(self, question: str, texts: Sequence[str]) -> Sequence[float]:
        """One number for each text, more is better, on any scale. Raises `BackendError`."""
        ...


def create_reranker(name: str, backend: Backend) -> Rerank:
    """Returns the rerank function of a backend. Raises `ConfigError` if it has none."""
    if not isinstance(backend, RerankerBackend):
        raise ConfigError(
            f"knowledge.reranker: the model {name!r} cannot rank passages in this process; name "
            "one with `backend: onnx_reranker` and without `isolation: process`."
        )
    return backend.rerank
