"""What is not in the documents: whether a search says so. See docs/benchmarks.md."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from bench.documents import ROOT, Corpus, drain, opened, written
from bench.rows import Row
from bot.knowledge.retrieval.embedder import Embedder
from bot.knowledge.retrieval.evaluation import evaluate
from bot.knowledge.retrieval.golden import Golden, load_golden
from bot.knowledge.service import KnowledgeService

SMALL_TALK = ROOT / "tests" / "golden" / "smalltalk.yaml"


async def rows(corpus: Corpus | None, embedder: Embedder, *, quick: bool) -> list[Row]:
    """What people say that is no question, questions whose paragraph is not there, and those of
    SQuAD 2 that their paragraph does not answer."""
    found = await _small_talk(embedder)
    found.append(await _squad2(embedder, 24 if quick else 3))
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


async def _squad2(embedder: Embedder, step: int) -> Row:
    """How often a question with an answer has more confidence than one without, of every `step`th;
    0.5 is chance."""
    what = "SQuAD 2, tuning half: AUC of answerable questions over unanswerable ones"
    paragraphs = await asyncio.to_thread(_squad2_paragraphs)
    if not paragraphs:
        return Row(what, None, "", "not measured: the file is not there", None)
    asked = [qa for paragraph in paragraphs for qa in paragraph["qas"]][::step]
    with tempfile.TemporaryDirectory() as name:
        texts = {n: paragraph["context"] for n, paragraph in enumerate(paragraphs)}
        folder = written(Path(name) / "paragraphs", texts)
        sure: dict[bool, list[float]] = {True: [], False: []}
        async with opened(Path(name), embedder) as service:
            await drain(service.add(str(folder)))
            for qa in asked:
                found = await service.search(qa["question"])
                sure[not qa["is_impossible"]].append(found.confidence)
    pairs = [(a > b) + 0.5 * (a == b) for a in sure[True] for b in sure[False]]
    return Row(what, round(sum(pairs) / len(pairs), 3), "", "", None)


def _squad2_paragraphs() -> list[dict[str, Any]]:
    path = Path(os.environ.get("PARLANCE_SQUAD2", ROOT.parent / "shared/data/squad2.tune.json"))
    if not path.exists():
        return []
    articles = json.loads(path.read_text(encoding="utf-8"))["data"]
    return [paragraph for article in articles for paragraph in article["paragraphs"]]


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
