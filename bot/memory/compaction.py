"""Has what no longer fits into the prompts of a conversation summarised, while nobody waits.

One summary is made at a time, when no question is open; a question that comes meanwhile ends it,
and it is tried again. On a machine that is never idle it is made beside the questions in the end,
as background work of the pool.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

import structlog

from backends.base import ChatMessage, ChatRequest, Sampling
from backends.errors import BackendError
from backends.lru import LruDict
from bot.errors import ParlanceError
from bot.history.protocol import StoredMessage, Summary
from bot.memory.placement import Renderer
from bot.memory.summaries import Summaries
from bot.models.protocol import Models
from bot.prompting.context_window import DEFAULT_CONTEXT_TOKENS, Fitter
from bot.prompting.speakers import plain_name, quoted

log = structlog.get_logger(__name__)

MAX_SUMMARY_TOKENS: Final = 300
_MAX_SUMMARY_CHARACTERS: Final = 2_000
_SUMMARY_WORDS: Final = 150
_FRAME_TOKENS: Final = 300
"""What the rest of the prompt takes at most, without the turns and the summary before."""
_MAX_WAITING: Final = 100
_MAX_FAILED: Final = 1_000
_ATTEMPTS: Final = 3
_IDLE_WAIT_S: Final = 30.0
_POLL_S: Final = 0.2
_DEADLINE_S: Final = 120.0
_CHARACTERS_PER_TOKEN: Final = 2
_MIN_TURN_CHARACTERS: Final = 160


@dataclass(frozen=True, slots=True)
class _Request:
    conversation: str
    model: str
    previous: Summary | None
    told: tuple[StoredMessage, ...] = field(repr=False)

    @property
    def last(self) -> str:
        return self.told[-1].id


class Compaction:
    """Makes summaries of conversations in a task of its own, which `close` ends. `is_busy` says
    whether any question is being answered."""

    def __init__(
        self,
        summaries: Summaries,
        models: Models,
        prompts: Renderer,
        fitter: Fitter,
        is_busy: Callable[[], bool],
    ) -> None:
        self._summaries = summaries
        self._models, self._prompts, self._fitter = models, prompts, fitter
        self._is_busy = is_busy
        self._waiting: dict[str, _Request] = {}
        self._running = ""
        self._failed: LruDict[str, str] = LruDict(_MAX_FAILED)
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def of(self, conversation: str) -> Sequence[Summary]:
        """Return the latest summaries of a conversation, the newest first."""
        return await self._summaries.of(conversation)

    def request(self, model: str, previous: Summary | None, told: Sequence[StoredMessage]) -> None:
        """Have turns of a conversation summarised, with the summary before them; returns at
        once."""
        if self._closed or not told:
            return
        new = _Request(told[0].conversation, model, previous, tuple(told))
        place = new.conversation
        full = len(self._waiting) >= _MAX_WAITING and place not in self._waiting
        if full or place == self._running or self._failed.get(place) == new.last:
            return
        self._waiting[place] = new
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work(), name="summaries of conversations")

    async def close(self) -> None:
        """Give up what is waiting and being made."""
        self._closed = True
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _work(self) -> None:
        while self._waiting:
            place = next(iter(self._waiting))
            request = self._waiting.pop(place)
            self._running = place
            try:
                written = await self._write(request)
                if not written:
                    self._failed[place] = request.last
                elif await self._summaries.add(request.previous, request.told, written):
                    log.info("conversation.summarised", turns=len(request.told))
            except (BackendError, ParlanceError) as error:
                self._failed[place] = request.last
                log.warning("conversation.not_summarised", reason=str(error))
            except Exception:  # a task's top; nobody waits for it
                self._failed[place] = request.last
                log.exception("conversation.not_summarised")
            finally:
                self._running = ""

    async def _write(self, request: _Request) -> str:
        """The summary; empty if the model wrote none."""
        prompt = await self._prompt(request)
        for left in reversed(range(_ATTEMPTS)):
            await self._idle()
            asking = asyncio.create_task(self._ask(request.model, prompt))
            try:
                while not asking.done():
                    await asyncio.wait([asking], timeout=_POLL_S)
                    if left and self._is_busy():
                        break
                if asking.done():
                    return asking.result()
            finally:
                asking.cancel()
                await asyncio.wait([asking])
        return ""

    async def _idle(self) -> None:
        """Wait until no question is open, or for long enough."""
        for _ in range(int(_IDLE_WAIT_S / _POLL_S)):
            if not self._is_busy():
                return
            await asyncio.sleep(_POLL_S)

    async def _ask(self, model: str, prompt: str) -> str:
        request = ChatRequest(
            (ChatMessage("user", prompt),),
            Sampling(max_tokens=MAX_SUMMARY_TOKENS, intent="close"),
            deadline_s=_DEADLINE_S,
            background=True,
        )
        written = ""
        async with aclosing(self._models.chat(model, request)) as chunks:
            async for chunk in chunks:
                written += chunk.text
                if len(written) > _MAX_SUMMARY_CHARACTERS:
                    break
        return written[:_MAX_SUMMARY_CHARACTERS].strip()

    async def _prompt(self, request: _Request) -> str:
        can = await self._models.capabilities(request.model)
        window = can.context or DEFAULT_CONTEXT_TOKENS
        room = max(MAX_SUMMARY_TOKENS, window - 2 * MAX_SUMMARY_TOKENS - _FRAME_TOKENS)
        share = max(_MIN_TURN_CHARACTERS, room * _CHARACTERS_PER_TOKEN // len(request.told))
        lines = "\n".join(_line(turn, share) for turn in request.told)
        split = await self._fitter.split(self._models, request.model, lines, room, most=1)
        before = request.previous.text if request.previous is not None else ""
        return self._prompts.render(
            "compact", can, earlier=before, text=split.pieces[0], words=_SUMMARY_WORDS
        )


def _line(turn: StoredMessage, most: int) -> str:
    text = turn.text if len(turn.text) <= most else turn.text[:most] + " …"
    return quoted(plain_name(turn.author_name) if turn.role == "user" else "assistant", text)
