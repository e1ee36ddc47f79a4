"""One question and its answer, from the claim of the event to the end of the reply.

The task that runs an exchange owns its place in the lane, its delivery, and the work that a Stop
cancels. Only the work is cancelled: the task then keeps what was written and ends the reply.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import structlog

from backends.errors import DeadlineExceeded
from bot.adapters.base import ChannelSettings, Sink
from bot.delivery import Delivery, Patience
from bot.draft import Draft
from bot.history.store import HistoryStore, Turn
from bot.lanes import Ticket
from bot.outcome import Outcome, empty_answer, outcome_of
from bot.router import Handler, Job, Route
from bot.running import Open, Running
from bot.types import ConversationKey, Explanation, Notice, Status

log = structlog.get_logger(__name__)

_BREATH_S = 0.005
"""Longest time that a skill which never waits may keep the event loop, in seconds."""


@dataclass(frozen=True, slots=True)
class TurnLimits:
    """How much may be open at once, and how long one turn may take, in seconds."""

    max_turns: int = 1000
    per_person: int = 4
    per_channel: int = 32
    deadline_s: float = 600.0
    save_every_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every exchange of a process works with."""

    store: HistoryStore
    running: Running
    handler: Handler
    place: Callable[[ConversationKey], Awaitable[ChannelSettings]]
    limits: TurnLimits = TurnLimits()
    patience: Patience = field(default_factory=Patience)


class Exchange:
    """The life of one accepted event. `route` or `refused` is set: a skill, or why there is none.

    `claimed` says that the event's id was claimed before; `replaces` is the answer that this one
    is made instead of, to the `question` that is stored already.
    """

    def __init__(
        self,
        around: Surroundings,
        turn: Open,
        sink: Sink,
        *,
        route: Route | None = None,
        refused: Exception | None = None,
        ticket: Ticket | None = None,
        claimed: bool = False,
        replaces: Turn | None = None,
        question: Turn | None = None,
    ) -> None:
        self.open = turn
        self._around = around
        self._route = route
        self._refused = refused
        self._ticket = ticket
        self._claimed = claimed
        self._replaces = replaces
        self._question = question
        self._draft = Draft(
            turn.turn, sink.limits, model=route is not None and not route.quick and not refused
        )
        self._delivery = Delivery(sink, self._draft, patience=around.patience)
        self._job: Job | None = None
        self._answer: Turn | None = None
        self._opening: asyncio.Future[None] | None = None

    async def run(self) -> None:
        """Answer, refuse or report an error, exactly once; nothing for an event seen before."""
        try:
            outcome = await self._outcome()
            self._around.running.remove(self.open)  # the person may ask on while it is sent
            if outcome is not None:
                await self._keep(outcome)
                await self._reply(outcome)
        finally:
            if self._ticket is not None:
                self._ticket.leave()
            await self._delivery.abandon()

    def shut_down(self) -> None:
        """The process ends: keep what was written, and end the reply without delay."""
        self.open.stop("shutdown")
        self._delivery.hurry()

    # --- how it ends --------------------------------------------------------------------------

    async def _outcome(self) -> Outcome | None:
        event = self.open.event
        try:
            if not self._claimed and not await self._around.store.claim(
                event.conversation.platform, event.id
            ):
                return None
            if self._refused is not None:
                raise self._refused
            self.open.work = asyncio.create_task(self._work(), name=f"work {self.open.turn}")
            if self.open.stopped:
                self.open.work.cancel()
            await self.open.work
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self.open.stopped is None or (task is not None and task.cancelling()):
                raise
            return self._stopped()
        except Exception as error:  # noqa: BLE001 - a turn's errors become notices here
            return explained(error)
        if self._draft.failed or self._draft.refused:
            return Outcome("failed" if self._draft.failed else "refused")
        return empty_answer() if self._draft.empty else Outcome("complete")

    def _stopped(self) -> Outcome:
        if self.open.stopped == "shutdown":
            words = "I was shut down before this was complete."
        elif self._draft.characters:
            words = f"Stopped by {self.open.stopped_by}." if self.open.stopped_by else "Stopped."
        else:
            words = "Stopped before anything was written."
        return Outcome("cancelled", Notice(words, "footer"), again=True)

    async def _keep(self, outcome: Outcome) -> None:
        if self._opening is not None:
            await asyncio.wait([self._opening])
            if (error := self._opening.exception()) is not None:
                log.warning("a question was not kept", reason=type(error).__name__)
        if self._answer is None or self._job is None or outcome.state == "working":
            return
        record = self._job.record
        answer = replace(
            self._answer,
            text=self._draft.text,
            status=outcome.state,
            model=record.model,
            usage=record.usage,
            explanation=record.explanation,
        )
        try:
            await self._around.store.finish(answer)
            if self.open.stopped == "retracted":
                await self._around.store.supersede(answer.id)
        except Exception:  # the person gets the answer even where it cannot be kept
            log.exception("an answer was not kept")

    async def _reply(self, outcome: Outcome) -> None:
        if self.open.stopped == "retracted":
            await self._delivery.withdraw()
        else:
            again = outcome.again and self._answer is not None
            await self._delivery.finish(outcome.state, outcome.notice, again=again)

    # --- the work -----------------------------------------------------------------------------

    async def _work(self) -> None:
        """Wait for the lane, store the question, run the skill."""
        assert self._route is not None
        place = await self._around.place(self.open.event.conversation)
        self._draft.file_over_chars = place.file_over_chars
        if self._ticket is not None:
            async with aclosing(self._ticket.wait()) as positions:
                async for position in positions:
                    self._delivery.add(Status("queued", position=position))
        limit = self._around.limits.deadline_s
        self._job = Job(
            event=self.open.event,
            turn=self.open.turn,
            asker=self.open.asker,
            route=self._route,
            persona=place.persona,
            deadline_s=limit,
        )
        if not self._route.quick:
            await self._store_question(self._route)
        async with self._saving():
            try:
                async with asyncio.timeout(limit) as scope:
                    await self._drain(self._job)
            except TimeoutError as error:
                if not scope.expired():
                    raise
                raise DeadlineExceeded(f"it took longer than {limit:.0f} s.") from error

    async def _store_question(self, route: Route) -> None:
        event = self.open.event
        question = self._question or Turn(
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
        )
        answer = replace(
            question,
            id=self.open.turn,
            role="assistant",
            text="",
            author="",
            author_name="",
            options={},
            event_id="",
            at=datetime.now(UTC),
            answers=question.id,
            status="running",
        )
        self._opening = asyncio.ensure_future(self._open_turns(question, answer))
        await asyncio.shield(self._opening)  # a Stop now must not leave a turn open for ever

    async def _open_turns(self, question: Turn, answer: Turn) -> None:
        store = self._around.store
        if self._replaces is not None:
            others = await store.recent(question.conversation)
            stale = {turn.id for turn in others if turn.answers == question.id}
            for turn in stale | {self._replaces.id}:
                await store.supersede(turn)
        await store.open(question, answer)
        self._answer = answer

    async def _drain(self, job: Job) -> None:
        clock = asyncio.get_running_loop().time
        breath = clock()
        async with aclosing(self._around.handler(job)) as parts:
            async for part in parts:
                if isinstance(part, Explanation):
                    job.record.explanation = part
                    continue
                first = not self._draft.characters
                self._delivery.add(part)
                if clock() - breath > _BREATH_S or (first and self._draft.characters):
                    await asyncio.sleep(0)
                    breath = clock()

    @asynccontextmanager
    async def _saving(self) -> AsyncIterator[None]:
        """Keep what is written while it is written, so that a crash loses at most a second."""
        if self._answer is None:
            yield
            return
        saver = asyncio.create_task(self._save(), name=f"save {self.open.turn}")
        try:
            yield
        finally:
            saver.cancel()
            await asyncio.wait([saver])

    async def _save(self) -> None:
        saved = 0
        while True:
            await asyncio.sleep(self._around.limits.save_every_s)
            if self._draft.characters > saved:
                saved = self._draft.characters
                try:
                    await self._around.store.progress(self.open.turn, self._draft.text)
                except Exception:  # the answer goes on; it is kept at its end
                    log.exception("what was written so far was not kept")


def explained(error: Exception) -> Outcome:
    """The outcome of an error, with the trace in the log where it is not the person's doing."""
    outcome = outcome_of(error)
    if outcome.error_id is not None:
        log.error("turn failed", error_id=outcome.error_id, exc_info=error)
    else:
        log.info("turn refused", reason=type(error).__name__)
    return outcome
