from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from backends.base import ChatMessage, ChatRequest, ToolCall
from backends.scripted.backend import ENGINE, ScriptedBackend
from backends.scripted.script import ScriptedOptions, hash_words, split_words


async def test_embeddings_bring_shared_words_near() -> None:
    backend = ScriptedBackend("default")
    rows = await backend.embed(["the red fox", "A red FOX", "tax law", ""])
    assert rows.shape == (4, 384)
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1.0)
    assert rows[0] @ rows[1] > 0.5 > rows[0] @ rows[2]
    assert np.array_equal(rows, await backend.embed(["the red fox", "A red FOX", "tax law", ""]))
    assert (await backend.embed([])).shape == (0, 384)


@given(st.text())
def test_words_joined_are_the_text(text: str) -> None:
    assert "".join(split_words(text)) == text


@given(st.text(), st.integers(2, 64))
def test_every_bag_has_unit_length(text: str, dimension: int) -> None:
    assert np.isclose(np.linalg.norm(hash_words(text, dimension)), 1.0)


@pytest.mark.parametrize(
    "bad",
    [{"replys": []}, {"tokens_per_s": 0}, {"replies": [{"regex": "("}]}, {"replies": [{"x": 1}]}],
)
def test_bad_options_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ENGINE.options.model_validate(bad)


LAMP = {
    "match": "lamp",
    "tool_calls": [{"name": "look", "arguments": {"where": "tower"}}],
    "then": [
        {"tool_calls": [{"name": "light"}]},
        "It burns: {result:light}, as {result:look} said.{result:other}",
        {"match": "refused", "text": "Then it stays dark."},
    ],
}


async def answered(backend: ScriptedBackend, *messages: ChatMessage) -> tuple[str, list[str]]:
    """The text of an answer, and the tools that it calls."""
    chunks = [one async for one in backend.chat(ChatRequest(messages=messages))]
    calls = [call.name for one in chunks for call in one.tool_calls]
    return "".join(one.text for one in chunks), calls


async def test_a_script_goes_on_with_what_its_tools_returned() -> None:
    backend = ScriptedBackend("default", ScriptedOptions.model_validate({"replies": [LAMP]}))
    asked = ChatMessage("user", "Light the lamp, please.")
    look = ChatMessage("assistant", "", (ToolCall("a", "look", {}),))
    light = ChatMessage("assistant", "", (ToolCall("b", "light", {}),))
    seen = ChatMessage("tool", "Jonas", tool_call_id="a")
    for _ in range(2):  # nothing is used up, so that a turn can go on in another process
        assert await answered(backend, asked) == ("", ["look"])
        assert await answered(backend, asked, look, seen) == ("", ["light"])
        refused = ChatMessage("tool", "The person refused this.", tool_call_id="b")
        said = await answered(backend, asked, look, seen, light, refused)
        assert said == ("Then it stays dark.", [])
        lit = ChatMessage("tool", "Done", tool_call_id="b")
        said = await answered(backend, asked, look, seen, light, lit)
        assert said == ("It burns: Done, as Jonas said.", [])
    assert await answered(backend, ChatMessage("user", "Hello")) == ("You said: Hello", [])
