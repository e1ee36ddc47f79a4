"""Models that an Ollama server runs.

    team: {backend: ollama, url: "http://127.0.0.1:11434", model: "llama3.1:8b", context: 8192}

`num_ctx` and `keep_alive` go with every request, since a server left to itself picks a context
that may be far too small or too large. Its API: `docs/api.md` of the Ollama project.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any

import httpx
import ollama
from pydantic import Field

from backends.base import (
    Backend,
    Capabilities,
    ChatMessage,
    ChatRequest,
    Chunk,
    Embeddings,
    Engine,
    EngineContext,
    Health,
    Progress,
    ToolCall,
)
from backends.chat_marks import ChatMarkEscaper
from backends.embeddings import unit_rows
from backends.errors import BackendError, BackendProtocolError, ContextOverflow, InvalidRequest
from backends.notations.thoughts import Thinking
from backends.ollama.errors import CLIENT_ERRORS, translate_error
from backends.ollama.wire import (
    message_to_json,
    model_spellings,
    parse_count,
    parse_finish,
    parse_usage,
    read_sampling,
    tool_to_json,
)
from backends.pool.request_validation import check_request
from backends.pool.spec import Seconds
from backends.remote import (
    Address,
    RemoteOptions,
    TokenEstimator,
    Url,
    deadline_at,
    wait_bounded,
    watch_stream,
)

_METADATA_TIMEOUT_S = 5.0
"""Patience with questions that need no model."""


class OllamaOptions(RemoteOptions):
    """Keys of a model with `backend: ollama`. `context` is sent as `num_ctx`, in tokens.

    `keep_alive`: how long the model stays in memory after an answer; -1 is for ever. `parallel`
    should be the server's `OLLAMA_NUM_PARALLEL`.
    """

    url: Url = Field(default="http://127.0.0.1:11434", repr=False)
    parallel: int = Field(default=4, ge=1, le=1_024)
    model: str = Field(min_length=1)
    context: int = Field(default=4_096, ge=128)
    keep_alive: Seconds = 300.0
    thinking: Thinking = "auto"
    options: Mapping[str, Any] = Field(default_factory=dict)
    first_byte_s: Annotated[Seconds, Field(gt=0)] = 600.0


@dataclass(frozen=True, slots=True)
class PullProgress:
    """How far a download is: bytes done and bytes in all, 0 where the server does not say."""

    status: str
    completed: int = 0
    total: int = 0


class OllamaBackend:
    """One model of one Ollama server."""

    def __init__(self, name: str, options: OllamaOptions, context: EngineContext) -> None:
        self.name = name
        self.parallel = options.parallel
        self.resident: bool | None = None
        self._options = options
        self._address = Address.parse(options.url)
        self._source = f"The Ollama server at {self._address.display_name}"
        self._client = create_client(
            options.url, _read_api_key(options, context), options.connect_s
        )
        self._guess = TokenEstimator()
        self._marks = ChatMarkEscaper()

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        await check_request(request, vision=True)
        if request.sampling.logit_bias:
            raise InvalidRequest("Ollama offers no logit bias.")
        ends = deadline_at(request.deadline_s)
        over = self._guess.surely_exceeds(request.messages, self._options.context)
        if over is not None:  # the server would cut the prompt without a word
            raise ContextOverflow(over, self._options.context)
        try:
            async with aclosing(self._stream(request, ends)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except CLIENT_ERRORS as error:
            raise self._translated(error) from error

    async def _stream(self, request: ChatRequest, ends: float) -> AsyncGenerator[Chunk, None]:
        if self.resident is False:
            yield Chunk(progress=Progress("loading"))
        messages = self._marks.escape_messages(request.messages)
        thinks = self._options.thinking != "off" and messages[-1].role != "assistant"
        parts = await self._client.chat(
            self._options.model,
            [message_to_json(each, messages) for each in messages],
            tools=[tool_to_json(tool) for tool in request.tools] or None,
            stream=True,
            think=None if thinks else False,
            format=dict(request.sampling.json_schema) if request.sampling.json_schema else None,
            options=self._sampling(request),
            keep_alive=self._options.keep_alive,
        )
        calls: list[ToolCall] = []
        heard = watch_stream(
            parts,
            first_s=self._options.first_byte_s,
            between_s=self._options.silence_s,
            ends=ends,
            source=self._source,
        )
        async with aclosing(heard):
            async for part in heard:
                self.resident = True
                if part.message.thinking:
                    yield Chunk(thinking=part.message.thinking)
                if part.message.content:
                    yield Chunk(text=part.message.content)
                for call in part.message.tool_calls or ():
                    made = ToolCall(
                        f"call_{len(calls)}", call.function.name, dict(call.function.arguments)
                    )
                    calls.append(made)
                    yield Chunk(tool_calls=(made,))
                if part.done:
                    usage = parse_usage(part)
                    self._guess.learn(request.messages, usage.prompt_tokens)
                    yield Chunk(finish=parse_finish(part.done_reason, calls), usage=usage)
                    return
        raise BackendProtocolError(f"{self._source} ended its answer without saying that it did.")

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        options = self._options
        try:
            if not texts:
                able = await self.capabilities()
                return unit_rows([[0.0] * able.dimension], 0, self._source)
            answer = await wait_bounded(
                self._client.embed(
                    options.model,
                    list(texts),
                    truncate=True,
                    options={"num_ctx": options.context, **options.options},
                    keep_alive=options.keep_alive,
                ),
                options.first_byte_s,
                float("inf"),
                self._source,
            )
        except CLIENT_ERRORS as error:
            raise self._translated(error) from error
        self.resident = True
        return unit_rows(answer.embeddings, len(texts), self._source)

    async def count(self, messages: Sequence[ChatMessage]) -> int:
        """Estimate tokens, since the server has no tokenizer; every answer improves the
        estimate.
        """
        return self._guess.count(messages)

    async def capabilities(self) -> Capabilities:
        try:
            shown = await self._look(self._client.show(self._options.model))
        except CLIENT_ERRORS as error:
            raise self._translated(error) from error
        self._marks = ChatMarkEscaper(shown.template or "")
        facts = shown.modelinfo or {}
        family = str(facts.get("general.architecture") or (shown.details and shown.details.family))
        self._guess.family = family
        able = shown.capabilities or ["completion"]  # an older server does not say
        trained = parse_count(facts.get(f"{family}.context_length"))
        embeds = "embedding" in able
        return Capabilities(
            context=min(self._options.context, trained or self._options.context),
            chat="completion" in able,
            embed=embeds,
            dimension=parse_count(facts.get(f"{family}.embedding_length")) if embeds else 0,
            tools="tools" in able,
            thinking="thinking" in able,
            vision="vision" in able,
            continues="completion" in able,
            json_schema="completion" in able,
            template=shown.template or "",
            family=family,
            parameters=parse_count(facts.get("general.parameter_count")),
            sampling=read_sampling(shown.parameters or "", self._options.options),
        )

    async def health(self) -> Health:
        try:
            listed = await self._look(self._client.list())
            known = {model.model for model in listed.models if model.model}
            if not known & model_spellings(self._options.model):
                missing = ollama.ResponseError("not found", 404)
                return Health(False, str(self._translated(missing)), resident=False)
            running = await self._look(self._client.ps())
        except CLIENT_ERRORS as error:
            return Health(False, str(self._translated(error)))
        except BackendError as error:
            return Health(False, str(error))
        names = {name for model in running.models for name in (model.model, model.name) if name}
        self.resident = bool(names & model_spellings(self._options.model))
        where = "in memory" if self.resident else "not in memory yet"
        return Health(True, f"{self._source} has {self._options.model}, {where}.", self.resident)

    async def aclose(self) -> None:
        await _close(self._client)

    async def _look(self, awaited: Any) -> Any:
        return await wait_bounded(awaited, _METADATA_TIMEOUT_S, float("inf"), self._source)

    def _translated(self, error: Exception) -> BackendError:
        return translate_error(error, self._source, self._options.model)

    def _sampling(self, request: ChatRequest) -> dict[str, Any]:
        asked = request.sampling
        given = {
            "temperature": asked.temperature,
            "top_k": asked.top_k,
            "top_p": asked.top_p,
            "min_p": asked.min_p,
            "repeat_penalty": asked.repeat_penalty,
            "frequency_penalty": asked.frequency_penalty,
            "presence_penalty": asked.presence_penalty,
            "seed": asked.seed,
            "stop": list(asked.stop) or None,
        }
        return {
            **self._options.options,
            "num_ctx": self._options.context,
            "num_predict": asked.answer_tokens,
            **{key: value for key, value in given.items() if value is not None},
        }


async def pull_model(
    name: str, url: str = "http://127.0.0.1:11434", api_key: str | None = None
) -> AsyncGenerator[PullProgress, None]:
    """Make a server download a model of its library, and yield the progress.

    Closing the generator stops it. Raises a `BackendError`.
    """
    source = f"The Ollama server at {Address.parse(url).display_name}"
    client = create_client(url, api_key, 5.0)
    try:
        parts = await client.pull(name, stream=True)
        heard = watch_stream(parts, first_s=60.0, between_s=120.0, ends=float("inf"), source=source)
        async with aclosing(heard):
            async for part in heard:
                yield PullProgress(part.status or "", part.completed or 0, part.total or 0)
    except CLIENT_ERRORS as error:
        raise translate_error(error, source, name, pulling=True) from error
    finally:
        await _close(client)


def create_client(url: str, api_key: str | None, connect_s: float) -> ollama.AsyncClient:
    """Return a client without retries or proxy, and with our own timeouts only."""
    address = Address.parse(url)
    return ollama.AsyncClient(
        host=address.url,
        timeout=httpx.Timeout(None, connect=connect_s),
        trust_env=False,
        verify=address.url.startswith("https:"),  # else reading certificates would be idle work
        auth=address.login,
        headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
    )


async def _close(client: ollama.AsyncClient) -> None:
    await client.close()  # type: ignore[no-untyped-call]  # the client's own is not annotated


def _read_api_key(options: RemoteOptions, context: EngineContext) -> str | None:
    return context.secret(options.api_key_env) if options.api_key_env else None


def _create(name: str, options: OllamaOptions, context: EngineContext) -> Backend:
    return OllamaBackend(name, options, context)


ENGINE = Engine("ollama", OllamaOptions, _create)
