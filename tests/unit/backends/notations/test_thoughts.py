"""Thoughts are told from answers, however a stream is torn, and whichever engine it comes from."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.base import ChatMessage, ChatRequest, Chunk, Sampling, ToolCall, Usage
from backends.errors import BackendUnavailable
from backends.notations.marks import TEXT_MARKS_PATTERN
from backends.notations.reader import AnswerReader, UnmarkedThoughts
from backends.notations.thoughts import (
    THINKING_TAGS,
    closing_tag,
    find_open_tag,
    is_thinking_template,
)
from backends.pool.pool import Pool
from backends.pool.spec import ModelSpec, PoolLimits
from backends.registry import load_engines
from tests.fakes.contexts import bare_context
from tests.fakes.ollama import OllamaServer
from tests.fakes.openai import OpenAIServer
from tests.fakes.speech import Fault

ENGINES = load_engines(["ollama", "openai_compatible", "scripted"])
END = Chunk(finish="stop", usage=Usage(completion_tokens=1))


def apart(pieces: Sequence[str | Chunk], *, end: Chunk = END, **options: Any) -> tuple[str, str]:
    """The answer and the thoughts of a stream."""
    thoughts = AnswerReader(progress_interval_s=0.0, keep=True, **options)
    chunks: list[Chunk] = []
    for piece in pieces:
        chunks += thoughts.take(Chunk(text=piece) if isinstance(piece, str) else piece)
    chunks += thoughts.take(end)
    assert chunks[-1].finish == end.finish
    assert all(c.finish is None for c in chunks[:-1])
    return "".join(c.text for c in chunks), "".join(c.thinking for c in chunks)


@pytest.mark.parametrize("tags", THINKING_TAGS)
def test_it_is_the_same_for_every_place_where_the_stream_may_be_torn(tags: tuple[str, str]) -> None:
    whole = f"\n{tags[0]}\nSix times seven </thi.\n{tags[1]}\n\nIt is 42.\n"
    for first in range(len(whole) + 1):
        for second in range(first, len(whole) + 1):
            pieces = [whole[:first], whole[first:second], whole[second:]]
            assert apart(pieces) == ("It is 42.\n", "\nSix times seven </thi.\n")


@given(
    st.text(alphabet="<>/think[] TIHNK\nab"),
    st.lists(st.integers(0, 40), max_size=6),
)
def test_where_a_stream_is_torn_changes_nothing(text: str, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[a:b] for a, b in itertools.pairwise(places)]
    assert apart(pieces) == apart([text])


@given(st.text(alphabet="abc <>/\n", max_size=40), st.text(min_size=1, max_size=40))
def test_an_answer_without_marks_is_handed_on_as_it_is(first: str, rest: str) -> None:
    text = f"{first}x{rest}"
    if TEXT_MARKS_PATTERN.search(text) is None:
        assert apart(list(text)) == (text, "")


def test_tags_within_an_answer_are_part_of_it() -> None:
    text = "Wrap it in <think> and </think>, or `<think>`:\n```\n<think>a</think>\n```\n"
    assert apart([text]) == (text, "")
    assert apart(["<think>hm</think>", text]) == (text, "hm")
    assert apart(["Begin with a <think>tag and no end"])[0] == "Begin with a <think>tag and no end"


THOUGHTS: list[tuple[str, list[str | Chunk], str, str]] = [
    (
        "a second round",
        ["<think>a</think>", "Draft ", "<think>", "b", "</think>", "Final"],
        "Draft Final",
        "ab",
    ),
    ("a stray end", [Chunk(thinking="a"), "</think>\n\nHello"], "Hello", "a"),
    ("an end at the end", ["Hello </think>"], "Hello ", ""),
    ("attributes", ['<think time="3">a</think>b'], "b", "a"),
    ("nested", ["<think>a <think>b</think> c</think> d"], "d", "a b c"),
    ("nested deeper", ["<think>a<think>b<think>c</think>d</think>e</think>f"], "f", "abcde"),
    ("a tag named in a thought", ["<think>no <think>, I say</think>Yes."], "Yes.", "no , I say"),
    ("text first", ["Sure! <think>hmm</think> Hello"], "Sure! Hello", "hmm"),
    (
        "harmony",
        [
            "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>commentary",
            "<|message|>Wait.<|end|><|start|>assistant<|channel|>final<|message|>Hi<|return|>",
        ],
        "Wait.\n\nHi",
        "a",
    ),
    ("harmony cut short", ["<|channel|>analysis<|message|>a<|end|><|start|>assi"], "", "a"),
    (
        "command-r",
        ["<|START_THINKING|>a<|END_THINKING|><|START_RESPONSE|>b<|END_RESPONSE|>"],
        "b",
        "a",
    ),
]


@pytest.mark.parametrize(
    ("kind", "pieces", "text", "thought"), THOUGHTS, ids=lambda one: str(one)[:20]
)
def test_thoughts_never_reach_people(
    kind: str, pieces: list[str | Chunk], text: str, thought: str
) -> None:
    assert apart(pieces) == (text, thought), kind
    torn = [c for p in pieces for c in (list(p) if isinstance(p, str) else [p])]
    assert apart(torn) == (text, thought), kind


def test_thoughts_that_no_mark_begins_end_at_a_lone_closing_tag() -> None:
    hidden = ["internal", " reasoning</thi", "nk>answer"]
    assert apart(hidden, doubt_characters=400) == ("answer", "internal reasoning")
    assert apart(["An answer ", "as it is."], doubt_characters=400) == ("An answer as it is.", "")
    assert apart(["x" * 500, "</think>y"], doubt_characters=400) == ("x" * 500 + "y", "")
    assert apart(["<think>a</think>", "b"], doubt_characters=400) == ("b", "a")


def test_a_server_that_hides_where_thoughts_begin_is_learned() -> None:
    unmarked = UnmarkedThoughts()
    first = unmarked.characters
    unmarked.learn(began=False, ended=False)
    assert unmarked.characters == first > 0
    unmarked.learn(began=True, ended=True)
    assert unmarked.characters > 10_000
    for _ in range(10):
        unmarked.learn(began=False, ended=True)
    assert unmarked.characters == 0


def test_what_a_held_answer_says_about_tags_is_left_alone() -> None:
    text = '{"tag": "<think>a</think>", "call": "<tool_call>{}</tool_call>"}'
    assert apart([text], literal=True) == (text, "")
    assert apart(["<think>a</think>", text], literal=True) == (text, "a")


def test_an_empty_thought_is_none() -> None:
    assert apart(["<think>\n\n</think>\n\n", "Yes."]) == ("Yes.", "\n\n")


def test_a_second_thought_before_the_answer_is_one_too() -> None:
    assert apart(["<think>a</think>\n<think>b</think> Yes."]) == ("Yes.", "ab")


def test_thoughts_without_an_end_are_no_answer() -> None:
    assert apart(["<think>", "and so on </th"]) == ("", "and so on </th")


def test_a_word_that_begins_like_a_tag_is_not_lost_at_the_end() -> None:
    assert apart(["<thi"]) == ("<thi", "")


def test_a_tool_call_ends_the_doubt_and_comes_after_the_text_before_it() -> None:
    thoughts = AnswerReader()
    call = Chunk(tool_calls=(ToolCall("call00000", "dice", {}),))
    chunks = [*thoughts.take(Chunk(text="<t")), *thoughts.take(call), *thoughts.take(END)]
    assert chunks == [Chunk(text="<t"), call, END]


def test_what_is_thought_is_told_of_at_most_so_often() -> None:
    often = AnswerReader(progress_interval_s=3600.0)
    told = [c for piece in ["<think>", *"abcdef"] for c in often.take(Chunk(text=piece))]
    assert [c.progress.stage for c in told if c.progress] == ["thinking"]
    assert not any(c.thinking or c.text for c in told)


@pytest.mark.parametrize(
    ("prompt", "tag"),
    [
        ("<|im_start|>assistant\n<think>\n", "<think>"),
        ("<|im_start|>assistant\n<think>\n\n</think>\n\n", ""),
        ("<|im_start|>assistant\n", ""),
    ],
)
def test_a_prompt_may_end_in_the_middle_of_thinking(prompt: str, tag: str) -> None:
    assert find_open_tag(prompt) == tag
    assert not tag or closing_tag(tag) == "</think>"


def test_a_thinking_template_is_known_by_its_words() -> None:
    assert is_thinking_template("<|channel>thought\n<channel|>")
    assert is_thinking_template("{% if enable_thinking is defined and not enable_thinking %}")
    assert not is_thinking_template("{{ messages }}")


# --- through the pool -----------------------------------------------------------------------------


@asynccontextmanager
async def pool_of(entry: dict[str, Any]) -> AsyncIterator[Pool]:
    spec = ModelSpec.model_validate(entry)
    limits = PoolLimits(progress_interval_s=0.001, first_pause_s=0.01)
    pool = Pool({"m": spec}, ENGINES, bare_context(), limits)
    try:
        yield pool
    finally:
        await pool.aclose()


async def ask(pool: Pool, **sampling: Any) -> list[Chunk]:
    request = ChatRequest((ChatMessage("user", "hello"),), Sampling(**sampling))
    async with aclosing(pool.chat("m", request)) as chunks:
        return [chunk async for chunk in chunks]


def said(chunks: Sequence[Chunk]) -> tuple[str, str]:
    return "".join(c.text for c in chunks), "".join(c.thinking for c in chunks)


def stages(chunks: Sequence[Chunk]) -> set[str]:
    return {c.progress.stage for c in chunks if c.progress is not None}


@asynccontextmanager
async def every_engine(**keys: Any) -> AsyncIterator[list[tuple[str, Pool]]]:
    """Pools of a model that thinks: its server tells the thoughts apart, or writes them inline."""
    text = "<think>Let me count them.</think>\n\nThere are three."
    async with OllamaServer() as ollama, OpenAIServer() as server:
        ollama.thoughts = server.thoughts = "Let me count them."
        ollama.models["tiny:latest"].append("thinking")
        url = f"{server.url}/v1"
        entries: dict[str, dict[str, Any]] = {
            "ollama": {"backend": "ollama", "url": ollama.url, "model": "tiny"},
            "openai": {"backend": "openai_compatible", "url": url},
            "inline": {"backend": "scripted", "replies": [text], "cycle": True},
        }
        pools = []
        try:
            for name, entry in entries.items():
                spec = ModelSpec.model_validate({**entry, **keys})
                limits = PoolLimits(progress_interval_s=0.001)
                made = Pool({"m": spec}, ENGINES, bare_context(), limits)
                pools.append((name, made))
            yield pools
        finally:
            for _, pool in pools:
                await pool.aclose()


async def test_no_engines_thoughts_are_shown_and_each_says_that_it_thinks() -> None:
    async with every_engine() as pools:
        for name, pool in pools:
            chunks = await ask(pool, max_tokens=12)
            text, thought = said(chunks)
            assert text, name
            assert "Let me" not in text, name
            assert not thought, name
            assert "thinking" in stages(chunks), name
            assert text == text.lstrip(), name


async def test_thoughts_are_handed_on_where_they_are_to_be_shown() -> None:
    async with every_engine(thinking="show") as pools:
        for name, pool in pools:
            text, thought = said(await ask(pool, max_tokens=12))
            assert thought == "Let me count them.", name
            assert "Let me" not in text, name


async def test_a_server_is_told_not_to_think() -> None:
    async with OllamaServer() as ollama, OpenAIServer() as server:
        entry = {"backend": "ollama", "url": ollama.url, "model": "tiny", "thinking": False}
        async with pool_of(entry) as pool:
            await ask(pool)
        entry = {"backend": "openai_compatible", "url": f"{server.url}/v1", "thinking": "off"}
        async with pool_of(entry) as pool:
            await ask(pool)
        assert ollama.bodies("/api/chat")[0]["think"] is False
        (body,) = server.bodies("/v1/chat/completions")
        assert body["chat_template_kwargs"]["enable_thinking"] is False


async def test_by_default_a_server_is_told_nothing_about_thinking() -> None:
    async with OllamaServer() as ollama:
        async with pool_of({"backend": "ollama", "url": ollama.url, "model": "tiny"}) as pool:
            await ask(pool)
        assert ollama.bodies("/api/chat")[0].get("think") is None


async def test_a_server_whose_answers_begin_in_the_middle_of_thinking() -> None:
    async with OpenAIServer() as server:
        server.inline = "I count them.\n</think>\n\n"
        entry = {"backend": "openai_compatible", "url": f"{server.url}/v1"}
        async with pool_of({**entry, "starts_thinking": True, "thinking": "show"}) as pool:
            text, thought = said(await ask(pool))
            assert thought == "I count them.\n"
            assert text.startswith("On night")
            assert (await pool.capabilities("m")).thinking


async def test_a_server_that_never_says_where_its_thoughts_begin() -> None:
    async with OpenAIServer() as server:
        server.inline = "I count them.\n</think>\n\n"
        entry = {"backend": "openai_compatible", "url": f"{server.url}/v1"}
        async with pool_of({**entry, "thinking": "show"}) as pool:
            for _ in range(2):
                text, thought = said(await ask(pool))
                assert thought == "I count them.\n"
                assert text.startswith("On night")


async def test_a_model_that_only_thinks_ends_without_text_and_says_why_it_stopped() -> None:
    entry = {"backend": "scripted", "replies": ["<think> one two three four five six"]}
    async with pool_of(entry) as pool:
        chunks = await ask(pool, max_tokens=4)
    assert said(chunks) == ("", "")
    assert chunks[-1].finish == "length"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 4


async def test_thoughts_have_room_of_their_own_beside_the_answers() -> None:
    reply = "<think> one two three </think> four five six"
    entry = {"backend": "scripted", "replies": [reply], "cycle": True}
    async with pool_of({**entry, "thinking_tokens": 10}) as pool:
        assert said(await ask(pool, max_tokens=3))[0] == "four five six"
        assert (await pool.capabilities("m")).context == 8_182  # a prompt leaves them alone
    async with pool_of({**entry, "thinking": "off", "thinking_tokens": 10}) as pool:
        assert said(await ask(pool, max_tokens=3))[0] == ""
        assert (await pool.capabilities("m")).context == 8_192


async def test_a_replica_that_fails_while_it_thinks_is_replaced() -> None:
    failing = {"backend": "scripted", "replies": [{"text": "<think> a b c", "error": "timeout"}]}
    failing["replies"][0]["fail_after"] = 2  # type: ignore[index]
    well = {"backend": "scripted", "echo": "well"}
    async with pool_of({"replicas": [failing, well]}) as pool:
        chunks = await ask(pool)
        assert said(chunks) == ("well", "")
        assert [status.failed for status in pool.status("m")] == [1, 0]


async def test_a_server_that_dies_while_it_thinks_is_an_error() -> None:
    async with OllamaServer() as ollama:
        ollama.thoughts = "Let me count them."
        ollama.faults.append(Fault(how="drop", after=2))
        async with pool_of({"backend": "ollama", "url": ollama.url, "model": "tiny"}) as pool:
            with pytest.raises(BackendUnavailable):
                await ask(pool)
