from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

import pytest

from backends.base import Capabilities
from bot.commands.declaration import Completion
from bot.errors import Denied, NotFound, UsageError
from bot.models.protocol import PullStep
from bot.skills.skill import model_names
from bot.testing.models import ScriptedModels
from bot.types import Author, ConversationKey
from bot.values import ModelInfo
from plugins.model_switch import model, model_references
from tests.unit.plugins.stage import ANN, HERE, Stage

ELSEWHERE = ConversationKey("discord", "guild", "other")
THREAD = ConversationKey("discord", "guild", "channel", "thread")
BOB = Author("discord", "2", "Bob")


async def test_the_list_says_which_model_answers_here_and_why(on: Stage) -> None:
    assert (await on.call(model, options={})).text == (
        "- **default** (scripted, ready): Speaks default ← answers here, the default\n"
        "- **small** (scripted, ready): Speaks small"
    )


async def test_anyone_may_choose_for_themselves_and_it_takes_effect_at_once(on: Stage) -> None:
    said = await on.call(model, options={"action": "use", "name": "small"})
    assert said.notices == ["small now answers you in this channel."]
    assert await on.models.current(HERE, ANN.key) == ("small", "person")
    assert await on.models.current(THREAD, ANN.key) == ("small", "person")
    assert await on.models.current(ELSEWHERE, ANN.key) == ("default", "default")
    assert "small** (scripted, ready): Speaks small ← answers here, chosen by you" in (
        (await on.call(model, options={})).text
    )


@pytest.mark.parametrize("admin", [False, True])
async def test_a_persons_choice_in_a_channel_changed_the_channel_for_all(
    admin: bool, on: Stage
) -> None:
    await on.call(model, options={"action": "use", "name": "small", "scope": "here"}, admin=admin)
    assert await on.models.current(HERE, BOB.key) == ("default", "default")
    assert await on.models.current(HERE) == ("default", "default")
    assert await on.context(author=BOB).model() == "default"
    assert await on.context().model() == "small"


async def test_in_a_thread_here_is_the_thread_for_everybody(on: Stage) -> None:
    options = {"action": "use", "name": "small"}
    said = await on.call(model, options=options, conversation=THREAD)
    assert said.notices == ["small now answers everybody in this thread."]
    assert await on.models.current(THREAD, BOB.key) == ("small", "conversation")
    assert await on.models.current(HERE, ANN.key) == ("default", "default")


async def test_in_a_direct_message_here_is_the_whole_conversation(on: Stage) -> None:
    direct = ConversationKey("slack", "T1", "D1")
    options = {"action": "use", "name": "small"}
    said = await on.call(model, options=options, conversation=direct, direct=True)
    assert said.notices == ["small now answers you here."]
    thread = replace(direct, thread="9.1")
    assert await on.models.current(thread) == ("small", "channel")
    shown = await on.call(model, options={}, conversation=thread, direct=True)
    assert "answers here, chosen for this conversation" in shown.text


async def test_a_plugin_that_knows_no_persons_scope_changes_the_channel_for_nobody_else(
    on: Stage,
) -> None:
    """Plugins of third parties say "conversation" and leave the person out."""
    await on.models.use("small", "conversation", HERE, ANN.key)
    assert await on.models.current(HERE) == ("default", "default")
    assert await on.models.current(HERE, ANN.key) == ("small", "person")
    await on.models.use("small", "conversation", THREAD, ANN.key)
    assert await on.models.current(THREAD) == ("small", "conversation")


@pytest.mark.parametrize("scope", ["channel", "workspace", "default"])
async def test_wider_choices_need_an_admin(scope: str, on: Stage) -> None:
    options = {"action": "use", "name": "small", "scope": scope}
    with pytest.raises(Denied, match="Only admins can do this"):
        await on.call(model, options=options)
    assert await on.models.current(HERE) == ("default", "default")
    await on.call(model, options=options, admin=True)
    assert (await on.models.current(HERE))[0] == "small"


async def test_a_narrower_choice_that_still_holds_is_said(on: Stage) -> None:
    await on.call(model, options={"action": "use", "name": "small"})
    said = await on.call(
        model, options={"action": "use", "name": "default", "scope": "channel"}, admin=True
    )
    assert said.notices == [
        "default now answers everybody in this channel who has not chosen another; "
        "you get small here, chosen by you."
    ]


async def test_what_is_known_of_a_model(on: Stage) -> None:
    text = (await on.call(model, options={"action": "info", "name": "small"})).text
    assert "- Context: 2,048 tokens" in text
    assert "- Family: smollm2" in text
    assert "Answers here" not in text
    assert "Answers here: the default" in (await on.call(model, options={"action": "info"})).text


class Replicated(ScriptedModels):
    """A model of two replicas, one of which has failed."""

    async def describe(self) -> Sequence[ModelInfo]:
        lines = ("replica 0 (ollama): ready; 42 tokens/s", "replica 1 (llama_cpp): resting")
        return [ModelInfo("default", "", "ollama + llama_cpp", "ready", "3 waiting", lines)]

    async def capabilities(self, model: str) -> Capabilities:
        return Capabilities(
            json_schema=True, thinking=True, notes=("A seed that is set changes nothing.",)
        )


async def test_each_replica_is_told_of_and_what_the_engine_leaves_out(on: Stage) -> None:
    on.services = replace(on.services, models=Replicated(on.backend))
    lines = (await on.call(model, options={"action": "info"})).text.splitlines()
    assert lines[1:5] == [
        "- Engine: ollama + llama_cpp, ready",
        "- 3 waiting",
        "- replica 0 (ollama): ready; 42 tokens/s",
        "- replica 1 (llama_cpp): resting",
    ]
    assert "- Knows: JSON, thinking before it answers" in lines
    assert "- A seed that is set changes nothing." in lines


async def test_mistakes_name_what_is_missing(on: Stage) -> None:
    with pytest.raises(UsageError, match="Name a model: /model use default"):
        await on.call(model, options={"action": "use"})
    with pytest.raises(NotFound, match=r"no model named 'smol'\. Did you mean small"):
        await on.call(model, options={"action": "use", "name": "smol"})


async def test_names_are_completed(on: Stage) -> None:
    assert await model_names(Completion("sm", ANN, HERE, on.services)) == ["small"]


class Pulls:
    """Further models: what is in `steps` is told, one after another."""

    def __init__(self, *steps: PullStep) -> None:
        self.steps = steps
        self.asked: list[tuple[str, str, float]] = []
        self.here = {"hf:a/small": "small"}

    def served(self, text: str) -> str | None:
        if text == "smol":
            raise NotFound("There is no model named 'smol'. Did you mean small?")
        return self.here.get(text)

    async def pull(self, text: str, by: str, patience_s: float) -> AsyncGenerator[PullStep, None]:
        self.asked.append((text, by, patience_s))
        for step in self.steps:
            yield step


class TestPull:
    async def test_an_admin_sees_how_far_it_is_and_how_it_is_chosen(self, on: Stage) -> None:
        pulls = Pulls(
            PullStep("looking", "qwen3-4b"),
            PullStep("fetching", "qwen3-4b", 500_000_000, 2_500_000_000),
            PullStep("trying", "qwen3-4b"),
            PullStep("ready", "qwen3-4b", written_per_s=9.4),
        )
        on.services = replace(on.services, pulls=pulls)
        said = await on.call(model, options={"action": "pull", "name": "qwen3-4b"}, admin=True)
        assert [status.text for status in said.statuses] == [
            "Looking for qwen3-4b",
            "Fetching qwen3-4b: 0.5 of 2.5 GB (20%)",
            "qwen3-4b is here; trying it out",
        ]
        assert said.notices == [
            "qwen3-4b is here and writes about 9 tokens a second; `/model use qwen3-4b` chooses it."
        ]
        assert [(name, by) for name, by, _ in pulls.asked] == [("qwen3-4b", ANN.key)]

    async def test_one_that_takes_longer_than_a_turn_goes_on(self, on: Stage) -> None:
        step = PullStep("continues", "big", 1_000_000_000, 4_000_000_000)
        on.services = replace(on.services, pulls=Pulls(step))
        said = await on.call(model, options={"action": "pull", "name": "big"}, admin=True)
        assert said.notices == [
            "big is still being fetched (25%), and that goes on by itself; "
            "`/model pull big` shows how far it is."
        ]

    async def test_only_admins_may(self, on: Stage) -> None:
        pulls = Pulls(PullStep("ready", "qwen3-4b"))
        on.services = replace(on.services, pulls=pulls)
        with pytest.raises(Denied, match="Only admins can do this"):
            await on.call(model, options={"action": "pull", "name": "qwen3-4b"})
        assert pulls.asked == []

    async def test_a_reference_chooses_what_was_fetched(self, on: Stage) -> None:
        on.services = replace(on.services, pulls=Pulls())
        said = await on.call(model, options={"action": "use", "name": "hf:a/small"})
        assert said.notices == ["small now answers you in this channel."]
        options = {"action": "use", "name": "qwen3-4b"}
        with pytest.raises(NotFound, match="not here yet; `/model pull qwen3-4b` fetches it"):
            await on.call(model, options=options, admin=True)
        with pytest.raises(NotFound, match=r"no model named 'qwen3-4b'.*See /model list"):
            await on.call(model, options=options)
        with pytest.raises(NotFound, match="Did you mean small"):
            await on.call(model, options={"action": "use", "name": "smol"})

    async def test_names_of_the_catalogue_are_offered_to_whoever_may_fetch(self, on: Stage) -> None:
        services = replace(on.services, pulls=Pulls())
        asked = Completion("qwen3-4", ANN, HERE, services)
        assert await model_references(asked) == []
        assert await model_references(replace(asked, admin=True)) == ["qwen3-4b"]

    def test_only_a_fetch_takes_its_time_and_can_be_stopped(self) -> None:
        assert model.is_quick({"action": "use"})
        assert model.is_quick({})
        assert not model.is_quick({"action": "pull"})
