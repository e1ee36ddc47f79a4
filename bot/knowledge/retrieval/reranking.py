"""Connects a reranker model, which scores the best passages of a search again and decides by its
scores what the search comes to."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import structlog
from pydantic import ValidationError

from backends.base import Backend
from backends.errors import BackendError, BackendProtocolError
from bot.errors import ConfigError
from bot.knowledge.retrieval.candidates import Candidate, mix_reranked_scores
from bot.knowledge.retrieval.reranker_curve import Rerank, RerankerCurve, measure_curve

log = structlog.get_logger(__name__)

_CURVE_FILE = "reranker.json"
_RERANKED_PASSAGES = 20
"""The number of best passages that a reranker scores."""


@runtime_checkable
class RerankerBackend(Protocol):
    """A backend that scores how well texts answer a question."""

    @property
    def model_id(self) -> str: ...

    async def rerank(self, question: str, texts: Sequence[str]) -> Sequence[float]:
        """One number for each text, more is better, on any scale. Raises `BackendError`."""
        ...


@dataclass(slots=True)
class Reranker:
    """A model that scores texts for a question, and what its scores mean.

    `id` names its weights: a curve that was made with others is made anew. The curve is kept in
    `folder`.
    """

    id: str
    rank: Rerank = field(repr=False)
    folder: Path
    _curve: RerankerCurve | None = field(default=None, init=False, repr=False)
    _measuring: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, repr=False)

    async def judge(self, question: str, found: list[Candidate]) -> tuple[float, float] | None:
        """Reorders the best candidates; if it fails they stay as they are.

        Returns how probable its scores make it that they answer, and that they are about the
        subject; None where they do not tell.
        """
        head = found[:_RERANKED_PASSAGES]
        try:
            curve = await self.curve()
            scores = await self._score(question, [candidate.text for candidate in head])
        except BackendError as exc:
            log.warning("knowledge.reranker_failed", error=str(exc))
            return None
        for candidate, score in zip(head, scores, strict=True):
            candidate.reranked = score
        mix_reranked_scores(found, scores)
        found.sort(key=lambda c: (-c.score, c.row.number))
        best = max(scores)
        return (curve.answers(best), curve.about(best)) if curve.decides else None

    async def _score(self, question: str, texts: Sequence[str]) -> Sequence[float]:
        """Ranks texts. Raises `BackendProtocolError` for scores that say nothing: a damaged model
        computes NaN."""
        scores = [float(score) for score in await self.rank(question, texts)]
        if len(scores) != len(texts) or not all(map(math.isfinite, scores)):
            raise BackendProtocolError(f"The reranker {self.id} did not give each text a number.")
        return scores

    async def curve(self) -> RerankerCurve:
        """Returns its curve: the one that is kept, or one that is measured now. Raises what `rank`
        does."""
        async with self._measuring:
            path = self.folder / _CURVE_FILE
            if self._curve is None:
                self._curve = await asyncio.to_thread(_read_curve, path, self.id)
            if self._curve is None:
                self._curve = await measure_curve(self.id, self._score)
                log.info("reranker.measured", model=self.id, decides=self._curve.decides)
                await asyncio.to_thread(_write_curve, path, self._curve)
            return self._curve


def create_reranker(name: str, backend: Backend, folder: Path) -> Reranker:
    """Returns the reranker of a backend. Raises `ConfigError` if it has none."""
    if not isinstance(backend, RerankerBackend):
        raise ConfigError(
            f"knowledge.reranker: the model {name!r} cannot rank passages in this process; name "
            "one with `backend: onnx_reranker` and without `isolation: process`."
        )
    return Reranker(backend.model_id, backend.rerank, folder)


def _read_curve(path: Path, model: str) -> RerankerCurve | None:
    try:
        curve = RerankerCurve.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError):
        return None
    return curve if curve.model == model else None


def _write_curve(path: Path, curve: RerankerCurve) -> None:
    partial = path.with_suffix(".partial")
    try:
        partial.write_text(curve.model_dump_json(indent=2) + "\n", encoding="utf-8")
        os.replace(partial, path)
    except OSError as exc:  # it is measured again at the next start
        log.warning("reranker.curve_not_kept", reason=exc.strerror)
