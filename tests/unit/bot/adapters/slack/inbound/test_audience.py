"""What Slack shows to the person who asked alone, and what to everybody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.commands.authorization import Authorizer
from bot.commands.checks import Asker
from bot.commands.declaration import command
from bot.replies.message_sink import file_not_private
from bot.skills.context import Context
from bot.skills.skill import Skill
from bot.turns.private_replies import NO_LONGER_KEPT
from bot.turns.runner import TurnLimits
from bot.types import File, Text
from tests.fakes.slack.acting import ADA, CHANNEL, DIRECT, US, Acting, buttons
from tests.fakes.slack.running import SKILLS, Bot, running


@command("things", quick=True, private=True)
async def things(ctx: Context, what: str = "") -> Any:
    """List what there is."""
    yield Text("one <@U0EVE>, two")
    if what == "file":
        yield File("list.txt", b"one, two")


BENCH = {"skills": (*SKILLS, Skill("lists", commands=(things,)))}


@pytest.fixture
async def bot(make: Any) -> AsyncIterator[Bot]:
    async with running(make(bench=BENCH)) as started:
        yield started


async def told(people: Acting, text: str) -> None:
    """Wait until the person alone was told something, and nothing stands before the others."""
    await people.fake.until(lambda: text in "\n".join(people.private()))
    await people.fake.until(lambda: people.public() == [])


class TestPrivate:
    async def test_a_list_was_shown_to_everybody(self, bot: Bot, people: Acting) -> None:
        await people.slash("things")
        await told(people, "one")
        (message,) = people.fake.workspace.by(US)
        assert message.ephemeral_to == ADA
        assert [b["text"]["text"] for b in buttons(message)] == ["Share"]
        calls = [call for call in people.fake.calls if call.method == "chat.postMessage"]
        assert calls == [], "nothing was ever shown to the others"

    async def test_in_a_direct_message_it_is_simply_shown(self, bot: Bot, people: Acting) -> None:
        await people.slash("things", channel=DIRECT)
        await people.fake.until(lambda: "one" in "".join(people.public(DIRECT)))
        (message,) = people.fake.workspace.by(US)
        assert buttons(message) == []

    async def test_a_file_for_one_person_is_not_put_before_all(
        self, bot: Bot, people: Acting
    ) -> None:
        await people.slash("things", "file")
        await told(people, file_not_private("").strip())
        assert people.fake.workspace.files == {}

    async def test_where_we_are_not_it_comes_in_a_direct_message(
        self, bot: Bot, people: Acting
    ) -> None:
        people.fake.fail_next("chat.postEphemeral", error="not_in_channel")
        await people.slash("things")
        await people.fake.until(lambda: "one" in "".join(people.public(ADA)))
        assert people.public(CHANNEL) == []


class TestRefused:
    @pytest.mark.parametrize(
        ("name", "text", "words"),
        [
            ("paint", "a house times=7", "times must be at most 3, not 7."),
            ("paint", "a house times=2 colours=red", "has no option colours"),
            ("pant", "a house", "There is no command /pant."),
        ],
    )
    async def test_a_mistake_was_shown_to_everybody(
        self, bot: Bot, people: Acting, name: str, text: str, words: str
    ) -> None:
        await people.slash(name, text)
        await told(people, words)

    async def test_so_was_who_is_denied(self, make: Any, people: Acting) -> None:
        async def nobody(action: str, asker: Asker) -> bool | None:
            return False

        async with running(make(bench={**BENCH, "authorize": Authorizer((), nobody)})):
            await people.slash("paint", "a house")
            await told(people, "You may not use /paint here")
            await people.say("hello", mention=True)
            await told(people, "You may not write to me here")

    async def test_so_was_who_asks_too_much(self, make: Any, people: Acting) -> None:
        async with running(make(bench={**BENCH, "limits": TurnLimits(per_person=0)})):
            await people.slash("paint", "a house")
            await told(people, "questions open")

    async def test_a_refusal_in_a_thread_that_nobody_began_was_shown_to_nobody(
        self, bot: Bot, people: Acting
    ) -> None:
        await people.say("", mention=True)
        await told(people, "Your message is empty")
        (message,) = people.fake.workspace.by(US)
        assert message.thread_ts is None

    async def test_in_one_that_there_is_it_stands_in_the_thread(
        self, bot: Bot, people: Acting
    ) -> None:
        root = await people.say("hello", mention=True)
        await people.fake.until(people.answers)
        await people.say("", mention=True, thread=root)
        await people.fake.until(people.private)
        assert people.fake.workspace.by(US)[-1].thread_ts == root


class TestHeading:
    async def test_a_commands_answer_stood_there_without_question_and_asker(
        self, bot: Bot, people: Acting
    ) -> None:
        await people.slash("read", "*bold* <@U0EVE> <!channel>")
        await people.fake.until(lambda: "nothing" in "".join(people.public()))
        (message,) = people.fake.workspace.by(US, CHANNEL)
        context, *_ = message.blocks
        (line,) = context["elements"]
        assert context["type"] == "context"
        assert line["type"] == "plain_text", "no markup counts in it"
        assert line["text"] == "ada asked: /read *bold* <@U0EVE> <!channel>"


class TestShare:
    async def test_everybody_sees_it_with_who_shared_it(self, bot: Bot, people: Acting) -> None:
        await people.slash("things")
        await told(people, "one")
        await people.press("Share")
        await people.fake.until(lambda: people.public(CHANNEL))
        (shown,) = people.public(CHANNEL)
        assert "ada shared:" in shown
        assert "two" in shown
        assert "<@U0EVE>" not in shown
        await people.press("Share")
        await people.fake.until(lambda: NO_LONGER_KEPT in "\n".join(people.private()))

    async def test_after_a_restart_it_says_why_not(self, make: Any, people: Acting) -> None:
        async with running(make(bench=BENCH)):
            await people.slash("things")
            await told(people, "one")
        async with running(make(bench=BENCH)):
            await people.press("Share")
            await told(people, NO_LONGER_KEPT)
