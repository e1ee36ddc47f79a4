"""What a person sees, in order: each message and each change of it, as the platforms keep them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.fakes.timeline import Step, Timeline
from tests.scenarios.harness import Driver, House

pytestmark = pytest.mark.parametrize("driver", ["discord", "slack"], indirect=True)
SHOWN = frozenset({"create", "edit", "delete", "ephemeral"})
OUR_NAMES = frozenset({"parlance", "UBOT"})
STATUSES = ("Thinking …", "Looking in the documents …")


def timeline(driver: Any) -> Timeline:
    found: Timeline = driver.fake.timeline
    return found


def ours(driver: Driver) -> Sequence[Step]:
    """What the bot showed."""
    steps = timeline(driver).steps
    return [step for step in steps if step.kind in SHOWN and step.by in OUR_NAMES]


async def test_an_answer_is_one_message_that_begins_with_peoples_words(make_house: Any) -> None:
    house: House = await make_house(tokens_per_s=40)
    timeline(house.driver).begin()
    await house.driver.mention("hello there, and how are you?")
    await house.reads("how are you?")
    steps = ours(house.driver)
    assert [step.kind for step in steps] == ["create"] + ["edit"] * (len(steps) - 1)
    assert len({step.message for step in steps}) == 1
    assert any(words in steps[0].content for words in STATUSES), steps[0].content
    assert not any("token" in step.content for step in steps)
    assert "Stop" in steps[0].buttons
    assert "Stop" not in steps[-1].buttons


async def test_whole_text_comes_to_its_final_form_in_one_edit(make_house: Any) -> None:
    house: House = await make_house(tokens_per_s=40)
    timeline(house.driver).begin()
    await house.driver.mention("one two three four five six seven")
    await house.reads("You said: one two three four five six seven")
    whole = [step for step in ours(house.driver) if "five six seven" in _answer(step)]
    assert len(whole) <= 2
    assert "Regenerate" in whole[-1].buttons


async def test_what_only_the_asker_needs_is_never_before_the_others(house: House) -> None:
    timeline(house.driver).begin()
    await house.driver.command("help")
    await house.driver.command("docs", {"action": "list"})
    await house.driver.command("chat", {"message": "x", "model": "nonesuch"})
    await house.is_told("There is no model named")
    await house.until(lambda: len(_private(house.driver)) >= 3, "three private replies")
    public = {step.message for step in ours(house.driver) if step.kind == "create"}
    gone = {step.message for step in ours(house.driver) if step.kind == "delete"}
    assert public <= gone  # a placeholder at most
    shown = [step for step in ours(house.driver) if step.message in public]
    assert not any("nonesuch" in step.content for step in shown)


def _answer(step: Step) -> str:
    """What a step shows of the answer, without a notification's words."""
    return step.content.rpartition("You said:")[2]


def _private(driver: Driver) -> Sequence[Step]:
    return [step for step in ours(driver) if step.kind == "ephemeral"]
