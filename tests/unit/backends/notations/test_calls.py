"""Calls are told from text, in the notation of every family, wherever the stream is torn."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.base import Chunk, Tool, ToolCall
from backends.notations.families import NOTATIONS, find_notation
from backends.notations.marks import OUTPUT_MARKS
from backends.notations.notation import Notation
from backends.notations.reader import AnswerReader
from backends.notations.spans import MAX_HELD_CHARACTERS
from tests.unit.backends.notations.answers import (
    TOOLS,
    Golden,
    Told,
    golden,
    read,
)

GOLDEN = list(golden())
ONE = [each for each in GOLDEN if each.kind == "one"]
MARKED = [each for each in ONE if each.notation not in ("bare_json", "pythonic", "fenced_json")]
BERN = '{"name": "weather", "arguments": {"city": "Bern"}}'
CALLED = (("weather", {"city": "Bern"}),)


def ids(each: Any) -> str:
    return each.id if isinstance(each, Golden) else str(getattr(each, "name", each))[:32]


def test_every_notation_has_a_golden_text() -> None:
    assert {each.notation for each in ONE} == {each.name for each in NOTATIONS}


@pytest.mark.parametrize("each", GOLDEN, ids=ids)
def test_a_familys_calls_are_read_wherever_the_stream_is_torn(each: Golden) -> None:
    whole = read([each.text])
    assert (whole.text, whole.calls, whole.finish) == (each.says, each.calls, "tool_calls")
    assert read(list(each.text)) == whole
    for at in range(1, len(each.text)):
        assert read([each.text[:at], each.text[at:]]) == whole


@pytest.mark.parametrize("notation", NOTATIONS, ids=ids)
def test_a_notation_is_read_as_it_is_written(notation: Notation) -> None:
    calls = [
        ToolCall("", "weather", {"city": "Biel/Bienne", "days": 3}),
        ToolCall("", "take_note", {"text": 'it\'s "so"\n{}', "tags": ["a, b", "(c)"]}),
    ]
    told = read(list(notation.write(calls)))
    assert told.calls == tuple((call.name, dict(call.arguments)) for call in calls)
    assert not told.text


@pytest.mark.parametrize("each", MARKED, ids=ids)
def test_a_call_that_is_only_thought_of_is_not_made(each: Golden) -> None:
    if each.notation == "harmony":
        text = f"<|channel|>analysis<|message|>{BERN}<|end|><|start|>assistant<|channel|>final"
        text += "<|message|>No."
    else:
        text = f"<think>Shall I? {each.text.replace('</think>', '')}</think>No."
    told = read(list(text))
    assert (told.text, told.calls, told.finish) == ("No.", (), "stop")


@pytest.mark.parametrize("each", MARKED, ids=ids)
def test_a_mark_that_an_answer_speaks_of_opens_no_call(each: Golden) -> None:
    mark = each.text.strip()[: each.text.strip().find(">") + 1] or "[TOOL_CALLS]"
    text = f"It writes `{mark}` first:\n```\n{each.text}\n```\nThat is all."
    if each.notation == "command_r":
        text = "I do this.\nAction: weather, then rest.\n"
    told = read(list(text))
    assert (told.text, told.calls) == (text, ())


@pytest.mark.parametrize("each", ONE, ids=ids)
def test_a_call_that_never_ends_is_no_call_and_names_its_tool_if_it_can(each: Golden) -> None:
    for at in range(len(each.text)):
        told = read([each.text[:at]], end=Chunk(finish="length"))
        assert told.calls in ((), each.calls)
        assert all(call.name == "weather" for call in told.unread)
        assert told.finish == ("tool_calls" if told.calls else "length")


CALLS = [
    f"<tool_call>{BERN}",
    f"<tool_call>{BERN}</tool_call>",
    '<tool_call>{"name": "weather", "arguments": "{\\"city\\": \\"Bern\\"}"}</tool_call>',
    '<tool_call>{"type": "function", "function": {"name": "weather", "arguments": '
    '{"city": "Bern"}}}</tool_call>',
    "<tool_call>{'name': 'weather', 'arguments': {'city': 'Bern',},}</tool_call>",
    '<tool_call><function=weather>{"city": "Bern"}</function></tool_call>',
    "<function=weather><parameter=city>Bern</function>",
    '[TOOL_CALLS] weather[ARGS] {"city": "Bern"}',
    "<|python_tag|>weather(city='Bern')",
    f"\n\n{BERN}",
    f"```json\n[{BERN}]\n```",
]


@pytest.mark.parametrize("text", CALLS)
def test_what_is_nearly_the_notation_is_read_too(text: str) -> None:
    assert read([text]) == Told("", CALLED, finish="tool_calls")
    assert read(list(text)) == Told("", CALLED, finish="tool_calls")


NO_CALLS = [
    "<tool_call>{not JSON}</tool_call>",
    "<tool_call>",
    "Use <tool_call> to call tools.",
    "a < b and a <tool",
    "[TOOL_CALLS] nothing",
    '{"name": "Ada", "arguments": {}}',
    '{"name": "weather", "city": "Bern"}',
    '[{"name": "weather"}, {"name": "Ada", "arguments": {}}]',
    '{"answer": 42}',
    '{"name": {"first": "Ada"}}',
    f"{BERN} is how you call it",
    f"Say {BERN}",
    f"```json\n{BERN}\n```\nis how you call it",
    '```json\n{"people": [1, 2]}\n```',
    "[weather(city)]",
    "[1, 2, 3]",
    "[link](https://example.org)",
    "[",
    "",
]


@pytest.mark.parametrize("text", NO_CALLS)
def test_what_is_no_call_stays_text(text: str) -> None:
    assert read([text]) == Told(text)
    assert read(list(text)) == Told(text)


def test_an_object_that_was_asked_for_is_not_held_back() -> None:
    reader = AnswerReader(TOOLS)
    said = [c.text for piece in ('{"name": "Ad', 'a", ', '"age') for c in reader.take(Chunk(piece))]
    assert said == ['{"name": "Ad', 'a", ', '"age']


def test_without_tools_nothing_is_a_call() -> None:
    for text in (f"<tool_call>{BERN}</tool_call>", BERN, f"[TOOL_CALLS][{BERN}]"):
        assert read(list(text), tools=()) == Told(text)


def test_a_call_of_a_tool_that_was_not_offered_is_reported() -> None:
    told = read(['<tool_call>{"name": "rm", "arguments": {"path": "/"}}</tool_call>'])
    assert told.calls == (("rm", {"path": "/"}),)


def test_a_call_whose_arguments_cannot_be_read_is_told_apart() -> None:
    for inner in ('{"name": "weather", "arguments": 7}', '{"name": "weather", "arguments": {"ci'):
        (unread,) = read([f"Well. <tool_call>{inner}"]).unread
        assert (unread.name, inner in unread.written) == ("weather", True)


def test_command_r_may_call_that_it_calls_nothing() -> None:
    text = 'Action:\n```json\n[{"tool_name": "directly-answer", "parameters": {}}]```'
    assert read(list(text)) == Told()


def test_a_closing_mark_within_an_argument_does_not_end_the_call() -> None:
    text = json.dumps({"name": "take_note", "arguments": {"text": '</tool_call>" is the end'}})
    told = read(list(f"<tool_call>{text}</tool_call>Done."))
    assert told == Told(
        "Done.", (("take_note", {"text": '</tool_call>" is the end'}),), finish="tool_calls"
    )


def test_values_between_marks_are_what_the_schema_asks_for() -> None:
    tool = Tool(
        "f",
        "",
        {
            "properties": {
                "text": {"type": "string"},
                "maybe": {"type": ["string", "null"]},
                "kind": {"enum": ["1", "2"]},
                "flag": {"type": "boolean"},
            }
        },
    )
    given = {"text": "007", "maybe": "null", "kind": "2", "flag": "True", "list": "['a', 1]"}
    inner = "".join(f"<parameter={name}>\n{value}\n</parameter>\n" for name, value in given.items())
    told = read([f"<tool_call>\n<function=f>\n{inner}</function>\n</tool_call>"], tools=[tool])
    wanted = {"text": "007", "maybe": None, "kind": "2", "flag": True, "list": ["a", 1]}
    assert told.calls == (("f", wanted),)


def test_calls_are_numbered_after_those_of_the_prompt() -> None:
    reader = AnswerReader(TOOLS, earlier_calls=3)
    chunks = list(reader.take(Chunk(text=f"[TOOL_CALLS][{BERN}, {BERN}]", finish="stop")))
    assert [c.id for chunk in chunks for c in chunk.tool_calls] == ["call00003", "call00004"]


def test_calls_of_a_server_that_numbers_each_answer_anew_get_ids_that_differ() -> None:
    call = ToolCall("call_0", "weather", {"city": "Bern"})
    reader = AnswerReader(TOOLS, earlier_calls=1)
    chunks = [*reader.take(Chunk(tool_calls=(call, call))), *reader.take(Chunk(finish="stop"))]
    made = [each for chunk in chunks for each in chunk.tool_calls]
    assert [(each.id, each.name) for each in made] == [
        ("call00001", "weather"),
        ("call00002", "weather"),
    ]


def test_a_call_of_a_servers_own_is_passed_on_beside_text() -> None:
    call = ToolCall("c9", "weather", {"city": "Bern"})
    told = read(["I look. <tool_", Chunk(tool_calls=(call,))])
    assert told == Told("I look. <tool_", CALLED)


@pytest.mark.parametrize(
    "start",
    [
        "<tool_call>{",
        '{"name": "weather", "arguments": {',
        "<think>a<think>b</think>",
        "a <think>b",
    ],
)
def test_what_is_held_back_is_bounded(start: str) -> None:
    seen = ""
    reader = AnswerReader(TOOLS)
    for _ in range(2 * MAX_HELD_CHARACTERS // 1_000):
        seen += "".join(c.text for c in reader.take(Chunk(text=start + "x" * 1_000)))
        start = ""
    assert len(seen) >= MAX_HELD_CHARACTERS


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.booleans(), max_size=4))
def test_any_arguments_come_through_as_they_were_written(arguments: dict[str, Any]) -> None:
    written = json.dumps({"name": "weather", "arguments": arguments}, ensure_ascii=False)
    for text in (f"<tool_call>{written}</tool_call>", f"[TOOL_CALLS][{written}]", written):
        assert read([text]).calls == (("weather", arguments),)


ATOMS = (
    *sorted(OUTPUT_MARKS),
    *('{"name": "weather", ', '"arguments": {"city": "Bern"}}', "}", "{", "[", "]", "weather("),
    *('city="x"', ")", "Action:", "```json", "```", "\n", " ", ".", " Sure. ", "a", '"', "\\"),
    *('<think time="3">', "to=functions.weather", "`", "'", '{"answer": 42}', "<", "|"),
)


@given(
    st.lists(st.sampled_from(ATOMS), max_size=9).map("".join),
    st.sampled_from(["", *(each.text for each in GOLDEN)]),
    st.lists(st.integers(0, 400), max_size=5),
    st.sampled_from([{}, {"literal": True}, {"doubt_characters": 10_000}, {"tools": ()}]),
)
def test_where_a_stream_is_torn_changes_nothing(
    before: str, call: str, cuts: list[int], options: dict[str, Any]
) -> None:
    text = before + call
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    whole = read([text], **options)
    assert read([text[a:b] for a, b in itertools.pairwise(places)], **options) == whole
    assert read(list(text), **options) == whole


def test_a_template_tells_of_its_notation_by_its_text() -> None:
    for notation in NOTATIONS:
        for texts in notation.told_by:
            found = find_notation("{{ x }}".join(texts))
            assert found is notation, texts
    assert find_notation("{{ messages }}").name == "fenced_json"
