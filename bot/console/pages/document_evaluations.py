"""The last runs of `parlance docs eval`, and two of them beside each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from bot.catalogue.sentence import say
from bot.console.site import Site
from bot.console.visit import Visit
from bot.knowledge.retrieval.evaluation_runs import EvaluationRun, MeasuredShare, read_runs

_SHARES: Final = {
    "hit_at_1": say("the right document first"),
    "hit_at_4": say("the right document among the first four"),
    "mrr_at_10": say("MRR of ten documents"),
    "ndcg_at_10": say("nDCG of ten documents"),
    "abstention_precision": say("kept back: precision"),
    "abstention_recall": say("kept back: recall"),
    "abstention_f1": say("kept back: F1"),
    "citation_precision": say("citations that bear out their sentence"),
}
_OUTCOMES: Final = {
    "shown": say("right passage shown"),
    "answered": say("answered without a doubt"),
    "right": say("of these from a right document"),
    "invented": say("answered although it is not there (less is better)"),
    "refused": say("far from the documents, and turned away"),
}
_TIMES: Final = {"p50_ms": say("time, median"), "p95_ms": say("time, 95 of 100")}
_LESS_IS_BETTER: Final = frozenset({"invented", *_TIMES})


@dataclass(frozen=True, slots=True)
class ComparedMeasure:
    """A line: what was measured, in the first and the second run, and what became of it: better,
    worse, or empty where nothing can be told."""

    name: str
    first: str
    second: str
    change: str = ""


def routes(site: Site) -> Sequence[BaseRoute]:
    """The routes of this page."""

    async def show(request: Request, visit: Visit) -> Response:
        folder = site.app.installation.config.data_dir
        runs = await asyncio.to_thread(read_runs, folder)
        by_id = {run.id: run for run in runs}
        second = by_id.get(request.query_params.get("second", ""), runs[0] if runs else None)
        first = by_id.get(request.query_params.get("first", ""))
        if first is None:
            first = next((run for run in runs if is_like(run, second)), None)
        return site.page(
            visit,
            "document_evaluations.html",
            runs=runs,
            first=first,
            second=second,
            lines=compare_runs(first, second) if first is not None and second is not None else (),
        )

    return [site.route("/documents/measured", show, admins=True)]


def is_like(run: EvaluationRun, other: EvaluationRun | None) -> bool:
    """Whether a run came before another, and measured the same."""
    return (
        other is not None
        and run.at < other.at
        and (run.file, run.half, run.base, run.reader)
        == (other.file, other.half, other.base, other.reader)
    )


def compare_runs(first: EvaluationRun, second: EvaluationRun) -> Sequence[ComparedMeasure]:
    """Each measure of either run. A share of questions is better or worse where the intervals do
    not overlap; other measures have no interval, and are not judged."""
    lines = [
        _compare(name, words, first.outcomes.get(name), second.outcomes.get(name))
        for name, words in _OUTCOMES.items()
    ]
    for names, of, write in (
        (_SHARES, "shares", _write_share),
        (_TIMES, "times", _write_time),
    ):
        lines += [
            ComparedMeasure(
                words,
                _written(getattr(first, of).get(name), write),
                _written(getattr(second, of).get(name), write),
            )
            for name, words in names.items()
        ]
    return [line for line in lines if line.first or line.second]


def _compare(
    name: str, words: str, first: MeasuredShare | None, second: MeasuredShare | None
) -> ComparedMeasure:
    change = ""
    if first is not None and second is not None:
        more, less = second.low > first.high, second.high < first.low
        if name in _LESS_IS_BETTER:
            more, less = less, more
        change = "better" if more else "worse" if less else ""
    return ComparedMeasure(words, _write_measured(first), _write_measured(second), change)


def _write_measured(share: MeasuredShare | None) -> str:
    if share is None:
        return ""
    return f"{share.share:.0%} of {share.of} ({share.low:.0%}\u2013{share.high:.0%})"


def _write_share(value: float) -> str:
    return f"{value:.3f}"


def _write_time(value: float) -> str:
    return f"{value:.0f} ms"


def _written(value: float | None, write: Callable[[float], str]) -> str:
    return "" if value is None else write(value)
