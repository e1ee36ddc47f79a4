"""Stores one turn: the question with its attachments, and the answer while it is written.

The question is stored before a model is called, and new text within about a second.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeAlias

import structlog

from bot.history.attachments import take_snapshot
from bot.history.prompts import SentPrompt
from bot.history.protocol import HistoryStore, StoredMessage
from bot.replies.draft import Draft
from bot.turns.turn import Turn, unless_cancelled

log = structlog.get_logger(__name__)

KeepPrompts: TypeAlias = Callable[[str, Sequence[SentPrompt]], Awaitable[None]]
"""Keeps what models were sent for the answer of this id."""


class TurnRecorder:
    """Stores one question and its answer. Nothing is stored unless `open` is called.

    `every_s` is the number of seconds between two saves of a growing answer. When a question is
    answered again, `question` is the stored question and `replaces` its earlier answer; its text
    may have been edited. When a suspended turn is resumed or an answer that was cut goes on,
    `continues` is the answer so far, after which new text is stored. `answer` is the stored
    answer, once there is one. `prompts` keeps what models were sent; None keeps nothing of it.
    """

    def __init__(
        self,
        store: HistoryStore,
        every_s: float,
        question: StoredMessage | None = None,
        replaces: StoredMessage | None = None,
        continues: StoredMessage | None = None,
        prompts: KeepPrompts | None = None,
    ) -> None:
        self.answer = self._continued = continues
        self._before = continues.text if continues is not None else ""
        self._joint = ""
        if continues is not None and continues.cut is None:
            self._before, self._joint = self._before.rstrip(), "\n\n"
        self._store = store
        self._every_s = every_s
        self._question = question
        self._replaces = replaces
        self._prompts = prompts
        self._opening: asyncio.Future[None] | None = None
        self._read = -1

    async def open(self, turn: Turn, *, claim: bool = False) -> bool:
        """Store the question, and an empty answer with the status `running`. With `claim` the event
        is claimed as well; False, and nothing is stored, if it was claimed before."""
        if self.answer is not None:
            return True
        event, route = turn.event, turn.route
        assert route is not None
        stored = self._question
        if stored is not None and event.text is not None:  # it may have been edited
            stored = replace(
                stored,
                text=route.text,
                command=route.kind if route.command else "",
                options=dict(route.options),
                remember=route.remember,
            )
        question = stored or StoredMessage(
            id=uuid.uuid4().hex,
            conversation=str(event.conversation),
            role="user",
            text=route.text,
            author=event.author.key,
            at=event.at,
            author_name=event.author.name,
            command=route.command.name if route.command else "",
            options=dict(route.options),
            event_id=event.id,
            remember=route.remember,
            model=event.model,
            private=event.direct or route.private,
        )
        turn.question = question.id
        answer = replace(
            question,
            id=turn.id,
            role="assistant",
            text="",
            author="",
            author_name="",
            options={},
            event_id="",
            model="",
            at=datetime.now(UTC),
            answers=question.id,
            status="running",
        )
        self._opening = asyncio.ensure_future(self._store_question(question, answer, claim))
        await asyncio.shield(self._opening)  # a Stop now must not leave a turn open for ever
        return self.answer is not None

    async def _store_question(
        self, question: StoredMessage, answer: StoredMessage, claim: bool
    ) -> None:
        if self._replaces is not None:
            others = await self._store.recent(question.conversation)
            stale = {turn.id for turn in others if turn.answers == question.id}
            for turn in stale | {self._replaces.id}:
                await self._store.supersede(turn)
        if await self._store.open(question, answer, claim=claim):
            self.answer = answer

    async def is_open(self) -> bool:
        """Whether the question and its answer are stored; waits if they are just being stored."""
        if self._opening is not None:
            await asyncio.wait([self._opening])
        return self.answer is not None

    async def save_attachments(self, turn: Turn) -> None:
        """Store the attachments and quoted messages that were read so far, for Regenerate."""
        read, seen = turn.record.read, turn.record.seen
        if self.answer is None or self._question is not None or self._read == len(read) + len(seen):
            return
        self._read = len(read) + len(seen)
        snapshot = take_snapshot(turn.event, read, seen)
        if snapshot and self.answer.answers is not None:
            try:
                await self._store.keep(self.answer.answers, snapshot)
            except Exception:  # the answer goes on; only Regenerate will miss it
                log.exception("turn.attachments_not_stored")

    @asynccontextmanager
    async def save_progress(self, turn: Turn, draft: Draft) -> AsyncIterator[None]:
        """Save the growing answer at intervals within the block, so that a crash loses little."""
        if self.answer is None:
            yield
            return
        saver = asyncio.create_task(self._save_repeatedly(turn, draft), name="save")
        try:
            yield
        finally:
            saver.cancel()
            await asyncio.wait([saver])

    async def _save_repeatedly(self, turn: Turn, draft: Draft) -> None:
        saved = 0
        while True:
            await asyncio.sleep(self._every_s)
            await self.save_attachments(turn)
            if draft.characters > saved:
                saved = draft.characters
                await draft.take_in()
                try:
                    await self._store.progress(turn.id, self._whole(draft.text))
                except Exception:  # the answer goes on; it is kept at its end
                    log.exception("turn.progress_not_stored")

    def _whole(self, text: str) -> str:
        """The answer with what was said before the turn was suspended, or was cut."""
        if not self._before or not text.strip():
            return self._before or text
        return f"{self._before}{self._joint}{text}"

    async def close(self, turn: Turn, text: str) -> None:
        """Store the answer of a turn that ended or was suspended."""
        if self._opening is not None:
            await asyncio.wait([self._opening])
            if self._opening.cancelled():
                log.warning("turn.question_not_stored", reason="it was cancelled")
            elif (error := self._opening.exception()) is not None:
                log.warning("turn.question_not_stored", reason=type(error).__name__)
        if self.answer is None or turn.state == "working":
            return
        await self.save_attachments(turn)
        record = turn.record
        await self._save_prompts(turn)
        if self.answer.cut is not None and not text.strip():  # nothing new: it can still go on
            await self._finish(replace(self.answer, status="complete"))
            return
        answer = replace(
            self.answer,
            text=self._whole(text),
            status=turn.state,
            model=record.model,
            usage=record.usage,
            explanation=record.explanation,
            cut=record.cut if turn.state == "complete" else None,
            error=record.error,
        )
        if self.answer.cut is not None and turn.state in ("failed", "refused"):
            answer = replace(answer, status="interrupted")  # what stood there stays in prompts
        await self._finish(answer)

    async def _save_prompts(self, turn: Turn) -> None:
        sent, turn.record.sent = turn.record.sent, None
        if self._prompts is not None and sent:
            try:
                await unless_cancelled(self._prompts(turn.id, sent))
            except Exception:  # the answer is kept all the same
                log.exception("turn.prompts_not_stored")

    async def _finish(self, answer: StoredMessage) -> None:
        try:
            await unless_cancelled(self._store.finish(answer, before=self._continued))
        except Exception:  # the person gets the answer even where it cannot be kept
            log.exception("turn.answer_not_stored")

    async def supersede(self) -> None:
        """Keep an answer that was taken away out of later prompts."""
        if self.answer is not None:
            try:
                await unless_cancelled(self._store.supersede(self.answer.id))
            except Exception:  # the reply is taken away all the same
                log.exception("turn.answer_not_superseded")
