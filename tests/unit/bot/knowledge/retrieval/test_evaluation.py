from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bot.answering.grounded_answer import source
from bot.errors import UsageError
from bot.knowledge.retrieval.evaluation import evaluate
from bot.knowledge.retrieval.golden import Golden, load_golden
from bot.knowledge.retrieval.outcomes import Judged, Rate, count_outcomes, outcomes_by_language
from bot.knowledge.service import KnowledgeService
from bot.types import Source
from bot.values import Pointed, SearchResult
from tests.unit.bot.knowledge.conftest import Drain, Room, on_both_engines

GOLDEN = """
questions:
  - {question: "When are logs rotated?", documents: [logs.md], half: tuning}
  - {question: "What feeds the sourdough starter?", documents: bread.md, half: test}
  - {question: "Who won the chess olympiad?", documents: none, half: test}
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "golden.yaml"
    path.write_text(text)
    return path


def test_a_golden_file_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, GOLDEN)
    assert load_golden(path) == [
        Golden("When are logs rotated?", ("logs.md",), "tuning"),
        Golden("What feeds the sourdough starter?", ("bread.md",), "test"),
        Golden("Who won the chess olympiad?", (), "test"),
    ]
    assert len(load_golden(path, half="test")) == 2


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("questions: [", "is not YAML"),
        ("[]", "has no list named questions"),
        ("questions: []", "has no list named questions"),
        ("questions: [{documents: []}]", "question 1: a question needs the keys"),
        ("questions: [{question: a, document: b}]", "question 1: there is no key 'document'"),
        ("questions: [{question: a, documents: [1]}]", "documents is a list of names, or none"),
    ],
)
def test_a_golden_file_with_a_mistake_is_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        load_golden(written(tmp_path, text))


def test_a_golden_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: no such file"):
        load_golden(tmp_path / "none.yaml")


@on_both_engines
async def test_search_and_abstention_are_measured(
    room: Room, service: KnowledgeService, drain: Drain, tmp_path: Path
) -> None:
    room.file("logs.md", "# Logs\n\nLogs are rotated at night.\n\nThe disk is checked too.\n")
    room.file("bread.md", "# Bread\n\nFlour feeds the sourdough starter.\n")
    await drain(service.add(str(room.path / "docs")))
    wrong = Golden("When are logs rotated?", ("bread.md",))
    questions = [*await asyncio.to_thread(load_golden, written(tmp_path, GOLDEN)), wrong]

    async def answer(question: str, found: SearchResult) -> tuple[str, list[Source]]:
        text = "Logs are rotated at night [2]. Flour feeds the sourdough starter [2]."
        return text, [source(2, found.passages[0])]

    measured = await evaluate(service, questions, answer=answer)
    assert (measured.questions, measured.answerable) == (4, 3)
    assert measured.hit_at_1 == pytest.approx(2 / 3)
    assert measured.hit_at_4 == pytest.approx(2 / 3), "what is far behind the best is not shown"
    assert measured.mrr_at_10 == pytest.approx(2 / 3)
    assert measured.ndcg_at_10 == pytest.approx(2 / 3)
    assert measured.abstention_f1 == 1.0
    assert measured.citation_precision == pytest.approx(0.5)
    assert measured.p95_ms >= measured.p50_ms > 0
    assert [miss.question for miss in measured.misses] == ["When are logs rotated?"]


async def test_nothing_to_evaluate_is_refused(service: KnowledgeService) -> None:
    with pytest.raises(UsageError, match="no question to evaluate"):
        await evaluate(service, [])


def test_outcomes_say_what_is_shown_answered_and_invented() -> None:
    having, near, far = Golden("a", ("x.md",)), Golden("b", ()), Golden("c", (), far=True)
    judged = [
        Judged(having, "answer", shown=True),
        Judged(having, "answer", shown=False),
        Judged(having, "unsure", shown=True),
        Judged(having, "absent", shown=True),
        Judged(near, "answer", shown=False),
        Judged(near, "unsure", shown=False),
        Judged(far, "absent", shown=False),
        Judged(far, "unsure", shown=False),
    ]
    found = count_outcomes(judged)
    assert (found.shown, found.answered, found.right) == (Rate(2, 4), Rate(2, 4), Rate(1, 2))
    assert (found.invented, found.refused) == (Rate(1, 2), Rate(1, 2))
    assert found.abstention_f1 == pytest.approx(2 * 0.6 * 0.375 / 0.975)
    assert list(outcomes_by_language(judged)) == ["all"]


def test_an_interval_is_wide_where_little_was_asked() -> None:
    low, high = Rate(9, 10).interval
    assert (round(low, 3), round(high, 3)) == (0.596, 0.982)
    assert Rate(0, 0).interval == (0.0, 1.0)
    assert Rate(900, 1000).interval[0] > 0.87


def test_a_question_without_an_answer_may_be_near_or_far(tmp_path: Path) -> None:
    text = """
questions:
  - {question: a, documents: [x.md], language: de, kind: answerable, answer: "12 Uhr"}
  - {question: b, documents: none, kind: near}
  - {question: c, documents: none, kind: far}
"""
    found = load_golden(written(tmp_path, text))
    assert [one.kind for one in found] == ["answerable", "near", "far"]
    assert (found[0].language, found[0].answer) == ("de", "12 Uhr")
    with pytest.raises(UsageError, match="near or far where documents is none"):
        load_golden(written(tmp_path, "questions: [{question: a, documents: x, kind: far}]"))


async def test_what_becomes_of_a_question_is_the_readers_doing_if_one_reads(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    room.file("logs.md", "# Logs\n\nLogs are rotated at night.\n")
    room.file("bread.md", "# Bread\n\nFlour feeds the sourdough starter.\n")
    await drain(service.add(str(room.path / "docs")))

    async def read(question: str, found: SearchResult) -> SearchResult:
        at = next((n for n, p in enumerate(found.passages, 1) if "bread" in p.location), 0)
        if "sourdough" not in question or not at:
            return replace(found, evidence=False, related=False, pointed=(), share=0.1)
        return replace(found, evidence=True, pointed=(Pointed(at, "flour"),), share=0.9)

    questions = [
        Golden("What feeds the sourdough starter?", ("bread.md",)),
        Golden("When are logs rotated?", ("logs.md",)),
        Golden("Who won the chess olympiad?", ()),
    ]
    measured = await evaluate(service, questions, read=read)
    assert [(one.outcome, one.share) for one in measured.judged] == [
        ("answer", 0.9),
        ("absent", 0.1),
        ("absent", 0.1),
    ]
    assert [one.shown for one in measured.judged[:2]] == [True, True]
    assert measured.hit_at_1 == 1.0, "the search's own"
