"""Keeps the last runs of `parlance docs eval`, so that two can be compared: numbers alone."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import structlog
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from bot.knowledge.retrieval.evaluation import Evaluation
from bot.knowledge.retrieval.outcomes import Rate, count_outcomes

log = structlog.get_logger(__name__)

RUNS_FILE: Final = "evaluations.json"
"""In the data folder."""
MAX_KEPT_RUNS: Final = 30
_MAX_RUNS_BYTES: Final = 1_000_000
_SHARES: Final = (
    "hit_at_1", "hit_at_4", "mrr_at_10", "ndcg_at_10", "abstention_precision", "abstention_recall",
    "abstention_f1", "citation_precision",
)  # fmt: skip
_TIMES: Final = ("p50_ms", "p95_ms")


class MeasuredShare(BaseModel, frozen=True):
    """A share, 0 to 1, of `of` questions, with its 95 % interval."""

    share: float
    of: int
    low: float
    high: float


class EvaluationRun(BaseModel, frozen=True):
    """One run: what was measured on what, when and how. `shares` and `times` (in ms) are those of
    `Evaluation`, `outcomes` those of `Outcomes`."""

    at: datetime
    file: str = Field(max_length=200)
    half: str = ""
    base: str = ""
    reader: bool = False
    answers: bool = False
    version: str = ""
    questions: int
    answerable: int
    shares: Mapping[str, Annotated[float, Field(ge=0, le=1)]]
    times: Mapping[str, float]
    outcomes: Mapping[str, MeasuredShare]

    @property
    def id(self) -> str:
        """Names it among the others."""
        return f"{self.at.timestamp():.6f}"


_RUNS: Final = TypeAdapter(tuple[EvaluationRun, ...])


def describe_run(
    measured: Evaluation,
    file: str,
    *,
    half: str = "",
    base: str = "",
    reader: bool = False,
    answers: bool = False,
    version: str = "",
) -> EvaluationRun:
    """What is kept of a run that ends now; `file` is the name of the golden file."""
    outcomes = count_outcomes(measured.judged)
    rates = {
        name: rate
        for name in ("shown", "answered", "right", "invented", "refused")
        if isinstance(rate := getattr(outcomes, name), Rate) and rate.of
    }
    return EvaluationRun(
        at=datetime.now(UTC),
        file=file[:200],
        half=half,
        base=base,
        reader=reader,
        answers=answers,
        version=version,
        questions=measured.questions,
        answerable=measured.answerable,
        shares={
            name: value
            for name in _SHARES
            if (value := getattr(measured, name)) is not None and math.isfinite(value)
        },
        times={name: getattr(measured, name) for name in _TIMES},
        outcomes={
            name: MeasuredShare(
                share=rate.share, of=rate.of, low=rate.interval[0], high=rate.interval[1]
            )
            for name, rate in rates.items()
        },
    )


def read_runs(folder: Path) -> Sequence[EvaluationRun]:
    """The runs that are kept in a data folder, the newest first. Blocks."""
    try:
        path = folder / RUNS_FILE
        if path.stat().st_size > _MAX_RUNS_BYTES:
            return ()
        return _RUNS.validate_json(path.read_bytes())[:MAX_KEPT_RUNS]
    except FileNotFoundError:
        return ()
    except (OSError, ValidationError) as error:
        log.warning("evaluations.not_read", reason=type(error).__name__)
        return ()


def keep_run(folder: Path, run: EvaluationRun) -> None:
    """Keep a run with those before it; the oldest go. Blocks. Raises `OSError`."""
    runs = (run, *read_runs(folder))[:MAX_KEPT_RUNS]
    path = folder / RUNS_FILE
    partial = path.with_suffix(".partial")
    partial.write_bytes(_RUNS.dump_json(runs, indent=1))
    os.replace(partial, path)
