"""Questions that people wrote without the pages before them, and sentences of answers: what becomes
of them with the default models. See docs/benchmarks.md for how the sets were made."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from bench.documents import ROOT, drain, opened, row
from bench.rows import Row
from bot.knowledge.citations.support import check_support
from bot.knowledge.retrieval.embedder import Embedder
from bot.knowledge.retrieval.evaluation import Evaluation, evaluate
from bot.knowledge.retrieval.golden import load_golden
from bot.knowledge.retrieval.outcomes import Judged, Rate, count_outcomes

GOLDEN = ROOT / "tests" / "golden"
PAGES = GOLDEN / "blind"
INVENTED = ("figure", "name", "option")


async def outcome_rows(embedder: Embedder) -> list[Row]:
    """The blind set's test half: what is shown, answered, invented and refused."""
    questions = load_golden(GOLDEN / "blind.yaml", half="test")
    with tempfile.TemporaryDirectory() as name:
        async with opened(Path(name), embedder) as service:
            await drain(service.add(str(PAGES)))
            measured: Evaluation = await evaluate(service, questions)
    found = count_outcomes(measured.judged)
    return [
        _rate("the right passage is shown, as an answer or as not sure", found.shown, 0.92),
        _rate("answered without doubt", found.answered, 0.60),
        _rate("of those from the right document", found.right, 0.95),
        _rate(
            "near the subject, not in the documents, and answered", found.invented, 0.10, most=True
        ),
        _rate("far from it: not in the documents", found.refused, 0.90),
        _f1("English", 0.80, [one for one in measured.judged if one.golden.language == "en"]),
        _f1(
            "other languages", 0.70, [one for one in measured.judged if one.golden.language != "en"]
        ),
    ]


async def support_rows() -> list[Row]:
    """Sentences of answers that are marked, by what is wrong with them; the test half."""
    marked: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for entry in _sentences():
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


def _sentences() -> list[dict[str, Any]]:
    content = yaml.safe_load((GOLDEN / "support.yaml").read_text(encoding="utf-8"))
    return [entry for entry in content["sentences"] if entry["half"] == "test"]


def _rate(what: str, rate: Rate, target: float | None = None, *, most: bool = False) -> Row:
    low, high = rate.interval
    name = f"blind, test half: {what} ({100 * low:.0f} to {100 * high:.0f}, n = {rate.of})"
    if target is None:
        return Row(name, round(100 * rate.share, 1), "%", "", None)
    return row(name, 100 * rate.share, "%", 100 * target, most=most)


def _f1(language: str, target: float, judged: list[Judged]) -> Row:
    found = count_outcomes(judged).abstention_f1
    return row(f"blind, test half: F1 of abstaining, {language}", found, "", target)
