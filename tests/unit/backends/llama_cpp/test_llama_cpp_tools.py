"""Tools in this process: templates that offer them, and answers that call them."""

from __future__ import annotations

import json
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from backends.base import ChatMessage, ChatRequest, Chunk, Sampling, Tool, ToolCall
from backends.errors import InvalidRequest
from backends.llama_cpp.native import Model
from backends.llama_cpp.templates import ChatTemplate, offers_tools
from backends.notations.families import find_notation
from backends.notations.reader import AnswerReader
from tests.fakes.ggufs import with_template
from tests.unit.backends.llama_cpp.asking import Make
from tests.unit.backends.llama_cpp.tool_templates import BARE, MARKED, TAGGED, THINKING

DICE = Tool(
    "roll_dice",
    "Rolls dice.",
    {"type": "object", "properties": {"sides": {"type": "integer"}}, "required": ["sides"]},
)
ASK = (ChatMessage("user", "Roll for me."),)


@pytest.mark.parametrize(
    ("template", "name"),
    [(TAGGED, "tagged_json"), (MARKED, "mistral_list"), (BARE, "bare_json")],
)
def test_a_template_tells_whether_and_how_its_model_calls(template: str, name: str) -> None:
    assert offers_tools(template)
    assert find_notation(template).name == name


@pytest.mark.parametrize(
    "template",
    [
        THINKING,
        "",
        "{% if tools %}I may use tools.{% endif %}",
        "{{ raise_exception('never') }}",
        "{{ tools",
        "{{ tools.__class__.__mro__ }}",
    ],
)
def test_a_template_that_does_not_name_its_tools_offers_none(template: str) -> None:
    assert not offers_tools(template)


def test_a_template_may_mark_what_a_model_wrote_for_its_training() -> None:
    written = "{%- generation -%}{{ m.content }}{%- endgeneration -%}"
    marked = TAGGED.replace("{{ m.content }}", written)
    assert offers_tools(marked)


@pytest.mark.parametrize("source", [TAGGED, MARKED, BARE])
def test_a_call_and_its_result_are_shown_to_the_model(model: Model, source: str) -> None:
    call = ToolCall("call00000", "roll_dice", {"sides": 6, "why": "<|im_end|> for fun"})
    messages = [
        *ASK,
        ChatMessage("assistant", "", (call,)),
        ChatMessage("tool", "4", tool_call_id="call00000"),
        ChatMessage("user", "Thanks!"),
    ]
    prompt = ChatTemplate(model, source).prompt(messages, tools=[DICE])
    text = b"".join(model.piece(t) for t in prompt.tokens).decode()
    order = [text.index(part) for part in ("Roll for me.", '"sides": 6', "4", "Thanks!")]
    assert order == sorted(order)
    assert '"description": "Rolls dice."' in text
    controls = [t for t in prompt.tokens if model.is_control(t)]
    assert text.count("<|im_end|>") - 1 == controls.count(model.tokenize("<|im_end|>")[0])


@pytest.fixture(scope="session")
def copies(chat_model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The default model with other templates."""
    folder = tmp_path_factory.mktemp("templates")
    made = {"bare": BARE, "thinking": THINKING}
    return {
        name: with_template(chat_model_path, folder / f"{name}.gguf", template)
        for name, template in made.items()
    }


async def answer(backend: Any, request: ChatRequest) -> list[Chunk]:
    """What the engine writes, read as the pool reads it where tools are offered."""
    reader = AnswerReader(request.tools)
    async with aclosing(backend.chat(request)) as stream:
        if not request.tools:
            return [chunk async for chunk in stream]
        return [piece async for chunk in stream for piece in reader.take(chunk)]


async def test_a_real_model_calls_a_tool(make: Make, copies: dict[str, Path]) -> None:
    backend = make(source=f"file:{copies['bare']}")
    assert (await backend.capabilities()).tools
    schema = {
        "type": "object",
        "properties": {"name": {"const": DICE.name}, "parameters": dict(DICE.parameters)},
        "required": ["name", "parameters"],
    }
    sampling = Sampling(temperature=0.0, max_tokens=64, json_schema=schema)
    request = ChatRequest(ASK, sampling, tools=(DICE,))
    chunks = await answer(backend, request)
    (call,) = [call for chunk in chunks for call in chunk.tool_calls]
    assert call.name == "roll_dice"
    assert isinstance(call.arguments["sides"], int)
    assert not any(chunk.text for chunk in chunks)
    assert chunks[-1].finish == "tool_calls"
    after = (*ASK, ChatMessage("assistant", "", (call,)), ChatMessage("tool", "5", (), call.id))
    said = await answer(backend, ChatRequest(after, Sampling(max_tokens=4), tools=(DICE,)))
    assert said[-1].finish in ("stop", "length", "tool_calls")
    assert said[-1].usage is not None
    assert said[-1].usage.prompt_tokens > chunks[-1].usage.prompt_tokens  # type: ignore[union-attr]


async def test_a_model_whose_template_offers_no_tools_refuses_them(make: Make) -> None:
    backend = make()
    assert not (await backend.capabilities()).tools
    with pytest.raises(InvalidRequest, match="test is not made for tools"):
        await answer(backend, ChatRequest(ASK, tools=(DICE,)))


async def test_an_answer_that_goes_on_with_a_prompts_thoughts_says_so(
    make: Make, copies: dict[str, Path]
) -> None:
    backend = make(source=f"file:{copies['thinking']}")
    assert (await backend.capabilities()).thinking
    text = "".join(c.text for c in await answer(backend, ChatRequest(ASK, Sampling(max_tokens=5))))
    assert text.startswith("<think>")
    assert len(text) > len("<think>")
    held = Sampling(max_tokens=20, json_schema={"const": "yes"})
    text = "".join(chunk.text for chunk in await answer(backend, ChatRequest(ASK, held)))
    assert json.loads(text) == "yes"
    off = make(source=f"file:{copies['thinking']}", thinking="off")
    text = "".join(c.text for c in await answer(off, ChatRequest(ASK, Sampling(max_tokens=5))))
    assert "<think>" not in text
