"""A real cross-encoder (a tiny one) after the search, and a search that goes on without it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from backends.errors import BackendUnavailable, ModelNotFound
from backends.files.catalog import TOKENIZER_FILE
from backends.files.store import ModelStore
from backends.onnx.reranker import OnnxReranker, RerankerOptions
from bot.app import open_app
from bot.errors import ConfigError
from bot.installation import Installation
from bot.knowledge.retrieval.candidates import Candidate, mix_reranked_scores
from bot.knowledge.retrieval.reranker_curve import SUBJECTS, fit_curve
from bot.knowledge.retrieval.reranking import Reranker, create_reranker
from bot.knowledge.service import KnowledgeService
from tests.fakes.onnx_models import cross_encoder
from tests.unit.bot.knowledge.conftest import Drain, Room

# The second document has more of the question's rare words, and the first has others of them more
# often, which is what the cross-encoder here counts.
CHATTER = "# Chatter\n\nHow does one rotate a thing, and does it ever get how it does.\n"
LOGS = "# Notes\n\nThe basement server rotates its logs; nobody has ever asked for it.\n"
QUESTION = "how does the server rotate its logs and how does it do it"


def settings(model: Path) -> dict[str, Any]:
    return {
        "source": f"file:{model}",
        "tokenizer_source": TOKENIZER_FILE.source,
        "tokenizer_sha256": TOKENIZER_FILE.sha256,
    }


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "cross.onnx"
    path.write_bytes(cross_encoder())
    return path


@pytest.fixture
async def reranker(model: Path, embedder_files: ModelStore) -> AsyncIterator[OnnxReranker]:
    options = RerankerOptions.model_validate(settings(model))
    made = OnnxReranker("ranker", options, embedder_files)
    yield made
    await made.aclose()


async def scores_of(room: Room, drain: Drain, reranker: Reranker | None) -> dict[str, float]:
    service = room.service(reranker=reranker)
    await drain(service.add(str(room.file("chatter.md", CHATTER))))
    await drain(service.add(str(room.file("logs.md", LOGS))))
    found = await service.search(QUESTION)
    await service.aclose()
    assert [p.score for p in found.passages] == sorted(p.score for p in found.passages)[::-1]
    return {passage.title: passage.score for passage in found.passages}


async def test_a_reranker_has_the_larger_word_on_the_best_passages(
    room: Room, drain: Drain, reranker: OnnxReranker
) -> None:
    plain = await scores_of(room, drain, None)
    ranked = await scores_of(room, drain, create_reranker("ranker", reranker, room.path))
    assert plain["Notes"] > plain["Chatter"]
    assert ranked["Notes"] < ranked["Chatter"]


async def test_the_search_goes_on_where_the_reranker_fails(room: Room, drain: Drain) -> None:
    async def down(question: str, texts: Sequence[str]) -> Sequence[float]:
        raise BackendUnavailable("The engine is gone.")

    assert await scores_of(room, drain, Reranker("down", down, room.path)) == await scores_of(
        room, drain, None
    )


async def test_the_score_of_a_reranker_decides_what_a_search_comes_to(
    room: Room, drain: Drain, reranker: OnnxReranker
) -> None:
    """The cross-encoder here counts words: two of a question in a passage answer it, one is about
    the subject, and none is neither."""
    service = room.service(reranker=create_reranker("ranker", reranker, room.path))
    await drain(service.add(str(room.file("chatter.md", CHATTER))))
    await drain(service.add(str(room.file("logs.md", LOGS))))
    found = {
        asked: await service.search(asked)
        for asked in ("basement logs", "basement temperature", "penguin temperature")
    }
    assert [one.outcome for one in found.values()] == ["answer", "unsure", "absent"]
    assert found["basement logs"].confidence > found["basement temperature"].confidence
    assert [one.relatedness >= 0.5 for one in found.values()] == [True, True, False]
    best = found["basement logs"].passages
    assert best[0].reranked == max(one.reranked or 0.0 for one in best)


async def counting(asked: list[str], question: str, texts: Sequence[str]) -> Sequence[float]:
    """Scores a passage by whether it answers a question of the trial: 9.0, or -9.0."""
    asked.append(question)
    right = {question: one.passage for one in SUBJECTS for question in one.answered}
    return [9.0 if text == right.get(question) else -9.0 for text in texts]


async def test_what_scores_mean_is_measured_once_and_kept_with_what_it_was_made_from(
    tmp_path: Path,
) -> None:
    asked: list[str] = []
    rank = partial(counting, asked)
    curve = await Reranker("ranker@1", rank, tmp_path).curve()
    assert curve.decides
    assert curve.answers(9.0) > 0.9 > 0.1 > curve.answers(-9.0)
    assert len(asked) == 4 * len(SUBJECTS)
    kept = json.loads((tmp_path / "reranker.json").read_text("utf-8"))
    assert kept["model"] == "ranker@1"
    assert kept["answering"] == [9.0] * 2 * len(SUBJECTS)
    assert await Reranker("ranker@1", rank, tmp_path).curve() == curve
    assert len(asked) == 4 * len(SUBJECTS), "after a restart it is read"
    await Reranker("ranker@2", rank, tmp_path).curve()
    assert len(asked) == 8 * len(SUBJECTS), "other weights have scores of their own"
    (tmp_path / "reranker.json").write_text("{", "utf-8")
    assert (await Reranker("ranker@2", rank, tmp_path).curve()).decides


async def test_a_reranker_that_tells_no_answers_apart_decides_nothing(
    room: Room, drain: Drain
) -> None:
    async def even(question: str, texts: Sequence[str]) -> Sequence[float]:
        return [float(len(text) % 2) for text in texts]

    outcomes = []
    for reranker in (None, Reranker("even", even, room.path)):
        service = room.service(reranker=reranker)
        await drain(service.add(str(room.file("logs.md", LOGS))))
        found = await service.search("basement server logs")
        outcomes.append((found.outcome, found.confidence))
        await service.aclose()
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][0] == "answer"


def test_a_curve_follows_scores_on_any_scale() -> None:
    for scale, shift in ((1.0, 0.0), (0.001, 0.4), (30.0, -200.0)):
        yes, no = ([shift + scale * x for x in part] for part in ((3, 4, 5, 2), (0, 1, 2, -1)))
        curve = fit_curve(yes, no)
        assert curve(shift + 4.5 * scale) > 0.7 > 0.3 > curve(shift)
    assert fit_curve([1.0, 1.0], [1.0, 1.0])(1.0) == pytest.approx(0.5)


@pytest.mark.parametrize("given", [[float("nan")] * 8, [float("inf")] * 8, [9.0]])
async def test_scores_that_are_no_numbers_are_no_answer(
    room: Room, drain: Drain, given: list[float]
) -> None:
    broken = False

    async def rank(question: str, texts: Sequence[str]) -> Sequence[float]:
        return given[: len(texts)] if broken else await counting([], question, texts)

    reranker = Reranker("broken", rank, room.path)
    await reranker.curve()
    broken = True
    assert await scores_of(room, drain, reranker) == await scores_of(room, drain, None)


def test_what_was_not_reranked_stays_below() -> None:
    found = [Candidate(None, score=score) for score in (0.9, 0.8, 0.7, 0.6)]
    mix_reranked_scores(found, [1.0, 9.0, -3.0])
    assert found[1].score > found[0].score > found[2].score > found[3].score == 0.6


def test_a_reranker_that_tells_nothing_apart_changes_nothing() -> None:
    found = [Candidate(None, score=score) for score in (0.9, 0.8)]
    mix_reranked_scores(found, [2.0, 2.0])
    assert [candidate.score for candidate in found] == [0.9, 0.8]


def write(folder: Path, entry: dict[str, Any], name: str = "ranker") -> Installation:
    said = {
        "models": {
            "default": {"backend": "scripted"},
            "embedder": {"backend": "scripted"},
            "ranker": entry,
        },
        "embedder": "embedder",
        "knowledge": {"reranker": name},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(said), "utf-8")
    return Installation.read(path)


async def test_a_model_that_cannot_rank_is_refused_at_start(tmp_path: Path) -> None:
    here = await asyncio.to_thread(write, tmp_path, {"backend": "scripted"})
    with pytest.raises(ConfigError, match=r"^knowledge\.reranker: the model 'ranker' cannot rank"):
        async with open_app(here):
            pass


async def test_a_reranker_that_nobody_names_is_refused_with_those_there_are(
    tmp_path: Path,
) -> None:
    with pytest.raises(ConfigError, match=r"knowledge\.reranker: there is no model of that name"):
        await asyncio.to_thread(write, tmp_path, {"backend": "scripted"}, "other")


async def test_a_reranker_is_tried_by_the_pool_and_never_answers(
    tmp_path: Path, model: Path, models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARLANCE_MODELS_DIR", str(models_dir))
    entry = {"backend": "onnx_reranker", **settings(model)}
    here = await asyncio.to_thread(write, tmp_path, entry)
    async with open_app(here) as app:
        able = await app.pool.probe("ranker")
        assert (able.chat, able.embed) == (False, False)
        assert app.services.models.names() == ["default"]
    await asyncio.to_thread(model.write_bytes, b"damaged")
    async with open_app(here) as app:
        with pytest.raises(ModelNotFound, match="cannot be loaded"):
            await app.pool.probe("ranker")
        assert isinstance(app.knowledge, KnowledgeService)
        assert not (await app.knowledge.search("anything")).evidence
