from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.scripted.backend import ScriptedBackend
from bot.errors import UsageError
from bot.types import Text
from plugins.rap_battle import parse, rap
from tests.unit.plugins.stage import Stage


@pytest.fixture
def model() -> ScriptedBackend:
    verses = ("\n I weave the numbers\n", "My engine is bigger", "Yours was never built", "   ")
    return ScriptedBackend("default", replies=verses)


async def test_performers_take_turns_and_hear_each_other(on: Stage) -> None:
    said = await on.call(
        rap, options={"matchup": "Ada Lovelace vs. Charles Babbage", "style": "old school"}
    )
    assert said.text == (
        "**Ada Lovelace · round 1**\n\nI weave the numbers\n\n\n"
        "**Charles Babbage · round 1**\n\nMy engine is bigger\n\n"
        "**Ada Lovelace · round 2**\n\nYours was never built\n\n"
        "**Charles Babbage · round 2**\n\n*(has no words left)*"
    )
    prompts = on.prompts()
    assert "Ada Lovelace:\nI weave the numbers" in prompts[1]
    assert 'You are "Charles Babbage" in a rap battle against "Ada Lovelace"' in prompts[1]
    assert "My engine is bigger" in prompts[2]
    assert all("old school" in prompt for prompt in prompts)
    assert [status.done for status in said.statuses if status.total] == [0, 1, 2, 3]


async def test_each_verse_streams_under_its_heading(on: Stage) -> None:
    options = rap.bind({"matchup": "A vs B"})
    said = await on.run(
        rap.handler, on.context(), until=lambda part: part == Text(" weave"), **options
    )
    assert [part.delta for part in said.of(Text)] == ["**A · round 1**\n\n", "I", " weave"]
    assert on.backend.cancelled == 1


async def test_one_round_needs_no_number(on: Stage) -> None:
    said = await on.call(rap, options={"matchup": "tea versus coffee", "rounds": 1})
    assert said.text.startswith("**tea**\n\n")
    assert len(on.prompts()) == 2


@pytest.mark.parametrize(
    ("matchup", "performers"),
    [
        ("Ada vs Charles", ("Ada", "Charles")),
        ("Ada VS. Charles", ("Ada", "Charles")),
        ("  Ada   Lovelace  v  Charles ", ("Ada Lovelace", "Charles")),
        ("vim against emacs", ("vim", "emacs")),
        ("**Ada** vs `Charles`\n", ("Ada", "Charles")),
        ("Elvis vs Tvs", ("Elvis", "Tvs")),
    ],
)
def test_a_match_is_read(matchup: str, performers: tuple[str, str]) -> None:
    assert parse(matchup) == performers


@pytest.mark.parametrize("matchup", ["Ada", "Ada vs", "vs Charles", "a vs b vs c", "Advs Charles"])
def test_anything_else_is_refused_with_an_example(matchup: str) -> None:
    with pytest.raises(UsageError, match="/rap Ada Lovelace vs Charles Babbage"):
        parse(matchup)


def test_a_name_has_an_end() -> None:
    with pytest.raises(UsageError, match="80 characters"):
        parse("A" * 81 + " vs B")


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_match_is_read_or_refused(one: str, other: str) -> None:
    try:
        first, second = parse(f"{one} vs {other}")
    except UsageError:
        return
    assert first
    assert second
    assert "\n" not in first + second
