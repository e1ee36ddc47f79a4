"""Mentions, direct messages, threads, files: from what people write to what they read."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.scripted.backend import ScriptedBackend
from bot.adapters.slack.inbound.text import (
    extract_answer,
    extract_markup,
    find_mentions,
    to_readable,
)
from bot.adapters.slack.inbound.users import UserDirectory
from bot.settings.values import ChannelSettings
from bot.turns.policy import Policy
from bot.types import ConversationKey
from tests.fakes.slack import FakeSlack
from tests.fakes.slack.acting import ADA, CHANNEL, DIRECT, EVE, GROUP, US, Acting
from tests.fakes.slack.running import Bot, running
from tests.until import PATIENCE_S, until


def place(**settings: Any) -> Policy:
    async def of(conversation: ConversationKey, person: str | None) -> ChannelSettings:
        return ChannelSettings(**settings)

    return Policy(channel_settings=of)


async def answered_times(people: Acting, times: int, channel: str | None = None) -> None:
    await people.fake.until(lambda: len(people.answers(channel)) == times)


class TestWhoIsSpokenTo:
    async def test_a_mention_is_answered_once_in_a_thread_of_its_own(
        self, bot: Bot, people: Acting
    ) -> None:
        question = await people.say("What is a lighthouse?", mention=True)
        await people.say("and this", channel=DIRECT)
        await answered_times(people, 2)
        (answer,) = people.answers(CHANNEL)
        assert answer.thread_ts == question
        assert answer.shown == "You said: What is a lighthouse?"
        assert bot.asked() == ["What is a lighthouse?", "and this"]

    async def test_in_place_where_threads_are_not_wanted(self, make: Any, people: Acting) -> None:
        async with running(make(bench={"policy": place(thread_per_mention=False)})):
            await people.say("hello", mention=True)
            await answered_times(people, 1)
        assert people.answers()[0].thread_ts is None

    async def test_a_group_of_people_is_a_channel(self, bot: Bot, people: Acting) -> None:
        await people.say("not for you", channel=GROUP)
        question = await people.say("for you", channel=GROUP, mention=True)
        await answered_times(people, 1)
        await people.say("go on", channel=GROUP, thread=question)
        await answered_times(people, 2)
        assert bot.asked()[0] == "for you"
        assert bot.asked()[1].endswith("go on")

    async def test_in_its_own_thread_no_mention_is_needed(self, bot: Bot, people: Acting) -> None:
        question = await people.say("one", mention=True)
        await answered_times(people, 1)
        await people.say(f"<@{EVE}> what do you think?", thread=question)
        await people.say("two", thread=question)
        await answered_times(people, 2)
        assert len(bot.asked()) == 2

    async def test_where_it_is_switched_off_it_waits_for_a_mention(
        self, make: Any, people: Acting
    ) -> None:
        async with running(make(bench={"policy": place(follow_up=False)})) as bot:
            question = await people.say("one", mention=True)
            await answered_times(people, 1)
            await people.say("two", thread=question)
            await people.say("hello", channel=DIRECT)
            await answered_times(people, 1, DIRECT)
            assert len(bot.asked()) == 2

    async def test_a_command_is_understood_in_a_thread_where_slack_has_none(
        self, bot: Bot, people: Acting
    ) -> None:
        question = await people.say("/paint a boat", mention=True)
        await answered_times(people, 1)
        await people.say("/paint a tower colour=green", thread=question)
        await answered_times(people, 2)
        assert [m.shown for m in people.answers()] == [
            "a boat in red, 1 times",
            "a tower in green, 1 times",
        ]
        assert bot.asked() == []

    @pytest.mark.parametrize("text", ["", "/piant a boat"])
    async def test_what_is_no_question_opens_no_thread(
        self, bot: Bot, people: Acting, text: str
    ) -> None:
        await people.say(text, mention=True)
        await people.fake.until(lambda: people.fake.workspace.by(US))
        assert people.fake.workspace.by(US)[0].thread_ts is None

    async def test_in_a_thread_of_others_it_keeps_silent(self, bot: Bot, people: Acting) -> None:
        root = people.write("ours")
        await people.say("not for you", thread=root)
        await people.say("hello", channel=DIRECT)
        await answered_times(people, 1)
        assert bot.asked() == ["hello"]


class TestContext:
    async def test_a_thread_is_read_before_a_question_in_it(self, bot: Bot, people: Acting) -> None:
        root = people.write("The tower is 40 m high.")
        people.write(f"<@{ADA}> and white", thread=root)
        people.write("build 17 passed", thread=root, bot_id="B9", by="UCI")
        people.write("", thread=root, subtype="channel_join")
        question = await people.say("how high?", thread=root, mention=True)
        people.write("said later", thread=root)
        await answered_times(people, 1)
        assert bot.asked() == ["Eve: The tower is 40 m high.\nEve: @ada and white\nhow high?"]
        assert people.answers()[0].thread_ts == root != question

    async def test_what_another_app_said_is_read_where_the_thread_is_about_it(
        self, bot: Bot, people: Acting
    ) -> None:
        alert: dict[str, Any] = {
            "bot_id": "B9",
            "username": "Alerts",
            "attachments": [{"text": "Disk full"}],
        }
        root = people.write("", by="UALERTS", **alert)
        await people.say("what now?", thread=root, mention=True)
        await answered_times(people, 1)
        assert bot.asked() == ["A Person: Disk full\nwhat now?"]

    async def test_of_a_long_thread_the_newest_are_kept(self, make: Any, people: Acting) -> None:
        people.fake.methods.page = 4  # several pages
        root = people.write("number 0")
        for n in range(1, 15):
            people.write(f"number {n}", thread=root)
        async with running(make(settings={"thread_context": 3})) as bot:
            await people.say("well?", thread=root, mention=True)
            await answered_times(people, 1)
            lines = [f"Eve: number {n}" for n in (12, 13, 14)]
            assert bot.asked() == ["\n".join([*lines, "well?"])]

    async def test_none_is_read_where_none_is_wanted(self, make: Any, people: Acting) -> None:
        root = people.write("before")
        async with running(make(settings={"thread_context": 0})) as bot:
            await people.say("well?", thread=root, mention=True)
            await answered_times(people, 1)
            assert bot.asked() == ["well?"]
            methods = {call.method for call in people.fake.calls}
            assert "conversations.replies" not in methods

    async def test_our_own_answers_are_marked_and_unfinished_ones_left_out(
        self, make: Any, people: Acting
    ) -> None:
        replies = ["The first answer.", "slow " * 300]
        backend = ScriptedBackend("default", replies=[*replies, "The third."], tokens_per_s=60)
        async with running(make(bench={"backend": backend})) as bot:
            root = await people.say("one", mention=True)
            await answered_times(people, 1)
            await people.say("two", thread=root, by=EVE, mention=True)
            await people.fake.until(lambda: "slow" in "".join(people.public()))
            await people.say("three", thread=root, mention=True)
            await people.press("Stop", by=EVE)
            await people.fake.until(lambda: len(bot.asked()) == 3)
            said = bot.asked()[2].splitlines()
            assert said == ["ada: one", "us: The first answer.", "Eve: two", "three"]

    @pytest.mark.parametrize("error", ["missing_scope", "thread_not_found", "", "hang"])
    async def test_a_thread_that_cannot_be_read_loses_no_question(
        self, make: Any, people: Acting, error: str
    ) -> None:
        root, bot = people.write("before"), make()
        if error == "hang":
            bot.adapter.timing = replace(bot.adapter.timing, context_lookup=0.5)
            people.fake.fail_next("conversations.replies", status=429, retry_after=30)
        else:
            status = 200 if error else 500
            people.fake.fail_next("conversations.replies", error=error, status=status, times=9)
        async with running(bot):
            await people.say("well?", thread=root, mention=True)
            await answered_times(people, 1)
        assert bot.asked() == ["well?"]

    async def test_questions_of_one_thread_stay_in_order(self, bot: Bot, people: Acting) -> None:
        root = people.write("before")
        people.fake.fail_next("conversations.replies", status=429, retry_after=1)
        await people.say("first", thread=root, mention=True)
        await people.say("second", thread=root, mention=True)
        await answered_times(people, 2)
        assert [text.splitlines()[-1] for text in bot.asked()] == ["first", "second"]

    async def test_regenerate_reads_the_thread_as_it_was(self, bot: Bot, people: Acting) -> None:
        root = people.write("before")
        await people.say("well?", thread=root, mention=True)
        await answered_times(people, 1)
        people.write("afterwards", thread=root)
        await people.press("Regenerate")
        await people.fake.until(lambda: len(bot.asked()) == 2)
        assert bot.asked() == ["Eve: before\nwell?"] * 2


class TestFiles:
    async def test_a_file_alone_is_enough(self, bot: Bot, people: Acting) -> None:
        file = people.file("notes.txt", b"the notes")
        await people.say("", channel=DIRECT, subtype="file_share", files=[file])
        await answered_times(people, 1)
        assert bot.asked()[0].strip() == "the notes"

    @pytest.mark.parametrize("size", [50 * 2**20, 10])
    async def test_a_file_that_is_too_large_is_refused_with_the_limit(
        self, bot: Bot, people: Acting, size: int
    ) -> None:
        file = people.file("film.mkv", b"x" * 5000, size=size)
        await people.say("look", channel=DIRECT, subtype="file_share", files=[file])
        await people.fake.until(lambda: "film" in "".join(people.public()))
        (said,) = people.public()
        assert "film.mkv is too large" in said
        assert "are read" in said
        assert "\n" not in said.strip()

    @pytest.mark.parametrize(
        ("more", "says"),
        [
            ({"mode": "tombstone"}, "was deleted"),
            ({"mode": "hidden_by_limit"}, "hides"),
            ({"mode": "external", "is_external": True}, "outside of Slack"),
            ({"url_private": "", "url_private_download": ""}, "where notes.txt is"),
            ({"url_private_download": "https://evil.example/x"}, "not kept by Slack"),
            ({"url_private_download": "http://files.slack.com/x"}, "not kept by Slack"),
            ({"url_private_download": "https://me@files.slack.com/x"}, "not kept by Slack"),
            ({"url_private_download": "https://files.slack.com.evil.example/"}, "not kept by"),
        ],
    )
    async def test_a_file_that_is_not_with_slack(
        self, bot: Bot, people: Acting, more: dict[str, Any], says: str
    ) -> None:
        file = people.file("notes.txt", b"the notes", **more)
        await people.say("look", channel=DIRECT, subtype="file_share", files=[file])
        await people.fake.until(lambda: says in "".join(people.public()))

    @pytest.mark.parametrize(
        ("to", "says"),
        [("https://evil.example/steal", "not kept by Slack"), ("/signin", "files:read")],
    )
    async def test_the_token_is_sent_nowhere_else(
        self, bot: Bot, people: Acting, to: str, says: str
    ) -> None:
        file = people.file("notes.txt", b"the notes")
        people.fake.workspace.redirects[file["id"]] = to
        await people.say("look", channel=DIRECT, subtype="file_share", files=[file])
        await people.fake.until(lambda: says in "".join(people.public()))

    async def test_a_file_of_another_organisation_is_looked_up(
        self, bot: Bot, people: Acting
    ) -> None:
        whole = people.file("notes.txt", b"the notes")
        url = whole.pop("url_private_download")
        stub = {**whole, "file_access": "check_file_info", "url_private": ""}
        stub["hidden"] = {"url_private": url}
        await people.say("", channel=DIRECT, subtype="file_share", files=[stub])
        await answered_times(people, 1)
        assert bot.asked()[0].strip() == "the notes"


class TestNames:
    async def test_names_stand_for_mentions(self, bot: Bot, people: Acting) -> None:
        text = f"ask <@{EVE}> in <#C9|tea> about <https://x.example/a|the page> &lt;now&gt;"
        await people.say(text, mention=True)
        await answered_times(people, 1)
        assert bot.asked() == ["ask @Eve in #tea about the page (https://x.example/a) <now>"]

    async def test_names_and_languages_reach_the_core(self, make: Any, people: Acting) -> None:
        seen: list[Any] = []

        def admin(author: Any) -> bool:
            seen.append(author)
            return False

        async with running(make(bench={"policy": Policy(is_admin=admin)})):
            await people.say("hello", mention=True)
            await answered_times(people, 1)
        assert (seen[0].id, seen[0].name, seen[0].locale) == (ADA, "ada", "de-DE")

    async def test_without_the_scope_ids_are_names_and_it_is_not_asked_again(
        self, bot: Bot, people: Acting
    ) -> None:
        people.fake.fail_next("users.info", error="missing_scope")
        await people.say("hello", channel=DIRECT)
        await answered_times(people, 1)
        await people.say(f"who is <@{EVE}>?", channel=DIRECT)
        await answered_times(people, 2)
        assert bot.asked()[1] == f"who is @{EVE}?"
        assert sum(call.method == "users.info" for call in people.fake.calls) == 1

    async def test_a_name_is_looked_up_once_an_hour(self, fake: FakeSlack, people: Acting) -> None:
        from slack_sdk.web.async_client import AsyncWebClient

        now = 0.0
        client = AsyncWebClient("xoxb-test-bot-token", base_url=fake.api_url)
        known = UserDirectory(client, timeout_s=PATIENCE_S, clock=lambda: now)
        assert (await known.author(EVE)).name == "Eve"
        fake.workspace.people[EVE] = {"profile": {"display_name": "eve the second"}}
        now = 3000.0
        assert (await known.author(EVE)).name == "Eve"
        now = 4000.0
        assert (await known.author(EVE)).name == "eve the second"
        now = 8000.0
        fake.fail_next("users.info", status=500)
        assert (await known.names([EVE]))[EVE] == "eve the second"  # old is better than an id
        assert (await known.author("U9", "from the event")).name == "A Person"


class TestEditsAndDeletions:
    def slow(self) -> dict[str, Any]:
        return {"backend": ScriptedBackend("default", replies=["word " * 400], tokens_per_s=40)}

    async def test_a_deleted_question_takes_the_unfinished_answer_along(
        self, make: Any, people: Acting
    ) -> None:
        async with running(make(bench=self.slow())) as bot:
            question = await people.say("long", channel=DIRECT)
            await people.fake.until(lambda: "word" in "".join(people.public()))
            await people.delete(question, channel=DIRECT)
            await people.fake.until(lambda: not people.public())
            assert bot.bench.backend.cancelled == 1

    async def test_the_beginning_of_a_thread_that_was_deleted_went_on_being_answered(
        self, make: Any, people: Acting
    ) -> None:
        async with running(make(bench=self.slow())) as bot:
            question = await people.say("long", mention=True)
            await people.fake.until(lambda: "word" in "".join(people.public()))
            await people.delete(question)  # a tombstone, since an answer hangs on it
            await people.fake.until(lambda: not people.public())
            assert bot.bench.backend.cancelled == 1

    async def test_a_question_deleted_later_leaves_the_answer(
        self, bot: Bot, people: Acting
    ) -> None:
        question = await people.say("hello", mention=True)
        await answered_times(people, 1)
        await people.delete(question)
        await people.say("next", channel=DIRECT)
        await answered_times(people, 2)

    async def test_an_edited_question_can_be_answered_anew(self, bot: Bot, people: Acting) -> None:
        question = await people.say("one plus one", mention=True)
        await answered_times(people, 1)
        await people.edit(question, f"<@{US}> one plus two")
        await people.fake.until(lambda: "You have changed" in "".join(people.public()))
        await people.edit(question, f"<@{US}> one plus three")
        await people.press("Answer the new one", by=EVE)
        await people.fake.until(people.private)
        assert "Only the person who asked" in people.private()[0]
        await people.press("Answer the new one")
        await people.fake.until(lambda: "one plus three" in people.answers()[-1].shown)
        answer = people.answers()[-1]
        assert (answer.shown, answer.thread_ts) == ("You said: one plus three", question)
        await people.fake.until(lambda: "You have changed" not in "".join(people.public()))
        assert len(bot.bench.store.superseded) == 1  # type: ignore[attr-defined]

    async def test_an_offer_that_slack_does_not_take_is_posted_again(
        self, bot: Bot, people: Acting
    ) -> None:
        question = await people.say("one plus one", mention=True)
        await answered_times(people, 1)
        people.fake.fail_next("chat.postMessage", error="fatal_error")
        await people.edit(question, f"<@{US}> one plus two")
        await people.fake.until(lambda: "You have changed" in "".join(people.public()))

    async def test_an_offer_that_never_got_through_comes_with_the_edit_that_is_told_again(
        self, bot: Bot, people: Acting
    ) -> None:
        question = await people.say("one plus one", mention=True)
        await answered_times(people, 1)

        def calls() -> int:
            return sum(call.method == "chat.postMessage" for call in people.fake.calls)

        sent = calls()
        people.fake.fail_next("chat.postMessage", error="fatal_error", times=4)
        await people.edit(question, f"<@{US}> one plus two")
        await people.fake.until(lambda: calls() == sent + 4)
        for _ in range(2):
            people.fake.workspace.messages[CHANNEL, question].text = "one plus one"
            await people.edit(question, f"<@{US}> one plus two")
            await people.fake.until(lambda: "You have changed" in "".join(people.public()))
        await people.say("next", channel=DIRECT)
        await answered_times(people, 2)
        assert sum("You have changed" in text for text in people.public()) == 1

    async def test_an_edited_question_that_is_gone_says_so(self, bot: Bot, people: Acting) -> None:
        question = await people.say("one plus one", mention=True)
        await answered_times(people, 1)
        await people.edit(question, f"<@{US}> one plus two")
        await people.fake.until(lambda: "You have changed" in "".join(people.public()))
        people.fake.workspace.messages[CHANNEL, question].deleted = True
        await people.press("Answer the new one")
        await people.fake.until(people.private)
        assert "no longer there" in people.private()[0]

    async def test_a_question_of_an_earlier_process_can_be_changed_and_deleted(
        self, make: Any, people: Acting
    ) -> None:
        first = make()
        async with running(first):
            question = await people.say("one plus one", mention=True)
            await answered_times(people, 1)
        store = first.bench.store
        async with running(make(bench={"store": store})):
            await people.edit(question, f"<@{US}> one plus one ")
            await people.edit(question, f"<@{US}> one plus two")
            await people.fake.until(lambda: "You have changed" in "".join(people.public()))
            await people.press("Answer the new one")
            await answered_times(people, 2)
            assert people.answers()[1].shown == "You said: one plus two"
        async with running(make(bench={"store": store})) as bot:
            await people.delete(question)
            await people.say("next", channel=DIRECT)
            await answered_times(people, 3)
            key = f"slack:T1:{CHANNEL}:t={question}"
            await until(lambda: store.recent(key), fits=lambda found: not found)
            assert len(people.answers(CHANNEL)) == 2  # what is whole stays
            assert bot.asked() == ["next"]

    async def test_a_link_that_slack_looks_up_is_no_edit(self, bot: Bot, people: Acting) -> None:
        text = "see <https://example.org>"
        question = await people.say(text, channel=DIRECT)
        await answered_times(people, 1)
        unfurled = [{"text": "An example", "from_url": "https://example.org"}]
        await people.edit(question, text, channel=DIRECT, attachments=unfurled)
        await people.say("next", channel=DIRECT)
        await answered_times(people, 2)
        assert "You have changed" not in "".join(people.public())


class TestText:
    @given(st.text(alphabet="<@U1>|#!&;^:httpslmai/ x", max_size=80))
    def test_nothing_breaks_it(self, text: str) -> None:
        assert "<@U1>" not in to_readable(text, "U1")
        assert len(set(find_mentions(text))) == len(find_mentions(text))

    def test_what_was_passed_on_is_read_with_it(self) -> None:
        shared = {"is_share": True, "author_name": "Eve", "text": "the news"}
        assert extract_markup({"text": "look", "attachments": [shared]}) == "look\nEve: the news"
        alert = {"text": "", "attachments": [{"fallback": "Disk full"}]}
        assert extract_markup(alert) == "Disk full"
        section = {"type": "section", "text": {"type": "mrkdwn", "text": "Build 17"}}
        assert extract_markup({"blocks": [section, {"type": "divider"}]}) == "Build 17"

    def test_an_answer_without_its_small_print(self) -> None:
        blocks = [
            {"type": "markdown", "text": "a <\u200b@U1> b"},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": "small"}]},
        ]
        assert extract_answer({"text": "short", "blocks": blocks}) == "a <@U1> b"
        assert extract_answer({"text": "said &lt;this&gt;"}) == "said <this>"
        assert extract_answer({"text": "⏳ thinking …"}) == ""

    def test_the_words_of_a_notification_are_no_answer(self) -> None:
        small = {"type": "context", "elements": [{"type": "mrkdwn", "text": "⏳ Thinking …"}]}
        assert extract_answer({"text": "Why? — Thinking …", "blocks": [small]}) == ""
        plain = {"type": "section", "text": {"type": "plain_text", "text": "Because."}}
        assert extract_answer({"text": "Why? — Because.", "blocks": [plain]}) == "Because."

    def test_an_answer_that_was_streamed_stands_beside_its_buttons(self) -> None:
        """In a thread it was left out of what is summed up."""
        pressed = {"type": "actions", "elements": [{"action_id": "parlance:regenerate:0"}]}
        assert extract_answer({"text": "Because.", "blocks": [pressed]}) == "Because."


async def test_a_notification_begins_with_the_question(bot: Bot, people: Acting) -> None:
    await people.say("How do I rotate\nthe logs?", mention=True)
    calls = people.fake.calls
    await people.fake.until(lambda: "chat.postMessage" in [call.method for call in calls])
    (posted,) = [call for call in calls if call.method == "chat.postMessage"]
    assert posted.arguments["text"].startswith("How do I rotate the logs? — ")


async def test_one_conversation_does_not_hold_up_another(make: Any, people: Acting) -> None:
    people.fake.fail_next("conversations.replies", status=429, retry_after=1)
    root = people.write("before")
    async with running(make()) as bot:
        await people.say("slow", thread=root, mention=True)
        await people.say("quick", mention=True)
        await asyncio.wait_for(answered_times(people, 2), PATIENCE_S)
        assert bot.asked()[0] == "quick"
