"""The sentences that are quoted where a very small model answers."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.answering.extractive_quote import quote, quote_beginning, quote_pointed
from bot.knowledge.language.sentences import split_sentences
from bot.values import Passage, Pointed


def _passage(text: str, heading: str = "") -> Passage:
    return Passage("p", "d", "Handbook", "handbook.md", heading, text)


def test_the_sentence_that_shares_most_with_the_question_is_quoted_with_its_number() -> None:
    found = quote(
        "How do I rotate the logs?",
        [
            _passage("The cluster has nine nodes. They are restarted on Sundays at night."),
            _passage(
                "The disks of the cluster are large. "
                "Logs are rotated by the nightly job at four o'clock."
            ),
        ],
    )
    assert found is not None
    assert found.number == 2
    assert found.text == "Logs are rotated by the nightly job at four o'clock."


def test_of_sentences_that_share_as_much_the_one_that_means_it_is_quoted() -> None:
    text = "Parlance is written in a language of its own. The kettle of Parlance is red at night."
    question = "What colour does Parlance have?"
    for near, start in (((0.1, 0.6), "The kettle"), ((0.6, 0.1), "Parlance is")):
        found = quote(question, [replace(_passage(text), near=near)])
        assert found is not None
        assert found.text.startswith(start)


def test_sentences_keep_their_nearness_where_code_between_them_is_left_out() -> None:
    text = (
        "The logs are kept for nine days.\n\n```\nlogs = keep(days=9)\nhour = turn(at=4)\n```\n\n"
        "The logs are turned over at four every night."
    )
    near = tuple(0.9 if "four" in one else 0.0 for one in split_sentences(text))
    assert near == (0.0, 0.0, 0.9)
    found = quote("When do the logs rotate?", [replace(_passage(text), near=near)])
    assert found is not None
    assert found.text == "The logs are turned over at four every night."


def test_code_and_rows_of_tables_are_not_quoted() -> None:
    text = (
        "| logs | rotate | logs of the cluster | rotate |\n|---|---|---|---|\n\n"
        "```python\nlogs = rotate(logs)\n```\n\n"
        "The logs rotate every night at four."
    )
    found = quote("When do the logs rotate?", [_passage(text)])
    assert found is not None
    assert found.text == "The logs rotate every night at four."


def test_a_far_poorer_passage_is_not_quoted_where_the_first_has_no_sentences() -> None:
    code = replace(_passage("```\nserver_port = 8481\n```"), score=0.7)
    other = _passage("The port that the Ollama server uses is another one.")
    assert quote("Which port does the server use?", [code, replace(other, score=0.45)]) is None
    found = quote("Which port does the server use?", [code, code, replace(other, score=0.6)])
    assert found is not None
    assert found.number == 3
    found = quote("Which port?", [code, replace(other, score=0.1), replace(other, score=0.6)])
    assert found is not None
    assert found.number == 3


def test_nothing_is_quoted_where_no_sentence_shares_a_word() -> None:
    assert quote("Was ist das?", [_passage("Disks are large here, and cheap as well.")]) is None
    assert quote("logs", []) is None


@given(
    st.text(max_size=300),
    st.lists(st.text(max_size=500), max_size=5),
    st.lists(st.floats(-1, 1), max_size=5).map(tuple),
)
def test_a_quotation_is_short_and_points_to_a_passage(
    question: str, texts: list[str], near: tuple[float, ...]
) -> None:
    found = quote(question, [replace(_passage(text), near=near) for text in texts])
    if found is not None:
        assert 1 <= found.number <= len(texts)
        assert 0 < len(found.text) <= 402
        assert "\n" not in found.text


def test_chinese_and_japanese_sentences_are_quoted() -> None:
    for question, text, wanted in (
        ("押金是多少？", "房租每月交一次。押金为两个月的租金。", "押金为两个月的租金。"),
        (
            "当日は何時に集合ですか",
            "雨でも行います。集合は当日の朝八時です。",
            "集合は当日の朝八時です。",
        ),
    ):
        found = quote(question, [_passage(text)])
        assert found is not None
        assert wanted in found.text


def test_code_that_follows_the_sentence_is_quoted_with_it() -> None:
    text = (
        "Tinyqueue is a small queue for jobs.\n\nInstall tinyqueue with the package tool of yours:"
        "\n\n```\npip install tinyqueue\n```\n\nIt needs nothing else."
    )
    found = quote("How do I install tinyqueue?", [_passage(text)])
    assert found is not None
    assert found.text.endswith("```\npip install tinyqueue\n```")


def test_a_form_of_a_word_in_another_language_is_the_word() -> None:
    text = "Der Hof wird im Winter geräumt. Besucher melden sich bei der Verwaltung im Haus an."
    found = quote("Wo muss sich ein Besuchern anmelden?", [_passage(text)], "de")
    assert found is not None
    assert found.text.startswith("Besucher melden")


PRICES = (
    "What a month costs:\n\n| Plan | Price | Seats |\n|:---|---:|---|\n| Basic | 5 € | 3 |\n"
    "| Pro | 12 € |  |\n| Team \\| Club | 30 € | 20 |\n"
)


def test_a_row_of_a_table_is_quoted_with_its_header_in_one_line() -> None:
    found = quote("What is the price of the plan Basic?", [_passage(PRICES)])
    assert found is not None
    assert found.text == "Plan: Basic · Price: 5 € · Seats: 3"
    found = quote("What is the price of the plan Pro?", [_passage(PRICES)])
    assert found is not None
    assert found.text == "Plan: Pro · Price: 12 €"


def test_what_is_pointed_to_in_a_table_is_quoted_as_its_row() -> None:
    for words in ("30 €", "Team \\| Club | 30 €", "| Team \\| Club | 30 € | 20 |"):
        [found] = quote_pointed([Pointed(1, words)], [_passage(PRICES)])
        assert found.text == "Plan: Team | Club · Price: 30 € · Seats: 20"


def test_the_beginning_of_a_table_is_its_rows() -> None:
    found = quote_beginning([_passage(PRICES)])
    assert found.text.splitlines()[:2] == [
        "What a month costs:",
        "Plan: Basic · Price: 5 € · Seats: 3",
    ]


@given(st.text("|-: \\\nab¦", max_size=200))
def test_no_table_breaks_a_quotation(text: str) -> None:
    passage = _passage(text)
    for found in (quote("a b", [passage]), quote_beginning([passage])):
        assert found is None or len(found.text) <= 402
    quote_pointed([Pointed(1, text.strip() or "a")], [passage])
