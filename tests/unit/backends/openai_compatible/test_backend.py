"""What goes over the wire to an OpenAI-compatible server, and what becomes of its failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from pydantic import ValidationError

from backends.base import ChatMessage, ChatRequest, Chunk, Picture, Sampling, Tool, ToolCall
from backends.errors import (
    BackendBusy,
    BackendError,
    BackendProtocolError,
    BackendTimeout,
    BackendUnavailable,
    ContextOverflow,
    DeadlineExceeded,
    InvalidRequest,
    ModelNotFound,
)
from backends.openai_compatible.backend import OpenAICompatibleBackend
from backends.openai_compatible.errors import parse_overflow
from backends.openai_compatible.options import OpenAICompatibleOptions
from backends.remote import MAX_PARALLEL_REQUESTS
from tests.fakes.contexts import bare_context
from tests.fakes.openai import OpenAIServer
from tests.fakes.speech import Fault
from tests.until import PATIENCE_S

CHAT = "/v1/chat/completions"


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


@pytest.fixture
async def backend(server: OpenAIServer) -> AsyncIterator[OpenAICompatibleBackend]:
    backend = make(server.base)
    yield backend
    await backend.aclose()


def make(
    url: str, secrets: dict[str, str] | None = None, **options: Any
) -> OpenAICompatibleBackend:
    settings = OpenAICompatibleOptions(url=url, **{"model": "tiny", **options})
    return OpenAICompatibleBackend("team", settings, bare_context(secrets))


def request(text: str = "Tell me a story.", **fields: Any) -> ChatRequest:
    fields.setdefault("sampling", Sampling(max_tokens=12))
    return ChatRequest((ChatMessage("user", text),), **fields)


async def chunks(backend: OpenAICompatibleBackend, asked: ChatRequest | None = None) -> list[Chunk]:
    async with aclosing(backend.chat(asked or request())) as stream:
        return [chunk async for chunk in stream]


async def test_only_what_was_asked_for_goes_into_the_body(server: OpenAIServer) -> None:
    backend = make(server.base, extra={"cache_prompt": True})
    sampling = Sampling(temperature=0.5, top_k=7, min_p=0.1, max_tokens=4, stop=("END",))
    await chunks(backend, request("hi", sampling=sampling))
    await chunks(backend, request("hi"))
    await backend.aclose()
    full, bare = server.bodies(CHAT)
    assert full == {
        "model": "tiny",
        "messages": [{"role": "user", "content": "hi"}],
        "max_tokens": 4,
        "temperature": 0.5,
        "stop": ["END"],
        "top_k": 7,
        "min_p": 0.1,
        "cache_prompt": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert set(bare) == {
        *("model", "messages", "max_tokens", "stream", "stream_options", "cache_prompt")
    }


@pytest.mark.parametrize(
    ("llama", "owner", "continues", "told"),
    [
        (True, "llamacpp", True, {}),
        (False, "vllm", True, {"add_generation_prompt": False, "continue_final_message": True}),
        (False, "somebody", False, {}),
    ],
)
async def test_a_server_that_goes_on_from_the_assistants_words_is_told_to(
    llama: bool, owner: str, continues: bool, told: dict[str, bool]
) -> None:
    async with OpenAIServer(llama=llama) as server:
        server.owner = owner
        backend = make(server.base)
        assert (await backend.capabilities()).continues is continues
        begun = ChatMessage("assistant", "Once upon a")
        asked = ChatRequest((ChatMessage("user", "A story."), begun), Sampling(max_tokens=3))
        last = (await chunks(backend, asked))[-1]
        await backend.aclose()
    [body] = server.bodies(CHAT)
    assert last.finish == "length"
    assert body["messages"][-1] == {"role": "assistant", "content": "Once upon a"}
    assert {k: v for k, v in body.items() if k.endswith(("_prompt", "_message"))} == told
    assert body["chat_template_kwargs"]["enable_thinking"] is False


async def test_timings_and_usage_of_llama_server_become_the_usage(
    backend: OpenAICompatibleBackend,
) -> None:
    usage = (await chunks(backend, request("one two")))[-1].usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens) == (3, 1, 12)
    assert (usage.prefill_s, usage.decode_s) == (0.25, 0.5)


async def test_a_server_that_counts_nothing_has_its_pieces_counted() -> None:
    async with OpenAIServer(llama=False) as plain:
        backend = make(plain.base)
        usage = (await chunks(backend))[-1].usage
        assert usage is not None
        assert usage.completion_tokens == 12
        assert usage.prompt_tokens > 0
        await backend.aclose()


async def test_what_the_server_tells_is_learnt_and_nothing_is_required(
    server: OpenAIServer, backend: OpenAICompatibleBackend
) -> None:
    able = await backend.capabilities()
    assert (able.context, able.tools, able.template) == (512, True, "{{ words }}")
    assert backend.parallel == 3
    health = await backend.health()
    assert (health.ok, health.slots, health.slots_busy) == (True, 3, 0)
    async with OpenAIServer(llama=False) as plain:
        other = make(plain.base)
        able = await other.capabilities()
        assert (able.context, able.tools) == (512, False)
        assert (await other.health()).ok
        assert await other.count(request().messages) > 0
        await other.aclose()


async def test_without_a_name_the_servers_only_model_is_asked(server: OpenAIServer) -> None:
    backend = make(server.base, model=None)
    await chunks(backend)
    await backend.aclose()
    assert server.bodies(CHAT)[0]["model"] == "tiny"


@pytest.mark.parametrize("style", ["json_schema", "json_object"])
async def test_a_schema_is_sent_in_the_way_that_the_server_understands(style: str) -> None:
    async with OpenAIServer() as server:
        server.schema_style = style
        backend = make(server.base)
        for _ in range(2):
            got = await chunks(backend, request(sampling=Sampling(json_schema={"const": "yes"})))
            assert "".join(chunk.text for chunk in got) == '"yes"'
        await backend.aclose()
        sent = [body["response_format"]["type"] for body in server.bodies(CHAT)]
        assert (
            sent
            == {
                "json_schema": ["json_schema", "json_schema"],
                "json_object": ["json_schema", "json_object", "json_object"],
            }[style]
        )


async def test_a_tool_is_offered_called_and_its_result_sent_back(
    server: OpenAIServer, backend: OpenAICompatibleBackend
) -> None:
    server.tool_call = ("weather", '{"city": "Bern"}')
    tool = Tool("weather", "How is it?", {"type": "object"})
    got = await chunks(backend, request(tools=(tool,)))
    (call,) = [call for chunk in got for call in chunk.tool_calls]
    assert (call.id, call.name, dict(call.arguments)) == ("c9", "weather", {"city": "Bern"})
    assert got[-1].finish == "tool_calls"
    result = ChatMessage("tool", "rain", tool_call_id="c9")
    asking = ChatMessage("assistant", "", tool_calls=(ToolCall("c9", "weather", {"city": "Bern"}),))
    await chunks(backend, ChatRequest((ChatMessage("user", "?"), asking, result)))
    _, body = server.bodies(CHAT)
    assert body["messages"][1]["tool_calls"][0]["function"]["arguments"] == '{"city": "Bern"}'
    assert body["messages"][2] == {"role": "tool", "content": "rain", "tool_call_id": "c9"}


async def test_a_tool_call_with_broken_arguments_is_an_error(
    server: OpenAIServer, backend: OpenAICompatibleBackend
) -> None:
    server.tool_call = ("weather", '{"city": ')
    with pytest.raises(BackendProtocolError, match="broken arguments"):
        await chunks(backend, request(tools=(Tool("weather", "", {"type": "object"}),)))


def error(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, **more}}


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (Fault(status=401, body=error("Invalid API Key")), BackendUnavailable, "api_key_env"),
        (Fault(status=404, body=error("no such model")), ModelNotFound, "no model 'tiny'"),
        (Fault(status=404, body="<html>nginx</html>"), ModelNotFound, "no such endpoint"),
        (Fault(status=429, body=error("slow down")), BackendBusy, "busy"),
        (Fault(status=500, body=error("it\nbroke")), BackendUnavailable, "HTTP 500.*it broke"),
        (Fault(status=503, body=error("Loading model")), BackendUnavailable, "still loading"),
        (Fault(status=503, body="upstream"), BackendUnavailable, "not ready"),
        (Fault(status=400, body=error("bad seed")), InvalidRequest, "bad seed"),
        (Fault(how="garbage"), BackendProtocolError, "does not allow"),
        (Fault(how="garbage", after=3), BackendProtocolError, "does not allow"),
        (Fault(how="drop"), BackendUnavailable, "closed the connection"),
        (Fault(how="drop", after=3), BackendUnavailable, "closed the connection"),
        (Fault(how="end", after=3), BackendProtocolError, "without saying"),
    ],
)
async def test_each_failure_is_one_clear_sentence(
    server: OpenAIServer,
    backend: OpenAICompatibleBackend,
    fault: Fault,
    kind: type[BackendError],
    words: str,
) -> None:
    server.faults.append(fault)
    with pytest.raises(kind, match=words) as caught:
        await chunks(backend)
    assert "\n" not in str(caught.value)
    assert (await chunks(backend))[-1].finish == "length"


@pytest.mark.parametrize("llama", [True, False])
async def test_an_overflow_carries_the_servers_numbers(llama: bool) -> None:
    async with OpenAIServer(llama=llama) as server:
        backend = make(server.base)
        with pytest.raises(ContextOverflow) as caught:
            await chunks(backend, request("word " * 600))
        await backend.aclose()
    assert (caught.value.tokens, caught.value.limit) == (601, 512)


async def test_an_overflow_without_numbers_gets_them_from_the_tokenizer(
    server: OpenAIServer, backend: OpenAICompatibleBackend
) -> None:
    words = "the request exceeds the available context size. try increasing it"
    server.faults.append(Fault(status=400, body=error(words)))
    with pytest.raises(ContextOverflow) as caught:
        await chunks(backend, request("word " * 700))
    assert (caught.value.tokens, caught.value.limit) == (701, 512)


def test_overflows_are_recognised_by_what_servers_say() -> None:
    said = "Requested tokens (577) exceed context window of 512"
    overflow = parse_overflow(error(said), said)
    assert overflow is not None
    assert (overflow.tokens, overflow.limit) == (577, 512)
    assert parse_overflow(error("no such tool"), "no such tool") is None


async def test_silence_before_and_within_an_answer_is_a_timeout(server: OpenAIServer) -> None:
    backend = make(server.base, first_byte_s=0.3, silence_s=0.3)
    for after in (0, 3):
        server.faults.append(Fault(how="stall", after=after))
        with pytest.raises(BackendTimeout, match="said nothing"):
            await chunks(backend)
    patient = {"first_byte_s": PATIENCE_S, "silence_s": PATIENCE_S}
    backend._options = backend._options.model_copy(update=patient)
    assert (await chunks(backend))[-1].finish is not None
    await backend.aclose()


async def test_a_deadline_ends_an_answer_that_keeps_coming(
    server: OpenAIServer, backend: OpenAICompatibleBackend
) -> None:
    server.pause_s = 0.02
    with pytest.raises(DeadlineExceeded):
        await chunks(backend, request(deadline_s=0.1))


async def test_closing_the_stream_closes_the_connection(
    server: OpenAIServer, backend: OpenAICompatibleBackend
) -> None:
    server.pause_s = 0.2
    async with aclosing(backend.chat(request(sampling=Sampling(max_tokens=400)))) as stream:
        async for chunk in stream:
            if chunk.text:
                break
    seen = next(seen for seen in server.seen if seen.path == CHAT)
    await asyncio.wait_for(seen.closed.wait(), PATIENCE_S)


async def test_a_server_that_is_loading_is_unwell(
    server: OpenAIServer, backend: OpenAICompatibleBackend
) -> None:
    server.loading = True
    health = await backend.health()
    assert (health.ok, "still loading" in health.detail) == (False, True)


async def test_a_key_comes_from_its_variable_and_is_never_shown(server: OpenAIServer) -> None:
    server.key = "sk-s3cret"
    backend = make(server.base, {"TEAM_KEY": "sk-s3cret"}, api_key_env="TEAM_KEY")
    assert (await chunks(backend))[-1].finish is not None
    await backend.aclose()
    wrong = make(server.base, {"TEAM_KEY": "sk-wr0ng"}, api_key_env="TEAM_KEY")
    with pytest.raises(BackendUnavailable, match="api_key_env") as caught:
        await chunks(wrong)
    assert "wr0ng" not in str(caught.value) + repr(wrong) + (await wrong.health()).detail
    await wrong.aclose()


async def test_credentials_in_an_address_are_used_and_never_shown(server: OpenAIServer) -> None:
    url = server.base.replace("http://", "http://ada:s3cret@")
    backend = make(url)
    await chunks(backend)
    assert server.seen[-1].headers["Authorization"].startswith("Basic ")
    server.faults.append(Fault(status=500, body="x"))
    with pytest.raises(BackendUnavailable) as caught:
        await chunks(backend)
    shown = (str(caught.value), repr(backend), repr(OpenAICompatibleOptions(url=url)))
    assert all("s3cret" not in each for each in shown)
    await backend.aclose()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"url": "http://127.0.0.1/v1", "command": ["x"]},
        {"url": "file:///etc/passwd"},
        {"url": "http://127.0.0.1/v1", "api_key_env": "sk-a-real-key"},
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        OpenAICompatibleOptions(**options)
    assert "sk-a-real-key" not in str(caught.value)


async def test_a_model_for_chat_embeds_nothing_and_the_other_way_round(
    server: OpenAIServer, backend: OpenAICompatibleBackend
) -> None:
    with pytest.raises(InvalidRequest, match="no embeddings"):
        await backend.embed(["a"])
    embedder = make(server.base, chat=False, embeddings=True)
    with pytest.raises(InvalidRequest, match="embeddings only"):
        await chunks(embedder)
    assert (await embedder.embed(["a", "b"])).shape == (2, 24)
    await embedder.aclose()


async def test_pictures_are_parts_of_a_message_before_its_text(
    server: OpenAIServer, backend: OpenAICompatibleBackend
) -> None:
    said = ChatMessage("user", "what is it?", pictures=(Picture("aGk=", "image/png", 280, 280),))
    blind = await backend.count([ChatMessage("user", "what is it?")])
    assert await backend.count([said]) == blind + 114
    asked = ChatRequest((said,), sampling=Sampling(max_tokens=12))
    with pytest.raises(InvalidRequest, match="cannot see pictures"):
        await chunks(backend, asked)
    assert not server.bodies(CHAT)
    seeing = make(server.base, vision=True)
    try:
        await chunks(seeing, asked)
    finally:
        await seeing.aclose()
    assert server.bodies(CHAT)[0]["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
                {"type": "text", "text": "what is it?"},
            ],
        }
    ]


async def test_pictures_are_counted_by_the_family_of_a_model_that_the_server_names() -> None:
    picture = Picture("aGk=", "image/png", 280, 280)
    async with OpenAIServer(llama=False) as server:
        server.models = ["gemma-3-4b-it"]
        backend = make(server.base, model=None)
        try:
            await backend.capabilities()
            blind = await backend.count([ChatMessage("user", "what is it?")])
            seen = await backend.count([ChatMessage("user", "what is it?", pictures=(picture,))])
        finally:
            await backend.aclose()
    assert seen - blind == 260


async def test_a_server_that_boasts_of_its_slots_is_not_believed(
    server: OpenAIServer, backend: OpenAICompatibleBackend
) -> None:
    server.slots = 10**12
    await backend.capabilities()
    assert backend.parallel == MAX_PARALLEL_REQUESTS


async def test_what_is_known_of_a_server_stays_while_its_list_of_models_fails(
    server: OpenAIServer, backend: OpenAICompatibleBackend
) -> None:
    before = await backend.capabilities()
    assert before.continues
    server.listing = (503, {"error": "busy"})
    assert not (await backend.health()).ok
    assert await backend.capabilities() == before


@pytest.mark.parametrize(
    ("facts", "modalities", "entry", "sees"),
    [
        ({}, None, {}, False),
        ({}, {"vision": True, "audio": False}, {}, True),
        ({}, {"vision": False, "audio": True}, {}, False),
        ({}, {"vision": True, "audio": False}, {"vision": False}, False),
        ({}, None, {"vision": True}, True),
        ({"architecture": {"input_modalities": ["text", "image"]}}, None, {}, True),
        ({"modalities": {"input": ["text", "image"], "output": ["text"]}}, None, {}, True),
        ({"capabilities": ["completion", "multimodal"]}, None, {}, True),
        ({"capabilities": ["completion"]}, None, {}, False),
        ({"capabilities": {"completion_chat": True, "vision": True}}, None, {}, True),
        ({"modalities": "text", "architecture": "clip", "capabilities": None}, None, {}, False),
    ],
)
async def test_whether_it_sees_is_told_by_the_server_or_by_the_entry(
    server: OpenAIServer, facts: Any, modalities: Any, entry: Any, sees: bool
) -> None:
    server.modalities, server.model_facts = modalities, facts
    backend = make(server.base, **entry)
    try:
        assert (await backend.capabilities()).vision is sees
    finally:
        await backend.aclose()
