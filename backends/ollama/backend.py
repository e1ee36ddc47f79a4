"""Models that an Ollama server runs.

    team: {backend: ollama, url: "http://127.0.0.1:11434", model: "llama3.1:8b", context: 8192}

`num_ctx` and `keep_alive` go with every request, since a server left to itself picks a context
that may be far too small or too large. Its API: `docs/api.md` of the Ollama project.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import httpx
import ollama

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
from backends.bounded_http import create_http_client
from backends.chat_marks import ChatMarkEscaper
from backends.embeddings import unit_rows
from backends.errors import BackendError, BackendProtocolError, ContextOverflow, InvalidRequest
from backends.event_stream import Json, read_json_lines
from backends.ollama.client import authorization, close_client, create_client
from backends.ollama.errors import CLIENT_ERRORS, translate_error
from backends.ollama.options import OllamaOptions
from backends.ollama.wire import (
    build_chat_body,
    build_options,
    is_cut_count,
    model_spellings,
    parse_count,
    parse_finish,
    parse_message,
    parse_usage,
    read_sampling,
)
from backends.pool.request_validation import check_request
from backends.remote import (
    METADATA_TIMEOUT_S,
    Address,
    deadline_at,
    hide_secrets,
    wait_bounded,
    watch_stream,
)
from backends.token_estimate import TokenEstimator

_log = logging.getLogger(__name__)


class OllamaBackend:
    """One model of one Ollama server."""

    def __init__(self, name: str, options: OllamaOptions, context: EngineContext) -> None:
        self.name = name
        self.parallel = options.parallel
        self.resident: bool | None = None
        self._options = options
        self._address = Address.parse(options.url)
        self._source = f"The Ollama server at {self._address.display_name}"
        self._key = options.read_key(context)
        self._client = create_client(options.url, self._key, options.connect_s)
        self._http = create_http_client(
            self._address.url,
            timeout=httpx.Timeout(None, connect=options.connect_s),
            headers=authorization(self._key),
            base_url=self._address.url,
            auth=self._address.login,
        )
        """For chats: their streams are read here, and bounded."""
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
        except (BackendError, *CLIENT_ERRORS) as error:
            failure = self._translated(error, request)
            if failure is error:
                raise
            raise failure from error

    async def _stream(self, request: ChatRequest, ends: float) -> AsyncGenerator[Chunk, None]:
        if self.resident is False:
            yield Chunk(progress=Progress("loading"))
        messages = self._marks.escape_messages(request.messages)
        thinks = self._options.thinking != "off" and messages[-1].role != "assistant"
        body = build_chat_body(
            self._options.model,
            messages,
            request,
            think=None if thinks else False,
            options=build_options(request.sampling, self._options),
            keep_alive=self._options.keep_alive,
        )
        began = time.monotonic()
        response = await wait_bounded(
            self._open(body), self._options.first_byte_s, ends, self._source
        )
        heard = watch_stream(
            read_json_lines(response.aiter_bytes()),
            first_s=max(0.001, self._options.first_byte_s - (time.monotonic() - began)),
            between_s=self._options.silence_s,
            ends=ends,
            source=self._source,
        )
        calls: list[ToolCall] = []
        try:
            async with aclosing(heard):
                async for part in heard:
                    if part.get("error"):
                        raise ollama.ResponseError(str(part["error"]))
                    self.resident = True
                    text, thought, made = parse_message(part, len(calls))
                    calls += made
                    for chunk in _chunks(text, thought, made):
                        yield chunk
                    if part.get("done"):
                        yield self._end(request, part, calls)
                        return
        finally:
            await response.aclose()
        raise BackendProtocolError(f"{self._source} ended its answer without saying that it did.")

    async def _open(self, body: Mapping[str, Any]) -> httpx.Response:
        """Begin a chat. Raises `ollama.ResponseError` if it is refused."""
        sent = self._http.build_request("POST", "/api/chat", json=body)
        response = await self._http.send(sent, stream=True)
        if response.status_code == 200:
            return response
        try:
            await response.aread()
            raise ollama.ResponseError(response.text, response.status_code)
        finally:
            await response.aclose()

    def _end(self, request: ChatRequest, part: Json, calls: Sequence[ToolCall]) -> Chunk:
        """Return the last chunk; learn from its counts."""
        usage = parse_usage(part)
        counted, context = usage.prompt_tokens, self._options.context
        expected = self._guess.count(request.messages)
        cut = is_cut_count(counted, context, expected)
        if cut:
            _log.warning(
                "ollama.prompt_cut model=%s context=%d expected_tokens=%d counted_tokens=%d",
                self.name,
                context,
                expected,
                counted,
            )
        elif not request.tools:
            self._guess.learn(request.messages, counted)
        usage = replace(usage, prompt_tokens=counted or expected)
        return Chunk(finish=parse_finish(part, calls), usage=usage, prompt_cut=cut)

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
        await asyncio.gather(close_client(self._client), self._http.aclose())

    async def _look(self, awaited: Any) -> Any:
        return await wait_bounded(awaited, METADATA_TIMEOUT_S, float("inf"), self._source)

    def _translated(self, error: Exception, request: ChatRequest | None = None) -> BackendError:
        """Return the backend error, with the numbers of an overflow if the server gave none."""
        if not isinstance(error, BackendError):
            error = translate_error(error, self._source, self._options.model)
        if isinstance(error, ContextOverflow) and not error.limit and request is not None:
            limit = self._options.context
            error = ContextOverflow(max(self._guess.count(request.messages), limit + 1), limit)
        return hide_secrets(error, self._key, *(self._address.login or ())[1:])


def _chunks(text: str, thought: str, calls: tuple[ToolCall, ...]) -> Iterator[Chunk]:
    """Yield the chunks of one part of a stream: the one way from the wire to people."""
    if thought:
        yield Chunk(thinking=thought)
    if text:
        yield Chunk(text=text)
    for call in calls:
        yield Chunk(tool_calls=(call,))


def _create(name: str, options: OllamaOptions, context: EngineContext) -> Backend:
    return OllamaBackend(name, options, context)


ENGINE = Engine("ollama", OllamaOptions, _create)
