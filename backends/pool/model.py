"""One model of the pool: its replicas, and the only place where a request is retried."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from backends.base import (
    Backend,
    Capabilities,
    ChatMessage,
    ChatRequest,
    Chunk,
    Embeddings,
    Health,
    Sampling,
    Usage,
)
from backends.envelope import chat_in_envelope, needs_envelope
from backends.errors import (
    AnswerInterrupted,
    BackendBusy,
    BackendError,
    BackendProtocolError,
    BackendUnavailable,
    ModelNotFound,
)
from backends.notations.reader import AnswerReader, UnmarkedThoughts
from backends.pool.admission import Admission
from backends.pool.capabilities import combine_capabilities
from backends.pool.embedding import MAX_QUESTION_TEXTS, embed_pieces, join_rows
from backends.pool.health_watch import HealthWatch
from backends.pool.replica import Replica, ReplicaStatus
from backends.pool.sampling import fill_recommended, limit_answer
from backends.pool.spec import ModelSpec, PoolLimits
from backends.pool.throughput import estimate_prompt_tokens, estimate_tokens
from backends.pool.ticket import Ticket

R = TypeVar("R")

REPLICA_ERRORS = (BackendUnavailable, BackendProtocolError, BackendBusy, ModelNotFound)
"""Errors that another replica may not have. All others are the request's own."""

_HEALTH_TRUST_S = 60.0
"""A replica that answered this recently is not probed again."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Heard:
    """What has come of an answer: how many pieces, and when the first did (monotonic seconds)."""

    pieces: int = 0
    first_at: float | None = None


class ServedModel:
    """Serves one model. Its methods are those of `Pool`, without the `model` argument."""

    def __init__(
        self,
        name: str,
        spec: ModelSpec,
        replicas: Sequence[Replica],
        limits: PoolLimits,
        watch: HealthWatch,
    ) -> None:
        self.name = name
        self.spec = spec
        self.replicas = tuple(replicas)
        self._deadline_s = spec.deadline_s or limits.deadline_s
        self._answer_tokens = limits.answer_tokens
        self._progress_interval_s = limits.progress_interval_s
        self._unmarked_thoughts = {replica.index: UnmarkedThoughts() for replica in self.replicas}
        queue = limits.queue if spec.queue is None else spec.queue
        self.admission = Admission(name, self.replicas, limits, queue)
        self._watch = watch
        watch.watch(name, self.replicas, self.admission.refresh)

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        self._watch.note_use()
        sampling = limit_answer(
            self.spec.sampling.fill(request.sampling),
            [one.capabilities.context for one in self.replicas if one.capabilities is not None],
            self._answer_tokens,
            0 if self.spec.thinking == "off" else self.spec.thinking_tokens,
        )
        request = replace(request, sampling=sampling)
        deadline_s = self._deadline_s if request.deadline_s is None else request.deadline_s
        ticket = self.admission.enter(
            person=request.person,
            channel=request.channel,
            conversation=request.conversation,
            prompt_tokens=estimate_prompt_tokens(request.messages),
            max_tokens=sampling.answer_tokens,
            deadline_s=deadline_s,
        )
        written: int | None = None
        try:
            while written is None:
                async with aclosing(self.admission.wait(ticket)) as places:
                    async for progress in places:
                        yield Chunk(progress=progress)
                spoken = 0
                replica = _granted_replica(ticket)
                try:
                    async with aclosing(self._answer(ticket, replica, request)) as chunks:
                        async for chunk in chunks:
                            spoken += bool(chunk.text or chunk.tool_calls or chunk.thinking)
                            if chunk.usage is not None:
                                written = chunk.usage.completion_tokens
                            yield chunk
                except (GeneratorExit, asyncio.CancelledError):
                    replica.cancelled += 1
                    written = spoken if written is None else written
                    raise
                except REPLICA_ERRORS as error:
                    self._note(replica, error)
                    if spoken:
                        raise AnswerInterrupted(str(error)) from error
                    self.admission.retry(ticket, error)
        finally:
            self.admission.leave(ticket, written)

    async def _answer(
        self, ticket: Ticket, replica: Replica, request: ChatRequest
    ) -> AsyncGenerator[Chunk, None]:
        """Stream one replica's answer.

        Measures times that the engine does not state, checks that the stream ends properly, and
        separates thoughts and tool calls from the answer.
        """
        began = time.monotonic()
        heard = _Heard()
        unmarked = self._unmarked_thoughts[replica.index]
        held = bool(request.sampling.json_schema is not None or request.sampling.copy_from)
        doubted = not held and (
            unmarked.seen or getattr(replica.backend, "may_hide_thoughts", False)
        )
        reader = self._reader(request, unmarked.characters if doubted else 0, held=held)
        asked = replace(request, deadline_s=ticket.ends - began)
        last = Chunk()
        try:
            async with aclosing(self._chunks(ticket, replica, asked, heard)) as chunks:
                async for last in chunks:
                    if last.finish is None:
                        async for piece in reader.read(last):
                            yield piece
        except REPLICA_ERRORS:
            if not unmarked.seen:  # what might have been thoughts was an answer that breaks off
                for piece in reader.release():
                    yield piece
            raise
        usage = last.usage or Usage(completion_tokens=heard.pieces)
        if not usage.prefill_s and not usage.decode_s:
            turned = heard.first_at or time.monotonic()
            usage = replace(usage, prefill_s=turned - began, decode_s=time.monotonic() - turned)
        replica.record_success(usage)
        self.admission.record_answer(ticket)
        usage = replace(usage, queue_s=usage.queue_s + ticket.queue_s)
        async for piece in reader.read(replace(last, usage=usage)):
            yield piece
        if doubted:
            unmarked.learn(began=reader.began_within_thoughts, ended=last.finish == "stop")

    async def _chunks(
        self, ticket: Ticket, replica: Replica, request: ChatRequest, heard: _Heard
    ) -> AsyncGenerator[Chunk, None]:
        """The chunks of a replica's engine, to the one with `finish`, and what came in `heard`.
        Raises `BackendProtocolError` for a stream without an end."""
        stream = self._open(replica, request)
        async with aclosing(stream):
            while True:
                chunk = await ticket.wait_for(anext(stream, None))
                if chunk is None:
                    raise BackendProtocolError(f"The model {self.name!r} stopped in mid-answer.")
                if chunk.text or chunk.tool_calls or chunk.thinking:
                    heard.pieces += 1
                    if heard.first_at is None:
                        heard.first_at = time.monotonic()
                        if replica.mark_first_token():
                            self.admission.refresh()
                yield chunk
                if chunk.finish is not None:
                    return

    def _reader(self, request: ChatRequest, doubt_characters: int, *, held: bool) -> AnswerReader:
        return AnswerReader(
            request.tools,
            progress_interval_s=self._progress_interval_s,
            keep=self.spec.thinking == "show",
            earlier_calls=sum(len(message.tool_calls) for message in request.messages),
            doubt_characters=doubt_characters,
            literal=held,
        )

    def _open(self, replica: Replica, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """Begin an answer of a replica, sampled as its model's makers say where nobody else does;
        in an envelope where its model takes no tools by itself."""
        able = replica.capabilities
        sampling = fill_recommended(
            request.sampling,
            able or Capabilities(),
            self.spec.engine_model_names,
            may_think=self.spec.thinking != "off",
            family_fields=replica.family_sampling,
        )
        asked = replace(request, sampling=sampling)
        if able is not None and needs_envelope(asked, able):
            return chat_in_envelope(replica.backend, asked)
        return replica.backend.chat(asked)

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Embed on one slot of one replica.

        Many texts are embedded piece by piece, and questions that wait go between the pieces.
        """
        self._watch.note_use()
        background = len(texts) > MAX_QUESTION_TEXTS
        ticket = self.admission.enter(
            person=None,
            channel=None,
            conversation=None,
            prompt_tokens=estimate_tokens(*texts[:MAX_QUESTION_TEXTS]),
            max_tokens=1,
            deadline_s=self._deadline_s,
            background=background,
        )
        done: list[Embeddings] = []
        try:
            while True:
                async with aclosing(self.admission.wait(ticket)) as places:
                    async for _ in places:
                        pass
                replica = _granted_replica(ticket)
                try:
                    pieces = embed_pieces(self.admission, ticket, replica, texts, done)
                    if await pieces:
                        replica.record_success()
                        return join_rows(done, replica.backend.name)
                except REPLICA_ERRORS as error:
                    self._note(replica, error)
                    self.admission.retry(ticket, error)
        finally:
            self.admission.leave(ticket)

    async def count(self, messages: Sequence[ChatMessage]) -> int:
        return await self._first(lambda backend: backend.count(messages))

    async def capabilities(self) -> Capabilities:
        """Return what all reachable replicas can do.

        The context is smaller by the tokens reserved for thoughts.
        """
        self._watch.note_use()
        well = [replica for replica in self.replicas if not replica.unwell] or self.replicas
        found = await asyncio.gather(
            *(self._capabilities(replica) for replica in well), return_exceptions=True
        )
        able = [each for each in found if isinstance(each, Capabilities)]
        if not able:
            for error in found:
                if isinstance(error, BaseException):
                    raise error
        thoughts = 0 if self.spec.thinking == "off" else self.spec.thinking_tokens
        return combine_capabilities(able, thoughts)

    async def health(self) -> Health:
        """Return the health of the model: well if one replica is."""
        seen = await asyncio.gather(*(replica.backend.health() for replica in self.replicas))
        for replica, health in zip(self.replicas, seen, strict=True):
            replica.record_health(health)
        if len(seen) == 1:
            return seen[0]
        well = [health for health in seen if health.ok]
        detail = "; ".join(f"replica {at}: {h.detail}" for at, h in enumerate(seen) if h.detail)
        return Health(
            ok=bool(well),
            detail=f"{len(well)} of {len(seen)} replicas can answer. {detail}".strip(),
            resident=any(health.resident for health in seen),
            slots=sum(replica.parallel for replica in self.replicas),
            slots_busy=sum(len(replica.running) for replica in self.replicas),
        )

    async def probe(self) -> Capabilities:
        """Generate one word, or embed one. Raises the error that says why it cannot."""
        now = time.monotonic()
        for replica in self.replicas:
            replica.end_pause()
        able = await self.capabilities()
        for replica in self.replicas:
            recent = replica.served_at is not None and now - replica.served_at < _HEALTH_TRUST_S
            if recent and replica.state == "ready":
                return able
        with suppress(BackendBusy):  # then it is well, and much asked for
            return replace(able, tokens_per_s=await self._try_out(able))
        return able

    async def _try_out(self, able: Capabilities) -> float:
        """Generate a few words; return the tokens per second, 0 if the engine does not tell."""
        if not able.chat:
            if able.embed:
                await self.embed(["probe"])
            return 0.0
        usage = None
        request = ChatRequest(
            messages=(ChatMessage("user", "Count from one to ten."),),
            sampling=Sampling(temperature=0.0, max_tokens=8),
        )
        async with aclosing(self.chat(request)) as chunks:
            async for chunk in chunks:
                usage = chunk.usage or usage
        if usage is None or usage.decode_s <= 0 or usage.completion_tokens < 2:
            return 0.0
        return round((usage.completion_tokens - 1) / usage.decode_s, 1)

    def status(self) -> tuple[ReplicaStatus, ...]:
        waiting = self.admission.waiting
        return tuple(replica.status(self.name, waiting) for replica in self.replicas)

    async def aclose(self) -> None:
        self.admission.close()
        closed = await asyncio.gather(
            *(replica.backend.aclose() for replica in self.replicas), return_exceptions=True
        )
        for error in closed:
            if isinstance(error, Exception):
                _log.error("pool.backend_close_failed model=%s", self.name, exc_info=error)

    async def _capabilities(self, replica: Replica) -> Capabilities:
        if replica.capabilities is None:
            try:
                replica.capabilities = await replica.backend.capabilities()
            except BackendUnavailable:
                self._watch.note_failure(replica)
                raise
        return replica.capabilities

    async def _first(self, ask: Callable[[Backend], Awaitable[R]]) -> R:
        """Return the answer of the first replica that has one, trying those without a pause
        first.
        """
        failure: BackendError | None = None
        for replica in sorted(
            self.replicas, key=lambda each: (each.unwell, each.pause_left_s, each.index)
        ):
            try:
                return await ask(replica.backend)
            except REPLICA_ERRORS as error:
                failure = failure or error
        assert failure is not None
        raise failure

    def _note(self, replica: Replica, error: BackendError) -> None:
        replica.record_failure(error)
        self._watch.note_failure(replica)
        _log.warning(
            "pool.replica_failed model=%s replica=%d engine=%s error=%r",
            self.name,
            replica.index,
            replica.engine,
            str(error),
        )


def _granted_replica(ticket: Ticket) -> Replica:
    assert ticket.replica is not None
    return ticket.replica
