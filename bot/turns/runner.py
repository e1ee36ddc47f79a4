"""Runs one turn: a question and its answer, from the claim of the event to the end of the reply.

The task of a turn owns its place in the lane, its delivery, and a second task for the work. A stop
cancels only the work; the turn's task then stores what was written and ends the reply.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial

import structlog

from backends.errors import DeadlineExceeded
from bot.catalogue.sentence import say
from bot.commands.authorization import Authorize
from bot.events import CommandCall
from bot.history.protocol import HistoryStore, StoredMessage
from bot.history.suspensions import Suspensions
from bot.history.tool_calls import ToolCalls
from bot.observability.redaction import Redactor
from bot.replies.delivery import Delivery, DeliveryTimeouts
from bot.replies.draft import AFTER_ANSWER, FEEDBACK, Draft
from bot.replies.fences import open_fence
from bot.replies.protocol import Sink
from bot.settings.values import ChannelSettings
from bot.skills.current_turn import TurnRecord, TurnSuspended
from bot.turns.actions import SummaryText, no_summary
from bot.turns.heading import asked_heading
from bot.turns.lanes import LaneTicket
from bot.turns.language import choose_language
from bot.turns.middleware import require
from bot.turns.open_turns import OpenTurns
from bot.turns.outcome import CONTINUE, Outcome, cut_answer, empty_answer, outcome_of
from bot.turns.recorder import KeepPrompts, TurnRecorder
from bot.turns.turn import WITHDRAWN, Turn, unless_cancelled
from bot.turns.waiting_cards import shown_by
from bot.types import Action, Actions, ConversationKey, Notice, Status

log = structlog.get_logger(__name__)

Handler = Callable[[Turn], Awaitable[None]]
"""Runs the skill of a routed turn, within the middleware."""


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
    authorize: Authorize
    handler: Handler
    channel_settings: Callable[[ConversationKey, str | None], Awaitable[ChannelSettings]]
    suspensions: Suspensions | None = None
    calls: ToolCalls | None = None
    keep_prompts: KeepPrompts | None = None
    summary_text: SummaryText = no_summary
    limits: TurnLimits = TurnLimits()
    timeouts: DeliveryTimeouts = field(default_factory=DeliveryTimeouts)
    redact: Redactor = field(default_factory=Redactor, repr=False)

    def begin_reply(
        self,
        sink: Sink,
        turn: str = "",
        *,
        private: bool = False,
        direct: bool = False,
        heading: str = "",
        locale: str | None = None,
    ) -> Delivery:
        """Begin a reply that no turn of a skill writes, with an id of its own or a given one, in
        the language of `find_language`; see `Draft` for who reads it."""
        draft = Draft(
            turn or uuid.uuid4().hex,
            sink.limits,
            redact=self.redact,
            private=private,
            direct=direct,
            heading=heading,
            locale=locale,
        )
        return Delivery(sink, draft, timeouts=self.timeouts)

    async def find_language(
        self, place: ConversationKey, person: str | None = None, question: str = ""
    ) -> str | None:
        """The language of a reply: that of the place, else the person's (a locale), else the
        question's. Where the settings cannot be read, it is not the place's."""
        chosen = ""
        try:
            chosen = (await self.channel_settings(place, None)).language
        except Exception as error:  # noqa: BLE001 - of a store; what is said matters more
            log.warning("turn.language_unknown", place=str(place), error=str(error))
        return await choose_language(chosen, person, question)


class SeenBefore(Exception):
    """The event of a turn was accepted before."""


class TurnRunner:
    """Runs one accepted turn to its end, or until it is suspended.

    `refused` says why no skill answers, to whoever may do `actions`. `claimed` says that the
    event's id has been claimed already. When a question is answered again, `question` is the stored
    question and `replaces` its earlier answer; when a suspended turn is resumed, `continues` is
    what was stored of its answer.
    """

    def __init__(
        self,
        dependencies: TurnDependencies,
        turn: Turn,
        sink: Sink,
        *,
        refused: Exception | None = None,
        actions: tuple[str, ...] = (),
        ticket: LaneTicket | None = None,
        claimed: bool = False,
        replaces: StoredMessage | None = None,
        question: StoredMessage | None = None,
        continues: StoredMessage | None = None,
    ) -> None:
        self.turn = turn
        self._dependencies = dependencies
        self._refused = refused
        self._actions = actions
        self._ticket = ticket
        self._claimed = claimed
        self._recorder = TurnRecorder(
            dependencies.store,
            dependencies.limits.save_every_s,
            question,
            replaces,
            continues,
            dependencies.keep_prompts,
        )
        if dependencies.keep_prompts is not None:
            turn.record.sent = []
        route = turn.route
        self._draft = Draft(
            turn.id,
            sink.limits,
            model=route is not None and not route.quick and not refused,
            redact=dependencies.redact,
            private=route is not None and route.private,
            direct=turn.asker.direct,
            heading=asked_heading(turn, question) if continues is None else "",
            opening=_opening(continues),
        )
        self._delivery = Delivery(sink, self._draft, timeouts=dependencies.timeouts)
        self._suspended = False
        # The event is claimed as the question is stored, in one transaction, or once it is shown
        # that it waits: of what a process leaves that dies, another answers it or says so.
        self._claims_with_question = not (claimed or turn.quick)
        self._claiming: asyncio.Task[bool] | None = None
        turn.output = self._delivery
        turn.save_read = partial(self._recorder.save_attachments, turn)

    async def run(self) -> None:
        """Answer, refuse or report an error, exactly once; do nothing for an event seen before."""
        try:
            outcome = await self._run_to_outcome()
            # The person may ask the next question while this answer is being sent.
            self._dependencies.open_turns.remove(self.turn)
            if outcome is not None:
                self.turn.state = outcome.state
                await self._store_answer(outcome)
                await self._finish_reply(outcome)
        finally:
            if self._ticket is not None:
                self._ticket.leave()
            await self._delivery.abandon()
            if self._claiming is not None:
                self._claiming.cancel()
                await asyncio.wait([self._claiming])

    def shut_down(self) -> None:
        """Stop because the process ends: store what was written and end the reply without delay."""
        self.turn.stop("shutdown")
        self._delivery.hurry()

    # --- how it ends --------------------------------------------------------------------------

    async def _run_to_outcome(self) -> Outcome | None:
        turn = self.turn
        try:
            if not (self._claimed or self._claims_with_question) and not await self._claim():
                return None
            await self._choose_language()
            if self._refused is not None:
                await require(self._dependencies.authorize, turn.asker, self._actions)
                raise self._refused
            if not await turn.work(self._work()):
                opened = await self._recorder.is_open() or not self._claims_with_question
                return self._stopped_outcome() if opened or await self._claim_once() else None
        except SeenBefore:
            await self._delivery.take_back()
            return None
        except Exception as error:  # noqa: BLE001 - a turn's errors become notices here
            return report_error(error)
        await self._draft.take_in()
        if self._suspended:
            return Outcome("waiting")
        if self._draft.failed or self._draft.refused:
            return Outcome("failed" if self._draft.failed else "refused")
        if self._draft.empty or (turn.record.silent and self._draft.wordless):
            return empty_answer(turn.record.model)
        return cut_answer() if turn.record.cut is not None else Outcome("complete")

    async def _choose_language(self) -> None:
        """Have the reply speak the language of the place, the person or the question."""
        event = self.turn.event
        asked = _words_of(self.turn)
        find = self._dependencies.find_language(event.conversation, event.author.locale, asked)
        self.turn.locale = await unless_cancelled(find)
        self._draft.speak(self.turn.locale)

    async def _claim(self) -> bool:
        event = self.turn.event
        claim = self._dependencies.store.claim(event.conversation.platform, event.id)
        return await unless_cancelled(claim)

    def _claims_alone(self) -> bool:
        """Whether the event was claimed, or is being claimed, before the question is stored."""
        return self._claiming is not None and self._delivery.begun.is_set()

    async def _claim_once(self) -> bool:
        if self._claiming is None or not self._claims_alone():
            return await self._claim()
        return await unless_cancelled(asyncio.shield(self._claiming))

    async def _claim_when_shown(self) -> bool:
        await self._delivery.begun.wait()
        return await self._claim()

    def _stopped_outcome(self) -> Outcome:
        if self.turn.stopped == "shutdown":
            words = say("I was shut down before this was complete.")
        elif self._draft.characters:
            words = (
                say("Stopped by {name}.", name=self.turn.stopped_by)
                if self.turn.stopped_by
                else say("Stopped.")
            )
        else:
            words = say("Stopped before anything was written.")
        return Outcome("cancelled", Notice(words, "footer"), again=True)

    async def _store_answer(self, outcome: Outcome) -> None:
        explanation = self.turn.record.explanation
        if explanation is not None:
            self.turn.record.explanation = self._dependencies.redact.part(explanation)
        if (cut := self.turn.record.cut) is not None:
            shown = self._dependencies.redact(cut.text)
            self.turn.record.cut = cut if shown == cut.text else replace(cut, text=shown, tokens=())
        self.turn.record.error = outcome.error_id or ""
        await self._draft.take_in()
        await self._recorder.close(self.turn, self._draft.whole_text)
        if self._suspended and self._dependencies.suspensions is not None:
            self._dependencies.suspensions.changed.set()

    async def _finish_reply(self, outcome: Outcome) -> None:
        if self.turn.stopped not in WITHDRAWN:
            if self.turn.continues is not None and self._draft.wordless:
                outcome = _offer_again(outcome)
            self._dependencies.open_turns.private_replies.remember(self.turn, self._draft)
            again = outcome.again and self._recorder.answer is not None
            self._draft.after = _buttons_after(self.turn.record)
            await unless_cancelled(
                self._delivery.finish(outcome.state, outcome.notice, again=again)
            )
        if self.turn.stopped in WITHDRAWN:  # perhaps while the answer was being posted
            await self._recorder.supersede()
            await unless_cancelled(self._delivery.withdraw())

    # --- the work -----------------------------------------------------------------------------

    async def _work(self) -> None:
        """Wait for the lane, store the question, and run the skill."""
        turn, limit = self.turn, self._dependencies.limits.deadline_s
        assert turn.route is not None
        turn.settings = await self._dependencies.channel_settings(
            turn.event.conversation, turn.asker.author.key
        )
        turn.deadline_s = limit
        self._draft.file_over_chars = turn.settings.file_over_chars
        if self._ticket is not None and await self._ticket.wait(self._show_position):
            self._show(Status("working"))
        if not turn.route.quick:
            claims = self._claims_with_question
            if self._claims_alone():
                if not await self._claim_once():
                    raise SeenBefore
                claims = False
            if not await self._recorder.open(turn, claim=claims):
                raise SeenBefore
            if self._ticket is not None:
                self._ticket.let_pass()
            await self._recorder.save_attachments(turn)
        async with self._recorder.save_progress(turn, self._draft):
            try:
                async with asyncio.timeout(limit) as scope:
                    turn.clock = scope
                    try:
                        await self._dependencies.handler(turn)
                    finally:
                        turn.clock = None
            except TurnSuspended as suspended:
                if turn.route.quick or self._dependencies.suspensions is None:
                    raise RuntimeError("a quick command cannot be suspended") from None
                shown = await shown_by(self._draft, suspended.actions)
                waiting = replace(suspended.suspension, shown=shown)
                await self._dependencies.suspensions.save(waiting)
                self._suspended = True
                self._delivery.add(Actions(suspended.actions))
            except TimeoutError as error:
                if not scope.expired():
                    raise
                raise DeadlineExceeded(f"it took longer than {limit:.0f} s.") from error

    def _show_position(self, position: int) -> None:
        self._show(Status("queued", position=position))
        if self._claims_with_question and self._claiming is None:
            self._claiming = asyncio.create_task(self._claim_when_shown(), name="claim")

    def _show(self, status: Status) -> None:
        self.turn.status = status
        self._delivery.add(status)


def _words_of(turn: Turn) -> str:
    """What the person wrote, without commands and options, which are English."""
    event, route = turn.event, turn.route
    if route is not None and route.command is not None:
        return str(route.options.get(route.command.question) or "")
    if isinstance(event, CommandCall) or event.text.startswith("/"):
        return ""
    return event.text


def _opening(continues: StoredMessage | None) -> str:
    """What is shown before an answer that goes on: the code fence in which it was cut."""
    fence = open_fence(continues.text) if continues is not None and continues.cut else ""
    return f"{fence}\n" if fence else ""


def _buttons_after(record: TurnRecord) -> tuple[Action, ...]:
    """The buttons under an answer: what no model wrote would be the same again, and a list is not
    an answer that could be good."""
    if not (record.model or record.explanation):
        return ()
    return AFTER_ANSWER if record.model else FEEDBACK


def _offer_again(outcome: Outcome) -> Outcome:
    """The outcome of an answer that did not go on: it stands as it was, and still can."""
    notice = outcome.notice or Notice(say("The model had nothing to add."), "footer")
    return replace(outcome, notice=replace(notice, actions=(CONTINUE,)), again=False)


def report_error(error: Exception) -> Outcome:
    """Log an error, with its stack trace unless the person caused it, and return its outcome."""
    outcome = outcome_of(error)
    if outcome.error_id is not None:
        log.error("turn.failed", error_id=outcome.error_id, exc_info=error)
    else:
        log.info("turn.refused", reason=type(error).__name__)
    return outcome
