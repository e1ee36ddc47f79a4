"""The `Backend` of llama.cpp: the event loop's side, whose work the owner thread does."""

from __future__ import annotations

import asyncio
import concurrent.futures
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from backends.arrays import np
from backends.base import (
    Capabilities,
    ChatMessage,
    ChatRequest,
    Chunk,
    Embeddings,
    EngineContext,
    Health,
    Progress,
)
from backends.errors import (
    BackendBusy,
    BackendError,
    DeadlineExceeded,
    InvalidRequest,
)
from backends.files.sources import source_identity
from backends.llama_cpp.batch_plan import plan_batches
from backends.llama_cpp.job import Job, Outcome
from backends.llama_cpp.memory_estimate import describe_room
from backends.llama_cpp.metadata import ModelFile, embedding_batch_tokens
from backends.llama_cpp.options import LlamaCppOptions
from backends.llama_cpp.owner import OwnerThread
from backends.llama_cpp.prompt_builder import PromptBuilder
from backends.llama_cpp.stats import EngineStats
from backends.machine import available_memory
from backends.pool.request_validation import check_request

if TYPE_CHECKING:
    from backends.llama_cpp.embedding import LoadedEmbedder

T = TypeVar("T")

_TOKENIZE_BATCH_TEXTS = 512
"""Texts that are turned into tokens in one go."""


class LlamaCppBackend:
    """One GGUF model, run by llama.cpp in this process, many conversations at a time.

    Loaded on first use. Closing a stream frees its sequence within one round. See `Backend`.
    """

    def __init__(self, name: str, options: LlamaCppOptions, context: EngineContext) -> None:
        self.name = name
        self._options = options
        self._context = context
        self._file = ModelFile(name, options, context)
        self._prompts = PromptBuilder(self._file, options)
        self._owner = OwnerThread(name, options, self._file, self._prompts)

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """Stream an answer. Raises a `BackendError`; see `Backend.chat`."""
        await check_request(request, copies=True)
        if request.deadline_s is not None and request.deadline_s <= 0:
            raise _deadline_error()
        if request.tools:
            await self._check_tools()
        if not self._owner.resident:
            yield Chunk(progress=Progress("loading"))
        job = await self._prepare(request)
        alarm = None
        if request.deadline_s is not None:
            left = request.deadline_s - (time.monotonic() - job.submitted)
            alarm = job.loop.call_later(left, _expire, job)
        try:
            if not self._owner.send(job):
                raise BackendBusy(1.0)
            while True:
                await job.arrived.wait()
                job.arrived.clear()
                inbox, job.inbox = job.inbox, []
                for chunk in _drain_inbox(inbox):
                    yield chunk
                    if chunk.finish is not None:
                        return
        finally:
            job.cancelled = True
            if alarm is not None:
                alarm.cancel()

    async def _prepare(self, request: ChatRequest) -> Job:
        """Load the model if it is not, and build the prompt."""
        began, load_s = time.monotonic(), 0.0
        try:
            async with asyncio.timeout(request.deadline_s):
                if not self._owner.resident:
                    await self._call(_do_nothing)
                    load_s = time.monotonic() - began
                known = self._owner.known_tokens(request.conversation)
                prompt = await asyncio.to_thread(self._prompts.prompt, request, known)
        except TimeoutError:
            raise _deadline_error() from None
        loop = asyncio.get_running_loop()
        return Job(request, prompt, loop, submitted=began, load_s=load_s)

    async def _check_tools(self) -> None:
        """Raise `InvalidRequest` if the model's template does not offer tools."""
        metadata = await asyncio.to_thread(self._file.read)
        if not metadata.offers_tools:
            raise InvalidRequest(f"The model {self.name} is not made for tools.")

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts, each cut at the model's context window; loads the model.

        Batches of several callers take turns. Raises `InvalidRequest` if the model does not embed.
        """
        able = await self.capabilities()
        if not able.embed:
            raise InvalidRequest(
                f"The model {self.name} answers questions; it does not embed texts."
            )
        head = (await asyncio.to_thread(self._file.read)).head
        room = embedding_batch_tokens(head, self._options)
        rows = np.zeros((len(texts), able.dimension), np.float32)
        for start in range(0, len(texts), _TOKENIZE_BATCH_TEXTS):
            some = texts[start : start + _TOKENIZE_BATCH_TEXTS]
            encoded = await asyncio.to_thread(self._prompts.encode, some)
            for batch in plan_batches(encoded, room):
                ids = [encoded[at] for at in batch]
                places = [start + at for at in batch]
                rows[places] = await self._call(partial(_embed, ids))
        return rows

    async def count(self, messages: Sequence[ChatMessage]) -> int:
        """Count the tokens of the messages as a prompt, exactly; does not load the weights."""
        return await asyncio.to_thread(self._prompts.count, messages)

    @property
    def model_id(self) -> str:
        """An identifier stored with vectors; vectors of different identifiers cannot be
        compared.
        """
        options = self._options
        return f"{source_identity(options.source, options.sha256)}/{options.context}"

    def tokens(self, text: str) -> int:
        """Count the tokens of a text, without begin and end tokens.

        Quick, and safe in any thread; the first call reads the vocabulary from disk.
        """
        return self._prompts.tokens(text)

    async def capabilities(self) -> Capabilities:
        """Return what the file says about the model, without loading it. Raises `ModelNotFound`."""
        return await asyncio.to_thread(self._capabilities)

    def _capabilities(self) -> Capabilities:
        metadata, options = self._file.read(), self._options
        able = metadata.capabilities(options)
        if not able.chat:
            return able
        room = describe_room(metadata.head, options, available_memory())
        return replace(able, notes=(*able.notes, room))

    async def health(self) -> Health:
        """Return whether it runs or could be loaded; never loads it."""
        stats = self._owner.stats
        if self._owner.resident:
            return Health(True, "loaded", True, stats.slots, stats.slots_busy)
        try:
            await asyncio.to_thread(self._file.read)
        except BackendError as error:
            return Health(False, str(error), False, stats.slots, 0)
        failed = self._owner.failed
        if failed is not None and self._file.known is not None and failed == self._file.known.state:
            return Health(False, stats.last_error or "cannot be loaded", False, stats.slots, 0)
        return Health(True, "not loaded yet", False, stats.slots, 0)

    def stats(self) -> EngineStats:
        """Return figures for status pages and metrics."""
        return self._owner.stats

    async def unload(self) -> None:
        """Free the model's memory once no answer is in flight; the next request loads it again."""
        self._owner.unload()

    async def aclose(self) -> None:
        """Stop the thread and free the model; answers in flight fail. Safe to call twice."""
        await asyncio.to_thread(self._owner.stop)
        await asyncio.to_thread(self._prompts.close)

    async def _call(self, work: Callable[[Any], T]) -> T:
        future: concurrent.futures.Future[T] = concurrent.futures.Future()
        if not self._owner.send((work, future)):
            raise BackendBusy(1.0)
        return await asyncio.wrap_future(future)


def _do_nothing(loaded: object) -> None:
    """Only load the model."""


def _embed(encoded: Sequence[Sequence[int]], loaded: LoadedEmbedder) -> Embeddings:
    return loaded.embed(encoded)


def _deadline_error() -> DeadlineExceeded:
    return DeadlineExceeded("The answer took longer than was allowed for it.")


def _expire(job: Job) -> None:
    job.cancelled = True
    job.receive(_deadline_error())


def _drain_inbox(inbox: list[Outcome]) -> Iterator[Chunk]:
    """Return the chunks that arrived since the last call, with consecutive texts joined.

    Raises the error that ends the stream after the chunks that came before it.
    """
    texts: list[str] = []
    for outcome in inbox:
        if isinstance(outcome, Chunk) and outcome.text:
            texts.append(outcome.text)
            continue
        if texts:
            yield Chunk(text="".join(texts))
            texts = []
        if isinstance(outcome, BackendError):
            raise outcome
        yield outcome
    if texts:
        yield Chunk(text="".join(texts))
