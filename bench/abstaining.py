"""What is not in the documents: whether a search says so. See docs/benchmarks.md."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.documents import ROOT, Corpus, drain, opened, written
from bench.rows import Row
from bot.knowledge.retrieval.embedder import Embedder
from bot.knowledge.retrieval.evaluation import evaluate
from bot.knowledge.retrieval.golden import Golden, load_golden
from bot.knowledge.service import KnowledgeService

SMALL_TALK = ROOT / "tests" / "golden" / "smalltalk.yaml"


async def rows(corpus: Corpus | None, embedder: Embedder) -> list[Row]:
    """What people say that is no question, and questions whose paragraph is not there."""
    found = await _small_talk(embedder)
    if corpus is not None:
        found.append(await _taken_away(corpus, embedder))
    return found


async def _small_talk(embedder: Embedder) -> list[Row]:
    said = load_golden(SMALL_TALK, half="test")
    talk = [golden for golden in said if not golden.documents]
    terms = [golden for golden in said if golden.documents]
    with tempfile.TemporaryDirectory() as name:
        async with opened(Path(name), embedder) as service:
            await drain(service.add(str(ROOT / "docs")))
            drawn, found = await _drawn(service, talk), await _drawn(service, terms)
    answered = 100 * drawn / len(talk)
    missed = 100 * (1 - found / len(terms))
    return [
        Row("small talk drawn from the documents, test half", round(answered, 1), "%", "", None),
        Row("terms of one or two words not found, test half", round(missed, 1), "%", "", None),
    ]


async def _drawn(service: KnowledgeService, said: list[Golden]) -> int:
    return sum([(await service.search(golden.question)).evidence for golden in said])


async def _taken_away(corpus: Corpus, embedder: Embedder) -> Row:
    """Every other paragraph is there; those beside it, on the same subject, are not. The gate was
    fitted on other questions, of the paragraphs that are left out here."""
    asked = [
        golden if number % 2 == 0 else Golden(golden.question, ())
        for golden, number in corpus.golden()
        if number // 2 % 2
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "paragraphs"
        written(folder, {n: text for n, text in enumerate(corpus.paragraphs) if n % 2 == 0})
        async with opened(Path(name), embedder) as service:
            await drain(service.add(str(folder)))
            found = await evaluate(service, asked)
    what = "XQuAD, half of the paragraphs taken away: abstention F1"
    return Row(what, round(found.abstention_f1, 4), "", "", None)
