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


async def test_a_commands_answer_keeps_its_heading_its_status_and_one_foot(
    make_house: Any,
) -> None:
    house: House = await make_house(tokens_per_s=20, first_token_s=0.3)
    timeline(house.driver).begin()
    await house.driver.command("chat", {"message": "one two three"})
    await house.reads("You said: one two three")
    steps = [step for step in ours(house.driver) if step.content]
    assert all("asked: one two three" in step.content for step in steps), str(
        timeline(house.driver)
    )
    before = [step for step in steps if "You" not in step.content]
    assert before, "nothing until the first word"
    statuses = [any(words in step.content for words in STATUSES) for step in before]
    assert all(statuses), str(timeline(house.driver))
    after = steps[len(before) :]
    assert not any(words in step.content for step in after for words in STATUSES)
    assert len(set(after[-1].buttons)) == len(after[-1].buttons) <= 5
    assert _rows(after[-1]) == 1
    if house.driver.name == "slack":
        texts = [step.payload["text"] for step in steps]
        assert all("asked: one two three — " in text for text in texts), texts
        assert "You said" in texts[-1]


async def test_what_is_asked_again_or_answered_with_nothing(make_house: Any) -> None:
    nothing = {"match": "say nothing", "text": ""}
    house: House = await make_house(replies=[nothing])
    timeline(house.driver).begin()
    await house.driver.mention("")
    await house.hears("Hello! Ask me something, for example:")
    assert [step.kind for step in ours(house.driver)] == ["create"]

    timeline(house.driver).begin()
    await house.driver.mention("hello there")
    await house.reads("You said: hello there")
    await house.driver.press("regenerate")
    await house.until(lambda: len(house.model.requests) == 2, "asked again")
    await house.until(lambda: len(timeline(house.driver).of(kind="delete")) == 1, "one answer")
    assert len(_standing(house.driver)) == 1, str(timeline(house.driver))

    timeline(house.driver).begin()
    await house.driver.mention("say nothing")
    await house.reads("The model gave no answer")
    steps = ours(house.driver)
    assert len({step.message for step in steps}) == 1, str(timeline(house.driver))
    assert steps[-1].buttons == ("Try again",)

    timeline(house.driver).begin()
    await house.driver.follow_up("first of two")
    await house.driver.follow_up("second of two")
    await house.reads("You said: second of two")
    shown = [step for step in ours(house.driver) if step.kind != "delete"]
    first, second = (_first(shown, f"{which} of two") for which in ("first", "second"))
    assert first.at < second.at


async def test_follow_ups_that_are_sent_at_once_are_answered_in_their_order(
    make_house: Any,
) -> None:
    house: House = await make_house()
    await house.driver.mention("hello there")
    await house.reads("You said: hello there")
    for which in ("first", "second", "third"):
        await house.driver.follow_up(f"the {which}")
    await house.until(lambda: len(house.model.requests) == 4, "answers")
    asked = [request.messages[-1].content.split()[-1] for request in house.model.requests]
    assert asked == ["there", "first", "second", "third"]


async def test_a_cut_answer_goes_on_as_the_same_message(make_house: Any) -> None:
    house: House = await make_house(context=500)
    timeline(house.driver).begin()
    await house.driver.mention("take your time")
    await house.reads("The answer reached its length limit.")
    assert "Continue" in ours(house.driver)[-1].buttons
    cut = _standing(house.driver)
    assert len(house.model.requests) == 1
    await house.driver.press("continue")
    await house.until(lambda: len(house.model.requests) == 2, "asked to go on")
    assert house.model.requests[-1].messages[-1].role == "assistant"
    await house.until(lambda: cut < _standing(house.driver), "it goes on below what stands there")


async def test_what_is_lost_on_the_way_is_shown_once(house: House) -> None:
    timeline(house.driver).begin()
    _lose_acknowledgement(house.driver)
    await house.driver.mention("hello there")
    await house.reads("You said: hello there")
    made = [step for step in ours(house.driver) if step.kind == "create"]
    assert len(made) == 1, str(timeline(house.driver))

    timeline(house.driver).begin()
    await _drop_connection(house.driver)
    await house.driver.mention("and after the outage?")
    await house.reads("You said: and after the outage?")
    assert len([step for step in ours(house.driver) if step.kind == "create"]) == 1


async def test_many_answers_at_once_are_within_the_platforms_limits(make_house: Any) -> None:
    house: House = await make_house(tokens_per_s=40)
    timeline(house.driver).begin()
    for number in range(3):
        for person in ("ada", "eve", "root"):
            await house.driver.mention(f"{person} asks question {number}", by=person)
    await house.until(lambda: house.text.count("You said: ") == 9, "nine answers")
    await house.until(lambda: not house.driver.working(), "the ends of all")
    refused = [step.content for step in timeline(house.driver).of(kind="refused")]
    assert [call for call in refused if "update" in call or "PATCH" in call] == []


def _answer(step: Step) -> str:
    """What a step shows of the answer, without a notification's words."""
    return step.content.rpartition("You said:")[2]


def _private(driver: Driver) -> Sequence[Step]:
    return [step for step in ours(driver) if step.kind == "ephemeral"]


def _rows(step: Step) -> int:
    """How many rows of buttons stand under a step's message."""
    if "blocks" in step.payload:
        return sum(block["type"] == "actions" for block in step.payload["blocks"])
    return len(step.payload["components"])


def _first(steps: Sequence[Step], words: str) -> Step:
    return next(step for step in steps if words in step.content)


def _standing(driver: Driver) -> set[str]:
    """The bot's messages that everybody still sees."""
    steps = ours(driver)
    gone = {step.message for step in steps if step.kind == "delete"}
    return {step.message for step in steps if step.kind == "create"} - gone


def _lose_acknowledgement(driver: Any) -> None:
    """Have the next message posted, and its acknowledgement lost."""
    if driver.name == "slack":
        driver.fake.fail_next("chat.postMessage", cut=True)
    else:
        driver.fake.fail_next("POST", "/messages$", 500, after=True)


async def _drop_connection(driver: Any) -> None:
    if driver.name == "slack":
        await driver.fake.drop_sockets()
    else:
        driver.fake.gateway.drop()
