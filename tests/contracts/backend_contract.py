"""What every engine owes its callers, as tests that each engine's own module subclasses.

    class TestOllama(BackendContract):
        embeds = True

        @pytest.fixture
        async def backend(self, ollama_server):
            backend = OllamaBackend(...)
            yield backend
            await backend.aclose()

        @pytest.fixture
        async def missing_backend(self, ollama_server): ...   # its model does not exist

A subclass gives the fixtures `backend` and `missing_backend` (and `down_backend`, where the engine
is something that can be unreachable), says what the engine can do in the class attributes, and
overrides a `*_request` method where the default question does not suit it. Answers must be
deterministic for `Sampling(temperature=0, seed=7)`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest

from backends.base import (
    COPIES_NOTHING,
    Backend,
    ChatMessage,
    ChatRequest,
    FinishReason,
    Picture,
    Progress,
    Sampling,
    Usage,
)
from backends.errors import (
    BackendUnavailable,
    ContextOverflow,
    DeadlineExceeded,
    InvalidRequest,
    ModelNotFound,
)
from tests.until import PATIENCE_S, until

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
)
"""A PNG of one pixel, in base64."""
UNICODE = "naïve 🦙 日本語 👩‍🚀"
"""Characters of one to four bytes, and one made of several code points."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A stream, drained: its pieces in order and what its last chunk said."""

    pieces: tuple[str, ...]
    finish: FinishReason
    usage: Usage
    progress: tuple[Progress, ...]

    @property
    def text(self) -> str:
        return "".join(self.pieces)


async def ask(backend: Backend, request: ChatRequest) -> Answer:
    """Drain one answer, checking that only its last chunk ends it."""
    pieces: list[str] = []
    progress: list[Progress] = []
    end: tuple[FinishReason, Usage] | None = None
    async with aclosing(backend.chat(request)) as stream:
        async for chunk in stream:
            assert end is None, "a chunk came after the one that ended the stream"
            if chunk.progress is not None:
                assert not pieces, "progress after text"
                progress.append(chunk.progress)
            if chunk.text:
                pieces.append(chunk.text)
            if chunk.finish is not None:
                assert chunk.usage is not None, "the last chunk has no usage"
                end = (chunk.finish, chunk.usage)
    assert end is not None, "the stream ended without a finish reason"
    return Answer(tuple(pieces), end[0], end[1], tuple(progress))


def prompt(text: str, **sampling: Any) -> ChatRequest:
    """A one-message request, greedy and seeded unless told otherwise."""
    options: dict[str, Any] = {"temperature": 0.0, "seed": 7, "max_tokens": 24, **sampling}
    return ChatRequest((ChatMessage("user", text),), Sampling(**options), person="ada")


class BackendContract:
    """The cases. See the module's docstring for what a subclass provides."""

    chats: ClassVar[bool] = True
    embeds: ClassVar[bool] = False
    honours_stop: ClassVar[bool] = True
    honours_json_schema: ClassVar[bool] = True
    knows_its_context: ClassVar[bool] = True
    counts_exactly: ClassVar[bool] = False
    callers: ClassVar[int] = 4

    # -- what a subclass may override ------------------------------------------------------------

    def request(self) -> ChatRequest:
        """A question whose answer is at least eight words long."""
        return prompt("Tell me a long story about a lighthouse keeper.")

    def endless_request(self) -> ChatRequest:
        """A question whose answer goes on for long enough to be cancelled in mid-stream."""
        return prompt("Write a very long story about the sea.", max_tokens=400)

    def unicode_request(self) -> tuple[ChatRequest, str]:
        """A question, and a text of many-byte characters that its answer must contain."""
        return prompt("Say it.", json_schema={"const": UNICODE}, max_tokens=80), UNICODE

    def overflowing_request(self, context: int) -> ChatRequest:
        """A prompt that does not fit in `context` tokens."""
        return prompt("overflow " * (context + 64))

    # -- streams ---------------------------------------------------------------------------------

    async def test_stream_equals_whole(self, backend: Backend) -> None:
        if not self.chats:
            pytest.skip("an engine that does not chat")
        first, second = await ask(backend, self.request()), await ask(backend, self.request())
        assert first.text
        assert first.text == second.text
        assert len(first.pieces) > 1, "the answer came in one piece: that is not a stream"
        assert "" not in first.pieces

    async def test_usage_counts_the_answer(self, backend: Backend) -> None:
        if not self.chats:
            pytest.skip("an engine that does not chat")
        answer = await ask(backend, self.request())
        assert answer.usage.prompt_tokens > 0
        assert 0 < answer.usage.completion_tokens <= self.request().sampling.answer_tokens
        assert 0 <= answer.usage.cached_tokens <= answer.usage.prompt_tokens
        assert answer.usage.decode_s >= 0
        assert answer.usage.prefill_s >= 0

    async def test_max_tokens_ends_with_length(self, backend: Backend) -> None:
        if not self.chats:
            pytest.skip("an engine that does not chat")
        request = self.request()
        answer = await ask(
            backend, replace(request, sampling=replace(request.sampling, max_tokens=3))
        )
        assert answer.finish == "length"
        assert answer.usage.completion_tokens <= 3

    async def test_a_stop_string_ends_the_answer_before_it(self, backend: Backend) -> None:
        if not (self.chats and self.honours_stop):
            pytest.skip("an engine without stop strings")
        request = self.request()
        whole = (await ask(backend, request)).text
        words = whole.split()
        stop = f"{words[3]} {words[4]}"  # spans a token's border, so part of it must be held back
        answer = await ask(
            backend, replace(request, sampling=replace(request.sampling, stop=(stop,)))
        )
        assert answer.text == whole[: whole.index(stop)]
        assert answer.finish == "stop"

    async def test_no_character_is_torn_between_pieces(self, backend: Backend) -> None:
        if not self.chats:
            pytest.skip("an engine that does not chat")
        request, wanted = self.unicode_request()
        answer = await ask(backend, request)
        assert wanted in answer.text
        assert all("\ufffd" not in piece for piece in answer.pieces)

    # -- callers ---------------------------------------------------------------------------------

    async def test_concurrent_callers_each_get_their_own_answer(self, backend: Backend) -> None:
        if not self.chats:
            pytest.skip("an engine that does not chat")
        requests = [
            replace(self.request(), conversation=f"c{n}", person=f"p{n}")
            for n in range(self.callers)
        ]
        answers = await asyncio.gather(*(ask(backend, request) for request in requests))
        assert all(answer.text for answer in answers)
        assert all(answer.finish in ("stop", "length") for answer in answers)

    async def test_closing_the_stream_frees_the_engine(self, backend: Backend) -> None:
        if not self.chats:
            pytest.skip("an engine that does not chat")
        async with aclosing(backend.chat(self.endless_request())) as stream:
            async for chunk in stream:
                if chunk.text:
                    break
        await self.idle(backend)
        assert (await ask(backend, self.request())).text

    async def test_cancelling_the_task_frees_the_engine(self, backend: Backend) -> None:
        if not self.chats:
            pytest.skip("an engine that does not chat")
        started = asyncio.Event()

        async def read() -> None:
            async with aclosing(backend.chat(self.endless_request())) as stream:
                async for chunk in stream:
                    if chunk.text:
                        started.set()

        task = asyncio.create_task(read())
        await asyncio.wait_for(started.wait(), PATIENCE_S)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await self.idle(backend)
        assert (await ask(backend, self.request())).text

    async def use(self, backend: Backend) -> None:
        """Ask it for whatever it is for."""
        if self.chats:
            await ask(backend, self.request())
        else:
            await backend.embed(["hello"])

    @staticmethod
    async def idle(backend: Backend) -> None:
        """Wait until no slot is busy."""
        await until(
            backend.health,
            "no slot is busy after its stream was closed",
            fits=lambda found: not found.slots_busy,
        )

    # -- bad input -------------------------------------------------------------------------------

    async def test_context_overflow_says_both_numbers(self, backend: Backend) -> None:
        if not (self.chats and self.knows_its_context):
            pytest.skip("an engine that does not know its context")
        context = (await backend.capabilities()).context
        assert context > 0
        with pytest.raises(ContextOverflow) as caught:
            await ask(backend, self.overflowing_request(context))
        assert caught.value.limit > 0
        assert caught.value.tokens > caught.value.limit
        assert f"{caught.value.tokens:,}" in str(caught.value)
        assert f"{caught.value.limit:,}" in str(caught.value)

    @pytest.mark.parametrize("max_tokens", [0, -1])
    async def test_max_tokens_below_one_is_refused(self, backend: Backend, max_tokens: int) -> None:
        if not self.chats:
            pytest.skip("an engine that does not chat")
        with pytest.raises(InvalidRequest):
            await ask(backend, prompt("hello", max_tokens=max_tokens))

    async def test_an_empty_stop_string_is_refused(self, backend: Backend) -> None:
        if not self.chats:
            pytest.skip("an engine that does not chat")
        with pytest.raises(InvalidRequest):
            await ask(backend, prompt("hello", stop=("",)))

    async def test_an_invalid_json_schema_is_refused(self, backend: Backend) -> None:
        if not (self.chats and self.honours_json_schema):
            pytest.skip("an engine without JSON schemas")
        with pytest.raises(InvalidRequest):
            await ask(backend, prompt("hello", json_schema={"type": "no such type"}))

    async def test_an_answer_is_held_to_copied_text_or_the_request_is_refused(
        self, backend: Backend
    ) -> None:
        if not self.chats:
            pytest.skip("an engine that does not chat")
        text = "The lamp burns oil. It is lit at dusk."
        asked = prompt(f"{text} What does it burn?", copy_from=(text,), max_tokens=20)
        if not (await backend.capabilities()).copies:
            with pytest.raises(InvalidRequest):
                await ask(backend, asked)
            return
        said = (await ask(backend, asked)).text
        assert said == COPIES_NOTHING or all(line in text for line in said.splitlines())

    async def test_pictures_are_counted_and_taken_or_the_request_is_refused(
        self, backend: Backend
    ) -> None:
        if not self.chats:
            pytest.skip("an engine that does not chat")
        asked = prompt("What is it?", max_tokens=5)
        (blind,) = asked.messages[-1:]
        sees = replace(blind, pictures=(Picture(PIXEL, "image/png", 280, 280),))
        try:
            await ask(backend, replace(asked, messages=(*asked.messages[:-1], sees)))
        except InvalidRequest:
            assert not (await backend.capabilities()).vision
            return
        assert await backend.count([sees]) >= await backend.count([blind]) + 64

    async def test_a_deadline_that_has_passed_is_an_error(self, backend: Backend) -> None:
        if not self.chats:
            pytest.skip("an engine that does not chat")
        with pytest.raises(DeadlineExceeded):
            await ask(backend, replace(self.endless_request(), deadline_s=0.0))
        await self.idle(backend)

    # -- embeddings and counting -----------------------------------------------------------------

    async def test_embeddings_are_unit_vectors(self, backend: Backend) -> None:
        if not self.embeds:
            with pytest.raises(InvalidRequest):
                await backend.embed(["hello"])
            return
        texts: Sequence[str] = ["a lighthouse", "the sea", "a lighthouse"]
        vectors = await backend.embed(texts)
        assert vectors.dtype == np.float32
        assert vectors.shape[0] == len(texts)
        assert vectors.shape[1] == (await backend.capabilities()).dimension
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-4)
        np.testing.assert_allclose(vectors[0], vectors[2], atol=1e-4)
        assert (await backend.embed([])).shape[0] == 0

    async def test_count_grows_with_the_prompt(self, backend: Backend) -> None:
        if not self.chats:
            pytest.skip("an engine that does not chat")
        messages = self.request().messages
        short = await backend.count(messages)
        assert 0 < short < await backend.count(messages * 3)
        if self.counts_exactly:
            assert short == (await ask(backend, self.request())).usage.prompt_tokens

    async def test_capabilities_say_what_it_can_do(self, backend: Backend) -> None:
        capabilities = await backend.capabilities()
        assert capabilities.chat is self.chats
        assert capabilities.embed is self.embeds

    # -- up and down -----------------------------------------------------------------------------

    async def test_health_of_a_live_engine_is_ok(self, backend: Backend) -> None:
        assert (await backend.health()).ok

    async def test_a_missing_model_is_named_and_unhealthy(self, missing_backend: Backend) -> None:
        with pytest.raises(ModelNotFound) as caught:
            await self.use(missing_backend)
        assert str(caught.value)
        assert "\n" not in str(caught.value)
        assert not (await missing_backend.health()).ok

    @pytest.fixture
    def down_backend(self) -> Backend | None:
        """A backend whose engine cannot be reached; None where that cannot happen."""
        return None

    async def test_an_unreachable_engine_is_unavailable(self, down_backend: Backend | None) -> None:
        if down_backend is None:
            pytest.skip("an engine that lives in this process")
        health = await down_backend.health()
        assert not health.ok
        assert health.detail
        with pytest.raises(BackendUnavailable):
            await self.use(down_backend)

    async def test_closing_twice_is_harmless(self, missing_backend: Backend) -> None:
        await missing_backend.aclose()
        await missing_backend.aclose()
