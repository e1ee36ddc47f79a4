"""What goes over the wire to an Ollama server, and what becomes of its failures."""

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
from backends.ollama.backend import OllamaBackend
from backends.ollama.client import PullProgress, pull_model
from backends.ollama.options import OllamaOptions
from tests.fakes.contexts import bare_context
from tests.fakes.ollama import OllamaServer
from tests.fakes.speech import Fault
from tests.until import PATIENCE_S


@pytest.fixture
async def server() -> AsyncIterator[OllamaServer]:
    async with OllamaServer() as server:
        yield server


@pytest.fixture
async def backend(server: OllamaServer) -> AsyncIterator[OllamaBackend]:
    backend = make(server.url)
    yield backend
    await backend.aclose()


def make(url: str, secrets: dict[str, str] | None = None, **options: Any) -> OllamaBackend:
    settings = {"model": "tiny", "context": 512, **options}
    return OllamaBackend("team", OllamaOptions(url=url, **settings), bare_context(secrets))


def request(text: str = "Tell me a story.", **fields: Any) -> ChatRequest:
    fields.setdefault("sampling", Sampling(max_tokens=12))
    return ChatRequest((ChatMessage("user", text),), **fields)


async def chunks(backend: OllamaBackend, asked: ChatRequest | None = None) -> list[Chunk]:
    async with aclosing(backend.chat(asked or request())) as stream:
        return [chunk async for chunk in stream]


async def test_pictures_go_beside_the_text_to_a_model_that_sees(
    server: OllamaServer, backend: OllamaBackend
) -> None:
    assert not (await backend.capabilities()).vision
    server.models["tiny:latest"].append("vision")
    assert (await backend.capabilities()).vision
    blind = await backend.count([ChatMessage("user", "what is it?")])
    said = ChatMessage("user", "what is it?", pictures=(Picture("aGk=", "image/png", 280, 280),))
    assert await backend.count([said]) == blind + 114, "10 rows of 10 squares, and their ends"
    await chunks(backend, ChatRequest((said,), sampling=Sampling(max_tokens=12)))
    assert server.bodies("/api/chat")[0]["messages"] == [
        {"role": "user", "content": "what is it?", "images": ["aGk="]}
    ]
    assert await backend.count([said]) == blind + 114, "it teaches nothing about text"


async def test_it_goes_on_from_the_assistants_words_without_thinking_anew(
    server: OllamaServer, backend: OllamaBackend
) -> None:
    assert (await backend.capabilities()).continues
    begun = ChatMessage("assistant", "Once upon a")
    asked = ChatRequest((ChatMessage("user", "A story."), begun), Sampling(max_tokens=3))
    assert (await chunks(backend, asked))[-1].finish == "length"
    [body] = server.bodies("/api/chat")
    assert body["messages"][-1] == {"role": "assistant", "content": "Once upon a"}
    assert body["think"] is False


async def test_the_context_and_keep_alive_go_with_every_request(server: OllamaServer) -> None:
    backend = make(server.url, keep_alive="10m", options={"num_thread": 2, "num_ctx": 9})
    await chunks(
        backend,
        request(sampling=Sampling(temperature=0.5, top_k=7, seed=1, max_tokens=4, stop=("END",))),
    )
    await backend.aclose()
    (body,) = server.bodies("/api/chat")
    assert body["keep_alive"] == 600
    assert body["options"] == {
        "num_thread": 2,
        "num_ctx": 512,
        "num_predict": 4,
        "temperature": 0.5,
        "top_k": 7,
        "seed": 1,
        "stop": ["END"],
    }
    embedder = make(server.url, model="minilm", keep_alive=-1)
    await embedder.embed(["a"])
    await embedder.aclose()
    (body,) = server.bodies("/api/embed")
    assert (body["keep_alive"], body["options"]) == (-1, {"num_ctx": 512})


async def test_its_durations_become_the_usage(backend: OllamaBackend) -> None:
    usage = (await chunks(backend, request("one two", sampling=Sampling(max_tokens=5))))[-1].usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens) == (3, 5)
    assert (usage.load_s, usage.prefill_s, usage.decode_s) == (2.0, 0.5, 1.0)


async def test_a_tool_is_offered_called_and_its_result_sent_back(
    server: OllamaServer, backend: OllamaBackend
) -> None:
    server.tool_call = {"name": "weather", "arguments": {"city": "Bern"}}
    tool = Tool("weather", "How is it?", {"type": "object", "properties": {"city": {}}})
    got = await chunks(backend, request(tools=(tool,)))
    (call,) = [call for chunk in got for call in chunk.tool_calls]
    assert (call.name, dict(call.arguments)) == ("weather", {"city": "Bern"})
    assert got[-1].finish == "tool_calls"
    messages = (
        ChatMessage("user", "And now?"),
        ChatMessage("assistant", "", tool_calls=(ToolCall("c1", "weather", {"city": "Bern"}),)),
        ChatMessage("tool", "rain", tool_call_id="c1"),
    )
    await chunks(backend, ChatRequest(messages))
    _, body = server.bodies("/api/chat")
    assert body["messages"][1]["tool_calls"][0]["function"]["name"] == "weather"
    assert body["messages"][2] == {"role": "tool", "content": "rain", "tool_name": "weather"}


async def test_residency_is_told_before_and_after(
    server: OllamaServer, backend: OllamaBackend
) -> None:
    before = await backend.health()
    assert (before.ok, before.resident) == (True, False)
    first = await chunks(backend)
    assert first[0].progress is not None
    assert first[0].progress.stage == "loading"
    assert (await backend.health()).resident
    assert all(chunk.progress is None for chunk in await chunks(backend))


async def test_capabilities_are_those_that_the_server_shows(server: OllamaServer) -> None:
    chat = make(server.url, context=100_000)
    able = await chat.capabilities()
    assert (able.context, able.tools, able.embed, able.family) == (8192, True, False, "words")
    await chat.aclose()


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (
            Fault(status=404, body={"error": "model 'x' not found"}),
            ModelNotFound,
            "parlance models",
        ),
        (Fault(status=401, body={"error": "unauthorized"}), BackendUnavailable, "api_key_env"),
        (Fault(status=500, body={"error": "llama runner\nended"}), BackendUnavailable, "ended"),
        (Fault(status=503, body={"error": "server busy"}), BackendBusy, "busy"),
        (Fault(status=503, body="no"), BackendUnavailable, "503"),
        (Fault(status=400, body={"error": "bad option"}), InvalidRequest, "bad option"),
        (Fault(how="garbage"), BackendProtocolError, "sent a web page"),
        (Fault(how="garbage", after=2), BackendProtocolError, "not Ollama's"),
        (Fault(how="drop"), BackendUnavailable, "closed"),
        (Fault(how="drop", after=2), BackendUnavailable, "closed"),
        (Fault(how="end", after=2), BackendProtocolError, "without saying"),
    ],
)
async def test_each_failure_is_one_clear_sentence(
    server: OllamaServer,
    backend: OllamaBackend,
    fault: Fault,
    error: type[BackendError],
    words: str,
) -> None:
    server.faults.append(fault)
    with pytest.raises(error, match=words) as caught:
        await chunks(backend)
    assert "\n" not in str(caught.value)
    assert (await chunks(backend))[-1].finish == "length"


async def test_silence_before_and_within_an_answer_is_a_timeout(server: OllamaServer) -> None:
    backend = make(server.url, first_byte_s=0.3, silence_s=0.3)
    for after in (0, 3):
        server.faults.append(Fault(how="stall", after=after))
        with pytest.raises(BackendTimeout, match="said nothing"):
            await chunks(backend)
    patient = {"first_byte_s": PATIENCE_S, "silence_s": PATIENCE_S}
    backend._options = backend._options.model_copy(update=patient)
    assert (await chunks(backend))[-1].finish is not None
    await backend.aclose()


async def test_a_deadline_ends_an_answer_that_keeps_coming(
    server: OllamaServer, backend: OllamaBackend
) -> None:
    server.pause_s = 0.02
    with pytest.raises(DeadlineExceeded):
        await chunks(backend, request(deadline_s=0.05))


async def test_closing_the_stream_closes_the_connection(
    server: OllamaServer, backend: OllamaBackend
) -> None:
    server.pause_s = 0.2
    async with aclosing(backend.chat(request(sampling=Sampling(max_tokens=400)))) as stream:
        async for chunk in stream:
            if chunk.text:
                break
    await asyncio.wait_for(server.seen[-1].closed.wait(), PATIENCE_S)


async def test_credentials_in_an_address_are_used_and_never_shown(server: OllamaServer) -> None:
    url = server.url.replace("http://", "http://ada:s3cret@")
    backend = make(url)
    await chunks(backend)
    assert server.seen[-1].headers["Authorization"].startswith("Basic ")
    server.faults.append(Fault(status=500, body={"error": "x"}))
    with pytest.raises(BackendUnavailable) as caught:
        await chunks(backend)
    await backend.aclose()
    options = OllamaOptions(url=url, model="m")
    for shown in (str(caught.value), repr(options), repr(backend), (await backend.health()).detail):
        assert "s3cret" not in shown


async def test_a_key_is_taken_from_the_named_variable(server: OllamaServer) -> None:
    backend = make(server.url, {"OLLAMA_KEY": "k-123"}, api_key_env="OLLAMA_KEY")
    await chunks(backend)
    await backend.aclose()
    assert server.seen[-1].headers["Authorization"] == "Bearer k-123"


@pytest.mark.parametrize(
    "url", ["ftp://u:pw@h", "127.0.0.1:11434", "http://h:port", "http://h?key=pw"]
)
def test_a_bad_address_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        OllamaOptions(url=url, model="m")
    assert "pw" not in str(caught.value)


async def test_a_server_that_is_not_there_is_named_with_what_to_do() -> None:
    async with OllamaServer() as gone:
        url = gone.url
    backend = make(url)
    with pytest.raises(BackendUnavailable, match="ollama serve"):
        await chunks(backend)
    await backend.aclose()


async def test_counting_learns_from_what_the_server_counted(backend: OllamaBackend) -> None:
    long = request("word " * 60)
    guess = await backend.count(long.messages)
    await chunks(backend, long)
    learned = await backend.count(long.messages)
    assert abs(learned - 61) < abs(guess - 61)


def words(count: int) -> ChatRequest:
    """A prompt of words of one letter, of which a server of words counts twice as many tokens as
    are usual in English."""
    return request("w " * count)


async def test_a_prompt_that_an_older_server_cut_is_told_and_teaches_nothing(
    server: OllamaServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It counts half of the context and two, which was learnt as 7 bytes a token."""
    server.overflow = "cut"
    backend = make(server.url, context=1_000)
    for _ in range(5):
        assert not (await chunks(backend, words(600)))[-1].prompt_cut
    before = await backend.count(words(900).messages)
    assert (await chunks(backend, words(1_020)))[-1].prompt_cut
    assert "ollama.prompt_cut" in caplog.text
    assert await backend.count(words(900).messages) == before
    with pytest.raises(ContextOverflow):
        await chunks(backend, words(4_000))
    await backend.aclose()


async def test_a_server_that_can_refuse_does_not_cut(server: OllamaServer) -> None:
    server.overflow = "refused"
    backend = make(server.url, context=1_000)
    with pytest.raises(ContextOverflow) as caught:
        await chunks(backend, words(1_200))
    assert (caught.value.tokens, caught.value.limit) == (1_201, 1_000)
    await backend.aclose()


async def test_a_count_of_what_was_not_cached_teaches_nothing_and_is_no_cut(
    server: OllamaServer,
) -> None:
    server.counts = lambda tokens: max(1, tokens // 8)
    backend = make(server.url, context=4_096)
    before = await backend.count(words(3_000).messages)
    for count in (500, 1_000, 2_000, 3_000):
        assert not (await chunks(backend, words(count)))[-1].prompt_cut
    assert await backend.count(words(3_000).messages) == before
    with pytest.raises(ContextOverflow):
        await chunks(backend, words(30_000))
    await backend.aclose()


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        (
            Fault(400, {"error": "the input length exceeds the context length"}),
            ContextOverflow,
            "context holds 512",
        ),
        (
            Fault(429, {"error": "you have reached your weekly usage limit"}),
            BackendUnavailable,
            "weekly usage limit",
        ),
        (Fault(403, {"error": "host is not allowed"}), BackendUnavailable, "host is not allowed"),
    ],
)
async def test_what_ollama_says_of_limits_and_hosts_is_understood(
    server: OllamaServer,
    backend: OllamaBackend,
    fault: Fault,
    kind: type[BackendError],
    says: str,
) -> None:
    server.faults.append(fault)
    with pytest.raises(kind, match=says):
        await chunks(backend)


async def test_pulling_tells_its_progress_and_an_unknown_name_is_said(server: OllamaServer) -> None:
    async with aclosing(pull_model("fresh", server.url)) as steps:
        told = [step async for step in steps]
    assert PullProgress("pulling abc", 50, 100) in told
    assert told[-1].status == "success"
    backend = make(server.url, model="fresh")
    assert (await backend.health()).ok
    await backend.aclose()

    async def pull_nothing() -> None:
        async with aclosing(pull_model("nothing", server.url)) as steps:
            async for _ in steps:
                pass

    with pytest.raises(ModelNotFound, match="no model 'nothing'"):
        await pull_nothing()


async def test_what_ollama_cannot_do_is_refused_before_it_is_asked(
    server: OllamaServer, backend: OllamaBackend
) -> None:
    with pytest.raises(InvalidRequest, match="logit bias"):
        await chunks(backend, request(sampling=Sampling(logit_bias={1: 1.0})))
    assert not server.bodies("/api/chat")
