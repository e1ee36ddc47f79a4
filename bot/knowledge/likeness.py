"""How alike a question and short texts are, by the embedder of the documents."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import structlog

from backends.base import Embeddings
from backends.errors import BackendError
from backends.lru import LruDict
from bot.knowledge.retrieval.embedder import Embedder

log = structlog.get_logger(__name__)

_MAX_KEPT_TEXTS: Final = 2_000
_TEXTS_AT_ONCE: Final = 8
_DEADLINE_S: Final = 2.0
"""Whoever asks goes on without an answer after that; texts embedded until then are kept."""


class Likeness:
    """Compares a question with texts. `embedder` returns the embedder, None while it is not loaded:
    nothing is loaded for this."""

    def __init__(self, embedder: Callable[[], Awaitable[Embedder | None]]) -> None:
        self._embedder = embedder
        self._kept: LruDict[tuple[str, str], Any] = LruDict(_MAX_KEPT_TEXTS)

    async def __call__(self, question: str, texts: Sequence[str]) -> list[float] | None:
        """The likeness of each text, from -1 to 1; None where it cannot be told now."""
        try:
            async with asyncio.timeout(_DEADLINE_S):
                embedder = await self._embedder()
                if embedder is None or not texts:
                    return None
                rows = await self._embed(embedder, texts)
                [asked] = await embedder.embed_query([question])
                return [float(row @ asked) for row in rows]
        except (BackendError, TimeoutError) as error:
            log.info("likeness.unknown", reason=str(error) or "it took too long")
            return None

    async def _embed(self, embedder: Embedder, texts: Sequence[str]) -> list[Embeddings]:
        found: dict[str, Any] = {text: self._kept.get((embedder.id, text)) for text in texts}
        missing = [text for text, row in found.items() if row is None]
        for start in range(0, len(missing), _TEXTS_AT_ONCE):
            part = missing[start : start + _TEXTS_AT_ONCE]
            for text, row in zip(part, await embedder.embed(part), strict=True):
                self._kept[embedder.id, text] = found[text] = row
        return [found[text] for text in texts]
