"""Mentions, direct messages, threads: from what people write to what they read."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from backends.scripted.backend import ScriptedBackend
from bot.catalogue.languages import set_folders
from bot.settings.values import ChannelSettings
from bot.turns.policy import Policy
from bot.types import ConversationKey
from tests.fakes.discord import FakeDiscord
from tests.fakes.discord.running import Bot, running
from tests.fakes.discord.state import ADA, BOT, CHANNEL, DM, EVE, GUILD, Json
from tests.until import PATIENCE_S


def finished(fake: FakeDiscord, channel: int | None = None) -> list[Json]:
    """The bot's messages that are answers, and complete."""
    return [m for m in fake.from_bot(channel) if "Why this answer?" in fake.buttons(m)]


def place(**settings: Any) -> Policy:
    async def of(conversation: ConversationKey, person: str | None) -> ChannelSettings:
        return ChannelSettings(**settings)

    return Policy(channel_settings=of)


def asked(bot: Bot) -> list[str]:
    """What the model was asked, message by message."""
    return [r.messages[-1].content for r in bot.bench.backend.requests]


async def test_a_mention_is_answered_in_a_thread_of_its_own(bot: Bot, fake: FakeDiscord) -> None:
    question = await fake.say("What is a lighthouse?", mention=True)
    (answer,) = await fake.until(lambda: finished(fake, question))
    said, small = answer["content"].split("\n")
    assert said == "You said: What is a lighthouse?"
    assert small == "-# In this thread, mention me or reply to me to go on."
    assert fake.threads()[0]["name"] == "What is a lighthouse?"
    assert fake.buttons(answer) == ["Regenerate", "👍", "👎", "Why this answer?"]
    assert not fake.from_bot(CHANNEL)
    assert CHANNEL not in fake.rest.typing


async def test_in_place_the_answer_is_a_reply_that_pings_nobody(
    make: Any, fake: FakeDiscord
) -> None:
    async with running(make(bench={"policy": place(thread_per_mention=False)})):
        question = await fake.say("hello", mention=True)
        (answer,) = await fake.until(lambda: finished(fake, CHANNEL))
    assert answer["message_reference"]["message_id"] == question
    for call in fake.requests("POST", "/messages$"):
        assert call.body["allowed_mentions"] == {"parse": [], "replied_user": False}
    assert not fake.threads()


async def test_a_direct_message_needs_no_mention(bot: Bot, fake: FakeDiscord) -> None:
    await fake.say("hello", channel=DM)
    (answer,) = await fake.until(lambda: finished(fake, DM))
    assert answer["content"] == "You said: hello"
    key = next(iter(bot.bench.core.replies.saved.values())).conversation  # type: ignore[attr-defined]
    assert key == f"discord:@dm:{DM}"


async def test_a_mention_in_a_thread_stays_there(bot: Bot, fake: FakeDiscord) -> None:
    first = await fake.say("one", mention=True)
    await fake.until(lambda: finished(fake, first))
    await fake.say("two", mention=True, channel=first)
    answers = await fake.until(lambda: len(found := finished(fake, first)) == 2 and found)
    assert answers[1]["content"] == "You said: two"
    assert len(fake.threads()) == 1
    keys = {str(t.conversation) for t in bot.bench.store.turns.values()}  # type: ignore[attr-defined]
    assert keys == {f"discord:{GUILD}:{CHANNEL}:t={first}"}


async def test_without_a_right_to_open_threads_it_answers_in_place(
    bot: Bot, fake: FakeDiscord
) -> None:
    fake.fail_next("POST", "/threads$", 403, code=50013)
    await fake.say("hello", mention=True)
    await fake.until(lambda: finished(fake, CHANNEL))


async def test_a_thread_that_is_there_already_is_used(bot: Bot, fake: FakeDiscord) -> None:
    fake.fail_next("POST", "/threads$", 400, code=160004, after=True)
    question = await fake.say("hello", mention=True)
    await fake.until(lambda: finished(fake, question))


class TestFollowUps:
    async def test_in_its_own_thread_no_mention_is_needed(
        self, make: Any, fake: FakeDiscord
    ) -> None:
        async with running(make(settings={"message_content": True})):
            thread = await fake.say("one", mention=True)
            await fake.until(lambda: finished(fake, thread))
            await fake.say("two", channel=thread)
            await fake.until(lambda: len(finished(fake, thread)) == 2)

    async def test_in_a_thread_of_others_it_keeps_silent(
        self, make: Any, fake: FakeDiscord
    ) -> None:
        async with running(make(settings={"message_content": True})) as bot:
            other = await fake.say("ours", author=EVE)
            thread = fake.world.add_thread(other, "ours")
            thread["owner_id"] = str(EVE)
            await fake.gateway.dispatch("THREAD_CREATE", thread)
            await fake.say("not for you", channel=other)
            await fake.say("hello", channel=DM)
            await fake.until(lambda: finished(fake, DM))
            assert len(asked(bot)) == 1

    async def test_it_keeps_out_of_what_people_say_to_each_other(
        self, make: Any, fake: FakeDiscord
    ) -> None:
        async with running(make(settings={"message_content": True})) as bot:
            thread = await fake.say("one", mention=True)
            await fake.until(lambda: finished(fake, thread))
            await fake.say(f"<@{EVE}> what do you think?", channel=thread)
            await fake.say("hello", channel=DM)
            await fake.until(lambda: finished(fake, DM))
            assert len(asked(bot)) == 2

    async def test_where_it_is_switched_off_it_waits_for_a_mention(
        self, make: Any, fake: FakeDiscord
    ) -> None:
        policy = place(follow_up=False)
        options = {"settings": {"message_content": True}, "bench": {"policy": policy}}
        async with running(make(**options)) as bot:
            thread = await fake.say("one", mention=True)
            await fake.until(lambda: finished(fake, thread))
            await fake.say("two", channel=thread)
            await fake.say("hello", channel=DM)
            await fake.until(lambda: finished(fake, DM))
            assert len(asked(bot)) == 2

    async def test_without_the_intent_a_reply_is_a_follow_up(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        thread = await fake.say("one", mention=True)
        (answer,) = await fake.until(lambda: finished(fake, thread))
        await fake.say("unheard", channel=thread)
        await fake.say("two", channel=thread, reply_to=int(answer["id"]))
        await fake.until(lambda: len(finished(fake, thread)) == 2)
        assert asked(bot)[1].endswith("two")
        assert not any("unheard" in text for text in asked(bot))


class TestWhatIsSaid:
    async def test_names_stand_for_mentions(self, bot: Bot, fake: FakeDiscord) -> None:
        await fake.say(f"<@{BOT}> ask <@{EVE}> in <#{CHANNEL}> about <:tea:123> <@&260>")
        await fake.until(lambda: finished(fake))
        assert asked(bot) == [f"ask @eve in #c{CHANNEL} about :tea: @a role"]

    async def test_the_chain_of_replies_is_context(self, make: Any, fake: FakeDiscord) -> None:
        async with running(make(settings={"message_content": True})) as bot:
            first = await fake.say("the tower is 40 m high", author=EVE)
            second = await fake.say("and white", reply_to=first, author=EVE)
            await fake.say("how high?", mention=True, reply_to=second)
            await fake.until(lambda: finished(fake))
            assert asked(bot) == ["eve: the tower is 40 m high\neve: and white\nhow high?"]

    @pytest.mark.parametrize("content", [True, False])
    async def test_so_is_what_was_said_in_other_peoples_threads_where_we_are_shown_it(
        self, content: bool, make: Any, fake: FakeDiscord
    ) -> None:
        root = int(fake.world.add_message(CHANNEL, EVE, "Lunch?")["id"])
        fake.world.add_thread(root, "Lunch?")["owner_id"] = str(EVE)
        fake.world.add_message(root, EVE, "I am for pizza.")
        async with running(make(settings={"message_content": content})) as bot:
            await fake.say("what is there?", channel=root, mention=True)
            await fake.until(lambda: finished(fake, root))
            said = "eve: I am for pizza.\nwhat is there?" if content else "what is there?"
            assert asked(bot) == [said]

    async def test_a_chain_whose_beginning_is_deleted_is_read_as_far_as_it_goes(
        self, make: Any, fake: FakeDiscord
    ) -> None:
        async with running(make(settings={"message_content": True})) as bot:
            first = await fake.say("gone", author=EVE)
            second = await fake.say("and white", reply_to=first, author=EVE)
            del fake.world.messages[first]
            del fake.world.messages[second]["referenced_message"]
            await fake.say("how high?", mention=True, reply_to=second)
            await fake.until(lambda: finished(fake))
            assert asked(bot) == ["eve: and white\nhow high?"]

    async def test_a_file_alone_is_enough(self, bot: Bot, fake: FakeDiscord) -> None:
        file = fake.world.add_file(f"http://127.0.0.1:{fake.port}", "notes.txt", b"the notes")
        await fake.say("", mention=True, attachments=[file])
        await fake.until(lambda: finished(fake))
        assert asked(bot)[0].strip() == "the notes"

    @pytest.mark.parametrize("honest", [True, False])
    async def test_a_file_that_is_too_large_is_refused_with_the_limit(
        self, bot: Bot, fake: FakeDiscord, honest: bool
    ) -> None:
        size = 50 * 2**20 if honest else 10
        base = f"http://127.0.0.1:{fake.port}"
        file = fake.world.add_file(base, "film.mkv", b"x" * 5000, size=size)
        await fake.say("look", mention=True, attachments=[file])
        (reply,) = await fake.until(lambda: [m for m in fake.from_bot() if "film" in m["content"]])
        assert "film.mkv is too large" in reply["content"]
        assert "are read" in reply["content"]

    async def test_an_empty_mention_gets_a_word_and_no_thread(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        await fake.say("", mention=True)
        (reply,) = await fake.until(lambda: fake.from_bot(CHANNEL))
        assert "empty" in reply["content"]
        assert not fake.threads()

    async def test_a_command_that_is_not_there_opens_no_thread(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        await fake.say("/piant a boat", mention=True)
        (reply,) = await fake.until(lambda: fake.from_bot(CHANNEL))
        assert "There is no command /piant. Did you mean /paint?" in reply["content"]
        assert not fake.threads()
        assert asked(bot) == []

    async def test_a_command_after_the_mention_is_called(self, bot: Bot, fake: FakeDiscord) -> None:
        await fake.say("/paint a boat colour=green", mention=True)
        await fake.until(lambda: any("a boat in green" in m["content"] for m in fake.from_bot()))
        assert asked(bot) == []

    @pytest.mark.parametrize(
        "text",
        [
            "😀" * 1950,
            "שלום עולם \u202e\u200f\u200b ‮مرحبا",
            "```py\n```js\nx\n```\n````\n~~~",
            "@everyone <@&260> `<@1>` [a](b) ||c|| -# d",
        ],
    )
    async def test_odd_text_comes_back(self, bot: Bot, fake: FakeDiscord, text: str) -> None:
        await fake.say(text, channel=DM)
        answers = await fake.until(lambda: finished(fake, DM) and fake.from_bot(DM))
        shown = "".join(m["content"] for m in answers)
        assert "@everyone" not in shown
        assert "<@&260>" not in shown
        assert shown.count("😀") == text.count("😀")


class TestIgnored:
    @pytest.mark.parametrize(
        "more",
        [
            {"author": BOT},
            {"type": 6},
            {"type": 18},
            {"webhook_id": "77"},
        ],
    )
    async def test_bots_webhooks_and_the_system(
        self, bot: Bot, fake: FakeDiscord, more: Json
    ) -> None:
        await fake.say("hello", mention=True, **more)
        await fake.say("this one counts", channel=DM)
        await fake.until(lambda: finished(fake, DM))
        assert asked(bot) == ["this one counts"]

    async def test_another_bot(self, bot: Bot, fake: FakeDiscord) -> None:
        fake.world.users[EVE]["bot"] = True
        await fake.say("hello", mention=True, author=EVE)
        await fake.say("this one counts", channel=DM)
        await fake.until(lambda: finished(fake, DM))
        assert asked(bot) == ["this one counts"]


class TestLanguages:
    @pytest.mark.may_block  # it looks for languages itself, as a start does
    async def test_a_german_question_has_german_buttons_and_a_german_offer(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        set_folders(())
        question = await fake.say("Wie heißt der Hüter der Lampe?", mention=True)
        await fake.until(lambda: "Neu schreiben" in str(fake.from_bot()))
        await fake.edit(question, f"<@{BOT}> Wo wohnt der Hüter der Lampe?")
        await fake.until(lambda: "Die neue beantworten" in str(fake.from_bot()))
        assert "Du hast deine Frage geändert." in str(fake.from_bot())


class TestEditsAndDeletions:
    def slow(self, text: str = "word " * 400) -> dict[str, Any]:
        return {"backend": ScriptedBackend("default", replies=[text], tokens_per_s=40)}

    async def test_a_deleted_question_takes_the_unfinished_answer_along(
        self, make: Any, fake: FakeDiscord
    ) -> None:
        async with running(make(bench=self.slow())) as bot:
            question = await fake.say("long", mention=True)
            await fake.until(lambda: any("word" in m["content"] for m in fake.from_bot()))
            await fake.delete(question)
            await fake.until(lambda: not fake.from_bot())
            assert bot.bench.backend.cancelled == 1
            kept = bot.bench.core.replies.saved
            await fake.until(lambda: all(r.finished for r in kept.values()))

    async def test_a_deleted_thread_ends_the_answer_in_it(
        self, make: Any, fake: FakeDiscord
    ) -> None:
        async with running(make(bench=self.slow())) as bot:
            thread = await fake.say("long", mention=True)
            await fake.until(lambda: any("word" in m["content"] for m in fake.from_bot()))
            await fake.delete_thread(thread)
            await fake.until(lambda: bot.bench.backend.cancelled)
            kept = bot.bench.core.replies.saved
            await fake.until(lambda: all(r.finished for r in kept.values()))
            assert not fake.from_bot()

    async def test_a_question_deleted_later_leaves_the_answer(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        question = await fake.say("hello", mention=True)
        await fake.until(lambda: finished(fake))
        await fake.delete(question)
        await fake.say("next", channel=DM)
        await fake.until(lambda: finished(fake, DM))
        assert len(finished(fake)) == 2

    async def test_an_edited_question_can_be_answered_anew(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        question = await fake.say("one plus one", mention=True)
        await fake.until(lambda: finished(fake))
        await fake.edit(question, f"<@{BOT}> one plus two")
        await fake.until(lambda: [m for m in fake.from_bot(question) if "Answer the new" in str(m)])
        await fake.edit(question, f"<@{BOT}> one plus three")
        await fake.press("Answer the new one")
        await fake.until(lambda: finished(fake)[-1]["content"] == "You said: one plus three")
        await fake.until(lambda: "Answer the new one" not in str(fake.from_bot()))
        assert len(bot.bench.store.superseded) == 1  # type: ignore[attr-defined]

    async def test_only_the_asker_may_have_an_edited_question_answered(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        question = await fake.say("one plus one", mention=True)
        await fake.until(lambda: finished(fake))
        await fake.edit(question, f"<@{BOT}> one plus two")
        await fake.until(lambda: "Answer the new one" in str(fake.from_bot()))
        await fake.press("Answer the new one", user=EVE)
        (word,) = await fake.until(lambda: fake.from_bot(private=True))
        assert "Only the person who asked" in word["content"]
        assert len(finished(fake)) == 1
        await fake.press("Answer the new one")
        await fake.until(lambda: finished(fake)[-1]["content"] == "You said: one plus two")

    async def test_after_a_new_answer_a_further_edit_is_offered_again(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        question = await fake.say("one plus one", mention=True)
        await fake.until(lambda: finished(fake))
        for word in ("two", "three"):
            await fake.edit(question, f"<@{BOT}> one plus {word}")
            await fake.until(lambda: "Answer the new one" in str(fake.from_bot()))
            await fake.press("Answer the new one")
            said = f"You said: one plus {word}"
            await fake.until(lambda said=said: said in str(finished(fake)))  # type: ignore[misc]
            await fake.until(lambda: "Answer the new one" not in str(fake.from_bot()))
        assert asked(bot) == ["one plus one", "one plus two", "one plus three"]

    async def test_an_offer_that_discord_does_not_take_is_posted_again(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        question = await fake.say("one plus one", mention=True)
        await fake.until(lambda: finished(fake))
        fake.fail_next("POST", f"/{question}/messages$", 403, code=50001)
        await fake.edit(question, f"<@{BOT}> one plus two")
        await fake.until(lambda: "Answer the new one" in str(fake.from_bot()))

    async def test_an_offer_that_never_got_through_comes_with_the_edit_that_is_told_again(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        question = await fake.say("one plus one", mention=True)
        await fake.until(lambda: finished(fake))
        sent = len(fake.requests("POST", f"/{question}/messages$"))
        fake.fail_next("POST", f"/{question}/messages$", 403, code=50001, times=4)
        await fake.edit(question, f"<@{BOT}> one plus two")
        await fake.until(lambda: len(fake.requests("POST", f"/{question}/messages$")) == sent + 4)
        await fake.edit(question, f"<@{BOT}> one plus two")
        await fake.until(lambda: "Answer the new one" in str(fake.from_bot()))
        await fake.edit(question, f"<@{BOT}> one plus two")
        await fake.say("next", channel=DM)
        await fake.until(lambda: finished(fake, DM))
        assert str(fake.from_bot()).count("Answer the new one") == 1

    async def test_a_link_that_discord_looks_up_is_no_edit(
        self, bot: Bot, fake: FakeDiscord
    ) -> None:
        question = await fake.say("see https://example.org", mention=True)
        await fake.until(lambda: finished(fake))
        await fake.edit(question, f"<@{BOT}> see https://example.org")
        await fake.say("next", channel=DM)
        await fake.until(lambda: finished(fake, DM))
        assert "Answer the new one" not in str(fake.from_bot())


async def test_roles_and_names_reach_the_core(make: Any, fake: FakeDiscord) -> None:
    seen: list[Any] = []

    def admin(author: Any) -> bool:
        seen.append(author)
        return False

    async with running(make(bench={"policy": Policy(is_admin=admin)})):
        await fake.say("hello", mention=True, roles=["260"])
        await fake.until(lambda: finished(fake))
    assert (seen[0].id, seen[0].name, seen[0].roles) == (str(ADA), "ada", frozenset({"260"}))


async def test_one_conversation_does_not_hold_up_another(make: Any, fake: FakeDiscord) -> None:
    backend = ScriptedBackend("default", replies=["word " * 4000], tokens_per_s=50)
    async with running(make(bench={"backend": backend})):
        await fake.say("long", mention=True)
        await fake.until(lambda: any("word" in m["content"] for m in fake.from_bot()))
        async with asyncio.timeout(PATIENCE_S):
            await fake.say("short", channel=DM)
            await fake.until(lambda: finished(fake, DM))
