"""Resumes suspended turns: by a button, when their time has come, or for another process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial

import structlog

from bot.catalogue.sentence import say
from bot.commands.checks import Asker
from bot.errors import Denied, NotFound, UserFacingError
from bot.events import ActionCall
from bot.history.attachments import AttachmentSnapshot
from bot.history.protocol import StoredMessage
from bot.history.suspensions import Suspension
from bot.replies.protocol import Sink
from bot.skills.current_turn import Resumption
from bot.turns.inquiries_elsewhere import GONE
from bot.turns.platforms import Platforms
from bot.turns.regenerate import rebuild_event
from bot.turns.runner import TurnDependencies
from bot.turns.starter import TurnStarter
from bot.turns.turn import Turn
from bot.types import Author, ConversationKey

log = structlog.get_logger(__name__)

_POLL_INTERVAL_S = 5.0
"""How often the store is asked, while turns are suspended, whether another process chose."""
_SHORTEST_PAUSE_S = 0.2
_RETRY_INTERVAL = timedelta(minutes=1)
"""When a turn is tried again whose platform is not connected, or does not let the bot write."""
_AT_IT = say("This was answered already, and I am at it.")


class Resumer:
    """Resumes each suspended turn exactly once, with the rights that its asker has now."""

    def __init__(
        self,
        dependencies: TurnDependencies,
        platforms: Platforms,
        starter: TurnStarter,
        leads: Callable[[str], bool],
    ) -> None:
        self._store = dependencies.store
        self._suspensions = dependencies.suspensions
        self._platforms = platforms
        self._starter = starter
        self._leads = leads

    async def press(
        self, call: ActionCall, answer: StoredMessage, presser: Asker, sink: Sink
    ) -> asyncio.Task[None]:
        """Resume the turn of a pressed button; returns its task. Raises `NotFound` if it does not
        wait, and `Denied` if this person may not press."""
        suspension = await self._suspensions.get(answer.id) if self._suspensions else None
        if suspension is None or not suspension.open:
            raise NotFound(_AT_IT if answer.status == "running" else GONE)
        own = presser.author.key == suspension.person
        if not (presser.admin if suspension.who == "admins" else own):
            raise Denied(
                say("Only an admin can decide this.")
                if suspension.who == "admins"
                else say("Only the person who asked can decide this.")
            )
        asker = presser if own else await self._asker_now(suspension)
        if asker is None:
            raise Denied(_unknown_rights(say("the person who asked")))
        resumption = Resumption(suspension.state, call.value, presser.author.name)
        task = await self._continue(suspension, asker, resumption, sink)
        if task is None:
            raise NotFound(GONE)
        return task

    async def watch(self) -> None:
        """Resume turns as their time comes, until cancelled."""
        if self._suspensions is None:
            return
        self._platforms.watch(self._suspensions.changed.set)
        while True:
            self._suspensions.changed.clear()
            pause: float | None = _POLL_INTERVAL_S
            try:
                due = await self._suspensions.due(self._suspensions.now())
                away = [one for one in due if not self._is_connected(one)]
                for suspension in due:
                    if suspension not in away:
                        await self._resume_due(suspension)
                following = await self._suspensions.next_time()
                if following is None:
                    pause = None  # nobody else can suspend a turn
                else:
                    left = (following - self._suspensions.now()).total_seconds()
                    shortest = _POLL_INTERVAL_S if away else _SHORTEST_PAUSE_S
                    pause = min(max(left, shortest), _POLL_INTERVAL_S)
            except Exception:  # the next one may succeed
                log.exception("turn.resumption_failed")
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._suspensions.changed.wait()

    def _is_connected(self, suspension: Suspension) -> bool:
        """Whether this process can resume it, and no other one does."""
        platform = ConversationKey.parse(suspension.conversation).platform
        return platform in self._platforms.connected and self._leads(platform)

    async def _resume_due(self, suspension: Suspension) -> None:
        assert self._suspensions is not None
        place = ConversationKey.parse(suspension.conversation)
        try:
            sink = await self._platforms.open_reply(place, None, turn=suspension.turn)
        except UserFacingError as error:
            log.info("turn.not_resumed", turn=suspension.turn, reason=str(error))
            later = self._suspensions.now() + _RETRY_INTERVAL
            await self._suspensions.postpone(suspension.turn, later)
            return
        resumption = Resumption(suspension.state, suspension.choice, suspension.by)
        await self._continue(suspension, await self._asker_now(suspension), resumption, sink)

    async def _asker_now(self, suspension: Suspension) -> Asker | None:
        place = ConversationKey.parse(suspension.conversation)
        return await self._platforms.asker_now(suspension.person, place)

    async def _continue(
        self, suspension: Suspension, asker: Asker | None, resumption: Resumption, sink: Sink
    ) -> asyncio.Task[None] | None:
        """Run the turn on; None if it is resumed already. Without an asker it is refused."""
        answer = await self._store.get(suspension.turn)
        question = await self._store.get(answer.answers or "") if answer is not None else None
        if answer is None or question is None or self._suspensions is None:
            return None
        if not await self._suspensions.take(suspension.turn):
            return None
        refused = None
        place = ConversationKey.parse(suspension.conversation)
        if asker is None:
            platform, _, ident = suspension.person.partition(":")
            author = Author(platform, ident, question.author_name)
            asker = Asker(author, place, suspension.direct)
            refused = Denied(_unknown_rights(question.author_name or say("that person")))
        snapshot = await self._store.material(question.id) or AttachmentSnapshot()
        event = rebuild_event(
            question,
            snapshot,
            asker.author,
            partial(self._platforms.files_of, place),
            id=question.event_id,
            direct=suspension.direct,
        )
        event = replace(event, occasion=suspension.occasion)
        turn = Turn(suspension.turn, event, asker, resumed=resumption)
        return self._starter.resume(turn, sink, question=question, answer=answer, refused=refused)


def _unknown_rights(name: str) -> str:
    return say("I could not check what {name} may do here, so I did not go on.", name=name)
