"""Slack's agent surface: suggestions, sessions, the status line, Slack's own Stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import yaml

from bot.adapters.background_tasks import BackgroundTasks
from bot.adapters.slack.outbound.agent_status import GREETING, AgentStatus, suggested_prompts
from bot.adapters.slack.transport.client import Client
from bot.catalogue.languages import set_folders
from bot.commands.declaration import Example, command
from bot.config.platforms import SlackSettings
from bot.types import ConversationKey, Text
from plugins.ask_docs import ask
from plugins.chat import chat
from plugins.rap_battle import rap
from tests.fakes.slack import FakeSlack
from tests.fakes.slack.bots import (
    ADA,
    CHANNEL,
    DM,
    WORDS,
    ServedBot,
    answers,
    begun,
    served,
    speaking,
    stamp,
    whole,
    words,
    write,
)

PLACE = ConversationKey("slack", "T1", DM, "1700000000.000001")


@pytest.fixture
async def agent(fake: FakeSlack, build: Any) -> AsyncIterator[ServedBot]:
    fake.methods.agent = True
    async with served(build(bench=speaking())) as bot:
        yield bot


def calls(fake: FakeSlack, *begin: str) -> list[str]:
    return [c.method for c in fake.calls if c.method.startswith(begin)]


async def opened(fake: FakeSlack, tab: str = "messages") -> None:
    event = {"type": "app_home_opened", "user": ADA, "channel": DM, "event_ts": stamp()}
    await fake.event({**event, "tab": tab})


async def stable_prefix(fake: FakeSlack) -> None:
    """Have everything handled that came before."""
    ts = await write(fake, "hello")
    await fake.until(lambda: any(m.thread_ts == ts and not m.streaming for m in answers(fake)))


@command("odd", examples=[Example("/odd"), Example("/odd <!channel>?"), Example("/odd x=1")])
async def odd(ctx: Any) -> AsyncIterator[Any]:
    """Odd."""
    yield Text("odd")


class TestSuggestions:
    def test_they_are_the_examples_that_are_questions(self) -> None:
        assert suggested_prompts([ask, chat, rap]) == [
            {"title": "How do I write a skill?", "message": "How do I write a skill?"},
            {
                "title": "What is a good name for a lighthouse?",
                "message": "What is a good name for a lighthouse?",
            },
        ]

    def test_they_cannot_ping(self) -> None:
        (found,) = suggested_prompts([odd])
        assert "<!channel>" not in found["title"]

    async def test_they_stand_in_the_direct_messages(
        self, agent: ServedBot, fake: FakeSlack
    ) -> None:
        agent_status = AgentStatus(_client(fake))
        await agent_status.on_opened(DM, [ask, chat], None)
        await agent_status.on_opened(DM, [ask, chat], None)
        assert len(fake.workspace.prompts[DM, ""]) == 2
        assert len(calls(fake, "assistant.threads.setSuggestedPrompts")) == 1

    async def test_who_begins_a_conversation_is_greeted(self, fake: FakeSlack) -> None:
        fake.methods.agent = True
        agent_status = AgentStatus(_client(fake))
        await agent_status.on_thread_started(DM, "1700000000.000009", [ask], None)
        (message,) = answers(fake)
        assert (message.text, message.thread_ts) == (GREETING, "1700000000.000009")
        assert fake.workspace.prompts[DM, "1700000000.000009"]

    @pytest.mark.may_block  # it looks for languages itself, as a start does
    async def test_the_greeting_is_in_the_persons_language(
        self, agent: ServedBot, fake: FakeSlack
    ) -> None:
        set_folders(())
        fake.workspace.people[ADA] = {"name": "ada", "locale": "de-DE"}
        ts = stamp()
        thread = {"user_id": ADA, "channel_id": DM, "thread_ts": ts, "context": {}}
        await fake.event({"type": "assistant_thread_started", "assistant_thread": thread})
        await fake.until(lambda: bool(answers(fake)))
        assert [m.text for m in answers(fake)] == [
            "Hallo! Frag mich etwas, oder nimm einen der Vorschläge."
        ]
        await AgentStatus(_client(fake)).on_opened(DM, [ask], "de")
        (call,) = [c for c in fake.calls if c.method == "assistant.threads.setSuggestedPrompts"]
        assert call.arguments["title"] == "Was möchtest du wissen?"

    async def test_an_app_that_is_no_agent_is_asked_once(self, fake: FakeSlack) -> None:
        agent_status = AgentStatus(_client(fake))
        for channel in ("D1", "D2", "D3"):
            await agent_status.on_opened(channel, [ask], None)
        assert calls(fake, "assistant.") == ["assistant.threads.setSuggestedPrompts"]

    async def test_what_people_do_there_disturbs_nobody(
        self, agent: ServedBot, fake: FakeSlack
    ) -> None:
        await opened(fake)
        await opened(fake, "home")
        thread = {"user_id": ADA, "channel_id": DM, "thread_ts": stamp(), "context": {}}
        for kind in ("assistant_thread_started", "assistant_thread_context_changed"):
            await fake.event({"type": kind, "assistant_thread": thread, "event_ts": stamp()})
        await fake.event({"type": "assistant_thread_started", "assistant_thread": {}})
        await stable_prefix(fake)
        assert len(fake.acks) == len(fake.sent)
        assert [m.text for m in answers(fake) if m.thread_ts == thread["thread_ts"]] == [GREETING]


def _client(fake: FakeSlack) -> Client:
    return Client(token="xoxb-test-bot-token", base_url=fake.api_url)


class TestDirectMessages:
    async def test_each_question_has_a_thread_with_its_title(
        self, agent: ServedBot, fake: FakeSlack
    ) -> None:
        ts = await write(fake, "How do I rotate\nthe <logs>?")
        await whole(fake)
        (answer,) = answers(fake)
        assert answer.streamed
        assert answer.thread_ts == ts
        assert fake.workspace.titles[DM, ts] == "How do I rotate the <logs>?"
        await fake.until(lambda: fake.workspace.sessions[DM, ts] == "active")
        assert fake.workspace.statuses[DM, ts][0].startswith("is ")
        assert "chat.update" not in calls(fake, "chat.")

    async def test_a_thread_keeps_the_title_of_its_first_question(
        self, agent: ServedBot, fake: FakeSlack
    ) -> None:
        ts = await write(fake, "First?")
        await whole(fake)
        event = {"type": "message", "channel_type": "im", "channel": DM, "user": ADA}
        await fake.event({**event, "ts": stamp(), "thread_ts": ts, "text": "Second?"})
        await fake.until(lambda: "You said: Second?" in answers(fake)[-1].shown, "the second")
        assert fake.workspace.titles[DM, ts] == "First?"
        assert len(calls(fake, "assistant.threads.setTitle")) == 1

    async def test_in_a_channel_our_own_stop_stands(
        self, agent: ServedBot, fake: FakeSlack
    ) -> None:
        await write(fake, "hello", CHANNEL)
        message = await begun(fake, CHANNEL)
        assert not message.streamed
        assert "parlance:stop" in str(message.blocks)
        await whole(fake, CHANNEL)
        assert calls(fake, "agents.", "chat.startStream") == []

    async def test_for_an_app_that_is_no_agent_nothing_changes(
        self, fake: FakeSlack, build: Any
    ) -> None:
        async with served(build()):
            for _ in range(3):
                await write(fake, "how are you?")
            said = ["You said: how are you?"] * 3
            await fake.until(lambda: [m.shown for m in answers(fake)] == said, "three answers")
        assert [m.thread_ts for m in answers(fake)] == [None] * 3
        assert calls(fake, "agents.", "assistant.") == ["agents.sessions.setStatus"]

    @pytest.mark.parametrize("settings", [{"streaming": "off"}, {"agent": False}])
    async def test_switched_off(self, fake: FakeSlack, build: Any, settings: Any) -> None:
        fake.methods.agent = True
        async with served(build(settings=settings, bench=speaking())):
            await write(fake, "hello")
            await whole(fake)
        assert calls(fake, "agents.", "assistant.", "chat.startStream") == []

    @pytest.mark.parametrize(
        ("written", "read"), [("off", "off"), ("on", "auto"), ("auto", "auto")]
    )
    def test_yaml_took_off_for_a_truth_value(self, written: str, read: str) -> None:
        said = yaml.safe_load(f"streaming: {written}")
        assert SlackSettings(**said).streaming == read


class TestStop:
    async def test_slacks_stop_ends_the_answer_and_keeps_what_was_written(
        self, fake: FakeSlack, build: Any
    ) -> None:
        fake.methods.agent = True
        async with served(build(bench=speaking(tokens_per_s=60))) as bot:
            ts = await write(fake, "hello")
            await begun(fake)
            await fake.press_slacks_stop(DM, ts, ADA)
            await fake.until(lambda: "Stopped by" in str(answers(fake)[-1].blocks), "stopped")
            assert bot.bench.backend.cancelled == 1
            await fake.until(lambda: fake.workspace.sessions[DM, ts] == "active", "released")
        (answer,) = answers(fake)
        said = words(fake)
        assert said == WORDS.split()[: len(said)]
        assert len(said) < len(WORDS.split())
        assert answer.thread_ts == ts

    async def test_with_nothing_to_stop_the_session_is_released(
        self, agent: ServedBot, fake: FakeSlack
    ) -> None:
        fake.workspace.sessions[DM, "1.1"] = "processing"  # of a run before this one
        await fake.press_slacks_stop(DM, "1.1", ADA)
        await fake.until(lambda: fake.workspace.sessions[DM, "1.1"] == "active", "released")
        assert answers(fake) == []

    async def test_in_a_channel_others_cannot_stop_an_answer(
        self, fake: FakeSlack, build: Any
    ) -> None:
        fake.methods.agent = True
        async with served(build(bench=speaking(tokens_per_s=100))) as bot:
            ts = await write(fake, "hello", CHANNEL)
            await begun(fake, CHANNEL)
            await fake.press_slacks_stop(CHANNEL, ts, "U0EVE")
            await fake.until(lambda: [m for m in fake.workspace.messages.values()
                                       if m.ephemeral_to == "U0EVE"], "told")  # fmt: skip
            assert bot.bench.backend.cancelled == 0


class TestStatusLine:
    async def test_it_is_said_again_until_the_answer_is_there(self, fake: FakeSlack) -> None:
        fake.methods.agent = True
        chores = BackgroundTasks("slack")
        agent_status = AgentStatus(_client(fake), chores, streaming=True, refresh_s=0.01)
        assert await agent_status.begin(PLACE, ADA, "What?")
        await agent_status.set_status(PLACE, "Loading the model …")
        at = (DM, str(PLACE.thread))
        await fake.until(lambda: len(fake.workspace.statuses[at]) > 3, "said again")
        assert set(fake.workspace.statuses[at]) == {"is loading the model …"}
        await agent_status.end(PLACE)
        assert fake.workspace.statuses[at][-1] == ""
        assert fake.workspace.sessions[at] == "active"
        said = len(fake.workspace.statuses[at])
        await asyncio.sleep(0.05)
        assert len(fake.workspace.statuses[at]) == said
        await chores.close()

    async def test_text_takes_its_place_and_the_session_goes_on(self, fake: FakeSlack) -> None:
        fake.methods.agent = True
        agent_status = AgentStatus(_client(fake), streaming=True)
        await agent_status.begin(PLACE, ADA, "What?")
        await agent_status.set_status(PLACE, "Reading the parts …")
        await agent_status.set_status(PLACE, "")
        at = (DM, str(PLACE.thread))
        assert fake.workspace.statuses[at] == ["is reading the parts …"]
        assert fake.workspace.sessions[at] == "processing"

    async def test_it_ends_with_the_last_of_two_answers(self, fake: FakeSlack) -> None:
        fake.methods.agent = True
        agent_status = AgentStatus(_client(fake), streaming=True)
        for _ in range(2):
            assert await agent_status.begin(PLACE, ADA, "What?")
        await agent_status.end(PLACE)
        assert fake.workspace.sessions[DM, str(PLACE.thread)] == "processing"
        await agent_status.end(PLACE)
        assert fake.workspace.sessions[DM, str(PLACE.thread)] == "active"

    @pytest.mark.parametrize(
        ("words_", "status"),
        [
            ("Waiting, number 3 in line …", "is waiting, number 3 in line …"),
            ("Thinking …, 12 s", "is thinking …, 12 s"),
            (
                "Ada takes the microphone, 1 of 4 …",
                "is working: Ada takes the microphone, 1 of 4 …",
            ),
        ],
    )
    async def test_it_reads_well(self, fake: FakeSlack, words_: str, status: str) -> None:
        fake.methods.agent = True
        agent_status = AgentStatus(_client(fake), streaming=True)
        await agent_status.begin(PLACE, ADA, "What?")
        await agent_status.set_status(PLACE, words_)
        assert fake.workspace.statuses[DM, str(PLACE.thread)] == [status]
