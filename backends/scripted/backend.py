"""A backend that answers from a script: for tests of skills, benchmarks, and a first try.

    backend = ScriptedBackend("default", replies=["Good morning.", Reply("42", match="answer")])

Without a script it echoes the last message. Its tokens are words, so that every count in a test can
be checked by eye.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from backends.arrays import np
from backends.base import (
    COPIES_NOTHING,
    Backend,
    Capabilities,
    ChatMessage,
    ChatRequest,
    Chunk,
    Embeddings,
    Engine,
    EngineContext,
    FinishReason,
    Health,
    Progress,
    ToolCall,
    Usage,
)
from backends.errors import BackendBusy, BackendError, ContextOverflow
from backends.lru import LruDict
from backends.picture_tokens import count_picture_tokens
from backends.pool.request_validation import check_request
from backends.scripted.dialogue import (
    copied_lines,
    fill_in,
    last_message,
    steps_since_task,
    task_of,
)
from backends.scripted.script import (
    FAILURE_ERRORS,
    FOREVER_S,
    Reply,
    ScriptedCall,
    ScriptedOptions,
    hash_words,
    pause,
    split_prompt,
    split_words,
)

__all__ = ["ENGINE", "Reply", "ScriptedBackend", "ScriptedCall", "ScriptedOptions"]

_MAX_REMEMBERED_REQUESTS = 1_000


@dataclass(frozen=True, slots=True)
class _AnswerPlan:
    """The course of an answer, token by token, unless it is closed early."""

    prompt: list[str]
    cached: int
    answer: list[str]
    finish: FinishReason
    calls: tuple[ToolCall, ...]
    failure: BackendError | None
    fail_at: int
    stall_at: int | None
    ends: float | None
    """When the deadline passes, on the clock of `time.perf_counter`."""


class ScriptedBackend:
    """Answers from a script, and records the requests it received.

    `answer` (from Python only) makes the reply from the request and takes precedence over the
    script; other keywords are those of `ScriptedOptions`. `requests` and `embedded` hold the latest
    requests and texts; `cancelled` counts the answers that were closed before their end,
    `completed` and `failed` the others; `active` and `peak` are the answers running now, and the
    most at once. Set `available = False` to make it refuse everything as if its engine were down.
    """

    def __init__(
        self,
        name: str,
        options: ScriptedOptions | None = None,
        *,
        answer: Callable[[ChatRequest], Reply | str] | None = None,
        **settings: Any,
    ) -> None:
        self.name = name
        self.options = options or ScriptedOptions(**settings)
        self.parallel = self.options.parallel or 1_000
        self.requests: deque[ChatRequest] = deque(maxlen=_MAX_REMEMBERED_REQUESTS)
        self.embedded: deque[tuple[str, ...]] = deque(maxlen=_MAX_REMEMBERED_REQUESTS)
        self.available = True
        self.cancelled = self.completed = self.failed = 0
        self.active = self.peak = self.waiting = 0
        self._answer = answer
        self._turns = deque(reply for reply in self.options.replies if reply.in_turn)
        self._failures: deque[tuple[BackendError, int]] = deque(maxlen=_MAX_REMEMBERED_REQUESTS)
        self._seen: LruDict[str, list[str]] = LruDict(_MAX_REMEMBERED_REQUESTS)
        self._slots = asyncio.Semaphore(self.options.parallel) if self.options.parallel else None

    def fail_next(self, error: BackendError, *, after: int = 0) -> None:
        """Fail the next request with `error` after `after` tokens; may be called again."""
        self._failures.append((error, after))

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """Stream the scripted answer, word by word."""
        try:
            async with aclosing(self._chat(request)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except (GeneratorExit, asyncio.CancelledError):
            self.cancelled += 1
            raise
        except BackendError:
            self.failed += 1
            raise

    async def _chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        began = time.perf_counter()
        self.requests.append(request)
        self._refuse_if_down()
        await check_request(request, copies=True, vision=self.options.vision)
        plan = self._plan(request, began)
        if self._slots is not None and self._slots.locked():
            yield Chunk(progress=Progress("queued", position=self.waiting + 1))
        async with self._slot(plan.ends):
            started = time.perf_counter()
            yield Chunk(progress=Progress("reading", tokens=len(plan.prompt) - plan.cached))
            await pause(self.options.first_token_s, plan.ends)
            first = time.perf_counter()
            async with aclosing(self._speak(plan)) as chunks:
                async for chunk in chunks:
                    yield chunk
            self._remember(request.conversation, plan.prompt + plan.answer)
            self.completed += 1
            usage = Usage(
                prompt_tokens=len(plan.prompt),
                cached_tokens=plan.cached,
                completion_tokens=len(plan.answer),
                queue_s=started - began,
                prefill_s=first - started,
                decode_s=time.perf_counter() - first,
            )
        copies = None
        if request.sampling.copy_from:
            copies = float("".join(plan.answer).strip() != COPIES_NOTHING)
        yield Chunk(finish=plan.finish, usage=usage, copies=copies)

    async def _speak(self, plan: _AnswerPlan) -> AsyncGenerator[Chunk, None]:
        each = 1 / self.options.tokens_per_s if self.options.tokens_per_s else 0.0
        for at, word in enumerate([*plan.answer, None]):
            if at == plan.stall_at:
                await pause(FOREVER_S, plan.ends)
            if plan.failure is not None and at == plan.fail_at:
                raise plan.failure
            if word is not None:
                await pause(each, plan.ends)
                yield Chunk(text=word)
        if plan.calls:
            yield Chunk(tool_calls=plan.calls)

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts as hashed words: equal texts give equal vectors, shared words similar
        ones.
        """
        self._refuse_if_down()
        self.embedded.append(tuple(texts))
        rows = np.zeros((len(texts), self.options.dimension), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[:] = hash_words(text, self.options.dimension)
            await asyncio.sleep(0)
        return rows

    async def count(self, messages: Sequence[ChatMessage]) -> int:
        """Count the words, plus one for each message's role."""
        await asyncio.sleep(0)  # as in an engine, which counts in a thread of its own
        return len(split_prompt(messages)) + count_picture_tokens(messages)

    async def capabilities(self) -> Capabilities:
        return Capabilities(
            context=self.options.context,
            embed=True,
            dimension=self.options.dimension,
            tools=self.options.tools,
            json_schema=True,
            continues=self.options.continues,
            copies=self.options.copies,
            reads=self.options.reads,
            vision=self.options.vision,
            template="scripted",
            family=self.options.family,
        )

    async def health(self) -> Health:
        down, slots = self._down(), self.options.parallel or None
        detail = str(down) if down else "Answers from a script."
        return Health(not down, detail, not down, slots, self.active)

    async def aclose(self) -> None:
        self.available = False

    def _refuse_if_down(self) -> None:
        if down := self._down():
            raise down

    def _down(self) -> BackendError | None:
        failure = self.options.down or (None if self.available else "unavailable")
        return FAILURE_ERRORS[failure]() if failure else None

    def _plan(self, request: ChatRequest, began: float) -> _AnswerPlan:
        """Decide on the answer. Raises failures that come before the first token."""
        failure, fail_at = self._failures.popleft() if self._failures else (None, 0)
        reply = self._reply(request)
        if failure is None and reply.error is not None:
            failure, fail_at = FAILURE_ERRORS[reply.error](), reply.fail_after
        if failure is not None and fail_at == 0:
            raise failure
        prompt = split_prompt(request.messages)
        if len(prompt) >= self.options.context:
            raise ContextOverflow(len(prompt), self.options.context)
        answer, finish = self._text(reply, request, room=self.options.context - len(prompt))
        return _AnswerPlan(
            prompt=prompt,
            cached=self._cached(request.conversation, prompt),
            answer=answer,
            finish="tool_calls" if reply.tool_calls else finish,
            calls=tuple(
                ToolCall(f"call_{at}", call.name, call.arguments)
                for at, call in enumerate(reply.tool_calls)
            ),
            failure=failure,
            fail_at=min(fail_at, len(answer)),
            stall_at=None if reply.stall_after is None else min(reply.stall_after, len(answer)),
            ends=None if request.deadline_s is None else began + request.deadline_s,
        )

    def _reply(self, request: ChatRequest) -> Reply:
        if self._answer is not None:
            made = self._answer(request)
            return Reply(made) if isinstance(made, str) else made
        last = last_message(request.messages)
        begun = self._matching(task_of(request.messages).content) if last.role == "tool" else None
        if begun is not None and begun.then:
            return begun.following(last.content, steps_since_task(request.messages))
        if (reply := self._matching(last.content)) is not None:
            return reply
        if not self._turns:
            return Reply(self.options.echo)
        reply = self._turns.popleft()
        if self.options.cycle:
            self._turns.append(reply)
        return reply

    def _matching(self, text: str) -> Reply | None:
        replies = (one for one in self.options.replies if not one.in_turn and one.fits(text))
        return next(replies, None)

    def _text(
        self, reply: Reply, request: ChatRequest, room: int
    ) -> tuple[list[str], FinishReason]:
        text = fill_in(reply.text, request.messages)
        if self.options.continues and request.messages[-1].role == "assistant":
            text = text.removeprefix(request.messages[-1].content)
        if request.sampling.json_schema is not None:
            from backends.scripted.json import fit_to_schema  # few ask, and all wait for imports

            text = fit_to_schema(text, request.sampling.json_schema)
        elif request.sampling.copy_from:
            text = copied_lines(text, request.sampling.copy_from)
        cuts = [at for stop in request.sampling.stop if (at := text.find(stop)) >= 0]
        answer = split_words(text[: min(cuts)] if cuts else text)
        most = min(request.sampling.answer_tokens, room)
        return (answer[:most], "length") if len(answer) > most else (answer, "stop")

    def _cached(self, conversation: str | None, prompt: list[str]) -> int:
        """Return the words that an engine would have cached; at least one is always left to
        read.
        """
        seen = self._seen.get(conversation or "") or []
        pairs = zip(seen, prompt[:-1], strict=False)
        return sum(1 for _ in takewhile(lambda pair: pair[0].strip() == pair[1], pairs))

    def _remember(self, conversation: str | None, said: list[str]) -> None:
        if conversation is not None:
            self._seen[conversation] = said

    @asynccontextmanager
    async def _slot(self, ends: float | None) -> AsyncIterator[None]:
        """One of the places that `parallel` allows, held for the length of an answer."""
        if self._slots is not None:
            await self._acquire(self._slots, ends)
        self.active += 1
        self.peak = max(self.peak, self.active)
        try:
            yield
        finally:
            self.active -= 1
            if self._slots is not None:
                self._slots.release()

    async def _acquire(self, slots: asyncio.Semaphore, ends: float | None) -> None:
        if slots.locked() and self.waiting >= self.options.queue:
            raise BackendBusy(1.0)
        self.waiting += 1
        try:
            async with asyncio.timeout(None if ends is None else ends - time.perf_counter()):
                await slots.acquire()
        except TimeoutError:
            raise FAILURE_ERRORS["deadline"]() from None
        finally:
            self.waiting -= 1


def _create(name: str, options: ScriptedOptions, context: EngineContext) -> Backend:
    return ScriptedBackend(name, options)


ENGINE = Engine("scripted", ScriptedOptions, _create)
