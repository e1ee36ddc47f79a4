"""Accepts events: each gets one task and one answer."""

from __future__ import annotations

import asyncio

import structlog

from bot.commands.checks import Asker
from bot.events import ActionCall, AnswerDeleted, CommandCall, Event, Message, MessageDeleted
from bot.processes.crew import Crew
from bot.replies.protocol import Replies, Sink
from bot.settings.admin_word import AdminWord
from bot.turns.admission import Entrance, make_admin, turn_away
from bot.turns.inquiries import OpenInquiries
from bot.turns.inquiries_elsewhere import FORM_PREFIX
from bot.turns.platforms import Platforms
from bot.turns.presses import Presses
from bot.turns.resumption import Resumer
from bot.turns.router import Router
from bot.turns.runner import TurnDependencies
from bot.turns.share import Sharing
from bot.turns.starter import TurnStarter

log = structlog.get_logger(__name__)


class Intake:
    """Accepts events and owns the task of each.

    `entrance` is asked first about every event of a person. Whoever writes `admin_word` becomes an
    admin.
    """

    def __init__(
        self,
        router: Router,
        dependencies: TurnDependencies,
        entrance: Entrance,
        platforms: Platforms,
        replies: Replies,
        inquiries: OpenInquiries,
        admin_word: AdminWord | None = None,
        crew: Crew | None = None,
    ) -> None:
        crew = crew or Crew()
        self._router = router
        self.dependencies = dependencies
        self._open_turns = dependencies.open_turns
        self._entrance = entrance
        self._admin_word = admin_word
        self.inquiries = inquiries
        self._peers = crew.peers
        self._starter = TurnStarter(router, dependencies, entrance, platforms, crew)
        self.resumer = Resumer(dependencies, platforms, self._starter, crew.leads)
        self._presses = Presses(
            self._starter,
            router,
            dependencies,
            entrance,
            platforms,
            replies,
            inquiries,
            self.resumer,
            Sharing(dependencies, platforms, crew.peers),
        )

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
            case Message() | CommandCall() | ActionCall() if not self._entrance.admits(event):
                work = turn_away(self._entrance, self.dependencies, event, sink)
                name = event.id
            case CommandCall() if event.name.startswith(FORM_PREFIX):
                work, name = self._presses.take(event, sink), event.id
            case Message() | CommandCall():
                if self._open_turns.find_by_event(event.conversation.platform, event.id):
                    return  # delivered again while it is being answered
                runner = self._starter.create(event, sink)
                work, name = self._starter.run(runner), runner.turn.id
            case ActionCall():
                work, name = self._presses.take(event, sink), event.id
            case MessageDeleted():
                work, name = self._delete_question(event), event.id
            case AnswerDeleted():
                if self._stop_deleted(event) or self._peers is None:
                    return
                work, name = self._delete_answer(event), event.id
        task = self._starter.start(work, name)
        if self._starter.crowded:
            await asyncio.wait([task])

    async def drain(self, within_s: float) -> None:
        """Refuse new work, and wait until what was accepted has ended, at most `within_s` seconds.
        Quick commands and buttons of what runs, such as Stop, go on working."""
        await self._starter.drain(within_s)

    async def close(self, within_s: float = 1.5) -> None:
        """Stop every turn, store what was written and end the replies; tasks that take longer than
        `within_s` seconds are cancelled."""
        await self._starter.close(within_s)
        await self.inquiries.aclose()

    async def choose(self, call: ActionCall, asker: Asker) -> None:
        """Make a choice for a turn that waits, from outside of its chat. Raises a
        `UserFacingError`."""
        await self._presses.choose(call, asker)

    async def _is_admin_word(self, event: Message) -> bool:
        word = self._admin_word
        return word is not None and await word.take(event.text, event.author)

    # --- what was deleted -------------------------------------------------------------------------

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
