"""The event loop's side of the engine: a `Backend` whose work is done by the owner thread."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

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
    ModelNotFound,
)
from backends.gguf import GgufHead, check_gguf
from backends.llama_cpp.formats import FORMATS, family_of
from backends.llama_cpp.jobs import Job, Outcome
from backends.llama_cpp.options import LlamaCppOptions
from backends.llama_cpp.owner import FileState, OwnerThread, state_of
from backends.llama_cpp.stats import EngineStats
from backends.llama_cpp.templates import offers_tools
from backends.llama_cpp.tool_calls import ToolCallReader, style_of
from backends.thinking import template_thinks

if TYPE_CHECKING:
    from backends.llama_cpp.loaded import Loaded

T = TypeVar("T")


class LlamaCppBackend:
    """One GGUF model, run by llama.cpp in this process, many conversations at a time.

    Loaded on first use. Closing a stream frees its sequence within one round. See `Backend`.
    """

    def __init__(self, name: str, options: LlamaCppOptions, context: EngineContext) -> None:
        self.name = name
        self._options = options
        self._context = context
        self._owner = OwnerThread(name, options, context)
        self._head: tuple[FileState, GgufHead] | None = None
        self._offers_tools = False

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """Stream an answer. Raises a `BackendError`; see `Backend.chat`."""
        check(request)
        reader = await self._tool_calls(request) if request.tools else None
        job = Job(request, asyncio.get_running_loop())
        alarm = None
        if request.deadline_s is not None:
            alarm = job.loop.call_later(request.deadline_s, _expire, job)
        try:
            resident = self._owner.resident
            if not self._owner.send(job):
                raise BackendBusy(1.0)
            if not resident:
                yield Chunk(progress=Progress("loading"))
            while True:
                await job.arrived.wait()
                job.arrived.clear()
                inbox, job.inbox = job.inbox, []
                for chunk in _joined(inbox):
                    if reader is None:
                        yield chunk
                    else:
                        for piece in reader.take(chunk):
                            yield piece
                    if chunk.finish is not None:
                        return
        finally:
            job.cancelled = True
            if alarm is not None:
                alarm.cancel()

    async def _tool_calls(self, request: ChatRequest) -> ToolCallReader:
        """What reads the calls out of the answer. Raises `InvalidRequest` for a template that does
        not offer tools to the model."""
        head = await asyncio.to_thread(self._read_head)
        if not self._offers_tools:
            raise InvalidRequest(f"The model {self.name} is not made for tools.")
        return ToolCallReader(style_of(head.template), request.tools)

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Refuses: this engine runs chat models."""
        raise InvalidRequest(f"The model {self.name} answers questions; it does not embed texts.")

    async def count(self, messages: Sequence[ChatMessage]) -> int:
        """Tokens of the messages as a prompt, exactly. Loads the model."""
        return await self._call(lambda loaded: loaded.count(messages))

    async def capabilities(self) -> Capabilities:
        """What the file says of itself; does not load it. Raises `ModelNotFound`."""
        head = await asyncio.to_thread(self._read_head)
        named = self._options.chat_format
        trained = head.context or self._options.context
        return Capabilities(
            context=min(self._options.context, trained),
            chat=named in FORMATS or bool(head.template),
            tools=self._offers_tools,
            json_schema=True,
            thinking=template_thinks(FORMATS.get(named or "", head.template)),
            template=named or family_of(head.template),
            family=head.family,
            parameters=head.parameters,
        )

    async def health(self) -> Health:
        """Whether it runs, or could be loaded. Never loads it."""
        stats = self._owner.stats
        if self._owner.resident:
            return Health(True, "loaded", True, stats.slots, stats.slots_busy)
        try:
            await asyncio.to_thread(self._read_head)
        except BackendError as error:
            return Health(False, str(error), False, stats.slots, 0)
        failed = self._owner.failed
        if failed is not None and self._head is not None and failed == self._head[0]:
            return Health(False, stats.last_error or "cannot be loaded", False, stats.slots, 0)
        return Health(True, "not loaded yet", False, stats.slots, 0)

    def stats(self) -> EngineStats:
        """Figures for status pages and metrics."""
        return self._owner.stats

    async def unload(self) -> None:
        """Give the memory back once no answer is in flight; the next request loads it again."""
        self._owner.unload()

    async def aclose(self) -> None:
        """Stop the thread and free the model; answers in flight fail. Safe to call twice."""
        await asyncio.to_thread(self._owner.stop)

    async def _call(self, work: Callable[[Loaded], T]) -> T:
        future: concurrent.futures.Future[T] = concurrent.futures.Future()
        if not self._owner.send((work, future)):
            raise BackendBusy(1.0)
        return await asyncio.wrap_future(future)

    def _read_head(self) -> GgufHead:
        """The file's head, read again when the file changes."""
        path = Path(self._context.files.path(self._options.source, self._options.sha256))
        state = state_of(path)
        if state is None:
            raise ModelNotFound(f"The file of the model {self.name} is not there; fetch it again.")
        if self._head is None or self._head[0] != state:
            head = check_gguf(path, path.name)
            self._offers_tools = self._options.chat_format is None and offers_tools(head.template)
            self._head = (state, head)
        return self._head[1]


def check(request: ChatRequest) -> None:
    """Refuse what no model can serve. Raises `InvalidRequest` or `DeadlineExceeded`."""
    sampling = request.sampling
    if not request.messages:
        raise InvalidRequest("There is nothing to answer: the prompt has no messages.")
    if sampling.max_tokens < 1:
        raise InvalidRequest(f"max_tokens must be at least 1, not {sampling.max_tokens}.")
    if "" in sampling.stop:
        raise InvalidRequest("A stop string must have at least one character.")
    if sampling.json_schema is not None:
        try:
            Draft202012Validator.check_schema(dict(sampling.json_schema))
        except SchemaError as error:
            where = "/".join(str(part) for part in error.path) or "its top"
            raise InvalidRequest(f"The JSON schema is not valid at {where}.") from error
    if request.deadline_s is not None and request.deadline_s <= 0:
        raise _deadline()


def _deadline() -> DeadlineExceeded:
    return DeadlineExceeded("The answer took longer than was allowed for it.")


def _expire(job: Job) -> None:
    job.cancelled = True
    job.receive(_deadline())


def _joined(inbox: list[Outcome]) -> Iterator[Chunk]:
    """What arrived since the last look, with the texts between other chunks put together.

    Raises the error that ends the stream after what came before it.
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
