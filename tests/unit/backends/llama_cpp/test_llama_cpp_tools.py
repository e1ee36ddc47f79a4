"""Tools in this process: templates that offer them, and answers that call them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.base import ChatMessage, ChatRequest, Chunk, Sampling, Tool, ToolCall, Usage
from backends.errors import InvalidRequest
from backends.llama_cpp.native import Model
from backends.llama_cpp.templates import ChatTemplate, offers_tools
from backends.llama_cpp.tool_calls import ToolCallReader, ToolCallStyle, find_style
from tests.fakes.ggufs import with_template
from tests.unit.backends.llama_cpp.asking import Make
from tests.unit.backends.llama_cpp.tool_templates import BARE, MARKED, TAGGED, THINKING

DICE = Tool(
    "roll_dice",
    "Rolls dice.",
    {"type": "object", "properties": {"sides": {"type": "integer"}}, "required": ["sides"]},
)
LAMP = Tool("light", "Switches the lamp.", {"type": "object", "properties": {}})
END = Chunk(finish="stop", usage=Usage())
ASK = (ChatMessage("user", "Roll for me."),)


def read(
    style: ToolCallStyle, pieces: Sequence[str]
) -> tuple[str, list[tuple[str, Any]], str, str]:
    """Text, calls, thoughts and the finish of a stream."""
    reader = ToolCallReader(style, [DICE, LAMP])
    chunks = [c for piece in pieces for c in reader.take(Chunk(text=piece))]
    chunks += reader.take(END)
    calls = [call for c in chunks for call in c.tool_calls]
    assert [call.id for call in calls] == [f"call{n:05d}" for n in range(len(calls))]
    return (
        "".join(c.text for c in chunks),
        [(call.name, dict(call.arguments)) for call in calls],
        "".join(c.thinking for c in chunks),
        str(chunks[-1].finish),
    )


SIX = '{"name": "roll_dice", "arguments": {"sides": 6}}'
CALLS: list[tuple[ToolCallStyle, str, str, list[tuple[str, Any]]]] = [
    ("tagged", f"<tool_call>\n{SIX}\n</tool_call>", "", [("roll_dice", {"sides": 6})]),
    (
        "tagged",
        f'I roll. <tool_call>{SIX}</tool_call>\n<tool_call>{{"name": "light"}}</tool_call>',
        "I roll. ",
        [("roll_dice", {"sides": 6}), ("light", {})],
    ),
    ("tagged", f"<tool_call>{SIX}", "", [("roll_dice", {"sides": 6})]),
    ("marked", f"[TOOL_CALLS] [{SIX}, {SIX}]", "", [("roll_dice", {"sides": 6})] * 2),
    (
        "marked",
        'So: [TOOL_CALLS]roll_dice[CALL_ID]a1b2[ARGS]{"sides": 8}[TOOL_CALLS]light[ARGS]{}',
        "So: ",
        [("roll_dice", {"sides": 8}), ("light", {})],
    ),
    (
        "bare",
        ' {"name": "roll_dice", "parameters": {"sides": 4}}',
        "",
        [("roll_dice", {"sides": 4})],
    ),
    (
        "bare",
        '<|python_tag|>{"name": "light", "parameters": {}}; '
        '{"name": "roll_dice", "parameters": "{\\"sides\\": 4}"}',
        "",
        [("light", {}), ("roll_dice", {"sides": 4})],
    ),
]


@pytest.mark.parametrize(("style", "whole", "text", "calls"), CALLS)
def test_calls_are_read_wherever_the_stream_is_torn(
    style: ToolCallStyle, whole: str, text: str, calls: list[tuple[str, Any]]
) -> None:
    for at in range(len(whole) + 1):
        assert read(style, [whole[:at], whole[at:]]) == (text, calls, "", "tool_calls")
    assert read(style, list(whole)) == (text, calls, "", "tool_calls")


NO_CALLS: list[tuple[ToolCallStyle, str]] = [
    ("tagged", "<tool_call>{not JSON}</tool_call>"),
    ("tagged", '<tool_call>{"name": "rm", "arguments": {}}</tool_call>'),
    ("tagged", '<tool_call>{"name": "light", "arguments": 7}</tool_call>'),
    ("tagged", '<tool_call>{"name": "light", "arg'),
    ("tagged", "<tool_call>"),
    ("tagged", "a < b and a <tool"),
    ("marked", "[TOOL_CALLS] nothing"),
    ("marked", "[TOOL_CALLS]rm[ARGS]{}"),
    ("marked", "[TOOL_CALLS]light[ARGS]{broken"),
    ("bare", '{"name": "rm", "parameters": {}}'),
    ("bare", '{"answer": 42}'),
    ("bare", '{"name": "light", "parameters": {}} is how you call it'),
    ("bare", 'Say {"name": "light", "parameters": {}}'),
    ("bare", "["),
    ("bare", ""),
]


@pytest.mark.parametrize(("style", "whole"), NO_CALLS)
def test_what_is_no_call_of_an_offered_tool_stays_text(style: ToolCallStyle, whole: str) -> None:
    for pieces in ([whole], list(whole)):
        assert read(style, pieces) == (whole, [], "", "stop")


@given(
    st.sampled_from(["tagged", "marked", "bare"]),
    st.text(alphabet='<>[]{}/tool_cal TOOL"name:,'),
    st.lists(st.integers(0, 40), max_size=5),
)
def test_where_a_stream_is_torn_changes_nothing(
    style: ToolCallStyle, text: str, cuts: list[int]
) -> None:
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[places[n] : places[n + 1]] for n in range(len(places) - 1)]
    assert read(style, pieces) == read(style, [text])


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.booleans(), max_size=4))
def test_any_arguments_come_through_as_they_were_written(arguments: dict[str, Any]) -> None:
    written = json.dumps({"name": "light", "arguments": arguments}, ensure_ascii=False)
    if "</tool_call>" not in written:
        assert read("tagged", [f"<tool_call>{written}</tool_call>"])[1] == [("light", arguments)]
    assert read("marked", [f"[TOOL_CALLS][{written}]"])[1] == [("light", arguments)]
    assert read("bare", [written])[1] == [("light", arguments)]


def test_a_call_that_is_only_thought_of_is_not_made() -> None:
    pieces = ["<think>Shall I <tool_call>", f"{SIX}</tool_call>?</think>", "No."]
    assert read("tagged", pieces) == ("No.", [], f"Shall I <tool_call>{SIX}</tool_call>?", "stop")


@pytest.mark.parametrize(
    ("template", "style"), [(TAGGED, "tagged"), (MARKED, "marked"), (BARE, "bare")]
)
def test_a_template_tells_whether_and_how_its_model_calls(template: str, style: str) -> None:
    assert offers_tools(template)
    assert find_style(template) == style


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
    async with aclosing(backend.chat(request)) as stream:
        return [chunk async for chunk in stream]


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
