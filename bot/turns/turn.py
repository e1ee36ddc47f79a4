"""Runs one turn: a question and its answer, from the claim of the event to the end of the reply.

The task of a turn owns its place in the lane, its delivery, and a second task for the work. A stop
cancels only the work; the turn's task then stores what was written and ends the reply.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

import structlog

from backends.errors import DeadlineExceeded
from bot.history.protocol import HistoryStore, StoredMessage
from bot.observability.redaction import Redactor
from bot.replies.delivery import Delivery, DeliveryTimeouts
from bot.replies.draft import Draft
from bot.replies.protocol import Sink
from bot.settings.values import ChannelSettings
from bot.turns.lanes import Ticket
from bot.turns.open_turns import OpenTurn, OpenTurns
from bot.turns.outcome import Outcome, empty_answer, outcome_of
from bot.turns.recorder import TurnRecorder
from bot.turns.router import Handler, Route, RoutedTurn
from bot.types import ConversationKey, Explanation, Notice, Status

log = structlog.get_logger(__name__)

_MAX_LOOP_HOLD_S = 0.005
"""How long a skill that never awaits may hold the event loop, in seconds."""


@dataclass(frozen=True, slots=True)
class TurnLimits:
    """How many turns may be open at once: in all, for a person, and in a channel.

    `deadline_s` is how long a turn may take and `save_every_s` how often its answer is saved, both
    in seconds.
    """

    max_turns: int = 1000
    per_person: int = 4
    per_channel: int = 32
    deadline_s: float = 600.0
    save_every_s: float = 1.0


@dataclass(frozen=True, slots=True)
class TurnDependencies:
    """The objects that all turns of a process share."""

    store: HistoryStore
    open_turns: OpenTurns
    handler: Handler
    channel_settings: Callable[[ConversationKey], Awaitable[ChannelSettings]]
    limits: TurnLimits = TurnLimits()
    timeouts: DeliveryTimeouts = field(default_factory=DeliveryTimeouts)
    redact: Redactor = field(default_factory=Redactor, repr=False)


class TurnRunner:
    """Runs one accepted event to its end.

    Either `route` is set (the skill that answers) or `refused` (why none does). `claimed` says that
    the event's id has been claimed already. When a question is answered again, `question` is the
    stored question and `replaces` its earlier answer.
    """

    def __init__(
        self,
        dependencies: TurnDependencies,
        turn: OpenTurn,
        sink: Sink,
        *,
        route: Route | None = None,
        refused: Exception | None = None,
        ticket: Ticket | None = None,
        claimed: bool = False,
        replaces: StoredMessage | None = None,
        question: StoredMessage | None = None,
    ) -> None:
        self.turn = turn
        self._dependencies = dependencies
        self._route = route
        self._refused = refused
        self._ticket = ticket
        self._claimed = claimed
        self._recorder = TurnRecorder(
            dependencies.store, dependencies.limits.save_every_s, question, replaces
        )
        self._draft = Draft(
            turn.id,
            sink.limits,
            model=route is not None and not route.quick and not refused,
            redact=dependencies.redact,
        )
        self._delivery = Delivery(sink, self._draft, timeouts=dependencies.timeouts)
        self._routed_turn: RoutedTurn | None = None

    async def run(self) -> None:
        """Answer, refuse or report an error, exactly once; do nothing for an event seen before."""
        try:
            outcome = await self._run_to_outcome()
            # The person may ask the next question while this answer is being sent.
            self._dependencies.open_turns.remove(self.turn)
            if outcome is not None:
                await self._store_answer(outcome)
                await self._finish_reply(outcome)
        finally:
            if self._ticket is not None:
                self._ticket.leave()
            await self._delivery.abandon()

    def shut_down(self) -> None:
        """Stop because the process ends: store what was written and end the reply without delay."""
        self.turn.stop("shutdown")
        self._delivery.hurry()

    # --- how it ends --------------------------------------------------------------------------

    async def _run_to_outcome(self) -> Outcome | None:
        event = self.turn.event
        try:
            if not self._claimed and not await self._dependencies.store.claim(
                event.conversation.platform, event.id
            ):
                return None
            if self._refused is not None:
                raise self._refused
            self.turn.work = asyncio.create_task(self._do_work(), name=f"work {self.turn.id}")
            if self.turn.stopped:
                self.turn.work.cancel()
            await self.turn.work
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self.turn.stopped is None or (task is not None and task.cancelling()):
                raise
            return self._stopped_outcome()
        except Exception as error:  # noqa: BLE001 - a turn's errors become notices here
            return report_error(error)
        if self._draft.failed or self._draft.refused:
            return Outcome("failed" if self._draft.failed else "refused")
        return empty_answer() if self._draft.empty else Outcome("complete")

    def _stopped_outcome(self) -> Outcome:
        if self.turn.stopped == "shutdown":
            words = "I was shut down before this was complete."
        elif self._draft.characters:
            words = f"Stopped by {self.turn.stopped_by}." if self.turn.stopped_by else "Stopped."
        else:
            words = "Stopped before anything was written."
        return Outcome("cancelled", Notice(words, "footer"), again=True)

    async def _store_answer(self, outcome: Outcome) -> None:
        if self._routed_turn is not None and outcome.state != "working":
            deleted = self.turn.stopped == "question_deleted"
            text = self._draft.whole_text
            await self._recorder.close(
                self._routed_turn, text, outcome.state, question_deleted=deleted
            )

    async def _finish_reply(self, outcome: Outcome) -> None:
        if self.turn.stopped == "question_deleted":
            await self._delivery.withdraw()
        else:
            again = outcome.again and self._recorder.answer is not None
            await self._delivery.finish(outcome.state, outcome.notice, again=again)

    # --- the work -----------------------------------------------------------------------------

    async def _do_work(self) -> None:
        """Wait for the lane, store the question, and run the skill."""
        assert self._route is not None
        settings = await self._dependencies.channel_settings(self.turn.event.conversation)
        self._draft.file_over_chars = settings.file_over_chars
        if self._ticket is not None:
            async with aclosing(self._ticket.wait()) as positions:
                async for position in positions:
                    self._delivery.add(Status("queued", position=position))
        limit = self._dependencies.limits.deadline_s
        self._routed_turn = RoutedTurn(
            event=self.turn.event,
            id=self.turn.id,
            asker=self.turn.asker,
            route=self._route,
            persona=settings.persona,
            deadline_s=limit,
        )
        if not self._route.quick:
            await self._recorder.open(self.turn, self._route)
            await self._recorder.save_attachments(self._routed_turn)
        async with self._recorder.save_progress(self._draft):
            try:
                async with asyncio.timeout(limit) as scope:
                    await self._run_skill(self._routed_turn)
            except TimeoutError as error:
                if not scope.expired():
                    raise
                raise DeadlineExceeded(f"it took longer than {limit:.0f} s.") from error

    async def _run_skill(self, turn: RoutedTurn) -> None:
        clock = asyncio.get_running_loop().time
        yielded_at = clock()
        async with aclosing(self._dependencies.handler(turn)) as parts:
            async for part in parts:
                if isinstance(part, Explanation):
                    turn.record.explanation = self._dependencies.redact.part(part)
                    await self._recorder.save_attachments(turn)
                    continue
                first = not self._draft.characters
                self._delivery.add(part)
                if clock() - yielded_at > _MAX_LOOP_HOLD_S or (first and self._draft.characters):
                    await asyncio.sleep(0)
                    yielded_at = clock()


def report_error(error: Exception) -> Outcome:
    """Log an error, with its stack trace unless the person caused it, and return its outcome."""
    outcome = outcome_of(error)
    if outcome.error_id is not None:
        log.error("turn.failed", error_id=outcome.error_id, exc_info=error)
    else:
        log.info("turn.refused", reason=type(error).__name__)
    return outcome
