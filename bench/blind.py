"""Questions that people wrote without the pages before them, and sentences of answers: what becomes
of them with the default models. See docs/benchmarks.md for how the sets were made."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from bench.asking import OPEN, open_reranker
from bench.documents import ROOT, drain, opened, row
from bench.rows import Row
from bot.knowledge.citations.support import check_support
from bot.knowledge.retrieval.embedder import Embedder
from bot.knowledge.retrieval.evaluation import Evaluation, evaluate
from bot.knowledge.retrieval.golden import load_golden
from bot.knowledge.retrieval.outcomes import Judged, Rate, count_outcomes, outcomes_by_language
from bot.knowledge.retrieval.reranking import Reranker

GOLDEN = ROOT / "tests" / "golden"
PAGES = GOLDEN / "blind"
_WHAT = "blind, test half"
INVENTED = ("figure", "name", "option")


async def rows(embedder: Embedder) -> list[Row]:
    """The blind set's test half: what is shown, answered, invented and refused, together and by
    language; and together with the cross-encoder that RERANKER names, if it names one."""
    judged = await _judge(embedder)
    found = _outcome_rows(judged, _WHAT)
    for language, one in outcomes_by_language(judged).items():
        if language != "all":
            found += [
                _rate("the right passage is shown", one.shown, what=f"{_WHAT}, {language}"),
                _rate("answered without doubt", one.answered, what=f"{_WHAT}, {language}"),
                _rate("near, and answered", one.invented, what=f"{_WHAT}, {language}"),
                _rate("far: not in the documents", one.refused, what=f"{_WHAT}, {language}"),
            ]
    async with open_reranker() as reranker:
        if reranker is None:
            return [*found, Row(f"{_WHAT}, with a reranker", None, "", OPEN, None)]
        reranked = await _judge(embedder, reranker)
    return [*found, *_outcome_rows(reranked, f"{_WHAT}, with a reranker")]


async def _judge(embedder: Embedder, reranker: Reranker | None = None) -> Sequence[Judged]:
    questions = load_golden(GOLDEN / "blind.yaml", half="test")
    with tempfile.TemporaryDirectory() as name:
        async with opened(Path(name), embedder, reranker=reranker) as service:
            await drain(service.add(str(PAGES)))
            measured: Evaluation = await evaluate(service, questions)
    return measured.judged


def _outcome_rows(judged: Sequence[Judged], what: str) -> list[Row]:
    found = count_outcomes(judged)
    english = [one for one in judged if one.golden.language == "en"]
    others = [one for one in judged if one.golden.language != "en"]
    return [
        _rate(
            "the right passage is shown, as an answer or as not sure", found.shown, 0.92, what=what
        ),
        _rate("answered without doubt", found.answered, 0.60, what=what),
        _rate("of those from the right document", found.right, 0.95, what=what),
        _rate(
            "near the subject, not in the documents, and answered",
            found.invented,
            0.10,
            most=True,
            what=what,
        ),
        _rate("far from it: not in the documents", found.refused, 0.90, what=what),
        _f1("English", 0.80, english, what),
        _f1("other languages", 0.70, others, what),
    ]


async def support_rows() -> list[Row]:
    """Sentences of answers that are marked, by what is wrong with them; the test half."""
    marked: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for entry in sentences("test"):
        page = (PAGES / entry["page"]).read_text(encoding="utf-8")
        checked = await check_support(entry["sentence"], [page])
        kind = "invention" if entry["kind"] in INVENTED else entry["kind"]
        asked[kind] += 1
        marked[kind] += not all(one.supported for one in checked)
    return [
        _rate(
            "faithful sentences marked",
            Rate(marked["faithful"], asked["faithful"]),
            0.03,
            most=True,
        ),
        _rate(
            "false sentences with a wrong figure, name or option marked",
            Rate(marked["invention"], asked["invention"]),
            0.90,
        ),
        _rate(
            "false sentences of the page's own words marked", Rate(marked["words"], asked["words"])
        ),
    ]


def sentences(half: str) -> list[dict[str, Any]]:
    """The labelled sentences of one half."""
    content = yaml.safe_load((GOLDEN / "support.yaml").read_text(encoding="utf-8"))
    return [entry for entry in content["sentences"] if entry["half"] == half]


def _rate(
    label: str,
    found: Rate,
    target: float | None = None,
    *,
    most: bool = False,
    what: str = "blind, test half",
) -> Row:
    return rate(f"{what}: {label}", found, target, most=most)


def rate(what: str, found: Rate, target: float | None = None, *, most: bool = False) -> Row:
    """A share in per cent, with its 95 % interval and the number of cases."""
    low, high = found.interval
    name = f"{what} ({100 * low:.0f} to {100 * high:.0f}, n = {found.of})"
    if target is None:
        return Row(name, round(100 * found.share, 1), "%", "", None)
    return row(name, 100 * found.share, "%", 100 * target, most=most)


def _f1(language: str, target: float, judged: Sequence[Judged], what: str) -> Row:
    found = count_outcomes(judged).abstention_f1
    return row(f"{what}: F1 of abstaining, {language}", found, "", target)
