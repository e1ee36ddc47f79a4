"""What an answer says that no source has."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bot.knowledge.citations.support import check_support

PASSAGES = [
    "The logs are rotated every night at 02:30 by a timer. Old logs are kept for 14 days.",
    "A backup of the database is made before each migration and stored beside it in Oslo.",
]
GERMAN = ["Die Miete ist am dritten Werktag fällig. Hunde dürfen nach Absprache im Haus leben."]
CLUB = ["Устав клуба приняли в Ярославле. Взнос — 1 200 рублей в год, до 31 марта."]


async def unknown(answer: str, passages: Sequence[str] = PASSAGES) -> list[str]:
    return [words for one in await check_support(answer, passages) for words in one.unknown]


@pytest.mark.parametrize(
    ("answer", "passages", "missing"),
    [
        ("Logs are rotated every night at 02:30 [1].", PASSAGES, []),
        ("Every night, at 2:30 am, a timer rotates the logs.", PASSAGES, []),
        ("Old logs stay there for two weeks [1].", PASSAGES, []),
        ("Old logs are kept for 30 days [1].", PASSAGES, ["30"]),
        ("A copy of the database is stored in Bergen before a migration.", PASSAGES, ["Bergen"]),
        ("A copy of the database is stored in Oslo before a migration.", PASSAGES, []),
        ("Hunde dürfen nach Rücksprache mit dem Vermieter im Haus leben.", GERMAN, []),
        ("Die Miete ist jeweils am 15. des Monats im Haus fällig.", GERMAN, ["15"]),
        ("Die Hunde im Haus meldet man bei der GEWOBA nach Absprache an.", GERMAN, ["GEWOBA"]),
        ("Взнос за год в клубе — 1200 рублей, устав принят в Ярославль.", CLUB, []),
        ("Взнос в клубе — 1 500 рублей в год.", CLUB, ["1 500"]),
        ("Устав клуба приняли, по словам тренера, в Москве.", CLUB, ["Москве"]),
    ],
)
async def test_what_no_passage_has_is_told(
    answer: str, passages: Sequence[str], missing: Sequence[str]
) -> None:
    assert await unknown(answer, passages) == missing


async def test_a_false_sentence_of_the_passages_own_words_is_a_readers_business() -> None:
    assert await unknown("Old logs are rotated before each migration.") == []


async def test_where_sentences_and_their_citations_are_is_told() -> None:
    answer = "> The logs rotate every night. [1]\n\nBread needs flour and water. [2] [1] Salt, too."
    checked = await check_support(answer, ["The logs rotate every night.", "Bread needs flour."])
    assert [one.cited for one in checked] == [(1,), (2, 1)]
    assert [one.borne_out for one in checked] == [True, True]
    assert checked[1].text == "Bread needs flour and water. [2] [1]"
    assert answer[checked[1].start : checked[1].end] == checked[1].text


async def test_a_sentence_about_something_else_is_from_no_passage() -> None:
    (checked,) = await check_support("Penguins live mostly on the southern half.", PASSAGES)
    assert checked.supported
    assert not checked.borne_out


async def test_the_numbers_of_a_list_are_not_taken_for_facts() -> None:
    assert await unknown("7. Old logs are kept for 14 days.\n8. Logs are rotated by timers.") == []


async def test_questions_headings_and_code_are_not_judged() -> None:
    answer = (
        "# Penguins and their 12 habits\n\n"
        "Do you want to hear more about 12 penguins?\n\n"
        "```\nprint('12 penguins everywhere today')\n```\n"
    )
    assert await check_support(answer, PASSAGES) == ()


async def test_an_option_that_no_passage_has_is_an_invention() -> None:
    passages = ["The command `logs rotate --now [-n COUNT]` rotates the logs at once."]
    assert await unknown("The command `logs rotate --now` rotates the logs.", passages) == []
    assert await unknown("The command `logs rotate -n 5` rotates the logs.", passages) == ["5"]
    assert await unknown("The command `logs rotate -n COUNT` rotates the logs.", passages) == []
    assert await unknown("The command `logs rotate -n <count>` rotates the logs.", passages) == []
    assert await unknown("The command `logs rotate -f` rotates the logs.", passages) == ["-f"]


async def test_a_number_in_the_heading_above_a_passage_is_not_an_invention() -> None:
    passage, answer = "It was released with a fast start.", "3.11 was released with a fast start."
    assert await unknown(answer, [passage]) == ["3.11"]
    below = await check_support(answer, [passage], headings=["Python 3.11"])
    assert [one.unknown for one in below] == [()]
