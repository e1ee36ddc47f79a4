"""What a search comes to, in several languages and scripts."""

from __future__ import annotations

from bot.knowledge.index.full_text import score_exact_words
from bot.knowledge.service import KnowledgeService
from bot.values import SearchResult
from tests.unit.bot.knowledge.conftest import Drain, Room


def test_a_digit_in_a_chinese_question_took_most_of_the_score_of_its_words() -> None:
    words = ["押金", "3"]
    weight = {"押金": 2.0, "3": 1.0}
    deposit, floor = score_exact_words(
        words, weight, ["押金为两个月的租金。", "第 3 层有 3 间房。"]
    )
    assert deposit > 0
    assert deposit > score_exact_words(["3"], {"3": 0.2}, ["押金为两个月的租金。"])[0]
    assert floor > 0


async def test_another_form_of_a_german_word_was_not_found(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    room.file("haus.md", "# Haus\n\nDie Wohnungstür der kleinen Wohnung klemmt oft im Winter.\n")
    for number in range(6):
        room.file(f"hof{number}.md", f"# Hof {number}\n\nIm Hof stehen Tische und ein Baum.\n")
    await drain(service.add(str(room.path / "docs")))
    found = await service.search("Was ist mit den kleineren Wohnungen?")
    assert found.language == "de"
    assert found.passages[0].title == "Haus"
    assert found.passages[0].lexical > 0


async def test_a_passage_far_behind_the_best_is_not_shown(
    room: Room, service: KnowledgeService, drain: Drain
) -> None:
    room.file("logs.md", "# Logs\n\nThe logs of the server are rotated every night at four.\n")
    room.file("babble.md", "# كلام\n\nلوريم إيبسوم هو ببساطة نص شكلي يستخدم في صناعة الطباعة\n")
    await drain(service.add(str(room.path / "docs")))
    found = await service.search("When are the logs of the server rotated?")
    assert [passage.title for passage in found.passages] == ["Logs"]


def test_an_outcome_is_one_of_three() -> None:
    assert SearchResult((), evidence=False).outcome == "absent"
    assert SearchResult((), evidence=False, related=True).outcome == "absent", "nothing to show"
