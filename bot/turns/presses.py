"""What people press and fill in: buttons of answers, choices that a turn waits for, and forms."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from structlog.contextvars import bound_contextvars

from bot.catalogue.sentence import say
from bot.commands.checks import Asker
from bot.errors import Busy, Denied
from bot.events import ActionCall, CommandCall
from bot.replies.protocol import Replies, Sink
from bot.turns.actions import ButtonHandler
from bot.turns.admission import Entrance, action_of
from bot.turns.continuation import prepare_continuation
from bot.turns.inquiries import OpenInquiries
from bot.turns.offers import accepted_call
from bot.turns.outcome import Outcome
from bot.turns.platforms import Platforms
from bot.turns.regenerate import Regenerator
from bot.turns.resumption import Resumer
from bot.turns.router import Router
from bot.turns.runner import TurnDependencies, report_error
from bot.turns.share import Sharing
from bot.turns.starter import TurnStarter
from bot.turns.turn import unless_cancelled
from bot.types import Notice


class Presses:
    """Does what a button says, each press once."""

    def __init__(
        self,
        starter: TurnStarter,
        router: Router,
        dependencies: TurnDependencies,
        entrance: Entrance,
        platforms: Platforms,
        replies: Replies,
        inquiries: OpenInquiries,
        resumer: Resumer,
        sharing: Sharing,
    ) -> None:
        self._starter = starter
        self._router = router
        self._dependencies = dependencies
        self._open_turns = dependencies.open_turns
        self._entrance = entrance
        self._platforms = platforms
        self._replies = replies
        self._inquiries = inquiries
        self._resumer = resumer
        self._sharing = sharing
        self._buttons = ButtonHandler(
            dependencies.store, dependencies.authorize, platforms, dependencies.summary_text
        )
        self._regenerator = Regenerator(dependencies.open_turns, self._buttons)

    async def take(self, call: ActionCall | CommandCall, sink: Sink) -> None:
        """Handle a press or a form, and say what came of it; never raises."""
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
            find = self._dependencies.find_language(call.conversation, call.author.locale)
            reply = self._dependencies.begin_reply(
                sink, private=True, direct=call.direct, locale=await unless_cancelled(find)
            )
            await reply.finish(outcome.state, outcome.notice)

    async def _handle_press(self, call: ActionCall | CommandCall, sink: Sink) -> Notice | None:
        """Do what a button says, or take a form; None if a turn replies, or if it was done
        before."""
        if not await self._dependencies.store.claim(call.conversation.platform, call.id):
            return None
        if isinstance(call, CommandCall):
            return await self._inquiries.take_form(call, self._entrance.asker(call))
        match call.action:
            case "answer":
                return await self._inquiries.press(call, self._entrance.asker(call))
            case "regenerate" | "continue" | "resume" if self._starter.draining:
                raise Busy(10, say("I am being restarted; please press again in a moment."))
            case "regenerate":
                await self._regenerate(call, sink)
            case "continue":
                await self._continue(call, sink)
            case "resume":
                asker = self._entrance.asker(call)
                answer, _ = await self._buttons.find(call, asker)
                await asyncio.wait([await self._resumer.press(call, answer, asker, sink)])
            case "accept":
                calls = self._dependencies.calls
                event = await accepted_call(call, self._entrance.asker(call), self._buttons, calls)
                await self._starter.run(self._starter.create(event, sink, claimed=True))
            case "share":
                await self._sharing.share(call, self._entrance.asker(call), sink)
            case _:
                return await self._handle_button(call)
        return None

    async def choose(self, call: ActionCall, asker: Asker) -> None:
        """Make a choice for a turn that waits, from outside of its chat: what a press of that
        button in the chat does, except that the answer goes on where it stands and a refusal is
        raised. Raises a `UserFacingError`."""
        if self._starter.draining:
            raise Busy(10, say("I am being restarted; please press again in a moment."))
        if not self._entrance.admission.admits(asker, action_of(call)):
            raise Denied(say("I may not go on with this here just now."))
        answer, _ = await self._buttons.find(call, asker)
        sink = await self._platforms.open_reply(call.conversation, None, turn=answer.id)
        await self._resumer.press(call, answer, asker, sink)

    async def _handle_button(self, call: ActionCall) -> Notice:
        asker = self._entrance.asker(call)
        if call.action == "press":
            return Notice(await self._answer_press(call, asker), private=True)
        if call.action != "stop":
            return await self._buttons.press(call, asker)
        open_turns, name = self._open_turns, asker.author.name
        turn = open_turns.get(call.turn)
        away = await open_turns.elsewhere.get(call.turn) if turn is None and call.turn else None
        found = turn or away
        subject = found.subject if found is not None else None
        decision = await self._dependencies.authorize(
            asker, "button:stop", call.conversation, subject
        )
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
        async with asyncio.timeout(self._dependencies.limits.deadline_s):
            return await self._router.press(answer.command, answer.id, call.value, asker, own=own)

    async def _continue(self, call: ActionCall, sink: Sink) -> None:
        """Have an answer go on that reached its length limit. Raises `NotFound`, `Denied` or
        `Busy`."""
        if (busy := self._starter.capacity_error(call)) is not None:
            raise busy
        more = await prepare_continuation(self._buttons, call, self._entrance.asker(call))
        task = self._starter.resume(
            more.turn, sink, question=more.question, answer=more.answer, refused=None
        )
        await asyncio.wait([task])

    async def _regenerate(self, call: ActionCall, sink: Sink) -> None:
        """Answer a question again, in place of its earlier answer. Raises `NotFound`, `Denied` or
        `Busy`."""
        again = await self._regenerator.prepare(call, self._entrance.asker(call))
        runner = self._starter.create(
            self._router.read(again.event),
            sink,
            claimed=True,
            replaces=again.replaces,
            question=again.question,
        )
        await self._starter.run(runner)
        if again.replaces is not None and runner.turn.state == "complete":
            await self._platforms.withdraw_reply(await self._replies.get(again.replaces.id))
