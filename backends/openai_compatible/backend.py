"""Models behind an OpenAI-compatible `/v1`: llama-server, llamafile, vLLM, LM Studio and others.

    team: {backend: openai_compatible, url: "http://127.0.0.1:8080/v1", model: "llama-3.1-8b"}
    mine: {backend: openai_compatible, command: ["./model.llamafile", "--server", "--nobrowser"]}

With `command` the server is started on a free port of this machine, watched, and stopped again.
What only some servers offer (`/health`, `/props`, `/slots`, `/tokenize`, timings) is used where
it is there and missed nowhere.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import httpx
import openai

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
)
from backends.embeddings import unit_rows
from backends.errors import (
    BackendError,
    ContextOverflow,
    InvalidRequest,
)
from backends.event_stream import EventReader
from backends.notations.thoughts import (
    TEMPLATE_THINKING_SWITCHES,
    THINKING_TAGS,
    is_thinking_template,
)
from backends.openai_compatible.dialect import Dialect
from backends.openai_compatible.errors import CLIENT_ERRORS, translate_error
from backends.openai_compatible.options import OpenAICompatibleOptions
from backends.openai_compatible.probe import Connection
from backends.openai_compatible.wire import CONTINUING_SERVERS, StreamAssembler
from backends.pool.request_validation import check_pictures, check_request
from backends.remote import deadline_at, hide_secrets, wait_bounded, watch_stream
from backends.token_estimate import TokenEstimator
from backends.worker.server_process import ServerProcess

__all__ = ["ENGINE", "OpenAICompatibleBackend", "OpenAICompatibleOptions"]


class OpenAICompatibleBackend:
    """One model of one server."""

    def __init__(self, name: str, options: OpenAICompatibleOptions, context: EngineContext) -> None:
        self.name = name
        self.parallel = options.parallel or 4
        self._options = options
        self._key = options.read_key(context)
        self._process = (
            ServerProcess(options.command, ready_s=options.ready_s) if options.command else None
        )
        self._connection: Connection | None = None
        self._connecting = asyncio.Lock()
        self._guess = TokenEstimator()
        self._dialect = Dialect(options.extra)
        self._busy = 0

    @property
    def slots_known(self) -> bool:
        """Whether `parallel` is what the operator or the server says, and not a guess."""
        told = self._connection.properties.slots if self._connection is not None else 0
        return bool(self._options.parallel or told)

    @property
    def may_hide_thoughts(self) -> bool:
        """Whether its answers may begin with thoughts without a mark that says so."""
        options, connection = self._options, self._connection
        template = connection.properties.template if connection is not None else ""
        can_think = not template or is_thinking_template(template)
        return can_think and options.thinking != "off" and not options.starts_thinking

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        await check_request(request, vision=True)  # whether it sees, its server may have to tell
        if not self._options.chat:
            raise InvalidRequest(f"The model {self.name!r} is for embeddings only.")
        ends = deadline_at(request.deadline_s)
        if self._process is not None and not self._process.ready:
            yield Chunk(progress=Progress("loading"))
        connection = await wait_bounded(
            self._connect(), self._options.ready_s, ends, f"The server of {self.name!r}"
        )
        self._busy += 1
        try:
            async with aclosing(self._answer(connection, request, ends)) as chunks:
                async for chunk in chunks:
                    yield chunk
        finally:
            self._busy -= 1

    async def _answer(
        self, connection: Connection, request: ChatRequest, ends: float
    ) -> AsyncGenerator[Chunk, None]:
        began = time.monotonic()
        try:
            await self._check_model(connection)
            check_pictures(request, vision=self._sees(connection))
            marks = connection.properties.marks
            request = replace(request, messages=marks.escape_messages(request.messages))
            response = await self._open(connection, request, ends)
            reader = EventReader(response.aiter_bytes(), response.headers.get("content-type", ""))
            heard = watch_stream(
                reader.events(),
                first_s=max(0.001, self._options.first_byte_s - (time.monotonic() - began)),
                between_s=self._options.silence_s,
                ends=ends,
                source=connection.source,
            )
            assembly = StreamAssembler(
                connection.source, begins_with=self._lead(request), tools=bool(request.tools)
            )
            try:
                async with aclosing(heard):
                    async for event in heard:
                        chunk = assembly.take(event)
                        if chunk is not None:
                            yield chunk
            finally:
                await response.aclose()
            if not assembly.pieces and assembly.finish is None:
                await self._refuse_overflow(connection, request)
            if assembly.usage is not None and not request.tools:
                self._guess.learn(request.messages, assembly.usage.prompt_tokens)
            for chunk in assembly.end(self._guess.count(request.messages), ended=reader.ended):
                yield chunk
        except (BackendError, *CLIENT_ERRORS) as error:
            failure = await self._translated(error, connection, request)
            if failure is error:
                raise
            raise failure from error

    async def _open(
        self, connection: Connection, request: ChatRequest, ends: float
    ) -> httpx.Response:
        """Open the stream of an answer; ask again without what the server refuses of a request."""
        while True:
            body = self._dialect.build(request, self._extra(connection, request))
            try:
                return await self._create(connection, body, ends)
            except openai.APIStatusError as error:
                if not self._dialect.learn(error, body):
                    raise

    def _extra(self, connection: Connection, request: ChatRequest) -> dict[str, Any]:
        """The keys of a request body that are not OpenAI's."""
        quiet: dict[str, Any] = {}
        goes_on = request.messages[-1].role == "assistant"
        if self._options.thinking == "off" or goes_on:
            quiet = {"chat_template_kwargs": dict(TEMPLATE_THINKING_SWITCHES)}
        if goes_on:
            quiet |= CONTINUING_SERVERS.get(connection.properties.owner, {})
        return {**quiet, **self._options.extra}

    async def _create(
        self, connection: Connection, body: dict[str, Any], ends: float
    ) -> httpx.Response:
        raw = await wait_bounded(
            connection.client.chat.completions.with_raw_response.create(
                model=connection.model, **body
            ),
            self._options.first_byte_s,
            ends,
            connection.source,
        )
        response: httpx.Response = raw.http_response
        return response

    def _lead(self, request: ChatRequest) -> str:
        options = self._options
        starts = options.starts_thinking and options.thinking != "off"
        return THINKING_TAGS[0][0] if starts and request.sampling.json_schema is None else ""

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        if not self._options.embeddings:
            raise InvalidRequest(f"The model {self.name!r} makes no embeddings.")
        connection = await self._connect()
        try:
            await self._check_model(connection)
            answer = await wait_bounded(
                connection.client.embeddings.create(
                    model=connection.model, input=list(texts) or [""], encoding_format="float"
                ),
                self._options.first_byte_s,
                float("inf"),
                connection.source,
            )
            rows = [entry.embedding for entry in sorted(answer.data, key=lambda one: one.index)]
        except CLIENT_ERRORS as error:
            raise self._failure(error, connection) from error
        return unit_rows(rows, len(texts), connection.source)

    async def count(self, messages: Sequence[ChatMessage]) -> int:
        """Count by the server's own tokenizer if it offers one, else by an estimate that learns."""
        connection = await self._connect()
        counted = await connection.count(messages)
        return self._guess.count(messages) if counted is None else counted

    async def capabilities(self) -> Capabilities:
        connection = await self._connect()
        try:
            await self._check_model(connection)
        except CLIENT_ERRORS as error:
            raise self._failure(error, connection) from error
        options, properties = self._options, connection.properties
        dimension = options.dimension
        if options.embeddings and not dimension:
            dimension = int((await self.embed(["dimension"])).shape[1])
        return Capabilities(
            context=options.context or properties.context,
            chat=options.chat,
            embed=options.embeddings,
            dimension=dimension,
            tools=bool(properties.tools if options.tools is None else options.tools),
            json_schema=options.json_schema and options.chat,
            vision=self._sees(connection),
            continues=properties.owner in CONTINUING_SERVERS,
            thinking=options.starts_thinking or is_thinking_template(properties.template),
            template=properties.template,
            family=connection.model,
            parameters=properties.parameters,
        )

    def _sees(self, connection: Connection) -> bool:
        told = self._options.vision
        return bool(connection.properties.vision if told is None else told)

    async def health(self) -> Health:
        if self._process is not None and not self._process.ready:
            return Health(self._process.failure is None, self._process.describe(), resident=False)
        try:
            connection = await self._connect()
            health = await connection.health()
        except BackendError as error:
            return Health(False, str(error))
        if health.ok:
            try:
                await self._check_model(connection, again=True)
            except BackendError as error:
                return Health(False, str(error), slots_busy=self._busy)
            except CLIENT_ERRORS as error:
                failure = self._failure(error, connection)
                return Health(False, str(failure), slots_busy=self._busy)
        busy = health.slots_busy if health.slots_busy is not None else self._busy
        return Health(health.ok, health.detail, health.ok, health.slots or self.parallel, busy)

    async def aclose(self) -> None:
        if self._connection is not None:
            await self._connection.aclose()
        if self._process is not None:
            await self._process.aclose()

    async def _connect(self) -> Connection:
        """Return the connection to the server's present address; starts a server that is ours."""
        url = self._options.url if self._process is None else await self._process.url()
        assert url is not None
        async with self._connecting:
            if self._connection is None or self._connection.url != url:
                if self._connection is not None:
                    await self._connection.aclose()
                self._connection = await asyncio.to_thread(  # it reads certificates
                    Connection, url, self._options.model, self._key, self._options.connect_s
                )
            return self._connection

    async def _check_model(self, connection: Connection, *, again: bool = False) -> None:
        await connection.check_model(again=again)
        self.parallel = self._options.parallel or connection.properties.slots or self.parallel
        self._guess.family = connection.model

    async def _refuse_overflow(self, connection: Connection, request: ChatRequest) -> None:
        """Raise `ContextOverflow` for an empty stream, by which some servers mean too long a
        prompt.
        """
        limit = self._options.context or connection.properties.context
        tokens = await connection.count(request.messages)
        if limit and tokens is not None and tokens >= limit:
            raise ContextOverflow(max(tokens, limit + 1), limit)

    async def _translated(
        self, error: Exception, connection: Connection, request: ChatRequest
    ) -> BackendError:
        """Return the translated error, with the numbers of an overflow if the server gave none."""
        failure = self._failure(error, connection)
        if not isinstance(failure, ContextOverflow) or 0 < failure.limit < failure.tokens:
            return failure
        limit = failure.limit or self._options.context or connection.properties.context
        counted = await connection.count(request.messages)
        tokens = counted or self._guess.count(request.messages)
        if tokens <= limit:  # then it is the room for the answer that does not fit
            tokens += request.sampling.answer_tokens
        return ContextOverflow(max(tokens, limit + 1), limit)

    def _failure(self, error: Exception, connection: Connection) -> BackendError:
        """Return the translated error, without the key, which some servers repeat."""
        if not isinstance(error, BackendError):
            error = translate_error(error, connection.source, connection.model)
        return hide_secrets(error, self._key, *(connection.login or ())[1:])


def _create(name: str, options: OpenAICompatibleOptions, context: EngineContext) -> Backend:
    return OpenAICompatibleBackend(name, options, context)


ENGINE: Engine = Engine(
    "openai_compatible",
    OpenAICompatibleOptions,
    _create,
    family_sampling=frozenset({"temperature", "top_p", "frequency_penalty", "presence_penalty"}),
)
