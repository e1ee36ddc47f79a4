"""What people see of a model that thinks before it answers."""

from __future__ import annotations

from typing import cast

import pytest

from bot.replies.wording import status_text
from bot.testing import Parlance
from bot.testing.models import ScriptedModels
from bot.types import Status

THOUGHT = "<think>\nThe person greets me.\n</think>\n\n"


@pytest.mark.parlance(replies=[THOUGHT + "Good morning.", "And to you."])
async def test_thoughts_are_neither_shown_nor_remembered(parlance: Parlance) -> None:
    first = await parlance.say("hello")
    assert first.view.text == "Good morning."
    assert "thinking" in [status.stage for status in first.states]
    await parlance.say("hello again")
    prompt = [message.content for message in parlance.model.requests[-1].messages]
    assert "Good morning." in prompt
    assert not any("greets me" in content for content in prompt)


@pytest.mark.parlance(replies=["<think> one two three and so on"])
async def test_a_model_that_only_thinks_is_said_to(parlance: Parlance) -> None:
    answer = await parlance.say("hello")
    assert answer.state == "refused"
    assert answer.view.text == ""
    (notice,) = answer.notices
    assert "default thought about it and came to no answer" in notice
    assert "one two" not in notice


@pytest.mark.parlance(replies=[THOUGHT + "Good morning."])
async def test_thoughts_that_are_to_be_shown_come_as_a_file(parlance: Parlance) -> None:
    cast(ScriptedModels, parlance.services.models).show_thoughts = True
    answer = await parlance.say("hello")
    assert answer.view.text == "Good morning."
    (file,) = answer.files
    assert (file.name, file.data) == ("thoughts.md", b"The person greets me.")


def test_thinking_is_told_with_its_seconds() -> None:
    assert status_text(Status("thinking", elapsed_s=0.2)) == "Thinking …"
    assert status_text(Status("thinking", elapsed_s=12.4)) == "Thinking …, 12 s"
