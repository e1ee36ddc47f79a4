"""The sentences that are quoted where a very small model answers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.quoting import quote
from bot.services import Passage


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


def test_code_and_rows_of_tables_are_not_quoted() -> None:
    text = (
        "| logs | rotate | logs of the cluster | rotate |\n|---|---|---|---|\n\n"
        "```python\nlogs = rotate(logs)\n```\n\n"
        "The logs rotate every night at four."
    )
    found = quote("When do the logs rotate?", [_passage(text)])
    assert found is not None
    assert found.text == "The logs rotate every night at four."


def test_nothing_is_quoted_where_no_sentence_shares_a_word() -> None:
    assert quote("Was ist das?", [_passage("Disks are large here, and cheap as well.")]) is None
    assert quote("logs", []) is None


@given(st.text(max_size=300), st.lists(st.text(max_size=500), max_size=5))
def test_a_quotation_is_short_and_points_to_a_passage(question: str, texts: list[str]) -> None:
    found = quote(question, [_passage(text) for text in texts])
    if found is not None:
        assert 1 <= found.number <= len(texts)
        assert 0 < len(found.text) <= 402
        assert "\n" not in found.text
