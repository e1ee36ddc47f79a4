"""What the platforms of ours tell of a conversation afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.adapters.discord import DiscordAdapter
from bot.config.platforms import DiscordSettings
from tests.fakes.core import Bench
from tests.fakes.discord import TOKEN, FakeDiscord
from tests.fakes.discord.running import QUICK, SKILLS, Bot, running
from tests.fakes.discord.state import CHANNEL
from tests.fakes.slack import FakeSlack
from tests.fakes.slack.acting import Acting
from tests.fakes.slack.bots import build_bot, served, speaking
from tests.fakes.timeline import Timeline
from tests.unit.bot.adapters.discord.inbound.test_messages import finished


def test_it_prints_a_line_for_each_step() -> None:
    timeline = Timeline()
    timeline.begin()
    timeline.add("create", "ada", "C1", "17.1", "why?")
    timeline.add("typing", "parlance", "C1")
    timeline.add("create", "parlance", "C1/17.1", "17.2", "a\nb", buttons=["Stop"])
    timeline.add("edit", "parlance", "C1/17.1", "17.2", "x" * 200)
    lines = [line.split("s  ", 1)[1] for line in str(timeline).splitlines()]
    assert lines == [
        "P1  #1   ada       create    why?",
        "P1  -    parlance  typing",
        "P2  #2   parlance  create    a ⏎ b  [Stop]",
        f"P2  #2   parlance  edit      {'x' * 88} …",
    ]


class TestDiscord:
    @pytest.fixture
    async def fake(self, tmp_path: Path) -> AsyncIterator[FakeDiscord]:
        async with FakeDiscord() as fake:
            with fake.address():
                adapter = DiscordAdapter(DiscordSettings(), TOKEN, tmp_path, QUICK)
                async with running(
                    Bot(fake, adapter, Bench(skills=SKILLS, backend=speaking()["backend"]))
                ):
                    yield fake

    async def test_a_mention_and_its_answer(self, fake: FakeDiscord) -> None:
        question = await fake.say("hello", mention=True)
        (answer,) = await fake.until(lambda: finished(fake, question))
        steps = fake.timeline.steps
        assert (steps[0].kind, steps[0].by, steps[0].place) == ("create", "ada", str(CHANNEL))
        ours = fake.timeline.of(answer["id"])
        assert [ours[0].kind, {step.kind for step in ours[1:]}] == ["create", {"edit"}]
        assert ours[-1].content == answer["content"]
        assert ours[-1].payload["components"] == answer["components"]
        assert "Regenerate" in ours[-1].buttons
        assert [step.at for step in steps] == sorted(step.at for step in steps)

    async def test_what_one_person_alone_sees_deletions_and_reactions(
        self, fake: FakeDiscord
    ) -> None:
        await fake.command("note", {"what": "x"})
        await fake.until(lambda: fake.timeline.of(kind="ephemeral"))
        message = await fake.say("hello")
        fake.world.react(CHANNEL, message, "👀")
        await fake.delete(message)
        assert [s.kind for s in fake.timeline.of(message)] == ["create", "reaction", "delete"]


class TestSlack:
    async def test_a_mention_and_its_answer(self) -> None:
        async with FakeSlack() as slack, served(build_bot(slack, bench=speaking())):
            people = Acting(slack)
            slack.timeline.begin()
            question = await people.say("hello", mention=True)
            await slack.until(lambda: people.answers())
            (answer,) = people.answers()
            first = slack.timeline.steps[0]
            assert (first.kind, first.place, first.message) == ("create", "C1", question)
            ours = slack.timeline.of(answer.ts)
            assert ours[0].kind == "create"
            assert ours[0].place == f"C1/{question}"
            assert answer.shown in ours[-1].content
            assert ours[-1].payload["blocks"] == answer.blocks
            assert "Regenerate" in ours[-1].buttons

    async def test_what_one_person_alone_sees_deletions_and_reactions(self) -> None:
        async with FakeSlack() as slack:
            people = Acting(slack)
            message = people.write("hello")
            slack.methods.chat_postEphemeral({"channel": "C1", "user": "U1", "text": "psst"})
            slack.methods.reactions_add({"channel": "C1", "timestamp": message, "name": "eyes"})
            slack.methods.reactions_remove({"channel": "C1", "timestamp": message, "name": "eyes"})
            slack.methods.chat_delete({"channel": "C1", "ts": message})
            kinds = [step.kind for step in slack.timeline.steps]
            assert kinds == ["create", "ephemeral", "reaction", "reaction gone", "delete"]
