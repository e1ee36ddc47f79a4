"""One model of the pool: its replicas, and the only place where a request is retried."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
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
)
from backends.errors import (
    AnswerInterrupted,
    BackendBusy,
    BackendError,
    BackendUnavailable,
)
from backends.pool.admission import Admission
from backends.pool.answer_stream import AnswerStream
from backends.pool.capabilities import combine_capabilities
from backends.pool.embedding import MAX_QUESTION_TEXTS, embed_pieces, join_rows
from backends.pool.health_watch import HealthWatch
from backends.pool.replica import REPLICA_ERRORS, Replica, ReplicaStatus
from backends.pool.sampling import limit_answer
from backends.pool.sharing import Sharing
from backends.pool.spec import ModelSpec, PoolLimits
from backends.pool.throughput import estimate_prompt_tokens, estimate_tokens
from backends.pool.ticket import Ticket

R = TypeVar("R")

_HEALTH_TRUST_S = 60.0
"""A replica that answered this recently is not probed again."""

_log = logging.getLogger(__name__)


class ServedModel:
    """Serves one model. Its methods are those of `Pool`, without the `model` argument."""

    def __init__(
        self,
        name: str,
        spec: ModelSpec,
        replicas: Sequence[Replica],
        limits: PoolLimits,
        watch: HealthWatch,
        sharing: Sharing,
    ) -> None:
        self.name = name
        self.spec = spec
        self.replicas = tuple(replicas)
        self._deadline_s = spec.deadline_s or limits.deadline_s
        self._answer_tokens = limits.answer_tokens
        self._progress_interval_s = limits.progress_interval_s
        queue = limits.queue if spec.queue is None else spec.queue
        shared = [replica for replica in self.replicas if replica.server is not None]
        changed = sharing.note_change if shared else None
        self.admission = Admission(self.replicas, limits, queue, changed)
        for replica in shared:
            if replica.server is not None:
                replica.server.add(replica, self.admission)
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
            background=request.background,
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
                    async with aclosing(self._answer(ticket, replica).chunks(request)) as chunks:
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

    def _answer(self, ticket: Ticket, replica: Replica) -> AnswerStream:
        interval_s = self._progress_interval_s
        return AnswerStream(self.name, self.spec, self.admission, ticket, replica, interval_s)

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
