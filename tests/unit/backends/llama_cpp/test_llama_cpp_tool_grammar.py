"""A call that a model has begun is well-formed, whatever the model; before it nothing is held."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from backends.base import ChatMessage, ChatRequest, Sampling, Tool, ToolCall
from backends.llama_cpp.native import Model
from backends.llama_cpp.options import LlamaCppOptions
from backends.llama_cpp.sampling import Sampler, SamplingSettings
from backends.llama_cpp.tool_grammar import CallWatch, compile_tool_grammar
from backends.loose_schema import loosen_schema
from backends.notations.families import NOTATIONS, find_notation
from backends.notations.reader import AnswerReader
from backends.notations.thoughts import THINKING_TAGS
from tests.fakes.ggufs import with_template
from tests.hostile.schemas import HOSTILE_SCHEMAS
from tests.unit.backends.llama_cpp.asking import Make
from tests.unit.backends.llama_cpp.tool_templates import TAGGED

LOOK = Tool(
    "look",
    "Looks for something.",
    {
        "type": "object",
        "properties": {
            "where": {"enum": ["here", "there"]},
            "times": {"type": "integer", "minimum": 1},
            "word": {"type": "string", "pattern": "^(?!x).*$"},
        },
        "required": ["where", "times"],
        "additionalProperties": False,
    },
)
GREEDY = SamplingSettings(0.0, 40, 0.95, 0.05, 1.0, 0.0, 0.0, 1, {})
HELD = [one for one in NOTATIONS if compile_tool_grammar(one, [LOOK])]


@pytest.fixture(scope="module")
def vocabulary(chat_model_path: Path) -> Iterator[Model]:
    options = LlamaCppOptions(source=f"file:{chat_model_path}")
    model = Model(chat_model_path, options, vocabulary_only=True)
    yield model
    model.close()


class Writer:
    """Writes a text token by token, as far as a grammar lets it."""

    def __init__(self, model: Model, watch: CallWatch) -> None:
        self._model, self._watch = model, watch
        self._sampler: Any = None

    def write(self, text: str) -> str:
        """What of the text could be written."""
        done = b""
        for token in self._model.tokenize(text, special=False):
            piece = self._model.piece(token)
            if self._sampler is None:
                if self._watch.begins(token, piece):
                    self._sampler = Sampler(self._model, GREEDY)
                    self._sampler._grammar = self._watch.start(self._model)
                    assert self._sampler._grammar
            elif not self._sampler._allowed(token):
                break
            else:
                self._sampler.accept(token)
            done += piece
        return done.decode()


def watch_of(template_or_name: str, *tools: Tool, thinking: bool = False) -> CallWatch:
    notation = next(one for one in NOTATIONS if one.name == template_or_name)
    grammar = compile_tool_grammar(notation, tools or (LOOK,))
    assert grammar is not None
    return CallWatch(grammar, thinking=thinking)


@pytest.mark.parametrize("notation", HELD, ids=lambda one: one.name)
def test_a_call_as_its_family_writes_it_is_allowed_and_a_wrong_one_is_not(
    notation: Any, vocabulary: Model
) -> None:
    def written(text: str) -> str:
        return Writer(vocabulary, watch_of(notation.name)).write(text)

    good = [
        ToolCall("", "look", {"where": "here", "times": 2}),
        ToolCall("", "look", {"where": "there", "times": 1, "word": 'a "b" é'}),
    ]
    for calls in (good[:1], good[1:], good):
        text = "Let me see. " + notation.write(calls)
        assert written(text) == text
    for wrong in (
        {"where": "nowhere", "times": 2},
        {"where": "here"},
        {"where": "here", "times": "2"},
    ):
        text = notation.write([ToolCall("", "look", wrong)])
        assert written(text) != text
    text = notation.write([ToolCall("", "burn", {})])
    assert written(text) != text


def test_a_mark_within_thoughts_begins_no_call(vocabulary: Model) -> None:
    text = "I could write <tool_call> 1, 2, 3.</think>Well <tool_call>oh"
    assert (
        Writer(vocabulary, watch_of("tagged_json", thinking=True))
        .write(text)
        .endswith("<tool_call>")
    )
    inside = "<think>I write <tool_call> and more"
    assert Writer(vocabulary, watch_of("tagged_json")).write(inside) == inside


@pytest.mark.parametrize(("tag", "close"), THINKING_TAGS)
def test_a_call_is_held_after_thoughts_however_they_are_marked(
    tag: str, close: str, vocabulary: Model
) -> None:
    begun = f"I could write <tool_call> 1, 2, 3.{close}Well <tool_call>"
    for text, thinking in ((begun, True), (tag + begun, False)):
        watch = watch_of("tagged_json", thinking=thinking)
        assert Writer(vocabulary, watch).write(f"{text}oh") == text


@pytest.mark.parametrize("schema", HOSTILE_SCHEMAS)
def test_a_hostile_schema_is_loosened_in_bounded_work_and_holds_nothing_wrongly(
    schema: Any, vocabulary: Model
) -> None:
    tool = Tool("look", "", schema)
    assert len(json.dumps(loosen_schema(schema))) < 200_000
    writer = Writer(vocabulary, watch_of("tagged_json", tool))
    call = '<tool_call>\n{"name": "look", "arguments": {'
    assert writer.write(call) == call


def test_what_a_schema_allows_its_loosened_form_allows_too() -> None:
    schema = {
        "type": "object",
        "properties": {
            "when": {"type": "string", "format": "ipv4"},
            "many": {"type": "array", "items": {"type": "string"}, "maxItems": 10**9},
            "node": {"$ref": "#/$defs/node"},
            "either": {"oneOf": [{"type": "string"}, {"type": "null"}]},
            "size": {"type": ["integer", "string"], "minimum": 3, "madeUp": True},
            "free": True,
        },
        "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}},
    }
    value: dict[str, object] = {
        "when": "1.2.3.4", "many": ["a"] * 200, "node": {"next": {"next": {}}},
        "either": None, "size": 7, "free": [1],
    }  # fmt: skip
    jsonschema.validate(value, schema)
    loose = loosen_schema(schema)
    jsonschema.validate(value, loose)
    assert "$ref" not in json.dumps(loose)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"either": 3}, loose)


async def test_a_real_model_is_held_once_it_has_begun_a_call(
    make: Make, chat_model_path: Path, tmp_path: Path
) -> None:
    path = with_template(chat_model_path, tmp_path / "tagged.gguf", TAGGED)
    backend = make(source=f"file:{path}")
    wrong = ToolCall("call00000", "look", {"place": "the sea"})
    asked: list[ChatMessage] = []
    for thing in ("a ship", "a whale", "an island", "a lamp"):
        asked += [ChatMessage("user", f"Look for {thing}."), ChatMessage("assistant", "", (wrong,))]
    messages = (*asked, ChatMessage("user", "Look for a bird."))
    request = ChatRequest(messages, Sampling(temperature=0.0, max_tokens=80), tools=(LOOK,))
    async with aclosing(backend.chat(request)) as stream:
        chunks = [chunk async for chunk in stream]
    reader = AnswerReader((LOOK,))
    calls = [call for chunk in chunks for one in reader.take(chunk) for call in one.tool_calls]
    assert calls, "".join(chunk.text for chunk in chunks)
    for call in calls:
        jsonschema.validate(dict(call.arguments), LOOK.parameters)


def test_the_notation_of_a_template_without_marks_holds_nothing() -> None:
    assert compile_tool_grammar(find_notation(""), [LOOK]) is None
