"""Messages are answered in the order in which they came, whatever happens to them meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from backends.scripted.backend import ScriptedBackend
from tests.fakes.slack.acting import CHANNEL, DIRECT, US, Acting
from tests.fakes.slack.running import Bot, running
from tests.unit.bot.adapters.slack.inbound.test_messages import answered_times, place
from tests.until import until


async def test_two_mentions_in_a_channel_were_answered_in_the_wrong_order(
    make: Any, people: Acting
) -> None:
    async with running(make(bench={"policy": place(thread_per_mention=False)})) as bot:
        people.fake.fail_next("users.info", status=429, retry_after=1)
        await people.say("how high is <@U0EVE>?", mention=True)
        await people.say("and how wide?", mention=True)
        await answered_times(people, 2)
        assert bot.asked() == ["how high is @Eve?", "and how wide?"]


async def test_a_message_that_is_told_twice_is_looked_at_once(bot: Bot, people: Acting) -> None:
    root = people.write("before")
    event = {"type": "app_mention", "user": "U0ADA", "channel": CHANNEL, "thread_ts": root}
    said = {**event, "text": f"<@{US}> well?", "ts": people.fake.workspace.ts()}
    await people.fake.event(said)
    await people.fake.event(said)
    await answered_times(people, 1)
    await people.say("next", channel=DIRECT)
    await answered_times(people, 2)
    assert sum(call.method == "conversations.replies" for call in people.fake.calls) == 1


async def test_a_question_deleted_while_it_was_read_was_answered_publicly(
    bot: Bot, people: Acting
) -> None:
    root = people.write("before")
    people.fake.fail_next("conversations.replies", status=429, retry_after=1)
    question = await people.say("well?", thread=root, mention=True)
    await people.delete(question)
    await people.say("next", thread=root, mention=True)
    await answered_times(people, 1)
    assert [text.splitlines()[-1] for text in bot.asked()] == ["next"]
    assert len([c for c in people.fake.calls if c.method == "chat.postMessage"]) == 1


async def test_a_question_edited_while_it_is_read_can_be_answered_anew(
    bot: Bot, people: Acting
) -> None:
    root = people.write("before")
    people.fake.fail_next("conversations.replies", status=429, retry_after=1)
    question = await people.say("well?", thread=root, mention=True)
    await people.edit(question, f"<@{US}> and now?")
    await people.fake.until(lambda: "You have changed" in "".join(people.public()))


class TestOwnMessages:
    """A moderator deletes a message of the bot while it is answering."""

    @pytest.fixture
    def slow(self) -> dict[str, Any]:
        replies = [" ".join(f"word{n}" for n in range(4000))]
        return {"backend": ScriptedBackend("default", replies=replies, tokens_per_s=100)}

    @pytest.mark.parametrize("channel", [CHANNEL, DIRECT])
    async def test_an_answer_that_was_deleted_was_posted_again(
        self, make: Any, people: Acting, slow: dict[str, Any], channel: str
    ) -> None:
        async with running(make(bench=slow)) as bot:
            await people.say("long", mention=channel == CHANNEL, channel=channel)
            await people.fake.until(lambda: "word" in "".join(people.public()))
            (answer,) = people.fake.workspace.by(US, channel)
            await people.delete(answer.ts, channel=channel)
            await people.fake.until(lambda: bot.bench.backend.cancelled)
            kept = bot.bench.core.replies.saved  # type: ignore[attr-defined]
            await until(lambda: all(reply.finished for reply in kept.values()))
            assert not people.public()

    async def test_an_answer_that_is_complete_stays_said(self, bot: Bot, people: Acting) -> None:
        await people.say("my name is Ada", channel=DIRECT)
        await answered_times(people, 1)
        await people.delete(people.answers()[0].ts, channel=DIRECT)
        await people.say("next", channel=DIRECT)
        await people.fake.until(lambda: len(bot.asked()) == 2)
        assert not bot.bench.store.superseded  # type: ignore[attr-defined]
