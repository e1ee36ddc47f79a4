"""Messages are answered in the order in which they came, whatever happens to them meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from backends.scripted.backend import ScriptedBackend
from tests.fakes.discord import FakeDiscord
from tests.fakes.discord.running import Bot, running
from tests.fakes.discord.state import BOT, CHANNEL, DM, EVE, GUILD
from tests.unit.bot.adapters.discord.inbound.test_messages import asked, finished


async def slow_question(fake: FakeDiscord, text: str, channel: int = DM) -> int:
    """A question that replies to a message which Discord hands out late."""
    earlier = fake.world.add_message(channel, EVE, "the tower is white")
    fake.fail_next("GET", rf"/messages/{earlier['id']}$", 429, retry_after=0.4)
    reference = {"message_id": earlier["id"], "channel_id": str(channel)}
    mention = channel != DM
    return await fake.say(
        text, channel=channel, mention=mention, type=19, message_reference=reference
    )


async def test_two_messages_that_come_together_were_answered_in_the_wrong_order(
    bot: Bot, fake: FakeDiscord
) -> None:
    await slow_question(fake, "how high is it?")
    await fake.say("and how wide?", channel=DM)
    await fake.until(lambda: len(finished(fake, DM)) == 2)
    assert [text.splitlines()[-1] for text in asked(bot)] == ["how high is it?", "and how wide?"]


async def test_a_question_of_another_conversation_does_not_wait(
    bot: Bot, fake: FakeDiscord
) -> None:
    await slow_question(fake, "slow", CHANNEL)
    await fake.say("quick", mention=True)
    await fake.until(lambda: len(finished(fake)) == 2)
    assert [text.splitlines()[-1] for text in asked(bot)] == ["quick", "slow"]


async def test_a_message_that_is_told_twice_is_looked_at_once(bot: Bot, fake: FakeDiscord) -> None:
    question = await slow_question(fake, "how high is it?", CHANNEL)
    again = {**fake.world.messages[question], "guild_id": str(GUILD)}
    await fake.gateway.dispatch("MESSAGE_CREATE", again)
    await fake.until(lambda: finished(fake))
    await fake.say("next", channel=DM)
    await fake.until(lambda: finished(fake, DM))
    assert len(fake.requests("POST", "/threads$")) == 1
    assert len(asked(bot)) == 2


async def test_a_question_deleted_while_it_was_read_is_not_answered(
    bot: Bot, fake: FakeDiscord
) -> None:
    question = await slow_question(fake, "how high is it?", CHANNEL)
    await fake.until(lambda: fake.requests("GET", r"/messages/\d+$"))
    await fake.delete(question)
    await slow_question(fake, "next")
    await fake.until(lambda: finished(fake, DM))
    assert [text.splitlines()[-1] for text in asked(bot)] == ["next"]
    assert not fake.threads()


@pytest.mark.parametrize("gone", [True, False])
async def test_a_question_deleted_while_its_thread_opened_was_answered_publicly(
    bot: Bot, fake: FakeDiscord, gone: bool
) -> None:
    if gone:
        fake.fail_next("POST", "/threads$", 404, code=10008, times=10)
        question = await fake.say("long", mention=True)
    else:
        fake.fail_next("POST", "/threads$", 429, retry_after=0.3)
        question = await fake.say("long", mention=True)
        await fake.until(lambda: fake.requests("POST", "/threads$"))
    await fake.delete(question)
    if not gone:
        await fake.until(lambda: len(fake.requests("POST", "/threads$")) >= 2)
    await slow_question(fake, "next")
    await fake.until(lambda: finished(fake, DM))
    assert not fake.from_bot(CHANNEL)
    assert not fake.from_bot(question)
    assert not fake.requests("POST", f"/channels/{CHANNEL}/messages$")


async def test_a_question_edited_while_it_is_read_can_be_answered_anew(
    bot: Bot, fake: FakeDiscord
) -> None:
    question = await slow_question(fake, "how high is it?", CHANNEL)
    await fake.edit(question, f"<@{BOT}> how wide is it?")
    await fake.until(lambda: "Answer the new one" in str(fake.from_bot(question)))


class TestOwnMessages:
    """A moderator deletes a message of the bot while it is answering."""

    def slow(self, tokens_per_s: int = 100) -> dict[str, Any]:
        replies = [" ".join(f"word{n}" for n in range(4000))]
        backend = ScriptedBackend("default", replies=replies, tokens_per_s=tokens_per_s)
        return {"bench": {"backend": backend}}

    @pytest.mark.parametrize("way", ["mention", "message", "command"])
    async def test_an_answer_that_was_deleted_was_posted_again(
        self, make: Any, fake: FakeDiscord, way: str
    ) -> None:
        async with running(make(**self.slow())) as bot:
            if way == "command":
                await fake.command("say", {"what": "long"})
            else:
                await fake.say("long", mention=True, channel=CHANNEL if way == "mention" else DM)
            (answer,) = await fake.until(lambda: [m for m in fake.from_bot() if "word" in str(m)])
            await fake.delete(int(answer["id"]))
            await fake.until(lambda: bot.bench.backend.cancelled)
            kept = bot.bench.core.replies.saved
            await fake.until(lambda: all(r.finished for r in kept.values()))
            assert not fake.from_bot()

    async def test_its_other_pages_go_with_it(self, make: Any, fake: FakeDiscord) -> None:
        async with running(make(**self.slow(2000))) as bot:
            await fake.say("long", mention=True)
            pages = await fake.until(lambda: len(p := fake.from_bot()) > 1 and p)
            await fake.delete(int(pages[0]["id"]))
            await fake.until(lambda: bot.bench.backend.cancelled)
            await fake.until(lambda: not fake.from_bot())

    async def test_an_answer_that_is_complete_stays_said(self, bot: Bot, fake: FakeDiscord) -> None:
        await fake.say("my name is Ada", channel=DM)
        (answer,) = await fake.until(lambda: finished(fake, DM))
        await fake.delete(int(answer["id"]))
        await fake.say("next", channel=DM)
        await fake.until(lambda: finished(fake, DM))
        assert not bot.bench.store.superseded  # type: ignore[attr-defined]
