from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from backends.base import Capabilities
from bot.commands.declaration import Completion
from bot.errors import Denied, NotFound, UsageError
from bot.skills.skill import model_names
from bot.testing.models import ScriptedModels
from bot.types import ConversationKey
from bot.values import ModelInfo
from plugins.model_switch import model
from tests.unit.plugins.stage import ANN, HERE, Stage

ELSEWHERE = ConversationKey("discord", "guild", "other")


async def test_the_list_says_which_model_answers_here_and_why(on: Stage) -> None:
    assert (await on.call(model, options={})).text == (
        "- **default** (scripted, ready): Speaks default ← answers here, the default\n"
        "- **small** (scripted, ready): Speaks small"
    )


async def test_anyone_may_choose_for_a_conversation_and_it_takes_effect_at_once(on: Stage) -> None:
    said = await on.call(model, options={"action": "use", "name": "small"})
    assert said.notices == ["small now answers in this conversation."]
    assert await on.models.current(HERE) == ("small", "conversation")
    assert await on.models.current(ELSEWHERE) == ("default", "default")
    assert "small** (scripted, ready): Speaks small ← answers here, chosen for this" in (
        (await on.call(model, options={})).text
    )


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
        "default now answers in this channel; here small does, chosen for this conversation."
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
