"""The GPT4All engine: one model, one thread, one request at a time.

Runs in a child process only.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeVar

from backends.base import (
    Capabilities,
    ChatMessage,
    ChatRequest,
    Chunk,
    Embeddings,
    EngineContext,
    FinishReason,
    Health,
    Progress,
    Sampling,
    Usage,
)
from backends.chat_marks import ChatMarkEscaper
from backends.embeddings import unit_rows
from backends.errors import (
    BackendUnavailable,
    ContextOverflow,
    DeadlineExceeded,
    InvalidRequest,
    ModelNotFound,
)
from backends.files.gguf import GgufHead, check_gguf
from backends.gpt4all.options import GPT4AllOptions
from backends.gpt4all.prompt import load_template
from backends.llama_cpp.formats import FORMATS
from backends.llama_cpp.templates import ChatTemplate
from backends.llama_cpp.text import TextStream
from backends.notations.thoughts import find_open_tag, is_thinking_template
from backends.pool.request_validation import check_request
from backends.remote import deadline_at
from backends.token_estimate import TokenEstimator

T = TypeVar("T")

_ERROR_TOKEN_ID = -1

UNSUPPORTED_SAMPLING_NOTE = (
    "GPT4All draws a seed of its own and knows neither a frequency nor a presence penalty: "
    "what is set there is left out."
)


class GPT4AllBackend:
    """One GGUF model. Loaded on first use; all native calls happen on one thread."""

    parallel = 1

    def __init__(self, name: str, options: GPT4AllOptions, context: EngineContext) -> None:
        self.name = name
        self._options = options
        self._files = context.files
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="gpt4all")
        self._turn = asyncio.Lock()
        self._guess = TokenEstimator()
        self._model: Any = None
        self._head: GgufHead | None = None
        self._template: ChatTemplate | None = None
        self._marks = ChatMarkEscaper()
        self._failure: str | None = None
        self._busy = 0

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        await self._refuse(request)
        if await self._embeds():
            raise InvalidRequest(f"The model {self.name!r} is for embeddings only.")
        ends = deadline_at(request.deadline_s)
        began = time.monotonic()
        async with self._turn:
            queue_s = time.monotonic() - began
            if self._model is None:
                yield Chunk(progress=Progress("loading"))
            loading = time.monotonic()
            await self._run(self._load)
            load_s = time.monotonic() - loading
            self._busy = 1
            try:
                async with aclosing(self._answer(request, ends, queue_s, load_s)) as chunks:
                    async for chunk in chunks:
                        yield chunk
            finally:
                self._busy = 0

    async def _answer(
        self, request: ChatRequest, ends: float, queue_s: float, load_s: float
    ) -> AsyncGenerator[Chunk, None]:
        assert self._template is not None
        prompt = self._template.text(self._marks.escape_messages(request.messages))
        words: asyncio.Queue[tuple[int, str] | None] = asyncio.Queue()  # bounded by max_tokens
        cancelled = threading.Event()
        began = time.monotonic()
        loop = asyncio.get_running_loop()

        def hear(token: int, text: str) -> bool:
            if cancelled.is_set() or time.monotonic() >= ends:
                return False
            loop.call_soon_threadsafe(words.put_nowait, (token, text))
            return True

        running = asyncio.ensure_future(
            self._run(lambda: self._generate(prompt, request.sampling, hear))
        )
        running.add_done_callback(lambda _: words.put_nowait(None))
        stream = TextStream(request.sampling.stop, find_open_tag(prompt))
        first: float | None = None
        count = 0
        try:
            while (word := await words.get()) is not None:
                token, text = word
                if token == _ERROR_TOKEN_ID:
                    raise self._refused(request, text)
                first = first or time.monotonic()
                count += 1
                said = stream.feed(text.encode())
                if said:
                    yield Chunk(text=said)
                if stream.stopped:
                    break
        finally:
            cancelled.set()
            await asyncio.wait([running])  # the thread must be done before the next turn
        context_used = running.result()
        full = count >= request.sampling.answer_tokens
        if time.monotonic() >= ends and not stream.stopped and not full:
            raise DeadlineExceeded("The answer was not complete in time.")
        rest = stream.flush()
        if rest:
            yield Chunk(text=rest)
        finish: FinishReason = "length" if full else "stop"
        turned = first or time.monotonic()
        prompt_tokens = max(0, context_used - count) or self._guess.count(request.messages)
        self._guess.learn(request.messages, prompt_tokens)
        yield Chunk(
            finish="stop" if stream.stopped else finish,
            usage=Usage(
                prompt_tokens=prompt_tokens,
                completion_tokens=count,
                queue_s=queue_s,
                load_s=load_s,
                prefill_s=turned - began,
                decode_s=time.monotonic() - turned,
            ),
        )

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        if not await self._embeds():
            raise InvalidRequest(f"The model {self.name!r} makes no embeddings.")
        async with self._turn:
            await self._run(self._load)
            rows = await self._run(
                lambda: self._model.embed(
                    list(texts) or [" "], prefix="", long_text_mode=self._options.long_text
                )
            )
        return unit_rows(rows, len(texts), "GPT4All")

    async def count(self, messages: Sequence[ChatMessage]) -> int:
        """Estimate tokens, since the library has no tokenizer; every answer improves the
        estimate.
        """
        return self._guess.count(messages)

    async def capabilities(self) -> Capabilities:
        head = await asyncio.to_thread(self._read_head)
        embeds = self._is_embedder(head)
        dimension = head.metadata.get(f"{head.architecture}.embedding_length", 0)
        return Capabilities(
            context=min(self._options.context, head.context or self._options.context),
            chat=not embeds,
            embed=embeds,
            dimension=dimension if embeds and isinstance(dimension, int) else 0,
            thinking=is_thinking_template(head.template),
            continues=not embeds,
            template=head.template,
            family=head.family,
            notes=() if embeds else (UNSUPPORTED_SAMPLING_NOTE,),
        )

    async def health(self) -> Health:
        loaded = self._model is not None
        if self._failure is not None:
            return Health(False, self._failure, False, 1, self._busy)
        return Health(True, "Loaded." if loaded else "Loads at first use.", loaded, 1, self._busy)

    async def aclose(self) -> None:
        if self._model is not None:
            await self._run(self._model.close)
        self._thread.shutdown(wait=False)

    async def _refuse(self, request: ChatRequest) -> None:
        await check_request(request)
        if request.sampling.json_schema is not None:
            raise InvalidRequest("GPT4All cannot hold an answer to a JSON schema.")
        if request.sampling.logit_bias or request.tools:
            raise InvalidRequest("GPT4All offers neither tools nor a logit bias.")
        if request.deadline_s is not None and request.deadline_s <= 0:
            raise DeadlineExceeded("The answer was not complete in time.")

    def _refused(self, request: ChatRequest, said: str) -> Exception:
        limit = self._options.context
        if "context window" in said:
            return ContextOverflow(max(self._guess.count(request.messages), limit + 1), limit)
        return BackendUnavailable(f"GPT4All failed: {said.removeprefix('ERROR: ')}")

    async def _embeds(self) -> bool:
        return self._is_embedder(await asyncio.to_thread(self._read_head))

    def _is_embedder(self, head: GgufHead) -> bool:
        if self._options.embeddings is not None:
            return self._options.embeddings
        return head.architecture in ("bert", "nomic-bert")

    # -- on the thread ---------------------------------------------------------------------------

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _read_head(self) -> GgufHead:
        if self._head is None:
            try:
                path = self._files.path(self._options.source, self._options.sha256)
                head = check_gguf(path)
                if head.parts > 1:
                    raise ModelNotFound("GPT4All cannot load a model in parts; use llama_cpp.")
                self._head = head
            except ModelNotFound as error:
                self._failure = str(error)
                raise
        return self._head

    def _load(self) -> None:
        if self._model is not None:
            return
        head = self._read_head()
        path = self._files.path(self._options.source, self._options.sha256)
        embeds = self._is_embedder(head)
        if not embeds:
            self._template = load_template(head, self._options.chat_format, self._options.thinking)
            written = FORMATS.get(self._options.chat_format or "") or head.template
            self._marks = ChatMarkEscaper(written)
        try:
            self._model = self._open(path, embeds)
        except (RuntimeError, ValueError, OSError) as error:
            self._failure = (
                f"GPT4All cannot load {path.name}: it may be of a kind that it does not know."
            )
            raise ModelNotFound(self._failure) from error
        self._failure = None

    def _open(self, path: Path, embeds: bool) -> Any:
        from gpt4all import Embed4All, GPT4All  # slow to import, and native

        make = Embed4All if embeds else GPT4All
        settings: dict[str, Any] = {"device": self._options.device}
        if not embeds:
            settings |= {"n_ctx": self._options.context, "ngl": self._options.n_gpu_layers}
        made = make(path.name, model_path=path.parent, allow_download=False, **settings)
        native = made.gpt4all.model if embeds else made.model
        try:
            native.thread_count()  # the library does not tell otherwise that nothing was loaded
        except Exception as error:
            raise RuntimeError(str(error)) from error
        native.set_thread_count(self._options.threads())
        return made

    def _generate(self, prompt: str, asked: Sampling, hear: Callable[[int, str], bool]) -> int:
        """Write an answer piece by piece until `hear` returns False.

        Returns how many tokens the context holds after it.
        """
        greedy = asked.temperature == 0
        self._model.model.prompt_model(
            prompt,
            "%1",
            hear,
            n_predict=asked.answer_tokens,
            top_k=1 if greedy else (40 if asked.top_k is None else asked.top_k),
            top_p=0.95 if asked.top_p is None else asked.top_p,
            min_p=0.05 if asked.min_p is None else asked.min_p,
            temp=1e-4 if greedy else (0.8 if asked.temperature is None else asked.temperature),
            repeat_penalty=1.0 if asked.repeat_penalty is None else asked.repeat_penalty,
            repeat_last_n=64,
            n_batch=self._options.n_batch,
            reset_context=True,
            special=True,
        )
        return int(self._model.model.context.n_past)
