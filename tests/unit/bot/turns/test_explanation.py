"""What "Why this answer?" says of who judged the passages, and how sure that is."""

from __future__ import annotations

from datetime import UTC, datetime

from backends.usage import Usage
from bot.history.protocol import StoredMessage
from bot.turns.actions import explain_answer
from bot.types import Explanation


def explained(why: Explanation) -> list[str]:
    at = datetime.now(UTC)
    turn = StoredMessage(
        "a1", "terminal:local:local", "assistant", "So.", "parlance", at, explanation=why
    )
    return explain_answer(turn).splitlines()[1:]


def test_what_a_reader_pointed_to_is_said_with_how_sure_it_is() -> None:
    why = Explanation(pointed=("“the third” [1]",), confidence=0.934, read_by="large")
    assert explained(why) == [
        "**Pointed to**: “the third” [1]",
        "**How sure**: 93% that the passages answer, by large, which read them",
    ]


def test_a_reader_that_found_nothing_says_so() -> None:
    assert explained(Explanation(confidence=0.0, read_by="large")) == [
        "**Pointed to**: nothing",
        "**How sure**: 0% that the passages answer, by large, which read them",
    ]


def test_where_nothing_reads_the_figure_is_the_searchs() -> None:
    assert explained(Explanation(confidence=0.38)) == [
        "**How sure**: 38% that the passages answer, by how much they have in common with the "
        "question; no model read them"
    ]


def test_where_nothing_was_searched_nothing_is_said() -> None:
    assert explained(Explanation()) == []


def test_what_stands_below_a_list_is_no_part_of_its_last_item() -> None:
    usage = Usage(prompt_tokens=3, completion_tokens=1)
    shown = explained(Explanation(steps=("look: done", "send: refused"), usage=usage))
    assert shown[:5] == ["**Steps**:", "1. look: done", "2. send: refused", "", "**Times**: none"]
