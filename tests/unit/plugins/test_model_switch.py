from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from backends.base import Capabilities
from bot.commands.declaration import Completion
from bot.errors import Denied, NotFound, UsageError
from bot.skills.skill import model_names
from bot.testing.models import ScriptedModels
from bot.types import Author, ConversationKey
from bot.values import ModelInfo
from plugins.model_switch import model
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
