"""Accepts events: each gets one task and one answer, and a conversation runs one turn at a time."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any

import structlog
from structlog.contextvars import bound_contextvars

from bot.catalogue.sentence import say
from bot.commands.authorization import Authorize
from bot.commands.checks import Asker
from bot.errors import Busy, Denied
from bot.events import ActionCall, AnswerDeleted, CommandCall, Event, Message, MessageDeleted
from bot.history.protocol import StoredMessage
from bot.processes.crew import Crew
from bot.processes.shared_lanes import SharedLanes
from bot.replies.protocol import Replies, Sink
from bot.settings.admin_word import AdminWord
from bot.turns.actions import ButtonHandler
from bot.turns.admission import (
    Admission,
    EverybodyAdmitted,
    action_of,
    make_admin,
    turn_away,
)
from bot.turns.continuation import prepare_continuation
from bot.turns.inquiries import OpenInquiries
from bot.turns.inquiries_elsewhere import FORM_PREFIX
from bot.turns.lanes import Lanes, LaneTicket
from bot.turns.offers import accepted_call
from bot.turns.outcome import Outcome
from bot.turns.platforms import Platforms
from bot.turns.regenerate import Regenerator
from bot.turns.resumption import Resumer
from bot.turns.router import Router
from bot.turns.runner import TurnDependencies, TurnRunner, report_error
from bot.turns.share import Sharing
from bot.turns.turn import Turn, unless_cancelled
from bot.types import Author, ConversationKey, Notice

log = structlog.get_logger(__name__)

_CANCEL_TIMEOUT_S = 0.3


class Intake:
    """Accepts events and owns the task of each.

    `is_admin` says whether a person is an admin. `admission` is asked first about every event of a
    person; None lets all in. Whoever writes `admin_word` becomes an admin.
    """

    def __init__(
        self,
        router: Router,
        dependencies: TurnDependencies,
        is_admin: Callable[[Author], bool],
        authorize: Authorize,
        platforms: Platforms,
        replies: Replies,
        inquiries: OpenInquiries,
        admission: Admission | None = None,
        admin_word: AdminWord | None = None,
        crew: Crew | None = None,
    ) -> None:
        self._router = router
        self.dependencies = dependencies
        self._open_turns = dependencies.open_turns
        self._is_admin = is_admin
        self._authorize = authorize
        self._buttons = ButtonHandler(
            dependencies.store, authorize, platforms, dependencies.summary_text
        )
        self._regenerator = Regenerator(dependencies.open_turns, self._buttons)
        self._admission = admission or EverybodyAdmitted()
        self._admin_word = admin_word
        self._platforms = platforms
        self._replies = replies
        self.inquiries = inquiries
        self._crew = crew or Crew()
        self._sharing = Sharing(dependencies, platforms, self._crew.peers)
        self._lanes = Lanes()
        self._tasks: set[asyncio.Task[None]] = set()
        self._runners: set[TurnRunner] = set()
        self._draining = False
        """Whether new work is refused, as the process is about to end."""
        self._closing = False
        """Whether every turn is being stopped, as it ends now."""
        self.resumer = Resumer(dependencies, platforms, self._resume, self._crew.leads)

    async def accept(self, event: Event, sink: Sink) -> None:
        """Accept an event and return as soon as its task has started.

        A mistake of the person is reported in the reply, not raised. With too many tasks open, this
        waits until the refusal has been sent, which slows the adapter down.
        """
        if isinstance(event, Message):
            event = self._router.read(event)
        match event:
            case Message() if await self._is_admin_word(event):
                work, name = make_admin(self.dependencies, event, sink), event.id
            case Message() | CommandCall() | ActionCall() if not self._admits(event):
                work = turn_away(
                    self._admission, self.dependencies, event, self._asker(event), sink
                )
                name = event.id
            case CommandCall() if event.name.startswith(FORM_PREFIX):
                work, name = self._press(event, sink), event.id
            case Message() | CommandCall():
                if self._open_turns.find_by_event(event.conversation.platform, event.id):
                    return  # delivered again while it is being answered
                runner = self._create_runner(event, sink)
                work, name = self._run(runner), runner.turn.id
            case ActionCall():
                work, name = self._press(event, sink), event.id
            case MessageDeleted():
                work, name = self._delete_question(event), event.id
            case AnswerDeleted():
                if self._stop_deleted(event) or self._crew.peers is None:
                    return
                work, name = self._delete_answer(event), event.id
        task = self._start(work, name)
        if self._closing or len(self._tasks) > 2 * self.dependencies.limits.max_turns:
            await asyncio.wait([task])

    async def drain(self, within_s: float) -> None:
        """Refuse new work, and wait until what was accepted has ended, at most `within_s` seconds.
        Quick commands and buttons of what runs, such as Stop, go on working."""
        self._draining = True
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self._tasks:
                    await asyncio.wait(self._tasks)

    async def close(self, within_s: float = 1.5) -> None:
        """Stop every turn, store what was written and end the replies; tasks that take longer than
        `within_s` seconds are cancelled."""
        self._draining = self._closing = True
        for runner in tuple(self._runners):
            runner.shut_down()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=within_s)
            for task in late:
                task.cancel()
            if late:
                log.warning("turn.cancelled_at_shutdown", turns=len(late))
                await asyncio.wait(late, timeout=_CANCEL_TIMEOUT_S)
        await self.inquiries.aclose()

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=f"turn {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _is_admin_word(self, event: Message) -> bool:
        word = self._admin_word
        return word is not None and await word.take(event.text, event.author)

    # --- questions ----------------------------------------------------------------------------

    def _admits(self, event: Message | CommandCall | ActionCall) -> bool:
        return self._admission.admits(self._asker(event), action_of(event))

    def _asker(self, event: Message | CommandCall | ActionCall) -> Asker:
        admin = self._is_admin(event.author)
        return Asker(event.author, event.conversation, event.direct, admin)

    def _create_runner(
        self,
        event: Message | CommandCall,
        sink: Sink,
        *,
        claimed: bool = False,
        replaces: StoredMessage | None = None,
        question: StoredMessage | None = None,
    ) -> TurnRunner:
        """Route an event and enter it in its lane; awaits nothing, so events keep their order."""
        route, refused = None, self._capacity_error(event)
        actions: tuple[str, ...] = ()
        if refused is None or (isinstance(event, CommandCall) and not self._closing):
            try:
                route = self._router.resolve(event)
                refused = None if route.quick else refused
            except Exception as error:  # noqa: BLE001 - told to the person by the turn's task
                refused, actions = error, self._router.actions_of(event)
        turn = Turn(
            uuid.uuid4().hex,
            event,
            self._asker(event),
            route,
            quick=refused is not None or (route is not None and route.quick),
            first_asked_by=question.author if question is not None else "",
            question=question.id if question is not None else "",
        )
        return self._open(
            turn,
            sink,
            refused=refused,
            actions=actions,
            claimed=claimed or self._closing,  # the store may be closed before us
            replaces=replaces,
            question=question,
        )

    def _resume(
        self,
        turn: Turn,
        sink: Sink,
        *,
        question: StoredMessage,
        answer: StoredMessage,
        refused: Exception | None,
    ) -> asyncio.Task[None]:
        """Run a turn on that was suspended or cut, in its lane; returns its task."""
        if refused is None and not self._admits(turn.event):
            refused = Denied(say("I may not go on with this here just now."))
        if refused is None:
            try:
                turn.route = self._router.resolve(turn.event)
            except Exception as error:  # noqa: BLE001 - told to the person by the turn's task
                refused = error
        runner = self._open(
            turn, sink, refused=refused, claimed=True, question=question, continues=answer
        )
        return self._start(self._run(runner), turn.id)

    def _open(self, turn: Turn, sink: Sink, **more: Any) -> TurnRunner:
        ticket: LaneTicket | None = None
        if not turn.quick:
            place, route = turn.event.conversation, turn.route
            alone = route is None or route.reads_history(place)
            ticket = self._lanes_of(place).enter(str(place), alone=alone)
        runner = TurnRunner(self.dependencies, turn, sink, ticket=ticket, **more)
        self._open_turns.add(turn)
        self._runners.add(runner)
        return runner

    def _lanes_of(self, place: ConversationKey) -> Lanes | SharedLanes:
        """Where the turns of a conversation queue: with those of other processes, if its events may
        come to any of them, or are given to them."""
        shared = self._crew.lanes
        if shared is None:
            return self._lanes
        together = self._crew.divided or self._platforms.serves_everywhere(place.platform)
        return shared if together else self._lanes

    def _capacity_error(self, event: Message | CommandCall | ActionCall) -> Exception | None:
        limits = self.dependencies.limits
        if self._draining:
            return Busy(10, say("I am being restarted; please ask again in a moment."))
        if self._open_turns.count_all() >= limits.max_turns:
            return Busy(30, say("Too many questions are open just now; try again in about 30 s."))
        if self._open_turns.count_for_person(event.author) >= limits.per_person:
            return Busy(
                10,
                say(
                    "You have {number} questions open; wait for an answer, or /stop.",
                    number=limits.per_person,
                ),
            )
        if self._open_turns.count_in_channel(event.conversation) >= limits.per_channel:
            return Busy(
                30, say("Too many questions are open in this channel; try again in about 30 s.")
            )
        return None

    async def _run(self, runner: TurnRunner) -> None:
        turn = runner.turn
        with bound_contextvars(turn=turn.id, conversation=str(turn.event.conversation)):
            try:
                await unless_cancelled(runner.run())
            except Exception:  # a task's top: nothing above it would report this
                log.exception("turn.lost")
            finally:
                self._open_turns.end(turn)
                self._runners.discard(runner)

    async def _delete_question(self, event: MessageDeleted) -> None:
        """Handle a deleted question: stop its turn and withdraw the reply. An answer that is
        already complete stays in the channel, but is left out of later prompts."""
        platform = event.conversation.platform
        turn = self._open_turns.find_by_event(platform, event.of)
        if turn is not None:
            turn.stop("question_deleted", event.author.name)
            return
        store = self.dependencies.store
        try:
            await self._open_turns.elsewhere.question_gone(platform, event.of, event.author.name)
            question = await store.by_event(platform, event.of)
            if question is None:
                return
            answers = [*await store.recent(question.conversation)]
            if (latest := await store.answer_to(question.id)) is not None:
                answers.append(latest)  # it may be older than all that prompts have
            for answer in {one.id for one in answers if one.answers == question.id}:
                await store.supersede(answer)
        except Exception:  # a task's top; nobody waits for it
            log.exception("turn.deletion_failed", event=event.of)

    def _stop_deleted(self, event: AnswerDeleted) -> bool:
        """Stop the turn of a deleted answer; returns whether it is open in this process."""
        turn = self._open_turns.get(event.turn)
        if turn is not None:
            turn.stop("answer_deleted")
        return turn is not None

    async def _delete_answer(self, event: AnswerDeleted) -> None:
        """Handle a deleted answer that another process may be writing."""
        try:
            await self._open_turns.elsewhere.answer_gone(event.turn)
        except Exception:  # a task's top; nobody waits for it
            log.exception("turn.deletion_failed", event=event.id)

    # --- buttons ------------------------------------------------------------------------------

    async def _press(self, call: ActionCall | CommandCall, sink: Sink) -> None:
        known: dict[str, str] = {"action": "form"}
        if isinstance(call, ActionCall):
            known = {"turn": call.turn, "action": call.action}
        with bound_contextvars(**known):
            try:
                notice = await unless_cancelled(self._handle_press(call, sink))
                if notice is None:
                    return
                outcome = Outcome("complete", notice)
            except Exception as error:  # noqa: BLE001 - a task's top; the person is told
                outcome = report_error(error)
                if outcome.notice is not None:
                    outcome = replace(outcome, notice=replace(outcome.notice, private=True))
            find = self.dependencies.find_language(call.conversation, call.author.locale)
            reply = self.dependencies.begin_reply(
                sink, private=True, direct=call.direct, locale=await unless_cancelled(find)
            )
            await reply.finish(outcome.state, outcome.notice)

    async def _handle_press(self, call: ActionCall | CommandCall, sink: Sink) -> Notice | None:
        """Do what a button says, or take a form; None if a turn replies, or if it was done
        before."""
        if not await self.dependencies.store.claim(call.conversation.platform, call.id):
            return None
        if isinstance(call, CommandCall):
            return await self.inquiries.take_form(call, self._asker(call))
        match call.action:
            case "answer":
                return await self.inquiries.press(call, self._asker(call))
            case "regenerate" | "continue" | "resume" if self._draining:
                raise Busy(10, say("I am being restarted; please press again in a moment."))
            case "regenerate":
                await self._regenerate(call, sink)
            case "continue":
                await self._continue(call, sink)
            case "resume":
                asker = self._asker(call)
                answer, _ = await self._buttons.find(call, asker)
                await asyncio.wait([await self.resumer.press(call, answer, asker, sink)])
            case "accept":
                calls = self.dependencies.calls
                event = await accepted_call(call, self._asker(call), self._buttons, calls)
                await self._run(self._create_runner(event, sink, claimed=True))
            case "share":
                await self._sharing.share(call, self._asker(call), sink)
            case _:
                return await self._handle_button(call)
        return None

    async def choose(self, call: ActionCall, asker: Asker) -> None:
        """Make a choice for a turn that waits, from outside of its chat: what a press of that
        button in the chat does, except that the answer goes on where it stands and a refusal is
        raised. Raises a `UserFacingError`."""
        if self._draining:
            raise Busy(10, say("I am being restarted; please press again in a moment."))
        if not self._admission.admits(asker, action_of(call)):
            raise Denied(say("I may not go on with this here just now."))
        answer, _ = await self._buttons.find(call, asker)
        sink = await self._platforms.open_reply(call.conversation, None, turn=answer.id)
        await self.resumer.press(call, answer, asker, sink)

    async def _handle_button(self, call: ActionCall) -> Notice:
        asker = self._asker(call)
        if call.action == "press":
            return Notice(await self._answer_press(call, asker), private=True)
        if call.action != "stop":
            return await self._buttons.press(call, asker)
        open_turns, name = self._open_turns, asker.author.name
        turn = open_turns.get(call.turn)
        away = await open_turns.elsewhere.get(call.turn) if turn is None and call.turn else None
        found = turn or away
        subject = found.subject if found is not None else None
        decision = await self._authorize(asker, "button:stop", call.conversation, subject)
        if not decision.allowed:
            raise Denied(decision.reason)
        if turn is not None:
            stopped = int(turn.stop("stopped", name))
        elif away is not None:
            stopped = await open_turns.elsewhere.stop([away.id], name)
        else:
            stopped = 0 if call.turn else await open_turns.stop(call.conversation, asker)
        words = (
            say("Stopped.") if stopped else say("There is nothing to stop; this answer has ended.")
        )
        return Notice(words, private=True)

    async def _answer_press(self, call: ActionCall, asker: Asker) -> str:
        """Have the command whose answer a button belongs to do what it says."""
        answer, question = await self._buttons.find(replace(call, value=""), asker)
        own = question is not None and question.author == asker.author.key
        async with asyncio.timeout(self.dependencies.limits.deadline_s):
            return await self._router.press(answer.command, answer.id, call.value, asker, own=own)

    async def _continue(self, call: ActionCall, sink: Sink) -> None:
        """Have an answer go on that reached its length limit. Raises `NotFound`, `Denied` or
        `Busy`."""
        if (busy := self._capacity_error(call)) is not None:
            raise busy
        more = await prepare_continuation(self._buttons, call, self._asker(call))
        task = self._resume(
            more.turn, sink, question=more.question, answer=more.answer, refused=None
        )
        await asyncio.wait([task])

    async def _regenerate(self, call: ActionCall, sink: Sink) -> None:
        """Answer a question again, in place of its earlier answer. Raises `NotFound`, `Denied` or
        `Busy`."""
        again = await self._regenerator.prepare(call, self._asker(call))
        runner = self._create_runner(
            self._router.read(again.event),
            sink,
            claimed=True,
            replaces=again.replaces,
            question=again.question,
        )
        await self._run(runner)
        if again.replaces is not None and runner.turn.state == "complete":
            await self._platforms.withdraw_reply(await self._replies.get(again.replaces.id))
