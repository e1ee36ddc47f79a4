"""Tools for models that know none: the envelope holds an answer or a call, and is never seen."""

from __future__ import annotations

import json
from contextlib import aclosing
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.base import ChatMessage, ChatRequest, Chunk, EngineContext, Sampling, Tool, ToolCall
from backends.envelope import EnvelopeReader, envelope_schema, put_in_envelope
from backends.files.catalog import CHAT_FILE
from backends.files.store import ModelStore
from backends.pool.pool import Pool
from backends.pool.spec import ModelSpec
from backends.registry import load_engines
from tests.fakes.contexts import bare_context
from tests.fakes.ollama import OllamaServer

ENGINES = load_engines(["llama_cpp", "ollama", "scripted"])
DICE = Tool(
    "roll_dice",
    "Rolls dice.",
    {
        "type": "object",
        "properties": {"sides": {"type": "integer"}},
        "required": ["sides"],
        "additionalProperties": False,
    },
)
ASK = (ChatMessage("system", "Be brief."), ChatMessage("user", "Roll a die."))


def read(written: str, step: int, finish: bool = True) -> tuple[list[str], list[ToolCall], str]:
    reader = EnvelopeReader((DICE,))
    pieces = [written[at : at + step] for at in range(0, len(written), step)]
    chunks = [piece for text in pieces for piece in reader.take(Chunk(text=text))]
    chunks += reader.take(Chunk(finish="stop")) if finish else ()
    texts = [chunk.text for chunk in chunks if chunk.text]
    calls = [call for chunk in chunks for call in chunk.tool_calls]
    return texts, calls, str(chunks[-1].finish) if chunks else ""


@given(st.text(max_size=80), st.integers(1, 9), st.booleans())
def test_an_answer_comes_out_as_it_was_meant_torn_anywhere(
    said: str, step: int, ascii_only: bool
) -> None:
    envelope = json.dumps({"tool": "none", "answer": said}, ensure_ascii=ascii_only)
    texts, calls, finish = read(envelope, step)
    assert "".join(texts) == said
    assert (calls, finish) == ([], "stop")


def test_an_answer_streams_while_it_is_written() -> None:
    texts, _, _ = read('{"tool": "none", "answer": "One two three fo', 4, finish=False)
    assert "".join(texts) == "One two three fo"
    assert len(texts) > 3


@pytest.mark.parametrize("step", [1, 5, 1000])
def test_a_call_is_read_and_nothing_of_it_is_text(step: int) -> None:
    texts, calls, finish = read('{"tool": "roll_dice", "arguments": {"sides": 6}}', step)
    assert (texts, finish) == ([], "tool_calls")
    assert calls == [ToolCall("call00000", "roll_dice", {"sides": 6})]


@pytest.mark.parametrize(
    "written",
    ["Plain words, no envelope.", '{"other": 1}', '{"tool": "burn", "arguments": {}}', "{not json"],
)
def test_what_is_no_envelope_stays_text(written: str) -> None:
    texts, calls, finish = read(written, 3)
    assert ("".join(texts), calls, finish) == (written, [], "stop")


def test_half_characters_in_arguments_are_replaced() -> None:
    _, calls, _ = read('{"tool": "roll_dice", "arguments": {"sides": "\\ud83d"}}', 7)
    assert [dict(call.arguments) for call in calls] == [{"sides": "\N{REPLACEMENT CHARACTER}"}]


def test_the_model_is_told_of_the_tools_and_sees_calls_and_results_as_text() -> None:
    call = ToolCall("c1", "roll_dice", {"sides": 6})
    messages = (*ASK, ChatMessage("assistant", "", (call,)), ChatMessage("tool", "4", (), "c1"))
    made = put_in_envelope(ChatRequest(messages, tools=(DICE,)))
    assert made.tools == ()
    assert [each.role for each in made.messages] == ["system", "user", "assistant", "user"]
    assert "- roll_dice: Rolls dice." in made.messages[0].content
    assert json.loads(made.messages[2].content) == {"tool": "roll_dice", "arguments": {"sides": 6}}
    assert made.messages[3].content == "Result of roll_dice:\n4"
    schema = envelope_schema((DICE,))
    assert made.sampling.json_schema == schema
    jsonschema.validate({"tool": "none", "answer": "yes"}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"tool": "roll_dice", "arguments": {"sides": "six"}}, schema)


async def _asked(
    entry: dict[str, object],
    files: ModelStore | None = None,
    messages: tuple[ChatMessage, ...] = ASK,
) -> list[Chunk]:
    context = EngineContext(files, lambda name: None) if files else bare_context()
    pool = Pool({"m": ModelSpec.model_validate(entry)}, ENGINES, context)
    try:
        await pool.capabilities("m")
        request = ChatRequest(messages, Sampling(temperature=0.0, max_tokens=60), tools=(DICE,))
        async with aclosing(pool.chat("m", request)) as stream:
            return [chunk async for chunk in stream]
    finally:
        await pool.aclose()


async def test_the_default_model_answers_or_calls_within_the_envelope(
    chat_model_path: Path, model_store: ModelStore
) -> None:
    entry: dict[str, object] = {
        "backend": "llama_cpp", "source": CHAT_FILE.source, "sha256": CHAT_FILE.sha256,
    }  # fmt: skip
    chunks = await _asked(entry, model_store)
    calls = [call for chunk in chunks for call in chunk.tool_calls]
    text = "".join(chunk.text for chunk in chunks)
    assert bool(calls) != bool(text.strip())
    assert '"answer"' not in text
    for call in calls:
        jsonschema.validate(dict(call.arguments), DICE.parameters)


async def test_a_result_stays_with_its_call_where_a_server_numbers_each_answer_anew() -> None:
    async with OllamaServer() as server:
        entry: dict[str, object] = {"backend": "ollama", "url": server.url, "model": "tiny"}
        messages: tuple[ChatMessage, ...] = ASK
        for name in ("look", "roll_dice", "look"):
            server.tool_call = {"name": name, "arguments": {}}
            chunks = await _asked(entry, messages=messages)
            (call,) = [call for chunk in chunks for call in chunk.tool_calls]
            result = ChatMessage("tool", "4", (), call.id)
            messages = (*messages, ChatMessage("assistant", "", (call,)), result)
        told = server.bodies("/api/chat")[-1]["messages"]
    assert [each["tool_name"] for each in told if each["role"] == "tool"] == ["look", "roll_dice"]


async def test_a_server_is_asked_for_the_envelope_where_its_model_takes_no_tools() -> None:
    async with OllamaServer() as server:
        server.models["plain:latest"] = ["completion"]
        chunks = await _asked({"backend": "ollama", "url": server.url, "model": "plain"})
        await _asked({"backend": "ollama", "url": server.url, "model": "tiny"})
        plain, tools = server.bodies("/api/chat")
    assert plain["format"] == envelope_schema((DICE,))
    assert not plain.get("tools")
    assert tools["tools"]
    assert not tools.get("format")
    assert any(chunk.finish for chunk in chunks)


@pytest.mark.parametrize(
    "said",
    ['{"tool": "roll_dice", "arguments": {"sides": 6}}', '{"tool": "none", "answer": "Hello."}'],
)
async def test_a_scripted_model_without_tools_calls_or_answers(said: str) -> None:
    chunks = await _asked({"backend": "scripted", "tools": False, "replies": [said]})
    calls = [call for chunk in chunks for call in chunk.tool_calls]
    text = "".join(chunk.text for chunk in chunks)
    assert bool(calls) != bool(text)
    assert "{" not in text


@pytest.mark.parametrize(
    ("escaped", "said"),
    [
        ("\\ud83d\\ude00!", "😀!"),
        ("a\\ud83d b", "a\ufffd b"),
        ("a\\ude00b", "a\ufffdb"),
        ('\\u00e9\\n\\"x\\"', 'é\n"x"'),
    ],
)
@pytest.mark.parametrize("step", [1, 2, 3, 50])
def test_escapes_are_decoded_torn_anywhere_half_characters_are_marked(
    escaped: str, said: str, step: int
) -> None:
    texts, _, _ = read(f'{{"answer": "{escaped}"}}', step)
    assert "".join(texts) == said
