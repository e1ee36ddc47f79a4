"""What was typed into a form that came to nothing is given back, to the person alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

import pytest

from bot.adapters.form_recovery import (
    ATTACH_FILE_AGAIN,
    FORM_RETURNED,
    FORM_RETURNED_AFTER_PART,
    FormRecoverySink,
)
from bot.adapters.slack.inbound.modal_views import FILE
from bot.commands.declaration import Option, command
from bot.errors import Refused
from bot.skills.context import Context
from bot.skills.skill import Skill
from bot.types import State, Text, View
from tests.fakes.sink import RecordingSink
from tests.fakes.skills import CHAT
from tests.fakes.slack.acting import ADA, CHANNEL, US, Acting
from tests.fakes.slack.running import Bot, running
from tests.fakes.slack.state import Posted

LONG = "\n".join(f"Line {n}: the *lamp* of <@U0EVE> is lit at nine :bulb:" for n in range(55))


@command("hand", takes_file=True, form=lambda given: set(given) <= {"how"})
async def hand(
    ctx: Context,
    how: Annotated[Literal["refused", "broken", "taken"], Option("How it ends")] = "taken",
    what: Annotated[str, Option("A text", multiline=True)] = "",
    more: Annotated[str, Option("Another", multiline=True)] = "",
    times: int = 1,
) -> Any:
    """Hand a text in."""
    if how == "refused":
        raise Refused("The desk is closed.")
    if how == "broken":
        raise RuntimeError("the desk is broken")
    yield Text(f"taken: {what}")


DESK = Skill("desk", commands=(hand,))


@pytest.fixture
async def bot(make: Any) -> AsyncIterator[Bot]:
    async with running(make(bench={"skills": (CHAT, DESK)})) as started:
        yield started


async def hand_in(people: Acting, values: dict[str, Any]) -> None:
    before = len(people.fake.workspace.views)
    await people.slash("hand")
    await people.fake.until(lambda: len(people.fake.workspace.views) > before)
    assert not await people.submit(values)


def sections(message: Posted) -> list[str]:
    """What stands in a message letter by letter."""
    texts = [block["text"] for block in message.blocks if block["type"] == "section"]
    assert all(text["type"] == "plain_text" and not text["emoji"] for text in texts)
    return [text["text"] for text in texts]


def kept(people: Acting, channel: str = CHANNEL) -> list[Posted]:
    return [m for m in people.fake.workspace.by(US, channel) if sections(m)]


@pytest.mark.parametrize(
    ("how", "said"),
    [("refused", "The desk is closed."), ("broken", "Something went wrong on our side")],
)
async def test_what_was_typed_into_a_refused_form_was_lost(
    bot: Bot, people: Acting, how: str, said: str
) -> None:
    file = people.file("notes.txt", b"the notes")
    await hand_in(people, {"how": (how,), "what": LONG, "times": "2", FILE: [file]})
    await people.fake.until(lambda: kept(people))
    (word,) = kept(people)
    assert said in "".join(people.private() if how == "refused" else people.public(CHANNEL))
    assert (people.public(CHANNEL) == []) == (how == "refused")
    assert "Line 1" not in "".join(people.public())
    assert word.ephemeral_to == ADA
    words, *typed = sections(word)
    assert words == FORM_RETURNED + ATTACH_FILE_AGAIN
    assert "".join(typed) == f"how:\n{how}\n\nwhat:\n{LONG}\n\ntimes:\n2"


async def test_a_long_one_comes_whole_in_several_messages(bot: Bot, people: Acting) -> None:
    texts = {"what": "x" * 3000, "more": "y " * 1500}
    await hand_in(people, {"how": ("refused",), **texts, "times": "2" * 4000})
    await people.fake.until(lambda: len(kept(people)) == 2)
    _, *typed = [text for message in kept(people) for text in sections(message)]
    assert "".join(typed).count("x") == 3000
    assert "".join(typed).count("y ") == 1500
    assert all(m.ephemeral_to == ADA for m in kept(people))


async def test_where_we_are_not_it_comes_in_a_direct_message(bot: Bot, people: Acting) -> None:
    people.fake.methods.away.add(CHANNEL)
    people.fake.fail_next("chat.postEphemeral", error="not_in_channel", times=2)
    await hand_in(people, {"how": ("refused",), "what": "a trip"})
    await people.fake.until(lambda: kept(people, ADA))
    assert "what:\na trip" in sections(kept(people, ADA)[0])[1]
    assert kept(people) == []


async def test_one_of_a_plugin_that_is_gone_is_given_back(make: Any, people: Acting) -> None:
    async with running(make(bench={"skills": (CHAT, DESK)})):
        await people.slash("hand")
        await people.fake.until(lambda: people.fake.workspace.views)
    async with running(make(bench={"skills": (CHAT,)})):
        assert not await people.submit({"what": "a trip"})
        await people.fake.until(lambda: kept(people))


async def test_what_went_well_or_was_not_typed_is_not_given_back(bot: Bot, people: Acting) -> None:
    await hand_in(people, {"how": ("taken",), "what": "a trip"})
    await people.fake.until(lambda: "taken: a trip" in "".join(people.public()))
    await hand_in(people, {"how": ("refused",), "times": "1"})
    await people.fake.until(lambda: "desk is closed" in "".join(people.private()))
    await hand_in(people, {"how": ("taken",), "what": "a boat"})
    await people.fake.until(lambda: "taken: a boat" in "".join(people.public()))
    assert kept(people) == []


@pytest.mark.parametrize(
    ("state", "text", "words"),
    [
        ("refused", "half an answer", [FORM_RETURNED_AFTER_PART]),
        ("failed", "", [FORM_RETURNED]),
        ("cancelled", "", [FORM_RETURNED]),
        ("cancelled", "half an answer", []),
        ("complete", "", []),
    ],
)
async def test_it_is_given_back_once_after_an_end_that_not_all_came_of(
    state: State, text: str, words: list[str]
) -> None:
    given: list[str] = []

    async def give_back(sentence: str) -> None:
        assert inner.view.state == state, "after the reply itself"
        given.append(sentence)

    inner = RecordingSink()
    sink = FormRecoverySink(inner, give_back)
    assert sink.limits == inner.limits
    await sink.start(View("t1"))
    await sink.update(View("t1", text))
    await sink.finish(View("t1", text, state=state))
    assert given == words


async def test_what_was_typed_was_lost_where_the_end_of_the_reply_could_not_be_kept() -> None:
    given: list[str] = []

    async def give_back(sentence: str) -> None:
        given.append(sentence)

    sink = FormRecoverySink(RecordingSink(fail=frozenset({"finish"})), give_back)
    with pytest.raises(ConnectionError):
        await sink.finish(View("t1", state="failed"))
    assert given == [FORM_RETURNED]
